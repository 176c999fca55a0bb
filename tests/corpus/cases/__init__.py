# SPDX-License-Identifier: Apache-2.0
"""The corpus: frames with what becomes of them, written by hand from the specification. One file a subject."""
