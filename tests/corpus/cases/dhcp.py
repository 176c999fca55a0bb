# SPDX-License-Identifier: Apache-2.0
"""DHCPv4 and DHCPv6: clients speak for themselves, servers are the gateway's business."""

from wire.dhcp import (ACK, ADVERTISE, CONFIRM, DECLINE, DECLINE6, DISCOVER, INFORM, INFORM6, NAK, OFFER, REBIND, RECONFIGURE, RELAY, RELAY_REPLY,
                       RELEASE,
                       RELEASE6, RENEW, REPLY6, REQUEST, REQUEST6, SOLICIT, dhcp4, dhcp6, option)
from wire.transport import udp
from world.lab import GW_LL, cam, cloud, gw, hub, net, new, nobody, phone, server, tag, wired
from world.model import Host

from .book import Book
from .say import auth, deauth, into, out, packet, quarantine, release, to_group

book = Book("dhcp")
EVERYBODY, SERVERS6 = "255.255.255.255", "ff02::1:2"


def asks(src: Host, kind: int | None = DISCOVER, *, src_ip: str = "0.0.0.0", chaddr: str | None = None, dst_mac: str | None = None, tags=None,
         flags: int = 0, ttl: int = 64, options: bytes = b"", **fields: object) -> bytes:
    return to_group(src, EVERYBODY, dhcp4(kind, chaddr or src.mac, **fields), src_ip=src_ip, dst_mac=dst_mac, tags=tags, flags=flags, ttl=ttl,
                    options=options)


def asks6(src: Host, kind: int = SOLICIT, *, src_ip: str | None = None, dst_mac: str | None = None, **fields: object) -> bytes:
    return to_group(src, SERVERS6, dhcp6(kind, src.mac, **fields), src_ip=src_ip or src.ll, dst_mac=dst_mac)


def offers(src: Host, dst: Host, kind: int = OFFER, *, chaddr: str | None = None, dst_mac: str | None = None, src_ip: str | None = None) -> bytes:
    message = dhcp4(kind, chaddr or dst.mac, op=2, yiaddr=dst.v4, sport=67, dport=68)
    return to_group(src, EVERYBODY, message, src_ip=src_ip or src.v4, dst_mac=dst_mac or dst.mac)


