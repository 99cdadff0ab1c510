# SPDX-License-Identifier: Apache-2.0
"""The walk down a TFLite graph: how each activation is seen, and what every converter asks of the tensors there."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import numpy as np

from kws.errors import ImportModelError
from kws.importer.flatbuffer import Graph, Operator, Tensor
from kws.importer.network import FRAMES, Layer, Op, Quantization, Shape

Padding = tuple[int, int, int, int]
NO_PADDING: Padding = (0, 0, 0, 0)
MAX_LAYERS = 64
MAX_KERNEL = 255
MAX_VALUES = 65535
"""In a row, and under a kernel."""


@dataclass(frozen=True, kw_only=True)
class View:
    """An activation of the file, as the engine has it: rows of one time step each."""

    layer: int
    """Index of the layer that makes it; ``FRAMES``."""
    shape: Shape
    """Height is time; without the padding."""
    padding: Padding = NO_PADDING
    """Top, bottom, left, right: of a PAD whose layer comes next."""
    swapped: bool = False
    """The file has time along its width."""
    blocks: tuple[int, int] = (1, 1)
    """Time, width: between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND, where a dilated convolution stands."""
    past_rows: int = 0
    """How many of the rows are what a variable kept of the past (``states.py``)."""
    undecided: bool = False
    """Frames that came as one flat vector: a RESHAPE says where time is."""

    @property
    def rows(self) -> int:
        """Time steps, padding included."""
        return self.shape.height + self.padding[0] + self.padding[1]

    @property
    def columns(self) -> int:
        """The width, padding included."""
        return self.shape.width + self.padding[2] + self.padding[3]


@dataclass(kw_only=True)
class Walk:
    """What the walk has found so far."""

    graph: Graph
    views: dict[int, View] = field(default_factory=dict)
    """By tensor index."""
    shapes: set[int] = field(default_factory=set)
    """Tensors that only hold shapes: from SHAPE on, as Keras models without a fixed batch have them."""
    layers: list[Layer] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def tensor(self, index: int) -> Tensor:
        """Return a tensor of the file."""
        if not 0 <= index < len(self.graph.tensors):
            raise ImportModelError(f"tensor {index} does not exist; the file is damaged, export it again")
        return self.graph.tensors[index]

    def view(self, operator: Operator, port: int = 0) -> View:
        """Return an input of an operator that is an activation."""
        if len(operator.inputs) <= port or operator.inputs[port] not in self.views:
            raise ImportModelError(
                f"{operator.name} does not read what an operator before it made; expected one graph of layers from "
                "the input to the output"
            )
        return self.views[operator.inputs[port]]

    def source(self, operator: Operator, port: int = 0) -> Tensor:
        """Return the tensor an operator reads."""
        return self.tensor(operator.inputs[port])

    def target(self, operator: Operator) -> Tensor:
        """Return the tensor an operator makes."""
        if not operator.outputs:
            raise ImportModelError(f"{operator.name} has no output; the file is damaged, export it again")
        return self.tensor(operator.outputs[0])

    def append(self, layer: Layer, *views: View) -> int:
        """Add a layer that reads these views; return its index."""
        sources = tuple(view.layer for view in views)
        index = len(self.layers)
        if index >= MAX_LAYERS:
            raise ImportModelError(f"the model has more than {MAX_LAYERS} layers; expected at most that many")
        if self.graph.initial:
            layer = _continuing(layer, max(view.past_rows for view in views))
        self.layers.append(dataclasses.replace(layer, sources=() if sources == (index - 1,) else sources))
        return index

    def follow(self, operator: Operator, layer: Layer, *views: View, shape: Shape | None = None) -> None:
        """Add the layer of an operator; its output is seen as the layer's, or in another shape."""
        index = self.append(layer, *views)
        seen = shape or layer.output
        first = views[0]
        self.views[operator.outputs[0]] = View(layer=index, shape=seen, swapped=first.swapped, blocks=first.blocks)


