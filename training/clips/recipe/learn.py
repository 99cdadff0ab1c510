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
from kws.training.augment.clips import ClipAcoustics
from kws.training.clips.dataset import TrainingData
from kws.training.clips.recipe import teacher
from kws.training.clips.recipe.batches import RecipeBatches
from kws.training.clips.recipe.config import MaskingConfig, PolishConfig, RecipeConfig, TeacherConfig
from kws.training.clips.recipe.features import Variants, compute, load, made
from kws.training.clips.recipe.sources import gather
from kws.training.fit import settings, work
from kws.training.fit.architectures import build_logits_model
from kws.training.fit.config import ModelConfig, OptimizerConfig
from kws.training.fit.train import TrainedModel, train
from numpy.typing import NDArray

from kws.features import FeaturesConfig


def learn(
    data: TrainingData,
    speech: Sequence[NDArray[np.int16]],
    recipe: RecipeConfig,
    *,
    features: FeaturesConfig,
    model: ModelConfig,
    optimizer: OptimizerConfig,
    seed: int,
    named: str,
    out: Path,
) -> TrainedModel:
    """Train a network as a recipe says.

    Parameters
    ----------
    data : TrainingData
    speech : sequence of int16 arrays
        Continuous speech without keywords, for the sources that want it.
    recipe : RecipeConfig
    features : FeaturesConfig
    model : ModelConfig
    optimizer : OptimizerConfig
    seed : int
    named : str
        Digest of the data.
    out : Path
        Everything made on the way is kept in ``work/`` there.
    """
    heard = work.digest(named, [hashlib.sha256(recording.tobytes()).hexdigest() for recording in speech])
    batches = recipe_batches(
        data, speech, recipe, features=features, optimizer=optimizer, seed=seed, named=heard, out=out
    )
    network = partial(
        build_logits_model, model, input_shape=batches.input_shape, num_labels=batches.num_labels, seed=seed
    )
    parts = (replace(recipe, polish=None), features, model, optimizer)
    depends_on = [*map(settings.to_dict, parts), seed, heard]
    folder = work.place(out, "train", *depends_on)
    trained = train(batches, network, optimizer, seed=seed, digest=folder.name, folder=folder)
    if recipe.polish is None:
        return trained
    place = work.place(out, "polish", settings.to_dict(recipe.polish), *depends_on)
    return polish(trained, batches, network, recipe.polish, optimizer, folder=place)


def recipe_batches(
    data: TrainingData,
    speech: Sequence[NDArray[np.int16]],
    recipe: RecipeConfig,
    *,
    features: FeaturesConfig,
    optimizer: OptimizerConfig,
    seed: int,
    named: str,
    out: Path,
) -> RecipeBatches:
    """Make everything the network trains from; see `learn`."""
    batches = RecipeBatches(
        variants=_variants(data, speech, recipe, features, seed, named, out),
        validation_clips=data.validation,
        num_labels=len(data.labels),
        features=features,
        masking=recipe.masking,
        seed=seed,
        batch_clips=optimizer.batch_clips,
        clips_per_epoch=recipe.clips_per_epoch,
    )
    if recipe.teacher is None:
        return batches
    # Which network it will teach, and how, changes nothing about the teacher.
    alone = replace(recipe, masking=MaskingConfig(), polish=None, teacher=replace(recipe.teacher, weight=0.0))
    folder = work.place(out, "teacher", *map(settings.to_dict, (alone, features, optimizer)), seed, named)
    opinions = _opinions(batches, recipe.teacher, optimizer, folder)
    return replace(batches, opinions=opinions, teacher_weight=recipe.teacher.weight)


def polish(
    trained: TrainedModel,
    batches: RecipeBatches,
    network: Callable[[], keras.Model],
    config: PolishConfig,
    optimizer: OptimizerConfig,
    *,
    folder: Path,
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
    )
    return TrainedModel(model=last.model, history=trained.history + last.history)


def _opinions(
    batches: RecipeBatches, config: TeacherConfig, optimizer: OptimizerConfig, folder: Path
) -> NDArray[np.float32]:
    path = folder / "opinions.npy"
    if not path.is_file():
        part = path.with_suffix(".part.npy")
        np.save(part, teacher.opinions(batches, config, optimizer, folder))
        part.replace(path)
    opinions: NDArray[np.float32] = np.load(path, mmap_mode="r")
    return opinions


def _variants(
    data: TrainingData,
    speech: Sequence[NDArray[np.int16]],
    recipe: RecipeConfig,
    features: FeaturesConfig,
    seed: int,
    named: str,
    out: Path,
) -> Variants:
    # Neither what happens to the variants later nor how often they are drawn makes them others.
    sources = [name for name, share in recipe.shares.items() if share > 0.0]
    same_shares = dict.fromkeys(sources, 1.0 / len(sources))
    made_from = replace(
        recipe, teacher=None, polish=None, masking=MaskingConfig(), clips_per_epoch=0, shares=same_shares
    )
    folder = work.place(out, "variants", settings.to_dict(made_from), settings.to_dict(features), seed, named)
    if not made(folder):
        compute(
            gather(data, speech, recipe, seed=seed),
            ClipAcoustics(recipe.acoustics, data.noise, speech),
            features,
            num_variants=recipe.variants,
            seed=seed,
            folder=folder,
        )
    return load(folder, recipe.shares)
