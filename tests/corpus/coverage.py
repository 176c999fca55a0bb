# SPDX-License-Identifier: Apache-2.0
"""What the corpus must hold: every reason in each direction and IP version in which it can happen, and what passes nearest to it."""

import re
from collections import Counter
from pathlib import Path

from cases.book import Case, Frame
from oracle.link import ARP, IPV4, IPV6, parse_link

REASONS = Path(__file__).resolve().parents[2] / "include/cordon/reasons.h"
QUESTIONS = Path(__file__).with_name("questions.md")
LEAST_FRAMES, LEAST_PASSING = 800, 120
NO_IP = 0
ONLY4, ONLY6, LINK = (4,), (6,), (NO_IP,)
FROM, TO = "from_device", "to_device"

# Reasons that belong to no version of IP, or to one alone.
VERSIONS = {
    "arp": ONLY4, "arp_malformed": ONLY4, "arp_spoof": ONLY4, "arp_target": ONLY4, "ip_checksum": ONLY4, "ip_options": ONLY4,
    "nd": ONLY6, "nd_malformed": ONLY6, "nd_spoof": ONLY6, "nd_target": ONLY6, "rogue_ra": ONLY6, "ext_header": ONLY6, "udp_checksum": ONLY6,
    "eapol": LINK, "eapol_malformed": LINK, "llc": LINK, "ethertype": LINK, "short_frame": LINK,
}
DIRECTIONS = {
    "wrong_port": (FROM,), "dest_mac": (FROM,), "bad_source": (FROM,), "not_here": (TO,), "bad_destination": (TO,), "uplink_spoof": (TO,),
}
# What no list of frames can bring about, and what tries it instead.
ELSEWHERE = {
    "none": "no verdict", "adopted": "replay starts after the time in which flows are adopted", "fail_open": "before the first policy",
    "no_policy": "before the first policy", "unknown_port": "replay declares every port", "no_place": "replay does not count devices of a port",
    "flow_full": "a full table", "rate": "replay has no limits by the second", "packet_rate": "replay has no limits by the second",
    "new_flow_rate": "replay has no limits by the second", "stale_row": "two policies at once", "internal": "a kernel that refuses",
}
CANNOT = {("dhcp_malformed", TO, 6),  # what the gateway answers by DHCPv6 has no field of its receiver
          ("ip_self", TO, 4), ("ip_self", TO, 6)}  # whoever sends it claims the address of the device


def all_reasons() -> list[str]:
    return re.findall(r'^\tX\([A-Z0-9_]+, "([a-z0-9_]+)"', REASONS.read_text(), re.MULTILINE)


def version_of(frame: Frame) -> int:
    link = parse_link(frame.data)
    return {IPV4: 4, ARP: 4, IPV6: 6}.get(link.ethertype, NO_IP) if link else NO_IP


def covered(cases: list[Case]) -> Counter[tuple[str, str, int]]:
    return Counter((frame.expect.reason, frame.direction, version_of(frame)) for case in cases for frame in case.frames)


def wanted() -> list[tuple[str, str, int]]:
    return [(reason, direction, version) for reason in all_reasons() if reason not in ELSEWHERE
            for direction in DIRECTIONS.get(reason, (FROM, TO)) for version in VERSIONS.get(reason, (4, 6))
            if (reason, direction, version) not in CANNOT]


def missing(cases: list[Case]) -> list[str]:
    have = covered(cases)
    return [f"no frame for {reason} {direction} {version or 'without IP'}" for reason, direction, version in wanted()
            if not have[reason, direction, version]]


def passes_in(case: Case, direction: str) -> bool:
    return any(frame.expect.verdict != "deny" and frame.direction == direction for frame in case.frames)


def without_twin(cases: list[Case]) -> list[str]:
    """A dropped frame whose case names no twin, or one that does not pass in that direction."""
    by_name = {case.name: case for case in cases}
    found = []
    for case in cases:
        for frame in case.frames:
            twin = by_name.get(case.twin or "")
            if frame.expect.verdict == "deny" and not (twin and passes_in(twin, frame.direction)) and not passes_in(case, frame.direction):
                found.append(f"{frame.name} is dropped and has no twin that passes {frame.direction}: {case.twin}")
    return found


def doubled(cases: list[Case]) -> list[str]:
    return [f"{name} stands for {count} frames" for name, count in Counter(frame.name for case in cases for frame in case.frames).items()
            if count > 1]


def too_few(cases: list[Case]) -> list[str]:
    frames = [frame for case in cases for frame in case.frames]
    passing = sum(frame.expect.verdict == "allow" for frame in frames)
    return ([f"{len(frames)} frames; {LEAST_FRAMES} wanted"] if len(frames) < LEAST_FRAMES else []) + (
        [f"{passing} frames pass; {LEAST_PASSING} wanted"] if passing < LEAST_PASSING else [])


def unexplained(cases: list[Case]) -> list[str]:
    """Questions without a line in questions.md, and lines that no case names."""
    told = {name for line in QUESTIONS.read_text().splitlines() if line.startswith("| `")
            for name in re.findall(r"`([a-z0-9-]+)`", line.split("|")[1])}
    asked = {case.question for case in cases if case.question}
    return [f"{QUESTIONS.name}: nothing about {name}" for name in sorted(asked - told)] + [
        f"{QUESTIONS.name}: no case asks {name}" for name in sorted(told - asked)]


def complaints(cases: list[Case]) -> list[str]:
    return doubled(cases) + too_few(cases) + missing(cases) + without_twin(cases) + unexplained(cases)
