# SPDX-License-Identifier: Apache-2.0
"""Blocks of sound as they come, from what can be listened to.

What is not there is refused at once, before a page is served; listening begins with the first block that is taken.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kws.audio import Samples, read_audio
from kws.microphone import BLOCK_S, Microphone

if TYPE_CHECKING:
    from kws.device import Board, Statistics


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
    """Read a recording; it is yielded at its own pace, and ends."""
    samples = read_audio(path, sample_rate_hz=sample_rate_hz)

    def blocks() -> Iterator[Block]:
        size, started_s = round(BLOCK_S * sample_rate_hz), time.monotonic()
        for start in range(0, samples.size, size):
            yield Block(sound=samples[start : start + size])
            time.sleep(max(0.0, started_s + (start + size) / sample_rate_hz - time.monotonic()))

    return blocks()


def from_microphone(sample_rate_hz: int, device: str | None) -> Iterator[Block]:
    """Find a microphone of this computer; what it hears is yielded without end."""
    microphone = Microphone(sample_rate_hz, device)

    def blocks() -> Iterator[Block]:
        lost = 0
        for sound in microphone.blocks():
            yield Block(sound=sound, lost=microphone.overflows - lost)
            lost = microphone.overflows

    return blocks()


def from_board(board: Board, *, seconds: float | None) -> Generator[Block, None, None]:
    """Yield what an open board hears through its own microphone, with its statistics.

    Close it before the board.

    Parameters
    ----------
    board : Board
    seconds : float, optional
        How much an emulated board has to hear: it is given the time that this takes, since the board may be faster,
        and ends. None: it goes on without end.
    """
    pieces, size, lost, started_s = [], 0, 0, time.monotonic()
    rate_hz = board.info.sample_rate_hz
    for moment in board.monitor():
        pieces.append(moment.sound)
        size, lost = size + moment.sound.size, lost + moment.lost
        heard_s = (moment.position + moment.sound.size) / rate_hz
        is_over = seconds is not None and heard_s >= seconds
        if is_over or size >= BLOCK_S * rate_hz:
            yield Block(sound=np.concatenate(pieces), lost=lost, statistics=moment.statistics)
            if is_over:
                return
            if seconds is not None:
                time.sleep(max(0.0, started_s + heard_s - time.monotonic()))
            pieces, size, lost = [], 0, 0
