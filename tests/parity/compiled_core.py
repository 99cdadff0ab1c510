# SPDX-License-Identifier: Apache-2.0
"""The core as a row of the table of compilers builds it, and what it makes of five bundles."""

from __future__ import annotations

import zlib
from functools import cache
from pathlib import Path

import compilers
import numpy as np
from random_bundles import random_bundle, speech_like

from kws import places
from kws.bundle import Bundle
from kws.features import FeaturesConfig, MicroFeaturesConfig
from kws.gate import GateConfig
from kws.pipeline import Pipeline

SCORES = Path(__file__).resolve().parents[1] / "c" / "scores.c"
BUNDLES = {
    "shipped": lambda: Bundle.load(places.models() / "speech_commands_12.kws"),
    "window": lambda: random_bundle(seed=2, streaming=False),
    "gated": lambda: random_bundle(seed=3, gate=GateConfig(hangover_frames=0), causal=True),
    "log-mel": lambda: random_bundle(seed=4, features=FeaturesConfig.mlperf_streaming()),
    "micro": lambda: random_bundle(seed=5, features=MicroFeaturesConfig()),
}
"""All weight layouts, both front ends, both spectra, both FFT lengths."""


def write_inputs(folder: Path) -> None:
    """Write the bundles and the samples they hear."""
    (folder / "samples.raw").write_bytes(speech_like(1.6, seed=5, silence=(0.6, 1.1)).astype("<i2").tobytes())
    for name, make in BUNDLES.items():
        make().save(folder / f"{name}.kws")


@cache
def core_objects(family: str, processor: str, options: str, folder: Path) -> list[Path]:
    """Return the core, compiled once for all that is linked with it."""
    command = [*compilers.compiler(family, processor), *options.split()]
    return compilers.compile_files(command, compilers.core_sources(), folder / f"{family} {processor} {options}")


def printed(family: str, processor: str, options: str, folder: Path) -> dict[str, str]:
    """Return what tests/c/scores.c prints for each bundle when a row of the table builds it."""
    objects = core_objects(family, processor, options, folder)
    command = [*compilers.compiler(family, processor), *options.split()]
    place = objects[0].parent
    scores = compilers.compile_files(command, [SCORES], place / "scores")
    program = compilers.link(processor, [*objects, *scores], place / "scores.elf")
    samples = str(folder / "samples.raw")
    return {name: compilers.run(processor, program, [str(folder / f"{name}.kws"), samples]) for name in BUNDLES}


@cache
def expected(folder: Path) -> dict[str, str]:
    """Return what it has to print, from the library that Python calls."""
    return {name: _expected(folder / f"{name}.kws", np.fromfile(folder / "samples.raw", "<i2")) for name in BUNDLES}


def _expected(bundle: Path, samples: np.ndarray) -> str:
    pipeline = Pipeline(Bundle.load(bundle))
    events = pipeline.feed(samples)
    crcs = [zlib.crc32(a.tobytes()) for a in (pipeline.frames, pipeline.scores.posteriors, pipeline.scores.smoothed)]
    lines = [f"event {event.sample_index} {event.label_index} {event.score}" for event in events]
    return "\n".join([*lines, "features {:08x} posteriors {:08x} smoothed {:08x}\n".format(*crcs)])
