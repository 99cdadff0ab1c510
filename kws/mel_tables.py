# SPDX-License-Identifier: Apache-2.0
"""Tables of the mel front end, computed from its settings (layout: ``firmware/core/kws_features.h``)."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from kws.core import lib
from kws.errors import ConfigError

if TYPE_CHECKING:
    from kws.features import FeaturesConfig

FloatArray = npt.NDArray[np.float64]
_FULL_SCALE = 32768
"""int16 steps in a sample of 1.0."""
_Q15 = 1 << 15
_LOG_UNIT = 1 << 10
"""Logarithms are Q10."""
_LOG_MAX = 1 << 15
"""Logarithms are int16."""


def require(holds: bool, name: str, value: object, expected: str) -> None:
    """Refuse a setting that does not hold."""
    if not holds:
        raise ConfigError(f"features: {name} is {value!r}, expected {expected}")


def window_values(config: FeaturesConfig) -> FloatArray:
    """Return the analysis window, float64 [window_samples], peak at most 1."""
    length = config.window_samples if config.window_periodic else config.window_samples - 1
    cosine = np.cos(2.0 * np.pi * np.arange(config.window_samples) / length)
    offset = 0.5 if config.window == "hann" else 0.54
    return np.asarray(offset - (1.0 - offset) * cosine, dtype=np.float64)


def mel_position(config: FeaturesConfig) -> FloatArray:
    """Return where each FFT bin lies between the edges of the mel bands, float64 [fft_length / 2].

    Band ``i`` rises over positions ``i .. i + 1`` and falls over ``i + 1 .. i + 2``; its triangle is linear in mel (HTK
    formula), peak 1, as in ``tf.signal.linear_to_mel_weight_matrix``. The DC bin belongs to no band: -1.
    """

    def mel(frequency_hz: npt.ArrayLike) -> FloatArray:
        return 1127.0 * np.log1p(np.asarray(frequency_hz, dtype=np.float64) / 700.0)

    edges = np.linspace(mel(config.mel_low_hz), mel(config.mel_high_hz), config.num_mel_bands + 2)
    frequencies_hz = np.arange(config.fft_length // 2) * config.sample_rate_hz / config.fft_length
    position = (mel(frequencies_hz) - edges[0]) / (edges[1] - edges[0])
    position[0] = -1.0
    return np.asarray(position, dtype=np.float64)


def dct_matrix(num_coefficients: int, num_bands: int, kind: Literal["orthonormal", "htk"]) -> FloatArray:
    """Return the first rows of the DCT-II, float64 [num_coefficients, num_bands]."""
    rows = np.arange(num_coefficients)[:, np.newaxis]
    matrix = np.cos(np.pi * rows * (2 * np.arange(num_bands) + 1) / (2 * num_bands)) * math.sqrt(2.0 / num_bands)
    if kind == "orthonormal":
        matrix[0] *= math.sqrt(0.5)
    return np.asarray(matrix, dtype=np.float64)


def mel_section(config: FeaturesConfig) -> bytes:
    """Return the FEAT section of a bundle: settings and integer tables.

    Raises
    ------
    ConfigError
        If no FFT bin lies inside the mel range, or the scale is too fine for 16-bit weights.
    """
    position = mel_position(config)
    inside = np.flatnonzero((position >= 0.0) & (position < config.num_mel_bands + 1))
    require(
        inside.size > 0, "mel_low_hz and mel_high_hz", (config.mel_low_hz, config.mel_high_hz), "a range with FFT bins"
    )
    last_bin = int(inside[-1])
    # A bin of the upper half comes with its mirror image: those below the lowest band weigh nothing.
    first_bin = min(int(inside[0]), config.fft_length // 2 - last_bin)
    position = np.maximum(position[first_bin : last_bin + 1], 0.0)
    segment = position.astype(np.int64)
    floor_mantissa, floor_shift = _log_floor(config)
    bias_q10 = _log_bias_q10(config)
    weights, offsets, output_shift = _projection(config, bias_q10)
    header = struct.pack(
        "<HBBIHHHHHHHHIhhBbxxf8x",
        lib.KWS_FEATURES_LAYOUT_VERSION, _spectrum(config),
        lib.KWS_PROJECTION_NONE if config.num_coefficients is None else lib.KWS_PROJECTION_DCT,
        config.sample_rate_hz, config.window_samples, config.hop_samples, config.fft_length, config.num_mel_bands,
        config.num_features, first_bin, len(position), min(round(config.preemphasis * _Q15), _Q15 - 1),
        floor_mantissa, floor_shift, bias_q10, output_shift, config.zero_point, config.scale,
    )  # fmt: skip
    tables = [
        _q15(window_values(config)),
        _fft_twiddles(config.fft_length // 2),
        _twiddles(np.arange(first_bin, min(last_bin, config.fft_length // 4) + 1), config.fft_length),
        np.round((position - segment) * _Q15).astype("<u2"),
        np.bincount(segment, minlength=config.num_mel_bands + 1).astype("<u2"),
        *([_sqrt_table()] if config.spectrum == "magnitude" else []),
        _log2_table(),
        weights,
        offsets,
    ]
    return header + b"".join(_padded(table.tobytes()) for table in tables)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _spectrum(config: FeaturesConfig) -> int:
    return int(lib.KWS_SPECTRUM_POWER if config.spectrum == "power" else lib.KWS_SPECTRUM_MAGNITUDE)


def _q15(values: FloatArray) -> npt.NDArray[np.int16]:
    return np.minimum(np.round(values * _Q15), _Q15 - 1).astype("<i2")


def _twiddles(turns: npt.ArrayLike, period: int) -> npt.NDArray[np.int16]:
    """Return (cos, sin) pairs of ``2 pi turns / period``; never longer than 1, as the FFT's headroom asks."""
    angle = 2.0 * np.pi * np.asarray(turns, dtype=np.float64).ravel() / period
    pairs = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.round(pairs * (_Q15 - 1)).astype("<i2")


