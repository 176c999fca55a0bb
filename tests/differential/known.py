# SPDX-License-Identifier: Apache-2.0
"""Differences that tests/corpus/differences.md or findings.md list, by what they look like. A line here goes when its line there goes."""

from dataclasses import replace
from ipaddress import IPv6Address, ip_address

from oracle.judge import Crossing
from oracle.link import ARP, IPV4, IPV6, is_group, parse_link
from oracle.packet import parse_packet
from oracle.transport import QUERIES, parse_transport
from judge import act
from oracle import nd
from quick import QuickOracle
from talks import Act, Frame
from world.lab import WORLD
from world.model import link_local

DHCP_PORTS = {67, 68, 546, 547}
CLIENT4 = (68, 67)
TAGS = (b"\x81\0", b"\x88\xa8")


class Facts:
    """What a line asks about the frame and what came before."""

    def __init__(self, steps: list, difference) -> None:
        self.frame, self.kind = difference.frame, difference.kind
        self.expected, self.seen = difference.expected, difference.seen
        self.inward = self.frame.inbound
        self.link = parse_link(self.frame.data)
        self.packet = packet_of(self.frame)
        self.before = steps[:next((at for at, step in enumerate(steps) if step is self.frame), 0)]
        self.learned = learned_before(steps, self.frame)
        self.ports = ()
        if self.packet and self.packet.proto in (6, 17, 132):
            head = self.packet.payload
            self.ports = (int.from_bytes(head[:2], "big"), int.from_bytes(head[2:4], "big"))

    def passes_wrongly(self, expected: str, *seen: str) -> bool:
        return self.kind == "passes" and self.expected.reason in expected.split("|") and (not seen or self.seen.reason in seen)

    def is_dropped_wrongly(self, *seen: str) -> bool:
        return self.kind == "is dropped" and self.seen.reason in seen

    def passes_in_audit(self, expected: str) -> bool:
        return self.kind == "passes in audit" and self.expected.reason in expected.split("|")

    @property
    def icmp(self) -> tuple:
        """Type and code; -1 of what is no ICMP."""
        if self.packet and self.packet.proto in (1, 58) and len(self.packet.payload) >= 2:
            return self.packet.payload[0], self.packet.payload[1]
        return -1, -1


def packet_of(step):
    link = parse_link(step.data) if isinstance(step, Frame) else None
    return parse_packet(link.ethertype, link.payload) if link and link.ethertype in (IPV4, IPV6) else None


def learned_before(steps: list, frame: Frame) -> bool:
    oracle = QuickOracle(WORLD)
    for step in steps:
        if isinstance(step, Frame):
            oracle.judge(Crossing(step.port, step.inbound, step.data, step.in_port))
        else:
            act(oracle, step)
        if step is frame:
            break
    return bool(oracle.state.learned)


def is_met(f: Facts) -> bool:
    """A stranger's MAC: met before, on another port or with another tag."""
    return not any(device.mac == f.link.src for device in WORLD.devices)


def stranger_with_tag(f: Facts) -> bool:
    own = [step.data for step in (*f.before, f.frame) if isinstance(step, Frame) and step.data[6:12] == f.frame.data[6:12]]
    return not f.inward and is_met(f) and len(own) > 1 and any(data[12:14] in TAGS for data in own)


def server_port_alone(f: Facts) -> bool:
    return f.kind == "is dropped in audit" and f.seen.reason == "rogue_dhcp" and bool({67, 547} & set(f.ports[:1]))


def of_the_gateway(f: Facts) -> bool:
    return f.inward and f.frame.in_port is None


def no_host_takes_it(f: Facts) -> bool:
    """What is claimed in a packet that every host discards: soft or hard."""
    advertises = f.icmp[0] == 136 and f.passes_in_audit("uplink_spoof")
    if f.packet is None or not (advertises or f.passes_in_audit("rogue_dhcp|rogue_ra|nd_spoof")):
        return False
    if {"ip_checksum", "ip_malformed", "ip_martian"} & set(f.packet.faults) or f.packet.fragment or f.packet.src.is_unspecified:
        return True
    if f.packet.proto == 58:
        body = f.packet.payload
        return f.packet.hops != 255 or len(body) < 8 or (body[0] in nd.ND and nd.nd_fault(replace(f.packet, headers=())))
    return isinstance(parse_transport(f.packet), str)


