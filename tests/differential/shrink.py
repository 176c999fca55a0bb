# SPDX-License-Identifier: Apache-2.0
"""The smallest sequence, and in it the plainest frame, that differs alike."""

from judge import examine
from talks import Frame

LEAST = 14


def differs_alike(programs, steps: list, likeness: tuple) -> bool:
    found = examine(programs, steps)
    return found is not None and found.likeness == likeness


def end_at(steps: list, difference) -> list:
    """Without what follows the frame."""
    return steps[:next(at for at, step in enumerate(steps) if step is difference.frame) + 1]


def without_steps(programs, steps: list, likeness: tuple) -> list:
    size = max(1, len(steps) // 2)
    while size:
        at = 0
        while at < len(steps) - 1:
            fewer = steps[:at] + steps[min(at + size, len(steps) - 1):]
            if differs_alike(programs, fewer, likeness):
                steps = fewer
            else:
                at += size
        size //= 2
    return steps


def plainer_frames(data: bytes):
    """Shorter first, then with zeroes."""
    for size in (512, 128, 64, 16, 4, 1):
        if len(data) - size >= LEAST:
            yield data[:-size]
    for size in (64, 16, 4, 2, 1):
        for at in range(LEAST, len(data), size):
            if any(data[at:at + size]):
                yield data[:at] + bytes(len(data[at:at + size])) + data[at + size:]


def plainer(programs, steps: list, likeness: tuple) -> list:
    tries = 3000
    again = True
    while again and tries > 0:
        again = False
        for data in plainer_frames(steps[-1].data):
            tries -= 1
            changed = steps[:-1] + [steps[-1]._replace(data=data)]
            if differs_alike(programs, changed, likeness):
                steps, again = changed, True
                break
    return steps


def shrink(programs, steps: list, difference) -> "list | None":
    """None: it does not come again when the sequence is run alone."""
    likeness = difference.likeness
    found = examine(programs, steps)
    if found is None or found.likeness != likeness:
        return None
    steps = without_steps(programs, end_at(steps, found), likeness)
    return plainer(programs, steps, likeness) if isinstance(steps[-1], Frame) else steps