def clients() -> None:
    twin = book.add("client/discover", out(cam, asks(cam), "pass dhcp"))
    for name, kind in {"request": REQUEST, "decline": DECLINE, "inform": INFORM}.items():
        book.add(f"client/{name}", out(cam, asks(cam, kind), "pass dhcp"))
    book.add("client/from-own-address", out(cam, asks(cam, REQUEST, src_ip=cam.v4, ciaddr=cam.v4), "pass dhcp"))
    renew = book.add("client/renew", out(cam, packet(cam, gw, 4, dhcp4(REQUEST, cam.mac, ciaddr=cam.v4)), "pass dhcp"))
    book.add("client/release", out(cam, packet(cam, gw, 4, dhcp4(RELEASE, cam.mac, ciaddr=cam.v4)), "pass dhcp"))
    book.add("client/renew-answered", out(cam, packet(cam, gw, 4, dhcp4(REQUEST, cam.mac, ciaddr=cam.v4)), "pass dhcp"),
             into(cam, packet(gw, cam, 4, dhcp4(ACK, cam.mac, op=2, yiaddr=cam.v4, sport=67, dport=68)), "pass dhcp"))
    book.add("client/tagged", out(tag, asks(tag), "pass dhcp"))
    book.add("client/many-options", out(cam, asks(cam, more=option(12, b"door") + option(55, bytes(20)) + option(61, bytes(7))), "pass dhcp"))
    book.add("client/padded-options", out(cam, asks(cam, more=bytes(60)), "pass dhcp"))
    book.add("client/unnamed-kind", out(cam, asks(cam, None), "pass dhcp"), question="bootp")
    book.add("client/foreign-chaddr", out(cam, asks(cam, chaddr=hub.mac), "drop dhcp_malformed"), twin=twin)
    book.add("client/random-chaddr", out(cam, asks(cam, chaddr="06:11:22:33:44:55"), "drop dhcp_malformed"), twin=twin)
    book.add("client/release-of-another", out(cam, packet(cam, gw, 4, dhcp4(RELEASE, hub.mac, ciaddr=hub.v4)), "drop dhcp_malformed"),
             twin="dhcp/client/release")
    book.add("client/release-of-anothers-address", out(cam, packet(cam, gw, 4, dhcp4(RELEASE, cam.mac, ciaddr=hub.v4)), "drop dhcp_malformed"),
             twin="dhcp/client/release", question="dhcp-ciaddr")
    book.add("client/relayed", out(cam, asks(cam, giaddr="192.168.1.200"), "drop dhcp_malformed"), twin=twin, question="dhcp-giaddr")
    for name, fields in {"hardware-6": {"hardware": (6, 6)}, "hardware-size-16": {"hardware": (1, 16)}, "cookie": {"cookie": b"\0\0\0\0"},
                         "cut-0": {"cut": 0}, "cut-8": {"cut": 8}, "cut-43": {"cut": 43}, "cut-236": {"cut": 236}, "cut-239": {"cut": 239}}.items():
        book.add(f"client/{name}", out(cam, asks(cam, **fields), "drop dhcp_malformed"), twin=twin)
    book.add("client/rest-in-trailer", out(cam, to_group(cam, "255.255.255.255", dhcp4(DISCOVER, cam.mac), src_ip="0.0.0.0", length=20 + 8 + 100),
                                           "drop l4_malformed|dhcp_malformed|bad_source|multicast"), twin=twin)
    book.add("client/operation-0", out(cam, asks(cam, op=0), "drop dhcp_malformed"), twin=twin)
    book.add("client/from-address-of-another", out(cam, asks(cam, REQUEST, src_ip=hub.v4), "drop spoofed_source"), twin=twin)
    book.add("client/from-address-of-nobody", out(cam, asks(cam, REQUEST, src_ip=nobody.v4), "drop bad_source"), twin=twin)
    book.add("client/unspecified-to-beyond", out(cam, packet(cam, net, 4, dhcp4(DISCOVER, cam.mac), src_ip="0.0.0.0"), "drop bad_source"), twin=twin)
    book.add("client/to-server-beyond", out(cam, packet(cam, net, 4, dhcp4(REQUEST, cam.mac, ciaddr=cam.v4)), "drop default_deny"), twin=renew)
    book.add("client/to-server-beyond-by-rule", out(phone, packet(phone, net, 4, dhcp4(REQUEST, phone.mac, ciaddr=phone.v4)), "pass rule"))
    book.add("client/not-dhcp-by-rule", out(phone, packet(phone, net, 4, udp(5000, 67)), "pass rule"), question="dhcp-by-rule")
    book.add("client/from-server-port-by-rule", out(phone, packet(phone, net, 4, udp(67, 5000)), "pass rule"), question="dhcp-by-rule")
    book.add("client/to-device", out(cam, packet(cam, phone, 4, dhcp4(REQUEST, cam.mac, ciaddr=cam.v4)), "drop default_deny"), twin=renew)
    book.add("client/by-mac-of-gateway", out(cam, asks(cam, dst_mac=gw.mac), "pass dhcp"), question="dhcp-unicast-mac")
    book.add("client/by-mac-of-device", out(cam, asks(cam, dst_mac=phone.mac), "drop dest_mac|multicast"), twin=twin)
    book.add("client/whole-link", out(cam, packet(cam, gw, 4, dhcp4(DISCOVER, cam.mac), dst_ip="192.168.1.255", dst_mac="ff:ff:ff:ff:ff:ff"),
                                      "drop multicast|dest_mac"),
             twin=twin, question="dhcp-directed-broadcast")
    book.add("client/from-other-port", out(cam, asks(cam, sport=1068), "drop multicast|dhcp_malformed"), twin=twin, question="dhcp-other-port")
    book.add("client/no-dhcp-in-it", out(cam, to_group(cam, EVERYBODY, udp(68, 67, b"not dhcp"), src_ip="0.0.0.0"), "drop dhcp_malformed"), twin=twin)
    book.add("client/unspecified-without-dhcp", out(cam, to_group(cam, EVERYBODY, udp(5000, 5000), src_ip="0.0.0.0"), "drop bad_source|multicast"),
             twin=twin)
    book.add("client/option-53-empty", out(cam, asks(cam, None, more=bytes([53, 0])), "drop dhcp_malformed"), twin=twin, question="dhcp-options")
    book.add("client/server-kind-by-client", out(cam, asks(cam, OFFER), "drop dhcp_malformed|rogue_dhcp"), twin=twin,
             question="dhcp-kind-and-operation")
    book.add("client/fragment", out(cam, asks(cam, flags=1), "drop fragment|multicast|bad_source"), twin=twin)
    book.add("client/options", out(cam, asks(cam, options=bytes(4)), "drop ip_options|multicast|bad_source"), twin=twin)
    book.add("client/ttl-0", out(cam, asks(cam, ttl=0), "drop ip_ttl|multicast|bad_source"), twin=twin)


