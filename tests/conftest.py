# SPDX-License-Identifier: Apache-2.0
"""What every test may use, in which order files run, and which are quick. Tests synthesise their audio."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from random_bundles import random_bundle

from kws.bundle import Bundle

TESTS = Path(__file__).parent
ROOMS = ("system", "parity", "emulator", "c", "unit", "docs")
"""Files that take long come first, so that processes side by side end at about the same time."""
QUICK_ROOMS = ("unit", "docs")
NOT_QUICK = re.compile(
    r"^\s*(?:from|import) (?:tensorflow|keras|kws\.training|training_fixtures|tflite_nets)"
    r"|^pytestmark = pytest\.mark\.slow",
    re.MULTILINE,
)


hypothesis.settings.register_profile("kws", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("kws")  # the same examples everywhere, however busy the machine


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="unit tests and documents, without TensorFlow and slow ones")


def pytest_configure(config: pytest.Config) -> None:
    """What a user has downloaded changes no test: all processes share a cache folder that is empty at first."""
    if not hasattr(config, "workerinput"):
        folder = tempfile.TemporaryDirectory(prefix="kws-cache-")
        config.add_cleanup(folder.cleanup)
        os.environ["KWS_CACHE"] = folder.name


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    if not config.getoption("quick") or not collection_path.name.startswith("test_"):
        return None
    room = collection_path.relative_to(TESTS).parts[0]
    is_quick = room in QUICK_ROOMS and not NOT_QUICK.search(collection_path.read_text(encoding="utf-8"))
    return None if is_quick else True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("quick"):
        items[:] = [item for item in items if item.get_closest_marker("slow") is None]
    items.sort(key=lambda item: ROOMS.index(item.path.relative_to(TESTS).parts[0]))


@pytest.fixture(scope="session", autouse=True)
def quick_tests_import_no_tensorflow(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if request.config.getoption("quick"):
        assert not {"tensorflow", "keras"} & sys.modules.keys()


@pytest.fixture(scope="session")
def streaming_bundle() -> Bundle:
    return random_bundle(seed=1)


@pytest.fixture(scope="session")
def window_bundle() -> Bundle:
    return random_bundle(seed=2, streaming=False)
