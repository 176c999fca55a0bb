# SPDX-License-Identifier: Apache-2.0
"""Who speaks, from where, to which MAC, under which address."""

from wire.dhcp import DISCOVER, SOLICIT, dhcp4, dhcp6
from wire.neighbours import link_option, neighbour, NS, solicited_node
from wire.transport import tcp, udp
from world.lab import GW_LL, cam, cloud, free, gw, hub, net, new, nobody, one, phone, plc, roam, tag, two
from world.model import link_local

from .book import Book
from .say import BOTH, into, out, packet, to_group

book = Book("identity")
BEGINS = tcp(40000, 443)
SOURCES = {  # addresses that are nobody's: (4, 6)
    "beyond": (net.v4, net.v6), "of-nobody": ("192.168.1.200", "fd00::200"), "unspecified": ("0.0.0.0", "::"),
    "loopback": ("127.0.0.1", "::1"), "group": ("224.0.0.1", "ff02::1"),
}


def ports(v: int) -> None:
    twin = book.add(f"port{v}/own", out(cam, packet(cam, cloud, v, BEGINS), "pass rule"))
    book.add(f"port{v}/another", out(cam, packet(cam, cloud, v, BEGINS), "drop wrong_port", port="p2"), twin=twin)
    book.add(f"port{v}/another-empty", out(cam, packet(cam, cloud, v, BEGINS), "drop wrong_port", port="p11"), twin=twin)
    book.add(f"port{v}/another-tagged", out(tag, packet(tag, gw, v, tcp(40000, 22)), "drop wrong_port", port="p2"), twin=f"link/tag{v}/own")
    book.add(f"port{v}/mac-of-tagged-untagged", out(tag, packet(tag, gw, v, tcp(40000, 22), tags=()), "drop wrong_port|spoofed_source", port="p2"),
             twin=f"link/tag{v}/own",
             question="mac-in-another-vlan")
    asks = (to_group(tag, "255.255.255.255", dhcp4(DISCOVER, tag.mac), src_ip="0.0.0.0", tags=()) if v == 4 else
            to_group(tag, "ff02::1:2", dhcp6(SOLICIT, tag.mac), src_ip=tag.ll, tags=()))
    book.add(f"port{v}/mac-of-tagged-asks-dhcp", *(out(tag, asks, "drop wrong_port", port="p2") for _ in range(2)), twin=f"link/tag{v}/own")
    book.add(f"port{v}/group", out(roam, packet(roam, cloud, v, BEGINS), "pass rule", port="w2"))
    book.add(f"port{v}/group-home", out(roam, packet(roam, cloud, v, BEGINS), "pass rule"))
    book.add(f"port{v}/out-of-group", out(roam, packet(roam, cloud, v, BEGINS), "drop wrong_port", port="p1"), twin=f"identity/port{v}/group")
    book.add(f"port{v}/roams-with-flow", out(roam, packet(roam, cloud, v, BEGINS), "pass rule"),
             out(roam, packet(roam, cloud, v, BEGINS), "pass established", port="w2"),
             into(roam, packet(cloud, roam, v, tcp(443, 40000, "SA")), "pass established", "eth0", port="w2"))
    book.add(f"port{v}/takes-first", out(free, packet(free, gw, v, udp(5000, 53)), "pass rule", port="p11"),
             out(free, packet(free, gw, v, udp(5000, 53)), "pass established", port="p11"))
    book.add(f"port{v}/tag-of-nobody-takes-none", out(free, packet(free, gw, v, udp(5000, 53), tags=(0,)), "drop vlan", port="p11"),
             out(free, packet(free, gw, v, udp(5000, 53)), "pass rule", port="p10"), twin=f"identity/port{v}/takes-first")
    book.add(f"port{v}/keeps-first", out(free, packet(free, gw, v, udp(5000, 53)), "pass rule", port="p11"),
             out(free, packet(free, gw, v, udp(5000, 53)), "drop wrong_port", port="p10"), twin=f"identity/port{v}/takes-first")
    book.add(f"stranger{v}/first", out(new, packet(new, cloud, v, BEGINS), "drop unknown_device"), twin=twin)
    book.add(f"stranger{v}/then-no-address", out(new, packet(new, cloud, v, BEGINS), "drop unknown_device"),
             out(new, packet(new, cloud, v, BEGINS), "drop bad_source"), twin=twin)
    book.add(f"stranger{v}/steals", out(new, packet(new, cloud, v, BEGINS, src_ip=cam.ip(v)), "drop spoofed_source"), twin=twin)
    book.add(f"stranger{v}/moves", out(new, packet(new, cloud, v, BEGINS), "drop unknown_device"),
             out(new, packet(new, cloud, v, BEGINS), "drop wrong_port", port="p10"), twin=twin, question="stranger-moves")
    book.add(f"port{v}/gateway-mac", out(gw, packet(gw, cloud, v, BEGINS, dst_mac=hub.mac, src_ip=cam.ip(v)), "drop wrong_port", port="p1"),
             twin=twin,
             question="gateway-mac-at-port")
    book.add(f"port{v}/frame-to-unknown", into(nobody, packet(gw, nobody, v, tcp(1000, 80)), "drop unknown_device"), twin=f"flow/gateway{v}/tcp")
    book.add(f"port{v}/frame-for-another-port", into(cam, packet(gw, cam, v, tcp(1000, 80)), "drop not_here", port="p2"), twin=f"flow/gateway{v}/tcp")
    book.add(f"port{v}/frame-for-group-port", into(roam, packet(cloud, roam, v, tcp(443, 40000, "SA")), "drop no_flow", "eth0", port="w2"),
             twin=f"identity/port{v}/roams-with-flow")
    book.add(f"port{v}/stranger-to-its-port", out(new, packet(new, cloud, v, BEGINS), "drop unknown_device"),
             into(new, packet(gw, new, v, tcp(1000, 80)), "drop bad_destination"), twin=f"flow/gateway{v}/tcp", question="stranger-inward")


