# SPDX-License-Identifier: Apache-2.0
"""Operating points that keep their promise: chosen on hours of negative audio, named by what was measured on others.

A threshold chosen on audio says little about audio: it was chosen because it did well there. So there are three kinds
of negatives that share nothing: what taught, what calibrates, and what is reported on. A point carries the rate that
was measured on report audio; without report audio it is an estimate, and says so wherever it appears.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kws.bundle import Bundle
from kws.core import lib
from kws.decision import OperatingPoint
from kws.errors import AudioError, ConfigError, EvaluationError
from kws.evaluation.det import score_tracks
from kws.evaluation.metrics import Rate
from kws.evaluation.operating_point import NO_AUDIO, calibrate, estimate, hours_needed
from kws.evaluation.run import keywords_of
from kws.evaluation.tracks import ScoreTrack

Tracks = Mapping[str, Sequence[ScoreTrack]]
"""Kind of audio (``acted speech``, ``music``, ``ambient``) -> tracks without any keyword."""


@dataclass(frozen=True, kw_only=True)
class Promise:
    """An operating point, what it was chosen on and what was measured of it."""

    wanted_fa_per_hour: float
    thresholds: tuple[int, ...]
    """One per label; 0 for labels that never fire."""
    calibration: Rate
    """On the audio it was chosen on, which is no measurement."""
    remark: str
    """Why the rate had to be estimated from the tail; empty when the calibration audio was long enough to show it."""
    measured: Rate | None
    """On report audio; None when there was none."""
    by_kind: Mapping[str, Rate]
    """The same, kind by kind."""

    @property
    def sentence(self) -> str:
        """What the point promises, in words."""
        if self.measured is None:
            return f"estimate, from {self.calibration.hours:.1f} h; nothing was kept aside to measure it on"
        return f"measured {self.measured}" + (f"; chosen as an estimate: {self.remark}" if self.remark else "")

    @property
    def point(self) -> OperatingPoint:
        """As the bundle holds it."""
        rate = None if self.measured is None else self.measured.per_hour
        return OperatingPoint(thresholds=self.thresholds, false_accepts_per_hour=rate)

    def to_json(self, source: str) -> dict[str, Any]:
        """For the metadata of a bundle.

        Parameters
        ----------
        source : str
            What the calibration audio was.
        """
        return {
            "audio": source,
            "wanted_false_accepts_per_hour": self.wanted_fa_per_hour,
            "basis": "estimate" if self.remark else "calibrated",
            "calibration_false_accepts_per_hour": self.calibration.to_json(),
            "measured_false_accepts_per_hour": None if self.measured is None else self.measured.to_json(),
            "by_kind": {kind: rate.to_json() for kind, rate in self.by_kind.items()},
        }


@dataclass(frozen=True, kw_only=True)
class Measured:
    """An operating point that was chosen elsewhere, and what was measured of it."""

    point: OperatingPoint
    """As the bundle holds it, with the rate that was measured."""
    rate: Rate
    """On all report audio."""
    by_kind: Mapping[str, Rate]
    """The same, kind by kind."""

    def to_json(self, source: str) -> dict[str, Any]:
        """For the metadata of a bundle, as `Promise.to_json`; ``source`` is what the report audio was."""
        return {
            "audio": source,
            "wanted_false_accepts_per_hour": None,
            "basis": "measured",
            "measured_false_accepts_per_hour": self.rate.to_json(),
            "by_kind": {kind: rate.to_json() for kind, rate in self.by_kind.items()},
        }


def promise(
    calibration: Tracks,
    report: Tracks,
    keywords: Sequence[str],
    refractory_frames: int,
    *,
    rates_per_hour: Sequence[float],
) -> tuple[Promise, ...]:
    """Choose an operating point for each wanted rate, and measure it.

    A rate is kept on all calibration audio together, and on each kind of it that is long enough to show it: hours of
    silence must not pay for a spotter that wakes at every film. A rate that the audio is too short to show (rule of
    three) is estimated from its loudest moments. A lower rate never gets a lower threshold.

    Parameters
    ----------
    calibration : mapping of str to sequence of ScoreTrack
        At least one track, none with a keyword.
    report : mapping of str to sequence of ScoreTrack
        Audio that neither taught nor calibrates; may be empty.
    keywords : sequence of str
        Labels that may fire.
    refractory_frames : int
        Of the bundle's decision settings.
    rates_per_hour : sequence of float
        For all keywords together.

    Returns
    -------
    tuple of Promise
        In the order of ``rates_per_hour``.

    Raises
    ------
    EvaluationError
        If there is no calibration audio.
    """
    tracks = [track for kind in calibration.values() for track in kind]
    if not tracks:
        raise EvaluationError(NO_AUDIO)
    chosen: dict[float, Promise] = {}
    looser = (0,) * len(tracks[0].labels)
    for rate in sorted(rates_per_hour, reverse=True):
        row, remark = _choose(tracks, keywords, refractory_frames, rate)
        for kind in calibration.values():
            if len(calibration) > 1 and _hours(kind) >= hours_needed(rate):
                row = _higher(row, _choose(kind, keywords, refractory_frames, rate)[0])
        looser = _higher(row, looser)
        by_kind = {name: _rate(kind, looser, refractory_frames) for name, kind in report.items() if kind}
        heard = [track for kind in report.values() for track in kind]
        chosen[rate] = Promise(
            wanted_fa_per_hour=rate,
            thresholds=looser,
            calibration=_rate(tracks, looser, refractory_frames),
            remark=remark,
            measured=_rate(heard, looser, refractory_frames) if heard else None,
            by_kind=by_kind,
        )
    return tuple(chosen[rate] for rate in rates_per_hour)


def check_apart(calibration: Iterable[Path], report: Iterable[Path]) -> None:
    """Refuse report audio that thresholds are chosen on too: what is measured there is no measurement.

    Parameters
    ----------
    calibration, report : iterable of path
        Recordings; copies are one, whatever their names.

    Raises
    ------
    ConfigError
        Naming the recording.
    """
    chosen_on = _by_size(calibration)
    for size, files in _by_size(report).items():
        known = {_digest(path): path for path in chosen_on.get(size, ())}
        for path in files if known else ():
            if (same := known.get(_digest(path))) is not None:
                raise ConfigError(
                    f"--report: expected other recordings than those that thresholds are chosen on, and {path} is "
                    + ("one of them" if path.absolute() == same.absolute() else f"the same as {same}")
                    + "; keep some aside for the report"
                )


def _by_size(paths: Iterable[Path]) -> dict[int, list[Path]]:
    found: dict[int, list[Path]] = {}
    for path in paths:
        found.setdefault(path.stat().st_size, []).append(path)
    return found


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise AudioError(f"{path}: cannot be read ({error.strerror})") from error


def check_rates(rates_per_hour: Sequence[float]) -> None:
    """Refuse wanted rates that no audio can be calibrated for, before any is heard.

    Raises
    ------
    ConfigError
        If there is none, too many for a bundle, or one that is not a positive finite number.
    """
    most = int(lib.KWS_DECISION_MAX_OPERATING_POINTS)
    if not 1 <= len(rates_per_hour) <= most:
        raise ConfigError(f"--fa-per-hour: expected 1 to {most} rates, got {len(rates_per_hour)}; leave some out")
    for rate in rates_per_hour:
        if not 0.0 < rate < math.inf:
            raise ConfigError(
                f"--fa-per-hour: {rate:g} false accepts per hour; expected more than 0 (no amount of audio can show 0; "
                "0.1 needs 30 h)"
            )


def calibrate_bundle(
    bundle: Bundle, calibration: Tracks, report: Tracks, rates_per_hour: Sequence[float], *, source: str
) -> tuple[Bundle, tuple[Promise, ...]]:
    """Replace a bundle's operating points by ones for wanted rates of false accepts.

    Parameters
    ----------
    bundle : Bundle
    calibration, report : mapping of str to sequence of ScoreTrack
        As `promise` takes them; of this bundle.
    rates_per_hour : sequence of float
        Wanted rates, one operating point each; the first becomes the default.
    source : str
        What the calibration audio is, for the metadata.

    Returns
    -------
    bundle : Bundle
        With the new operating points, and under ``calibration`` in its metadata what they were chosen and measured on.
    promises : tuple of Promise
        One per rate.

    Raises
    ------
    ConfigError
        If a rate is impossible; see `check_rates`.
    EvaluationError
        If there is no calibration audio, or no label may fire.
    """
    check_rates(rates_per_hour)
    if not keywords_of(bundle):
        raise EvaluationError(f"{bundle.name}: no label of it may fire, and so there is no threshold to choose")
    promises = promise(
        calibration, report, keywords_of(bundle), bundle.decision.refractory_frames, rates_per_hour=rates_per_hour
    )
    points = tuple(chosen.point for chosen in promises)
    decision = replace(bundle.decision, operating_points=points, default_operating_point=0)
    metadata = bundle.metadata | {"calibration": [chosen.to_json(source) for chosen in promises]}
    return bundle.replace(decision=decision, metadata=metadata), promises


def measure_bundle(bundle: Bundle, report: Tracks, *, source: str) -> tuple[Bundle, tuple[Measured, ...]]:
    """Leave a bundle's thresholds as they are, and let it say what was measured of them.

    Parameters
    ----------
    bundle : Bundle
    report : mapping of str to sequence of ScoreTrack
        Audio without a keyword that neither taught nor chose the thresholds; of this bundle.
    source : str
        What that audio is, for the metadata.

    Returns
    -------
    bundle : Bundle
        With the measured rates in its operating points and, by kind, under ``calibration`` in its metadata.
    measured : tuple of Measured
        One per operating point.

    Raises
    ------
    EvaluationError
        If there is no report audio.
    """
    heard = [track for kind in report.values() for track in kind]
    if not heard:
        raise EvaluationError(NO_AUDIO)
    refractory_frames = bundle.decision.refractory_frames

    def measure(point: OperatingPoint) -> Measured:
        rate = _rate(heard, point.thresholds, refractory_frames)
        return Measured(
            point=replace(point, false_accepts_per_hour=rate.per_hour),
            rate=rate,
            by_kind={name: _rate(kind, point.thresholds, refractory_frames) for name, kind in report.items() if kind},
        )

    measured = tuple(map(measure, bundle.decision.operating_points))
    decision = replace(bundle.decision, operating_points=tuple(one.point for one in measured))
    metadata = bundle.metadata | {"calibration": [one.to_json(source) for one in measured]}
    return bundle.replace(decision=decision, metadata=metadata), measured


def _choose(
    tracks: Sequence[ScoreTrack], keywords: Sequence[str], refractory_frames: int, rate: float
) -> tuple[tuple[int, ...], str]:
    """Return thresholds, and why they are an estimate if they are one."""
    hours = _hours(tracks)
    if hours < hours_needed(rate):
        remark = (
            f"{rate:g} per hour takes {hours_needed(rate):.1f} h without the words to show, there were {hours:.2f} h"
        )
        return estimate(tracks, keywords, refractory_frames, fa_per_hour=rate), remark
    try:
        found = calibrate(tracks, keywords, refractory_frames, fa_per_hour=rate)
    except EvaluationError as error:
        return estimate(tracks, keywords, refractory_frames, fa_per_hour=rate), str(error)
    return found.thresholds, ""


def _higher(one: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    return tuple(max(pair) for pair in zip(one, other, strict=True))


def _hours(tracks: Sequence[ScoreTrack]) -> float:
    return sum(track.truth.negative_hours for track in tracks)


def _rate(tracks: Sequence[ScoreTrack], thresholds: Sequence[int], refractory_frames: int) -> Rate:
    return score_tracks(tracks, thresholds, refractory_frames).false_accepts
