# SPDX-License-Identifier: Apache-2.0
"""A frame from a device, step by step in the order of the specification."""

import ipaddress

from world.model import Device

from . import dhcp, learn, nd
from .arp import judge_arp
from .eapol import is_eapol
from .groups import answers_group, is_broadcast, judge_group
from .hard import look_for_claims
from .link import ARP, BROADCAST, EAPOL, IPV4, IPV6, LEAST_TYPE, Link, PAE_GROUP, is_group, parse_link
from .packet import ICMP6, Packet, first_fault, parse_packet
from .policy import DEVICE, End, GATEWAY, is_peer, may_talk
from .state import State
from .talk import Road, judge_conversation
from .transport import parse_transport
from .verdict import Finding, passes


def vlan_of(state: State, link: Link, port: str) -> int | None:
    """The VLAN that the frame says, where the port lets it say one."""
    if not link.tags:
        return None
    tag = link.tags[0]
    if tag.service or len(link.tags) > 1:
        raise Finding("vlan")
    if tag.vid == 0:
        if state.ports[port].priority_tag:
            return None
        raise Finding("vlan")
    return tag.vid


def find_device(state: State, link: Link, port: str) -> Device:
    """A registered MAC on another port is a theft whatever else the frame is; so it is asked before the tag."""
    registered = state.with_mac(link.src)
    if link.src == state.world.gateway_mac or (registered and not any(state.is_at(each, port) for each in registered)):
        raise Finding("wrong_port")
    try:
        vlan = vlan_of(state, link, port)
    except Finding:
        look_for_claims(state, next((each for each in registered if state.is_at(each, port)), None), link)
        raise
    device = state.device(link.src, vlan)
    if device:
        if not state.is_at(device, port):
            raise Finding("wrong_port")
        return device
    permitted = state.ports[port].vlans
    odd_tag = registered or (vlan is not None and permitted and vlan not in permitted)
    if not registered and not odd_tag:
        state.meet(link.src, vlan, port)
    look_for_claims(state, registered[0] if registered else state.device(link.src, vlan), link)
    raise Finding("vlan" if odd_tag else "unknown_device")


def check_destination_mac(state: State, link: Link, packet: Packet) -> None:
    """Unicast goes to the gateway or to the device that owns the address."""
    owner = state.owner(packet.dst)
    on_link = packet.version == 6 and packet.dst.is_link_local and not state.is_own(packet.dst)
    if (link.dst == state.world.gateway_mac and not on_link) or (owner is not None and owner.mac == link.dst):
        return
    if packet.src == packet.dst and owner:
        return  # to itself: said below
    raise Finding("multicast" if is_group(link.dst) else "dest_mac")


def check_source(state: State, device: Device, packet: Packet) -> None:
    if packet.src not in state.addresses(device):
        raise Finding("bad_source")


def judge_dhcp(state: State, device: Device, link: Link, packet: Packet) -> None:
    """A client's message; to a server elsewhere it is a conversation like any other."""
    everybody = str(packet.dst) in ("255.255.255.255", dhcp.SERVERS6)
    if not everybody and (state.end(packet.dst).kind != GATEWAY or link.dst != state.world.gateway_mac):
        return
    if first_fault(packet):
        return
    if everybody and link.dst not in (state.world.gateway_mac, BROADCAST) and not (packet.version == 6 and link.dst.startswith("33:33:")):
        raise Finding("dest_mac")
    from_nowhere = packet.version == 4 and int(packet.src) == 0 and everybody
    if not from_nowhere:
        check_source(state, device, packet)
    message = packet.payload[8:]
    l4 = parse_transport(packet)
    if isinstance(l4, str):
        raise Finding(l4)
    client = dhcp.CLIENT4 if packet.version == 4 else dhcp.CLIENT6
    if l4.sport != client:
        raise Finding("dhcp_malformed")
    own = {str(address) for address in state.addresses(device)}
    fault = dhcp.client4_fault(message, link.src, own) if packet.version == 4 else dhcp.client6_fault(message)
    if fault:
        raise Finding(fault)
    if packet.version == 4:
        learn.from_release(state, device, message)
    raise passes("dhcp")


def nd_reaches(state: State, device: Device, packet: Packet, target: ipaddress.IPv6Address | None) -> bool:
    """Groups of the link, the gateway, and whoever either may talk with; and so for what is asked for."""
    me = state.end_of_device(device, packet.src)

    def near(address: ipaddress.IPv6Address) -> bool:
        end = state.end(address)
        return end.kind == GATEWAY or end.device == device.name or may_talk(state.world, me, end)
    if packet.dst.is_multicast:
        if (int(packet.dst) >> 112) & 15 != 2:
            return False
    elif not near(packet.dst) or not (packet.dst.is_link_local or any(packet.dst in net for net in state.link_nets)):
        return False
    return target is None or near(target)