def destination_macs(v: int) -> None:
    twin = book.add(f"to{v}/gateway", out(cam, packet(cam, cloud, v, BEGINS), "pass rule"))
    to_device = book.add(f"to{v}/device", out(hub, packet(hub, cam, v, tcp(2000, 554)), "pass rule"))
    book.add(f"to{v}/device-through-gateway", out(hub, packet(hub, cam, v, tcp(2000, 554), dst_mac=gw.mac), "pass rule"))
    for name, mac in {"device": hub.mac, "nobody": nobody.mac, "itself": cam.mac, "uplink": "02:00:00:00:00:02"}.items():
        question = "mac-of-uplink" if name == "uplink" else None
        book.add(f"to{v}/beyond-by-{name}", out(cam, packet(cam, cloud, v, BEGINS, dst_mac=mac), "drop dest_mac"), twin=twin, question=question)
    for name, mac in {"broadcast": "ff:ff:ff:ff:ff:ff", "group4": "01:00:5e:00:00:fb", "group6": "33:33:00:00:00:01",
                      "link-group": "01:80:c2:00:00:00"}.items():
        book.add(f"to{v}/beyond-by-{name}", out(cam, packet(cam, cloud, v, BEGINS, dst_mac=mac), "drop multicast"), twin=twin)
        book.add(f"to{v}/device-by-{name}", out(hub, packet(hub, cam, v, tcp(2000, 554), dst_mac=mac), "drop multicast"), twin=to_device)
    book.add(f"to{v}/device-by-another", out(hub, packet(hub, cam, v, tcp(2000, 554), dst_mac=phone.mac), "drop dest_mac"), twin=to_device)
    book.add(f"to{v}/device-by-nobody", out(hub, packet(hub, cam, v, tcp(2000, 554), dst_mac=nobody.mac), "drop dest_mac"), twin=to_device)
    book.add(f"to{v}/gateway-by-device", out(cam, packet(cam, gw, v, udp(5000, 53), dst_mac=hub.mac), "drop dest_mac"), twin=f"flow/gateway{v}/dns")
    book.add(f"to{v}/nobody-by-nobody", out(two, packet(two, nobody, v, udp(6, 9)), "drop dest_mac"), twin=f"flow/local{v}/device")
    inward = book.add(f"in{v}/own", into(cam, packet(cloud, cam, v, udp(9, 7000)), "pass rule", "eth0"))
    book.add(f"in{v}/address-of-another", into(cam, packet(cloud, cam, v, udp(9, 7000), dst_ip=hub.ip(v)), "drop bad_destination", "eth0"),
             twin=inward)
    book.add(f"in{v}/address-of-nobody", into(cam, packet(cloud, cam, v, udp(9, 7000), dst_ip=nobody.ip(v)), "drop bad_destination", "eth0"),
             twin=inward)
    book.add(f"in{v}/address-beyond", into(cam, packet(cloud, cam, v, udp(9, 7000), dst_ip=net.ip(v)), "drop bad_destination", "eth0"), twin=inward)
    book.add(f"in{v}/by-broadcast", into(cam, packet(cloud, cam, v, udp(9, 7000), dst_mac="ff:ff:ff:ff:ff:ff"), "drop multicast", "eth0"),
             twin=inward)


