# SPDX-License-Identifier: Apache-2.0
"""Neighbour discovery: as ARP, with what IPv6 adds."""

from wire.ip import DESTINATION, HOP_BY_HOP, extension, fragment_header
from wire.neighbours import NA, NS, link_option, neighbour, redirect, router_advertisement, router_solicitation, solicited_node
from world.lab import GW_LL, cam, cloud, gw, hub, net, new, nobody, phone, server, tag, wired
from world.model import Host, link_local

from .book import Book
from .say import auth, deauth, into, out, packet, quarantine, release, to_group

book = Book("nd")
ALL_NODES, ALL_ROUTERS = "ff02::1", "ff02::2"
OVERRIDE = 0x60  # solicited, override


def asks(src: Host, target: str, *, group: str | None = None, src_ip: str | None = None, mac: str | None = None, options: bytes | None = None,
         code: int = 0, cut: int | None = None, **header: object) -> bytes:
    header.setdefault("hops", 255)
    given = link_option(1, mac or src.mac) if options is None else options
    return to_group(src, group or solicited_node(target), neighbour(NS, target, given, code=code, cut=cut), src_ip=src_ip, **header)


def answers(src: Host, dst: Host, target: str | None = None, *, mac: str | None = None, options: bytes | None = None, code: int = 0,
            **header: object) -> bytes:
    header.setdefault("hops", 255)
    given = link_option(2, mac or src.mac) if options is None else options
    return packet(src, dst, 6, neighbour(NA, target or src.v6, given, flags=OVERRIDE, code=code), **header)


def solicitations() -> None:
    twin = book.add("ns/gateway", out(cam, asks(cam, gw.v6), "pass nd"))
    book.add("ns/gateway-link-local", out(cam, asks(cam, GW_LL, src_ip=cam.ll), "pass nd"))
    book.add("ns/gateway-from-global-for-link-local", out(cam, asks(cam, GW_LL), "pass nd"))
    book.add("ns/gateway-unicast", out(cam, packet(cam, gw, 6, neighbour(NS, gw.v6, link_option(1, cam.mac)), hops=255), "pass nd"))
    book.add("ns/gateway-unicast-no-option", out(cam, packet(cam, gw, 6, neighbour(NS, gw.v6), hops=255), "pass nd"))
    book.add("ns/gateway-all-nodes", out(cam, asks(cam, gw.v6, group=ALL_NODES), "pass nd"))
    peer = book.add("ns/peer-that-may-call", out(cam, asks(cam, hub.v6), "pass nd"))
    book.add("ns/peer-that-may-be-called", out(hub, asks(hub, cam.v6), "pass nd"))
    book.add("ns/peer-link-local", out(hub, asks(hub, cam.ll, src_ip=hub.ll), "pass nd"))
    book.add("ns/peer-unicast", out(hub, packet(hub, cam, 6, neighbour(NS, cam.v6, link_option(1, hub.mac)), hops=255), "pass nd"))
    book.add("ns/tagged", out(tag, asks(tag, gw.v6), "pass nd"))
    book.add("ns/no-peer", out(cam, asks(cam, phone.v6), "drop nd_target"), twin=peer)
    book.add("ns/no-peer-link-local", out(cam, asks(cam, phone.ll, src_ip=cam.ll), "drop nd_target"), twin=peer)
    book.add("ns/nobody", out(cam, asks(cam, nobody.v6), "drop nd_target"), twin=twin)
    book.add("ns/beyond", out(cam, asks(cam, "2001:db8:99::7"), "drop nd_target"), twin=twin)
    book.add("ns/group-as-target", out(cam, asks(cam, "ff02::1", group=ALL_NODES), "drop nd_malformed"), twin=twin)
    dad = book.add("dad/own", out(cam, asks(cam, cam.v6, src_ip="::", options=b""), "pass nd"))
    book.add("dad/own-link-local", out(cam, asks(cam, cam.ll, src_ip="::", options=b""), "pass nd"))
    book.add("dad/with-nonce", out(cam, asks(cam, cam.v6, src_ip="::", options=bytes([14, 1]) + bytes(6)), "pass nd"))
    book.add("dad/with-mac", out(cam, asks(cam, cam.v6, src_ip="::"), "drop nd_malformed"), twin=dad)
    book.add("dad/of-device", out(cam, asks(cam, hub.v6, src_ip="::", options=b""), "drop nd_spoof"), twin=dad)
    book.add("dad/of-gateway", out(cam, asks(cam, gw.v6, src_ip="::", options=b""), "drop nd_spoof"), twin=dad)
    book.add("dad/of-gateway-link-local", out(cam, asks(cam, GW_LL, src_ip="::", options=b""), "drop nd_spoof"), twin=dad)
    book.add("dad/of-device-link-local", out(cam, asks(cam, hub.ll, src_ip="::", options=b""), "drop nd_spoof"), twin=dad)
    book.add("dad/of-nobody", out(cam, asks(cam, nobody.v6, src_ip="::", options=b""), "drop nd_target"), twin=dad)
    book.add("dad/to-all-nodes", out(cam, asks(cam, cam.v6, group=ALL_NODES, src_ip="::", options=b""), "drop nd_malformed"), twin=dad,
             question="dad-group")
    book.add("ns/to-router-beyond", out(cam, asks(cam, gw.v6, group="ff0e::1"), "drop nd_target"), twin=twin)
    book.add("ns/unicast-elsewhere", out(cam, packet(cam, phone, 6, neighbour(NS, gw.v6), dst_mac=phone.mac, hops=255), "drop nd_target|dest_mac"),
             twin=twin)
    book.add("ns/group-by-mac-of-no-peer", out(cam, asks(cam, gw.v6, dst_mac=phone.mac), "drop dest_mac|nd_target"), twin=twin,
             question="group-by-unicast-mac")
    book.add("ns/group-by-broadcast", out(cam, asks(cam, gw.v6, dst_mac="ff:ff:ff:ff:ff:ff"), "drop dest_mac"), twin=twin,
             question="group-by-wrong-mac")
    book.add("ns/gateway-by-mac-of-device", out(cam, packet(cam, gw, 6, neighbour(NS, gw.v6), dst_mac=hub.mac, hops=255), "drop dest_mac|nd_target"),
             twin="nd/ns/gateway-unicast")


