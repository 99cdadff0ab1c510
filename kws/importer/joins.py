# SPDX-License-Identifier: Apache-2.0
"""Where branches part and meet: ADD, CONCATENATION, and slices of channels or of time."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from kws.errors import ImportModelError
from kws.importer import arithmetic
from kws.importer.flatbuffer import Operator
from kws.importer.network import FRAMES, Layer, Op, Shape
from kws.importer.operators import common_fields
from kws.importer.walk import (
    NO_PADDING,
    View,
    Walk,
    quantization_of,
    require_same_quantization,
    require_unpadded,
    shape_text,
)


def _unit_layer(op: Op, shape: Shape, output: Shape, **fields: Any) -> Layer:
    return Layer(op=op, input=shape, output=output, kernel=(1, 1), stride=(1, 1), padding=NO_PADDING,
                 weights=None, channels=fields.pop("channels", None), **fields)  # fmt: skip


def _pace(walk: Walk, index: int) -> int:
    """Return how many frames there are to a row of a layer."""
    if index == FRAMES:
        return 1
    sources = walk.layers[index].sources or (index - 1,)
    return _pace(walk, sources[0]) * walk.layers[index].stride[0]


def _require_equal_pace(walk: Walk, operator: Operator, first: View, second: View) -> None:
    paces = [_pace(walk, view.layer) for view in (first, second)]
    unequal = paces[0] != paces[1] or first.swapped != second.swapped
    single = first.shape.height == 1  # single rows meet at any pace, in a window, and have no order in time
    if first.shape.height != second.shape.height or (unequal and not single):
        raise ImportModelError(
            f"{operator.name} joins branches of unequal rates (a row every {paces[0]} and every {paces[1]} frames, "
            f"{first.shape.height} and {second.shape.height} rows): give both branches the same strides in time"
        )


def add(walk: Walk, operator: Operator) -> None:
    """Add two feature maps of one shape: a residual."""
    first, second = (require_unpadded(walk.view(operator, port), operator) for port in (0, 1))
    if first.shape.size != second.shape.size:
        raise ImportModelError(
            f"ADD of {shape_text(first.shape)} and {shape_text(second.shape)}: only equal shapes can be added"
        )
    _require_equal_pace(walk, operator, first, second)
    common = common_fields(walk, operator, operator.options.FusedActivationFunction())
    inputs = [quantization_of(walk.source(operator, port)) for port in (0, 1)]
    scales = [float(np.float32(q.scale)) for q in (*inputs, common["output_quantization"])]
    pairs = arithmetic.add_multipliers(scales[0], scales[1], scales[2])
    if pairs[2][1] > 0:
        raise ImportModelError(f"ADD: output scale {scales[2]:g} is too small for its inputs")
    rows = [(-q.zero_point, *pair) for q, pair in zip(inputs, pairs, strict=False)] + [(0, *pairs[2])]
    layer = _unit_layer(Op.ADD, first.shape, first.shape, channels=np.array(rows, np.int32), **common)
    walk.follow(operator, layer, first, second)


def concatenate(walk: Walk, operator: Operator) -> None:
    """Join channels, or columns of each row, pair by pair."""
    for port in range(len(operator.inputs)):
        require_same_quantization(walk, operator, port)
    views = [require_unpadded(walk.view(operator, port), operator) for port in range(len(operator.inputs))]
    shape_in_file = walk.source(operator).shape
    num_axes = len(shape_in_file)
    axis = operator.options.Axis() % num_axes
    time = 2 if views[0].swapped else 1
    if num_axes > 2 and axis == time and shape_in_file[axis] == views[0].shape.height:
        raise ImportModelError("CONCATENATION along time is not supported; concatenate channels")
    common = common_fields(walk, operator, operator.options.FusedActivationFunction())
    by_channel = axis == num_axes - 1 and num_axes > 2
    if num_axes == 2 and any(view.shape.height > 1 for view in views):
        raise ImportModelError("CONCATENATION of flattened feature maps is not supported; concatenate their channels")
    joined, shape = views[0], _joined_shape(views[0].shape, None, by_channel)
    for view in views[1:]:
        _require_equal_pace(walk, operator, joined, view)
        if by_channel and view.shape.width != joined.shape.width:
            raise ImportModelError(f"CONCATENATION of {shape_text(joined.shape)} and {shape_text(view.shape)}")
        first, second = _joined_shape(joined.shape, None, by_channel), _joined_shape(view.shape, None, by_channel)
        shape = _joined_shape(first, second, by_channel)
        index = walk.append(_unit_layer(Op.CONCAT, first, shape, **common), joined, view)
        joined = View(layer=index, shape=shape, swapped=joined.swapped)
    if not by_channel and num_axes > 2:
        channels = views[0].shape.channels
        shape = Shape(height=shape.height, width=shape.channels // channels, channels=channels)
    walk.views[operator.outputs[0]] = dataclasses.replace(joined, shape=shape)


def _joined_shape(first: Shape, second: Shape | None, by_channel: bool) -> Shape:
    """Return the shape of two maps side by side; columns count as channels when whole columns are joined."""
    if not by_channel:
        first = Shape(height=first.height, width=1, channels=first.width * first.channels)
    extra = 0 if second is None else second.channels
    return Shape(height=first.height, width=first.width, channels=first.channels + extra)


def _cut(walk: Walk, operator: Operator, output: int, begin: list[int], size: list[int]) -> None:
    """Add the slice of a feature map that starts at ``begin`` of the file's axes."""
    view = require_unpadded(walk.view(operator, 1 if operator.name == "SPLIT" else 0), operator)
    source = walk.tensor(next(index for index in operator.inputs if index in walk.views))
    num_axes = len(source.shape)
    time = 2 if view.swapped else 1
    width = 3 - time if num_axes == 4 else None
    if num_axes < 3 or begin[0] != 0 or (width is not None and (begin[width], size[width]) != (0, view.shape.width)):
        raise ImportModelError(f"{operator.name}: only time and channels can be cut")
    rows, channels = (begin[time], size[time]), (begin[-1], size[-1])
    inside = all(first >= 0 and count > 0 for first, count in (rows, channels)) and (
        sum(rows) <= view.shape.height and sum(channels) <= view.shape.channels and rows[0] <= 255
    )
    if not inside:
        raise ImportModelError(f"{operator.name}: begins at {begin} with {size} of {shape_text(view.shape)}")
    shape = Shape(height=rows[1], width=view.shape.width, channels=channels[1])
    target = walk.tensor(output)
    fields = {"name": target.name, "input_quantization": quantization_of(source),
              "output_quantization": quantization_of(target), "clamp": (-128, 127)}  # fmt: skip
    layer = _unit_layer(Op.SLICE, view.shape, shape, skip_rows=rows[0], first_channel=channels[0], **fields)
    walk.views[output] = View(layer=walk.append(layer, view), shape=shape, swapped=view.swapped)


