# SPDX-License-Identifier: Apache-2.0
"""Clips with label numbers, ready to be batched; made from Speech Commands here, from other sources elsewhere."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kws.audio import SAMPLE_RATE_HZ, read_audio
from kws.datasets import audio_cache
from kws.datasets.corpus import NOISE_FOR_TRAINING, Corpus, Split
from kws.errors import DatasetError
from kws.labels import SILENCE, UNKNOWN
from kws.training.clips.config import DataConfig


@dataclass(frozen=True, kw_only=True)
class ClipSet:
    """Labelled clips of equal length; ``audio`` may be memory-mapped and larger than what is used."""

    audio: NDArray[np.int16]
    """``[rows, clip_samples]``."""
    rows: NDArray[np.int64]
    """``[clips]``: the rows that belong to this set."""
    labels: NDArray[np.int64]
    """``[clips]``: label numbers."""
    words: tuple[str, ...]
    """``[clips]``: what was said, also where the label is only ``unknown``."""

    def __len__(self) -> int:
        """Return the number of clips."""
        return len(self.rows)

    def clips(self, positions: NDArray[np.int64] | slice = slice(None)) -> NDArray[np.int16]:
        """Audio ``[len(positions), clip_samples]`` of some of the clips, in memory."""
        return np.ascontiguousarray(self.audio[self.rows[positions]])


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """All a run learns from and is validated on."""

    labels: tuple[str, ...]
    training: ClipSet
    """Without silence clips: these are cut from the noise anew for every batch."""
    validation: ClipSet
    """With silence clips, if silence is a label."""
    noise: tuple[NDArray[np.int16], ...]
    """Recordings for mixing in; may be empty."""
    sha256: str
    """Names all samples behind the sets."""

    @property
    def digest(self) -> str:
        """Names what is learnt and judged: the samples, which of them are in which set, and as what."""
        total = hashlib.sha256(repr((self.sha256, self.labels)).encode())
        for clips in (self.training, self.validation):
            total.update(repr((clips.rows.tolist(), clips.labels.tolist(), clips.words)).encode())
        return total.hexdigest()


def clip_set(audio: NDArray[np.int16], words: Sequence[str], labels: Sequence[str]) -> ClipSet:
    """Make a set of all rows of ``audio``; words that are not labels become ``unknown``."""
    return _select(audio, np.arange(len(words)), words, labels)


def from_corpus(corpus: Corpus, config: DataConfig, *, cache: Path | None = None, seed: int = 0) -> TrainingData:
    """Training and validation data of a corpus with word labels, such as Speech Commands.

    Parameters
    ----------
    corpus : Corpus
        Opened by ``kws.datasets.speech_commands``.
    config : DataConfig
        Labels and proportions.
    cache : Path, optional
        Folder for decoded audio; default: ``kws.places.cache_folder()``.
    seed : int
        Of the silence clips in the validation set.

    Raises
    ------
    DatasetError
        If a label has no clips, or silence is a label and there is no noise recording.
    """
    _check_labels(corpus, config)
    clip_samples = config.clip_ms * SAMPLE_RATE_HZ // 1000
    decoded = audio_cache.load(corpus, clip_samples=clip_samples, folder=cache)
    noise = [read_audio(path) for path in corpus.noise]
    heard, kept_aside = split_noise(noise)
    validation = _of_split(corpus, decoded.samples, config, "validation")
    if SILENCE in config.labels:
        if not noise:
            raise DatasetError(f"{corpus.root}: silence is a label, and there is no background noise folder")
        count = num_silence_clips(len(validation), config.validation_silence_fraction)
        validation = with_silence(validation, kept_aside, count, config.labels, seed=seed)
    return TrainingData(
        labels=config.labels,
        training=_of_split(corpus, decoded.samples, config, "training"),
        validation=validation,
        noise=heard,
        sha256=_digest(decoded.sha256, noise),
    )


def official_test(corpus: Corpus, config: DataConfig, *, cache: Path | None = None) -> ClipSet:
    """Return the official testing split as far as the folder has it, without silence clips."""
    clip_samples = config.clip_ms * SAMPLE_RATE_HZ // 1000
    decoded = audio_cache.load(corpus, clip_samples=clip_samples, folder=cache)
    return _of_split(corpus, decoded.samples, config, "testing")


def split_noise(
    noise: Sequence[NDArray[np.int16]],
) -> tuple[tuple[NDArray[np.int16], ...], tuple[NDArray[np.int16], ...]]:
    """Cut every recording in two, so that validation hears no noise that training heard; nothing empty is left."""
    cuts = [int(recording.size * NOISE_FOR_TRAINING) for recording in noise]
    pairs = [(samples, cut) for samples, cut in zip(noise, cuts, strict=True) if cut]
    return tuple(samples[:cut] for samples, cut in pairs), tuple(samples[cut:] for samples, cut in pairs)


def num_silence_clips(num_others: int, fraction: float) -> int:
    """How many silence clips make up ``fraction`` of a set that has ``num_others`` other clips."""
    return round(num_others * fraction / (1.0 - fraction))


def with_silence(
    clips: ClipSet,
    noise: Sequence[NDArray[np.int16]],
    count: int,
    labels: Sequence[str],
    *,
    seed: int,
) -> ClipSet:
    """Append ``count`` noise-only clips at volumes uniform in 0..1, as the data set's author makes them."""
    rng = np.random.default_rng([seed, 0x51])
    samples = clips.audio.shape[1]
    usable = [recording for recording in noise if recording.size > samples]
    if not usable:
        raise DatasetError(f"background noise: expected a recording longer than {5 * samples} samples, got none")
    silence = np.empty((count, samples), np.int16)
    for row in silence:
        recording = usable[int(rng.integers(len(usable)))]
        start = rng.integers(recording.size - samples)
        row[:] = np.rint(recording[start : start + samples] * rng.uniform())
    return ClipSet(
        audio=np.concatenate([clips.clips(), silence]),
        rows=np.arange(len(clips) + count),
        labels=np.concatenate([clips.labels, np.full(count, labels.index(SILENCE))]),
        words=(*clips.words, *[SILENCE] * count),
    )


