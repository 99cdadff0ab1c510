# SPDX-License-Identifier: Apache-2.0
"""Everything a word is learned from, made once: scenes of both sides, scenes of the user's takes, long negatives."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from kws import places
from kws.audio import read_audio
from kws.datasets.ambient import in_a_row
from kws.datasets.negatives import Negatives, training_files
from kws.features import Features, FeaturesConfig, features_section
from kws.files import written_whole
from kws.progress import one_bar
from kws.training.augment.acoustics import AcousticsConfig
from kws.training.fit import work
from kws.training.wakeword.babble import make_babble
from kws.training.wakeword.config import ScenesConfig
from kws.training.wakeword.examples import Examples, Material, Order, WindowShape, make_examples, plan, plan_recordings
from kws.training.wakeword.given import Given
from kws.training.wakeword.speech import SpeechBank

_RECORDINGS_FROM = 10_000_000
"""Example numbers of the user's own takes start here, so that they never share random numbers with others."""


@dataclass(frozen=True, kw_only=True)
class WordData:
    """Everything there is to learn from."""

    training: Examples
    """Synthetic words, near-misses, other speech, noise."""
    validation: Examples
    recordings: Examples | None
    """Scenes of the user's own takes."""
    held_out: Examples | None
    """Scenes of takes that only measure."""
    negatives: NDArray[np.int8]
    """Features of long audio ``[frames, num_features]`` without the words."""
    babble: NDArray[np.int8]
    """Features of several people talking at once ``[frames, num_features]``; among the negatives too."""


class DataMaker:
    """Makes the data of a word and keeps it in a folder.

    Parameters
    ----------
    bank : SpeechBank
    given : Given
    features : FeaturesConfig
    shape : WindowShape
    examples : ScenesConfig
    acoustics : AcousticsConfig
    labels : sequence of str
        Of the bundle; the first is not a word.
    seed : int
    """

    def __init__(
        self,
        bank: SpeechBank,
        given: Given,
        features: FeaturesConfig,
        shape: WindowShape,
        *,
        examples: ScenesConfig,
        acoustics: AcousticsConfig,
        labels: Sequence[str],
        seed: int,
    ) -> None:
        self._bank, self._given, self._features, self._config = bank, given, features, examples
        self._sentences = [bank.take(int(take)) for take in bank.find("other", validates=False)]
        self._babble = make_babble(self._sentences, given.speech(seed), crowds=examples.crowds, seed=seed)
        self._labels = [labels.index(take.label) for take in given.takes]
        self._sides = {
            validates: Material(
                features=features,
                acoustics=acoustics,
                shape=shape,
                seed=seed,
                bank=bank,
                recordings=tuple(take.samples for take in given.takes),
                ambient=given.ambient.validation if validates else given.backgrounds(seed),
                babble=self._babble[:0] if validates else self._babble,
                validates=validates,
            )
            for validates in (False, True)
        }

    def make(self, folder: Path, console: Console) -> WordData:
        """Make everything, or read what is there.

        Parameters
        ----------
        folder : Path
            Named by everything the scenes depend on.
        console : rich.console.Console
            Where progress goes.
        """

        def scenes(name: str, validates: bool, orders: list[Order], first: int = 0) -> Examples:
            def make() -> Examples:
                with one_bar(console, f"{name} scenes") as show:
                    return make_examples(self._sides[validates], orders, first_number=first, on_progress=show)

            return work.once(folder / f"{name}.npz", Examples, make)

        own, kept = self._recording_orders()
        babble = Features(self._features).compute(self._babble)
        return WordData(
            training=scenes("training", False, plan(self._config, self._bank, validates=False)),
            validation=scenes("validation", True, plan(self._config, self._bank, validates=True)),
            recordings=scenes("recording", False, own, _RECORDINGS_FROM) if own else None,
            held_out=scenes("held-out", True, kept, _RECORDINGS_FROM) if kept else None,
            negatives=np.concatenate([self._negatives([self._given.ambient.training, *self._sentences]), babble]),
            babble=babble,
        )

    def _negatives(self, recordings: Sequence[NDArray[np.int16]]) -> NDArray[np.int8]:
        heard = Features(self._features).compute(in_a_row(recordings))
        fetched = self._given.negatives
        return heard if fetched is None else np.concatenate([heard, negative_features(fetched, self._features)])

    def _recording_orders(self) -> tuple[list[Order], list[Order]]:
        takes = self._given.takes
        orders = plan_recordings(self._labels, self._config.recording_variants)
        own = [order for order in orders if not takes[order.take].held_out]
        kept = [order for order in plan_recordings(self._labels, 1) if takes[order.take].held_out]
        return own, kept


def negative_features(negatives: Negatives, features: FeaturesConfig) -> NDArray[np.int8]:
    """Features of the training side ``[frames, num_features]``, one recording behind the other; made once, then read.

    Parameters
    ----------
    negatives : Negatives
    features : FeaturesConfig
        The front end they are made by.
    """
    stage = Features(features)
    name = hashlib.sha256(features_section(features) + negatives.sha256.encode()).hexdigest()[:16]
    cached = places.cache_folder() / "features" / f"negatives-{name}.npy"
    if not cached.is_file():
        nothing = np.zeros((0, features.num_features), np.int8)  # a download that ended early may have no training side
        made = np.concatenate([nothing, *(stage.compute(read_audio(path)) for path in training_files(negatives))])
        cached.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(cached) as part:
            np.save(part, made)
    return np.asarray(np.load(cached))