def cut(walk: Walk, operator: Operator) -> None:
    """Cut a feature map with STRIDED_SLICE or SLICE."""
    require_same_quantization(walk, operator)
    data = [walk.source(operator, port).data for port in range(1, len(operator.inputs))]
    shape = walk.source(operator).shape
    numbers = [part.reshape(-1).tolist() for part in data if part is not None]
    if len(numbers) != len(data) or len(data) < 2 or any(len(part) != len(shape) for part in numbers):
        raise ImportModelError(f"{operator.name}: expected constant bounds")
    begin, end = numbers[0], numbers[1]
    if operator.name == "SLICE":
        size = [n - b if e == -1 else e for b, e, n in zip(begin, end, shape, strict=True)]
        _cut(walk, operator, operator.outputs[0], begin, size)
        return
    options = operator.options
    if any(step != 1 for step in numbers[2]) or options.EllipsisMask() or options.NewAxisMask():
        raise ImportModelError("STRIDED_SLICE: expected steps of 1")
    if options.Offset():
        raise ImportModelError("STRIDED_SLICE: expected ends counted from the start of the axis, not from its begin")
    if options.ShrinkAxisMask():
        raise ImportModelError("STRIDED_SLICE that drops an axis is not supported; pool or flatten instead")
    first, last = [], []
    for axis, (b, e, n) in enumerate(zip(begin, end, shape, strict=True)):
        first.append(0 if options.BeginMask() >> axis & 1 else b + n * (b < 0))
        last.append(n if options.EndMask() >> axis & 1 else min(e + n * (e < 0), n))
    _cut(walk, operator, operator.outputs[0], first, [e - b for b, e in zip(first, last, strict=True)])


def split(walk: Walk, operator: Operator) -> None:
    """Add a slice of the channels for each output of SPLIT or SPLIT_V."""
    source_port, axis_port = (1, 0) if operator.name == "SPLIT" else (0, 2)
    axis, shape = walk.source(operator, axis_port).data, walk.source(operator, source_port).shape
    if axis is None or axis.size != 1 or len(shape) < 3 or int(axis.reshape(-1)[0]) % len(shape) != len(shape) - 1:
        raise ImportModelError(f"{operator.name}: expected a split of the channels")
    first = 0
    for output in operator.outputs:
        count = walk.tensor(output).shape[-1] if walk.tensor(output).shape else 0
        begin, size = [0] * len(shape), list(shape)
        begin[-1], size[-1] = first, count
        _cut(walk, operator, output, begin, size)
        first += count
