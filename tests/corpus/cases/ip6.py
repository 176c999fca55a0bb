# SPDX-License-Identifier: Apache-2.0
"""IPv6 headers: lengths, hop limit, extension headers, fragments, addresses inside addresses."""

from wire.ip import AH, DESTINATION, ESP, HOP_BY_HOP, MOBILITY, NO_NEXT, ROUTER_ALERT6, UDP, extension, fragment_header, routing_header
from wire.transport import icmp, raw, tcp, udp
from world.lab import cam, cloud, gw, hub, net, phone, plc

from .book import Book
from .say import into, out, packet

book = Book("ip6")
ASKS = udp(5555, 4433)
HEADERS = {
    "hop-by-hop": (extension(HOP_BY_HOP),), "destination": (extension(DESTINATION),), "router-alert": (ROUTER_ALERT6,),
    "hop-by-hop-long": (extension(HOP_BY_HOP, 4),), "routing-0": (routing_header(0),), "routing-2": (routing_header(2),),
           "routing-3": (routing_header(3),),
    "segment-routing": (routing_header(4),), "mobility": (extension(MOBILITY),), "host-identity": (extension(139),), "shim6": (extension(140),),
    "experiment-253": (extension(253),), "experiment-254": (extension(254),),
    "two": (extension(HOP_BY_HOP), extension(DESTINATION)), "twelve": (extension(DESTINATION),) * 12,
    "length-lies": ((DESTINATION, bytes([0, 255, 1, 4, 0, 0, 0, 0])),), "length-beyond": ((HOP_BY_HOP, bytes([0, 16, 1, 4, 0, 0, 0, 0])),),
}
MARTIANS = {"loopback": "::1", "unspecified": "::", "mapped": "::ffff:203.0.113.10", "mapped-device": "::ffff:192.168.1.12",
            "mapped-loopback": "::ffff:127.0.0.1"}
# Not said to be martians by anybody but by what they mean: the old ways of an IPv4 address inside an IPv6 one.
DOUBTFUL = {"compatible": "::203.0.113.10", "site-local": "fec0::1", "discard": "100::1", "documentation-like-6to4": "2002:c000:0204::1"}


def asks(expect: str, dst: str | None = None, **header: object):
    return out(cam, packet(cam, cloud, 6, ASKS, dst_ip=dst, **header), expect)


def lengths() -> None:
    twin = book.add("length/whole", asks("pass rule"))
    for version in (0, 4, 5, 7, 15):
        book.add(f"length/version-{version}", asks("drop ip_malformed", version=version), twin=twin)
    book.add("length/payload-beyond-frame", asks("drop ip_malformed", length=14), twin=twin)
    book.add("length/payload-65535", asks("drop ip_malformed", length=65535), twin=twin)
    book.add("length/payload-0", asks("drop l4_malformed", length=0), twin=twin)
    book.add("length/payload-7", asks("drop l4_malformed", length=7), twin=twin)
    whole = packet(cam, cloud, 6, ASKS)
    for size in (15, 34, 53, 54, 61, len(whole) - 1):
        book.add(f"length/frame-{size}", out(cam, whole[:size], "drop ip_malformed"), twin=twin)
    book.add("length/trailer-of-zeros", asks("pass rule", tail=bytes(16)))
    book.add("length/1500", out(cam, packet(cam, cloud, 6, udp(5555, 4433, bytes(1452))), "pass rule"))
    book.add("length/jumbo", out(cam, packet(cam, cloud, 6, udp(5555, 4433, bytes(8000))), "pass rule"))
    book.add("length/segments-inward", into(cam, packet(cloud, cam, 6, udp(999, 7000, bytes(3000))), "pass rule", "eth0", gso=(1448, 3)))
    book.add("length/payload-beyond-frame-inward", into(cam, packet(cloud, cam, 6, udp(999, 7000), length=14), "drop ip_malformed", "eth0"),
             twin="identity/in6/own")
    book.add("length/version-4-inward", into(cam, packet(cloud, cam, 6, udp(999, 7000), version=4), "drop ip_malformed", "eth0"),
             twin="identity/in6/own")
    book.add("hops/0", asks("drop ip_ttl", hops=0), twin="ip6/hops/1")
    book.add("hops/1", asks("pass rule", hops=1))
    book.add("hops/255", asks("pass rule", hops=255))
    book.add("hops/0-inward", into(cam, packet(cloud, cam, 6, udp(999, 7000), hops=0), "drop ip_ttl", "eth0"), twin="identity/in6/own")


