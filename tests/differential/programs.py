# SPDX-License-Identifier: Apache-2.0
"""The programs' side: driver.c at the other end of two pipes."""

import struct
import subprocess
from pathlib import Path

from talks import Act
from world.lab import POLICIES, WORLD
from world.text import gateway_text, policy_text

# As enum replay_kind has them.
FRAME, RESET = 0, 1
KINDS = {"deauth": 3, "auth": 4, "quarantine": 5, "release": 6, "wait": 7}
NOBODY = 0xFF
HEAD = struct.Struct("<BBBBI")
PORT_NAMES = [port.name for port in WORLD.ports] + list(WORLD.uplinks) + list(WORLD.bridges)
DEVICE_NAMES = [device.name for device in WORLD.devices]
PORT_NUMBER = {name: number for number, name in enumerate(PORT_NAMES)}
DEVICE_NUMBER = {name: number for number, name in enumerate(DEVICE_NAMES)}
RESET_STEP = HEAD.pack(RESET, 0, 0, 0, 0)


def encode_step(step) -> bytes:
    if isinstance(step, Act):
        if step.word == "wait":
            return HEAD.pack(KINDS["wait"], 0, NOBODY, NOBODY, step.argument)
        return HEAD.pack(KINDS[step.word], 0, DEVICE_NUMBER[step.argument], NOBODY, 0)
    by = NOBODY if step.in_port is None else PORT_NUMBER[step.in_port]
    return HEAD.pack(FRAME, int(step.inbound), PORT_NUMBER[step.port], by, len(step.data)) + step.data


def encode(sequences: list) -> bytes:
    return b"".join(RESET_STEP + b"".join(map(encode_step, steps)) for steps in sequences)


class Programs:
    """One driver. What is sent is judged while the caller does something else; `answers` are asked for before the next batch is sent."""

    def __init__(self, driver: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "gateway.yaml").write_text(gateway_text(WORLD))
        (folder / "policy.yaml").write_text(policy_text(POLICIES["policy.yaml"]))
        self.errors = open(folder / "driver.log", "w+")
        self.process = subprocess.Popen([driver, str(folder), ",".join(PORT_NAMES), ",".join(DEVICE_NAMES)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.errors)
        words = self.process.stdout.readline().split()
        if words[:1] != [b"reasons"]:
            self.fail()
        self.reasons = [word.decode() for word in words[1:]]

    def fail(self) -> None:
        self.process.wait()
        self.errors.seek(0)
        raise SystemExit(f"the driver ended with {self.process.returncode}: {self.errors.read()}")

    def send(self, sequences: list) -> None:
        batch = encode(sequences)
        try:
            self.process.stdin.write(struct.pack("<I", len(batch)) + batch)
            self.process.stdin.flush()
        except BrokenPipeError:
            self.fail()

    def answers(self) -> bytes:
        """Two bytes a frame: 1 passes, 2 the test run does not take it; the number of its reason."""
        head = self.process.stdout.read(4)
        if len(head) < 4:
            self.fail()
        return self.process.stdout.read(struct.unpack("<I", head)[0])

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()
