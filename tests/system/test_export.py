# SPDX-License-Identifier: Apache-2.0
"""Exported projects have the layout that their build systems specify, compile without a warning, and hear words."""

from __future__ import annotations

import hashlib
import json
import re
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml
from random_bundles import random_bundle

from kws import places
from kws.bundle import Bundle
from kws.device.build import find_tool
from kws.errors import ConfigError
from kws.export import FORMATS, export
from kws.features import FeaturesConfig
from kws.pipeline import Pipeline
from kws.version import VERSION

ROOT = Path(__file__).resolve().parents[2]
STAND_INS = ROOT / "tests" / "stand_ins"
MODEL = places.models() / "speech_commands_12.kws"
CATEGORIES = {
    "Display", "Communication", "Signal Input/Output", "Sensors", "Device Control", "Timing", "Data Storage",
    "Data Processing", "Other",
}  # fmt: skip
"""Of Arduino's library specification, format 1.5, revision 2.2."""
MODULE_KEYS = {
    "name", "build.cmake", "build.kconfig", "build.cmake-ext", "build.kconfig-ext", "build.depends", "build.settings",
    "samples", "tests", "boards", "blobs",
}  # fmt: skip
"""Of the schema in Zephyr's scripts/zephyr_module.py."""

sys.path.insert(0, str(ROOT / "tests" / "parity"))
import compilers  # noqa: E402


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All formats, and what they are to hear."""
    folder = tmp_path_factory.mktemp("export")
    for layout in FORMATS:
        export(Bundle.load(MODEL), layout, folder / layout)
    samples, _ = soundfile.read(ROOT / "examples" / "stream.flac", dtype="int16")
    (folder / "samples.raw").write_bytes(samples.tobytes())
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_format_carries_the_same_library_and_the_licence(place: Path) -> None:
    library = tree(place / "c" / "kws")
    sources = (places.firmware() / "core" / "sources.txt").read_text().split()
    assert {f"core/{name}" for name in sources} | {"kws.h", "kws_bundle_data.c"} <= set(library)
    for name, data in library.items():
        if not name.startswith("kws_bundle_data"):
            assert data == (places.firmware() / name).read_bytes(), name
    for layout, folder in FORMATS.items():
        assert tree(place / layout / folder) == library, layout
        assert (place / layout / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
        for name, data in tree(place / layout).items():
            if Path(name).suffix in (".c", ".h", ".ino", ".yml", ".yaml") or name.endswith("CMakeLists.txt"):
                assert b"SPDX-License-Identifier: Apache-2.0" in b"".join(data.splitlines()[:2]), name


def test_the_same_bundle_gives_the_same_bytes_without_a_path_of_this_machine(place: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere" / "speech_commands_12.kws"
    moved.parent.mkdir()
    moved.write_bytes(MODEL.read_bytes())
    for layout in FORMATS:
        names = export(Bundle.load(moved), layout, tmp_path / layout)
        files = tree(tmp_path / layout)
        assert files == tree(place / layout)
        assert sorted(files) == sorted([*names, "kws_export.sha256"])
        for name, data in files.items():
            assert str(ROOT).encode() not in data, name
            assert str(tmp_path).encode() not in data, name
            assert not re.search(rb"@[A-Z]+@", data), name


def test_the_arrays_are_the_bundle(place: Path) -> None:
    text = (place / "c" / "kws" / "kws_bundle_data.c").read_text()
    assert bytes(int(byte, 16) for byte in re.findall(r"0x(..),", text)) == MODEL.read_bytes()


def test_a_long_name_is_cut_to_what_the_library_manager_takes(tmp_path: Path) -> None:
    export(Bundle(MODEL.read_bytes(), name="hey nova " * 20 + ".kws"), "arduino", tmp_path)
    name = (tmp_path / "library.properties").read_text().splitlines()[0].removeprefix("name=")
    assert name == "kws_" + ("hey_nova_" * 20)[:59]
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}", name)


@pytest.mark.parametrize(("layout", "axes"), [("c", 1), ("c", 3), ("arduino", 3), ("zephyr", 3)])
def test_the_readme_says_what_a_bundle_of_another_rate_is_fed(layout: str, axes: int, tmp_path: Path) -> None:
    bundle = random_bundle(features=FeaturesConfig(sample_rate_hz=9600, mel_high_hz=4800.0))
    machine = {"axes": axes, "block_samples": 512, "sample_rate_hz": 3200}
    export(bundle.replace(metadata={"machine": machine}), layout, tmp_path)
    told = (tmp_path / "README.md").read_text()
    assert "9600 a second" in " ".join(told.split())
    assert "16000" not in told
    assert ("-r 9600 -c 1" in told) == (layout == "c")
    in_turn = (
        f"{axes} axes in turn: 512 samples of the first, as many of the next, and so on; each axis is read 3200 times"
    )
    assert (in_turn in " ".join(told.split())) == (axes > 1)


def test_the_header_of_the_library_shows_names_that_are_there() -> None:
    """The comment of ``kws.h`` is code to copy; it is in no program that is compiled."""
    comment, _, _ = (places.firmware() / "kws.h").read_text().partition("#ifndef")
    members = set(re.findall(r"event->(\w+)", comment))
    declared = (places.firmware() / "core" / "kws_detection.h").read_text()
    assert members
    assert all(re.search(rf"\b{member};", declared) for member in members), members


# ---- compiled and run ----


@pytest.fixture(scope="module", params=["m4", "m0"])
def library(request: pytest.FixtureRequest, place: Path) -> tuple[str, list[Path]]:
    """The library compiled for a processor: that of the C format, to which the others' are equal."""
    command = [*compilers.compiler("gcc", request.param), "-Os", f"-I{place / 'c' / 'kws'}"]
    sources = sorted((place / "c" / "kws").rglob("*.c"))
    return request.param, compilers.compile_files(command, sources, place / f"library {request.param}")


