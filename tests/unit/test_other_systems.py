# SPDX-License-Identifier: Apache-2.0
"""What Windows and macOS meet, as far as Linux can show it: their Python without the modules that only POSIX has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kws import places
from kws.audio import write_wav
from kws.device import build
from kws.errors import BoardNotFoundError, ToolMissingError

POSIX = ("fcntl", "grp", "posix", "pty", "pwd", "resource", "termios", "tty", "syslog")
WINDOWS = f"""
import builtins, importlib, pkgutil, sys, types
real_import = builtins.__import__
def import_as_windows(name, globals=None, *rest, **named):
    ours = (globals or {{}}).get("__name__", "").startswith("kws")  # what libraries do without on Windows is theirs
    if ours and name in {POSIX!r}:
        raise ModuleNotFoundError("No module named " + name)
    return real_import(name, globals, *rest, **named)
builtins.__import__ = import_as_windows
import kws.device.launch
kws.device.launch.sys = types.SimpleNamespace(platform="win32")
"""
BUNDLE = places.models() / "speech_commands_12.kws"


def on_windows(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WINDOWS + script]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_every_module_but_those_of_extras_can_be_imported(tmp_path: Path) -> None:
    script = """
import kws, kws.datasets
found = [(kws.__path__, "kws."), (kws.datasets.__path__, "kws.datasets.")]
for found in (module for place in found for module in pkgutil.walk_packages(*place)):
    if not found.name.startswith(("kws.training", "kws.core.build", "kws.__main__")):
        importlib.import_module(found.name)
        print(found.name)
"""
    done = on_windows(script, tmp_path)
    assert done.returncode == 0, done.stderr
    assert {"kws.device.launch", "kws.harness.listener", "kws.cli.replay", "kws.datasets.synthetic_piper"} <= set(
        done.stdout.split()
    )


def replay(board: str, folder: Path) -> subprocess.CompletedProcess[str]:
    write_wav(folder / "yes.wav", np.zeros(16000, np.int16))
    script = f"from kws.cli import main; main(['replay', {str(BUNDLE)!r}, 'yes.wav', '--board', {board!r}])"
    return on_windows(script, folder)


def test_a_serial_port_of_windows_is_looked_for_like_any_other(tmp_path: Path) -> None:
    done = replay("COM3", tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("kws: cannot open 'COM3'"), done.stderr


@pytest.mark.parametrize("board", ["native", "netduinoplus2"])
def test_boards_that_are_programs_say_where_they_run(board: str, tmp_path: Path) -> None:
    done = replay(board, tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"kws: {board}: boards that are programs run on Linux and macOS only"), done.stderr
    assert done.stderr.count("\n") == 1


def test_the_host_library_replays_as_anywhere(tmp_path: Path) -> None:
    done = replay("host", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "dropped samples  0" in done.stdout


@pytest.mark.parametrize(
    ("system", "has_apt", "words"),
    [
        ("linux", True, "run: sudo apt-get install qemu-system-arm"),
        ("linux", False, "install what Debian calls qemu-system-arm"),
        ("darwin", False, "run: brew install qemu"),
    ],
)
def test_a_missing_program_is_named_as_the_system_knows_it(
    monkeypatch: pytest.MonkeyPatch, system: str, has_apt: bool, words: str
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    found = {"apt-get": "/usr/bin/apt-get"} if has_apt else {}
    monkeypatch.setattr(build.shutil, "which", lambda name, path=None: found.get(name))
    with pytest.raises(ToolMissingError, match=words):
        build.find_tool("qemu-system-arm")
    with pytest.raises(ToolMissingError, match=r"pip install \"?cmake"):
        build.find_tool("cmake")
    with pytest.raises(ToolMissingError, match="no C compiler"):
        build.find_compiler()


def test_without_a_compiler_the_native_board_says_so_before_cmake_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(ToolMissingError, match="no C compiler"):
        build.build_firmware("native", folder=tmp_path / "build")
    assert not (tmp_path / "build").exists()


def test_a_board_that_nobody_has_is_not_taken_for_a_system_fault() -> None:
    with pytest.raises(BoardNotFoundError, match="there is no firmware for board 'arduino'; there is for: "):
        build.build_firmware("arduino")
