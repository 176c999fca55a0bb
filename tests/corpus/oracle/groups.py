# SPDX-License-Identifier: Apache-2.0
"""Groups and broadcast: what `mcast:` and `bcast` rules open, and reports of their groups."""

import ipaddress

from world.model import Device

from . import nd
from .link import Link, is_group
from .packet import Address, ICMP6, Packet, first_fault
from .policy import is_peer, is_service
from .state import State
from .transport import Transport, UDP, parse_transport
from .verdict import Finding, passes

GROUPS = {"mdns": ("224.0.0.251", "ff02::fb"), "ssdp": ("239.255.255.250", "ff02::c"), "wsd": ("239.255.255.250", "ff02::c"),
          "coap": ("224.0.1.187", "ff02::fd")}
IGMP = 2
REPORTS4 = (0x12, 0x16, 0x17)
ANSWER_SECONDS = 7


def is_broadcast(state: State, address: Address) -> bool:
    return str(address) == "255.255.255.255" or any(net.version == 4 and address == net.broadcast_address for net in state.link_nets)


def names_target(state: State, word: str, address: Address) -> bool:
    kind, _, name = word.partition(":")
    if word == "bcast":
        return is_broadcast(state, address)
    return kind == "mcast" and address in map(ipaddress.ip_address, GROUPS.get(name, (name,)))


def rule_opens(state: State, device: Device, packet: Packet, l4: Transport | None) -> bool:
    me = state.end_of_device(device, packet.src)
    return any(rule.allow and names_target(state, rule.target, packet.dst) and is_peer(state.world, me, rule.source)
               and (l4 is None or any(is_service(l4, word) for word in rule.allow)) for rule in state.world.rules)


def names_group(state: State, device: Device, source: Address, group: Address) -> bool:
    me = state.end_of_device(device, source)
    return any(rule.allow and names_target(state, rule.target, group) and is_peer(state.world, me, rule.source) for rule in state.world.rules)


def judge_igmp(state: State, device: Device, link: Link, packet: Packet) -> None:
    """A report with TTL 1 and at most the router alert, for a group that a rule names."""
    body = packet.payload
    if packet.options not in (b"", b"\x94\x04\0\0") or packet.hops != 1 or len(body) < 8 or body[0] not in REPORTS4:
        raise Finding("multicast")
    if packet.faults or packet.fragment or not is_group(link.dst):
        raise Finding("multicast")
    if not names_group(state, device, packet.src, ipaddress.IPv4Address(body[4:8])):
        raise Finding("multicast")
    raise passes("mld")


def judge_mld(state: State, device: Device, link: Link, packet: Packet) -> None:
    """Its own solicited-node groups, and those that a rule names."""
    if packet.faults or not link.dst.startswith("33:33:") or not nd.is_report(packet):
        raise Finding("multicast")
    groups = nd.reported_groups(packet.payload)
    if not groups or not all(group in nd.SOLICITED_NODES or names_group(state, device, packet.src, group) for group in groups):
        raise Finding("multicast")
    raise passes("mld")


def judge_group(state: State, device: Device, link: Link, packet: Packet) -> None:
    """A packet to a group or to everybody that no guard let through."""
    from_nowhere = packet.version == 6 and packet.src.is_unspecified and packet.proto == ICMP6
    if packet.src not in state.addresses(device) and not from_nowhere:
        raise Finding("bad_source")
    if device.name in state.quarantined:
        raise Finding("quarantine")
    if packet.proto == IGMP:
        judge_igmp(state, device, link, packet)
    if packet.proto == ICMP6 and packet.payload[:1] and packet.payload[0] in nd.MLD:
        judge_mld(state, device, link, packet)
    l4 = parse_transport(packet)
    if first_fault(packet) or not is_group(link.dst) or isinstance(l4, str):
        raise Finding("multicast")
    if not rule_opens(state, device, packet, l4):
        raise Finding("multicast")
    if l4.proto == UDP:
        state.asked[packet.src, l4.sport, l4.dport] = state.now
    raise passes("rule")


def answers_group(state: State, packet: Packet, l4: Transport) -> bool:
    """A unicast reply to a query that a rule let go, for a few seconds."""
    asked = state.asked.get((packet.dst, l4.dport, l4.sport))
    return l4.proto == UDP and asked is not None and state.now - asked <= ANSWER_SECONDS
