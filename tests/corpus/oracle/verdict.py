# SPDX-License-Identifier: Apache-2.0
"""What is said of a frame, and how a mode changes it."""

from dataclasses import dataclass

ALLOW, DENY, WOULD_DENY = "allow", "deny", "would_deny"
# Dropped in audit too: a registered device's address or MAC claimed elsewhere, rogue DHCP and RA, what a quarantine forbids.
HARD = {"wrong_port", "spoofed_source", "uplink_spoof", "arp_spoof", "nd_spoof", "rogue_ra", "rogue_dhcp", "quarantine"}


@dataclass(frozen=True)
class Judgement:
    verdict: str
    reason: str

    def __str__(self) -> str:
        return f"{self.verdict} {self.reason}"


class Finding(Exception):
    """The end of a frame's road: a reason, and whether the frame goes on. Steps raise it."""

    def __init__(self, reason: str, passes: bool = False, mode: str | None = None, audited: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.passes, self.mode, self.audited = reason, passes, mode, audited


def passes(reason: str) -> Finding:
    return Finding(reason, passes=True)
