# SPDX-License-Identifier: Apache-2.0
"""Speaks to the benchmark personality as the MLPerf Tiny host runner does."""

from __future__ import annotations

import time
from pathlib import Path

import serial

from kws.device.chips import emulated_chip, start_chip
from kws.device.launch import Child, start_native, start_qemu


def start(board: str, bundle: Path | None) -> Child:
    """Start a board with the benchmark's firmware on whatever stands for it here."""
    if board == "native":
        return start_native(bundle, app="mlperf_tiny")
    if emulated_chip(board) is not None:
        return start_chip(board, bundle, app="mlperf_tiny")
    return start_qemu(board, bundle, app="mlperf_tiny")


class Runner:
    """Sends commands, and collects lines until `m-ready`."""

    def __init__(self, url: str) -> None:
        self.port = serial.serial_for_url(url, baudrate=115200, timeout=0.05)

    def close(self) -> None:
        """An emulated chip ends when its line is closed."""
        self.port.close()

    def greet(self) -> None:
        """Come to a board that hears nothing yet, that is just saying hello, or that has said it to nobody."""
        heard, asked_s, deadline = b"", 0.0, time.monotonic() + 60.0
        while b"m-name-" not in heard:
            now_s = time.monotonic()
            assert now_s < deadline, f"no answer to its name, only {heard!r}"
            if now_s - asked_s > 1.0:
                self.port.write(b"name%")
                asked_s = now_s
            heard += self.port.read(4096)
        lines = self.ask("timestamp")
        while not (lines and lines[-1].startswith("m-lap-us-")):
            lines = self.read_until_ready()

    def read_until_ready(self, timeout_s: float = 30.0) -> list[str]:
        heard, deadline = b"", time.monotonic() + timeout_s
        while not heard.endswith(b"m-ready\r\n"):
            assert time.monotonic() < deadline, f"no m-ready within {timeout_s} s, only {heard!r}"
            heard += self.port.read(1)
        return heard.decode().split("\r\n")[:-2]

    def ask(self, command: str) -> list[str]:
        self.port.write(command.encode() + b"%")
        return self.read_until_ready()


def load(runner: Runner, data: bytes) -> None:
    assert runner.ask(f"db load {len(data)}") == [f"m-[Expecting {len(data)} bytes]"]
    pieces = [data[at : at + 31] for at in range(0, len(data), 31)]
    for index, piece in enumerate(pieces):
        expected = ["m-load-done"] if index == len(pieces) - 1 else []
        assert runner.ask(f"db {piece.hex()}") == expected


def infer(runner: Runner, data: bytes) -> list[int]:
    """Return the posteriors for one input, 0..255."""
    load(runner, data)
    (results,) = [line for line in runner.ask("infer 1 0") if line.startswith("m-results-[")]
    return [round(float(value) * 256) for value in results.removeprefix("m-results-[").rstrip("]").split(",")]
