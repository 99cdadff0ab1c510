"""One way to talk to whatever listens: a board on a serial line, an emulated one, or the host library itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kws.audio import Samples
from kws.bundle import Bundle
from kws.pipeline import Detection, Pipeline, Scores

HOST = "host"
"""The board that is no board: `kws.pipeline` in this process."""


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What came back for one recording, counted from reset."""

    events: tuple[Detection, ...]
    scores: Scores
    wall_s: float
    """Time from the first sample sent to the last answer received."""


@dataclass(frozen=True, kw_only=True)
class StageStatistics:
    """Compute time of one stage, as the board measured it over everything replayed."""

    stage: str
    calls: int
    total: int
    unit: str
    """``cycles`` where the board counts them, else ``us``."""

    @property
    def mean(self) -> float:
        """Per call."""
        return self.total / self.calls if self.calls else 0.0


@dataclass(frozen=True, kw_only=True)
class Listener:
    """Who listened, for tables and reports."""

    board: str
    firmware: str
    clock_hz: int | None


class Session(Protocol):
    """An open board that holds the bundle."""

    @property
    def listener(self) -> Listener:
        """Who listens."""

    def hear(self, samples: Samples) -> Heard:
        """Reset, stream the samples, wait for the last answer."""

    def statistics(self) -> tuple[StageStatistics, ...]:
        """Compute time per stage since the session was opened; empty where nobody measures it."""

    def dropped_samples(self) -> int:
        """Samples lost on the way since the session was opened; anything but 0 is a defect."""


class HostSession:
    """The host library as a board: the reference every other board must equal bit for bit."""

    def __init__(self, bundle: Bundle, operating_point: int | None) -> None:
        self._pipeline = Pipeline(bundle, operating_point=operating_point)

    @property
    def listener(self) -> Listener:
        """This process."""
        return Listener(board=HOST, firmware="kws.pipeline", clock_hz=None)

    def hear(self, samples: Samples) -> Heard:
        """Run the pipeline over the samples."""
        start_s = time.perf_counter()
        self._pipeline.reset()
        events = self._pipeline.feed(samples)
        return Heard(events=tuple(events), scores=self._pipeline.scores, wall_s=time.perf_counter() - start_s)

    def statistics(self) -> tuple[StageStatistics, ...]:
        """Nobody measures stages here."""
        return ()

    def dropped_samples(self) -> int:
        """A function call loses nothing."""
        return 0


@contextmanager
def open_session(board: str, bundle_path: Path, *, operating_point: int | None = None) -> Iterator[Session]:
    """Open a board with a bundle on it, and close it whatever happens.

    Parameters
    ----------
    board : str
        ``host``, ``native``, ``netduinoplus2``, or a serial port or pyserial URL.
    bundle_path : path
        The bundle; a board that has one in flash already must have this one.
    operating_point : int, optional
        Index; the bundle's default when omitted.

    Raises
    ------
    BundleError, DeviceError, ToolMissingError
        As the bundle, the link or the emulator fail.
    """
    if board == HOST:
        yield HostSession(Bundle.load(bundle_path), operating_point)
