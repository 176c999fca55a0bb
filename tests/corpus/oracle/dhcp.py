# SPDX-License-Identifier: Apache-2.0
"""DHCPv4 and DHCPv6: who may say what to whom."""

from .link import number
from .packet import Packet
from .transport import UDP

SERVER4, CLIENT4, CLIENT6, SERVER6 = 67, 68, 546, 547
CLIENT_KINDS4 = {1, 3, 4, 7, 8}
CLIENT_KINDS6 = {1, 3, 4, 5, 6, 8, 9, 11}
COOKIE = b"\x63\x82\x53\x63"
SERVERS6 = "ff02::1:2"


def ports(packet: Packet) -> tuple[int, int] | None:
    if packet.proto != UDP or len(packet.payload) < 8:
        return None
    return number(packet.payload, 0, 2), number(packet.payload, 2, 2)


def is_server_message(packet: Packet) -> bool:
    """To a client's port, or from a server's to a server's, or an answer by what stands in it."""
    pair = ports(packet)
    client, server = (CLIENT4, SERVER4) if packet.version == 4 else (CLIENT6, SERVER6)
    if pair is None:
        return False
    if pair[1] == client or pair == (server, server):
        return True
    return pair == (CLIENT4, SERVER4) and packet.version == 4 and packet.payload[8:9] == b"\x02"


def is_answer(packet: Packet) -> bool:
    """From a server's port to a client's."""
    return ports(packet) == ((SERVER4, CLIENT4) if packet.version == 4 else (SERVER6, CLIENT6))


def is_to_servers(packet: Packet) -> bool:
    pair = ports(packet)
    return pair is not None and pair[1] == (SERVER4 if packet.version == 4 else SERVER6)


def option4(message: bytes, wanted: int, size: int) -> int | None:
    """Its value; 0 where it is broken, None where there is none."""
    at = 240
    while at < len(message) and message[at] != 255:
        if message[at] == 0:
            at += 1
            continue
        if at + 2 > len(message) or at + 2 + message[at + 1] > len(message):
            return 0
        if message[at] == wanted:
            return number(message, at + 2, size) if message[at + 1] == size else 0
        at += 2 + message[at + 1]
    return None


def kind4(message: bytes) -> int | None:
    return option4(message, 53, 1)


def lease_seconds(message: bytes) -> int | None:
    return option4(message, 51, 4)


def client4_fault(message: bytes, mac: str, own: set[str]) -> str | None:
    """A client message of the device with this MAC and these addresses; the rest is malformed."""
    if len(message) < 240 or message[:3] != b"\x01\x01\x06" or message[236:240] != COOKIE:
        return "dhcp_malformed"
    if message[28:34].hex(":") != mac or any(message[24:28]):
        return "dhcp_malformed"
    claimed = ".".join(map(str, message[12:16]))
    if claimed != "0.0.0.0" and claimed not in own:
        return "dhcp_malformed"
    kind = kind4(message)
    return None if kind is None or kind in CLIENT_KINDS4 else "dhcp_malformed"


def client6_fault(message: bytes) -> str | None:
    return None if len(message) >= 4 and message[0] in CLIENT_KINDS6 else "dhcp_malformed"
