# SPDX-License-Identifier: Apache-2.0
"""How posteriors become events: the settings of smoothing and detection, and the DECN section they become.

The C side (``firmware/core/kws_decision.h``) documents the section.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kws.core import lib
from kws.errors import ConfigError

HEADER = struct.Struct("<H2BH2B")
PAUSE = struct.Struct("<2BHB3x")
NOT_MEASURED = 0xFFFFFFFF
"""``milli_fa_per_hour`` of an operating point nobody measured."""


@dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """One choice of thresholds."""

    thresholds: tuple[int, ...]
    """One per label, 0..255 = 0..1; 0 marks a label that never fires (silence, unknown)."""
    false_accepts_per_hour: float | None = None
    """As measured when the point was chosen; None when it was not."""


@dataclass(frozen=True, kw_only=True)
class Pause:
    """A pause before a word makes it likelier that it is meant: people stop talking first, films seldom do."""

    label: int
    """Index of the label that says nobody speaks (silence)."""
    score: int
    """What its smoothed posterior must have reached, 1..255 = 0..1 ..."""
    decisions: int
    """... at this decision or one of so many before it, 0..65534. A stream begins with a pause; a closed
    gate is one, and so is a word that was let through and reached ``KWS_DECISION_FOLLOWED`` (96): commands may
    follow each other."""
    penalty: int = 255
    """What the smoothed posterior of a word is less by without one, 1..255; 255: whoever talks on wakes nothing."""


@dataclass(frozen=True, kw_only=True)
class DecisionConfig:
    """Smoothing and detection."""

    operating_points: tuple[OperatingPoint, ...]
    """1 to 8 of them."""
    default_operating_point: int = 0
    """Index of the one a board starts with."""
    smoothing_decisions: int = 1
    """Moving average over this many posterior vectors, 1 to 64; 1 does not smooth."""
    whole_windows_rounding: int | None = None
    """None: the average is over what there is until it is full, and rounds half up. A number below
    ``smoothing_decisions``: it is 0 until it is full, and then ``(sum + number) // smoothing_decisions``."""
    refractory_frames: int = 50
    """No second event of a label for this many frames after one, of another label for half as many; 1 frame = 1 hop."""
    pause: Pause | None = None
    """Without one, the smoothed posteriors of labels that may fire are less by its penalty."""

    @property
    def num_labels(self) -> int:
        """Labels each operating point covers."""
        return len(self.operating_points[0].thresholds) if self.operating_points else 0

    def section(self) -> bytes:
        """Return the DECN section.

        Raises
        ------
        ConfigError
            If a value is outside the range of its field.
        """
        _check(self)
        points = b"".join(_point_bytes(point) for point in self.operating_points)
        rounding, pause = self.whole_windows_rounding, self.pause
        averaging = 0 if rounding is None else lib.KWS_DECISION_WHOLE_WINDOWS + rounding
        header = HEADER.pack(
            self.num_labels,
            self.smoothing_decisions,
            averaging + (lib.KWS_DECISION_PAUSE if pause else 0),
            self.refractory_frames,
            len(self.operating_points),
            self.default_operating_point,
        )
        return (
            header + points + (PAUSE.pack(pause.label, pause.score, pause.decisions, pause.penalty) if pause else b"")
        )

    @classmethod
    def from_section(cls, section: bytes) -> DecisionConfig:
        """Return the settings a DECN section holds; the C reader has checked it (``Bundle.verify``)."""
        num_labels, smoothing, averaging, refractory, num_points, default = HEADER.unpack_from(section)
        points, offset = [], HEADER.size
        for _ in range(num_points):
            (rate,) = struct.unpack_from("<I", section, offset)
            points.append(
                OperatingPoint(
                    thresholds=tuple(section[offset + 4 : offset + 4 + num_labels]),
                    false_accepts_per_hour=None if rate == NOT_MEASURED else rate / 1000.0,
                )
            )
            offset += 4 + -(-num_labels // 4) * 4
        whole = averaging & ~lib.KWS_DECISION_PAUSE
        pause = PAUSE.unpack_from(section, offset) if averaging & lib.KWS_DECISION_PAUSE else None
        return cls(
            operating_points=tuple(points),
            default_operating_point=default,
            smoothing_decisions=smoothing,
            whole_windows_rounding=whole - lib.KWS_DECISION_WHOLE_WINDOWS if whole else None,
            refractory_frames=refractory,
            pause=Pause(label=pause[0], score=pause[1], decisions=pause[2], penalty=pause[3]) if pause else None,
        )


def with_default(decision: DecisionConfig, thresholds: Sequence[int]) -> DecisionConfig:
    """Return the same settings with one more operating point, which a board starts with.

    It stands where its thresholds belong in the order of the others, whichever way that goes. One that is there already
    is not there twice; where there is no room for one more, the default that was gives way.

    Parameters
    ----------
    decision : DecisionConfig
    thresholds : sequence of int
        One per label, 0..255.
    """
    points, row = list(decision.operating_points), tuple(thresholds)
    for index, point in enumerate(points):
        if point.thresholds == row:
            return replace(decision, default_operating_point=index)
    if len(points) == lib.KWS_DECISION_MAX_OPERATING_POINTS:
        del points[decision.default_operating_point]
    sign = -1 if sum(points[0].thresholds) > sum(points[-1].thresholds) else 1
    index = sum(sign * sum(point.thresholds) <= sign * sum(row) for point in points)
    points.insert(index, OperatingPoint(thresholds=row))
    return replace(decision, operating_points=tuple(points), default_operating_point=index)


def _point_bytes(point: OperatingPoint) -> bytes:
    rate = point.false_accepts_per_hour
    milli = NOT_MEASURED if rate is None else min(round(rate * 1000.0), NOT_MEASURED - 1)
    return struct.pack("<I", milli) + bytes(point.thresholds) + bytes(-len(point.thresholds) % 4)


def _check(config: DecisionConfig) -> None:
    most_points, most_smoothing = lib.KWS_DECISION_MAX_OPERATING_POINTS, lib.KWS_DECISION_MAX_SMOOTHING
    ranges = {
        "operating_points": (len(config.operating_points), 1, most_points),
        "default_operating_point": (config.default_operating_point, 0, len(config.operating_points) - 1),
        "smoothing_decisions": (config.smoothing_decisions, 1, most_smoothing),
        "whole_windows_rounding": (config.whole_windows_rounding or 0, 0, config.smoothing_decisions - 1),
        "refractory_frames": (config.refractory_frames, 0, 65535),
        "num_labels": (config.num_labels, 1, lib.KWS_MAX_LABELS),
    }
    if config.pause is not None:
        ranges |= {
            "pause.label": (config.pause.label, 0, config.num_labels - 1),
            "pause.score": (config.pause.score, 1, 255),
            "pause.decisions": (config.pause.decisions, 0, 65534),
            "pause.penalty": (config.pause.penalty, 1, 255),
        }
    for name, (value, low, high) in ranges.items():
        if not low <= value <= high:
            raise ConfigError(f"decision: {name} is {value}; expected {low} .. {high}")
    for index, point in enumerate(config.operating_points):
        where, rate = f"decision: operating point {index}", point.false_accepts_per_hour
        if len(point.thresholds) != config.num_labels:
            raise ConfigError(f"{where} has {len(point.thresholds)} thresholds; expected {config.num_labels}")
        if not all(0 <= threshold <= 255 for threshold in point.thresholds):
            raise ConfigError(f"{where}: thresholds {point.thresholds}; expected 0 .. 255 each")
        if rate is not None and not rate >= 0.0:
            raise ConfigError(f"{where}: {rate} false accepts per hour; expected 0 or more")


def describe_point(decision: DecisionConfig, metadata: Mapping[str, Any], index: int) -> str:
    """What an operating point promises, in a few words: what was wanted, and what was measured on audio kept aside.

    Parameters
    ----------
    decision : DecisionConfig
    metadata : mapping
        Of the same bundle; `kws.evaluation.calibration` writes ``calibration`` into it.
    index : int
        Of the operating point.
    """
    stored = metadata.get("calibration")
    if isinstance(stored, list) and len(stored) == len(decision.operating_points) and "basis" in stored[index]:
        wanted = stored[index]["wanted_false_accepts_per_hour"]
        measured = stored[index]["measured_false_accepts_per_hour"]
        if measured is None:
            return f"{wanted:g} /h wanted, estimate"
        low, high = measured["interval_95"]
        rate, interval = f"{measured['value']:.2g}", f"({low:.2g}-{high:.2g}, {measured['hours']:.1f} h)"
        if wanted is None:
            return f"{rate} /h measured {interval}"
        return f"{wanted:g} /h wanted, {rate} measured {interval}"
    known = decision.operating_points[index].false_accepts_per_hour
    return "false accepts not measured" if known is None else f"{known:g} false accepts per hour"
