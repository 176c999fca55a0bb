# SPDX-License-Identifier: Apache-2.0
"""Who may begin what with whom: ends, peers, services, rules."""

import ipaddress
from dataclasses import dataclass

from world.model import Rule, World

from .packet import Address
from .transport import ICMP4, ICMP6, SCTP, TCP, UDP, Transport

GATEWAY, DEVICE, LOCAL, INTERNET = "gateway", "device", "local", "internet"
UNKNOWN, UNAUTHENTICATED = "unknown", "unauthenticated"
PROTOCOLS = {"tcp": TCP, "udp": UDP, "sctp": SCTP}
ECHO = {"icmp": (ICMP4, 8), "icmp6": (ICMP6, 128)}
BUILT_IN = {
    "dns": ("udp/53", "tcp/53"), "dhcp": ("udp/67", "udp/547"), "ntp": ("udp/123",), "mdns": ("udp/5353",), "ssdp": ("udp/1900",),
    "coap": ("udp/5683-5684",), "mqtt": ("tcp/1883",), "mqtts": ("tcp/8883",), "http": ("tcp/80",), "https": ("tcp/443",),
    "modbus": ("tcp/502",), "opcua": ("tcp/4840",), "bacnet": ("udp/47808",),
}


@dataclass(frozen=True)
class End:
    """One side of a conversation, as the policy sees it."""
    kind: str
    address: Address
    device: str | None = None
    segment: str | None = None  # built-in ones too


@dataclass(frozen=True)
class Decision:
    allowed: bool
    reason: str
    audited: bool = False  # a deny whose rule is in audit, where an allow holds too


def in_network(world: World, end: End, prefixes: tuple[str, ...]) -> bool:
    return end.kind != GATEWAY and any(end.address in ipaddress.ip_network(prefix) for prefix in prefixes)


def is_peer(world: World, end: End, word: str) -> bool:
    kind, _, name = word.partition(":")
    if word == "any":
        return True
    if word == "local":
        return end.kind in (DEVICE, LOCAL)
    if word in (GATEWAY, INTERNET):
        return end.kind == word
    if kind == "segment":
        return end.segment == name
    if kind == "device":
        return end.device == name and end.segment != UNAUTHENTICATED
    if kind == "network":
        return in_network(world, end, world.networks[name])
    return kind == "cidr" and in_network(world, end, (name,))


def in_range(port: int, text: str) -> bool:
    low, _, high = text.partition("-")
    return int(low) <= port <= int(high or low)


def is_service(l4: Transport, word: str) -> bool:
    if word == "any":
        return True
    if word in BUILT_IN:
        return any(is_service(l4, each) for each in BUILT_IN[word])
    name, _, what = word.partition("/")
    if name in ECHO:
        proto, echo = ECHO[name]
        return l4.proto == proto and l4.kind == (echo if what == "echo" else int(what))
    if name == "proto":
        return l4.proto == int(what)
    return name in PROTOCOLS and l4.proto == PROTOCOLS[name] and in_range(l4.dport, what)


def speaks_of(world: World, rule: Rule, src: End, dst: End, l4: Transport | None) -> bool:
    """`l4` None: any service will do."""
    if not is_peer(world, src, rule.source) or not is_peer(world, dst, rule.target):
        return False
    return l4 is None or any(is_service(l4, word) for word in rule.allow + rule.deny)


def is_spared(world: World, rule: Rule, dst: End, l4: Transport) -> bool:
    return any(is_peer(world, dst, to) and any(is_service(l4, word) for word in services) for to, services in rule.spare)


def asks_names(src: End, dst: End, l4: Transport) -> bool:
    """Who is not known or owes a proof may ask the gateway for names."""
    return src.segment in (UNKNOWN, UNAUTHENTICATED) and dst.kind == GATEWAY and is_service(l4, "dns")


def decide(world: World, src: End, dst: End, l4: Transport) -> Decision:
    rules = [rule for rule in world.rules if speaks_of(world, rule, src, dst, l4)]
    denies = [rule for rule in rules if rule.deny and not is_spared(world, rule, dst, l4)]
    allows = any(rule.allow for rule in rules)
    if any(not rule.audit for rule in denies):
        return Decision(False, "deny_rule")
    if not allows and not asks_names(src, dst, l4):
        return Decision(False, "default_deny")
    return Decision(True, "deny_rule", audited=True) if denies else Decision(True, "rule")


def may_talk(world: World, one: End, other: End) -> bool:
    """Whether either may begin anything with the other."""
    return any(rule.allow and (speaks_of(world, rule, one, other, None) or speaks_of(world, rule, other, one, None))
               and not all(word.startswith("eth/") for word in rule.allow) for rule in world.rules)
