# SPDX-License-Identifier: Apache-2.0
"""Conversations: who begins, who answers, how long it lasts, who may not join."""

from wire.ip import TCP
from wire.transport import echo, gre, raw, sctp, tcp, udp
from world.lab import cam, cloud, gw, hub, net, one, phone, plc, tag, two

from .book import Book
from .say import BOTH, apply, into, out, packet, quarantine, release, wait

book = Book("flow")


def tcp_begins(v: int, sport: int = 40000):
    return out(cam, packet(cam, cloud, v, tcp(sport, 443)), "pass rule")


def tcp_opened(v: int, sport: int = 40000):
    return (tcp_begins(v, sport), into(cam, packet(cloud, cam, v, tcp(443, sport, "SA")), "pass established", "eth0"),
            out(cam, packet(cam, cloud, v, tcp(sport, 443, "A")), "pass established"))


def tcp_state(v: int) -> None:
    whole = book.add(f"tcp{v}/whole", *tcp_opened(v),
                     out(cam, packet(cam, cloud, v, tcp(40000, 443, "PA", b"GET")), "pass established"),
                     into(cam, packet(cloud, cam, v, tcp(443, 40000, "PA", b"200")), "pass established", "eth0"),
                     into(cam, packet(cloud, cam, v, tcp(443, 40000, "FA")), "pass established", "eth0"),
                     out(cam, packet(cam, cloud, v, tcp(40000, 443, "FA")), "pass established"),
                     into(cam, packet(cloud, cam, v, tcp(443, 40000, "A")), "pass established", "eth0"))
    book.add(f"tcp{v}/reset-by-server", *tcp_opened(v), into(cam, packet(cloud, cam, v, tcp(443, 40000, "R")), "pass established", "eth0"))
    book.add(f"tcp{v}/refused", tcp_begins(v), into(cam, packet(cloud, cam, v, tcp(443, 40000, "RA")), "pass established", "eth0"))
    book.add(f"tcp{v}/given-up", tcp_begins(v), out(cam, packet(cam, cloud, v, tcp(40000, 443, "R")), "pass established"))
    book.add(f"tcp{v}/syn-again", tcp_begins(v), out(cam, packet(cam, cloud, v, tcp(40000, 443)), "pass established"))
    book.add(f"tcp{v}/challenged", tcp_begins(v), into(cam, packet(cloud, cam, v, tcp(443, 40000, "A")), "pass established", "eth0"))
    book.add(f"tcp{v}/syn-with-data", out(cam, packet(cam, cloud, v, tcp(40000, 443, "S", b"fast open")), "pass rule"))
    book.add(f"tcp{v}/syn-with-ecn", out(cam, packet(cam, cloud, v, tcp(40000, 443, "SEC")), "pass rule"))
    book.add(f"tcp{v}/syn-with-options", out(cam, packet(cam, cloud, v, tcp(40000, 443, words=6, options=bytes.fromhex("020405b4"))), "pass rule"))
    book.add(f"tcp{v}/data-unanswered", tcp_begins(v), out(cam, packet(cam, cloud, v, tcp(40000, 443, "PA", b"x")), "drop tcp_state"), twin=whole)
    book.add(f"tcp{v}/ack-unanswered", tcp_begins(v), out(cam, packet(cam, cloud, v, tcp(40000, 443, "A")), "drop tcp_state"), twin=whole)
    book.add(f"tcp{v}/fin-unanswered", tcp_begins(v), out(cam, packet(cam, cloud, v, tcp(40000, 443, "FA")), "drop tcp_state"), twin=whole)
    book.add(f"tcp{v}/answer-crosses", tcp_begins(v), out(cam, packet(cam, cloud, v, tcp(40000, 443, "SA")), "drop tcp_state"), twin=whole)
    for flags in ("A", "PA", "FA", "R", "RA", "SA", "AU"):
        book.add(f"tcp{v}/begins-with-{flags.lower()}", out(cam, packet(cam, cloud, v, tcp(40000, 443, flags)), "drop no_flow"), twin=whole)
        book.add(f"tcp{v}/arrives-with-{flags.lower()}", into(cam, packet(cloud, cam, v, tcp(7001, 7001, flags)), "drop no_flow", "eth0"),
                 twin=f"flow/tcp{v}/from-beyond")
    book.add(f"tcp{v}/from-beyond", into(cam, packet(cloud, cam, v, tcp(50000, 7001)), "pass rule", "eth0"),
             out(cam, packet(cam, cloud, v, tcp(7001, 50000, "SA")), "pass established"),
             into(cam, packet(cloud, cam, v, tcp(50000, 7001, "A")), "pass established", "eth0"))
    book.add(f"tcp{v}/from-beyond-unanswered", into(cam, packet(cloud, cam, v, tcp(50000, 7001)), "pass rule", "eth0"),
             into(cam, packet(cloud, cam, v, tcp(50000, 7001, "PA", b"x")), "drop tcp_state", "eth0"), twin=f"flow/tcp{v}/from-beyond")
    book.add(f"tcp{v}/syn-of-responder", tcp_begins(v), into(cam, packet(cloud, cam, v, tcp(443, 40000)), "drop default_deny", "eth0"), twin=whole)
    refused = (tcp_begins(v), into(cam, packet(cloud, cam, v, tcp(443, 40000, "RA")), "pass established", "eth0"))
    book.add(f"tcp{v}/data-after-refusal", *refused, out(cam, packet(cam, cloud, v, tcp(40000, 443, "PA", b"x")), "drop tcp_state"), twin=whole)
    book.add(f"tcp{v}/answer-after-refusal", *refused, into(cam, packet(cloud, cam, v, tcp(443, 40000, "SA")), "pass established", "eth0"),
             out(cam, packet(cam, cloud, v, tcp(40000, 443, "PA", b"x")), "pass established"))
    book.add(f"tcp{v}/answered-by-fin", tcp_begins(v), into(cam, packet(cloud, cam, v, tcp(443, 40000, "FA")), "drop tcp_state", "eth0"), twin=whole)
    book.add(f"tcp{v}/data-after-challenge", tcp_begins(v), into(cam, packet(cloud, cam, v, tcp(443, 40000, "A")), "pass established", "eth0"),
             out(cam, packet(cam, cloud, v, tcp(40000, 443, "PA", b"x")), "drop tcp_state"), twin=whole)
    ended = (*tcp_opened(v), out(cam, packet(cam, cloud, v, tcp(40000, 443, "FA")), "pass established"),
             into(cam, packet(cloud, cam, v, tcp(443, 40000, "FA")), "pass established", "eth0"), tcp_begins(v))
    again = book.add(f"tcp{v}/begins-again", *ended, into(cam, packet(cloud, cam, v, tcp(443, 40000, "SA")), "pass established", "eth0"),
                     out(cam, packet(cam, cloud, v, tcp(40000, 443, "A")), "pass established"))
    book.add(f"tcp{v}/begins-again-unanswered", *ended, out(cam, packet(cam, cloud, v, tcp(40000, 443, "A")), "drop tcp_state"), twin=again)
    book.add(f"tcp{v}/reset-not-taken", *tcp_opened(v), into(cam, packet(cloud, cam, v, tcp(443, 40000, "R")), "pass established", "eth0"),
             out(cam, packet(cam, cloud, v, tcp(40000, 443, "A")), "pass established"), wait("245s"),
             out(cam, packet(cam, cloud, v, tcp(40000, 443, "A")), "pass established"))
    book.add(f"tcp{v}/reset-taken", *tcp_opened(v), into(cam, packet(cloud, cam, v, tcp(443, 40000, "R")), "pass established", "eth0"), wait("245s"),
             out(cam, packet(cam, cloud, v, tcp(40000, 443, "A")), "drop no_flow"), twin=f"flow/tcp{v}/reset-not-taken")
    book.add(f"tcp{v}/release-of-free", tcp_begins(v), release(cam),
             into(cam, packet(cloud, cam, v, tcp(443, 40000, "SA")), "pass established", "eth0"))
    book.add(f"tcp{v}/idle-unanswered", tcp_begins(v), wait("31s"),
             into(cam, packet(cloud, cam, v, tcp(443, 40000, "SA")), "drop no_flow", "eth0"), twin=f"flow/tcp{v}/late-answer")
    book.add(f"tcp{v}/late-answer", tcp_begins(v), wait("29s"), into(cam, packet(cloud, cam, v, tcp(443, 40000, "SA")), "pass established", "eth0"))
    book.add(f"tcp{v}/idle-two-hours", *tcp_opened(v), wait("2h"), out(cam, packet(cam, cloud, v, tcp(40000, 443, "A")), "pass established"))
    book.add(f"tcp{v}/idle-too-long", *tcp_opened(v), wait("2h5m"), out(cam, packet(cam, cloud, v, tcp(40000, 443, "A")), "drop no_flow"),
             twin=f"flow/tcp{v}/idle-two-hours")


