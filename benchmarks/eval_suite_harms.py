# SPDX-License-Identifier: Apache-2.0
"""Deliberate harms, and what a suite's comparison with its baseline says of each: `make eval KWS_DATA=DIR`.

144 validation clips and a stream of 24 of their words are heard by the shipped bundle, and accepted. Then one thing at
a time is made worse, in the bundle or in the recordings. A harm is named if the comparison is not "identical" and says
what else differs: another bundle, another operating point, another recording, another truth. Writes
benchmarks/suite_harms.json; fails if a harm is not named, or a run without harm is not identical.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kws.audio import SAMPLE_RATE_HZ, Samples, read_audio, write_wav
from kws.bundle import Bundle
from kws.datasets.speech_commands import open_folder
from kws.errors import KwsWarning
from kws.evaluation.streams import StreamRecipe, Word, mix_stream
from kws.evaluation.truth_files import write_truth
from kws.features import FeaturesConfig
from kws.harness.baseline import Comparison
from kws.harness.verdict import Verdict
from kws.labels import Labels
from kws.suite.baseline import Files, accept
from kws.suite.judge import judge_suite
from kws.suite.run import RunOptions, run_suite
from kws.suite.suite import read_suite

BUNDLE = Path(__file__).parents[1] / "models" / "speech_commands_12.kws"
CLIPS_PER_LABEL = 12
STREAM_WORDS = 24
SUITE = """
bundle = "shipped.kws"

[[recordings]]
paths = ["clips"]

[[recordings]]
paths = ["stream.wav"]
truth = "stream.json"

[gates]
equal_to_host = false
"""


@dataclass(frozen=True, kw_only=True)
class Harm:
    """One thing that is made worse in a copy of the suite's folder."""

    name: str
    do: Callable[[Path], None]
    named_by: str
    """What the comparison must mention."""


def lay_out(folder: Path, data: Path) -> None:
    """Write the suite with its recordings."""
    bundle = Bundle.load(BUNDLE)
    bundle.save(folder / "shipped.kws")
    labels, counts = Labels(bundle.labels), dict.fromkeys(bundle.labels, 0)
    words: list[Word] = []
    for clip in sorted(open_folder(data).clips, key=lambda clip: clip.path.name):
        label = labels.of_word(clip.word)
        if clip.split != "validation" or label is None or counts[label] == CLIPS_PER_LABEL:
            continue
        counts[label] += 1
        samples = read_audio(clip.path, sample_rate_hz=SAMPLE_RATE_HZ)
        target = folder / "clips" / clip.word / f"{clip.path.stem}.wav"
        target.parent.mkdir(parents=True, exist_ok=True)
        write_wav(target, samples)
        if label not in ("unknown", "silence") and counts[label] <= STREAM_WORDS // 10 + 1:
            words.append(Word(samples=samples, label=label))
    noise = np.random.default_rng(1).normal(0.0, 300.0, 60 * SAMPLE_RATE_HZ).astype(np.int16)
    stream = mix_stream(words[:STREAM_WORDS], noise, StreamRecipe(snr_db=20.0))
    write_wav(folder / "stream.wav", stream.samples)
    write_truth(folder / "stream.json", {"stream.wav": stream.truth})
    (folder / "suite.toml").write_text(SUITE, encoding="utf-8")


# -- harms --------------------------------------------------------------------------------------------------------


def bundle_harm(change: Callable[[Bundle], Bundle]) -> Callable[[Path], None]:
    """Another bundle."""
    return lambda folder: change(Bundle.load(folder / "shipped.kws")).save(folder / "shipped.kws")


def audio_harm(change: Callable[[Samples], Samples], which: str = "*/*.wav") -> Callable[[Path], None]:
    """Other recordings."""

    def do(folder: Path) -> None:
        for path in [*(folder / "clips").glob(which), folder / "stream.wav"]:
            write_wav(path, change(read_audio(path, sample_rate_hz=SAMPLE_RATE_HZ)))

    return do


def thresholds(bundle: Bundle, change: Callable[[str, int], int]) -> Bundle:
    """The bundle with other thresholds at every operating point."""
    points = tuple(
        replace(point, thresholds=tuple(map(change, bundle.labels, point.thresholds)))
        for point in bundle.decision.operating_points
    )
    return bundle.replace(decision=replace(bundle.decision, operating_points=points))


def rebuilt(bundle: Bundle, **changes: Any) -> Bundle:
    """The bundle with another section."""
    model = bundle.section("MODL")
    assert model is not None
    parts = {"features": bundle.front_end, "model_section": model, "labels": bundle.labels}
    return Bundle.build(**{**parts, "decision": bundle.decision, "gate": bundle.gate, **changes})


def flipped(bundle: Bundle, at: int, mask: int) -> Bundle:
    """The bundle with some bits of its model turned."""
    model = bytearray(bundle.section("MODL") or b"")
    model[at] ^= mask
    return rebuilt(bundle, model_section=bytes(model))


def front_end(bundle: Bundle) -> Bundle:
    """The bundle with a Hamming window where it was trained with Hann's."""
    settings = {**bundle.metadata["training"]["features"], "num_coefficients": None}
    config = FeaturesConfig(**settings)
    return rebuilt(bundle, features=replace(config, window="hamming"))


def swapped(bundle: Bundle) -> Bundle:
    """The bundle with "up" and "down" exchanged."""
    exchange = {"up": "down", "down": "up"}
    return rebuilt(bundle, labels=tuple(exchange.get(label, label) for label in bundle.labels))


def gain(decibels: float) -> Callable[[Samples], Samples]:
    """Louder or softer, clipped where it must be."""
    factor = 10.0 ** (decibels / 20.0)
    return lambda samples: np.clip(np.rint(samples * factor), -32768, 32767).astype(np.int16)


