# SPDX-License-Identifier: Apache-2.0
"""What the user gives beside the phrase: own takes of it, and audio in which it is not said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from kws.datasets import recordings
from kws.datasets.ambient import Ambient, read_ambient
from rich.console import Console


@dataclass(frozen=True, kw_only=True)
class Given:
    """Takes and negatives, read."""

    takes: tuple[recordings.Take, ...]
    ambient: Ambient

    @property
    def sha256(self) -> tuple[str, str]:
        """Of the takes and of the negatives: names both for stages that depend on them."""
        return recordings.digest(self.takes), self.ambient.sha256

    def to_dict(self) -> dict[str, Any]:
        """What a bundle's metadata say of it."""
        takes_sha256, ambient_sha256 = self.sha256
        return {
            "recordings": {"takes": len(self.takes), "sha256": takes_sha256},
            "ambient": {
                "files": self.ambient.num_files,
                "training_hours": round(self.ambient.training_hours, 4),
                "validation_hours": round(self.ambient.validation_hours, 4),
                "sha256": ambient_sha256,
            },
        }


def read_given(folder: Path | None, words: Sequence[str], ambient_places: Sequence[Path], console: Console) -> Given:
    """Read both, as far as they were given.

    Parameters
    ----------
    folder : Path or None
        The user's takes, ``<label>/*.wav`` or ``.flac``.
    words : sequence of str
        Labels to look for in it.
    ambient_places : sequence of Path
        Files and folders of negatives.
    console : rich.console.Console
        Is told how much there is.

    Raises
    ------
    AudioError, DatasetError
        If something named is missing, empty or cannot be read.
    """
    takes: tuple[recordings.Take, ...] = ()
    if folder is not None:
        takes = tuple(recordings.read_recordings(folder, list(words)))
        held_out = sum(take.held_out for take in takes)
        console.print(f"recordings: {len(takes)} takes, {held_out} of them held out")
    nothing = np.zeros(0, dtype=np.int16)
    ambient = Ambient(training=nothing, validation=nothing, sha256="", num_files=0)
    if ambient_places:
        ambient = read_ambient(ambient_places)
        console.print(
            f"ambient: {ambient.num_files} files, {ambient.training_hours:.2f} h to learn from, "
            f"{ambient.validation_hours:.2f} h to measure on"
        )
    return Given(takes=takes, ambient=ambient)