def udp_state(v: int) -> None:
    asked = out(cam, packet(cam, cloud, v, udp(5555, 4433)), "pass rule")
    answer = packet(cloud, cam, v, udp(4433, 5555))
    whole = book.add(f"udp{v}/whole", asked, into(cam, answer, "pass established", "eth0"),
                     out(cam, packet(cam, cloud, v, udp(5555, 4433)), "pass established"))
    book.add(f"udp{v}/unasked", into(cam, answer, "drop default_deny", "eth0"), twin=whole)
    book.add(f"udp{v}/other-port", asked, into(cam, packet(cloud, cam, v, udp(4433, 5556)), "drop default_deny", "eth0"), twin=whole)
    book.add(f"udp{v}/other-service", asked, into(cam, packet(cloud, cam, v, udp(4434, 5555)), "drop default_deny", "eth0"), twin=whole)
    book.add(f"udp{v}/other-host", asked, into(cam, packet(net, cam, v, udp(4433, 5555)), "drop default_deny", "eth0"), twin=whole)
    book.add(f"udp{v}/too-late", asked, wait("31s"), into(cam, answer, "drop default_deny", "eth0"), twin=f"flow/udp{v}/in-time")
    book.add(f"udp{v}/in-time", asked, wait("29s"), into(cam, answer, "pass established", "eth0"))
    book.add(f"udp{v}/answered-in-time", asked, into(cam, answer, "pass established", "eth0"), wait("170s"),
             into(cam, answer, "pass established", "eth0"))
    book.add(f"udp{v}/answered-too-late", asked, into(cam, answer, "pass established", "eth0"), wait("200s"),
             into(cam, answer, "drop default_deny", "eth0"), twin=f"flow/udp{v}/answered-in-time")
    book.add(f"udp{v}/from-beyond", into(cam, packet(cloud, cam, v, udp(999, 7000)), "pass rule", "eth0"),
             out(cam, packet(cam, cloud, v, udp(7000, 999)), "pass established"))
    book.add(f"udp{v}/as-if-answering", out(cam, packet(cam, cloud, v, udp(7000, 999)), "drop default_deny"), twin=f"flow/udp{v}/from-beyond")
    book.add(f"udp{v}/first-of-range", out(hub, packet(hub, cam, v, udp(9, 5000)), "pass rule"))
    book.add(f"udp{v}/last-of-range", out(hub, packet(hub, cam, v, udp(9, 5010)), "pass rule"))
    book.add(f"udp{v}/below-range", out(hub, packet(hub, cam, v, udp(9, 4999)), "drop default_deny"), twin=f"flow/udp{v}/first-of-range")
    book.add(f"udp{v}/above-range", out(hub, packet(hub, cam, v, udp(9, 5011)), "drop default_deny"), twin=f"flow/udp{v}/last-of-range")
    book.add(f"udp{v}/empty", out(cam, packet(cam, cloud, v, udp(5555, 4433, b"")), "pass rule"))


