# SPDX-License-Identifier: Apache-2.0
"""Thresholds for a wanted number of alarms per day, and what of it was measured.

The method is that of `kws.evaluation.calibration`: a rate that the recordings are long enough to show is kept on them;
a lower one is estimated from the tail of the most unusual moments. One alarm a day takes three days of normal sound to
show, so after minutes it is always an estimate, and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kws.bundle import Bundle
from kws.errors import ConfigError
from kws.evaluation.calibration import Promise, calibrate_bundle
from kws.evaluation.intervals import poisson_interval
from kws.evaluation.metrics import Rate
from kws.evaluation.tracks import ScoreTrack, score_recording
from kws.pipeline import Pipeline

HOURS_A_DAY = 24.0
MOST_A_DAY = 24.0 * 60.0


def check_alarms(alarms_per_day: Sequence[float]) -> None:
    """Refuse wanted rates that make no sense, before anything is read.

    Raises
    ------
    ConfigError
    """
    for rate in alarms_per_day:
        if not 0.0 < rate <= MOST_A_DAY:
            raise ConfigError(f"--alarms-per-day: {rate:g}; expected more than 0 and at most {MOST_A_DAY:g}")


def with_alarms(
    bundle: Bundle, calibration: Sequence[Any], report: Sequence[Any], alarms_per_day: Sequence[float]
) -> tuple[Bundle, tuple[Promise, ...]]:
    """Choose an operating point for each wanted rate of alarms, the first as the default, and measure it.

    Parameters
    ----------
    bundle : Bundle
    calibration, report : sequence of int16 ``[num_samples]``
        Streams of normal sound; see `kws.machine.signals.in_turn`.
    alarms_per_day : sequence of float
    """
    rates = [rate / HOURS_A_DAY for rate in alarms_per_day]
    return calibrate_bundle(
        bundle, {"normal": _tracks(bundle, calibration)}, {"normal": _tracks(bundle, report)}, rates, source="normal"
    )


def _tracks(bundle: Bundle, streams: Sequence[Any]) -> list[ScoreTrack]:
    pipeline = Pipeline(bundle)
    return [score_recording(pipeline, stream, name=f"normal {index + 1}") for index, stream in enumerate(streams)]


def per_day(rate: Rate) -> str:
    """Say a rate in alarms per day, with its 95 % interval."""
    low, high = (bound * HOURS_A_DAY / rate.hours for bound in poisson_interval(rate.count))
    minutes = 60.0 * rate.hours
    return (
        f"{rate.count} alarms in {minutes:.1f} min: {HOURS_A_DAY * rate.per_hour:.1f} a day (95 % {low:.1f} to "
        f"{high:.1f})"
    )


def told(promise: Promise) -> str:
    """Say what an operating point promises, in words."""
    wanted = HOURS_A_DAY * promise.wanted_fa_per_hour
    threshold = max(promise.thresholds) / 255.0
    basis = "chosen on normal sound long enough to show it"
    if promise.remark:
        basis = (
            f"an estimate from the tail of {60.0 * promise.calibration.hours:.1f} min; "
            f"{3.0 / wanted:.2g} days would show it"
        )
    measured = "nothing was kept aside" if promise.measured is None else per_day(promise.measured)
    return f"{wanted:g} alarms a day wanted: threshold {threshold:.3f}, {basis}; on sound kept aside {measured}"
