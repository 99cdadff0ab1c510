# SPDX-License-Identifier: Apache-2.0
"""A board that says what it was told to say, and six clips of three words."""

from pathlib import Path

import numpy as np
from random_bundles import speech_like

from kws.audio import write_wav
from kws.evaluation.listening import Listening
from kws.harness.listener import Heard, Identity
from kws.harness.replay import Outcome
from kws.harness.result import BundleIdentity, ReplayResult
from kws.pipeline import Detection, Scores

LISTENING = Listening(
    labels=("silence", "unknown", "left", "right"),
    keywords=("left", "right"),
    thresholds=(0, 0, 128, 128),
    sample_rate_hz=16000,
    hop_samples=320,
    window_samples=15840,
    decision_samples=640,
    refractory_frames=50,
)


class Scripted:
    """A board that says what it was told to say."""

    identity = Identity(board="scripted", name="scripted", clock_hz=None)
    stages = ()
    dropped_samples = 0

    def __init__(self, events: tuple[Detection, ...] = (), best: int = 0) -> None:
        self.events, self.best = events, best

    def hear(self, samples: np.ndarray) -> Heard:
        count = max(0, (samples.size - 15840) // 640 + 1)
        posteriors = np.zeros((count, 4), np.uint8)
        posteriors[:, self.best] = 200
        scores = Scores(
            sample_index=np.arange(count, dtype=np.uint64) * 640 + 15840,
            frame_index=np.arange(count, dtype=np.uint32) * 2 + 48,
            posteriors=posteriors,
            smoothed=posteriors,
        )
        return Heard(events=self.events, scores=scores, frames=None, wall_s=0.01, num_frames=2 * count, gated_frames=0)


def event(sample_index: int, label: str = "left") -> Detection:
    labels = LISTENING.labels
    return Detection(label=label, label_index=labels.index(label), sample_index=sample_index, score=200)


def write_clips(folder: Path) -> Path:
    """Write two clips of each of three words, and return their folder."""
    for word in ("left", "right", "cat"):
        (folder / "clips" / word).mkdir(parents=True)
        for index in range(2):
            write_wav(folder / "clips" / word / f"{index}.wav", speech_like(1.0, seed=len(word) + index))
    return folder / "clips"


def result_of(*outcomes: Outcome) -> ReplayResult:
    """Return the result of a replay to a scripted board."""
    return ReplayResult(
        identity=Scripted.identity,
        bundle=BundleIdentity(name="a.kws", crc32=0, operating_point="0"),
        listening=LISTENING,
        outcomes=outcomes,
        stages=(),
        dropped_samples=0,
        num_planned=1,
    )
