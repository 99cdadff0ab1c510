# SPDX-License-Identifier: Apache-2.0
"""Clips of one word: the accuracy and the confusion of the network alone, as Speech Commands results are reported.

Each clip is one decision: its features through the model from a clean state, the highest posterior wins. Smoothing
and thresholds, which belong to streams, play no part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kws.audio import Samples
from kws.bundle import Bundle
from kws.evaluation.events import Event
from kws.evaluation.listening import listening_of
from kws.evaluation.metrics import Proportion
from kws.features import Features
from kws.labels import SILENCE, UNKNOWN, Labels
from kws.model import Model

NOTHING = "(nothing)"
"""The verdict on a long clip that raised no event."""
_BATCH_CLIPS = 512


@dataclass(frozen=True, kw_only=True)
class ClipScore:
    """The verdict over labelled clips."""

    labels: tuple[str, ...]
    expected: NDArray[np.intp]
    """Label index of each clip."""
    posteriors: NDArray[np.uint8]
    """Shape [clips, labels], 0..255 = 0..1."""
    num_by_event: int = 0
    """Clips among them that are too long for one decision: their verdict is the first event in a stream."""

    @classmethod
    def joined(cls, parts: Sequence[ClipScore]) -> ClipScore:
        """Return the verdicts of several scores over the same labels as one."""
        return cls(
            labels=parts[0].labels,
            expected=np.concatenate([part.expected for part in parts]),
            posteriors=np.concatenate([part.posteriors for part in parts]),
            num_by_event=sum(part.num_by_event for part in parts),
        )

    @property
    def predicted(self) -> NDArray[np.intp]:
        """Label index the model gave each clip: the highest posterior, the lower index on a tie."""
        return np.asarray(np.argmax(self.posteriors, axis=1), dtype=np.intp)

    @property
    def accuracy(self) -> Proportion:
        """Share of clips given their own label."""
        return Proportion(count=int((self.predicted == self.expected).sum()), total=len(self.expected))

    @property
    def confusion(self) -> NDArray[np.int64]:
        """Shape [labels, labels]: clips of label (row) that were given label (column)."""
        return confusion_matrix(self.expected, self.predicted, len(self.labels))


def confusion_matrix(expected: NDArray[np.intp], predicted: NDArray[np.intp], num_labels: int) -> NDArray[np.int64]:
    """Count clips by expected (row) and predicted (column) label index."""
    confusion = np.zeros((num_labels, num_labels), dtype=np.int64)
    np.add.at(confusion, (expected, predicted), 1)
    return confusion


def evaluate_clips(bundle: Bundle, clips: Sequence[Samples] | Samples, expected: Sequence[int]) -> ClipScore:
    """Classify clips with the C core: the last decision within each counts, or that over its first window.

    Parameters
    ----------
    bundle : Bundle
    clips : sequence of numpy.ndarray
        int16 ``[samples]`` each, or together ``[clips, samples]``. Those shorter than the model's window are padded
        with silence at the end.
    expected : sequence of int
        Label index of each clip.

    Returns
    -------
    ClipScore
        In the order of the clips.

    Raises
    ------
    ValueError
        If clips and labels do not match.
    """
    if len(clips) != len(expected) or len(clips) == 0:
        raise ValueError(f"expected clips with a label each, got {len(clips)} and {len(expected)} labels")
    listening, features, model = listening_of(bundle), Features(bundle.front_end), Model(bundle)
    judged = np.array([listening.judged_samples(len(clip)) for clip in clips])
    posteriors = np.zeros((len(clips), len(bundle.labels)), np.uint8)
    for num_samples in np.unique(judged):
        alike = np.flatnonzero(judged == num_samples)
        for start in range(0, len(alike), _BATCH_CLIPS):
            batch = alike[start : start + _BATCH_CLIPS]
            frames = features.compute_batch(np.stack([fit_clip(clips[index], int(num_samples)) for index in batch]))
            posteriors[batch] = model.run_batch(frames)
    return ClipScore(labels=tuple(bundle.labels), expected=np.asarray(expected, dtype=np.intp), posteriors=posteriors)


def fit_clip(samples: Samples, num_samples: int) -> Samples:
    """Cut or pad with silence at the end, as Speech Commands' own loader does."""
    clip = np.zeros(num_samples, dtype=np.int16)
    kept = min(num_samples, samples.size)
    clip[:kept] = samples[:kept]
    return clip


def verdict_of_events(events: Sequence[Event], expected: str, labels: Sequence[str], keywords: Sequence[str]) -> str:
    """What a clip too long for one decision is taken for: the label of its first event.

    Without an event it is what was expected, if that is no keyword; else silence, or unknown; `NOTHING` if the bundle
    has no label for either.
    """
    if events:
        return events[0].label
    if expected not in keywords:
        return expected  # nothing was to be spotted and nothing was
    known = Labels(labels)
    return known.of_role(SILENCE) or known.of_role(UNKNOWN) or NOTHING


def silence_clips(noise: Sequence[Samples], count: int, num_samples: int, *, seed: int = 1) -> NDArray[np.int16]:
    """Cut clips at random places, with a random gain of 0..1, from noise recordings: the silence label.

    Returns
    -------
    numpy.ndarray
        int16 ``[count, num_samples]``; the same for the same seed.
    """
    random = np.random.default_rng(seed)
    clips = np.zeros((count, num_samples), dtype=np.int16)
    for clip in clips:
        source = noise[int(random.integers(len(noise)))]
        start = int(random.integers(max(1, source.size - num_samples)))
        piece = source[start : start + num_samples]
        clip[: piece.size] = np.rint(piece * random.uniform(0.0, 1.0)).astype(np.int16)
    return clips
