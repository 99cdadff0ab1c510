"""The walk down a TFLite graph: where it stands, and what every converter asks of the tensors there."""

from __future__ import annotations

from dataclasses import dataclass

from kws.errors import ImportModelError
from kws.importer.flatbuffer import Graph, Operator, Tensor
from kws.importer.network import Layer, Quantization, Shape

NO_PADDING = (0, 0, 0, 0)


@dataclass(kw_only=True)
class Chain:
    """The walk down the graph: what the next operator gets."""

    graph: Graph
    tensor_index: int
    shape: Shape | None
    layers: list[Layer]
    padding: tuple[int, int, int, int] = NO_PADDING
    """Top, bottom, left, right: of a PAD whose convolution comes next."""


def require_int8(tensor: Tensor, what: str) -> None:
    """Refuse a tensor that was not quantised."""
    if tensor.type_name != "INT8" or tensor.scales.size == 0:
        raise ImportModelError(
            f"{what} tensor '{tensor.name}' is {tensor.type_name}; expected int8: convert the model with full-integer "
            "quantisation (Optimize.DEFAULT, a representative data set, TFLITE_BUILTINS_INT8, inference types tf.int8)"
        )


def quantization_of(tensor: Tensor) -> Quantization:
    """Return the one scale and zero point of an activation."""
    require_int8(tensor, "activation")
    if tensor.scales.size != 1:
        raise ImportModelError(f"activation tensor '{tensor.name}' has {tensor.scales.size} scales; expected one")
    return Quantization(scale=float(tensor.scales[0]), zero_point=int(tensor.zero_points[0]))


def map_shape(shape: tuple[int, ...]) -> Shape | None:
    """Return a tensor's shape as a feature map; None when it has no time axis (a flat vector, to be reshaped)."""
    if len(shape) == 4 and shape[0] == 1:
        return Shape(height=shape[1], width=shape[2], channels=shape[3])
    if len(shape) == 3 and shape[0] == 1:
        return Shape(height=shape[1], width=1, channels=shape[2])
    return None


def input_shape(chain: Chain, operator: Operator) -> Shape:
    """Return the feature map an operator reads."""
    if chain.shape is None:
        raise ImportModelError(
            f"{operator.name} reads a tensor without a time axis; expected [1, frames, features, 1] or a RESHAPE to it"
        )
    return chain.shape


def require_same_quantization(chain: Chain, operator: Operator) -> None:
    """Refuse an operator that rescales where the engine only moves or averages."""
    source, target = (chain.graph.tensors[index] for index in (chain.tensor_index, operator.outputs[0]))
    if quantization_of(source) != quantization_of(target):
        raise ImportModelError(f"{operator.name} changes the quantisation; expected equal input and output scales")


def shape_text(shape: Shape) -> str:
    """Return a shape for messages."""
    return f"{shape.height}x{shape.width}x{shape.channels}"
