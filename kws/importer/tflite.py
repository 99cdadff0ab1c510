"""An int8 TFLite model -> a :class:`~kws.importer.network.Network`, bit for bit.

What comes in must be one chain of layers from one input to one output, quantised to int8 throughout, the way
``tf.lite.TFLiteConverter`` writes a small convolutional network (input ``[1, frames, features, 1]`` or
``[1, frames, 1, features]``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.errors import ImportModelError
from kws.importer import arithmetic
from kws.importer.flatbuffer import ACTIVATION_NAMES, Graph, Operator, Tensor, read_graph
from kws.importer.network import Layer, Network, Op, Quantization, Shape

SUPPORTED = "CONV_2D, DEPTHWISE_CONV_2D, AVERAGE_POOL_2D, FULLY_CONNECTED, SOFTMAX, RESHAPE, PAD before a convolution"
NO_PADDING = (0, 0, 0, 0)
SAME_PADDING = 0
MAX_BIAS = 1 << 30
"""Bound of ``kws_nn_channel_t.bias``."""
ADVICE = {
    "MEAN": "use AveragePooling2D instead of GlobalAveragePooling2D or reduce_mean",
    "QUANTIZE": "convert with inference_input_type and inference_output_type tf.int8",
    "DEQUANTIZE": "convert with inference_input_type and inference_output_type tf.int8",
    "LOGISTIC": "end the network with a softmax",
    "MAX_POOL_2D": "use AveragePooling2D or a strided convolution",
    "ADD": "only chains without skip connections can run row by row",
    "MUL": "batch normalisation must be folded into a convolution before it",
}


@dataclass(kw_only=True)
class _Chain:
    """The walk down the graph: what the next operator gets."""

    graph: Graph
    tensor_index: int
    shape: Shape | None
    layers: list[Layer]
    padding: tuple[int, int, int, int] = NO_PADDING
    """Top, bottom, left, right: of a PAD whose convolution comes next."""


def import_tflite(path: str | Path) -> Network:
    """Read an int8 TFLite model.

    Parameters
    ----------
    path : path of a ``.tflite`` file

    Returns
    -------
    Network
        Ready for :func:`kws.importer.section.model_section`.

    Raises
    ------
    ImportModelError
        If the file is not a TFLite model, not int8, not a chain, or uses an operation or a shape the engine lacks.
    """
    graph = read_graph(Path(path))
    source = graph.tensors[graph.input_index]
    _require_int8(source, "input")
    chain = _Chain(graph=graph, tensor_index=graph.input_index, shape=_map_shape(source.shape), layers=[])
    for operator in graph.operators:
        _follow(chain, operator)
    if chain.tensor_index != graph.output_index or not chain.layers:
        raise ImportModelError(f"{path}: the graph is not one chain of layers from its input to its output")
    first, last = chain.layers[0], chain.layers[-1]
    if last.output.height != 1:
        raise ImportModelError(
            f"{path}: the last layer has {last.output.height} time steps left; expected 1 (pool over all of them)"
        )
    return Network(
        window_frames=first.input.height,
        num_features=first.input.width * first.input.channels,
        num_labels=last.output.width * last.output.channels,
        input_quantization=_quantization(source),
        layers=tuple(chain.layers),
    )


def _require_int8(tensor: Tensor, what: str) -> None:
    if tensor.type_name != "INT8" or tensor.scales.size == 0:
        raise ImportModelError(
            f"{what} tensor '{tensor.name}' is {tensor.type_name}; expected int8: convert the model with full-integer "
            "quantisation (Optimize.DEFAULT, a representative data set, TFLITE_BUILTINS_INT8, inference types tf.int8)"
        )


def _quantization(tensor: Tensor) -> Quantization:
    _require_int8(tensor, "activation")
    if tensor.scales.size != 1:
        raise ImportModelError(f"activation tensor '{tensor.name}' has {tensor.scales.size} scales; expected one")
    return Quantization(scale=float(tensor.scales[0]), zero_point=int(tensor.zero_points[0]))


def _map_shape(shape: tuple[int, ...]) -> Shape | None:
    """Return a tensor's shape as a feature map; None when it has no time axis (a flat vector, to be reshaped)."""
    if len(shape) == 4 and shape[0] == 1:
        return Shape(height=shape[1], width=shape[2], channels=shape[3])
    if len(shape) == 3 and shape[0] == 1:
        return Shape(height=shape[1], width=1, channels=shape[2])
    return None


