# SPDX-License-Identifier: Apache-2.0
"""Numpy reference of the int8 network: whole feature maps at once, no rings, no rows, 64-bit sums.

It repeats TFLite's reference arithmetic from a :class:`~kws.importer.network.Network` and is slow; the C engine and
TFLite itself are both tested against it.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from kws.importer.arithmetic import SOFTMAX_INTEGER_BITS
from kws.importer.network import FRAMES, JOINS, Layer, Network, Op

Int8Array = npt.NDArray[np.int8]
Int64Array = npt.NDArray[np.int64]


def run_network(network: Network, frames: Int8Array) -> list[Int8Array]:
    """Return every layer's output.

    Parameters
    ----------
    network : Network
    frames : int8 array, shape [frames, features]
        One window, or for a network without padding in time a recording of any greater length.

    Returns
    -------
    list of int8 arrays, shape [height, width, channels]
    """
    outputs: list[Int8Array] = []
    for index, layer in enumerate(network.layers):
        maps = [frames if source == FRAMES else outputs[source] for source in network.sources(index)]
        first = maps[0].astype(np.int64).reshape(len(maps[0]), layer.input.width, layer.input.channels)
        if layer.op is Op.SLICE and len(frames) == network.window_frames:
            first = first[: layer.skip_rows + layer.output.height]
        if layer.op in JOINS:
            second = maps[1].astype(np.int64).reshape(len(maps[1]), layer.input.width, -1)
            rows = min(len(first), len(second))
            outputs.append(join(layer, first[:rows], second[:rows]).astype(np.int8))
        else:
            outputs.append(run_layer(layer, first).astype(np.int8))
    return outputs


def run_layer(layer: Layer, feature_map: Int64Array) -> Int64Array:
    """Return the output of one layer with one input, [height, width, channels], values in int8."""
    simple = {
        Op.SOFTMAX: softmax,
        Op.AVERAGE_POOL: average_pool,
        Op.MAX_POOL: max_pool,
        Op.MEAN: mean,
        Op.LOOKUP: lookup,
        Op.SLICE: cut,
    }
    if layer.op in simple:
        return simple[layer.op](layer, feature_map)
    windows = _windows(layer, feature_map, layer.input_quantization.zero_point)
    assert layer.weights is not None
    assert layer.channels is not None
    weights = layer.weights.astype(np.int64)
    if layer.op is Op.DEPTHWISE:
        windows = np.repeat(windows, layer.output.channels // layer.input.channels, axis=2)
        sums = np.einsum("hwcyx,yxc->hwc", windows, weights)
    else:
        kernels = weights.reshape(len(weights), *layer.kernel, layer.input.channels)
        sums = np.einsum("hwcyx,oyxc->hwo", windows, kernels)
    bias, multiplier, shift = layer.channels.astype(np.int64).T
    rescale = rescale_once if layer.op is Op.DENSE else rescale_twice
    scaled = rescale(sums + bias, multiplier, shift) + layer.output_quantization.zero_point
    clipped: Int64Array = np.clip(scaled, *layer.clamp)
    return clipped


def _windows(layer: Layer, feature_map: Int64Array, fill: int) -> Int64Array:
    """Return what lies under the kernel at each output position: [height, width, channels, ky, kx]."""
    top, bottom, left, right = layer.padding
    padded = np.pad(feature_map, ((top, bottom), (left, right), (0, 0)), constant_values=fill)
    span = ((layer.kernel[0] - 1) * layer.dilation + 1, layer.kernel[1])
    views: Int64Array = sliding_window_view(padded, span, axis=(0, 1))
    return views[:: layer.stride[0], :: layer.stride[1], :, :: layer.dilation]


def average_pool(layer: Layer, feature_map: Int64Array) -> Int64Array:
    """Mean over the cells that are not padding, rounded half away from zero."""
    sums = _windows(layer, feature_map, 0).sum(axis=(3, 4))
    cells = _windows(layer, np.ones_like(feature_map), 0).sum(axis=(3, 4))
    half = cells // 2
    means = np.where(sums > 0, (sums + half) // cells, -((half - sums) // cells))
    clipped: Int64Array = np.clip(means, *layer.clamp)
    return clipped


def max_pool(layer: Layer, feature_map: Int64Array) -> Int64Array:
    """Largest value under the kernel."""
    clipped: Int64Array = np.clip(_windows(layer, feature_map, -128).max(axis=(3, 4)), *layer.clamp)
    return clipped


def mean(layer: Layer, feature_map: Int64Array) -> Int64Array:
    """Sum, rescaled as in a convolution."""
    assert layer.channels is not None
    bias, multiplier, shift = layer.channels[0].astype(np.int64)
    scaled = rescale_twice(_windows(layer, feature_map, 0).sum(axis=(3, 4)) + bias, multiplier, shift)
    clipped: Int64Array = np.clip(scaled + layer.output_quantization.zero_point, *layer.clamp)
    return clipped


def lookup(layer: Layer, feature_map: Int64Array) -> Int64Array:
    """One table for all channels, or one for each."""
    assert layer.weights is not None
    tables = np.broadcast_to(layer.weights.astype(np.int64), (layer.input.channels, 256))
    values: Int64Array = tables[np.arange(layer.input.channels), feature_map + 128]
    return values


def cut(layer: Layer, feature_map: Int64Array) -> Int64Array:
    """Some of the channels, without the first rows."""
    end = layer.first_channel + layer.output.channels
    return feature_map[layer.skip_rows :, :, layer.first_channel : end]


def join(layer: Layer, first: Int64Array, second: Int64Array) -> Int64Array:
    """Concatenate two feature maps or add them as TFLite's int8 ADD does."""
    if layer.op is Op.CONCAT:
        return np.concatenate([first, second], axis=2)
    assert layer.channels is not None
    left, right, total = layer.channels.astype(np.int64)
    scaled = [rescale_twice((part + row[0]) << 20, row[1], row[2]) for part, row in ((first, left), (second, right))]
    sums = rescale_twice(scaled[0] + scaled[1], total[1], total[2]) + layer.output_quantization.zero_point
    clipped: Int64Array = np.clip(sums, *layer.clamp)
    return clipped


def softmax(layer: Layer, feature_map: Int64Array) -> Int64Array:
    """Real-valued softmax to the nearest step of 1/256: the integer one may differ by one step."""
    assert layer.channels is not None
    _, multiplier, shift = (int(value) for value in layer.channels[0])
    scale = math.ldexp(multiplier, shift - 31 - (31 - SOFTMAX_INTEGER_BITS))
    reals = (feature_map - feature_map.max(axis=2, keepdims=True)) * scale
    exponentials = np.exp(reals)
    shares = exponentials / exponentials.sum(axis=2, keepdims=True)
    steps: Int64Array = np.rint(shares * 256).astype(np.int64)
    return np.clip(steps - 128, -128, 127)


def rescale_twice(values: Int64Array, multiplier: Int64Array, shift: Int64Array) -> Int64Array:
    """Convolutions: doubling high multiply rounded half up, then a power of two rounded half away from zero."""
    left, right = np.maximum(shift, 0), np.maximum(-shift, 0)
    high = ((values << left) * multiplier + (1 << 30)) >> 31
    half = (np.int64(1) << right) >> 1
    return np.where(high >= 0, (high + half) >> right, -((-high + half) >> right))


def rescale_once(values: Int64Array, multiplier: Int64Array, shift: Int64Array) -> Int64Array:
    """Dense layers: one division by a power of two, rounded half up."""
    right = 31 - shift
    return (values * multiplier + (np.int64(1) << (right - 1))) >> right
