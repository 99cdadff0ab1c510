# SPDX-License-Identifier: Apache-2.0
"""What a board hears through its own microphone: sound, and what its pipeline made of it."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.core import lib
from kws.device.link import Link
from kws.device.protocol import Packet
from kws.device.stream import Collector
from kws.errors import AudioError, BoardTimeoutError, DeviceError
from kws.pipeline import Detection, Scores

SPEAK_AFTER_SAMPLES = 8000
"""Of sound, after which a host that only listens says something: a board that hears nothing takes it for gone."""


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Sound that the microphone gave and nobody took in time."""

    position: int
    """Of its first sample in the stream."""
    samples: int


@dataclass(frozen=True, kw_only=True)
class MicrophoneResult:
    """What a board heard in one :meth:`kws.device.Board.listen`."""

    sound: npt.NDArray[np.int16]
    """Shape [n]: the very samples that its pipeline was fed, gaps left out."""
    gaps: tuple[Gap, ...]
    """Where samples are missing; the stream's indices count them."""
    detections: list[Detection]
    scores: Scores
    frames: npt.NDArray[np.int8]
    """Feature frames, shape [frames, num_features]; empty when not asked for."""

    @property
    def lost_samples(self) -> int:
        """In all gaps together."""
        return sum(gap.samples for gap in self.gaps)


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Sound of one HEARD record."""

    sound: npt.NDArray[np.int16]
    """Shape [n]."""
    position: int
    """Of its first sample in the stream."""
    lost: int
    """Samples right before it that are missing."""


class SoundReader:
    """HEARD records -> pieces of one stream.

    Attributes
    ----------
    position : int
        Samples of the stream that have passed, lost ones counted.
    """

    def __init__(self) -> None:
        self.position = 0

    def read(self, packet: Packet) -> Piece:
        """Return the piece of a HEARD record.

        Raises
        ------
        DeviceError
            If sound is missing that the board did not lose.
        """
        heard = packet.read("heard")
        missing = (int(heard.position) - self.position) & 0xFFFFFFFF
        if missing != int(heard.lost):
            raise DeviceError(
                f"the line lost {missing - int(heard.lost)} samples of sound on their way from the board, at sample "
                f"{self.position}; look at cable and port, or listen without sound"
            )
        sound = np.frombuffer(packet.tail("heard"), "<i2")
        piece = Piece(sound=sound, position=self.position + missing, lost=missing)
        self.position = piece.position + sound.size
        return piece


class SoundCollector:
    """Takes records until so many samples of the stream, and all that they led to, are there.

    Parameters
    ----------
    collector : Collector
        For the other records.
    num_samples : int
        Of the stream, gaps counted.
    """

    def __init__(self, collector: Collector, num_samples: int) -> None:
        self._collector = collector
        self._num_samples = num_samples
        self._reader = SoundReader()
        self._pieces: list[Piece] = []

    @property
    def position(self) -> int:
        """Samples of the stream that are there."""
        return self._reader.position

    def hear(self, packet: Packet) -> bool:
        """Take a record; True when that was all."""
        if packet.type != lib.KWS_MESSAGE_HEARD:
            self._collector.hear(packet)
            return False
        if self.position >= self._num_samples:
            return True  # this piece comes after everything that the last one led to
        self._pieces.append(self._reader.read(packet))
        return False

    def result(self) -> MicrophoneResult:
        """Return what came."""
        return MicrophoneResult(
            sound=np.concatenate([np.empty(0, np.int16), *(piece.sound for piece in self._pieces)]),
            gaps=tuple(Gap(position=p.position - p.lost, samples=p.lost) for p in self._pieces if p.lost),
            detections=self._collector.detections,
            scores=self._collector.scores(),
            frames=self._collector.frames(),
        )


def collect_sound(link: Link, collector: Collector, num_samples: int) -> MicrophoneResult:
    """Receive until ``num_samples`` of sound are there.

    Raises
    ------
    AudioError
        If none is asked for.
    BoardTimeoutError
        If the microphone gives no sound.
    DeviceError
        If sound, or what it led to, is lost on the line.
    """
    if num_samples <= 0:
        raise AudioError(f"expected to listen for at least one sample, got {num_samples}")
    sound = SoundCollector(collector, num_samples)
    position, heard_at, spoke_at = sound.position, time.monotonic(), 0
    while True:
        if position - spoke_at >= SPEAK_AFTER_SAMPLES:
            spoke_at = position
            link.send(lib.KWS_MESSAGE_ACKNOWLEDGE)
        for packet in link.receive(wait_s=0.02):
            link.check_error(packet, session_runs=True)
            if sound.hear(packet):
                return sound.result()
        if sound.position != position:
            position, heard_at = sound.position, time.monotonic()
        elif time.monotonic() - heard_at > link.timeout_s:
            raise BoardTimeoutError(
                f"{link.name} gave no sound for {link.timeout_s:g} s after {sound.position} samples; is its microphone "
                "wired as its README says, or was this computer silent for a minute?"
            )
