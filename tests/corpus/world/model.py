# SPDX-License-Identifier: Apache-2.0
"""The parts of a world. Addresses and MACs are text as people write it; peers and services are words of the policy language."""

import ipaddress
from dataclasses import dataclass, field, replace

ENFORCE, AUDIT, OBSERVE = "enforce", "audit", "observe"


def link_local(mac: str) -> str:
    """The address that a MAC makes, RFC 4291 appendix A."""
    raw = bytes.fromhex(mac.replace(":", ""))
    return str(ipaddress.ip_address(b"\xfe\x80" + bytes(6) + bytes([raw[0] ^ 2]) + raw[1:3] + b"\xff\xfe" + raw[3:]))


@dataclass(frozen=True)
class Host:
    """Somebody with addresses: a device, the gateway, or a host beyond the uplink (whose MAC is the gateway's for a device)."""
    name: str
    mac: str
    v4: str
    v6: str
    port: str | None = None
    vlan: int | None = None

    @property
    def ll(self) -> str:
        return link_local(self.mac)

    def ip(self, version: int) -> str:
        return self.v4 if version == 4 else self.v6


@dataclass(frozen=True)
class Device(Host):
    segment: str = ""
    serves: tuple[str, ...] = ()
    mode: str | None = None


@dataclass(frozen=True)
class Segment:
    name: str
    flows: int | None = None
    addresses: tuple[str, ...] = ()  # what may teach a member addresses: dhcp, slaac, linklocal
    auth: tuple[str, ...] = ()
    mode: str | None = None


@dataclass(frozen=True)
class Port:
    name: str
    vlans: tuple[int, ...] = ()
    priority_tag: bool = False
    group: str | None = None
    mode: str | None = None


@dataclass(frozen=True)
class Rule:
    id: str
    source: str
    target: str
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    audit: bool = False
    spare: tuple[tuple[str, tuple[str, ...]], ...] = ()  # `except:` of a deny, as (to, services)


@dataclass(frozen=True)
class World:
    ports: tuple[Port, ...]
    uplinks: tuple[str, ...]
    bridges: tuple[str, ...]
    devices: tuple[Device, ...]
    segments: tuple[Segment, ...]
    networks: dict[str, tuple[str, ...]]
    rules: tuple[Rule, ...]
    gateway_mac: str
    gateway: dict[str, tuple[str, ...]] = field(default_factory=dict)  # interface → addresses with prefix length
    uplink_mac: str = ""
    mode: str = ENFORCE

    def without(self, *rules: str) -> "World":
        missing = set(rules) - {rule.id for rule in self.rules}
        assert not missing, missing
        return replace(self, rules=tuple(rule for rule in self.rules if rule.id not in rules))

    def in_mode(self, mode: str) -> "World":
        return replace(self, mode=mode)
