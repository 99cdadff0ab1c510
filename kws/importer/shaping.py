# SPDX-License-Identifier: Apache-2.0
"""Operators that move no value: reshapes, padding, and what converters wrap around an int8 network."""

from __future__ import annotations

import dataclasses

import numpy as np

from kws.errors import ImportModelError
from kws.importer.flatbuffer import Operator
from kws.importer.network import FRAMES, Shape
from kws.importer.walk import (
    NO_PADDING,
    View,
    Walk,
    file_map,
    quantization_of,
    require_same_quantization,
    require_unpadded,
    shape_text,
)


def reshape(walk: Walk, operator: Operator) -> None:
    """Accept what moves no value in memory and no value to another time step: RESHAPE, EXPAND_DIMS, SQUEEZE."""
    view, target = walk.view(operator), walk.target(operator).shape
    asked = walk.source(operator, 1).data if operator.name == "RESHAPE" and len(operator.inputs) > 1 else None
    if asked is not None and not np.all((asked == -1) | (asked == np.reshape(target, asked.shape))):
        raise ImportModelError(f"RESHAPE to {asked.tolist()} makes {list(target)} in the file; expected the same shape")
    walk.views[operator.outputs[0]] = _seen_as(view, target, operator)


def _seen_as(view: View, target: tuple[int, ...], operator: Operator) -> View:
    shape = view.shape
    if view.blocks != (1, 1):  # the shapes of the file count the blocks as its batch
        if shape.width != 1 or len(target) not in (3, 4):
            raise ImportModelError(f"{operator.name} behind SPACE_TO_BATCH_ND is not understood")
        return dataclasses.replace(view, swapped=len(target) == 4)
    if target[:1] != (1,) and len(target) > 1:
        raise ImportModelError(f"{operator.name} to {list(target)}: the batch must stay 1")
    if view.undecided and len(target) > 2:
        decided = file_map(dataclasses.replace(view, swapped=False), target)
        if decided is None or decided.size != shape.size:
            raise ImportModelError(f"{operator.name} of the input to {list(target)} is not understood")
        return View(layer=view.layer, shape=decided)
    if len(target) <= 2:  # flattened for a dense layer, which remembers how many time steps it covers
        return require_unpadded(view, operator)
    wanted = file_map(view, target)
    bare = shape.width == 1 and view.padding[2:] == (0, 0)
    if view.rows > 1 and not view.swapped and bare and target[1:] == (1, view.rows, shape.channels):
        return dataclasses.replace(view, swapped=True)  # a 1-D convolution: time goes to the width of the file
    if view.swapped and bare and target[1:] in ((view.rows, shape.channels), (view.rows, 1, shape.channels)):
        return dataclasses.replace(view, swapped=False)
    padded = Shape(
        height=view.rows, width=shape.width + view.padding[2] + view.padding[3], channels=shape.channels
    )  # fmt: skip
    if wanted == padded:
        return view
    if wanted is None or wanted.height != shape.height or wanted.size != shape.size or view.swapped:
        raise ImportModelError(
            f"{operator.name} from {shape_text(padded)} to {list(target)} mixes time steps; "
            "only the width and channels of time x width x channels may be regrouped"
        )
    return dataclasses.replace(require_unpadded(view, operator), shape=wanted)


def pad(walk: Walk, operator: Operator) -> None:
    """Remember the padding for the layer behind it: both fill with the zero point, so the bits are the same."""
    view = walk.view(operator)
    amounts = walk.source(operator, 1).data if len(operator.inputs) == 2 else None
    num_axes = len(walk.target(operator).shape)
    expected = "PAD: expected constant amounts for time and features only, as ZeroPadding2D writes it"
    if amounts is None or num_axes not in (3, 4) or amounts.shape != (num_axes, 2) or amounts[[0, -1]].any():
        raise ImportModelError(expected)
    if amounts.min() < 0 or amounts.max() > 255:
        raise ImportModelError(f"{expected}, 0 .. 255 of them")
    if view.padding != NO_PADDING:
        raise ImportModelError(f"PAD of {shape_text(view.shape)} twice in a row; pad once")
    require_same_quantization(walk, operator)
    edges = [*amounts[1:-1].tolist(), [0, 0]]
    (top, bottom), (left, right) = edges[1::-1] if view.swapped else edges[:2]
    walk.views[operator.outputs[0]] = dataclasses.replace(view, padding=(top, bottom, left, right))


