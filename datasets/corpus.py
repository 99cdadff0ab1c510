# SPDX-License-Identifier: Apache-2.0
"""What every data set looks like to training: a list of spoken words with speaker and split, and noise."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SILENCE_SHARE = 0.07
"""Share of silence clips in a validation set that has them, as in the 12-label task."""
NOISE_FOR_TRAINING = 0.8
"""Share of each noise recording, from its start, that training may hear; silence to measure on is cut from the rest."""

Split = Literal["training", "validation", "testing"]


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One recording of one word."""

    path: Path
    word: str
    speaker: str
    split: Split


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """Clips in a fixed order (sorted by path), so that row numbers mean the same in every run."""

    name: str
    root: Path
    clips: tuple[Clip, ...]
    noise: tuple[Path, ...]
    """Long recordings without speech."""

    def of_split(self, split: Split) -> list[int]:
        """Row numbers of the clips of one split."""
        return [row for row, clip in enumerate(self.clips) if clip.split == split]

    def words(self) -> list[str]:
        """All words, sorted."""
        return sorted({clip.word for clip in self.clips})

    def find(self, words: Iterable[str], split: Split) -> list[int]:
        """Row numbers of the clips of some words in one split."""
        wanted = set(words)
        return [row for row in self.of_split(split) if self.clips[row].word in wanted]
