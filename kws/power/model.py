# SPDX-License-Identifier: Apache-2.0
"""From cycles, currents and a listening pattern to average power and days. A model, not a measurement."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from kws.bench.result import BenchResult
from kws.errors import ConfigError
from kws.power.profile import BoardProfile

COIN_CELL_J = 2500.0
"""A CR2032 of 225 mAh."""
SECONDS_PER_DAY = 86_400.0
NETWORK_STAGES = frozenset({"model", "smoothing", "detection"})


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What a bundle computes per second of audio."""

    name: str
    front_end_cycles_per_second: int
    """Everything up to the network, with the gate open or without one."""
    network_cycles_per_second: int
    """Likewise."""
    closed_cycles_per_second: int | None
    """All there is to do while the gate is closed; None without a gate."""

    @classmethod
    def from_result(cls, result: BenchResult) -> Workload:
        """Return what :func:`kws.bench.measure.measure` counted."""
        network = sum(stage.cycles_per_second for stage in result.stages if stage.stage in NETWORK_STAGES)
        return cls(
            name=result.bundle,
            front_end_cycles_per_second=result.cycles_per_second - network,
            network_cycles_per_second=network,
            closed_cycles_per_second=None if result.gate is None else result.gate.closed_cycles_per_second,
        )

    @classmethod
    def from_json(cls, path: Path) -> Workload:
        """Return what a file written by ``kws bench`` says.

        Raises
        ------
        ConfigError
            If it is no such file.
        """
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            network = sum(int(row["cycles_per_second"]) for row in data["stages"] if row["stage"] in NETWORK_STAGES)
            closed = data["figures"].get("gate_closed_cycles_per_second")
            whole = int(data["figures"]["cycles_per_second"])
            name = str(data["bundle"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(f"{path}: not a result of `kws bench --out` ({error})") from error
        return cls(
            name=name,
            front_end_cycles_per_second=whole - network,
            network_cycles_per_second=network,
            closed_cycles_per_second=None if closed is None else int(closed),
        )


@dataclass(frozen=True, kw_only=True)
class ListeningPattern:
    """What there is to hear, as fractions of the time."""

    sound: float
    """Loud enough to trip a wake-on-sound microphone; speech included."""
    speech: float
    """The gate is open: speech, and the second after it."""

    def __post_init__(self) -> None:
        """Refuse fractions that cannot be."""
        if not 0.0 <= self.speech <= self.sound <= 1.0:
            raise ConfigError(
                f"listening pattern: speech {self.speech} and sound {self.sound}; expected fractions of the time, "
                "0 <= speech <= sound <= 1 (speech is a sound)"
            )


@dataclass(frozen=True, kw_only=True)
class PowerEstimate:
    """Average power by what draws it, in microwatts."""

    profile: BoardProfile
    wake_on_sound: bool
    microphone_uw: float
    """Microphone, and the audio input with its clocks."""
    front_end_uw: float
    network_uw: float
    sleep_uw: float
    busy: float
    """Fraction of the core's cycles taken while the network runs; beyond 1 the board is too slow."""

    @property
    def total_uw(self) -> float:
        """Everything."""
        return self.microphone_uw + self.front_end_uw + self.network_uw + self.sleep_uw

    def days(self, battery_j: float = COIN_CELL_J) -> float:
        """Return how long a battery lasts that gives all its energy at the supply voltage."""
        return battery_j / (self.total_uw * 1e-6) / SECONDS_PER_DAY


def estimate(
    workload: Workload, profile: BoardProfile, pattern: ListeningPattern, *, wake_on_sound: bool
) -> PowerEstimate:
    """Return the average power of a board that listens.

    Parameters
    ----------
    workload : Workload
    profile : BoardProfile
    pattern : ListeningPattern
    wake_on_sound : bool
        Whether the chip sleeps until its microphone hears something.
    """
    listening = pattern.sound if wake_on_sound else 1.0
    gated = workload.closed_cycles_per_second is not None
    awake = min(listening, pattern.speech) if gated else listening
    front_end = awake * workload.front_end_cycles_per_second
    front_end += (listening - awake) * (workload.closed_cycles_per_second or 0)
    uw_per_cycle = profile.supply_v.value * profile.core_ua_per_mhz.value * 1e-6 * profile.cycle_factor.value
    audio_ua = listening * (profile.microphone_ua.value + profile.audio_ua.value)
    waiting_ua = (1.0 - listening) * profile.wake_microphone_ua.value
    whole = workload.front_end_cycles_per_second + workload.network_cycles_per_second
    return PowerEstimate(
        profile=profile,
        wake_on_sound=wake_on_sound,
        microphone_uw=profile.supply_v.value * (audio_ua + waiting_ua),
        front_end_uw=uw_per_cycle * front_end,
        network_uw=uw_per_cycle * workload.network_cycles_per_second * awake,
        sleep_uw=profile.supply_v.value * profile.sleep_ua.value,
        busy=whole * profile.cycle_factor.value / (profile.clock_mhz.value * 1e6),
    )
