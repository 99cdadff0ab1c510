# SPDX-License-Identifier: Apache-2.0
"""How fast the speech engines are, how long their takes last, and how near they come to recordings of people.

`make eval KWS_DATA=DIR`; DIR holds ``wake_words/<word>``. Near is measured as cepstra do: every recording is compared
with 60 takes (pink noise at 15 dB added, since recordings have some) by dynamic time warping, and the mean of the
three nearest counts. The last row compares recordings with 60 other recordings: what real people would reach. (Some of
them are by the same people, so it is a little too good.) Figures go into ``benchmarks/voices.json``.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import librosa
import numpy as np
from numpy.typing import NDArray

from kws.audio import SAMPLE_RATE_HZ, Samples, read_audio
from kws.datasets.synthetic import SpeechEngine, place_in_window, vary
from kws.datasets.synthetic_choir import ENGINES, open_engines
from kws.training.augment.sounds import coloured_noise

WORDS = ("computer", "jarvis")
NUM_TAKES, NUM_VOICES, NUM_RECORDINGS = 60, 200, 30
SNR_DB = 15.0
HOP_SAMPLES = 200
NEAREST = 3


def take_words(engine: SpeechEngine, word: str, count: int) -> tuple[list[Samples], float]:
    """Takes of a word as a wake-word project makes them, and the seconds of work each cost."""
    voices = engine.voices(NUM_VOICES, seed=1)
    texts = [word + mark for mark in ("", "", ".", "!", "?", ",")]
    before = sum(os.times()[:4])
    takes = [engine.synthesize(utterance) for utterance in vary(texts, voices, count, np.random.default_rng(1))]
    return takes, (sum(os.times()[:4]) - before) / count


def cepstra(samples: NDArray[Any]) -> NDArray[np.float64]:
    """Cepstra 1 to 12 every 12.5 ms without the mean of what is loud: neither level nor microphone matter."""
    audio = librosa.effects.preemphasis(np.asarray(samples, dtype=np.float64) / 32768.0)
    mel = librosa.feature.melspectrogram(
        y=audio, sr=SAMPLE_RATE_HZ, n_fft=512, win_length=400, hop_length=HOP_SAMPLES, n_mels=32, fmin=100, fmax=7000
    )
    decibels = librosa.power_to_db(mel, top_db=50.0)
    level = decibels.max(axis=0)
    result = librosa.feature.mfcc(S=decibels, n_mfcc=13)[1:]
    return np.asarray(result - result[:, level > level.max() - 20.0].mean(axis=1, keepdims=True))


def distance(take: NDArray[np.float64], recording: NDArray[np.float64]) -> float:
    """Mean distance per frame of the take, laid over wherever it fits best in the recording."""
    costs = librosa.sequence.dtw(take, recording, subseq=True, backtrack=False)
    return float(costs[-1].min() / take.shape[1])


def nearness(takes: Sequence[Samples], recordings: Sequence[Samples]) -> float:
    """Median over recordings of the mean distance to the nearest takes."""
    heard, said = [cepstra(samples) for samples in recordings], [cepstra(samples) for samples in takes]
    nearest = [np.sort([distance(take, recording) for take in said])[:NEAREST].mean() for recording in heard]
    return float(np.median(nearest))


def add_noise(take: Samples, rng: np.random.Generator) -> NDArray[np.float64]:
    """Pink noise at `SNR_DB` against the take."""
    padded = place_in_window(take, len(take) + SAMPLE_RATE_HZ // 5, rng).astype(np.float64)
    noise = coloured_noise(len(padded), rng).astype(np.float64)
    gain = np.sqrt(np.mean(take.astype(np.float64) ** 2) / np.mean(noise**2)) * 10.0 ** (-SNR_DB / 20.0)
    return padded + gain * noise


def cut_word(recording: Samples) -> Samples:
    """Where a recording is loud: within 26 dB of its loudest and 6 dB above its quiet."""
    frames = recording[: len(recording) // 160 * 160].astype(np.float64).reshape(-1, 160)
    level = 10.0 * np.log10(np.mean(frames**2, axis=1) + 1e-3)
    loud = np.flatnonzero(level > max(level.max() - 26.0, np.percentile(level, 15) + 6.0))
    return recording[max(loud[0] - 2, 0) * 160 : (loud[-1] + 3) * 160]


def row(takes: Sequence[Samples], recordings: Sequence[Samples], work_s: float | None) -> dict[str, Any]:
    """Figures of one engine."""
    rng = np.random.default_rng(2)
    durations_s = np.percentile([len(take) / SAMPLE_RATE_HZ for take in takes], [5, 50, 95])
    noisy = takes if work_s is None else [add_noise(take, rng) for take in takes]
    return {
        "work_ms": None if work_s is None else round(1000.0 * work_s, 1),
        "durations_s": [round(float(value), 2) for value in durations_s],
        "distance": round(nearness(noisy[:NUM_TAKES], recordings), 2),
    }


def evaluate(data: Path) -> dict[str, Any]:
    """Figures of every engine for every word."""
    people = {name: 1.0 for name in ENGINES if name != "espeak-ng"}
    casts = {name: {name: 1.0} for name in ENGINES} | {"people": people}
    figures: dict[str, Any] = {}
    for word in WORDS:
        recordings = [read_audio(path) for path in sorted((data / "wake_words" / word).glob("*.flac"))]
        measured, others = recordings[::6][:NUM_RECORDINGS], [cut_word(r) for r in recordings[1::3]]
        figures[word] = {}
        for name, shares in casts.items():
            takes, work_s = take_words(open_engines(shares), word, 3 * NUM_TAKES)
            figures[word][name] = row(takes, measured, work_s)
        figures[word]["recordings"] = row(others[:NUM_TAKES], measured, None)
    return figures


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of recordings")
    figures = evaluate(parser.parse_args().data)
    for word, rows in figures.items():
        for name, found in rows.items():
            print(f"{word:9} {name:11} {found['work_ms'] or '-':>5} ms, {found['durations_s']} s, {found['distance']}")
    Path(__file__).with_name("voices.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
