# SPDX-License-Identifier: Apache-2.0
"""What a spotter woke at or missed where it is used, labelled by its user: the word was said, or it was not.

A folder per label, or ``labels.csv`` beside the recordings (columns ``path`` and ``label``). A label that is a word of
the project says that it was said; anything else (``no``, ``television``, ``unknown``) that it was not. So a folder of
``kws listen --save`` can be given once what was wrong has been moved out of the word's folder; its ``near_misses``
have no label yet and are left aside.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kws.audio import SAMPLE_RATE_HZ, read_audio
from kws.audio_files import audio_in
from kws.datasets.recordings import Take, as_takes
from kws.errors import DatasetError, note
from kws.labels import NEAR_MISSES, UNKNOWN, fold
from kws.phrases import counted
from kws.textfile import read_table

LABELS = "labels.csv"
_LONGEST_S = 4.0


def read_heard(folder: Path, words: Sequence[str]) -> list[Take]:
    """Read recordings that a user has labelled.

    Parameters
    ----------
    folder : Path
    words : sequence of str
        Of the project; case, Unicode form and ``_`` for a space do not matter.

    Returns
    -------
    list of Take
        With the word as label, trimmed; or ``unknown``, the last 4 s as they are: what it woke at lies at their end.
        None is held out yet, see `kws.datasets.recordings.hold_out`.

    Raises
    ------
    DatasetError
        If there is nothing, a file that ``labels.csv`` names is missing, or the table lacks a column.
    AudioError
        If a recording cannot be read.
    """
    labelled = _from_table(folder) if (folder / LABELS).is_file() else _from_folders(folder)
    if not labelled:
        raise DatasetError(
            f"{folder}: expected recordings in a folder per label, such as {words[0]!r} and 'no', or {LABELS} with the "
            "columns path and label; found none"
        )
    takes = [take for word in words for take in as_takes(word, [p for p, name in labelled if fold(name) == fold(word)])]
    spoken = {fold(word) for word in words}
    for path in (path for path, name in labelled if fold(name) not in spoken):
        samples = read_audio(path)[-round(_LONGEST_S * SAMPLE_RATE_HZ) :]
        takes.append(Take(path=path, label=UNKNOWN, samples=samples))
    return takes


def _from_folders(folder: Path) -> list[tuple[Path, str]]:
    places = sorted(place for place in folder.iterdir() if place.is_dir()) if folder.is_dir() else []
    found = [(path, place.name) for place in places for path in audio_in(place)]
    if aside := sum(name == NEAR_MISSES for _, name in found):
        note(f"{folder / NEAR_MISSES}: {counted(aside, 'recording')} without a label left aside; move them to one")
    return [(path, name) for path, name in found if name != NEAR_MISSES]


def _from_table(folder: Path) -> list[tuple[Path, str]]:
    labelled: dict[Path, str] = {}
    for line, row in read_table(folder / LABELS, ("path", "label"), DatasetError):
        path = folder / row["path"]
        if not path.is_file():
            raise DatasetError(
                f"{folder / LABELS} line {line}: {path} is not there; correct its path or take the row out"
            )
        if path in labelled:
            raise DatasetError(f"{folder / LABELS} line {line}: {path} has a label already; keep one row of it")
        labelled[path] = row["label"]
    return list(labelled.items())
