# SPDX-License-Identifier: Apache-2.0
"""Weight layouts: how the weights of a layer are stored for the kernels that run on them.

``firmware/core/nn/conv_paired.h``, ``depthwise_stencil.h`` and ``depthwise_quads.h`` document the bytes that
:func:`packed_layer` writes. What no layout can hold stays compact, as TFLite stores it: kernels read that too, only
slower.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.core import lib
from kws.importer.network import Layer, Op
from kws.importer.rescaling import accumulator_range, rescaling_constants, settle_dead_channels

Constants = npt.NDArray[np.int32]
"""Start and multiplier per channel."""

MAX_BIAS = 1 << 22
"""256 * accumulator must stay inside 32 bits."""
MAX_ACCUMULATOR = 1 << 23
"""The same for what many inputs can sum up to."""
LOWEST_WEIGHT = -127
"""With -128 two weights would not fit into one 16-bit lane. TFLite never writes it."""
BLOCK_CHANNELS = int(lib.KWS_NN_PAIRED_CHANNELS)
WEIGHTED = (Op.CONV, Op.POINTWISE, Op.DEPTHWISE, Op.DENSE)
LANE_ORDER = (0, 2, 1, 3)
"""Of each four inputs: what SXTB16 puts into the two lanes of a first and a second register."""


@dataclass(frozen=True, kw_only=True)
class Packed:
    """The weights of a layer as they lie in the bundle."""

    layout: int
    """``kws_nn_layout_t``."""
    weights: bytes
    channels: bytes
    """Channel table; empty when there are constants among the weights in its place."""


def packed_layer(layer: Layer, *, compact: bool = False) -> Packed:
    """Return the weights and constants of a layer in the fastest layout that can hold them.

    Parameters
    ----------
    layer : Layer
    compact : bool
        Keep them as TFLite stores them: the smallest form, and the slowest.
    """
    if layer.op in WEIGHTED and not compact:
        layer = settle_dead_channels(layer)
    if layer.op in WEIGHTED and not compact and _sums_fit(layer):
        constants = rescaling_constants(layer)
        if _suits_paired(layer) and (constants is not None or layer.op is not Op.DENSE):
            return _packed(lib.KWS_NN_LAYOUT_PAIRED, layer, constants)
        if _suits_stencil(layer) and constants is not None:
            return _packed(lib.KWS_NN_LAYOUT_STENCIL, layer, constants)
        if _suits_quads(layer):
            return _packed(lib.KWS_NN_LAYOUT_QUADS, layer, constants)
    return Packed(
        layout=lib.KWS_NN_LAYOUT_COMPACT,
        weights=b"" if layer.weights is None else layer.weights.tobytes(),
        channels=_channel_table(layer),
    )


def _packed(layout: int, layer: Layer, constants: Constants | None) -> Packed:
    """Return a layer in a layout; with a channel table where the kernel cannot do without."""
    assert layer.channels is not None
    table = b""
    if constants is None:
        table = _channel_table(layer)
        constants = np.stack([256 * layer.channels[:, 0], np.zeros_like(layer.channels[:, 0])], axis=1)
    return Packed(layout=layout, weights=WRITERS[layout](layer, constants), channels=table)


def _channel_table(layer: Layer) -> bytes:
    return b"" if layer.channels is None else layer.channels.astype("<i4").tobytes()


def _sums_fit(layer: Layer) -> bool:
    assert layer.weights is not None
    assert layer.channels is not None
    biases = np.abs(layer.channels[:, 0].astype(np.int64))
    return bool(layer.weights.min() >= LOWEST_WEIGHT and biases.max() <= MAX_BIAS)


def _suits_paired(layer: Layer) -> bool:
    inputs = layer.kernel[0] * layer.kernel[1] * layer.input.channels
    if layer.op not in (Op.CONV, Op.POINTWISE, Op.DENSE) or inputs > lib.KWS_NN_PAIRED_MAX_INPUTS:
        return False
    lowest, highest = accumulator_range(layer)
    return bool(lowest.min() >= -MAX_ACCUMULATOR and highest.max() < MAX_ACCUMULATOR)


def _suits_stencil(layer: Layer) -> bool:
    size = (lib.KWS_NN_STENCIL_SIZE, lib.KWS_NN_STENCIL_SIZE)
    return (
        _is_plain_depthwise(layer)
        and layer.kernel == size
        and layer.stride[1] <= lib.KWS_NN_STENCIL_MAX_STRIDE
        and layer.output.width >= lib.KWS_NN_STENCIL_MIN_OUTPUTS
        and (layer.stride[1] == 1 or layer.output.width % 2 == 0)
        and _is_stored_whole(layer)
        and layer.output.channels % lib.KWS_NN_STENCIL_CHANNELS == 0
    )


def _is_stored_whole(layer: Layer) -> bool:
    """Return whether the number of columns is even, or the last one padding that a stencil would store as zero."""
    zeros = layer.padding[3] > 0 and layer.input_quantization.zero_point == -int(lib.KWS_NN_STENCIL_OFFSET)
    return zeros or (layer.padding[2] + layer.input.width + layer.padding[3]) % 2 == 0


def _suits_quads(layer: Layer) -> bool:
    taps = layer.kernel[0] * layer.kernel[1]
    whole_groups = layer.output.channels % lib.KWS_NN_QUADS_CHANNELS == 0
    return _is_plain_depthwise(layer) and taps <= lib.KWS_NN_QUADS_MAX_TAPS and whole_groups


def _is_plain_depthwise(layer: Layer) -> bool:
    return layer.op is Op.DEPTHWISE and layer.input.channels == layer.output.channels


def _paired(layer: Layer, constants: Constants) -> bytes:
    assert layer.weights is not None
    weights = layer.weights.reshape(layer.output.channels, -1).astype(np.int32)
    weights = np.pad(weights, [(0, -axis % 4) for axis in weights.shape])
    lanes = weights.reshape(len(weights), -1, 4)[..., LANE_ORDER].reshape(-1, 2, 2, weights.shape[1] // 2, 2)
    both = (256 * lanes[:, :, 1] + lanes[:, :, 0]).transpose(0, 2, 1, 3).astype("<i2")
    pairs = np.pad(constants, [(0, -len(constants) % BLOCK_CHANNELS), (0, 0)]).reshape(-1, 2, 2, 2)
    starts = pairs[:, :, 1, 0].astype("<i4")
    ends = np.stack([pairs[:, :, 0, 0], pairs[:, :, 0, 1], pairs[:, :, 1, 1]], axis=-1).astype("<i4")
    return _joined(starts, both, ends)


def _stencil(layer: Layer, constants: Constants) -> bytes:
    assert layer.weights is not None
    size = int(lib.KWS_NN_STENCIL_SIZE)
    taps = 256 * layer.weights.reshape(size, size, layer.output.channels).astype(np.int32)
    pairs = np.stack([taps[:, :2], taps[:, 1:]], axis=1).transpose(3, 0, 1, 2).astype("<i2")
    start = constants[:, 0] - int(lib.KWS_NN_STENCIL_OFFSET) * taps.sum(axis=(0, 1))
    return _joined(start.astype("<i4"), pairs, constants[:, 1].astype("<i4"))


def _quads(layer: Layer, constants: Constants) -> bytes:
    assert layer.weights is not None
    size = int(lib.KWS_NN_QUADS_CHANNELS)
    taps = layer.weights.reshape(-1, layer.output.channels // size, size).swapaxes(0, 1)
    return _joined(taps, constants.astype("<i4").reshape(-1, size, 2).swapaxes(1, 2))


def _joined(*columns: npt.NDArray[np.generic]) -> bytes:
    """Return the rows of several arrays one after the other: the first of each, the second of each, ..."""
    return b"".join(part.tobytes() for row in zip(*columns, strict=True) for part in row)


WRITERS = {
    int(lib.KWS_NN_LAYOUT_PAIRED): _paired,
    int(lib.KWS_NN_LAYOUT_STENCIL): _stencil,
    int(lib.KWS_NN_LAYOUT_QUADS): _quads,
}
