# SPDX-License-Identifier: Apache-2.0
"""Live conversations: by whom they were begun, how far they are, when they are over."""

from dataclasses import dataclass, field

from .packet import Address
from .policy import End
from .transport import ACK, FIN, ICMP4, ICMP6, RST, SYN, TCP, Transport

NEW, ANSWERED, CLOSING = "new", "answered", "closing"
Side = tuple[Address, int]


@dataclass
class Flow:
    proto: int
    initiator: Side
    responder: Side
    src: End
    dst: End
    l4: Transport       # of the packet that began it
    state: str = NEW
    last: float = 0.0
    audited: bool = False  # let in only because somebody audits
    answered: bool = False  # TCP: by SYN and ACK
    ends: bool = False      # TCP: a FIN was seen

    @property
    def idle_seconds(self) -> float:
        if self.proto == TCP:
            return {NEW: 30, ANSWERED: 2 * 3600 + 240, CLOSING: 240}[self.state]
        if self.proto in (ICMP4, ICMP6):
            return 60
        return 30 if self.state == NEW else 180


@dataclass
class Flows:
    items: list[Flow] = field(default_factory=list)

    def sweep(self, now: float) -> None:
        self.items = [flow for flow in self.items if now - flow.last <= flow.idle_seconds]

    def find(self, proto: int, src: Side, dst: Side) -> tuple[Flow, bool] | None:
        """The flow, and whether this packet is the initiator's."""
        for flow in self.items:
            if flow.proto == proto and (flow.initiator, flow.responder) == (src, dst):
                return flow, True
            if flow.proto == proto and (flow.initiator, flow.responder) == (dst, src):
                return flow, False
        return None

    def find_query(self, proto: int, src: Side, dst: Side, request: int, is_request: bool) -> tuple[Flow, bool] | None:
        """As find(); both ends may ask each other under one number."""
        begun = (src, dst) if is_request else (dst, src)
        flows = (flow for flow in self.items if flow.proto == proto and (flow.initiator, flow.responder) == begun and flow.l4.kind == request)
        return next(((flow, is_request) for flow in flows), None)

    def without(self, sides: set[Side], proto: int) -> "Flows":
        return Flows([flow for flow in self.items if flow.proto != proto or {flow.initiator, flow.responder} != sides])

    def begun_by(self, device: str) -> int:
        return sum(flow.src.device == device for flow in self.items)

    def begun_towards(self, device: str) -> int:
        """By somebody who is no device."""
        return sum(flow.dst.device == device and flow.src.device is None for flow in self.items)


def begins(l4: Transport) -> bool:
    """TCP: a SYN and nothing that says otherwise; all else begins with any packet."""
    return l4.proto != TCP or l4.flags & (SYN | ACK | FIN | RST | 32) == SYN


def tcp_goes_on(flow: Flow, l4: Transport, by_initiator: bool) -> bool:
    """False: it does not fit the state. The state moves along where it does.

    RFC 9293 3.10.7.3: a SYN is answered by SYN and ACK, refused by RST; a bare ACK is the challenge of RFC 5961 and opens nothing. A RST that
    the other end did not take changes nothing but how long one waits for what comes next.
    """
    if l4.flags & RST:
        flow.state = flow.state if by_initiator and flow.state == NEW else CLOSING
        return True
    if not flow.answered:
        if by_initiator:
            return l4.flags & (SYN | ACK | FIN) == SYN
        flow.answered = l4.flags & (SYN | ACK | FIN) == SYN | ACK
        flow.state = ANSWERED if flow.answered else flow.state
        return flow.answered or l4.flags & (SYN | ACK | FIN) == ACK
    if l4.flags & (SYN | ACK | FIN) == SYN:
        return True
    flow.ends = flow.ends or bool(l4.flags & FIN)
    flow.state = CLOSING if flow.ends else ANSWERED
    return True


def goes_on(flow: Flow, l4: Transport, by_initiator: bool) -> bool:
    if flow.proto == TCP:
        return tcp_goes_on(flow, l4, by_initiator)
    if not by_initiator:
        flow.state = ANSWERED
    return True