def servers() -> None:
    twin = "dhcp/client/discover"
    for name, kind in {"offer": OFFER, "ack": ACK, "nak": NAK}.items():
        book.add(f"server/{name}", out(cam, offers(cam, hub, kind, dst_mac="ff:ff:ff:ff:ff:ff"), "drop rogue_dhcp"), twin=twin)
        book.add(f"server/{name}-to-mac", out(cam, offers(cam, hub, kind), "drop rogue_dhcp"), twin=twin)
        book.add(f"server/{name}-from-gateway", into(cam, offers(gw, cam, kind), "pass dhcp"))
    book.add("server/unicast", out(cam, packet(cam, hub, 4, dhcp4(ACK, hub.mac, op=2, yiaddr=hub.v4, sport=67, dport=68)), "drop rogue_dhcp"),
             twin=twin)
    book.add("server/server-port-to-server-port", out(cam, packet(cam, gw, 4, dhcp4(ACK, hub.mac, op=2, sport=67, dport=67)), "drop rogue_dhcp"),
             twin=twin,
             question="dhcp-relay-port")
    book.add("server/reply-from-client-port", out(cam, asks(cam, OFFER, op=2), "drop rogue_dhcp|dhcp_malformed"), twin=twin,
             question="dhcp-kind-and-operation")
    book.add("server/not-dhcp-to-client-port", out(cam, to_group(cam, EVERYBODY, udp(67, 68, b"x")), "drop rogue_dhcp"), twin=twin)
    book.add("server/as-gateway", out(cam, offers(cam, hub, src_ip=gw.v4), "drop spoofed_source|rogue_dhcp"), twin=twin)
    book.add("server/stranger", out(new, offers(new, hub), "drop rogue_dhcp"), twin=twin)
    book.add("server/by-uplink-from-another-port", into(phone, packet(net, phone, 4, dhcp4(OFFER, phone.mac, op=2, yiaddr=phone.v4, sport=1000, dport=68)),
                                                        "drop rogue_dhcp", "eth0"), twin="dhcp/server/offer-from-gateway")
    book.add("server/serves", out(server, offers(server, cam, src_ip=server.v4), "pass dhcp"), awaits="serves")
    book.add("server/serves-inward", into(cam, offers(server, cam), "pass dhcp", "p10"), awaits="serves")
    own = "dhcp/server/offer-from-gateway"
    book.add("server/gateway-broadcast", into(cam, offers(gw, cam, dst_mac="ff:ff:ff:ff:ff:ff"), "pass dhcp"))
    as_client = packet(gw, cam, 4, dhcp4(OFFER, cam.mac, op=1, sport=67, dport=68))
    book.add("server/gateway-as-client", into(cam, as_client, "drop dhcp_malformed"), twin=own)
    book.add("server/gateway-for-another", into(cam, offers(gw, cam, chaddr=hub.mac), "drop dhcp_malformed|not_here"), twin=own,
             question="dhcp-for-another")
    book.add("server/gateway-for-another-broadcast", into(cam, offers(gw, hub, dst_mac="ff:ff:ff:ff:ff:ff"),
                                                          "drop not_here|dhcp_malformed|multicast"), twin=own,
             question="dhcp-for-another")
    book.add("server/uplink", into(cam, offers(nobody, cam, src_ip="10.0.0.1"), "drop rogue_dhcp", "eth0"), twin=own)
    book.add("server/uplink-as-gateway", into(cam, offers(nobody, cam, src_ip=gw.v4), "drop rogue_dhcp|uplink_spoof", "eth0"), twin=own)
    book.add("server/port", into(cam, offers(hub, cam), "drop rogue_dhcp", "p2"), twin=own)
    book.add("server/client-message-inward", into(hub, asks(cam), "drop multicast|not_here", "p1"), twin=own, question="dhcp-client-inward")


