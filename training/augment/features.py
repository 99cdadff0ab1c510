# SPDX-License-Identifier: Apache-2.0
"""What is cheap on features is done there, every time anew: another microphone, something else to hear, SpecAugment.

Everything draws from the generator it is given and from nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kws.endpoints import ABOVE_NOISE_DB, DROP_DB, MAX_NOISE_BELOW_PEAK_DB
from kws.features import FeaturesConfig
from kws.mel_tables import dct_matrix, mel_position
from kws.ranges import Decibels, NotNegative, Share, Width

_COLOUR_ORDERS = 6
_NEPERS_PER_DB = np.log(10.0) / 10.0
"""Natural logarithms of power."""
Values = Any
"""An array of numpy, or a tensor of Keras where ``ops`` is ``keras.ops``: the formulas are the same."""


@dataclass(frozen=True, kw_only=True)
class MaskConfig:
    """SpecAugment: what is hidden of an example."""

    time_masks: NotNegative = 1
    """How many runs of frames are blanked."""
    time_mask_frames: NotNegative = 6
    """Longest run."""
    feature_masks: NotNegative = 1
    feature_mask_width: NotNegative = 2


@dataclass(frozen=True, kw_only=True)
class ColourConfig:
    """Another microphone."""

    colour_db: Width = 4.0
    """Every time an example is drawn its spectrum is tilted and bent by about so much."""
    gain_db: Width = 6.0
    """Largest change of its level."""


@dataclass(frozen=True, kw_only=True)
class SurroundingsConfig(ColourConfig):
    """What is done to a scene each time it is drawn."""

    background_probability: Share = 0.7
    """That a piece of the negatives is heard behind a scene."""
    background_snr_db: tuple[Decibels, Decibels] = (2.0, 28.0)
    """Scene over background as `kws.levels` has it (see `Levels`), uniform in dB."""
    second_background_probability: Share = 0.3
    """That such a background is two pieces, equally loud: people who talk at once, music behind talk."""
    babble_share: Share = 0.3
    """Of the backgrounds, that are several people talking at once, where there is such a sound."""
    babble_snr_db: tuple[Decibels, Decibels] = (0.0, 15.0)


def draw_masks(shape: tuple[int, ...], config: MaskConfig, rng: np.random.Generator) -> NDArray[np.bool_]:
    """SpecAugment: which values of ``[clips, frames, features]`` are hidden."""
    clips, frames, features = shape
    hidden = np.zeros((clips, frames, features), bool)
    for _ in range(config.time_masks):
        hidden |= _runs(clips, frames, config.time_mask_frames, rng)[:, :, None]
    for _ in range(config.feature_masks):
        hidden |= _runs(clips, features, config.feature_mask_width, rng)[:, None, :]
    return hidden


def mask_features(features: NDArray[np.int8], config: MaskConfig, rng: np.random.Generator) -> NDArray[np.int8]:
    """Hide runs of frames and of features of ``[clips, frames, num_features]`` behind the clip's mean."""
    mean = np.rint(features.mean(axis=1, dtype=np.float32)).astype(np.int8)[:, None, :]
    return np.where(draw_masks(features.shape, config, rng), mean, features)


def powers_per_unit(features: FeaturesConfig) -> np.float32:
    """Natural logarithms of power that a unit of the logarithmic bands stands for."""
    return np.float32((2.0 if features.spectrum == "magnitude" else 1.0) / features.log_scale)


def colour_curves(num_mel_bands: int) -> NDArray[np.float32]:
    """Curves ``[6, bands]`` over the bands of which a microphone's colour is made: cosines, the quicker the weaker."""
    orders = np.arange(1, _COLOUR_ORDERS + 1)
    cosines = dct_matrix(_COLOUR_ORDERS + 1, num_mel_bands, "orthonormal")[1:]
    return np.asarray(cosines * np.sqrt(num_mel_bands / 2.0) / np.sqrt(orders)[:, None], dtype=np.float32)


