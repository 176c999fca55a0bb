# SPDX-License-Identifier: Apache-2.0
"""EAPOL: to the host alone, before everything else; and who has not authenticated."""

from wire.link import BROADCAST, EAPOL, PAE_GROUP, ethernet
from wire.link import eapol as message
from wire.transport import tcp, udp
from world.lab import cam, cert, cloud, gw, hub, new, nobody, tag, wired

from .book import Book
from .say import BOTH, auth, deauth, into, out, packet, quarantine, release

book = Book("eapol")
IDENTITY = bytes.fromhex("0201000a0163616d657261")[:10]  # EAP response, identity


def says(src, payload: bytes, to: str = PAE_GROUP, tags=()) -> bytes:
    return ethernet(to, src.mac, EAPOL, payload, tags)


def frames() -> None:
    twin = book.add("start", out(cam, says(cam, message()), "pass eapol"))
    for name, kind in {"packet": 0, "logoff": 2}.items():
        book.add(name, out(cam, says(cam, message(kind=kind, body=IDENTITY if kind == 0 else b"")), "pass eapol"))
    for version in (1, 2, 3, 255):
        book.add(f"version-{version}", out(cam, says(cam, message(version)), "pass eapol"))
    book.add("padded", out(cam, says(cam, message()).ljust(60, b"\0"), "pass eapol"))
    book.add("to-gateway", out(cam, says(cam, message(), gw.mac), "pass eapol"))
    book.add("tagged-device", out(tag, says(tag, message(), tags=(10,)), "pass eapol"))
    book.add("long", out(cam, says(cam, message(kind=0, body=bytes(1400))), "pass eapol"))
    for name, payload in {"version-0": message(0), "key": message(kind=3, body=bytes(95)), "alert": message(kind=4), "mka": message(kind=5),
                          "last": message(kind=255),
                          "length-lies": message(kind=0, body=IDENTITY, length=11), "length-65535": message(length=65535), "cut-0": b"",
                          "cut-3": message()[:3]}.items():
        book.add(f"malformed/{name}", out(cam, says(cam, payload), "drop eapol_malformed"), twin=twin)
    for name, mac in {"device": hub.mac, "nobody": nobody.mac, "broadcast": BROADCAST, "bridge-group": "01:80:c2:00:00:00",
                      "lldp-group": "01:80:c2:00:00:0e"}.items():
        book.add(f"to-{name}", out(cam, says(cam, message(), mac), "drop eapol_malformed"), twin=twin)
    book.add("wrong-port", out(cam, says(cam, message()), "drop wrong_port", port="p2"), twin=twin)
    book.add("tagged", out(cam, says(cam, message(), tags=(10,)), "drop vlan"), twin=twin)
    book.add("stranger", out(new, says(new, message()), "drop unknown_device"), out(new, says(new, message()), "pass eapol"))
    back = book.add("inward/gateway", into(cam, says(gw, message(kind=0, body=IDENTITY), cam.mac), "pass eapol"))
    book.add("inward/gateway-group", into(cam, says(gw, message(kind=0, body=IDENTITY)), "pass eapol"))
    book.add("inward/port", into(cam, says(hub, message(), cam.mac), "drop eapol_malformed", "p2"), twin=back, question="eapol-inward")
    book.add("inward/uplink", into(cam, says(nobody, message(), cam.mac), "drop eapol_malformed", "eth0"), twin=back, question="eapol-inward")
    book.add("inward/malformed", into(cam, says(gw, message(0), cam.mac), "drop eapol_malformed"), twin=back, question="eapol-inward")
    book.add("quarantined", quarantine(cam), out(cam, says(cam, message()), "pass eapol"), release(cam), question="eapol-in-quarantine")


def owing_proof() -> None:
    book.add("dot1x/may", deauth(wired), out(wired, says(wired, message()), "pass eapol"),
             into(wired, says(gw, message(0x02, 0, IDENTITY), wired.mac), "pass eapol"),
             auth(wired))
    for v in BOTH:
        whole = book.add(f"dot1x/done-{v}", out(wired, packet(wired, cloud, v, tcp()), "pass rule"),
                         into(wired, packet(cloud, wired, v, tcp(443, 40000, "SA")), "pass established", "eth0"))
        book.add(f"dot1x/owes-{v}", deauth(wired), out(wired, packet(wired, cloud, v, tcp()), "drop unauthenticated"), auth(wired), twin=whole)
        book.add(f"dot1x/enrol-{v}", deauth(wired), out(wired, packet(wired, gw, v, tcp(40000, 8443)), "drop unauthenticated"), auth(wired),
                 twin=whole,
                 question="dot1x-and-rules")
        book.add(f"dot1x/inward-{v}", deauth(wired), into(wired, packet(cloud, wired, v, tcp(443, 40000, "SA")), "drop unauthenticated|no_flow",
                                                          "eth0"),
                 auth(wired), twin=whole)
        book.add(f"dot1x/logoff-cuts-{v}", out(wired, packet(wired, cloud, v, tcp()), "pass rule"),
                 into(wired, packet(cloud, wired, v, tcp(443, 40000, "SA")), "pass established", "eth0"), deauth(wired),
                 out(wired, packet(wired, cloud, v, tcp(flags="A")), "drop unauthenticated|cut"),
                 into(wired, packet(cloud, wired, v, tcp(443, 40000, "A")), "drop unauthenticated|cut|no_flow", "eth0"), auth(wired), twin=whole)
        guest = book.add(f"cert/done-{v}", out(cert, packet(cert, cloud, v, tcp()), "pass rule"))
        book.add(f"cert/owes-{v}", deauth(cert), out(cert, packet(cert, cloud, v, tcp()), "drop unauthenticated|default_deny"), auth(cert),
                 twin=guest,
                 question="reason-unauthenticated")
        book.add(f"cert/enrol-{v}", deauth(cert), out(cert, packet(cert, gw, v, tcp(40000, 8443)), "pass rule"),
                 into(cert, packet(gw, cert, v, tcp(8443, 40000, "SA")), "pass established"), auth(cert))
        book.add(f"cert/enrol-when-done-{v}", out(cert, packet(cert, gw, v, tcp(40000, 8443)), "drop default_deny"), twin=f"eapol/cert/enrol-{v}")
        book.add(f"cert/dns-{v}", deauth(cert), out(cert, packet(cert, gw, v, udp(5300, 53)), "pass rule"), auth(cert), question="dns-before-proof")
        book.add(f"cert/lost-cuts-{v}", out(cert, packet(cert, cloud, v, tcp()), "pass rule"), deauth(cert),
                 out(cert, packet(cert, cloud, v, tcp(flags="R")), "drop unauthenticated|cut"), auth(cert), twin=guest)


frames()
owing_proof()
