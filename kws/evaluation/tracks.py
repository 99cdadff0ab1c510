# SPDX-License-Identifier: Apache-2.0
"""Score tracks: everything the model said over a recording, and the C detector run over it again.

The model runs once; thresholds are then tried on its scores with the very `kws_detection_step` of the boards, so a
DET curve and a calibrated threshold cannot differ from what the product does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kws.audio import Samples
from kws.core import ffi, lib
from kws.evaluation.truth import HIT_TOLERANCE_S, Truth, Window, within
from kws.pipeline import Detection, Pipeline, Scores

_FEED_S = 60
"""Audio per feed: bounds the memory of a night-long recording, changes nothing else."""


@dataclass(frozen=True, kw_only=True)
class ScoreTrack:
    """The decisions over one recording, and what was said in it."""

    name: str
    labels: tuple[str, ...]
    scores: Scores
    truth: Truth

    def only(self, label: str) -> ScoreTrack:
        """Judge one keyword alone: windows of other words become negative audio like any other."""
        windows = tuple(window for window in self.truth.windows if window.label == label)
        truth = Truth(num_samples=self.truth.num_samples, windows=windows, sample_rate_hz=self.truth.sample_rate_hz)
        return ScoreTrack(name=self.name, labels=self.labels, scores=self.scores, truth=truth)


def score_recording(
    pipeline: Pipeline, samples: Samples, windows: Sequence[Window] = (), *, name: str = ""
) -> ScoreTrack:
    """Stream a recording from reset and keep every decision.

    The recording is followed by silence only as far as the tolerance of its last window reaches, so no negative
    audio is invented.
    """
    rate_hz = pipeline.sample_rate_hz
    windows = within(windows, samples.size, name=name, sample_rate_hz=rate_hz)
    answered = max((w.end_sample for w in windows), default=0) + round(HIT_TOLERANCE_S * rate_hz)
    tail = max(0, answered - samples.size) if windows else 0
    padded = np.concatenate([samples, np.zeros(tail, dtype=np.int16)])
    pipeline.reset()
    parts = []
    piece = _FEED_S * rate_hz
    for start in range(0, padded.size, piece):
        pipeline.feed(padded[start : start + piece])
        parts.append(pipeline.scores)
    truth = Truth(num_samples=padded.size, windows=windows, sample_rate_hz=rate_hz)
    return ScoreTrack(name=name, labels=pipeline.labels, scores=Scores.joined(parts), truth=truth)


def detect(track: ScoreTrack, thresholds: Sequence[int], refractory_frames: int) -> list[Detection]:
    """Run the detector of the boards over a track.

    Parameters
    ----------
    track : ScoreTrack
        Decisions in order.
    thresholds : sequence of int
        One per label, 0..255; 0 never fires.
    refractory_frames : int
        No second event of a label for this many frames, of another label for half as many.

    Returns
    -------
    list of Detection
        In order of time.
    """
    values = np.asarray(thresholds, dtype=np.uint8)
    if values.shape != (len(track.labels),):
        raise ValueError(f"thresholds: expected one for each of {len(track.labels)} labels, got {values.shape}")
    config = ffi.new("kws_decision_config_t *")
    config.num_labels = len(track.labels)
    config.refractory_frames = refractory_frames
    config.thresholds = ffi.from_buffer("uint8_t[]", values)
    scores = track.scores
    frames, samples, smoothed = _contiguous(scores)
    capacity = len(frames)
    events = ffi.new("kws_event_t[]", max(1, capacity))
    count = lib.kws_door_detect(
        config,
        ffi.from_buffer("uint32_t[]", frames),
        ffi.from_buffer("uint64_t[]", samples),
        ffi.from_buffer("uint8_t[]", smoothed),
        capacity,
        events,
        capacity,
    )
    return [
        Detection(
            label=track.labels[event.label],
            label_index=int(event.label),
            sample_index=int(event.sample_index),
            score=int(event.score),
            sample_rate_hz=track.truth.sample_rate_hz,
        )
        for event in events[0:count]
    ]


def _contiguous(scores: Scores) -> tuple[NDArray[np.uint32], NDArray[np.uint64], NDArray[np.uint8]]:
    return (
        np.ascontiguousarray(scores.frame_index, dtype=np.uint32),
        np.ascontiguousarray(scores.sample_index, dtype=np.uint64),
        np.ascontiguousarray(scores.smoothed, dtype=np.uint8),
    )
