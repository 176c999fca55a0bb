# SPDX-License-Identifier: Apache-2.0
"""The one place where verdicts leave the oracle."""

from dataclasses import dataclass

from world.model import AUDIT, OBSERVE, World

from .inward import judge_inward
from .link import parse_link
from .outward import judge_outward
from .state import State
from .verdict import ALLOW, DENY, Finding, HARD, Judgement, WOULD_DENY


@dataclass(frozen=True)
class Crossing:
    """A frame and where it was met. `in_port` of one towards a device: what it came in by, None the gateway."""
    port: str
    inbound: bool
    data: bytes
    in_port: str | None = None


def mode_here(state: State, crossing: Crossing) -> tuple[str, bool]:
    """Of the device that the frame is from or for, and whether that is quarantined."""
    link = parse_link(crossing.data)
    mac = link and (link.dst if crossing.inbound else link.src)
    device = next((each for each in state.devices if each.mac == mac and state.is_at(each, crossing.port)), None)
    return state.mode_of(device, crossing.port), device is not None and device.name in state.quarantined


def weigh(state: State, crossing: Crossing, finding: Finding) -> Judgement:
    if finding.passes:
        return Judgement(ALLOW, finding.reason)
    mode, quarantined = mode_here(state, crossing)
    mode = finding.mode or mode
    if mode == OBSERVE:
        return Judgement(ALLOW, "observed")
    if finding.audited:
        return Judgement(WOULD_DENY, finding.reason)
    soft = finding.reason not in HARD and not quarantined
    return Judgement(WOULD_DENY if mode == AUDIT and soft else DENY, finding.reason)


class Oracle:
    """Frames and what happens between them, in order; state is kept."""

    def __init__(self, world: World) -> None:
        self.state = State(world)

    def judge(self, crossing: Crossing) -> Judgement:
        try:
            if crossing.inbound:
                judge_inward(self.state, crossing.port, crossing.in_port, crossing.data)
            else:
                judge_outward(self.state, crossing.port, crossing.data)
        except Finding as finding:
            return weigh(self.state, crossing, finding)
        raise AssertionError("a frame without a verdict")

    def wait(self, seconds: float) -> None:
        self.state.now += seconds

    def apply(self, world: World) -> None:
        self.state.know(world)

    def quarantine(self, device: str) -> None:
        self.state.quarantined.add(device)

    def release(self, device: str) -> None:
        """TCP begins anew."""
        if device not in self.state.quarantined:
            return
        self.state.quarantined.discard(device)
        self.state.flows.items = [flow for flow in self.state.flows.items if device not in (flow.src.device, flow.dst.device) or flow.proto != 6]

    def deauth(self, device: str) -> None:
        self.state.owing.add(device)

    def auth(self, device: str) -> None:
        self.state.owing.discard(device)
