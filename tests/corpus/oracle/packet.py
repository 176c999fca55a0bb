# SPDX-License-Identifier: Apache-2.0
"""The IP header: what can be read of it, and all that is wrong with it, in the order of the specification."""

import ipaddress
from dataclasses import dataclass, field

from .link import IPV4, number

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

HOP_BY_HOP, FRAGMENT, ICMP6 = 0, 44, 58
EXTENSIONS = {HOP_BY_HOP, 43, FRAGMENT, 50, 51, 59, 60, 135, 139, 140, 253, 254}
READ_HEADERS = 4  # behind so many extension headers another's address, a rogue DHCP or RA is still looked for

BAD_SOURCES4 = [ipaddress.ip_network(text) for text in ("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4")]
BAD_TARGETS4 = [ipaddress.ip_network(text) for text in ("0.0.0.0/8", "127.0.0.0/8", "240.0.0.0/4")]
LINK_LOCAL4 = ipaddress.ip_network("169.254.0.0/16")


@dataclass
class Packet:
    version: int
    src: Address
    dst: Address
    proto: int
    hops: int
    payload: bytes
    options: bytes = b""
    headers: tuple[int, ...] = ()   # extension headers in order
    mld_alert: bool = False         # one hop-by-hop header with nothing but the router alert for MLD
    readable: bool = True           # its header has the length that every host wants
    fragment: bool = False
    later_fragment: bool = False    # without the beginning of its payload
    faults: list[str] = field(default_factory=list)  # but fragment, ext_header and ip_options, which a guard may forgive

    @property
    def to_many(self) -> bool:
        return self.dst.is_multicast or str(self.dst) == "255.255.255.255"


def checksum_holds(header: bytes) -> bool:
    total = sum(number(header, at, 2) for at in range(0, len(header), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total == 0xFFFF


def martian4(packet: Packet) -> bool:
    unspecified = int(packet.src) == 0 and packet.to_many  # DHCP
    source = any(packet.src in net for net in BAD_SOURCES4) and not unspecified
    target = any(packet.dst in net for net in BAD_TARGETS4) and not packet.to_many
    return source or target


def parse4(data: bytes) -> Packet | None:
    if len(data) < 20 or data[0] >> 4 != 4:
        return None
    size, total = (data[0] & 15) * 4, number(data, 2, 2)
    start = max(size, 20)
    flags = number(data, 6, 2)
    packet = Packet(4, ipaddress.IPv4Address(data[12:16]), ipaddress.IPv4Address(data[16:20]), data[9], data[8], data[start:max(total, start)],
                    options=data[20:start], fragment=bool(flags & 0x3FFF), later_fragment=bool(flags & 0x1FFF))
    packet.readable = size >= 20
    fits = 20 <= size <= total <= len(data)
    if not fits or flags & 0x8000:
        packet.faults.append("ip_malformed")
    if fits and not checksum_holds(data[:size]):
        packet.faults.append("ip_checksum")
    if packet.hops == 0:
        packet.faults.append("ip_ttl")
    if martian4(packet):
        packet.faults.append("ip_martian")
    if packet.src == packet.dst:
        packet.faults.append("ip_self")
    return packet


def holds_ip4(address: Address) -> bool:
    return isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None


def martian6(packet: Packet) -> bool:
    def never(address: Address) -> bool:
        return address.is_loopback or holds_ip4(address)
    from_nowhere = packet.src.is_unspecified and not packet.to_many  # DAD and what goes with it
    return never(packet.src) or never(packet.dst) or from_nowhere or packet.src.is_multicast or packet.dst.is_unspecified


def walk(packet: Packet, data: bytes) -> None:
    """Over the extension headers, as far as they can be read."""
    seen: list[int] = []
    while packet.proto in EXTENSIONS and len(seen) < READ_HEADERS:
        seen.append(packet.proto)
        packet.fragment = packet.fragment or packet.proto == FRAGMENT
        if packet.proto in (50, 51, 59) or len(data) < 8:
            break
        if packet.proto == FRAGMENT:
            size = 8
            packet.later_fragment = packet.later_fragment or bool(number(data, 2, 2) >> 3)
        else:
            size = (data[1] + 1) * 8
        if seen == [HOP_BY_HOP]:
            packet.mld_alert = size == 8 and data[2:8] in (bytes.fromhex("050200000100"), bytes.fromhex("010005020000"))
        packet.proto, data = data[0], data[size:]
    packet.headers = tuple(seen)
    packet.mld_alert = packet.mld_alert and len(seen) == 1
    packet.payload = data


def parse6(data: bytes) -> Packet | None:
    if len(data) < 40 or data[0] >> 4 != 6:
        return None
    size = number(data, 4, 2)
    packet = Packet(6, ipaddress.IPv6Address(data[8:24]), ipaddress.IPv6Address(data[24:40]), data[6], data[7], b"")
    if 40 + size > len(data):
        packet.faults.append("ip_malformed")
    walk(packet, data[40:40 + size])
    if packet.hops == 0:
        packet.faults.append("ip_ttl")
    if martian6(packet):
        packet.faults.append("ip_martian")
    if packet.src == packet.dst:
        packet.faults.append("ip_self")
    return packet


def parse_packet(ethertype: int, data: bytes) -> Packet | None:
    """None: not even its addresses can be read."""
    return parse4(data) if ethertype == IPV4 else parse6(data)


def first_fault(packet: Packet, neighbours: bool = False) -> str | None:
    """In the order of the specification; some of it a guard forgives. Between neighbours 169.254/16 is an address like others."""
    if "ip_malformed" in packet.faults:
        return "ip_malformed"
    if packet.headers and packet.headers[0] != FRAGMENT:
        return "ext_header"
    if packet.options:
        return "ip_options"
    if not neighbours and (packet.src in LINK_LOCAL4 or packet.dst in LINK_LOCAL4) and not {"ip_checksum", "ip_ttl"} & set(packet.faults):
        return "ip_martian"
    return next(iter(packet.faults), "fragment" if packet.fragment else None)
