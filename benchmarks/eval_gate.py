"""What the gate costs in keywords and saves in time: `make eval KWS_DATA=DIR`.

Validation keywords, 4 s apart, 10 dB over each background (and over a quiet room), through the shipped model with and
without the gate's default settings; a quiet room with a word a minute; and the same backgrounds 5 and 0 dB below the
words, where a level says less. Behind a gate a model hears a stream with
its silences cut out, so some words near the threshold are lost and others gained; "a hop later" says how many of both
there are without any gate when the same audio begins one hop later. Writes benchmarks/gate.json; fails when more than
1 % of the keywords that the always-on model hears are lost, or events that are no hits grow by more than 1 % of them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
from kws.datasets.speech_commands import open_folder

from kws.audio import SAMPLE_RATE_HZ, read_audio
from kws.bundle import Bundle
from kws.errors import DatasetError
from kws.gate import GateConfig
from kws.pipeline import Pipeline

BUNDLE = Path(__file__).parents[1] / "models" / "speech_commands_12.kws"
NUM_KEYWORDS = 300
GAP_S = 4.0
HIT_SAMPLES = 2 * SAMPLE_RATE_HZ
"""From the start of the clip: one second of clip and the second after it."""
SNR_DB = 10.0
LOWER_SNR_DB = (5.0, 0.0)
QUIET_ROOM_STEPS = 3.0
QUIET_SPEECH_STEPS = 1500.0
RARE_KEYWORDS, RARE_GAP_S = 30, 59.0
HOP_SAMPLES = 320
MAX_WORSE = 0.01
ALL = "all"

Samples = npt.NDArray[np.int16]


@dataclass(frozen=True, kw_only=True)
class Stream:
    """Keywords over a background."""

    audio: Samples
    starts: list[int]
    words: list[str]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a pipeline made of a stream."""

    hits: dict[int, int]
    """Keyword -> sample of its event."""
    false_events: int
    """All other events but a second one of a word that was heard."""
    asleep: float
    """Share of the frames."""


def loud_rms(clip: npt.NDArray[np.float64]) -> float:
    """Level of the loudest third of a clip, which is about the word."""
    return float(np.sqrt(np.mean(np.sort(clip**2)[-len(clip) // 3 :]))) + 1e-9


def stream_of(
    words: list[str], clips: list[Samples], noise: npt.NDArray[np.float64], speech_rms: float, gap_s: float
) -> Stream:
    """Put the keywords over the background, the gap before and behind each."""
    gap = round(gap_s * SAMPLE_RATE_HZ)
    audio = np.resize(noise, gap + sum(len(clip) + gap for clip in clips))
    starts, position = [], gap
    for clip in clips:
        word = clip.astype(np.float64)
        audio[position : position + len(clip)] += word * (speech_rms / loud_rms(word))
        starts.append(position)
        position += len(clip) + gap
    audio *= min(1.0, 30000.0 / np.abs(audio).max())
    return Stream(audio=np.rint(audio).astype(np.int16), starts=starts, words=words)


def listen(bundle: Bundle, stream: Stream, *, skip_samples: int = 0) -> Outcome:
    """Run the stream through a pipeline and judge its events."""
    pipeline = Pipeline(bundle)
    hits: dict[int, int] = {}
    false_events = 0
    for event in pipeline.feed(stream.audio[skip_samples:]):
        sample = event.sample_index + skip_samples
        index = int(np.searchsorted(stream.starts, sample, side="right")) - 1
        near = index >= 0 and sample <= stream.starts[index] + HIT_SAMPLES
        if not near or event.label != stream.words[index]:
            false_events += 1
        else:
            hits.setdefault(index, sample)
    num_frames = pipeline.gated_frames + len(pipeline.frames)
    return Outcome(hits=hits, false_events=false_events, asleep=pipeline.gated_frames / num_frames)


def compare(before: Outcome, after: Outcome, num_keywords: int) -> dict[str, float]:
    """Return what changed, as one row of the result."""
    both = sorted(before.hits.keys() & after.hits.keys())
    later = [after.hits[index] - before.hits[index] for index in both]
    return {
        "keywords": num_keywords,
        "heard_before": len(before.hits),
        "heard_after": len(after.hits),
        "lost": len(before.hits.keys() - after.hits.keys()),
        "gained": len(after.hits.keys() - before.hits.keys()),
        "false_events_before": before.false_events,
        "false_events_after": after.false_events,
        "later_ms": round(float(np.mean(later)) * 1000.0 / SAMPLE_RATE_HZ, 1) if later else 0.0,
        "asleep": round(after.asleep, 3),
    }


def validation_keywords(data: Path, labels: tuple[str, ...]) -> tuple[list[str], list[Samples]]:
    """Return words and clips, drawn once and for all."""
    corpus = open_folder(data)
    rows = [corpus.clips[i] for i in corpus.of_split("validation")]
    keywords = [clip for clip in rows if clip.word in labels[2:]]
    chosen = [keywords[i] for i in np.random.default_rng(0).permutation(len(keywords))[:NUM_KEYWORDS]]
    return [clip.word for clip in chosen], [read_audio(clip.path) for clip in chosen]


def noisy(data: Path, words: list[str], clips: list[Samples], snr_db: float) -> Iterator[tuple[str, Stream]]:
    """Return the keywords over each recorded background."""
    root = data if (data / "background_noise").is_dir() else data.parent
    paths = sorted((root / "background_noise").glob("*.flac"))
    if not paths:
        raise DatasetError(f"{root}: expected background_noise/*.flac beside the clips")
    for path in paths:
        noise = read_audio(path).astype(np.float64)
        yield path.stem, stream_of(words, clips, noise, loud_rms(noise) * 10 ** (snr_db / 20), GAP_S)


def quiet(words: list[str], clips: list[Samples]) -> Iterator[tuple[str, Stream]]:
    """Return the keywords in a quiet room, close together and far apart."""
    noise = np.random.default_rng(1).normal(0.0, QUIET_ROOM_STEPS, 60 * SAMPLE_RATE_HZ)
    few = slice(0, RARE_KEYWORDS)
    yield "quiet room", stream_of(words, clips, noise, QUIET_SPEECH_STEPS, GAP_S)
    rare = stream_of(words[few], clips[few], noise, QUIET_SPEECH_STEPS, RARE_GAP_S)
    yield "quiet room, a word a minute", rare


def evaluate(data: Path) -> dict[str, dict[str, float]]:
    """Compare the gated with the always-on pipeline over every background."""
    shipped = Bundle.load(BUNDLE)
    gated, always_on = shipped.replace(gate=GateConfig()), shipped.without_gate()
    words, clips = validation_keywords(data, shipped.labels)
    results, by_chance = {}, []
    for name, stream in chain(noisy(data, words, clips, SNR_DB), quiet(words, clips)):
        before = listen(always_on, stream)
        results[name] = compare(before, listen(gated, stream), len(stream.words))
        later = listen(always_on, stream, skip_samples=HOP_SAMPLES)
        by_chance.append(compare(before, later, len(stream.words)))
        show(name, results[name])
    results[ALL] = total(list(results.values()))
    results["all, always on, a hop later"] = total(by_chance)
    for snr_db in LOWER_SNR_DB:
        streams = [stream for _, stream in noisy(data, words, clips, snr_db)]
        rows = [compare(listen(always_on, one), listen(gated, one), len(words)) for one in streams]
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