def between_devices(v: int) -> None:
    syn = packet(hub, cam, v, tcp(2000, 554))
    answer = packet(cam, hub, v, tcp(554, 2000, "SA"))
    begun = (out(hub, syn, "pass rule"), into(cam, syn, "pass established", "p2"))
    whole = book.add(f"neighbours{v}/whole", *begun, out(cam, answer, "pass established"), into(hub, answer, "pass established", "p1"),
                     out(hub, packet(hub, cam, v, tcp(2000, 554, "PA", b"x")), "pass established"))
    book.add(f"neighbours{v}/not-judged-before", into(cam, syn, "drop no_flow", "p2"), twin=whole)
    book.add(f"neighbours{v}/through-gateway", out(hub, packet(hub, cam, v, tcp(2000, 554), dst_mac=gw.mac), "pass rule"),
             into(cam, packet(hub, cam, v, tcp(2000, 554), src_mac=gw.mac), "pass established", "br0"))
    book.add(f"neighbours{v}/by-bridge-unproved", into(cam, packet(hub, cam, v, tcp(2000, 554), src_mac=gw.mac), "drop no_flow", "br0"),
             twin=f"flow/neighbours{v}/through-gateway")
    book.add(f"neighbours{v}/other-way-round", out(cam, packet(cam, hub, v, tcp(2000, 554)), "drop default_deny"), twin=whole)
    book.add(f"neighbours{v}/no-rule", out(phone, packet(phone, cam, v, tcp(2000, 554)), "drop default_deny"), twin=whole)
    book.add(f"neighbours{v}/no-service", out(hub, packet(hub, cam, v, tcp(2000, 555)), "drop default_deny"), twin=whole)
    joins = packet(phone, cam, v, tcp(2000, 554, "PA", b"x"), src_ip=hub.ip(v))
    book.add(f"neighbours{v}/another-joins", *begun, out(phone, joins, "drop spoofed_source"), twin=whole)
    book.add(f"neighbours{v}/another-joins-in-its-name", *begun, out(phone, packet(hub, cam, v, tcp(2000, 554, "PA", b"x")), "drop wrong_port"),
             twin=whole)
    book.add(f"neighbours{v}/another-answers", *begun, out(phone, packet(phone, hub, v, tcp(554, 2000, "SA"), src_ip=cam.ip(v)),
                                                           "drop spoofed_source"),
             twin=whole)
    book.add(f"neighbours{v}/gateway-as-source", *begun, into(cam, packet(hub, cam, v, tcp(2000, 554, "A"), src_mac=gw.mac), "drop uplink_spoof",
                                                              "eth0"),
             twin=whole)
    book.add(f"neighbours{v}/wrong-port-of-two", *begun, into(cam, syn, "drop not_here", "p2", port="p3"), twin=whole)


