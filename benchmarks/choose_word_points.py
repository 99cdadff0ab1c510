# SPDX-License-Identifier: Apache-2.0
"""Thresholds word by word for the twelve words: as `[decision.words]` of a run's TOML file, to paste.

    python benchmarks/choose_word_points.py BUNDLE --data DIR --negatives DIR

Of one word, what a threshold hears of the validation keywords (10 and 20 dB above the noise) is set against what it
costs: false accepts on calibration audio, and events where another word is said. Every word gets the threshold beyond
which a false accept less would cost more keywords than the price, so a word that films and music resemble gets a high
one. Report audio plays no part.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from eval_speech_commands_streams import keyword_tracks

from kws.audio import read_audio
from kws.bundle import Bundle
from kws.datasets import negatives
from kws.datasets.speech_commands import open_folder
from kws.evaluation.det import score_tracks
from kws.evaluation.run import keywords_of
from kws.evaluation.tracks import ScoreTrack, score_recording
from kws.pipeline import Pipeline
from kws.training.clips.config import DataConfig
from kws.training.clips.dataset import from_corpus, split_noise

SNRS_DB = (10.0, 20.0)
LEFT_OUT = "letters"
"""Letters and syllables of many languages: "no", "go" and "on" are among them."""
THRESHOLDS = range(100, 254, 3)
PRICES = (0.0, 0.1, 0.7)
"""Keywords that a false accept on the calibration audio may not cost less than; one operating point each."""
WRONG_WORD = 0.4
"""Keywords that an event where another word is said counts as; that word, mostly missed, counts by itself."""


def worth(
    word: str, threshold: int, said: Sequence[ScoreTrack], quiet: Sequence[ScoreTrack], refractory_frames: int
) -> tuple[float, int]:
    """Keywords heard less wrong events, per noise level; and false accepts."""
    row = [threshold if label == word else 0 for label in said[0].labels]
    own = score_tracks([track for track in said if track.truth.windows[0].label == word], row, refractory_frames)
    others = [track for track in said if track.truth.windows[0].label != word]
    wrong = score_tracks(others, row, refractory_frames)
    events = wrong.num_wrong_words + wrong.false_accepts.count
    false = score_tracks(quiet, row, refractory_frames).false_accepts.count
    return (own.num_hits - WRONG_WORD * events) / len(SNRS_DB), false


def choose(
    words: Sequence[str], said: Sequence[ScoreTrack], quiet: Sequence[ScoreTrack], refractory_frames: int
) -> dict[str, list[int]]:
    """Thresholds per word, one for each price; a higher price never gets a lower one."""
    chosen: dict[str, list[int]] = {}
    for word in words:
        values = [worth(word, threshold, said, quiet, refractory_frames) for threshold in THRESHOLDS]
        best = [max(range(len(values)), key=lambda i: values[i][0] - price * values[i][1]) for price in PRICES]
        chosen[word] = np.maximum.accumulate([THRESHOLDS[i] for i in best]).tolist()
    return chosen


def main() -> None:
    """Choose and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="a folder with Speech Commands")
    parser.add_argument("--negatives", type=Path, help="folder of `kws dataset download negatives`")
    arguments = parser.parse_args()
    bundle, corpus = Bundle.load(arguments.bundle), open_folder(arguments.data)
    pipeline, refractory_frames = Pipeline(bundle), bundle.decision.refractory_frames
    data = from_corpus(corpus, DataConfig(labels=tuple(bundle.labels)), seed=1)
    noise = list(split_noise([read_audio(path) for path in corpus.noise])[1])
    said = [
        track
        for snr_db in SNRS_DB
        for track in keyword_tracks(pipeline, data.validation, tuple(bundle.labels), noise, snr_db)
    ]
    found = negatives.find(arguments.negatives)
    assert found is not None, "run `kws dataset download negatives` once"
    quiet = [
        score_recording(pipeline, read_audio(path), name=path.name)
        for kind, paths in found.files["calibration"].items()
        if kind != LEFT_OUT
        for path in paths
    ]
    print("[decision.words]")
    for word, row in choose(keywords_of(bundle), said, quiet, refractory_frames).items():
        print(f"{word} = {row}")


if __name__ == "__main__":
    main()
