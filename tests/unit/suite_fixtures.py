# SPDX-License-Identifier: Apache-2.0
"""A suite of six clips of three words and one long recording, with a network that has learned nothing."""

from pathlib import Path

from random_bundles import speech_like

from kws.audio import write_wav
from kws.bundle import Bundle
from kws.harness.result import ReplayResult
from kws.suite.run import RunOptions, run_suite
from kws.suite.suite import Suite, read_suite

SUITE = """
bundle = "random.kws"

[[recordings]]
paths = ["clips"]
tags_from_name = "{word}/{speaker}_{take}.wav"

[[recordings]]
paths = ["long.wav"]
truth = "truth.csv"
tags = { noise = "kitchen", distance_m = 2 }
"""


def write_recordings(folder: Path, bundle: Bundle) -> Path:
    """Write the bundle and the recordings that ``SUITE`` names, and return the folder."""
    bundle.save(folder / "random.kws")
    for word in ("left", "right", "cat"):
        (folder / "clips" / word).mkdir(parents=True)
        for speaker in ("ann", "bob"):
            write_wav(folder / "clips" / word / f"{speaker}_0.wav", speech_like(1.0, seed=len(word + speaker)))
    write_wav(folder / "long.wav", speech_like(4.0, seed=9))
    (folder / "truth.csv").write_text("file,label,start_s,end_s\nlong.wav,left,0.5,1\nlong.wav,right,2,2.5\n")
    return folder


def suite_of(folder: Path, more: str = "", text: str = SUITE) -> Suite:
    (folder / "suite.toml").write_text(text + more, encoding="utf-8")
    return read_suite(folder / "suite.toml")


def run(folder: Path, more: str = "") -> tuple[Suite, ReplayResult]:
    suite = suite_of(folder, more)
    return suite, run_suite(suite, RunOptions(log=folder / "log.jsonl"))
