# SPDX-License-Identifier: Apache-2.0
"""Float reference of the front end, in double precision: what the integer core is tested against.

Written from the formulas of ``tf.signal`` (stft, linear_to_mel_weight_matrix, mfccs_from_log_mel_spectrograms), sharing
no table with ``kws.features``. Never used to compute features that a model sees.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kws.features import FeaturesConfig

FloatArray = npt.NDArray[np.float64]


def frames_of(samples: npt.NDArray[np.int16], config: FeaturesConfig) -> FloatArray:
    """Return the windows of a recording, float64 [num_frames, window_samples], full scale = ``gain``."""
    if len(samples) < config.window_samples:
        return np.empty((0, config.window_samples))
    views = np.lib.stride_tricks.sliding_window_view(samples, config.window_samples)[:: config.hop_samples]
    frames = views.astype(np.float64) * (config.gain / 32768.0)
    previous = np.pad(frames[:, :-1], ((0, 0), (1, 0)))
    return frames - config.preemphasis * previous


def mel_filter_bank(config: FeaturesConfig) -> FloatArray:
    """Return the triangles, float64 [fft_length / 2 + 1, num_mel_bands]: linear in HTK mel, no area norm, no DC."""
    frequencies_hz = np.linspace(0.0, config.sample_rate_hz / 2.0, config.fft_length // 2 + 1)

    def mel(frequency_hz: npt.ArrayLike) -> FloatArray:
        return 1127.0 * np.log(1.0 + np.asarray(frequency_hz, dtype=np.float64) / 700.0)

    edges = np.linspace(mel(config.mel_low_hz), mel(config.mel_high_hz), config.num_mel_bands + 2)
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    bins = mel(frequencies_hz)[:, np.newaxis]
    rising = (bins - lower) / (centre - lower)
    falling = (upper - bins) / (upper - centre)
    weights = np.maximum(0.0, np.minimum(rising, falling))
    weights[0] = 0.0
    return weights


def log_mel(samples: npt.NDArray[np.int16], config: FeaturesConfig) -> FloatArray:
    """Return logarithmic mel bands, float64 [num_frames, num_mel_bands], before any DCT."""
    periods = config.window_samples if config.window_periodic else config.window_samples - 1
    phase = 2.0 * np.pi * np.arange(config.window_samples) / periods
    window = 0.5 - 0.5 * np.cos(phase) if config.window == "hann" else 0.54 - 0.46 * np.cos(phase)
    spectrum = np.abs(np.fft.rfft(frames_of(samples, config) * window, config.fft_length))
    if config.spectrum == "power":
        spectrum = spectrum**2
    bands = spectrum @ mel_filter_bank(config)
    return np.asarray(config.log_scale * np.log(bands + config.log_floor) + config.log_offset, dtype=np.float64)


def real_features(samples: npt.NDArray[np.int16], config: FeaturesConfig) -> FloatArray:
    """Return unquantised features, float64 [num_frames, num_features]."""
    bands = log_mel(samples, config)
    if config.num_coefficients is None:
        return bands
    num_bands = config.num_mel_bands
    position = np.arange(num_bands) + 0.5
    basis = np.cos(np.pi / num_bands * np.outer(position, np.arange(config.num_coefficients)))
    norm = np.full(config.num_coefficients, np.sqrt(2.0 / num_bands))
    if config.dct == "orthonormal":
        norm[0] = np.sqrt(1.0 / num_bands)
    return np.asarray(bands @ (basis * norm), dtype=np.float64)


def quantized_features(samples: npt.NDArray[np.int16], config: FeaturesConfig) -> npt.NDArray[np.int8]:
    """Return the features rounded and clamped to int8 [num_frames, num_features]."""
    quantized = np.round(real_features(samples, config) / config.scale) + config.zero_point
    return np.clip(quantized, -128, 127).astype(np.int8)
