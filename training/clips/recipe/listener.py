# SPDX-License-Identifier: Apache-2.0
"""A teacher that has heard far more voices than the data set has: heads on Google's speech embedding.

The embedding (`kws.training.trunk.teacher`) is fixed; what learns is an ensemble of heads of one hidden layer, on what
it says of the first and the last 775 ms of a clip as recorded. Their opinions are cross-fitted: what they say of a clip
comes from heads that never saw its label, so a wrong label does not confirm itself. Noise and displacement do not
change an opinion: whatever happens to a clip on its way, the pupil should hear what was said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from kws.files import written_whole
from kws.labels import SILENCE, UNKNOWN
from kws.progress import track
from kws.training.clips.dataset import TrainingData
from kws.training.clips.recipe.batches import RecipeBatches
from kws.training.clips.recipe.config import ListenerConfig, RecipeConfig
from kws.training.clips.recipe.features import Variants
from kws.training.clips.recipe.sources import gather
from kws.training.fit.seeding import make_deterministic
from kws.training.trunk.teacher import SpeechEmbedding

_REAL = ("keywords", "unknown", "negatives")
"""Sources with the voices of people: of the others, the labels are known for certain."""
_WINDOWS = 2
_TRAINING = "training.npy"
_CHUNK_CLIPS = 32
_FOLDS, _HEADS = 0xF0, 7_000_000
"""Random streams."""

Embeddings = NDArray[np.float32]


def opinions(
    data: TrainingData,
    negatives: Sequence[NDArray[np.int16]],
    recipe: RecipeConfig,
    batches: RecipeBatches,
    folder: Path,
) -> NDArray[np.float32]:
    """Train the heads and ask them about every clip with a real voice; of the others, return the labels.

    Parameters
    ----------
    data : TrainingData
    negatives : sequence of int16 arrays
        Long recordings of other sounds.
    recipe : RecipeConfig
        With a listener.
    batches : RecipeBatches
        Of the network that will learn.
    folder : Path
        Keeps the embeddings, and ``validation.txt``: how much of the validation split the ensemble gets right.

    Returns
    -------
    float32 array, shape [1, clips, labels]
        Posteriors, for all variants of a clip alike.
    """
    assert recipe.listener is not None
    variants, number = batches.variants, len(data.labels)
    said = np.eye(number, dtype=np.float32)[variants.labels]
    real = np.flatnonzero(np.isin(variants.sources, _REAL))
    kept = {name: recipe.shares[name] for name in _REAL if recipe.shares.get(name, 0.0) > 0.0}
    few = replace(recipe, shares={name: share / sum(kept.values()) for name, share in kept.items()})
    real_sources = gather(data, (), negatives, few, seed=batches.seed, out=folder.parent.parent)
    audio = np.concatenate([source.audio for source in real_sources])
    heard = _embedded(audio, folder / _TRAINING)
    silence = data.labels.index(SILENCE) if SILENCE in data.labels else -1
    spoken = np.flatnonzero(data.validation.labels != silence)
    aside = _embedded(data.validation.clips(spoken), folder / "validation.npy")
    said[real], of_aside = cross_fit(heard, said[real], aside, recipe.listener, seed=batches.seed)
    right = (of_aside.argmax(axis=1) == data.validation.labels[spoken]).mean()
    (folder / "validation.txt").write_text(f"{right:.4f} of the validation clips without silence\n", encoding="utf-8")
    return said[None]


def without_keywords(
    variants: Variants, heard: NDArray[np.float32], labels: tuple[str, ...], config: ListenerConfig
) -> Variants:
    """Let no piece of negatives be drawn in which the heads (``[1, clips, labels]``) found a keyword likely."""
    keyword = 1.0 - heard[0][:, _others(labels)].sum(axis=1)
    dropped = (variants.sources == "negatives") & (keyword > config.dropped_above)
    weights = np.where(dropped, 0.0, variants.weights)
    of_negatives = variants.sources == "negatives"
    if weights[of_negatives].any():
        weights[of_negatives] *= variants.weights[of_negatives].sum() / weights[of_negatives].sum()
    return replace(variants, weights=weights)


def likely_keywords(
    audio: NDArray[np.int16],
    variants: Variants,
    labels: tuple[str, ...],
    config: ListenerConfig,
    folder: Path,
    *,
    seed: int,
) -> NDArray[np.bool_]:
    """In which of some clips ``[clips, samples]`` the heads find a keyword likely.

    Parameters
    ----------
    audio : int16 [clips, samples]
    variants : Variants
    labels : tuple of str
    config : ListenerConfig
    folder : Path
        Where `opinions` left its embeddings.
    seed : int
    """
    make_deterministic(seed)
    real = np.isin(variants.sources, _REAL)
    said = np.eye(len(labels), dtype=np.float32)[variants.labels[real]]
    learnt, heard = _normalised(np.load(folder / _TRAINING), _embed(audio))
    posteriors = np.zeros((len(audio), len(labels)), np.float32)
    for number in range(config.heads):
        head = _head(learnt, said, config, _HEADS + seed * 1000 + number)
        posteriors += head.predict(heard, 4096, verbose=0) / config.heads
    return np.asarray(1.0 - posteriors[:, _others(labels)].sum(axis=1) > config.dropped_above)


def cross_fit(
    heard: Embeddings, said: NDArray[np.float32], aside: Embeddings, config: ListenerConfig, *, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Opinions of clips from heads that did not learn from them, and of clips aside from all heads.

    Parameters
    ----------
    heard : float32 [clips, numbers]
        Embeddings.
    said : float32 [clips, labels]
        Labels, one-hot.
    aside : float32 [others, numbers]
    config : ListenerConfig
    seed : int

    Returns
    -------
    float32 [clips, labels] and float32 [others, labels]
        Posteriors.
    """
    make_deterministic(seed)
    heard, aside = _normalised(heard, aside)
    fold = np.random.default_rng([seed, _FOLDS]).permutation(len(heard)) % config.folds
    opinions = np.zeros_like(said)
    of_aside = np.zeros((len(aside), said.shape[1]), np.float32)
    for number in track(range(config.folds * config.heads), "listening", config.folds * config.heads):
        left_out = fold == number % config.folds
        head = _head(heard[~left_out], said[~left_out], config, _HEADS + seed * 1000 + number)
        opinions[left_out] += head.predict(heard[left_out], 4096, verbose=0) / config.heads
        of_aside += head.predict(aside, 4096, verbose=0) / (config.folds * config.heads)
    return opinions, of_aside


