# SPDX-License-Identifier: Apache-2.0
"""A frame on its way to a device. Who speaks is told by the interface that it came in by, not by its MAC."""

import ipaddress
from dataclasses import dataclass

from world.model import Device

from . import dhcp, learn, nd
from .arp import judge_arp_inward
from .eapol import is_eapol
from .hard import arp_claim, foreign
from .link import ARP, EAPOL, IPV4, IPV6, LEAST_TYPE, Link, is_group, parse_link
from .packet import ICMP6, Packet, first_fault, parse_packet
from .policy import End, GATEWAY, may_talk
from .state import State
from .talk import Road, check_quarantine, judge_conversation
from .transport import parse_transport
from .verdict import Finding, passes

IGMP_QUERY = 0x11


@dataclass(frozen=True)
class Way:
    """Where a frame came in and where it goes."""
    port: str
    in_port: str | None      # None: the gateway made it
    receiver: Device | None  # None: it is for a group
    speaker: Device | None   # the device that sent it, by its port

    def is_from_gateway(self) -> bool:
        return self.in_port is None


def find_receiver(state: State, link: Link, port: str) -> Device | None:
    if len(link.tags) > 1 or any(tag.service for tag in link.tags):
        raise Finding("vlan")
    vlan = link.tags[0].vid if link.tags else None
    if is_group(link.dst):
        if vlan is not None and not any(each.vlan == vlan and state.is_at(each, port) for each in state.devices):
            raise Finding("vlan")
        return None
    device = state.device(link.dst, vlan)
    if device is None:
        raise Finding("vlan" if state.with_mac(link.dst) else "unknown_device")
    if not state.is_at(device, port):
        raise Finding("not_here")
    return device


def find_speaker(state: State, link: Link, in_port: str | None) -> Device | None:
    """Of a frame that a device port took in."""
    if in_port is None or in_port not in state.ports:
        return None
    speaker = next((each for each in state.devices if each.mac == link.src and state.is_at(each, in_port)), None)
    if speaker is None:
        raise Finding("spoofed_source")
    return speaker


def check_claims(state: State, way: Way, link: Link, packet: Packet | None) -> None:
    """What is dropped in audit too."""
    uplink = way.in_port in state.world.uplinks
    if link.ethertype == ARP and way.is_from_gateway() and state.owner(ipaddress.IPv4Address(link.payload[14:18].ljust(4, b"\0"))):
        raise Finding("spoofed_source")
    if link.ethertype == ARP and (uplink or way.speaker):
        arp_claim(state, way.speaker, link, "uplink_spoof" if uplink else "arp_spoof")
    if packet is None:
        return
    if (uplink or way.speaker) and packet.readable and foreign(state, way.speaker, packet.src):
        raise Finding("uplink_spoof" if uplink else "spoofed_source")
    if way.is_from_gateway() and state.owner(packet.src):
        raise Finding("spoofed_source")
    if way.in_port in state.world.bridges and not state.owner(packet.src) and not state.is_own(packet.src):
        raise Finding("spoofed_source")  # by way of the bridge come only devices
    if way.in_port in state.world.bridges and state.is_own(packet.src):
        raise Finding("default_deny")  # and what the gateway masquerades, which no class stands for yet
    body = packet.payload
    if packet.version == 6 and packet.proto == ICMP6 and body and not packet.later_fragment:
        check_nd_claims(state, way, packet, body, uplink)
    if dhcp.is_server_message(packet) and not way.is_from_gateway() and not (way.speaker and "dhcp" in way.speaker.serves):
        raise Finding("rogue_dhcp")


def check_nd_claims(state: State, way: Way, packet: Packet, body: bytes, uplink: bool) -> None:
    if body[0] == nd.REDIRECT or (body[0] == nd.RA and not way.is_from_gateway()):
        raise Finding("rogue_ra")
    if body[0] == nd.NA and len(body) >= 24 and (uplink or way.speaker) and foreign(state, way.speaker, ipaddress.IPv6Address(body[8:24])):
        raise Finding("uplink_spoof" if uplink else "nd_spoof")


