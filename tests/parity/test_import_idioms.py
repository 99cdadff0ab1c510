# SPDX-License-Identifier: Apache-2.0
"""What converters and people wrap around a network: every idiom gives the posteriors TFLite gives."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import tensorflow as tf
from keras import layers
from random_idioms import random_idiom_model
from tflite_nets import BIAS, Reference
from tflite_writer import Value, Writer, schema

from kws.errors import ImportModelError
from kws.importer.network import Network, Op
from kws.importer.section import model_section
from kws.importer.tflite import import_tflite
from kws.model import Model

IDIOM_SEEDS = range(300)


def keras_file(shape: tuple[int, ...], stack: list[keras.Layer], io: object = tf.int8) -> bytes:
    """Return what ``from_keras_model`` writes: the batch is unknown to it."""
    keras.utils.set_random_seed(1)
    return converted(keras.Sequential([keras.Input(shape), *stack]), io)


def mean_and_max() -> bytes:
    """Return a network with two statistics over time side by side."""
    keras.utils.set_random_seed(1)
    source = keras.Input((20, 10))
    rows = layers.Conv1D(6, 3, activation="relu", bias_initializer=BIAS)(source)
    parts = [layers.GlobalAveragePooling1D()(rows), layers.Flatten()(layers.MaxPooling1D(18)(rows))]
    return converted(keras.Model(source, head()(layers.Concatenate()(parts))))


def converted(model: keras.Model, io: object = tf.int8) -> bytes:
    """Return the int8 file of a Keras model, calibrated on noise."""
    shape = model.input_shape[1:]
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    rng = np.random.default_rng(1)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: (
        [rng.normal(0, 1, (1, *shape)).astype(np.float32)] for _ in range(20)
    )  # fmt: skip
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    if io is not None:
        converter.inference_input_type = converter.inference_output_type = io
    return bytes(converter.convert())


def conv() -> keras.Layer:
    return layers.Conv2D(4, (10, 4), 2, "same", activation="relu", bias_initializer=BIAS)


def head(count: int = 4, activation: str | None = "softmax") -> keras.Layer:
    return layers.Dense(count, activation=activation, bias_initializer=BIAS)


def stack() -> list[keras.Layer]:
    return [conv(), layers.AveragePooling2D((25, 5)), layers.Flatten(), head()]


KERAS: dict[str, Callable[[], bytes]] = {
    "keras_default": lambda: keras_file((49, 10, 1), stack()),
    "float_io": lambda: keras_file((49, 10, 1), stack(), None),
    "uint8_io": lambda: keras_file((49, 10, 1), stack(), tf.uint8),
    "conv1d": lambda: keras_file(
        (49, 10),
        [
            layers.Conv1D(8, 3, activation="relu", bias_initializer=BIAS),
            layers.Conv1D(8, 3, padding="causal", dilation_rate=2, activation="relu", bias_initializer=BIAS),
            layers.MaxPooling1D(2),
            layers.GlobalAveragePooling1D(),
            head(),
        ],
    ),
    "separable1d": lambda: keras_file(
        (30, 10), [layers.SeparableConv1D(8, 5, padding="same", activation="relu"), layers.Flatten(), head(3)]
    ),
    "max_pool": lambda: keras_file(
        (49, 10, 1),
        [layers.Conv2D(4, 3), layers.MaxPooling2D(2), conv(), layers.MaxPooling2D(2), layers.Flatten(), head()],
    ),
    "global_average": lambda: keras_file((49, 10, 1), [conv(), layers.GlobalAveragePooling2D(), head()]),
    "sigmoid": lambda: keras_file((49, 10, 1), [*stack()[:-1], head(1, "sigmoid")]),
    "normalization": lambda: keras_file(
        (49, 10, 1),
        [layers.Normalization(axis=2, mean=np.linspace(-1, 1, 10), variance=np.full(10, 2.0)), *stack()],
    ),
    "rescaling_and_batch_norm": lambda: keras_file(
        (49, 10, 1), [layers.Rescaling(0.5, 0.25), layers.BatchNormalization(), *stack()]
    ),
    "leaky": lambda: keras_file(
        (20, 10, 1), [layers.Conv2D(4, 3), layers.LeakyReLU(negative_slope=0.2), layers.Flatten(), head()]
    ),
    "hard_swish": lambda: keras_file(
        (20, 10, 1), [layers.Conv2D(4, 3), layers.Activation("hard_swish"), layers.Flatten(), head()]
    ),
    "dilated2d": lambda: keras_file(
        (20, 10, 1), [layers.Conv2D(4, 3, dilation_rate=(3, 2), activation="relu"), layers.Flatten(), head()]
    ),
    "padded_pool": lambda: keras_file(
        (20, 10, 1), [layers.ZeroPadding2D(1), layers.Conv2D(4, 3, activation="relu"), layers.ZeroPadding2D(1),
                      layers.MaxPooling2D(3, 2), layers.Flatten(), head()]),
    "newest_rows_cut": lambda: keras_file(
        (20, 10), [layers.Conv1D(6, 3, bias_initializer=BIAS), layers.Cropping1D((4, 6)), layers.Flatten(), head()]
    ),
    "mean_and_max_over_time": lambda: mean_and_max(),
    "reshape_first": lambda: keras_file((490,), [layers.Reshape((49, 10, 1)), *stack()]),
}  # fmt: skip


def posteriors_of(interpreter: tf.lite.Interpreter, network: Network, frames: np.ndarray) -> np.ndarray:
    """Return what TFLite makes of int8 frames, 0..255, whatever its borders are."""
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    values = frames.reshape(source["shape"])
    if source["dtype"] == np.float32:
        scale = np.float32(network.input_quantization.scale)
        values = (values.astype(np.float32) - network.input_quantization.zero_point) * scale
    elif source["dtype"] == np.uint8:
        values = (values.astype(np.int16) + 128).astype(np.uint8)
    interpreter.set_tensor(source["index"], values)
    interpreter.invoke()
    output = interpreter.get_tensor(target["index"]).reshape(-1)
    if target["dtype"] == np.float32:
        return np.rint(output * 256).astype(np.int64)
    return output.astype(np.int64) + (128 if target["dtype"] == np.int8 else 0)


@pytest.mark.parametrize("name", KERAS)
def test_what_keras_and_its_converter_write_gives_the_posteriors_of_tflite(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.tflite"
    path.write_bytes(KERAS[name]())
    network, interpreter = import_tflite(path), Reference.of(path.read_bytes()).interpreter
    assert (network.window_frames, network.num_features) in [(49, 10), (30, 10), (20, 10)]
    for streaming in {False, network.can_stream and not any(layer.padding[0] for layer in network.layers)}:
        model = Model(model_section(network, streaming=streaming))
        for seed in range(4):
            frames = np.random.default_rng(seed).integers(-128, 128, (network.window_frames, 10)).astype(np.int8)
            np.testing.assert_array_equal(model.run(frames), posteriors_of(interpreter, network, frames))


def assert_equal_to_tflite(network: Network, data: bytes) -> None:
    """Compare posteriors as a window network and as it is imported by default."""
    reference = Reference.of(data)
    for streaming in {False, network.can_stream and not any(layer.padding[0] for layer in network.layers)}:
        model = Model(model_section(network, streaming=streaming))
        for seed in range(4):
            shape = (network.window_frames, network.num_features)
            frames = np.random.default_rng(seed).integers(-128, 128, shape).astype(np.int8)
            want = reference.run(frames)[network.layers[-1].name].reshape(-1)
            np.testing.assert_array_equal(model.run(frames).astype(int) - 128, want)


def written(tmp_path: Path, build: Callable[[Writer], Value], *, seed: int = 1) -> tuple[Path, bytes]:
    writer = Writer(np.random.default_rng(seed))
    data = writer.finish(build(writer))
    (tmp_path / "net.tflite").write_bytes(data)
    return tmp_path / "net.tflite", data


def test_random_uses_of_what_moves_values_are_exact_or_refused(tmp_path: Path) -> None:
    ends = {"exact": 0, "refused": 0}
    for seed in IDIOM_SEEDS:
        data = random_idiom_model(seed)
        (tmp_path / "net.tflite").write_bytes(data)
        try:
            network = import_tflite(tmp_path / "net.tflite")
        except ImportModelError:
            ends["refused"] += 1
            continue
        assert_equal_to_tflite(network, data)
        ends["exact"] += 1
    assert min(ends.values()) > len(IDIOM_SEEDS) / 5


@pytest.mark.parametrize("rows", [(0, 12), (4, 9), (4, 18)])
def test_a_slice_that_drops_the_newest_rows_makes_a_window_network(tmp_path: Path, rows: tuple[int, int]) -> None:
    def cropped(writer: Writer) -> Value:
        value = writer.conv(writer.source((1, 20, 4, 1)), 3, (3, 3))
        return writer.softmax(writer.dense(writer.cut(value, (0, rows[0], 0, 0), (1, rows[1], 2, 3)), 4))

    path, data = written(tmp_path, cropped)
    network = import_tflite(path)
    assert network.can_stream == (rows[1] == 18)
    assert_equal_to_tflite(network, data)


def test_a_convolution_between_blocks_is_a_dilated_one(tmp_path: Path) -> None:
    path, data = written(
        tmp_path, lambda writer: writer.softmax(writer.dense(writer.dilated(writer.source((1, 20, 4, 3)), 5, 4, 2), 4))
    )
    network = import_tflite(path)
    assert network.layers[0].dilation == 2
    assert_equal_to_tflite(network, data)


def test_columns_joined_behind_a_mean_over_time_are_columns(tmp_path: Path) -> None:
    def joined(writer: Writer) -> Value:
        value = writer.conv(writer.source((1, 9, 6, 1)), 3, (3, 3))
        parts = [writer.mean(value, (1,), rescale=False), writer.mean(value, (1,), rescale=False)]
        return writer.softmax(writer.dense(writer.mean(writer.concat(parts, axis=1), (1,)), 4))

    path, data = written(tmp_path, joined)
    assert_equal_to_tflite(import_tflite(path), data)


def test_a_network_with_variables_goes_on_from_call_to_call(tmp_path: Path) -> None:
    def continuing(writer: Writer) -> Value:
        value = writer.conv(
            writer.source((1, 6, 1, 5)), 4, (3, 1), (3, 1), activation="RELU"
        )  # no past: 3 rows, then 3
        value = writer.conv(value, 6, (2, 1))
        value = writer.depthwise(writer.below_past(value, 4), (5, 1))
        return writer.softmax(writer.dense(writer.below_past(value, 2), 3))

    path, data = written(tmp_path, continuing)
    network, reference = import_tflite(path), Reference.of(data)
    assert (network.time_stride, network.window_frames) == (6, 42)
    frames = np.random.default_rng(0).integers(-128, 128, (96, 5)).astype(np.int8)
    wanted = [reference.run(call)[network.layers[-1].name].reshape(-1) for call in np.split(frames, 16)]
    posteriors, newest = Model(model_section(network)).stream(frames)
    np.testing.assert_array_equal(posteriors.astype(int) - 128, wanted)
    assert newest.tolist() == list(range(5, 96, 6))
    with pytest.raises(ImportModelError, match="only runs as a stream"):
        model_section(network, streaming=False)


@pytest.mark.parametrize("read", [3, 4])
def test_kernels_side_by_side_must_end_at_the_newest_row(tmp_path: Path, read: int) -> None:
    def mixed(writer: Writer) -> Value:
        whole = writer.below_past(writer.source((1, 2, 1, 4)), 3)
        long, short = (writer.value((1, 5, 1, 2), scale=whole.scale, zero_point=whole.zero_point) for _ in range(2))
        options = schema.SplitOptionsT()
        options.numSplits = 2
        writer.operator("SPLIT", [writer.constant([3]), whole.index], [long.index, short.index], options)
        newest = writer.cut(short, (0, 5 - read, 0, 0), (1, 5, 1, 2))
        parts = [writer.depthwise(long, (5, 1), (2, 2)), writer.depthwise(newest, (3, 1), (2, 2))]
        for part in parts:
            made = writer.tensors[part.index].quantization
            made.scale, made.zeroPoint = [parts[0].scale], [parts[0].zero_point]
        return writer.softmax(writer.dense(writer.concat(parts), 3))

    path, data = written(tmp_path, mixed)
    if read != 3:
        with pytest.raises(ImportModelError, match="parallel depthwise convolutions that differ in kind"):
            import_tflite(path)
        return
    network, reference = import_tflite(path), Reference.of(data)
    frames = np.random.default_rng(0).integers(-128, 128, (20, 4)).astype(np.int8)
    wanted = [reference.run(call)[network.layers[-1].name].reshape(-1) for call in np.split(frames, 10)]
    np.testing.assert_array_equal(Model(model_section(network)).stream(frames)[0].astype(int) - 128, wanted)


def test_rows_that_overlap_from_call_to_call_are_refused(tmp_path: Path) -> None:
    def restarting(writer: Writer) -> Value:
        value = writer.conv(writer.source((1, 6, 1, 5)), 4, (3, 1))  # four rows of six frames, then of the next six
        return writer.softmax(writer.dense(writer.below_past(value, 2), 3))

    with pytest.raises(ImportModelError, match="0 rows kept in a variable and 6 new ones with a kernel of 3"):
        import_tflite(written(tmp_path, restarting)[0])


def test_a_part_of_a_split_that_nobody_reads_is_left_out(tmp_path: Path) -> None:
    def halved(writer: Writer) -> Value:
        value = writer.conv(writer.source((1, 9, 4, 1)), 4, (3, 3))
        parts = [writer.value((1, 7, 2, 2), scale=value.scale, zero_point=value.zero_point) for _ in range(2)]
        options = schema.SplitOptionsT()
        options.numSplits = 2
        writer.operator("SPLIT", [writer.constant([3]), value.index], [part.index for part in parts], options)
        return writer.softmax(writer.dense(parts[0], 4))

    path, data = written(tmp_path, halved)
    network = import_tflite(path)
    assert [layer.op for layer in network.layers] == [Op.CONV, Op.SLICE, Op.DENSE, Op.SOFTMAX]
    assert_equal_to_tflite(network, data)


def test_padding_behind_the_last_layer_is_refused(tmp_path: Path) -> None:
    def padded(writer: Writer) -> Value:
        value = writer.conv(writer.source((1, 9, 4, 1)), 4, (9, 3))
        target = writer.value((1, 1, 3, 4), scale=value.scale, zero_point=value.zero_point)
        amounts = writer.constant([[0, 0], [0, 0], [0, 1], [0, 0]])
        writer.operator("PAD", [value.index, amounts], [target.index], schema.PadOptionsT())
        return target

    for scores in (False, True):
        with pytest.raises(ImportModelError, match="PAD before the output is not supported"):
            import_tflite(written(tmp_path, padded)[0], scores=scores)


def test_a_model_that_ends_in_logits_is_given_a_softmax_and_says_so(tmp_path: Path) -> None:
    def logits(writer: Writer) -> Value:
        return writer.dense(writer.source((1, 9, 4, 1)), 4)

    path, data = written(tmp_path, logits)
    network = import_tflite(path)
    assert network.layers[-1].op is Op.SOFTMAX
    assert network.notes == ("the model ends in logits: a softmax was added, so that posteriors are 0 .. 1",)
    last = network.layers[-2]
    frames = np.random.default_rng(0).integers(-128, 128, (9, 4)).astype(np.int8)
    raw = Reference.of(data).run(frames)[last.name].reshape(-1).astype(float)
    reals = np.exp((raw - last.output_quantization.zero_point) * last.output_quantization.scale)
    got = Model(model_section(network)).run(frames)
    assert np.abs(got - 256 * reals / reals.sum()).max() <= 1.5
    assert import_tflite(path, scores=False).layers[-1].op is Op.DENSE


def test_sigmoids_side_by_side_are_posteriors_in_whatever_scale_they_come(tmp_path: Path) -> None:
    def heads(writer: Writer) -> Value:
        flat = writer.flatten(writer.conv(writer.source((1, 9, 4, 1)), 3, (3, 3)))
        parts = [writer.unary("LOGISTIC", writer.dense(flat, count)) for count in (2, 1)]
        return writer.concat([writer.requantize(part, 0.5 / 128, -127) for part in parts], axis=1)

    path, data = written(tmp_path, heads)
    network, reference = import_tflite(path), Reference.of(data)
    assert network.notes == ("the posteriors had steps of 0.003906: they were rescaled to 1/256",)
    frames = np.random.default_rng(0).integers(-128, 128, (9, 4)).astype(np.int8)
    want = reference.run(frames)[network.layers[-2].name].reshape(-1).astype(int) + 127
    np.testing.assert_array_equal(Model(model_section(network)).run(frames), np.maximum(want, 0))


@pytest.mark.parametrize("name", ["TANH", "RELU6", "HARD_SWISH"])
def test_what_is_neither_posteriors_nor_logits_at_the_end_is_refused(tmp_path: Path, name: str) -> None:
    path, _ = written(
        tmp_path, lambda writer: writer.unary(name, writer.dense(writer.source((1, 9, 4, 1)), 2), scale=0.004)
    )
    with pytest.raises(ImportModelError, match=f"the model ends in {name}; expected a softmax, sigmoids, or logits"):
        import_tflite(path)
    assert import_tflite(path, scores=False).num_labels == 2


def test_one_output_in_logits_is_given_a_sigmoid(tmp_path: Path) -> None:
    path, data = written(tmp_path, lambda writer: writer.dense(writer.source((1, 9, 4, 1)), 1))
    network = import_tflite(path)
    assert "a sigmoid was added" in network.notes[0]
    last = network.layers[-2]
    frames = np.random.default_rng(0).integers(-128, 128, (9, 4)).astype(np.int8)
    raw = float(Reference.of(data).run(frames)[last.name].reshape(-1)[0])
    real = 1 / (1 + np.exp(-(raw - last.output_quantization.zero_point) * last.output_quantization.scale))
    assert abs(int(Model(model_section(network)).run(frames)[0]) - 256 * real) <= 1


def test_frequency_first_inputs_run_on_frames_when_told_which_axis_is_time(tmp_path: Path) -> None:
    def frequency_first(writer: Writer) -> Value:
        value = writer.conv(writer.source((1, 10, 30, 1)), 4, (4, 5), (2, 2), same=True, activation="RELU")
        value = writer.depthwise(value, (3, 2), activation="RELU")
        value = writer.pool(value, (1, 3), (1, 3), kind="MAX")
        return writer.softmax(writer.dense(value, 4))

    path, data = written(tmp_path, frequency_first)
    network = import_tflite(path, time_axis=2)
    assert (network.window_frames, network.num_features) == (30, 10)
    frames = np.random.default_rng(0).integers(-128, 128, (30, 10)).astype(np.int8)
    want = Reference.of(data).run(np.ascontiguousarray(frames.T))[network.layers[-1].name].reshape(-1)
    np.testing.assert_array_equal(Model(model_section(network)).run(frames).astype(int) - 128, want)


def test_a_dead_channel_with_the_largest_bias_is_taken(tmp_path: Path) -> None:
    def dead(writer: Writer) -> Value:
        value = writer.conv(writer.source((1, 9, 4, 1)), 4, (3, 3), activation="RELU")
        bias = writer.tensors[writer.operators[-1].inputs[2]].buffer
        writer.buffers[bias].data = np.frombuffer(np.array([2**30 + 128, -(2**30), 5, 7], "<i4").tobytes(), np.uint8)
        return writer.softmax(writer.dense(value, 3))

    path, data = written(tmp_path, dead)
    network = import_tflite(path)
    frames = np.random.default_rng(0).integers(-128, 128, (9, 4)).astype(np.int8)
    want = Reference.of(data).run(frames)[network.layers[-1].name].reshape(-1)
    np.testing.assert_array_equal(Model(model_section(network)).run(frames).astype(int) - 128, want)


@pytest.mark.parametrize("scale", [1e-12, 40.0])
def test_a_softmax_over_impossible_scales_is_refused(tmp_path: Path, scale: float) -> None:
    def steep(writer: Writer) -> Value:
        output = writer.dense(writer.source((1, 9, 4, 1)), 4)
        writer.tensors[output.index].quantization.scale = [scale]
        return writer.softmax(output)

    with pytest.raises(ImportModelError, match=r"SOFTMAX with the input scale .* is not usable|is too small"):
        import_tflite(written(tmp_path, steep)[0])


def test_a_dense_layer_whose_outputs_pass_32_bits_is_refused(tmp_path: Path) -> None:
    def huge(writer: Writer) -> Value:
        output = writer.dense(writer.source((1, 9, 4, 1)), 4)
        weights, bias = (writer.tensors[index] for index in writer.operators[-1].inputs[1:3])
        weights.quantization.scale = [100.0 * output.scale] * len(weights.quantization.scale)
        writer.buffers[bias.buffer].data = np.frombuffer(np.full(4, 2**29, "<i4").tobytes(), np.uint8)
        return writer.softmax(output)

    with pytest.raises(ImportModelError, match="is too small for its weights and biases"):
        import_tflite(written(tmp_path, huge)[0])


@pytest.mark.parametrize(("field", "value", "message"), [("zeroPoint", [-255], "zero point -255"),
                                                         ("scale", [0.0], "not a positive number")])  # fmt: skip
def test_impossible_quantisation_is_named(tmp_path: Path, field: str, value: list[float], message: str) -> None:
    writer = Writer(np.random.default_rng(1))
    output = writer.dense(writer.source((1, 9, 4, 1)), 4)
    setattr(writer.tensors[output.index].quantization, field, value)
    path = tmp_path / "net.tflite"
    path.write_bytes(writer.finish(output))
    with pytest.raises(ImportModelError, match=message):
        import_tflite(path)
