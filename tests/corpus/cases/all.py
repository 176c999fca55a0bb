# SPDX-License-Identifier: Apache-2.0
"""All subjects, in the order of the road of a frame."""

import importlib

from .book import Case

SUBJECTS = ("link", "identity", "eapol", "arp", "nd", "dhcp", "learning", "multicast", "ip4", "ip6", "transport", "icmp", "flows", "modes")


def all_cases() -> list[Case]:
    return [case for subject in SUBJECTS for case in importlib.import_module(f"cases.{subject}").book.cases]