def _continuing(layer: Layer, past_rows: int) -> Layer:
    """Return a layer of a network that carries its past in variables, which goes on where it was with every call.

    It was converted as if all the rows it reads were new. The past ones are padding above: then its kernel covers all
    rows, and it moves on by the new ones. Without any it moves on from kernel to kernel.
    """
    new_rows, span = layer.input.height - past_rows, (layer.kernel[0] - 1) * layer.dilation + 1
    stride = new_rows // layer.output.height
    whole = new_rows == stride * layer.output.height and layer.skip_rows == 0 and layer.padding[:2] == (0, 0)
    covers = layer.op in (Op.CONV, Op.DEPTHWISE, Op.DENSE) and span == layer.kernel[0] == layer.input.height
    goes_on = covers if past_rows else span == stride and layer.stride[0] in (1, stride)
    if not whole or not goes_on:
        raise ImportModelError(
            f"{layer.name}: reads {past_rows} rows kept in a variable and {new_rows} new ones with a kernel of {span}; "
            "expected a convolution or a dense layer that reads all of them at once"
        )
    return dataclasses.replace(
        layer,
        input=dataclasses.replace(layer.input, height=new_rows),
        stride=(stride, layer.stride[1]),
        padding=(past_rows, 0, *layer.padding[2:]),
    )


def require_int8(tensor: Tensor, what: str) -> None:
    """Refuse a tensor that was not quantised to int8."""
    advice = (
        "expected int8: convert the model with full-integer quantisation (Optimize.DEFAULT, a representative data set, "
        "TFLITE_BUILTINS_INT8)"
    )
    if tensor.type_name == "INT16":
        advice = "expected int8: 16x8 quantisation is not supported, convert with TFLITE_BUILTINS_INT8"
    if tensor.type_name != "INT8" or tensor.scales.size == 0:
        raise ImportModelError(f"{what} tensor '{tensor.name}' is {tensor.type_name}; {advice}")
    if np.any((tensor.zero_points < -128) | (tensor.zero_points > 127)):
        raise ImportModelError(
            f"{what} tensor '{tensor.name}' has the zero point {int(tensor.zero_points[0])}; expected -128 .. 127"
        )
    if not np.all((tensor.scales > 0) & np.isfinite(tensor.scales)):
        raise ImportModelError(f"{what} tensor '{tensor.name}' has a scale that is not a positive number")


def quantization_of(tensor: Tensor) -> Quantization:
    """Return the one scale and zero point of an activation."""
    require_int8(tensor, "activation")
    if tensor.scales.size != 1 or tensor.zero_points.size != 1:
        raise ImportModelError(f"activation tensor '{tensor.name}' has {tensor.scales.size} scales; expected one")
    return Quantization(scale=float(tensor.scales[0]), zero_point=int(tensor.zero_points[0]))


def require_same_quantization(walk: Walk, operator: Operator, port: int = 0) -> None:
    """Refuse an operator that rescales where the engine only moves or averages."""
    if quantization_of(walk.source(operator, port)) != quantization_of(walk.target(operator)):
        raise ImportModelError(f"{operator.name} changes the quantisation; expected equal input and output scales")


def require_unpadded(view: View, operator: Operator) -> View:
    """Refuse a PAD or a SPACE_TO_BATCH_ND in front of an operator that cannot take it in."""
    if view.blocks != (1, 1):
        raise ImportModelError(f"{operator.name} behind SPACE_TO_BATCH_ND is not supported; only convolutions are")
    if view.padding != NO_PADDING:
        raise ImportModelError(f"PAD before {operator.name} is not supported; pad before convolutions only")
    return view


def shape_text(shape: Shape) -> str:
    """Return a shape for messages."""
    return f"{shape.height}x{shape.width}x{shape.channels}"


