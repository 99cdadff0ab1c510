# SPDX-License-Identifier: Apache-2.0
"""The examples in the docstrings of the public API do what they show, from the root of a clone."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import kws

ROOT = Path(__file__).parents[2]
MODULES = sorted(set(kws._HOMES.values()))
WITH_EXAMPLES = (
    "Bundle", "Detection", "Pipeline", "evaluate_request", "load", "read_audio", "run_replay",
)  # fmt: skip
"""Where a reader begins."""


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_print_what_they_show(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=doctest.FAIL_FAST)
    assert failed == 0


@pytest.mark.parametrize("name", kws.__all__)
def test_every_public_name_has_a_docstring(name: str) -> None:
    assert (getattr(kws, name).__doc__ or "").strip()


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_names_where_readers_begin_show_an_example_that_runs(name: str) -> None:
    examples = doctest.DocTestFinder(recurse=False).find(getattr(kws, name))[0].examples
    assert examples
    assert not any(doctest.SKIP in example.options for example in examples)


def test_listening_classifying_and_feeding_show_examples() -> None:
    for method in (kws.Spotter.listen, kws.Spotter.classify, kws.Spotter.feed):
        assert ">>>" in (method.__doc__ or "")
