# SPDX-License-Identifier: Apache-2.0
"""Operations on every value by itself: 256 outputs, one for each input, computed as TFLite's reference kernels do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.errors import ImportModelError
from kws.importer import arithmetic
from kws.importer.flatbuffer import Operator
from kws.importer.network import Layer, Op, Quantization, Shape
from kws.importer.operators import common_fields
from kws.importer.walk import NO_PADDING, View, Walk, quantization_of, require_unpadded, shape_text

Int64Array = npt.NDArray[np.int64]
Table = npt.NDArray[np.int8]
INPUTS = np.arange(-128, 128, dtype=np.int64)
MAX_TABLES = 1024
UNIT = Quantization(scale=1 / 256, zero_point=-128)
"""Of a posterior."""


def _real(source: Quantization) -> npt.NDArray[np.float32]:
    return np.float32(source.scale) * (INPUTS - source.zero_point).astype(np.float32)


def _rounded(values: npt.NDArray[np.float32], target: Quantization) -> Int64Array:
    steps = np.clip(values * (np.float32(1) / np.float32(target.scale)), -1e6, 1e6)
    away: Int64Array = (np.sign(steps) * np.floor(np.abs(steps) + np.float32(0.5))).astype(np.int64)
    return away + target.zero_point


def sigmoid(source: Quantization, target: Quantization) -> Int64Array:
    """LOGISTIC: looked up in TFLite too, from single-precision values."""
    with np.errstate(over="ignore"):
        return _rounded(np.float32(1) / (np.float32(1) + np.exp(-_real(source))), target)


def _tanh(source: Quantization, target: Quantization) -> Int64Array:
    return _rounded(np.tanh(_real(source)), target)


def rescaled(source: Quantization, target: Quantization, factor: float = 1.0) -> Int64Array:
    """QUANTIZE: the same values, or multiples of them, in another scale."""
    real = float(np.float32(source.scale)) * factor / float(np.float32(target.scale))
    multiplier, shift = arithmetic.quantize_multiplier(real)
    if shift > 20:
        raise ImportModelError(f"an output scale {target.scale:g} for the input scale {source.scale:g} is not usable")
    scaled = arithmetic.scale_twice(INPUTS - source.zero_point, multiplier, shift)
    return scaled + target.zero_point


def _leaky(source: Quantization, target: Quantization, alpha: float) -> Int64Array:
    below = rescaled(source, target, alpha)
    return np.where(source.zero_point <= INPUTS, rescaled(source, target), below)


def _hard_swish(source: Quantization, target: Quantization) -> Int64Array:
    """HARD_SWISH: x relu6(x + 3) / 6, in the 16-bit fixed point of TFLite (``reference_ops::HardSwish``)."""
    hires = np.float32(source.scale) * np.float32(1 / 128)
    multiplier, exponent = arithmetic.quantize_multiplier_16(float(hires / np.float32(target.scale)))
    ramp_multiplier, ramp_exponent = arithmetic.quantize_multiplier_16(float(hires / np.float32(3 / 32768)))
    if exponent > 0:
        raise ImportModelError(f"HARD_SWISH from scale {source.scale:g} to the finer {target.scale:g} is not usable")
    values = (INPUTS - source.zero_point) << 7
    ramp = values if ramp_exponent <= 0 else arithmetic.saturate_16(values << min(ramp_exponent - 1, 16))
    ramp = arithmetic.high_mul_16(ramp, ramp_multiplier)
    if ramp_exponent > 0:
        ramp = arithmetic.saturate_16(ramp << 1)
    ramp = arithmetic.rounding_shift(ramp, max(-ramp_exponent, 0)) + (1 << 15) >> 1
    product = ramp * arithmetic.high_mul_16(values, multiplier)
    towards_zero = np.sign(product) * (np.abs(product) >> 15)
    return arithmetic.rounding_shift(towards_zero, -exponent) + target.zero_point


def _clamped(name: str) -> Callable[[Quantization, Quantization], Int64Array]:
    def table(source: Quantization, target: Quantization) -> Int64Array:
        clipped: Int64Array = np.clip(rescaled(source, target), *arithmetic.activation_clamp(name, target))
        return clipped

    return table


FUNCTIONS: dict[str, Callable[[Quantization, Quantization], Int64Array]] = {
    "LOGISTIC": sigmoid,
    "TANH": _tanh,
    "HARD_SWISH": _hard_swish,
    "QUANTIZE": rescaled,
    "RELU": _clamped("RELU"),
    "RELU6": _clamped("RELU6"),
    "RELU_N1_TO_1": _clamped("RELU_N1_TO_1"),
}


def lookup_layer(shape: Shape, tables: Int64Array, **fields: Any) -> Layer:
    """Return the layer of one table [1, 256], or of one for each channel."""
    fields["clamp"] = (-128, 127)
    weights = np.clip(tables, -128, 127).astype(np.int8)
    return Layer(op=Op.LOOKUP, input=shape, output=shape, kernel=(1, 1), stride=(1, 1), padding=NO_PADDING,
                 weights=weights, channels=None, **fields)  # fmt: skip


def convert_function(walk: Walk, operator: Operator) -> None:
    """Add an operation that is a function of one value."""
    common = common_fields(walk, operator, 0)
    source, target = common["input_quantization"], common["output_quantization"]
    if operator.name == "LEAKY_RELU":
        alpha = float(operator.options.Alpha())
        if not np.isfinite(alpha) or alpha <= 0:
            raise ImportModelError(f"LEAKY_RELU with alpha {alpha}; expected more than 0")
        table = _leaky(source, target, alpha)
    else:
        table = FUNCTIONS[operator.name](source, target)
    view = require_unpadded(walk.view(operator), operator)
    if operator.name == "QUANTIZE" and source == target:
        walk.views[operator.outputs[0]] = view
        return
    walk.follow(operator, lookup_layer(view.shape, table[np.newaxis], **common), view)


def has_constant(walk: Walk, operator: Operator) -> bool:
    """Whether one of two inputs is a constant."""
    return len(operator.inputs) == 2 and any(walk.tensor(index).data is not None for index in operator.inputs)


def convert_with_constant(walk: Walk, operator: Operator) -> None:
    """Add an ADD, SUB or MUL with a constant, as a Normalization layer has it: the same for all time steps."""
    port = 0 if walk.tensor(operator.inputs[0]).data is None else 1
    view = require_unpadded(walk.view(operator, port), operator)
    constant = walk.source(operator, 1 - port)
    quantization_of(constant)
    common = common_fields(walk, operator, operator.options.FusedActivationFunction())
    common["input_quantization"] = quantization_of(walk.source(operator, port))
    values = _per_value(view, constant.data, walk.source(operator, port).shape, operator)
    tables = _arithmetic(operator, port, quantization_of(walk.source(operator, port)), quantization_of(constant),
                         values[:, np.newaxis], common["output_quantization"])  # fmt: skip
    shape = view.shape
    flat = shape if len(values) in (1, shape.channels) else Shape(
        height=shape.height, width=1, channels=shape.width * shape.channels
    )  # fmt: skip
    layer = lookup_layer(flat, np.clip(tables, *common["clamp"]), **common)
    walk.follow(operator, layer, view, shape=shape)


def _per_value(view: View, data: Any, shape: tuple[int, ...], operator: Operator) -> Int64Array:
    """Return the constant for each value of a row; one when it is the same for all, one per channel if that will do."""
    whole = view.shape
    try:
        wide = np.broadcast_to(np.asarray(data, np.int64), shape)
    except ValueError:
        wide = np.zeros(0, np.int64)
    if wide.size != whole.size or whole.size > 1 << 20:
        raise ImportModelError(f"{operator.name} with a constant that does not fit {shape_text(whole)}")
    maps = wide.reshape(whole.width, whole.height, -1).swapaxes(0, 1) if view.swapped else wide.reshape(
        whole.height, whole.width, -1
    )  # fmt: skip
    if np.any(maps != maps[:1]):
        raise ImportModelError(f"{operator.name} with a constant that differs from time step to time step")
    row: Int64Array = maps[0]
    if np.all(row == row.flat[0]):
        return row.reshape(-1)[:1]
    if np.all(row == row[:1]):
        channels: Int64Array = row[0]
        return channels
    if row.size > MAX_TABLES:
        raise ImportModelError(f"{operator.name} with {row.size} different constants; expected at most {MAX_TABLES}")
    return row.reshape(-1)


def _arithmetic(operator: Operator, port: int, source: Quantization, constant: Quantization, values: Int64Array,
                target: Quantization) -> Int64Array:  # fmt: skip
    """Return the table of each constant, [constants, 256]."""
    a, c = (INPUTS - source.zero_point)[np.newaxis], values - constant.zero_point
    scales = [float(np.float32(q.scale)) for q in (source, constant, target)]
    if operator.name == "MUL":
        multiplier, shift = arithmetic.quantize_multiplier(scales[0] * scales[1] / scales[2])
        if shift > 13:
            raise ImportModelError(f"MUL: output scale {scales[2]:g} is too small")
        return arithmetic.scale_twice(a * c, multiplier, shift) + target.zero_point
    pairs = arithmetic.add_multipliers(*scales)
    if pairs[2][1] > 0:
        raise ImportModelError(f"{operator.name}: output scale {scales[2]:g} is too small")
    left, right = (arithmetic.scale_twice(v << 20, *pair) for v, pair in zip((a, c), pairs, strict=False))
    total = left + right if operator.name == "ADD" else (left - right if port == 0 else right - left)
    sums: Int64Array = arithmetic.scale_twice(total, *pairs[2]) + target.zero_point
    return sums
