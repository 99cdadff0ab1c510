# SPDX-License-Identifier: Apache-2.0
"""Rescaling constants have the bits of TFLite's arithmetic at every accumulator, or there are none."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import GraphMaker

from kws.core import lib
from kws.importer.arithmetic import quantize_multiplier, requantize_once, requantize_twice
from kws.importer.network import FRAMES, Layer, Op, Quantization, Shape
from kws.importer.packing import packed_layer
from kws.importer.rescaling import accumulator_range, find_constants, rescaling_constants, settle_dead_channels
from kws.importer.tflite import import_tflite
from kws.reference.model import rescale_once, rescale_twice, run_layer

SHIPPED = Path(__file__).resolve().parents[2] / "models" / "speech_commands_12.tflite"


def kernel_output(accumulators: np.ndarray, start: int, multiplier: int) -> np.ndarray:
    """What SMMUL and SSAT make of ``256 * accumulator + start``."""
    sums = 256 * accumulators + start
    assert np.abs(sums).max() <= 2**31
    return np.clip((sums * multiplier >> 32) >> lib.KWS_NN_RESCALE_SHIFT, -128, 127)


def pointwise(*, zero_point: int = -128, clamp: tuple[int, int] = (-128, 127), scale: float = 1 / 300,
              op: Op = Op.POINTWISE) -> Layer:  # fmt: skip
    rng = np.random.default_rng(3)
    shape = Shape(height=1, width=1, channels=8)
    table = [[int(bias), *quantize_multiplier(scale)] for bias in rng.integers(-9000, 9000, 8)]
    return Layer(
        op=op, name="layer", input=shape, output=shape, kernel=(1, 1), stride=(1, 1), padding=(0, 0, 0, 0),
        input_quantization=Quantization(scale=1.0, zero_point=0),
        output_quantization=Quantization(scale=1.0, zero_point=zero_point), clamp=clamp,
        weights=rng.integers(-127, 128, (8, 1, 1, 8), np.int8), channels=np.array(table, np.int32),
    )  # fmt: skip


@settings(max_examples=150)
@given(st.floats(-11.0, -4.1), st.integers(1 << 10, 1 << 18), st.integers(-(1 << 17), 1 << 17))
def test_constants_equal_two_roundings_at_every_accumulator(exponent: float, spread: int, middle: int) -> None:
    multiplier, shift = quantize_multiplier(2.0**exponent)
    lowest, highest = middle - spread, middle + spread
    accumulators = np.arange(lowest, highest + 1)

    def step(values: np.ndarray) -> np.ndarray:
        return np.clip(requantize_twice(values, multiplier, shift) - 128, -128, 127)

    constants = find_constants(step, 2.0**exponent, lowest, highest)
    if constants is not None:  # how often it may not: the next test
        np.testing.assert_array_equal(kernel_output(accumulators, *constants), step(accumulators))


def test_nearly_every_scale_has_constants() -> None:
    rng = np.random.default_rng(0)
    found = 0
    for exponent in rng.uniform(-11.0, -4.1, 400):
        multiplier, shift = quantize_multiplier(2.0**exponent)
        reach = round(300 / 2.0**exponent)

        def step(values: np.ndarray, multiplier: int = multiplier, shift: int = shift) -> np.ndarray:
            return np.clip(requantize_twice(values, multiplier, shift) - 128, -128, 127)

        found += find_constants(step, 2.0**exponent, -reach, reach) is not None
    assert found >= 0.95 * 400


@settings(max_examples=100)
@given(st.floats(-11.0, -4.1), st.integers(-128, 127))
def test_constants_equal_one_rounding_whatever_the_zero_point(exponent: float, zero_point: int) -> None:
    multiplier, shift = quantize_multiplier(2.0**exponent)
    accumulators = np.arange(-(1 << 16), 1 << 16)

    def step(values: np.ndarray) -> np.ndarray:
        return np.clip(requantize_once(values, multiplier, shift) + zero_point, -128, 127)

    constants = find_constants(step, 2.0**exponent, int(accumulators[0]), int(accumulators[-1]))
    if constants is not None:
        np.testing.assert_array_equal(kernel_output(accumulators, *constants), step(accumulators))


def test_a_zero_point_inside_the_outputs_has_none() -> None:
    """TFLite rounds halves away from it, which is no line rounded down."""
    multiplier, shift = quantize_multiplier(1 / 256)

    def step(values: np.ndarray) -> np.ndarray:
        return np.clip(requantize_twice(values, multiplier, shift), -128, 127)

    assert step(np.array([-128, 128])).tolist() == [-1, 1]
    assert find_constants(step, 1 / 256, -40000, 40000) is None


def test_a_channel_that_never_leaves_its_lowest_output_has_constants() -> None:
    constants = find_constants(lambda values: np.full(values.shape, -128), 1e-9, -100000, 100000)
    assert constants is not None
    assert set(kernel_output(np.arange(-100000, 100001), *constants)) == {-128}


def test_arithmetic_is_that_of_the_reference() -> None:
    values = np.random.default_rng(1).integers(-(1 << 22), 1 << 22, 5000)
    for real in (0.3, 0.02, 0.0007):
        multiplier, shift = quantize_multiplier(real)
        pair = np.full(values.shape, multiplier), np.full(values.shape, shift)
        np.testing.assert_array_equal(requantize_twice(values, multiplier, shift), rescale_twice(values, *pair))
        np.testing.assert_array_equal(requantize_once(values, multiplier, shift), rescale_once(values, *pair))


def test_the_range_is_reached_and_not_exceeded() -> None:
    layer = pointwise()
    lowest, highest = accumulator_range(layer)
    weights = layer.weights.reshape(8, 8).astype(int)
    worst = np.where(weights > 0, 127, -128)
    np.testing.assert_array_equal((weights * worst).sum(axis=1) + layer.channels[:, 0], highest)
    np.testing.assert_array_equal((weights * ~worst).sum(axis=1) + layer.channels[:, 0], lowest)


def test_a_rectified_layer_needs_no_channel_table() -> None:
    packed = packed_layer(pointwise())
    assert packed.layout == lib.KWS_NN_LAYOUT_PAIRED
    assert packed.channels == b""


@pytest.mark.parametrize(
    "layer", [pointwise(zero_point=3, scale=1 / 256), pointwise(clamp=(-100, 127)), pointwise(scale=1.5)]
)
def test_what_has_no_constants_keeps_its_channel_table(layer: Layer) -> None:
    assert rescaling_constants(layer) is None
    packed = packed_layer(layer)
    assert packed.layout == lib.KWS_NN_LAYOUT_PAIRED
    assert packed.channels == layer.channels.tobytes()


def test_a_dense_layer_without_constants_stays_compact() -> None:
    assert packed_layer(pointwise(op=Op.DENSE, zero_point=3)).layout == lib.KWS_NN_LAYOUT_PAIRED
    assert packed_layer(pointwise(op=Op.DENSE, clamp=(-100, 127))).layout == lib.KWS_NN_LAYOUT_COMPACT


def test_every_layer_of_the_shipped_model_has_constants() -> None:
    layers = [layer for layer in import_tflite(SHIPPED).layers if layer.weights is not None]
    assert len(layers) == 12
    assert all(rescaling_constants(layer) is not None for layer in layers)


def test_dead_channels_with_wild_biases_are_settled_without_changing_a_bit() -> None:
    maker = GraphMaker(np.random.default_rng(1), Shape(height=4, width=4, channels=4), streaming=False)
    maker.add(Op.CONV, (FRAMES,), kernel=(2, 2), channels=8)
    layer = maker.layers[0]
    assert layer.channels is not None
    table = layer.channels.copy()
    table[2], table[5] = (1 << 30, 1 << 30, -27), (-(1 << 30), 1 << 30, -20)
    wild = dataclasses.replace(layer, channels=table)
    settled = settle_dead_channels(wild)
    assert settled.channels is not None
    assert np.abs(settled.channels[:, 0]).max() < 1 << 22
    feature_map = np.random.default_rng(2).integers(-128, 128, (4, 4, 4)).astype(np.int64)
    np.testing.assert_array_equal(run_layer(settled, feature_map), run_layer(wild, feature_map))
    assert settle_dead_channels(layer) is layer


@pytest.mark.parametrize("scale", [2.0**9, 2.0**20, 2.0**29.5])
def test_a_dense_layer_of_any_scale_that_a_file_may_say_has_constants_or_none(scale: float) -> None:
    layer = pointwise(op=Op.DENSE, zero_point=0, scale=scale)
    constants = rescaling_constants(layer)
    if constants is None:
        return
    for index, (start, multiplier) in enumerate(constants):
        bias, factor, shift = layer.channels[index].astype(np.int64)
        accumulators = np.arange(-3, 4) * 1000
        expected = np.clip(requantize_once(accumulators + bias, int(factor), int(shift)), -128, 127)
        np.testing.assert_array_equal(kernel_output(accumulators, int(start), int(multiplier)), expected)
