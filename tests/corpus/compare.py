# SPDX-License-Identifier: Apache-2.0
"""The oracle against what was written by hand."""

import re
from collections.abc import Iterable, Iterator

from cases.book import Act, Case, Frame
from oracle.judge import Crossing, Oracle
from oracle.verdict import Judgement
from world.lab import POLICIES, WORLD

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> float:
    """As replay reads it: "31s", "2h5m"."""
    return sum(int(count) * UNITS[unit] for count, unit in re.findall(r"(\d+)(ms|[smhd])", text))


def act(oracle: Oracle, step: Act, mode: str) -> None:
    if step.word == "wait":
        oracle.wait(seconds(step.argument))
    elif step.word == "apply":
        oracle.apply(POLICIES[step.argument].in_mode(mode))
    else:
        getattr(oracle, step.word)(step.argument)


def judge_case(case: Case) -> Iterator[tuple[Frame, Judgement]]:
    oracle = Oracle(WORLD.in_mode(case.mode))
    for step in case.steps:
        if isinstance(step, Act):
            act(oracle, step, case.mode)
            continue
        yield step, oracle.judge(Crossing(step.port, step.inbound, step.data, step.in_port))


def agrees(frame: Frame, judged: Judgement) -> bool:
    return judged.verdict == frame.expect.verdict and judged.reason in frame.expect.reasons


def disagreements(cases: Iterable[Case]) -> list[tuple[Case, Frame, Judgement]]:
    return [(case, frame, judged) for case in cases for frame, judged in judge_case(case) if not agrees(frame, judged)]
