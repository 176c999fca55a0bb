# SPDX-License-Identifier: Apache-2.0
"""EAPOL: version, type, length."""

from .link import number

LAST_TYPE = 2  # packet, start, logoff


def is_eapol(body: bytes) -> bool:
    return len(body) >= 4 and body[0] >= 1 and body[1] <= LAST_TYPE and number(body, 2, 2) + 4 <= len(body)
