# SPDX-License-Identifier: Apache-2.0
"""The words that cases are written in."""

from wire.ip import Transport, ip
from wire.link import ARP, IPV4, IPV6, Tag, ethernet
from wire.neighbours import group_mac
from world.model import Host

from .book import Act, Frame, expectation

BOTH = (4, 6)


def out(who: Host, data: bytes, expect: str, *, port: str | None = None, gso: tuple[int, int] | None = None) -> Frame:
    """A frame that comes from `who`."""
    return Frame(port or who.port or "p11", False, None, data, expectation(expect), gso)


def into(who: Host, data: bytes, expect: str, by: str = "gw", *, port: str | None = None, gso: tuple[int, int] | None = None) -> Frame:
    """A frame on its way to `who`, that came in `by` an interface; gw: the gateway made it."""
    return Frame(port or who.port or "p11", True, None if by == "gw" else by, data, expectation(expect), gso)


def wait(how_long: str) -> Act:
    return Act("wait", how_long)


def apply(policy: str) -> Act:
    return Act("apply", policy)


def quarantine(who: Host) -> Act:
    return Act("quarantine", who.name)


def release(who: Host) -> Act:
    return Act("release", who.name)


def deauth(who: Host) -> Act:
    return Act("deauth", who.name)


def auth(who: Host) -> Act:
    return Act("auth", who.name)


def own_tags(src: Host, dst: Host) -> tuple[Tag, ...]:
    """A frame bears the tag of the device that it comes from or goes to."""
    vlan = src.vlan if src.vlan is not None else dst.vlan
    return () if vlan is None else (vlan,)


def packet(src: Host, dst: Host, version: int, l4: Transport, /, *, src_ip: str | None = None, dst_ip: str | None = None, src_mac: str | None = None,
           dst_mac: str | None = None, tags: tuple[Tag, ...] | None = None, pad: bool = False, cut: int | None = None, tail: bytes = b"",
           **header: object) -> bytes:
    """An IP frame as an honest sender makes it, but for what is said. `cut` keeps so many bytes of the frame, `tail` follows the packet."""
    body = ip(src_ip or src.ip(version), dst_ip or dst.ip(version), l4, **header)
    labels = own_tags(src, dst) if tags is None else tags
    return ethernet(dst_mac or dst.mac, src_mac or src.mac, IPV4 if version == 4 else IPV6, body + tail, labels, pad)[:cut]


def to_group(src: Host, group: str, l4: Transport, *, src_ip: str | None = None, src_mac: str | None = None, dst_mac: str | None = None,
             tags: tuple[Tag, ...] | None = None, **header: object) -> bytes:
    """An IP frame to a group or to everybody."""
    version = 6 if ":" in group else 4
    everybody = version == 4 and group.endswith(".255")
    mac = dst_mac or ("ff:ff:ff:ff:ff:ff" if everybody else group_mac(group))
    body = ip(src_ip or src.ip(version), group, l4, **header)
    labels = own_tags(src, src) if tags is None else tags
    return ethernet(mac, src_mac or src.mac, IPV4 if version == 4 else IPV6, body, labels)


def arp_frame(src_mac: str, dst_mac: str, payload: bytes, tags: tuple[Tag, ...] = ()) -> bytes:
    return ethernet(dst_mac, src_mac, ARP, payload, tags)


