# SPDX-License-Identifier: Apache-2.0
"""Word bounds, and streams mixed from words and backgrounds at known places and levels."""

from itertools import pairwise

import numpy as np
import pytest

from kws.endpoints import speech_bounds
from kws.errors import EvaluationError
from kws.evaluation.streams import StreamRecipe, Word, mix_stream
from kws.levels import active_rms

RATE_HZ = 16000


def burst(start_s: float, end_s: float, total_s: float = 1.0, level: float = 8000.0, noise: float = 20.0) -> np.ndarray:
    """White noise that is loud from start to end, over a quiet floor."""
    random = np.random.default_rng(7)
    samples = random.normal(0.0, noise, round(total_s * RATE_HZ))
    start, end = round(start_s * RATE_HZ), round(end_s * RATE_HZ)
    samples[start:end] += random.normal(0.0, level, end - start)
    return np.clip(samples, -32768, 32767).astype(np.int16)


def background(seconds: float = 3.0, level: float = 500.0) -> np.ndarray:
    return np.random.default_rng(8).normal(0.0, level, round(seconds * RATE_HZ)).astype(np.int16)


@pytest.mark.parametrize(("start_s", "end_s"), [(0.2, 0.7), (0.0, 0.4), (0.55, 1.0), (0.3, 0.42)])
def test_bounds_of_a_word_are_found_within_30_ms(start_s: float, end_s: float) -> None:
    found = speech_bounds(burst(start_s, end_s))
    assert found is not None
    assert np.abs(np.array(found) / RATE_HZ - [start_s, end_s]).max() <= 0.030


def test_bounds_do_not_depend_on_a_constant_offset() -> None:
    samples = burst(0.2, 0.7, level=3000.0)
    assert speech_bounds(samples) == speech_bounds((samples + 2000).astype(np.int16))


def test_a_recording_that_is_speech_throughout_is_one_word() -> None:
    assert speech_bounds(burst(0.0, 1.0)) == (0, RATE_HZ)


@pytest.mark.parametrize("samples", [np.zeros(16000, np.int16), np.zeros(0, np.int16), np.ones(100, np.int16)])
def test_silence_has_no_bounds(samples: np.ndarray) -> None:
    assert speech_bounds(samples) is None


def test_active_level_leaves_out_the_pauses() -> None:
    assert active_rms(burst(0.25, 0.75, noise=0.0)) == pytest.approx(8000.0, rel=0.06)


def test_the_same_recipe_makes_the_same_stream() -> None:
    words = [Word(samples=burst(0.2, 0.6), label="yes"), Word(samples=burst(0.3, 0.8), label=None)]
    first, again = (mix_stream(words, background(), StreamRecipe(seed=5)) for _ in range(2))
    other = mix_stream(words, background(), StreamRecipe(seed=6))
    assert np.array_equal(first.samples, again.samples)
    assert first.truth == again.truth
    assert not np.array_equal(first.samples, other.samples)


def test_every_labelled_word_has_a_window_where_it_sounds_and_distractors_have_none() -> None:
    words = [Word(samples=burst(0.2, 0.6), label="yes") for _ in range(5)]
    words += [Word(samples=burst(0.2, 0.6), label=None) for _ in range(5)]
    stream = mix_stream(words, background(), StreamRecipe(snr_db=30.0))
    assert [window.label for window in stream.truth.windows] == ["yes"] * 5
    for window in stream.truth.windows:
        word = stream.samples[window.start_sample : window.end_sample].astype(float)
        before = stream.samples[window.start_sample - 8000 : window.start_sample - 2000].astype(float)
        assert word.std() > 10 * before.std()


def test_words_stand_out_of_the_background_by_the_snr_asked_for() -> None:
    words = [Word(samples=burst(0.2, 0.8, noise=0.0), label="yes") for _ in range(10)]
    stream = mix_stream(words, background(10.0), StreamRecipe(snr_db=12.0))
    inside = np.zeros(stream.samples.size, dtype=bool)
    for window in stream.truth.windows:
        inside[window.start_sample : window.end_sample] = True
    values = stream.samples.astype(float)
    noise_power = np.mean(values[~inside] ** 2)
    word_power = np.mean(values[inside] ** 2) - noise_power
    assert 10 * np.log10(word_power / noise_power) == pytest.approx(12.0, abs=0.6)


def test_a_stream_of_another_rate_is_the_same_in_seconds() -> None:
    words = [Word(samples=burst(0.2, 0.6), label="yes") for _ in range(6)]
    stream = mix_stream(words, background(), StreamRecipe())
    faster = [Word(samples=word.samples.repeat(3), label=word.label) for word in words]
    other = mix_stream(faster, background().repeat(3), StreamRecipe(), sample_rate_hz=48000)
    windows = [(window.start_sample, window.end_sample) for window in other.truth.windows]
    expected = [(3 * window.start_sample, 3 * window.end_sample) for window in stream.truth.windows]
    assert np.abs(np.array(windows) - expected).max() <= 20  # gaps are rounded to samples
    assert other.truth.tolerance_samples == 48000
    assert min(start - end for (_, end), (start, _) in pairwise(windows)) >= 2.0 * 48000


def test_gaps_shorter_than_the_tolerance_of_a_hit_are_refused() -> None:
    with pytest.raises(EvaluationError, match="closer words"):
        StreamRecipe(min_gap_s=0.5)


@pytest.mark.parametrize("snr_db", [float("nan"), float("inf"), float("-inf"), 1e4])
def test_a_level_that_no_mixture_has_is_refused(snr_db: float) -> None:
    with pytest.raises(EvaluationError, match="expected -100 to 100 dB"):
        StreamRecipe(snr_db=snr_db)


def test_a_silent_word_is_refused() -> None:
    with pytest.raises(EvaluationError, match="got silence"):
        mix_stream([Word(samples=np.zeros(16000, np.int16), label="yes")], background(), StreamRecipe())


def test_a_stream_of_nothing_is_refused() -> None:
    with pytest.raises(EvaluationError, match="needs words and a background"):
        mix_stream([], background(), StreamRecipe())
