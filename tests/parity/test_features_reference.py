# SPDX-License-Identifier: Apache-2.0
"""The integer front end against its float reference, and the reference against librosa's and TensorFlow's formulas."""

from __future__ import annotations

import dataclasses

import features_signals as signals
import numpy as np
import pytest
import scipy.fft
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.features import Features, FeaturesConfig
from kws.reference.features import log_mel, mel_filter_bank, quantized_features, real_features

MFCC = dataclasses.replace(FeaturesConfig.mlperf_kws(), gain=1.0)
LFBE = FeaturesConfig.mlperf_streaming()
SETTINGS = {
    "mfcc": MFCC,
    "log-mel": dataclasses.replace(MFCC, num_coefficients=None, scale=0.0578, zero_point=60),
    "bands": dataclasses.replace(
        MFCC, num_mel_bands=32, mel_high_hz=7600.0, num_coefficients=None, scale=0.05, zero_point=-28
    ),
    "upper half": dataclasses.replace(
        MFCC, num_mel_bands=20, mel_low_hz=2000.0, mel_high_hz=7600.0, num_coefficients=None, scale=0.05, zero_point=-28
    ),
    "lfbe": LFBE,
    "power": dataclasses.replace(MFCC, spectrum="power", scale=1.1),
    "pre-emphasis": dataclasses.replace(MFCC, window_samples=640, fft_length=1024, preemphasis=0.97),
    "shortest": dataclasses.replace(MFCC, window_samples=128, hop_samples=64, fft_length=128, num_mel_bands=10),
    "short": dataclasses.replace(MFCC, window_samples=200, hop_samples=80, fft_length=256, num_mel_bands=15),
    "longest": dataclasses.replace(MFCC, window_samples=2000, hop_samples=500, fft_length=2048, num_mel_bands=80),
    "odd bands": dataclasses.replace(MFCC, num_mel_bands=23, num_coefficients=13),
    "wide": dataclasses.replace(MFCC, mel_low_hz=0.0, mel_high_hz=8000.0, num_mel_bands=128, num_coefficients=None),
}


def share_within(difference: np.ndarray, limit: int) -> float:
    return float(np.mean(np.abs(difference) <= limit))


def difference(samples: np.ndarray, config: FeaturesConfig) -> np.ndarray:
    return Features(config).compute(samples).astype(int) - quantized_features(samples, config)


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("peak", [32767, 1500, 40])
def test_core_is_within_one_step_of_the_reference(name: str, peak: int) -> None:
    recordings = [signals.voice(16000, peak=peak, seed=seed) for seed in range(6)]
    recordings.append(signals.noise(16000, peak=peak))
    differences = np.concatenate([difference(samples, SETTINGS[name]).ravel() for samples in recordings])
    assert share_within(differences, 1) >= 0.999
    assert share_within(differences, 0) >= 0.95


@pytest.mark.parametrize("name", ["mfcc", "lfbe", "power", "pre-emphasis", "short", "longest"])
def test_no_signal_upsets_the_arithmetic(name: str) -> None:
    """Loud pure tones leave most bands empty: compared down to 80 (power: 60) dB below the loudest bin there can be."""
    config = SETTINGS[name]
    tone = config.gain * config.window_samples / 2.0 * (1.0 + config.preemphasis)
    floor = tone * 1e-4 if config.spectrum == "magnitude" else tone**2 * 1e-6
    for what, samples in signals.extremes(4096).items():
        assert np.abs(difference(samples, dataclasses.replace(config, log_floor=floor))).max() <= 1, what


@pytest.mark.parametrize("name", ["silence", "one step of offset", "minus one", "one faint click"])
def test_the_quietest_signals_keep_their_spectrum(name: str) -> None:
    assert np.abs(difference(signals.extremes(4096)[name], MFCC)).max() <= 1


