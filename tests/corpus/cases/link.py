# SPDX-License-Identifier: Apache-2.0
"""Link layer: lengths, source MACs, 802.3, ethertypes, tags."""

from wire.dhcp import DISCOVER, dhcp4
from wire.ip import ip
from wire.link import ARP, IPV4, IPV6, OLD_TAG, SERVICE_TAG, ethernet, u16
from wire.neighbours import REQUEST, arp
from wire.transport import tcp, udp
from world.lab import cam, cloud, gw, hub, new, nobody, phone, plc, tag

from .book import Book
from .say import BOTH, into, out, packet, to_group

book = Book("link")
BEGINS = tcp(40000, 443)

# Ethertypes that a default-deny gateway meets and that no rule of the corpus names for the camera.
FOREIGN = {
    "mpls": 0x8847, "mpls-multicast": 0x8848, "pppoe-discovery": 0x8863, "pppoe": 0x8864, "lldp": 0x88CC, "profinet": 0x8892, "goose": 0x88B8,
    "ptp": 0x88F7, "tipc": 0x88CA, "flow-control": 0x8808, "lacp": 0x8809, "macsec": 0x88E5, "rarp": 0x8035, "ipx": 0x8137, "wake": 0x0842,
    "batman": 0x4305, "trill": 0x22F3, "ethercat": 0x88A4, "fcoe": 0x8906, "homeplug": 0x88E1, "loop": 0x9000, "least": 0x0600, "last": 0xFFFF,
}
# Bytes after the addresses of frames of 802.3: length, then LLC.
LLC = {
    "stp": "0026424203000000000080000200000000010000000080000200000000018001000014000200" "0f00", "snap-ip": "0008aaaa030000000800",
       "snap-cdp": "0008aaaa0300000c2000",
    "novell": "0004ffff0000", "length-zero": "0000", "length-too-long": "05dc4242", "length-1500": "05dc", "length-1535": "05ff4242",
}


def lengths() -> None:
    for v in BOTH:
        whole = packet(cam, cloud, v, BEGINS)
        twin = book.add(f"length{v}/whole", out(cam, whole, "pass rule"))
        book.add(f"length{v}/padded", out(cam, packet(cam, cloud, v, BEGINS, pad=True), "pass rule"))
        book.add(f"length{v}/trailer", out(cam, packet(cam, cloud, v, BEGINS, tail=bytes(100)), "pass rule"))
        book.add(f"length{v}/only-link-header", out(cam, whole[:14], "drop ip_malformed"), twin=twin)
        book.add(f"length{v}/cut-in-ip-inward", into(cam, packet(gw, cam, v, tcp(1000, 80))[:40 if v == 4 else 60], "drop ip_malformed"),
                 twin=f"flow/gateway{v}/tcp")
    tagged = packet(tag, gw, 4, tcp(40000, 22))
    good = book.add("length/tagged-whole", out(tag, tagged, "pass rule"))
    book.add("length/tag-cut", out(tag, tagged[:16], "drop short_frame"), twin=good)
    book.add("length/tag-alone", out(tag, tagged[:14], "drop short_frame"), twin=good)
    book.add("length/tagged-nothing-behind", out(tag, tagged[:18], "drop ip_malformed"), twin=good)
    book.add("length/tag-cut-inward", into(tag, packet(gw, tag, 4, tcp(1000, 22))[:16], "drop short_frame"), twin="link/length/tagged-inward")
    book.add("length/tagged-inward", into(tag, packet(gw, tag, 4, tcp(1000, 22)), "pass rule"))


def source_macs() -> None:
    for v in BOTH:
        twin = f"link/length{v}/whole"
        for name, mac in {"zero": "00:00:00:00:00:00", "broadcast": "ff:ff:ff:ff:ff:ff", "group": "03:00:00:00:00:11",
                          "group4": "01:00:5e:00:00:01", "group6": "33:33:00:00:00:01"}.items():
            question = "zero-source-mac" if name == "zero" else None
            book.add(f"source-mac{v}/{name}", out(cam, packet(cam, cloud, v, BEGINS, src_mac=mac), "drop source_mac"), twin=twin, question=question)
        group = packet(gw, cam, v, tcp(1000, 80), src_mac="03:00:00:00:00:01")
        book.add(f"source-mac{v}/group-as-gateway", into(cam, group, "drop source_mac", "eth0"), twin=f"flow/gateway{v}/tcp")
        book.add(f"source-mac{v}/group-inward", into(cam, group, "drop source_mac"),
                 twin=f"flow/gateway{v}/tcp", question="source-mac-inward")


