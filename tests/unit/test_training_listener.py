# SPDX-License-Identifier: Apache-2.0
"""The listener's opinion of a clip comes from heads that never saw its label."""

from dataclasses import replace

import numpy as np

from kws.training.clips.recipe.config import ListenerConfig
from kws.training.clips.recipe.features import Variants
from kws.training.clips.recipe.listener import cross_fit, without_keywords

QUICK = ListenerConfig(folds=2, heads=1, hidden=64, epochs=12, learning_rate=2e-2)


def test_a_wrong_label_does_not_confirm_itself() -> None:
    rng = np.random.default_rng(1)
    labels = np.arange(600) % 3
    heard = (rng.normal(0, 0.3, (600, 6)) + 2 * np.eye(3, 6)[labels]).astype(np.float32)
    wrong = rng.permutation(600)[:30]
    said = np.eye(3, dtype=np.float32)[np.where(np.isin(np.arange(600), wrong), (labels + 1) % 3, labels)]
    opinions, of_aside = cross_fit(heard, said, heard[wrong], QUICK, seed=1)
    assert np.allclose(opinions.sum(axis=1), 1.0, atol=1e-4)
    assert (opinions[wrong].argmax(axis=1) == labels[wrong]).mean() > 0.9
    assert (of_aside.argmax(axis=1) == labels[wrong]).mean() > 0.9


def test_negatives_that_hold_a_keyword_are_never_drawn_and_the_others_make_up_for_them() -> None:
    variants = Variants(
        features=np.zeros((1, 4, 1, 1), np.int8),
        labels=np.array([2, 1, 1, 1]),
        weights=np.array([0.7, 0.1, 0.1, 0.1]),
        sources=np.array(["keywords", "negatives", "negatives", "unknown"]),
    )
    heard = np.array([[[0.0, 0.1, 0.9], [0.0, 0.2, 0.8], [0.1, 0.9, 0.0], [0.0, 0.3, 0.7]]], np.float32)
    labels = ("silence", "unknown", "yes")
    assert np.allclose(without_keywords(variants, heard, labels, QUICK).weights, [0.7, 0.0, 0.2, 0.1])
    lenient = replace(QUICK, dropped_above=0.95)
    assert np.allclose(without_keywords(variants, heard, labels, lenient).weights, variants.weights)
