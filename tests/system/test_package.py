# SPDX-License-Identifier: Apache-2.0
"""The package without its checkout: source distribution, the wheel made of it, a new environment, an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORDS = ("stop", "left", "right")
CARRIED = ("firmware/", "models/", "training/", "datasets/")
STAND_IN = {
    "datasets/__init__.py": "def load_dataset():\n    return 'somebody else'\n",
    "datasets-5.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: datasets\nVersion: 5.0\n",
    "datasets-5.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "datasets-5.0.dist-info/RECORD": "datasets/__init__.py,,\n",
}
"""A package with the name of Hugging Face's, whose users are ours."""

SMALL_WORD = """
size = "micro"
trainings = 1
name = "hey_nova"
words = [{ label = "hey nova" }]
[speech]
engines = { espeak-ng = 1.0 }
num_voices = 12
takes_per_word = 24
near_takes = 12
sentences = 12
near_words = 5
near_mutations = 5
[acoustics]
num_rooms = 1
[examples]
variants_per_take = 1
near = 12
other = 12
noise = 8
pauses = 8
crowds = 1
per_epoch = 64
[optimizer]
epochs = 1
batch_clips = 32
warmup_epochs = 0.0
[quantize]
representative_clips = 8
"""


class Environment:
    """A new virtual environment."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=False)
        self.folder = folder
        self.site_packages = next(folder.glob("lib/python*/site-packages"))

    def install(self, wheel: Path) -> None:
        pip = [sys.executable, "-m", "pip", "--python", str(self.folder / "bin" / "python"), "install"]
        subprocess.run([*pip, "--quiet", "--no-deps", "--no-index", str(wheel)], check=True)

    def borrow_packages(self) -> None:
        """Use the packages of the test's own environment, but not its kws: files named .pth count in ours only."""
        borrowed = [path for path in sys.path if path.endswith("site-packages")]
        (self.site_packages / "borrowed.pth").write_text("\n".join(borrowed))

    def run(self, *command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([str(self.folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
        environment = os.environ | {"PATH": path, "KWS_CACHE": str(self.folder / "cache")}
        environment.pop("PYTHONPATH", None)
        return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def tracked_files() -> list[str]:
    """What git knows; also in a folder that belongs to somebody else, as CI's may."""
    command = ["git", "-c", f"safe.directory={ROOT}", "ls-files"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    build = f"from setuptools import build_meta; build_meta.build_sdist({str(folder)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = ["pip", "wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", folder, source]
    done = subprocess.run([sys.executable, "-m", *map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "absent from the `packages` configuration" not in done.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    environment = Environment(tmp_path_factory.mktemp("environment"))
    environment.install(wheel)
    environment.borrow_packages()
    return environment


@pytest.fixture
def kws(installed: Environment, tmp_path: Path):
    """Run kws in an empty folder, return what it prints; it must succeed."""

    def run(*arguments: str) -> str:
        done = installed.run("kws", *arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def shipped(installed: Environment) -> str:
    """The bundle that came with the package, not the checkout's."""
    path = installed.site_packages / "kws" / "models" / "speech_commands_12.kws"
    assert path.read_bytes() == (ROOT / "models" / "speech_commands_12.kws").read_bytes()
    return str(path)


def test_one_wheel_serves_every_python_and_holds_one_name(wheel: Path) -> None:
    assert "-cp311-abi3-" in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    version = wheel.name.split("-")[1]
    assert {name.split("/")[0] for name in names} == {"kws", f"kws-{version}.dist-info"}
    assert "kws/py.typed" in names
    assert {"kws/training/__init__.py", "kws/datasets/__init__.py", "kws/firmware/CMakeLists.txt"} <= set(names)


def test_no_wheel_names_folders_of_the_machine_that_built_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            data = archive.read(name)
            assert str(ROOT).encode() not in data, name
            if name.endswith(".so"):
                assert b"firmware/core" not in data, name


def test_every_tracked_file_of_the_firmware_and_of_what_training_reads_is_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tracked = tracked_files()
    expected = {f"kws/{name}" for name in tracked if name.startswith(CARRIED)}
    expected |= {name for name in tracked if name.startswith("kws/") and not name.startswith("kws/core/door")}
    left_out = {name for name in expected - names if not name.endswith(".md")}
    assert not left_out


def test_the_source_distribution_is_the_whole_tree(source: Path) -> None:
    with tarfile.open(source) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    tracked = tracked_files()
    assert {name for name in tracked if not name.startswith(".")} <= names


def test_what_is_imported_is_what_was_installed(installed: Environment, tmp_path: Path) -> None:
    script = "import kws.training, kws.places as p; print(kws.__file__, p.checkout(), p.firmware(), sep='\\n')"
    done = installed.run("python", "-c", script, cwd=tmp_path)
    assert done.stdout.splitlines() == [
        str(installed.site_packages / "kws" / "__init__.py"),
        "None",
        str(installed.site_packages / "kws" / "firmware"),
    ]


def test_inspect_shows_a_bundle(kws, shipped: str) -> None:
    assert "operating point" in kws("inspect", shipped)


def test_export_finds_core_templates_and_licence(kws, shipped: str, tmp_path: Path) -> None:
    kws("export", shipped, "--format", "zephyr", "--out", "mine")
    assert (tmp_path / "mine" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert (tmp_path / "mine" / "samples" / "listen" / "src" / "main.c").is_file()


def speak(path: Path) -> None:
    """Words that the shipped model knows, at 22 kHz."""
    subprocess.run(["espeak-ng", "-v", "en-us", "-w", str(path), ". ".join(WORDS)], check=True)


@pytest.mark.parametrize("board", ["host", "native", "netduinoplus2"])
def test_replay_hears_the_same_on_every_board(kws, shipped: str, tmp_path: Path, board: str) -> None:
    speak(tmp_path / "speech.wav")
    printed = kws("replay", shipped, "speech.wav", "--board", board, "--verify", "--report", "page.html")
    assert "equal to host 1 of 1, bit for bit" in " ".join(printed.split()), printed
    assert any(word in printed for word in WORDS), printed
    assert "</html>" in (tmp_path / "page.html").read_text()


def test_listen_hears_a_recording(kws, shipped: str, tmp_path: Path) -> None:
    speak(tmp_path / "speech.wav")
    assert any(f" s  {word}" in kws("listen", shipped, "speech.wav") for word in WORDS)


def test_power_is_estimated_from_the_cycles_that_came_along(kws) -> None:
    assert "model, not measurement: speech_commands_12" in kws("power")


def test_a_phrase_becomes_a_bundle(kws, tmp_path: Path) -> None:
    (tmp_path / "hey.toml").write_text(SMALL_WORD)
    kws("wakeword", "--config", "hey.toml", "--board", "none")
    assert "hey nova" in kws("inspect", "build/words/hey_nova/hey_nova.kws")


@pytest.mark.parametrize("ours_first", [False, True])
def test_a_package_named_datasets_is_left_alone(wheel: Path, tmp_path: Path, ours_first: bool) -> None:
    theirs = tmp_path / "datasets-5.0-py3-none-any.whl"
    with zipfile.ZipFile(theirs, "w") as archive:
        for name, text in STAND_IN.items():
            archive.writestr(name, text)
    environment = Environment(tmp_path / "environment")
    for package in (wheel, theirs) if ours_first else (theirs, wheel):
        environment.install(package)
    environment.borrow_packages()
    script = "import datasets, kws.datasets; print(datasets.load_dataset(), kws.datasets.__name__)"
    done = environment.run("python", "-c", script, cwd=tmp_path)
    assert done.stdout == "somebody else kws.datasets\n", done.stderr
