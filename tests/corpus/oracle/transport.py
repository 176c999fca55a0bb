# SPDX-License-Identifier: Apache-2.0
"""The transport header: ports or what stands for them, and what is wrong with it."""

from dataclasses import dataclass

from .link import number
from .packet import Packet

ICMP4, TCP, UDP, ICMP6, SCTP = 1, 6, 17, 58, 132
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
OTHER_FAMILY = {4: ICMP6, 6: ICMP4}
# Requests begin a flow, replies are part of one: type → (is a request, number of the request).
QUERIES = {4: {8: (True, 8), 0: (False, 8), 13: (True, 13), 14: (False, 13)}, 6: {128: (True, 128), 129: (False, 128)}}
ERRORS = {4: (3, 11, 12), 6: (1, 2, 3, 4)}


@dataclass(frozen=True)
class Transport:
    proto: int
    sport: int = 0
    dport: int = 0
    flags: int = 0
    kind: int = 0      # of ICMP
    quoted: bytes = b""

    @property
    def is_icmp(self) -> bool:
        return self.proto in (ICMP4, ICMP6)


def insane(flags: int) -> bool:
    """What no honest sender combines: nothing that says what it is, or a SYN or RST that also closes."""
    if not flags & (SYN | ACK | RST):
        return True
    closes_twice = bool(flags & SYN and flags & (FIN | RST)) or bool(flags & RST and flags & FIN)
    return closes_twice or bool(flags & FIN and not flags & ACK)


def parse_tcp(data: bytes) -> Transport | str:
    size = (data[12] >> 4) * 4 if len(data) >= 20 else 0
    if size < 20 or size > len(data):
        return "l4_malformed"
    sport, dport, flags = number(data, 0, 2), number(data, 2, 2), data[13] & 63
    if not sport or not dport:
        return "l4_port"
    return "tcp_flags" if insane(flags) else Transport(TCP, sport, dport, flags)


def parse_udp(data: bytes, version: int) -> Transport | str:
    if len(data) < 8 or number(data, 4, 2) != len(data):
        return "l4_malformed"
    sport, dport = number(data, 0, 2), number(data, 2, 2)
    if not sport or not dport:
        return "l4_port"
    return "udp_checksum" if version == 6 and not number(data, 6, 2) else Transport(UDP, sport, dport)


def parse_sctp(data: bytes) -> Transport | str:
    if len(data) < 12:
        return "l4_malformed"
    sport, dport = number(data, 0, 2), number(data, 2, 2)
    return Transport(SCTP, sport, dport) if sport and dport else "l4_port"


def parse_icmp(data: bytes, proto: int, version: int) -> Transport | str:
    """The identifier of a query stands for both ports."""
    if len(data) < 8:
        return "l4_malformed"
    kind, code = data[0], data[1]
    if kind in QUERIES[version]:
        ident = number(data, 4, 2)
        return "icmp_unrelated" if code else Transport(proto, ident, ident, kind=kind)
    return Transport(proto, kind=kind, quoted=data[8:])


def parse_transport(packet: Packet) -> Transport | str:
    """A string is the reason to drop it."""
    if packet.proto == OTHER_FAMILY[packet.version]:
        return "protocol"
    if packet.proto == TCP:
        return parse_tcp(packet.payload)
    if packet.proto == UDP:
        return parse_udp(packet.payload, packet.version)
    if packet.proto == SCTP:
        return parse_sctp(packet.payload)
    if packet.proto in (ICMP4, ICMP6):
        return parse_icmp(packet.payload, packet.proto, packet.version)
    if packet.proto == 2:
        return "protocol"  # IGMP is a link's own
    return Transport(packet.proto)
