# SPDX-License-Identifier: Apache-2.0
"""IPv4 headers: lengths, options, checksum, TTL, flags, martians, fragments."""

from wire.ip import ROUTER_ALERT4, TCP, UDP, ip4
from wire.link import IPV4, ethernet
from wire.transport import raw, tcp, udp
from world.lab import cam, cloud, gw, hub, net, phone, plc

from .book import Book
from .say import into, out, packet

book = Book("ip4")
ASKS = udp(5555, 4433)
# RFC 791 and RFC 7126, padded to four bytes.
OPTIONS = {
    "end": "00000000", "nop": "01010101", "router-alert": "94040000", "record-route": "0707040a00000100", "loose-route": "8307040a00000100",
    "strict-route": "8907040a00000100", "timestamp": "4408050000000000", "cipso": "8606000000010000", "security": "820b000000000000000000" "00",
    "stream": "88040000", "length-zero": "83000000", "length-one": "83010000", "length-beyond": "8328040a", "unknown": "9e040000", "forty": "01" * 40,
}
# To whom no frame on a wire is addressed, and 169.254/16, which nobody here was given.
MARTIANS = {"loopback": "127.0.0.1", "loopback-last": "127.255.255.254", "zero-net": "0.1.2.3", "zero": "0.0.0.0", "link-local": "169.254.7.7",
            "metadata": "169.254.169.254"}


def asks(expect: str, v4_dst: str | None = None, **header: object):
    return out(cam, packet(cam, cloud, 4, ASKS, dst_ip=v4_dst, **header), expect)


def lengths() -> None:
    twin = book.add("length/whole", asks("pass rule"))
    book.add("length/version-5", asks("drop ip_malformed", version=5), twin=twin)
    book.add("length/version-0", asks("drop ip_malformed", version=0), twin=twin)
    book.add("length/version-6", asks("drop ip_malformed", version=6), twin=twin)
    for words in range(5):
        book.add(f"length/header-{words}-words", asks("drop ip_malformed", header_words=words), twin=twin)
    book.add("length/header-beyond-frame", asks("drop ip_malformed", header_words=15), twin=twin, question="long-header")
    for length in (0, 19):
        book.add(f"length/total-{length}", asks("drop ip_malformed", length=length), twin=twin)
    book.add("length/total-beyond-frame", asks("drop ip_malformed", length=34), twin=twin)
    book.add("length/total-65535", asks("drop ip_malformed", length=65535), twin=twin)
    book.add("length/total-20", asks("drop l4_malformed", length=20), twin=twin)
    book.add("length/total-27", asks("drop l4_malformed", length=27), twin=twin)
    whole = packet(cam, cloud, 4, ASKS)
    for size in (15, 20, 33):
        book.add(f"length/frame-{size}", out(cam, whole[:size], "drop ip_malformed"), twin=twin)
    for size in (34, 41, len(whole) - 1):
        book.add(f"length/frame-{size}", out(cam, whole[:size], "drop ip_malformed"), twin=twin)
    book.add("length/trailer-of-ports", asks("pass rule", tail=b"\0\0\0\0" * 4))
    book.add("length/1500", out(cam, packet(cam, cloud, 4, udp(5555, 4433, bytes(1472))), "pass rule"))
    book.add("length/jumbo", out(cam, packet(cam, cloud, 4, udp(5555, 4433, bytes(8000))), "pass rule"))
    book.add("length/segments-inward", into(cam, packet(cloud, cam, 4, udp(999, 7000, bytes(3000))), "pass rule", "eth0", gso=(1448, 3)))
    book.add("length/total-beyond-frame-inward", into(cam, packet(cloud, cam, 4, udp(999, 7000), length=34), "drop ip_malformed", "eth0"),
             twin="identity/in4/own")
    book.add("length/header-4-words-inward", into(cam, packet(cloud, cam, 4, udp(999, 7000), header_words=4), "drop ip_malformed", "eth0"),
             twin="identity/in4/own")


