# SPDX-License-Identifier: Apache-2.0
"""ICMP: echo by rule, errors by the packet that they quote, nothing else."""

from wire.ip import ip
from wire.transport import ERRORS, echo, gre, icmp, icmp_error, tcp, udp
from world.lab import cam, cert, cloud, gw, hub, net, nobody, phone, plc
from world.model import Host

from .book import Book, Frame
from .say import BOTH, apply, auth, deauth, into, out, packet, quarantine, release, wait

book = Book("icmp")
MARTIANS = {4: {"zero": "0.0.0.0", "loopback": "127.0.0.1", "link-local": "169.254.1.1", "class-e": "240.0.0.1", "group": "224.0.0.1",
                "everybody": "255.255.255.255"},
            6: {"unspecified": "::", "loopback": "::1", "mapped": "::ffff:203.0.113.10", "group": "ff02::1"}}


def quoted(src: Host, dst: Host, v: int, l4=None, **header: object) -> bytes:
    return ip(src.ip(v), dst.ip(v), l4 or udp(5555, 4433), **header)


def echoes(v: int) -> None:
    asked = out(cam, packet(cam, gw, v, echo(7)), "pass rule")
    whole = book.add(f"echo{v}/whole", asked, into(cam, packet(gw, cam, v, echo(7, reply=True)), "pass established"),
                     out(cam, packet(cam, gw, v, echo(7)), "pass established"))
    book.add(f"echo{v}/peer", out(hub, packet(hub, cam, v, echo(1)), "pass rule"), into(cam, packet(hub, cam, v, echo(1)), "pass established", "p2"),
             out(cam, packet(cam, hub, v, echo(1, reply=True)), "pass established"))
    book.add(f"echo{v}/large", out(cam, packet(cam, gw, v, echo(7, data=bytes(1400))), "pass rule"))
    book.add(f"echo{v}/no-data", out(cam, packet(cam, gw, v, echo(7, data=b"")), "pass rule"))
    book.add(f"echo{v}/no-rule", out(cam, packet(cam, cloud, v, echo(7)), "drop default_deny"), twin=whole)
    book.add(f"echo{v}/other-way", out(cam, packet(cam, hub, v, echo(7)), "drop default_deny"), twin=f"icmp/echo{v}/peer")
    book.add(f"echo{v}/other-id", asked, into(cam, packet(gw, cam, v, echo(8, reply=True)), "drop icmp_unrelated"), twin=whole)
    book.add(f"echo{v}/unasked", into(cam, packet(gw, cam, v, echo(7, reply=True)), "drop icmp_unrelated"), twin=whole)
    book.add(f"echo{v}/unasked-from-device", out(cam, packet(cam, gw, v, echo(7, reply=True)), "drop icmp_unrelated"), twin=f"flow/gateway{v}/echo")
    book.add(f"echo{v}/other-host", asked, into(cam, packet(net, cam, v, echo(7, reply=True)), "drop icmp_unrelated", "eth0"), twin=whole)
    book.add(f"echo{v}/in-time", asked, wait("55s"), into(cam, packet(gw, cam, v, echo(7, reply=True)), "pass established"))
    book.add(f"echo{v}/too-late", asked, wait("61s"), into(cam, packet(gw, cam, v, echo(7, reply=True)), "drop icmp_unrelated"),
             twin=f"icmp/echo{v}/in-time")
    book.add(f"echo{v}/code", out(cam, packet(cam, gw, v, echo(7, code=1)), "drop icmp_unrelated|l4_malformed|default_deny"), twin=whole,
             question="echo-code")
    book.add(f"echo{v}/request-as-answer", asked, into(cam, packet(gw, cam, v, echo(7)), "pass rule"), question="echo-both-ways")
    book.add(f"echo{v}/without-rule-for-gateway", into(plc, packet(gw, plc, v, echo(7)), "drop default_deny"), twin=f"flow/gateway{v}/echo")