def gateways_own(v: int) -> None:
    whole = book.add(f"gateway{v}/tcp", into(cam, packet(gw, cam, v, tcp(1000, 80)), "pass rule"),
                     out(cam, packet(cam, gw, v, tcp(80, 1000, "SA")), "pass established"))
    book.add(f"gateway{v}/udp", into(cam, packet(gw, cam, v, udp(1000, 161)), "pass rule"),
             out(cam, packet(cam, gw, v, udp(161, 1000)), "pass established"))
    book.add(f"gateway{v}/echo", into(cam, packet(gw, cam, v, echo()), "pass rule"),
             out(cam, packet(cam, gw, v, echo(reply=True)), "pass established"))
    book.add(f"gateway{v}/no-service", into(cam, packet(gw, cam, v, tcp(1000, 22)), "drop default_deny"), twin=whole)
    book.add(f"gateway{v}/no-rule", into(phone, packet(gw, phone, v, tcp(1000, 80)), "drop default_deny"), twin=whole)
    book.add(f"gateway{v}/back-is-no-rule", out(cam, packet(cam, gw, v, tcp(1000, 80)), "drop default_deny"), twin=whole)
    asks = book.add(f"gateway{v}/dns", out(cam, packet(cam, gw, v, udp(5300, 53)), "pass rule"),
                    into(cam, packet(gw, cam, v, udp(53, 5300)), "pass established"))
    masqueraded = into(cam, packet(gw, cam, v, udp(53, 5300)), "drop default_deny|no_flow|cut|spoofed_source", "br0")
    book.add(f"gateway{v}/bridge-does-not-cut", out(cam, packet(cam, gw, v, udp(5300, 53)), "pass rule"), masqueraded,
             into(cam, packet(gw, cam, v, udp(53, 5300)), "pass established"), twin=asks, question="masqueraded")
    book.add(f"gateway{v}/dns-tcp", out(cam, packet(cam, gw, v, tcp(5300, 53)), "pass rule"))
    book.add(f"gateway{v}/ntp", out(cam, packet(cam, gw, v, udp(123, 123)), "pass rule"))
    book.add(f"gateway{v}/dns-elsewhere", out(cam, packet(cam, net, v, udp(5300, 53)), "drop default_deny"), twin=asks)
    book.add(f"gateway{v}/dns-unasked", into(cam, packet(gw, cam, v, udp(53, 5300)), "drop default_deny"), twin=asks)
    book.add(f"gateway{v}/internet-is-not-gateway", out(phone, packet(phone, gw, v, tcp(3000, 80)), "drop default_deny"),
             twin=f"flow/internet{v}/tcp")


