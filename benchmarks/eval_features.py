# SPDX-License-Identifier: Apache-2.0
"""Front end against its float reference on real recordings: `make eval KWS_DATA=DIR`.

Every validation clip of Speech Commands, as recorded and 36 and 60 dB quieter, through five settings of the front
end; writes benchmarks/features_parity.json. Fails when fewer than 99.9 % of the int8 features are within 1 of the
reference.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.audio import read_audio
from kws.datasets.speech_commands import open_folder
from kws.features import Features, FeaturesConfig
from kws.reference.features import quantized_features

REQUIRED = 0.999
QUIETER_DB = {"as recorded": 0, "36 dB quieter": 36, "60 dB quieter": 60}
_MFCC = FeaturesConfig.mlperf_kws()
SETTINGS = {
    "mfcc (MLPerf keyword spotting)": _MFCC,
    "log-mel, 0.5 dB steps": dataclasses.replace(_MFCC, num_coefficients=None, scale=0.0578, zero_point=60),
    "lfbe (MLPerf streaming wake word)": FeaturesConfig.mlperf_streaming(),
    "mfcc of power": dataclasses.replace(_MFCC, spectrum="power", scale=1.1),
    "mfcc, 40 ms windows, pre-emphasis": dataclasses.replace(
        _MFCC, window_samples=640, fft_length=1024, preemphasis=0.97
    ),
}


def compare(clips: list[npt.NDArray[np.int16]], config: FeaturesConfig) -> dict[str, float | int]:
    """Return how far the core is from the reference, over all features of all clips."""
    features = Features(config)
    histogram = np.zeros(256, dtype=np.int64)
    for clip in clips:
        difference = features.compute(clip).astype(int) - quantized_features(clip, config)
        histogram += np.bincount(np.abs(difference).ravel(), minlength=256)
    total = int(histogram.sum())
    return {
        "values": total,
        "equal": round(float(histogram[0] / total), 6),
        "within_1": round(float(histogram[:2].sum() / total), 6),
        "largest_difference": int(np.flatnonzero(histogram)[-1]),
    }


def real_time_factor(config: FeaturesConfig) -> float:
    """Return seconds of audio that one core computes features for in a second of its time, best of five."""
    features = Features(config)
    clips = np.random.default_rng(0).integers(-8000, 8000, (100, 16000)).astype(np.int16)
    best_s = float("inf")
    for _ in range(5):
        start = time.process_time()
        features.compute_batch(clips)
        best_s = min(best_s, time.process_time() - start)
    return len(clips) / best_s


def main() -> None:
    """Compare, print, write, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a folder with Speech Commands")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("features_parity.json"))
    arguments = parser.parse_args()
    corpus = open_folder(arguments.data)
    clips = [read_audio(corpus.clips[row].path) for row in corpus.of_split("validation")]
    rows = {}
    for name, config in SETTINGS.items():
        for level, decibels in QUIETER_DB.items():
            quieter = [np.round(clip * 10.0 ** (-decibels / 20.0)).astype(np.int16) for clip in clips]
            rows[f"{name}, {level}"] = row = compare(quieter, config)
            print(f"{name}, {level}: {100 * row['within_1']:.4f} % within 1, {100 * row['equal']:.3f} % equal")
    speed = real_time_factor(_MFCC)
    print(f"host: {speed:.0f} x real time on one core")
    result = {"clips": len(clips), "required_within_1": REQUIRED, "settings": rows}
    arguments.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    worst = min(row["within_1"] for row in rows.values())
    if worst < REQUIRED:
        sys.exit(f"{100 * worst:.4f} % of the features are within 1 of the reference, expected {100 * REQUIRED} %")


if __name__ == "__main__":
    main()
