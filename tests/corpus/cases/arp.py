# SPDX-License-Identifier: Apache-2.0
"""ARP: the sender is the device, the target is somebody with whom it may talk."""

from wire.link import ARP, BROADCAST, ethernet
from wire.neighbours import REPLY, REQUEST, arp
from world.lab import cam, cloud, gw, hub, new, nobody, one, phone, plc, tag, two, wired
from world.model import Host

from .book import Book
from .say import arp_frame, deauth, auth, into, out, quarantine, release

book = Book("arp")
UNSET = "00:00:00:00:00:00"


def asks(src: Host, target: str, *, to: str = BROADCAST, sender: str | None = None, sender_mac: str | None = None, **fields: object) -> bytes:
    tags = () if src.vlan is None else (src.vlan,)
    return arp_frame(src.mac, to, arp(REQUEST, sender_mac or src.mac, src.v4 if sender is None else sender, target, **fields), tags)


def answers(src: Host, dst: Host, *, to: str | None = None, sender: str | None = None, sender_mac: str | None = None, target: str | None = None,
            target_mac: str | None = None) -> bytes:
    return arp_frame(src.mac, to or dst.mac, arp(REPLY, sender_mac or src.mac, sender or src.v4, target or dst.v4, target_mac or dst.mac))


def requests() -> None:
    twin = book.add("request/gateway", out(cam, asks(cam, gw.v4), "pass arp"))
    book.add("request/gateway-by-mac", out(cam, asks(cam, gw.v4, to=gw.mac), "pass arp"))
    book.add("request/padded", out(cam, asks(cam, gw.v4).ljust(60, b"\0"), "pass arp"))
    book.add("request/peer-that-may-call", out(cam, asks(cam, hub.v4), "pass arp"))
    book.add("request/peer-that-may-be-called", out(hub, asks(hub, cam.v4), "pass arp"))
    book.add("request/gateway-without-rule", out(hub, asks(hub, gw.v4), "pass arp"))
    book.add("request/no-peer", out(cam, asks(cam, phone.v4), "drop arp_target"), twin="arp/request/peer-that-may-call")
    book.add("request/no-peer-by-its-mac", out(cam, asks(cam, phone.v4, to=phone.mac), "drop arp_target"), twin="arp/request/peer-that-may-call")
    book.add("request/nobody", out(cam, asks(cam, nobody.v4), "drop arp_target"), twin=twin)
    book.add("request/nobody-by-local-rule", out(two, asks(two, nobody.v4), "pass arp"))
    book.add("request/beyond-link", out(cam, asks(cam, "198.51.100.7"), "drop arp_target"), twin=twin)
    book.add("request/peer-network-beyond", out(cam, asks(cam, cloud.v4), "pass arp"), question="arp-beyond-link")
    book.add("request/tagged", out(tag, asks(tag, gw.v4), "pass arp"))
    for name, target in {"zero": "0.0.0.0", "broadcast": "255.255.255.255", "group": "224.0.0.1", "loopback": "127.0.0.1"}.items():
        book.add(f"request/{name}", out(cam, asks(cam, target), "drop arp_target"), twin=twin, question="arp-odd-target")
    book.add("request/whole-link", out(cam, asks(cam, "192.168.1.255"), "pass arp"), question="arp-odd-target")
    book.add("probe/own", out(cam, asks(cam, cam.v4, sender="0.0.0.0"), "pass arp"))
    book.add("probe/no-peer", out(cam, asks(cam, phone.v4, sender="0.0.0.0"), "drop arp_target"), twin="arp/probe/own")
    book.add("probe/nobody", out(cam, asks(cam, nobody.v4, sender="0.0.0.0"), "drop arp_target"), twin="arp/probe/own", question="probe-of-others")
    book.add("announcement/own", out(cam, asks(cam, cam.v4), "pass arp"))
    book.add("announcement/own-as-reply", out(cam, answers(cam, cam, to=BROADCAST), "pass arp"))
    book.add("announcement/of-another", out(cam, asks(cam, hub.v4, sender=hub.v4), "drop arp_spoof"), twin="arp/announcement/own")
    book.add("announcement/of-gateway", out(cam, asks(cam, gw.v4, sender=gw.v4), "drop arp_spoof"), twin="arp/announcement/own")
    book.add("announcement/of-gateway-as-reply", out(cam, answers(cam, cam, to=BROADCAST, sender=gw.v4, target=gw.v4), "drop arp_spoof"),
             twin="arp/announcement/own-as-reply")
    book.add("announcement/of-nobody", out(cam, asks(cam, nobody.v4, sender=nobody.v4), "drop bad_source"), twin="arp/announcement/own")
    book.add("request/dest-of-no-peer", out(cam, asks(cam, gw.v4, to=phone.mac), "drop dest_mac"), twin="arp/request/gateway-by-mac",
             question="arp-mac-leak")
    book.add("request/dest-of-peer-for-gateway", out(cam, asks(cam, gw.v4, to=hub.mac), "drop dest_mac"), twin="arp/request/gateway-by-mac",
             question="arp-mac-leak")
    book.add("request/dest-of-nobody", out(cam, asks(cam, gw.v4, to=nobody.mac), "drop dest_mac"), twin="arp/request/gateway-by-mac",
             question="arp-mac-leak")
    book.add("request/dest-group", out(cam, asks(cam, gw.v4, to="01:00:5e:00:00:01"), "drop multicast|dest_mac"), twin="arp/request/gateway",
             question="arp-mac-leak")


