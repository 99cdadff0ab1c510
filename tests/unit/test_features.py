# SPDX-License-Identifier: Apache-2.0
"""Facts about the front end's settings, its section and its interface; parity with the reference is in tests/parity."""

from __future__ import annotations

import dataclasses
import math
import struct
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.errors import BundleError, ConfigError
from kws.features import Features, FeaturesConfig, MicroFeaturesConfig, features_section
from kws.importer.bundle import features_from_option

HEADER_BYTES = 48
MFCC = dataclasses.replace(FeaturesConfig.mlperf_kws(), gain=1.0)


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(3).integers(-9000, 9000, 16000).astype(np.int16)


def test_one_second_is_49_frames_of_10_coefficients(noise: np.ndarray) -> None:
    features = Features(MFCC).compute(noise)
    assert features.shape == (49, 10)
    assert features.dtype == np.int8


def test_a_recording_shorter_than_a_window_has_no_frames(noise: np.ndarray) -> None:
    assert Features(MFCC).compute(noise[:479]).shape == (0, 10)
    assert Features(MFCC).compute(noise[:480]).shape == (1, 10)
    assert Features(MFCC).compute(noise[:0]).shape == (0, 10)


def test_frames_depend_on_their_own_window_alone(noise: np.ndarray) -> None:
    front_end = Features(MFCC)
    whole = front_end.compute(noise)
    for frame in (0, 7, 48):
        start = frame * 320
        assert np.array_equal(front_end.compute(noise[start : start + 480])[0], whole[frame])


