# SPDX-License-Identifier: Apache-2.0
"""One way to talk to whatever listens: a board on a serial line, an emulated one, or the host library itself."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from kws.audio import Samples, write_wav
from kws.bundle import Bundle
from kws.core import lib
from kws.errors import ConfigError
from kws.files import StrPath
from kws.pipeline import Detection, Pipeline, Scores
from kws.stages import STAGE_FUNCTIONS

if TYPE_CHECKING:
    from kws.device import Board, Statistics
    from kws.device.cycles import CycleReport

HOST = "host"
"""The board that is no board: `kws.pipeline` in this process."""


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What came back for one recording, counted from reset."""

    events: tuple[Detection, ...]
    scores: Scores
    frames: NDArray[np.int8] | None
    """Feature frames ``[frames, features]``; None when not asked for."""
    wall_s: float
    """Time from the first sample sent to the last answer received."""
    num_frames: int
    """Frames of the recording, heard or slept through."""
    gated_frames: int
    """Those of them with the gate closed."""
    sound: Samples | None = None
    """What it heard, where that is not what it was given: through a microphone."""
    dropped_samples: int = 0
    """Samples lost on the way; anything but 0 is a defect."""
    stages: tuple[StageTotal, ...] = ()
    """Compute per stage for this recording, where the board itself measures it."""


@dataclass(frozen=True, kw_only=True)
class StageTotal:
    """Compute of one stage, as the board measured it."""

    stage: str
    calls: int
    cycles: int
    clock_hz: int
    """Clock that the cycles count."""

    @property
    def mean_cycles(self) -> float:
        """Per call."""
        return self.cycles / self.calls if self.calls else 0.0

    @property
    def mean_us(self) -> float:
        """Microseconds per call."""
        return 1e6 * self.mean_cycles / self.clock_hz


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who listened, for tables and reports."""

    board: str
    """What was asked for: a name or a port."""
    name: str
    """What the board calls itself."""
    clock_hz: int | None
    ram_bytes: int | None = None
    """RAM of the board for data, buffers and the bundle's arena; None where it does not say."""


def add_stages(parts: Iterable[Sequence[StageTotal]]) -> tuple[StageTotal, ...]:
    """Return the sums, stage by stage."""
    sums: dict[str, StageTotal] = {}
    for total in (total for part in parts for total in part):
        so_far = sums.get(total.stage)
        sums[total.stage] = (
            total
            if so_far is None
            else replace(total, calls=so_far.calls + total.calls, cycles=so_far.cycles + total.cycles)
        )
    return tuple(sums.values())


class Listener(Protocol):
    """An open board that holds the bundle."""

    @property
    def identity(self) -> Identity:
        """Who listens."""

    @property
    def stages(self) -> tuple[StageTotal, ...]:
        """Compute per stage since the listener was opened; empty where nobody measures it.

        An emulated board's counts are there once it is closed.
        """

    @property
    def dropped_samples(self) -> int:
        """Samples lost on the way since the listener was opened; anything but 0 is a defect."""

    def hear(self, samples: Samples) -> Heard:
        """Reset, stream the samples, wait for the last answer."""


class HostListener:
    """The host library as a board: the reference every other board must equal bit for bit."""

    def __init__(self, bundle: Bundle, operating_point: int | None) -> None:
        self._pipeline = Pipeline(bundle, operating_point=operating_point)
        self.identity = Identity(board=HOST, name="kws.pipeline", clock_hz=None)
        self.stages: tuple[StageTotal, ...] = ()
        self.dropped_samples = 0

    def hear(self, samples: Samples) -> Heard:
        """Run the pipeline over the samples."""
        started_s = time.perf_counter()
        self._pipeline.reset()
        events = self._pipeline.feed(samples)
        return Heard(
            events=tuple(events),
            scores=self._pipeline.scores,
            frames=self._pipeline.frames,
            wall_s=time.perf_counter() - started_s,
            num_frames=self._pipeline.gated_frames + len(self._pipeline.frames),
            gated_frames=self._pipeline.gated_frames,
        )