def other_types() -> None:
    for name, kind in {"redirect": 5, "router-advertisement": 9, "router-solicitation": 10, "timestamp-reply": 14, "information": 15, "mask": 17,
                       "mask-reply": 18, "traceroute": 30, "extended-echo": 42, "experiment": 253, "reserved": 255, "source-quench": 4,
                       "unassigned": 1}.items():
        book.add(f"type4/{name}", out(phone, packet(phone, net, 4, icmp(kind, 0, data=bytes(28))), "drop icmp_unrelated"), twin="flow/internet4/echo")
        book.add(f"type4/{name}-inward", into(cam, packet(net, cam, 4, icmp(kind, 0, data=bytes(28))), "drop icmp_unrelated", "eth0"),
                 twin="icmp/error4/port")
    book.add("type4/timestamp", out(phone, packet(phone, net, 4, icmp(13, 0, data=bytes(12))), "pass rule"))
    book.add("type4/timestamp-not-named", out(cam, packet(cam, gw, 4, icmp(13, 0, data=bytes(12))), "drop default_deny"), twin="icmp/type4/timestamp")
    book.add("type4/timestamp-answered", out(phone, packet(phone, net, 4, icmp(13, 0, data=bytes(12))), "pass rule"),
             into(phone, packet(net, phone, 4, icmp(14, 0, data=bytes(12))), "pass established", "eth0"))
    for name, kind in {"reserved-error": 100, "unknown-error": 5, "renumbering": 138, "node-information": 139, "node-answer": 140, "home-agent": 144,
                       "certification": 148, "experiment": 200, "rpl": 155}.items():
        book.add(f"type6/{name}", out(phone, packet(phone, net, 6, icmp(kind, 0, data=bytes(48))), "drop icmp_unrelated"), twin="flow/internet6/echo")
        book.add(f"type6/{name}-inward", into(cam, packet(net, cam, 6, icmp(kind, 0, data=bytes(48))), "drop icmp_unrelated", "eth0"),
                 twin="icmp/error6/port")
    redirect = icmp(5, 1, bytes([192, 168, 1, 12]), quoted(cam, cloud, 4))
    book.add("type4/redirect-of-gateway", out(cam, packet(cam, cloud, 4, udp(5555, 4433)), "pass rule"),
             into(cam, packet(gw, cam, 4, redirect), "drop icmp_unrelated"), twin="icmp/error4/port")


def about(v: int, l4=None, by: str = "eth0", src: Host = net, expect: str = "pass related", what: str = "port", keep: int | None = None,
          about_packet: bytes | None = None, dst: Host = cam, dst_ip: str | None = None) -> Frame:
    packet_quoted = quoted(cam, cloud, v, l4) if about_packet is None else about_packet
    return into(dst, packet(src, dst, v, icmp_error(what, packet_quoted, keep), dst_ip=dst_ip), expect, by)


