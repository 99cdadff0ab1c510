# SPDX-License-Identifier: Apache-2.0
"""Recordings with bytes changed: each is read, or refused in one sentence, with little memory and in little time.

The tests run a few hundred; ``python tests/fuzz_audio.py --files 100000`` runs as many as wanted.
"""

from __future__ import annotations

import argparse
import io
import random
import resource
import struct
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from kws.audio import read_audio
from kws.errors import AudioError

SECONDS_ALLOWED = 5.0
MEMORY_ALLOWED_BYTES = 1 << 30
KINDS = [
    ("WAV", "PCM_16", 16000, 1), ("WAV", "PCM_16", 44100, 2), ("WAV", "PCM_24", 48000, 1), ("WAV", "FLOAT", 16000, 1),
    ("WAV", "DOUBLE", 8000, 1), ("WAV", "ULAW", 8000, 1), ("WAV", "IMA_ADPCM", 16000, 1), ("WAV", "MS_ADPCM", 16000, 1),
    ("WAV", "GSM610", 8000, 1), ("WAVEX", "PCM_16", 16000, 2), ("RF64", "PCM_16", 16000, 1),
    ("W64", "PCM_16", 16000, 1),
    ("FLAC", "PCM_16", 16000, 1), ("OGG", "VORBIS", 16000, 1), ("OGG", "OPUS", 16000, 1), ("AIFF", "PCM_16", 16000, 1),
    ("AU", "PCM_16", 16000, 1), ("CAF", "PCM_16", 16000, 1), ("MP3", "MPEG_LAYER_III", 16000, 1),
]  # fmt: skip
SIZES = (0, 1, 2, 0x7FFFFFFF, 0x7FFFF000, 0x80000000, 0xFFFFFFFF, 1 << 24, 1 << 30, 768000, 4000000000)


@dataclass
class Found:
    """What became of the files; anything that is neither raises."""

    read: int = 0
    refused: int = 0
    told: int = 0
    slowest_s: float = 0.0
    longest_samples: int = 0


def seeds() -> list[bytes]:
    """One short recording of each kind."""
    audio = np.random.default_rng(1).normal(0, 3000, 4000).astype(np.int16)
    found = []
    for kind, subtype, rate_hz, channels in KINDS:
        file = io.BytesIO()
        soundfile.write(file, np.repeat(audio[:, None], channels, 1), rate_hz, subtype=subtype, format=kind)
        found.append(file.getvalue())
    return found


def mutant(draw: random.Random, whole: bytes) -> bytes:
    """Change a few bytes, most of them in the header."""
    data = bytearray(whole)
    for _ in range(draw.choice([1, 1, 2, 3, 5])):
        at = draw.randrange(min(len(data), 100)) if draw.random() < 0.75 else draw.randrange(len(data))
        kind = draw.randrange(8)
        if kind < 2:
            data[at] ^= 1 << draw.randrange(8)
        elif kind < 4:
            data[at] = draw.choice([0, 1, 2, 3, 16, 127, 128, 255])
        elif kind < 6 and at + 4 <= len(data):
            data[at : at + 4] = struct.pack("<I", draw.choice([*SIZES, len(data)]))
        elif kind < 7:
            del data[at : at + draw.randrange(1, 32)]
        else:
            data = data[: max(1, at)]
        data = data or bytearray(b"R")
    return bytes(data)


def run(*, seed: int, files: int, folder: Path) -> Found:
    """Read mutants; what is neither read nor refused is left as ``failed`` in the folder and raises."""
    draw, whole, found = random.Random(seed), seeds(), Found()
    path = folder / "mutant"
    for _ in range(files):
        path.write_bytes(mutant(draw, draw.choice(whole)))
        started_s = time.perf_counter()
        try:
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                samples = read_audio(path)
            found.read += 1
            found.told += bool(told)
            found.longest_samples = max(found.longest_samples, samples.size)
            assert samples.size > 0, "read, and empty"
            assert samples.dtype == np.int16, samples.dtype
            assert all(warning.category.__name__ == "KwsWarning" for warning in told), told[-1]
        except AudioError:
            found.refused += 1
        except BaseException:
            path.rename(folder / "failed")
            raise
        found.slowest_s = max(found.slowest_s, time.perf_counter() - started_s)
        assert found.slowest_s < SECONDS_ALLOWED, f"took {found.slowest_s:.1f} s"
    return found


def main() -> None:
    """Run as many as asked for, with little memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_ALLOWED_BYTES + (1 << 30), hard))
    with tempfile.TemporaryDirectory() as folder:
        try:
            print(run(seed=arguments.seed, files=arguments.files, folder=Path(folder)))
        except BaseException:
            kept = Path(tempfile.mkdtemp(prefix="kws-fuzz-")) / "failed"
            kept.write_bytes((Path(folder) / "failed").read_bytes())
            print(f"failed on {kept}")
            raise


if __name__ == "__main__":
    main()
