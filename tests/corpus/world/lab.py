# SPDX-License-Identifier: Apache-2.0
"""The world of the corpus: one bridge of device ports, a gateway that routes, one uplink."""

from .model import Device, Host, Port, Rule, Segment, World

GW_MAC = "02:00:00:00:00:01"


def device(number: int, name: str, segment: str, port: str | None, **more: object) -> Device:
    """Addresses end in `number`, the last byte of the MAC is 0x`number`."""
    return Device(name, f"02:00:00:00:00:{number}", f"192.168.1.{number}", f"fd00::{number}", port, segment=segment, **more)  # type: ignore[arg-type]


def beyond(name: str, v4: str, v6: str) -> Host:
    return Host(name, GW_MAC, v4, v6)


cam = device(11, "cam", "cameras", "p1")
hub = device(12, "hub", "hubs", "p2")
phone = device(13, "phone", "phones", "p3")
tag = device(14, "tag", "tagged", "p4", vlan=10)
plc = device(15, "plc", "plcs", "p5")
one = device(16, "one", "few", "p6")
two = device(17, "two", "few", "p7")
cert = device(18, "cert", "guests", "p8")
wired = device(19, "wired", "desks", "p9")
server = device(20, "server", "servers", "p10", serves=("dhcp", "dns", "ra-routes"))
roam = device(21, "roam", "roamers", "w1")
# No address is written down for these two: `leased` may be taught some, `bare` not.
leased = Device("leased", "02:00:00:00:00:23", "", "", "p12", segment="learners")
bare = Device("bare", "02:00:00:00:00:24", "", "", "p13", segment="phones")
free = device(22, "free", "cameras", None)
new = Device("new", "02:00:00:00:00:99", "192.168.1.99", "fd00::99", "p11")  # no policy names it

gw = Host("gw", GW_MAC, "192.168.1.1", "fd00::1")
GW_LL = "fe80::1"
cloud = beyond("cloud", "203.0.113.10", "2001:db8:c::10")
net = beyond("net", "198.51.100.7", "2001:db8:99::7")
nobody = Host("nobody", "02:00:00:00:00:77", "192.168.1.77", "fd00::77")  # an address of the link that nobody has

LAN = ("192.168.1.1/24", "fd00::1/64", "fe80::1/64")
PORTS = (
    *(Port(name) for name in ("p1", "p2", "p3")),
    Port("p4", vlans=(10,)),
    Port("p5", priority_tag=True),
    *(Port(name) for name in ("p6", "p7", "p8", "p9", "p10", "p11", "p12", "p13")),
    Port("w1", group="wifi"), Port("w2", group="wifi"),
)
RULES = (
    Rule("hub-cam", "segment:hubs", "segment:cameras", allow=("tcp/554", "udp/5000-5010", "icmp/echo", "icmp6/echo")),
    Rule("hub-gre", "segment:hubs", "network:cloud", allow=("proto/47", "sctp/2905")),
    Rule("hub-web", "segment:hubs", "network:cloud", allow=("tcp/8081", "udp/8081")),
    Rule("hub-tried", "segment:hubs", "network:cloud", deny=("tcp/8081", "udp/8081"), audit=True),
    Rule("cam-cloud", "device:cam", "network:cloud", allow=("tcp/443", "udp/4433")),
    Rule("cam-gw", "segment:cameras", "gateway", allow=("dns", "ntp", "icmp/echo", "icmp6/echo")),
    Rule("gw-cam", "gateway", "device:cam", allow=("tcp/80", "udp/161", "icmp/echo", "icmp6/echo")),
    Rule("cloud-cam", "network:cloud", "device:cam", allow=("tcp/7001", "udp/7000")),
    Rule("world-plc", "internet", "segment:plcs", allow=("udp/7000-7009",)),
    Rule("no-cloud-plc", "network:cloud", "segment:plcs", deny=("udp/7005-7009",)),
    Rule("cloud-few", "network:cloud", "segment:few", allow=("udp/7000",)),
    Rule("phone-net", "segment:phones", "internet", allow=("any",)),
    Rule("phone-no-mail", "segment:phones", "internet", deny=("tcp/25", "udp/9000-9009"), spare=(("network:cloud", ("udp/9005",)),)),
    Rule("tag-gw", "segment:tagged", "gateway", allow=("tcp/22", "icmp/echo", "icmp6/echo")),
    Rule("gw-tag", "gateway", "segment:tagged", allow=("tcp/22",)),
    Rule("plc-gw", "segment:plcs", "gateway", allow=("tcp/102", "icmp/echo", "icmp6/echo")),
    Rule("few-few", "segment:few", "segment:few", allow=("any",)),
    Rule("few-cloud", "segment:few", "network:cloud", allow=("udp/4433",)),
    Rule("two-local", "device:two", "local", allow=("udp/9",)),
    Rule("guest-cloud", "segment:guests", "network:cloud", allow=("tcp/443",)),
    Rule("enrol", "segment:unauthenticated", "gateway", allow=("tcp/8443",)),
    Rule("desk-cloud", "segment:desks", "network:cloud", allow=("tcp/443",)),
    Rule("roam-cloud", "segment:roamers", "network:cloud", allow=("tcp/443",)),
    Rule("learner-cloud", "segment:learners", "network:cloud", allow=("tcp/443",)),
    Rule("learner-local", "segment:learners", "local", allow=("udp/9",)),
    Rule("cam-server", "segment:cameras", "device:server", allow=("dns",)),
    Rule("hub-mdns", "segment:hubs", "mcast:mdns", allow=("mdns",)),
    Rule("plc-bcast", "segment:plcs", "bcast", allow=("udp/47808",)),
    Rule("plc-rt", "segment:plcs", "segment:hubs", allow=("eth/0x8892",)),
)
WORLD = World(
    ports=PORTS, uplinks=("eth0",), bridges=("br0",),
    devices=(cam, hub, phone, tag, plc, one, two, cert, wired, server, roam, leased, bare, free),
    segments=(
        *(Segment(name) for name in ("cameras", "hubs", "phones", "tagged", "plcs", "servers", "roamers")),
        Segment("few", flows=2),
        Segment("guests", auth=("cert",)),
        Segment("desks", auth=("dot1x",)),
        Segment("learners", addresses=("dhcp", "slaac", "linklocal")),
    ),
    networks={"cloud": ("203.0.113.0/24", "2001:db8:c::/48")},
    rules=RULES, gateway_mac=GW_MAC, uplink_mac="02:00:00:00:00:02",
    gateway={**{port.name: LAN for port in PORTS}, "eth0": ("198.18.0.2/24", "2001:db8:ffff::2/64")},
)
# What `{"do": "apply", "policy": "less.yaml"}` leaves: no rule of the conversations that the corpus cuts.
LESS = WORLD.without("hub-cam", "cam-cloud", "cam-gw", "gw-cam", "cloud-cam")
POLICIES = {"policy.yaml": WORLD, "less.yaml": LESS}