def _normalised(heard: Embeddings, others: Embeddings) -> tuple[Embeddings, Embeddings]:
    """By the mean and deviation of the first."""
    mean, deviation = heard.mean(axis=0), heard.std(axis=0) + np.float32(1e-3)
    return (heard - mean) / deviation, (others - mean) / deviation


def _head(heard: Embeddings, said: NDArray[np.float32], config: ListenerConfig, seed: int) -> keras.Model:
    inputs = keras.Input(heard.shape[1:])
    start = keras.initializers.HeNormal
    x = layers.Dropout(0.2, seed=seed)(inputs)
    x = layers.Dense(config.hidden, "relu", kernel_initializer=start(seed + 100))(x)
    x = layers.Dropout(0.4, seed=seed + 200)(x)
    x = layers.Dense(said.shape[1], "softmax", kernel_initializer=start(seed + 300))(x)
    head = keras.Model(inputs, x)
    batch = 256
    steps = config.epochs * max(1, len(heard) // batch)
    schedule = keras.optimizers.schedules.CosineDecay(config.learning_rate, steps)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=0.01)
    head.compile(optimizer, keras.losses.CategoricalCrossentropy())
    optimizer.build(head.trainable_variables)  # variables born within the first step would have it traced twice
    keras.utils.set_random_seed(seed)  # of the order of the clips
    head.fit(heard, said, batch, config.epochs, verbose=0)
    return head


def _embedded(audio: NDArray[np.int16], path: Path) -> Embeddings:
    """What the embedding says of clips ``[clips, numbers]``, computed once."""
    if not path.is_file():
        with written_whole(path) as part:
            np.save(part, _embed(audio))
    embedded: Embeddings = np.load(path)
    return embedded


def _embed(audio: NDArray[np.int16]) -> Embeddings:
    embedding = SpeechEmbedding()
    chunks = range(0, len(audio), _CHUNK_CLIPS)
    found = [
        embedding.embed_clips(audio[first : first + _CHUNK_CLIPS], _WINDOWS)
        for first in track(chunks, "embedding", len(chunks))
    ]
    return np.concatenate(found).reshape(len(audio), -1)


def _others(labels: tuple[str, ...]) -> list[int]:
    return [labels.index(name) for name in (SILENCE, UNKNOWN) if name in labels]
