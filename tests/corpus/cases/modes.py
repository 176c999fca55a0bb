# SPDX-License-Identifier: Apache-2.0
"""What becomes of the same frames where the site audits or observes. Replay enforces always, so these are the oracle's alone."""

from wire.dhcp import OFFER, dhcp4
from wire.ip import DESTINATION, extension
from wire.link import BROADCAST
from wire.neighbours import NA, NS, REQUEST, arp, link_option, neighbour, router_advertisement, solicited_node
from wire.transport import icmp, tcp, udp
from world.lab import GW_LL, cam, cloud, gw, hub, net, new, nobody, phone, tag

from .book import Book, Step
from .say import BOTH, arp_frame, into, out, packet, quarantine, release, to_group

book = Book("audit")


def soft(v: int) -> None:
    def add(name: str, *steps) -> None:
        book.add(f"{name}-{v}", *steps, mode="audit")
    whole = (out(cam, packet(cam, cloud, v, tcp()), "pass rule"), into(cam, packet(cloud, cam, v, tcp(443, 40000, "SA")), "pass established", "eth0"))
    book.add(f"enforced-{v}", *whole)
    add("allowed", *whole)
    denied = out(phone, packet(phone, net, v, tcp(3000, 25)), "audit deny_rule")
    add("denied", denied)
    add("default", out(cam, packet(cam, net, v, tcp()), "audit default_deny"))
    add("answered", out(cam, packet(cam, net, v, tcp()), "audit default_deny"),
        into(cam, packet(net, cam, v, tcp(443, 40000, "SA")), "audit default_deny", "eth0"),
        out(cam, packet(cam, net, v, tcp(flags="A")), "audit default_deny"))
    add("inward", into(cam, packet(net, cam, v, udp(9, 7001)), "audit default_deny", "eth0"))
    add("no-flow", out(cam, packet(cam, cloud, v, tcp(flags="A")), "audit no_flow"))
    add("stranger", out(new, packet(new, cloud, v, tcp()), "audit unknown_device"))
    add("tag", out(cam, packet(cam, cloud, v, tcp(), tags=(10,)), "audit vlan"))
    add("bad-source", out(cam, packet(cam, cloud, v, tcp(), src_ip=net.ip(v)), "audit bad_source"))
    add("destination-mac", out(cam, packet(cam, cloud, v, tcp(), dst_mac=hub.mac), "audit dest_mac"))
    add("flags", out(cam, packet(cam, cloud, v, tcp(flags="SF")), "audit tcp_flags"))
    add("port", out(cam, packet(cam, cloud, v, udp(0, 4433)), "audit l4_port"))
    add("cut", out(cam, packet(cam, cloud, v, tcp(cut=12)), "audit l4_malformed"))
    add("icmp", out(cam, packet(cam, cloud, v, icmp(5 if v == 4 else 100)), "audit icmp_unrelated"))
    add("multicast", out(cam, to_group(cam, "224.0.0.251" if v == 4 else "ff02::fb", udp(5353, 5353)), "audit multicast"))


def add_hard(name: str, *steps: Step, twin: str) -> None:
    """In audit, and as replay can run it: there the weight of the reason tells."""
    book.add(f"hard/{name}", *steps, mode="audit", twin=twin)
    book.add(f"hard-enforced/{name}", *steps, twin=twin.replace("audit/allowed", "audit/enforced"))


