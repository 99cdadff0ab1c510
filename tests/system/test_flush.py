# SPDX-License-Identifier: Apache-2.0
"""A host that sends audio behind a FLUSH, as ours does not, gets its DRAINED at the position of the FLUSH."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import serial

from kws import places
from kws.core import lib
from kws.device.boards import open_port
from kws.device.launch import start_native
from kws.device.protocol import PacketReader, encode, pack

SESSION = 7
STEP = int(lib.KWS_AUDIO_PACKET_SAMPLES)
LOUDNESS = 3000 * (1 + np.arange(400_000) // 8000 % 3)  # steady noise would let the gate close
SAMPLES = (LOUDNESS * np.random.default_rng(0).standard_normal(400_000)).clip(-32768, 32767).astype("<i2").tobytes()


class Host:
    """Sends what it likes, and acknowledges records only when told to."""

    def __init__(self, port: serial.SerialBase) -> None:
        self.port, self.reader = port, PacketReader()
        self.sent = self.records = 0
        self.status: Any = None
        self.drained: list[Any] = []

    def send(self, message: int, payload: bytes = b"", number: int = 0) -> None:
        self.port.write(encode(message, payload, session=SESSION, number=number))

    def send_audio(self, messages: int) -> None:
        for _ in range(messages):
            audio = pack("audio", position=self.sent) + SAMPLES[2 * self.sent : 2 * (self.sent + STEP)]
            self.send(lib.KWS_MESSAGE_AUDIO, audio)
            self.sent += STEP

    def acknowledge(self) -> None:
        self.send(lib.KWS_MESSAGE_ACKNOWLEDGE, number=self.records & 0xFFFF)

    def hear(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for packet in self.reader.feed(self.port.read(4096)):
                if packet.is_record:
                    self.records = max(self.records, packet.number + 1)
                if packet.type == lib.KWS_MESSAGE_DRAINED:
                    self.drained.append(packet.read("drained"))
                if packet.type == lib.KWS_MESSAGE_STATUS:
                    self.status = packet.read("status")
            time.sleep(0.002)

    def wait_for(self, what: Callable[[], object], turn: Callable[[], None] = lambda: None) -> None:
        """Hear until it is there, at most so long as a busy machine may need for it."""
        end = time.monotonic() + 60.0
        while not what() and time.monotonic() < end:
            turn()
            self.hear(0.05)

    def fill_outbox(self) -> None:
        """Send audio and acknowledge nothing until the pipeline waits and takes no more."""
        quiet_rounds = 0
        while quiet_rounds < 10:
            messages = min(20, (int(self.status.allowed_samples) - self.sent) // STEP - 8)
            self.send_audio(max(messages, 0))
            self.hear(0.05)
            quiet_rounds = 0 if messages > 0 else quiet_rounds + 1


def test_audio_behind_a_flush_does_not_hide_its_drained() -> None:
    child = start_native(places.models() / "speech_commands_12.kws")
    try:
        host = Host(open_port(child.url, 921600, 5.0))
        host.send(lib.KWS_MESSAGE_RESET, pack("reset", operating_point=-1, wanted=3))
        host.wait_for(lambda: host.status is not None)
        host.fill_outbox()
        position = host.sent
        host.send(lib.KWS_MESSAGE_FLUSH, pack("flush", position=position))
        host.send_audio(6)
        host.hear(0.2)
        host.wait_for(lambda: host.drained, turn=host.acknowledge)
        host.port.close()
    finally:
        child.stop()
    assert [int(message.position) for message in host.drained] == [position]
    assert int(host.drained[0].crc32) == zlib.crc32(SAMPLES[: 2 * position])
