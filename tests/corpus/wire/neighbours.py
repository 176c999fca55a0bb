# SPDX-License-Identifier: Apache-2.0
"""ARP, neighbour discovery and multicast listener reports."""

import ipaddress

from .ip import Transport, packed
from .link import mac_bytes, u16, u32
from .transport import icmp

RS, RA, NS, NA, REDIRECT = 133, 134, 135, 136, 137
MLD_QUERY, MLD_REPORT, MLD_DONE, MLD2_REPORT = 130, 131, 132, 143
REQUEST, REPLY = 1, 2


def arp(op: int, sender_mac: str, sender: str, target: str, target_mac: str = "00:00:00:00:00:00", *, hardware: int = 1,
        protocol: int = 0x0800, sizes: tuple[int, int] = (6, 4), cut: int | None = None) -> bytes:
    head = u16(hardware) + u16(protocol) + bytes(sizes) + u16(op)
    return (head + mac_bytes(sender_mac) + packed(sender) + mac_bytes(target_mac) + packed(target))[:cut]


def solicited_node(address: str) -> str:
    return str(ipaddress.ip_address(packed("ff02::1:ff00:0")[:13] + packed(address)[13:]))


def group_mac(group: str) -> str:
    """RFC 1112 and RFC 2464."""
    raw = packed(group)
    tail = bytes([0x01, 0x00, 0x5E, raw[1] & 0x7F]) + raw[2:] if len(raw) == 4 else b"\x33\x33" + raw[12:]
    return tail.hex(":")


def link_option(kind: int, mac: str, size: int = 1) -> bytes:
    """1 source, 2 target; `size` in units of eight bytes."""
    return bytes([kind, size]) + mac_bytes(mac)


def neighbour(kind: int, target: str, options: bytes = b"", *, flags: int = 0, code: int = 0, cut: int | None = None) -> Transport:
    """A solicitation or an advertisement; `flags`: 0x80 router, 0x40 solicited, 0x20 override."""
    return icmp(kind, code, bytes([flags, 0, 0, 0]), packed(target) + options, cut)


def router_solicitation(options: bytes = b"", code: int = 0) -> Transport:
    return icmp(RS, code, bytes(4), options)


def router_advertisement(options: bytes = b"", lifetime: int = 1800) -> Transport:
    return icmp(RA, 0, bytes([64, 0]) + u16(lifetime), bytes(8) + options)


def redirect(target: str, destination: str) -> Transport:
    return icmp(REDIRECT, 0, bytes(4), packed(target) + packed(destination))


def mld(kind: int, group: str, code: int = 0) -> Transport:
    return icmp(kind, code, bytes(4), packed(group))


def mld2(*groups: str, record: int = 4, count: int | None = None) -> Transport:
    """Version 2 report; 4 is "changed to exclude", which means joined."""
    records = b"".join(bytes([record, 0, 0, 0]) + packed(group) for group in groups)
    return icmp(MLD2_REPORT, 0, u16(0) + u16(len(groups) if count is None else count), records)


def mld2_query(group: str = "::") -> Transport:
    return icmp(MLD_QUERY, 0, u32(1000 << 16), packed(group) + bytes(4))