def claims() -> None:
    twin = "nd/ns/gateway"
    book.add("claim/source-of-device", out(cam, asks(cam, gw.v6, src_ip=hub.v6), "drop spoofed_source"), twin=twin)
    book.add("claim/source-of-gateway", out(cam, asks(cam, hub.v6, src_ip=gw.v6), "drop spoofed_source"), twin=twin)
    book.add("claim/source-of-nobody", out(cam, asks(cam, gw.v6, src_ip=nobody.v6), "drop bad_source"), twin=twin)
    for name, mac in {"device": hub.mac, "gateway": gw.mac, "nobody": nobody.mac}.items():
        book.add(f"claim/option-of-{name}", out(cam, asks(cam, gw.v6, mac=mac), "drop nd_spoof"), twin=twin)
    reply = book.add("na/gateway", out(cam, answers(cam, gw), "pass nd"))
    peer = book.add("na/peer", out(cam, answers(cam, hub), "pass nd"))
    book.add("na/no-option", out(cam, answers(cam, gw, options=b""), "pass nd"))
    book.add("na/link-local", out(cam, answers(cam, gw, cam.ll, src_ip=cam.ll, dst_ip=GW_LL), "pass nd"))
    book.add("na/all-nodes", out(cam, to_group(cam, ALL_NODES, neighbour(NA, cam.v6, link_option(2, cam.mac), flags=0x20), hops=255), "pass nd"))
    book.add("na/no-peer", out(cam, answers(cam, phone), "drop nd_target"), twin=peer)
    book.add("na/as-gateway", out(cam, answers(cam, hub, gw.v6), "drop nd_spoof"), twin=peer)
    book.add("na/as-gateway-link-local", out(cam, answers(cam, hub, GW_LL), "drop nd_spoof"), twin=peer)
    book.add("na/as-device", out(cam, answers(cam, gw, hub.v6), "drop nd_spoof"), twin=reply)
    book.add("na/as-device-link-local", out(cam, answers(cam, gw, hub.ll), "drop nd_spoof"), twin=reply)
    book.add("na/as-nobody", out(cam, answers(cam, gw, nobody.v6), "drop nd_spoof|nd_target"), twin=reply, question="na-of-nobody")
    book.add("na/mac-of-device", out(cam, answers(cam, gw, mac=hub.mac), "drop nd_spoof"), twin=reply)
    book.add("na/mac-of-gateway", out(cam, answers(cam, hub, mac=gw.mac), "drop nd_spoof"), twin=peer)
    book.add("na/source-of-device", out(cam, answers(cam, gw, cam.v6, src_ip=hub.v6), "drop spoofed_source"), twin=reply)
    book.add("na/all-nodes-as-gateway", out(cam, to_group(cam, ALL_NODES, neighbour(NA, gw.v6, link_option(2, cam.mac), flags=0x20), hops=255),
                                            "drop nd_spoof"),
             twin="nd/na/all-nodes")
    book.add("na/unspecified-source", out(cam, answers(cam, gw, src_ip="::"), "drop bad_source|nd_malformed"), twin=reply)
    book.add("na/beyond", out(cam, answers(cam, gw, dst_ip="2001:db8:99::7"), "drop nd_target"), twin=reply)
    book.add("stranger/spoofs", out(new, answers(new, gw, cam.v6, src_ip=new.ll), "drop nd_spoof"), twin=reply)
    book.add("stranger/dad", out(new, asks(new, link_local(new.mac), src_ip="::", options=b""), "drop unknown_device"),
             out(new, asks(new, link_local(new.mac), src_ip="::", options=b""), "pass nd"), twin="nd/dad/own-link-local")


