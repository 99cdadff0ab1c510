# SPDX-License-Identifier: Apache-2.0
"""The micro front end, host side: its settings and integer tables (``firmware/core/kws_micro.h``).

micro_speech and microWakeWord hear through it: 40 bands, noise reduction, gain control, logarithm, all in integers. Its
published code computes the tables in single precision; where that decides a rounding, the published table counts.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.core import lib
from kws.mel_tables import require

Float32 = np.float32
_Q12 = 1 << 12
_Q14 = 1 << 14
_Q15_MAX = 32767
_FILTER_BITS = 12
_LOG_SHIFT = 6
"""Logarithms are 2**6 times the natural one."""
LOG_UNIT = 10.0 / 256.0
"""What one step of a logarithm stands for in the floats that the published networks are fed with."""
_OUTPUT_SHIFT = 24
_PUBLISHED_FALL_BINS = (149, 221, 225)
"""FFT bins whose weight single precision rounds up at the published settings."""


@dataclass(frozen=True, kw_only=True)
class MicroFeaturesConfig:
    """Settings of the micro front end; the defaults are microWakeWord's. micro_speech: ``hop_samples=320``."""

    sample_rate_hz: int = 16000
    window_samples: int = 480
    """Samples of one analysis window; even."""
    hop_samples: int = 160
    fft_length: int = 512
    """128, 512 or 2048, at least ``window_samples``; the window is followed by zeros."""
    num_bands: int = 40
    low_hz: float = 125.0
    high_hz: float = 7500.0
    noise_smoothing: tuple[float, float] = (0.025, 0.06)
    """Share of the newest frame in the noise estimate of bands 0, 2, 4, ... and of bands 1, 3, 5, ..."""
    min_signal: float = 0.05
    """Share of a band that noise reduction leaves at least."""
    smoothing_bits: int = 10
    """Noise estimates are kept with so many more bits."""
    gain_strength: float = 0.95
    """Exponent: the louder the noise of a band, the smaller its gain."""
    gain_offset: float = 80.0
    gain_bits: int = 21
    scale: float = 26.0 / 255.0
    """A feature stands for ``(feature - zero_point) * scale``."""
    zero_point: int = -128

    def __post_init__(self) -> None:
        """Refuse settings that no front end can have."""
        nyquist_hz = self.sample_rate_hz / 2
        most_bands = int(lib.KWS_MICRO_MAX_BANDS)
        require(self.fft_length in (128, 512, 2048), "fft_length", self.fft_length, "128, 512 or 2048")
        require(
            2 <= self.window_samples <= self.fft_length and self.window_samples % 2 == 0,
            "window_samples", self.window_samples, f"even and 2 .. fft_length ({self.fft_length})",
        )  # fmt: skip
        require(1 <= self.hop_samples <= 65535, "hop_samples", self.hop_samples, "1 .. 65535")
        require(1 <= self.num_bands <= most_bands, "num_bands", self.num_bands, f"1 .. {most_bands}")
        require(
            0.0 <= self.low_hz < self.high_hz < nyquist_hz, "low_hz and high_hz", (self.low_hz, self.high_hz),
            f"0 <= low < high < {nyquist_hz:g}",
        )  # fmt: skip
        shares = (*self.noise_smoothing, self.min_signal)
        require(len(shares) == 3 and all(0.0 <= share <= 1.0 for share in shares), "noise_smoothing and min_signal",
                 shares, "two shares and one, 0 .. 1 each")  # fmt: skip
        require(0 <= self.smoothing_bits <= 16, "smoothing_bits", self.smoothing_bits, "0 .. 16")
        require(0.0 <= self.gain_strength <= 1.0, "gain_strength", self.gain_strength, "0 .. 1")
        require(self.gain_offset > 0.0, "gain_offset", self.gain_offset, "more than 0")
        require(self.scale > 0.0, "scale", self.scale, "more than 0")
        require(-128 <= self.zero_point <= 127, "zero_point", self.zero_point, "-128 .. 127")
        lowest = self.correction_bits + int(lib.KWS_MICRO_SNR_BITS)
        require(lowest <= self.gain_bits <= 31, "gain_bits", self.gain_bits, f"{lowest} .. 31")

    @property
    def num_features(self) -> int:
        """Values per frame."""
        return self.num_bands

    @property
    def correction_bits(self) -> int:
        """Bits by which FFT and band weights leave the bands smaller than the samples."""
        return max(0, self.fft_length.bit_length() - 1 - _FILTER_BITS // 2)


def micro_section(config: MicroFeaturesConfig) -> bytes:
    """Return the FEAT section of a bundle: settings and integer tables.

    Raises
    ------
    ConfigError
        If no FFT bin lies inside the range of the bands.
    """
    first_bin, rise, segments = band_weights(config)
    factor, offset = _output(config)
    header = struct.pack(
        "<HxxIHHHHHHHHHBBBBBbifi4x",
        lib.KWS_MICRO_LAYOUT_VERSION, config.sample_rate_hz, config.window_samples, config.hop_samples,
        config.fft_length, config.num_bands, first_bin, len(rise),
        *(int(share * _Q14) for share in (*config.noise_smoothing, config.min_signal)),
        config.smoothing_bits, config.gain_bits - config.correction_bits - int(lib.KWS_MICRO_SNR_BITS),
        config.correction_bits, _LOG_SHIFT, _OUTPUT_SHIFT, config.zero_point, factor, config.scale, offset,
    )  # fmt: skip
    points = config.fft_length // 2
    tables = [
        window_values(config),
        _twiddles(-2.0 * np.pi * np.arange(3 * points // 4) / points),
        _twiddles(-np.pi * (np.arange(1, points // 2 + 1) / points + 0.5)),
        rise,
        segments,
        gain_table(config),
        log_table(),
    ]
    return header + b"".join(table.tobytes() + bytes(-table.nbytes % 4) for table in tables)


def window_values(config: MicroFeaturesConfig) -> npt.NDArray[np.int16]:
    """Return the Hann window, Q12 [window_samples]; the cosine is rounded to single precision first."""
    step = Float32(2.0 * np.pi / config.window_samples)
    angles = step * (np.arange(config.window_samples, dtype=Float32) + Float32(0.5))
    cosine = np.cos(angles.astype(np.float64)).astype(Float32).astype(np.float64)
    return np.floor((0.5 - 0.5 * cosine) * _Q12 + 0.5).astype("<i2")


def band_weights(config: MicroFeaturesConfig) -> tuple[int, npt.NDArray[np.uint16], npt.NDArray[np.uint16]]:
    """Return the first FFT bin used, the Q12 weight of each in the band it rises into, and the bins of each segment.

    Bands are triangles, linear in mel (1127 ln(1 + f / 700)).
    """
    bin_hz = config.sample_rate_hz / config.fft_length
    edges = _mel([config.low_hz, config.high_hz])
    spacing = Float32((edges[1] - edges[0]) / Float32(config.num_bands + 1))
    ends = edges[0] + spacing * np.arange(1, config.num_bands + 2, dtype=Float32)
    starts = np.concatenate([edges[:1], ends[:-1]])
    first_bin = int(1.5 + config.low_hz / bin_hz)
    mels = _mel(np.arange(first_bin, config.fft_length // 2) * bin_hz)
    segment = np.searchsorted(ends, mels)
    inside = segment <= config.num_bands
    require(bool(inside.any()), "low_hz and high_hz", (config.low_hz, config.high_hz), "a range with FFT bins")
    mels, segment = mels[inside], segment[inside]
    weight = ((ends[segment] - mels) / (ends[segment] - starts[segment])).astype(np.float64)
    fall = np.floor(weight * _Q12 + 0.5).astype(np.int64)
    if _is_published(config):
        fall[np.array(_PUBLISHED_FALL_BINS) - first_bin] += 1
    segments = np.bincount(segment, minlength=config.num_bands + 1)
    return first_bin, (_Q12 - fall).astype("<u2"), segments.astype("<u2")


def gain_table(config: MicroFeaturesConfig) -> npt.NDArray[np.int16]:
    """Return the gain as a function of the noise estimate: a parabola through three points of each octave."""
    input_bits = config.smoothing_bits - config.correction_bits

    def gain(noise: int) -> int:
        base = noise * 2.0**-input_bits + config.gain_offset
        return int(min(2.0**config.gain_bits * base**-config.gain_strength + 0.5, _Q15_MAX))

    values = [gain(0), gain(1)]
    for octave in range(1, 32):
        start = 1 << octave
        low, middle, high = gain(start), gain(start + start // 2), gain(min(2 * start, (1 << 32) - 1))
        slope = 4 * (middle - low) - (high - low)
        values += [low, slope, high - low - slope, 0]
    return np.array(values[: int(lib.KWS_MICRO_GAINS)], dtype="<i2")


def log_table() -> npt.NDArray[np.uint16]:
    """Return what log2(1 + x) has more than x, Q16, for x = 0, 1/128, ... 1."""
    x = np.arange(int(lib.KWS_MICRO_LOG_ENTRIES)) / 128.0
    return np.round((np.log2(1.0 + x) - x) * 65536.0).astype("<u2")


def _mel(frequency_hz: npt.ArrayLike) -> npt.NDArray[np.float32]:
    return (1127.0 * np.log1p(np.asarray(frequency_hz, np.float64) / 700.0)).astype(Float32)


def _is_published(config: MicroFeaturesConfig) -> bool:
    bands = (config.sample_rate_hz, config.fft_length, config.num_bands, config.low_hz, config.high_hz)
    return bands == (16000, 512, 40, 125.0, 7500.0)


def _twiddles(angles: npt.NDArray[np.float64]) -> npt.NDArray[np.int16]:
    """Return (cos, sin) pairs, rounded half up."""
    pairs = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.floor(pairs * _Q15_MAX + 0.5).astype("<i2")


def _output(config: MicroFeaturesConfig) -> tuple[int, int]:
    """Return factor and offset that turn a logarithm into the nearest feature, half steps upwards."""
    factor = round(LOG_UNIT / float(Float32(config.scale)) * (1 << _OUTPUT_SHIFT))
    require(factor < 1 << 31, "scale", config.scale, f"at least {LOG_UNIT / 127:.1e}")
    return factor, (config.zero_point << _OUTPUT_SHIFT) + (1 << _OUTPUT_SHIFT - 1)