def _blocks(walk: Walk, operator: Operator, num_axes: int, swapped: bool) -> tuple[list[int], list[list[int]]]:
    """Return block sizes and edges (padding or crops) of time and width."""
    parts = [walk.source(operator, port).data for port in range(1, len(operator.inputs))]
    count = num_axes - 2
    if len(parts) != 2 or parts[0] is None or parts[1] is None or parts[0].size != count or parts[1].size != 2 * count:
        raise ImportModelError(f"{operator.name}: expected constant blocks for time and features only")
    blocks = [*parts[0].reshape(-1).tolist(), 1][:2]
    edges = [*parts[1].reshape(count, 2).tolist(), [0, 0]][:2]
    if min(blocks) < 1 or max(blocks) > 255 or min(map(min, edges)) < 0 or max(map(max, edges)) > 511:
        raise ImportModelError(f"{operator.name}: blocks {blocks} with edges {edges}; expected small ones")
    return (blocks[::-1], edges[::-1]) if swapped else (blocks, edges)


def space_to_batch(walk: Walk, operator: Operator) -> None:
    """Remember that a dilated convolution comes: the converter writes one as a convolution of every n-th row."""
    view = walk.view(operator)
    if view.blocks != (1, 1):
        raise ImportModelError("SPACE_TO_BATCH_ND twice in a row is not supported")
    require_same_quantization(walk, operator)
    blocks, edges = _blocks(walk, operator, len(walk.source(operator).shape), view.swapped)
    top, bottom, left, right = view.padding
    padding = (top + edges[0][0], bottom + edges[0][1], left + edges[1][0], right + edges[1][1])
    walk.views[operator.outputs[0]] = dataclasses.replace(view, blocks=(blocks[0], blocks[1]), padding=padding)


def batch_to_space(walk: Walk, operator: Operator) -> None:
    """Take from the dilated convolution what was padded only to fill the blocks."""
    view = walk.view(operator)
    blocks, crops = _blocks(walk, operator, len(walk.target(operator).shape), view.swapped)
    layer = walk.layers[view.layer] if view.layer == len(walk.layers) - 1 and view.layer >= 0 else None
    if tuple(blocks) != view.blocks or crops[0][0] or crops[1][0] or layer is None or layer.stride != (1, 1):
        raise ImportModelError("BATCH_TO_SPACE_ND does not undo the SPACE_TO_BATCH_ND before it")
    top, bottom, left, right = layer.padding
    padding = (top, bottom - crops[0][1], left, right - crops[1][1])
    output = dataclasses.replace(
        layer.output, height=layer.output.height - crops[0][1], width=layer.output.width - crops[1][1]
    )  # fmt: skip
    if min(padding) < 0 or min(output.height, output.width) < 1:
        raise ImportModelError("BATCH_TO_SPACE_ND cuts more than was padded")
    walk.layers[-1] = dataclasses.replace(layer, padding=padding, output=output)
    walk.views[operator.outputs[0]] = dataclasses.replace(view, blocks=(1, 1), shape=output)


def shape_arithmetic(walk: Walk, operator: Operator) -> bool:
    """Pass over what only computes a shape (SHAPE, and STRIDED_SLICE, PACK, ... of it); True when it was that."""
    holds_shape = operator.name == "SHAPE" or (
        operator.inputs[:1] != ()
        and any(index in walk.shapes for index in operator.inputs)
        and not any(index in walk.views for index in operator.inputs)
    )
    if holds_shape:
        walk.shapes.update(operator.outputs)
    return holds_shape


def enter(walk: Walk, operator: Operator) -> bool:
    """Pass over the QUANTIZE that makes int8 of a float or uint8 input; True when it was that."""
    source = walk.source(operator)
    view = walk.views.get(operator.inputs[0])
    if view is None or view.layer != FRAMES or source.type_name not in ("FLOAT32", "UINT8"):
        return False
    target = quantization_of(walk.target(operator))
    if source.type_name == "UINT8":
        same = source.scales.size == 1 and float(source.scales[0]) == target.scale
        if not same or int(source.zero_points[0]) - 128 != target.zero_point:
            raise ImportModelError("QUANTIZE of the uint8 input changes the scale; expected int8 = uint8 - 128")
    walk.views[operator.outputs[0]] = view
    walk.notes.append(f"the input was {source.type_name.lower()}: the front end makes int8 at once")
    return True


def leave(walk: Walk, operator: Operator) -> bool:
    """Pass over the DEQUANTIZE, or QUANTIZE to uint8, of the output; True when it was that."""
    target = walk.target(operator)
    if operator.outputs[0] != walk.graph.output_index or target.type_name not in ("FLOAT32", "UINT8"):
        return False
    source = quantization_of(walk.source(operator))
    if target.type_name == "UINT8":
        same = target.scales.size == 1 and float(target.scales[0]) == source.scale
        if not same or int(target.zero_points[0]) - 128 != source.zero_point:
            raise ImportModelError("QUANTIZE of the output changes the scale; expected uint8 = int8 + 128")
    walk.views[operator.outputs[0]] = walk.view(operator)
    return True
