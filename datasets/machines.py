# SPDX-License-Identifier: Apache-2.0
"""Machines that do not exist: sound or vibration from a small physical model, normal and with a fault; all synthetic.

A machine turns at a speed that differs from recording to recording. What it radiates is harmonics of its shaft, a tone
with harmonics where blades, vanes or teeth pass, and noise in bands that the same passing modulates. A fault changes
one thing, with a depth drawn for each recording:

    imbalance    the shaft's harmonics grow
    bearing      a train of impacts at the rate at which balls pass a spot on the outer ring, with slip, each of which
                 rings a resonance
    tooth        one impact a revolution, and sidebands at the shaft's rate around the passing tone
    leak         a steady hiss above 3 kHz (above a third of the band, at low rates)
    slow         the machine turns 12 % or more below its speeds

References
----------
R. Randall, J. Antoni, "Rolling element bearing diagnostics - a tutorial", Mechanical Systems and Signal Processing 25
(2011): impacts with slip that excite a resonance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

FAULTS = ("imbalance", "bearing", "tooth", "leak", "slow")
BALLS_PASS = 3.58
"""Times a revolution that a ball passes a spot on the outer ring of a common bearing (6205)."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What one kind of machine radiates."""

    shaft_hz: float
    speeds: tuple[float, ...]
    """Factors on ``shaft_hz``: the operating points it is used at."""
    passing: int
    """Blades, vanes or teeth."""
    tone: float
    """Level of the passing tone against the noise."""
    shaft: float
    """The same of the shaft's harmonics."""
    colour: float
    """Exponent of the noise's power spectrum: 0 white, 1 pink."""
    modulation: float
    """How deep the passing modulates the noise, 0..1."""
    resonance_hz: float


MACHINES = {
    "fan": Machine(shaft_hz=24.0, speeds=(1.0,), passing=7, tone=0.5, shaft=0.3, colour=1.2, modulation=0.3,
                   resonance_hz=3100.0),
    "pump": Machine(shaft_hz=48.0, speeds=(1.0, 0.8), passing=5, tone=0.7, shaft=0.4, colour=0.7, modulation=0.5,
                    resonance_hz=4300.0),
    "gearbox": Machine(shaft_hz=29.0, speeds=(1.0, 0.85, 0.7), passing=23, tone=1.0, shaft=0.3, colour=0.9,
                       modulation=0.2, resonance_hz=2400.0),
}  # fmt: skip
"""Kinds known by name."""


def coloured_noise(rng: np.random.Generator, num_samples: int, colour: float) -> FloatArray:
    """Return noise of unit power whose power spectrum falls with frequency to the power of ``colour``."""
    spectrum = np.fft.rfft(rng.standard_normal(num_samples))
    spectrum[1:] *= np.arange(1, len(spectrum)) ** (-colour / 2.0)
    spectrum[0] = 0.0
    noise = np.fft.irfft(spectrum, num_samples)
    return np.asarray(noise / np.sqrt(np.mean(noise**2)), np.float64)


def machine_sound(
    machine: Machine,
    rng: np.random.Generator,
    *,
    seconds: float,
    sample_rate_hz: int,
    fault: str | None = None,
    snr_db: float = 6.0,
) -> FloatArray:
    """Return a recording of a machine.

    Parameters
    ----------
    machine : Machine
    rng : numpy.random.Generator
        Speed, load, phases, noise and depth of the fault come from it.
    seconds : float
    sample_rate_hz : int
    fault : str, optional
        One of `FAULTS`; None: a normal machine.
    snr_db : float
        Machine against the noise of the hall, which is coloured noise with a level that wanders by 2 dB.

    Returns
    -------
    float64 [num_samples]
        The machine about 26 dB below full scale.
    """
    time_s = np.arange(round(seconds * sample_rate_hz)) / sample_rate_hz
    speed = float(rng.choice(machine.speeds)) * (1.0 + 0.01 * rng.standard_normal())
    if fault == "slow":
        speed *= 1.0 - rng.uniform(0.12, 0.2)
    turns = np.cumsum(machine.shaft_hz * speed * (1.0 + _wander(rng, time_s, 0.002))) / sample_rate_hz
    depth = rng.uniform(0.3, 1.0)
    sound = _running(machine, rng, turns, sample_rate_hz, fault, depth) * (1.0 + _wander(rng, time_s, 0.05))
    if fault == "bearing":
        sound += 2.5 * depth * _impacts(rng, turns * BALLS_PASS, machine.resonance_hz, sample_rate_hz, slip=0.02)
    elif fault == "tooth":
        sound += 3.5 * depth * _impacts(rng, turns, machine.resonance_hz, sample_rate_hz, slip=0.0)
    elif fault == "leak":
        sound += 0.45 * depth * _hiss(rng, len(time_s), sample_rate_hz)
    load = 10.0 ** (rng.normal(0.0, 1.0) / 20.0)
    hall = coloured_noise(rng, len(time_s), 1.0) * (1.0 + _wander(rng, time_s, 0.12))
    return np.asarray(0.05 * (load * sound + 10.0 ** (-snr_db / 20.0) * hall), np.float64)