def options() -> None:
    for name, text in OPTIONS.items():
        body = bytes.fromhex(text)
        book.add(f"options/{name}", asks("drop ip_options", options=body + bytes(-len(body) % 4)), twin="ip4/length/whole")
    book.add("options/tcp-with-source-route", out(cam, packet(cam, cloud, 4, tcp(), options=bytes.fromhex(OPTIONS["loose-route"])),
                                                  "drop ip_options"),
             twin="identity/to4/gateway")
    book.add("options/inward", into(cam, packet(cloud, cam, 4, udp(999, 7000), options=ROUTER_ALERT4), "drop ip_options", "eth0"),
             twin="identity/in4/own")
    book.add("options/header-says-so", asks("drop ip_options", header_words=6), twin="ip4/length/whole")


def fields() -> None:
    twin = "ip4/length/whole"
    for name, wrong in {"one-bit": 1, "inverted": 0xFFFF, "high-bit": 0x8000}.items():
        book.add(f"checksum/{name}", asks("drop ip_checksum", wrong_checksum=wrong), twin=twin)
    book.add("checksum/inward", into(cam, packet(cloud, cam, 4, udp(999, 7000), wrong_checksum=1), "drop ip_checksum", "eth0"),
             twin="identity/in4/own",
             question="checksum-inward")
    book.add("ttl/0", asks("drop ip_ttl", ttl=0), twin="ip4/ttl/1")
    book.add("ttl/1", asks("pass rule", ttl=1))
    book.add("ttl/255", asks("pass rule", ttl=255))
    book.add("ttl/0-inward", into(cam, packet(cloud, cam, 4, udp(999, 7000), ttl=0), "drop ip_ttl", "eth0"), twin="identity/in4/own")
    book.add("flags/dont-fragment", asks("pass rule", flags=2))
    book.add("flags/reserved", asks("drop ip_malformed", flags=4), twin="ip4/flags/dont-fragment", question="reserved-flag")
    book.add("flags/reserved-and-dont-fragment", asks("drop ip_malformed", flags=6), twin="ip4/flags/dont-fragment", question="reserved-flag")
    book.add("flags/reserved-inward", into(cam, packet(cloud, cam, 4, udp(999, 7000), flags=4), "drop ip_malformed", "eth0"), twin="identity/in4/own",
             question="reserved-flag")


def martians() -> None:
    for name, address in MARTIANS.items():
        book.add(f"martian/to-{name}", out(phone, packet(phone, net, 4, udp(5, 9), dst_ip=address), "drop ip_martian"), twin="flow/internet4/udp")
        book.add(f"martian/from-{name}-inward", into(plc, packet(net, plc, 4, udp(999, 7000), src_ip=address), "drop ip_martian", "eth0"),
                 twin="ip4/martian/none-inward")
    for name, address in {"class-e": "240.0.0.1", "last": "255.255.255.254"}.items():
        book.add(f"martian/to-{name}", out(phone, packet(phone, net, 4, udp(5, 9), dst_ip=address), "drop ip_martian|multicast"),
                 twin="flow/internet4/udp",
                 question="class-e")
        book.add(f"martian/from-{name}-inward", into(plc, packet(net, plc, 4, udp(999, 7000), src_ip=address), "drop ip_martian", "eth0"),
                 twin="ip4/martian/none-inward")
    book.add("martian/from-group-inward", into(plc, packet(net, plc, 4, udp(999, 7000), src_ip="224.0.0.5"), "drop ip_martian", "eth0"),
             twin="ip4/martian/none-inward")
    book.add("martian/from-broadcast-inward", into(plc, packet(net, plc, 4, udp(999, 7000), src_ip="255.255.255.255"), "drop ip_martian", "eth0"),
             twin="ip4/martian/none-inward")
    book.add("martian/none-inward", into(plc, packet(net, plc, 4, udp(999, 7000)), "pass rule", "eth0"))
    book.add("self/by-own-mac", out(cam, packet(cam, cam, 4, ASKS), "drop ip_self"), twin="ip4/length/whole", question="self-by-mac")
    book.add("self/by-gateway", out(cam, packet(cam, cam, 4, ASKS, dst_mac=gw.mac), "drop ip_self"), twin="ip4/length/whole")
    book.add("self/land", out(cam, packet(cam, cam, 4, tcp(139, 139), dst_mac=gw.mac), "drop ip_self"), twin="ip4/length/whole")
    book.add("self/made-by-gateway", into(cam, packet(cam, cam, 4, udp(999, 7000), src_mac=gw.mac), "drop spoofed_source|ip_self"),
             twin="flow/gateway4/udp",
             question="gateway-as-device")
    book.add("self/inward", into(cam, packet(cam, cam, 4, udp(999, 7000), src_mac=gw.mac), "drop uplink_spoof", "eth0"), twin="identity/in4/own")
    book.add("whole-link/internet-is-not", out(phone, packet(phone, gw, 4, udp(5, 9), dst_ip="192.168.1.255"), "drop default_deny"),
             twin="flow/internet4/udp")
    book.add("whole-link/network-address", out(phone, packet(phone, gw, 4, udp(5, 9), dst_ip="192.168.1.0"), "drop default_deny"),
             twin="flow/internet4/udp")
    book.add("whole-link/of-uplink", out(phone, packet(phone, gw, 4, udp(5, 9), dst_ip="198.18.0.255"), "drop default_deny"),
             twin="flow/internet4/udp")
    book.add("whole-link/gateways-uplink-address", out(phone, packet(phone, gw, 4, udp(5, 9), dst_ip="198.18.0.2"), "drop default_deny"),
             twin="flow/internet4/udp")
    book.add("whole-link/gateway-by-uplink-address", out(cam, packet(cam, gw, 4, udp(5300, 53), dst_ip="198.18.0.2"), "pass rule"))
    book.add("whole-link/beside-uplink", out(phone, packet(phone, gw, 4, udp(5, 9), dst_ip="198.18.0.7"), "pass rule"))


