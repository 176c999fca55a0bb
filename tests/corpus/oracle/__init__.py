# SPDX-License-Identifier: Apache-2.0
"""What becomes of a frame, from its bytes alone and from what the gateway was told.

Written from the specification of frames and of the policy language, and from docs/frames.md where those are silent; never from the
programs in bpf/, with which it is compared. It shares no code with the builders in wire/ either.
"""
