"""A whole replay in one call: what `kws replay`, suites, the pytest plug-in and the demo run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kws.bundle import Bundle
from kws.harness.recordings import find_recordings
from kws.harness.replay import Listening, Outcome, replay
from kws.harness.result import BundleIdentity, ReplayResult
from kws.harness.session import HOST, HostSession, open_session
from kws.model import Model

OnOutcome = Callable[[int, int, Outcome], None]
"""Called after each recording with how many are done, how many there are, and its outcome."""


@dataclass(frozen=True, kw_only=True)
class ReplayRequest:
    """What to replay, to whom, and what to compare with."""

    paths: tuple[Path, ...]
    """Recordings, or folders of them."""
    bundle: Path
    board: str = HOST
    """``host``, ``native``, ``netduinoplus2``, a serial port or a pyserial URL."""
    operating_point: int | None = None
    """Index; the bundle's default when omitted."""
    truth: Path | None = None
    """Truth windows, or labels of clips; folder names are labels without it."""
    truth_label: str | None = None
    """Label of the windows in truth files that do not say (MLPerf Tiny)."""
    verify: bool = False
    """Compare every score and event with the host library, bit for bit."""
