# SPDX-License-Identifier: Apache-2.0
"""Groups and broadcast: shut, but for reports of a device's own groups and what `mcast:` and `bcast` rules name."""

from wire.ip import DESTINATION, HOP_BY_HOP, ROUTER_ALERT4, ROUTER_ALERT6, extension, packed
from wire.neighbours import MLD_DONE, MLD_QUERY, MLD_REPORT, mld, mld2, mld2_query, solicited_node
from wire.transport import echo, igmp, raw, tcp, udp
from world.lab import GW_LL, cam, gw, hub, net, nobody, phone, plc

from .book import Book
from .say import into, out, packet, quarantine, release, to_group, wait

book = Book("multicast")
ALERT = (ROUTER_ALERT6,)
REPORTS6, NODES6, NODES4, REPORTS4 = "ff02::16", "ff02::1", "224.0.0.1", "224.0.0.22"
OWN_GROUP = solicited_node(cam.v6)
# Groups that no rule opens for the camera, with the service that lives there.
GROUPS = {"mdns4": ("224.0.0.251", 5353), "mdns6": ("ff02::fb", 5353), "ssdp4": ("239.255.255.250", 1900), "ssdp6": ("ff02::c", 1900),
          "llmnr4": ("224.0.0.252", 5355), "llmnr6": ("ff02::1:3", 5355), "coap4": ("224.0.1.187", 5683), "coap6": ("ff02::fd", 5683),
          "all-hosts4": ("224.0.0.1", 9), "all-nodes6": ("ff02::1", 9), "all-routers4": ("224.0.0.2", 9), "all-routers6": ("ff02::2", 9),
          "interface6": ("ff01::1", 9), "site6": ("ff05::1", 9), "global6": ("ff0e::1", 9), "global4": ("232.1.2.3", 9),
          "broadcast4": ("255.255.255.255", 9),
          "whole-link4": ("192.168.1.255", 137)}


def shut() -> None:
    for name, (group, port) in GROUPS.items():
        twin = f"ip{name[-1]}/length/whole"
        book.add(f"group/{name}", out(cam, to_group(cam, group, udp(5000, port)), "drop multicast"), twin=twin)
        book.add(f"group/{name}-by-any", out(phone, to_group(phone, group, udp(5000, port)), "drop multicast"), twin=f"flow/internet{name[-1]}/udp")
        by_gateway = packet(phone, net, 6 if ":" in group else 4, udp(5000, port), dst_ip=group)
        if name != "whole-link4":  # that leads to the gateway's own services, like any of its addresses
            book.add(f"group/{name}-by-mac-of-gateway", out(phone, by_gateway, "drop multicast|dest_mac"), twin=f"flow/internet{name[-1]}/udp",
                     question="group-by-unicast-mac")
        if name[:-1] in ("mdns", "ssdp", "all-hosts", "all-nodes", "broadcast"):
            book.add(f"group/{name}-of-gateway", into(cam, to_group(gw, group, udp(5353, port)), "drop multicast"),
                     twin=f"flow/gateway{name[-1]}/udp")
            book.add(f"group/{name}-of-uplink", into(cam, to_group(net, group, udp(5353, port), src_mac=nobody.mac), "drop multicast", "eth0"),
                     twin=f"identity/in{name[-1]}/own")
            book.add(f"group/{name}-of-port", into(cam, to_group(hub, group, udp(5353, port)), "drop multicast|not_here", "p2"),
                     twin=f"flow/neighbours{name[-1]}/whole")
    for v, group in ((4, NODES4), (6, NODES6)):
        book.add(f"group/echo-{v}", out(phone, to_group(phone, group, echo()), "drop multicast"), twin=f"flow/internet{v}/echo")
        book.add(f"group/tcp-{v}", out(phone, to_group(phone, group, tcp()), "drop multicast"), twin=f"flow/internet{v}/tcp")


