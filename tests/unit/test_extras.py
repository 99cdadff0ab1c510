# SPDX-License-Identifier: Apache-2.0
"""A package that is missing is one sentence, with the command that mends it, before any work is done."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import namedtuple
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from kws import extras, places
from kws.errors import ToolMissingError

SHIPPED = str(places.models() / "speech_commands_12.kws")
VERBS = {
    "train": (["train", "--config", "none.toml", "--data", "none"], "training needs .*tensorflow"),
    "demo": (["demo"], "the demo needs .*tensorflow"),
    "wakeword": (["wakeword", "hey nova"], "making a wake word needs .*tensorflow.*hibari-tts"),
    "record": (["record", "hey nova"], "listening to a microphone needs sounddevice"),
    "listen": (
        ["listen", str(places.models() / "speech_commands_12.kws")],
        "listening to a microphone needs sounddevice",
    ),
    "power": (["power", "--plot", "days.svg"], "--plot needs matplotlib"),
}
HIDE = """
import sys
for name in {modules!r}:
    sys.modules[name] = None
from kws.cli import main
main({arguments!r})
"""


def declared() -> dict[str, list[str]]:
    """What pyproject.toml says: extra -> its requirements."""
    import tomllib

    text = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)["project"]["optional-dependencies"]


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_without_its_packages_says_how_to_get_them_and_does_nothing(verb: str, tmp_path: Path) -> None:
    arguments, sentence = VERBS[verb]
    modules = sorted({module for names in extras.MODULES.values() for module in names} | {"keras"})
    script = HIDE.format(modules=modules, arguments=arguments)
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert re.match(rf"kws: {sentence}.* not installed; run: .*-m pip install ", done.stderr), done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("extra", extras.MODULES)
def test_every_module_of_an_extra_comes_from_a_package_that_it_names(extra: str) -> None:
    packages = {re.match(r"[\w-]+", line)[0] for line in declared()[extra]}
    for module in extras.MODULES[extra]:
        assert extras._PACKAGES.get(module, module) in packages
        if extra not in ("trunk", "ray"):  # not installed here
            assert set(packages_distributions()[module]) & packages


def test_the_command_installs_the_versions_that_are_declared() -> None:
    message = str(extras.not_installed("training", "tensorflow", "scipy"))
    assert message.startswith("training needs tensorflow and scipy, which are not installed; run: ")
    assert re.search(r'-m pip install "tensorflow(<2\.22,>=2\.21|>=2\.21,<2\.22)" scipy$', message)


def test_a_python_that_a_package_is_not_for_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    version = namedtuple("version", "major minor micro")
    monkeypatch.setattr(sys, "version_info", version(3, 14, 0))
    monkeypatch.setattr(
        extras, "requires", lambda name: ['tensorflow<2.22; python_version < "3.14" and extra == "train"']
    )
    with pytest.raises(ToolMissingError, match=r"there is not for Python .*install kws for Python 3\.13"):
        raise extras.not_installed("training", "tensorflow")


def test_the_command_is_for_the_python_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: "/elsewhere/python")
    assert extras.pip_install(["scipy"]) == f"{sys.executable} -m pip install scipy"
    monkeypatch.setattr(shutil, "which", lambda name: sys.executable)
    assert extras.pip_install(["scipy"]) == "python -m pip install scipy"