def heard(lines: str) -> list[str]:
    return [line.split()[0] for line in lines.splitlines()]


def run_for(processor: str, place: Path, name: str, include: list[Path], sources: list[Path], objects: list[Path]):
    """Compile an example with its stand-in, link it to the library, run it on the processor; return what it prints."""
    cpp = sources[0].suffix == ".cpp"
    command = [*compilers.compiler("gcc", processor, cpp=cpp), "-Os", f'-DSAMPLES="{place / "samples.raw"}"']
    command += [f"-I{folder}" for folder in include]
    own = compilers.compile_files(command, sources, place / f"{name} {processor}")
    program = compilers.link(processor, [*objects, *own], place / f"{name} {processor}" / "listen.elf")
    return compilers.run(processor, program, [], (place / "samples.raw").read_bytes())


def test_the_c_program_hears(library: tuple[str, list[Path]], place: Path) -> None:
    folder = place / "c"
    printed = run_for(library[0], place, "c", [folder / "kws"], [folder / "main.c"], library[1])
    samples = np.frombuffer((place / "samples.raw").read_bytes(), np.int16)
    events = Pipeline(Bundle.load(MODEL)).feed(samples)
    assert [event.label for event in events] == ["stop", "no"]
    assert printed == "".join(f"{event.label} at sample {event.sample_index}\n" for event in events)


def test_the_arduino_sketch_hears(library: tuple[str, list[Path]], place: Path) -> None:
    sketch = place / "arduino" / "examples" / "listen" / "listen.ino"
    source = place / f"sketch {library[0]}" / "listen.cpp"
    source.parent.mkdir()
    source.write_text(f'#include <Arduino.h>\n#line 1 "listen.ino"\n{sketch.read_text()}')  # as the IDE does
    include = [place / "arduino" / "src", STAND_INS / "arduino"]
    printed = run_for(library[0], place, "arduino", include, [source, STAND_INS / "arduino" / "main.cpp"], library[1])
    assert heard(printed) == ["stop", "no"]


def test_the_zephyr_sample_hears(library: tuple[str, list[Path]], place: Path) -> None:
    include = [place / "zephyr" / "kws", STAND_INS / "zephyr" / "include"]
    main = place / "zephyr" / "samples" / "listen" / "src" / "main.c"
    printed = run_for(library[0], place, "zephyr", include, [main, STAND_INS / "zephyr" / "stand_in.c"], library[1])
    assert heard(printed) == ["stop", "no"]