def _running(machine: Machine, rng: np.random.Generator, turns: FloatArray, sample_rate_hz: int, fault: str | None,
             depth: float) -> FloatArray:  # fmt: skip
    """Return the machine itself, about unit power: shaft, passing tone, modulated noise."""
    shaft = np.zeros_like(turns)
    for harmonic in range(1, 5):
        shaft += np.sin(2 * np.pi * (harmonic * turns + rng.random())) / harmonic
    tone, passing = np.zeros_like(turns), machine.passing * turns
    highest = machine.shaft_hz * max(machine.speeds) * machine.passing * 1.05
    for harmonic in range(1, 6):
        if harmonic * highest < sample_rate_hz / 2:
            tone += np.sin(2 * np.pi * (harmonic * passing + rng.random())) / harmonic
    if fault == "tooth":
        tone *= 1.0 + 0.6 * depth * np.sin(2 * np.pi * (turns + rng.random()))
    noise = coloured_noise(rng, len(turns), machine.colour)
    noise *= 1.0 + machine.modulation * np.sin(2 * np.pi * (passing + rng.random()))
    grown = 1.0 + (2.5 * depth if fault == "imbalance" else 0.0)
    return machine.shaft * grown * shaft + machine.tone * tone + noise


def _wander(rng: np.random.Generator, time_s: FloatArray, size: float) -> FloatArray:
    """Return a slow random drift: a value every half second, in between straight lines."""
    knots = np.arange(0.0, time_s[-1] + 1.0, 0.5)
    return np.asarray(np.interp(time_s, knots, size * rng.standard_normal(len(knots))), np.float64)


def _impacts(rng: np.random.Generator, phase: FloatArray, resonance_hz: float, sample_rate_hz: int, *, slip: float
             ) -> FloatArray:  # fmt: skip
    """Return a ringing for each whole number that the phase passes, ``slip`` of a period early or late."""
    at = np.flatnonzero(np.diff(np.floor(phase)) > 0)
    period = max(1.0, len(phase) / max(1, len(at)))
    at = np.clip(at + np.rint(slip * period * rng.standard_normal(len(at))).astype(int), 0, len(phase) - 1)
    hits = np.zeros_like(phase)
    hits[at] = 1.0 + 0.3 * rng.standard_normal(len(at))
    resonance_hz = min(resonance_hz, 0.35 * sample_rate_hz)
    time_s = np.arange(round(10.0 / resonance_hz * sample_rate_hz)) / sample_rate_hz
    ringing = np.exp(-0.08 * 2 * np.pi * resonance_hz * time_s) * np.sin(2 * np.pi * resonance_hz * time_s)
    return np.asarray(np.convolve(hits, ringing)[: len(phase)], np.float64)


def _hiss(rng: np.random.Generator, num_samples: int, sample_rate_hz: int) -> FloatArray:
    """Return white noise above 3 kHz, or above a third of the band where that is lower."""
    spectrum = np.fft.rfft(rng.standard_normal(num_samples))
    spectrum[np.fft.rfftfreq(num_samples, 1.0 / sample_rate_hz) < min(3000.0, sample_rate_hz / 6.0)] = 0.0
    return np.asarray(np.fft.irfft(spectrum, num_samples), np.float64)