def _of_split(corpus: Corpus, audio: NDArray[np.int16], config: DataConfig, split: Split) -> ClipSet:
    rows = np.array(corpus.of_split(split), np.int64)
    return _select(audio, rows, [corpus.clips[row].word for row in rows], config.labels)


def _select(audio: NDArray[np.int16], rows: NDArray[np.int64], words: Sequence[str], labels: Sequence[str]) -> ClipSet:
    number = {label: index for index, label in enumerate(labels)}
    unknown = number.get(UNKNOWN)
    found = [number.get(word, unknown) for word in words]
    kept = [i for i, label in enumerate(found) if label is not None]
    return ClipSet(
        audio=audio,
        rows=rows[kept],
        labels=np.array([found[i] for i in kept], np.int64),
        words=tuple(words[i] for i in kept),
    )


def _check_labels(corpus: Corpus, config: DataConfig) -> None:
    """Refuse what cannot be learnt or validated, before anything is decoded."""
    spoken = set(config.labels) - {SILENCE, UNKNOWN}
    heard = {corpus.clips[row].word for row in corpus.of_split("training")}
    if missing := spoken - heard:
        raise DatasetError(
            f"{corpus.root}: no training clips for {', '.join(sorted(missing))}; "
            f"the folder has {', '.join(sorted(heard)) or 'none at all'}"
        )
    if not corpus.find(spoken, "validation"):
        raise DatasetError(
            f"{corpus.root}: no validation clips of any label; about one speaker in ten is kept for validation, "
            "so record more speakers, or name the splits in a manifest.csv"
        )


def _digest(clips_sha256: str, noise: Sequence[NDArray[np.int16]]) -> str:
    digest = hashlib.sha256(clips_sha256.encode())
    for recording in noise:
        digest.update(recording.tobytes())
    return digest.hexdigest()
