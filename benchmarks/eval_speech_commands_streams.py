# SPDX-License-Identifier: Apache-2.0
"""The shipped model as a user meets it, on real recordings: `make eval KWS_DATA=DIR`.

Every validation keyword with a second of background noise on either side through the whole pipeline: heard or not, how
long after the end of the word, and what else fired; and audio without keywords for false accepts. Writes
benchmarks/speech_commands_streams.json. Fails when the default operating point hears fewer words, or later, than
promised.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from kws.datasets.speech_commands import open_folder
from kws.training.clips.config import DataConfig
from kws.training.clips.dataset import ClipSet, from_corpus, split_noise
from kws.training.clips.recipe.sources import continuous_speech

from kws.audio import SAMPLE_RATE_HZ, read_audio
from kws.bundle import Bundle
from kws.endpoints import speech_bounds
from kws.evaluation.det import score_tracks
from kws.evaluation.tracks import ScoreTrack, score_recording
from kws.evaluation.truth import Window
from kws.labels import SILENCE, UNKNOWN
from kws.pipeline import Pipeline

MODEL = Path(__file__).parent.parent / "models" / "speech_commands_12.kws"
REQUIRED_HEARD = 0.85
REQUIRED_LATENCY_MS = 200.0

Samples = npt.NDArray[np.int16]


def between_noise(clip: Samples, noise: list[Samples], rng: np.random.Generator) -> Samples:
    """Lay a clip over noise that begins a second before it and ends a second after."""
    recording = noise[int(rng.integers(len(noise)))]
    length = clip.size + 2 * SAMPLE_RATE_HZ
    start = int(rng.integers(recording.size - length))
    mixed = recording[start : start + length].astype(np.int32)
    mixed[SAMPLE_RATE_HZ:-SAMPLE_RATE_HZ] += clip
    return np.clip(mixed, -32768, 32767).astype(np.int16)


def keyword_tracks(
    pipeline: Pipeline, clips: ClipSet, labels: tuple[str, ...], noise: list[Samples]
) -> list[ScoreTrack]:
    """Every keyword clip between noise, and when its word is said."""
    rng = np.random.default_rng(1)
    tracks = []
    for clip, label in zip(clips.clips(), clips.labels, strict=True):
        bounds = speech_bounds(clip)
        if labels[label] not in (SILENCE, UNKNOWN) and bounds is not None:
            start, end = (SAMPLE_RATE_HZ + bound for bound in bounds)
            window = Window(label=labels[label], start_sample=start, end_sample=end)
            tracks.append(score_recording(pipeline, between_noise(clip, noise, rng), [window]))
    return tracks


def heard_in(tracks: list[ScoreTrack], thresholds: tuple[int, ...], refractory_frames: int) -> dict[str, Any]:
    """Keywords heard, other events, and the time from the end of a word to its event."""
    score = score_tracks(tracks, thresholds, refractory_frames)
    others = score.num_wrong_words + score.false_accepts.count
    return {
        "keywords": score.num_keywords,
        "heard": round(score.num_hits / score.num_keywords, 4),
        "other_events_per_keyword": round(others / score.num_keywords, 4),
        "latency_ms": score.latency_json(),
    }


def false_accepts(tracks: dict[str, ScoreTrack], thresholds: tuple[int, ...], refractory_frames: int) -> dict[str, Any]:
    """Events on audio without keywords."""
    return {
        name: score_tracks([track], thresholds, refractory_frames).false_accepts.to_json()
        for name, track in tracks.items()
    }


def evaluate(bundle: Bundle, data_folder: Path) -> dict[str, Any]:
    """Measure everything on the recordings in a folder."""
    corpus = open_folder(data_folder)
    config = DataConfig(labels=tuple(bundle.labels))
    data = from_corpus(corpus, config, seed=1)
    clips = data.validation
    noise = list(split_noise([read_audio(path) for path in corpus.noise])[1])
    unknown = clips.clips(np.flatnonzero(clips.labels == config.labels.index(UNKNOWN)))
    sentences = continuous_speech(data_folder, ("continuous_speech",), evaluation=True)
    negatives = {
        "unknown words, one after another": unknown.reshape(-1),
        "sentences": np.concatenate(sentences),
        "noise": np.concatenate(noise),
    }
    pipeline = Pipeline(bundle)
    tracks = {name: score_recording(pipeline, samples, name=name) for name, samples in negatives.items()}
    keywords = keyword_tracks(pipeline, clips, config.labels, noise)
    refractory_frames = bundle.decision.refractory_frames
    points = []
    for point in bundle.decision.operating_points:
        heard = heard_in(keywords, point.thresholds, refractory_frames)
        accepts = false_accepts(tracks, point.thresholds, refractory_frames)
        points.append({"threshold": max(point.thresholds), **heard, "false_accepts": accepts})
    return {
        "model": MODEL.name,
        "default_operating_point": bundle.decision.default_operating_point,
        "operating_points": points,
    }


def main() -> None:
    """Measure, print, write, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a folder with Speech Commands")
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("speech_commands_streams.json"))
    arguments = parser.parse_args()
    result = evaluate(Bundle.load(arguments.model), arguments.data)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    for point in result["operating_points"]:
        print(
            f"threshold {point['threshold']}: {point['heard']:.1%} heard, latency in ms {point['latency_ms']}; "
            "false accepts per hour: "
            + ", ".join(f"{name} {rate['value']}" for name, rate in point["false_accepts"].items())
        )
    default = result["operating_points"][result["default_operating_point"]]
    if default["heard"] < REQUIRED_HEARD:
        sys.exit(f"fewer than {REQUIRED_HEARD:.0%} of the keywords were heard")
    if default["latency_ms"] is None or default["latency_ms"]["median"] > REQUIRED_LATENCY_MS:
        sys.exit(f"median latency is above {REQUIRED_LATENCY_MS:.0f} ms")


if __name__ == "__main__":
    main()
