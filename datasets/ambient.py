# SPDX-License-Identifier: Apache-2.0
"""The user's negatives: long audio or folders of clips in which none of the words is said."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kws.audio import SAMPLE_RATE_HZ, read_audio
from kws.audio_files import find_audio
from kws.datasets.speech_commands import which_set

_GAP_SAMPLES = SAMPLE_RATE_HZ // 10
_LONG_RECORDING_S = 60.0
_TRAINING_SHARE = 0.75


@dataclass(frozen=True, kw_only=True)
class Ambient:
    """All of it, decoded; what trains and what validates is apart.

    A recording of a minute and more gives its first three quarters to training and the rest to validation; short
    ones go to one side whole, by speaker where the name has one (Speech Commands), by name otherwise.
    """

    training: NDArray[np.int16]
    """One stream; recordings are 0.1 s apart."""
    validation: NDArray[np.int16]
    sha256: str
    """Of all samples and the side each recording is on: names the data in the model card."""
    files: tuple[Path, ...] = ()

    @property
    def training_hours(self) -> float:
        """Audio that trains."""
        return self.training.size / SAMPLE_RATE_HZ / 3600.0

    @property
    def validation_hours(self) -> float:
        """Audio that only measures."""
        return self.validation.size / SAMPLE_RATE_HZ / 3600.0


def read_ambient(places: Sequence[Path]) -> Ambient:
    """Read files and folders of negatives.

    Raises
    ------
    AudioError
        If a place does not exist, holds no recording, or a recording cannot be read.
    """
    paths = find_audio(places)
    training: list[NDArray[np.int16]] = []
    validation: list[NDArray[np.int16]] = []
    digest = hashlib.sha256()
    with ThreadPoolExecutor() as pool:
        for path, samples in zip(paths, pool.map(read_audio, paths), strict=True):
            if samples.size >= _LONG_RECORDING_S * SAMPLE_RATE_HZ:
                sides = np.split(samples, [int(samples.size * _TRAINING_SHARE)])
            else:
                sides = [samples, samples[:0]] if which_set(path.name) == "training" else [samples[:0], samples]
            for side, piece in zip((training, validation), sides, strict=True):
                digest.update(f"{piece.size} ".encode() + piece.tobytes())
                side += [piece] if piece.size else []
    return Ambient(
        training=in_a_row(training),
        validation=in_a_row(validation),
        sha256=digest.hexdigest(),
        files=tuple(paths),
    )


def in_a_row(recordings: Sequence[NDArray[np.int16]]) -> NDArray[np.int16]:
    """Put recordings behind each other with 0.1 s of silence between, so that words do not merge."""
    gap = np.zeros(_GAP_SAMPLES, dtype=np.int16)
    parts = [part for recording in recordings for part in (recording, gap)]
    return np.concatenate([*parts, np.zeros(0, dtype=np.int16)])
