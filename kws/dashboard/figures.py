# SPDX-License-Identifier: Apache-2.0
"""Misses and false accepts of a suite at any thresholds: its scores are computed once, the detector runs over them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kws.bundle import Bundle
from kws.evaluation.det import score_tracks
from kws.evaluation.listening import Listening
from kws.evaluation.tracks import ScoreTrack
from kws.harness.listener import HostListener
from kws.harness.replay import replay
from kws.suite.sources import recordings_of
from kws.suite.suite import read_suite


class SuiteFigures:
    """A suite heard by this computer.

    Parameters
    ----------
    path : path
        ``suite.toml``.
    bundle : Bundle
        The one to judge; the suite's own plays no part.
    listening : Listening
        Of that bundle.

    Raises
    ------
    ConfigError, EvaluationError, AudioError
        If the suite, its truth or a recording cannot be read.
    """

    def __init__(self, path: Path, bundle: Bundle, listening: Listening) -> None:
        self.name = path.stem
        self._refractory_frames = listening.refractory_frames
        self._streams: list[ScoreTrack] = []
        self._words: list[ScoreTrack] = []
        for outcome in replay(HostListener(bundle, None), recordings_of(read_suite(path), listening), listening):
            if outcome.matching is None:
                continue
            track = ScoreTrack(
                name=outcome.recording.name, labels=listening.labels, scores=outcome.heard.scores,
                truth=outcome.matching.truth,
            )  # fmt: skip
            if outcome.recording.windows is not None:
                self._streams.append(track)
            if track.truth.windows:
                self._words.append(track)

    def at(self, thresholds: Sequence[int]) -> dict[str, Any]:
        """Return misses over all words, and false accepts per hour over all streams; None where there are none."""
        words = score_tracks(self._words, thresholds, self._refractory_frames)
        streams = score_tracks(self._streams, thresholds, self._refractory_frames)
        return {
            "suite": self.name,
            "missed": words.false_rejects.to_json() if words.num_keywords else None,
            "false_accepts_per_hour": streams.false_accepts.to_json() if streams.has_negative_audio else None,
        }
