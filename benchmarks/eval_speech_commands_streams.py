# SPDX-License-Identifier: Apache-2.0
"""The shipped model as a user meets it, on real recordings: `make eval KWS_DATA=DIR`.

Every validation keyword with background noise before it (5 s, so that the pause with which a stream begins is long
over) and after it (1 s) through the whole pipeline, the noise as it
was recorded and 20 and 10 dB below the speech: heard or not, how long after the end of the word, and what else fired;
keywords one after another in a quiet room; and audio without keywords for false accepts, with it the report side of
`kws dataset download negatives` where it is there (events on it are listed: prompts and films may say a keyword, and
`TRUE_WORDS` says where they do). Writes benchmarks/speech_commands_streams.json. Fails when the default operating point
hears fewer words, or later, than promised.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.audio import SAMPLE_RATE_HZ, read_audio
from kws.bundle import Bundle
from kws.datasets import negatives
from kws.datasets.speech_commands import open_folder
from kws.endpoints import speech_bounds
from kws.evaluation.det import score_tracks
from kws.evaluation.intervals import binomial_interval
from kws.evaluation.metrics import Rate
from kws.evaluation.tracks import ScoreTrack, detect, score_recording
from kws.evaluation.truth import Window
from kws.labels import SILENCE, UNKNOWN
from kws.levels import active_rms, background_gain, rms
from kws.pipeline import Pipeline
from kws.training.clips.config import DataConfig
from kws.training.clips.dataset import ClipSet, from_corpus, split_noise
from kws.training.clips.recipe.sources import continuous_speech

MODEL = Path(__file__).parent.parent / "models" / "speech_commands_12.kws"
REQUIRED_HEARD = 0.85
REQUIRED_LATENCY_MS = 200.0
_PROMPTS = "asterisk-core-sounds-en-g722-00"
TRUE_WORDS = (
    (f"{_PROMPTS}1.flac", 388.6, "left"),  # letters/ascii123, the name of {
    (f"{_PROMPTS}1.flac", 390.9, "right"),  # letters/ascii125, of }
    (f"{_PROMPTS}1.flac", 412.2, "left"),  # letters/ascii91, of [
    (f"{_PROMPTS}1.flac", 415.2, "right"),  # letters/ascii93, of ]
    (f"{_PROMPTS}2.flac", 358.4, "no"),  # vm-no
)
"""File of the report side, second, keyword: where one is really said, going by what the prompt is (`parts.csv`)."""

LEAD_SAMPLES, TAIL_SAMPLES = 5 * SAMPLE_RATE_HZ, SAMPLE_RATE_HZ
SNRS_DB = (None, 20.0, 10.0)
"""None: noise as loud as it was recorded."""
GAPS_S = (0.25, 0.5, 0.75, 1.0)
NUM_IN_A_ROW = 300
QUIET_ROOM_STEPS = 3.0

Samples = npt.NDArray[np.int16]


def between_noise(clip: Samples, noise: list[Samples], rng: np.random.Generator, snr_db: float | None) -> Samples:
    """Lay a clip over noise that begins before it and ends after it."""
    recording = noise[int(rng.integers(len(noise)))]
    length = LEAD_SAMPLES + clip.size + TAIL_SAMPLES
    start = int(rng.integers(recording.size - length))
    piece = recording[start : start + length]
    gain = 1.0 if snr_db is None else background_gain(active_rms(clip), rms(piece), snr_db)
    mixed = np.rint(piece * gain).astype(np.int32)
    mixed[LEAD_SAMPLES:-TAIL_SAMPLES] += clip
    return np.clip(mixed, -32768, 32767).astype(np.int16)


def keyword_tracks(
    pipeline: Pipeline, clips: ClipSet, labels: tuple[str, ...], noise: list[Samples], snr_db: float | None
) -> list[ScoreTrack]:
    """Every keyword clip between noise, and when its word is said."""
    rng = np.random.default_rng(1)
    tracks = []
    for clip, label in zip(clips.clips(), clips.labels, strict=True):
        bounds = speech_bounds(clip)
        if labels[label] not in (SILENCE, UNKNOWN) and bounds is not None:
            start, end = (LEAD_SAMPLES + bound for bound in bounds)
            window = Window(label=labels[label], start_sample=start, end_sample=end)
            tracks.append(score_recording(pipeline, between_noise(clip, noise, rng, snr_db), [window]))
    return tracks


def in_a_row(pipeline: Pipeline, clips: ClipSet, labels: tuple[str, ...], gap_s: float) -> ScoreTrack:
    """Keywords that somebody says one after another in a quiet room: from end to start it is ``gap_s``."""
    keywords = [index for index, label in enumerate(clips.labels) if labels[label] not in (SILENCE, UNKNOWN)]
    order = np.random.default_rng(0).permutation(keywords)[:NUM_IN_A_ROW]
    gap = np.zeros(round(gap_s * SAMPLE_RATE_HZ), np.int16)
    parts, windows, now = [gap], [], gap.size
    for clip, label in zip(clips.clips(order), clips.labels[order], strict=True):
        word = clip[slice(*(speech_bounds(clip) or (0, clip.size)))]
        windows.append(Window(label=labels[label], start_sample=now, end_sample=now + word.size))
        parts += [word, gap]
        now += word.size + gap.size
    parts.append(np.zeros(TAIL_SAMPLES, np.int16))
    samples = np.concatenate(parts).astype(np.float64)
    samples += np.random.default_rng(1).normal(0.0, QUIET_ROOM_STEPS, samples.size)
    return score_recording(pipeline, np.clip(np.rint(samples), -32768, 32767).astype(np.int16), windows)


def heard_in(tracks: list[ScoreTrack], thresholds: tuple[int, ...], refractory_frames: int) -> dict[str, Any]:
    """Keywords heard, other events, and the time from the end of a word to its event."""
    score = score_tracks(tracks, thresholds, refractory_frames)
    others = score.num_wrong_words + score.false_accepts.count
    return {
        "keywords": score.num_keywords,
        "heard": round(score.num_hits / score.num_keywords, 4),
        "heard_interval_95": [round(end, 4) for end in binomial_interval(score.num_hits, score.num_keywords)],
        "other_events_per_keyword": round(others / score.num_keywords, 4),
        "latency_ms": score.latency_json(),
    }


def false_accepts(tracks: dict[str, ScoreTrack], thresholds: tuple[int, ...], refractory_frames: int) -> dict[str, Any]:
    """Events on audio without keywords."""
    return {
        name: score_tracks([track], thresholds, refractory_frames).false_accepts.to_json()
        for name, track in tracks.items()
    }


def report_tracks(bundle: Bundle, folder: Path | None) -> dict[str, list[ScoreTrack]]:
    """Scores of the report side of the negatives, kind by kind; none where they are not on disk."""
    found = negatives.find(folder)
    kinds = found.files["report"] if found else {}
    pipeline = Pipeline(bundle)
    return {
        kind: [score_recording(pipeline, read_audio(path), name=path.name) for path in paths]
        for kind, paths in kinds.items()
    }


def on_report(
    kinds: dict[str, list[ScoreTrack]], thresholds: tuple[int, ...], refractory_frames: int
) -> dict[str, Any]:
    """False accepts by kind, events that are true words taken out, and every event with its place."""
    figures: dict[str, Any] = {}
    for kind, tracks in kinds.items():
        events = [
            (track.name, round(event.sample_index / SAMPLE_RATE_HZ, 1), event.label, event.score)
            for track in tracks
            for event in detect(track, thresholds, refractory_frames)
        ]
        hours = sum(track.truth.num_samples for track in tracks) / SAMPLE_RATE_HZ / 3600
        false = [event for event in events if not is_true(event)]
        figures[kind] = Rate(count=len(false), hours=hours).to_json() | {
            "true_words": len(events) - len(false),
            "events": [list(event) for event in events],
        }
    return figures


def is_true(event: tuple[str, float, str, int]) -> bool:
    """Whether the word is really said there, give or take a second."""
    name, time_s, label, _ = event
    return any(name == file and label == word and abs(time_s - at_s) <= 1.0 for file, at_s, word in TRUE_WORDS)


def evaluate(bundle: Bundle, data_folder: Path, negatives_folder: Path | None = None) -> dict[str, Any]:
    """Measure everything on the recordings in a folder."""
    corpus = open_folder(data_folder)
    config = DataConfig(labels=tuple(bundle.labels))
    data = from_corpus(corpus, config, seed=1)
    clips = data.validation
    noise = list(split_noise([read_audio(path) for path in corpus.noise])[1])
    unknown = clips.clips(np.flatnonzero(clips.labels == config.labels.index(UNKNOWN)))
    sentences = continuous_speech(data_folder, ("continuous_speech",), evaluation=True)
    short = {
        "unknown words, one after another": unknown.reshape(-1),
        "sentences": np.concatenate(sentences),
        "noise": np.concatenate(noise),
    }
    pipeline = Pipeline(bundle)
    tracks = {name: score_recording(pipeline, samples, name=name) for name, samples in short.items()}
    keywords = {snr_db: keyword_tracks(pipeline, clips, config.labels, noise, snr_db) for snr_db in SNRS_DB}
    rows = {gap_s: in_a_row(pipeline, clips, config.labels, gap_s) for gap_s in GAPS_S}
    report = report_tracks(bundle, negatives_folder)
    refractory_frames = bundle.decision.refractory_frames
    points = []
    for point in bundle.decision.operating_points:
        heard = {snr_db: heard_in(said, point.thresholds, refractory_frames) for snr_db, said in keywords.items()}
        points.append(
            {
                "thresholds": list(point.thresholds),
                **heard[None],
                "in_noise": {f"{snr_db:g} dB": figures for snr_db, figures in heard.items() if snr_db is not None},
                "in_a_row": {
                    f"{gap_s:g} s": heard_in([track], point.thresholds, refractory_frames)
                    for gap_s, track in rows.items()
                },
                "false_accepts": false_accepts(tracks, point.thresholds, refractory_frames),
                "report": on_report(report, point.thresholds, refractory_frames),
            }
        )
    return {
        "model": MODEL.name,
        "default_operating_point": bundle.decision.default_operating_point,
        "operating_points": points,
    }


def main() -> None:
    """Measure, print, write, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a folder with Speech Commands")
    parser.add_argument("--negatives", type=Path, help="folder of `kws dataset download negatives`")
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("speech_commands_streams.json"))
    arguments = parser.parse_args()
    result = evaluate(Bundle.load(arguments.model), arguments.data, arguments.negatives)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    for point in result["operating_points"]:
        print(
            f"thresholds {point['thresholds']}: {point['heard']:.1%} heard, "
            + ", ".join(f"{figures['heard']:.1%} at {snr}" for snr, figures in point["in_noise"].items())
            + "".join(f", {figures['heard']:.1%} with {gap} between" for gap, figures in point["in_a_row"].items())
            + f", latency in ms {point['latency_ms']}; false accepts per hour: "
            + ", ".join(f"{name} {rate['value']}" for name, rate in (point["false_accepts"] | point["report"]).items())
        )
    default = result["operating_points"][result["default_operating_point"]]
    if default["heard"] < REQUIRED_HEARD:
        sys.exit(f"fewer than {REQUIRED_HEARD:.0%} of the keywords were heard")
    if default["latency_ms"] is None or default["latency_ms"]["median"] > REQUIRED_LATENCY_MS:
        sys.exit(f"median latency is above {REQUIRED_LATENCY_MS:.0f} ms")


if __name__ == "__main__":
    main()