def policy_meaning(v: int) -> None:
    whole = book.add(f"internet{v}/tcp", out(phone, packet(phone, net, v, tcp(3000, 8443)), "pass rule"),
                     into(phone, packet(net, phone, v, tcp(8443, 3000, "SA")), "pass established", "eth0"))
    book.add(f"internet{v}/udp", out(phone, packet(phone, net, v, udp(3000, 4500)), "pass rule"))
    book.add(f"internet{v}/echo", out(phone, packet(phone, net, v, echo()), "pass rule"))
    book.add(f"internet{v}/denied", out(phone, packet(phone, net, v, tcp(3000, 25)), "drop deny_rule"), twin=whole)
    book.add(f"internet{v}/denied-udp", out(phone, packet(phone, net, v, udp(3000, 9005)), "drop deny_rule"), twin=f"flow/internet{v}/excepted")
    book.add(f"internet{v}/excepted", out(phone, packet(phone, cloud, v, udp(3000, 9005)), "pass rule"))
    book.add(f"internet{v}/beside-exception", out(phone, packet(phone, cloud, v, udp(3000, 9004)), "drop deny_rule"),
             twin=f"flow/internet{v}/excepted")
    book.add(f"internet{v}/not-a-device", out(phone, packet(phone, cam, v, tcp(3000, 8443)), "drop default_deny"), twin=whole)
    book.add(f"internet{v}/not-the-link", out(phone, packet(phone, gw, v, udp(3000, 53)), "drop default_deny"), twin=whole)
    book.add(f"internet{v}/unasked-inward", into(phone, packet(net, phone, v, tcp(8443, 3000)), "drop default_deny", "eth0"), twin=whole)
    book.add(f"internet{v}/inward", into(plc, packet(net, plc, v, udp(999, 7005)), "pass rule", "eth0"))
    book.add(f"internet{v}/inward-denied", into(plc, packet(cloud, plc, v, udp(999, 7005)), "drop deny_rule", "eth0"),
             twin=f"flow/internet{v}/inward")
    book.add(f"network{v}/inside", out(cam, packet(cam, cloud, v, udp(1, 4433), dst_ip="203.0.113.255" if v == 4 else "2001:db8:c:ffff::1"),
                                       "pass rule"))
    book.add(f"network{v}/outside", out(cam, packet(cam, net, v, udp(1, 4433), dst_ip="203.0.114.0" if v == 4 else "2001:db8:d::1"),
                                        "drop default_deny"),
             twin=f"flow/network{v}/inside")
    book.add(f"local{v}/device", out(two, packet(two, one, v, udp(6, 9)), "pass rule"))
    book.add(f"local{v}/not-gateway", out(two, packet(two, gw, v, udp(6, 9)), "drop default_deny"), twin=f"flow/local{v}/device")
    book.add(f"local{v}/not-internet", out(two, packet(two, net, v, udp(6, 9)), "drop default_deny"), twin=f"flow/local{v}/device")
    book.add(f"protocol{v}/gre", out(hub, packet(hub, cloud, v, gre()), "pass rule"),
             into(hub, packet(cloud, hub, v, gre()), "pass established", "eth0"))
    book.add(f"protocol{v}/sctp", out(hub, packet(hub, cloud, v, sctp()), "pass rule"))
    book.add(f"protocol{v}/sctp-port", out(hub, packet(hub, cloud, v, sctp(40000, 2906)), "drop default_deny"), twin=f"flow/protocol{v}/sctp")
    book.add(f"protocol{v}/gre-elsewhere", out(hub, packet(hub, net, v, gre()), "drop default_deny"), twin=f"flow/protocol{v}/gre")
    book.add(f"protocol{v}/gre-of-another", out(cam, packet(cam, cloud, v, gre()), "drop default_deny"), twin=f"flow/protocol{v}/gre")
    book.add(f"protocol{v}/gre-unasked", into(hub, packet(cloud, hub, v, gre()), "drop default_deny", "eth0"), twin=f"flow/protocol{v}/gre")
    book.add(f"protocol{v}/tcp-number-is-not-gre", out(hub, packet(hub, cloud, v, raw(TCP, b"")), "drop l4_malformed"), twin=f"flow/protocol{v}/gre")
    tried = out(hub, packet(hub, cloud, v, tcp(2000, 8081)), "audit deny_rule")
    book.add(f"audited-rule{v}/deny", tried, into(hub, packet(cloud, hub, v, tcp(8081, 2000, "SA")), "audit deny_rule", "eth0"))
    book.add(f"audited-rule{v}/opens-nothing", out(hub, packet(hub, cloud, v, tcp(2000, 8082)), "drop default_deny"),
             twin=f"flow/audited-rule{v}/deny")


