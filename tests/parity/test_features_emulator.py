# SPDX-License-Identifier: Apache-2.0
"""The front end on an emulated Cortex-M4 equals the host's, bit for bit, with and without the Armv7E-M kernels."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import features_emulator
import features_signals as signals
import numpy as np
import pytest

from kws.features import Features, FeaturesConfig

MFCC = FeaturesConfig.mlperf_kws()
BANDS = FeaturesConfig(num_mel_bands=32, mel_high_hz=7600.0, num_coefficients=None, scale=0.05, zero_point=-28)
"""The front end of the shipped model."""
SETTINGS = {
    "mfcc": MFCC,
    "lfbe": FeaturesConfig.mlperf_streaming(),
    "bands": BANDS,
    "upper half": dataclasses.replace(BANDS, mel_low_hz=2000.0, num_mel_bands=21),
    "one bin": dataclasses.replace(BANDS, mel_low_hz=3990.0, mel_high_hz=4010.0, num_mel_bands=1),
    "two bins": dataclasses.replace(BANDS, mel_low_hz=490.0, mel_high_hz=540.0, num_mel_bands=1),
    "whole window": dataclasses.replace(
        MFCC, window_samples=512, hop_samples=333, num_mel_bands=39, num_coefficients=9
    ),
    "three quarters": dataclasses.replace(MFCC, window_samples=384, num_mel_bands=7, num_coefficients=5),
    "half a window": dataclasses.replace(MFCC, window_samples=256, num_coefficients=None, scale=0.06, zero_point=60),
    "128 points": dataclasses.replace(MFCC, window_samples=100, hop_samples=60, fft_length=128, num_mel_bands=11),
    "256 points": dataclasses.replace(MFCC, window_samples=200, hop_samples=80, fft_length=256, num_mel_bands=15),
    "1024 points": dataclasses.replace(MFCC, window_samples=640, hop_samples=321, fft_length=1024),
    "2048 points": dataclasses.replace(MFCC, window_samples=2000, hop_samples=500, fft_length=2048),
}


def recording() -> np.ndarray:
    parts = [signals.voice(2400, peak=peak, seed=peak) for peak in (32767, 900, 25)]
    return np.concatenate([*parts, signals.noise(2400, peak=32767), *signals.extremes(1000).values()])


@pytest.mark.parametrize("plain", [False, True], ids=["armv7e-m", "plain"])
@pytest.mark.parametrize("name", SETTINGS)
def test_board_equals_host_bit_for_bit(name: str, plain: bool, tmp_path: Path) -> None:
    features = Features(SETTINGS[name])
    samples = recording()
    on_board, _ = features_emulator.run(features, samples, tmp_path, plain=plain)
    assert np.array_equal(on_board, features.compute(samples))


@pytest.mark.parametrize(("config", "most_cycles"), [(MFCC, 23_800), (BANDS, 24_750)], ids=["mfcc", "bands"])
def test_a_frame_takes_no_longer_than_it_did(config: FeaturesConfig, most_cycles: int, tmp_path: Path) -> None:
    _, report = features_emulator.run(Features(config), recording(), tmp_path, watch=["kws_features_step"])
    assert report.of("kws_features_step").most_cycles <= most_cycles