def judge_nd(state: State, device: Device, link: Link, packet: Packet) -> None:
    body = packet.payload
    if "ip_malformed" in packet.faults:
        raise Finding("ip_malformed")
    if nd.nd_fault(packet):
        raise Finding("nd_malformed")
    target = ipaddress.IPv6Address(body[8:24]) if body[0] in (nd.NS, nd.NA) else None
    if not packet.src.is_unspecified:
        check_source(state, device, packet)
    if target and body[0] == nd.NA and target not in state.addresses(device):
        raise Finding("nd_spoof")
    if target and packet.src.is_unspecified and learn.from_dad(state, device, target):
        raise passes("nd")
    if packet.src.is_unspecified and target and target not in state.addresses(device):
        raise Finding("nd_target")
    if not nd_reaches(state, device, packet, target):
        raise Finding("nd_target")
    if packet.src == packet.dst:
        raise Finding("ip_self")
    if not packet.dst.is_multicast:
        owner = state.owner(packet.dst)
        if link.dst != (owner.mac if owner else state.world.gateway_mac):
            raise Finding("dest_mac")  # no neighbour is beyond the gateway
    elif link.dst != state.world.gateway_mac and not link.dst.startswith("33:33:"):
        raise Finding("dest_mac")
    raise passes("nd")


def judge_guards(state: State, device: Device, link: Link, packet: Packet) -> None:
    """ND and DHCP; what they leave goes on."""
    kind = packet.payload[0] if packet.payload else 0
    if packet.proto == ICMP6 and kind in nd.ND and not packet.headers:
        judge_nd(state, device, link, packet)
    if dhcp.is_server_message(packet) and not packet.later_fragment and not first_fault(packet):
        raise passes("dhcp") if "dhcp" in device.serves else Finding("rogue_dhcp")
    if dhcp.is_to_servers(packet) and not packet.fragment:
        judge_dhcp(state, device, link, packet)


def judge_packet(state: State, device: Device, link: Link, packet: Packet, port: str) -> None:
    judge_guards(state, device, link, packet)
    if packet.to_many:
        judge_group(state, device, link, packet)
    if is_group(link.dst) and is_broadcast(state, packet.dst):
        judge_group(state, device, link, packet)
    if device.name in state.quarantined:
        raise Finding("quarantine")
    check_destination_mac(state, link, packet)
    if packet.src not in state.addresses(device):
        raise Finding("bad_source")
    fault = first_fault(packet, neighbours=state.owner(packet.dst) is not None)
    if fault:
        raise Finding(fault)
    l4 = parse_transport(packet)
    if isinstance(l4, str):
        raise Finding(l4)
    if answers_group(state, packet, l4):
        raise passes("rule")
    judge_conversation(state, state.end_of_device(device, packet.src), state.end(packet.dst), l4, packet, Road(port))


def judge_ethertype(state: State, device: Device, link: Link) -> None:
    """Rules name ethertypes between the MACs of two parties, either of which may send."""
    word = f"eth/{link.ethertype:#06x}"
    peer = next((each for each in state.devices if each.mac == link.dst), None)
    if peer:
        me, other = (End(DEVICE, ipaddress.ip_address(each.ll), each.name, each.segment) for each in (device, peer))
        for rule in state.world.rules:
            if word in rule.allow and (is_peer(state.world, me, rule.source) and is_peer(state.world, other, rule.target)
                                       or is_peer(state.world, other, rule.source) and is_peer(state.world, me, rule.target)):
                raise passes("rule")
    raise Finding("ethertype")


def judge_link(state: State, device: Device, link: Link) -> None:
    """What is not IP; IP goes on."""
    if link.ethertype < LEAST_TYPE:
        raise Finding("llc")
    if link.ethertype == EAPOL:
        fits = is_eapol(link.payload) and link.dst in (PAE_GROUP, state.world.gateway_mac)
        raise passes("eapol") if fits else Finding("eapol_malformed")
    if state.speaks_eapol_alone(device):
        raise Finding("unauthenticated")
    if link.ethertype == ARP:
        judge_arp(state, device, link)
    if link.ethertype not in (IPV4, IPV6):
        judge_ethertype(state, device, link)


def judge_outward(state: State, port: str, frame: bytes) -> None:
    """Raises what becomes of it."""
    link = parse_link(frame)
    if link is None:
        raise Finding("short_frame")
    if link.broken_source:
        raise Finding("source_mac")
    device = find_device(state, link, port)
    if state.place(device) is None:
        state.places[device.name] = port
    look_for_claims(state, device, link)
    judge_link(state, device, link)
    packet = parse_packet(link.ethertype, link.payload)
    if packet is None:
        raise Finding("ip_malformed")
    judge_packet(state, device, link, packet, port)
