# SPDX-License-Identifier: Apache-2.0
"""ARP of a device and towards one: the sender is who it says, and speaks about somebody with whom it may talk."""

import ipaddress
from dataclasses import dataclass

from world.model import Device

from . import learn
from .link import BROADCAST, Link, is_group
from .policy import DEVICE, End, GATEWAY, may_talk
from .state import State
from .verdict import Finding, passes

HEADER = bytes.fromhex("000108000604")  # Ethernet, IPv4, and their sizes
REQUEST, REPLY = 1, 2


@dataclass(frozen=True)
class Arp:
    op: int
    sender: ipaddress.IPv4Address
    target: ipaddress.IPv4Address

    @property
    def probes(self) -> bool:
        return self.op == REQUEST and int(self.sender) == 0

    @property
    def announces(self) -> bool:
        return self.sender == self.target


def parse_arp(body: bytes) -> Arp:
    if len(body) < 28 or body[:6] != HEADER or body[6:8] not in (b"\0\x01", b"\0\x02"):
        raise Finding("arp_malformed")
    return Arp(body[7], ipaddress.IPv4Address(body[14:18]), ipaddress.IPv4Address(body[24:28]))


def is_no_host(address: ipaddress.IPv4Address) -> bool:
    """questions.md, arp-odd-target."""
    return address.is_multicast or address.is_loopback or address.is_reserved or int(address) >> 24 == 0


def check_mac(state: State, link: Link, target: ipaddress.IPv4Address) -> None:
    owner = state.owner(target)
    if link.dst in (BROADCAST, state.world.gateway_mac) or (owner and owner.mac == link.dst):
        return
    raise Finding("multicast" if is_group(link.dst) else "dest_mac")


def judge_arp(state: State, device: Device, link: Link) -> None:
    """From a device; who claims another's address or MAC was met before."""
    arp = parse_arp(link.payload)
    if not arp.probes and arp.sender not in state.addresses(device):
        raise Finding("bad_source")
    if arp.probes:
        learn.from_probe(state, device, arp.target)
    if arp.target not in state.addresses(device):
        me, other = state.end_of_device(device, arp.sender), state.end(arp.target)
        if other.kind != GATEWAY and (not may_talk(state.world, me, other) or is_no_host(arp.target)):
            raise Finding("arp_target")
        if arp.probes and other.kind not in (GATEWAY, DEVICE):
            raise Finding("arp_target")  # it wants an address that nobody gave it
    check_mac(state, link, arp.target)
    raise passes("arp")


def judge_arp_inward(state: State, speaker: End | None, receiver: Device | None, port: str, link: Link) -> None:
    """Towards a device. `speaker` None: somebody beyond the uplink."""
    arp = parse_arp(link.payload)
    if speaker is None:
        raise Finding("arp_target")
    if speaker.kind == GATEWAY and (arp.announces or (arp.probes and state.is_own(arp.target))):
        raise passes("arp")
    owner = state.owner(arp.target)
    if speaker.kind == GATEWAY and receiver is None:
        raise passes("arp")  # it asks everybody
    if owner is None or not state.is_at(owner, port):
        raise Finding("bad_destination" if receiver else "not_here")
    if receiver and owner.name != receiver.name:
        raise Finding("bad_destination")
    if speaker.kind != GATEWAY and not may_talk(state.world, speaker, state.end(arp.target)):
        raise Finding("arp_target")
    raise passes("arp")
