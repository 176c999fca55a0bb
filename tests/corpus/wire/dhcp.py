# SPDX-License-Identifier: Apache-2.0
"""DHCPv4 and DHCPv6 messages, UDP around them."""

from .ip import Transport, packed
from .link import mac_bytes, u16, u32
from .transport import udp

COOKIE = bytes.fromhex("63825363")
DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM = range(1, 9)
SOLICIT, ADVERTISE, REQUEST6, CONFIRM, RENEW, REBIND, REPLY6, RELEASE6, DECLINE6, RECONFIGURE, INFORM6, RELAY, RELAY_REPLY = range(1, 14)


def option(code: int, value: bytes) -> bytes:
    return bytes([code, len(value)]) + value


def dhcp4(kind: int | None, chaddr: str, *, op: int = 1, hardware: tuple[int, int] = (1, 6), ciaddr: str = "0.0.0.0", yiaddr: str = "0.0.0.0",
          giaddr: str = "0.0.0.0", cookie: bytes = COOKIE, more: bytes = b"", sport: int = 68, dport: int = 67, cut: int | None = None) -> Transport:
    """`kind` None: no option says what it is, as in BOOTP."""
    head = bytes([op, *hardware, 0]) + u32(0x39A1) + bytes(4) + packed(ciaddr) + packed(yiaddr) + bytes(4) + packed(giaddr)
    options = (b"" if kind is None else option(53, bytes([kind]))) + more + b"\xff"
    message = head + mac_bytes(chaddr) + bytes(10 + 64 + 128) + cookie + options
    return udp(sport, dport, message[:cut])


def dhcp6(kind: int, duid_mac: str, *, sport: int = 546, dport: int = 547, cut: int | None = None) -> Transport:
    client = u16(3) + u16(1) + mac_bytes(duid_mac)
    message = bytes([kind, 0, 0, 1]) + u16(1) + u16(len(client)) + client
    return udp(sport, dport, message[:cut])