def speaker_end(state: State, way: Way, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> End | None:
    if way.speaker:
        return state.end_of_device(way.speaker, address)
    return None if way.in_port else End(GATEWAY, address)


def judge_nd_inward(state: State, way: Way, packet: Packet) -> None:
    if "ip_malformed" in packet.faults or "ip_martian" in packet.faults:
        raise Finding(first_fault(packet) or "")
    if nd.nd_fault(packet):
        raise Finding("nd_malformed")
    body = packet.payload
    speaker = speaker_end(state, way, packet.src)
    if speaker is None:
        raise Finding("nd_target")
    about = ipaddress.IPv6Address(body[8:24]) if body[0] == nd.NS else packet.dst
    if about.is_multicast:
        if speaker.kind == GATEWAY:
            raise passes("nd")
        raise Finding("multicast")
    owner = state.owner(about)
    if not packet.dst.is_multicast and state.owner(packet.dst) != owner:
        raise Finding("bad_destination")
    if speaker.kind == GATEWAY and way.receiver is None:
        raise passes("nd")  # it asks everybody
    if owner is None or not state.is_at(owner, way.port) or (way.receiver and owner.name != way.receiver.name):
        raise Finding("bad_destination" if way.receiver else "not_here")
    if speaker.kind != GATEWAY and not may_talk(state.world, speaker, state.end(about)):
        raise Finding("nd_target")
    raise passes("nd")


def judge_dhcp_inward(state: State, way: Way, packet: Packet) -> None:
    """An answer for the MAC of a device of this port."""
    message = packet.payload[8:]
    if first_fault(packet) or isinstance(parse_transport(packet), str):
        return
    if packet.version == 6:
        raise passes("dhcp")
    mac = message[28:34].hex(":")
    client = next((each for each in state.devices if each.mac == mac and state.is_at(each, way.port)), None)
    if len(message) < 240 or message[0] != 2 or client is None or (way.receiver and way.receiver.name != client.name):
        raise Finding("dhcp_malformed" if way.receiver else "not_here")
    learn.from_lease(state, client, message)
    raise passes("dhcp")


def judge_group_inward(way: Way, packet: Packet) -> None:
    """Queries of the gateway; nothing else without a rule."""
    if way.is_from_gateway() and packet.version == 6 and packet.proto == ICMP6 and nd.is_query(packet):
        raise passes("mld")
    alert_or_none = packet.options in (b"", b"\x94\x04\0\0")
    if way.is_from_gateway() and packet.proto == 2 and alert_or_none and packet.hops == 1 and packet.payload[:1] == bytes([IGMP_QUERY]):
        raise passes("mld")
    raise Finding("multicast")


def judge_guards_inward(state: State, way: Way, packet: Packet) -> None:
    if packet.proto == ICMP6 and packet.version == 6 and packet.payload and packet.payload[0] in nd.ND and not packet.headers:
        judge_nd_inward(state, way, packet)
    if dhcp.is_answer(packet):
        judge_dhcp_inward(state, way, packet)
    if packet.to_many or way.receiver is None:
        judge_group_inward(way, packet)


def judge_packet_inward(state: State, way: Way, packet: Packet) -> None:
    judge_guards_inward(state, way, packet)
    receiver = way.receiver
    assert receiver
    me = state.end_of_device(receiver, packet.dst)
    check_quarantine(state, state.end(packet.src), me)
    fault = first_fault(packet, neighbours=state.owner(packet.src) is not None)
    if fault:
        raise Finding(fault)
    if packet.dst not in state.addresses(receiver):
        raise Finding("bad_destination")
    l4 = parse_transport(packet)
    if isinstance(l4, str):
        raise Finding(l4)
    proved = way.is_from_gateway() or way.in_port in state.world.uplinks
    judge_conversation(state, state.end(packet.src), me, l4, packet, Road(way.port, proved))


def waits_for_proof(state: State, way: Way) -> bool:
    """Whether all that it can reach here may hear EAPOL alone."""
    if way.receiver:
        return state.speaks_eapol_alone(way.receiver)
    here = [each for each in state.devices if state.place(each) == way.port]
    return bool(here) and all(state.speaks_eapol_alone(each) for each in here)


def judge_inward(state: State, port: str, in_port: str | None, frame: bytes) -> None:
    """Raises what becomes of it."""
    link = parse_link(frame)
    if link is None:
        raise Finding("short_frame")
    if link.broken_source:
        raise Finding("source_mac")
    packet = parse_packet(link.ethertype, link.payload) if link.ethertype in (IPV4, IPV6) else None
    speaker = find_speaker(state, link, in_port)
    check_claims(state, Way(port, in_port, None, speaker), link, packet)
    if link.ethertype < LEAST_TYPE:
        raise Finding("llc")
    way = Way(port, in_port, find_receiver(state, link, port), speaker)
    if link.ethertype == EAPOL:
        raise passes("eapol") if way.is_from_gateway() and is_eapol(link.payload) else Finding("eapol_malformed")
    if waits_for_proof(state, way):
        raise Finding("unauthenticated")
    if link.ethertype == ARP:
        judge_arp_inward(state, speaker_end(state, way, ipaddress.IPv4Address(0)), way.receiver, port, link)
    if link.ethertype not in (IPV4, IPV6):
        raise Finding("ethertype")
    if packet is None:
        raise Finding("ip_malformed")
    judge_packet_inward(state, way, packet)