def changes(v: int) -> None:
    book.add(f"cut{v}/tcp", *tcp_opened(v), apply("less.yaml"), out(cam, packet(cam, cloud, v, tcp(40000, 443, "PA", b"x")), "drop cut"),
             apply("policy.yaml"), twin=f"flow/cut{v}/nothing-changed")
    book.add(f"cut{v}/tcp-inward", *tcp_opened(v), apply("less.yaml"),
             into(cam, packet(cloud, cam, v, tcp(443, 40000, "PA", b"x")), "drop cut", "eth0"),
             apply("policy.yaml"), twin=f"flow/cut{v}/nothing-changed")
    book.add(f"cut{v}/nothing-changed", *tcp_opened(v), apply("policy.yaml"),
             out(cam, packet(cam, cloud, v, tcp(40000, 443, "PA", b"x")), "pass established"))
    book.add(f"cut{v}/tcp-stays-cut", *tcp_opened(v), apply("less.yaml"), out(cam, packet(cam, cloud, v, tcp(40000, 443, "A")), "drop cut"),
             apply("policy.yaml"), out(cam, packet(cam, cloud, v, tcp(40000, 443, "A")), "drop no_flow"),
             out(cam, packet(cam, cloud, v, tcp(40000, 443)), "pass rule"), twin=f"flow/cut{v}/nothing-changed")
    asked = out(cam, packet(cam, cloud, v, udp(5555, 4433)), "pass rule")
    book.add(f"cut{v}/udp", asked, apply("less.yaml"), out(cam, packet(cam, cloud, v, udp(5555, 4433)), "drop cut"),
             apply("policy.yaml"), out(cam, packet(cam, cloud, v, udp(5555, 4433)), "pass rule"), twin=f"flow/cut{v}/udp-unchanged")
    book.add(f"cut{v}/udp-unchanged", asked, apply("policy.yaml"), out(cam, packet(cam, cloud, v, udp(5555, 4433)), "pass established"))
    book.add(f"cut{v}/never-begun", apply("less.yaml"), out(cam, packet(cam, cloud, v, tcp(40000, 443)), "drop default_deny"), apply("policy.yaml"),
             twin=f"flow/tcp{v}/whole")
    book.add(f"quarantine{v}/new", quarantine(cam), out(cam, packet(cam, cloud, v, tcp(40000, 443)), "drop quarantine"), release(cam),
             out(cam, packet(cam, cloud, v, tcp(40000, 443)), "pass rule"), twin=f"flow/tcp{v}/whole")
    book.add(f"quarantine{v}/live", *tcp_opened(v), quarantine(cam), out(cam, packet(cam, cloud, v, tcp(40000, 443, "A")), "drop quarantine"),
             into(cam, packet(cloud, cam, v, tcp(443, 40000, "A")), "drop quarantine", "eth0"), release(cam), twin=f"flow/tcp{v}/whole")
    book.add(f"quarantine{v}/from-gateway", quarantine(cam), into(cam, packet(gw, cam, v, tcp(1000, 80)), "drop quarantine"), release(cam),
             twin=f"flow/gateway{v}/tcp")
    book.add(f"quarantine{v}/to-it", quarantine(cam), out(hub, packet(hub, cam, v, tcp(2000, 554)), "drop quarantine"), release(cam),
             twin=f"flow/neighbours{v}/whole")
    book.add(f"quarantine{v}/others-go-on", quarantine(hub), out(cam, packet(cam, cloud, v, tcp(40000, 443)), "pass rule"), release(hub))
    book.add(f"quarantine{v}/udp-goes-on", asked, quarantine(cam), out(cam, packet(cam, cloud, v, udp(5555, 4433)), "drop quarantine"), release(cam),
             out(cam, packet(cam, cloud, v, udp(5555, 4433)), "pass rule|established"), twin=f"flow/udp{v}/whole")


