# SPDX-License-Identifier: Apache-2.0
"""gateway.yaml and the policy of a world, for `cordon replay`. JSON is YAML, so each thing is one line of it."""

import json

from .model import Device, Port, Rule, Segment, World


def flow(value: object) -> str:
    return json.dumps(value)


def block(name: str, lines: list[str]) -> str:
    return f"{name}:\n" + "".join(f"  {line}\n" for line in lines)


def port_words(port: Port) -> dict[str, object]:
    words: dict[str, object] = {}
    if port.vlans:
        words["vlans"] = list(port.vlans)
    if port.priority_tag:
        words["priority_tag"] = "accept"
    if port.group:
        words["group"] = port.group
    if port.mode:
        words["mode"] = port.mode
    return words


def gateway_text(world: World) -> str:
    addresses = [f"{name}: " + flow({"mac": world.uplink_mac if name in world.uplinks else world.gateway_mac, "ip": list(ips)})
                 for name, ips in world.gateway.items()]
    return ("version: 1\n" + block("ports", [f"{port.name}: {flow(port_words(port))}" for port in world.ports])
            + f"uplinks: {flow({name: {} for name in world.uplinks})}\n" + block("addresses", addresses)
            + "capacity: {devices: 256, flows: 4096, cache: 1MiB}\n")  # small, so that a reset costs little


def segment_words(segment: Segment) -> dict[str, object]:
    words: dict[str, object] = {}
    if segment.flows is not None:
        words["limits"] = {"flows": segment.flows}
    if segment.addresses:
        words["addresses"] = list(segment.addresses)
    if segment.auth:
        words["auth"] = {"require": list(segment.auth)}
    if segment.mode:
        words["mode"] = segment.mode
    return words


def device_words(device: Device) -> dict[str, object]:
    words: dict[str, object] = {"id": device.name, "segment": device.segment, "mac": device.mac}
    if device.v4:
        words["ip"] = [device.v4, device.v6]
    facts = {}
    if device.port:
        facts["location"] = device.port
    if device.vlan is not None:
        facts["vlan"] = str(device.vlan)
    if facts:
        words["facts"] = facts
    if device.serves:
        words["serves"] = list(device.serves)
    if device.mode:
        words["mode"] = device.mode
    return words


def services_words(services: tuple[str, ...]) -> object:
    return "any" if services == ("any",) else list(services)


def rule_words(rule: Rule) -> dict[str, object]:
    words: dict[str, object] = {"id": rule.id, "from": rule.source, "to": rule.target}
    words["deny" if rule.deny else "allow"] = services_words(rule.deny or rule.allow)
    if rule.audit:
        words["mode"] = "audit"
    if rule.spare:
        words["except"] = [{"to": to, "services": list(services)} for to, services in rule.spare]
    return words


def policy_text(world: World) -> str:
    return ("version: 1\n" + f"site: {flow({'name': 'corpus', 'mode': world.mode})}\n"
            + block("segments", [f"{segment.name}: {flow(segment_words(segment))}" for segment in world.segments])
            + block("devices", [f"- {flow(device_words(device))}" for device in world.devices])
            + block("networks", [f"{name}: {flow(list(prefixes))}" for name, prefixes in world.networks.items()])
            + block("rules", [f"- {flow(rule_words(rule))}" for rule in world.rules]))
