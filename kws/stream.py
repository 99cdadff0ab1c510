# SPDX-License-Identifier: Apache-2.0
"""A recording on its way to what hears it, block by block, with the silence that belongs around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from kws.audio import Samples
from kws.errors import AudioError
from kws.evaluation.listening import Listening
from kws.pipeline import Detection
from kws.samples import BlockResampler, as_mono, checked_rate

D = TypeVar("D", bound=Detection)


class Stream(Generic[D]):
    """Blocks of any rate, heard with the silence of a recording before and after them.

    Parameters
    ----------
    hear : callable
        Takes int16 ``[n]`` at the rate of ``listening``, just reset, and returns detections that count from there.
    listening : Listening
        Of the bundle that hears it.
    """

    def __init__(self, hear: Callable[[Samples], list[D]], listening: Listening) -> None:
        self._hear_samples, self._listening = hear, listening
        self._resampler: BlockResampler | None = None

    def feed(self, samples: ArrayLike, rate: float | None = None) -> list[D]:
        """Hear a block; detections count in the recording.

        Raises
        ------
        AudioError
            If the samples are not understood, or the rate changes.
        """
        mono = as_mono(samples)
        from_hz = self._listening.sample_rate_hz if rate is None else checked_rate(rate)
        found = [] if self._resampler is not None else self._begin(from_hz)
        assert self._resampler is not None
        if self._resampler.from_hz != from_hz:
            raise AudioError(
                f"rate: this stream began at {self._resampler.from_hz} Hz and goes on at {from_hz} Hz; give the same "
                f"rate with every block, such as feed(block, rate={self._resampler.from_hz}), or call reset()"
            )
        return found + self._hear(self._resampler.feed(mono))

    def flush(self) -> list[D]:
        """Hear what is left, and the silence after the recording."""
        if self._resampler is None:
            return []
        found = self._hear(self._resampler.flush())
        return found + self._hear(np.zeros(self._listening.tail_samples, np.int16))

    def _begin(self, from_hz: int) -> list[D]:
        self._resampler = BlockResampler(from_hz, self._listening.sample_rate_hz)
        return self._hear(np.zeros(self._listening.lead_samples, np.int16))

    def _hear(self, samples: Samples) -> list[D]:
        lead = self._listening.lead_samples
        return [replace(event, sample_index=event.sample_index - lead) for event in self._hear_samples(samples)]
