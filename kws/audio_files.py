# SPDX-License-Identifier: Apache-2.0
"""Which files are recordings: the same answer for every command, whatever else lies beside them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from kws.errors import AudioError, note
from kws.phrases import counted

AUDIO_SUFFIXES = frozenset(
    {".wav", ".wave", ".w64", ".rf64", ".flac", ".ogg", ".oga", ".opus", ".mp3"}
    | {".aiff", ".aif", ".aifc", ".au", ".snd", ".caf"}
)
"""What is taken from a folder: all that libsndfile reads and people record. A file given by name may have any name."""
UNREADABLE_SUFFIXES = frozenset({".m4a", ".m4b", ".mp4", ".aac", ".wma", ".amr", ".3gp", ".webm", ".mka", ".ape"})
"""Recordings that libsndfile cannot read: left out of folders, and counted aloud."""
HOW_TO_CONVERT = "convert it: ffmpeg -i IN -ar 16000 -ac 1 -sample_fmt s16 OUT.wav"
_LEFT_BY_MACOS = "__MACOSX"
_MOST_NAMED = 3


def find_audio(paths: Iterable[Path | str]) -> list[Path]:
    """List the recordings that files and folders name: files as given, folders searched deep and sorted.

    Folders that are links are entered. What macOS and others leave among recordings (hidden files, ``__MACOSX``, links
    to nothing) is skipped and counted aloud, and so are recordings in formats that cannot be read. What several paths
    name is listed once.

    Raises
    ------
    AudioError
        If a path does not exist or a folder holds no recording.
    """
    return [file for _, file in find_audio_by_root(paths)]


def find_audio_by_root(paths: Iterable[Path | str]) -> list[tuple[Path, Path]]:
    """List recordings as `find_audio` does, each with the path given that named it first."""
    found: list[tuple[Path, Path]] = []
    for path in map(Path, paths):
        if path.is_dir():
            found += [(path, file) for file in _in_folder(path, list(_walk(path)))]
        elif not path.exists():
            raise AudioError(f"{path}: no such file; check the path")
        else:
            found.append((path, path))
    first: dict[str, tuple[Path, Path]] = {}
    for root, file in found:
        first.setdefault(os.path.abspath(file), (root, file))
    if len(first) < len(found):
        note(f"{counted(len(found) - len(first), 'recording')} named more than once; each counts once")
    return list(first.values())


def audio_in(folder: Path) -> list[Path]:
    """List the recordings in a folder itself, sorted, skipping as `find_audio` does; a missing folder holds none."""
    return _sorted_out(folder, list(folder.iterdir()) if folder.is_dir() else [])


def _in_folder(folder: Path, files: list[Path]) -> list[Path]:
    inside = _sorted_out(folder, files)
    if not inside:
        others = sorted({file.suffix.lower() for file in files if file.suffix.lower() in UNREADABLE_SUFFIXES})
        what = f"only {' '.join(others)}, which cannot be read; {HOW_TO_CONVERT}" if others else "none"
        raise AudioError(f"{folder}: expected recordings ({' '.join(sorted(AUDIO_SUFFIXES))}) and found {what}")
    return inside


def _sorted_out(folder: Path, files: list[Path]) -> list[Path]:
    named = [file for file in files if file.suffix.lower() in AUDIO_SUFFIXES | UNREADABLE_SUFFIXES]
    visible = [file for file in named if not is_hidden(file.relative_to(folder))]
    there = [file for file in visible if file.exists()]
    readable = [file for file in there if file.suffix.lower() in AUDIO_SUFFIXES and file.is_file()]
    left_out = (
        ("hidden file", "hidden files", [file for file in named if is_hidden(file.relative_to(folder))]),
        ("link to nothing", "links to nothing", [file for file in visible if not file.exists()]),
        (
            "recording in a format that cannot be read",
            "recordings in formats that cannot be read",
            [file for file in there if file.suffix.lower() in UNREADABLE_SUFFIXES],
        ),
    )
    told = [f"{counted(len(those), one, more)} ({_first(those)})" for one, more, those in left_out if those]
    if told:
        note(f"{folder}: skipped {', '.join(told)}")
    return sorted(readable)


def _walk(folder: Path) -> Iterator[Path]:
    seen: set[str] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:  # a link back to a folder above
            folders.clear()
            continue
        seen.add(real)
        yield from (Path(place) / name for name in files)


def is_hidden(path: Path) -> bool:
    """Whether a path, relative to what was given, is none of the user's recordings by its name."""
    return any(part.startswith(".") or part == _LEFT_BY_MACOS for part in path.parts)


def _first(files: list[Path]) -> str:
    names = ", ".join(file.name for file in sorted(files)[:_MOST_NAMED])
    return names + (", ..." if len(files) > _MOST_NAMED else "")
