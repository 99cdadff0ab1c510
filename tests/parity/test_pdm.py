# SPDX-License-Identifier: Apache-2.0
"""The decimator for microphones of bits, against what an exact one would give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pdm_emulator
import pytest
from pdm_design import BITS_TAPS, response, whole_second

from kws.core import ffi, lib

RATE_HZ = 16000
BITS_HZ = 128 * RATE_HZ


def modulated(signal: np.ndarray) -> np.ndarray:
    """Bits of a second-order sigma-delta modulator, packed into words with the first bit highest."""
    first = second = 0.0
    bits = np.empty(signal.size, np.uint16)
    for i, value in enumerate(signal.tolist()):
        wanted = value + 2.0 * first - second
        given = 1.0 if wanted >= 0.0 else -1.0
        second, first = first, wanted - given
        bits[i] = given > 0.0
    return (bits.reshape(-1, 16) << np.arange(15, -1, -1, dtype=np.uint16)).sum(axis=1).astype(np.uint16)


def decimated(words: np.ndarray, gain_shift: int = 0, pieces: int = 1) -> np.ndarray:
    decimator, out = ffi.new("kws_pdm_t *"), np.empty(words.size // 8, np.int16)
    lib.kws_pdm_init(decimator, gain_shift)
    target, at = ffi.cast("int16_t *", ffi.from_buffer(out)), 0
    piece = words.size // pieces // lib.KWS_PDM_PIECE_WORDS * lib.KWS_PDM_PIECE_WORDS
    for part in np.split(words, [piece * i for i in range(1, pieces)]):
        lib.kws_pdm_step(decimator, ffi.from_buffer("uint16_t[]", np.ascontiguousarray(part)), part.size, target + at)
        at += part.size // 8
    return out


def snr_db(samples: np.ndarray, hz: float) -> float:
    """Of a tone, over what passes: to 7 kHz."""
    time_s = np.arange(samples.size) / RATE_HZ
    basis = np.stack([np.sin(2 * np.pi * hz * time_s), np.cos(2 * np.pi * hz * time_s), np.ones(samples.size)], axis=1)
    fit = basis @ np.linalg.lstsq(basis, samples, rcond=None)[0]
    noise = np.fft.rfft((samples - fit) * np.hanning(samples.size))
    in_band = noise[: int(7000 / RATE_HZ * samples.size)]
    noise_power = 2 * np.sum(np.abs(in_band) ** 2) / samples.size / np.sum(np.hanning(samples.size) ** 2)
    return float(10 * np.log10(np.var(fit) / noise_power))


def tone(hz: float, level_db: float, seconds: float = 0.25) -> np.ndarray:
    return 10 ** (level_db / 20) * np.sin(2 * np.pi * hz * np.arange(int(seconds * BITS_HZ)) / BITS_HZ)


def taps() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    half, second = list(lib.KWS_PDM_FIRST), list(lib.KWS_PDM_SECOND)
    far, near = second[: lib.KWS_PDM_FAR_TAPS], second[lib.KWS_PDM_FAR_TAPS : -1]
    return BITS_TAPS, np.array(half + half[::-1], float), whole_second(far, near)


def test_passband_is_flat_to_7_khz_within_a_tenth_of_a_decibel() -> None:
    bits, first, second = taps()
    hz = np.linspace(0, 7000, 500)
    whole = response(bits, hz, BITS_HZ) * response(first, hz, 128000) * response(second, hz, 32000)
    assert 20 * np.log10(whole.max() / whole.min()) <= 0.1


def test_what_would_fold_onto_speech_is_60_decibels_down() -> None:
    bits, first, second = taps()
    folds = np.concatenate([k * 32000 + np.linspace(-7000, 7000, 201) for k in range(1, 33)])
    assert 20 * np.log10((response(bits, folds, BITS_HZ) * response(first, folds, 128000)).max()) <= -60
    assert 20 * np.log10(response(second, np.linspace(9000, 16000, 500), 32000).max()) <= -60


@pytest.mark.parametrize(("level_db", "least_db"), [(-6, 80), (-20, 73), (-26, 70)])
def test_a_tone_comes_out_as_clean_as_the_modulator_made_it(level_db: float, least_db: float) -> None:
    samples = decimated(modulated(tone(1000, level_db)), gain_shift=0 if level_db > -12 else 2)
    assert snr_db(samples[500:].astype(float), 1000) >= least_db


def test_level_and_gain_are_what_they_say() -> None:
    words = modulated(tone(1000, -20))
    for shift in (0, 2):
        peak = np.abs(decimated(words, shift)[500:].astype(float)).max()
        assert peak == pytest.approx(32768 * 10 ** (-20 / 20) * 2**shift, rel=0.01)


def test_too_loud_is_cut_off_at_full_scale() -> None:
    samples = decimated(np.full(64 * 128, 0xFFFF, np.uint16), gain_shift=3)
    assert 32760 <= samples[-1] <= 32767
    assert decimated(np.zeros(64 * 128, np.uint16), gain_shift=3)[-1] <= -32760


def test_cutting_into_pieces_changes_nothing() -> None:
    words = np.random.default_rng(1).integers(0, 65536, lib.KWS_PDM_PIECE_WORDS * 48, dtype=np.uint16)
    np.testing.assert_array_equal(decimated(words, 3, pieces=11), decimated(words, 3))


@pytest.mark.parametrize("plain", [False, True], ids=["armv7e-m", "plain"])
def test_the_board_has_the_bits_of_the_host_in_two_and_a_half_million_cycles_a_second(
    plain: bool, tmp_path: Path
) -> None:
    noise = np.random.default_rng(3).integers(0, 65536, 256 * 16, dtype=np.uint16)
    extremes = np.repeat(np.array([0xFFFF, 0, 0xFFFF, 0x5555], np.uint16), 256 * 2)
    words = np.concatenate([modulated(tone(900, -14, 0.1)), noise, extremes])
    words = words[: words.size // 256 * 256]
    hash_on_board, cycles = pdm_emulator.run(words, tmp_path, plain=plain)
    assert hash_on_board == pdm_emulator.hash_of(decimated(words, pdm_emulator.GAIN_SHIFT))
    assert plain or cycles * BITS_HZ / (16 * words.size) <= 2.5e6
