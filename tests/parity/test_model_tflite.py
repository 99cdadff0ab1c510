# SPDX-License-Identifier: Apache-2.0
"""The C engine against TFLite's reference kernels: every tensor of every layer, bit for bit."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path

import numpy as np
import pytest
from tflite_nets import (
    FLATTEN,
    Reference,
    conv,
    convert,
    dense,
    depthwise,
    pad_time,
    pad_width,
    pool,
    random_frames,
)

from kws.importer.network import Layer, Network, Op
from kws.importer.section import model_section
from kws.importer.tflite import import_tflite
from kws.model import Model

WINDOW = {
    "ds_cnn_same": (
        (20, 10, 1),
        [conv(8, (10, 4), (2, 2), "same"), depthwise((3, 3), padding="same"), conv(8, (1, 1)), pool((10, 5))],
    ),
    "odd_sizes": (
        (13, 7, 3),
        [
            conv(5, (3, 2), (3, 2), "same", "relu6"),
            depthwise((2, 4), (2, 1), "same", None),
            conv(7, (1, 1), activation=None),
            pool((3, 4)),
        ],
    ),
    "strided_depthwise": ((17, 6, 1), [conv(6, (1, 1)), depthwise((5, 3), (2, 2), "same")]),
    "padded_pools": ((12, 5, 2), [conv(4, (3, 3), padding="same"), pool((3, 2), (2, 2), "same")]),
    "overlapping_pools": ((14, 6, 2), [conv(4, (2, 2)), pool((4, 3), (1, 1)), pool((3, 2), (3, 2))]),
    "pool_skips_rows": ((15, 4, 2), [pool((2, 2), (4, 2)), conv(4, (2, 1))]),
    "causal_padding": ((10, 4, 1), [pad_time(2, 0), conv(4, (3, 3)), pad_width(1, 0), depthwise((2, 2))]),
    "strides_to_fold": (
        (18, 9, 2),
        [
            conv(8, (3, 3), padding="same"),
            depthwise((3, 3), padding="same"),
            conv(6, (1, 1), (1, 2)),
            depthwise((2, 2)),
            conv(5, (1, 1)),
            conv(4, (1, 1), (3, 2)),
            pool((5, 2)),
        ],
    ),
    "strided_pointwise": ((9, 6, 2), [conv(5, (1, 1), (2, 3)), pool((5, 2))]),
    "even_kernels": ((11, 8, 1), [conv(4, (4, 4), padding="same"), depthwise((2, 6), padding="same")]),
    "leftover_rows": ((49, 10, 1), [conv(4, (3, 3), padding="same"), pool((2, 2)), FLATTEN, dense(8)]),
    "leftover_frames": ((20, 4, 1), [conv(4, (3, 3), (3, 1)), pool((2, 2)), conv(4, (2, 1))]),
    "many_channels": (
        (6, 2, 1),
        [conv(70, (3, 3), padding="same"), depthwise((3, 3), padding="same"), conv(33, (1, 1)), pool((6, 2))],
    ),
}
STREAMING = {
    "valid_ds_cnn": ((24, 10, 1), [conv(8, (6, 4), (2, 2)), depthwise((3, 3)), conv(6, (1, 1)), pool((8, 2))]),
    "frequency_padded": (
        (21, 10, 1),
        [
            pad_width(1, 2),
            conv(8, (5, 4), (1, 2)),
            pad_width(1, 1),
            depthwise((3, 3)),
            conv(6, (1, 1)),
            pool((15, 5)),
        ],
    ),
    "one_dimensional": (
        (16, 1, 12),
        [depthwise((3, 1), activation=None), conv(10, (1, 1)), depthwise((5, 1)), conv(6, (1, 1)), depthwise((10, 1))],
    ),
    "strides_in_depth": ((25, 4, 1), [conv(4, (3, 3)), depthwise((4, 2), (3, 1)), conv(5, (2, 1), (2, 1))]),
    "strides_to_fold_in_a_stream": (
        (23, 9, 1),
        [conv(8, (3, 3)), depthwise((3, 3)), conv(12, (1, 1), (1, 2)), depthwise((3, 3)), conv(4, (1, 1), (2, 1))],
    ),
    "dense_over_time": ((9, 4, 1), [conv(4, (3, 3))]),
    "pool_between": ((22, 4, 1), [conv(4, (3, 3)), pool((4, 2), (2, 2)), depthwise((3, 1)), pool((7, 1))]),
}


@functools.cache
def model_file(name: str) -> bytes:
    shape, stack = {**WINDOW, **STREAMING}[name]
    return convert(shape, [*stack, FLATTEN, dense(4)], seed=len(name))


def load(folder: Path, name: str) -> tuple[Network, Reference]:
    path = folder / "net.tflite"
    path.write_bytes(model_file(name))
    return import_tflite(path), Reference.of(path.read_bytes())


def assert_all_tensors_equal(network: Network, model: Model, reference: Reference, *, seed: int) -> None:
    """Every row the engine makes, and the posteriors the user gets; rows that no output uses are not made."""
    frames = random_frames(network.window_frames, network.num_features, seed=seed)
    wanted = reference.run(frames)
    for layer, got in zip(network.layers, model.tensors(frames), strict=True):
        want = kept(layer, wanted[layer.name]).reshape(layer.output.height, -1)
        assert len(got) > 0
        np.testing.assert_array_equal(got, want[: len(got)], err_msg=layer.name)
    assert len(got) == network.layers[-1].output.height
    np.testing.assert_array_equal(model.run(frames).astype(int) - 128, want.reshape(-1))


def kept(layer: Layer, tensor: np.ndarray) -> np.ndarray:
    """Return the rows and columns of TFLite's tensor that the layer makes."""
    return tensor if layer.kept == (1, 1) else tensor[:, :: layer.kept[0], :: layer.kept[1]]


