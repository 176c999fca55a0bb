# SPDX-License-Identifier: Apache-2.0
"""Frames of captures, given addresses of the corpus' world. Nothing of them is kept but in memory."""

import random
import struct
from pathlib import Path

from mutate import fix_checksum, ip_version, payload_at, put
from talks import Frame, HOSTS, gw
from wire.ip import packed
from wire.link import mac_bytes

ETHERNET = 1
MOST = 1514      # bytes of a frame
PER_FILE = 200


def classic(raw: bytes, order: str):
    if struct.unpack_from(order + "I", raw, 20)[0] & 0xFFFF != ETHERNET:
        return
    at = 24
    while at + 16 <= len(raw):
        kept, = struct.unpack_from(order + "I", raw, at + 8)
        yield raw[at + 16:at + 16 + kept]
        at += 16 + kept


def blocks(raw: bytes):
    """pcapng: enhanced and simple packets of interfaces that are Ethernet."""
    at, order, links = 0, "<", []
    while at + 12 <= len(raw):
        if raw[at:at + 4] == b"\x0a\x0d\x0d\x0a":
            order, links = ("<" if raw[at + 8:at + 12] == b"\x4d\x3c\x2b\x1a" else ">"), []
        kind, size = struct.unpack_from(order + "II", raw, at)
        if size < 12 or at + size > len(raw):
            return
        if kind == 1:
            links.append(struct.unpack_from(order + "H", raw, at + 8)[0])
        elif kind == 6 and size >= 32:
            interface, _, _, kept = struct.unpack_from(order + "IIII", raw, at + 8)
            if interface < len(links) and links[interface] == ETHERNET:
                yield raw[at + 28:at + 28 + kept]
        at += size


def frames_of(raw: bytes):
    magic = raw[:4]
    if magic in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1"):
        return classic(raw, "<") if len(raw) >= 24 else ()
    if magic in (b"\xa1\xb2\xc3\xd4", b"\xa1\xb2\x3c\x4d"):
        return classic(raw, ">") if len(raw) >= 24 else ()
    return blocks(raw) if magic == b"\x0a\x0d\x0d\x0a" else ()


def read_folder(folder: str) -> list:
    """Frames of each capture in it, at most PER_FILE of one; what is cut short in the file is left out with it."""
    found = []
    for path in sorted(Path(folder).rglob("*")):
        if path.suffix in (".pcap", ".pcapng", ".cap") and path.is_file():
            frames = [frame for frame, _ in zip(frames_of(path.read_bytes()), range(PER_FILE)) if 14 <= len(frame) <= MOST]
            if frames:
                found.append(frames)
    return found


def is_group_address(raw: bytes) -> bool:
    return raw[0] == 0xFF or 224 <= raw[0] <= 239 if len(raw) == 4 else raw[0] == 0xFF


def settle(src, dst, frame: bytes) -> bytes:
    """Between these two; groups stay what they are."""
    data = bytearray(frame)
    data[6:12] = mac_bytes(src.mac)
    if not data[0] & 1:
        data[0:6] = mac_bytes(dst.mac)
    version, at = ip_version(data), payload_at(data)
    if version:
        width, place = (4, 12) if version == 4 else (16, 8)
        put(data, at + place, packed(src.ip(version)))
        if not is_group_address(bytes(data[at + place + width:at + place + 2 * width]) or b"\0"):
            put(data, at + place + width, packed(dst.ip(version)))
    elif data[at - 2:at] == b"\x08\x06" and len(data) >= at + 28:
        put(data, at + 8, mac_bytes(src.mac) + packed(src.v4))
        put(data, at + 24, packed(dst.v4))
    fix_checksum(data)
    return bytes(data)


def talk(rng: random.Random, files: list) -> list:
    """A few frames that follow each other in a capture, between two of the world."""
    frames = rng.choice(files)
    begin = rng.randrange(len(frames))
    src, dst = rng.sample(HOSTS, 2)
    first = frames[begin][6:12]
    steps = []
    for frame in frames[begin:begin + rng.choice((1, 2, 4))]:
        one, other = (src, dst) if frame[6:12] == first else (dst, src)
        data = settle(one, other, frame)
        if one.port:
            steps.append(Frame(one.port, False, None, data))
        if other.port:
            steps.append(Frame(other.port, True, one.port or (None if one is gw else "eth0"), data))
    return steps


