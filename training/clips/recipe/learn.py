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
from numpy.typing import NDArray

from kws import extras
from kws.errors import TrainingError
from kws.features import FeaturesConfig
from kws.files import written_whole
from kws.labels import SILENCE, UNKNOWN
from kws.training.augment.clips import ClipAcoustics
from kws.training.clips.dataset import TrainingData
from kws.training.clips.recipe import listener, mining, teacher
from kws.training.clips.recipe.batches import RecipeBatches
from kws.training.clips.recipe.config import MaskingConfig, PolishConfig, RecipeConfig
from kws.training.clips.recipe.features import Variants, compute, load, made
from kws.training.clips.recipe.sources import gather
from kws.training.fit import settings, work
from kws.training.fit.architectures import build_logits_model
from kws.training.fit.callbacks import predict
from kws.training.fit.config import ModelConfig, OptimizerConfig
from kws.training.fit.mining import Rounds, worst
from kws.training.fit.start import average_with_start, start_from
from kws.training.fit.train import TrainedModel, train

_SPARE = 1.5
"""Times as many moments are looked at as are wanted: in some a keyword is said."""
_FURTHEST_BIAS, _BIAS_STEP = 3.0, 0.05
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
    beside = [[hashlib.sha256(recording.tobytes()).hexdigest() for recording in kind] for kind in (speech, negatives)]
    heard = work.digest(named, *beside)
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
    build = partial(_build, model, batches, seed)
    network = _network(batches, recipe, build)
    parts = (
        replace(recipe, polish=None, start=None, start_share=0.0, balance_unknown=False),
        features,
        model,
        optimizer,
    )
    begun = _sha256(recipe.start) if recipe.start else ""
    depends_on = [*map(settings.to_dict, parts), seed, heard, begun]
    folder = work.place(out, "train", *depends_on)
    batches = replace(batches, plain_share=recipe.plain_share)
    listen = None
    if recipe.mining is not None and recipe.listener is not None:
        place = _listener_folder(out, recipe, (seed, heard))
        batches = with_mined(batches, data.labels, negatives, recipe, build, folder=folder, place=place)
        assert batches.mined is not None
        batches.mined.rounds.before(network)
        listen = batches.mined.rounds.after_epoch
    trained = train(
        batches,
        network,
        optimizer,
        seed=seed,
        digest=folder.name,
        folder=folder,
        after_epoch=listen,
        strategy=strategy,
    )
    if recipe.polish is not None:
        place = work.place(out, "polish", settings.to_dict(recipe.polish), *depends_on)
        trained = polish(trained, batches, network, recipe.polish, optimizer, folder=place, strategy=strategy)
    if recipe.start is not None and recipe.start_share:
        average_with_start(trained.model, recipe.start, recipe.start_share)
    if recipe.balance_unknown:
        balance(trained.model, *batches.validation(), batches.unknown)
    return trained


def _build(model: ModelConfig, batches: RecipeBatches, seed: int, frames: int | None = None) -> keras.Model:
    """Build the network for clips of so many frames, as long as those of the batches if nothing is said."""
    shape = (frames or batches.input_shape[0], *batches.input_shape[1:])
    return build_logits_model(model, input_shape=shape, num_labels=batches.num_labels, seed=seed)


def _network(
    batches: RecipeBatches, recipe: RecipeConfig, build: Callable[[], keras.Model]
) -> Callable[[], keras.Model]:
    """Make the network, with the weights to start from."""

    def make() -> keras.Model:
        built = build()
        if recipe.start is not None:
            start_from(built, recipe.start, np.concatenate([batches.batch(step)[0] for step in range(_EXAMPLES)]))
        return built

    return make


def with_mined(
    batches: RecipeBatches,
    labels: tuple[str, ...],
    negatives: Sequence[NDArray[np.int16]],
    recipe: RecipeConfig,
    build: Callable[[int], keras.Model],
    *,
    folder: Path,
    place: Path,
) -> RecipeBatches:
    """Let the network's own worst moments of the negatives be drawn; ``place`` is the listener's folder."""
    config, listening, features = recipe.mining, recipe.listener, batches.features
    assert config is not None
    assert listening is not None
    window = batches.input_shape[0]
    num_samples = features.window_samples + (window - 1) * features.hop_samples
    heard = mining.stream(negatives, features, num_samples)
    spoken = [number for number, label in enumerate(labels) if label not in (SILENCE, UNKNOWN)]

    def find(averaged: keras.Model) -> NDArray[np.int64]:
        nearness = mining.hear(averaged, build, heard.features, features, spoken)
        moments = worst(nearness, round(config.moments * _SPARE))
        audio = heard.audio(mined.starts(moments, window), num_samples, features.hop_samples)
        likely = listener.likely_keywords(audio, batches.variants, labels, listening, place, seed=batches.seed)
        return np.asarray(moments[~likely][: config.moments])

    mined = mining.Mined(
        stream=heard,
        rounds=Rounds(find, rounds=config.rounds, folder=folder),
        share=config.share,
        stride=mining.decision_frames(build(window)),
    )
    return replace(batches, mined=mined, unknown=labels.index(UNKNOWN))


def balance(model: keras.Model, inputs: NDArray[np.float32], labels: NDArray[np.int64], unknown: int) -> None:
    """Move the bias of ``unknown`` to where the cross-entropy is least when every label counts alike.

    Parameters
    ----------
    model : keras.Model
        To logits; changed in place.
    inputs : float32 [clips, *input_shape]
        Clips that did not train.
    labels : int64 [clips]
    unknown : int
        Number of that label.
    """
    logits = predict(model, inputs).astype(np.float64)
    weights = 1.0 / np.bincount(labels, minlength=logits.shape[1])[labels]
    moved = np.arange(-_FURTHEST_BIAS, _FURTHEST_BIAS + 1e-9, _BIAS_STEP)

    def cost(offset: float) -> float:
        shifted = logits.copy()
        shifted[:, unknown] += offset
        shifted -= shifted.max(axis=1, keepdims=True)
        likelihood = shifted[np.arange(len(labels)), labels] - np.log(np.exp(shifted).sum(axis=1))
        return float(-(weights * likelihood).sum())

    best = min(moved, key=cost)
    bias = model.get_layer("logits").bias
    values = bias.numpy()
    values[unknown] += best
    bias.assign(values)


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
        folder = _listener_folder(out, recipe, known)
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


def _listener_folder(out: Path, recipe: RecipeConfig, known: tuple[int, str]) -> Path:
    assert recipe.listener is not None
    return work.place(out, "listener", settings.to_dict(_of_clips(recipe)), settings.to_dict(recipe.listener), *known)


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
    alone = replace(
        recipe,
        masking=MaskingConfig(),
        polish=None,
        start=None,
        start_share=0.0,
        listener=None,
        teacher_weight=0.0,
        plain_share=0.0,
        mining=None,
        balance_unknown=False,
    )
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
        replace(batches, plain_share=config.plain_share, mined=batches.mined and batches.mined.after(optimizer.epochs)),
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
        with written_whole(path) as part:
            np.save(part, ask())
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
            gather(data, speech, negatives, recipe, seed=seed, out=out),
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
        start_share=0.0,
        polish=None,
        plain_share=0.0,
        mining=None,
        balance_unknown=False,
        masking=MaskingConfig(),
        clips_per_epoch=0,
        shares=dict.fromkeys(sources, 1.0 / len(sources)),
    )


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise TrainingError(f"{path}: the network to start from cannot be read ({error})") from error
