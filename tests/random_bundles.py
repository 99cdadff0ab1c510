# SPDX-License-Identifier: Apache-2.0
"""Small random spotters for tests: real bundles of every shape of network, made without TensorFlow.

Their weights mean nothing, but their outputs move with the audio, which is what equality tests need.
"""

from __future__ import annotations

import numpy as np

from kws.bundle import Bundle
from kws.decision import DecisionConfig, OperatingPoint
from kws.features import AnyFeaturesConfig, Features, FeaturesConfig
from kws.gate import GateConfig
from kws.importer.arithmetic import quantize_multiplier, softmax_constants
from kws.importer.network import Layer, Network, Op, Quantization, Shape
from kws.importer.section import model_section

ACTIVATION = Quantization(scale=0.05, zero_point=-10)
LABELS = ("silence", "unknown", "left", "right")


def _channels(rng: np.random.Generator, count: int, products: int) -> np.ndarray:
    """Biases and multipliers that keep outputs inside int8 without flattening them."""
    bias = rng.integers(-2000, 2000, count)
    pairs = [quantize_multiplier(float(s)) for s in rng.uniform(0.3, 0.6, count) / (20.0 * np.sqrt(products))]
    return np.array([[b, m, s] for b, (m, s) in zip(bias, pairs, strict=True)], np.int32)


def _layer(rng: np.random.Generator, op: Op, shape: Shape, out_channels: int, kernel: tuple[int, int],
           stride: tuple[int, int] = (1, 1), padding: tuple[int, int, int, int] = (0, 0, 0, 0)) -> Layer:  # fmt: skip
    top, bottom, left, right = padding
    height = (shape.height + top + bottom - kernel[0]) // stride[0] + 1
    width = (shape.width + left + right - kernel[1]) // stride[1] + 1
    if op is Op.DEPTHWISE:
        weights = rng.integers(-127, 128, (*kernel, shape.channels), np.int8)
    else:
        weights = rng.integers(-127, 128, (out_channels, *kernel, shape.channels), np.int8)
    products = kernel[0] * kernel[1] * (1 if op is Op.DEPTHWISE else shape.channels)
    return Layer(
        op=op, name=op.name.lower(), input=shape, output=Shape(height=height, width=width, channels=out_channels),
        kernel=kernel, stride=stride, padding=padding, input_quantization=ACTIVATION, output_quantization=ACTIVATION,
        clamp=(-128, 127), weights=weights, channels=_channels(rng, out_channels, products),
    )  # fmt: skip


def random_network(*, seed: int = 0, channels: int = 16, streaming: bool = True, causal: bool = False,
                   num_features: int = 10) -> Network:  # fmt: skip
    """Return a DS-CNN over 49 frames: conv, two separable blocks, pool, dense, softmax.

    Streaming networks are not padded in time, or, with ``causal``, above the first frame only.
    """
    rng = np.random.default_rng(seed)
    time_pad = ((2, 0) if causal else (0, 0)) if streaming else (1, 1)
    first_pad = ((9, 0) if causal else (0, 0)) if streaming else (4, 5)
    layers = [_layer(rng, Op.CONV, Shape(height=49, width=num_features, channels=1), channels, (10, 4), (2, 2),
                     (*first_pad, 1, 1))]  # fmt: skip
    for _ in range(2):
        layers.append(_layer(rng, Op.DEPTHWISE, layers[-1].output, channels, (3, 3), padding=(*time_pad, 1, 1)))
        layers.append(_layer(rng, Op.POINTWISE, layers[-1].output, channels, (1, 1)))
    shape = layers[-1].output
    pooled = Shape(height=1, width=1, channels=channels)
    layers.append(
        Layer(op=Op.AVERAGE_POOL, name="pool", input=shape, output=pooled, kernel=(shape.height, shape.width),
              stride=(1, 1), padding=(0, 0, 0, 0), input_quantization=ACTIVATION, output_quantization=ACTIVATION,
              clamp=(-128, 127), weights=None, channels=None)
    )  # fmt: skip
    logits = Shape(height=1, width=1, channels=len(LABELS))
    layers.append(
        Layer(op=Op.DENSE, name="dense", input=pooled, output=logits, kernel=(1, 1), stride=(1, 1),
              padding=(0, 0, 0, 0), input_quantization=ACTIVATION, output_quantization=ACTIVATION, clamp=(-128, 127),
              weights=rng.integers(-127, 128, (len(LABELS), channels), np.int8),
              channels=_channels(rng, len(LABELS), 1))
    )  # fmt: skip
    layers.append(
        Layer(op=Op.SOFTMAX, name="softmax", input=logits, output=logits, kernel=(1, 1), stride=(1, 1),
              padding=(0, 0, 0, 0), input_quantization=ACTIVATION,
              output_quantization=Quantization(scale=1 / 256, zero_point=-128), clamp=(-128, 127), weights=None,
              channels=np.array([softmax_constants(0.02, 1.0)], np.int32))
    )  # fmt: skip
    return Network(window_frames=49, num_features=num_features, num_labels=len(LABELS),
                   input_quantization=ACTIVATION, layers=tuple(layers))  # fmt: skip