def clients6() -> None:
    twin = book.add("client6/solicit", out(cam, asks6(cam), "pass dhcp"))
    for name, kind in {"request": REQUEST6, "confirm": CONFIRM, "renew": RENEW, "rebind": REBIND, "release": RELEASE6, "decline": DECLINE6,
                       "inform": INFORM6}.items():
        book.add(f"client6/{name}", out(cam, asks6(cam, kind), "pass dhcp"))
    book.add("client6/unicast-to-gateway", out(cam, packet(cam, gw, 6, dhcp6(RENEW, cam.mac)), "pass dhcp"))
    for name, kind in {"advertise": ADVERTISE, "reply": REPLY6, "reconfigure": RECONFIGURE, "relay": RELAY, "relay-reply": RELAY_REPLY, "zero": 0,
                       "beyond": 99}.items():
        book.add(f"client6/{name}-from-client-port", out(cam, asks6(cam, kind), "drop dhcp_malformed|rogue_dhcp"), twin=twin, question="dhcp6-kinds")
    for name, kind in {"advertise": ADVERTISE, "reply": REPLY6, "reconfigure": RECONFIGURE}.items():
        sent = packet(cam, hub, 6, dhcp6(kind, hub.mac, sport=547, dport=546), src_ip=cam.ll, dst_ip=hub.ll)
        book.add(f"server6/{name}", out(cam, sent, "drop rogue_dhcp"), twin=twin)
        from_gateway = packet(gw, cam, 6, dhcp6(kind, cam.mac, sport=547, dport=546), src_ip=GW_LL, dst_ip=cam.ll)
        book.add(f"server6/{name}-from-gateway", into(cam, from_gateway, "pass dhcp"))
        book.add(f"server6/{name}-from-uplink", into(cam,
                                                     packet(nobody, cam, 6, dhcp6(kind, cam.mac, sport=547, dport=546), src_ip=nobody.ll,
                                                            dst_ip=cam.ll),
                                                     "drop rogue_dhcp", "eth0"), twin=f"dhcp/server6/{name}-from-gateway")
    for size in (0, 3):
        book.add(f"client6/cut-{size}", out(cam, asks6(cam, cut=size), "drop dhcp_malformed"), twin=twin)
    book.add("client6/from-address-of-another", out(cam, asks6(cam, src_ip=hub.v6), "drop spoofed_source"), twin=twin)
    book.add("client6/from-link-local-of-nobody", out(cam, asks6(cam, src_ip="fe80::99"), "drop bad_source"), twin=twin)
    book.add("client6/unspecified", out(cam, asks6(cam, src_ip="::"), "drop bad_source|dhcp_malformed"), twin=twin)
    book.add("client6/by-mac-of-device", out(cam, asks6(cam, dst_mac=phone.mac), "drop dest_mac|multicast"), twin=twin)
    book.add("client6/all-servers-of-site", out(cam, to_group(cam, "ff05::1:3", dhcp6(SOLICIT, cam.mac), src_ip=cam.ll), "drop multicast"), twin=twin)
    book.add("client6/to-server-beyond", out(cam, packet(cam, cloud, 6, dhcp6(RENEW, cam.mac)), "drop default_deny"),
             twin="dhcp/client6/unicast-to-gateway")
    book.add("client6/to-server-beyond-by-rule", out(phone, packet(phone, net, 6, dhcp6(RENEW, phone.mac)), "pass rule"))
    book.add("client6/not-dhcp-by-rule", out(phone, packet(phone, net, 6, udp(5000, 547)), "pass rule"), question="dhcp-by-rule")
    book.add("client6/from-server-port-by-rule", out(phone, packet(phone, net, 6, udp(547, 5000)), "pass rule"), question="dhcp-by-rule")
    book.add("client6/other-port", out(cam, to_group(cam, SERVERS6, dhcp6(SOLICIT, cam.mac, sport=1546), src_ip=cam.ll),
                                       "drop multicast|dhcp_malformed"), twin=twin,
             question="dhcp-other-port")


def states() -> None:
    book.add("stranger/asks-twice", out(new, asks(new), "drop unknown_device"), out(new, asks(new), "pass dhcp"))
    book.add("stranger/asks6-twice", out(new, asks6(new), "drop unknown_device"), out(new, asks6(new), "pass dhcp"))
    book.add("quarantine/client", quarantine(cam), out(cam, asks(cam), "pass dhcp"), into(cam, offers(gw, cam), "pass dhcp"), release(cam))
    book.add("quarantine/server", quarantine(cam), out(cam, offers(cam, hub), "drop rogue_dhcp"), release(cam), twin="dhcp/quarantine/client")
    book.add("quarantine/foreign-chaddr", quarantine(cam), out(cam, asks(cam, chaddr=hub.mac), "drop dhcp_malformed|quarantine"), release(cam),
             twin="dhcp/quarantine/client")
    book.add("unauthenticated/dot1x", deauth(wired), out(wired, asks(wired), "drop unauthenticated"),
             into(wired, offers(gw, wired), "drop unauthenticated"),
             auth(wired), twin="dhcp/unauthenticated/dot1x-done")
    book.add("unauthenticated/dot1x-done", out(wired, asks(wired), "pass dhcp"), into(wired, offers(gw, wired), "pass dhcp"))
    book.add("port/wrong", out(cam, asks(cam), "drop wrong_port", port="p2"), twin="dhcp/client/discover")


clients()
servers()
clients6()
states()
