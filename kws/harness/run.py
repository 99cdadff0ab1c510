# SPDX-License-Identifier: Apache-2.0
"""A whole replay in one call: what `kws replay`, suites, the pytest plug-in and the demo run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kws.bundle import Bundle
from kws.errors import AudioError, BoardLostError, DeviceError, EvaluationError
from kws.evaluation.listening import Listening, describe_operating_point, listening_of
from kws.evaluation.recordings import Recording, find_recordings
from kws.files import StrPath, StrPaths, as_paths
from kws.harness.listener import HOST, HostListener, Listener, add_stages, open_listener
from kws.harness.replay import Outcome, replay
from kws.harness.result import BundleIdentity, ReplayResult

OnOutcome = Callable[[int, int, Outcome], None]
"""Called after each recording with how many are done, how many there are, and its outcome."""


@dataclass(frozen=True, kw_only=True)
class ReplayRequest:
    """What to replay, to whom, and what to compare with."""

    paths: StrPaths
    """Recordings, or folders of them."""
    bundle: StrPath
    board: str = HOST
    """``host``, ``native``, ``netduinoplus2``, a serial port or a pyserial URL."""
    operating_point: int | None = None
    """Index; the bundle's default when omitted."""
    truth: StrPath | None = None
    """Truth windows, or labels of clips; folder names are labels without it."""
    truth_label: str | None = None
    """Label of the windows in truth files that do not say (MLPerf Tiny)."""
    other_words: bool = False
    """Whether the truth may hold words that the bundle has no label for: nothing may fire in them."""
    verify: bool = False
    """Compare every feature, score and event with the host library, bit for bit."""
    count_cycles: bool = True
    """Let an emulator count the cycles of each stage, which slows it down."""
    microphone: bool = False
    """Through the microphone of an emulated board instead of the serial line."""
    keep_going: bool = False
    """Go past a recording that cannot be read, or that its truth does not fit: it is among the result's ``unheard``."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "paths", as_paths(self.paths))


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
    BoardLostError
        If the board fails after the first recording; its ``partial`` is the result until then.
    AudioError, BundleError, DeviceError, EvaluationError, ToolMissingError
        If a recording (unless told to keep going), the bundle, the board, the truth or a tool fails.

    Examples
    --------
    >>> import kws
    >>> result = kws.run_replay(
    ...     kws.ReplayRequest(paths="examples/clips", bundle="models/speech_commands_12.kws")
    ... )
    >>> result
    ReplayResult(10 recordings, 30 s, board host; accuracy 100.0%; 0 of 9 keywords missed)
    >>> [outcome for outcome in result.outcomes if not outcome.correct]
    []
    """
    bundle = Bundle.load(request.bundle)
    listening = listening_of(bundle, request.operating_point)
    recordings = _recordings(request, listening)
    host = HostListener(bundle, request.operating_point) if request.verify else None
    outcomes: list[Outcome] = []
    unheard: dict[str, str] = {}
    listener: Listener | None = None
    lost: DeviceError | None = None
    try:
        with open_listener(
            request.board,
            request.bundle,
            operating_point=request.operating_point,
            features=request.verify,
            count_cycles=request.count_cycles,
            microphone=request.microphone,
        ) as listener:
            for done, recording in enumerate(recordings, start=1):
                try:
                    (outcome,) = replay(listener, [recording], listening, host=host)
                except (AudioError, EvaluationError) as error:
                    if not request.keep_going:
                        raise
                    unheard[recording.name] = str(error)
                    continue
                outcomes.append(outcome)
                if on_outcome is not None:
                    on_outcome(done, len(recordings), outcome)
    except DeviceError as error:
        if listener is None or not outcomes:
            raise
        lost = error
    result = ReplayResult(
        identity=listener.identity,
        bundle=_identity(bundle, request),
        listening=listening,
        outcomes=tuple(outcomes),
        stages=listener.stages,
        dropped_samples=listener.dropped_samples,
        num_planned=len(recordings),
        unheard=unheard,
    )
    if lost is not None:
        raise BoardLostError(f"{lost}; {len(outcomes)} of {len(recordings)} recordings were replayed", result) from lost
    return result


def replay_to(listener: Listener, request: ReplayRequest) -> ReplayResult:
    """Replay recordings to a board that is open already, and stays so.

    Parameters
    ----------
    listener : Listener
        With the request's bundle at the request's operating point; for ``verify`` it must tell its features.
    request : ReplayRequest
        Its board is left out of account.

    Raises
    ------
    AudioError, BundleError, DeviceError, EvaluationError
        If a recording, the bundle, the board or the truth fails.
    """
    bundle = Bundle.load(request.bundle)
    listening = listening_of(bundle, request.operating_point)
    recordings = _recordings(request, listening)
    host = HostListener(bundle, request.operating_point) if request.verify else None
    outcomes = tuple(replay(listener, recordings, listening, host=host))
    return ReplayResult(
        identity=listener.identity,
        bundle=_identity(bundle, request),
        listening=listening,
        outcomes=outcomes,
        stages=add_stages(outcome.heard.stages for outcome in outcomes),
        dropped_samples=sum(outcome.heard.dropped_samples for outcome in outcomes),
        num_planned=len(recordings),
    )


def _recordings(request: ReplayRequest, listening: Listening) -> list[Recording]:
    return find_recordings(
        request.paths,
        listening,
        truth=request.truth,
        truth_label=request.truth_label,
        other_words=request.other_words,
    )


def _identity(bundle: Bundle, request: ReplayRequest) -> BundleIdentity:
    return BundleIdentity(
        name=Path(request.bundle).name,
        crc32=bundle.crc32,
        operating_point=describe_operating_point(bundle, request.operating_point),
    )
