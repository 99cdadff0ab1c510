# SPDX-License-Identifier: Apache-2.0
"""Settings of a network and of its training, whatever it learns from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from kws import places
from kws.ranges import Part, Positive, Rate, Share, Width, Within

Size = Literal["micro", "small", "full"]
TRUNK_FILES: dict[str, Path] = {
    "micro": places.models() / "speech_trunk_micro.npz",
    "small": places.models() / "speech_trunk_small.npz",
    "full": places.models() / "speech_trunk.npz",
}
"""What word networks of these sizes start from."""


@dataclass(frozen=True, kw_only=True)
class StemConfig:
    """The first convolution; time comes first in every pair."""

    filters: Positive = 64
    kernel: tuple[Positive, Positive] = (10, 4)
    strides: tuple[Positive, Positive] = (2, 2)
    frequency_padding: Literal["same", "valid"] = "same"
    """As in `BlockConfig`."""


@dataclass(frozen=True, kw_only=True)
class BlockConfig:
    """A depthwise convolution followed by a pointwise one."""

    filters: Positive
    kernel: tuple[Positive, Positive] = (3, 3)
    strides: tuple[Positive, Positive] = (1, 1)
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
    dropout: Part = 0.2


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """AdamW under a cosine schedule with warm-up."""

    epochs: Positive = 36
    batch_clips: Positive = 100
    learning_rate: Rate = 2e-3
    warmup_epochs: Width = 1.0
    final_learning_rate: Width = 1e-5
    weight_decay: Width = 1e-4
    label_smoothing: Share = 0.1
    ema_decay: Annotated[float, Within(0.0, 0.999_999)] = 0.998
    """The network kept is the exponential moving average over steps of all weights; 0 switches it off."""


@dataclass(frozen=True, kw_only=True)
class QuantizeConfig:
    """Post-training int8 quantisation."""

    representative_clips: Positive = 300
    """Training clips, drawn by the seed and recorded, that set the range of every activation."""