def types() -> None:
    for name, body in LLC.items():
        raw = ethernet(gw.mac, cam.mac, 0, b"")[:12] + bytes.fromhex(body)
        book.add(f"llc/{name}", out(cam, raw.ljust(60, b"\0"), "drop llc"), twin="link/length4/whole")
    for name in ("stp", "snap-cdp"):
        raw = ethernet("01:80:c2:00:00:00", gw.mac, 0, b"")[:12] + bytes.fromhex(LLC[name])
        book.add(f"llc/{name}-inward", into(cam, raw.ljust(60, b"\0"), "drop llc"), twin="flow/gateway4/tcp")
    for name, number in FOREIGN.items():
        raw = ethernet(gw.mac, cam.mac, number, bytes(46))
        book.add(f"ethertype/{name}", out(cam, raw, "drop ethertype"), twin="link/length4/whole")
    for name in ("lldp", "profinet", "mpls", "pppoe"):
        raw = ethernet("01:80:c2:00:00:0e" if name == "lldp" else cam.mac, gw.mac, FOREIGN[name], bytes(46))
        book.add(f"ethertype/{name}-inward", into(cam, raw, "drop ethertype"), twin="flow/gateway4/tcp")
    book.add("ethertype/named-by-rule", out(plc, ethernet(hub.mac, plc.mac, 0x8892, bytes(46)), "pass rule"), awaits="eth/")
    book.add("ethertype/named-other-way", out(hub, ethernet(plc.mac, hub.mac, 0x8892, bytes(46)), "pass rule"), awaits="eth/",
             question="eth-direction")
    book.add("ethertype/named-for-another", out(plc, ethernet(cam.mac, plc.mac, 0x8892, bytes(46)), "drop ethertype"),
             twin="link/ethertype/named-by-rule")
    book.add("ethertype/ip6-in-ip4-type", out(cam, ethernet(gw.mac, cam.mac, IPV4, ip(cam.v6, cloud.v6, BEGINS)), "drop ip_malformed"),
             twin="link/length6/whole")
    book.add("ethertype/ip4-in-ip6-type", out(cam, ethernet(gw.mac, cam.mac, IPV6, ip(cam.v4, cloud.v4, BEGINS)), "drop ip_malformed"),
             twin="link/length4/whole")
    book.add("ethertype/ip4-in-arp-type", out(cam, ethernet(gw.mac, cam.mac, ARP, ip(cam.v4, cloud.v4, BEGINS)), "drop arp_malformed"),
             twin="link/length4/whole")


