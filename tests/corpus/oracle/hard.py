# SPDX-License-Identifier: Apache-2.0
"""What is dropped in audit too, looked for before anything that only finds a frame malformed."""

import ipaddress

from world.model import Device

from .dhcp import is_server_message
from .link import ARP, IPV4, IPV6, Link, mac_text
from .nd import NA, NS, RA, REDIRECT, link_addresses
from .packet import ICMP6, Packet, parse_packet
from .state import State
from .verdict import Finding

UNSPECIFIED = {ipaddress.ip_address("0.0.0.0"), ipaddress.ip_address("::")}


def arp_claim(state: State, device: Device | None, link: Link, reason: str) -> None:
    """Of what hosts take for ARP, also with the hardware type of 802 networks: MAC and address of its sender."""
    body = link.payload
    if len(body) < 28 or body[2:6] != b"\x08\0\x06\x04" or body[6:8] not in (b"\0\x01", b"\0\x02"):
        return
    sender = ipaddress.IPv4Address(body[14:18])
    if foreign(state, device, sender):
        raise Finding(reason)
    claimed = mac_text(body[8:14])
    if claimed != link.src and (reason == "arp_spoof" or claimed == state.world.gateway_mac or state.with_mac(claimed)):
        raise Finding(reason)


def foreign(state: State, device: Device | None, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether it belongs to the gateway or to another device."""
    if address in UNSPECIFIED:
        return False
    owner = state.owner(address)
    return state.is_own(address) or (owner is not None and (device is None or owner.name != device.name))


def serves_routes(device: Device | None, kind: int, body: bytes) -> bool:
    """`ra` may advertise what it likes, `ra-routes` everything but a default route."""
    if device is None or kind != RA:
        return False
    return "ra" in device.serves or ("ra-routes" in device.serves and body[6:8] == b"\0\0")


def nd_claim(state: State, device: Device | None, link: Link, packet: Packet) -> None:
    body = packet.payload
    kind = body[0] if body else 0
    if kind in (RA, REDIRECT) and not serves_routes(device, kind, body):
        raise Finding("rogue_ra")
    if kind in (NS, NA) and len(body) >= 24:
        target = ipaddress.IPv6Address(body[8:24])
        probing = packet.src in UNSPECIFIED and kind == NS
        if (kind == NA or probing) and foreign(state, device, target):
            raise Finding("nd_spoof")
    if any(mac != link.src for mac in link_addresses(body)):
        raise Finding("nd_spoof")


def packet_claims(state: State, device: Device | None, link: Link, packet: Packet) -> None:
    if foreign(state, device, packet.src) and packet.readable:
        raise Finding("spoofed_source")
    if packet.later_fragment or "ip_malformed" in packet.faults:
        return
    if packet.version == 6 and packet.proto == ICMP6:
        nd_claim(state, device, link, packet)
    if is_server_message(packet) and not (device and "dhcp" in device.serves):
        raise Finding("rogue_dhcp")


def look_for_claims(state: State, device: Device | None, link: Link) -> None:
    """Of a frame from a device, or from nobody known."""
    if link.ethertype == ARP:
        arp_claim(state, device, link, "arp_spoof")
    if link.ethertype in (IPV4, IPV6):
        packet = parse_packet(link.ethertype, link.payload)
        if packet:
            packet_claims(state, device, link, packet)
