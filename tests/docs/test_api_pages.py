# SPDX-License-Identifier: Apache-2.0
"""make docs: a page for every module that people import, with parameters, exceptions and examples."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import kws

ROOT = Path(__file__).parents[2]
FOUND = re.search(r"^API\s+:= ((?:.*\\\n)*.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
assert FOUND is not None
MODULES = FOUND.group(1).replace("\\\n", " ").split()


def public(module: ModuleType) -> list[tuple[str, object]]:
    """Functions and classes that a module defines, without those that begin with an underscore."""
    return [
        (name, value)
        for name, value in vars(module).items()
        if (inspect.isfunction(value) or inspect.isclass(value))
        and value.__module__ == module.__name__
        and not name.startswith("_")
    ]


def test_every_public_name_lives_in_a_module_that_has_a_page() -> None:
    roots = tuple(f"{module}." for module in MODULES if module != "kws")
    for name, home in kws._HOMES.items():
        assert home in MODULES or home.startswith(roots), name


@pytest.mark.parametrize("name", MODULES)
def test_what_has_a_page_has_docstrings(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    for member, value in public(module):
        assert inspect.getdoc(value), f"{name}.{member}"


def test_pages_are_made_with_parameters_exceptions_and_examples(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pdoc", "--docformat", "numpy", "--output-directory", str(tmp_path), "kws"]
    environment = os.environ | {"PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "kws.html").read_text(encoding="utf-8")
    for name in kws.__all__:
        assert f'id="{name}"' in page, name
    for place in ("Spotter.listen", "Spotter.classify", "parameters", "raises", "examples"):
        assert f'id="{place}"' in page, place