def headers() -> None:
    twin = "ip6/length/whole"
    for name, chain in HEADERS.items():
        book.add(f"header/{name}", asks("drop ext_header", headers=chain), twin=twin)
        book.add(f"header/{name}-tcp", out(cam, packet(cam, cloud, 6, tcp(), headers=chain), "drop ext_header"), twin="identity/to6/gateway")
    for name in ("hop-by-hop", "routing-0", "destination", "mobility"):
        book.add(f"header/{name}-inward", into(cam, packet(cloud, cam, 6, udp(999, 7000), headers=HEADERS[name]), "drop ext_header", "eth0"),
                 twin="identity/in6/own")
    for name, number in {"esp": ESP, "ah": AH, "no-next": NO_NEXT}.items():
        book.add(f"header/{name}", out(cam, packet(cam, cloud, 6, raw(number, bytes(32))), "drop ext_header"), twin=twin, question="esp-ah")
    book.add("header/cut", asks("drop ext_header", headers=(extension(HOP_BY_HOP, 3),), cut=14 + 40 + 16, length=16), twin=twin,
             question="header-cut")
    book.add("header/of-live-flow", asks("pass rule"), asks("drop ext_header", headers=(extension(DESTINATION),)), asks("pass established"),
             twin=twin)
    book.add("header/icmp-behind", out(phone, packet(phone, net, 6, icmp(128, 0), headers=(extension(HOP_BY_HOP),)), "drop ext_header"),
             twin="flow/internet6/echo")


def fragments() -> None:
    twin = "ip6/length/whole"
    book.add("fragment/atomic", asks("drop fragment", headers=(fragment_header(),)), twin=twin)
    book.add("fragment/first", asks("drop fragment", headers=(fragment_header(0, True),)), twin=twin)
    for offset in (1, 181, 8191):
        book.add(f"fragment/last-at-{offset}", asks("drop fragment", headers=(fragment_header(offset),)), twin=twin)
    book.add("fragment/empty", out(cam, packet(cam, cloud, 6, raw(UDP), headers=(fragment_header(0, True),)), "drop fragment"), twin=twin)
    book.add("fragment/tcp", out(cam, packet(cam, cloud, 6, tcp(cut=8), headers=(fragment_header(0, True),)), "drop fragment"),
             twin="identity/to6/gateway")
    book.add("fragment/cut-header", asks("drop fragment", headers=(fragment_header(),), cut=14 + 40 + 4, length=4), twin=twin, question="header-cut")
    book.add("fragment/behind-destination", asks("drop ext_header", headers=(extension(DESTINATION), fragment_header(0, True))), twin=twin)
    book.add("fragment/destination-behind", asks("drop fragment", headers=(fragment_header(0, True), extension(DESTINATION))), twin=twin)
    book.add("fragment/twice", asks("drop fragment", headers=(fragment_header(0, True), fragment_header())), twin=twin)
    book.add("fragment/of-live-flow", asks("pass rule"), asks("drop fragment", headers=(fragment_header(),)), asks("pass established"), twin=twin)
    book.add("fragment/inward", into(cam, packet(cloud, cam, 6, udp(999, 7000), headers=(fragment_header(0, True),)), "drop fragment", "eth0"),
             twin="identity/in6/own")
    book.add("fragment/last-inward", into(cam, packet(cloud, cam, 6, udp(999, 7000), headers=(fragment_header(9),)), "drop fragment", "eth0"),
             twin="identity/in6/own")
    book.add("fragment/answer-inward", asks("pass rule"),
             into(cam, packet(cloud, cam, 6, udp(4433, 5555), headers=(fragment_header(),)), "drop fragment", "eth0"), twin="identity/in6/own")
    book.add("fragment/between-devices", out(hub, packet(hub, cam, 6, udp(9, 5000), headers=(fragment_header(),)), "drop fragment"),
             twin="flow/udp6/first-of-range")


