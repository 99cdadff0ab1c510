# SPDX-License-Identifier: Apache-2.0
"""The level gate behind stage 1: its settings, in decibels, and the GATE section they become.

The C side (``firmware/core/kws_gate.h``) documents the section and the rule; nothing is computed here.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

from kws.core import lib
from kws.errors import ConfigError

DB_PER_OCTAVE = 10.0 * math.log10(2.0)
"""The section counts levels in log2 of the mean square; one such unit is 3.01 dB."""
FULL_SCALE_Q8 = 30 * 256
"""log2 of the mean square of a full-scale square wave, Q8."""


@dataclass(frozen=True, kw_only=True)
class GateConfig:
    """When everything but framing may sleep. What the defaults cost and save: benchmarks/gate.json."""

    open_margin_db: float = 5.0
    """Level above the noise floor that opens the gate."""
    close_margin_db: float = 5.0
    """Level above the noise floor that keeps it open; at most ``open_margin_db``."""
    hangover_frames: int = 20
    """Open for a window of the model, which must not hold a word when it falls asleep, and so long after the last frame
    above ``close_margin_db``."""
    floor_rise_db_per_frame: float = 0.03
    """How fast the noise floor follows a louder background; it falls faster."""
    minimum_level_dbfs: float = -75.0
    """Below this the gate never opens: the microphone's own noise."""
    preroll_frames: int = 3
    """Frames before the opening one that are heard after all; a hop of audio memory each."""

    def __post_init__(self) -> None:
        """Refuse what the section cannot hold."""
        _require(0 <= self.close_margin_db <= self.open_margin_db <= 90.0, "margins",
                 "0 <= close_margin_db <= open_margin_db <= 90")  # fmt: skip
        _require(0 <= self.hangover_frames <= 65535, "hangover_frames", "0 to 65535")
        _require(0 <= self.floor_rise_db_per_frame < 3.0, "floor_rise_db_per_frame", "0 to below 3")
        _require(-90.0 <= self.minimum_level_dbfs <= 0.0, "minimum_level_dbfs", "-90 to 0")
        longest = lib.KWS_GATE_MAX_PREROLL_FRAMES
        _require(0 <= self.preroll_frames <= longest, "preroll_frames", f"0 to {longest}")

    def section(self) -> bytes:
        """Return the GATE section."""
        values = (
            to_q8(self.open_margin_db),
            to_q8(self.close_margin_db),
            self.hangover_frames,
            to_q8(self.floor_rise_db_per_frame),
            FULL_SCALE_Q8 + to_q8(self.minimum_level_dbfs),
            self.preroll_frames,
        )
        return struct.pack("<6H4x", *values)

    @classmethod
    def from_section(cls, section: bytes) -> GateConfig:
        """Return the settings a GATE section holds (rounded to its resolution of 0.012 dB)."""
        open_q8, close_q8, hangover, rise_q8, minimum_q8, preroll = struct.unpack_from("<6H", section)
        return cls(
            open_margin_db=from_q8(open_q8),
            close_margin_db=from_q8(close_q8),
            hangover_frames=hangover,
            floor_rise_db_per_frame=from_q8(rise_q8),
            minimum_level_dbfs=from_q8(minimum_q8 - FULL_SCALE_Q8),
            preroll_frames=preroll,
        )


def _require(holds: bool, name: str, expected: str) -> None:
    if not holds:
        raise ConfigError(f"gate: {name} out of range; expected {expected}")


def to_q8(level_db: float) -> int:
    """Decibels to log2 of the mean square in Q8."""
    return round(level_db / DB_PER_OCTAVE * 256.0)


def from_q8(level_q8: int) -> float:
    """log2 of the mean square in Q8 to decibels."""
    return level_q8 / 256.0 * DB_PER_OCTAVE
