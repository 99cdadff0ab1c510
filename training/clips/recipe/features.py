# SPDX-License-Identifier: Apache-2.0
"""Augmented variants of every clip through the C front end, computed once and kept in the run's folder."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kws.features import Features, FeaturesConfig
from kws.files import open_array, written_whole
from kws.progress import track
from kws.training.augment.clips import ClipAcoustics
from kws.training.clips.recipe.sources import Source

_CHUNK_CLIPS = 256
_WORKERS = 2
_FEATURES_FILE = "variants.npy"
_CLIPS_FILE = "variants.npz"


@dataclass(frozen=True, kw_only=True)
class Variants:
    """Everything a batch is made of."""

    features: NDArray[np.int8]
    """``[1 + variants, clips, frames, num_features]``, memory-mapped; the first without augmentation."""
    labels: NDArray[np.int64]
    """``[clips]``."""
    weights: NDArray[np.float64]
    """``[clips]``: how likely each is drawn; sums to 1."""
    sources: NDArray[np.str_]
    """``[clips]``: name of the source each is from."""


def made(folder: Path) -> bool:
    """Whether ``folder`` holds all variants: the second of its files is written last."""
    return (folder / _CLIPS_FILE).is_file()


def load(folder: Path, shares: dict[str, float]) -> Variants:
    """Return the variants kept in ``folder``.

    Parameters
    ----------
    folder : Path
    shares : dict of str to float
        Share of a batch each source gets.
    """
    with np.load(folder / _CLIPS_FILE, allow_pickle=False) as file:
        share = np.array([shares[name] for name in file["sources"]])
        sources: NDArray[np.str_] = file["sources"][file["source"]]
        return Variants(
            features=np.load(folder / _FEATURES_FILE, mmap_mode="r"),
            labels=file["labels"],
            weights=file["weights"] * share[file["source"]],
            sources=sources,
        )


def compute(
    sources: Sequence[Source],
    acoustics: ClipAcoustics,
    features: FeaturesConfig,
    *,
    num_variants: int,
    seed: int,
    folder: Path,
) -> None:
    """Compute the variants and keep them in ``folder``.

    Parameters
    ----------
    sources : sequence of Source
    acoustics : ClipAcoustics
    features : FeaturesConfig
    num_variants : int
    seed : int
    folder : Path
    """
    with written_whole(folder / _FEATURES_FILE) as part:
        _augment(sources, acoustics, features, num_variants, seed, part)
    with written_whole(folder / _CLIPS_FILE) as part:
        np.savez(
            part,
            labels=np.concatenate([source.labels for source in sources]),
            weights=np.concatenate([source.weights() for source in sources]),
            source=np.repeat(np.arange(len(sources)), [len(source) for source in sources]),
            sources=np.array([source.name for source in sources]),
        )


def _augment(
    sources: Sequence[Source],
    acoustics: ClipAcoustics,
    config: FeaturesConfig,
    num_variants: int,
    seed: int,
    path: Path,
) -> None:
    jobs = _chunks(sources, num_variants)
    clips, samples = sum(map(len, sources)), sources[0].audio.shape[1]
    frames = 1 + (samples - config.window_samples) // config.hop_samples
    shape = (1 + num_variants, clips, frames, config.num_features)
    path.parent.mkdir(parents=True, exist_ok=True)
    store = open_array(path, np.int8, shape)

    def work(job: _Chunk) -> None:
        rng = np.random.default_rng([seed, 0xA0, job.variant, job.row])
        if job.source.name == "silence":
            audio = acoustics.silence(job.stop - job.start, samples, rng)
        elif job.variant == 0:
            audio = job.source.audio[job.start : job.stop]
        else:
            audio = acoustics.augment(job.source.audio[job.start : job.stop], rng)
        store[job.variant, job.row : job.row + len(audio)] = Features(config).compute_batch(audio)

    with ThreadPoolExecutor(_WORKERS) as pool:
        for _ in track(pool.map(work, jobs), "augmenting", len(jobs)):
            pass
    store.flush()


@dataclass(frozen=True, kw_only=True)
class _Chunk:
    """Some clips of one source in one variant."""

    source: Source
    variant: int
    start: int
    stop: int
    row: int
    """Of the first clip among all sources."""


def _chunks(sources: Sequence[Source], num_variants: int) -> list[_Chunk]:
    chunks, first = [], 0
    for source in sources:
        chunks += [
            _Chunk(
                source=source,
                variant=variant,
                start=start,
                stop=min(start + _CHUNK_CLIPS, len(source)),
                row=first + start,
            )
            for variant in range(1 + num_variants)
            for start in range(0, len(source), _CHUNK_CLIPS)
        ]
        first += len(source)
    return chunks