def configured(source: Path, build: Path, *settings: str) -> dict[str, str]:
    """Run CMake for a Cortex-M4; return file -> command."""
    options = [
        "-DCMAKE_SYSTEM_NAME=Generic",
        "-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY",
        "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON",
    ]
    options += ["-DCMAKE_C_COMPILER=arm-none-eabi-gcc", "-DCMAKE_C_FLAGS=-mcpu=cortex-m4 -mthumb --specs=nosys.specs"]
    ninja = ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={find_tool('ninja')}"]
    done = subprocess.run([find_tool("cmake"), "-S", source, "-B", build, *ninja, *options, *settings],
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    entries = json.loads((build / "compile_commands.json").read_text())
    return {str(Path(entry["file"]).resolve()): entry["command"] for entry in entries}


def test_cmake_of_the_c_project_compiles_everything_in_it(place: Path, tmp_path: Path) -> None:
    commands = configured(place / "c", tmp_path)
    assert set(commands) == {str(path) for path in (place / "c").rglob("*.c")}
    assert all("-O3" in command for command in commands.values())


def test_cmake_of_the_zephyr_module_compiles_everything_in_it(place: Path, tmp_path: Path) -> None:
    sample = place / "zephyr" / "samples" / "listen"
    commands = configured(sample, tmp_path, f"-DZephyr_DIR={STAND_INS / 'zephyr'}")
    assert set(commands) == {str(path) for path in (place / "zephyr").rglob("*.c")}
    assert all(f"-I{place / 'zephyr' / 'kws'} " in command for command in commands.values())


# ---- layouts ----


def test_the_arduino_library_is_as_specified(place: Path) -> None:
    folder = place / "arduino"
    fields = dict(line.split("=", 1) for line in (folder / "library.properties").read_text().splitlines())
    required = {"name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url", "architectures"}
    assert required <= set(fields)
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}", fields["name"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", fields["version"])
    assert fields["version"] == VERSION
    assert fields["category"] in CATEGORIES
    assert fields["sentence"] == "Hears words: yes, no, up, down, left, right, on, off, stop, go.", (
        "nor silence, unknown"
    )
    assert all((folder / "src" / header).is_file() for header in fields["includes"].split(","))
    assert not (folder / "utility").exists(), "beside src it would not be compiled"
    for sketch in folder.glob("examples/*"):
        assert (sketch / f"{sketch.name}.ino").is_file(), "a sketch is named like its folder"


def test_the_zephyr_module_is_as_specified(place: Path) -> None:
    folder = place / "zephyr"
    module = yaml.safe_load((folder / "zephyr" / "module.yml").read_text())
    keys = {f"build.{key}" for key in module["build"]} | {key for key in module if key != "build"}
    assert keys <= MODULE_KEYS
    assert (folder / module["build"]["cmake"] / "CMakeLists.txt").is_file()
    options = set(re.findall(r"^config (\w+)", (folder / module["build"]["kconfig"]).read_text(), re.MULTILINE))
    used = set(re.findall(r"CONFIG_(\w+)", (folder / "CMakeLists.txt").read_text()))
    assert options == used == {"KWS"}
    sample = folder / module["samples"][0] / "listen"
    assert "CONFIG_KWS=y" in (sample / "prj.conf").read_text().splitlines()
    tests = yaml.safe_load((sample / "sample.yaml").read_text())["tests"]
    assert all(name.startswith("sample.") for name in tests)


# ---- nothing of anybody's own is lost ----


def test_an_export_is_replaced_and_files_beside_it_stay(tmp_path: Path) -> None:
    export(Bundle.load(MODEL), "zephyr", tmp_path)
    (tmp_path / "mine.c").write_text("mine")
    export(Bundle.load(MODEL), "c", tmp_path)
    assert not (tmp_path / "Kconfig").exists()
    assert not [path for path in tmp_path.rglob("*") if path.is_dir() and not any(path.iterdir())]
    assert (tmp_path / "mine.c").read_text() == "mine"
    for line in (tmp_path / "kws_export.sha256").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == digest


def test_an_export_that_was_interrupted_can_be_run_again(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))  # as a disk that is full in the middle of the array
    try:
        with pytest.raises(ConfigError, match="cannot be written"):
            export(Bundle.load(MODEL), "c", folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    names = export(Bundle.load(MODEL), "c", folder)
    assert sorted(tree(folder)) == sorted([*names, "kws_export.sha256"])


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda folder: (folder / "thesis.txt").write_text("mine"), "files that kws export did not write"),
        (lambda folder: edited(folder, "main.c"), "main.c is not as kws export wrote it"),
        (lambda folder: added(folder, "Kconfig"), "Kconfig is not as kws export wrote it"),
        (lambda folder: edited(folder, "kws_export.sha256", "00  ../../thesis.txt\n"), "was changed"),
    ],
    ids=["foreign folder", "edited file", "file in the way", "list that leads outside"],
)
def test_what_would_be_lost_is_refused(prepare, message: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    prepare(folder)
    before = tree(tmp_path)
    with pytest.raises(ConfigError, match=message):
        export(Bundle.load(MODEL), "zephyr", folder)
    assert tree(tmp_path) == before


def edited(folder: Path, name: str, text: str = "mine\n") -> None:
    export(Bundle.load(MODEL), "c", folder)
    with (folder / name).open("a") as file:
        file.write(text)


def added(folder: Path, name: str) -> None:
    export(Bundle.load(MODEL), "c", folder)
    (folder / name).write_text("mine")


def test_the_command_line_refuses_an_unknown_format_in_one_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kws", "export", MODEL, "--format", "rust", "--out", tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "kws: --format rust: expected one of c, arduino, zephyr\n")
    assert not (tmp_path / "out").exists()