def input_view(tensor: Tensor, time_axis: int | None) -> View:
    """Return how the input of the model is seen.

    Parameters
    ----------
    tensor : Tensor
        The input; batch first.
    time_axis : 1 or 2, optional
        Which axis is time; by default the first, or the second when the first has but one step.
    """
    shape, text = tensor.shape, "x".join(map(str, tensor.shape))
    if -1 in tensor.signature[1:]:
        axes = ["?" if length == -1 else str(length) for length in tensor.signature]
        raise ImportModelError(
            f"the input has the shape {'x'.join(axes)}: how many frames the model reads at once is open; expected a "
            "fixed number: give Keras' Input whole numbers, Input((49, 10)) for example, and convert again"
        )
    if len(shape) < 2 or len(shape) > 4 or shape[0] != 1 or min(shape) < 1:
        raise ImportModelError(f"the input has the shape {text}; expected [1, frames, features] or [1, frames, w, c]")
    if max(shape) > MAX_VALUES:
        raise ImportModelError(f"the input has the shape {text}; expected at most {MAX_VALUES} along an axis")
    if len(shape) == 2:
        return View(layer=FRAMES, shape=Shape(height=1, width=1, channels=shape[1]), undecided=True)
    if len(shape) == 3 and time_axis == 2:
        return View(layer=FRAMES, shape=Shape(height=shape[2], width=shape[1], channels=1), swapped=True)
    if len(shape) == 3:
        return View(layer=FRAMES, shape=Shape(height=shape[1], width=1, channels=shape[2]))
    by_itself = shape[1] == 1 and shape[2] > 1 and shape[3] > 1
    if time_axis == 2 or (time_axis is None and by_itself):
        return View(layer=FRAMES, shape=Shape(height=shape[2], width=shape[1], channels=shape[3]), swapped=True)
    return View(layer=FRAMES, shape=Shape(height=shape[1], width=shape[2], channels=shape[3]))


def file_map(view: View, shape: tuple[int, ...]) -> Shape | None:
    """Return the shape of a tensor of the file as a view sees it; None when it has no time axis."""
    if len(shape) == 4 and shape[0] == 1:
        height, width = (shape[2], shape[1]) if view.swapped else (shape[1], shape[2])
        return Shape(height=height, width=width, channels=shape[3])
    if len(shape) == 3 and shape[0] == 1 and view.swapped:
        return Shape(height=shape[2], width=shape[1], channels=1)
    if len(shape) == 3 and shape[0] == 1:
        return Shape(height=shape[1], width=1, channels=shape[2])
    return None


def require_shape_of_file(walk: Walk, operator: Operator) -> None:
    """Refuse an operator whose output has another shape in the file: what it does there is something else."""
    for index in operator.outputs:
        view, tensor = walk.views.get(index), walk.tensor(index)
        expected = None if view is None else _shape_in_file(view, len(tensor.shape))
        if view is None or (expected is not None and _agree(tensor, expected)):
            continue
        text = shape_text(view.shape) if expected is None else str(list(expected))
        raise ImportModelError(
            f"{operator.name}: its output '{tensor.name}' is {list(tensor.shape)} in the file; expected {text}: what "
            "it does here is not understood"
        )


def _shape_in_file(view: View, num_axes: int) -> tuple[int, ...] | None:
    """Return the shape of a tensor with so many axes that holds what a view shows, in its order; None: it cannot."""
    in_time, in_width = view.blocks
    batch, channels = in_time * in_width, view.shape.channels
    if num_axes <= 2:
        return (1, view.rows * view.columns * channels)[2 - num_axes :] if batch == 1 else None
    if view.rows % in_time or view.columns % in_width:
        return None
    height, width = view.rows // in_time, view.columns // in_width
    if num_axes == 4:
        return (batch, width, height, channels) if view.swapped else (batch, height, width, channels)
    if num_axes != 3:
        return None
    if view.rows == 1:  # time has gone: a mean over it that keeps no axis
        return (batch, width, channels)
    if view.swapped:
        return (batch, width, height) if channels == 1 else None
    return (batch, height, channels) if width == 1 else None


def _agree(tensor: Tensor, expected: tuple[int, ...]) -> bool:
    """Whether a tensor has a shape, as far as the file says."""
    signature = tensor.signature or tensor.shape
    axes = zip(tensor.shape, signature, expected, strict=True)
    return all(length == want or open_length == -1 for length, open_length, want in axes)
