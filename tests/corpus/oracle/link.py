# SPDX-License-Identifier: Apache-2.0
"""The link header: addresses, tags, type."""

from dataclasses import dataclass

IPV4, ARP, IPV6, EAPOL = 0x0800, 0x0806, 0x86DD, 0x888E
KNOWN = (IPV4, ARP, IPV6, EAPOL)
CUSTOMER_TAG, SERVICE_TAG = 0x8100, 0x88A8
LEAST_TYPE = 0x0600  # below it is the length of an 802.3 frame
BROADCAST = "ff:ff:ff:ff:ff:ff"
PAE_GROUP = "01:80:c2:00:00:03"


def number(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at:at + size], "big")


def mac_text(raw: bytes) -> str:
    return raw.hex(":")


def is_group(mac: str) -> bool:
    return bool(int(mac[:2], 16) & 1)


@dataclass(frozen=True)
class Tag:
    service: bool
    vid: int


@dataclass(frozen=True)
class Link:
    dst: str
    src: str
    tags: tuple[Tag, ...]
    ethertype: int
    payload: bytes

    @property
    def broken_source(self) -> bool:
        return is_group(self.src) or self.src == "00:00:00:00:00:00"


def parse_link(frame: bytes) -> Link | None:
    """None: it ends inside its header."""
    if len(frame) < 14:
        return None
    tags: list[Tag] = []
    at = 12
    kind = number(frame, at, 2)
    while kind in (CUSTOMER_TAG, SERVICE_TAG) and len(tags) < 2:
        if len(frame) < at + 6:
            return None
        tags.append(Tag(kind == SERVICE_TAG, number(frame, at + 2, 2) & 0xFFF))
        at += 4
        kind = number(frame, at, 2)
    return Link(mac_text(frame[:6]), mac_text(frame[6:12]), tuple(tags), kind, frame[at + 2:])