def claims() -> None:
    twin = "arp/request/gateway"
    book.add("claim/address-of-device", out(cam, asks(cam, gw.v4, sender=hub.v4), "drop arp_spoof"), twin=twin)
    book.add("claim/address-of-gateway", out(cam, asks(cam, hub.v4, sender=gw.v4), "drop arp_spoof"), twin=twin)
    book.add("claim/address-of-nobody", out(cam, asks(cam, gw.v4, sender=nobody.v4), "drop bad_source"), twin=twin)
    book.add("claim/uplink-address-of-gateway", out(cam, asks(cam, gw.v4, sender="198.18.0.2"), "drop arp_spoof"), twin=twin)
    for name, mac in {"device": hub.mac, "gateway": gw.mac, "nobody": nobody.mac, "zero": UNSET, "broadcast": BROADCAST}.items():
        book.add(f"claim/mac-of-{name}", out(cam, asks(cam, gw.v4, sender_mac=mac), "drop arp_spoof"), twin=twin)
    book.add("claim/whole-link", out(cam, asks(cam, gw.v4, sender="192.168.1.255"), "drop arp_spoof"), twin=twin, question="whole-link-claimed")
    reply = book.add("reply/gateway", out(cam, answers(cam, gw), "pass arp"))
    peer = book.add("reply/peer", out(cam, answers(cam, hub), "pass arp"))
    book.add("reply/no-peer", out(cam, answers(cam, phone), "drop arp_target"), twin=peer)
    book.add("reply/as-gateway", out(cam, answers(cam, hub, sender=gw.v4), "drop arp_spoof"), twin=peer)
    book.add("reply/as-device", out(cam, answers(cam, gw, sender=hub.v4), "drop arp_spoof"), twin=reply)
    book.add("reply/mac-of-gateway", out(cam, answers(cam, hub, sender_mac=gw.mac), "drop arp_spoof"), twin=peer)
    book.add("reply/own-address-other-mac", out(cam, answers(cam, gw, sender_mac=hub.mac), "drop arp_spoof"), twin=reply)
    book.add("reply/zero", out(cam, answers(cam, gw, sender="0.0.0.0"), "drop bad_source"), twin=reply)
    book.add("reply/to-mac-of-no-peer", out(cam, answers(cam, gw, to=phone.mac), "drop dest_mac"), twin=reply, question="arp-mac-leak")
    book.add("stranger/spoofs", out(new, asks(new, hub.v4, sender=gw.v4), "drop arp_spoof"), twin=twin)
    book.add("stranger/first", out(new, asks(new, gw.v4), "drop unknown_device"), twin=twin)
    book.add("stranger/probes", out(new, asks(new, gw.v4), "drop unknown_device"), out(new, asks(new, new.v4, sender="0.0.0.0"), "drop arp_target"),
             twin="arp/probe/own", question="probe-of-others")
    book.add("port/wrong", out(cam, asks(cam, gw.v4), "drop wrong_port", port="p2"), twin=twin)


def malformed() -> None:
    twin = "arp/request/gateway"
    for name, fields in {"hardware-0": {"hardware": 0}, "hardware-6": {"hardware": 6}, "protocol-ip6": {"protocol": 0x86DD},
                         "hardware-size-5": {"sizes": (5, 4)},
                         "hardware-size-255": {"sizes": (255, 4)}, "address-size-16": {"sizes": (6, 16)}, "sizes-zero": {"sizes": (0, 0)},
                         "cut-0": {"cut": 0}, "cut-8": {"cut": 8}, "cut-27": {"cut": 27}}.items():
        book.add(f"malformed/{name}", out(cam, asks(cam, gw.v4, **fields), "drop arp_malformed"), twin=twin)
    for op in (0, 3, 4, 8, 9, 25, 0xFFFF):
        frame = arp_frame(cam.mac, BROADCAST, arp(op, cam.mac, cam.v4, gw.v4))
        book.add(f"malformed/operation-{op}", out(cam, frame, "drop arp_malformed"), twin=twin)
    book.add("malformed/hides-claim", out(cam, asks(cam, gw.v4, sender=hub.v4, hardware=6), "drop arp_spoof"), twin=twin)
    book.add("malformed/operation-hides-claim", out(cam, arp_frame(cam.mac, BROADCAST, arp(9, cam.mac, gw.v4, hub.v4)),
                                                    "drop arp_spoof|arp_malformed"), twin=twin)
    inward = ethernet(cam.mac, gw.mac, ARP, arp(REQUEST, gw.mac, gw.v4, cam.v4, hardware=6))
    book.add("malformed/inward", into(cam, inward, "drop arp_malformed"), twin="arp/inward/gateway-asks")


