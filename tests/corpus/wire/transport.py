# SPDX-License-Identifier: Apache-2.0
"""TCP, UDP, SCTP, ICMP and whatever else stands behind an IP header."""

from .ip import GRE, ICMP4, ICMP6, IGMP, IPIP, IP6_IN_IP, SCTP, TCP, UDP, Transport, checksum, pseudo_header
from .link import u16, u32

FLAG_BITS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16, "U": 32, "E": 64, "C": 128}


def raw(proto: int, payload: bytes = b"") -> Transport:
    return lambda src, dst: (proto, payload)


def summed(proto: int, segment: bytes, at: int, src: bytes, dst: bytes) -> bytes:
    value = checksum(pseudo_header(src, dst, proto, len(segment)) + segment) or 0xFFFF
    return segment[:at] + u16(value) + segment[at + 2:]


def tcp(sport: int = 40000, dport: int = 443, flags: str = "S", data: bytes = b"", *, words: int = 5, options: bytes = b"",
        cut: int | None = None) -> Transport:
    """`words` is what the header says of its length; `cut` keeps only so many bytes of the segment."""
    bits = sum(FLAG_BITS[letter] for letter in flags)

    def build(src: bytes, dst: bytes) -> tuple[int, bytes]:
        head = u16(sport) + u16(dport) + u32(1) + u32(1 if "A" in flags else 0) + bytes([words << 4, bits]) + u16(1024) + b"\0\0" + u16(0)
        return TCP, summed(TCP, head + options + data, 16, src, dst)[:cut]
    return build


def udp(sport: int = 40000, dport: int = 4433, data: bytes = b"hello", *, length: int | None = None, no_checksum: bool = False,
        cut: int | None = None) -> Transport:
    def build(src: bytes, dst: bytes) -> tuple[int, bytes]:
        segment = u16(sport) + u16(dport) + u16(8 + len(data) if length is None else length) + b"\0\0" + data
        return UDP, (segment if no_checksum else summed(UDP, segment, 6, src, dst))[:cut]
    return build


def sctp(sport: int = 40000, dport: int = 2905, data: bytes = b"", cut: int | None = None) -> Transport:
    return raw(SCTP, (u16(sport) + u16(dport) + bytes(8) + data)[:cut])


def icmp(kind: int, code: int = 0, rest: bytes = b"\0\0\0\0", data: bytes = b"", cut: int | None = None) -> Transport:
    """ICMP or ICMPv6, as the addresses say."""
    def build(src: bytes, dst: bytes) -> tuple[int, bytes]:
        message = bytes([kind, code, 0, 0]) + rest + data
        if len(src) == 16:
            return ICMP6, summed(ICMP6, message, 2, src, dst)[:cut]
        return ICMP4, (message[:2] + u16(checksum(message)) + message[4:])[:cut]
    return build


def echo(ident: int = 7, *, reply: bool = False, data: bytes = b"ping", code: int = 0) -> Transport:
    def build(src: bytes, dst: bytes) -> tuple[int, bytes]:
        kind = (129 if reply else 128) if len(src) == 16 else (0 if reply else 8)
        return icmp(kind, code, u16(ident) + u16(1), data)(src, dst)
    return build


# What IPv4 and IPv6 call the errors of one meaning: (type, code).
ERRORS = {
    "unreachable": ((3, 1), (1, 0)),
    "port": ((3, 3), (1, 4)),
    "too_big": ((3, 4), (2, 0)),
    "time": ((11, 0), (3, 0)),
    "parameter": ((12, 0), (4, 0)),
}


def icmp_error(what: str, quoted: bytes, keep: int | None = None) -> Transport:
    """`quoted`: the IP packet it is about, of which `keep` bytes are quoted."""
    def build(src: bytes, dst: bytes) -> tuple[int, bytes]:
        kind, code = ERRORS[what][len(src) == 16]
        return icmp(kind, code, u32(1280) if what == "too_big" else bytes(4), quoted[:keep])(src, dst)
    return build


def igmp(kind: int, group: bytes, code: int = 0) -> Transport:
    """0x11 query, 0x16 report of version 2, 0x17 leave."""
    message = bytes([kind, code, 0, 0]) + group
    return raw(IGMP, message[:2] + u16(checksum(message)) + message[4:])


def gre(inner_type: int = 0x0800, inner: bytes = b"") -> Transport:
    return raw(GRE, u16(0) + u16(inner_type) + inner)


def tunnel(inner: bytes) -> Transport:
    return raw(IPIP if inner[0] >> 4 == 4 else IP6_IN_IP, inner)
