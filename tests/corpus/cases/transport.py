# SPDX-License-Identifier: Apache-2.0
"""Transport headers: whole, honest, allowed at all; tunnels."""

from wire.ip import GRE, ICMP4, ICMP6, IP6_IN_IP, IPIP, SCTP, TCP, UDP, ip4, ip6
from wire.transport import FLAG_BITS, raw, sctp, tcp, tunnel, udp
from world.lab import cam, cloud, gw, hub, net, phone

from .book import Book
from .say import BOTH, into, out, packet
from .flows import tcp_opened

book = Book("transport")
# What no honest sender combines.
INSANE = {"rst-fin-ack": "RFA", "null": "", "syn-fin": "SF", "syn-rst": "SR", "fin-only": "F", "xmas": "FPU", "all": "FSRPAU", "urg-only": "U",
          "psh-only": "P", "psh-urg": "PU",
          "syn-fin-ack": "SFA", "syn-rst-ack": "SRA", "ecn-only": "EC", "syn-fin-psh-urg": "SFPU"}
UNNAMED = {"egp": 8, "rdp": 27, "dccp": 33, "rsvp": 46, "esp": 50, "ah": 51, "eigrp": 88, "ospf": 89, "etherip": 97, "pim": 103, "ipcomp": 108,
           "vrrp": 112,
           "l2tp": 115, "udplite": 136, "mpls-in-ip": 137, "experiment": 253, "reserved": 255}


def malformed(v: int) -> None:
    syn = f"identity/to{v}/gateway"
    asks = f"ip{v}/length/whole"

    def drops(name: str, l4, reason: str, twin: str, **header: object) -> None:
        book.add(f"{name}{v}", out(cam, packet(cam, cloud, v, l4, **header), f"drop {reason}"), twin=twin)
    for size in (0, 1, 4, 13, 19):
        drops(f"tcp/cut-{size}-", tcp(cut=size), "l4_malformed", syn)
    for words in range(5):
        drops(f"tcp/offset-{words}-", tcp(words=words), "l4_malformed", syn)
    drops("tcp/offset-beyond-packet-", tcp(words=6), "l4_malformed", syn)
    drops("tcp/offset-15-", tcp(words=15, data=bytes(39)), "l4_malformed", syn)
    book.add(f"tcp/offset-15-whole-{v}", out(cam, packet(cam, cloud, v, tcp(words=15, options=bytes(40))), "pass rule"))
    drops("tcp/port-0-from-", tcp(0, 443), "l4_port", syn)
    drops("tcp/port-0-to-", tcp(40000, 0), "l4_port", syn)
    for size in (0, 1, 4, 7):
        drops(f"udp/cut-{size}-", udp(5555, 4433, b"", cut=size), "l4_malformed", asks)
    for length in (0, 7, 12, 14, 65535):
        drops(f"udp/length-{length}-", udp(5555, 4433, length=length), "l4_malformed", asks)
    drops("udp/port-0-from-", udp(0, 4433), "l4_port", asks)
    drops("udp/port-0-to-", udp(5555, 0), "l4_port", asks)
    for size in (0, 4, 11):
        book.add(f"sctp/cut-{size}-{v}", out(hub, packet(hub, cloud, v, sctp(cut=size)), "drop l4_malformed"), twin=f"flow/protocol{v}/sctp")
    book.add(f"sctp/port-0-{v}", out(hub, packet(hub, cloud, v, sctp(0)), "drop l4_port"), twin=f"flow/protocol{v}/sctp")
    for size in (0, 4, 7):
        book.add(f"icmp/cut-{size}-{v}", out(phone, packet(phone, net, v, raw(ICMP4 if v == 4 else ICMP6, b"\x08\0\0\0\0\x01\0\x01"[:size])),
                                             "drop l4_malformed"),
                 twin=f"flow/internet{v}/echo")
    inward = f"identity/in{v}/own"
    book.add(f"udp/length-12-inward-{v}", into(cam, packet(cloud, cam, v, udp(999, 7000, length=12)), "drop l4_malformed", "eth0"), twin=inward)
    book.add(f"udp/port-0-inward-{v}", into(cam, packet(cloud, cam, v, udp(0, 7000)), "drop l4_port", "eth0"), twin=inward)
    book.add(f"tcp/cut-19-inward-{v}", into(cam, packet(cloud, cam, v, tcp(50000, 7001, cut=19)), "drop l4_malformed", "eth0"),
             twin=f"flow/tcp{v}/from-beyond")
    book.add(f"tcp/offset-4-inward-{v}", into(cam, packet(cloud, cam, v, tcp(50000, 7001, words=4)), "drop l4_malformed", "eth0"),
             twin=f"flow/tcp{v}/from-beyond")


def checksums() -> None:
    book.add("udp/no-checksum-4", out(cam, packet(cam, cloud, 4, udp(5555, 4433, no_checksum=True)), "pass rule"))
    book.add("udp/no-checksum-6", out(cam, packet(cam, cloud, 6, udp(5555, 4433, no_checksum=True)), "drop udp_checksum"), twin="ip6/length/whole")
    book.add("udp/no-checksum-inward-4", into(cam, packet(cloud, cam, 4, udp(999, 7000, no_checksum=True)), "pass rule", "eth0"))
    book.add("udp/no-checksum-inward-6", into(cam, packet(cloud, cam, 6, udp(999, 7000, no_checksum=True)), "drop udp_checksum", "eth0"),
             twin="identity/in6/own")