def inward() -> None:
    twin = book.add("inward/gateway-asks", into(cam, asks(gw, cam.v4), "pass arp"))
    book.add("inward/gateway-asks-by-mac", into(cam, asks(gw, cam.v4, to=cam.mac), "pass arp"))
    book.add("inward/gateway-answers", into(cam, answers(gw, cam), "pass arp"))
    book.add("inward/gateway-announces", into(cam, asks(gw, gw.v4), "pass arp"))
    book.add("inward/tagged", into(cam, arp_frame(gw.mac, BROADCAST, arp(REQUEST, gw.mac, gw.v4, cam.v4), (10,)), "drop vlan"), twin=twin)
    book.add("inward/own-tag", into(tag, arp_frame(gw.mac, BROADCAST, arp(REQUEST, gw.mac, gw.v4, tag.v4), (10,)), "pass arp"))
    book.add("inward/gateway-asks-for-another-port", into(phone, asks(gw, cam.v4), "pass arp"), question="gateway-floods")
    peer = book.add("inward/peer-asks", into(cam, asks(hub, cam.v4), "pass arp", "p2"))
    book.add("inward/peer-answers", into(cam, answers(hub, cam), "pass arp", "p2"))
    book.add("inward/no-peer-asks", into(cam, asks(phone, cam.v4), "drop arp_target", "p3"), twin=peer)
    book.add("inward/no-peer-answers", into(cam, answers(phone, cam), "drop arp_target", "p3"), twin=peer)
    book.add("inward/for-another", into(phone, asks(hub, cam.v4), "drop not_here", "p2"), twin=peer)
    book.add("inward/announcement-of-peer", into(cam, asks(hub, hub.v4), "drop arp_target|not_here", "p2"), twin=peer, question="announcement-inward")
    book.add("inward/uplink-as-gateway", into(cam, answers(nobody, cam, sender=gw.v4), "drop uplink_spoof", "eth0"), twin=twin)
    book.add("inward/uplink-as-device", into(cam, answers(nobody, cam, sender=hub.v4), "drop uplink_spoof", "eth0"), twin=peer)
    book.add("inward/uplink-asks-as-peer", into(cam, asks(cloud, cam.v4), "drop arp_target", "eth0"), twin=peer)
    book.add("inward/uplink-asks-everybody", into(cam, asks(nobody, cam.v4, sender=cloud.v4), "drop arp_target", "eth0"), twin=peer)
    book.add("inward/uplink-other", into(cam, answers(nobody, cam, sender="198.51.100.9"), "drop arp_target", "eth0"), twin=twin,
             question="arp-from-uplink")
    book.add("inward/port-as-gateway", into(cam, answers(phone, cam, sender=gw.v4), "drop arp_spoof|spoofed_source", "p3"), twin=twin)
    book.add("inward/port-as-peer", into(cam, answers(phone, cam, sender=hub.v4), "drop arp_spoof|spoofed_source", "p3"), twin=peer)
    book.add("inward/port-as-gateway-mac", into(cam, answers(gw, cam), "drop arp_spoof|spoofed_source", "p3"), twin=twin, question="port-as-another")
    book.add("inward/target-is-no-address", into(cam, asks(gw, hub.v4, to=cam.mac), "drop bad_destination|arp_target"), twin=twin,
             question="arp-other-target-inward")


def states() -> None:
    book.add("quarantine/gateway", quarantine(cam), out(cam, asks(cam, gw.v4), "pass arp"), into(cam, answers(gw, cam), "pass arp"), release(cam))
    book.add("quarantine/spoof", quarantine(cam), out(cam, asks(cam, gw.v4, sender=hub.v4), "drop arp_spoof"), release(cam),
             twin="arp/quarantine/gateway")
    book.add("unauthenticated/dot1x", deauth(wired), out(wired, asks(wired, gw.v4), "drop unauthenticated"),
             into(wired, asks(gw, wired.v4), "drop unauthenticated"), auth(wired), twin="arp/unauthenticated/dot1x-done")
    book.add("unauthenticated/dot1x-done", out(wired, asks(wired, gw.v4), "pass arp"), into(wired, asks(gw, wired.v4), "pass arp"))
    book.add("unplaced/one", out(one, asks(one, two.v4), "pass arp"))
    book.add("priority/plc", out(plc, arp_frame(plc.mac, BROADCAST, arp(REQUEST, plc.mac, plc.v4, gw.v4), (0,)), "pass arp"))


requests()
claims()
malformed()
inward()
states()
