# SPDX-License-Identifier: Apache-2.0
"""The oracle of the corpus with its look-ups remembered: who owns an address, who has a MAC. It decides nothing by itself; `check`
judges some of the cases by the plain one, too."""

import functools
import ipaddress

from oracle.judge import Oracle
from oracle.state import State
from world.model import Device, World

# Of text, of which a world has little; what they give is never changed.
ipaddress.ip_network = functools.lru_cache(None)(ipaddress.ip_network)
KNOWN = ("world", "segments", "ports", "own", "link_nets")


class Facts:
    """What follows from a world alone."""

    def __init__(self, world: World) -> None:
        plain = State(world)
        self.known = {name: getattr(plain, name) for name in KNOWN}
        self.devices = list(world.devices)
        self.by_key = {}
        self.by_name = {}
        self.by_mac = {}
        self.owners = {}
        self.addresses = {}
        for device in world.devices:
            self.by_key.setdefault((device.mac, device.vlan), device)
            self.by_name.setdefault(device.name, device)
            self.by_mac.setdefault(device.mac, []).append(device)
            self.addresses[device.name] = plain.addresses(device)
            for address in self.addresses[device.name]:
                self.owners.setdefault(key_of(address), device)
        self.own = {key_of(address) for address in plain.own}


def key_of(address) -> int:
    """An address as a number; an IPv4 one also where IPv6 maps it."""
    value = address._ip
    return value | 0xFFFF << 32 if address._version == 4 else value


class QuickState(State):
    known_worlds = {}

    def __post_init__(self) -> None:
        self.met = []
        self.met_by_key = {}
        self.met_by_name = {}
        self.met_owners = {}
        super().__post_init__()

    def know(self, world: World) -> None:
        facts = self.known_worlds.get(id(world))
        if facts is None:
            facts = self.known_worlds[id(world)] = Facts(world)
        self.facts = facts
        self.__dict__.update(facts.known)

    @property
    def devices(self):
        return self.facts.devices + self.met if self.met else self.facts.devices

    def device(self, mac: str, vlan):
        return self.facts.by_key.get((mac, vlan)) or self.met_by_key.get((mac, vlan))

    def named(self, name: str):
        return self.facts.by_name.get(name) or self.met_by_name.get(name)

    def with_mac(self, mac: str):
        return self.facts.by_mac.get(mac, [])

    def meet(self, mac: str, vlan, port: str) -> None:
        super().meet(mac, vlan, port)
        device = self.strangers[mac, vlan]
        self.met.append(device)
        self.met_by_key[mac, vlan] = device
        self.met_by_name[device.name] = device
        self.met_owners.setdefault(key_of(ipaddress.ip_address(device.ll)), device)

    def addresses(self, device: Device):
        given = self.facts.addresses.get(device.name)
        if given is not None and device.name not in self.learned:
            return given
        return super().addresses(device)

    def owner(self, address):
        if self.learned:
            return super().owner(address)
        key = key_of(address)
        return self.facts.owners.get(key) or self.met_owners.get(key)

    def is_own(self, address) -> bool:
        return key_of(address) in self.facts.own


class QuickOracle(Oracle):
    def __init__(self, world: World) -> None:
        self.state = QuickState(world)
