# SPDX-License-Identifier: Apache-2.0
"""A network of the shape of the MLPerf Tiny keyword spotter, with weights of its own.

The kernels take the same time whatever the weights are, so this stands for the published network wherever its file
is not at hand: 22,604 parameters, 2.66 million multiplications per inference.
"""

from __future__ import annotations

import numpy as np

from kws.bundle import Bundle
from kws.features import FeaturesConfig
from kws.importer.bundle import default_decision
from kws.importer.network import Layer, Network, Op, Quantization, Shape
from kws.importer.section import model_section

NAME = "mlperf_ds_cnn"
WINDOW_FRAMES = 49
NUM_FEATURES = 10
CHANNELS = 64
NUM_LABELS = 12
INPUT = Quantization(scale=0.58, zero_point=83)
HIDDEN = Quantization(scale=0.06, zero_point=-128)
"""After a ReLU: the zero point is the lowest value."""
LOGITS = Quantization(scale=0.14, zero_point=14)
POSTERIORS = Quantization(scale=1 / 256, zero_point=-128)


def reference_network(seed: int = 1) -> Network:
    """Return the network; the same seed gives the same weights."""
    rng = np.random.default_rng(seed)
    spectrogram = Shape(height=WINDOW_FRAMES, width=NUM_FEATURES, channels=1)
    hidden = Shape(height=25, width=5, channels=CHANNELS)
    pooled = Shape(height=1, width=1, channels=CHANNELS)
    labels = Shape(height=1, width=1, channels=NUM_LABELS)
    first = _layer(rng, Op.CONV, spectrogram, hidden, (10, 4), (2, 2), (4, 5, 1, 1), INPUT, HIDDEN)
    layers = [first]
    for _ in range(4):
        layers.append(_layer(rng, Op.DEPTHWISE, hidden, hidden, (3, 3), (1, 1), (1, 1, 1, 1), HIDDEN, HIDDEN))
        layers.append(_layer(rng, Op.POINTWISE, hidden, hidden, (1, 1), (1, 1), (0, 0, 0, 0), HIDDEN, HIDDEN))
    layers.append(_layer(rng, Op.AVERAGE_POOL, hidden, pooled, (25, 5), (1, 1), (0, 0, 0, 0), HIDDEN, HIDDEN))
    layers.append(_layer(rng, Op.DENSE, pooled, labels, (1, 1), (1, 1), (0, 0, 0, 0), HIDDEN, LOGITS))
    layers.append(_layer(rng, Op.SOFTMAX, labels, labels, (1, 1), (1, 1), (0, 0, 0, 0), LOGITS, POSTERIORS))
    return Network(
        window_frames=WINDOW_FRAMES,
        num_features=NUM_FEATURES,
        num_labels=NUM_LABELS,
        input_quantization=INPUT,
        layers=tuple(layers),
    )


def reference_bundle() -> Bundle:
    """Return the network behind the MLPerf front end, deciding once per window."""
    labels = [f"label {index}" for index in range(NUM_LABELS)]
    return Bundle.build(
        features=FeaturesConfig(),
        model_section=model_section(reference_network(), decision_frames=WINDOW_FRAMES),
        labels=labels,
        decision=default_decision(labels),
        name=NAME,
    )


def _layer(
    rng: np.random.Generator,
    op: Op,
    source: Shape,
    target: Shape,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int, int, int],
    source_quantization: Quantization,
    target_quantization: Quantization,
) -> Layer:
    weights_shape = {
        Op.CONV: (target.channels, *kernel, source.channels),
        Op.POINTWISE: (target.channels, 1, 1, source.channels),
        Op.DEPTHWISE: (*kernel, target.channels),
        Op.DENSE: (target.channels, source.size),
    }.get(op)
    weights = None if weights_shape is None else rng.integers(-127, 128, weights_shape).astype(np.int8)
    num_channels = {Op.AVERAGE_POOL: 0, Op.SOFTMAX: 1}.get(op, target.channels)
    scaling = (-128, 1 << 30, 20) if op is Op.SOFTMAX else (0, 3 << 29, -8)
    channels = np.tile(np.array(scaling, np.int32), (num_channels, 1)) if num_channels else None
    return Layer(
        op=op,
        name=op.name.lower(),
        input=source,
        output=target,
        kernel=kernel,
        stride=stride,
        padding=padding,
        input_quantization=source_quantization,
        output_quantization=target_quantization,
        clamp=(-128, 127),
        weights=weights,
        channels=channels,
    )
