# SPDX-License-Identifier: Apache-2.0
"""The micro front end and microWakeWord's networks against their own packages: `make eval KWS_DATA=DIR`.

The front end over every recording below DIR, as one stream a folder; each of the four published networks over ten
minutes of speech, noise and its own phrase (said by eSpeak NG), against its runner over TFLite's reference kernels and
against the library that the runner comes with. Writes benchmarks/microwakeword.json; fails when anything differs that
must not.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.audio import read_audio
from kws.importer.bundle import import_bundle, import_settings
from kws.pipeline import Pipeline

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from micro_oracle import our_logarithms, published_logarithms
from wakeword_oracle import MODELS, NAMES, run_published, spoken

Int16Array = npt.NDArray[np.int16]
RATE_HZ = 16000
MINUTES = 10
FOLDERS = ("speech_commands", "background_noise", "continuous_speech", "wake_words")
PHRASES = {"alexa": "en-us", "okay nahboo": "en-us", "hey jarvis": "en-us+f3", "hey my croft": "en-gb"}
SUFFIXES = {".flac", ".wav"}


def recordings(folder: Path) -> list[Int16Array]:
    """Return every recording below a folder."""
    return [read_audio(path) for path in sorted(folder.rglob("*")) if path.suffix in SUFFIXES]


def front_end(data: Path) -> dict[str, dict[str, float | int]]:
    """Compare the logarithms of all frames, a stream for each folder."""
    result: dict[str, dict[str, float | int]] = {}
    for name in FOLDERS:
        parts = recordings(data / name)
        if not parts:
            continue
        stream = np.concatenate(parts)
        ours, published = our_logarithms(stream), published_logarithms(stream)
        assert ours.shape == published.shape
        result[name] = {
            "hours": round(len(stream) / RATE_HZ / 3600, 3),
            "logarithms": int(ours.size),
            "differing": int(np.count_nonzero(ours != published)),
        }
        print(name, result[name], flush=True)
    return result


def ten_minutes(data: Path) -> Int16Array:
    """Return sentences with the phrases between them; every second stretch of a minute lies in noise 10 dB below."""
    sentences = recordings(data / "continuous_speech")
    noise = np.concatenate(recordings(data / "background_noise"))
    parts: list[Int16Array] = []
    with tempfile.TemporaryDirectory() as folder:
        phrases = spoken(Path(folder), PHRASES)
    while sum(map(len, parts)) < MINUTES * 60 * RATE_HZ:
        parts += [phrases, *(sentences.pop() for _ in range(min(8, len(sentences))))]
    stream = np.concatenate(parts)[: MINUTES * 60 * RATE_HZ].astype(np.float64)
    minute = 60 * RATE_HZ
    for start in range(minute, len(stream), 2 * minute):
        voice, bed = stream[start : start + minute], np.resize(noise[start:], minute)[: len(stream) - start]
        stream[start : start + minute] += bed * (voice.std() / max(bed.std(), 1.0) * 10 ** (-10 / 20))
    return np.clip(np.round(stream), -32768, 32767).astype(np.int16)


def network(name: str, audio: Int16Array) -> dict[str, Any]:
    """Compare outputs and events of one network, step by step."""
    settings = import_settings(MODELS / f"{name}.tflite", refractory_frames=0)
    bundle = import_bundle(
        settings.model, features=settings.features, labels=settings.labels, decision=settings.decision
    )
    pipeline = Pipeline(bundle)
    events = [event.sample_index for event in pipeline.feed(audio)]
    steps = pipeline.scores.sample_index
    result: dict[str, Any] = {"steps": len(steps), "steps_that_fire": len(events), "arena_bytes": pipeline.arena_bytes}
    for kernels in ("reference", "own"):
        run = run_published(name, audio, reference_kernels=kernels == "reference")
        difference = np.abs(run.outputs - pipeline.scores.posteriors[:, 0].astype(int))
        result[f"{kernels}_kernels"] = {
            "outputs_differing": int(np.count_nonzero(difference)),
            "largest_difference_of_255": int(difference.max()),
            "steps_that_fire_differing": len(set(events) ^ set(steps[run.fired].tolist())),
        }
    print(name, result, flush=True)
    return result


def main() -> None:
    """Compare, write, fail if need be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help=f"a folder with {', '.join(FOLDERS)}")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("microwakeword.json"))
    arguments = parser.parse_args()
    if not all(recordings(arguments.data / name) for name in ("continuous_speech", "background_noise")):
        print(f"{arguments.data} has no continuous_speech/ and background_noise/: nothing to measure")
        return
    audio = ten_minutes(arguments.data)
    result = {
        "made_by": "benchmarks/eval_microwakeword.py",
        "front_end": front_end(arguments.data),
        "minutes": MINUTES,
        "networks": {name: network(name, audio) for name in NAMES},
    }
    arguments.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    wrong = sum(part["differing"] for part in result["front_end"].values())
    wrong += sum(
        entry["reference_kernels"]["outputs_differing"] + entry["reference_kernels"]["steps_that_fire_differing"]
        for entry in result["networks"].values()
    )
    if wrong:
        sys.exit(f"{wrong} values differ from the published front end or from the runner over reference kernels")


if __name__ == "__main__":
    main()
