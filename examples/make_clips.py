# SPDX-License-Identifier: Apache-2.0
"""Makes the recordings beside this file, from synthetic speech: python examples/make_clips.py

The voices are Flite's slt and rms (CMU, BSD-like licence) and hibari's heart (Apache-2.0); see datasets/README.md.
Nobody spoke, so that the clips may go anywhere this repository goes.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from kws.datasets.synthetic import SpeechEngine, Utterance, Voice
from kws.datasets.synthetic_flite import FliteEngine
from kws.datasets.synthetic_hibari import HibariEngine

FOLDER = Path(__file__).parent
RATE_HZ = 16_000
PEAK = 0.2
CLIPS = {
    "slt": ("yes", "stop", "left"),
    "heart": ("yes", "no", "go", "right", "bed"),
    "rms": ("no", "off"),
}
"""Voice -> words, one clip of a second each. The shipped model does not hear the last one, so that a report has a
mistake to show; "bed" is a word it should not hear."""
STREAM = (("slt", "stop", 1.0), ("heart", "cat", 2.4), ("heart", "no", 3.8))
"""Voice, word, and the second at which it begins in the stream."""
STREAM_S = 5.0
NOISE_RMS = 1.0
"""Of the stream's background, in int16 steps: a quiet room."""


def main() -> None:
    """Speak the clips and the stream, and write what is said when."""
    voices = _voices()
    for name, words in CLIPS.items():
        for word in words:
            take = _speak(voices, name, word)
            start = (RATE_HZ - take.size) // 2
            clip = np.zeros(RATE_HZ, np.int16)
            clip[start : start + take.size] = take
            _write(FOLDER / "clips" / word / f"{name}.flac", clip)
    stream = np.random.default_rng(1).normal(0.0, NOISE_RMS, round(STREAM_S * RATE_HZ)).astype(np.int16)
    with (FOLDER / "stream.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("file", "label", "start_s", "end_s"))
        for name, word, start_s in STREAM:
            take, start = _speak(voices, name, word), round(start_s * RATE_HZ)
            stream[start : start + take.size] += take
            if word != "cat":
                table.writerow(("stream.flac", word, start_s, round(start_s + take.size / RATE_HZ, 2)))
    _write(FOLDER / "stream.flac", stream)


def _voices() -> dict[str, tuple[SpeechEngine, Voice]]:
    engines: tuple[SpeechEngine, ...] = (FliteEngine(), HibariEngine())
    return {voice.name: (engine, voice) for engine in engines for voice in engine.voices(3, seed=1)}


def _speak(voices: dict[str, tuple[SpeechEngine, Voice]], name: str, word: str) -> NDArray[np.int16]:
    engine, voice = voices[name]
    take = engine.synthesize(Utterance(text=word, voice=voice, rate_wpm=150)).astype(np.float64)
    return np.rint(take * (PEAK * 32767 / np.abs(take).max())).astype(np.int16)


def _write(path: Path, samples: NDArray[np.int16]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, RATE_HZ, format="FLAC", subtype="PCM_16", compression_level=1.0)


if __name__ == "__main__":
    main()
