# SPDX-License-Identifier: Apache-2.0
"""What a product does with its time, measured: the image that is flashed runs alone on an emulated chip."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws.audio import SAMPLE_RATE_HZ, Samples, write_wav
from kws.device.chips import ChipReport, emulated_chip, run_chip
from kws.errors import ConfigError
from kws.levels import ratio
from kws.power.model import ListeningPattern
from kws.power.profile import BoardProfile

ROOM_S = (12.0, 36.0)
"""A room is heard for so long, twice: the second run less the first one has no start in it."""
QUIET_STEPS = 3.0
"""Root mean square of a quiet room, in steps of a sample."""
NOISE_DBFS = -30.0
"""Of a room with noise that is no speech: loud enough to trip a microphone that wakes."""
_WAKE_OPTION = "--wake-pin"


@dataclass(frozen=True, kw_only=True)
class Duty:
    """Shares of the time."""

    awake: float
    """The core computes."""
    microphone: float
    """Microphone and audio input are on."""
    crystal: float
    """The fast oscillator is on."""
    receiver: float
    """The receiver of a UART is on."""


@dataclass(frozen=True, kw_only=True)
class ProductDuty:
    """What a board does in each kind of sound."""

    board: str
    chip: str
    wakes_on_sound: bool
    quiet: Duty
    noise: Duty
    speech: Duty


def measure_product(board: str, bundle: Path, speech: Samples) -> ProductDuty:
    """Measure a board that nobody talks to, in a quiet room, in a noisy one, and with speech.

    Parameters
    ----------
    board : str
        One whose chip is emulated.
    bundle : path
    speech : int16 array, shape [n]
        At 16 kHz; its start, half a second of settling included, counts.

    Raises
    ------
    ConfigError
        If nothing emulates the board's chip.
    DeviceError
        If the firmware did what silicon punishes.
    """
    emulated = emulated_chip(board)
    if emulated is None:
        raise ConfigError(f"--board {board}: expected a board with a microphone whose chip is emulated")
    return ProductDuty(
        board=board,
        chip=emulated.chip,
        wakes_on_sound=_WAKE_OPTION in emulated.options,
        quiet=_steady(board, bundle, QUIET_STEPS),
        noise=_steady(board, bundle, 32768.0 * ratio(NOISE_DBFS)),
        speech=_duty(_run(board, bundle, speech)),
    )


def _steady(board: str, bundle: Path, rms_steps: float) -> Duty:
    generator = np.random.default_rng(0)
    room = np.rint(generator.normal(0.0, rms_steps, round(ROOM_S[1] * SAMPLE_RATE_HZ)))
    samples = np.clip(room, -32768, 32767).astype(np.int16)
    before, after = (_run(board, bundle, samples, "--seconds", str(seconds)) for seconds in ROOM_S)
    return _duty(after, before)


def _run(board: str, bundle: Path, samples: Samples, *options: str) -> ChipReport:
    with tempfile.TemporaryDirectory(prefix="kws-power-") as folder:
        path = Path(folder) / "room.wav"
        write_wav(path, samples)
        return run_chip(board, bundle, sound=path, options=options)


def _duty(report: ChipReport, before: ChipReport | None = None) -> Duty:
    def since(name: str) -> int:
        return int(getattr(report, name)) - (int(getattr(before, name)) if before else 0)

    cycles = since("cycles")
    return Duty(
        awake=1.0 - since("sleep_cycles") / cycles,
        microphone=since("microphone_cycles") / cycles,
        crystal=since("crystal_cycles") / cycles,
        receiver=since("receiver_cycles") / cycles,
    )


def power_uw(duty: Duty, profile: BoardProfile, *, wakes_on_sound: bool) -> float:
    """Return the average power of a duty.

    The core's current is that of its clock while it is awake; microphone and audio input draw, with the clocks they
    need, what the profile says; a microphone that wakes draws its own current while the other is off.
    """
    core_ua = duty.awake * profile.clock_mhz.value * profile.core_ua_per_mhz.value * profile.cycle_factor.value
    audio_ua = duty.microphone * (profile.microphone_ua.value + profile.audio_ua.value)
    waiting_ua = (1.0 - duty.microphone) * profile.wake_microphone_ua.value if wakes_on_sound else 0.0
    return profile.supply_v.value * (profile.sleep_ua.value + core_ua + audio_ua + waiting_ua)


@dataclass(frozen=True, kw_only=True)
class ProductPower:
    """Average power in microwatts, by what there is to hear."""

    quiet_uw: float
    noise_uw: float
    speech_uw: float
    mixed_uw: float
    """In the listening pattern."""
    longest_sound: float | None
    """Share of the time that there may be sound, speech among it as in the pattern, for a budget; None when even a
    quiet room takes more."""


def product_power(
    product: ProductDuty, profile: BoardProfile, pattern: ListeningPattern, budget_uw: float
) -> ProductPower:
    """Return what a measured product draws in a listening pattern.

    Parameters
    ----------
    product : ProductDuty
    profile : BoardProfile
    pattern : ListeningPattern
    budget_uw : float
        Average power that a battery has for the wanted time.
    """
    quiet, noise, speech = (
        power_uw(duty, profile, wakes_on_sound=product.wakes_on_sound)
        for duty in (product.quiet, product.noise, product.speech)
    )
    spoken = pattern.speech / pattern.sound if pattern.sound else 0.0
    sound_uw = (1.0 - spoken) * noise + spoken * speech
    most = 1.0 if sound_uw <= budget_uw else (budget_uw - quiet) / (sound_uw - quiet)
    return ProductPower(
        quiet_uw=quiet,
        noise_uw=noise,
        speech_uw=speech,
        mixed_uw=(1.0 - pattern.sound) * quiet + pattern.sound * sound_uw,
        longest_sound=None if quiet > budget_uw else most,
    )
