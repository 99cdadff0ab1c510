"""Takes of a word from a microphone: countdown, level, trim, keep or retake, manifest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kws import extras
from kws.audio import SAMPLE_RATE_HZ, to_int16, write_wav
from kws.datasets import recordings
from kws.errors import DatasetError, ToolMissingError
from kws.labels import folder_name

BLOCK_S = 0.05
"""The level is shown this often."""
CLIPPED_DBFS = -0.3
QUIET_DBFS = -40.0


class Microphone(Protocol):
    """Where samples come from."""

    def record(self, seconds: float, on_level: Callable[[float], None]) -> NDArray[np.int16]:
        """Record for some seconds at 16 kHz mono, telling the peak level in dBFS as it goes."""


class SoundDevice:
    """The computer's microphone, through PortAudio.

    Parameters
    ----------
    device : str, optional
        Name or number of an input; the system's default when omitted.

    Raises
    ------
    ToolMissingError
        If sounddevice or PortAudio is not installed.
    DatasetError
        If there is no such input.
    """

    def __init__(self, device: str | None = None) -> None:
        try:
            import sounddevice
        except ImportError as error:
            raise extras.not_installed("recording", "sounddevice") from error
        except OSError as error:
            raise ToolMissingError(f"recording: {error}; sudo apt-get install libportaudio2") from error
        self._library = sounddevice
        self._device = int(device) if device is not None and device.isdigit() else device
        try:
            sounddevice.check_input_settings(self._device, channels=1, samplerate=SAMPLE_RATE_HZ, dtype="float32")
        except (sounddevice.PortAudioError, ValueError) as error:
            raise DatasetError(
                f"no microphone to record from ({error}); connect one, or name an input with --device"
            ) from error

    def record(self, seconds: float, on_level: Callable[[float], None]) -> NDArray[np.int16]:
        """Record in blocks of 50 ms."""
        block = round(BLOCK_S * SAMPLE_RATE_HZ)
        blocks = []
        with self._library.InputStream(
            samplerate=SAMPLE_RATE_HZ, channels=1, dtype="float32", device=self._device, blocksize=block
        ) as stream:
            for _ in range(round(seconds / BLOCK_S)):
                samples, _overflowed = stream.read(block)
                blocks.append(to_int16(samples[:, 0]))
                on_level(peak_dbfs(blocks[-1]))
        return np.concatenate(blocks)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What is to be said of a take."""

    samples: NDArray[np.int16]
    """Trimmed; empty when there was no word."""
    level_dbfs: float
    problem: str
    """Why to record it again; empty when it is fine."""


def judge(recorded: NDArray[np.int16]) -> Verdict:
    """Trim a take and look for what makes it useless: silence, clipping, more than one word."""
    word = recordings.trim(recorded)
    seconds = word.size / SAMPLE_RATE_HZ
    level_dbfs = peak_dbfs(recorded)
    problem = ""
    if level_dbfs < QUIET_DBFS or seconds < recordings.SHORTEST_WORD_S:
        problem = "nothing was heard; speak closer to the microphone"
    elif level_dbfs > CLIPPED_DBFS:
        problem = "too loud: the samples are clipped; speak more softly or further away"
    elif seconds > recordings.LONGEST_WORD_S:
        problem = f"{seconds:.1f} s of sound; say the word once"
    return Verdict(samples=word, level_dbfs=level_dbfs, problem=problem)


def peak_dbfs(samples: NDArray[np.int16]) -> float:
    """Highest sample in dB of full scale; -100 for silence."""
    peak = int(np.abs(samples.astype(np.int32)).max(initial=0))
    return float(20.0 * np.log10(peak / 32768.0)) if peak else -100.0


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