def routers() -> None:
    rs = book.add("rs/all-routers", out(cam, to_group(cam, ALL_ROUTERS, router_solicitation(link_option(1, cam.mac)), src_ip=cam.ll, hops=255),
                                        "pass nd"))
    book.add("rs/no-option", out(cam, to_group(cam, ALL_ROUTERS, router_solicitation(), src_ip=cam.ll, hops=255), "pass nd"))
    book.add("rs/unspecified", out(cam, to_group(cam, ALL_ROUTERS, router_solicitation(), src_ip="::", hops=255), "pass nd"),
             question="rs-unspecified")
    book.add("rs/unspecified-with-mac", out(cam, to_group(cam, ALL_ROUTERS, router_solicitation(link_option(1, cam.mac)), src_ip="::", hops=255),
                                            "drop nd_malformed"), twin=rs)
    book.add("rs/mac-of-device", out(cam, to_group(cam, ALL_ROUTERS, router_solicitation(link_option(1, hub.mac)), src_ip=cam.ll, hops=255),
                                     "drop nd_spoof"),
             twin=rs)
    book.add("rs/hops-64", out(cam, to_group(cam, ALL_ROUTERS, router_solicitation(), src_ip=cam.ll, hops=64), "drop nd_malformed"), twin=rs)
    book.add("rs/to-no-peer", out(cam, packet(cam, phone, 6, router_solicitation(), hops=255), "drop nd_target|dest_mac"), twin=rs)
    prefix = bytes([3, 4, 64, 0xC0]) + bytes(12) + bytes.fromhex("fd990000000000000000000000000000")
    for name, src in {"own": cam.ll, "as-gateway": GW_LL}.items():
        advertises = to_group(cam, ALL_NODES, router_advertisement(prefix), src_ip=src, hops=255)
        book.add(f"ra/{name}", out(cam, advertises, "drop rogue_ra" if name == "own" else "drop spoofed_source|rogue_ra"), twin=rs)
    book.add("ra/lifetime-0", out(cam, to_group(cam, ALL_NODES, router_advertisement(b"", 0), src_ip=cam.ll, hops=255), "drop rogue_ra"), twin=rs)
    book.add("ra/unicast", out(cam, packet(cam, hub, 6, router_advertisement(), src_ip=cam.ll, hops=255), "drop rogue_ra"), twin="nd/na/peer")
    book.add("ra/to-gateway", out(cam, packet(cam, gw, 6, router_advertisement(), src_ip=cam.ll, hops=255), "drop rogue_ra"), twin="nd/na/gateway")
    book.add("ra/hops-64", out(cam, to_group(cam, ALL_NODES, router_advertisement(), src_ip=cam.ll, hops=64), "drop rogue_ra"), twin=rs)
    book.add("ra/from-global", out(cam, to_group(cam, ALL_NODES, router_advertisement(), hops=255), "drop rogue_ra"), twin=rs)
    book.add("ra/server", out(server, to_group(server, ALL_NODES, router_advertisement(b"", 0), src_ip=server.ll, hops=255), "pass nd"),
             awaits="serves")
    book.add("ra/server-with-default-route", out(server, to_group(server, ALL_NODES, router_advertisement(), src_ip=server.ll, hops=255),
                                                 "drop rogue_ra"),
             twin="nd/ra/server")
    book.add("redirect/device", out(cam, packet(cam, hub, 6, redirect(cam.ll, "2001:db8:c::10"), src_ip=cam.ll, dst_ip=hub.ll, hops=255),
                                    "drop rogue_ra"),
             twin="nd/na/peer")
    book.add("redirect/to-gateway", out(cam, packet(cam, gw, 6, redirect(cam.ll, "2001:db8:c::10"), src_ip=cam.ll, dst_ip=GW_LL, hops=255),
                                        "drop rogue_ra"),
             twin="nd/na/gateway")
    book.add("stranger/ra", out(new, to_group(new, ALL_NODES, router_advertisement(), src_ip=new.ll, hops=255), "drop rogue_ra"), twin=rs)


