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


@dataclass(frozen=True, kw_only=True)
class GateConfig:
    """When everything but framing may sleep. What the defaults cost and save: benchmarks/gate.json."""

    open_margin_db: float = 6.0
    """Level above the noise floor that opens the gate."""
    close_margin_db: float = 3.0
    """Level above the noise floor that keeps it open; at most ``open_margin_db``."""
    hangover_frames: int = 60
    """Open for so long after the last frame above ``close_margin_db``: longer than the model looks back, or it would
    wake with the last word still in its state."""
    floor_rise_db_per_frame: float = 0.03
    """How fast the noise floor follows a louder background; it falls at once."""
    minimum_level_dbfs: float = -75.0
    """Below this the gate never opens: the microphone's own noise."""
    preroll_frames: int = 3
    """Frames before the opening one that are heard after all; a hop of audio memory each."""

    def section(self) -> bytes:
        """Return the GATE section.

        Raises
        ------
        ConfigError
            If a value is outside the range of its field.
        """
        full_scale_q8 = 30 * 256  # log2 of the mean square of a full-scale square wave, Q8
        values = (
            to_q8(self.open_margin_db),
            to_q8(self.close_margin_db),
            self.hangover_frames,
            to_q8(self.floor_rise_db_per_frame),
            full_scale_q8 + to_q8(self.minimum_level_dbfs),
            self.preroll_frames,
        )
        if not 0 <= self.close_margin_db <= self.open_margin_db:
            raise ConfigError(
                f"gate: close_margin_db must be between 0 and open_margin_db ({self.open_margin_db}), "
                f"got {self.close_margin_db}"
            )
        if (
            not 1 <= self.hangover_frames <= 65535
            or not 0 <= values[3] <= 255
            or min(values) < 0
            or max(values) > 65535
            or self.preroll_frames > lib.KWS_GATE_MAX_PREROLL_FRAMES
        ):
            raise ConfigError(f"gate: a setting is out of range: {self}")
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
            minimum_level_dbfs=from_q8(minimum_q8 - 30 * 256),
            preroll_frames=preroll,
        )


def to_q8(level_db: float) -> int:
    """Decibels to log2 of the mean square in Q8."""
    return round(level_db / DB_PER_OCTAVE * 256.0)


def from_q8(level_q8: int) -> float:
    """log2 of the mean square in Q8 to decibels."""
    return level_q8 / 256.0 * DB_PER_OCTAVE
