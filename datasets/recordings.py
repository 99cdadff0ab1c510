# SPDX-License-Identifier: Apache-2.0
"""The user's own takes of a word: folders of recordings, checked, trimmed to the word, a few held out."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kws.audio import SAMPLE_RATE_HZ, read_audio
from kws.audio_files import audio_in
from kws.datasets.copies import find_takes
from kws.endpoints import speech_bounds
from kws.errors import DatasetError, note
from kws.labels import fold, folder_name
from kws.phrases import counted

MANIFEST = "manifest.csv"
MANIFEST_COLUMNS = ("path", "label", "speaker", "recorded_utc", "num_samples", "peak_dbfs")
LONGEST_WORD_S = 2.5
SHORTEST_WORD_S = 0.1

_HELD_OUT_SHARE = 0.2
_FEWEST_TO_HOLD_OUT = 5
_MARGIN_SAMPLES = SAMPLE_RATE_HZ // 50


@dataclass(frozen=True, kw_only=True)
class Take:
    """One recording of one word, trimmed."""

    path: Path
    label: str
    samples: NDArray[np.int16] = field(repr=False)
    held_out: bool = False
    """Measures and never trains."""


def read_recordings(folder: Path, labels: Sequence[str]) -> list[Take]:
    """Read ``<folder>/<label>/*.wav`` (or FLAC); with a single label the files may lie in the folder itself.

    Other sample rates and channels are converted. A recording too long for a word is set aside, and named. None is
    held out yet, see `hold_out`.

    Parameters
    ----------
    folder : Path
    labels : sequence of str
        The words of the project; a folder's name may differ from its label in case, ``_`` for a space, Unicode form.

    Raises
    ------
    DatasetError
        If the folder is missing or empty, or a recording is silent, or all are too long for one word.
    AudioError
        If a recording cannot be read.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder; make one with: kws record {labels[0]!r} --out {folder}")
    takes: list[Take] = []
    for label in labels:
        paths = _takes_of(folder, label)
        if not paths and len(labels) == 1:
            paths = audio_in(folder)
        takes += as_takes(label, paths)
    if not takes:
        wanted = ", ".join(f"{folder_name(label)}/" for label in labels)
        raise DatasetError(f"{folder}: expected recordings in {wanted} and found none; see `kws record --help`")
    return takes


def as_takes(label: str, paths: Sequence[Path]) -> list[Take]:
    """Read recordings of one word, as `read_recordings` does.

    Raises
    ------
    DatasetError
        If one is silent, or all are too long for one word.
    """
    takes = [Take(path=path, label=label, samples=samples) for path in paths if (samples := _trimmed(path)) is not None]
    if paths and not takes:
        raise DatasetError(
            f"{paths[0].parent}: every recording of {label!r} is too long for one word; cut them to the word"
        )
    return takes


def hold_out(takes: Sequence[Take], labels: Sequence[str]) -> list[Take]:
    """Hold out one take in five of every label, chosen by name, from five takes on.

    Copies of a take (`kws.datasets.copies`) stay on its side, so all that was given has to be here.

    Parameters
    ----------
    takes : sequence of Take
        In any folder; those of other labels stay as they are.
    labels : sequence of str
    """
    sides = list(takes)
    for label in labels:
        places = [place for place, take in enumerate(takes) if take.label == label]
        originals = find_takes([takes[place].samples for place in places])
        held_out = _held_out([takes[place].path.name for place in places], originals)
        for place, original in zip(places, originals.tolist(), strict=True):
            sides[place] = replace(takes[place], held_out=original in held_out)
        if copies := int((originals != np.arange(len(places))).sum()):
            note(f"{label}: {counted(copies, 'recording')} hold a take that another holds too; they stay on its side")
    return sides


def digest(takes: Sequence[Take]) -> str:
    """Name some takes: what is said in each, on which side it is, and its samples."""
    total = hashlib.sha256()
    for take in takes:
        total.update(repr((take.label, take.held_out, take.samples.size)).encode() + take.samples.tobytes())
    return total.hexdigest()


def append_to_manifest(folder: Path, row: Sequence[str]) -> None:
    """Add one take to ``manifest.csv``, with the columns of `MANIFEST_COLUMNS`."""
    path = folder / MANIFEST
    is_new = not path.exists()
    try:
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            if is_new:
                writer.writerow(MANIFEST_COLUMNS)
            writer.writerow(row)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be written ({error.strerror}); choose another --out") from error


def trim(samples: NDArray[np.int16]) -> NDArray[np.int16]:
    """Cut a recording to its word and 20 ms around; empty when there is no word."""
    bounds = speech_bounds(samples)
    if bounds is None:
        return samples[:0]
    return samples[max(bounds[0] - _MARGIN_SAMPLES, 0) : bounds[1] + _MARGIN_SAMPLES]


def _takes_of(folder: Path, label: str) -> list[Path]:
    """Takes in every folder whose name is a spelling of the label."""
    places = sorted(place for place in folder.iterdir() if place.is_dir() and fold(place.name) == fold(label))
    return [path for place in places for path in audio_in(place)]


def _held_out(names: Sequence[str], originals: NDArray[np.int64]) -> set[int]:
    """One take in five, by its first recording; takes in the order of a hash of that one's name."""
    takes = sorted(set(originals.tolist()), key=lambda take: hashlib.sha1(os.fsencode(names[take])).hexdigest())
    return set(takes[: round(len(takes) * _HELD_OUT_SHARE)]) if len(takes) >= _FEWEST_TO_HOLD_OUT else set()


def _trimmed(path: Path) -> NDArray[np.int16] | None:
    """The word of a recording; None, and a line that says so, when there is more sound than a word."""
    word = trim(read_audio(path))
    seconds = word.size / SAMPLE_RATE_HZ
    if seconds < SHORTEST_WORD_S:
        raise DatasetError(f"{path}: expected a spoken word and found silence; record it again or leave it out")
    if seconds > LONGEST_WORD_S:
        note(
            f"{path}: set aside: expected one word of at most {LONGEST_WORD_S:g} s and found {seconds:.1f} s of sound; "
            "cut it to the word, or give it to --ambient if the word is not in it"
        )
        return None
    return word
