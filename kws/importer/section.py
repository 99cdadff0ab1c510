# SPDX-License-Identifier: Apache-2.0
"""Writes a network as a MODL section; ``firmware/core/kws_model.h`` documents the bytes."""

from __future__ import annotations

import struct
from typing import Any

from kws.core import ffi, lib
from kws.errors import ImportModelError
from kws.importer.network import Layer, Network
from kws.importer.packing import packed_layer
from kws.importer.queues import Pair, queue_rows

HEADER = struct.Struct("<6H20x")
RECORD_BYTES = int(ffi.sizeof("kws_model_layer_t"))
ALIGNMENT = int(lib.KWS_BUNDLE_ALIGNMENT)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % ALIGNMENT)


def _record(layer: Layer, weight_layout: int) -> Any:
    """Return a ``kws_model_layer_t *`` with everything but the offsets filled in."""
    record = ffi.new("kws_model_layer_t *")
    record.op = layer.op
    record.weight_layout = weight_layout
    record.stride_height, record.stride_width = layer.stride
    record.pad_top, record.pad_bottom, record.pad_left, record.pad_right = layer.padding
    record.kernel_height, record.kernel_width = layer.kernel
    for side, shape in (("input", layer.input), ("output", layer.output)):
        setattr(record, f"{side}_height", shape.height)
        setattr(record, f"{side}_width", shape.width)
        setattr(record, f"{side}_channels", shape.channels)
    record.input_zero_point = layer.input_quantization.zero_point
    record.output_zero_point = layer.output_quantization.zero_point
    record.output_min, record.output_max = layer.clamp
    record.dilation_height = layer.dilation if layer.dilation > 1 else 0
    record.skip_rows, record.first_channel = layer.skip_rows, layer.first_channel
    return record


def _connect(record: Any, index: int, sources: tuple[int, ...], queues: Pair) -> None:
    """Say in a record what its layer reads; zero stands for the layer before it."""
    backs = [index - source for source in sources]
    if len(backs) == 1:
        record.first_back = backs[0] if backs[0] > 1 else 0
        return
    record.first_back, record.second_back = backs
    record.first_queue, record.second_queue = queues


def model_section(
    network: Network,
    *,
    streaming: bool | None = None,
    decision_frames: int | None = None,
    compact: bool = False,
) -> bytes:
    """Return the MODL section of a network.

    Parameters
    ----------
    network : Network
    streaming : bool, optional
        Whether each frame is computed once and for all; by default whenever the network allows it (no padding in time).
    decision_frames : int, optional
        Frames between decisions of a window model, by default a tenth of the window. A streaming model decides
        every ``network.time_stride`` frames, which leaves nothing to choose.
    compact : bool
        Store weights in their smallest form instead of the one that runs fastest on a microcontroller.

    Raises
    ------
    ImportModelError
        If the network cannot stream and must, or ``decision_frames`` is impossible.
    """
    streaming = network.can_stream if streaming is None else streaming
    if streaming and not network.can_stream:
        raise ImportModelError("a network with padding in time cannot stream: train it with 'valid' padding in time")
    if not streaming and network.window_frames != network.input_frames:
        raise ImportModelError("a network that carries its past in variables only runs as a stream, not on windows")
    default_frames = network.time_stride if streaming else max(1, network.window_frames // 10)
    decision_frames = default_frames if decision_frames is None else decision_frames
    if decision_frames < 1 or (streaming and decision_frames != network.time_stride):
        raise ImportModelError(
            f"a decision every {decision_frames} frames is not possible: a streaming network decides every "
            f"{network.time_stride} frames (the product of its time strides), any other every 1 or more"
        )
    flags = lib.KWS_MODEL_STREAMING if streaming else 0
    header = HEADER.pack(len(network.layers), flags, network.num_features, network.num_labels,
                         network.window_frames, decision_frames)  # fmt: skip
    return header + _layer_table(network, queue_rows(network, streaming=streaming), compact=compact)


def _layer_table(network: Network, queues: dict[int, Pair], *, compact: bool) -> bytes:
    """Return the records and, behind them, what their offsets point at."""
    table, blobs = b"", b""
    first_blob = HEADER.size + len(_padded(bytes(RECORD_BYTES * len(network.layers))))
    for index, layer in enumerate(network.layers):
        packed = packed_layer(layer, compact=compact)
        record = _record(layer, packed.layout)
        _connect(record, index, network.sources(index), queues.get(index, (0, 0)))
        if packed.weights:
            record.weights_offset, record.weights_bytes = first_blob + len(blobs), len(packed.weights)
            blobs += _padded(packed.weights)
        if packed.channels:
            record.channels_offset = first_blob + len(blobs)
            blobs += _padded(packed.channels)
        table += bytes(ffi.buffer(record))
    return _padded(table) + blobs
