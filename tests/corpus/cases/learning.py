# SPDX-License-Identifier: Apache-2.0
"""Addresses that DHCP, DAD and probes teach a device, and whose they must never be."""

from wire.dhcp import ACK, NAK, OFFER, RELEASE, REQUEST, dhcp4, option
from wire.link import BROADCAST
from wire.neighbours import NS, REQUEST as ARP_REQUEST
from wire.neighbours import arp, link_option, neighbour, solicited_node
from wire.transport import tcp, udp
from world.lab import GW_LL, bare, cam, cloud, gw, hub, leased
from world.model import Host, link_local

from .book import Book, Frame
from .say import arp_frame, into, out, packet, to_group, wait

book = Book("learning")
LEASE, SECOND_LEASE = "192.168.1.150", "192.168.1.151"
FORMED = "fd00::a:1"
LATER = "learning"


def leases(address: str, who: Host = leased, kind: int = ACK, seconds: int = 600, expect: str = "pass dhcp") -> Frame:
    message = dhcp4(kind, who.mac, op=2, yiaddr=address, more=option(51, seconds.to_bytes(4, "big")), sport=67, dport=68)
    return into(who, to_group(gw, "255.255.255.255", message, dst_mac=who.mac), expect)


def asks(who: Host = leased) -> Frame:
    return out(who, to_group(who, "255.255.255.255", dhcp4(REQUEST, who.mac), src_ip="0.0.0.0"), "pass dhcp")


def speaks(address: str, expect: str, who: Host = leased, flags: str = "S") -> Frame:
    return out(who, packet(who, cloud, 6 if ":" in address else 4, tcp(flags=flags), src_ip=address), expect)


def dad(address: str, expect: str, who: Host = leased) -> Frame:
    return out(who, to_group(who, solicited_node(address), neighbour(NS, address), src_ip="::", hops=255), expect)


def probe(address: str, expect: str, who: Host = leased) -> Frame:
    return out(who, arp_frame(who.mac, BROADCAST, arp(ARP_REQUEST, who.mac, "0.0.0.0", address)), expect)


def dhcp() -> None:
    twin = book.add("dhcp/leased", asks(), leases(LEASE), speaks(LEASE, "pass rule"), awaits=LATER)
    answered = into(leased, packet(cloud, leased, 4, tcp(443, 40000, "SA"), dst_ip=LEASE), "pass established", "eth0")
    whole = book.add("dhcp/answered", leases(LEASE), speaks(LEASE, "pass rule"), answered, speaks(LEASE, "pass established", flags="A"), awaits=LATER)
    book.add("dhcp/asked-for", leases(LEASE), out(leased, arp_frame(leased.mac, BROADCAST, arp(ARP_REQUEST, leased.mac, LEASE, gw.v4)), "pass arp"),
             awaits=LATER)
    book.add("dhcp/found-by-gateway", leases(LEASE), into(leased, arp_frame(gw.mac, BROADCAST, arp(ARP_REQUEST, gw.mac, gw.v4, LEASE)), "pass arp"))
    book.add("dhcp/none-yet", speaks(LEASE, "drop bad_source"), twin=twin)
    book.add("dhcp/offer-teaches-nothing", leases(LEASE, kind=OFFER), speaks(LEASE, "drop bad_source"), twin=twin)
    book.add("dhcp/nak-teaches-nothing", leases(LEASE, kind=NAK), speaks(LEASE, "drop bad_source"), twin=twin)
    book.add("dhcp/another-address", leases(LEASE), speaks(SECOND_LEASE, "drop bad_source"), twin=twin)
    book.add("dhcp/near-its-end", leases(LEASE), wait("590s"), speaks(LEASE, "pass rule"), awaits=LATER)
    book.add("dhcp/over", leases(LEASE), wait("601s"), speaks(LEASE, "drop bad_source"), twin="learning/dhcp/near-its-end")
    book.add("dhcp/over-with-flow", leases(LEASE), speaks(LEASE, "pass rule"), answered, wait("601s"),
             speaks(LEASE, "drop bad_source|cut", flags="A"),
             into(leased, packet(cloud, leased, 4, tcp(443, 40000, "A"), dst_ip=LEASE), "drop bad_destination|cut|no_flow", "eth0"), twin=whole,
             awaits=LATER)
    book.add("dhcp/renewed", leases(LEASE), wait("500s"), leases(LEASE), wait("500s"), speaks(LEASE, "pass rule"), awaits=LATER)
    released = out(leased, packet(leased, gw, 4, dhcp4(RELEASE, leased.mac, ciaddr=LEASE), src_ip=LEASE), "pass dhcp")
    book.add("dhcp/released", leases(LEASE), released, speaks(LEASE, "drop bad_source"), twin=twin, awaits=LATER)
    book.add("dhcp/address-of-device", leases(hub.v4), speaks(hub.v4, "drop spoofed_source"), twin=twin)
    book.add("dhcp/address-of-gateway", leases(gw.v4), speaks(gw.v4, "drop spoofed_source"), twin=twin)
    book.add("dhcp/segment-without", leases(LEASE, bare), speaks(LEASE, "drop bad_source", bare), twin=twin, question="addresses-default")
    book.add("dhcp/beside-listed", leases(LEASE, cam), speaks(LEASE, "drop bad_source", cam), twin=twin, question="addresses-default")
    book.add("dhcp/stolen-lease", leases(LEASE), out(cam, packet(cam, cloud, 4, tcp(), src_ip=LEASE), "drop spoofed_source"), twin=twin, awaits=LATER)
    book.add("dhcp/uplink-as-leased", leases(LEASE), into(cam, packet(cloud, cam, 4, udp(9, 7000), src_ip=LEASE), "drop uplink_spoof", "eth0"),
             twin="identity/in4/own", awaits=LATER)
    rogue = dhcp4(ACK, leased.mac, op=2, yiaddr=LEASE, more=option(51, bytes(3) + b"\xff"), sport=67, dport=68)
    book.add("dhcp/rogue-teaches-nothing", out(cam, to_group(cam, "255.255.255.255", rogue), "drop rogue_dhcp"), speaks(LEASE, "drop bad_source"),
             twin=twin)


