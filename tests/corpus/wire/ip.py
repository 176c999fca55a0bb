# SPDX-License-Identifier: Apache-2.0
"""IPv4 and IPv6 headers around a transport that knows its addresses."""

import ipaddress
from collections.abc import Callable

from .link import u16, u32

# What a transport builder gives: from packed addresses to protocol number and bytes.
Transport = Callable[[bytes, bytes], tuple[int, bytes]]

HOP_BY_HOP, ROUTING, FRAGMENT, ESP, AH, NO_NEXT, DESTINATION, MOBILITY = 0, 43, 44, 50, 51, 59, 60, 135
ROUTER_ALERT4 = bytes.fromhex("94040000")
ROUTER_ALERT6 = (HOP_BY_HOP, bytes.fromhex("0000050200000100"))  # RFC 2711 for MLD, padded to eight bytes
ICMP4, IGMP, IPIP, TCP, UDP, GRE, ICMP6, SCTP, IP6_IN_IP = 1, 2, 4, 6, 17, 47, 58, 132, 41


def packed(address: str) -> bytes:
    return ipaddress.ip_address(address).packed


def checksum(data: bytes) -> int:
    """RFC 1071."""
    data += b"\0" * (len(data) % 2)
    total = sum(int.from_bytes(data[i:i + 2], "big") for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pseudo_header(src: bytes, dst: bytes, proto: int, size: int) -> bytes:
    return src + dst + (u16(proto) + u16(size) if len(src) == 4 else u32(size) + u32(proto))


def ip4(src: str, dst: str, l4: Transport, *, ttl: int = 64, flags: int = 0, offset: int = 0, options: bytes = b"", version: int = 4,
        header_words: int | None = None, length: int | None = None, proto: int | None = None, wrong_checksum: int = 0) -> bytes:
    """`flags`: 1 more fragments, 2 don't fragment, 4 reserved; `offset` in units of eight bytes; `wrong_checksum` is xored in."""
    number, payload = l4(packed(src), packed(dst))
    words = 5 + len(options) // 4
    head = bytes([version << 4 | (words if header_words is None else header_words), 0])
    head += u16(words * 4 + len(payload) if length is None else length) + u16(1) + u16(flags << 13 | offset)
    head += bytes([ttl, number if proto is None else proto])
    tail = packed(src) + packed(dst) + options
    return head + u16(checksum(head + b"\0\0" + tail) ^ wrong_checksum) + tail + payload


def ip6(src: str, dst: str, l4: Transport, *, hops: int = 64, headers: tuple[tuple[int, bytes], ...] = (), version: int = 6,
        length: int | None = None, next_header: int | None = None) -> bytes:
    """`headers`: extension headers as (own number, bytes whose first one is overwritten with what follows)."""
    number, payload = l4(packed(src), packed(dst))
    for kind, body in reversed(headers):
        payload = bytes([number]) + body[1:] + payload
        number = kind
    head = u32(version << 28) + u16(len(payload) if length is None else length)
    return head + bytes([number if next_header is None else next_header, hops]) + packed(src) + packed(dst) + payload


def ip(src: str, dst: str, l4: Transport, **overrides: object) -> bytes:
    return (ip6 if ":" in src else ip4)(src, dst, l4, **overrides)  # type: ignore[arg-type]


def fragment_header(offset: int = 0, more: bool = False) -> tuple[int, bytes]:
    return FRAGMENT, b"\0\0" + u16(offset << 3 | more) + u32(1)


def extension(kind: int, words: int = 0) -> tuple[int, bytes]:
    """Padding only, `words` times eight bytes longer than the least."""
    size = words * 8 + 4
    return kind, bytes([0, words, 1, size]) + b"\0" * size


def routing_header(kind: int) -> tuple[int, bytes]:
    return ROUTING, bytes([0, 2, kind, 1]) + b"\0" * 4 + packed("2001:db8:c::66")