def hard(v: int) -> None:
    def add(name: str, *steps) -> None:
        add_hard(f"{name}-{v}", *steps, twin=f"audit/allowed-{v}")
    add("wrong-port", out(cam, packet(cam, cloud, v, tcp()), "drop wrong_port", port="p2"))
    add("wrong-port-malformed", out(cam, packet(cam, cloud, v, tcp())[:20], "drop wrong_port", port="p2"))
    add("wrong-port-tagged", out(cam, packet(cam, cloud, v, tcp(), tags=(7, 8)), "drop wrong_port", port="p2"))
    add("spoof", out(cam, packet(cam, cloud, v, tcp(), src_ip=hub.ip(v)), "drop spoofed_source"))
    add("spoof-gateway", out(cam, packet(cam, cloud, v, tcp(), src_ip=gw.ip(v)), "drop spoofed_source"))
    add("spoof-tagged", out(cam, packet(cam, cloud, v, tcp(), src_ip=hub.ip(v), tags=(10,)), "drop spoofed_source"))
    add("spoof-other-tag", out(tag, packet(tag, gw, v, tcp(), src_ip=hub.ip(v), tags=(11,)), "drop spoofed_source"))
    add("spoof-two-tags", out(cam, packet(cam, cloud, v, tcp(), src_ip=hub.ip(v), tags=(10, 20)), "drop spoofed_source"))
    add("spoof-by-stranger", out(new, packet(new, cloud, v, tcp(), src_ip=hub.ip(v)), "drop spoofed_source"))
    add("spoof-of-flags", out(cam, packet(cam, cloud, v, tcp(flags="SF"), src_ip=hub.ip(v)), "drop spoofed_source"))
    add("spoof-to-group", out(cam, to_group(cam, "224.0.0.251" if v == 4 else "ff02::fb", udp(5353, 5353), src_ip=hub.ip(v)), "drop spoofed_source"))
    add("spoof-by-broadcast", out(cam, packet(cam, cloud, v, tcp(), src_ip=hub.ip(v), dst_mac=BROADCAST), "drop spoofed_source"))
    add("uplink", into(cam, packet(cloud, cam, v, udp(9, 7000), src_ip=hub.ip(v)), "drop uplink_spoof", "eth0"))
    lies = {"options": bytes(4)} if v == 4 else {"headers": (extension(DESTINATION),)}
    add("spoof-behind-options", out(cam, packet(cam, cloud, v, tcp(), src_ip=hub.ip(v), **lies), "drop spoofed_source"))
    add("spoof-behind-length", out(cam, packet(cam, cloud, v, tcp(), src_ip=hub.ip(v), length=2000), "drop spoofed_source"))
    add("spoof-ttl-0", out(cam, packet(cam, cloud, v, tcp(), src_ip=hub.ip(v), **({"ttl": 0} if v == 4 else {"hops": 0})), "drop spoofed_source"))
    add("quarantine", quarantine(cam), out(cam, packet(cam, cloud, v, tcp()), "drop quarantine"), release(cam))
    add("quarantine-malformed", quarantine(cam), out(cam, packet(cam, cloud, v, tcp(cut=12)), "drop quarantine|l4_malformed"), release(cam))
    add("quarantine-options", quarantine(cam), out(cam, packet(cam, cloud, v, tcp(), **lies), "drop quarantine|ip_options|ext_header"), release(cam))
    add("quarantine-group", quarantine(cam), out(cam, to_group(cam, "224.0.0.251" if v == 4 else "ff02::fb", udp(5353, 5353)),
                                                 "drop quarantine|multicast"), release(cam))
    add("quarantine-peer", quarantine(cam), out(hub, packet(hub, cam, v, tcp(2000, 554)), "drop quarantine"), release(cam))
    add("quarantine-inward", quarantine(cam), into(cam, packet(cloud, cam, v, udp(9, 7000)), "drop quarantine", "eth0"), release(cam))
    add("quarantine-inward-malformed", quarantine(cam), into(cam, packet(cloud, cam, v, udp(9, 7000), **lies),
                                                             "drop quarantine|ip_options|ext_header", "eth0"), release(cam))


