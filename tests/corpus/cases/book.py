# SPDX-License-Identifier: Apache-2.0
"""What a case is: a short list of frames and acts in order, each frame with its own expectation. A case begins after a reset."""

from collections.abc import Iterator
from dataclasses import dataclass, field

VERDICTS = {"pass": "allow", "drop": "deny", "audit": "would_deny"}


@dataclass(frozen=True)
class Expect:
    verdict: str              # allow, deny, would_deny
    reasons: tuple[str, ...]  # more than one where two hold and the specification puts none before the other

    @property
    def reason(self) -> str:
        return self.reasons[0]

    def __str__(self) -> str:
        return f"{self.verdict} {'|'.join(self.reasons)}"


@dataclass(frozen=True)
class Frame:
    port: str
    inbound: bool        # towards the device
    in_port: str | None  # what it came in by, None: the gateway made it; inbound only
    data: bytes
    expect: Expect
    gso: tuple[int, int] | None = None
    name: str = ""

    @property
    def direction(self) -> str:
        return "to_device" if self.inbound else "from_device"


@dataclass(frozen=True)
class Act:
    """What happens between frames: wait FOR, apply POLICY, quarantine, release, auth, deauth DEVICE."""
    word: str
    argument: str


Step = Frame | Act


@dataclass(frozen=True)
class Case:
    name: str
    steps: tuple[Step, ...]
    mode: str = "enforce"        # of the site; replay enforces always, so other modes are the oracle's alone
    twin: str | None = None      # the nearest frame that passes
    awaits: str | None = None    # a part of the language that docs/frames.md names under "Not yet"
    question: str | None = None  # where the specification leaves it open: a number of questions.md

    @property
    def frames(self) -> tuple[Frame, ...]:
        return tuple(step for step in self.steps if isinstance(step, Frame))


def expectation(text: str) -> Expect:
    """As in "pass rule", "drop ext_header|multicast", "audit default_deny"."""
    verdict, reason = text.split()
    return Expect(VERDICTS[verdict], tuple(reason.split("|")))


@dataclass
class Book:
    """The cases of one subject. `add` gives the name back, so that what is alike can name it as its twin."""
    subject: str
    cases: list[Case] = field(default_factory=list)

    def add(self, name: str, *steps: Step, twin: str | None = None, mode: str = "enforce", awaits: str | None = None,
            question: str | None = None) -> str:
        full = f"{self.subject}/{name}"
        self.cases.append(Case(full, tuple(named(full, steps)), mode, twin, awaits, question))
        return full


def named(case: str, steps: tuple[Step, ...]) -> Iterator[Step]:
    """The only frame of a case has its name, others a number too."""
    single = sum(isinstance(step, Frame) for step in steps) == 1
    number = 0
    for step in steps:
        if isinstance(step, Act):
            yield step
            continue
        number += 1
        name = case if single else f"{case}.{number}"
        yield Frame(step.port, step.inbound, step.in_port, step.data, step.expect, step.gso, name)
