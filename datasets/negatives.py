# SPDX-License-Identifier: Apache-2.0
"""Hours of audio without the word: acted and read speech in several languages, music, clatter; Debian's packages.

A spotter that has never heard a film wakes at the television. These packages are games, telephone prompts and teaching
programs under free licences; every Debian-like machine can fetch them. Each package lies on one side for good: it
teaches, or it calibrates operating points, or it is reported on; a figure on report audio is on voices and music that
no choice has ever seen.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from kws import places
from kws.audio import SAMPLE_RATE_HZ, to_int16
from kws.errors import DatasetError

Side = Literal["training", "calibration", "report"]
OnPackage = Callable[[str], None]
Source = tuple[str, NDArray[np.float32]]
"""Name of a recording inside its package, and 16 kHz mono samples in -1..1."""

_PIECE_S = 600
_GAP_S = 0.3
"""Silence between recordings: lines of a dialogue follow each other, but do not merge."""
_G722_BITS_PER_S = 64_000
_SUFFIXES = (".ogg", ".wav", ".flac", ".opus", ".oga")
MANIFEST = "manifest.json"


@dataclass(frozen=True, kw_only=True)
class Package:
    """One Debian package and what is in it."""

    name: str
    side: Side
    kind: str
    """What a card calls it: acted speech, telephone prompts, letters, music, clatter."""
    language: str
    """ISO 639-1, ``-`` without speech, ``*`` for many."""
    licence: str
    folders: tuple[str, ...] = ("",)
    """Only recordings below paths that contain one of these."""


_ASTERISK = "CC BY-SA 3.0"

PACKAGES = (
    Package(name="flight-of-the-amazon-queen", side="training", kind="acted speech", language="en", licence="freeware"),
    Package(name="asterisk-core-sounds-fr-g722", side="training", kind="prompts", language="fr", licence=_ASTERISK),
    Package(name="asterisk-core-sounds-it-g722", side="training", kind="prompts", language="it", licence=_ASTERISK),
    Package(name="klettres-data", side="calibration", kind="letters", language="*", licence="GPL-2.0+"),
    Package(name="warzone2100-music", side="training", kind="music", language="-", licence="CC0 or GPL-2.0+"),
    Package(name="sonic-pi-samples", side="training", kind="clatter", language="-", licence="CC0"),
    Package(name="fillets-ng-data-cs", side="calibration", kind="acted speech", language="cs", licence="GPL-2.0+"),
    Package(name="asterisk-core-sounds-es-g722", side="calibration", kind="prompts", language="es", licence=_ASTERISK),
    Package(name="colobot-common-sounds", side="calibration", kind="music", language="-", licence="GPL-3.0+"),
    Package(
        name="hedgewars-data",
        side="calibration",
        kind="acted speech, music, clatter",
        language="*",
        licence="GPL-2.0, CC BY",
        folders=("Data/Sounds", "Data/Music"),
    ),
    Package(name="asterisk-core-sounds-en-g722", side="report", kind="prompts", language="en", licence=_ASTERISK),
    Package(name="planetblupi-music-ogg", side="report", kind="music", language="-", licence="GPL-3.0+"),
)  # fmt: skip
"""Licences as the packages' copyright files state them; those files are kept beside the audio."""


def fetch(folder: Path, *, packages: tuple[Package, ...] = PACKAGES, on_package: OnPackage | None = None) -> Path:
    """Download, unpack and decode the packages that are not there yet.

    Parameters
    ----------
    folder : Path
        Gets ``SIDE/PACKAGE/*.flac`` (16 kHz mono, ten minutes each at most), ``parts.csv`` (which recording lies where)
        and the package's ``copyright``.
    packages : tuple of Package
    on_package : callable, optional
        Told the name of each package before it is fetched.

    Returns
    -------
    Path
        ``folder``.

    Raises
    ------
    DatasetError
        If apt-get or dpkg-deb is missing, or a package cannot be fetched or holds no audio.
    """
    for package in packages:
        place = folder / package.side / package.name
        if (place / MANIFEST).is_file():
            continue
        if on_package is not None:
            on_package(package.name)
        with tempfile.TemporaryDirectory() as temporary:
            archive = _download(package.name, Path(temporary))
            unpacked = Path(temporary) / "x"
            _run(["dpkg-deb", "-x", str(archive), str(unpacked)], Path(temporary))
            _convert(package, archive, unpacked, place)
    return folder


def _download(name: str, folder: Path) -> Path:
    _run(["apt-get", "download", "-q", name], folder)
    archives = list(folder.glob("*.deb"))
    if len(archives) != 1:
        raise DatasetError(f"{name}: apt-get download left {len(archives)} packages, expected one")
    return archives[0]


def _run(command: list[str], folder: Path) -> None:
    if shutil.which(command[0]) is None:
        raise DatasetError(
            f"{command[0]} is not there: these negatives come out of Debian packages; on another system give folders "
            "of your own audio with --ambient (LibriSpeech, MUSAN, recorded television), or run this once in a Debian "
            "container and copy the folder"
        )
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise DatasetError(f"{' '.join(command[:3])} failed ({last}); run `apt-get update` once and try again")


def _convert(package: Package, archive: Path, unpacked: Path, place: Path) -> None:
    """Write everything into a folder that gets its name when it is whole."""
    part = place.with_name(place.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    seconds = _write_pieces(package.name, _recordings(package, unpacked), part)
    if not seconds > 0.0:
        raise DatasetError(f"{package.name}: no audio found in {archive.name}; has the package changed?")
    for notice in unpacked.glob("usr/share/doc/*/copyright"):
        shutil.copy(notice, part / "copyright")
    manifest = {
        "package": archive.name.removesuffix(".deb"),
        "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
        "kind": package.kind,
        "language": package.language,
        "licence": package.licence,
        "hours": round(seconds / 3600.0, 3),
    }
    (part / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(place, ignore_errors=True)
    part.rename(place)


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


def _recordings(package: Package, unpacked: Path) -> Iterator[Source]:
    paths = sorted(path for path in unpacked.rglob("*") if path.is_file())
    paths = [path for path in paths if any(folder in path.as_posix() for folder in package.folders)]
    for path in paths:
        if path.name == "queen.1c":
            yield from _queen_lines(path)
    audio = [path for path in paths if path.suffix.lower() in (*_SUFFIXES, ".g722")]
    with ThreadPoolExecutor(2) as pool:
        for path, samples in zip(audio, pool.map(_decode, audio), strict=True):
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


@dataclass(frozen=True, kw_only=True)
class Negatives:
    """What `fetch` left in a folder, by side and kind."""

    folder: Path
    files: dict[Side, dict[str, tuple[Path, ...]]]
    """Side -> kind (`Package.kind` with the language, where one is spoken) -> recordings."""
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
        files[side][kind] = (*files[side].get(kind, ()), *sorted(path.parent.glob("*.flac")))
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


def draw_pieces(negatives: Negatives, count: int, seconds: float, *, seed: int) -> list[NDArray[np.int16]]:
    """Cut pieces out of the training side, anywhere; the same ones for a seed."""
    rng = np.random.default_rng(seed)
    files, length = training_files(negatives), round(seconds * SAMPLE_RATE_HZ)
    pieces = []
    for path in rng.choice(np.array(files, dtype=object), count):
        frames = soundfile.info(path).frames
        start = int(rng.integers(max(frames - length, 0) + 1))
        pieces.append(soundfile.read(path, length, start, dtype="int16")[0])
    return pieces