def noisy(samples: Samples) -> Samples:
    """White noise 20 dB below the recording."""
    level = float(np.sqrt(np.mean(samples.astype(np.float64) ** 2))) / 10.0
    noise = np.random.default_rng(samples.size).normal(0.0, level, samples.size)
    return np.clip(samples + noise, -32768, 32767).astype(np.int16)


def wrong_folder(folder: Path) -> None:
    """A clip of "yes" lies among those of "no"."""
    clip = sorted((folder / "clips" / "yes").iterdir())[0]
    target = folder / "clips" / "no" / clip.name
    clip.rename(target)


def later_truth(folder: Path) -> None:
    """The truth of the stream is 1.5 s late."""
    truth = json.loads((folder / "stream.json").read_text())
    for window in truth["recordings"][0]["windows"]:
        for key in ("start_sample", "end_sample"):
            window[key] = min(window[key] + 24000, truth["recordings"][0]["num_samples"])
        window["start_sample"] = min(window["start_sample"], window["end_sample"] - 1)
    (folder / "stream.json").write_text(json.dumps(truth))


def operating_point(folder: Path) -> None:
    """The suite asks for another operating point."""
    (folder / "suite.toml").write_text("operating_point = 2\n" + SUITE)


HARMS = (
    Harm(
        name="threshold of one word 0.87 -> 0.98",
        do=bundle_harm(lambda b: thresholds(b, lambda label, limit: 250 if label == "stop" else limit)),
        named_by="bundle",
    ),
    Harm(
        name="all thresholds down to 0.45",
        do=bundle_harm(lambda b: thresholds(b, lambda label, limit: min(limit, 115))),
        named_by="bundle",
    ),
    Harm(
        name="one bit of a weight in the middle",
        do=bundle_harm(lambda b: flipped(b, 14880, 0x80)),
        named_by="bundle",
    ),
    Harm(
        name="one bit of a weight of the last layer",
        do=bundle_harm(lambda b: flipped(b, 29000, 0x40)),
        named_by="bundle",
    ),
    Harm(name="wrong front end: another window", do=bundle_harm(front_end), named_by="bundle"),
    Harm(name="two labels exchanged", do=bundle_harm(swapped), named_by="bundle"),
    Harm(
        name="smoothing over 3 decisions instead of 9",
        do=bundle_harm(lambda b: b.replace(decision=replace(b.decision, smoothing_decisions=3))),
        named_by="bundle",
    ),
    Harm(name="another operating point", do=operating_point, named_by="operating point"),
    Harm(name="recordings 12 dB softer", do=audio_harm(gain(-12.0)), named_by="the recording itself"),
    Harm(name="recordings 30 dB louder, clipped", do=audio_harm(gain(30.0)), named_by="the recording itself"),
    Harm(name="noise at 20 dB", do=audio_harm(noisy), named_by="the recording itself"),
    Harm(
        name="the first 100 ms cut off",
        do=audio_harm(lambda samples: np.concatenate([samples[1600:], np.zeros(1600, np.int16)])),
        named_by="the recording itself",
    ),
    Harm(name="a clip in the wrong folder", do=wrong_folder, named_by="missing"),
    Harm(name="truth of the stream 1.5 s late", do=later_truth, named_by="stream.wav"),
)


def judged(folder: Path) -> Verdict:
    """Run the suite in a folder and judge it."""
    suite = read_suite(folder / "suite.toml")
    return judge_suite(suite, run_suite(suite, RunOptions(log=folder / "log.jsonl")))


def row(name: str, verdict: Verdict, named_by: str) -> dict[str, Any]:
    """What came out, for the table."""
    comparison = verdict.comparison
    assert comparison is not None
    said = [*(f"{c.what}: {c.before} -> {c.now}" for c in (*comparison.context, *comparison.changes))]
    return {
        "harm": name,
        "said": comparison.headline,
        "differs": [change.what for change in comparison.context],
        "first_changes": [line for line in said if line.split(":")[0] not in ("bundle", "board", "kws")][:3],
        "named": is_named(comparison, said, named_by),
        "suite_fails": not verdict.passed,
    }


def is_named(comparison: Comparison, said: list[str], named_by: str) -> bool:
    """Whether the comparison is not identical, and says what is behind it."""
    return not comparison.identical and any(named_by in line for line in said)


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("suite_harms.json"))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", KwsWarning)
    with tempfile.TemporaryDirectory(prefix="kws-harms-") as name:
        clean = Path(name) / "clean"
        clean.mkdir()
        lay_out(clean, arguments.data)
        suite, files = read_suite(clean / "suite.toml"), Files(folder=clean)
        result = run_suite(suite, RunOptions(log=files.log))
        files.write(result)
        accept(suite, files, by="benchmark", why="as shipped")
        again = judged(clean)
        assert again.comparison is not None
        rows = []
        for harm in HARMS:
            folder = Path(name) / "harmed"
            shutil.copytree(clean, folder)
            harm.do(folder)
            rows.append(row(harm.name, judged(folder), harm.named_by))
            print(f"{harm.name}: {rows[-1]['said']} {'' if rows[-1]['named'] else '(NOT NAMED)'}")
            shutil.rmtree(folder)
    content = {
        "bundle": BUNDLE.name,
        "recordings": len(result.outcomes),
        "audio_s": round(result.audio_s, 1),
        "unharmed": again.comparison.headline,
        "harms_named": sum(entry["named"] for entry in rows),
        "harms": rows,
    }
    arguments.out.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"unharmed: {content['unharmed']}")
    return int(not again.comparison.identical or not all(entry["named"] for entry in rows))


if __name__ == "__main__":
    sys.exit(main())