def opened() -> None:
    book.add("rule/mdns4", out(hub, to_group(hub, "224.0.0.251", udp(5353, 5353), ttl=255), "pass rule"), awaits="mcast:")
    book.add("rule/mdns6", out(hub, to_group(hub, "ff02::fb", udp(5353, 5353), hops=255), "pass rule"), awaits="mcast:")
    book.add("rule/mdns4-other-group", out(hub, to_group(hub, "239.255.255.250", udp(5353, 5353)), "drop multicast"), twin="multicast/rule/mdns4")
    book.add("rule/mdns4-other-port", out(hub, to_group(hub, "224.0.0.251", udp(5353, 5354)), "drop multicast"), twin="multicast/rule/mdns4")
    book.add("rule/mdns4-foreign-source", out(hub, to_group(hub, "224.0.0.251", udp(5353, 5353), src_ip=cam.v4), "drop spoofed_source"),
             twin="multicast/rule/mdns4")
    book.add("rule/mdns4-answered", out(hub, to_group(hub, "224.0.0.251", udp(5353, 5353)), "pass rule"),
             out(cam, packet(cam, hub, 4, udp(5353, 5353)), "pass rule"), awaits="mcast:", question="group-answers")
    book.add("rule/mdns4-answered-too-late", out(hub, to_group(hub, "224.0.0.251", udp(5353, 5353)), "pass rule"), wait("8s"),
             out(cam, packet(cam, hub, 4, udp(5353, 5353)), "drop default_deny"), twin="multicast/rule/mdns4-answered", awaits="mcast:")
    book.add("rule/bcast", out(plc, to_group(plc, "255.255.255.255", udp(47808, 47808)), "pass rule"), awaits="bcast")
    book.add("rule/bcast-whole-link", out(plc, to_group(plc, "192.168.1.255", udp(47808, 47808)), "pass rule"), awaits="bcast")
    book.add("rule/bcast-other-port", out(plc, to_group(plc, "255.255.255.255", udp(47808, 47809)), "drop multicast"), twin="multicast/rule/bcast")
    join = igmp(0x16, packed("224.0.0.251"))
    book.add("igmp/of-rule", out(hub, to_group(hub, "224.0.0.251", join, ttl=1, options=ROUTER_ALERT4), "pass mld"), awaits="mcast:")
    book.add("igmp/of-rule-plain", out(hub, to_group(hub, "224.0.0.251", join, ttl=1), "pass mld"), awaits="mcast:", question="igmp-without-alert")
    book.add("igmp/ttl-2", out(hub, to_group(hub, "224.0.0.251", join, ttl=2, options=ROUTER_ALERT4), "drop ip_options|multicast"),
             twin="multicast/igmp/of-rule")
    book.add("igmp/other-option", out(hub, to_group(hub, "224.0.0.251", join, ttl=1, options=bytes.fromhex("01010101")), "drop ip_options|multicast"),
             twin="multicast/igmp/of-rule")
    book.add("igmp/no-rule", out(cam, to_group(cam, "224.0.0.251", join, ttl=1, options=ROUTER_ALERT4), "drop multicast|ip_options"),
             twin="multicast/igmp/of-rule")
    book.add("igmp/another-group", out(hub, to_group(hub, "239.1.2.3", igmp(0x16, packed("239.1.2.3")), ttl=1, options=ROUTER_ALERT4),
                                       "drop multicast|ip_options"), twin="multicast/igmp/of-rule")
    book.add("igmp/query", out(cam, to_group(cam, NODES4, igmp(0x11, bytes(4), 100), ttl=1, options=ROUTER_ALERT4), "drop multicast|ip_options"),
             twin="multicast/igmp/of-rule")
    book.add("igmp/query-of-gateway", into(cam, to_group(gw, NODES4, igmp(0x11, bytes(4), 100), ttl=1, options=ROUTER_ALERT4), "pass mld"))
    book.add("igmp/query-of-gateway-plain", into(cam, to_group(gw, NODES4, igmp(0x11, bytes(4), 100), ttl=1), "pass mld"),
             question="igmp-without-alert")
    query = "multicast/igmp/query-of-gateway"
    book.add("igmp/query-of-gateway-ttl-17", into(cam, to_group(gw, NODES4, igmp(0x11, bytes(4), 100), ttl=17), "drop multicast"), twin=query)
    book.add("igmp/report-of-gateway", into(cam, to_group(gw, "224.0.0.251", join, ttl=1, options=ROUTER_ALERT4), "drop multicast|ip_options"),
             twin=query)
    book.add("igmp/unknown-of-gateway", into(cam, to_group(gw, NODES4, igmp(0, bytes(4)), ttl=1), "drop multicast"), twin=query)
    unicast = packet(gw, cam, 4, igmp(0x11, bytes(4), 100), ttl=1)
    book.add("igmp/unicast-of-gateway", into(cam, unicast, "drop multicast|protocol"), twin=query, question="igmp-unicast")
    book.add("igmp/data-of-gateway-in-quarantine", quarantine(cam),
             into(cam, packet(gw, cam, 4, raw(2, bytes(64))), "drop quarantine|multicast|protocol"),
             release(cam), twin=query)
    book.add("igmp/query-of-uplink", into(cam, to_group(net, NODES4, igmp(0x11, bytes(4), 100), src_mac=nobody.mac, ttl=1, options=ROUTER_ALERT4),
                                          "drop multicast|ip_options", "eth0"), twin="multicast/igmp/query-of-gateway")


