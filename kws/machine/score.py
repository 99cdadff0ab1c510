# SPDX-License-Identifier: Apache-2.0
"""How unusual recordings are: heard by this computer or by a board, which must agree bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kws.bundle import Bundle
from kws.errors import BundleError, EvaluationError
from kws.harness.listener import HOST, Heard, open_listener
from kws.machine.signals import check_alike, in_turn, read_signals


@dataclass(frozen=True, kw_only=True)
class Sensor:
    """What a bundle expects to be fed."""

    axes: int
    sample_rate_hz: int
    """Of each axis."""
    block_samples: int

    @classmethod
    def of(cls, bundle: Bundle) -> Sensor:
        """Read it from a bundle.

        Raises
        ------
        BundleError
            If the bundle was not made by ``kws machine learn``.
        """
        stored = bundle.metadata.get("machine")
        names = ("axes", "sample_rate_hz", "block_samples")
        if not isinstance(stored, dict) or not all(isinstance(stored.get(name), int) for name in names):
            raise BundleError(f"{bundle.name}: expected a bundle that `kws machine learn` made, and got another one")
        return cls(**{name: stored[name] for name in names})


@dataclass(frozen=True, kw_only=True)
class MachineScore:
    """One recording."""

    name: str
    seconds: float
    mean: float
    """Unusualness over the recording, 0..1."""
    highest: float
    highest_s: float
    """End of the most unusual moment, in seconds from the start."""
    alarms_s: tuple[float, ...]
    """When alarms were raised."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "name": self.name, "seconds": round(self.seconds, 3), "mean": round(self.mean, 5),
            "highest": round(self.highest, 5), "highest_s": round(self.highest_s, 3),
            "alarms_s": [round(time, 3) for time in self.alarms_s],
        }  # fmt: skip


def score(
    bundle_path: Path,
    paths: Sequence[Path],
    *,
    board: str = HOST,
    operating_point: int | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[MachineScore]:
    """Score recordings.

    Parameters
    ----------
    bundle_path : path
        Of a bundle that `kws.machine.learn` made.
    paths : sequence of path
        Recordings with the sensor's rate and number of channels.
    board : str
        Who listens, as for ``kws replay``. What a board says is compared with what this computer says.
    operating_point : int, optional
    on_progress : callable
        Told how many recordings are done, of how many.

    Raises
    ------
    AudioError
        If a recording cannot be read, or is of another sensor.
    EvaluationError
        If a recording is shorter than a moment, or the board differs.
    """
    sensor = Sensor.of(Bundle.load(bundle_path))
    signals = read_signals(paths)
    for signal in signals:
        check_alike(signal, sensor.sample_rate_hz, sensor.axes, str(bundle_path))
    found = []
    with ExitStack() as stack:
        host = stack.enter_context(open_listener(HOST, bundle_path, operating_point=operating_point))
        other = None
        if board != HOST:
            other = stack.enter_context(
                open_listener(board, bundle_path, operating_point=operating_point, count_cycles=False)
            )
        for index, signal in enumerate(signals):
            stream = in_turn(signal.samples, sensor.block_samples)
            heard = host.hear(stream)
            if other is not None:
                check_equal(other.hear(stream), heard, f"{signal.name}: {board}")
            found.append(_scored(signal.name, signal.seconds, heard, sensor))
            on_progress(index + 1, len(signals))
    return found


def check_equal(heard: Heard, expected: Heard, whose: str) -> None:
    """Refuse scores or alarms that differ from this computer's.

    Raises
    ------
    EvaluationError
    """
    same = np.array_equal(heard.scores.posteriors, expected.scores.posteriors) and heard.events == expected.events
    if not same:
        raise EvaluationError(f"{whose} differs from this computer; expected equal scores and alarms: report this")


def _scored(name: str, seconds: float, heard: Heard, sensor: Sensor) -> MachineScore:
    unusual = heard.scores.smoothed[:, 0] / 255.0
    if unusual.size == 0:
        raise EvaluationError(f"{name}: {seconds:.1f} s is less than a moment; expected a longer recording")
    highest, rate_hz = int(unusual.argmax()), sensor.sample_rate_hz * sensor.axes
    return MachineScore(
        name=name,
        seconds=seconds,
        mean=float(unusual.mean()),
        highest=float(unusual[highest]),
        highest_s=float(heard.scores.sample_index[highest]) / rate_hz,
        alarms_s=tuple(event.sample_index / rate_hz for event in heard.events),
    )
