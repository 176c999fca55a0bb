# SPDX-License-Identifier: Apache-2.0
"""Conversations that the world of the corpus allows, and some that it does not, as steps: what mutation begins with."""

import random
from typing import NamedTuple, Optional

from cases.all import all_cases
from cases.book import Act as CaseAct
from cases.say import packet
from compare import seconds
from wire.transport import echo, gre, icmp_error, raw, sctp, tcp, udp
from world.lab import cam, cert, cloud, gw, hub, net, new, nobody, one, phone, plc, roam, server, tag, two, wired
from world.model import Host


class Frame(NamedTuple):
    port: str
    inbound: bool
    in_port: Optional[str]
    data: bytes


class Act(NamedTuple):
    word: str
    argument: object  # milliseconds of a wait, else a device


# Who begins, with whom, what.
OPEN = (
    (hub, cam, "tcp", 554), (hub, cam, "udp", 5000), (hub, cam, "udp", 5010), (hub, cam, "echo", 0), (hub, cloud, "gre", 0),
    (hub, cloud, "sctp", 2905), (hub, cloud, "tcp", 8081), (hub, cloud, "udp", 8081), (cam, cloud, "tcp", 443), (cam, cloud, "udp", 4433),
    (cam, gw, "udp", 53), (cam, gw, "tcp", 53), (cam, gw, "udp", 123), (cam, gw, "echo", 0), (gw, cam, "tcp", 80), (gw, cam, "udp", 161),
    (gw, cam, "echo", 0), (cloud, cam, "tcp", 7001), (cloud, cam, "udp", 7000), (net, plc, "udp", 7000), (net, plc, "udp", 7009),
    (cloud, plc, "udp", 7004), (cloud, plc, "udp", 7005), (cloud, one, "udp", 7000), (phone, net, "tcp", 25), (phone, net, "tcp", 22),
    (phone, net, "udp", 9000), (phone, cloud, "udp", 9005), (phone, net, "echo", 0), (phone, net, "gre", 0), (tag, gw, "tcp", 22),
    (tag, gw, "echo", 0), (gw, tag, "tcp", 22), (plc, gw, "tcp", 102), (plc, gw, "echo", 0), (one, two, "tcp", 9), (two, one, "udp", 9),
    (one, cloud, "udp", 4433), (two, cam, "udp", 9), (two, nobody, "udp", 9), (cert, cloud, "tcp", 443), (cert, gw, "tcp", 8443),
    (wired, cloud, "tcp", 443), (roam, cloud, "tcp", 443), (cam, server, "udp", 53),
)
HOSTS = (cam, hub, phone, tag, plc, one, two, cert, wired, server, roam, gw, cloud, net, nobody, new)
PORTS = (9, 22, 53, 67, 68, 80, 123, 443, 546, 547, 554, 4433, 5000, 5353, 7000, 7005, 9000, 40000, 65535)
FLAGS = ("S", "SA", "A", "PA", "FA", "R", "RA", "F", "SEC", "SU", "P", "", "SF")
POLITE = ("S", "SA", "A", "PA", "PA", "FA", "FA", "A")


def l4_of(rng: random.Random, kind: str, sport: int, dport: int, answer: bool, number: int):
    if kind == "echo":
        return echo(sport, reply=answer)
    near, far = (dport, sport) if answer else (sport, dport)
    if kind == "tcp":
        flags = POLITE[number % len(POLITE)] if rng.random() < 0.8 else rng.choice(FLAGS)
        return tcp(near, far, flags, b"x" * rng.choice((0, 0, 5)))
    if kind == "udp":
        return udp(near, far, b"y" * rng.choice((0, 5, 30)))
    if kind == "sctp":
        return sctp(near, far)
    return gre() if kind == "gre" else raw(rng.choice((2, 4, 41, 50, 89, 132)), b"\0" * 12)


def crossings(rng: random.Random, src: Host, dst: Host, data: bytes):
    """Where the gateway meets it: at the sender's port, at the receiver's, or at both."""
    if src.port:
        yield Frame(src.port, False, None, data)
    if dst.port:
        by = src.port or (None if src is gw else "eth0")
        yield Frame(dst.port, True, by if rng.random() < 0.97 else rng.choice(("eth0", "br0", None, "p3")), data)
    if not src.port and not dst.port:
        yield Frame("p1", True, "eth0", data)


def conversation(rng: random.Random):
    version = rng.choice((4, 6))
    if rng.random() < 0.75:
        src, dst, kind, dport = rng.choice(OPEN)
    else:
        src, dst, kind, dport = *rng.sample(HOSTS, 2), rng.choice(("tcp", "udp", "udp", "echo", "gre", "raw")), rng.choice(PORTS)
    sport = rng.choice((40000, 40001, 5555, dport or 7))
    last = None
    for number in range(rng.choice((1, 2, 3, 5, 8))):
        answer = number % 2 == 1 if kind != "tcp" else number in (1, 4, 7)
        one_, other = (dst, src) if answer else (src, dst)
        if last and rng.random() < 0.1:
            data = packet(one_, other, version, icmp_error(rng.choice(("unreachable", "port", "too_big", "time", "parameter")), last[14:], 100))
        else:
            data = packet(one_, other, version, l4_of(rng, kind, sport, dport, answer, number), pad=rng.random() < 0.2)
            last = data if not tag_of(data) else None
        yield from crossings(rng, one_, other, data)


def tag_of(data: bytes) -> bool:
    return data[12:14] == b"\x81\x00"


def from_case(case) -> list:
    steps = []
    for step in case.steps:
        if not isinstance(step, CaseAct):
            steps.append(Frame(step.port, step.inbound, step.in_port, step.data))
        elif step.word == "wait":
            steps.append(Act("wait", int(seconds(step.argument)) * 1000 + 40))
        else:
            steps.append(Act(step.word, step.argument))
    return steps


def corpus_talks() -> list:
    """Cases that wait for a part of the language are not for here, nor what changes the policy or its mode."""
    return [from_case(case) for case in all_cases() if case.mode == "enforce" and not case.awaits
            and not any(isinstance(step, CaseAct) and step.word == "apply" for step in case.steps)
            and not any(getattr(step, "gso", None) for step in case.steps)]


def undoing(steps: list) -> list:
    """Reset leaves quarantines and proofs as they are."""
    back = {"quarantine": "release", "deauth": "auth"}
    left = {(step.word, step.argument) for step in steps if isinstance(step, Act) and step.word in back}
    return [Act(back[word], device) for word, device in sorted(left)]
