# SPDX-License-Identifier: Apache-2.0
"""A word is heard only after a pause, where a bundle asks for one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from random_bundles import random_bundle, speech_like

from kws.bundle import Bundle
from kws.decision import OperatingPoint, Pause
from kws.errors import ConfigError
from kws.pipeline import Pipeline
from kws.training.clips.config import DecisionSettings

LABELS = ("silence", "unknown", "yes")


def heard(bundle: Bundle, pause: Pause | None) -> np.ndarray:
    """Smoothed posteriors of four seconds, one row a decision."""
    pipeline = Pipeline(bundle.replace(decision=replace(bundle.decision, pause=pause)))
    pipeline.feed(speech_like(4.0, seed=2))
    return pipeline.scores.smoothed


@pytest.mark.parametrize("decisions", [0, 1, 7])
def test_scores_are_held_where_the_last_pause_is_too_long_ago(decisions: int) -> None:
    label = 1
    bundle = random_bundle(seed=1, causal=True)
    thresholds = np.full(len(bundle.labels), 90)
    thresholds[label] = 0
    point = OperatingPoint(thresholds=tuple(thresholds.tolist()))
    bundle = bundle.replace(decision=replace(bundle.decision, operating_points=(point,), default_operating_point=0))
    free = heard(bundle, None)
    score = int(np.quantile(free[:, label], 0.9))
    ago, expected = 0, free.copy()
    for row, now in zip(expected, free[:, label] >= score, strict=True):
        ago = 0 if now else ago + 1
        row[(thresholds > 0) & (ago > decisions)] = 0
    assert (expected != free).any()
    assert (expected[:, thresholds > 0] > 0).any()
    np.testing.assert_array_equal(heard(bundle, Pause(label=label, score=score, decisions=decisions)), expected)


def test_the_pause_of_a_run_is_that_of_its_silence() -> None:
    assert DecisionSettings().for_labels(LABELS).pause is None
    asked = DecisionSettings(pause_score=32, pause_decisions=10).for_labels(LABELS[1:] + LABELS[:1])
    assert asked.pause == Pause(label=2, score=32, decisions=10)
    with pytest.raises(ConfigError, match="needs the label silence"):
        DecisionSettings(pause_score=32).for_labels(("yes", "no"))
