"""Stage 1 of 5 on the host: recordings of any common format become 16 kHz mono int16 samples.

The rest of the package only ever sees ``int16 [num_samples]`` at the bundle's sample rate. A 16-bit mono file
at that rate is passed through bit for bit; everything else is averaged over its channels, resampled, rounded
and clamped, once, here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import ArrayLike, NDArray

from kws.errors import AudioError

SAMPLE_RATE_HZ = 16_000
"""What the default front end listens to; a bundle may say otherwise."""

AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".aiff", ".aif"})
"""What ``find_audio`` takes from a folder; a file named explicitly may have any name."""

Samples = NDArray[np.int16]

_WHAT_TO_DO = "give a WAV or FLAC file, or convert it: ffmpeg -i IN -ar 16000 -ac 1 -sample_fmt s16 OUT.wav"
_UNKNOWN_SIZE = (0, 0xFFFFFFFF)
"""Data sizes that programs writing WAV to a pipe leave in the header."""


def read_audio(path: Path | str, *, sample_rate_hz: int = SAMPLE_RATE_HZ) -> Samples:
    """Read a recording as mono 16-bit samples at one sample rate.

    Parameters
    ----------
    path : path
        A file that libsndfile reads: WAV, FLAC, Ogg, AIFF.
    sample_rate_hz : int
        Rate of the result; other rates are resampled (soxr, high quality).

    Returns
    -------
    numpy.ndarray
        int16 ``[num_samples]``, at least one sample; channels are averaged.

    Raises
    ------
    AudioError
        If the file is missing, empty, truncated, not audio, or holds values that are not finite.

    Examples
    --------
    >>> import kws
    >>> samples = kws.read_audio("examples/stream.flac")
    >>> samples.dtype, samples.shape
    (dtype('int16'), (80000,))
    """
    path = Path(path)
    _check_file(path)
    try:
        with soundfile.SoundFile(path) as file:
            declared_frames, rate_hz = file.frames, file.samplerate
            as_stored = file.subtype == "PCM_16"
            samples = file.read(dtype="int16" if as_stored else "float64", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        raise AudioError(f"{path}: not readable as audio ({error}); {_WHAT_TO_DO}") from error
    if len(samples) < declared_frames:
        raise AudioError(
            f"{path}: truncated, expected {declared_frames} samples and got {len(samples)}; fetch the file again"
        )
    if samples.size == 0:
        raise AudioError(f"{path}: expected audio and got 0 samples; leave the file out or record it again")
    if as_stored and samples.shape[1] == 1 and rate_hz == sample_rate_hz:
        return np.ascontiguousarray(samples[:, 0])
    mono = samples.mean(axis=1) / (32768.0 if as_stored else 1.0)
    if not np.isfinite(mono).all():
        raise AudioError(f"{path}: expected finite sample values and got NaN or infinity; export the file again")
    return to_int16(resample(mono, from_hz=rate_hz, to_hz=sample_rate_hz))


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
    """Write int16 ``[num_samples]`` as a 16-bit mono WAV file.

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
        soundfile.write(path, array, sample_rate_hz, subtype="PCM_16", format="WAV")
    except (soundfile.SoundFileError, OSError) as error:
        raise AudioError(f"{path}: cannot be written ({error}); check the folder and its permissions") from error


def find_audio(paths: Iterable[Path | str]) -> list[Path]:
    """List the recordings that files and folders name: files as given, folders searched deep and sorted.

    Raises
    ------
    AudioError
        If a path does not exist or a folder holds no recording.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if not path.is_dir():
            _check_file(path)
            found.append(path)
            continue
        inside = sorted(file for file in path.rglob("*") if file.suffix.lower() in AUDIO_SUFFIXES)
        if not inside:
            endings = " ".join(sorted(AUDIO_SUFFIXES))
            raise AudioError(f"{path}: expected recordings ({endings}) in this folder and found none")
        found.extend(inside)
    return found


def _check_file(path: Path) -> None:
    if not path.exists():
        raise AudioError(f"{path}: no such file; check the path")
    if path.is_dir():
        raise AudioError(f"{path}: expected a recording and got a folder; name the files in it")
    if path.stat().st_size == 0:
        raise AudioError(f"{path}: expected audio and got an empty file; leave it out or record it again")
    _check_wav_is_whole(path)


def _check_wav_is_whole(path: Path) -> None:
    """Refuse a RIFF file shorter than its own data chunk: libsndfile would silently read what is left."""
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        if file.read(4) != b"RIFF":
            return
        position = 12
        while position + 8 <= size_bytes:
            file.seek(position)
            chunk, chunk_bytes = struct.unpack("<4sI", file.read(8))
            if chunk == b"data":
                available = size_bytes - position - 8
                if chunk_bytes not in _UNKNOWN_SIZE and available < chunk_bytes:
                    raise AudioError(
                        f"{path}: truncated, its header promises {chunk_bytes} bytes of audio and "
                        f"{available} are there; fetch or record the file again"
                    )
                return
            position += 8 + chunk_bytes + chunk_bytes % 2
