# SPDX-License-Identifier: Apache-2.0
"""Stage 2, host side: the settings of the front end, its integer tables, and the C core that runs them.

``features_section`` turns settings into the FEAT section of a bundle (layouts: ``firmware/core/kws_features.h`` and
``kws_micro.h``); the tables are computed in ``mel_tables`` and ``micro_features`` and nowhere else. ``Features`` runs
the same C code as the board, so training, the host and the board see identical features.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from kws.core import aligned_copy, aligned_new, check, ffi, lib
from kws.errors import BundleError
from kws.mel_tables import mel_section, require
from kws.micro_features import MicroFeaturesConfig, micro_section

__all__ = ["AnyFeaturesConfig", "Features", "FeaturesConfig", "MicroFeaturesConfig", "features_section"]

Int8Array = npt.NDArray[np.int8]
Int16Array = npt.NDArray[np.int16]


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
        require(
            self.fft_length in (128, 256, 512, 1024, 2048), "fft_length", self.fft_length, "128 .. 2048, a power of two"
        )
        require(
            2 <= self.window_samples <= self.fft_length and self.window_samples % 2 == 0,
            "window_samples",
            self.window_samples,
            f"even and 2 .. fft_length ({self.fft_length})",
        )
        require(1 <= self.hop_samples <= 65535, "hop_samples", self.hop_samples, "1 .. 65535")
        require(self.window in ("hann", "hamming"), "window", self.window, "'hann' or 'hamming'")
        require(self.spectrum in ("magnitude", "power"), "spectrum", self.spectrum, "'magnitude' or 'power'")
        require(self.dct in ("orthonormal", "htk"), "dct", self.dct, "'orthonormal' or 'htk'")
        require(0.0 <= self.preemphasis < 1.0, "preemphasis", self.preemphasis, "0 .. 1")
        require(self.gain > 0.0, "gain", self.gain, "more than 0")
        require(
            1 <= self.num_mel_bands <= lib.KWS_FEATURES_MAX_MEL_BANDS,
            "num_mel_bands",
            self.num_mel_bands,
            f"1 .. {lib.KWS_FEATURES_MAX_MEL_BANDS}",
        )
        require(
            0.0 <= self.mel_low_hz < self.mel_high_hz <= nyquist_hz,
            "mel_low_hz and mel_high_hz",
            (self.mel_low_hz, self.mel_high_hz),
            f"0 <= low < high <= {nyquist_hz:g}",
        )
        require(self.log_floor >= 0.0, "log_floor", self.log_floor, "0 or more")
        require(
            self.num_coefficients is None or 1 <= self.num_coefficients <= self.num_mel_bands,
            "num_coefficients",
            self.num_coefficients,
            f"1 .. num_mel_bands ({self.num_mel_bands}), or none",
        )
        require(self.scale > 0.0, "scale", self.scale, "more than 0")
        require(-128 <= self.zero_point <= 127, "zero_point", self.zero_point, "-128 .. 127")

    @property
    def num_features(self) -> int:
        """Values per frame."""
        return self.num_mel_bands if self.num_coefficients is None else self.num_coefficients

    def dequantize(self, features: Int8Array) -> npt.NDArray[np.float32]:
        """Return the real values that int8 features stand for, float32 of the same shape."""
        return (features.astype(np.float32) - np.float32(self.zero_point)) * np.float32(self.scale)

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


AnyFeaturesConfig = FeaturesConfig | MicroFeaturesConfig
"""Settings of either kind of front end."""


def features_section(config: AnyFeaturesConfig) -> bytes:
    """Return the FEAT section of a bundle: settings and integer tables.

    Raises
    ------
    ConfigError
        If no FFT bin lies inside the range of the bands, or the scale is too fine.
    """
    return micro_section(config) if isinstance(config, MicroFeaturesConfig) else mel_section(config)


class Features:
    """The front end of the C core.

    Objects may be shared between threads: every call has its own working memory, and the GIL is released.

    Parameters
    ----------
    source : FeaturesConfig, MicroFeaturesConfig or bytes
        Settings, or the FEAT section of a bundle.

    Raises
    ------
    BundleError
        If the section is malformed.
    ConfigError
        If the settings have no integer tables.
    """

    def __init__(self, source: AnyFeaturesConfig | bytes) -> None:
        self.section = bytes(source) if isinstance(source, bytes) else features_section(source)
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

    def _state(self) -> tuple[Any, tuple[Any, ...]]:
        """Return a front end with memory of its own, as after a reset, and what keeps that memory alive."""
        scratch, scratch_owner = aligned_new(lib.kws_features_scratch_bytes(self._config))
        state, counter = ffi.new("kws_features_t *"), ffi.new("kws_arena_t *")
        lib.kws_features_init(state, self._config, counter, scratch)
        memory, memory_owner = aligned_new(counter.used_bytes)
        arena = ffi.new("kws_arena_t *", {"base": memory, "size_bytes": counter.used_bytes})
        check(lib.kws_features_init(state, self._config, arena, scratch), "front end")
        return state, (scratch_owner, memory_owner)

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
        """Return the features of recordings of one length, each from a reset.

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
        state, _owners = self._state()
        lib.kws_features_run(
            state,
            ffi.from_buffer("int16_t[]", clips),
            num_clips,
            num_samples,
            ffi.from_buffer("int8_t[]", features, require_writable=True),
        )
        return features
