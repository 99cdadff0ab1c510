# SPDX-License-Identifier: Apache-2.0
"""Weight scales moved by a millionth or so, where that lets a layer run on the fast kernels.

The fast kernels rescale with one multiplication that must agree with TFLite's two roundings on every accumulator
(`kws.importer.rescaling`). About one channel in a hundred misses that by a single step, and then its whole layer takes
the longer way. A scale that differs in its last bits puts the steps elsewhere: so it is moved, in the file, and TFLite
and the engine read the same one.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from kws.importer.flatbuffer import read_graph
from kws.importer.network import Layer
from kws.importer.rescaling import STEEPEST, channel_constants, settle_dead_channels
from kws.importer.tflite import import_tflite

STEP = 2.0**-20
"""Of a move, relative; an int8 weight resolves 2**-7."""
ATTEMPTS = 32
_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
_Read = TypeVar("_Read")


def settle_scales(tflite: bytes) -> bytes:
    """Return the network with the scales of some weights moved by up to `ATTEMPTS` times `STEP`.

    Parameters
    ----------
    tflite : bytes
        A ``.tflite`` file, int8, layers one after the other, a scale for each channel of weights.

    Returns
    -------
    bytes
        The same file but for those scales; the same bytes when nothing was to be moved.
    """
    rows, settled = _rows_of_scales(tflite), bytearray(tflite)
    unsettled = [index for index, row in enumerate(rows) if tflite.count(row.tobytes()) == 1]
    for attempt in range(1, ATTEMPTS + 1):
        layers = [layer for layer in _read(import_tflite, bytes(settled)).layers if layer.weights is not None]
        if len(layers) != len(rows):
            return tflite  # layers that became others in the import: none that the trainer writes
        stuck = {index: _without_constants(layers[index]) for index in unsettled}
        unsettled = [index for index in unsettled if stuck[index]]
        if not unsettled:
            break
        for index in unsettled:
            row, place = rows[index], tflite.index(rows[index].tobytes())
            for channel in stuck[index]:
                struct.pack_into("<f", settled, place + row.itemsize * channel, row[channel] * (1.0 + STEP * attempt))
    return bytes(settled)


def _rows_of_scales(tflite: bytes) -> list[NDArray[np.float32]]:
    """A row for each layer with weights, in their order."""
    graph = _read(read_graph, tflite)
    weighted = (operator for operator in graph.operators if operator.name in _WEIGHTED)
    return [graph.tensors[operator.inputs[1]].scales for operator in weighted]


def _without_constants(layer: Layer) -> list[int]:
    """Channels that miss by last bits; none of a layer with steeper ones, which stays as it is whatever is done."""
    assert layer.channels is not None
    if np.any(np.ldexp(layer.channels[:, 1] / 2.0**31, layer.channels[:, 2]) >= STEEPEST):
        return []
    return [channel for channel, pair in enumerate(channel_constants(settle_dead_channels(layer))) if pair is None]


def _read(reader: Callable[[Path], _Read], tflite: bytes) -> _Read:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.tflite"
        path.write_bytes(tflite)
        return reader(path)
