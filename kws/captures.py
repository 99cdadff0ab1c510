# SPDX-License-Identifier: Apache-2.0
"""Keeps the sound of what a spotter heard: each detection, and each near-miss, as a WAV with its scores.

    DIR/<label>/<name>.wav       what fired; a folder of a label, as `kws replay`, suites and `kws wakeword` read them
    DIR/near_misses/<name>.wav   what came near the threshold and did not fire
    DIR/captures.csv             a row for each: file, label, kind, scores

Whether a detection was right, nobody knows yet: listen to them, and move what was not said into a folder of its own.
What stays is takes, what went is what it should not wake at: ``kws wakeword --heard DIR`` learns from both, and leaves
near-misses aside until they too lie in a folder of a label.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws.audio import Samples, write_wav
from kws.errors import ConfigError
from kws.evaluation.listening import Listening
from kws.files import StrPath
from kws.labels import NEAR_MISSES, folder_name
from kws.pipeline import Detection, Scores

TABLE = "captures.csv"
NEAR_SHARE = 2 / 3
"""Of a word's threshold: scores from here on are near, unless another limit is given."""
BEFORE_S, AFTER_S = 1.6, 0.4
"""Sound kept before and after the moment; together shorter than the longest word that training takes."""
SAME_S = 1.0
"""A score that rises within so long after a detection of the word belongs to it."""


@dataclass(frozen=True, kw_only=True)
class Capture:
    """A moment worth keeping."""

    label: str
    kind: str
    """``detection`` or ``near``."""
    sample: int
    """In the stream, without the silence before it."""
    score: int


@dataclass
class _Rise:
    """A word's score, above the limit of near-misses just now."""

    start: int
    sample: int
    score: int


class Captures:
    """Writes moments of one stream into a folder.

    Parameters
    ----------
    folder : path
        Made when the first moment is kept.
    listening : Listening
        Of the spotter.
    name : str
        Names of files begin with it: a recording's name, or when the microphone was switched on.
    near : float, optional
        Posterior, 0 to 1, from which a peak that did not fire is kept; ``NEAR_SHARE`` of each threshold when omitted.

    Raises
    ------
    ConfigError
        If ``near`` is no share of 1.
    """

    def __init__(self, folder: StrPath, listening: Listening, *, name: str, near: float | None = None) -> None:
        if near is not None and not 0.0 < near < 1.0:
            raise ConfigError(f"near-misses: expected a posterior between 0 and 1 and got {near:g}")
        self._folder, self._listening, self._name = Path(folder), listening, name
        self._limits = {
            label: round(NEAR_SHARE * threshold if near is None else 255 * near)
            for label, threshold in zip(listening.labels, listening.thresholds, strict=True)
            if label in listening.keywords
        }
        self._sound: Samples = np.empty(0, np.int16)
        self._start = 0
        self._waiting: list[Capture] = []
        self._rises: dict[str, _Rise] = {}
        self._fired: list[Detection] = []

    def hear(self, samples: Samples, detections: Sequence[Detection], scores: Scores) -> list[Path]:
        """Take the next samples, and what the spotter made of them; returns the files written.

        Parameters
        ----------
        samples : numpy.ndarray
            int16 ``[n]``, at the spotter's rate.
        detections : sequence of Detection
            Times without the silence before the stream, as a spotter gives them.
        scores : Scores
            Indices with that silence, as `Spotter.scores` gives them.
        """
        self._sound = np.concatenate([self._sound, samples])
        for detection in detections:
            self._fired.append(detection)
            self._waiting.append(
                Capture(label=detection.label, kind="detection", sample=detection.sample_index, score=detection.score)
            )
        for sample, row in zip(scores.sample_index.tolist(), scores.smoothed, strict=True):
            self._watch(int(sample) - self._listening.lead_samples, row.tolist())
        return self._write(len(self._sound) + self._start - round(AFTER_S * self._listening.sample_rate_hz))

    def flush(self) -> list[Path]:
        """End the stream: write what still waits for sound behind it."""
        end = len(self._sound) + self._start + self._listening.tail_samples
        for label in list(self._rises):
            self._fall(label, end)
        return self._write(end)

    def _watch(self, sample: int, scores: Sequence[int]) -> None:
        for label, limit in self._limits.items():
            score = scores[self._listening.labels.index(label)]
            rise = self._rises.get(label)
            if score < limit:
                if rise is not None:
                    self._fall(label, sample)
            elif rise is None:
                self._rises[label] = _Rise(sample, sample, score)
            elif score > rise.score:
                rise.sample, rise.score = sample, score

    def _fall(self, label: str, end: int) -> None:
        """A score has gone down again: was it near, and no detection?"""
        rise = self._rises.pop(label)
        since = rise.start - round(SAME_S * self._listening.sample_rate_hz)
        if not any(fired.label == label and since <= fired.sample_index <= end for fired in self._fired):
            self._waiting.append(Capture(label=label, kind="near", sample=rise.sample, score=rise.score))

    def _write(self, ready: int) -> list[Path]:
        """Write the moments up to a sample, and forget the sound that no later one can need."""
        due = [capture for capture in self._waiting if capture.sample <= ready]
        self._waiting = [capture for capture in self._waiting if capture.sample > ready]
        written = [self._keep(capture) for capture in due]
        rate_hz = self._listening.sample_rate_hz
        oldest = min(
            [len(self._sound) + self._start]
            + [capture.sample for capture in self._waiting]
            + [rise.start for rise in self._rises.values()]
        )
        kept_from = oldest - round(SAME_S * rate_hz)
        self._fired = [fired for fired in self._fired if fired.sample_index >= kept_from]
        drop = max(0, oldest - round(BEFORE_S * rate_hz) - self._start)
        self._sound, self._start = self._sound[drop:], self._start + drop
        return written

    def _keep(self, capture: Capture) -> Path:
        rate_hz = self._listening.sample_rate_hz
        first = max(0, capture.sample - round(BEFORE_S * rate_hz) - self._start)
        last = max(first, capture.sample + round(AFTER_S * rate_hz) - self._start)
        place = folder_name(capture.label) if capture.kind == "detection" else NEAR_MISSES
        at_ms = round(1000 * capture.sample / rate_hz)
        path = self._folder / place / f"{self._name}_{at_ms:08d}_{folder_name(capture.label)}_{capture.score}.wav"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_wav(path, self._sound[first:last], sample_rate_hz=rate_hz)
            self._tell(capture, path)
        except OSError as error:
            raise ConfigError(
                f"{self._folder}: cannot be written ({error.strerror}); choose a folder of your own"
            ) from error
        return path

    def _tell(self, capture: Capture, path: Path) -> None:
        table = self._folder / TABLE
        is_new = not table.exists()
        threshold = self._listening.thresholds[self._listening.labels.index(capture.label)]
        seconds = capture.sample / self._listening.sample_rate_hz
        with table.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            if is_new:
                writer.writerow(("file", "word", "kind", "score", "threshold", "time_s"))
            relative = path.relative_to(self._folder).as_posix()
            writer.writerow((relative, capture.label, capture.kind, capture.score, threshold, f"{seconds:.3f}"))
