"""Stage 2, host side: the settings of the front end, its integer tables, and the C core that runs them.

``features_section`` turns settings into the FEAT section of a bundle (layout: ``firmware/core/kws_features.h``); it is
the only place where a table is computed. ``Features`` runs the same C code as the board, so training, the host and
the board see identical features.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from kws.core import aligned_copy, aligned_new, check, ffi, lib
from kws.errors import BundleError, ConfigError

Int8Array = npt.NDArray[np.int8]
Int16Array = npt.NDArray[np.int16]
FloatArray = npt.NDArray[np.float64]

_FULL_SCALE = 32768
"""int16 steps in a sample of 1.0."""
_Q15 = 1 << 15
_LOG_UNIT = 1 << 10
"""Logarithms are Q10."""
_LOG_MAX = 1 << 15
"""Logarithms are int16."""


@dataclass(frozen=True, kw_only=True)
class FeaturesConfig:
    """Settings of the front end; the defaults are the MLPerf Tiny keyword-spotting MFCC at a fixed gain."""

    sample_rate_hz: int = 16000
    window_samples: int = 480
    """Samples of one analysis window; even."""
    hop_samples: int = 320
    fft_length: int = 512
    """A power of two, 128 .. 2048, at least ``window_samples``; the window is followed by zeros."""
    window: Literal["hann", "hamming"] = "hann"
    window_periodic: bool = True
    preemphasis: float = 0.0
    """``y[n] = x[n] - preemphasis * x[n - 1]`` inside each window, ``x[-1] = 0``; 0 = none."""
    gain: float = 1.0
    """Factor on the samples (full scale = 1.0). It only moves the logarithms: nothing clips."""
    spectrum: Literal["magnitude", "power"] = "magnitude"
    num_mel_bands: int = 40
    mel_low_hz: float = 20.0
    mel_high_hz: float = 4000.0
    log_floor: float = 1e-6
    """Added to every band before the logarithm."""
    log_scale: float = 1.0
    """Logarithmic bands are ``log_scale * ln(band + log_floor) + log_offset``."""
    log_offset: float = 0.0
    num_coefficients: int | None = 10
    """Coefficients kept of the DCT-II of the bands; ``None`` = no DCT, the bands are the features."""
    dct: Literal["orthonormal", "htk"] = "orthonormal"
    """HTK, and so ``tf.signal``, scales coefficient 0 as the others: sqrt(2) times the orthonormal one."""
    scale: float = 0.58
    """A feature stands for ``(feature - zero_point) * scale``."""
    zero_point: int = 83

    def __post_init__(self) -> None:
        """Refuse settings that no front end can have."""
        nyquist_hz = self.sample_rate_hz / 2
        _require(
            self.fft_length in (128, 256, 512, 1024, 2048), "fft_length", self.fft_length, "128 .. 2048, a power of two"
        )
        _require(
            2 <= self.window_samples <= self.fft_length and self.window_samples % 2 == 0,
            "window_samples",
            self.window_samples,
            f"even and 2 .. fft_length ({self.fft_length})",
        )
        _require(1 <= self.hop_samples <= 65535, "hop_samples", self.hop_samples, "1 .. 65535")
        _require(self.window in ("hann", "hamming"), "window", self.window, "'hann' or 'hamming'")
        _require(self.spectrum in ("magnitude", "power"), "spectrum", self.spectrum, "'magnitude' or 'power'")
        _require(self.dct in ("orthonormal", "htk"), "dct", self.dct, "'orthonormal' or 'htk'")
        _require(0.0 <= self.preemphasis < 1.0, "preemphasis", self.preemphasis, "0 .. 1")
        _require(self.gain > 0.0, "gain", self.gain, "more than 0")
        _require(
            1 <= self.num_mel_bands <= lib.KWS_FEATURES_MAX_MEL_BANDS,
            "num_mel_bands",
            self.num_mel_bands,
            f"1 .. {lib.KWS_FEATURES_MAX_MEL_BANDS}",
        )
        _require(
            0.0 <= self.mel_low_hz < self.mel_high_hz <= nyquist_hz,
            "mel_low_hz and mel_high_hz",
            (self.mel_low_hz, self.mel_high_hz),
            f"0 <= low < high <= {nyquist_hz:g}",
        )
        _require(self.log_floor >= 0.0, "log_floor", self.log_floor, "0 or more")
        _require(
            self.num_coefficients is None or 1 <= self.num_coefficients <= self.num_mel_bands,
            "num_coefficients",
            self.num_coefficients,
            f"1 .. num_mel_bands ({self.num_mel_bands}), or none",
        )
        _require(self.scale > 0.0, "scale", self.scale, "more than 0")
        _require(-128 <= self.zero_point <= 127, "zero_point", self.zero_point, "-128 .. 127")

    @property
    def num_features(self) -> int:
        """Values per frame."""
        return self.num_mel_bands if self.num_coefficients is None else self.num_coefficients

    @classmethod
    def mlperf_kws(cls) -> FeaturesConfig:
        """Return the MLPerf Tiny keyword-spotting MFCC, quantised as its reference network's input.

        The benchmark divides each clip by its peak, which a stream cannot do. Of the fixed gains 1 to 12, 4 to 6 serve
        its reference network best: 90.0 % of the validation clips of the ten words, 92.2 % with the peak, 84.2 % at 1.
        """
        return cls(dct="htk", gain=4.0, scale=0.5847029089927673, zero_point=83)

    @classmethod
    def mlperf_streaming(cls) -> FeaturesConfig:
        """Return the MLPerf Tiny streaming wake-word front end ("lfbe"), quantised as its reference network's input.

        ``clip((10 log10(mel(|FFT|^2 / 1024)) + 52) / 64, 0, 1)`` of pre-emphasised 64 ms Hamming windows.
        """
        return cls(
            window_samples=1024, hop_samples=512, fft_length=1024, window="hamming", window_periodic=False,
            preemphasis=1.0 - 2.0**-5, gain=1.0 / 32.0, spectrum="power", mel_low_hz=0.0, mel_high_hz=8000.0,
            log_floor=1e-30, log_scale=10.0 / math.log(10.0) / 64.0, log_offset=52.0 / 64.0, num_coefficients=None,
            scale=0.003701042616739869, zero_point=-128,
        )  # fmt: skip


def _require(holds: bool, name: str, value: object, expected: str) -> None:
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


def features_section(config: FeaturesConfig) -> bytes:
    """Return the FEAT section of a bundle: settings and integer tables.

    Raises
    ------
    ConfigError
        If no FFT bin lies inside the mel range, or the scale is too fine for 16-bit weights.
    """
    position = mel_position(config)
    inside = np.flatnonzero((position >= 0.0) & (position < config.num_mel_bands + 1))
    _require(
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
    _require(output_shift >= 8, "scale", config.scale, "a coarser one: 16-bit weights cannot reach so fine a step")
    weights = np.round(per_log * 2.0**output_shift).astype("<i2")
    offsets = np.round(constant * 2.0**output_shift).astype("<i4")
    if not has_dct:  # the same for every band
        return weights[0, :1], offsets[:1], output_shift
    if num_bands % 2:
        weights = np.pad(weights, ((0, 0), (0, 1)))
    return weights, offsets, output_shift


class Features:
    """The front end of the C core.

    Objects may be shared between threads: every call has its own working memory, and the GIL is released.

    Parameters
    ----------
    source : FeaturesConfig or bytes
        Settings, or the FEAT section of a bundle.

    Raises
    ------
    BundleError
        If the section is malformed.
    ConfigError
        If the settings have no integer tables.
    """

    def __init__(self, source: FeaturesConfig | bytes) -> None:
        self.section = features_section(source) if isinstance(source, FeaturesConfig) else bytes(source)
        """The FEAT section in use."""
        self._data, self._owner = aligned_copy(self.section)
        self._config = ffi.new("kws_features_config_t *")
        span = ffi.new("kws_span_t *", {"data": self._data, "size_bytes": len(self.section)})
        check(lib.kws_features_read(self._config, span[0]), "front-end section (FEAT)", BundleError)
        self.sample_rate_hz = int(self._config.sample_rate_hz)
        self.window_samples = int(self._config.window_samples)
        self.hop_samples = int(self._config.hop_samples)
        self.fft_length = int(self._config.fft_length)
        self.num_mel_bands = int(self._config.num_mel_bands)
        self.num_features = int(self._config.num_features)
        self.zero_point = int(self._config.zero_point)
        self.scale = float(struct.unpack("<f", struct.pack("<I", self._config.scale_float32_bits))[0])

    def __repr__(self) -> str:
        return (
            f"Features({self.num_features} a frame, window {self.window_samples} and hop {self.hop_samples} samples at "
            f"{self.sample_rate_hz} Hz)"
        )

    def num_frames(self, num_samples: int) -> int:
        """Return how many whole windows lie in ``num_samples`` samples."""
        return int(lib.kws_features_num_frames(self._config, num_samples))

    def compute(self, samples: Int16Array) -> Int8Array:
        """Return the features of one recording.

        Parameters
        ----------
        samples : int16 [num_samples]

        Returns
        -------
        int8 [num_frames, num_features]
            Frame ``k`` is of samples ``k * hop_samples .. k * hop_samples + window_samples``.
        """
        features: Int8Array = self.compute_batch(samples[np.newaxis])[0]
        return features

    def compute_batch(self, clips: Int16Array) -> Int8Array:
        """Return the features of recordings of one length.

        Parameters
        ----------
        clips : int16 [num_clips, num_samples]

        Returns
        -------
        int8 [num_clips, num_frames, num_features]

        Raises
        ------
        TypeError
            If the samples are not int16: scaling is the caller's decision.
        """
        if clips.dtype != np.int16 or clips.ndim != 2:
            raise TypeError(f"clips: expected int16 [clips, samples], got {clips.dtype} with {clips.ndim} dimensions")
        clips = np.ascontiguousarray(clips)
        num_clips, num_samples = clips.shape
        features = np.empty((num_clips, self.num_frames(num_samples), self.num_features), dtype=np.int8)
        scratch, _owner = aligned_new(lib.kws_features_scratch_bytes(self._config))
        state = ffi.new("kws_features_t *", {"config": self._config, "scratch": scratch})
        lib.kws_features_run(
            state,
            ffi.from_buffer("int16_t[]", clips),
            num_clips,
            num_samples,
            ffi.from_buffer("int8_t[]", features, require_writable=True),
        )
        return features

    def dequantize(self, features: Int8Array) -> npt.NDArray[np.float32]:
        """Return the real values that int8 features stand for, float32 of the same shape."""
        return ((features.astype(np.float32) - self.zero_point) * self.scale).astype(np.float32)