def slaac() -> None:
    twin = book.add("slaac/formed", dad(FORMED, "pass nd"), speaks(FORMED, "pass rule"), awaits=LATER)
    many = [f"fd00::b:{number:x}" for number in range(17)]
    book.add("slaac/sixteen", *(dad(address, "pass nd") for address in many[:16]), speaks(many[15], "pass rule"), awaits=LATER)
    book.add("slaac/seventeen", *(dad(address, "pass nd") for address in many[:16]), dad(many[16], "drop nd_target"),
             speaks(many[16], "drop bad_source"),
             twin="learning/slaac/sixteen", awaits=LATER)
    book.add("slaac/without-dad", speaks(FORMED, "drop bad_source"), twin=twin)
    book.add("slaac/other-prefix", dad("fd77::1", "drop nd_target"), speaks("fd77::1", "drop bad_source"), twin=twin)
    book.add("slaac/of-device", dad(hub.v6, "drop nd_spoof"), speaks(hub.v6, "drop spoofed_source"), twin=twin)
    book.add("slaac/segment-without", dad(FORMED, "drop nd_target", bare), speaks(FORMED, "drop bad_source", bare), twin=twin,
             question="addresses-default")
    asks_gateway = to_group(leased, solicited_node(GW_LL), neighbour(NS, GW_LL, link_option(1, leased.mac)), src_ip=FORMED, hops=255)
    book.add("slaac/asks-gateway", dad(FORMED, "pass nd"), out(leased, asks_gateway, "pass nd"), awaits=LATER)
    other = link_local("02:00:00:00:00:55")
    book.add("link-local/any-segment", dad(other, "pass nd", bare),
             out(bare, to_group(bare, solicited_node(GW_LL), neighbour(NS, GW_LL), src_ip=other, hops=255),
                                                                    "pass nd"), awaits=LATER)


def link_local4() -> None:
    mine, peers = "169.254.7.7", "169.254.7.8"
    twin = book.add("link-local4/probed", probe(mine, "pass arp"), out(leased, packet(leased, cam, 4, udp(6, 9), src_ip=mine), "pass rule"),
                    awaits=LATER,
                    question="link-local4")
    book.add("link-local4/not-probed", out(leased, packet(leased, cam, 4, udp(6, 9), src_ip=mine), "drop bad_source|ip_martian"), twin=twin)
    book.add("link-local4/segment-without", probe(mine, "drop arp_target", bare),
             out(bare, packet(bare, cloud, 4, tcp(), src_ip=mine), "drop bad_source|ip_martian"),
             twin=twin)
    book.add("link-local4/beyond", probe(mine, "pass arp"), out(leased, packet(leased, cloud, 4, tcp(), src_ip=mine), "drop ip_martian"), twin=twin,
             awaits=LATER,
             question="link-local4")
    book.add("link-local4/to-nobody", out(leased, packet(leased, gw, 4, udp(6, 9), dst_ip=peers, src_ip=mine), "drop bad_source|ip_martian"),
             twin=twin)


dhcp()
slaac()
link_local4()