def tags() -> None:
    for v in BOTH:
        twin = f"link/length{v}/whole"
        for name, labels in {"other": (10,), "priority": (0,), "last": (4095,), "drop-eligible": (0x1000,), "service": ((SERVICE_TAG, 10),),
                             "two": (10, 20), "two-priority": (0, 0), "service-and-own": ((SERVICE_TAG, 10), 20), "three": (1, 2, 3)}.items():
            book.add(f"tag{v}/{name}", out(cam, packet(cam, cloud, v, BEGINS, tags=labels), "drop vlan"), twin=twin)
        old = packet(cam, cloud, v, BEGINS, tags=((OLD_TAG, 10),))
        book.add(f"tag{v}/old-service", out(cam, old, "drop ethertype"), twin=twin, question="old-tag")
        own = book.add(f"tag{v}/own", out(tag, packet(tag, gw, v, tcp(40000, 22)), "pass rule"))
        book.add(f"tag{v}/own-with-priority", out(tag, packet(tag, gw, v, tcp(40000, 22), tags=(0xE00A,)), "pass rule"))
        for name, labels in {"11": (11,), "own-twice": (10, 10), "own-then-other": (10, 20), "other-then-own": (20, 10),
                             "priority-then-own": (0, 10)}.items():
            book.add(f"tag{v}/tagged-device-{name}", out(tag, packet(tag, gw, v, tcp(40000, 22), tags=labels), "drop vlan"), twin=own)
        book.add(f"tag{v}/own-service-tag", out(tag, packet(tag, gw, v, tcp(40000, 22), tags=((SERVICE_TAG, 10),)), "drop vlan"), twin=own,
                 question="service-tag")
        book.add(f"tag{v}/own-left-out", out(tag, packet(tag, gw, v, tcp(40000, 22), tags=()), "drop vlan"), twin=own)
        book.add(f"tag{v}/priority-for-own", out(tag, packet(tag, gw, v, tcp(40000, 22), tags=(0,)), "drop vlan"), twin=own)
        book.add(f"tag{v}/tagged-device-11-goes-on", *(out(tag, packet(tag, gw, v, tcp(40000, 22), tags=(11,)), "drop vlan") for _ in range(2)),
                 twin=own)
        accepted = book.add(f"tag{v}/priority-accepted", out(plc, packet(plc, gw, v, tcp(40000, 102), tags=(0,)), "pass rule"))
        book.add(f"tag{v}/priority-bits-accepted", out(plc, packet(plc, gw, v, tcp(40000, 102), tags=(0xE000,)), "pass rule"))
        book.add(f"tag{v}/priority-not-needed", out(plc, packet(plc, gw, v, tcp(40000, 102)), "pass rule"))
        book.add(f"tag{v}/priority-twice", out(plc, packet(plc, gw, v, tcp(40000, 102), tags=(0, 0)), "drop vlan"), twin=accepted)
        book.add(f"tag{v}/priority-and-other", out(plc, packet(plc, gw, v, tcp(40000, 102), tags=(0, 10)), "drop vlan"), twin=accepted)
        book.add(f"tag{v}/vid-is-not-priority", out(plc, packet(plc, gw, v, tcp(40000, 102), tags=(1,)), "drop vlan"), twin=accepted)
        inward = book.add(f"tag{v}/own-inward", into(tag, packet(gw, tag, v, tcp(1000, 22)), "pass rule"))
        book.add(f"tag{v}/other-inward", into(tag, packet(gw, tag, v, tcp(1000, 22), tags=(11,)), "drop vlan"), twin=inward)
        book.add(f"tag{v}/two-inward", into(tag, packet(gw, tag, v, tcp(1000, 22), tags=(10, 10)), "drop vlan"), twin=inward)
        for name, label in {"priority": 0, "service-priority": (SERVICE_TAG, 0)}.items():
            book.add(f"tag{v}/{name}-inward", into(cam, packet(gw, cam, v, tcp(1000, 80), tags=(label,)), "drop vlan"), twin=f"flow/gateway{v}/tcp",
                     question="priority-tag-inward")
        book.add(f"tag{v}/tagged-for-untagged", into(cam, packet(gw, cam, v, tcp(1000, 80), tags=(10,)), "drop vlan"), twin=f"flow/gateway{v}/tcp")
        book.add(f"tag{v}/stranger-untagged", out(new, packet(new, cloud, v, BEGINS), "drop unknown_device"), twin=twin)
        book.add(f"tag{v}/tag-hides-neighbour", out(cam, packet(cam, phone, v, udp(1, 9), tags=(10,)), "drop vlan"), twin=f"flow/neighbours{v}/whole")
    book.add("tag/arp", out(cam, ethernet("ff:ff:ff:ff:ff:ff", cam.mac, ARP, arp(REQUEST, cam.mac, cam.v4, gw.v4), (10,)), "drop vlan"),
             twin="arp/request/gateway")
    book.add("tag/arp-own", out(tag, ethernet("ff:ff:ff:ff:ff:ff", tag.mac, ARP, arp(REQUEST, tag.mac, tag.v4, gw.v4), (10,)), "pass arp"))
    asks = to_group(tag, "255.255.255.255", dhcp4(DISCOVER, tag.mac), src_ip="0.0.0.0", tags=(11,))
    book.add("tag/dhcp-in-another-vlan", *(out(tag, asks, "drop vlan") for _ in range(2)), twin="link/tag/dhcp-own")
    book.add("tag/dhcp-own", out(tag, to_group(tag, "255.255.255.255", dhcp4(DISCOVER, tag.mac), src_ip="0.0.0.0"), "pass dhcp"))
    book.add("tag/nothing-inside", out(cam, ethernet(gw.mac, cam.mac, 0x8100, u16(10) + u16(0x0100)), "drop llc|vlan"), twin="link/length4/whole",
             question="tag-around-llc")
    book.add("tag/stranger", out(nobody, packet(nobody, cloud, 4, BEGINS, tags=(10,)), "drop unknown_device", port="p11"), twin="link/length4/whole",
             question="stranger-with-tag")


lengths()
source_macs()
types()
tags()