def two_tags(f: Facts) -> bool:
    return f.kind == "passes in audit" and len(f.link.tags) > 1


def tag_towards_device(f: Facts) -> bool:
    return f.inward and f.passes_wrongly("vlan") and (any(tag.service or tag.vid == 0 for tag in f.link.tags) or is_group(f.link.dst))


def own_service_tag(f: Facts) -> bool:
    return not f.inward and f.passes_wrongly("vlan") and any(tag.service for tag in f.link.tags)


def dhcp_by_rule(f: Facts) -> bool:
    return f.is_dropped_wrongly("dhcp_malformed", "rogue_dhcp") and bool(DHCP_PORTS & set(f.ports))


def echo_code(f: Facts) -> bool:
    return f.passes_wrongly("icmp_unrelated") and f.icmp[1] > 0 and f.icmp[0] in QUERIES[f.packet.version]


def link_local4_probe(f: Facts) -> bool:
    return not f.inward and f.passes_wrongly("arp_target", "arp") and f.link.payload[24:26] == b"\xa9\xfe"


# Cause, as differences.md names it; whether it is this one.
CAUSES = (
    ("addresses that DHCP, SLAAC and DAD teach: not yet", lambda f: f.learned),
    ("link/tag/priority-inward, service-priority-inward, arp/inward/tagged, nd/inward/tagged", tag_towards_device),
    ("link/tag/own-service-tag", own_service_tag),
    ("eapol/cert/dns", lambda f: f.is_dropped_wrongly("unauthenticated") and 53 in f.ports),
    ("dhcp/client/not-dhcp-by-rule, from-server-port-by-rule", dhcp_by_rule),
    ("dhcp/client: broken or foreign options, ciaddr of another, kinds that no client sends",
     lambda f: not f.inward and f.passes_wrongly("dhcp_malformed", "dhcp")),
    ("icmp/echo/code", echo_code),
    ("mcast: and bcast rules: not yet", lambda f: f.is_dropped_wrongly("multicast", "default_deny") and f.expected.reason in ("rule", "mld")
     and f.packet is not None),
    ("eth/ rules: not yet", lambda f: f.is_dropped_wrongly("ethertype")),
    ("serves: not yet", lambda f: f.kind in ("is dropped", "is dropped in audit") and f.seen.reason in ("rogue_dhcp", "rogue_ra")
     and f.frame.port == "p10"),
    ("questions.md martians6: 0::/64", lambda f: f.seen.reason == "ip_martian" and f.packet is not None and f.packet.version == 6
     and not (int(f.packet.src) >> 64 and int(f.packet.dst) >> 64)),
    ("a router solicitation to another group than the routers'", lambda f: f.is_dropped_wrongly("dest_mac") and f.icmp[0] == 133),
    ("fe80:: is the gateway's, as the anycast address of its link", lambda f: f.kind == "is dropped in audit" and f.packet is not None
     and str(f.packet.src) == "fe80::"),
    ("questions.md gateway-as-device, in audit", lambda f: of_the_gateway(f) and f.expected.reason == "spoofed_source"),
    ("questions.md stranger-with-tag, stranger-moves", stranger_with_tag),
    ("audit/hard-enforced/spoof-two-tags", two_tags),
    ("dhcp/client6/from-server-port-by-rule: from a server's port is rogue, whereto it goes", server_port_alone),
    ("arp/inward/target-is-no-address, and ND alike: the gateway to one device about another",
     lambda f: of_the_gateway(f) and f.passes_wrongly("bad_destination", "arp", "nd")),
    ("a claim in a packet that every host discards", no_host_takes_it),
    ("questions.md na-of-nobody", lambda f: f.passes_in_audit("nd_spoof") and f.icmp[0] == 136),
    ("questions.md dhcp-kind-and-operation", lambda f: f.passes_in_audit("rogue_dhcp") and f.ports == CLIENT4),
    ("questions.md stranger-moves, with a tag", lambda f: f.kind == "is dropped in audit" and f.seen.reason == "wrong_port" and is_met(f)),
    ("questions.md group-by-wrong-mac", lambda f: not f.inward and f.passes_wrongly("multicast|dest_mac", "mld", "dhcp") and is_group(f.link.dst)),
    ("nd/dad/to-all-nodes, nd/ns/group-by-broadcast", lambda f: not f.inward and f.passes_wrongly("nd_malformed|dest_mac", "nd")
     and f.packet is not None and f.packet.to_many),
    ("learning/link-local4/segment-without", link_local4_probe),
)


