# SPDX-License-Identifier: Apache-2.0
"""Blocks of sound as they come, from what can be listened to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kws.audio import Samples, read_audio
from kws.microphone import BLOCK_S, Microphone

if TYPE_CHECKING:
    from kws.device import Statistics


@dataclass(frozen=True, kw_only=True)
class Block:
    """A tenth of a second, or so."""

    sound: Samples
    """int16 ``[n]``."""
    lost: int = 0
    """Samples, or times, that sound was lost before it."""
    statistics: Statistics | None = None
    """Of a board, since its microphone was started."""


def from_recording(path: Path, sample_rate_hz: int) -> Iterator[Block]:
    """Yield a recording at its own pace; it ends with the recording."""
    samples = read_audio(path, sample_rate_hz=sample_rate_hz)
    size, started_s = round(BLOCK_S * sample_rate_hz), time.monotonic()
    for start in range(0, samples.size, size):
        yield Block(sound=samples[start : start + size])
        time.sleep(max(0.0, started_s + (start + size) / sample_rate_hz - time.monotonic()))


def from_microphone(sample_rate_hz: int, device: str | None) -> Iterator[Block]:
    """Yield what this computer's microphone hears, without end."""
    microphone, lost = Microphone(sample_rate_hz, device), 0
    for sound in microphone.blocks():
        yield Block(sound=sound, lost=microphone.overflows - lost)
        lost = microphone.overflows


def from_board(board: str, bundle: Path, sample_rate_hz: int, sound: Path | None = None) -> Iterator[Block]:
    """Yield what a board hears through its own microphone, with its statistics.

    Parameters
    ----------
    board : str
        Serial port, or the name of an emulated board.
    bundle : path
        What it runs.
    sample_rate_hz : int
    sound : path, optional
        WAV that an emulated board's microphone hears.
    """
    from kws.device import open_board

    with open_board(board, bundle=bundle, sound=sound) as opened:
        pieces, size, lost, started_s = [], 0, 0, time.monotonic()
        for moment in opened.monitor():
            pieces.append(moment.sound)
            size, lost = size + moment.sound.size, lost + moment.lost
            if size >= BLOCK_S * sample_rate_hz:
                yield Block(sound=np.concatenate(pieces), lost=lost, statistics=moment.statistics)
                if sound is not None:  # an emulated board may be faster than time
                    due_s = started_s + (moment.position + moment.sound.size) / sample_rate_hz
                    time.sleep(max(0.0, due_s - time.monotonic()))
                pieces, size, lost = [], 0, 0