@settings(max_examples=60)
@given(data=st.data())
def test_any_settings_agree_with_the_reference(data: st.DataObject) -> None:
    fft_length = data.draw(st.sampled_from([128, 256, 512, 1024, 2048]))
    num_bands = data.draw(st.integers(4, 64))
    config = FeaturesConfig(
        fft_length=fft_length,
        window_samples=2 * data.draw(st.integers(fft_length // 8, fft_length // 2)),
        hop_samples=data.draw(st.integers(50, 700)),
        window=data.draw(st.sampled_from(["hann", "hamming"])),
        window_periodic=data.draw(st.booleans()),
        preemphasis=data.draw(st.sampled_from([0.0, 0.9, 0.97])),
        gain=data.draw(st.sampled_from([0.125, 1.0, 10.0])),
        spectrum=data.draw(st.sampled_from(["magnitude", "power"])),
        num_mel_bands=num_bands,
        mel_low_hz=data.draw(st.floats(0.0, 3500.0)),
        mel_high_hz=data.draw(st.floats(4000.0, 8000.0) | st.floats(3600.0, 4100.0)),
        log_floor=data.draw(st.sampled_from([1e-6, 1e-3, 1.0])),
        num_coefficients=data.draw(st.none() | st.integers(1, num_bands)),
        dct=data.draw(st.sampled_from(["orthonormal", "htk"])),
        scale=data.draw(st.sampled_from([0.15, 0.6, 1.0])),
        zero_point=data.draw(st.integers(-128, 127)),
    )
    samples = signals.voice(6000, peak=data.draw(st.sampled_from([30, 3000, 32767])), seed=data.draw(st.integers(0, 9)))
    assert share_within(difference(samples, config), 1) >= 0.998


def test_filter_bank_is_librosas_htk_bank_drawn_in_mel() -> None:
    """librosa draws triangles linear in Hz: on warped frequencies both are the same, peaks and edges at least here."""
    import librosa  # takes seconds, which only the process that runs this test should pay

    bank = mel_filter_bank(MFCC)
    edges_hz = librosa.mel_frequencies(n_mels=42, fmin=20.0, fmax=4000.0, htk=True)
    frequencies_hz = librosa.fft_frequencies(sr=16000, n_fft=512)
    for band in range(40):
        inside = (frequencies_hz > edges_hz[band]) & (frequencies_hz < edges_hz[band + 2])
        inside[0] = False
        assert np.array_equal(np.flatnonzero(bank[:, band]), np.flatnonzero(inside))
    low, centre, high = (librosa.hz_to_mel(edges_hz[i : i + 40], htk=True) for i in range(3))
    mel = librosa.hz_to_mel(frequencies_hz, htk=True)[:, np.newaxis]
    expected = np.maximum(0.0, 1.0 - np.abs(mel - centre) / ((high - low) / 2.0))
    expected[0] = 0.0
    assert bank == pytest.approx(expected, abs=1e-9)


def test_reference_spectrum_is_librosas_stft() -> None:
    import librosa

    samples = signals.voice(8000, peak=20000)
    sound = samples.astype(np.float64) / 32768.0
    window = np.pad(np.hanning(481)[:480], (0, 32))
    spectrum = np.abs(librosa.stft(sound, n_fft=512, hop_length=320, window=window, center=False, dtype=np.complex128))
    expected = np.log(spectrum.T @ mel_filter_bank(MFCC) + 1e-6)
    ours = log_mel(samples, MFCC)
    assert ours[: len(expected)] == pytest.approx(expected[: len(ours)], abs=1e-6)


def test_reference_dct_is_scipys_orthonormal_dct() -> None:
    samples = signals.voice(8000, peak=20000)
    config = dataclasses.replace(MFCC, dct="orthonormal")
    expected = scipy.fft.dct(log_mel(samples, config), type=2, norm="ortho", axis=1)[:, :10]
    assert real_features(samples, config) == pytest.approx(expected, abs=1e-9)


def test_reference_is_what_tensorflow_computes() -> None:
    import tensorflow as tf

    samples = signals.voice(16000, peak=20000)
    sound = tf.constant(samples / 32768.0, tf.float64)
    spectrum = tf.abs(tf.signal.stft(sound, 480, 320, fft_length=512, window_fn=tf.signal.hann_window))
    bank = tf.signal.linear_to_mel_weight_matrix(40, 257, 16000, 20.0, 4000.0, dtype=tf.float64)
    mfcc = tf.signal.mfccs_from_log_mel_spectrograms(tf.math.log(spectrum @ bank + 1e-6))[:, :10]
    assert real_features(samples, MFCC) == pytest.approx(mfcc.numpy(), abs=1e-4)


def test_streaming_reference_is_the_benchmarks_recipe() -> None:
    """Pre-emphasised window by window, as on a board, where the benchmark's training code does it once per clip."""
    samples = signals.voice(1024, peak=20000)
    sound = samples / 32768.0
    emphasised = sound - (1 - 2**-5) * np.concatenate([[0.0], sound[:-1]])
    power = np.abs(np.fft.rfft(emphasised * np.hamming(1024))) ** 2 / 1024
    decibels = 10 * np.log10(power @ mel_filter_bank(LFBE))
    expected = (decibels + 52) / 64
    assert real_features(samples, LFBE)[0] == pytest.approx(expected, abs=1e-9)
