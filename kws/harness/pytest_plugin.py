# SPDX-License-Identifier: Apache-2.0
"""Replays in your own tests: fixtures for pytest, there as soon as kws is installed.

Write tests such as::

    def test_the_door_opens_when_asked(kws_replay):
        result = kws_replay("recordings/open", bundle="door.kws")
        assert result.accuracy.value > 0.95

Run them on a board with ``pytest --kws-board /dev/ttyACM0`` (``host`` without it).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from kws.harness.listener import HOST

if TYPE_CHECKING:
    from kws.harness.result import ReplayResult


class Replay(Protocol):
    """What the ``kws_replay`` fixture gives."""

    def __call__(
        self, *paths: Path | str, bundle: Path | str, truth: Path | str | None = None, verify: bool = False
    ) -> ReplayResult:
        """Replay recordings to the board of the command line; see `kws.harness.run.ReplayRequest`."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--kws-board``."""
    group = parser.getgroup("kws", "keyword spotting on a board")
    group.addoption("--kws-board", default=HOST, help="host, native, netduinoplus2, a serial port or a pyserial URL")


@pytest.fixture(scope="session")
def kws_board(pytestconfig: pytest.Config) -> str:
    """Board given on the command line."""
    return str(pytestconfig.getoption("--kws-board"))


@pytest.fixture
def kws_replay(kws_board: str) -> Replay:
    """Replay recordings to the board and return the result."""
    from kws.harness.run import ReplayRequest, run_replay

    def run(
        *paths: Path | str, bundle: Path | str, truth: Path | str | None = None, verify: bool = False
    ) -> ReplayResult:
        return run_replay(
            ReplayRequest(
                paths=tuple(map(Path, paths)),
                bundle=Path(bundle),
                board=kws_board,
                truth=None if truth is None else Path(truth),
                verify=verify,
            )
        )

    return run
