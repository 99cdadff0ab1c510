"""Weight layouts: how the weights of a layer are stored for the kernels that run on them.

``firmware/core/nn/paired.h``, ``stencil.h`` and ``quads.h`` document the bytes that :func:`packed_layer` writes. What
no layout can hold stays compact, as TFLite stores it: kernels read that too, only slower.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.core import lib
from kws.importer.network import Layer, Op

MAX_BIAS = 1 << 22
"""256 * accumulator must stay inside 32 bits."""
LOWEST_WEIGHT = -127
"""With -128 two weights would not fit into one 16-bit lane. TFLite never writes it."""
MAX_RIGHT_SHIFT = 15
FRACTION_BITS = int(lib.KWS_NN_RESCALE_FRACTION)
BLOCK_CHANNELS = int(lib.KWS_NN_PAIRED_CHANNELS)
LANE_ORDER = (0, 2, 1, 3)
"""Of each four inputs: what SXTB16 puts into the two lanes of a first and a second register."""


@dataclass(frozen=True, kw_only=True)
class Packed:
    """The weights of a layer as they lie in the bundle."""

    layout: int
    """``kws_nn_layout_t``."""
    weights: bytes
    channels: bytes
    """Channel table; empty when the layout keeps its constants among the weights."""


def packed_layer(layer: Layer, *, compact: bool = False) -> Packed:
    """Return the weights and constants of a layer in the fastest layout that can hold them.

    Parameters
    ----------
    layer : Layer
    compact : bool
        Keep them as TFLite stores them: the smallest form, and the slowest.
    """
    if layer.weights is not None and not compact and _constants_fit(layer):
        if _suits_paired(layer):
            return Packed(layout=lib.KWS_NN_LAYOUT_PAIRED, weights=_paired(layer), channels=b"")
        if _suits_stencil(layer):
            return Packed(layout=lib.KWS_NN_LAYOUT_STENCIL, weights=_stencil(layer), channels=b"")
        if _suits_quads(layer):
            return Packed(layout=lib.KWS_NN_LAYOUT_QUADS, weights=_quads(layer), channels=b"")
    return Packed(
        layout=lib.KWS_NN_LAYOUT_COMPACT,
        weights=b"" if layer.weights is None else layer.weights.tobytes(),
        channels=b"" if layer.channels is None else layer.channels.astype("<i4").tobytes(),
    )


def _constants_fit(layer: Layer) -> bool:
    assert layer.weights is not None
    assert layer.channels is not None
    bias, _, shift = layer.channels.T
    return bool(
        layer.weights.min() >= LOWEST_WEIGHT
        and np.abs(bias.astype(np.int64)).max() <= MAX_BIAS
        and shift.min() >= -MAX_RIGHT_SHIFT
        and shift.max() <= -1
    )


def _suits_paired(layer: Layer) -> bool:
    inputs = layer.kernel[0] * layer.kernel[1] * layer.input.channels
    return layer.op in (Op.CONV, Op.POINTWISE) and inputs <= lib.KWS_NN_PAIRED_MAX_INPUTS


def _suits_stencil(layer: Layer) -> bool:
    size = (lib.KWS_NN_STENCIL_SIZE, lib.KWS_NN_STENCIL_SIZE)
    whole_groups = layer.output.channels % lib.KWS_NN_STENCIL_CHANNELS == 0
    return layer.op is Op.DEPTHWISE and layer.kernel == size and layer.stride[1] == 1 and whole_groups


def _suits_quads(layer: Layer) -> bool:
    taps = layer.kernel[0] * layer.kernel[1]
    whole_groups = layer.output.channels % lib.KWS_NN_QUADS_CHANNELS == 0
    return layer.op is Op.DEPTHWISE and taps <= lib.KWS_NN_QUADS_MAX_TAPS and whole_groups


def _rescale(channels: npt.NDArray[np.int32], zero_point: int) -> npt.NDArray[np.int32]:
    """Return ``kws_nn_rescale_t`` per channel, int32 [channels, 3]."""
    _, multiplier, shift = channels.T
    total = FRACTION_BITS - shift
    rounding = (1 << (FRACTION_BITS - 1)) + (2 * zero_point + 1) * (1 << (total - 1))
    return np.stack([multiplier, rounding, total], axis=1).astype("<i4")


def _paired(layer: Layer) -> bytes:
    assert layer.weights is not None
    assert layer.channels is not None
    weights = layer.weights.reshape(layer.output.channels, -1).astype(np.int32)
    weights = np.pad(weights, [(0, -axis % 4) for axis in weights.shape])
    # Channels that only fill up a block: zero weights, and a shift that the reader lets through.
    idle = np.tile(np.array([0, 0, -1], np.int32), (-layer.output.channels % BLOCK_CHANNELS, 1))
    channels = np.concatenate([layer.channels, idle])
    lanes = weights.reshape(len(weights), -1, 4)[..., LANE_ORDER].reshape(-1, 2, 2, weights.shape[1] // 2, 2)
    both = (256 * lanes[:, :, 1] + lanes[:, :, 0]).transpose(0, 2, 1, 3).astype("<i2")
    bias = channels[:, 0].reshape(-1, 2, 2)
    start = np.stack([bias[..., 0], 256 * bias[..., 1] + bias[..., 0]], axis=-1).astype("<i4")
    rescale = _rescale(channels, layer.output_quantization.zero_point)
    blocks = zip(
        start.reshape(-1, BLOCK_CHANNELS), both, rescale.reshape(-1, BLOCK_CHANNELS, rescale.shape[1]), strict=True
    )
    return b"".join(part.tobytes() for block in blocks for part in block)


def _stencil(layer: Layer) -> bytes:
    assert layer.weights is not None
    assert layer.channels is not None
    size = int(lib.KWS_NN_STENCIL_SIZE)
    taps = 256 * layer.weights.reshape(size, size, layer.output.channels).astype(np.int32)
    upper = np.stack([taps[0], taps[1]], axis=1)
    lower = np.stack([taps[2, :2], taps[2, 1:]], axis=0)
    pairs = np.concatenate([upper, lower]).transpose(2, 0, 1).astype("<i2")
    start = (256 * layer.channels[:, 0]).astype("<i4")
    rescale = _rescale(layer.channels, layer.output_quantization.zero_point)
    records = zip(start, pairs, rescale, strict=True)
    return b"".join(part.tobytes() for record in records for part in record)


def _quads(layer: Layer) -> bytes:
    assert layer.weights is not None
    assert layer.channels is not None
    size = int(lib.KWS_NN_QUADS_CHANNELS)
    taps = layer.weights.reshape(-1, layer.output.channels // size, size).swapaxes(0, 1)
    bias = layer.channels[:, 0].astype("<i4").reshape(-1, size)
    rescale = _rescale(layer.channels, layer.output_quantization.zero_point).reshape(-1, size, 3)
    groups = zip(bias, taps, rescale, strict=True)
    return b"".join(part.tobytes() for group in groups for part in group)