def test_batch_equals_one_clip_at_a_time(noise: np.ndarray) -> None:
    front_end = Features(MFCC)
    clips = np.stack([noise, noise[::-1], noise // 100])
    batch = front_end.compute_batch(clips)
    assert np.array_equal(batch, np.stack([front_end.compute(clip) for clip in clips]))


def test_views_with_strides_are_read_as_what_they_show(noise: np.ndarray) -> None:
    front_end = Features(MFCC)
    assert np.array_equal(front_end.compute(noise[::2]), front_end.compute(noise[::2].copy()))


def test_samples_of_another_type_are_refused(noise: np.ndarray) -> None:
    with pytest.raises(TypeError, match="int16"):
        Features(MFCC).compute(noise.astype(np.float32))


def test_silence_is_the_logarithm_of_the_floor() -> None:
    config = dataclasses.replace(MFCC, num_coefficients=None, scale=0.2, zero_point=0)
    features = Features(config).compute(np.zeros(480, np.int16))
    assert np.all(features == round(math.log(1e-6) / 0.2))


def test_twice_as_loud_adds_log_2_to_every_band(noise: np.ndarray) -> None:
    config = dataclasses.replace(MFCC, num_coefficients=None, scale=math.log(2.0) / 10.0, zero_point=0)
    front_end = Features(config)
    assert np.abs(front_end.compute(noise * 2).astype(int) - front_end.compute(noise) - 10).max() <= 1


def test_gain_equals_louder_samples(noise: np.ndarray) -> None:
    louder = Features(dataclasses.replace(MFCC, gain=4.0)).compute(noise // 4)
    assert np.abs(louder.astype(int) - Features(MFCC).compute(noise // 4 * 4)).max() <= 1


def test_dequantized_features_are_steps_of_the_scale() -> None:
    values = MFCC.dequantize(np.array([[83, 84]], dtype=np.int8))
    assert values == pytest.approx(np.array([[0.0, MFCC.scale]]))


def test_section_says_what_was_set() -> None:
    config = FeaturesConfig.mlperf_streaming()
    front_end = Features(features_section(config))
    assert front_end.window_samples == 1024
    assert front_end.hop_samples == 512
    assert front_end.fft_length == 1024
    assert front_end.num_features == 40
    assert front_end.sample_rate_hz == 16000
    assert front_end.scale == pytest.approx(config.scale)
    assert front_end.zero_point == -128


def test_section_is_the_same_every_time() -> None:
    assert features_section(FeaturesConfig()) == features_section(FeaturesConfig())


def test_threads_share_one_front_end(noise: np.ndarray) -> None:
    front_end = Features(MFCC)
    clips = np.stack([np.roll(noise, shift) for shift in range(64)])
    expected = front_end.compute_batch(clips)
    results: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: results.append(front_end.compute_batch(clips))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert all(np.array_equal(result, expected) for result in results)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"fft_length": 500}, "fft_length"),
        ({"fft_length": 4096}, "fft_length"),
        ({"window_samples": 513}, "window_samples"),
        ({"window_samples": 481}, "window_samples"),
        ({"hop_samples": 0}, "hop_samples"),
        ({"window": "kaiser"}, "window"),
        ({"spectrum": "phase"}, "spectrum"),
        ({"dct": "slaney"}, "dct"),
        ({"preemphasis": 1.0}, "preemphasis"),
        ({"gain": 0.0}, "gain"),
        ({"num_mel_bands": 129}, "num_mel_bands"),
        ({"mel_high_hz": 8001.0}, "mel_low_hz and mel_high_hz"),
        ({"mel_low_hz": 4000.0}, "mel_low_hz and mel_high_hz"),
        ({"mel_low_hz": 32.0, "mel_high_hz": 60.0}, "FFT bins"),
        ({"log_floor": -1.0}, "log_floor"),
        ({"num_coefficients": 41}, "num_coefficients"),
        ({"num_coefficients": 0}, "num_coefficients"),
        ({"scale": 0.0}, "scale"),
        ({"scale": 1e-7}, "scale"),
        ({"zero_point": 128}, "zero_point"),
    ],
)
def test_impossible_settings_are_refused_by_name(change: dict[str, object], what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        features_section(dataclasses.replace(MFCC, **change))  # type: ignore[arg-type]


def test_a_section_cut_short_is_refused_at_every_length() -> None:
    section = features_section(MFCC)
    for size in [*range(0, 64), *range(64, len(section), 97), len(section) - 1]:
        with pytest.raises(BundleError):
            Features(section[:size])


@pytest.mark.parametrize(
    ("offset", "fmt", "value"),
    [
        (0, "<H", 2),  # layout version
        (2, "<B", 2),  # spectrum
        (3, "<B", 2),  # projection
        (4, "<I", 0),  # sample rate
        (8, "<H", 0),  # window_samples
        (8, "<H", 481),
        (8, "<H", 514),
        (10, "<H", 0),  # hop_samples
        (12, "<H", 0),  # fft_length
        (12, "<H", 64),
        (12, "<H", 513),
        (12, "<H", 4096),
        (14, "<H", 0),  # num_mel_bands
        (14, "<H", 129),
        (16, "<H", 0),  # num_features
        (16, "<H", 41),
        (18, "<H", 0),  # first_bin
        (18, "<H", 200),
        (20, "<H", 0),  # num_bins
        (20, "<H", 256),
        (22, "<h", -1),  # preemphasis
        (32, "<B", 31),  # output_shift
    ],
)
def test_a_header_field_out_of_range_is_refused(offset: int, fmt: str, value: int) -> None:
    section = bytearray(features_section(MFCC))
    struct.pack_into(fmt, section, offset, value)
    with pytest.raises(BundleError):
        Features(bytes(section))


def test_a_bin_of_the_upper_half_brings_its_mirror_image() -> None:
    """Bins 64 .. 242 are inside; 242 is the image of 14, and twiddles are for 14 .. 128. One factor for all bands."""
    section = features_section(
        dataclasses.replace(MFCC, mel_low_hz=1999.0, mel_high_hz=7565.0, num_mel_bands=20, num_coefficients=None)
    )
    first_bin, num_bins = struct.unpack_from("<2H", section, 18)
    assert (first_bin, num_bins) == (14, 229)
    tables = 480 * 2 + (2 + 8 + 32) * 3 * 4 + (128 - 14 + 1) * 4 + 460 + 44 + 1028 + 132 + 4 + 4
    assert len(section) == HEADER_BYTES + tables
    altered = bytearray(section)
    struct.pack_into("<H", altered, 18, 15)
    with pytest.raises(BundleError):
        Features(bytes(altered))


def _table_offsets() -> dict[str, int]:
    num_bins = struct.unpack_from("<H", features_section(MFCC), 20)[0]
    sizes = {
        "window": 480 * 2,
        "fft_twiddles": (2 + 8 + 32) * 3 * 4,
        "real_twiddles": num_bins * 4,
        "mel_rise": (num_bins * 2 + 3) // 4 * 4,
        "mel_segments": 84,
        "square_roots": 1028,
        "logarithms": 132,
        "projection": 800,
    }
    offsets, position = {}, HEADER_BYTES
    for name, size in sizes.items():
        offsets[name] = position
        position += size
    return {**offsets, "offsets": position}


def test_the_tables_fill_the_section_exactly() -> None:
    assert _table_offsets()["offsets"] + 10 * 4 == len(features_section(MFCC))


@pytest.mark.parametrize(
    ("table", "entry", "value"),
    [
        ("fft_twiddles", 0, -32768),  # with a sine beside it, longer than 1
        ("real_twiddles", 40, 32767),
        ("mel_rise", 3, -1),  # 65535: more than 1
        ("mel_segments", 2, 9),  # does not add up
        ("logarithms", 30, 0),  # not rising
        ("logarithms", 64, -1),  # 65535: more than 1
    ],
)
def test_a_table_that_could_overflow_is_refused(table: str, entry: int, value: int) -> None:
    section = bytearray(features_section(MFCC))
    struct.pack_into("<h", section, _table_offsets()[table] + 2 * entry, value)
    with pytest.raises(BundleError):
        Features(bytes(section))


def test_a_projection_that_could_overflow_is_refused() -> None:
    section = bytearray(features_section(MFCC))
    struct.pack_into("<40h", section, _table_offsets()["projection"], *[32767] * 40)
    with pytest.raises(BundleError):
        Features(bytes(section))


@settings(max_examples=200)
@given(data=st.data())
def test_altered_sections_are_refused_or_run(data: st.DataObject) -> None:
    section = bytearray(features_section(MFCC))
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(section) - 1) | st.integers(0, HEADER_BYTES - 1))
        section[position] = data.draw(st.integers(0, 255))
    try:
        front_end = Features(bytes(section))
    except BundleError:
        return
    loud = np.where(np.arange(front_end.window_samples) % 3, 32767, -32768).astype(np.int16)
    assert front_end.compute(loud).shape == (1, front_end.num_features)


