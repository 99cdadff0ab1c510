# SPDX-License-Identifier: Apache-2.0
"""Google Speech Commands (P. Warden, CC BY 4.0): find it, download it, split it as its author does.

Two layouts on disk are understood: the published archive (``<word>/*.wav``, ``_background_noise_/``) and a
folder with a ``manifest.csv`` (columns ``path,word,speaker,split``; WAV or FLAC) with the noise recordings in
``background_noise`` inside or beside it.

References
----------
P. Warden, "Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition", arXiv:1804.03209.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import cast, get_args

from kws.audio_files import audio_in, is_hidden
from kws.datasets.corpus import Clip, Corpus, Split
from kws.datasets.download import Archive, download, extract
from kws.errors import DatasetError
from kws.textfile import read_table

VALIDATION_PERCENT = 10.0
TESTING_PERCENT = 10.0

ARCHIVES = {
    "0.01": Archive(
        url="https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.01.tar.gz",
        checksum="sha256:743935421bb51cccdb6bdd152e04c5c70274e935c82119ad7faeec31780d811d",
    ),
    "0.02": Archive(
        url="https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
        checksum="sha256:af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
    ),
}
"""Published versions; the SHA-256 are those torchaudio and TensorFlow Datasets check against."""

_MAX_CLIPS_PER_WORD = 2**27 - 1
_NOISE_FOLDERS = ("_background_noise_", "background_noise")
_MANIFEST = "manifest.csv"
_OWN_FOLDERS = ("speech_commands", *(f"speech_commands_v{version}" for version in sorted(ARCHIVES, reverse=True)))
"""Names a copy has inside another folder, newest version first."""


def speaker_of(filename: str) -> str:
    """Return the speaker's hash: the part of a file name before ``_nohash_``."""
    return re.sub(r"_nohash_.*$", "", Path(filename).stem)


def which_set(
    filename: str,
    *,
    validation_percent: float = VALIDATION_PERCENT,
    testing_percent: float = TESTING_PERCENT,
) -> Split:
    """Return the official split of a clip: a hash of its speaker, so nobody is in two splits.

    Parameters
    ----------
    filename : str
        Name or path, such as ``yes/bb05582b_nohash_3.wav``.
    validation_percent, testing_percent : float
        Share of speakers in each; 10 and 10 are the data set's own.

    References
    ----------
    ``which_set`` in the README of the Speech Commands archive.
    """
    digest = int(hashlib.sha1(os.fsencode(speaker_of(filename)), usedforsecurity=False).hexdigest(), 16)
    percent = (digest % (_MAX_CLIPS_PER_WORD + 1)) * (100.0 / _MAX_CLIPS_PER_WORD)
    if percent < validation_percent:
        return "validation"
    if percent < validation_percent + testing_percent:
        return "testing"
    return "training"


def fetch(version: str, folder: Path) -> Corpus:
    """Download (resuming), verify and unpack a published version into ``folder``, then open it.

    Raises
    ------
    DatasetError
        If the version is unknown, the download fails or the archive is not the published one.
    """
    if version not in ARCHIVES:
        raise DatasetError(f"version: expected one of {', '.join(ARCHIVES)}, got {version!r}; use --version 0.02")
    unpacked = folder / f"speech_commands_v{version}"
    if not unpacked.exists():
        extract(download(ARCHIVES[version], folder), unpacked)
    return open_folder(unpacked)


def open_folder(folder: Path) -> Corpus:
    """Open a copy on disk, in either layout; ``folder`` may also be what ``fetch`` was given, or hold the copy
    as ``speech_commands``.

    Raises
    ------
    DatasetError
        If the folder is missing, or holds no clips in a known layout.
    """
    if not folder.is_dir():
        raise DatasetError(
            f"{folder}: no such folder; get the data with: kws dataset download speech_commands --out {folder}"
        )
    inside = [folder / name for name in _OWN_FOLDERS if (folder / name).is_dir()]
    folder = inside[0] if inside else folder
    clips = _from_manifest(folder) if (folder / _MANIFEST).is_file() else _from_archive(folder)
    if not clips:
        raise DatasetError(
            f"{folder}: expected Speech Commands (WORD/SPEAKER_nohash_N.wav or a {_MANIFEST}) and found "
            "no clips; name the folder that holds the word folders"
        )
    ordered = tuple(sorted(clips, key=lambda clip: clip.path.relative_to(folder).as_posix()))
    return Corpus(name="speech_commands", root=folder, clips=ordered, noise=_noise(folder))


def _from_archive(folder: Path) -> list[Clip]:
    """Every recording in a word's folder; in sets of one's own, a name without ``_nohash_`` is a speaker of its own."""
    return [
        Clip(path=path, word=path.parent.name, speaker=speaker_of(path.name), split=which_set(path.name))
        for place in sorted(folder.iterdir())
        if place.is_dir() and not is_hidden(place.relative_to(folder)) and place.name not in _NOISE_FOLDERS
        for path in audio_in(place)
    ]


def _from_manifest(folder: Path) -> list[Clip]:
    manifest = folder / _MANIFEST
    clips: dict[Path, Clip] = {}
    for line, row in read_table(manifest, ("path", "word", "speaker", "split"), DatasetError):
        clip = _manifest_row(manifest, line, row)
        if clip.path in clips:
            raise DatasetError(f"{manifest} line {line}: {row['path']} has a row already; keep one of them")
        clips[clip.path] = clip
    return list(clips.values())


def _manifest_row(manifest: Path, line: int, row: dict[str, str]) -> Clip:
    path = manifest.parent / row["path"]
    if row["split"] not in get_args(Split):
        raise DatasetError(
            f"{manifest} line {line}: expected a split of {', '.join(get_args(Split))}, got {row['split']!r}"
        )
    if not path.resolve().is_relative_to(manifest.parent.resolve()):
        raise DatasetError(f"{manifest} line {line}: {row['path']} leaves the folder; restore the file")
    if not path.is_file():
        raise DatasetError(f"{manifest} line {line}: {row['path']} is missing; the copy is incomplete, get it again")
    return Clip(path=path, word=row["word"], speaker=row["speaker"], split=cast(Split, row["split"]))


def _noise(folder: Path) -> tuple[Path, ...]:
    inside = [folder / name for name in _NOISE_FOLDERS]
    for place in (*inside, folder.parent / _NOISE_FOLDERS[1]):
        files = audio_in(place)
        if files:
            return tuple(files)
    return ()
