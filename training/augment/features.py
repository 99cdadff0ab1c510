# SPDX-License-Identifier: Apache-2.0
"""What is cheap on features is done there, every time anew: another microphone, something else to hear, SpecAugment.

Everything draws from the generator it is given and from nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kws.features import FeaturesConfig
from kws.mel_tables import dct_matrix

_COLOUR_ORDERS = 6
_SPEECH_QUANTILE = 0.9
"""Level of a scene: that of its loudest tenth of frames."""


@dataclass(frozen=True, kw_only=True)
class MaskConfig:
    """SpecAugment: what is hidden of an example."""

    time_masks: int = 1
    """How many runs of frames are blanked."""
    time_mask_frames: int = 6
    """Longest run."""
    feature_masks: int = 1
    feature_mask_width: int = 2


@dataclass(frozen=True, kw_only=True)
class SurroundingsConfig:
    """What is done to a scene each time it is drawn."""

    colour_db: float = 4.0
    """Every time a scene is drawn its spectrum is tilted and bent by about so much, as by yet another microphone."""
    gain_db: float = 6.0
    background_probability: float = 0.7
    """That a piece of the negatives is heard behind a scene."""
    background_snr_db: tuple[float, float] = (0.0, 25.0)
    """By `quick_level`, which is uniform only in its own measure: `kws.levels` finds some 10 dB more."""


def mask_features(features: NDArray[np.int8], config: MaskConfig, rng: np.random.Generator) -> NDArray[np.int8]:
    """SpecAugment on ``[clips, frames, num_features]``: runs of frames and of features become the clip's mean."""
    clips, frames, num_features = features.shape
    mean = np.rint(features.mean(axis=1, dtype=np.float32)).astype(np.int8)[:, None, :]
    hidden = np.zeros((clips, frames, num_features), bool)
    for _ in range(config.time_masks):
        hidden |= _runs(clips, frames, config.time_mask_frames, rng)[:, :, None]
    for _ in range(config.feature_masks):
        hidden |= _runs(clips, num_features, config.feature_mask_width, rng)[:, None, :]
    return np.where(hidden, mean, features)


def colour_curves(num_mel_bands: int) -> NDArray[np.float64]:
    """Curves ``[6, bands]`` over the bands of which a microphone's colour is made: cosines, the quicker the weaker."""
    orders = np.arange(1, _COLOUR_ORDERS + 1)
    cosines = dct_matrix(_COLOUR_ORDERS + 1, num_mel_bands, "orthonormal")[1:]
    return np.asarray(cosines * np.sqrt(num_mel_bands / 2.0) / np.sqrt(orders)[:, None])


class Surroundings:
    """Another microphone, another level, something else to hear: drawn anew every time, on features, at little cost.

    A filter multiplies the spectrum, so it adds to the logarithm of every band alike in every frame; powers of
    independent sounds add; and what is done to the bands is done to their cosine transform.

    Parameters
    ----------
    features : FeaturesConfig
    background : int8 [frames, num_features]
        To mix behind scenes; may be empty.
    config : SurroundingsConfig
    """

    def __init__(self, features: FeaturesConfig, background: NDArray[np.int8], config: SurroundingsConfig) -> None:
        self._background, self._config = background, config
        self._scale, self._zero_point = features.scale, features.zero_point
        self._powers = 2.0 if features.spectrum == "magnitude" else 1.0
        self._log_scale = features.log_scale
        self._step_per_db = features.log_scale * np.log(10.0) / 10.0 / self._powers
        self._curves = colour_curves(features.num_mel_bands)
        self._to_bands = np.eye(features.num_mel_bands, dtype=np.float32)
        self._to_features = self._to_bands
        if features.num_coefficients is not None:
            matrix = dct_matrix(features.num_coefficients, features.num_mel_bands, features.dct)
            self._to_features = matrix.T.astype(np.float32)
            self._to_bands = np.linalg.pinv(matrix).T.astype(np.float32)

    def surround(self, features: NDArray[np.int8], rng: np.random.Generator) -> NDArray[np.int8]:
        """Change ``[clips, frames, num_features]``, each clip in its own way."""
        bands = self._real(features) + self._colour(len(features), rng)
        mixed = np.flatnonzero(rng.random(len(features)) < self._config.background_probability)
        if mixed.size and len(self._background) >= features.shape[1]:
            bands[mixed] = self._mix(bands[mixed], rng)
        steps = np.rint(bands @ self._to_features / self._scale) + self._zero_point
        return np.clip(steps, -128, 127).astype(np.int8)

    def _real(self, features: NDArray[np.int8]) -> NDArray[np.float32]:
        real = (features.astype(np.float32) - np.float32(self._zero_point)) * np.float32(self._scale)
        return np.asarray(real @ self._to_bands)

    def _colour(self, clips: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """A smooth curve over the bands and a gain, for every clip its own, ``[clips, 1, bands]``."""
        curves_db = rng.standard_normal((clips, len(self._curves))) * self._config.colour_db @ self._curves
        curves_db += rng.uniform(-self._config.gain_db, self._config.gain_db, (clips, 1))
        return (curves_db * self._step_per_db).astype(np.float32)[:, None, :]

    def _mix(self, bands: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        starts = rng.integers(0, len(self._background) - bands.shape[1] + 1, len(bands))
        behind = self._real(cut_windows(self._background, starts, bands.shape[1])) + self._colour(len(bands), rng)
        snr = rng.uniform(*self._config.background_snr_db, len(bands)) * self._step_per_db
        behind += (quick_level(bands) - quick_level(behind) - snr).astype(np.float32)[:, None, None]
        to_log_power = np.float32(self._powers / self._log_scale)
        return np.asarray(np.logaddexp(bands * to_log_power, behind * to_log_power) / to_log_power)


def quick_level(bands: NDArray[np.floating]) -> NDArray[np.float64]:
    """Level of scenes ``[clips, frames, bands]`` from logarithmic bands alone, in their unit: the loudest frames' mean.

    An estimate: speech fills few bands and noise all of them, so its differences are not those of ``kws.levels``.
    `benchmarks/eval_levels.py` says by how much.
    """
    return np.asarray(np.quantile(bands.mean(axis=2), _SPEECH_QUANTILE, axis=1))


def cut_windows(stream: NDArray[np.int8], starts: NDArray[np.int64], num_frames: int) -> NDArray[np.int8]:
    """Cut ``[clips, num_frames, num_features]`` out of a stream ``[frames, num_features]``."""
    return np.asarray(stream[starts[:, None] + np.arange(num_frames)])


def _runs(rows: int, length: int, longest: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """One run per row, its length uniform in 0..longest, anywhere: bool ``[rows, length]``."""
    width = rng.integers(0, min(longest, length) + 1, rows)
    start = (rng.uniform(size=rows) * (length - width + 1)).astype(np.int64)
    place = np.arange(length)
    return (place >= start[:, None]) & (place < (start + width)[:, None])
