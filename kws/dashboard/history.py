# SPDX-License-Identifier: Apache-2.0
"""Sound and scores of the last minutes, and which events other thresholds would have given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kws.audio import Samples
from kws.evaluation.listening import Listening
from kws.evaluation.tracks import ScoreTrack, detect
from kws.evaluation.truth import Truth
from kws.pipeline import Detection, Scores

KEPT_S = 300


class History:
    """The newest ``KEPT_S`` seconds of one stream. Indices are those of the stream, without the silence before it.

    Parameters
    ----------
    listening : Listening
        Of the spotter that hears it.
    """

    def __init__(self, listening: Listening) -> None:
        self._listening = listening
        self._sound: list[Samples] = []
        self._scores: list[Scores] = []
        self.end = 0
        """Samples heard in all."""
        self._start = 0

    def add(self, sound: Samples, scores: Scores) -> None:
        """Take the newest block and its decisions, and forget what has become too old."""
        self._sound.append(sound)
        self._scores.append(scores)
        self.end += sound.size
        while self.end - self._start - self._sound[0].size > KEPT_S * self._listening.sample_rate_hz:
            self._start += self._sound.pop(0).size
            self._scores.pop(0)

    @property
    def seconds(self) -> float:
        """How much is kept."""
        return (self.end - self._start) / self._listening.sample_rate_hz

    def sound(self, start: int, end: int) -> Samples:
        """Return samples ``start`` to ``end``, as far as they are kept."""
        kept = np.concatenate(self._sound) if self._sound else np.empty(0, np.int16)
        return kept[max(0, start - self._start) : max(0, end - self._start)]

    def events(self, thresholds: Sequence[int]) -> list[Detection]:
        """Return the events that thresholds, one per label, give over what is kept: the detector of the boards."""
        if not self._scores:
            return []
        lead = self._listening.lead_samples
        scores = Scores.joined(self._scores)
        track = ScoreTrack(
            name="live", labels=self._listening.labels, scores=scores,
            truth=Truth(num_samples=self.end + lead, sample_rate_hz=self._listening.sample_rate_hz),
        )  # fmt: skip
        found = detect(track, thresholds, self._listening.refractory_frames)
        return [replace(event, sample_index=event.sample_index - lead) for event in found]