class BoardListener:
    """A board at the end of a serial line: real, emulated, or a process."""

    def __init__(self, board: Board, asked_for: str, operating_point: int | None, *, features: bool) -> None:
        self._board = board
        self._counted: tuple[StageTotal, ...] = ()
        self._operating_point = operating_point
        self._features = features
        self._totals: tuple[StageTotal, ...] = ()
        info = board.info
        ram_bytes = info.static_bytes + info.arena_needed_bytes if info.static_bytes else None
        self.identity = Identity(board=asked_for, name=info.board, clock_hz=info.clock_hz, ram_bytes=ram_bytes)
        self.dropped_samples = 0

    @property
    def stages(self) -> tuple[StageTotal, ...]:
        """Sums over everything heard; empty if the board has no cycle counter and no emulator counts for it."""
        return self._counted or self._totals

    def take_counts(self, report: CycleReport) -> None:
        """Take the emulator's cycle counts for the stages; known once it has ended."""
        calls = {call.function: call for call in report.calls}
        self._counted = tuple(
            StageTotal(
                stage=stage,
                calls=calls[function].calls,
                cycles=calls[function].cycles,
                clock_hz=self._board.info.clock_hz,
            )
            for stage, function in STAGE_FUNCTIONS.items()
            if function in calls
        )

    def hear(self, samples: Samples) -> Heard:
        """Stream the samples over the line; the board forgets what it heard before."""
        self._board.reset(operating_point=self._operating_point, scores=True, features=self._features)
        result = self._board.stream(samples)
        statistics = self._board.stats()
        stages = self._measured(statistics)
        self._totals = add_stages([self._totals, stages])
        self.dropped_samples += result.dropped_samples
        return Heard(
            events=tuple(result.detections),
            scores=result.scores,
            frames=result.frames if self._features else None,
            wall_s=result.seconds,
            num_frames=statistics.frames,
            gated_frames=statistics.gated_frames,
            dropped_samples=result.dropped_samples,
            stages=stages,
        )

    def _measured(self, statistics: Statistics) -> tuple[StageTotal, ...]:
        clock_hz = self._board.info.clock_hz
        if not any(part.cycles for part in statistics.stages):
            return ()
        return tuple(
            StageTotal(stage=part.stage, calls=part.calls, cycles=part.cycles, clock_hz=clock_hz)
            for part in statistics.stages
        )


class MicrophoneListener:
    """An emulated board that hears recordings through its microphone, as a voice comes to it.

    Every recording has a run of its own, which begins with power-on.
    """

    def __init__(self, board: str, bundle_path: Path, operating_point: int | None, *, features: bool) -> None:
        self._board, self._bundle_path = board, bundle_path
        self._operating_point, self._features = operating_point, features
        self.identity = Identity(board=board, name=f"{board}, through its microphone", clock_hz=None)
        self.stages: tuple[StageTotal, ...] = ()
        self.dropped_samples = 0

    def hear(self, samples: Samples) -> Heard:
        """Play the samples to the microphone; silence before them is what the board throws away at its start."""
        from kws.device import open_board

        started_s = time.perf_counter()
        bundle = Bundle.load(self._bundle_path)
        with tempfile.TemporaryDirectory(prefix="kws-sound-") as folder:
            path = Path(folder) / "sound.wav"
            rate = Pipeline(bundle).sample_rate_hz
            settling = np.zeros(rate * int(lib.KWS_SETTLING_MS) // 1000, np.int16)
            write_wav(path, np.concatenate([settling, samples]), sample_rate_hz=rate)
            with open_board(self._board, bundle=self._bundle_path, sound=path) as board:
                result = board.listen(samples.size, operating_point=self._operating_point, features=self._features)
        self.dropped_samples += result.lost_samples
        return Heard(
            events=tuple(result.detections),
            scores=result.scores,
            frames=result.frames if self._features else None,
            wall_s=time.perf_counter() - started_s,
            num_frames=0,
            gated_frames=0,
            sound=result.sound,
            dropped_samples=result.lost_samples,
        )


@contextmanager
def open_listener(
    board: str,
    bundle_path: StrPath,
    *,
    operating_point: int | None = None,
    features: bool = False,
    count_cycles: bool = True,
    microphone: bool = False,
) -> Iterator[Listener]:
    """Open a board with a bundle on it, and close it whatever happens.

    Parameters
    ----------
    board : str
        ``host``, ``native``, ``netduinoplus2``, or a serial port or pyserial URL.
    bundle_path : path
        The bundle; a board that has one in flash already must have this one.
    operating_point : int, optional
        Index; the bundle's default when omitted.
    features : bool
        Whether the feature frames come back too; they take room on the line.
    count_cycles : bool
        Whether an emulator counts cycles, which slows it down.
    microphone : bool
        Whether an emulated board hears the recordings through its microphone instead of the line.

    Raises
    ------
    ConfigError
        If a microphone is asked for of a board whose chip is not emulated.
    BundleError, DeviceError, ToolMissingError
        As the bundle, the link or the emulator fail.
    """
    if microphone:
        from kws.device.chips import emulated_chip

        if emulated_chip(board) is None:
            raise ConfigError(
                f"--microphone: expected a board whose chip is emulated, such as nrf52840dk, and got {board}; a real "
                "board hears what is played to it: kws monitor"
            )
        yield MicrophoneListener(board, Path(bundle_path), operating_point, features=features)
        return
    if board == HOST:
        yield HostListener(Bundle.load(Path(bundle_path)), operating_point)
        return
    from kws.device import open_board
    from kws.device.counted import open_counted_board
    from kws.device.cycles import Watch
    from kws.device.launch import COUNTED_BOARDS

    if board in COUNTED_BOARDS and count_cycles:
        watch = Watch(functions=tuple(STAGE_FUNCTIONS.values()))
        with open_counted_board(board, Path(bundle_path), watch) as counted:
            listener = BoardListener(counted.board, board, operating_point, features=features)
            yield listener
        listener.take_counts(counted.report)
        return
    with open_board(board, bundle=Path(bundle_path)) as opened:
        yield BoardListener(opened, board, operating_point, features=features)
