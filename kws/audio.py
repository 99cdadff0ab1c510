# SPDX-License-Identifier: Apache-2.0
"""Stage 1 of 5 on the host: recordings of any common format become 16 kHz mono int16 samples.

The rest of the package only ever sees ``int16 [num_samples]`` at the bundle's sample rate. A 16-bit mono file
at that rate is passed through bit for bit; everything else is averaged over its channels, resampled, rounded
and clamped, once, here.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import ArrayLike, NDArray

from kws.audio_files import HOW_TO_CONVERT
from kws.errors import AudioError, note
from kws.files import written_whole
from kws.wav_sizes import repaired, wrong_size

SAMPLE_RATE_HZ = 16_000
"""What the default front end listens to; a bundle may say otherwise."""

LOWEST_RATE_HZ = 4_000
LOWEST_SENSOR_RATE_HZ = 50
"""Of vibration sensors."""
HIGHEST_RATE_HZ = 768_000
"""Headers that say anything else lie: at 1 Hz, 8 kB would be an hour."""
FLOAT_LIMIT = 2.0
"""Floats are of full scale ±1.0; filters and codecs may overshoot, anything beyond this is another scale."""

Samples = NDArray[np.int16]
_Take = Callable[[NDArray[Any]], NDArray[Any]]
"""What is kept of a block ``[num_samples, channels]``, int16 or float64."""

_BLOCK_VALUES = 1 << 18
"""Read at a time, over all channels: no length in a header is believed before the samples are there."""
_UNKNOWN_FRAMES = 1 << 48
"""Where a stream does not say how long it is, libsndfile's length is larger than this."""
_LENGTH_SLACK = 0.02
"""MP3 headers may be off by this much."""
_NO_END_OF_STREAM = "lacks an end-of-stream bit"
_APPLE_DOUBLE = b"\x00\x05\x16\x07"
_FLOAT_SUBTYPES = ("FLOAT", "DOUBLE")


def read_audio(path: Path | str, *, sample_rate_hz: int = SAMPLE_RATE_HZ) -> Samples:
    """Read a recording as mono 16-bit samples at one sample rate.

    Parameters
    ----------
    path : path
        A file that libsndfile reads: WAV, FLAC, Ogg, MP3, AIFF. Sizes in its header that cannot be true are replaced
        by what is there, with a `KwsWarning`.
    sample_rate_hz : int
        Rate of the result; other rates are resampled (soxr, high quality).

    Returns
    -------
    numpy.ndarray
        int16 ``[num_samples]``, at least one sample; channels are averaged.

    Raises
    ------
    AudioError
        If the file is missing, empty or not audio; if its sample rate cannot be true; or if it holds floats that are
        not finite or not of full scale ±1.0.

    Examples
    --------
    >>> import kws
    >>> samples = kws.read_audio("examples/stream.flac")
    >>> samples.dtype, samples.shape
    (dtype('int16'), (80000,))
    """
    path = Path(path)
    mono, rate_hz = _read(path, _averaged, LOWEST_RATE_HZ)
    samples = _converted(mono, rate_hz, sample_rate_hz) if mono.size else mono
    return _not_empty(path, samples)


def read_channels(path: Path | str) -> tuple[Samples, int]:
    """Read a recording as it is: all its channels, at its own rate, which may be that of a vibration sensor.

    Parameters
    ----------
    path : path
        As `read_audio` takes it.

    Returns
    -------
    samples : int16 ``[num_samples, channels]``
        At least one sample.
    sample_rate_hz : int

    Raises
    ------
    AudioError
        As `read_audio` raises it; of rates, those below 50 Hz are refused.
    """
    path = Path(path)
    channels, rate_hz = _read(path, _side_by_side, LOWEST_SENSOR_RATE_HZ)
    samples = channels if channels.dtype == np.int16 else to_int16(channels)
    return _not_empty(path, samples), rate_hz


def _read(path: Path, take: _Take, lowest_rate_hz: int) -> tuple[NDArray[Any], int]:
    """Read a file block by block; returns what ``take`` makes of the blocks, and the sample rate."""
    _check_file(path)
    try:
        with _Forward(_source(path)) as file:
            rate_hz = _checked_rate(path, file.samplerate, lowest_rate_hz)
            samples = _read_blocks(path, file, take)
            _tell_if_short(path, file, len(samples))
    except AudioError:
        raise
    except (soundfile.SoundFileError, OSError, ValueError, RuntimeError, MemoryError) as error:
        what = str(error) or type(error).__name__
        raise AudioError(
            f"{path}: not readable as audio ({what}); give a WAV or FLAC file, or {HOW_TO_CONVERT}"
        ) from error
    return samples, rate_hz


def _not_empty(path: Path, samples: NDArray[Any]) -> NDArray[Any]:
    if samples.size == 0:
        raise AudioError(f"{path}: expected audio and got 0 samples; leave the file out or record it again")
    return samples


def _averaged(block: NDArray[Any]) -> NDArray[Any]:
    """Mono: int16 of a 16-bit mono file, else float64 of full scale ±1.0."""
    if block.dtype == np.int16 and block.shape[1] == 1:
        return block[:, 0]
    return np.asarray(block.mean(axis=1) / (32768.0 if block.dtype == np.int16 else 1.0))


def _side_by_side(block: NDArray[Any]) -> NDArray[Any]:
    """All channels as they are stored: int16, or float64 of full scale ±1.0."""
    return block


