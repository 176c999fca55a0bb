# SPDX-License-Identifier: Apache-2.0
"""Bytes of frames: small builders, one layer each. They correct nothing: what a case asks for is what it gets."""
