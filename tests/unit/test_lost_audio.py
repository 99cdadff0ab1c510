# SPDX-License-Identifier: Apache-2.0
"""What a pipeline hears when samples of the stream are lost, stated again from its definition (kws_pipeline.h)."""

from __future__ import annotations

import numpy as np
import pytest
from gate_definition import features_heard
from random_bundles import random_bundle, speech_like

from kws.bundle import Bundle
from kws.core import ffi, lib
from kws.features import Features
from kws.gate import GateConfig
from kws.model import Model
from kws.pipeline import Pipeline


def frames_untouched(bundle: Bundle, num_samples: int, gap: tuple[int, int]) -> list[int]:
    """Frames that are heard: whole ones on the stream's grid, with what is cut a multiple of decision_frames."""
    features, step = Features(bundle.front_end), Model(bundle).decision_frames
    hop, window = features.hop_samples, features.window_samples
    total = (num_samples - window) // hop + 1
    before = [frame for frame in range(total) if frame * hop + window <= gap[0]]
    first = next(frame for frame in range(total) if frame * hop >= gap[1])
    cut = -(-(first - len(before)) // step) * step
    return before + list(range(len(before) + cut, total))


@pytest.mark.parametrize("gap", [(5000, 5001), (5000, 5300), (5120, 5440), (4999, 9000), (100, 300)])
@pytest.mark.parametrize("streaming", [True, False])
def test_the_model_goes_on_with_the_first_whole_frames_behind_a_gap(gap: tuple[int, int], streaming: bool) -> None:
    bundle = random_bundle(seed=4, streaming=streaming)
    audio = speech_like(2.5, seed=5)
    pipeline = Pipeline(bundle)
    pipeline.feed(audio[: gap[0]])
    early, early_frames = pipeline.scores, pipeline.frames
    pipeline.skip(gap[1] - gap[0])
    pipeline.feed(audio[gap[1] :])
    heard = frames_untouched(bundle, audio.size, gap)
    expected = features_heard(bundle, audio, np.array(heard))
    np.testing.assert_array_equal(np.concatenate([early_frames, pipeline.frames]), expected)
    posteriors, at = Model(bundle).stream(expected)
    np.testing.assert_array_equal(np.concatenate([early.posteriors, pipeline.scores.posteriors]), posteriors)
    frame_index = np.concatenate([early.frame_index, pipeline.scores.frame_index])
    np.testing.assert_array_equal(frame_index, np.array(heard)[at])
    features = Features(bundle.front_end)
    samples = frame_index * features.hop_samples + features.window_samples
    np.testing.assert_array_equal(np.concatenate([early.sample_index, pipeline.scores.sample_index]), samples)


def test_nothing_lost_changes_nothing() -> None:
    bundle, audio = random_bundle(seed=4), speech_like(2.0, seed=5)
    whole, parts = Pipeline(bundle), Pipeline(bundle)
    whole.feed(audio)
    parts.feed(audio[:7777])
    early = parts.scores.posteriors
    parts.skip(0)
    parts.feed(audio[7777:])
    np.testing.assert_array_equal(np.concatenate([early, parts.scores.posteriors]), whole.scores.posteriors)


def test_sound_slept_through_before_a_gap_is_not_heard_when_the_gate_opens_behind_it() -> None:
    bundle = random_bundle(seed=3, causal=True, gate=GateConfig(hangover_frames=0))
    audio = speech_like(6.0, seed=6, silence=(0.5, 4.2))
    gap = (60000, 60100)  # asleep there; awake again at 4.2 s
    pipeline = Pipeline(bundle)
    pipeline.feed(audio[: gap[0]])
    slept = pipeline.gated_frames
    assert slept > 0
    pipeline.skip(gap[1] - gap[0])
    pipeline.feed(audio[gap[1] :])
    features, step = Features(bundle.front_end), Model(bundle).decision_frames
    first = -(-gap[1] // features.hop_samples)
    assert pipeline.frames.size > 0
    assert pipeline.scores.frame_index[0] >= first
    reference = Pipeline(random_bundle(seed=3, causal=True))
    reference.feed(audio)
    phase = int(reference.scores.frame_index[0]) % step
    assert all(int(frame) % step == phase for frame in pipeline.scores.frame_index)


def blocked(samples: np.ndarray, pieces: int = 1) -> np.ndarray:
    blocker, out = ffi.new("kws_dc_blocker_t *"), np.empty_like(samples)
    lib.kws_dc_blocker_reset(blocker)
    for part in np.array_split(np.arange(samples.size), pieces):
        at, size = int(part[0]), part.size
        source = ffi.from_buffer("int16_t[]", np.ascontiguousarray(samples[at : at + size]))
        lib.kws_dc_blocker_step(blocker, source, ffi.cast("int16_t *", ffi.from_buffer(out)) + at, size)
    return out


def test_offset_goes_and_speech_stays() -> None:
    time_s = np.arange(32000) / 16000
    tone = 3000 * np.sin(2 * np.pi * 300 * time_s)
    heard = blocked(np.round(tone + 2500).astype(np.int16))[16000:]
    assert abs(heard.mean()) < 1
    assert 0.99 < heard.std() / tone[16000:].std() < 1.0  # 127 / 128 of what is left of it


def test_three_decibels_are_lost_at_20_hz() -> None:
    time_s = np.arange(64000) / 16000
    tone = 8000 * np.sin(2 * np.pi * 20 * time_s)
    heard = blocked(np.round(tone).astype(np.int16))[32000:]
    assert 20 * np.log10(heard.std() / tone[32000:].std()) == pytest.approx(-3.0, abs=0.1)


def test_extremes_saturate_and_pieces_do_not_matter() -> None:
    samples = np.repeat(np.array([-32768, 32767, -32768], np.int16), 3000)
    whole = blocked(samples)
    assert whole.max() == 32767
    assert whole.min() == -32768
    np.testing.assert_array_equal(blocked(samples, pieces=37), whole)