def _follow(chain: _Chain, operator: Operator) -> None:
    """Take one operator: append its layer, or only change how the current tensor is seen."""
    if operator.inputs[:1] != (chain.tensor_index,):
        raise ImportModelError(
            f"{operator.name} does not read the output of the operator before it; expected one chain of layers"
        )
    if operator.name == "RESHAPE":
        _reshape(chain, operator)
    elif operator.name == "PAD":
        _pad(chain, operator)
    else:
        convert = CONVERTERS.get(operator.name)
        if convert is None:
            advice = f"; {ADVICE[operator.name]}" if operator.name in ADVICE else ""
            raise ImportModelError(f"operation {operator.name} is not supported (supported: {SUPPORTED}){advice}")
        if chain.padding != NO_PADDING and operator.name not in {"CONV_2D", "DEPTHWISE_CONV_2D"}:
            raise ImportModelError(f"PAD before {operator.name} is not supported; pad before convolutions only")
        layer = convert(chain, operator)
        chain.layers.append(layer)
        chain.shape, chain.padding = layer.output, NO_PADDING
    chain.tensor_index = operator.outputs[0]


def _reshape(chain: _Chain, operator: Operator) -> None:
    """Accept what moves no value in memory and no value to another time step."""
    if chain.padding != NO_PADDING:
        raise ImportModelError("PAD before RESHAPE is not supported; pad before convolutions only")
    target = _map_shape(chain.graph.tensors[operator.outputs[0]].shape)
    if not chain.layers:
        chain.shape = target  # frames may arrive flat, [1, frames * features]
        return
    if target is None:
        return  # flattened for a dense layer, which remembers how many time steps it covers
    assert chain.shape is not None
    if target.height != chain.shape.height or target.size != chain.shape.size:
        raise ImportModelError(
            f"RESHAPE from {_text(chain.shape)} to {_text(target)} (time x width x channels) mixes time steps; "
            "only width and channels may be regrouped"
        )
    chain.shape = target


def _pad(chain: _Chain, operator: Operator) -> None:
    """Remember the padding for the convolution behind it: both fill with the zero point, so the bits are the same."""
    shape = _input_shape(chain, operator)
    amounts = chain.graph.tensors[operator.inputs[1]].data
    if amounts is None or amounts.shape != (4, 2) or amounts[[0, 3]].any() or amounts.min() < 0:
        raise ImportModelError("PAD: expected constant amounts for time and features only, as ZeroPadding2D writes it")
    if chain.padding != NO_PADDING or len(chain.graph.tensors[operator.outputs[0]].shape) != 4:
        raise ImportModelError(f"PAD of {_text(shape)} twice in a row; pad once")
    _require_same_quantization(chain, operator)
    (top, bottom), (left, right) = amounts[1:3].tolist()
    chain.padding = (top, bottom, left, right)


def _require_same_quantization(chain: _Chain, operator: Operator) -> None:
    source, target = (chain.graph.tensors[index] for index in (chain.tensor_index, operator.outputs[0]))
    if _quantization(source) != _quantization(target):
        raise ImportModelError(f"{operator.name} changes the quantisation; expected equal input and output scales")


def _text(shape: Shape) -> str:
    return f"{shape.height}x{shape.width}x{shape.channels}"


def _input_shape(chain: _Chain, operator: Operator) -> Shape:
    if chain.shape is None:
        raise ImportModelError(
            f"{operator.name} reads a tensor without a time axis; expected [1, frames, features, 1] or a RESHAPE to it"
        )
    return chain.shape


def _weights(chain: _Chain, operator: Operator) -> Tensor:
    tensor = chain.graph.tensors[operator.inputs[1]]
    if tensor.data is None:
        raise ImportModelError(f"{operator.name}: weights '{tensor.name}' are not constant int8")
    _require_int8(tensor, f"{operator.name} weights")
    if np.any(tensor.zero_points != 0):
        raise ImportModelError(f"{operator.name}: weights '{tensor.name}' are not symmetric; expected zero point 0")
    return tensor


def _bias(chain: _Chain, operator: Operator, num_channels: int) -> npt.NDArray[np.int64]:
    if len(operator.inputs) < 3 or operator.inputs[2] < 0:
        return np.zeros(num_channels, np.int64)
    tensor = chain.graph.tensors[operator.inputs[2]]
    if tensor.data is None or tensor.type_name != "INT32":
        raise ImportModelError(f"{operator.name}: bias '{tensor.name}' is {tensor.type_name}; expected constant int32")
    return tensor.data.astype(np.int64).reshape(num_channels)


