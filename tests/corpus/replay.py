# SPDX-License-Identifier: Apache-2.0
"""The corpus as input of `cordon replay --expect`, and what the program says to it."""

import json
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cases.book import Act, Case, Expect, Frame, Step
from oracle.verdict import HARD
from world.lab import POLICIES, WORLD
from world.text import gateway_text, policy_text

FRAMES, GATEWAY = "frames.jsonl", "gateway.yaml"
FIELD_OF_ACT = {"wait": "for", "apply": "policy"}


@dataclass(frozen=True)
class Seen:
    passes: bool
    reason: str

    def meets(self, expect: Expect) -> bool:
        return self.passes == (expect.verdict != "deny") and self.reason in expect.reasons

    def __str__(self) -> str:
        return f"{'pass' if self.passes else 'drop'} {self.reason}"


def step_line(step: Step) -> dict[str, object]:
    if isinstance(step, Act):
        return {"do": step.word, FIELD_OF_ACT.get(step.word, "device"): step.argument}
    line: dict[str, object] = {"name": step.name, "port": step.port, "dir": step.direction, "frame": step.data.hex(),
                               "expect": "drop" if step.expect.verdict == "deny" else "pass"}
    if step.in_port:
        line["in_port"] = step.in_port
    if step.gso:
        line["gso"] = list(step.gso)
    return line


def lines(cases: Iterable[Case]) -> Iterator[dict[str, object]]:
    """Replay enforces whatever the policy says, so cases of other modes are not for it."""
    for case in cases:
        if case.mode != "enforce":
            continue
        yield {"do": "reset"}
        yield from map(step_line, case.steps)


def write(cases: Iterable[Case], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / GATEWAY).write_text(gateway_text(WORLD))
    for name, world in POLICIES.items():
        (folder / name).write_text(policy_text(world))
    (folder / FRAMES).write_text("".join(json.dumps(line) + "\n" for line in lines(cases)))


def run(cordon: str, folder: Path) -> dict[str, Seen]:
    """What the program says of each frame, by name; nothing of what this kernel's test run refuses."""
    command = [cordon, "replay", "-c", str(folder / GATEWAY), "--policy", str(folder / "policy.yaml"), "--frames", str(folder / FRAMES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:  # what it says of a good run are warnings about the policy
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    lines_seen = [json.loads(line) for line in done.stdout.splitlines()]
    return {line["name"]: Seen(line["verdict"] == "pass", line["reason"]) for line in lines_seen if line["verdict"] != "unrunnable"}


KINDS = ("passes and must not", "passes in audit and must not", "is dropped and must not be", "is dropped in audit and must not be", "another reason")


@dataclass(frozen=True)
class Difference:
    case: Case
    frame: Frame
    seen: Seen

    @property
    def weight(self) -> int:
        """Which of KINDS, the most serious first. Replay cannot audit, but the weight of a reason says what audit would do."""
        must_pass = self.frame.expect.verdict != "deny"
        if self.seen.passes != must_pass:
            return 0 if self.seen.passes else 2
        if must_pass:
            return 4
        expected, seen = {reason in HARD for reason in self.frame.expect.reasons}, self.seen.reason in HARD
        if seen in expected:
            return 4
        return 3 if seen else 1

    def __str__(self) -> str:
        return f"{self.frame.name}: expected {self.frame.expect}, saw {self.seen}"


def differences(cases: Iterable[Case], seen: dict[str, Seen]) -> list[Difference]:
    found = [Difference(case, frame, seen[frame.name]) for case in cases if case.mode == "enforce"
             for frame in case.frames if frame.name in seen and not seen[frame.name].meets(frame.expect)]
    return sorted(found, key=lambda difference: difference.weight)


def known_line(difference: Difference) -> str:
    return f"{difference.frame.name} {difference.seen}"


def no_longer_awaited(cases: Iterable[Case], found: list[Difference], seen: dict[str, Seen]) -> list[str]:
    """Cases that wait for a part of the language and are met all the same."""
    differing = {difference.case.name for difference in found}
    return [f"no more: {case.name} awaits {case.awaits}; take the mark off" for case in cases
            if case.awaits and case.name not in differing and all(frame.name in seen for frame in case.frames)]


def news(cases: list[Case], found: list[Difference], known: Path, seen: dict[str, Seen]) -> list[str]:
    """What the list of known differences does not say, and what it says and is so no more. What waits for something is not listed."""
    listed = {line for line in known.read_text().splitlines() if line and not line.startswith("#")}
    now = {known_line(difference): difference for difference in found if not difference.case.awaits}
    new = [f"new: {KINDS[difference.weight]}: {difference}" for line, difference in now.items() if line not in listed]
    gone = [f"no more: {line}; take it off {known}" for line in sorted(listed - set(now)) if line.split()[0] in seen]
    return new + gone + no_longer_awaited(cases, found, seen)