def errors(v: int) -> None:
    begun = out(cam, packet(cam, cloud, v, udp(5555, 4433)), "pass rule")
    size = 20 if v == 4 else 40
    for what in ERRORS:
        book.add(f"error{v}/{what}", begun, about(v, what=what))
    twin = f"icmp/error{v}/port"
    book.add(f"error{v}/of-server", begun, about(v, src=cloud))
    book.add(f"error{v}/of-gateway", begun, about(v, src=gw, by="gw"))
    book.add(f"error{v}/eight-bytes-quoted", begun, about(v, keep=size + 8))
    book.add(f"error{v}/no-flow", about(v, expect="drop icmp_unrelated"), twin=twin)
    book.add(f"error{v}/seven-bytes-quoted", begun, about(v, keep=size + 7, expect="drop icmp_unrelated"), twin=f"icmp/error{v}/eight-bytes-quoted")
    for keep in (0, size - 1, size):
        book.add(f"error{v}/quoted-{keep}", begun, about(v, keep=keep, expect="drop icmp_unrelated"), twin=f"icmp/error{v}/eight-bytes-quoted")
    book.add(f"error{v}/other-source-port", begun, about(v, udp(5556, 4433), expect="drop icmp_unrelated"), twin=twin)
    book.add(f"error{v}/other-port", begun, about(v, udp(5555, 4434), expect="drop icmp_unrelated"), twin=twin)
    book.add(f"error{v}/other-protocol", begun, about(v, tcp(5555, 4433), expect="drop icmp_unrelated"), twin=twin)
    book.add(f"error{v}/other-host", begun, about(v, about_packet=quoted(cam, net, v), expect="drop icmp_unrelated"), twin=twin)
    book.add(f"error{v}/of-another-device", begun, about(v, about_packet=quoted(hub, cloud, v), expect="drop icmp_unrelated"), twin=twin)
    book.add(f"error{v}/to-another-device", begun, about(v, dst=hub, expect="drop icmp_unrelated"), twin=twin)
    book.add(f"error{v}/turned-round", begun, about(v, about_packet=quoted(cloud, cam, v, udp(4433, 5555)), expect="drop icmp_unrelated"), twin=twin)
    book.add(f"error{v}/quoted-version", begun, about(v, about_packet=quoted(cam, cloud, v, version=5), expect="drop icmp_unrelated"), twin=twin)
    if v == 4:
        book.add("error4/quoted-options", begun, about(v, about_packet=quoted(cam, cloud, v, options=bytes(4)), expect="drop icmp_unrelated"),
                 twin=twin,
                 question="quoted-header")
        book.add("error4/quoted-fragment", begun, about(v, about_packet=quoted(cam, cloud, v, offset=8), expect="drop icmp_unrelated"), twin=twin)
        book.add("error4/quoted-header-4-words", begun, about(v, about_packet=quoted(cam, cloud, v, header_words=4), expect="drop icmp_unrelated"),
                 twin=twin)
        book.add("error4/quoted-ttl-0", begun, about(v, about_packet=quoted(cam, cloud, v, ttl=0)))
        book.add("error4/quoted-checksum", begun, about(v, about_packet=quoted(cam, cloud, v, wrong_checksum=1)), question="quoted-header")
    nested = ip(cam.ip(v), cloud.ip(v), icmp_error("port", quoted(cloud, cam, v, udp(4433, 5555))))
    book.add(f"error{v}/about-error", begun, about(v, about_packet=nested, expect="drop icmp_unrelated"), twin=twin)
    book.add(f"error{v}/about-echo", out(cam, packet(cam, gw, v, echo(7)), "pass rule"),
             about(v, about_packet=quoted(cam, gw, v, echo(7)), src=gw, by="gw"))
    turned = ip(gw.ip(v), cam.ip(v), echo(7))
    book.add(f"device{v}/about-request-of-another", out(cam, packet(cam, gw, v, echo(7)), "pass rule"),
             out(cam, packet(cam, gw, v, icmp_error("port", turned)), "drop icmp_unrelated"), twin=f"icmp/error{v}/about-echo")
    book.add(f"error{v}/about-echo-other-id", out(cam, packet(cam, gw, v, echo(7)), "pass rule"),
             about(v, about_packet=quoted(cam, gw, v, echo(8)), src=gw, by="gw", expect="drop icmp_unrelated"), twin=f"icmp/error{v}/about-echo")
    book.add(f"error{v}/about-tcp", out(cam, packet(cam, cloud, v, tcp()), "pass rule"), about(v, tcp(), what="too_big"))
    book.add(f"error{v}/about-gre", out(hub, packet(hub, cloud, v, gre(inner=bytes(20))), "pass rule"),
             about(v, about_packet=quoted(hub, cloud, v, gre(inner=bytes(20))), dst=hub, what="too_big"))
    book.add(f"error{v}/too-late", begun, wait("31s"), about(v, expect="drop icmp_unrelated"), twin=twin)
    book.add(f"error{v}/uplink-as-gateway", begun, about(v, src=gw, expect="drop uplink_spoof"), twin=twin)
    book.add(f"error{v}/uplink-as-device", begun, about(v, src=hub, expect="drop uplink_spoof"), twin=twin)
    for name, source in MARTIANS[v].items():
        claims = packet(net, cam, v, icmp_error("port", quoted(cam, cloud, v)), src_ip=source)
        book.add(f"error{v}/from-{name}", begun, into(cam, claims, "drop ip_martian", "eth0"), twin=twin, question="martians6" if v == 6 else None)
    if v == 6:
        as_device = packet(net, cam, 6, icmp_error("port", quoted(cam, cloud, 6)), src_ip=phone.ll)
        book.add("error6/uplink-as-device-link-local", begun, into(cam, as_device, "drop uplink_spoof", "eth0"), twin=twin)
    behind = packet(net, cam, v, icmp_error("port", quoted(cam, cloud, v)), length=20 + 8 + 22 if v == 4 else 8 + 42)
    book.add(f"error{v}/quote-in-trailer", begun, into(cam, behind, "drop icmp_unrelated", "eth0"), twin=twin)
    book.add(f"error{v}/of-cut-flow", begun, apply("less.yaml"), about(v, expect="drop icmp_unrelated|cut"), apply("policy.yaml"), twin=twin)
    opened = packet(cert, cloud, v, tcp(40000, 443))
    refusal = packet(net, cert, v, icmp_error("port", quoted(cert, cloud, v, tcp(40000, 443))))
    book.add(f"error{v}/of-proved", out(cert, opened, "pass rule"), into(cert, refusal, "pass related", "eth0"))
    book.add(f"error{v}/of-proof-given-back", out(cert, opened, "pass rule"), deauth(cert),
             into(cert, refusal, "drop unauthenticated|icmp_unrelated", "eth0"), auth(cert), twin=f"icmp/error{v}/of-proved")
    book.add(f"error{v}/quarantine", begun, quarantine(cam), about(v, expect="drop quarantine"), release(cam), twin=twin)
    book.add(f"error{v}/keeps-flow", begun, about(v), out(cam, packet(cam, cloud, v, udp(5555, 4433)), "pass established"))
    book.add(f"error{v}/code-beyond", begun, into(cam, packet(net, cam, v, icmp(3 if v == 4 else 1, 99, data=quoted(cam, cloud, v))), "pass related",
                                                  "eth0"),
             question="error-codes")


