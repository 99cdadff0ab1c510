# SPDX-License-Identifier: Apache-2.0
"""Where a board's cycles go."""

from __future__ import annotations

from dataclasses import dataclass

from kws.device.protocol import Packet
from kws.stages import STAGES


@dataclass(frozen=True, kw_only=True)
class StageStatistics:
    """Cost of one stage since the last reset."""

    stage: str
    calls: int
    cycles: int
    peak_cycles: int
    """The longest call."""


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """Where a board's cycles went since the last reset; divide by ``BoardInfo.clock_hz`` for seconds."""

    stages: tuple[StageStatistics, ...]
    busy_cycles: int
    """Everything outside sleep, serial line included."""
    frames: int
    gated_frames: int
    """Those of them with the gate closed."""
    sleeps: int
    stack_peak_bytes: int
    """Since the board started; 0 = unknown."""


def read_statistics(packet: Packet) -> Statistics:
    """Return what a STATISTICS_REPORT says."""
    report = packet.read("statistics")
    return Statistics(
        stages=tuple(
            StageStatistics(
                stage=name,
                calls=int(report.stage_calls[i]),
                cycles=int(report.stage_cycles[i]),
                peak_cycles=int(report.stage_peak_cycles[i]),
            )
            for i, name in enumerate(STAGES)
        ),
        busy_cycles=int(report.busy_cycles),
        frames=int(report.frames),
        gated_frames=int(report.gated_frames),
        sleeps=int(report.sleeps),
        stack_peak_bytes=int(report.stack_peak_bytes),
    )
