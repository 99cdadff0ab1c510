# SPDX-License-Identifier: Apache-2.0
"""Operating points written into a bundle: thresholds chosen on negative audio, and where they come from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from kws.bundle import Bundle
from kws.core import lib
from kws.decision import OperatingPoint
from kws.errors import ConfigError, EvaluationError
from kws.evaluation.operating_point import Calibration, calibrate
from kws.evaluation.run import OnProgress, ignore_progress, keywords_of
from kws.evaluation.tracks import ScoreTrack


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
    bundle: Bundle,
    tracks: Sequence[ScoreTrack],
    rates_per_hour: Sequence[float],
    *,
    source: str,
    on_progress: OnProgress = ignore_progress,
) -> tuple[Bundle, tuple[Calibration, ...]]:
    """Replace a bundle's operating points by ones for wanted rates of false accepts.

    Parameters
    ----------
    bundle : Bundle
    tracks : sequence of ScoreTrack
        Of this bundle, on audio without keywords.
    rates_per_hour : sequence of float
        Wanted rates, one operating point each; the first becomes the default.
    source : str
        What the audio is, for the metadata.

    Returns
    -------
    bundle : Bundle
        With the new operating points, and under ``calibration`` in its metadata what they were chosen on.
    calibrations : tuple of Calibration
        One per rate.

    Raises
    ------
    ConfigError
        If a rate is impossible; see `check_rates`.
    EvaluationError
        If the audio cannot support a rate, the keywords exceed it at every threshold, or no label may fire.
    """
    check_rates(rates_per_hour)
    if not keywords_of(bundle):
        raise EvaluationError(f"{bundle.name}: no label of it may fire, and so there is no threshold to choose")
    refractory_frames = bundle.decision.refractory_frames
    calibrations = []
    for index, rate in enumerate(rates_per_hour):
        calibrations.append(calibrate(tracks, keywords_of(bundle), refractory_frames, fa_per_hour=rate))
        on_progress("choosing thresholds", index + 1, len(rates_per_hour))
    points = tuple(
        OperatingPoint(thresholds=calibration.thresholds, false_accepts_per_hour=calibration.wanted_fa_per_hour)
        for calibration in calibrations
    )
    decision = replace(bundle.decision, operating_points=points, default_operating_point=0)
    metadata = bundle.metadata | {"calibration": [_provenance(calibration, source) for calibration in calibrations]}
    return bundle.replace(decision=decision, metadata=metadata), tuple(calibrations)


def _provenance(calibration: Calibration, source: str) -> dict[str, Any]:
    return {
        "audio": source,
        "wanted_false_accepts_per_hour": calibration.wanted_fa_per_hour,
        "measured_false_accepts_per_hour": calibration.false_accepts.to_json(),
    }