def fragments() -> None:
    twin = "ip4/length/whole"
    book.add("fragment/first", asks("drop fragment", flags=1), twin=twin)
    book.add("fragment/middle", asks("drop fragment", flags=1, offset=1), twin=twin)
    for offset in (1, 2, 185, 1024, 8191):
        book.add(f"fragment/last-at-{offset}", asks("drop fragment", offset=offset), twin=twin)
    book.add("fragment/dont-and-more", asks("drop fragment", flags=3), twin=twin)
    book.add("fragment/dont-and-offset", asks("drop fragment", flags=2, offset=8), twin=twin)
    book.add("fragment/tiny-first", out(cam, packet(cam, cloud, 4, tcp(cut=8), flags=1), "drop fragment"), twin="identity/to4/gateway")
    book.add("fragment/looks-like-syn", out(cam, packet(cam, cloud, 4, tcp(), offset=3), "drop fragment"), twin="identity/to4/gateway")
    book.add("fragment/empty", out(cam, packet(cam, cloud, 4, raw(UDP), flags=1), "drop fragment"), twin=twin)
    book.add("fragment/beyond-64k", out(cam, packet(cam, cloud, 4, raw(UDP, bytes(400)), offset=8191), "drop fragment"), twin=twin)
    book.add("fragment/icmp", out(phone, packet(phone, net, 4, raw(1, bytes.fromhex("0800f7fe00010000")), flags=1), "drop fragment"),
             twin="flow/internet4/echo")
    book.add("fragment/of-live-flow", asks("pass rule"), asks("drop fragment", flags=1), asks("drop fragment", offset=2), asks("pass established"),
             twin=twin)
    inward = "identity/in4/own"
    book.add("fragment/first-inward", into(cam, packet(cloud, cam, 4, udp(999, 7000), flags=1), "drop fragment", "eth0"), twin=inward)
    book.add("fragment/last-inward", into(cam, packet(cloud, cam, 4, udp(999, 7000), offset=2), "drop fragment", "eth0"), twin=inward)
    book.add("fragment/answer-inward", asks("pass rule"), into(cam, packet(cloud, cam, 4, udp(4433, 5555), flags=1), "drop fragment", "eth0"),
             twin=inward)
    book.add("fragment/between-devices", out(hub, packet(hub, cam, 4, udp(9, 5000), flags=1), "drop fragment"), twin="flow/udp4/first-of-range")


def nested() -> None:
    """What stands in the payload decides nothing."""
    inner = ip4(cam.v4, net.v4, raw(TCP, bytes(20)))
    book.add("payload/ip-in-udp", out(cam, packet(cam, cloud, 4, udp(5555, 4433, inner)), "pass rule"))
    book.add("payload/frame-in-udp", out(cam, packet(cam, cloud, 4, udp(5555, 4433, ethernet(hub.mac, cam.mac, IPV4, inner))), "pass rule"))


lengths()
options()
fields()
martians()
fragments()
nested()
