# SPDX-License-Identifier: Apache-2.0
"""Hours of audio without the word: acted and read speech in several languages, music, clatter.

A spotter that has never heard a film wakes at the television. Each source lies on one side for good: it teaches, or it
calibrates operating points, or it is reported on; a figure on report audio is on voices and music that no choice has
ever seen. Debian's packages (`negative_packages`) or published corpora (`negative_corpora`) fill the folder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from kws import places
from kws.audio import SAMPLE_RATE_HZ
from kws.datasets.negative_pieces import MANIFEST, Side
from kws.errors import DatasetError


@dataclass(frozen=True, kw_only=True)
class Negatives:
    """What a folder of negatives holds, by side and kind."""

    folder: Path
    files: dict[Side, dict[str, tuple[Path, ...]]]
    """Side -> kind (`Part.kind` with the language, where one is spoken) -> recordings."""
    hours: dict[Side, float]
    sha256: str
    """Of the packages: names the data."""

    def to_json(self) -> dict[str, Any]:
        """What they are, for the metadata of a bundle."""
        return {"sha256": self.sha256, "hours": {side: round(value, 3) for side, value in self.hours.items()}}

    def __str__(self) -> str:
        hours = ", ".join(f"{value:.1f} h {side}" for side, value in self.hours.items())
        return f"{self.folder} ({hours})"


def default_folder() -> Path:
    """Where `kws dataset download negatives` puts them and `kws wakeword` and `kws calibrate` look for them."""
    return places.cache_folder() / "negatives"


def open_folder(folder: Path) -> Negatives:
    """Return what a folder holds.

    Raises
    ------
    DatasetError
        If there is nothing in it, or a manifest cannot be read.
    """
    sides: tuple[Side, ...] = ("training", "calibration", "report")
    files: dict[Side, dict[str, tuple[Path, ...]]] = {side: {} for side in sides}
    hours: dict[Side, float] = dict.fromkeys(sides, 0.0)
    digest = hashlib.sha256()
    for path in sorted(folder.glob(f"*/*/{MANIFEST}")):
        side = next((side for side in sides if side == path.parts[-3]), None)
        if side is None:
            continue
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
            language, hours_here = str(manifest["language"]), float(manifest["hours"])
            kind = str(manifest["kind"]) + (f" ({language})" if language not in "-*" else "")
            digest.update(f"{side} {manifest['sha256']}\n".encode())
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DatasetError(f"{path}: cannot be read ({error}); delete its folder and download again") from error
        recordings = sorted(path.parent.glob("*.flac"))
        if not recordings:
            raise DatasetError(f"{path.parent}: its recordings are gone; delete the folder and download again")
        files[side][kind] = (*files[side].get(kind, ()), *recordings)
        hours[side] += hours_here
    if not any(files.values()):
        raise DatasetError(
            f"{folder}: no negatives there; expected what `kws dataset download negatives --out FOLDER` leaves"
        )
    return Negatives(folder=folder, files=files, hours=hours, sha256=digest.hexdigest())


def find(folder: Path | None) -> Negatives | None:
    """Open a folder, or the default one when there is something in it."""
    if folder is not None:
        return open_folder(folder)
    return open_folder(default_folder()) if any(default_folder().glob(f"*/*/{MANIFEST}")) else None


def training_files(negatives: Negatives) -> list[Path]:
    """Recordings of the training side in the order in which they are heard."""
    return [path for kind in sorted(negatives.files["training"]) for path in negatives.files["training"][kind]]


def spoken_files(negatives: Negatives) -> list[Path]:
    """Of `training_files` those in which a language is spoken."""
    kinds = negatives.files["training"]
    return [path for kind in sorted(kinds) if kind.endswith(")") for path in kinds[kind]]


def draw_pieces(files: Sequence[Path], count: int, seconds: float, *, seed: int) -> list[NDArray[np.int16]]:
    """Cut pieces out of recordings, anywhere; the same ones for a seed, none out of none.

    Raises
    ------
    DatasetError
        If a recording cannot be read.
    """
    rng, length = np.random.default_rng(seed), round(seconds * SAMPLE_RATE_HZ)
    if not files:
        return []
    pieces = []
    for path in rng.choice(np.array(files, dtype=object), count):
        try:
            frames = soundfile.info(path).frames
            start = int(rng.integers(max(frames - length, 0) + 1))
            pieces.append(soundfile.read(path, length, start, dtype="int16")[0])
        except (soundfile.SoundFileError, OSError) as error:
            raise DatasetError(
                f"{path}: cannot be read ({error}); delete the folder it is in and download again"
            ) from error
    return pieces