def sources(v: int) -> None:
    twin = f"identity/to{v}/gateway"
    for name, pair in SOURCES.items():
        book.add(f"source{v}/{name}", out(cam, packet(cam, cloud, v, BEGINS, src_ip=pair[v == 6]), "drop bad_source"), twin=twin)
    for name, owner in {"device": hub, "gateway": gw, "tagged-device": tag, "unplaced-device": free}.items():
        book.add(f"source{v}/of-{name}", out(cam, packet(cam, cloud, v, BEGINS, src_ip=owner.ip(v)), "drop spoofed_source"), twin=twin)
    book.add(f"source{v}/of-gateway-uplink", out(cam, packet(cam, cloud, v, BEGINS, src_ip=("198.18.0.2", "2001:db8:ffff::2")[v == 6]),
                                                 "drop spoofed_source"), twin=twin)
    book.add(f"source{v}/whole-link", out(cam, packet(cam, cloud, v, BEGINS, src_ip=("192.168.1.255", "fd00::")[v == 6]), "drop spoofed_source"),
             twin=twin)
    inward = f"identity/in{v}/own"
    for name, owner in {"device": hub, "gateway": gw, "itself": cam}.items():
        book.add(f"source{v}/uplink-as-{name}", into(cam, packet(cloud, cam, v, udp(9, 7000), src_ip=owner.ip(v)), "drop uplink_spoof", "eth0"),
                 twin=inward)
    book.add(f"source{v}/uplink-as-gateway-uplink",
             into(cam, packet(cloud, cam, v, udp(9, 7000), src_ip=("198.18.0.2", "2001:db8:ffff::2")[v == 6]), "drop uplink_spoof", "eth0"),
             twin=inward)
    begun = out(cam, packet(cam, cloud, v, BEGINS), "pass rule")
    book.add(f"source{v}/port-joins-from-beyond", begun, into(cam, packet(cloud, cam, v, tcp(443, 40000, "SA")), "drop spoofed_source", "p3"),
             twin=f"flow/tcp{v}/whole")
    book.add(f"source{v}/port-joins-as-gateway", out(cam, packet(cam, gw, v, udp(5300, 53)), "pass rule"),
             into(cam, packet(gw, cam, v, udp(53, 5300)), "drop spoofed_source", "p3"), twin=f"flow/gateway{v}/dns")
    book.add(f"source{v}/bridge-joins-from-beyond", begun, into(cam, packet(cloud, cam, v, tcp(443, 40000, "SA")), "drop spoofed_source|no_flow",
                                                                "br0"),
             twin=f"flow/tcp{v}/whole", question="bridge-from-beyond")
    book.add(f"source{v}/port-as-another", into(cam, packet(hub, cam, v, tcp(2000, 554)), "drop spoofed_source", "p3"),
             twin=f"flow/neighbours{v}/whole",
             question="port-as-another")
    book.add(f"source{v}/port-as-beyond", into(cam, packet(cloud, cam, v, udp(9, 7000)), "drop spoofed_source|no_flow", "p3"), twin=inward,
             question="port-as-another")