def _converted(mono: NDArray[Any], from_hz: int, to_hz: int) -> Samples:
    if mono.dtype != np.int16:
        return to_int16(resample(mono, from_hz=from_hz, to_hz=to_hz))
    return mono if from_hz == to_hz else to_int16(resample(mono / 32768.0, from_hz=from_hz, to_hz=to_hz))


def resample(samples: NDArray[np.float64], *, from_hz: int, to_hz: int) -> NDArray[np.float64]:
    """Resample float samples ``[num_samples]``; the same array when the rates are equal."""
    if from_hz == to_hz:
        return samples
    resampled: NDArray[np.float64] = soxr.resample(samples, from_hz, to_hz, quality="HQ")
    return resampled


def to_int16(samples: ArrayLike) -> Samples:
    """Turn float samples (full scale is ±1.0) into int16: round to nearest, clamp, never wrap or truncate."""
    scaled = np.rint(np.asarray(samples, dtype=np.float64) * 32768.0)
    return np.clip(scaled, -32768, 32767).astype(np.int16)


def write_wav(path: Path | str, samples: ArrayLike, *, sample_rate_hz: int = SAMPLE_RATE_HZ) -> None:
    """Write int16 ``[num_samples]`` as a 16-bit mono WAV file, as a whole or not at all.

    Raises
    ------
    AudioError
        If the samples are not int16 or the file cannot be written.
    """
    array = np.asarray(samples)
    if array.dtype != np.int16 or array.ndim != 1:
        raise AudioError(
            f"{path}: expected int16 [num_samples] and got {array.dtype} {list(array.shape)}; use to_int16"
        )
    try:
        with written_whole(Path(path)) as part:
            soundfile.write(part, array, sample_rate_hz, subtype="PCM_16", format="WAV")
    except (soundfile.SoundFileError, OSError) as error:
        raise AudioError(
            f"{path}: cannot be written ({error}); check the folder, its permissions and the room on its disk"
        ) from error


class _Forward(soundfile.SoundFile):  # type: ignore[misc]
    """A file that is read from its start to its end.

    soundfile seeks after each block in files that allow it, and fails where the length is unknown (FLAC from a pipe).
    """

    def seekable(self) -> bool:
        return False


def _check_file(path: Path) -> None:
    if not path.exists():
        raise AudioError(f"{path}: no such file; check the path")
    if path.is_dir():
        raise AudioError(f"{path}: expected a recording and got a folder; name the files in it")
    if not path.is_file():
        raise AudioError(f"{path}: expected a file and got a device or pipe; record it into a file first")
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError as error:
        raise AudioError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    if not head:
        raise AudioError(f"{path}: expected audio and got an empty file; leave it out or record it again")
    if head == _APPLE_DOUBLE:
        raise AudioError(f"{path}: expected audio and got what macOS keeps beside a file (AppleDouble); leave it out")


def _source(path: Path) -> Path | io.BytesIO:
    """What libsndfile is given: the file, or a copy in memory with the size that it has."""
    size = wrong_size(path)
    if size is None:
        return path
    note(
        f"{path}: its header promises {size.promised} bytes of audio and {size.available} are there (written to "
        "a pipe, or cut short); read what is there"
    )
    return io.BytesIO(repaired(path, size))


def _checked_rate(path: Path, rate_hz: int, lowest_rate_hz: int) -> int:
    if not lowest_rate_hz <= rate_hz <= HIGHEST_RATE_HZ:
        raise AudioError(
            f"{path}: expected a sample rate of {lowest_rate_hz} to {HIGHEST_RATE_HZ} Hz and its header says "
            f"{rate_hz}; export the file again"
        )
    return rate_hz


def _read_blocks(path: Path, file: soundfile.SoundFile, take: _Take) -> NDArray[Any]:
    """All samples, taken block by block."""
    as_stored = file.subtype == "PCM_16"
    is_float = file.subtype in _FLOAT_SUBTYPES
    block_frames = max(1, _BLOCK_VALUES // file.channels)
    blocks: list[NDArray[Any]] = []
    beyond = 0
    while True:
        block = file.read(block_frames, dtype="int16" if as_stored else "float64", always_2d=True)
        if is_float:
            beyond += _check_floats(path, block)
        blocks.append(take(block))
        if len(block) < block_frames:
            break
    if beyond:
        note(f"{path}: {beyond} values lie beyond full scale and are clipped; export it at a lower level")
    return np.ascontiguousarray(np.concatenate(blocks))


def _tell_if_short(path: Path, file: soundfile.SoundFile, num_samples: int) -> None:
    """Say that a file is shorter than it should be: its header, or libsndfile's notes on it, tell."""
    missing = file.frames < _UNKNOWN_FRAMES and num_samples < (1.0 - _LENGTH_SLACK) * file.frames
    shorter = any(int(said) > int(there) for said, there in re.findall(r"(\d+) \(should be (\d+)\)", file.extra_info))
    if missing or (file.format not in ("WAV", "WAVEX") and (shorter or _NO_END_OF_STREAM in file.extra_info)):
        note(f"{path}: shorter than its header says (cut short, or still being written); read what is there")


def _check_floats(path: Path, block: NDArray[np.float64]) -> int:
    """Refuse what is no float audio; returns how many values lie beyond full scale."""
    if not np.isfinite(block).all():
        raise AudioError(f"{path}: expected finite sample values and got NaN or infinity; export the file again")
    peak = float(np.abs(block).max(initial=0.0))
    if peak > FLOAT_LIMIT:
        raise AudioError(
            f"{path}: expected float samples from -1 to 1 and got up to {peak:g}: integers saved as floats? "
            "Save them as 16-bit integers, or divide them by 32768"
        )
    return int((np.abs(block) > 1.0).sum())