def malformed() -> None:
    twin = "nd/ns/gateway"
    for hops in (0, 1, 64, 254):
        reason = "ip_ttl|nd_malformed|multicast" if hops == 0 else "nd_malformed"
        book.add(f"malformed/hops-{hops}", out(cam, asks(cam, gw.v6, hops=hops), f"drop {reason}"), twin=twin)
    book.add("malformed/code-1", out(cam, asks(cam, gw.v6, code=1), "drop nd_malformed"), twin=twin)
    for size in (8, 20, 23):
        book.add(f"malformed/cut-{size}", out(cam, asks(cam, gw.v6, cut=size), "drop nd_malformed"), twin=twin)
    for name, options in {"option-length-0": bytes([1, 0]) + bytes(6), "option-beyond": bytes([1, 2]) + bytes(6), "option-half": bytes([1]),
                          "second-length-0": link_option(1, cam.mac) + bytes([14, 0]) + bytes(6),
                          "nine-options": bytes([14, 1, 0, 0, 0, 0, 0, 0]) * 9,
                          "rest-of-three": link_option(1, cam.mac) + bytes(3)}.items():
        book.add(f"malformed/{name}", out(cam, asks(cam, gw.v6, options=options), "drop nd_malformed"), twin=twin)
    book.add("options/eight", out(cam, asks(cam, gw.v6, options=link_option(1, cam.mac) + bytes([14, 1, 0, 0, 0, 0, 0, 0]) * 7), "pass nd"))
    book.add("options/two-macs-one-foreign", out(cam, asks(cam, gw.v6, options=link_option(1, cam.mac) + link_option(1, hub.mac)), "drop nd_spoof"),
             twin=twin)
    book.add("options/foreign-first", out(cam, asks(cam, gw.v6, options=link_option(1, hub.mac) + link_option(1, cam.mac)), "drop nd_spoof"),
             twin=twin)
    book.add("options/na-two-macs", out(cam, answers(cam, gw, options=link_option(2, cam.mac) + link_option(2, hub.mac)), "drop nd_spoof"),
             twin="nd/na/gateway")
    book.add("options/in-trailer", out(cam, asks(cam, gw.v6, mac=hub.mac, length=24), "pass nd"))
    book.add("malformed/target-in-trailer", out(cam, asks(cam, gw.v6, length=16), "drop nd_malformed"), twin=twin)
    book.add("options/wide-mac", out(cam, asks(cam, gw.v6, options=link_option(1, cam.mac, 2) + bytes(8)), "drop nd_malformed"), twin=twin,
             question="wide-mac-option")
    for name, header in {"hop-by-hop": extension(HOP_BY_HOP), "destination": extension(DESTINATION)}.items():
        book.add(f"malformed/behind-{name}", out(cam, asks(cam, gw.v6, headers=(header,)), "drop ext_header|multicast"), twin=twin)
    book.add("malformed/fragment", out(cam, asks(cam, gw.v6, headers=(fragment_header(),)), "drop fragment|multicast"), twin=twin)


