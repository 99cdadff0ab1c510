# SPDX-License-Identifier: Apache-2.0
"""The micro front end equals the published one (package pymicro-features), step by step."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import features_emulator
import features_signals as signals
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from micro_oracle import our_logarithms, published_logarithms

from kws.core import lib
from kws.features import Features, MicroFeaturesConfig
from kws.micro_features import LOG_UNIT

CONFIG = MicroFeaturesConfig()


def sweep(num_samples: int) -> np.ndarray:
    return np.round(32767 * np.sin(np.arange(num_samples) ** 2 * 3e-5)).astype(np.int16)


SIGNALS = {
    **{f"voice at {peak}": signals.voice(16000, peak=peak, seed=peak) for peak in (32767, 3000, 200, 12, 2)},
    **{f"noise at {peak}": signals.noise(8000, peak=peak) for peak in (32767, 1500, 40, 1)},
    **signals.extremes(8000),
    "sweep": sweep(16000),
    "loud after silence": np.concatenate([np.zeros(8000, np.int16), signals.noise(8000, peak=32767)]),
    "silence after loud": np.concatenate([signals.noise(8000, peak=32767), np.zeros(16000, np.int16)]),
}


@pytest.mark.parametrize("name", SIGNALS)
def test_every_logarithm_is_the_published_one(name: str) -> None:
    samples = SIGNALS[name]
    assert np.array_equal(our_logarithms(samples), published_logarithms(samples))


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    peaks=st.lists(st.sampled_from([0, 1, 2, 3, 7, 50, 333, 4000, 20000, 32767]), min_size=1, max_size=5),
    shape=st.sampled_from(["noise", "voice", "square", "clicks"]),
)
def test_recordings_of_any_make_are_heard_as_published(seed: int, peaks: list[int], shape: str) -> None:
    rng = np.random.default_rng(seed)
    parts = []
    for peak in peaks:
        period = int(rng.integers(2, 400))
        index = np.arange(1600)
        parts.append(
            signals.voice(1600, peak=peak, seed=seed % 1000)
            if shape == "voice"
            else signals.noise(1600, peak=peak, seed=seed)
            if shape == "noise"
            else np.where(index // period % 2, peak, -peak - (peak > 0)).astype(np.int16)
            if shape == "square"
            else np.where(index % period == 0, rng.choice([-1, 1], 1600) * peak, 0).astype(np.int16)
        )
    samples = np.concatenate(parts)
    assert np.array_equal(our_logarithms(samples), published_logarithms(samples))


@pytest.mark.parametrize("scale", [CONFIG.scale, 0.10196078568696976, 0.101624, 0.0501], ids=str)
@pytest.mark.parametrize("zero_point", [-128, 0])
def test_features_are_the_published_floats_quantised(scale: float, zero_point: int) -> None:
    samples = np.concatenate([SIGNALS["voice at 3000"], SIGNALS["noise at 32767"], SIGNALS["sweep"]])
    features = Features(dataclasses.replace(CONFIG, scale=scale, zero_point=zero_point)).compute(samples)
    steps = published_logarithms(samples) * LOG_UNIT / float(np.float32(scale)) + zero_point
    expected = np.clip(np.round(steps), -128, 127)  # of which no half step lies in this recording
    assert np.array_equal(features, expected)


@settings(max_examples=500)
@given(bits=st.integers(0, 64), mantissa=st.integers(0, 2**64 - 1), root=st.integers(0, 2**32 - 1))
def test_roots_are_rounded_to_the_nearest(bits: int, mantissa: int, root: int) -> None:
    half_way = min(root * root + root, 2**64 - 1)  # the last value that rounds down
    for value in (
        mantissa >> (64 - bits),
        half_way,
        min(half_way + 1, 2**64 - 1),
        root * root,
        max(root * root - 1, 0),
    ):
        exact = math.isqrt(value)
        up = value - exact * exact > exact
        largest = exact == (0xFFFF if value < 2**32 else 0xFFFFFFFF)
        assert lib.kws_micro_root(value) == exact + (up and not largest)


@pytest.mark.parametrize("plain", [False, True], ids=["armv7e-m", "plain"])
def test_board_equals_host_bit_for_bit(plain: bool, tmp_path: Path) -> None:
    samples = np.concatenate([signal[:1600] for signal in SIGNALS.values()])
    on_board, report = features_emulator.run(
        Features(CONFIG), samples, tmp_path, watch=["kws_features_step"], plain=plain
    )
    assert np.array_equal(on_board, Features(CONFIG).compute(samples))
    assert report.of("kws_features_step").most_cycles <= (90_000 if plain else 50_000)
