# SPDX-License-Identifier: Apache-2.0
"""Addresses that DHCP, DAD and probes teach, where the device's segment lets them."""

import ipaddress

from world.model import Device

from .dhcp import lease_seconds, kind4
from .packet import Address, LINK_LOCAL4
from .state import State

ACK, DECLINE, RELEASE = 5, 4, 7
MOST = 16
FOREVER = float("inf")


def may_learn(state: State, device: Device, how: str) -> bool:
    segment = state.segments.get(device.segment)
    return segment is not None and how in segment.addresses


def teach(state: State, device: Device, address: Address, until: float) -> bool:
    """Never an address that is somebody else's, never more than a bound."""
    owner = state.owner(address)
    if state.is_own(address) or (owner and owner.name != device.name):
        return False
    taught = {known: end for known, end in state.learned.get(device.name, {}).items() if state.now < end}
    if address not in taught and len(taught) >= MOST:
        return False
    state.learned[device.name] = {**taught, address: until}
    return True


def from_lease(state: State, device: Device, message: bytes) -> None:
    """An ACK gives an address for as long as it says, RFC 2131."""
    seconds = lease_seconds(message)
    address = ipaddress.IPv4Address(message[16:20])
    if kind4(message) == ACK and seconds and int(address) and may_learn(state, device, "dhcp"):
        teach(state, device, address, state.now + seconds)


def from_release(state: State, device: Device, message: bytes) -> None:
    if kind4(message) in (DECLINE, RELEASE):
        state.learned.get(device.name, {}).pop(ipaddress.IPv4Address(message[12:16]), None)


def from_dad(state: State, device: Device, address: ipaddress.IPv6Address) -> bool:
    """Link-local: whatever is formed on the port. Else an address of a prefix of the link, where SLAAC is let."""
    on_link = any(address in net for net in state.link_nets)
    if not address.is_link_local and not (on_link and may_learn(state, device, "slaac")):
        return False
    return teach(state, device, address, FOREVER)


def from_probe(state: State, device: Device, address: ipaddress.IPv4Address) -> None:
    """RFC 3927."""
    if address in LINK_LOCAL4 and may_learn(state, device, "linklocal"):
        teach(state, device, address, FOREVER)