@pytest.mark.parametrize(
    "wrong",
    [
        {"fft_length": 1024}, {"window_samples": 481}, {"window_samples": 514}, {"hop_samples": 0}, {"num_bands": 0},
        {"num_bands": 129}, {"high_hz": 8000.0}, {"low_hz": 7500.0}, {"noise_smoothing": (0.1, 1.1)},
        {"min_signal": -0.1}, {"smoothing_bits": 17}, {"gain_bits": 10}, {"gain_offset": 0.0}, {"scale": 0.0},
        {"zero_point": 128},
    ],
    ids=str,
)  # fmt: skip
def test_impossible_settings_of_the_micro_front_end_are_refused_by_name(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=f"features: .*{next(iter(wrong))}.*expected"):
        MicroFeaturesConfig(**wrong)


def test_each_clip_of_a_batch_is_heard_from_a_reset() -> None:
    clips = np.random.default_rng(3).integers(-9000, 9000, (3, 4000)).astype(np.int16)
    features = Features(MicroFeaturesConfig())
    batch = features.compute_batch(clips)
    assert not np.array_equal(features.compute(clips.ravel())[-20:], batch[-1][-20:]), "the noise estimates must matter"
    for clip, frames in zip(clips, batch, strict=True):
        np.testing.assert_array_equal(features.compute(clip), frames)


@pytest.mark.parametrize("offset", range(48))
def test_altered_settings_of_the_micro_front_end_are_refused_or_still_make_features(offset: int) -> None:
    section = bytearray(features_section(MicroFeaturesConfig()))
    for value in (0, 1, 127, 128, 255):
        section[offset] = value
        try:
            features = Features(bytes(section))
        except BundleError:
            continue
        assert features.compute(np.zeros(2100, np.int16)).shape[1] == features.num_features


def test_a_features_file_says_which_kind_it_is(tmp_path: Path) -> None:
    path = tmp_path / "micro.toml"
    path.write_text('[features]\nkind = "micro"\nhop_samples = 320\nnoise_smoothing = [0.02, 0.05]\n', encoding="utf-8")
    assert features_from_option(str(path)) == MicroFeaturesConfig(hop_samples=320, noise_smoothing=(0.02, 0.05))
    path.write_text('kind = "mel"\nfft_size = 512\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="fft_size"):
        features_from_option(str(path))
    path.write_text('kind = "cepstrum"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="cepstrum"):
        features_from_option(str(path))
