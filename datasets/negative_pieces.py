# SPDX-License-Identifier: Apache-2.0
"""One source of negatives, unpacked, into pieces of ten minutes with a list of what lies where."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from kws.audio import SAMPLE_RATE_HZ, to_int16
from kws.datasets.negative_repeats import Unheard
from kws.errors import DatasetError

Side = Literal["training", "calibration", "report"]
Source = tuple[str, NDArray[np.float32]]
"""Name of a recording inside its source, and 16 kHz mono samples in -1..1."""

MANIFEST = "manifest.json"
_REPEATED = "repeated_hours"
_PIECE_S = 600
_GAP_S = 0.3
"""Silence between recordings: lines of a dialogue follow each other, but do not merge."""
_DECODED_AT_ONCE = 8
_G722_BITS_PER_S = 64_000
_SUFFIXES = (".ogg", ".wav", ".flac", ".opus", ".oga")


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one source of negatives holds of a kind."""

    name: str
    """Of its folder: a Debian package, or what it is in an archive."""
    side: Side
    kind: str
    """What a card calls it: acted speech, telephone prompts, letters, music, clatter."""
    language: str
    """ISO 639-1, ``-`` without speech, ``*`` for many."""
    licence: str
    folders: tuple[str, ...] = ("",)
    """Only recordings below paths that contain one of these."""
    notices: str = "usr/share/doc/*/copyright"
    """Where the source says its licence, as a pattern; the files are kept beside the audio."""

    @property
    def counts_once(self) -> bool:
        """Whether what repeats is left out: music by which false accepts are counted."""
        return self.side != "training" and "music" in self.kind


def place_of(part: Part, folder: Path) -> Path:
    """Return where a part lies in a folder of negatives."""
    return folder / part.side / part.name


def is_there(part: Part, folder: Path) -> bool:
    """Return whether a folder of negatives has all of a part, and as it is decoded today."""
    manifest = place_of(part, folder) / MANIFEST
    return manifest.is_file() and (not part.counts_once or f'"{_REPEATED}"' in manifest.read_text(encoding="utf-8"))


def write_part(part: Part, archive: Path, unpacked: Path, folder: Path) -> None:
    """Decode a part into ``SIDE/NAME``, which gets its name when it is whole.

    Parameters
    ----------
    part : Part
    archive : Path
        The file it came in, as published: its name and SHA-256 are noted.
    unpacked : Path
        What was in the archive.
    folder : Path
        Of the negatives.

    Raises
    ------
    DatasetError
        If there is no audio in it.
    """
    place = place_of(part, folder)
    growing = place.with_name(place.name + ".part")
    shutil.rmtree(growing, ignore_errors=True)
    growing.mkdir(parents=True)
    unheard = Unheard()
    recordings = _recordings(part, unpacked)
    seconds = _write_pieces(part.name, unheard.of(recordings) if part.counts_once else recordings, growing)
    if not seconds > 0.0:
        raise DatasetError(f"{part.name}: no audio found in {archive.name}; has the source changed?")
    for notice in unpacked.glob(part.notices):
        shutil.copy(notice, growing / "copyright")
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    manifest = {
        "package": archive.name.removesuffix(".deb"),
        "sha256": digest,
        "kind": part.kind,
        "language": part.language,
        "licence": part.licence,
        "hours": round(seconds / 3600.0, 3),
    }
    if part.counts_once:
        manifest[_REPEATED] = round(unheard.repeated_s / 3600.0, 3)
    (growing / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(place, ignore_errors=True)
    growing.rename(place)


def _write_pieces(name: str, recordings: Iterator[Source], folder: Path) -> float:
    """Put recordings one behind the other into files of ten minutes; return how many seconds there are."""
    gap = np.zeros(round(_GAP_S * SAMPLE_RATE_HZ), dtype=np.int16)
    rows: list[tuple[str, str, str, str]] = []
    held: list[NDArray[np.int16]] = []
    size = number = total = 0
    for source, samples in recordings:
        for start in range(0, samples.size, _PIECE_S * SAMPLE_RATE_HZ):
            piece = to_int16(samples[start : start + _PIECE_S * SAMPLE_RATE_HZ])
            if held and size + piece.size > _PIECE_S * SAMPLE_RATE_HZ:
                _write(held, folder / f"{name}-{number:03d}.flac")
                held, size, number = [], 0, number + 1
            begin, end = size / SAMPLE_RATE_HZ, (size + piece.size) / SAMPLE_RATE_HZ
            rows.append((f"{name}-{number:03d}.flac", f"{begin:.3f}", f"{end:.3f}", source))
            held += [piece, gap]
            size += piece.size + gap.size
            total += piece.size
    if held:
        _write(held, folder / f"{name}-{number:03d}.flac")
    with (folder / "parts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("file", "start_s", "end_s", "source"), *rows])
    return total / SAMPLE_RATE_HZ


def _write(parts: list[NDArray[np.int16]], path: Path) -> None:
    soundfile.write(path, np.concatenate(parts), SAMPLE_RATE_HZ, subtype="PCM_16")


def _recordings(part: Part, unpacked: Path) -> Iterator[Source]:
    paths = sorted(path for path in unpacked.rglob("*") if path.is_file())
    paths = [path for path in paths if any(folder in path.as_posix() for folder in part.folders)]
    for path in paths:
        if path.name == "queen.1c":
            yield from _queen_lines(path)
    audio = [path for path in paths if path.suffix.lower() in (*_SUFFIXES, ".g722")]
    with ThreadPoolExecutor(2) as pool:
        for start in range(0, len(audio), _DECODED_AT_ONCE):  # the pool would decode all before the first is written
            group = audio[start : start + _DECODED_AT_ONCE]
            for path, samples in zip(group, pool.map(_decode, group), strict=True):
                yield path.relative_to(unpacked).as_posix(), samples


def _decode(path: Path) -> NDArray[np.float32]:
    if path.suffix.lower() == ".g722":
        from G722 import G722  # extra [negatives]; the codec of wideband telephony, which libsndfile does not read

        return np.array(G722(SAMPLE_RATE_HZ, _G722_BITS_PER_S).decode(path.read_bytes()), dtype=np.float32) / 32768.0
    return _resampled(*soundfile.read(path, dtype="float32", always_2d=True))


def _queen_lines(path: Path) -> Iterator[Source]:
    """Lines of dialogue in the game's resource file: behind its head a table of name, bundle, offset, size."""
    data = path.read_bytes()
    (entries,) = struct.unpack_from(">H", data, 13)
    for entry in range(entries):
        name, _, offset, size = struct.unpack_from(">12sBII", data, 15 + 21 * entry)
        line = name.split(b"\0")[0].decode("ascii", "replace")
        if line.endswith(".SB"):
            recording = io.BytesIO(data[offset : offset + size])
            yield line.removesuffix(".SB"), _resampled(*soundfile.read(recording, dtype="float32", always_2d=True))


def _resampled(samples: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
    mono = np.ascontiguousarray(samples.mean(axis=1), dtype=np.float32)
    return mono if rate_hz == SAMPLE_RATE_HZ else soxr.resample(mono, rate_hz, SAMPLE_RATE_HZ)