def flags(v: int) -> None:
    for name, letters in INSANE.items():
        book.add(f"flags/{name}-{v}", out(cam, packet(cam, cloud, v, tcp(flags=letters)), "drop tcp_flags"), twin=f"identity/to{v}/gateway",
                 question="sane-flags" if name in ("psh-only", "urg-only", "psh-urg", "ecn-only") else None)
        book.add(f"flags/{name}-inward-{v}", into(cam, packet(cloud, cam, v, tcp(50000, 7001, letters)), "drop tcp_flags", "eth0"),
                 twin=f"flow/tcp{v}/from-beyond", question="sane-flags" if name in ("psh-only", "urg-only", "psh-urg", "ecn-only") else None)
    for name in ("null", "syn-fin", "xmas", "fin-only"):
        book.add(f"flags/{name}-of-live-flow-{v}", *tcp_opened(v), out(cam, packet(cam, cloud, v, tcp(40000, 443, INSANE[name])), "drop tcp_flags"),
                 twin=f"flow/tcp{v}/whole")
    book.add(f"flags/syn-urg-{v}", out(cam, packet(cam, cloud, v, tcp(flags="SU")), "drop no_flow"), twin=f"identity/to{v}/gateway",
             question="syn-urg")
    book.add(f"flags/syn-psh-{v}", out(cam, packet(cam, cloud, v, tcp(flags="SP")), "pass rule"), question="syn-psh")
    for name, letters in {"urgent": "AU", "push": "PA", "congestion": "AE", "reduced": "AC"}.items():
        book.add(f"flags/live-{name}-{v}", *tcp_opened(v), out(cam, packet(cam, cloud, v, tcp(40000, 443, letters, b"x")), "pass established"))
    assert set("".join(INSANE.values())) <= set(FLAG_BITS)


def protocols(v: int) -> None:
    for name, number in UNNAMED.items():
        if v == 6 and name in ("esp", "ah", "experiment"):
            continue  # extension headers there
        book.add(f"protocol/{name}-{v}", out(cam, packet(cam, cloud, v, raw(number, bytes(24))), "drop default_deny"), twin=f"ip{v}/length/whole",
                 question="named-protocol")
    for name, number in {"ospf": 89, "esp-like": 98}.items():
        book.add(f"protocol/{name}-inward-{v}", into(cam, packet(cloud, cam, v, raw(number, bytes(24))), "drop default_deny", "eth0"),
                 twin=f"identity/in{v}/own", question="named-protocol")
    other_family = ICMP6 if v == 4 else ICMP4
    book.add(f"protocol/icmp-of-other-family-{v}", out(phone, packet(phone, net, v, raw(other_family, b"\x80\0\0\0\0\x01\0\x01")), "drop protocol"),
             twin=f"flow/internet{v}/echo")
    book.add(f"protocol/icmp-of-other-family-inward-{v}", into(cam, packet(net, cam, v, raw(other_family, b"\x80\0\0\0\0\x01\0\x01")),
                                                               "drop protocol", "eth0"),
             twin=f"identity/in{v}/own")
    book.add(f"protocol/igmp-over-{v}", out(phone, packet(phone, net, v, raw(2, b"\x16\0\xe9\xff\xe0\0\0\x05")), "drop protocol|multicast"),
             twin=f"flow/internet{v}/udp",
             question="igmp-unicast")
    inner = {4: ip4(cam.v4, net.v4, udp(1, 25)), 6: ip6(cam.v6, net.v6, udp(1, 25))}
    for kind in BOTH:
        book.add(f"tunnel/ip{kind}-in-ip{v}", out(cam, packet(cam, cloud, v, tunnel(inner[kind])), "drop default_deny"), twin=f"ip{v}/length/whole",
                 question="named-protocol")
        book.add(f"tunnel/ip{kind}-in-ip{v}-inward", into(cam, packet(cloud, cam, v, tunnel(inner[kind])), "drop default_deny", "eth0"),
                 twin=f"identity/in{v}/own",
                 question="named-protocol")
        book.add(f"tunnel/ip{kind}-in-ip{v}-by-any", out(phone, packet(phone, net, v, tunnel(inner[kind])), "pass rule"),
                 question="any-and-protocols")
    for name, port in {"vxlan": 4789, "gue": 6080, "geneve": 6081, "teredo": 3544, "gtp": 2152, "l2tp": 1701, "ipsec-nat": 4500,
                       "wireguard": 51820}.items():
        book.add(f"tunnel/{name}-{v}", out(cam, packet(cam, cloud, v, udp(port, port, inner[4])), "drop default_deny"), twin=f"ip{v}/length/whole")
    book.add(f"tunnel/gre-ip-inside-{v}", out(hub, packet(hub, cloud, v, raw(GRE, b"\0\0\x08\0" + inner[4])), "pass rule"))
    book.add(f"tunnel/gre-to-gateway-{v}", out(hub, packet(hub, gw, v, raw(GRE, b"\0\0\x08\0" + inner[4])), "drop default_deny"),
             twin=f"transport/tunnel/gre-ip-inside-{v}")
    assert {IPIP, IP6_IN_IP, TCP, UDP, SCTP}.isdisjoint(UNNAMED.values())


for version in BOTH:
    malformed(version)
    flags(version)
    protocols(version)
checksums()
