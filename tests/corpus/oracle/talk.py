# SPDX-License-Identifier: Apache-2.0
"""Conversations: what belongs to one, what begins one, errors about one."""

import ipaddress
from dataclasses import dataclass

from .flows import CLOSING, Flow, Flows, begins, goes_on
from .link import number
from .packet import Packet
from .policy import DEVICE, End, decide
from .state import State
from .transport import ACK, ERRORS, FIN, ICMP4, ICMP6, QUERIES, RST, SCTP, SYN, TCP, Transport, UDP
from .verdict import Finding, passes


@dataclass(frozen=True)
class Road:
    """Where a packet of a conversation is met."""
    port: str
    proved: bool = True  # False: towards a device, from a device whose own port must have let it begin


def not_allowed(state: State, src: End, dst: End, reason: str, mode: str) -> Finding:
    owes = any(end.device in state.owing for end in (src, dst))
    return Finding("unauthenticated" if owes else reason, mode=mode)


def check_quarantine(state: State, src: End, dst: End) -> None:
    if {src.device, dst.device} & state.quarantined:
        raise Finding("quarantine")


def ends_now(state: State, flow: Flow) -> tuple[End, End]:
    """What the ends are today: policy, proof and addresses may have changed since it began."""
    return state.end(flow.initiator[0]), state.end(flow.responder[0])


def check_flow(state: State, flow: Flow, road: Road) -> Finding:
    """What a packet of it meets that fits its state."""
    src, dst = ends_now(state, flow)
    if {src.device, dst.device} & state.quarantined:
        state.flows.items.remove(flow)  # policy.md 13: it is cut; after the release UDP begins again by itself
        raise Finding("quarantine")
    mode = state.stricter([src.device, dst.device], road.port)
    decision = decide(state.world, src, dst, flow.l4)
    if decision.allowed:
        return Finding("deny_rule", audited=True) if decision.audited else passes("established")
    if flow.audited:
        return Finding(decision.reason, mode=mode)
    state.flows.items.remove(flow)
    raise not_allowed(state, src, dst, "cut", mode)


def begin(state: State, src: End, dst: End, l4: Transport, packet: Packet, road: Road) -> None:
    check_quarantine(state, src, dst)
    mode = state.stricter([src.device, dst.device], road.port)
    if not road.proved or not begins(l4):
        raise Finding("no_flow", mode=mode)
    flow = Flow(l4.proto, (packet.src, l4.sport), (packet.dst, l4.dport), src, dst, l4, last=state.now)
    decision = decide(state.world, src, dst, l4)
    if not decision.allowed:
        flow.audited = mode == "audit"
        if flow.audited:
            state.flows.items.append(flow)
        raise not_allowed(state, src, dst, decision.reason, mode)
    others = state.flows.without({flow.initiator, flow.responder}, TCP) if l4.proto == TCP else state.flows
    check_quota(state, others, src, dst, mode)
    state.flows = Flows([*others.items, flow])  # of one TCP conversation there is one, the last that began
    raise Finding("deny_rule", audited=True) if decision.audited else passes("rule")


def check_quota(state: State, flows: Flows, src: End, dst: End, mode: str) -> None:
    device = state.named(src.device or dst.device or "")
    limit = state.flow_limit(device) if device else None
    if device is None or limit is None:
        return
    count = flows.begun_by(device.name) if src.device else flows.begun_towards(device.name)
    if count >= limit:
        raise Finding("flow_quota", mode=mode)


def judge_query(state: State, src: End, dst: End, l4: Transport, packet: Packet, road: Road) -> None:
    """ICMP requests begin, replies answer; nothing else of ICMP is a conversation."""
    is_request, request = QUERIES[packet.version][l4.kind]
    met = state.flows.find_query(l4.proto, (packet.src, l4.sport), (packet.dst, l4.dport), request, is_request)
    if met:
        follow(state, met[0], l4, is_request, road)
    if not is_request:
        check_quarantine(state, src, dst)
        raise Finding("icmp_unrelated")
    begin(state, src, dst, l4, packet, road)


def follow(state: State, flow: Flow, l4: Transport, by_initiator: bool, road: Road) -> None:
    finding = check_flow(state, flow, road)
    if not goes_on(flow, l4, by_initiator):
        raise Finding("tcp_state", mode=finding.mode)
    flow.last = state.now
    raise finding


def quoted_sides(version: int, quoted: bytes) -> tuple[int, tuple, tuple] | None:
    """Protocol and sides of the packet that an error quotes: its IP header without more, and eight bytes."""
    size = 20 if version == 4 else 40
    if len(quoted) < size + 8 or quoted[0] >> 4 != version:
        return None
    if version == 4 and (quoted[0] & 15 != 5 or number(quoted, 6, 2) & 0x3FFF):
        return None
    proto = quoted[9] if version == 4 else quoted[6]
    at = 12 if version == 4 else 8
    width = 4 if version == 4 else 16
    src, dst = (ipaddress.ip_address(quoted[begin:begin + width]) for begin in (at, at + width))
    head = quoted[size:size + 8]
    if proto in (TCP, UDP, SCTP):
        return proto, (src, number(head, 0, 2)), (dst, number(head, 2, 2))
    if proto in (ICMP4, ICMP6):
        ident = number(head, 4, 2)
        return (proto, (src, ident), (dst, ident)) if head[0] in QUERIES[version] else None
    return proto, (src, 0), (dst, 0)


def query_of_quoted(version: int, quoted: bytes) -> tuple[int, bool] | None:
    """The request that a quoted query belongs to, and whether it is that."""
    size = 20 if version == 4 else 40
    if (quoted[9] if version == 4 else quoted[6]) not in (ICMP4, ICMP6):
        return None
    is_request, request = QUERIES[version][quoted[size]]
    return request, is_request


def judge_error(state: State, src: End, dst: End, l4: Transport, packet: Packet, road: Road) -> None:
    """About a packet that its receiver sent in a live flow of this device."""
    check_quarantine(state, src, dst)
    sides = quoted_sides(packet.version, l4.quoted)
    query = query_of_quoted(packet.version, l4.quoted) if sides else None
    met = None
    if sides and sides[1][0] == packet.dst:
        met = state.flows.find_query(*sides, *query) if query else state.flows.find(*sides)
    sent_by_device = road.proved and src.kind == DEVICE
    if met is None or (sent_by_device and sides and sides[2][0] != packet.src):
        raise Finding("icmp_unrelated")
    finding = check_flow(state, met[0], road)
    raise passes("related") if finding.passes else finding


def judge_conversation(state: State, src: End, dst: End, l4: Transport, packet: Packet, road: Road) -> None:
    state.flows.sweep(state.now)
    if l4.is_icmp:
        if l4.kind in ERRORS[packet.version]:
            judge_error(state, src, dst, l4, packet, road)
        if l4.kind not in QUERIES[packet.version]:
            check_quarantine(state, src, dst)
            raise Finding("icmp_unrelated")
        judge_query(state, src, dst, l4, packet, road)
    met = state.flows.find(l4.proto, (packet.src, l4.sport), (packet.dst, l4.dport))
    is_syn = l4.proto == TCP and l4.flags & (SYN | ACK | FIN | RST) == SYN
    begins_anew = met is not None and is_syn and (not met[1] or met[0].state == CLOSING)
    if met and not begins_anew:
        follow(state, met[0], l4, met[1], road)
    begin(state, src, dst, l4, packet, road)
