# SPDX-License-Identifier: Apache-2.0
"""What the gate costs in keywords and saves in time: `make eval KWS_DATA=DIR`.

Validation keywords, some 4 s apart, 10 dB over each background (and over a quiet room), through the shipped model
with and without the gate's default settings; a quiet room with a word a minute; and the same backgrounds 5 and 0 dB
below the words, where a level says less. SNR is that of ``kws.levels``. Behind a gate a model hears a stream with its
silences cut out, so some words near the threshold are lost and others gained; "a hop later" says how many of both
there are without any gate when the same audio begins one hop later. Writes benchmarks/gate.json; fails when more than
1 % of the keywords that the always-on model hears are lost, or events that are no hits grow by more than 1 % of them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np

from kws.audio import SAMPLE_RATE_HZ, Samples, read_audio
from kws.bundle import Bundle
from kws.datasets.speech_commands import open_folder
from kws.endpoints import speech_bounds
from kws.errors import DatasetError
from kws.evaluation.events import Matching, match_events
from kws.evaluation.run import keywords_of
from kws.evaluation.streams import Stream, StreamRecipe, Word, mix_stream
from kws.evaluation.truth import Window
from kws.gate import GateConfig
from kws.pipeline import Pipeline

BUNDLE = Path(__file__).parents[1] / "models" / "speech_commands_12.kws"
NUM_KEYWORDS = 300
GAPS_S = {"min_gap_s": 3.0, "max_gap_s": 5.0}
SNR_DB = 10.0
LOWER_SNR_DB = (5.0, 0.0)
QUIET_ROOM_STEPS, QUIET_ROOM_SNR_DB = 3.0, 54.0
RARE_KEYWORDS, RARE_GAPS_S = 30, {"min_gap_s": 58.0, "max_gap_s": 60.0}
HOP_SAMPLES = 320
MAX_WORSE = 0.01
ALL = "all"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a pipeline made of a stream."""

    matching: Matching
    asleep: float
    """Share of the frames."""

    @property
    def hits(self) -> dict[Window, int]:
        """Word -> sample of its event."""
        return {hit.window: hit.event.sample_index for hit in self.matching.hits}

    @property
    def false_events(self) -> int:
        """False accepts, and words taken for others."""
        return len(self.matching.false_accepts) + len(self.matching.wrong_words)


def listen(bundle: Bundle, stream: Stream, *, skip_samples: int = 0) -> Outcome:
    """Run the stream through a pipeline and judge its events."""
    pipeline = Pipeline(bundle)
    heard = pipeline.feed(stream.samples[skip_samples:])
    events = [replace(event, sample_index=event.sample_index + skip_samples) for event in heard]
    num_frames = pipeline.gated_frames + len(pipeline.frames)
    return Outcome(matching=match_events(events, stream.truth), asleep=pipeline.gated_frames / num_frames)


def compare(before: Outcome, after: Outcome) -> dict[str, float]:
    """Return what changed, as one row of the result."""
    was, now = before.hits, after.hits
    later = [now[word] - was[word] for word in was if word in now]
    return {
        "keywords": len(before.matching.truth.windows),
        "heard_before": len(was),
        "heard_after": len(now),
        "lost": len(was.keys() - now.keys()),
        "gained": len(now.keys() - was.keys()),
        "false_events_before": before.false_events,
        "false_events_after": after.false_events,
        "later_ms": round(float(np.mean(later)) * 1000.0 / SAMPLE_RATE_HZ, 1) if later else 0.0,
        "asleep": round(after.asleep, 3),
    }


def validation_keywords(data: Path, bundle: Bundle) -> list[Word]:
    """Return keywords, drawn once and for all; clips without any sound have no word to place."""
    corpus = open_folder(data)
    rows = [corpus.clips[i] for i in corpus.of_split("validation")]
    keywords = [clip for clip in rows if clip.word in keywords_of(bundle)]
    chosen = [keywords[i] for i in np.random.default_rng(0).permutation(len(keywords))[:NUM_KEYWORDS]]
    words = [Word(samples=read_audio(clip.path), label=clip.word) for clip in chosen]
    return [word for word in words if speech_bounds(word.samples) is not None]


