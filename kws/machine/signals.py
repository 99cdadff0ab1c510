# SPDX-License-Identifier: Apache-2.0
"""Recordings of a machine: any rate, any number of axes, and the one stream that a board is fed.

A board hears one stream of samples. Several axes take turns in it: a block of the first, then one of the second, and
so on, each as long as the analysis window. So each frame of features is of one axis, and the network reads those of a
step side by side. The rate of the stream is that of the sensor times its axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws.audio import Samples, read_channels
from kws.audio_files import find_audio
from kws.errors import AudioError


@dataclass(frozen=True, kw_only=True)
class Signal:
    """One recording."""

    name: str
    samples: Samples
    """``[num_samples, axes]``."""
    sample_rate_hz: int
    """Of each axis."""

    @property
    def axes(self) -> int:
        """Channels."""
        return int(self.samples.shape[1])

    @property
    def seconds(self) -> float:
        """Length."""
        return len(self.samples) / self.sample_rate_hz

    def part(self, start: float, stop: float) -> Signal:
        """Return what lies between two shares of the length, 0..1."""
        first, last = (round(share * len(self.samples)) for share in (start, stop))
        return Signal(name=self.name, samples=self.samples[first:last], sample_rate_hz=self.sample_rate_hz)


def read_signals(paths: Sequence[Path]) -> list[Signal]:
    """Read the recordings that files and folders name, all of one rate and one number of axes.

    Raises
    ------
    AudioError
        If one cannot be read, or they differ in rate or axes.
    """
    signals = []
    for path in find_audio(paths):
        samples, rate_hz = read_channels(path)
        signals.append(Signal(name=str(path), samples=samples, sample_rate_hz=rate_hz))
        check_alike(signals[-1], signals[0].sample_rate_hz, signals[0].axes, signals[0].name)
    return signals


def check_alike(signal: Signal, sample_rate_hz: int, axes: int, whose: str) -> None:
    """Refuse a recording of another rate or number of axes: nothing would be comparable.

    Raises
    ------
    AudioError
    """
    if (signal.sample_rate_hz, signal.axes) != (sample_rate_hz, axes):
        raise AudioError(
            f"{signal.name}: expected {axes} channels at {sample_rate_hz} Hz, as {whose} has, and got {signal.axes} at "
            f"{signal.sample_rate_hz} Hz; record with the same sensor and settings"
        )


def in_turn(samples: Samples, block_samples: int) -> Samples:
    """Return the stream in which axes take turns, block by block; what fills no block of every axis is left out.

    Parameters
    ----------
    samples : int16 ``[num_samples, axes]``
    block_samples : int
        Of each axis. One axis is its own stream, whatever the block.

    Returns
    -------
    int16 ``[num_samples]``
    """
    axes = samples.shape[1]
    if axes == 1:
        return np.ascontiguousarray(samples[:, 0])
    whole = samples[: len(samples) // block_samples * block_samples]
    return np.ascontiguousarray(whole.reshape(-1, block_samples, axes).swapaxes(1, 2).reshape(-1))