def random_bundle(*, seed: int = 0, streaming: bool = True, causal: bool = False, gate: GateConfig | None = None,
                  channels: int = 16, features: AnyFeaturesConfig | None = None) -> Bundle:  # fmt: skip
    """Return a whole spotter; it fires often, so that events can be compared."""
    config = features if features is not None else FeaturesConfig()
    network = random_network(seed=seed, channels=channels, streaming=streaming, causal=causal,
                             num_features=config.num_features)  # fmt: skip
    decision = DecisionConfig(
        operating_points=(
            OperatingPoint(thresholds=(90, 90, 90, 90)),
            OperatingPoint(thresholds=(0, 0, 250, 250), false_accepts_per_hour=0.5),
        ),
        smoothing_decisions=3,
        refractory_frames=7,
    )
    return Bundle.build(features=config, model_section=model_section(network), labels=LABELS, decision=decision,
                        metadata={"name": "random"}, gate=gate, name="random")  # fmt: skip


def loudness_bundle(window_frames: int = 14) -> Bundle:
    """Return a spotter of `loud` against `silence`, which sums the features of a window of 0.29 s."""
    config = FeaturesConfig(num_coefficients=None)
    features = Features(config)
    samples = (window_frames - 1) * config.hop_samples + config.window_samples
    noise = np.random.default_rng(0).normal(0.0, 8000.0, samples).clip(-32768, 32767).astype(np.int16)
    middle = sum(int(features.compute(part).astype(int).sum()) for part in (noise, 0 * noise)) // 2
    given = Quantization(scale=config.scale, zero_point=config.zero_point)
    logits = Quantization(scale=0.1, zero_point=0)
    window = Shape(height=window_frames, width=1, channels=config.num_features)
    pair = Shape(height=1, width=1, channels=2)
    signs = np.array([-1, 1], np.int8)
    dense = Layer(
        op=Op.DENSE, name="dense", input=window, output=pair, kernel=(window_frames, 1), stride=(1, 1),
        padding=(0, 0, 0, 0), input_quantization=given, output_quantization=logits, clamp=(-128, 127),
        weights=signs[:, np.newaxis].repeat(window_frames * config.num_features, axis=1),
        channels=np.array([[-sign * middle, *quantize_multiplier(0.002)] for sign in (-1, 1)], np.int32),
    )  # fmt: skip
    softmax = Layer(
        op=Op.SOFTMAX, name="softmax", input=pair, output=pair, kernel=(1, 1), stride=(1, 1), padding=(0, 0, 0, 0),
        input_quantization=logits, output_quantization=Quantization(scale=1 / 256, zero_point=-128),
        clamp=(-128, 127), weights=None, channels=np.array([softmax_constants(0.1, 1.0)], np.int32),
    )  # fmt: skip
    network = Network(window_frames=window_frames, num_features=config.num_features, num_labels=2,
                      input_quantization=given, layers=(dense, softmax))  # fmt: skip
    decision = DecisionConfig(operating_points=(OperatingPoint(thresholds=(0, 128)),))
    return Bundle.build(features=config, model_section=model_section(network), labels=("silence", "loud"),
                        decision=decision, name="loudness")  # fmt: skip


def speech_like(seconds: float, *, seed: int = 0, silence: tuple[float, float] | None = None) -> np.ndarray:
    """Return int16 audio that excites every band: chirps, bursts and noise whose mixture wanders.

    ``silence`` (start, end in seconds) is filled with noise of a few steps only.
    """
    rng = np.random.default_rng(seed)
    num_samples = int(seconds * 16000)
    time = np.arange(num_samples) / 16000
    envelope = np.abs(np.sin(2 * np.pi * 1.7 * time + rng.uniform(0, 6))) ** 2
    carrier = np.sin(2 * np.pi * (300 * time + 900 / 2.3 * np.sin(2.3 * time))) + 0.4 * rng.normal(size=num_samples)
    audio = 6000 * envelope * carrier + rng.normal(0, 30, num_samples)
    if silence is not None:
        span = slice(int(silence[0] * 16000), int(silence[1] * 16000))
        audio[span] = rng.normal(0, 2, num_samples)[span]
    return np.clip(np.rint(audio), -32768, 32767).astype(np.int16)