def inward() -> None:
    twin = book.add("inward/gateway-asks", into(cam, asks(gw, cam.v6), "pass nd"))
    book.add("inward/gateway-asks-link-local", into(cam, asks(gw, cam.ll, src_ip=GW_LL), "pass nd"))
    book.add("inward/gateway-asks-by-mac", into(cam, packet(gw, cam, 6, neighbour(NS, cam.v6, link_option(1, gw.mac)), hops=255), "pass nd"))
    book.add("inward/gateway-answers", into(cam, answers(gw, cam), "pass nd"))
    ra = book.add("inward/ra", into(cam, to_group(gw, ALL_NODES, router_advertisement(link_option(1, gw.mac)), src_ip=GW_LL, hops=255), "pass nd"))
    book.add("inward/ra-unicast", into(cam, packet(gw, cam, 6, router_advertisement(), src_ip=GW_LL, dst_ip=cam.ll, hops=255), "pass nd"))
    book.add("inward/redirect", into(cam, packet(gw, cam, 6, redirect(hub.ll, hub.v6), src_ip=GW_LL, hops=255), "drop rogue_ra"), twin=ra,
             question="redirect-of-gateway")
    book.add("inward/ra-of-uplink", into(cam, to_group(nobody, ALL_NODES, router_advertisement(), src_ip=nobody.ll, hops=255), "drop rogue_ra",
                                         "eth0"), twin=ra)
    book.add("inward/ra-of-port", into(cam, to_group(hub, ALL_NODES, router_advertisement(), src_ip=hub.ll, hops=255), "drop rogue_ra", "p2"),
             twin=ra)
    peer = book.add("inward/peer-asks", into(cam, asks(hub, cam.v6), "pass nd", "p2"))
    book.add("inward/peer-asks-link-local", into(cam, asks(hub, cam.ll, src_ip=hub.ll), "pass nd", "p2"))
    book.add("inward/peer-answers", into(cam, answers(hub, cam), "pass nd", "p2"))
    book.add("inward/no-peer-asks", into(cam, asks(phone, cam.v6), "drop nd_target", "p3"), twin=peer)
    book.add("inward/no-peer-answers", into(cam, answers(phone, cam), "drop nd_target", "p3"), twin=peer)
    book.add("inward/for-another", into(phone, asks(hub, cam.v6), "drop not_here", "p2"), twin=peer)
    book.add("inward/uplink-as-gateway", into(cam, answers(nobody, cam, gw.v6, src_ip="2001:db8:99::9"), "drop uplink_spoof", "eth0"), twin=twin)
    book.add("inward/uplink-from-gateway-address", into(cam, answers(nobody, cam, gw.v6, src_ip=gw.v6), "drop uplink_spoof", "eth0"), twin=twin)
    book.add("inward/port-as-gateway", into(cam, answers(phone, cam, gw.v6), "drop nd_spoof", "p3"), twin=peer)
    book.add("inward/port-as-gateway-from-beyond", into(cam, answers(phone, cam, gw.v6, src_ip=net.v6), "drop nd_spoof|spoofed_source", "p3"),
             twin=peer)
    book.add("inward/uplink-asks-as-peer", into(cam, asks(nobody, cam.v6, src_ip=cloud.v6), "drop nd_target", "eth0"), twin=peer)
    book.add("inward/uplink-asks", into(cam, asks(nobody, cam.v6, src_ip=nobody.ll), "drop nd_target", "eth0"), twin=twin)
    book.add("inward/uplink-asks-as-device", into(cam, asks(hub, cam.ll, src_ip=hub.ll), "drop uplink_spoof", "eth0"), twin=twin)
    book.add("inward/uplink-asks-as-gateway", into(cam, asks(gw, cam.ll, src_ip=GW_LL), "drop uplink_spoof", "eth0"), twin=twin)
    book.add("inward/tagged", into(cam, asks(gw, cam.v6, tags=(10,)), "drop vlan"), twin=twin)
    book.add("inward/ra-tagged", into(cam, to_group(gw, ALL_NODES, router_advertisement(), src_ip=GW_LL, hops=255, tags=(10,)), "drop vlan"), twin=ra)
    book.add("inward/hops-64", into(cam, asks(gw, cam.v6, hops=64), "drop nd_malformed"), twin=twin)
    book.add("inward/option-length-0", into(cam, asks(gw, cam.v6, options=bytes(8)), "drop nd_malformed"), twin=twin)


def states() -> None:
    book.add("quarantine/gateway", quarantine(cam), out(cam, asks(cam, gw.v6), "pass nd"), into(cam, answers(gw, cam), "pass nd"), release(cam))
    book.add("quarantine/ra", quarantine(cam), out(cam, to_group(cam, ALL_NODES, router_advertisement(), src_ip=cam.ll, hops=255), "drop rogue_ra"),
             release(cam), twin="nd/quarantine/gateway")
    book.add("unauthenticated/dot1x", deauth(wired), out(wired, asks(wired, gw.v6), "drop unauthenticated"),
             into(wired, asks(gw, wired.v6), "drop unauthenticated"), auth(wired), twin="nd/unauthenticated/dot1x-done")
    book.add("unauthenticated/dot1x-done", out(wired, asks(wired, gw.v6), "pass nd"), into(wired, asks(gw, wired.v6), "pass nd"))


solicitations()
claims()
routers()
malformed()
inward()
states()
