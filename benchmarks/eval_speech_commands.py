# SPDX-License-Identifier: Apache-2.0
"""Shipped 12-label models on real clips, in the C core: `make eval KWS_DATA=DIR`.

The validation split (and the testing split, where the folder has it), every word that is no label as `unknown`,
7 % silence cut from noise that training never hears. Where the int8 TFLite file lies beside the bundle, every
posterior of every clip must equal TFLite's reference kernels. Writes benchmarks/speech_commands.json and fails
below the accuracy the model's card promises.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from kws.bundle import Bundle
from kws.datasets import speech_commands
from kws.datasets.corpus import Corpus
from kws.evaluation.clips import ClipScore, evaluate_clips
from kws.features import Features
from kws.training.clips.config import LABELS_12, DataConfig
from kws.training.clips.dataset import ClipSet, from_corpus, official_test
from kws.training.fit.quiet import load_tensorflow

MODELS = Path(__file__).parents[1] / "models"
REQUIRED = 0.95
"""Of the validation split, by every shipped 12-label model."""


def measure(bundle: Bundle, clips: ClipSet) -> tuple[ClipScore, dict[str, Any]]:
    """Return the score of one set and its figures."""
    audio = clips.clips()
    started_s = time.perf_counter()
    score = evaluate_clips(bundle, audio, clips.labels.tolist())
    taken_s = time.perf_counter() - started_s
    hits = score.predicted == score.expected
    words = sorted(set(clips.words))
    by_word = {word: round(float(hits[[w == word for w in clips.words]].mean()), 4) for word in words}
    print(
        f"  {score.accuracy.count} of {score.accuracy.total} right ({hits.mean():.2%}); "
        f"{audio.size / 16000 / taken_s:.0f} x real time"
    )
    figures = {"clips": len(clips), "accuracy": round(float(hits.mean()), 5), "by_word": by_word}
    return score, figures | {"confusion": [" ".join(map(str, row)) for row in score.confusion]}


def equals_tflite(bundle: Bundle, tflite: bytes, clips: ClipSet, score: ClipScore) -> bool:
    """Whether the C core gave TFLite's posteriors for every clip, to the bit."""
    load_tensorflow()
    from kws.training.fit.quantize import run_tflite

    features = Features(bundle.front_end).compute_batch(clips.clips())
    return np.array_equal(run_tflite(tflite, features), score.posteriors)


def evaluate(path: Path, corpus: Corpus, data: DataConfig) -> dict[str, Any]:
    """All figures of one bundle."""
    bundle = Bundle.load(path)
    sets = {
        "validation": from_corpus(corpus, data, seed=1).validation,
        "testing": official_test(corpus, data),
    }
    figures: dict[str, Any] = {"crc32": f"{bundle.crc32:08x}"}
    for name, clips in sets.items():
        if not len(clips):
            continue
        print(f"{path.name}, {name}:")
        score, figures[name] = measure(bundle, clips)
        tflite = path.with_suffix(".tflite")
        if tflite.exists():
            equal = equals_tflite(bundle, tflite.read_bytes(), clips, score)
            figures[name]["equals_tflite"] = equal
            print(f"  every posterior {'equals' if equal else 'DIFFERS FROM'} TFLite's reference kernels")
    return figures


def main() -> None:
    """Measure, print, write, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a folder with Speech Commands")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("speech_commands.json"))
    arguments = parser.parse_args()
    corpus = speech_commands.open_folder(arguments.data)
    data = DataConfig()
    paths = [path for path in sorted(MODELS.glob("*.kws")) if Bundle.load(path).labels == LABELS_12]
    result = {path.stem: evaluate(path, corpus, data) for path in paths}
    arguments.out.write_text(json.dumps({"required": REQUIRED, "models": result}, indent=1) + "\n", encoding="utf-8")
    for name, figures in result.items():
        if figures["validation"]["accuracy"] < REQUIRED:
            sys.exit(
                f"{name}: {figures['validation']['accuracy']:.2%} on the validation split, expected {REQUIRED:.0%}"
            )
        if not figures["validation"].get("equals_tflite", True):
            sys.exit(f"{name}: the C core and TFLite differ; see docs on bit-exactness in firmware/core/nn/README.md")


if __name__ == "__main__":
    main()
