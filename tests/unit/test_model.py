# SPDX-License-Identifier: Apache-2.0
"""The C engine against the numpy reference, over random shapes; and its manners."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_bundles import random_network

from kws.bundle import Bundle
from kws.core import ffi, lib
from kws.errors import BundleError, ImportModelError
from kws.importer.arithmetic import quantize_multiplier, softmax_constants
from kws.importer.network import Layer, Network, Op, Quantization, Shape
from kws.importer.section import model_section
from kws.model import Model
from kws.reference.model import rescale_once, rescale_twice, run_network

Draw = st.DrawFn


def slide(cells: int, kernel: int, stride: int, padding: int) -> int:
    return (cells + padding - kernel) // stride + 1


def layer_of(rng: np.random.Generator, op: Op, shape: Shape, output: Shape, kernel: tuple[int, int],
             stride: tuple[int, int], padding: tuple[int, int, int, int]) -> Layer:  # fmt: skip
    quantization = Quantization(scale=0.1, zero_point=int(rng.integers(-128, 128)))
    weights_shape = {
        Op.DEPTHWISE: (*kernel, shape.channels),
        Op.DENSE: (output.channels, shape.size),
    }.get(op, (output.channels, *kernel, shape.channels))
    weighted = op is not Op.AVERAGE_POOL
    scales = rng.uniform(1e-4, 2e-2, output.channels)
    table = [
        (int(b), *quantize_multiplier(s)) for b, s in zip(rng.integers(-9999, 9999, len(scales)), scales, strict=True)
    ]
    low = int(rng.integers(-128, 0))
    return Layer(
        op=op, name=op.name, input=shape, output=output, kernel=kernel, stride=stride, padding=padding,
        input_quantization=quantization,
        output_quantization=Quantization(scale=0.1, zero_point=int(rng.integers(-128, 128))),
        clamp=(low, int(rng.integers(low, 128))),
        weights=rng.integers(-128, 128, weights_shape, np.int8) if weighted else None,
        channels=np.array(table, np.int32) if weighted else None,
    )  # fmt: skip


@st.composite
def networks(draw: Draw) -> Network:
    """One to four sliding layers of any geometry, then a dense layer over what is left."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = Shape(height=draw(st.integers(1, 14)), width=draw(st.integers(1, 7)), channels=draw(st.integers(1, 20)))
    first, layers = shape, []
    for _ in range(draw(st.integers(1, 4))):
        op = draw(st.sampled_from([Op.CONV, Op.DEPTHWISE, Op.AVERAGE_POOL, Op.POINTWISE]))
        kernel = stride = (1, 1)
        padding = (0, 0, 0, 0)
        if op is not Op.POINTWISE:
            kernel = (draw(st.integers(1, min(6, shape.height))), draw(st.integers(1, min(5, shape.width))))
            stride = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
            edge_height, edge_width = st.integers(0, kernel[0] - 1), st.integers(0, kernel[1] - 1)
            padding = (draw(edge_height), draw(edge_height), draw(edge_width), draw(edge_width))
        output = Shape(
            height=slide(shape.height, kernel[0], stride[0], padding[0] + padding[1]),
            width=slide(shape.width, kernel[1], stride[1], padding[2] + padding[3]),
            channels=draw(st.integers(1, 20)) if op in (Op.CONV, Op.POINTWISE) else shape.channels,
        )
        layers.append(layer_of(rng, op, shape, output, kernel, stride, padding))
        shape = output
    flat = Shape(height=shape.height, width=1, channels=shape.width * shape.channels)
    logits = Shape(height=1, width=1, channels=draw(st.integers(1, 12)))
    layers.append(layer_of(rng, Op.DENSE, flat, logits, (shape.height, 1), (1, 1), (0, 0, 0, 0)))
    return Network(
        window_frames=first.height, num_features=first.width * first.channels, num_labels=logits.channels,
        input_quantization=Quantization(scale=1.0, zero_point=0), layers=tuple(layers),
    )  # fmt: skip


def frames_for(network: Network, count: int, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-128, 128, (count, network.num_features)).astype(np.int8)


@settings(max_examples=150)
@given(networks(), st.booleans())
def test_every_row_of_a_window_equals_the_reference(network: Network, compact: bool) -> None:
    frames = frames_for(network, network.window_frames)
    model = Model(model_section(network, streaming=False, compact=compact))
    for layer, rows, wanted in zip(network.layers, model.tensors(frames), run_network(network, frames), strict=True):
        want = wanted.reshape(len(wanted), -1)[: len(rows)]  # rows that no output uses are not made
        np.testing.assert_array_equal(rows, want, err_msg=layer.name)
    assert len(rows) == 1
    np.testing.assert_array_equal(model.run(frames).astype(int) - 128, wanted.reshape(-1))


@settings(max_examples=100)
@given(networks().filter(lambda network: network.can_stream))
def test_every_streamed_row_equals_the_reference_over_the_whole_recording(network: Network) -> None:
    frames = frames_for(network, 3 * network.window_frames + 5)
    got = Model(model_section(network)).tensors(frames)
    for layer, rows, wanted in zip(network.layers, got, run_network(network, frames), strict=True):
        np.testing.assert_array_equal(rows, wanted.reshape(len(wanted), -1), err_msg=layer.name)


def test_a_window_model_decides_on_the_last_window_every_decision_frames() -> None:
    network = random_network(seed=5, streaming=False)
    model = Model(model_section(network, decision_frames=7))
    frames = frames_for(network, 49 + 3 * 7 + 2)
    posteriors, newest = model.stream(frames)
    assert newest.tolist() == [48, 55, 62, 69]
    single = Model(model_section(network))
    for decision, frame in zip(posteriors, newest, strict=True):
        np.testing.assert_array_equal(decision, single.run(frames[frame - 48 : frame + 1]))