def colour(normals: Values, gains: Values, config: ColourConfig, curves: NDArray[np.float32]) -> Values:
    """What a microphone adds to the logarithm of the power of each band, the same in every frame.

    A filter multiplies the spectrum, so it adds to the logarithm of every band alike in every frame.

    Parameters
    ----------
    normals : float32 [clips, 6]
        Drawn from the standard normal distribution.
    gains : float32 [clips, 1]
        Drawn from -1 to 1.
    config : ColourConfig
    curves : float32 [6, bands]
        `colour_curves`.

    Returns
    -------
    [clips, 1, bands]
    """
    return (((normals * config.colour_db) @ curves + gains * config.gain_db) * _NEPERS_PER_DB)[:, None, :]


def draw_colour(
    clips: int, config: ColourConfig, curves: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Draw a `colour` for every clip, ``[clips, 1, bands]``."""
    normals = rng.standard_normal((clips, len(curves)), np.float32)
    gains = rng.uniform(-1.0, 1.0, (clips, 1)).astype(np.float32)
    return np.asarray(colour(normals, gains, config, curves), dtype=np.float32)


class Levels:
    """Levels as `kws.levels` defines them, from what is left of a sound in its mel bands.

    The power of a frame is the sum over its bands. A band of magnitudes is a sum of magnitudes, whose square grows with
    the square of the band's width, while power grows with the width: so it is divided by the width.
    `benchmarks/eval_levels.py` says how near that comes.

    Parameters
    ----------
    features : FeaturesConfig
    """

    def __init__(self, features: FeaturesConfig) -> None:
        position = mel_position(features)
        bands = np.arange(1, features.num_mel_bands + 1)[:, None]
        widths = np.maximum(0.0, 1.0 - np.abs(position[None, :] - bands)).sum(axis=1)
        excess = np.log(np.maximum(widths, 1e-3)) if features.spectrum == "magnitude" else np.zeros(len(widths))
        self._excess = excess.astype(np.float32)

    def of_background(self, powers: Values, ops: Any = np) -> Values:
        """Logarithm of the mean power ``[clips, 1, 1]`` of ``[clips, frames, bands]``, logarithms of power."""
        return ops.log(ops.mean(self._frames(powers, ops), axis=1, keepdims=True))[:, :, None]

    def of_speech(self, powers: Values, ops: Any = np) -> Values:
        """The same from the first to the last moment of speech, by the rule of `kws.endpoints`."""
        frames = self._frames(powers, ops)
        level = ops.log(frames)
        peak = ops.max(level, axis=1, keepdims=True)
        noise = ops.quantile(level, 0.2, axis=1, keepdims=True)
        above_noise = ops.minimum(
            noise + ABOVE_NOISE_DB * _NEPERS_PER_DB, peak - MAX_NOISE_BELOW_PEAK_DB * _NEPERS_PER_DB
        )
        loud = ops.where(level >= ops.maximum(peak - DROP_DB * _NEPERS_PER_DB, above_noise), 1.0, 0.0)
        behind_first, before_last = (
            ops.cumsum(loud, axis=1),
            ops.flip(ops.cumsum(ops.flip(loud, axis=1), axis=1), axis=1),
        )
        active = ops.minimum(ops.minimum(behind_first, before_last), 1.0)
        total, count = ops.sum(frames * active, axis=1, keepdims=True), ops.sum(active, axis=1, keepdims=True)
        return ops.log(total / count)[:, :, None]

    def _frames(self, powers: Values, ops: Any) -> Values:
        return ops.sum(ops.exp(powers - self._excess), axis=2)


def with_background(powers: Values, behind: Values, snr_db: Values, levels: Levels, ops: Any = np) -> Values:
    """Put a background behind scenes; powers of independent sounds add.

    Parameters
    ----------
    powers, behind : [clips, frames, bands]
        Natural logarithms of power.
    snr_db : [clips, 1, 1]
    levels : Levels
    ops : module
        ``numpy`` or ``keras.ops``.
    """
    shift = levels.of_speech(powers, ops) - levels.of_background(behind, ops) - snr_db * _NEPERS_PER_DB
    behind = behind + shift
    # logaddexp by functions that numpy has vectorised
    return ops.maximum(powers, behind) + ops.log1p(ops.exp(-ops.abs(powers - behind)))


class Surroundings:
    """Another microphone, another level, something else to hear: drawn anew every time, on features, at little cost.

    What is done to the bands is done to their cosine transform.

    Parameters
    ----------
    features : FeaturesConfig
    background : int8 [frames, num_features]
        To mix behind scenes; may be empty.
    config : SurroundingsConfig
    babble : int8 [frames, num_features], optional
        Several people talking at once.
    """

    def __init__(
        self,
        features: FeaturesConfig,
        background: NDArray[np.int8],
        config: SurroundingsConfig,
        babble: NDArray[np.int8] | None = None,
    ) -> None:
        self._background, self._config, self._features = background, config, features
        self._babble = background[:0] if babble is None else babble
        self._levels, self._curves = Levels(features), colour_curves(features.num_mel_bands)
        self._to_log_power = powers_per_unit(features)
        self._to_bands = np.eye(features.num_mel_bands, dtype=np.float32)
        self._to_features = self._to_bands
        if features.num_coefficients is not None:
            matrix = dct_matrix(features.num_coefficients, features.num_mel_bands, features.dct)
            self._to_features = matrix.T.astype(np.float32)
            self._to_bands = np.linalg.pinv(matrix).T.astype(np.float32)

    def surround(self, features: NDArray[np.int8], rng: np.random.Generator) -> NDArray[np.int8]:
        """Change ``[clips, frames, num_features]``, each clip in its own way."""
        config = self._config
        powers = self._powers(features) + draw_colour(len(features), config, self._curves, rng)
        mixed = np.flatnonzero(rng.random(len(features)) < config.background_probability)
        if mixed.size and len(self._background) >= features.shape[1]:
            behind, snr_db = self._behind(mixed.size, features.shape[1], rng)
            powers[mixed] = with_background(powers[mixed], behind, snr_db, self._levels)
        real = (powers / self._to_log_power) @ self._to_features
        steps = np.rint(real / np.float32(self._features.scale)) + self._features.zero_point
        return np.clip(steps, -128, 127).astype(np.int8)

    def _behind(
        self, count: int, num_frames: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Backgrounds ``[count, frames, bands]`` and how far below their scenes they are, ``[count, 1, 1]``."""
        config = self._config
        behind = self._pieces(self._background, count, num_frames, rng)
        double = np.flatnonzero(rng.random(count) < config.second_background_probability)
        more = self._pieces(self._background, double.size, num_frames, rng)
        behind[double] = with_background(behind[double], more, np.zeros((1, 1, 1), np.float32), self._levels)
        snr_db = rng.uniform(*config.background_snr_db, (count, 1, 1)).astype(np.float32)
        if len(self._babble) >= num_frames:
            crowds = np.flatnonzero(rng.random(count) < config.babble_share)
            behind[crowds] = self._pieces(self._babble, crowds.size, num_frames, rng)
            snr_db[crowds] = rng.uniform(*config.babble_snr_db, (crowds.size, 1, 1))
        return behind, snr_db

    def _pieces(
        self, sounds: NDArray[np.int8], count: int, num_frames: int, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        starts = rng.integers(0, len(sounds) - num_frames + 1, count)
        pieces = self._powers(cut_windows(sounds, starts, num_frames))
        return np.asarray(pieces + draw_colour(count, self._config, self._curves, rng))

    def _powers(self, features: NDArray[np.int8]) -> NDArray[np.float32]:
        """Natural logarithms of power ``[clips, frames, bands]``."""
        return np.asarray(self._features.dequantize(features) @ self._to_bands * self._to_log_power)


def cut_windows(stream: NDArray[np.int8], starts: NDArray[np.int64], num_frames: int) -> NDArray[np.int8]:
    """Cut ``[clips, num_frames, num_features]`` out of a stream ``[frames, num_features]``."""
    return np.asarray(stream[starts[:, None] + np.arange(num_frames)])


def _runs(rows: int, length: int, longest: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """One run per row, its length uniform in 0..longest, anywhere: bool ``[rows, length]``."""
    width = rng.integers(0, min(longest, length) + 1, rows)
    start = (rng.uniform(size=rows) * (length - width + 1)).astype(np.int64)
    place = np.arange(length)
    return (place >= start[:, None]) & (place < (start + width)[:, None])
