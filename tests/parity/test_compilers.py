# SPDX-License-Identifier: Apache-2.0
"""The core compiles without a warning and gives the same bits with every compiler and processor of the table."""

from __future__ import annotations

import subprocess
import zlib
from functools import cache
from pathlib import Path

import compilers
import numpy as np
import pytest
import soundfile
from random_bundles import random_bundle, speech_like

from kws import places
from kws.bundle import Bundle
from kws.device.build import find_tool
from kws.features import FeaturesConfig, MicroFeaturesConfig
from kws.gate import GateConfig
from kws.pipeline import Pipeline

ROOT = Path(__file__).resolve().parents[2]
EMBED = ROOT / "examples" / "embed"
BUNDLES = {
    "shipped": lambda: Bundle.load(places.models() / "speech_commands_12.kws"),
    "window": lambda: random_bundle(seed=2, streaming=False),
    "gated": lambda: random_bundle(seed=3, gate=GateConfig(hangover_frames=0), causal=True),
    "log-mel": lambda: random_bundle(seed=4, features=FeaturesConfig.mlperf_streaming()),
    "micro": lambda: random_bundle(seed=5, features=MicroFeaturesConfig()),
}
"""All weight layouts, both front ends, both spectra, both FFT lengths."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compilers")
    (folder / "samples.raw").write_bytes(speech_like(1.6, seed=5, silence=(0.6, 1.1)).astype("<i2").tobytes())
    for name, make in BUNDLES.items():
        make().save(folder / f"{name}.kws")
    return folder


@cache
def core_objects(family: str, processor: str, options: str, folder: Path) -> list[Path]:
    """Return the core, compiled once for all tests of this file."""
    command = [*compilers.compiler(family, processor), *options.split()]
    return compilers.compile_files(command, compilers.core_sources(), folder / f"{family} {processor} {options}")


@cache
def expected(name: str, folder: Path) -> str:
    """Return what tests/c/scores.c has to print, from the library that Python calls."""
    pipeline = Pipeline(Bundle.load(folder / f"{name}.kws"))
    events = pipeline.feed(np.fromfile(folder / "samples.raw", "<i2"))
    crcs = [zlib.crc32(a.tobytes()) for a in (pipeline.frames, pipeline.scores.posteriors, pipeline.scores.smoothed)]
    lines = [f"event {event.sample_index} {event.label_index} {event.score}" for event in events]
    return "\n".join([*lines, "features {:08x} posteriors {:08x} smoothed {:08x}\n".format(*crcs)])


@pytest.mark.parametrize(("family", "processor", "options"), compilers.BUILDS)
def test_core_compiles_and_gives_the_same_bits(family: str, processor: str, options: str, folder: Path) -> None:
    objects = core_objects(family, processor, options, folder)
    command = [*compilers.compiler(family, processor), *options.split()]
    place = objects[0].parent
    scores = compilers.compile_files(command, [ROOT / "tests" / "c" / "scores.c"], place / "scores")
    program = compilers.link(processor, [*objects, *scores], place / "scores.elf")
    for name in BUNDLES:
        arguments = [str(folder / f"{name}.kws"), str(folder / "samples.raw")]
        assert compilers.run(processor, program, arguments) == expected(name, folder), name


def test_the_comparison_hears_something(folder: Path) -> None:
    assert any("event" in expected(name, folder) for name in BUNDLES)


@pytest.fixture(scope="module")
def embed(folder: Path) -> Path:
    """Return the build folder of examples/embed on this machine, by the commands that its README shows."""
    build = folder / "embed"
    cmake = find_tool("cmake")
    subprocess.run([cmake, "-S", EMBED, "-B", build, "-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={find_tool('ninja')}"],
                   check=True, capture_output=True)  # fmt: skip
    subprocess.run([cmake, "--build", build], check=True, capture_output=True)
    return build


def heard_by_python() -> str:
    samples, _ = soundfile.read(ROOT / "examples" / "stream.flac", dtype="int16")
    pipeline = Pipeline(Bundle.load(places.models() / "speech_commands_12.kws"))
    events = pipeline.feed(samples)
    assert events
    return "".join(f"{event.label} at sample {event.sample_index}\n" for event in events)


@pytest.mark.parametrize("language", ["c", "cpp"])
def test_embedding_example_hears_what_python_hears(language: str, embed: Path) -> None:
    samples, _ = soundfile.read(ROOT / "examples" / "stream.flac", dtype="int16")
    assert compilers.run("host", embed / f"embed_{language}", [], samples.tobytes()) == heard_by_python()


@pytest.mark.parametrize("cpp", [False, True], ids=["C", "C++"])
@pytest.mark.parametrize("family", ["gcc", "clang"])
@pytest.mark.parametrize("processor", ["host", "m0", "m4", "m33"])
def test_embedding_example_compiles_without_a_warning_and_links(
    processor: str, family: str, cpp: bool, embed: Path, folder: Path
) -> None:
    options = next(row[2] for row in compilers.BUILDS if row[:2] == ("gcc", processor) and row[2] != "-O0")
    core = core_objects("gcc", processor, options, folder)
    place = folder / f"embed {processor} {family} {'cpp' if cpp else 'c'}"
    command = [*compilers.compiler(family, processor, cpp=cpp), "-Os"]
    main = compilers.compile_files(command, [EMBED / ("main.cpp" if cpp else "main.c")], place)
    bundle = compilers.compile_files([*compilers.compiler("gcc", processor), "-Os"], [embed / "bundle.c"], place / "b")
    program = compilers.link(processor, [*core, *main, *bundle], place / "embed.elf")
    if processor == "host":
        samples, _ = soundfile.read(ROOT / "examples" / "stream.flac", dtype="int16")
        assert compilers.run(processor, program, [], samples.tobytes()) == heard_by_python()
