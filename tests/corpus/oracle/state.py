# SPDX-License-Identifier: Apache-2.0
"""What the gateway knows at a moment: the world, strangers, places, addresses, flows, the clock."""

import ipaddress
from dataclasses import dataclass, field

from world.model import AUDIT, Device, ENFORCE, OBSERVE, Port, World, link_local

from .flows import Flows
from .packet import Address
from .policy import DEVICE, End, GATEWAY, INTERNET, LOCAL, UNAUTHENTICATED, UNKNOWN

STRICTNESS = {OBSERVE: 0, AUDIT: 1, ENFORCE: 2}
LINK_LOCAL6 = ipaddress.ip_network("fe80::/10")


@dataclass
class State:
    world: World
    now: float = 0.0
    strangers: dict[tuple[str, int | None], Device] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)            # device → port it took by speaking there
    learned: dict[str, dict[Address, float]] = field(default_factory=dict)  # device → address → until when it is its own
    quarantined: set[str] = field(default_factory=set)
    owing: set[str] = field(default_factory=set)                    # have not given the proof that their segment asks for
    flows: Flows = field(default_factory=Flows)
    asked: dict[tuple[Address, int, int], float] = field(default_factory=dict)  # queries to groups: address, its port, the group's → when

    def __post_init__(self) -> None:
        self.know(self.world)

    def know(self, world: World) -> None:
        """Takes a policy over; flows are asked again by their next packet."""
        self.world = world
        self.segments = {segment.name: segment for segment in world.segments}
        self.ports: dict[str, Port] = {port.name: port for port in world.ports}
        interfaces = [ipaddress.ip_interface(text) for texts in world.gateway.values() for text in texts]
        self.own = {each.ip for each in interfaces} | {ipaddress.ip_address(link_local(world.gateway_mac))}
        for net in {each.network for each in interfaces if each.ip not in LINK_LOCAL6}:
            self.own.add(net.network_address)
            if net.version == 4:
                self.own.add(net.broadcast_address)
        self.link_nets = {ipaddress.ip_interface(text).network for name,
                          texts in world.gateway.items() if name not in world.uplinks for text in texts}

    # Devices

    @property
    def devices(self) -> list[Device]:
        return [*self.world.devices, *self.strangers.values()]

    def device(self, mac: str, vlan: int | None) -> Device | None:
        return next((each for each in self.devices if each.mac == mac and each.vlan == vlan), None)

    def named(self, name: str) -> Device | None:
        return next((each for each in self.devices if each.name == name), None)

    def with_mac(self, mac: str) -> list[Device]:
        return [each for each in self.world.devices if each.mac == mac]

    def place(self, device: Device) -> str | None:
        return device.port or self.places.get(device.name)

    def is_at(self, device: Device, port: str) -> bool:
        """On its port or in its port's group; without a place anywhere."""
        place = self.place(device)
        if place is None or place == port:
            return True
        group = self.ports[place].group
        return group is not None and group == self.ports[port].group

    def meet(self, mac: str, vlan: int | None, port: str) -> None:
        self.strangers[mac, vlan] = Device(f"{mac}@{vlan}", mac, "", "", port, vlan, segment=UNKNOWN)

    # Addresses

    def addresses(self, device: Device) -> set[Address]:
        given = {ipaddress.ip_address(text) for text in (device.v4, device.v6) if text}
        taught = {address for address, until in self.learned.get(device.name, {}).items() if self.now < until}
        return given | {ipaddress.ip_address(device.ll)} | taught

    def owner(self, address: Address) -> Device | None:
        mapped = getattr(address, "ipv4_mapped", None)
        return next((each for each in self.devices if (mapped or address) in self.addresses(each)), None)

    def is_own(self, address: Address) -> bool:
        return (getattr(address, "ipv4_mapped", None) or address) in self.own

    def end_of_device(self, device: Device, address: Address) -> End:
        segment = UNAUTHENTICATED if device.name in self.owing else device.segment
        return End(DEVICE, address, device.name, segment)

    def end(self, address: Address) -> End:
        if self.is_own(address):
            return End(GATEWAY, address)
        device = self.owner(address)
        if device:
            return self.end_of_device(device, address)
        return End(LOCAL if any(address in net for net in self.link_nets) else INTERNET, address)

    # Modes and limits

    def mode_of(self, device: Device | None, port: str) -> str:
        if device is None or device.segment == UNKNOWN:
            return self.ports[port].mode or self.world.mode
        segment = self.segments.get(device.segment)
        return device.mode or (segment.mode if segment else None) or self.world.mode

    def stricter(self, names: list[str | None], port: str) -> str:
        """Of the devices at the ends of a flow."""
        modes = [self.mode_of(self.named(name), port) for name in names if name]
        return max(modes or [self.mode_of(None, port)], key=STRICTNESS.__getitem__)

    def flow_limit(self, device: Device) -> int | None:
        segment = self.segments.get(device.segment)
        return segment.flows if segment else None

    def speaks_eapol_alone(self, device: Device) -> bool:
        """Where dot1x alone is required and owed."""
        segment = self.segments.get(device.segment)
        return device.name in self.owing and segment is not None and segment.auth == ("dot1x",)
