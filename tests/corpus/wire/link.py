# SPDX-License-Identifier: Apache-2.0
"""Ethernet, tags, 802.3 and EAPOL."""

IPV4, ARP, VLAN, SERVICE_TAG, OLD_TAG, IPV6, EAPOL = 0x0800, 0x0806, 0x8100, 0x88A8, 0x9100, 0x86DD, 0x888E
BROADCAST = "ff:ff:ff:ff:ff:ff"
PAE_GROUP = "01:80:c2:00:00:03"
LEAST = 60  # bytes of a frame on a wire, without its checksum

Tag = int | tuple[int, int]  # VID, or TPID and the whole tag


def mac_bytes(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def u16(value: int) -> bytes:
    return value.to_bytes(2, "big")


def u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def tag_bytes(tag: Tag) -> bytes:
    tpid, control = tag if isinstance(tag, tuple) else (VLAN, tag)
    return u16(tpid) + u16(control)


def ethernet(dst: str, src: str, ethertype: int, payload: bytes, tags: tuple[Tag, ...] = (), pad: bool = False) -> bytes:
    """`ethertype` below 0x600 is the length of an 802.3 frame."""
    frame = mac_bytes(dst) + mac_bytes(src) + b"".join(map(tag_bytes, tags)) + u16(ethertype) + payload
    return frame.ljust(LEAST, b"\0") if pad else frame


def eapol(version: int = 2, kind: int = 1, body: bytes = b"", length: int | None = None) -> bytes:
    """Types: 0 EAP, 1 start, 2 logoff, 3 key, 4 ASF alert."""
    return bytes([version, kind]) + u16(len(body) if length is None else length) + body