def errors_of_devices(v: int) -> None:
    syn = packet(hub, cam, v, tcp(2000, 554))
    begun = (out(hub, syn, "pass rule"), into(cam, syn, "pass established", "p2"))
    error = packet(cam, hub, v, icmp_error("port", quoted(hub, cam, v, tcp(2000, 554))))
    whole = book.add(f"device{v}/unreachable", *begun, out(cam, error, "pass related"), into(hub, error, "pass related", "p1"))
    book.add(f"device{v}/no-flow", out(cam, error, "drop icmp_unrelated"), twin=whole)
    book.add(f"device{v}/to-third", *begun, out(cam, packet(cam, phone, v, icmp_error("port", quoted(hub, cam, v, tcp(2000, 554)))),
                                                "drop icmp_unrelated"),
             twin=whole)
    book.add(f"device{v}/to-beyond", *begun, out(cam, packet(cam, net, v, icmp_error("port", quoted(hub, cam, v, tcp(2000, 554)))),
                                                 "drop icmp_unrelated"),
             twin=whole)
    book.add(f"device{v}/of-third", *begun, out(phone, packet(phone, hub, v, icmp_error("port", quoted(hub, cam, v, tcp(2000, 554)))),
                                                "drop icmp_unrelated"),
             twin=whole)
    book.add(f"device{v}/own-packet-quoted", *begun, out(cam, packet(cam, hub, v, icmp_error("port", quoted(cam, hub, v, tcp(554, 2000, "SA")))),
                                                         "drop icmp_unrelated"), twin=whole, question="own-packet-quoted")
    answered = (out(cam, packet(cam, cloud, v, udp(5555, 4433)), "pass rule"),
                into(cam, packet(cloud, cam, v, udp(4433, 5555)), "pass established", "eth0"))
    book.add(f"device{v}/port-closed", *answered, out(cam, packet(cam, cloud, v, icmp_error("port", quoted(cloud, cam, v, udp(4433, 5555)))),
                                                      "pass related"))
    book.add(f"device{v}/data-behind-quote", *answered,
             out(cam, packet(cam, cloud, v, icmp_error("port", quoted(cloud, cam, v, udp(4433, 5555, bytes(1000))))), "pass related"),
             question="quote-as-channel")
    error = icmp_error("port", quoted(cloud, cam, v, udp(4433, 5555)))
    short = 20 + 8 + 22 if v == 4 else 8 + 42  # two bytes of the quoted transport; what follows is behind the packet
    book.add(f"device{v}/quote-in-trailer", *answered, out(cam, packet(cam, cloud, v, error, length=short), "drop icmp_unrelated"),
             twin=f"icmp/device{v}/port-closed")
    book.add(f"device{v}/wrong-source", *answered, out(cam,
                                                       packet(cam, cloud, v, icmp_error("port", quoted(cloud, cam, v, udp(4433, 5555))),
                                                              src_ip=nobody.ip(v)),
                                                       "drop bad_source"), twin=f"icmp/device{v}/port-closed")


for version in BOTH:
    echoes(version)
    errors(version)
    errors_of_devices(version)
other_types()
