# SPDX-License-Identifier: Apache-2.0
"""Normal recordings of a machine -> a bundle that scores how unusual each moment is.

The recordings are divided three ways: what teaches, what places the curve and the thresholds, and what is only measured
on. Each part of the network is computed from what the parts before it put out in int8, as the board will.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kws.bundle import Bundle, DecisionConfig, OperatingPoint
from kws.errors import AudioError, ConfigError
from kws.evaluation.calibration import Promise
from kws.features import Features, FeaturesConfig
from kws.importer.network import Quantization
from kws.importer.section import model_section
from kws.machine.alarms import check_alarms, with_alarms
from kws.machine.network import BLOCK_STEPS, EMBEDDING, MEAN, Builder, Curve, FloatArray
from kws.machine.signals import Signal, in_turn, read_signals
from kws.machine.statistics import standardise, whiten
from kws.model import Model

LABEL = "unusual"
WINDOW_S = 0.064
SHORTEST_WINDOW, LONGEST_WINDOW = 512, 2048
"""Samples: a power of two near `WINDOW_S`; at low rates more, because spectra need samples."""
MOST_VALUES = 64
"""Features of a step, all axes together; no axis has fewer than `FEWEST_BANDS`."""
FEWEST_BANDS = 12
MOST_AXES = 8
FEWEST_MOMENTS = 20
STEADIEST = 0.05
"""No band is trusted to vary less than this (nats): the step of a feature is 0.1."""
FLOOR = 1e-3
"""The same for combinations of bands, as a share of the variance of one."""
MANY_FILES = 10
"""So many recordings are divided one by one; each of fewer is cut in three."""
TURNS = ("learn", "calibrate", "learn", "report", "learn")
TAIL = 0.95
"""The curve is placed by the moments above this quantile of normal ones."""
LOGIT_MEANS = 4.0
"""Log odds 1 stands for so many mean excesses of the tail, and the middle lies as far above the quantile ..."""
MEDIAN_ODDS = -2.5
"""... or for more, so that half of the normal moments keep above these log odds, 0.08."""


@dataclass(frozen=True, kw_only=True)
class MachineSettings:
    """How a machine is listened to."""

    moment_s: float = 2.0
    """What one score is about."""
    alarms_per_day: tuple[float, ...] = (1.0,)
    """Wanted, one operating point each."""
    quiet_s: float = 10.0
    """No second alarm for so long after one."""


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """A bundle, and what its operating points promise."""

    bundle: Bundle
    promises: tuple[Promise, ...]
    seconds: Mapping[str, float]
    """Of normal sound, by use: learn, calibrate, report."""


def learn(paths: Sequence[Path], settings: MachineSettings | None = None) -> Learnt:
    """Learn what a machine sounds like from normal recordings.

    Parameters
    ----------
    paths : sequence of path
        Files or folders, all of one sample rate and one number of channels.
    settings : MachineSettings, optional

    Raises
    ------
    AudioError
        If a recording cannot be read or has a channel that never changes, or they differ in rate or channels.
    ConfigError
        If there is too little of it, or a setting is impossible.
    """
    return learn_signals(read_signals(paths), settings or MachineSettings())


def learn_signals(signals: Sequence[Signal], settings: MachineSettings) -> Learnt:
    """Learn from recordings in memory; see `learn`."""
    check_alarms(settings.alarms_per_day)
    _check_alive(signals)
    config = front_end(signals[0].sample_rate_hz, signals[0].axes)
    blocks = _blocks(config, signals[0].axes, settings.moment_s)
    parts = divided(signals)
    _check_length(parts, settings.moment_s)
    streams = {use: [in_turn(signal.samples, config.window_samples) for signal in those]
               for use, those in parts.items()}  # fmt: skip
    builder = _network(config, streams, axes=signals[0].axes, blocks=blocks)
    bundle = _bundle(config, builder, signals[0], settings)
    calibrated, promises = with_alarms(bundle, streams["calibrate"], streams["report"], settings.alarms_per_day)
    seconds = {use: sum(signal.seconds for signal in those) for use, those in parts.items()}
    return Learnt(bundle=calibrated, promises=promises, seconds=seconds)


def front_end(sample_rate_hz: int, axes: int) -> FeaturesConfig:
    """Return log-mel settings for a sensor: power spectra from silence to full scale in steps of 0.1 nats.

    Raises
    ------
    ConfigError
        If there are too many axes.
    """
    if axes > MOST_AXES:
        raise ConfigError(f"recordings with {axes} channels; expected 1 to {MOST_AXES}: choose some")
    window = 1 << round(math.log2(WINDOW_S * sample_rate_hz))
    window = min(max(window, SHORTEST_WINDOW), LONGEST_WINDOW)
    stream_hz = sample_rate_hz * axes
    return FeaturesConfig(
        sample_rate_hz=stream_hz, window_samples=window, hop_samples=window // 2 if axes == 1 else window,
        fft_length=window, gain=1024.0 / window, spectrum="power", num_mel_bands=_num_bands(axes), mel_low_hz=0.0,
        mel_high_hz=stream_hz / 2, log_floor=1e-6, num_coefficients=None, scale=0.1, zero_point=10,
    )  # fmt: skip


def divided(signals: Sequence[Signal]) -> dict[str, list[Signal]]:
    """Divide recordings by use: one by one in turn if there are many, else the parts of each, in order of time."""
    parts: dict[str, list[Signal]] = {"learn": [], "calibrate": [], "report": []}
    for index, signal in enumerate(signals):
        if len(signals) >= MANY_FILES:
            parts[TURNS[index % len(TURNS)]].append(signal)
            continue
        for use, start, stop in (("learn", 0.0, 0.6), ("calibrate", 0.6, 0.8), ("report", 0.8, 1.0)):
            parts[use].append(signal.part(start, stop))
    return parts


def _num_bands(axes: int) -> int:
    return max(FEWEST_BANDS, MOST_VALUES // axes // 4 * 4)


def _blocks(config: FeaturesConfig, axes: int, moment_s: float) -> int:
    """Return how many blocks of steps make a moment."""
    block_s = BLOCK_STEPS * axes * config.hop_samples / config.sample_rate_hz
    blocks = max(1, round(moment_s / block_s)) if moment_s > 0.0 else 0
    if not 1 <= blocks <= 255:
        raise ConfigError(f"--moment: {moment_s:g} s; expected {block_s:.2g} to {255 * block_s:.2g} s at this rate")
    return blocks


def _check_alive(signals: Sequence[Signal]) -> None:
    for signal in signals:
        dead = np.flatnonzero(np.ptp(signal.samples, axis=0) == 0)
        if dead.size:
            raise AudioError(
                f"{signal.name}: channel {dead[0] + 1} never changes; expected normal sound or vibration: is the "
                "sensor connected?"
            )


def _check_length(parts: Mapping[str, Sequence[Signal]], moment_s: float) -> None:
    seconds = sum(signal.seconds for signal in parts["learn"])
    shortest = min(signal.seconds for those in parts.values() for signal in those)
    if seconds < FEWEST_MOMENTS * moment_s:
        raise ConfigError(
            f"{seconds:.0f} s of normal sound to learn from (three fifths of what there is); expected at least "
            f"{FEWEST_MOMENTS} moments of {moment_s:g} s: record for some minutes, or choose a shorter --moment"
        )
    if shortest < 2 * moment_s:
        raise ConfigError(
            f"a recording of which {shortest:.1f} s are left for one use, and moments of {moment_s:g} s; expected "
            "twice as much: bring longer recordings, or choose a shorter --moment"
        )


def _network(config: FeaturesConfig, streams: Mapping[str, Sequence[Any]], *, axes: int, blocks: int) -> Builder:
    """Compute the network: every part from the int8 outputs of those before it."""
    features = Features(config)
    quantization = Quantization(scale=config.scale, zero_point=config.zero_point)
    builder = Builder(quantization, axes=axes, num_bands=config.num_features, blocks=blocks)
    frames = {use: [features.compute(stream) for stream in those] for use, those in streams.items()}
    steps = np.concatenate([config.dequantize(_by_step(those, axes)) for those in frames["learn"]])
    builder.add_means(standardise(steps.astype(np.float64), STEADIEST))
    means = MEAN.scale * _outputs(builder, frames["learn"])
    builder.add_whitening(whiten(means, FLOOR))
    distances = ((EMBEDDING.scale * _outputs(builder, frames["calibrate"])) ** 2).sum(axis=1)
    builder.add_distance(_curve(distances))
    return builder


def _by_step(frames: Any, axes: int) -> Any:
    whole = len(frames) // axes * axes
    return frames[:whole].reshape(whole // axes, -1)


def _outputs(builder: Builder, recordings: Sequence[Any]) -> FloatArray:
    """Return what the network so far puts out over recordings, each from a clean state, as int8 steps."""
    model = Model(model_section(builder.network()))
    rows = []
    for frames in recordings:
        model.reset()
        rows.append(model.stream(frames)[0])
    return np.concatenate(rows).astype(np.float64) - 128.0


def _curve(distances: FloatArray) -> Curve:
    """Place the curve by the tail of normal moments: exponential tails become straight in log odds."""
    quantile = float(np.quantile(distances, TAIL))
    beyond = distances[distances >= quantile]
    excess = max(float(np.mean(beyond)) - quantile, 0.02 * quantile, 1e-3)
    width = max(LOGIT_MEANS * excess, (quantile - float(np.median(distances))) / (-MEDIAN_ODDS - 1.0))
    return Curve(middle=quantile + width, width=width)


def _bundle(config: FeaturesConfig, builder: Builder, signal: Signal, settings: MachineSettings) -> Bundle:
    """Return the bundle, with a threshold that is replaced at once."""
    refractory = round(settings.quiet_s * config.sample_rate_hz / config.hop_samples)
    if not 0 <= refractory <= 65535:
        longest_s = 65535 * config.hop_samples / config.sample_rate_hz
        raise ConfigError(f"--quiet: {settings.quiet_s:g} s; expected 0 to {longest_s:.0f} s")
    decision = DecisionConfig(operating_points=(OperatingPoint(thresholds=(255,)),), refractory_frames=refractory)
    metadata = {
        "made_by": "kws machine learn",
        "machine": {
            "axes": signal.axes,
            "sample_rate_hz": signal.sample_rate_hz,
            "block_samples": config.window_samples,
            "moment_s": settings.moment_s,
        },
        "features": asdict(config),
    }
    return Bundle.build(features=config, model_section=model_section(builder.network()), labels=(LABEL,),
                        decision=decision, metadata=metadata, name="machine.kws")  # fmt: skip
