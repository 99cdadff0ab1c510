# SPDX-License-Identifier: Apache-2.0
"""Random small int8 networks as .tflite files: the shapes people bring, and the ones nobody thought of."""

from __future__ import annotations

import numpy as np
from tflite_writer import Value, Writer

ACTIVATIONS = ("NONE", "RELU", "RELU6")
ARITHMETIC = ("ADD", "SUB", "MUL")


def _size(rng: np.random.Generator, cells: int, most: int) -> int:
    return int(rng.integers(1, min(cells, most) + 1))


def _sliding(writer: Writer, source: Value) -> Value:
    """Add a convolution, a depthwise one, a 1 x 1 or a pool, with leftover rows and columns as they come."""
    rng = writer.rng
    _, height, width, _ = source.shape
    kernel = (_size(rng, height, 5), _size(rng, width, 4))
    stride = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    same = bool(rng.random() < 0.5)
    activation = str(rng.choice(ACTIVATIONS))
    filters = int(rng.choice([1, 3, 4, 8, 12, 16]))
    kind = rng.choice(["conv", "depthwise", "pointwise", "pool"])
    if kind == "conv":
        return writer.conv(source, filters, kernel, stride, same=same, activation=activation)
    if kind == "depthwise":
        return writer.depthwise(source, kernel, (stride[0],) * 2, same=same, activation=activation)
    if kind == "pointwise":
        return writer.conv(source, filters, (1, 1), activation=activation)
    return writer.pool(source, kernel, stride, same=same)


def random_model(seed: int) -> bytes:
    """Return a network of one to five sliding layers, perhaps a hidden dense layer, and a softmax."""
    rng = np.random.default_rng(seed)
    writer = Writer(rng)
    value = writer.source((1, int(rng.integers(3, 50)), int(rng.integers(1, 13)), int(rng.choice([1, 1, 1, 2]))))
    for _ in range(int(rng.integers(1, 6))):
        value = _sliding(writer, value)
    if rng.random() < 0.5:
        value = writer.dense(value, _size(rng, 16, 16), activation=str(rng.choice(ACTIVATIONS)))
    return writer.finish(writer.softmax(writer.dense(value, int(rng.integers(2, 13)))))


def _residual(writer: Writer, source: Value) -> Value:
    """Add branches of equal rate and join them: sums, or channels side by side."""
    rng = writer.rng
    stride = (int(rng.integers(1, 3)), int(rng.integers(1, 3)))
    channels = source.shape[3]

    def branch() -> Value:
        kernel = (int(rng.integers(1, 5)), int(rng.integers(1, 4)))
        value = writer.conv(source, channels, kernel, stride, same=True, activation=str(rng.choice(ACTIVATIONS)))
        for _ in range(int(rng.integers(0, 3))):
            dilation = (int(rng.integers(1, 4)), int(rng.integers(1, 3)))
            value = writer.conv(value, channels, (int(rng.integers(1, 4)), 3), same=True, dilation=dilation)
        return value

    first, second = branch(), source if stride == (1, 1) and rng.random() < 0.5 else branch()
    if rng.random() < 0.7:
        return writer.add(first, second, activation=str(rng.choice(ACTIVATIONS)))
    second = writer.requantize(second, first.scale, first.zero_point)
    return writer.concat([first, second], axis=int(rng.choice([2, 3])))


def _function(writer: Writer, source: Value) -> Value:
    rng = writer.rng
    name = str(rng.choice(["LOGISTIC", "TANH", "RELU", "RELU6", "LEAKY_RELU", "HARD_SWISH", "QUANTIZE", *ARITHMETIC]))
    if name == "LEAKY_RELU":
        return writer.leaky_relu(source, float(rng.uniform(0.01, 0.6)))
    if name in ARITHMETIC:
        shape = [(1,), (1, 1, 1, source.shape[3]), (1, 1, *source.shape[2:])][int(rng.integers(3))]
        pair = [source, writer.parameter(shape)]
        operands = pair if rng.random() < 0.7 else pair[::-1]
        return writer.add(*operands, name=name, activation=str(rng.choice(ACTIVATIONS)), shape=source.shape)
    return writer.unary(name, source)


def random_graph_model(seed: int) -> bytes:
    """Return a network with branches and the operations chains did not have."""
    rng = np.random.default_rng(seed)
    writer = Writer(rng)
    value = writer.source((1, int(rng.integers(6, 40)), int(rng.integers(1, 9)), int(rng.choice([1, 2, 3]))))
    for _ in range(int(rng.integers(1, 5))):
        _, height, width, channels = value.shape
        kernel = (_size(rng, height, 4), _size(rng, width, 3))
        stride = (int(rng.integers(1, 4)), int(rng.integers(1, 3)))
        kind = rng.choice(["residual", "max", "multiplied", "dilated", "function", "sliding"])
        if kind == "residual":
            value = _residual(writer, value)
        elif kind == "max":
            value = writer.pool(value, kernel, stride, same=bool(rng.random() < 0.5), kind="MAX")
        elif kind == "multiplied":
            multiplier = int(rng.integers(2, 4)) if channels < 9 else 1
            value = writer.depthwise(value, kernel, (stride[0],) * 2, same=True, multiplier=multiplier)
        elif kind == "dilated":
            value = writer.depthwise(value, kernel, same=True, dilation=(stride[0], 1))
        else:
            value = _function(writer, value) if kind == "function" else _sliding(writer, value)
    if rng.random() < 0.5:
        axes = [(1, 2), (1,), (2,)][int(rng.integers(3))]
        value = writer.mean(value, axes, keep=bool(rng.random() < 0.5), rescale=bool(rng.random() < 0.7))
    if rng.random() < 0.3:
        return writer.finish(writer.unary("LOGISTIC", writer.dense(value, int(rng.integers(1, 4)))))
    return writer.finish(writer.softmax(writer.dense(value, int(rng.integers(2, 13)))))
