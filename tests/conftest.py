# SPDX-License-Identifier: Apache-2.0
"""What every test may use. Nothing here reads recordings: tests synthesise their audio."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for random_bundles

from random_bundles import random_bundle

from kws.bundle import Bundle


@pytest.fixture(scope="session")
def streaming_bundle() -> Bundle:
    return random_bundle(seed=1)


@pytest.fixture(scope="session")
def window_bundle() -> Bundle:
    return random_bundle(seed=2, streaming=False)
