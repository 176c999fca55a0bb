# SPDX-License-Identifier: Apache-2.0
"""Sequences of steps out of a seed: conversations of the corpus, of talks.py and of captures, woven into each other and changed."""

import random

import captures
import mutate
from mutate import fix_checksum, ip_version, payload_at, put
from talks import Act, Frame, conversation, corpus_talks, undoing
from world.lab import PORTS

# Whole seconds and a bit: so no sum of them ends where something ends, whichever side is a little late.
WAITS = (1040, 5040, 20040, 29040, 31040, 65040, 170040, 200040, 3600040)
BEYOND = (None, "eth0", "br0", "p1", "p2", "p3")
MOST_STEPS = 40
EDGES = (0, 1, 7, 8, 19, 20, 21, 27, 28, 39, 40, 41, 255, 256, 1500, 0x7FFF, 0x8000, 0xFFFF)


def set_length(rng: random.Random, data: bytearray) -> None:
    """Of IP or UDP: what is there, a byte beside it, or an edge."""
    version, at = ip_version(data), payload_at(data)
    if not version:
        return
    head = 20 if version == 4 else 40
    place, size = ((2, len(data) - at) if version == 4 else (4, len(data) - at - 40)) if rng.random() < 0.6 else (head + 4, len(data) - at - head)
    value = rng.choice((size, size - 1, size + 1, size - 2, size + 8, rng.choice(EDGES)))
    put(data, at + place, (value & 0xFFFF).to_bytes(2, "big"))


def cut_at_edge(rng: random.Random, data: bytearray) -> None:
    """Where a header ends, or a byte beside."""
    at = payload_at(data)
    edge = at + rng.choice((0, 4, 8, 20, 28, 40, 44, 48, 60)) + rng.choice((-1, 0, 1))
    del data[max(14, edge):]


def double(rng: random.Random, data: bytearray) -> None:
    """A piece comes twice."""
    begin = rng.randrange(len(data))
    size = rng.choice((1, 2, 4, 8, 20, 40))
    data[begin:begin] = data[begin:begin + size]


def swap_macs(rng: random.Random, data: bytearray) -> None:
    data[0:12] = data[6:12] + data[0:6]


def swap_addresses(rng: random.Random, data: bytearray) -> None:
    version, at = ip_version(data), payload_at(data)
    if version:
        begin, width = (at + 12, 4) if version == 4 else (at + 8, 16)
        if len(data) >= begin + 2 * width:
            data[begin:begin + 2 * width] = data[begin + width:begin + 2 * width] + data[begin:begin + width]


def add_option(rng: random.Random, data: bytearray) -> None:
    """An IPv4 option with the lengths right, or an extension header of IPv6."""
    version, at = ip_version(data), payload_at(data)
    if version == 4 and len(data) >= at + 20 and data[at] == 0x45:
        data[at] = 0x46
        data[at + 20:at + 20] = rng.choice((b"\x94\x04\0\0", b"\1\1\1\0", b"\x83\x03\x04\0"))
        put(data, at + 2, ((int.from_bytes(data[at + 2:at + 4], "big") + 4) & 0xFFFF).to_bytes(2, "big"))
    elif version == 6 and len(data) >= at + 40:
        header = bytes([data[at + 6]]) + rng.choice((b"\0\5\2\0\0\1\0", b"\0\1\4\0\0\0\0", b"\0\0\0\0\0\0\1", b"\1\1\x0c" + bytes(12)))
        data[at + 6] = rng.choice((0, 0, 43, 44, 44, 60, 51, 135))
        data[at + 40:at + 40] = header
        put(data, at + 4, ((int.from_bytes(data[at + 4:at + 6], "big") + len(header)) & 0xFFFF).to_bytes(2, "big"))


MUTATIONS = mutate.MUTATIONS + (set_length, set_length, cut_at_edge, double, swap_macs, swap_addresses, add_option)


def mutate_bytes(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        rng.choice(MUTATIONS)(rng, changed)
    if rng.random() < 0.5:
        fix_checksum(changed)
    return bytes(changed) if len(changed) >= 14 else data


def mutate_frame(rng: random.Random, frame: Frame, other: Frame) -> Frame:
    kind = rng.random()
    if kind < 0.05:
        return frame._replace(port=rng.choice(PORTS).name)
    if kind < 0.10 and frame.inbound:
        return frame._replace(in_port=rng.choice(BEYOND))
    if kind < 0.13:
        return Frame(frame.port, True, rng.choice(BEYOND), frame.data) if not frame.inbound else Frame(frame.port, False, None, frame.data)
    if kind < 0.18:  # the head of one, the rest of another
        at = rng.choice((6, 12, 14, 34, 54))
        joined = frame.data[:at] + other.data[at:]
        return frame._replace(data=joined) if len(joined) >= 14 else frame
    return frame._replace(data=mutate_bytes(rng, frame.data))


class Generator:
    def __init__(self, seed: int, folder: "str | None" = None) -> None:
        self.seed = seed
        self.corpus = corpus_talks()
        self.files = captures.read_folder(folder) if folder else []

    def talk(self, rng: random.Random, pool: list) -> list:
        kind = rng.random()
        if kind < 0.35:
            return rng.choice(self.corpus)
        if kind < 0.5 and self.files:
            return captures.talk(rng, self.files)
        return rng.choice(pool)

    def sequence(self, rng: random.Random, pool: list) -> list:
        talks = [list(self.talk(rng, pool)) for _ in range(rng.choice((1, 2, 4, 6, 8)))]
        steps: list = []
        while any(talks) and len(steps) < MOST_STEPS:
            talk = rng.choice([talk for talk in talks if talk])
            step, arrives = talk.pop(0), None
            if isinstance(step, Frame):
                if not step.inbound and talk and isinstance(talk[0], Frame) and talk[0].in_port == step.port:
                    arrives = talk.pop(0)
                kind = rng.random()
                other = rng.choice(rng.choice(pool))
                if kind < 0.4:
                    step = mutate_frame(rng, step, other)
                elif kind < 0.45:
                    steps.append(step)
                elif kind < 0.5:
                    steps.append(Act("wait", rng.choice(WAITS)))
            steps.append(step)
            if arrives and not step.inbound:
                steps.append(arrives._replace(in_port=step.port, data=step.data) if rng.random() < 0.95 else arrives)
        return steps + undoing(steps)

    def batch(self, number: int, count: int) -> list:
        """The same for the same seed and number, whoever asks."""
        rng = random.Random(f"{self.seed}/{number}")
        pool = [talk for talk in (list(conversation(rng)) for _ in range(150)) if talk]
        return [self.sequence(rng, pool) for _ in range(count)]