def is_reset(step) -> bool:
    packet = packet_of(step)
    return packet is not None and packet.proto == 6 and len(packet.payload) > 13 and bool(packet.payload[13] & 4)


def link_local_of_another_vlan(f: Facts) -> bool:
    if not f.passes_in_audit("spoofed_source|uplink_spoof|nd_spoof") or f.packet is None:
        return False
    vlan = f.link.tags[0].vid if f.link.tags else None
    spoken_of = {f.packet.src, *([IPv6Address(f.packet.payload[8:24])] if f.icmp[0] >= 0 and len(f.packet.payload) >= 24 else [])}
    return any(device.vlan != vlan for device in WORLD.devices if ip_address(device.ll) in spoken_of)


def gateway_by_mac(f: Facts) -> bool:
    own = ip_address(link_local(WORLD.gateway_mac))
    return f.kind == "passes in audit" and f.packet is not None and (f.packet.src == own or own.packed in f.packet.payload[:24])


def behind_the_end(f: Facts) -> bool:
    """A header that the packet's length does not reach."""
    return f.kind == "is dropped in audit" and f.packet is not None and (bool(f.packet.headers or f.packet.options) or not f.packet.payload)


def dot1x_floods(f: Facts) -> bool:
    arp_or_nd = {"arp", "nd"} & {f.expected.reason, f.seen.reason}
    return f.inward and bool(arp_or_nd) and "unauthenticated" in (f.expected.reason, f.seen.reason)


def over_a_quarantine(f: Facts) -> bool:
    """Cut by a packet, or by the timer within a second; replay has no timer."""
    return any(isinstance(step, Act) and step.word in ("release", "auth") for step in f.before) and f.kind in ("passes", "is dropped") and {
        f.expected.reason, f.seen.reason} & {"established", "related", "no_flow"} != set()


FINDINGS = (
    ("findings.md 5: a link-local address under another tag", link_local_of_another_vlan),
    ("findings.md 7: a probe for an address of nobody", lambda f: not f.inward and f.passes_wrongly("arp_target", "arp")),
    ("findings.md 8: a router solicitation of the gateway", lambda f: of_the_gateway(f) and f.icmp[0] == 133 and f.is_dropped_wrongly("multicast")),
    ("findings.md 9: unsound ND of the gateway", lambda f: of_the_gateway(f)
     and f.passes_wrongly("nd_malformed|multicast|ip_martian", "nd", "mld", "dhcp")),
    ("findings.md 10: flows over a quarantine", over_a_quarantine),
    ("findings.md 11: ARP and ND towards a device that owes dot1x", dot1x_floods),
    ("findings.md 12: ND options behind an extension header", lambda f: f.passes_in_audit("nd_spoof")
     and bool(f.packet.headers)),
    ("findings.md 13: an extension header behind the packet's end", behind_the_end),
    ("findings.md 15: a link-local address of nobody by the gateway's MAC", lambda f: not f.inward
     and f.passes_wrongly("dest_mac", "rule", "established") and f.packet is not None and f.packet.dst.is_link_local),
    ("findings.md 17: towards a device its receiver is asked before its claims", lambda f: f.inward and f.frame.in_port in ("eth0", None)
     and f.kind == "passes in audit" and f.seen.reason in ("not_here", "unknown_device", "vlan")),
    ("findings.md 18: claims in a packet to its own sender", lambda f: f.kind == "passes in audit" and f.packet is not None
     and f.packet.src == f.packet.dst),
    ("findings.md 19: the link-local address that the gateway's MAC makes", gateway_by_mac),
    ("findings.md 9: unsound DHCP of the gateway", lambda f: of_the_gateway(f) and f.kind == "is dropped" and f.expected.reason == "dhcp"),
    ("findings.md 14: to a device in quarantine, DHCP's ports", lambda f: f.passes_in_audit("quarantine")),
)


def cause_of(steps: list, difference) -> "str | None":
    facts = Facts(steps, difference)
    return next((cause for cause, holds in CAUSES + FINDINGS if holds(facts)), None)