@pytest.mark.parametrize("name", [*WINDOW, *STREAMING])
def test_every_tensor_of_a_window_equals_tflite(tmp_path: Path, name: str) -> None:
    network, reference = load(tmp_path, name)
    for compact in (True, False):
        model = Model(model_section(network, streaming=False, compact=compact))
        for seed in range(25):
            assert_all_tensors_equal(network, model, reference, seed=seed)


@pytest.mark.parametrize("spread", [0.3, 1.0, 2.7, 6.0, 11.0, 40.0])
def test_softmax_equals_tflite_at_every_difference(tmp_path: Path, spread: float) -> None:
    """Logits of many scales: the largest one against every other value, and twelve at random."""
    path = tmp_path / "net.tflite"
    path.write_bytes(convert((1, 1, 12), [], spread=spread))
    network, reference = import_tflite(path), Reference.of(path.read_bytes())
    assert [layer.op for layer in network.layers] == [Op.SOFTMAX]
    frames = random_frames(512, 12, seed=1)
    frames[:256, 0], frames[:256, 1] = np.arange(-128, 128), 127
    frames[:256, 2:] = np.minimum(frames[:256, 2:], frames[:256, :1])
    posteriors, _ = Model(model_section(network)).stream(frames)
    wanted = [reference.run(frame)[network.layers[0].name].reshape(-1) for frame in frames]
    np.testing.assert_array_equal(posteriors.astype(int) - 128, wanted)


@pytest.mark.parametrize("name", STREAMING)
def test_every_tensor_of_one_streamed_window_equals_tflite(tmp_path: Path, name: str) -> None:
    network, reference = load(tmp_path, name)
    model = Model(model_section(network))
    assert model.streaming
    assert_all_tensors_equal(network, model, reference, seed=1)


@pytest.mark.parametrize("name", STREAMING)
def test_each_streamed_decision_equals_tflite_on_the_window_it_has_seen(tmp_path: Path, name: str) -> None:
    network, reference = load(tmp_path, name)
    frames = random_frames(3 * network.window_frames, network.num_features, seed=9)
    model = Model(model_section(network))
    posteriors, newest = model.stream(frames)
    assert len(newest) >= 2
    assert set(np.diff(newest)) == {network.time_stride}
    for decision, frame in zip(posteriors, newest, strict=True):
        # Frames behind the last row of the window belong to no output of it: any will do.
        window = np.resize(frames[frame - int(newest[0]) :], (network.window_frames, network.num_features))
        wanted = reference.run(window)[network.layers[-1].name].reshape(-1)
        np.testing.assert_array_equal(decision, (wanted.astype(np.int16) + 128).astype(np.uint8))


def test_strides_of_pointwise_layers_move_up_the_chain(tmp_path: Path) -> None:
    for name, strides in {
        "strides_to_fold": [(1, 1), (1, 2), (1, 1), (3, 2), (1, 1), (1, 1)],
        "strides_to_fold_in_a_stream": [(1, 1), (1, 2), (1, 1), (2, 1), (1, 1)],
        "strided_pointwise": [(2, 3)],  # the first layer has none before it
    }.items():
        network, _ = load(tmp_path, name)
        assert [layer.stride for layer in network.layers[: len(strides)]] == strides
        assert all(before.output.size == after.input.size for before, after in itertools.pairwise(network.layers))


def test_streamed_rows_equal_tflite_run_once_over_the_whole_recording(tmp_path: Path) -> None:
    """The same layers over a recording five windows long: TFLite at once, the engine frame by frame."""
    stack = [
        conv(8, (5, 4), (2, 2)),
        depthwise((3, 3)),
        conv(6, (1, 1)),
        depthwise((2, 2), (2, 1)),
        pool((4, 1), (1, 1)),
    ]
    window, whole = (25, 10, 1), (125, 10, 1)
    data = convert(window, [*stack, FLATTEN, dense(3)], seed=4)
    (tmp_path / "net.tflite").write_bytes(data)
    network = import_tflite(tmp_path / "net.tflite")
    frames = random_frames(whole[0], whole[1], seed=5)
    streamed = Model(model_section(network)).tensors(frames)

    reference = Reference.of(data).interpreter
    last_map = next(i for i, layer in enumerate(network.layers) if layer.op is Op.AVERAGE_POOL)
    source = reference.get_input_details()[0]["index"]
    reference.resize_tensor_input(source, (1, *whole))
    wanted = resized_run(reference, source, frames)
    for layer, got in zip(network.layers[: last_map + 1], streamed, strict=False):
        rows = kept(layer, wanted[layer.name])
        np.testing.assert_array_equal(got, rows.reshape(rows.shape[1], -1), err_msg=layer.name)


def resized_run(interpreter: object, source: int, frames: np.ndarray) -> dict[str, np.ndarray]:
    """Run the feature maps of a network whose dense layer cannot take the longer input."""
    try:
        interpreter.allocate_tensors()
        interpreter.set_tensor(source, frames.reshape(1, *frames.shape, 1))
        interpreter.invoke()
    except RuntimeError:
        pass
    return {d["name"]: interpreter.get_tensor(d["index"]) for d in interpreter.get_tensor_details()}
