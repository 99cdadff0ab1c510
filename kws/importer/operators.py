# SPDX-License-Identifier: Apache-2.0
"""One converter per TFLite operation with a kernel: its tensors and options become a layer of the walk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.errors import ImportModelError
from kws.importer import arithmetic
from kws.importer.flatbuffer import ACTIVATION_NAMES, Operator, Tensor
from kws.importer.network import Layer, Op, Shape
from kws.importer.walk import (
    MAX_KERNEL,
    MAX_VALUES,
    NO_PADDING,
    View,
    Walk,
    quantization_of,
    require_int8,
    require_same_quantization,
    require_unpadded,
    shape_text,
)

SAME_PADDING = 0
MAX_BIAS = (1 << 30) + (1 << 14) - 1
"""Bound of ``kws_nn_channel_t.bias``."""


def _weights(walk: Walk, operator: Operator) -> Tensor:
    if len(operator.inputs) < 2:
        raise ImportModelError(f"{operator.name} has no weights; the file is damaged, export it again")
    tensor = walk.source(operator, 1)
    if tensor.data is None:
        raise ImportModelError(f"{operator.name}: weights '{tensor.name}' are not constant int8")
    require_int8(tensor, f"{operator.name} weights")
    if np.any(tensor.zero_points != 0):
        raise ImportModelError(f"{operator.name}: weights '{tensor.name}' are not symmetric; expected zero point 0")
    if tensor.scales.size not in (1, *tensor.shape):
        raise ImportModelError(f"{operator.name}: {tensor.scales.size} scales for weights of shape {tensor.shape}")
    return tensor


def _bias(walk: Walk, operator: Operator, num_channels: int) -> npt.NDArray[np.int64]:
    if len(operator.inputs) < 3 or operator.inputs[2] < 0:
        return np.zeros(num_channels, np.int64)
    tensor = walk.source(operator, 2)
    if tensor.data is None or tensor.type_name != "INT32":
        raise ImportModelError(f"{operator.name}: bias '{tensor.name}' is {tensor.type_name}; expected constant int32")
    if tensor.data.size != num_channels:
        raise ImportModelError(f"{operator.name}: {tensor.data.size} biases for {num_channels} channels")
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
    if len(multipliers) != len(folded):
        raise ImportModelError(f"{name}: {len(multipliers)} scales for {len(folded)} channels")
    if any(shift > 30 for _, shift in multipliers):
        raise ImportModelError(f"{name}: output scale is 2**30 times too small; check the quantisation of this layer")
    return np.column_stack([folded, np.array(multipliers, np.int64)]).astype(np.int32)


def _slide(cells: int, span: int, stride: int, padding: int, name: str) -> tuple[int, int, int, int]:
    """Return output size, padding before and after, and the stride, in one direction.

    A stride that leads nowhere becomes 1: Keras writes the pool's size there, which would make a stream decide only
    once per window.
    """
    if stride < 1 or span < 1:
        raise ImportModelError(f"{name}: kernel {span} and stride {stride}; expected 1 and more")
    if padding == SAME_PADDING:
        output = -(-cells // stride)
        total = max((output - 1) * stride + span - cells, 0)
    else:
        output, total = (cells - span) // stride + 1, 0
    if output < 1:
        raise ImportModelError(f"{name}: kernel {span} does not fit {cells} cells")
    if stride > 255 and cells + total != span:
        raise ImportModelError(f"{name}: stride {stride}; expected 1 .. 255")
    return output, total // 2, total - total // 2, 1 if cells + total == span else stride


def _swap(pair: tuple[int, int], view: View) -> tuple[int, int]:
    return (pair[1], pair[0]) if view.swapped else pair


def _geometry(view: View, kernel: tuple[int, int], options: Any, name: str, dilation: int = 1) -> dict[str, Any]:
    """Return the fields of a sliding layer that follow from its input, the padding before it and its options."""
    shape, before = view.shape, view.padding
    stride_h, stride_w = _swap((options.StrideH(), options.StrideW()), view)
    if view.blocks != (1, 1) and options.Padding() == SAME_PADDING and kernel != (1, 1):
        raise ImportModelError(f"{name} behind SPACE_TO_BATCH_ND with 'same' padding is not supported; pad before it")
    if max(kernel) > MAX_KERNEL:
        raise ImportModelError(f"{name}: kernel {kernel[0]}x{kernel[1]}; expected at most {MAX_KERNEL} each way")
    rows, columns = shape.height + before[0] + before[1], shape.width + before[2] + before[3]
    span = (kernel[0] - 1) * dilation + 1
    if span > 511:
        raise ImportModelError(f"{name}: a dilated kernel over {span} time steps; expected at most 511")
    height, top, bottom, stride_height = _slide(rows, span, stride_h, options.Padding(), name)
    width, left, right, stride_width = _slide(columns, kernel[1], stride_w, options.Padding(), name)
    top, bottom, left, right = top + before[0], bottom + before[1], left + before[2], right + before[3]
    if max(top, bottom) >= span or max(left, right) >= kernel[1]:
        raise ImportModelError(f"{name}: padding as wide as its kernel {kernel}; expected less")
    if max(left + shape.width + right, kernel[0] * kernel[1]) * shape.channels > MAX_VALUES:
        raise ImportModelError(f"{name}: more than {MAX_VALUES} values in a row or under a kernel")
    if max(top, bottom) > 255:
        raise ImportModelError(f"{name}: {max(top, bottom)} rows of padding; expected at most 255")
    return {
        "input": shape,
        "kernel": kernel,
        "stride": (stride_height, stride_width),
        "padding": (top, bottom, left, right),
        "output": Shape(height=height, width=width, channels=shape.channels),
    }


def common_fields(walk: Walk, operator: Operator, activation: int) -> dict[str, Any]:
    """Return the fields every layer takes from its tensors."""
    output = walk.target(operator)
    target = quantization_of(output)
    name = ACTIVATION_NAMES.get(activation, str(activation))
    if name not in {"NONE", "RELU", "RELU6", "RELU_N1_TO_1"}:
        raise ImportModelError(f"{operator.name}: fused activation {name} is not supported; use ReLU or ReLU6")
    return {
        "name": output.name,
        "input_quantization": quantization_of(walk.source(operator)),
        "output_quantization": target,
        "clamp": arithmetic.activation_clamp(name, target),
    }


def _conv_multipliers(common: dict[str, Any], weights: Tensor) -> list[tuple[int, int]]:
    return arithmetic.conv_multipliers(
        np.float32(common["input_quantization"].scale), weights.scales, np.float32(common["output_quantization"].scale)
    )


def _spread(data: npt.NDArray[np.int8], dilation: int, axis: int) -> npt.NDArray[np.int8]:
    """Return weights dilated along the width: with zeros in between, which add nothing."""
    if dilation <= 1:
        return data
    span = (data.shape[axis] - 1) * dilation + 1
    if span > MAX_KERNEL:
        raise ImportModelError(f"a kernel dilated to {span} columns; expected at most {MAX_KERNEL}")
    spread = np.zeros([span if i == axis else n for i, n in enumerate(data.shape)], np.int8)
    spread[(slice(None),) * axis + (slice(None, None, dilation),)] = data
    return spread


def _kernel(view: View, operator: Operator, data: npt.NDArray[np.int8]) -> tuple[npt.NDArray[np.int8], int]:
    """Return weights [a, time, width, b] and the dilation in time."""
    if data.ndim != 4:
        raise ImportModelError(f"{operator.name}: weights have {data.ndim} axes; expected 4")
    dilations = (operator.options.DilationHFactor(), operator.options.DilationWFactor())
    in_time, in_width = (a * b for a, b in zip(_swap(dilations, view), view.blocks, strict=True))
    if min(in_time, in_width) < 1 or max(in_time, in_width) > 255:
        raise ImportModelError(f"{operator.name}: dilation {in_time}x{in_width}; expected 1 .. 255")
    turned = data.transpose(0, 2, 1, 3) if view.swapped else data
    return _spread(turned, in_width, 2), in_time if turned.shape[1] > 1 else 1


def _conv(walk: Walk, operator: Operator) -> None:
    view, weights = walk.view(operator), _weights(walk, operator)
    assert weights.data is not None
    if len(weights.shape) != 4 or weights.shape[3] != view.shape.channels:
        raise ImportModelError(f"{operator.name}: grouped convolutions are not supported; use DepthwiseConv2D")
    _add_conv(walk, operator, view, weights, weights.data)


def _add_conv(walk: Walk, operator: Operator, view: View, weights: Tensor, data: npt.NDArray[np.int8]) -> None:
    """Add a convolution with weights ``data`` [oc, ky, kx, ic] of the file."""
    common = common_fields(walk, operator, operator.options.FusedActivationFunction())
    kernel, dilation = _kernel(view, operator, data)
    num_channels = kernel.shape[0]
    size = (kernel.shape[1], kernel.shape[2])
    geometry = _geometry(view, size, operator.options, operator.name, dilation)
    output: Shape = geometry.pop("output")
    unit = geometry["kernel"] == (1, 1) and geometry["stride"] == (1, 1) and geometry["padding"] == NO_PADDING
    layer = Layer(
        op=Op.POINTWISE if unit else Op.CONV,
        output=Shape(height=output.height, width=output.width, channels=num_channels),
        weights=np.ascontiguousarray(kernel),
        channels=_channel_table(
            operator.name,
            _bias(walk, operator, num_channels),
            kernel.astype(np.int64).sum(axis=(1, 2, 3)),
            common["input_quantization"].zero_point,
            _conv_multipliers(common, weights),
        ),
        dilation=dilation,
        **geometry,
        **common,
    )
    walk.follow(operator, layer, view)


def _depthwise(walk: Walk, operator: Operator) -> None:
    view, weights = walk.view(operator), _weights(walk, operator)
    assert weights.data is not None
    if len(weights.shape) != 4 or weights.shape[0] != 1 or weights.shape[3] % view.shape.channels != 0:
        raise ImportModelError(
            f"{operator.name}: weights {list(weights.shape)} do not fit {view.shape.channels} channels"
        )
    if view.shape.channels == 1:  # every output channel sees the one input channel: an ordinary convolution
        _add_conv(walk, operator, view, weights, np.transpose(weights.data, (3, 1, 2, 0)))
        return
    common = common_fields(walk, operator, operator.options.FusedActivationFunction())
    kernel, dilation = _kernel(view, operator, weights.data)
    data = np.ascontiguousarray(kernel[0])
    num_channels = data.shape[2]
    table = _channel_table(
        operator.name,
        _bias(walk, operator, num_channels),
        data.astype(np.int64).sum(axis=(0, 1)),
        common["input_quantization"].zero_point,
        _conv_multipliers(common, weights),
    )
    geometry = _geometry(view, (data.shape[0], data.shape[1]), operator.options, operator.name, dilation)
    made: Shape = geometry.pop("output")
    output = Shape(height=made.height, width=made.width, channels=num_channels)
    layer = Layer(op=Op.DEPTHWISE, output=output, weights=data, channels=table, dilation=dilation,
                  **geometry, **common)  # fmt: skip
    walk.follow(operator, layer, view)


def _pool(walk: Walk, operator: Operator) -> None:
    options, view = operator.options, walk.view(operator)
    average = operator.name == "AVERAGE_POOL_2D"
    if view.blocks != (1, 1):
        require_unpadded(view, operator)
    point = quantization_of(walk.source(operator)).zero_point
    if view.padding != NO_PADDING and (average or point != -128):
        raise ImportModelError(f"PAD before {operator.name} is not supported; pad before convolutions only")
    kernel = _swap((options.FilterHeight(), options.FilterWidth()), view)
    geometry = _geometry(view, kernel, options, operator.name)
    common = common_fields(walk, operator, options.FusedActivationFunction())
    require_same_quantization(walk, operator)
    if not average:
        lowest = common["input_quantization"]
        common["input_quantization"] = type(lowest)(scale=lowest.scale, zero_point=-128)  # fills the padding
    op = Op.AVERAGE_POOL if average else Op.MAX_POOL
    walk.follow(operator, Layer(op=op, weights=None, channels=None, **geometry, **common), view)


def _mean(walk: Walk, operator: Operator) -> None:
    """A mean over time, width or both: one rounding after the sum, as ``QuantizedMeanOrSum`` has it."""
    view, axes = require_unpadded(walk.view(operator), operator), None
    if len(operator.inputs) > 1:
        axes = walk.source(operator, 1).data
    num_axes = len(walk.source(operator).shape)
    over = set() if axes is None else {int(axis) % num_axes for axis in axes.reshape(-1)}
    time, width = (2, 1) if view.swapped else (1, 2)
    allowed = {1} if num_axes == 3 and not view.swapped else {1, 2}
    if not over or not over <= allowed or num_axes not in (3, 4):
        raise ImportModelError("MEAN: expected constant axes: time, width or both, as GlobalAveragePooling2D writes it")
    shape = view.shape
    whole = num_axes == 3 and not view.swapped
    kernel = (shape.height if time in over else 1, shape.width if width in over or whole else 1)
    if max(kernel) > MAX_KERNEL:
        raise ImportModelError(f"MEAN over {shape_text(shape)}; expected at most {MAX_KERNEL} steps each way")
    common = common_fields(walk, operator, 0)
    quantization, target = common["input_quantization"], common["output_quantization"]
    cells = kernel[0] * kernel[1]
    row = (-quantization.zero_point * cells, *arithmetic.mean_multiplier(quantization.scale, target.scale, cells))
    output = Shape(
        height=1 if time in over else shape.height, width=shape.width // kernel[1], channels=shape.channels
    )  # fmt: skip
    layer = Layer(op=Op.MEAN, input=shape, output=output, kernel=kernel, stride=(1, 1), padding=NO_PADDING,
                  weights=None, channels=np.array([row], np.int64).astype(np.int32), **common)  # fmt: skip
    walk.follow(operator, layer, view)
    if len(walk.target(operator).shape) < num_axes and time not in over:
        walk.views[operator.outputs[0]] = View(layer=len(walk.layers) - 1, shape=output)


def _dense(walk: Walk, operator: Operator) -> None:
    view, weights = require_unpadded(walk.view(operator), operator), _weights(walk, operator)
    shape = view.shape
    assert weights.data is not None
    if len(weights.shape) != 2 or weights.shape[1] != shape.size:
        raise ImportModelError(
            f"FULLY_CONNECTED reads {weights.shape[-1]} values of a {shape_text(shape)} feature map; "
            f"expected all {shape.size}"
        )
    num_channels, num_inputs = weights.shape
    if shape.height > MAX_KERNEL or num_inputs > MAX_VALUES:
        raise ImportModelError(f"FULLY_CONNECTED over {shape_text(shape)} is too large; pool over time before it")
    common = common_fields(walk, operator, operator.options.FusedActivationFunction())
    scales = np.float32(common["input_quantization"].scale), np.float32(common["output_quantization"].scale)
    multipliers = (
        [arithmetic.dense_multiplier(scales[0], weights.scales[0], scales[1])]
        if weights.scales.size == 1
        else _conv_multipliers(common, weights)
    )
    data = weights.data
    if view.swapped:
        by_axis = data.reshape(num_channels, shape.width, shape.height, shape.channels)
        data = by_axis.transpose(0, 2, 1, 3).reshape(data.shape)
    table = _channel_table(
        operator.name,
        _bias(walk, operator, num_channels),
        data.astype(np.int64).sum(axis=1),
        common["input_quantization"].zero_point,
        multipliers,
    )
    sums = np.abs(table[:, 0].astype(np.float64)) + 128 * np.abs(data.astype(np.int64)).sum(axis=1)
    if np.any(sums * table[:, 1] * 2.0 ** (table[:, 2] - 31) >= 1 << 31):  # TFLite lets such outputs wrap
        raise ImportModelError(f"{operator.name}: output scale {scales[1]:g} is too small for its weights and biases")
    layer = Layer(
        op=Op.DENSE,
        input=Shape(height=shape.height, width=1, channels=shape.width * shape.channels),
        output=Shape(height=1, width=1, channels=num_channels),
        kernel=(shape.height, 1),
        stride=(1, 1),
        padding=NO_PADDING,
        weights=np.ascontiguousarray(data),
        channels=table,
        **common,
    )
    walk.views[operator.outputs[0]] = View(layer=walk.append(layer, view), shape=layer.output)


def softmax_layer(shape: Shape, beta: float, **fields: Any) -> Layer:
    """Return a softmax over the channels of one column."""
    if shape.height != 1 or shape.width != 1 or shape.channels > 255:
        raise ImportModelError(f"SOFTMAX over {shape_text(shape)}; expected 1 x 1 x at most 255 labels")
    scale = fields["input_quantization"].scale
    constants = arithmetic.softmax_constants(scale, beta)
    if not 0 <= constants[2] <= 30:
        raise ImportModelError(f"SOFTMAX with the input scale {scale:g} and beta {beta:g} is not usable; retrain")
    return Layer(op=Op.SOFTMAX, input=shape, output=shape, kernel=(1, 1), stride=(1, 1), padding=NO_PADDING,
                 weights=None, channels=np.array([constants], np.int32), **fields)  # fmt: skip


def _softmax(walk: Walk, operator: Operator) -> None:
    view = require_unpadded(walk.view(operator), operator)
    common = common_fields(walk, operator, 0)
    target = common["output_quantization"]
    if target.scale != 1 / 256 or target.zero_point != -128:
        raise ImportModelError(f"SOFTMAX with the output scale {target.scale:g}; expected 1/256 at zero point -128")
    walk.follow(operator, softmax_layer(view.shape, operator.options.Beta(), **common), view)


CONVERTERS: dict[str, Callable[[Walk, Operator], None]] = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "AVERAGE_POOL_2D": _pool,
    "MAX_POOL_2D": _pool,
    "MEAN": _mean,
    "FULLY_CONNECTED": _dense,
    "SOFTMAX": _softmax,
}
