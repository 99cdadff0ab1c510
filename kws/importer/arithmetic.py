# SPDX-License-Identifier: Apache-2.0
"""TFLite's preparation step: real-valued scales become the integers its reference kernels compute with.

Every function here repeats one of TFLite's (named in its docstring) including the precision of each product, because
a multiplier that differs in its last bit would make outputs differ now and then.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from kws.importer.network import Quantization

Int64Array = npt.NDArray[np.int64]
SOFTMAX_INTEGER_BITS = 5
"""Scaled differences are Q5.26 (``kScaledDiffIntegerBits``)."""


def quantize_multiplier(real: float) -> tuple[int, int]:
    """Return ``(m, shift)`` with ``real`` close to ``m / 2**31 * 2**shift`` (``QuantizeMultiplier``)."""
    if real == 0.0:
        return 0, 0
    fraction, shift = math.frexp(real)
    multiplier = math.floor(fraction * (1 << 31) + 0.5)
    if multiplier == 1 << 31:
        multiplier, shift = multiplier // 2, shift + 1
    return (0, 0) if shift < -31 else (multiplier, shift)


def quantize_multiplier_16(real: float) -> tuple[int, int]:
    """Return ``(m, shift)`` with ``real`` close to ``m / 2**15 * 2**shift`` (``DownScaleInt32ToInt16Multiplier``)."""
    multiplier, shift = quantize_multiplier(real)
    return min(multiplier + (1 << 15) >> 16, (1 << 15) - 1), shift


def high_mul_16(values: Int64Array, multiplier: int) -> Int64Array:
    """Multiply Q15 numbers, rounded, halves upwards (gemmlowp's ``SaturatingRoundingDoublingHighMul`` of int16)."""
    products = values * multiplier
    nudged = products + np.where(products >= 0, 1 << 14, 1 - (1 << 14))
    return saturate_16(np.sign(nudged) * (np.abs(nudged) >> 15))


def saturate_16(values: Int64Array) -> Int64Array:
    """Clamp to int16."""
    return np.clip(values, -(1 << 15), (1 << 15) - 1)


def rounding_shift(values: Int64Array, shift: int) -> Int64Array:
    """Divide by a power of two to the nearest, halves away from zero (gemmlowp's ``RoundingDivideByPOT``)."""
    mask = (1 << shift) - 1
    return (values >> shift) + ((values & mask) > (mask >> 1) + (values < 0))


def conv_multipliers(
    input_scale: np.float32, filter_scales: npt.NDArray[np.float32], output_scale: np.float32
) -> list[tuple[int, int]]:
    """Return one pair per output channel (``PopulateConvolutionQuantizationParams``: products in double)."""
    scales = float(input_scale) * filter_scales.astype(np.float64) / float(output_scale)
    return [quantize_multiplier(float(scale)) for scale in scales]


def dense_multiplier(input_scale: np.float32, filter_scale: np.float32, output_scale: np.float32) -> tuple[int, int]:
    """Return the one pair of a dense layer (``GetQuantizedConvolutionMultipler``: the product in single)."""
    return quantize_multiplier(float(np.float32(input_scale * filter_scale)) / float(output_scale))


def mean_multiplier(input_scale: float, output_scale: float, cells: int) -> tuple[int, int]:
    """Return the one pair of a mean over ``cells`` values (``QuantizedMeanOrSum``: the division is in the pair)."""
    multiplier, exponent = quantize_multiplier(float(np.float32(input_scale)) / float(np.float32(output_scale)))
    shift = min(cells.bit_length() - 1, 32, 31 + exponent)
    return (multiplier << shift) // cells, exponent - shift


def add_multipliers(first: float, second: float, output: float) -> list[tuple[int, int]]:
    """Return the pairs of both inputs and of the sum (``add.cc``, ``sub.cc``: 20 bits of fraction)."""
    twice = 2.0 * max(first, second)
    return [quantize_multiplier(real) for real in (first / twice, second / twice, twice / ((1 << 20) * output))]


def scale_twice(values: Int64Array, multiplier: int, shift: int) -> Int64Array:
    """Scale any value as ``MultiplyByQuantizedMultiplier`` does: also to the left."""
    return requantize_twice(values << max(shift, 0), multiplier, min(shift, 0))


def activation_clamp(activation: str, output: Quantization) -> tuple[int, int]:
    """Return the lowest and highest int8 output of a fused activation (``CalculateActivationRangeQuantized``)."""

    def quantize(real: float) -> int:
        with np.errstate(over="ignore"):
            quotient = min(max(float(np.float32(real) / np.float32(output.scale)), -1e9), 1e9)
        return output.zero_point + math.floor(abs(quotient) + 0.5) * (1 if quotient >= 0 else -1)

    low, high = {
        "NONE": (-128, 127),
        "RELU": (quantize(0.0), 127),
        "RELU6": (quantize(0.0), quantize(6.0)),
        "RELU_N1_TO_1": (quantize(-1.0), quantize(1.0)),
    }[activation]
    return max(low, -128), min(high, 127)


def softmax_constants(input_scale: float, beta: float) -> tuple[int, int, int]:
    """Return ``(lowest difference, multiplier, shift)`` (``PreprocessSoftmaxScaling``, ``CalculateInputRadius``)."""
    fraction_bits = 31 - SOFTMAX_INTEGER_BITS
    real = min(float(beta) * float(input_scale) * (1 << fraction_bits), (1 << 31) - 1.0)
    multiplier, shift = quantize_multiplier(real)
    radius = ((1 << SOFTMAX_INTEGER_BITS) - 1) * (1 << fraction_bits) / (1 << shift)
    return -math.floor(radius), multiplier, shift


def requantize_twice(values: Int64Array, multiplier: int, shift: int) -> Int64Array:
    """Scale the accumulators of a convolution (``MultiplyByQuantizedMultiplier``): two roundings; ``shift <= 0``."""
    high = values * multiplier + (1 << 30) >> 31
    return rounding_shift(high, -shift)


def requantize_once(values: Int64Array, multiplier: int, shift: int) -> Int64Array:
    """Scale the accumulators of a dense layer, which round once, ties upwards."""
    right = 31 - shift
    return values * multiplier + (1 << right - 1) >> right
