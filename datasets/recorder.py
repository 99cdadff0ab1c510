# SPDX-License-Identifier: Apache-2.0
"""Takes of a word from a microphone: countdown, level, trim, keep or retake, manifest."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kws.audio import SAMPLE_RATE_HZ, write_wav
from kws.datasets import recordings
from kws.errors import DatasetError
from kws.labels import folder_name
from kws.levels import peak_dbfs
from kws.microphone import Microphone

BLOCK_S = 0.05
"""The level is shown this often."""
CLIPPED_DBFS = -0.3
QUIET_DBFS = -40.0


class Takes(Protocol):
    """Where takes come from."""

    lost: bool
    """Whether audio of the last take was lost, because this computer did not fetch it in time."""

    def pause(self, seconds: float) -> None:
        """Let so much time pass before a take."""

    def record(self, seconds: float, on_level: Callable[[float], None]) -> NDArray[np.int16]:
        """Record for some seconds at 16 kHz mono, telling the peak level in dBFS as it goes."""


class MicrophoneTakes:
    """Takes from the computer's microphone.

    Parameters
    ----------
    device : str, optional
        Name or number of an input; the system's default when omitted.

    Raises
    ------
    ToolMissingError, AudioError
        As `kws.microphone.Microphone`.
    """

    def __init__(self, device: str | None = None) -> None:
        self._microphone = Microphone(SAMPLE_RATE_HZ, device)
        self.lost = False

    def pause(self, seconds: float) -> None:
        """Wait; the microphone is off."""
        time.sleep(seconds)

    def record(self, seconds: float, on_level: Callable[[float], None]) -> NDArray[np.int16]:
        """Record in blocks of 50 ms."""
        wanted = round(seconds * SAMPLE_RATE_HZ)
        blocks: list[NDArray[np.int16]] = []
        overflows = self._microphone.overflows
        for block in self._microphone.blocks(BLOCK_S):
            blocks.append(block)
            on_level(peak_dbfs(block))
            if sum(part.size for part in blocks) >= wanted:
                break
        self.lost = self._microphone.overflows > overflows
        return np.concatenate(blocks)[:wanted]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What is to be said of a take."""

    samples: NDArray[np.int16]
    """Trimmed; empty when there was no word."""
    level_dbfs: float
    problem: str
    """Why to record it again; empty when it is fine."""


def judge(recorded: NDArray[np.int16], *, lost: bool = False) -> Verdict:
    """Trim a take and look for what makes it useless: lost audio, silence, clipping, more than one word."""
    word = recordings.trim(recorded)
    seconds = word.size / SAMPLE_RATE_HZ
    level_dbfs = peak_dbfs(recorded)
    problem = ""
    if lost:
        problem = "audio was lost: this computer did not fetch it in time; close other programs"
    elif level_dbfs < QUIET_DBFS or seconds < recordings.SHORTEST_WORD_S:
        problem = "nothing was heard; speak closer to the microphone"
    elif level_dbfs > CLIPPED_DBFS:
        problem = "too loud: the samples are clipped; speak more softly or further away"
    elif seconds > recordings.LONGEST_WORD_S:
        problem = f"{seconds:.1f} s of sound; say the word once"
    return Verdict(samples=word, level_dbfs=level_dbfs, problem=problem)


def keep(verdict: Verdict, *, folder: Path, label: str, speaker: str) -> Path:
    """Write a take as ``<folder>/<label>/<speaker>_nohash_<n>.wav`` and add it to the manifest.

    Raises
    ------
    DatasetError
        If the folder cannot be written.
    """
    place = folder / folder_name(label)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatasetError(f"{folder}: cannot be written ({error.strerror}); choose another --out") from error
    number = 0
    while (path := place / f"{folder_name(speaker)}_nohash_{number}.wav").exists():
        number += 1
    write_wav(path, verdict.samples)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    relative = path.relative_to(folder).as_posix()
    row = (relative, label, speaker, now, str(verdict.samples.size), f"{verdict.level_dbfs:.1f}")
    recordings.append_to_manifest(folder, row)
    return path