def _fft_twiddles(num_points: int) -> npt.NDArray[np.int16]:
    """Return the twiddles in the order in which the passes read them (``kws_dsp_fft_s32``)."""
    log2_points = num_points.bit_length() - 1
    quarter, passes = 4 >> (log2_points % 2), [np.empty((0, 2), "<i2")]
    while quarter < num_points:
        turns = np.arange(1, quarter // 2 + 1)[:, np.newaxis] * np.array([2, 1, 3])
        passes.append(_twiddles(turns, 4 * quarter))
        quarter *= 4
    return np.concatenate(passes)


def _sqrt_table() -> npt.NDArray[np.uint16]:
    roots = np.sqrt(np.arange(lib.KWS_FEATURES_SQRT_ENTRIES) + 0.5)
    roots[0] = 0.0
    return np.asarray(np.round(roots * 2048.0), dtype="<u2")


def _log2_table() -> npt.NDArray[np.uint16]:
    intervals = lib.KWS_FEATURES_LOG2_ENTRIES - 1
    return np.asarray(np.round(np.log2(1.0 + np.arange(intervals + 1) / intervals) * _Q15), dtype="<u2")


def _degree(config: FeaturesConfig) -> int:
    """Return the power of the samples that a band is."""
    return 2 if config.spectrum == "power" else 1


def _band_unit(config: FeaturesConfig) -> float:
    """Return the value of a band that is 1 in units of int16 steps."""
    return float((config.gain / _FULL_SCALE) ** _degree(config))


def _band_scale_log2(config: FeaturesConfig) -> int:
    """Return log2 of the core's integer for a band of 1 in int16 steps."""
    return int(lib.kws_features_band_scale_log2(config.fft_length, _spectrum(config)))


def _log_floor(config: FeaturesConfig) -> tuple[int, int]:
    """Return mantissa and shift of the floor in the core's units."""
    if config.log_floor == 0.0:
        return 0, 0
    fraction, exponent = math.frexp(config.log_floor / _band_unit(config))
    mantissa = min(round(math.ldexp(fraction, 32)), (1 << 32) - 1)
    return mantissa, 32 - exponent - _band_scale_log2(config)


def _log_bias_q10(config: FeaturesConfig) -> int:
    """Return what is subtracted from the logarithms so that 16 bits reach from the floor to the loudest band."""
    loudest = _degree(config) * math.log2(_FULL_SCALE * config.window_samples / 2.0) + 4.0
    quietest = math.log2(max(config.log_floor / _band_unit(config), 2.0**-12))
    middle = _band_scale_log2(config) + (loudest + max(quietest, loudest - 56.0)) / 2.0
    return max(-_LOG_MAX, min(_LOG_MAX - 1, round(middle * _LOG_UNIT)))


def _projection(config: FeaturesConfig, bias_q10: int) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int32], int]:
    """Return weights, offsets and the output shift: from logarithms straight to rounded int8 features."""
    num_bands = config.num_mel_bands
    has_dct = config.num_coefficients is not None
    matrix = dct_matrix(config.num_features, num_bands, config.dct) if has_dct else np.eye(num_bands)
    per_log = matrix * (config.log_scale * math.log(2.0) / _LOG_UNIT / config.scale)
    zero_log = bias_q10 / _LOG_UNIT - _band_scale_log2(config)
    band_offset = config.log_scale * (math.log(2.0) * zero_log + math.log(_band_unit(config))) + config.log_offset
    constant = matrix.sum(axis=1) * band_offset / config.scale + config.zero_point + 0.5
    worst = np.abs(per_log).sum(axis=1) * _LOG_MAX + np.abs(constant)
    room = min((2.0**31 - num_bands * _LOG_MAX) / worst.max(), (_Q15 - 1) / np.abs(per_log).max())
    output_shift = min(30, math.floor(math.log2(room)))
    require(output_shift >= 8, "scale", config.scale, "a coarser one: 16-bit weights cannot reach so fine a step")
    weights = np.round(per_log * 2.0**output_shift).astype("<i2")
    offsets = np.round(constant * 2.0**output_shift).astype("<i4")
    if not has_dct:  # the same for every band
        return weights[0, :1], offsets[:1], output_shift
    if num_bands % 2:
        weights = np.pad(weights, ((0, 0), (0, 1)))
    return weights, offsets, output_shift