def hard_guards() -> None:
    def add(name: str, *steps, twin: str = "audit/allowed-4") -> None:
        add_hard(name, *steps, twin=twin)
    add("arp-spoof", out(cam, arp_frame(cam.mac, BROADCAST, arp(REQUEST, cam.mac, gw.v4, hub.v4)), "drop arp_spoof"))
    add("arp-spoof-tagged", out(cam, arp_frame(cam.mac, BROADCAST, arp(REQUEST, cam.mac, gw.v4, hub.v4), (10,)), "drop arp_spoof"))
    add("arp-spoof-by-stranger", out(new, arp_frame(new.mac, BROADCAST, arp(REQUEST, new.mac, gw.v4, hub.v4)), "drop arp_spoof"))
    claim = neighbour(NA, gw.v6, link_option(2, cam.mac), flags=0x60)
    add("nd-spoof", out(cam, packet(cam, hub, 6, claim, hops=255), "drop nd_spoof"), twin="audit/allowed-6")
    add("nd-spoof-hops-64", out(cam, packet(cam, hub, 6, claim, hops=64), "drop nd_spoof"), twin="audit/allowed-6")
    add("nd-spoof-behind-header", out(cam, packet(cam, hub, 6, claim, hops=255, headers=(extension(DESTINATION),)), "drop nd_spoof"),
        twin="audit/allowed-6")
    add("nd-spoof-link-local", out(cam, packet(cam, gw, 6, neighbour(NA, hub.ll, link_option(2, cam.mac), flags=0x60), hops=255), "drop nd_spoof"),
        twin="audit/allowed-6")
    add("nd-spoof-two-options", out(cam, packet(cam, gw, 6, neighbour(NA, cam.v6, link_option(2, cam.mac) + link_option(2, hub.mac)), hops=255),
                                    "drop nd_spoof"),
        twin="audit/allowed-6")
    add("dad-of-link-local", out(cam, to_group(cam, solicited_node(hub.ll), neighbour(NS, hub.ll), src_ip="::", hops=255), "drop nd_spoof"),
        twin="audit/allowed-6")
    add("source-of-link-local", out(cam, packet(cam, gw, 6, udp(5300, 53), src_ip=hub.ll, dst_ip=GW_LL), "drop spoofed_source"),
        twin="audit/allowed-6")
    add("ra", out(cam, to_group(cam, "ff02::1", router_advertisement(), src_ip=cam.ll, hops=255), "drop rogue_ra"), twin="audit/allowed-6")
    add("ra-by-stranger", out(new, to_group(new, "ff02::1", router_advertisement(), src_ip=new.ll, hops=255), "drop rogue_ra"),
        twin="audit/allowed-6")
    add("ra-behind-header", out(cam, to_group(cam, "ff02::1", router_advertisement(), src_ip=cam.ll, hops=255, headers=(extension(DESTINATION),)),
                                "drop rogue_ra"),
        twin="audit/allowed-6")
    offer = dhcp4(OFFER, hub.mac, op=2, yiaddr=nobody.v4, sport=67, dport=68)
    add("dhcp", out(cam, to_group(cam, "255.255.255.255", offer), "drop rogue_dhcp"))
    add("dhcp-options", out(cam, to_group(cam, "255.255.255.255", offer, options=bytes(4)), "drop rogue_dhcp"))
    add("dhcp-by-stranger", out(new, to_group(new, "255.255.255.255", offer), "drop rogue_dhcp"))
    book.add("arp-no-peer", out(cam, arp_frame(cam.mac, BROADCAST, arp(REQUEST, cam.mac, cam.v4, phone.v4)), "audit arp_target"), mode="audit")
    for v in BOTH:
        book.add(f"observe/denied-{v}", out(cam, packet(cam, net, v, tcp()), "pass observed"), mode="observe")
        book.add(f"observe/inward-{v}", into(cam, packet(net, cam, v, udp(9, 7001)), "pass observed", "eth0"), mode="observe")
        book.add(f"observe/spoof-{v}", out(cam, packet(cam, net, v, tcp(), src_ip=hub.ip(v)), "pass observed"), mode="observe",
                 question="observe-and-hard")


for version in BOTH:
    soft(version)
    hard(version)
hard_guards()