def test_streaming_does_not_depend_on_how_frames_are_cut() -> None:
    network = random_network(seed=6)
    frames, model = frames_for(network, 200), Model(model_section(network))
    whole, _ = model.stream(frames)
    model.reset()
    pieces = [model.stream(piece)[0] for piece in np.split(frames, [1, 2, 60, 61, 130])]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


def test_a_batch_equals_its_clips_one_by_one() -> None:
    network = random_network(seed=7, streaming=False)
    model = Model(model_section(network))
    clips = np.stack([frames_for(network, 49, seed=seed) for seed in range(4)])
    np.testing.assert_array_equal(model.run_batch(clips), np.stack([model.run(clip) for clip in clips]))


def test_softmax_is_within_one_step_of_the_real_one() -> None:
    network = random_network(seed=8)
    model = Model(model_section(network))
    for seed in range(20):
        frames = frames_for(network, 49, seed=seed)
        wanted = run_network(network, frames)[-1].reshape(-1).astype(int)
        got = model.run(frames).astype(int) - 128
        assert np.abs(got - wanted).max() <= 1


def test_streaming_costs_only_new_rows() -> None:
    model = Model(model_section(random_network(seed=1)))
    conv, depthwise, pointwise = model.layers[:3]
    assert model.decision_frames == 2
    assert conv.macs == 20 * 5 * 16 * 40
    assert conv.macs_per_decision == 5 * 16 * 40
    assert depthwise.macs_per_decision == 5 * 16 * 9
    assert pointwise.macs_per_decision == 5 * 16 * 16


def test_a_network_with_padding_in_time_refuses_to_stream() -> None:
    with pytest.raises(ImportModelError, match="'valid' padding in time"):
        model_section(random_network(streaming=False), streaming=True)


def test_a_streaming_network_decides_at_its_own_pace() -> None:
    with pytest.raises(ImportModelError, match="every 2 frames"):
        model_section(random_network(), decision_frames=3)


def test_too_few_frames_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 49"):
        Model(model_section(random_network())).run(np.zeros((20, 10), np.int8))


@pytest.mark.parametrize("frames", [np.zeros((49, 9), np.int8), np.zeros((49, 10), np.uint8), np.zeros(490, np.int8)])
def test_frames_of_another_shape_or_type_are_refused(frames: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"expected int8 \[clips, frames, 10\]"):
        Model(model_section(random_network())).run(frames)


def test_a_section_cut_short_is_refused(streaming_bundle: Bundle) -> None:
    section = streaming_bundle.section("MODL")
    assert section is not None
    for size in (0, 31, 32, 100, len(section) - 16):
        with pytest.raises(BundleError):
            Model(section[:size])


def test_rounding_follows_tflite_at_ties() -> None:
    one = np.array([1 << 30]), np.array([0])  # multiplier 0.5
    values = np.array([-3, -2, -1, 0, 1, 2, 3])
    assert rescale_twice(values, *one).tolist() == [-1, -1, 0, 0, 1, 1, 2]  # half up
    assert rescale_once(values, *one).tolist() == [-1, -1, 0, 0, 1, 1, 2]
    quarter = np.array([1 << 30]), np.array([-1])
    assert rescale_twice(np.array([-6, -2, 2, 6]), *quarter).tolist() == [-2, -1, 1, 2]  # then half away from zero
    assert rescale_once(np.array([-6, -2, 2, 6]), *quarter).tolist() == [-1, 0, 1, 2]


def test_multipliers_are_normalised() -> None:
    assert quantize_multiplier(0.5) == (1 << 30, 0)
    assert quantize_multiplier(1.0) == (1 << 30, 1)
    assert quantize_multiplier(0.0) == (0, 0)
    assert quantize_multiplier(2.0**-40) == (0, 0)
    assert quantize_multiplier(1.0 - 2.0**-40) == (1 << 30, 1)  # rounds up to the next power of two


def test_softmax_constants_are_those_of_a_known_scale() -> None:
    assert softmax_constants(1.0 / 16.0, 1.0) == (-(31 * 2**26 // 2**23), 1 << 30, 23)


@pytest.mark.parametrize(("index", "layout"), [(-2, "PAIRED"), (1, "STENCIL")])
def test_a_channel_table_is_refused_where_the_kernel_would_not_read_it(index: int, layout: str) -> None:
    network = random_network(channels=64)
    section = bytearray(model_section(rectified(network)))
    records = ffi.cast("kws_model_layer_t *", ffi.from_buffer(section) + 32)
    record = records[index % len(network.layers)]
    assert record.weight_layout == getattr(lib, f"KWS_NN_LAYOUT_{layout}")
    assert record.channels_offset == 0
    Model(bytes(section))
    record.channels_offset = record.weights_offset
    with pytest.raises(BundleError, match="cannot do"):
        Model(bytes(section))


def rectified(network: Network) -> Network:
    """Return the network with zero points at the lowest output, as a ReLU has it: all layers get packed layouts."""
    hidden = Quantization(scale=0.05, zero_point=-128)
    layers = [dataclasses.replace(layer, output_quantization=hidden) for layer in network.layers[:-2]]
    layers[1:] = [dataclasses.replace(layer, input_quantization=hidden) for layer in layers[1:]]
    return dataclasses.replace(network, layers=(*layers, *network.layers[-2:]))
