# SPDX-License-Identifier: Apache-2.0
"""Settings of a network and of its training, whatever it learns from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from kws import places

Size = Literal["micro", "small", "full"]
TRUNK_FILES: dict[str, Path] = {
    "micro": places.models() / "speech_trunk_micro.npz",
    "small": places.models() / "speech_trunk_small.npz",
    "full": places.models() / "speech_trunk.npz",
}
"""What word networks of these sizes start from."""

HIGHEST_SEED = 2**31 - 1
"""What numpy, Keras and TensorFlow all take, multiplied and added to as it is."""


def check_seed(seed: int) -> None:
    """Refuse a seed that some generator would refuse later.

    Raises
    ------
    ValueError
    """
    if not 0 <= seed <= HIGHEST_SEED:
        raise ValueError(f"seed: expected 0 to {HIGHEST_SEED}, got {seed}")


@dataclass(frozen=True, kw_only=True)
class StemConfig:
    """The first convolution; time comes first in every pair."""

    filters: int = 64
    kernel: tuple[int, int] = (10, 4)
    strides: tuple[int, int] = (2, 2)
    frequency_padding: Literal["same", "valid"] = "same"
    """As in `BlockConfig`."""


@dataclass(frozen=True, kw_only=True)
class BlockConfig:
    """A depthwise convolution followed by a pointwise one."""

    filters: int
    kernel: tuple[int, int] = (3, 3)
    strides: tuple[int, int] = (1, 1)
    frequency_padding: Literal["same", "valid"] = "same"
    """``valid``: a kernel as wide as its input folds all columns into one; from there on only time is left."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """A depthwise-separable CNN (DS-CNN)."""

    stem: StemConfig = field(default_factory=StemConfig)
    blocks: tuple[BlockConfig, ...] = (BlockConfig(filters=64),) * 4
    time_padding: Literal["same", "valid", "causal"] = "same"
    """``valid`` (none in time) and ``causal`` (only above the first frame) stream: each new frame costs only its new
    columns. ``causal`` keeps as many rows as there were, so words at the edges of a clip count as much as others."""
    dropout: float = 0.2


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """AdamW under a cosine schedule with warm-up."""

    epochs: int = 36
    batch_clips: int = 100
    learning_rate: float = 2e-3
    warmup_epochs: float = 1.0
    final_learning_rate: float = 1e-5
    weight_decay: float = 1e-4
    label_smoothing: float = 0.1
    ema_decay: float = 0.998
    """The network kept is the exponential moving average over steps of all weights; 0 switches it off."""


@dataclass(frozen=True, kw_only=True)
class QuantizeConfig:
    """Post-training int8 quantisation."""

    representative_clips: int = 300
    """Training clips, drawn by the seed and recorded, that set the range of every activation."""
