# SPDX-License-Identifier: Apache-2.0
"""Oracle and programs over the same sequences: where they part."""

from collections import Counter
from typing import NamedTuple

from oracle.judge import Crossing, Oracle
from oracle.verdict import HARD
from quick import QuickOracle
from talks import Act, Frame, undoing
from world.lab import WORLD

PASSES, UNRUNNABLE = 1, 2
PORTS = {port.name for port in WORLD.ports}


class Said(NamedTuple):
    passes: bool
    reason: str

    def __str__(self) -> str:
        return f"{'pass' if self.passes else 'drop'} {self.reason}"


class Difference(NamedTuple):
    kind: str        # None: another reason of the same weight
    frame: Frame
    expected: Said
    seen: Said

    @property
    def likeness(self) -> tuple:
        """What differs alike."""
        return self.kind, "to device" if self.frame.inbound else "from device", str(self.expected), str(self.seen)


def hops(data: bytes) -> bytes:
    """What the gateway's routing leaves as it is: all behind MACs and tag."""
    at = 16 if data[12:14] == b"\x81\x00" else 12
    return data[at:]


def can_happen(step: Frame, passed: "Frame | None") -> bool:
    """By a device's port or the bridge comes only what its own port let through just before."""
    if not step.inbound or step.in_port in (None, *WORLD.uplinks):
        return True
    if passed is None:
        return False
    if step.in_port in PORTS:
        return (step.in_port, step.data) == (passed.port, passed.data)
    return hops(step.data) == hops(passed.data) and hops(step.data)[:2] in (b"\x08\0", b"\x86\xdd")


def act(oracle: Oracle, step: Act) -> None:
    if step.word == "wait":
        oracle.wait(step.argument / 1000)
    else:
        getattr(oracle, step.word)(step.argument)


def by_oracle(steps: list, make=QuickOracle, everything: bool = False) -> tuple:
    """The steps that can happen, and what it says of each frame of them."""
    oracle, said, kept, passed = make(WORLD), [], [], None
    for step in steps:
        if isinstance(step, Frame):
            if not everything and not can_happen(step, passed):
                continue
            judged = oracle.judge(Crossing(step.port, step.inbound, step.data, step.in_port))
            said.append(Said(judged.verdict != "deny", judged.reason))
            if not step.inbound:
                passed = step if said[-1].passes else None
        else:
            passed = None
            act(oracle, step)
        kept.append(step)
    return kept, said


def by_plain_oracle(steps: list) -> tuple:
    return by_oracle(steps, Oracle)


def kind_of(expected: Said, seen: Said):
    """As tests/corpus/mutate.py weighs it: replay cannot audit, but the weight of a reason says what audit would do."""
    if seen.passes != expected.passes:
        return "passes" if seen.passes else "is dropped"
    if seen.passes or seen.reason == "quarantine" or (seen.reason in HARD) == (expected.reason in HARD):
        return None
    return "is dropped in audit" if seen.reason in HARD else "passes in audit"


def compare(steps: list, said: list, answers: bytes, at: int, reasons: list, tally: Counter):
    """The first difference of a sequence whose answers begin `at`; behind it the two know other things. Counts what it compared."""
    number = 0
    for step in steps:
        if isinstance(step, Act):
            continue
        flags, reason = answers[at], reasons[answers[at + 1]]
        expected = said[number]
        at, number = at + 2, number + 1
        if flags & UNRUNNABLE:
            tally["unrunnable"] += 1
            return None
        tally["frames"] += 1
        if expected.passes:
            tally["pass"] += 1
        if bool(flags & PASSES) == expected.passes and reason == expected.reason:
            continue
        found = Difference(kind_of(expected, Said(bool(flags & PASSES), reason)), step, expected, Said(bool(flags & PASSES), reason))
        if found.kind:
            return found
        tally[("another reason",) + found.likeness[1:]] += 1
    return None


def examine(programs, steps: list):
    """One sequence alone."""
    steps = steps + undoing(steps)
    steps, said = by_plain_oracle(steps)
    programs.send([steps])
    return compare(steps, said, programs.answers(), 0, programs.reasons, Counter())
