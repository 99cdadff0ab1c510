"""The network of a word project: a streaming DS-CNN whose window is as long as the words."""

from __future__ import annotations

import numpy as np

from kws.audio import SAMPLE_RATE_HZ
from kws.errors import ConfigError
from kws.features import FeaturesConfig
from training.config import BlockConfig, DataConfig, ModelConfig, RunConfig, StemConfig
from training.wakeword.config import NetworkConfig, WordProject
from training.wakeword.examples import WindowShape
from training.wakeword.speech import SpeechBank, word_durations_s

LONGEST_WORD_S = 2.0
"""A longer phrase would need a window, and so a delay and memory, that a small board does not have."""

_STEM_KERNEL = (6, 4)
_STEM_STRIDES = (2, 2)
_SHORTEST_WINDOW_S = 0.8
_USUAL_TAKES = 0.9
"""The window holds this share of all takes whole; slower ones lose their beginning."""


def window_shape(project: WordProject, bank: SpeechBank) -> WindowShape:
    """Choose the window from how long the words take to say."""
    longest_s = max(
        float(np.quantile(word_durations_s(bank, label), _USUAL_TAKES)) for label in range(1, len(project.labels))
    )
    features, examples = project.features, project.examples
    jitter_s = examples.jitter_frames * features.hop_samples / SAMPLE_RATE_HZ
    seconds = max(_SHORTEST_WINDOW_S, longest_s + jitter_s + examples.tail_ms / 1000.0)
    frames = 1 + (round(seconds * SAMPLE_RATE_HZ) - features.window_samples) // features.hop_samples
    return WindowShape(
        window_frames=frames + frames % 2,  # the first convolution takes frames two by two
        jitter_frames=examples.jitter_frames,
        hop_samples=features.hop_samples,
        window_samples=features.window_samples,
        tail_samples=examples.tail_ms * SAMPLE_RATE_HZ // 1000,
    )


def model_config(network: NetworkConfig, features: FeaturesConfig, window_frames: int) -> ModelConfig:
    """Blocks for a window: the last depthwise kernel spans all rows that are left.

    A kernel over all rows weighs every moment of the word by itself; the average pool it replaces would forget
    their order.

    Raises
    ------
    ConfigError
        If the blocks leave no row.
    """
    rows = (window_frames - _STEM_KERNEL[0]) // _STEM_STRIDES[0] + 1
    rows -= network.num_blocks * (network.kernel_frames - 1)
    if rows < 1:
        raise ConfigError(
            f"network: {network.num_blocks} blocks of {network.kernel_frames} rows do not fit a window of "
            f"{window_frames} frames of {features.hop_samples} samples; use fewer blocks or smaller kernels"
        )
    block = BlockConfig(filters=network.channels, kernel=(network.kernel_frames, 3))
    return ModelConfig(
        stem=StemConfig(filters=network.channels, kernel=_STEM_KERNEL, strides=_STEM_STRIDES),
        blocks=(block,) * network.num_blocks + (BlockConfig(filters=network.channels, kernel=(rows, 3)),),
        time_padding="valid",
    )


def run_config(project: WordProject, shape: WindowShape) -> RunConfig:
    """The project as a run of `training.train`."""
    window_ms = 1000 * (shape.window_samples + (shape.window_frames - 1) * shape.hop_samples) // SAMPLE_RATE_HZ
    return RunConfig(
        name=project.name,
        seed=project.seed,
        data=DataConfig(labels=project.labels, clip_ms=window_ms, fractions={}),
        features=project.features,
        augment=project.masks,
        model=model_config(project.network, project.features, shape.window_frames),
        optimizer=project.optimizer,
        quantize=project.quantize,
    )
