# SPDX-License-Identifier: Apache-2.0
"""How far estimates of level are from the one definition, `kws.levels`: `make eval KWS_DATA=DIR`.

On validation words of Speech Commands: the active level of ITU-T P.56, and the signal-to-noise ratio that training
finds on features (`kws.training.augment.features.Levels`) for the words over pieces of recorded background. Writes
benchmarks/levels.json: medians, 5 and 95 % of the differences in dB.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.audio import SAMPLE_RATE_HZ, Samples, read_audio
from kws.datasets.speech_commands import open_folder
from kws.features import Features, FeaturesConfig
from kws.levels import active_rms, rms
from kws.training.augment.features import Levels, powers_per_unit
from kws.training.fit.speech_trunk import TrunkConfig

EVERY = 3
P56_MARGIN_DB, P56_TIME_S, P56_HANGOVER_S = 15.9, 0.03, 0.2
DB_PER_NEPER = 10.0 / math.log(10.0)


def active_level_p56(samples: Samples) -> float:
    """Active speech level in dB (full scale 32768) by ITU-T P.56, method B."""
    from scipy.signal import lfilter

    x, decay = samples / 32768.0, math.exp(-1.0 / (SAMPLE_RATE_HZ * P56_TIME_S))
    envelope = np.abs(x)
    for _ in range(2):
        envelope = lfilter([1.0 - decay], [1.0, -decay], envelope)
    hangover = np.ones(round(P56_HANGOVER_S * SAMPLE_RATE_HZ) + 1)
    points: list[tuple[float, float]] = []
    for threshold in 2.0 ** -np.arange(15, 0, -1):
        active = int((np.convolve(envelope >= threshold, hangover)[: x.size] > 0.5).sum())
        if not active:
            break
        level_db = 10.0 * math.log10(float((x**2).sum()) / active)
        points.append((level_db, level_db - 20.0 * math.log10(threshold) - P56_MARGIN_DB))
        if points[-1][1] < 0.0 and len(points) > 1:
            (before, above), (behind, below) = points[-2:]
            return before + (behind - before) * above / (above - below)
    return points[-1][0] if points else -math.inf


def snr_on_features(words: list[Samples], pieces: list[Samples]) -> npt.NDArray[np.float64]:
    """Differences from the definition of what training takes for it, for each word over a piece of noise."""
    config: FeaturesConfig = TrunkConfig().features
    levels, to_power = Levels(config), powers_per_unit(config)
    heard, behind = (
        config.dequantize(Features(config).compute_batch(np.stack(some))) * to_power for some in (words, pieces)
    )
    true_db = [20.0 * math.log10(active_rms(word) / rms(piece)) for word, piece in zip(words, pieces, strict=True)]
    found = (levels.of_speech(heard) - levels.of_background(behind)) * DB_PER_NEPER
    return np.asarray(found.ravel() - true_db)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a folder with Speech Commands")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("levels.json"))
    arguments = parser.parse_args()
    corpus = open_folder(arguments.data)
    clips = [read_audio(corpus.clips[row].path) for row in corpus.of_split("validation")[::EVERY]]
    words = [clip for clip in clips if clip.size == SAMPLE_RATE_HZ and active_rms(clip) > 0.0]
    noise = [read_audio(path) for path in corpus.noise]
    starts = np.random.default_rng(0).integers(0, min(map(len, noise)) - SAMPLE_RATE_HZ, len(words))
    pieces = [noise[i % len(noise)][start : start + SAMPLE_RATE_HZ] for i, start in enumerate(starts)]
    p56 = np.array([active_level_p56(word) - 20.0 * math.log10(active_rms(word) / 32768.0) for word in words])
    differences = {"speech_level_by_itu_t_p56": p56, "snr_on_features": snr_on_features(words, pieces)}
    figures = {
        name: dict(
            zip(("p5_db", "median_db", "p95_db"), np.percentile(some, [5, 50, 95]).round(1).tolist(), strict=True)
        )
        for name, some in differences.items()
    }
    result = {"words": len(words), "difference_from_kws_levels": figures}
    arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
