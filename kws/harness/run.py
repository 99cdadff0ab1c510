"""A whole replay in one call: what `kws replay`, suites, the pytest plug-in and the demo run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kws.bundle import Bundle
from kws.errors import ConfigError
from kws.evaluation.recordings import find_recordings
from kws.features import Features
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
    """Compare every feature, score and event with the host library, bit for bit."""
    count_cycles: bool = True
    """Let an emulator count the cycles of each stage, which slows it down."""


def run_replay(request: ReplayRequest, *, on_outcome: OnOutcome | None = None) -> ReplayResult:
    """Replay recordings to a board and judge what it heard.

    Parameters
    ----------
    request : ReplayRequest
    on_outcome : callable, optional
        Told of each recording as it is done: progress.

    Returns
    -------
    ReplayResult

    Raises
    ------
    AudioError, BundleError, DeviceError, EvaluationError, ToolMissingError
        If a recording, the bundle, the board, the truth or a tool fails.
    """
    bundle = Bundle.load(request.bundle)
    listening = listening_of(bundle, request.operating_point)
    recordings = find_recordings(request.paths, bundle.labels, truth=request.truth, truth_label=request.truth_label)
    host = HostSession(bundle, request.operating_point) if request.verify else None
    outcomes = []
    with open_session(
        request.board,
        request.bundle,
        operating_point=request.operating_point,
        features=request.verify,
        count_cycles=request.count_cycles,
    ) as session:
        for outcome in replay(session, recordings, listening, host=host):
            outcomes.append(outcome)
            if on_outcome is not None:
                on_outcome(len(outcomes), len(recordings), outcome)
    return ReplayResult(
        listener=session.listener,
        bundle=_identity(bundle, request),
        listening=listening,
        outcomes=tuple(outcomes),
        stages=session.stages,
        dropped_samples=session.dropped_samples,
    )


def thresholds_of(bundle: Bundle, operating_point: int | None) -> tuple[int, ...]:
    """Thresholds of an operating point by index, or of the bundle's default.

    Raises
    ------
    ConfigError
        If the bundle has no such operating point.
    """
    return bundle.decision.operating_points[_index(bundle, operating_point)].thresholds


def listening_of(bundle: Bundle, operating_point: int | None = None) -> Listening:
    """Read from a bundle what streaming and judging need."""
    features, model = Features(bundle.section("FEAT") or b""), Model(bundle)
    thresholds = thresholds_of(bundle, operating_point)
    window_samples = (model.window_frames - 1) * features.hop_samples + features.window_samples
    return Listening(
        labels=bundle.labels,
        keywords=tuple(label for label, limit in zip(bundle.labels, thresholds, strict=True) if limit > 0),
        thresholds=thresholds,
        sample_rate_hz=features.sample_rate_hz,
        hop_samples=features.hop_samples,
        window_samples=window_samples,
        decision_samples=model.decision_frames * features.hop_samples,
    )


def describe_operating_point(bundle: Bundle, operating_point: int | None) -> str:
    """Index of an operating point and what it promises, such as ``1 (0.5 false accepts per hour)``."""
    index = _index(bundle, operating_point)
    rate = bundle.decision.operating_points[index].false_accepts_per_hour
    return f"{index} (false accepts not measured)" if rate is None else f"{index} ({rate:g} false accepts per hour)"


def _index(bundle: Bundle, operating_point: int | None) -> int:
    decision = bundle.decision
    index = decision.default_operating_point if operating_point is None else operating_point
    if not 0 <= index < len(decision.operating_points):
        raise ConfigError(
            f"operating point: expected 0 to {len(decision.operating_points) - 1} for this bundle and got {index}; "
            "see kws inspect"
        )
    return index


def _identity(bundle: Bundle, request: ReplayRequest) -> BundleIdentity:
    return BundleIdentity(
        name=request.bundle.name,
        crc32=bundle.crc32,
        operating_point=describe_operating_point(bundle, request.operating_point),
    )
