# SPDX-License-Identifier: Apache-2.0
"""Channels whose depthwise weights are too large for the fast kernels share them with the layer in front.

A channel that says little and is then weighed much ends with more output steps per accumulator than one 32-bit
multiplication reaches (`kws.importer.rescaling.STEEPEST`), and its whole layer takes the longer way. What lies between
two layers with a ReLU may be larger by a factor when the weights behind it are smaller by the same: the network says
the same, and the channel is resolved more finely.

References
----------
M. Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", arXiv:1906.04721.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import keras
import numpy as np
from keras import layers

from kws.importer.rescaling import STEEPEST
from kws.importer.tflite import import_tflite

_ROOM = 1.1
"""Ranges are measured again after a move, and may come out a little different."""
_WEIGHTED = (layers.Conv2D, layers.DepthwiseConv2D, layers.Dense)
_BETWEEN = (layers.ZeroPadding2D, layers.ReLU)
"""What may lie between a norm and the depthwise convolution behind it: all of it passes a factor on."""


def equalize_steep_channels(model: keras.Model, tflite: bytes) -> bool:
    """Move factors from depthwise weights to the batch norm in front, where a channel is too steep.

    Parameters
    ----------
    model : keras.Model
        One layer after the other; changed in place, to one that says the same.
    tflite : bytes
        What it became, int8.

    Returns
    -------
    bool
        Whether anything was moved, so that the network has to be quantised again.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.tflite"
        path.write_bytes(tflite)
        became = [layer for layer in import_tflite(path).layers if layer.weights is not None]
    weighted = [layer for layer in model.layers if isinstance(layer, _WEIGHTED)]
    if len(weighted) != len(became):
        return False
    moved = False
    for layer, quantized in zip(weighted, became, strict=True):
        assert quantized.channels is not None
        steepness = np.ldexp(quantized.channels[:, 1] / 2.0**31, quantized.channels[:, 2]) / STEEPEST
        norm = _norm_before(model, layer)
        if norm is None or steepness.max() < 1.0:
            continue
        factor = np.where(steepness >= 1.0, steepness * _ROOM, 1.0).astype(np.float32)
        gamma, beta, mean, variance = norm.get_weights()
        norm.set_weights([gamma * factor, beta * factor, mean, variance])
        layer.kernel.assign(layer.kernel.numpy() / factor[:, None])
        moved = True
    return moved


def _norm_before(model: keras.Model, layer: keras.layers.Layer) -> layers.BatchNormalization | None:
    """Return the norm whose channels a depthwise convolution hears, with nothing but ReLU and padding between."""
    if not isinstance(layer, layers.DepthwiseConv2D) or layer.depth_multiplier != 1:
        return None
    for before in reversed(model.layers[: model.layers.index(layer)]):
        if isinstance(before, layers.BatchNormalization):
            return before
        if not isinstance(before, _BETWEEN) or getattr(before, "max_value", None) is not None:
            return None
    return None