def listeners() -> None:
    def report(src, l4, *, group: str = REPORTS6, src_ip: str | None = None, headers=ALERT, hops: int = 1, **more: object) -> bytes:
        return to_group(src, group, l4, src_ip=src_ip or src.ll, headers=headers, hops=hops, **more)
    twin = book.add("mld/report2", out(cam, report(cam, mld2(OWN_GROUP)), "pass mld"))
    book.add("mld/quarantined", quarantine(cam), out(cam, report(cam, mld2(OWN_GROUP)), "drop quarantine"), release(cam), twin=twin)
    book.add("mld/report2-two", out(cam, report(cam, mld2(OWN_GROUP, solicited_node(cam.ll))), "pass mld"))
    book.add("mld/report2-unspecified", out(cam, report(cam, mld2(OWN_GROUP), src_ip="::"), "pass mld"))
    book.add("mld/report2-left", out(cam, report(cam, mld2(OWN_GROUP, record=3)), "pass mld"))
    book.add("mld/report1", out(cam, report(cam, mld(MLD_REPORT, OWN_GROUP), group=OWN_GROUP), "pass mld"))
    book.add("mld/done", out(cam, report(cam, mld(MLD_DONE, OWN_GROUP), group="ff02::2"), "pass mld"))
    book.add("mld/of-rule", out(hub, report(hub, mld2("ff02::fb")), "pass mld"), awaits="mcast:")
    book.add("mld/other-group", out(cam, report(cam, mld2("ff02::fb")), "drop multicast"), twin=twin)
    book.add("mld/own-and-other-group", out(cam, report(cam, mld2(OWN_GROUP, "ff02::fb")), "drop multicast"), twin=twin)
    book.add("mld/report1-other-group", out(cam, report(cam, mld(MLD_REPORT, "ff02::fb"), group="ff02::fb"), "drop multicast"),
             twin="multicast/mld/report1")
    book.add("mld/global-group", out(cam, report(cam, mld2("ff0e::1:ff00:11")), "drop multicast"), twin=twin)
    book.add("mld/query", out(cam, report(cam, mld2_query(), group=NODES6), "drop multicast"), twin=twin)
    book.add("mld/query1", out(cam, report(cam, mld(MLD_QUERY, "::"), group=NODES6), "drop multicast"), twin=twin)
    book.add("mld/no-alert", out(cam, report(cam, mld2(OWN_GROUP), headers=()), "drop multicast"), twin=twin)
    book.add("mld/hops-2", out(cam, report(cam, mld2(OWN_GROUP), hops=2), "drop multicast"), twin=twin, question="mld-hops")
    book.add("mld/hops-255", out(cam, report(cam, mld2(OWN_GROUP), hops=255), "drop multicast"), twin=twin, question="mld-hops")
    book.add("mld/two-headers", out(cam, report(cam, mld2(OWN_GROUP), headers=(*ALERT, extension(DESTINATION))), "drop multicast|ext_header"),
             twin=twin)
    book.add("mld/padding-only", out(cam, report(cam, mld2(OWN_GROUP), headers=(extension(HOP_BY_HOP),)), "drop multicast|ext_header"), twin=twin)
    book.add("mld/alert-of-rsvp", out(cam, report(cam, mld2(OWN_GROUP), headers=((HOP_BY_HOP, bytes.fromhex("0000050200010100")),)),
                                      "drop multicast|ext_header"),
             twin=twin)
    book.add("mld/alert-among-others", out(cam,
                                           report(cam, mld2(OWN_GROUP),
                                                  headers=((HOP_BY_HOP, bytes.fromhex("0001050200000108" "0000000000000000")),)),
                                           "drop multicast|ext_header"), twin=twin)
    book.add("mld/count-lies", out(cam, report(cam, mld2(OWN_GROUP, count=9)), "drop multicast|l4_malformed"), twin=twin)
    book.add("mld/count-0", out(cam, report(cam, mld2()), "drop multicast"), twin=twin, question="mld-empty")
    book.add("mld/foreign-link-local", out(cam, report(cam, mld2(OWN_GROUP), src_ip=hub.ll), "drop spoofed_source"), twin=twin)
    book.add("mld/link-local-of-nobody", out(cam, report(cam, mld2(OWN_GROUP), src_ip="fe80::77"), "drop bad_source"), twin=twin)
    book.add("mld/to-device", out(cam, report(cam, mld2(OWN_GROUP), dst_mac=phone.mac), "drop multicast|dest_mac"), twin=twin)
    book.add("mld/beyond-link", out(cam, packet(cam, net, 6, mld2(OWN_GROUP), src_ip=cam.ll, hops=1, headers=ALERT), "drop multicast|ext_header"),
             twin=twin)
    book.add("mld/alert-for-udp", out(cam, packet(cam, gw, 6, udp(5300, 53), headers=ALERT), "drop ext_header"), twin="flow/gateway6/dns")
    book.add("mld/alert-for-echo", out(cam, packet(cam, gw, 6, echo(), headers=ALERT), "drop ext_header"), twin="icmp/echo6/whole")
    query = book.add("mld/query-of-gateway", into(cam, to_group(gw, NODES6, mld2_query(), src_ip=GW_LL, headers=ALERT, hops=1), "pass mld"))
    book.add("mld/query1-of-gateway", into(cam, to_group(gw, NODES6, mld(MLD_QUERY, "::"), src_ip=GW_LL, headers=ALERT, hops=1), "pass mld"))
    book.add("mld/query-of-uplink", into(cam, to_group(nobody, NODES6, mld2_query(), src_ip=nobody.ll, headers=ALERT, hops=1),
                                         "drop multicast|ext_header", "eth0"),
             twin=query)
    book.add("mld/query-of-port", into(cam, to_group(hub, NODES6, mld2_query(), src_ip=hub.ll, headers=ALERT, hops=1),
                                       "drop multicast|ext_header|not_here", "p2"),
             twin=query)


shut()
opened()
listeners()