def backgrounds(data: Path) -> dict[str, Samples]:
    """Return the recorded backgrounds."""
    root = data if (data / "background_noise").is_dir() else data.parent
    paths = sorted((root / "background_noise").glob("*.flac"))
    if not paths:
        raise DatasetError(f"{root}: expected background_noise/*.flac beside the clips")
    return {path.stem: read_audio(path) for path in paths}


def noisy(recorded: dict[str, Samples], words: list[Word], snr_db: float) -> Iterator[tuple[str, Stream]]:
    """Return the keywords over each recorded background."""
    for name, background in recorded.items():
        yield name, mix_stream(words, background, StreamRecipe(snr_db=snr_db, **GAPS_S))


def quiet(words: list[Word]) -> Iterator[tuple[str, Stream]]:
    """Return the keywords in a quiet room, close together and far apart."""
    room = np.random.default_rng(1).normal(0.0, QUIET_ROOM_STEPS, 60 * SAMPLE_RATE_HZ)
    background = np.rint(room).astype(np.int16)
    yield "quiet room", mix_stream(words, background, StreamRecipe(snr_db=QUIET_ROOM_SNR_DB, **GAPS_S))
    rare = StreamRecipe(snr_db=QUIET_ROOM_SNR_DB, **RARE_GAPS_S)
    yield "quiet room, a word a minute", mix_stream(words[:RARE_KEYWORDS], background, rare)


def evaluate(data: Path) -> dict[str, dict[str, float]]:
    """Compare the gated with the always-on pipeline over every background."""
    shipped = Bundle.load(BUNDLE)
    gated, always_on = shipped.replace(gate=GateConfig()), shipped.without_gate()
    words, recorded = validation_keywords(data, shipped), backgrounds(data)
    results, by_chance = {}, []
    for name, stream in chain(noisy(recorded, words, SNR_DB), quiet(words)):
        before = listen(always_on, stream)
        results[name] = compare(before, listen(gated, stream))
        by_chance.append(compare(before, listen(always_on, stream, skip_samples=HOP_SAMPLES)))
        show(name, results[name])
    results[ALL] = total(list(results.values()))
    results["all, always on, a hop later"] = total(by_chance)
    for snr_db in LOWER_SNR_DB:
        streams = [stream for _, stream in noisy(recorded, words, snr_db)]
        rows = [compare(listen(always_on, stream), listen(gated, stream)) for stream in streams]
        results[f"recorded backgrounds, {snr_db:g} dB"] = total(rows)
    for name in list(results)[-2 - len(LOWER_SNR_DB) :]:
        show(name, results[name])
    return results


def show(name: str, row: dict[str, float]) -> None:
    """Print one row."""
    text = f"{row['heard_before']:.0f} heard, {row['lost']:.0f} lost, {row['gained']:.0f} gained, "
    text += f"false events {row['false_events_before']:.0f} -> {row['false_events_after']:.0f}"
    if "asleep" in row:
        text += f", {row['later_ms']:+} ms, asleep {row['asleep']:.0%}"
    print(f"{name}: {text}", flush=True)


def total(rows: list[dict[str, float]]) -> dict[str, float]:
    """Add up what can be added."""
    means = ("later_ms", "asleep")
    return {name: sum(row[name] for row in rows) for name in rows[0] if name not in means}


def main() -> None:
    """Compare, print, write, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a folder with Speech Commands")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("gate.json"))
    arguments = parser.parse_args()
    try:
        results = evaluate(arguments.data)
    except DatasetError as error:
        sys.exit(f"eval_gate: {error}")
    arguments.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    judge(results[ALL])


def judge(row: dict[str, float]) -> None:
    """Exit with a message when the gate costs too much."""
    lost = row["lost"] / row["heard_before"]
    more = (row["false_events_after"] - row["false_events_before"]) / row["heard_before"]
    if lost > MAX_WORSE:
        sys.exit(f"the gate lost {lost:.1%} of the keywords; at most {MAX_WORSE:.0%} is allowed")
    if more > MAX_WORSE:
        sys.exit(f"false events grew by {more:.1%} of the keywords; at most {MAX_WORSE:.0%} is allowed")


if __name__ == "__main__":
    main()
