# SPDX-License-Identifier: Apache-2.0
"""Neighbour discovery and listener reports: their form."""

import ipaddress
from collections.abc import Iterator

from .link import mac_text, number
from .packet import Packet

RS, RA, NS, NA, REDIRECT = 133, 134, 135, 136, 137
ND = (RS, RA, NS, NA, REDIRECT)
QUERY, REPORT1, DONE, REPORT2 = 130, 131, 132, 143
MLD = (QUERY, REPORT1, DONE, REPORT2)
OPTIONS_AT = {RS: 8, RA: 16, NS: 24, NA: 24, REDIRECT: 40}
MOST_OPTIONS = 8
SOLICITED_NODES = ipaddress.ip_network("ff02::1:ff00:0/104")


def options(body: bytes) -> Iterator[tuple[int, bytes] | None]:
    """Kind and bytes of each; None for one that is broken, which is the last."""
    at = OPTIONS_AT.get(body[0] if body else 0, len(body))
    while at < len(body):
        size = body[at + 1] * 8 if at + 2 <= len(body) else 0
        if size == 0 or at + size > len(body):
            yield None
            return
        yield body[at], body[at:at + size]
        at += size


def link_addresses(body: bytes) -> list[str]:
    """MACs that source and target options claim; of ND alone."""
    if not body or body[0] not in ND:
        return []
    found = [each for each in options(body) if each is not None][:MOST_OPTIONS]
    return [mac_text(raw[2:8]) for kind, raw in found if kind in (1, 2)]


def nd_fault(packet: Packet) -> bool:
    """RFC 4861 7.1 and 6.1: hop limit, code, lengths, options, what the unspecified source forbids."""
    body = packet.payload
    kind = body[0]
    if packet.hops != 255 or packet.headers or len(body) < OPTIONS_AT[kind] or body[1]:
        return True
    found = list(options(body))
    if None in found or len(found) > MOST_OPTIONS:
        return True
    if any(each and each[0] in (1, 2) and len(each[1]) != 8 for each in found):
        return True
    if kind in (NS, NA) and ipaddress.IPv6Address(body[8:24]).is_multicast:
        return True
    if packet.src.is_unspecified:
        from_nowhere = kind in (RS, NS) and not any(each and each[0] == 1 for each in found)
        return not from_nowhere or (kind == NS and packet.dst not in SOLICITED_NODES)
    return False


def reported_groups(body: bytes) -> list[ipaddress.IPv6Address] | None:
    """None: it does not fit its packet."""
    if body[0] in (REPORT1, DONE):
        return [ipaddress.IPv6Address(body[8:24])] if len(body) >= 24 else None
    groups, at = [], 8
    for _ in range(number(body, 6, 2)):
        if at + 20 > len(body):
            return None
        groups.append(ipaddress.IPv6Address(body[at + 4:at + 20]))
        at += 20 + number(body, at + 2, 2) * 16 + body[at + 1] * 4
    return groups if at <= len(body) else None


def is_report(packet: Packet) -> bool:
    """RFC 3810: on the link, with its router alert."""
    return packet.mld_alert and packet.hops == 1 and len(packet.payload) >= 8 and packet.payload[0] in (REPORT1, DONE, REPORT2)


def is_query(packet: Packet) -> bool:
    return packet.mld_alert and packet.hops == 1 and len(packet.payload) >= 24 and packet.payload[0] == QUERY
