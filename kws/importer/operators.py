"""One converter per TFLite operation: its tensors and options become a :class:`~kws.importer.network.Layer`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.errors import ImportModelError
from kws.importer import arithmetic
from kws.importer.chain import (
    Chain,
    input_shape,
    quantization_of,
    require_int8,
    require_same_quantization,
    shape_text,
)
from kws.importer.flatbuffer import ACTIVATION_NAMES, Operator, Tensor
from kws.importer.network import Layer, Op, Shape

SAME_PADDING = 0
MAX_BIAS = 1 << 30
"""Bound of ``kws_nn_channel_t.bias``."""


def _weights(chain: Chain, operator: Operator) -> Tensor:
    tensor = chain.graph.tensors[operator.inputs[1]]
    if tensor.data is None:
        raise ImportModelError(f"{operator.name}: weights '{tensor.name}' are not constant int8")
    require_int8(tensor, f"{operator.name} weights")
    if np.any(tensor.zero_points != 0):
        raise ImportModelError(f"{operator.name}: weights '{tensor.name}' are not symmetric; expected zero point 0")
    return tensor


def _bias(chain: Chain, operator: Operator, num_channels: int) -> npt.NDArray[np.int64]:
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


def _geometry(chain: Chain, kernel: tuple[int, int], options: Any, name: str) -> dict[str, Any]:
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


def _common(chain: Chain, operator: Operator, activation: int) -> dict[str, Any]:
    """Return the fields every layer takes from its tensors."""
    output = chain.graph.tensors[operator.outputs[0]]
    target = quantization_of(output)
    name = ACTIVATION_NAMES.get(activation, str(activation))
    if name not in {"NONE", "RELU", "RELU6", "RELU_N1_TO_1"}:
        raise ImportModelError(f"{operator.name}: fused activation {name} is not supported; use ReLU or ReLU6")
    return {
        "name": output.name,
        "input_quantization": quantization_of(chain.graph.tensors[chain.tensor_index]),
        "output_quantization": target,
        "clamp": arithmetic.activation_clamp(name, target),
    }


def _conv_multipliers(common: dict[str, Any], weights: Tensor) -> list[tuple[int, int]]:
    return arithmetic.conv_multipliers(
        np.float32(common["input_quantization"].scale), weights.scales, np.float32(common["output_quantization"].scale)
    )


def _no_dilation(operator: Operator) -> None:
    if operator.options.DilationHFactor() != 1 or operator.options.DilationWFactor() != 1:
        raise ImportModelError(f"{operator.name}: dilated convolutions are not supported; use dilation_rate=1")


def _conv(chain: Chain, operator: Operator) -> Layer:
    shape, weights = input_shape(chain, operator), _weights(chain, operator)
    _no_dilation(operator)
    assert weights.data is not None
    if weights.shape[3] != shape.channels:
        raise ImportModelError(f"{operator.name}: grouped convolutions are not supported; use DepthwiseConv2D")
    return _conv_layer(chain, operator, weights, weights.data)


def _conv_layer(chain: Chain, operator: Operator, weights: Tensor, data: npt.NDArray[np.int8]) -> Layer:
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


def _depthwise(chain: Chain, operator: Operator) -> Layer:
    shape, weights = input_shape(chain, operator), _weights(chain, operator)
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


def _average_pool(chain: Chain, operator: Operator) -> Layer:
    options = operator.options
    input_shape(chain, operator)
    geometry = _geometry(chain, (options.FilterHeight(), options.FilterWidth()), options, operator.name)
    common = _common(chain, operator, options.FusedActivationFunction())
    require_same_quantization(chain, operator)
    return Layer(op=Op.AVERAGE_POOL, weights=None, channels=None, **geometry, **common)


def _dense(chain: Chain, operator: Operator) -> Layer:
    shape, weights = input_shape(chain, operator), _weights(chain, operator)
    assert weights.data is not None
    num_channels, num_inputs = weights.shape
    if num_inputs != shape.size:
        raise ImportModelError(
            f"FULLY_CONNECTED reads {num_inputs} values of a {shape_text(shape)} feature map; expected all {shape.size}"
        )
    if shape.height > 255 or num_inputs > 65535:
        raise ImportModelError(f"FULLY_CONNECTED over {shape_text(shape)} is too large; pool over time before it")
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


def _softmax(chain: Chain, operator: Operator) -> Layer:
    shape = input_shape(chain, operator)
    common = _common(chain, operator, 0)
    if shape.height != 1 or shape.width != 1 or shape.channels > 255:
        raise ImportModelError(f"SOFTMAX over {shape_text(shape)}; expected 1 x 1 x at most 255 labels")
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


CONVERTERS: dict[str, Callable[[Chain, Operator], Layer]] = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "AVERAGE_POOL_2D": _average_pool,
    "FULLY_CONNECTED": _dense,
    "SOFTMAX": _softmax,
}
