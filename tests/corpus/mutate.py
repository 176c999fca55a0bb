# SPDX-License-Identifier: Apache-2.0
"""Cases of the corpus with something changed at random, judged by the oracle and by the programs. The seed makes them again."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import replay
from cases.book import Act, Case, Expect, Frame, Step
from compare import judge_case
from oracle.verdict import HARD
from world.lab import GW_LL, PORTS, cam, cloud, gw, hub, net, new, nobody, phone, tag
from wire.ip import checksum, packed
from wire.link import mac_bytes

HOSTS = (cam, hub, phone, tag, gw, cloud, net, new, nobody)
ADDRESSES = {4: [packed(host.v4) for host in HOSTS] + [packed(text)
                                                       for text in ("0.0.0.0", "255.255.255.255", "192.168.1.255", "224.0.0.1", "127.0.0.1")],
             6: [packed(host.v6) for host in HOSTS] + [packed(host.ll) for host in (cam, hub, phone)] + [packed(text) for text in
                 (GW_LL, "::", "::1", "ff02::1", "ff02::16", "ff02::1:ff00:11")]}
MACS = [mac_bytes(host.mac) for host in (cam, hub, phone, tag, gw, new, nobody)] + [mac_bytes(text) for text in (
    "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "33:33:00:00:00:01", "01:80:c2:00:00:03", "00:00:00:00:00:00")]
ETHERTYPES = (0x0800, 0x0806, 0x86DD, 0x888E, 0x8100, 0x88A8, 0x88CC, 0x0026)
PROTOCOLS = (0, 1, 2, 4, 6, 17, 43, 44, 47, 50, 58, 59, 60, 132, 255)
PORT_NUMBERS = (0, 53, 67, 68, 123, 443, 546, 547, 554, 4433, 5353, 5555, 7000, 40000)
BYTES = (0, 1, 2, 0x7F, 0x80, 0xFF)

Mutation = Callable[[random.Random, bytearray], None]


def payload_at(data: bytes) -> int:
    """Where the payload of the link begins, tags or not."""
    at = 12
    while data[at:at + 2] in (b"\x81\x00", b"\x88\xa8") and len(data) >= at + 6:
        at += 4
    return at + 2


def ip_version(data: bytes) -> int:
    kind = data[payload_at(data) - 2:payload_at(data)]
    return {b"\x08\x00": 4, b"\x86\xdd": 6}.get(bytes(kind), 0)


def put(data: bytearray, at: int, value: bytes) -> None:
    if at + len(value) <= len(data):
        data[at:at + len(value)] = value


def flip_bit(rng: random.Random, data: bytearray) -> None:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def set_byte(rng: random.Random, data: bytearray) -> None:
    data[min(rng.randrange(len(data)), rng.randrange(len(data)))] = rng.choice((*BYTES, rng.randrange(256)))


def set_mac(rng: random.Random, data: bytearray) -> None:
    put(data, rng.choice((0, 0, 6)), rng.choice(MACS))


def set_type(rng: random.Random, data: bytearray) -> None:
    put(data, payload_at(data) - 2, rng.choice(ETHERTYPES).to_bytes(2, "big"))


def insert_tag(rng: random.Random, data: bytearray) -> None:
    data[12:12] = rng.choice((b"\x81\x00", b"\x81\x00", b"\x88\xa8")) + rng.choice((0, 10, 11, 0x600A, 4095)).to_bytes(2, "big")


def remove_tag(rng: random.Random, data: bytearray) -> None:
    if payload_at(data) > 14:
        del data[12:16]


def set_address(rng: random.Random, data: bytearray) -> None:
    version, at = ip_version(data), payload_at(data)
    if version:
        place = rng.choice((12, 16) if version == 4 else (8, 24))
        put(data, at + place, rng.choice(ADDRESSES[version]))


def set_field(rng: random.Random, data: bytearray) -> None:
    """Of the IP header, but for its addresses."""
    version, at = ip_version(data), payload_at(data)
    place = rng.choice((0, 2, 3, 6, 7, 8, 9) if version == 4 else (0, 4, 5, 6, 7))
    put(data, at + place, bytes([rng.choice((*BYTES, 0x45, 0x46, 0x60, 0x20, 0x40, *PROTOCOLS))]))


def set_protocol(rng: random.Random, data: bytearray) -> None:
    put(data, payload_at(data) + (9 if ip_version(data) == 4 else 6), bytes([rng.choice(PROTOCOLS)]))


def set_transport(rng: random.Random, data: bytearray) -> None:
    at = payload_at(data) + (20 if ip_version(data) == 4 else 40)
    if rng.random() < 0.5:
        put(data, at + rng.choice((0, 2)), rng.choice(PORT_NUMBERS).to_bytes(2, "big"))
    else:
        put(data, at + rng.randrange(28), bytes([rng.choice((*BYTES, rng.randrange(256)))]))


def set_claim(rng: random.Random, data: bytearray) -> None:
    """An address or MAC anywhere behind the headers: what ARP, ND, DHCP and quoted packets claim."""
    value = rng.choice((*MACS, *ADDRESSES[4], *ADDRESSES[6]))
    starts = [at for known in (*MACS, *ADDRESSES[4], *ADDRESSES[6]) if len(known) == len(value) for at in [data.find(known, payload_at(data) + 8)]
              if at > 0]
    if starts:
        put(data, rng.choice(starts), value)


def cut(rng: random.Random, data: bytearray) -> None:
    del data[max(14, rng.randrange(len(data) + 1)):]


def lengthen(rng: random.Random, data: bytearray) -> None:
    data.extend(bytes(rng.choice((1, 4, 8, 40))))


def fix_checksum(data: bytearray) -> None:
    """So that what stands behind it is looked at."""
    at = payload_at(data)
    size = (data[at] & 15) * 4 if len(data) > at else 0
    if ip_version(data) == 4 and size >= 20 and at + size <= len(data):
        put(data, at + 10, b"\0\0")
        put(data, at + 10, checksum(bytes(data[at:at + size])).to_bytes(2, "big"))


MUTATIONS: tuple[Mutation, ...] = (flip_bit, set_byte, set_mac, set_type, insert_tag, remove_tag, set_address, set_address, set_field, set_protocol,
                                   set_transport,
                                   set_transport, set_claim, set_claim, cut, lengthen)


def mutate_bytes(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        rng.choice(MUTATIONS)(rng, changed)
    if rng.random() < 0.9:
        fix_checksum(changed)
    return bytes(changed)


def mutate_frame(rng: random.Random, frame: Frame) -> Frame:
    frame = replace(frame, gso=None)
    if rng.random() < 0.05:
        return replace(frame, port=rng.choice(PORTS).name)
    if frame.inbound and rng.random() < 0.1:
        return replace(frame, in_port=rng.choice((None, "eth0", "br0")))
    return replace(frame, data=mutate_bytes(rng, frame.data))


def mutants(cases: list[Case], seed: int, count: int) -> Iterator[Case]:
    rng = random.Random(seed)
    usable = [case for case in cases if case.mode == "enforce" and not case.awaits
              and not any(isinstance(step, Act) and step.word == "apply" for step in case.steps)]
    for number in range(count):
        case = rng.choice(usable)
        chosen = rng.choice(case.frames)
        steps: list[Step] = [mutate_frame(rng, step) if step is chosen else step for step in case.steps]
        if rng.random() < 0.3:
            steps.append(chosen)
        if rng.random() < 0.3:
            steps.extend(rng.choice(usable).steps)  # what was left behind meets another conversation
        named = tuple(replace(step, name=f"{case.name}#{number}.{at}") if isinstance(step, Frame) else step for at, step in enumerate(steps))
        yield replace(case, name=f"{case.name}#{number}", steps=named)


@dataclass(frozen=True)
class Disagreement:
    frame: Frame
    expected: Expect
    seen: replay.Seen

    @property
    def kind(self) -> str | None:
        """None: another reason of the same weight."""
        if self.seen.passes != (self.expected.verdict != "deny"):
            return "passes" if self.seen.passes else "is dropped"
        if self.seen.passes or self.seen.reason == "quarantine" or (self.seen.reason in HARD) == (self.expected.reason in HARD):
            return None
        return "is dropped in audit" if self.seen.reason in HARD else "passes in audit"


def run(cordon: str, folder: Path, cases: list[Case]) -> list[Disagreement]:
    replay.write(cases, folder)
    seen = replay.run(cordon, folder)
    pairs = [(frame, Expect(judged.verdict, (judged.reason,))) for case in cases for frame, judged in judge_case(case)]
    return [Disagreement(frame, expected, seen[frame.name]) for frame, expected in pairs if frame.name in seen
            and not seen[frame.name].meets(expected)]




def summary(found: list[Disagreement]) -> list[str]:
    """What differs alike in one line, with the first frame that does."""
    alike: dict[str, list[Frame]] = {}
    for each in found:
        alike.setdefault(f"{each.kind}: the oracle says {each.expected}, the program {each.seen}", []).append(each.frame)
    return [f"{len(frames):5} {what}; {frames[0].name} on {frames[0].port} {frames[0].data[:120].hex()}" for what, frames in sorted(alike.items())]
