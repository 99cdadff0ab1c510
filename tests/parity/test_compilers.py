# SPDX-License-Identifier: Apache-2.0
"""The core compiles without a warning and gives the same bits with every compiler and processor of the table."""

from __future__ import annotations

import os
import re
import subprocess
import time
from functools import cache
from pathlib import Path

import compilers
import pytest
import soundfile
from compiled_core import core_objects, expected, printed, write_inputs

from kws import places
from kws.bundle import Bundle
from kws.device.build import find_tool
from kws.pipeline import Pipeline

ROOT = Path(__file__).resolve().parents[2]
EMBED = ROOT / "examples" / "embed"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compilers")
    write_inputs(folder)
    return folder


@pytest.mark.parametrize(("family", "processor", "options"), compilers.BUILDS)
def test_core_compiles_and_gives_the_same_bits(family: str, processor: str, options: str, folder: Path) -> None:
    assert printed(family, processor, options, folder) == expected(folder)


def test_the_comparison_hears_something(folder: Path) -> None:
    assert any("event" in said for said in expected(folder).values())


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


def test_embedding_example_takes_the_bundle_anew_when_it_changes(tmp_path: Path) -> None:
    bundle, build, cmake = tmp_path / "my words.kws", tmp_path / "build", find_tool("cmake")
    for name, command in (
        ("speech_commands_12", [cmake, "-S", EMBED, "-B", build, "-G", "Ninja", f"-DKWS_BUNDLE={bundle}",
                                f"-DCMAKE_MAKE_PROGRAM={find_tool('ninja')}"]),
        ("wake_computer_50", [cmake, "--build", build, "--target", "bundle"]),
    ):  # fmt: skip
        data = (places.models() / f"{name}.kws").read_bytes()
        bundle.write_bytes(data)
        os.utime(bundle, (time.time() + 5, time.time() + 5))  # later than the build, whatever the clock of the disk
        subprocess.run(command, check=True, capture_output=True)
        array = re.findall(r"0x(..),", (build / "bundle.c").read_text())
        assert bytes(int(byte, 16) for byte in array) == data


@cache
def bundle_objects(processor: str, embed: Path) -> list[Path]:
    """Return the bundle as the example holds it, compiled once for each processor."""
    command = [*compilers.compiler("gcc", processor), "-Os"]
    return compilers.compile_files(command, [embed / "bundle.c"], embed / f"bundle for {processor}")


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
    program = compilers.link(processor, [*core, *main, *bundle_objects(processor, embed)], place / "embed.elf")
    if processor == "host":
        samples, _ = soundfile.read(ROOT / "examples" / "stream.flac", dtype="int16")
        assert compilers.run(processor, program, [], samples.tobytes()) == heard_by_python()
