# SPDX-License-Identifier: Apache-2.0
"""What the user gives beside the phrase: own takes of it, and audio in which it is not said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from kws.datasets import heard, recordings
from kws.datasets.ambient import Ambient, in_a_row, read_ambient
from kws.datasets.negatives import Negatives, draw_pieces, spoken_files, training_files
from kws.datasets.negatives import find as find_negatives
from kws.errors import DatasetError
from kws.training.wakeword.babble import CROWD_S

_BACKGROUND_PIECES, _BACKGROUND_S = 120, 10.0
"""Of the fetched negatives, to be heard behind words."""
_SPEECH_PIECES = 150


@dataclass(frozen=True, kw_only=True)
class Given:
    """Takes and negatives, read."""

    takes: tuple[recordings.Take, ...]
    ambient: Ambient
    negatives: Negatives | None
    """Hours of other audio that were fetched before."""

    @property
    def sha256(self) -> tuple[str, ...]:
        """Of the takes and of the negatives: names all for stages that depend on them."""
        fetched = (self.negatives.sha256,) if self.negatives is not None else ()
        return recordings.digest(self.takes), self.ambient.sha256, *fetched

    def backgrounds(self, seed: int) -> NDArray[np.int16]:
        """What may be heard behind training scenes: the user's own negatives, and pieces of the fetched ones."""
        if self.negatives is None:
            return self.ambient.training
        pieces = draw_pieces(training_files(self.negatives), _BACKGROUND_PIECES, _BACKGROUND_S, seed=seed)
        return in_a_row([self.ambient.training, *pieces])

    def speech(self, seed: int) -> list[NDArray[np.int16]]:
        """Pieces of the fetched negatives in which somebody speaks."""
        if self.negatives is None:
            return []
        return draw_pieces(spoken_files(self.negatives), _SPEECH_PIECES, CROWD_S, seed=seed)

    def to_dict(self) -> dict[str, Any]:
        """What a bundle's metadata say of it."""
        takes_sha256, ambient_sha256 = self.sha256[:2]
        return {
            "recordings": {"takes": len(self.takes), "sha256": takes_sha256},
            "ambient": {
                "files": len(self.ambient.files),
                "training_hours": round(self.ambient.training_hours, 4),
                "validation_hours": round(self.ambient.validation_hours, 4),
                "sha256": ambient_sha256,
            },
            **({} if self.negatives is None else {"negatives": self.negatives.to_json()}),
        }


def read_given(
    folder: Path | None,
    heard_folder: Path | None,
    words: Sequence[str],
    ambient_places: Sequence[Path],
    negatives_folder: Path | None,
    console: Console,
) -> Given:
    """Read all, as far as they were given.

    Parameters
    ----------
    folder : Path or None
        The user's takes, ``<label>/*.wav`` or ``.flac``.
    heard_folder : Path or None
        What it woke at or missed before, labelled.
    words : sequence of str
        Labels to look for in it.
    ambient_places : sequence of Path
        Files and folders of negatives.
    negatives_folder : Path or None
        What ``kws dataset download negatives`` left; where that puts them, if there are some, when None.
    console : rich.console.Console
        Is told how much there is.

    Raises
    ------
    AudioError, DatasetError
        If something named is missing, empty or cannot be read, or a take of a word is given as ambient audio too.
    """
    takes: list[recordings.Take] = []
    if folder is not None:
        takes = recordings.read_recordings(folder, words)
        counts = (f"{sum(take.label == word for take in takes) or 'none'} of {word!r}" for word in words)
        console.print(f"recordings: {', '.join(counts)}", highlight=False)
    if heard_folder is not None:
        labelled = heard.read_heard(heard_folder, words)
        takes += labelled
        said = sum(take.label in words for take in labelled)
        console.print(f"heard before: {said} recordings with the word, {len(labelled) - said} without")
    takes = recordings.hold_out(takes, words)
    if takes:
        console.print(f"held out of these: {sum(take.held_out for take in takes)}")
    nothing = np.zeros(0, dtype=np.int16)
    ambient = Ambient(training=nothing, validation=nothing, sha256="")
    if ambient_places:
        ambient = read_ambient(ambient_places)
        _refuse_words([take for take in takes if take.label in words], ambient)
        console.print(
            f"ambient: {len(ambient.files)} files, {ambient.training_hours:.2f} h to learn from, "
            f"{ambient.validation_hours:.2f} h to measure on"
        )
    negatives = find_negatives(negatives_folder)
    console.print(
        f"negatives: {negatives}"
        if negatives is not None
        else "[yellow]negatives: none, so it never hears films or music, and its operating points are estimates; "
        "`kws dataset download negatives` fetches 19 hours once (520 MB)[/]",
        highlight=False,
    )
    return Given(takes=tuple(takes), ambient=ambient, negatives=negatives)


def _refuse_words(takes: Sequence[recordings.Take], ambient: Ambient) -> None:
    """Refuse takes that would teach to wake and not to wake."""
    apart = {path.resolve() for path in ambient.files}
    if both := [take for take in takes if take.path.resolve() in apart]:
        raise DatasetError(
            f"--ambient: {both[0].path} is a take of {both[0].label!r}, and so are {len(both) - 1} more; ambient audio "
            "is what the word is not said in, so leave their folder out"
        )
