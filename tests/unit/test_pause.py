# SPDX-License-Identifier: Apache-2.0
"""A word counts less, or nothing, without a pause before it, where a bundle asks for one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from random_bundles import random_bundle, speech_like

from kws.audio import SAMPLE_RATE_HZ, read_audio
from kws.bundle import Bundle
from kws.core import lib
from kws.decision import OperatingPoint, Pause
from kws.endpoints import speech_bounds
from kws.errors import ConfigError
from kws.gate import GateConfig
from kws.pipeline import Pipeline
from kws.training.clips.config import DecisionSettings

ROOT = Path(__file__).parents[2]
CLIPS, MODEL = ROOT / "examples" / "clips", ROOT / "models" / "speech_commands_12.kws"
LABELS = ("silence", "unknown", "yes")


def ready(bundle: Bundle, *fire: int) -> Bundle:
    """These labels fire at 90."""
    point = OperatingPoint(thresholds=tuple(90 if label in fire else 0 for label in range(len(bundle.labels))))
    return bundle.replace(decision=replace(bundle.decision, operating_points=(point,), default_operating_point=0))


def heard(bundle: Bundle, pause: Pause | None) -> np.ndarray:
    """Smoothed posteriors of four seconds, one row a decision."""
    pipeline = Pipeline(bundle.replace(decision=replace(bundle.decision, pause=pause)))
    pipeline.feed(speech_like(4.0, seed=2))
    return pipeline.scores.smoothed


@pytest.mark.parametrize(("decisions", "penalty"), [(0, 255), (1, 255), (7, 255), (1, 40), (7, 1)])
def test_scores_are_less_where_the_last_pause_is_too_long_ago(decisions: int, penalty: int) -> None:
    label, bundle = 1, ready(random_bundle(seed=1, causal=True), 0, 2)
    thresholds = np.array(bundle.decision.operating_points[0].thresholds)
    free = heard(bundle, None)
    score = int(np.quantile(free[:, label], 0.9))
    ago, expected = 0, free.copy()
    for row, now in zip(expected, free[:, label] >= score, strict=True):
        ago = 0 if now else ago + 1
        without = ago > decisions
        row[thresholds > 0] -= np.minimum(row[thresholds > 0], penalty if without else 0)
        ago = 0 if not without and (row[thresholds > 0] >= lib.KWS_DECISION_FOLLOWED).any() else ago
    assert (expected != free).any()
    assert (expected[:, thresholds > 0] > 0).any()
    pause = Pause(label=label, score=score, decisions=decisions, penalty=penalty)
    np.testing.assert_array_equal(heard(bundle, pause), expected)


def test_a_closed_gate_is_a_pause() -> None:
    audio = speech_like(6.0, seed=3, silence=(1.5, 4.0))
    bundle = ready(random_bundle(seed=1, causal=True, gate=GateConfig(hangover_frames=0)), 2)
    pipeline = Pipeline(bundle.replace(decision=replace(bundle.decision, pause=Pause(label=1, score=255, decisions=5))))
    pipeline.feed(audio)
    scores = pipeline.scores
    assert scores.smoothed[:, 1].max() < 255, "the scores must not know of the pause"
    passed = np.flatnonzero(scores.smoothed[:, 2])
    woken = int(np.argmax(np.diff(scores.frame_index))) + 1
    assert pipeline.gated_frames > 60
    assert [*passed[:5]] == [0, 1, 2, 3, 4]
    assert woken <= passed[5] < woken + 5
    assert passed[-1] < woken + 5


def test_the_pause_of_a_run_is_that_of_its_silence() -> None:
    assert DecisionSettings().for_labels(LABELS).pause is None
    asked = DecisionSettings(pause_score=32, pause_decisions=10).for_labels(LABELS[1:] + LABELS[:1])
    assert asked.pause == Pause(label=2, score=32, decisions=10)
    with pytest.raises(ConfigError, match="needs the label silence"):
        DecisionSettings(pause_score=32).for_labels(("yes", "no"))


def test_commands_may_follow_each_other() -> None:
    clips = [read_audio(CLIPS / name) for name in ("no/heart.flac", "right/heart.flac", "yes/heart.flac")]
    words = [clip[slice(*bounds)] for clip in clips if (bounds := speech_bounds(clip))]
    gap = np.zeros(round(0.8 * SAMPLE_RATE_HZ), np.int16)
    audio = np.concatenate([part for word in words * 4 for part in (word, gap)])
    room = np.rint(np.random.default_rng(0).normal(0.0, 3.0, audio.size)).astype(np.int16)
    bundle = Bundle.load(MODEL)
    assert bundle.decision.pause is not None
    free = Pipeline(bundle.replace(decision=replace(bundle.decision, pause=None))).feed(audio + room)
    assert [event.label for event in free] == ["no", "right", "yes"] * 4
    assert Pipeline(bundle).feed(audio + room) == free


@pytest.mark.parametrize("steps", [0.0, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0, 300.0])
@pytest.mark.parametrize("path", sorted(MODEL.parent.glob("*.kws")), ids=lambda path: path.stem)
def test_a_room_in_which_nobody_speaks_is_a_pause_however_quiet(path: Path, steps: float) -> None:
    # Two or three steps lie between digital silence and any noise that teaches: one run was deaf there.
    bundle = Bundle.load(path)
    assert bundle.decision.pause is not None
    pipeline = Pipeline(bundle.without_gate())
    pipeline.feed(np.rint(np.random.default_rng(0).normal(0.0, steps, 6 * SAMPLE_RATE_HZ)).astype(np.int16))
    reached = pipeline.scores.smoothed[2 * len(pipeline.scores.smoothed) // 6 :, bundle.decision.pause.label]
    assert reached.min() >= bundle.decision.pause.score
