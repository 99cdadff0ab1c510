# SPDX-License-Identifier: Apache-2.0
"""A corpus decoded once: all clips as rows of one int16 file that is mapped, not read, on every later run."""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kws import places
from kws.audio import read_audio
from kws.datasets.corpus import Corpus
from kws.errors import DatasetError
from kws.files import open_array, written_whole
from kws.progress import track

_WORKERS = 2


@dataclass(frozen=True, kw_only=True)
class CachedAudio:
    """Decoded clips of a corpus, row for row."""

    samples: NDArray[np.int16]
    """``[clips, clip_samples]``: cut at the end when longer, zeros at the end when shorter."""
    sha256: str
    """Of all samples: names the data in a bundle's provenance."""


def load(corpus: Corpus, *, clip_samples: int, folder: Path | None = None) -> CachedAudio:
    """Decode a corpus, or map the result of the last time if no file changed since.

    Parameters
    ----------
    corpus : Corpus
        Its clips, in its order, become the rows.
    clip_samples : int
        Row length.
    folder : Path, optional
        Where decoded audio is kept; default: ``kws.places.cache_folder()``.

    Raises
    ------
    DatasetError
        If the folder cannot be written.
    AudioError
        If a clip cannot be read.
    """
    folder = folder or places.cache_folder()
    stem = folder / f"{corpus.name}-{_key(corpus, clip_samples)}"
    array_path, info_path = stem.with_suffix(".npy"), stem.with_suffix(".json")
    if not info_path.exists():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _decode(corpus, clip_samples, array_path, info_path)
        except OSError as error:
            raise DatasetError(
                f"{folder}: decoded audio cannot be kept there ({error}); set KWS_CACHE to a folder with room"
            ) from error
    info = json.loads(info_path.read_text())
    return CachedAudio(samples=np.load(array_path, mmap_mode="r"), sha256=info["sha256"])


def _key(corpus: Corpus, clip_samples: int) -> str:
    digest = hashlib.sha256(f"{clip_samples}".encode())
    for clip in corpus.clips:
        status = clip.path.stat()
        digest.update(os.fsencode(clip.path) + f"\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _decode(corpus: Corpus, clip_samples: int, array_path: Path, info_path: Path) -> None:
    """Write the array first and the info last: the info's presence says that the array is whole."""
    digest = hashlib.sha256()
    shape = (len(corpus.clips), clip_samples)
    paths = [clip.path for clip in corpus.clips]
    with written_whole(array_path) as part, ThreadPoolExecutor(_WORKERS) as pool:
        rows = open_array(part, np.int16, shape)
        decoded = track(pool.map(read_audio, paths), f"decoding {corpus.name}", len(paths))
        for row, samples in enumerate(decoded):
            kept = min(samples.size, clip_samples)
            rows[row, :kept] = samples[:kept]
            digest.update(rows[row].tobytes())
        rows.flush()
        del rows
    with written_whole(info_path) as part:
        part.write_text(json.dumps({"sha256": digest.hexdigest(), "clips": len(paths)}) + "\n")