def martians() -> None:
    for name, address in MARTIANS.items():
        book.add(f"martian/to-{name}", out(phone, packet(phone, net, 6, udp(5, 9), dst_ip=address), "drop ip_martian"), twin="flow/internet6/udp",
                 question="martians6")
    for name in ("loopback", "unspecified", "mapped"):
        book.add(f"martian/from-{name}-inward", into(plc, packet(net, plc, 6, udp(999, 7000), src_ip=MARTIANS[name]), "drop ip_martian", "eth0"),
                 twin="ip6/martian/none-inward", question="martians6")
    book.add("martian/from-mapped-device-inward", into(plc, packet(net, plc, 6, udp(999, 7000), src_ip=MARTIANS["mapped-device"]),
                                                       "drop uplink_spoof", "eth0"),
             twin="ip6/martian/none-inward", question="martians6")
    book.add("martian/from-group-inward", into(plc, packet(net, plc, 6, udp(999, 7000), src_ip="ff02::1"), "drop ip_martian", "eth0"),
             twin="ip6/martian/none-inward")
    book.add("martian/none-inward", into(plc, packet(net, plc, 6, udp(999, 7000)), "pass rule", "eth0"))
    for name, address in MARTIANS.items():
        if name == "mapped-device":
            book.add(f"martian/from-{name}", asks("drop spoofed_source", src_ip=address), twin="ip6/length/whole", question="martians6")
        else:
            book.add(f"martian/from-{name}", asks("drop bad_source", src_ip=address), twin="ip6/length/whole")
    for name, address in DOUBTFUL.items():
        book.add(f"martian/from-{name}", asks("drop bad_source", src_ip=address), twin="ip6/length/whole")
    book.add("martian/link-local-beyond", out(phone, packet(phone, net, 6, udp(5, 9), dst_ip="fe80::1234"), "drop default_deny|dest_mac"),
             twin="flow/internet6/udp",
             question="link-local-beyond")
    book.add("self/by-own-mac", out(cam, packet(cam, cam, 6, ASKS), "drop ip_self"), twin="ip6/length/whole", question="self-by-mac")
    book.add("self/by-gateway", out(cam, packet(cam, cam, 6, ASKS, dst_mac=gw.mac), "drop ip_self"), twin="ip6/length/whole")
    book.add("self/link-local", out(cam, packet(cam, cam, 6, ASKS, dst_mac=gw.mac, src_ip=cam.ll, dst_ip=cam.ll), "drop ip_self"),
             twin="ip6/length/whole")
    book.add("self/made-by-gateway", into(cam, packet(cam, cam, 6, udp(999, 7000), src_mac=gw.mac), "drop spoofed_source|ip_self"),
             twin="flow/gateway6/udp",
             question="gateway-as-device")
    book.add("self/inward", into(cam, packet(cam, cam, 6, udp(999, 7000), src_mac=gw.mac), "drop uplink_spoof", "eth0"), twin="identity/in6/own")
    book.add("whole-link/anycast", out(phone, packet(phone, gw, 6, udp(5, 9), dst_ip="fd00::"), "drop default_deny"), twin="flow/internet6/udp")
    book.add("whole-link/anycast-of-uplink", out(phone, packet(phone, gw, 6, udp(5, 9), dst_ip="2001:db8:ffff::"), "drop default_deny"),
             twin="flow/internet6/udp")
    book.add("whole-link/gateways-uplink-address", out(phone, packet(phone, gw, 6, udp(5, 9), dst_ip="2001:db8:ffff::2"), "drop default_deny"),
             twin="flow/internet6/udp")
    book.add("whole-link/gateway-by-uplink-address", out(cam, packet(cam, gw, 6, udp(5300, 53), dst_ip="2001:db8:ffff::2"), "pass rule"))
    book.add("whole-link/gateway-by-link-local", out(cam, packet(cam, gw, 6, udp(5300, 53), dst_ip="fe80::1"), "pass rule"))
    book.add("whole-link/beside-uplink", out(phone, packet(phone, gw, 6, udp(5, 9), dst_ip="2001:db8:ffff::7"), "pass rule"))


lengths()
headers()
fragments()
martians()
