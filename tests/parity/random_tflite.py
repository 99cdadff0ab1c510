"""Random small int8 networks as .tflite files: the shapes people bring, and the ones nobody thought of."""

from __future__ import annotations

import numpy as np
from tflite_writer import Value, Writer

ACTIVATIONS = ("NONE", "RELU", "RELU6")


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