def _channel_table(
    name: str,
    bias: npt.NDArray[np.int64],
    sums: npt.NDArray[np.int64],
    zero_point: int,
    multipliers: list[tuple[int, int]],
) -> npt.NDArray[np.int32]:
    """Return the rows of ``kws_nn_channel_t``: ``sums`` is each channel's sum of weights."""
    folded = bias - zero_point * sums
    if np.any(np.abs(folded) > MAX_BIAS):
        raise ImportModelError(f"{name}: a bias of {int(np.abs(folded).max())} is too large for 32-bit sums; retrain")
    if len(multipliers) == 1:
        multipliers = multipliers * len(folded)
    if any(shift > 30 for _, shift in multipliers):
        raise ImportModelError(f"{name}: output scale is 2**30 times too small; check the quantisation of this layer")
    return np.column_stack([folded, np.array(multipliers, np.int64)]).astype(np.int32)


def _slide(size: int, kernel: int, stride: int, padding: int, name: str) -> tuple[int, int, int, int]:
    """Return output size, padding before and after, and the stride, in one direction.

    A stride that leads nowhere becomes 1: Keras writes the pool's size there, which would make a stream decide only
    once per window.
    """
    if padding == SAME_PADDING:
        output = -(-size // stride)
        total = max((output - 1) * stride + kernel - size, 0)
    else:
        output, total = (size - kernel) // stride + 1, 0
    if output < 1 or kernel > 255:
        raise ImportModelError(f"{name}: kernel {kernel} does not fit {size} cells; expected 1 .. min(cells, 255)")
    if stride > 255 and size + total != kernel:
        raise ImportModelError(f"{name}: stride {stride}; expected 1 .. 255")
    return output, total // 2, total - total // 2, 1 if size + total == kernel else stride


def _geometry(chain: _Chain, kernel: tuple[int, int], options: Any, name: str) -> dict[str, Any]:
    """Return the fields of a sliding layer that follow from its input, the padding before it and its options."""
    shape, before = chain.shape, chain.padding
    assert shape is not None
    rows, columns = shape.height + before[0] + before[1], shape.width + before[2] + before[3]
    height, top, bottom, stride_height = _slide(rows, kernel[0], options.StrideH(), options.Padding(), name)
    width, left, right, stride_width = _slide(columns, kernel[1], options.StrideW(), options.Padding(), name)
    top, bottom, left, right = top + before[0], bottom + before[1], left + before[2], right + before[3]
    if max(top, bottom) >= kernel[0] or max(left, right) >= kernel[1]:
        raise ImportModelError(f"{name}: padding as wide as its kernel {kernel}; expected less")
    if max(left + shape.width + right, kernel[0] * kernel[1]) * shape.channels > 65535:
        raise ImportModelError(f"{name}: more than 65535 values in a row or under a kernel")
    return {
        "input": shape,
        "kernel": kernel,
        "stride": (stride_height, stride_width),
        "padding": (top, bottom, left, right),
        "output": Shape(height=height, width=width, channels=shape.channels),
    }


def _common(chain: _Chain, operator: Operator, activation: int) -> dict[str, Any]:
    """Return the fields every layer takes from its tensors."""
    output = chain.graph.tensors[operator.outputs[0]]
    quantization = _quantization(output)
    name = ACTIVATION_NAMES.get(activation, str(activation))
    if name not in {"NONE", "RELU", "RELU6", "RELU_N1_TO_1"}:
        raise ImportModelError(f"{operator.name}: fused activation {name} is not supported; use ReLU or ReLU6")
    return {
        "name": output.name,
        "input_quantization": _quantization(chain.graph.tensors[chain.tensor_index]),
        "output_quantization": quantization,
        "clamp": arithmetic.activation_clamp(name, quantization),
    }


def _conv_multipliers(common: dict[str, Any], weights: Tensor) -> list[tuple[int, int]]:
    return arithmetic.conv_multipliers(
        np.float32(common["input_quantization"].scale), weights.scales, np.float32(common["output_quantization"].scale)
    )


def _no_dilation(operator: Operator) -> None:
    if operator.options.DilationHFactor() != 1 or operator.options.DilationWFactor() != 1:
        raise ImportModelError(f"{operator.name}: dilated convolutions are not supported; use dilation_rate=1")


def _conv(chain: _Chain, operator: Operator) -> Layer:
    shape, weights = _input_shape(chain, operator), _weights(chain, operator)
    _no_dilation(operator)
    assert weights.data is not None
    if weights.shape[3] != shape.channels:
        raise ImportModelError(f"{operator.name}: grouped convolutions are not supported; use DepthwiseConv2D")
    return _conv_layer(chain, operator, weights, weights.data)


def _conv_layer(chain: _Chain, operator: Operator, weights: Tensor, data: npt.NDArray[np.int8]) -> Layer:
    """Return the layer of a convolution with weights ``data`` [oc, ky, kx, ic]."""
    common = _common(chain, operator, operator.options.FusedActivationFunction())
    num_channels = data.shape[0]
    geometry = _geometry(chain, data.shape[1:3], operator.options, operator.name)
    output: Shape = geometry.pop("output")
    pointwise = geometry["kernel"] == (1, 1) and geometry["stride"] == (1, 1)
    return Layer(
        op=Op.POINTWISE if pointwise else Op.CONV,
        output=Shape(height=output.height, width=output.width, channels=num_channels),
        weights=np.ascontiguousarray(data),
        channels=_channel_table(
            operator.name,
            _bias(chain, operator, num_channels),
            data.astype(np.int64).sum(axis=(1, 2, 3)),
            common["input_quantization"].zero_point,
            _conv_multipliers(common, weights),
        ),
        **geometry,
        **common,
    )


def _depthwise(chain: _Chain, operator: Operator) -> Layer:
    shape, weights = _input_shape(chain, operator), _weights(chain, operator)
    _no_dilation(operator)
    assert weights.data is not None
    _, kernel_height, kernel_width, num_channels = weights.shape
    if shape.channels == 1:  # every output channel sees the one input channel: an ordinary convolution
        return _conv_layer(chain, operator, weights, np.transpose(weights.data, (3, 1, 2, 0)))
    if num_channels != shape.channels:
        raise ImportModelError(
            f"{operator.name}: channel multiplier {num_channels / shape.channels:g} is not supported; expected 1"
        )
    common = _common(chain, operator, operator.options.FusedActivationFunction())
    data = np.ascontiguousarray(weights.data[0])
    table = _channel_table(
        operator.name,
        _bias(chain, operator, num_channels),
        data.astype(np.int64).sum(axis=(0, 1)),
        common["input_quantization"].zero_point,
        _conv_multipliers(common, weights),
    )
    geometry = _geometry(chain, (kernel_height, kernel_width), operator.options, operator.name)
    return Layer(op=Op.DEPTHWISE, weights=data, channels=table, **geometry, **common)


def _average_pool(chain: _Chain, operator: Operator) -> Layer:
    options = operator.options
    _input_shape(chain, operator)
    geometry = _geometry(chain, (options.FilterHeight(), options.FilterWidth()), options, operator.name)
    common = _common(chain, operator, options.FusedActivationFunction())
    _require_same_quantization(chain, operator)
    return Layer(op=Op.AVERAGE_POOL, weights=None, channels=None, **geometry, **common)


def _dense(chain: _Chain, operator: Operator) -> Layer:
    shape, weights = _input_shape(chain, operator), _weights(chain, operator)
    assert weights.data is not None
    num_channels, num_inputs = weights.shape
    if num_inputs != shape.size:
        raise ImportModelError(
            f"FULLY_CONNECTED reads {num_inputs} values of a {_text(shape)} feature map; expected all {shape.size}"
        )
    if shape.height > 255 or num_inputs > 65535:
        raise ImportModelError(f"FULLY_CONNECTED over {_text(shape)} is too large; pool over time before it")
    common = _common(chain, operator, operator.options.FusedActivationFunction())
    scales = np.float32(common["input_quantization"].scale), np.float32(common["output_quantization"].scale)
    multipliers = (
        [arithmetic.dense_multiplier(scales[0], weights.scales[0], scales[1])]
        if weights.scales.size == 1
        else _conv_multipliers(common, weights)
    )
    table = _channel_table(
        operator.name,
        _bias(chain, operator, num_channels),
        weights.data.astype(np.int64).sum(axis=1),
        common["input_quantization"].zero_point,
        multipliers,
    )
    return Layer(
        op=Op.DENSE,
        input=Shape(height=shape.height, width=1, channels=shape.width * shape.channels),
        output=Shape(height=1, width=1, channels=num_channels),
        kernel=(shape.height, 1),
        stride=(1, 1),
        padding=(0, 0, 0, 0),
        weights=np.ascontiguousarray(weights.data),
        channels=table,
        **common,
    )


def _softmax(chain: _Chain, operator: Operator) -> Layer:
    shape = _input_shape(chain, operator)
    common = _common(chain, operator, 0)
    if shape.height != 1 or shape.width != 1 or shape.channels > 255:
        raise ImportModelError(f"SOFTMAX over {_text(shape)}; expected 1 x 1 x at most 255 labels")
    constants = arithmetic.softmax_constants(common["input_quantization"].scale, operator.options.Beta())
    return Layer(
        op=Op.SOFTMAX,
        input=shape,
        output=shape,
        kernel=(1, 1),
        stride=(1, 1),
        padding=(0, 0, 0, 0),
        weights=None,
        channels=np.array([constants], np.int32),
        **common,
    )


CONVERTERS: dict[str, Callable[[_Chain, Operator], Layer]] = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "AVERAGE_POOL_2D": _average_pool,
    "FULLY_CONNECTED": _dense,
    "SOFTMAX": _softmax,
}
