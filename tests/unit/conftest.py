# SPDX-License-Identifier: Apache-2.0
"""A small replay, for the tests of what is made of one."""

from pathlib import Path

import pytest
from replay_fixtures import write_clips

from kws.bundle import Bundle
from kws.harness.result import ReplayResult
from kws.harness.run import ReplayRequest, run_replay


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    return write_clips(tmp_path)


@pytest.fixture
def bundle_path(tmp_path: Path, streaming_bundle: Bundle) -> Path:
    streaming_bundle.save(tmp_path / "random.kws")
    return tmp_path / "random.kws"


@pytest.fixture
def result(clips: Path, bundle_path: Path) -> ReplayResult:
    return run_replay(ReplayRequest(paths=(clips,), bundle=bundle_path, verify=True))
