# SPDX-License-Identifier: Apache-2.0
"""Differences that tests/corpus/differences.md lists, by what they look like. A line here goes when its line there goes."""

from oracle.judge import Crossing
from oracle.link import is_group, parse_link
from oracle.packet import parse_packet
from oracle.transport import QUERIES
from quick import QuickOracle
from talks import Frame
from world.lab import WORLD

DHCP_PORTS = {67, 68, 546, 547}
CLIENT4 = (68, 67)


class Facts:
    """What a line asks about the frame and what came before."""

    def __init__(self, steps: list, difference) -> None:
        self.frame, self.kind = difference.frame, difference.kind
        self.expected, self.seen = difference.expected, difference.seen
        self.inward = self.frame.inbound
        self.link = parse_link(self.frame.data)
        self.packet = self.link and parse_packet(self.link.ethertype, self.link.payload)
        self.learned = learned_before(steps, self.frame)
        self.ports = ()
        if self.packet and self.packet.proto in (6, 17, 132):
            head = self.packet.payload
            self.ports = (int.from_bytes(head[:2], "big"), int.from_bytes(head[2:4], "big"))

    def passes_wrongly(self, expected: str, *seen: str) -> bool:
        return self.kind == "passes" and self.expected.reason in expected.split("|") and (not seen or self.seen.reason in seen)

    def is_dropped_wrongly(self, *seen: str) -> bool:
        return self.kind == "is dropped" and self.seen.reason in seen

    @property
    def icmp(self) -> "tuple | None":
        """Type and code."""
        if self.packet and self.packet.proto in (1, 58) and len(self.packet.payload) >= 2:
            return self.packet.payload[0], self.packet.payload[1]
        return None


def learned_before(steps: list, frame: Frame) -> bool:
    oracle = QuickOracle(WORLD)
    for step in steps:
        if isinstance(step, Frame):
            oracle.judge(Crossing(step.port, step.inbound, step.data, step.in_port))
        elif step.word == "wait":
            oracle.wait(step.argument / 1000)
        else:
            getattr(oracle, step.word)(step.argument)
        if step is frame:
            break
    return bool(oracle.state.learned)


def is_met(f: Facts) -> bool:
    """A stranger's MAC: met before, on another port or with another tag."""
    return not any(device.mac == f.link.src for device in WORLD.devices)


def server_port_alone(f: Facts) -> bool:
    return f.kind == "is dropped in audit" and f.seen.reason == "rogue_dhcp" and bool({67, 547} & set(f.ports[:1]))


def of_the_gateway(f: Facts) -> bool:
    return f.inward and f.frame.in_port is None


def two_tags(f: Facts) -> bool:
    return f.kind == "passes in audit" and len(f.link.tags) > 1


def tag_towards_device(f: Facts) -> bool:
    return f.inward and f.passes_wrongly("vlan") and (any(tag.service or tag.vid == 0 for tag in f.link.tags) or is_group(f.link.dst))


def own_service_tag(f: Facts) -> bool:
    return not f.inward and f.passes_wrongly("vlan") and any(tag.service for tag in f.link.tags)


def dhcp_by_rule(f: Facts) -> bool:
    return f.is_dropped_wrongly("dhcp_malformed", "rogue_dhcp") and bool(DHCP_PORTS & set(f.ports))


def echo_code(f: Facts) -> bool:
    return f.kind == "passes" and f.expected.reason == "icmp_unrelated" and f.icmp is not None and f.icmp[0] in QUERIES[f.packet.version] and f.icmp[1] != 0


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
    ("serves: not yet", lambda f: f.is_dropped_wrongly("rogue_dhcp", "rogue_ra") and f.frame.port == "p10"),
    ("audit/hard-enforced/spoof-two-tags", two_tags),
    ("dhcp/client6/from-server-port-by-rule: from a server's port is rogue, whereto it goes", server_port_alone),
    ("arp/inward/target-is-no-address, and ND alike: the gateway to one device about another",
     lambda f: of_the_gateway(f) and f.passes_wrongly("bad_destination", "arp", "nd")),
    ("questions.md na-of-nobody", lambda f: f.kind == "passes in audit" and f.expected.reason == "nd_spoof" and f.icmp is not None and f.icmp[0] == 136),
    ("questions.md dhcp-kind-and-operation", lambda f: f.kind == "passes in audit" and f.expected.reason == "rogue_dhcp" and f.ports == CLIENT4),
    ("questions.md stranger-moves, with a tag", lambda f: f.kind == "is dropped in audit" and f.seen.reason == "wrong_port" and is_met(f)),
    ("questions.md group-by-wrong-mac", lambda f: not f.inward and f.passes_wrongly("multicast|dest_mac", "mld", "dhcp") and is_group(f.link.dst)),
    ("nd/dad/to-all-nodes, nd/ns/group-by-broadcast", lambda f: not f.inward and f.passes_wrongly("nd_malformed|dest_mac", "nd")
     and f.packet is not None and f.packet.to_many),
    ("learning/link-local4/segment-without", link_local4_probe),
)


def cause_of(steps: list, difference) -> "str | None":
    facts = Facts(steps, difference)
    return next((cause for cause, holds in CAUSES if holds(facts)), None)
