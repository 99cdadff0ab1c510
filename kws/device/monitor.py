# SPDX-License-Identifier: Apache-2.0
"""A board that listens to its own microphone: what it hears as it hears it, and takes of a word."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from kws.audio import SAMPLE_RATE_HZ, Samples, read_audio
from kws.core import lib
from kws.device.link import Link
from kws.device.microphone import SoundReader
from kws.device.statistics import Statistics, read_statistics
from kws.device.stream import Collector
from kws.errors import AudioError, BoardRefusedError, BoardTimeoutError
from kws.levels import peak_dbfs
from kws.pipeline import Detection

if TYPE_CHECKING:
    from kws.device.board import Board

SETTLING_S = int(lib.KWS_SETTLING_MS) / 1000
"""The first sound of a microphone after its start, which no board hears."""
STATISTICS_S = 0.5
"""Sound between two questions for statistics."""
LEVEL_S = 0.05
"""A level is told of so much sound."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A piece of what a board hears."""

    sound: Samples
    """Shape [n], n > 0: the very samples that its pipeline is fed, without offset."""
    position: int
    """Of the first of them in the stream, whose sample 0 is the first one after settling."""
    lost: int
    """Samples right before them that the microphone gave and nobody took; the stream counts them."""
    detections: tuple[Detection, ...]
    """That came since the piece before."""
    smoothed: npt.NDArray[np.uint8] | None
    """Smoothed posteriors of the newest decision, shape [num_labels]; None before the first one."""
    statistics: Statistics | None
    """Since the microphone was started; the newest that the board told."""


def settled_s(sound: Path | str) -> float:
    """Seconds that an emulated board hears of a recording: its microphone settles first. Then it hears silence.

    Raises
    ------
    AudioError
        If the recording cannot be read, or ends while the microphone settles.
    """
    seconds = read_audio(sound).size / SAMPLE_RATE_HZ - SETTLING_S
    if seconds <= 0.0:
        raise AudioError(f"{sound}: it ends while the microphone settles; expected more than half a second")
    return seconds


def moments(
    link: Link, labels: tuple[str, ...], num_features: int, sample_rate_hz: int
) -> Generator[Moment, None, None]:
    """Yield pieces of sound as they come, with what the pipeline made of those before.

    Raises
    ------
    BoardTimeoutError
        If the microphone gives no sound.
    DeviceError
        If sound, or what it led to, is lost on the line.
    """
    reader = SoundReader()
    statistics: Statistics | None = None
    smoothed: npt.NDArray[np.uint8] | None = None
    asked_at, heard_at = 0, time.monotonic()

    def on_scores(_sample: int, _posteriors: npt.NDArray[np.uint8], newest: npt.NDArray[np.uint8]) -> None:
        nonlocal smoothed
        smoothed = newest

    collector = Collector(labels, num_features, sample_rate_hz, None, on_scores)
    while True:
        if reader.position - asked_at >= STATISTICS_S * sample_rate_hz:
            asked_at = reader.position
            link.send(lib.KWS_MESSAGE_STATISTICS)
        for packet in link.receive(wait_s=0.02):
            link.check_error(packet, session_runs=True)
            if packet.type == lib.KWS_MESSAGE_STATISTICS_REPORT:
                statistics = read_statistics(packet)
            if packet.type != lib.KWS_MESSAGE_HEARD:
                collector.hear(packet)
                continue
            piece, heard_at = reader.read(packet), time.monotonic()
            yield Moment(
                sound=piece.sound, position=piece.position, lost=piece.lost, detections=tuple(collector.detections),
                smoothed=smoothed, statistics=statistics,
            )  # fmt: skip
            collector = Collector(labels, num_features, sample_rate_hz, None, on_scores)  # keeps what it heard
        if time.monotonic() - heard_at > link.timeout_s:
            raise BoardTimeoutError(
                f"{link.name} gave no sound for {link.timeout_s:g} s after {reader.position} samples; is its "
                "microphone wired as its README says, or was this computer silent for a minute?"
            )


class BoardTakes:
    """Takes of a word from a board's own microphone, as ``kws.datasets.recorder`` wants them.

    Parameters
    ----------
    board : Board
        Open; it must run a bundle, whose sample rate is that of the microphone.

    Raises
    ------
    BoardRefusedError
        If that rate is not 16 kHz.
    """

    def __init__(self, board: Board) -> None:
        if board.info.sample_rate_hz != SAMPLE_RATE_HZ:
            raise BoardRefusedError(
                f"{board.info.board}: its bundle listens at {board.info.sample_rate_hz} Hz, takes are recorded at "
                f"{SAMPLE_RATE_HZ} Hz; flash one that does, such as models/speech_commands_12.kws"
            )
        self._board = board
        self._pieces: Generator[Moment, None, None] | None = None
        self.lost = False

    def pause(self, seconds: float) -> None:
        """Let so much sound go by; the microphone, started if need be, settles meanwhile."""
        if self._pieces is None:
            self._pieces = self._board.monitor()
        passed = 0
        while passed < seconds * SAMPLE_RATE_HZ:
            passed += next(self._pieces).sound.size

    def record(self, seconds: float, on_level: Callable[[float], None]) -> npt.NDArray[np.int16]:
        """Record for some seconds at 16 kHz mono, telling the peak level in dBFS as it goes; the microphone stops."""
        wanted = round(seconds * SAMPLE_RATE_HZ)
        pieces = self._pieces or self._board.monitor()
        self._pieces, self.lost = None, False
        taken: list[Samples] = []
        recorded = told = 0
        for moment in pieces:
            taken.append(moment.sound)
            recorded += moment.sound.size
            self.lost = self.lost or moment.lost > 0
            if recorded - told >= LEVEL_S * SAMPLE_RATE_HZ:
                on_level(peak_dbfs(np.concatenate(taken)[told:]))
                told = recorded
            if recorded >= wanted:
                break
        pieces.close()  # stops the microphone
        return np.concatenate(taken)[:wanted]
