# SPDX-License-Identifier: Apache-2.0
"""A recipe in order: sources, variants, the teacher's opinions, the network, its polish; each is made once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from kws.training.augment.clips import ClipAcoustics
from kws.training.clips.dataset import TrainingData
from kws.training.clips.recipe import listener, teacher
from kws.training.clips.recipe.batches import RecipeBatches
from kws.training.clips.recipe.config import MaskingConfig, PolishConfig, RecipeConfig
from kws.training.clips.recipe.features import Variants, compute, load, made
from kws.training.clips.recipe.sources import gather
from kws.training.fit import settings, work
from kws.training.fit.architectures import build_logits_model
from kws.training.fit.config import ModelConfig, OptimizerConfig
from kws.training.fit.start import start_from
from kws.training.fit.train import TrainedModel, train
from numpy.typing import NDArray

from kws import extras
from kws.errors import TrainingError
from kws.features import FeaturesConfig

_EXAMPLES = 4
"""Batches whose statistics the batch norms of a network that was trained before start with."""


def learn(
    data: TrainingData,
    speech: Sequence[NDArray[np.int16]],
    recipe: RecipeConfig,
    *,
    negatives: Sequence[NDArray[np.int16]] = (),
    features: FeaturesConfig,
    model: ModelConfig,
    optimizer: OptimizerConfig,
    seed: int,
    named: str,
    out: Path,
    strategy: tf.distribute.Strategy | None = None,
) -> TrainedModel:
    """Train a network as a recipe says.

    Parameters
    ----------
    data : TrainingData
    speech : sequence of int16 arrays
        Continuous speech without keywords, for the sources that want it.
    recipe : RecipeConfig
    negatives : sequence of int16 arrays
        Films, music, clatter.
    features : FeaturesConfig
    model : ModelConfig
    optimizer : OptimizerConfig
    seed : int
    named : str
        Digest of the data.
    out : Path
        Everything made on the way is kept in ``work/`` there.
    strategy : tf.distribute.Strategy, optional
        Of the processors that train together.
    """
    if recipe.listener is not None:
        extras.require("the listener of a recipe", "trunk")
    beside = [*speech, *negatives]
    heard = work.digest(named, [hashlib.sha256(recording.tobytes()).hexdigest() for recording in beside])
    batches = recipe_batches(
        data,
        speech,
        recipe,
        negatives=negatives,
        features=features,
        optimizer=optimizer,
        seed=seed,
        named=heard,
        out=out,
        strategy=strategy,
    )
    network = _network(batches, recipe, model, seed)
    parts = (replace(recipe, polish=None, start=None), features, model, optimizer)
    begun = _sha256(recipe.start) if recipe.start else ""
    depends_on = [*map(settings.to_dict, parts), seed, heard, begun]
    folder = work.place(out, "train", *depends_on)
    trained = train(batches, network, optimizer, seed=seed, digest=folder.name, folder=folder, strategy=strategy)
    if recipe.polish is None:
        return trained
    place = work.place(out, "polish", settings.to_dict(recipe.polish), *depends_on)
    return polish(trained, batches, network, recipe.polish, optimizer, folder=place, strategy=strategy)


def _network(batches: RecipeBatches, recipe: RecipeConfig, model: ModelConfig, seed: int) -> Callable[[], keras.Model]:
    """Make the network, with the weights to start from."""

    def make() -> keras.Model:
        built = build_logits_model(model, input_shape=batches.input_shape, num_labels=batches.num_labels, seed=seed)
        if recipe.start is not None:
            start_from(built, recipe.start, np.concatenate([batches.batch(step)[0] for step in range(_EXAMPLES)]))
        return built

    return make


def recipe_batches(
    data: TrainingData,
    speech: Sequence[NDArray[np.int16]],
    recipe: RecipeConfig,
    *,
    negatives: Sequence[NDArray[np.int16]] = (),
    features: FeaturesConfig,
    optimizer: OptimizerConfig,
    seed: int,
    named: str,
    out: Path,
    strategy: tf.distribute.Strategy | None = None,
) -> RecipeBatches:
    """Make everything the network trains from; see `learn`."""
    batches = RecipeBatches(
        variants=_variants(data, speech, negatives, recipe, features, seed, named, out),
        validation_clips=data.validation,
        num_labels=len(data.labels),
        features=features,
        masking=recipe.masking,
        seed=seed,
        batch_clips=optimizer.batch_clips,
        clips_per_epoch=recipe.clips_per_epoch,
    )
    known = seed, named
    heard = _taught(batches, recipe, optimizer, known, out, strategy)
    if recipe.listener is not None:
        parts = settings.to_dict(_of_clips(recipe)), settings.to_dict(recipe.listener)
        folder = work.place(out, "listener", *parts, *known)
        heard.append(
            _once(folder / "opinions.npy", lambda: listener.opinions(data, negatives, recipe, batches, folder))
        )
        drawn = listener.without_keywords(batches.variants, heard[-1], data.labels, recipe.listener)
        batches = replace(batches, variants=drawn)
    if not heard:
        return batches
    variants = len(batches.variants.features)
    mean = np.mean([np.broadcast_to(one, (variants, *one.shape[1:])) for one in heard], axis=0)
    return replace(batches, opinions=mean, teacher_weight=recipe.teacher_weight)


def _taught(
    batches: RecipeBatches,
    recipe: RecipeConfig,
    optimizer: OptimizerConfig,
    known: tuple[int, str],
    out: Path,
    strategy: tf.distribute.Strategy | None,
) -> list[NDArray[np.float32]]:
    """Opinions of the residual teacher, if there is one."""
    if recipe.teacher is None:
        return []
    # Which network it will teach, and how, changes nothing about the teacher.
    alone = replace(recipe, masking=MaskingConfig(), polish=None, start=None, listener=None, teacher_weight=0.0)
    parts = map(settings.to_dict, (alone, batches.features, optimizer))
    folder = work.place(out, "teacher", *parts, *known)
    ask = partial(teacher.opinions, batches, recipe.teacher, optimizer, folder, strategy)
    return [_once(folder / "opinions.npy", ask)]


def polish(
    trained: TrainedModel,
    batches: RecipeBatches,
    network: Callable[[], keras.Model],
    config: PolishConfig,
    optimizer: OptimizerConfig,
    *,
    folder: Path,
    strategy: tf.distribute.Strategy | None = None,
) -> TrainedModel:
    """Go on from a trained network with a small step size, mostly on clips as they were recorded.

    Augmentation teaches what a word can sound like; what it mostly does sound like is learnt last, from the recordings.
    """

    def start() -> keras.Model:
        model = network()
        model.set_weights(trained.model.get_weights())
        return model

    last = train(
        replace(batches, plain_share=config.plain_share),
        start,
        replace(optimizer, epochs=config.epochs, learning_rate=config.learning_rate),
        seed=batches.seed,
        digest=folder.name,
        folder=folder,
        strategy=strategy,
    )
    return TrainedModel(model=last.model, history=trained.history + last.history)


def _once(path: Path, ask: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
    if not path.is_file():
        part = path.with_suffix(".part.npy")
        np.save(part, ask())
        part.replace(path)
    opinions: NDArray[np.float32] = np.load(path, mmap_mode="r")
    return opinions


def _variants(
    data: TrainingData,
    speech: Sequence[NDArray[np.int16]],
    negatives: Sequence[NDArray[np.int16]],
    recipe: RecipeConfig,
    features: FeaturesConfig,
    seed: int,
    named: str,
    out: Path,
) -> Variants:
    made_from = settings.to_dict(_of_clips(recipe))
    folder = work.place(out, "variants", made_from, settings.to_dict(features), seed, named)
    if not made(folder):
        compute(
            gather(data, speech, negatives, recipe, seed=seed),
            ClipAcoustics(recipe.acoustics, data.noise, [*speech, *negatives]),
            features,
            num_variants=recipe.variants,
            seed=seed,
            folder=folder,
        )
    return load(folder, recipe.shares)


def _of_clips(recipe: RecipeConfig) -> RecipeConfig:
    """Return what decides the variants: neither what happens to them later nor how often they are drawn."""
    sources = [name for name, share in recipe.shares.items() if share > 0.0]
    return replace(
        recipe,
        teacher=None,
        listener=None,
        teacher_weight=0.0,
        start=None,
        polish=None,
        masking=MaskingConfig(),
        clips_per_epoch=0,
        shares=dict.fromkeys(sources, 1.0 / len(sources)),
    )


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise TrainingError(f"{path}: the network to start from cannot be read ({error})") from error