def quotas(v: int) -> None:
    def flow_of(who, peer, number: int, expect: str):
        return out(who, packet(who, peer, v, udp(number, number)), expect)
    first = (flow_of(one, two, 1, "pass rule"), flow_of(one, two, 2, "pass rule"))
    book.add(f"quota{v}/two", *first, flow_of(one, two, 1, "pass established"))
    book.add(f"quota{v}/three", *first, flow_of(one, two, 3, "drop flow_quota"), twin=f"flow/quota{v}/two")
    book.add(f"quota{v}/room-again", *first, wait("31s"), flow_of(one, two, 3, "pass rule"))
    outside = tuple(into(one, packet(cloud, one, v, udp(number, 7000)), "pass rule", "eth0") for number in (1, 2))
    book.add(f"quota{v}/inward", *outside, flow_of(one, two, 1, "pass rule"))
    book.add(f"quota{v}/inward-three", *outside, into(one, packet(cloud, one, v, udp(3, 7000)), "drop flow_quota", "eth0"),
             twin=f"flow/quota{v}/inward")
    book.add(f"quota{v}/called-keeps-its-own", *first, flow_of(two, one, 5, "pass rule"), flow_of(two, one, 6, "pass rule"))


for version in BOTH:
    tcp_state(version)
    udp_state(version)
    between_devices(version)
    gateways_own(version)
    policy_meaning(version)
    changes(version)
    quotas(version)
tagged = book.add("tagged/ssh", out(tag, packet(tag, gw, 4, tcp(40000, 22)), "pass rule"),
                  into(tag, packet(gw, tag, 4, tcp(22, 40000, "SA")), "pass established"))
book.add("tagged/untagged-answer", out(tag, packet(tag, gw, 4, tcp(40000, 22)), "pass rule"),
         into(tag, packet(gw, tag, 4, tcp(22, 40000, "SA"), tags=()), "drop vlan"), twin=tagged)