def link_locals() -> None:
    book.add("link-local/uplink-as-device", into(cam, packet(cloud, cam, 6, udp(9, 7000), src_ip=hub.ll), "drop uplink_spoof", "eth0"),
             twin="identity/in6/own")
    book.add("link-local/uplink-as-device-by-rule", into(plc, packet(net, plc, 6, udp(999, 7000), src_ip=hub.ll), "drop uplink_spoof", "eth0"),
             twin="ip6/martian/none-inward")
    book.add("link-local/uplink-as-nobody-by-rule", into(plc, packet(net, plc, 6, udp(999, 7000), src_ip="fe80::99"), "drop ip_martian|default_deny",
                                                         "eth0"),
             twin="ip6/martian/none-inward", question="link-local-beyond")
    book.add("link-local/uplink-as-gateway", into(cam, packet(cloud, cam, 6, udp(9, 7000), src_ip=GW_LL), "drop uplink_spoof", "eth0"),
             twin="identity/in6/own")
    asks = to_group(cam, solicited_node(GW_LL), neighbour(NS, GW_LL, link_option(1, cam.mac)), src_ip=cam.ll, hops=255)
    twin = book.add("link-local/from-mac", out(cam, asks, "pass nd"))
    other = link_local("02:00:00:00:00:55")
    claim = to_group(cam, solicited_node(other), neighbour(NS, other), src_ip="::", hops=255)
    uses = to_group(cam, solicited_node(GW_LL), neighbour(NS, GW_LL, link_option(1, cam.mac)), src_ip=other, hops=255)
    book.add("link-local/seen-in-dad", out(cam, claim, "pass nd"), out(cam, uses, "pass nd"), awaits="learning")
    book.add("link-local/of-device", out(cam,
                                         to_group(cam, solicited_node(GW_LL), neighbour(NS, GW_LL, link_option(1, cam.mac)), src_ip=hub.ll, hops=255),
                                         "drop spoofed_source"), twin=twin)
    book.add("link-local/of-gateway", out(cam,
                                          to_group(cam, solicited_node(GW_LL), neighbour(NS, GW_LL, link_option(1, cam.mac)), src_ip=GW_LL, hops=255),
                                          "drop spoofed_source"), twin=twin)
    book.add("link-local/udp-from-mac", out(cam, packet(cam, gw, 6, udp(5000, 53), src_ip=cam.ll, dst_ip=GW_LL), "pass rule"))
    book.add("link-local/udp-of-device", out(cam, packet(cam, gw, 6, udp(5000, 53), src_ip=hub.ll, dst_ip=GW_LL), "drop spoofed_source"),
             twin="identity/link-local/udp-from-mac")
    book.add("link-local/udp-to-device", out(hub, packet(hub, cam, 6, udp(5000, 5000), src_ip=hub.ll, dst_ip=cam.ll), "pass rule"))
    book.add("link-local/udp-to-no-peer", out(phone, packet(phone, cam, 6, udp(5000, 5000), src_ip=phone.ll, dst_ip=cam.ll), "drop default_deny"),
             twin="identity/link-local/udp-to-device")
    book.add("dhcp/no-address", out(one, to_group(one, "255.255.255.255", dhcp4(DISCOVER, one.mac), src_ip="0.0.0.0"), "pass dhcp"))


for version in BOTH:
    ports(version)
    destination_macs(version)
    sources(version)
link_locals()
