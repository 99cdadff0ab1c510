"""What the level gate costs in keywords and saves in frames: `make eval KWS_DATA=DIR`.

Validation keywords, 4 s apart, 10 dB over each background (and over a quiet room), through the shipped model with and
without the gate's default settings. Writes benchmarks/gate.json; fails when the gate loses more than 1 % of the
keywords that the always-on model hears.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from datasets.speech_commands import open_folder
from kws.audio import read_audio
from kws.bundle import Bundle
from kws.errors import DatasetError
from kws.gate import GateConfig
from kws.pipeline import Pipeline

BUNDLE = Path(__file__).parents[1] / "models" / "speech_commands_12.kws"
NUM_KEYWORDS = 300
GAP_SAMPLES = 64000
HIT_SAMPLES = 32000
"""From the start of the clip: one second of clip and the second after it."""
SNR_DB = 10.0
QUIET_ROOM_STEPS = 3.0
QUIET_SPEECH_STEPS = 1500.0
MAX_LOST = 0.01


def loud_rms(clip: npt.NDArray[np.float64]) -> float:
    """Level of the loudest third of a clip, which is about the word."""
    return float(np.sqrt(np.mean(np.sort(clip**2)[-len(clip) // 3 :]))) + 1e-9


def stream_of(
    clips: list[npt.NDArray[np.int16]], noise: npt.NDArray[np.float64], speech_rms: float
) -> tuple[npt.NDArray[np.int16], list[int]]:
    """Return the keywords over the background, and where each begins."""
    audio = np.resize(noise, GAP_SAMPLES + sum(len(clip) + GAP_SAMPLES for clip in clips))
    starts, position = [], GAP_SAMPLES
    for clip in clips:
        word = clip.astype(np.float64)
        audio[position : position + len(clip)] += word * (speech_rms / loud_rms(word))
        starts.append(position)
        position += len(clip) + GAP_SAMPLES
    audio *= min(1.0, 30000.0 / np.abs(audio).max())
    return np.rint(audio).astype(np.int16), starts


def listen(
    shipped: Bundle, gate: GateConfig | None, audio: npt.NDArray[np.int16], starts: list[int], words: list[str]
) -> tuple[npt.NDArray[np.bool_], float]:
    """Return which keywords were heard, and the share of frames the network slept through."""
    features, model = shipped.section("FEAT"), shipped.section("MODL")
    assert features is not None
    assert model is not None
    bundle = Bundle.build(
        features=features, model_section=model, labels=shipped.labels, decision=shipped.decision, gate=gate
    )
    pipeline = Pipeline(bundle)
    events = pipeline.feed(audio)
    heard = [
        any(start <= event.sample_index <= start + HIT_SAMPLES and event.label == word for event in events)
        for start, word in zip(starts, words, strict=True)
    ]
    return np.array(heard), pipeline.gated_frames / (pipeline.gated_frames + len(pipeline.frames))


def evaluate(data: Path) -> dict[str, dict[str, float]]:
    """Compare the gated with the always-on pipeline over every background."""
    shipped, corpus = Bundle.load(BUNDLE), open_folder(data)
    rows = [corpus.clips[i] for i in corpus.of_split("validation")]
    keywords = [clip for clip in rows if clip.word in shipped.labels[2:]]
    chosen = [keywords[i] for i in np.random.default_rng(0).permutation(len(keywords))[:NUM_KEYWORDS]]
    words, clips = [clip.word for clip in chosen], [read_audio(clip.path) for clip in chosen]
    root = data if (data / "background_noise").is_dir() else data.parent
    paths = sorted((root / "background_noise").glob("*.flac"))
    if not paths:
        raise DatasetError(f"{root}: expected background_noise/*.flac beside the clips")
    noises = {path.stem: read_audio(path).astype(np.float64) for path in paths}
    backgrounds = {name: (noise, loud_rms(noise) * 10 ** (SNR_DB / 20)) for name, noise in noises.items()}
    quiet = np.random.default_rng(1).normal(0.0, QUIET_ROOM_STEPS, 60 * 16000)
    backgrounds["quiet room"] = (quiet, QUIET_SPEECH_STEPS)
    results = {}
    for name, (noise, speech_rms) in backgrounds.items():
        audio, starts = stream_of(clips, noise, speech_rms)
        always_on, _ = listen(shipped, None, audio, starts, words)
        gated, asleep = listen(shipped, GateConfig(), audio, starts, words)
        results[name] = {
            "keywords": len(words),
            "heard_always_on": int(always_on.sum()),
            "heard_gated": int(gated.sum()),
            "lost": int((always_on & ~gated).sum()),
            "asleep": round(asleep, 3),
        }
    return results


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
    for name, row in results.items():
        print(f"{name}: {row['lost']} of {row['heard_always_on']} lost, asleep {row['asleep']:.0%}")
    arguments.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    lost = sum(row["lost"] for row in results.values()) / sum(row["heard_always_on"] for row in results.values())
    if lost > MAX_LOST:
        sys.exit(f"the gate lost {lost:.1%} of the keywords; at most {MAX_LOST:.0%} is allowed")


if __name__ == "__main__":
    main()
