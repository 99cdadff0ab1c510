# SPDX-License-Identifier: Apache-2.0
"""``kws import``: what it takes, and what it says about what it does not take."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import fuzz_import
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from random_tflite import random_graph_model
from tflite_nets import FLATTEN, Reference, conv, convert, dense, pool, random_frames
from tflite_writer import Writer

from kws.bundle import Bundle
from kws.errors import ConfigError, ImportModelError
from kws.features import FeaturesConfig
from kws.importer.bundle import default_decision, features_from_option, import_bundle
from kws.importer.tflite import import_tflite
from kws.model import Model
from kws.pipeline import Pipeline

STACK = [conv(4, (10, 4), (2, 2)), pool((20, 4)), FLATTEN, dense(3)]


@pytest.fixture(scope="module")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("import") / "net.tflite"
    path.write_bytes(convert((49, 10, 1), STACK))
    return path


def kws_import(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kws", "import", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_the_command_line_makes_a_bundle_that_agrees_with_tflite(model_path: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("silence\nunknown\nword\n", encoding="utf-8")
    result = kws_import(model_path, "--labels", labels, "-o", tmp_path / "net.kws", "--threshold", "0.5")
    assert result.returncode == 0, result.stderr
    bundle = Bundle.load(tmp_path / "net.kws")
    assert bundle.labels == ("silence", "unknown", "word")
    assert bundle.decision.operating_points[0].thresholds == (0, 0, 128)
    frames = random_frames(49, 10, seed=1)
    network = import_tflite(model_path)
    wanted = Reference.of(model_path.read_bytes()).run(frames)[network.layers[-1].name].reshape(-1)
    np.testing.assert_array_equal(Model(bundle).run(frames).astype(int) - 128, wanted)


def test_one_output_in_logits_becomes_a_bundle_with_one_label_that_hears(tmp_path: Path) -> None:
    writer = Writer(np.random.default_rng(2))
    path = tmp_path / "net.tflite"
    path.write_bytes(writer.finish(writer.dense(writer.conv(writer.source((1, 49, 10, 1)), 2, (10, 4), (2, 2)), 1)))
    result = kws_import(path, "--labels", "word", "-o", tmp_path / "net.kws")
    assert result.returncode == 0, result.stderr
    assert "note: the model ends in logits: a sigmoid was added" in result.stdout
    assert "'mlperf-kws' is an assumption" in result.stderr
    pipeline = Pipeline(Bundle.load(tmp_path / "net.kws"))
    pipeline.feed(np.random.default_rng(1).integers(-9000, 9000, 32000).astype(np.int16))
    assert pipeline.scores.posteriors.shape[1] == 1
    assert len(pipeline.scores.posteriors) > 5


def test_a_bundle_with_nothing_but_the_model_needs_no_labels(model_path: Path, tmp_path: Path) -> None:
    result = kws_import(model_path, "--model-only", "-o", tmp_path / "net.kws")
    assert result.returncode == 0, result.stderr
    assert "49 rows of 10 values" in result.stdout
    refused = kws_import(model_path, "-o", tmp_path / "net.kws")
    assert refused.returncode == 2
    assert "--labels is missing" in refused.stderr


def test_the_front_end_takes_over_the_quantisation_of_the_model_input(model_path: Path) -> None:
    network = import_tflite(model_path)
    bundle = import_bundle(model_path, features=FeaturesConfig(scale=9.0, zero_point=1), labels=("a", "b", "c"))
    assert bundle.metadata["features"]["scale"] == pytest.approx(network.input_quantization.scale)
    assert bundle.metadata["features"]["zero_point"] == network.input_quantization.zero_point
    assert bundle.data == import_bundle(model_path, features=FeaturesConfig(), labels=("a", "b", "c")).data


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--labels", "a,b"], "3 outputs; got 2 labels"),
        (["--labels", "a,b,c", "--features", "mlperf-streaming"], "reads 10 features a frame, the front end makes 40"),
        (["--labels", "a,b,c", "--features", "nonsense"], "is neither mlperf-kws nor mlperf-streaming nor"),
        (["--labels", "a,b,c", "--threshold", "1.5"], "threshold is 1.5"),
        (["--labels", "a,b,c", "--decision-frames", "3"], "not possible"),
    ],
)
def test_wrong_options_end_in_one_line(model_path: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    result = kws_import(model_path, *arguments, "-o", tmp_path / "net.kws")
    assert result.returncode == 2
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "net.kws").exists()


def test_a_toml_file_describes_a_front_end(tmp_path: Path) -> None:
    path = tmp_path / "front_end.toml"
    path.write_text("[features]\nnum_coefficients = 13\n", encoding="utf-8")
    assert features_from_option(str(path)).num_coefficients == 13
    path.write_text("num_coefficents = 13\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="unknown num_coefficents"):
        features_from_option(str(path))


def test_background_labels_never_fire() -> None:
    points = default_decision(("_silence_", "Unknown", "yes"), threshold=1.0).operating_points
    assert points[0].thresholds == (0, 0, 255)


@pytest.mark.parametrize("content", [b"", b"\0" * 40, b"\x1c\0\0\0TFL3" + b"\xff" * 60, b"\x1c\0\0\0TFL3"])
def test_bytes_that_are_no_model_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(content)
    with pytest.raises(ImportModelError, match=r"net\.tflite"):
        import_tflite(path)


def test_damaged_models_end_in_one_sentence_or_a_network(model_path: Path, tmp_path: Path) -> None:
    originals = [model_path.read_bytes(), *(random_graph_model(seed) for seed in range(8))]
    ends = fuzz_import.run(originals, 250, 3, tmp_path / "net.tflite")
    assert ends["refused"] > 100
    assert ends["accepted"] > 10
    assert ends["slow"] == 0


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ImportModelError, match="No such file"):
        import_tflite(tmp_path / "none.tflite")


def float_model() -> bytes:
    model = keras.Sequential([keras.Input((9, 4, 1)), layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(2)])
    return bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())


def writer_of(*operations: str, kind: str = "int8") -> bytes:
    """Return a network with operations that are not supported."""
    writer = Writer(np.random.default_rng(1))
    value = writer.source((1, 9, 4, 2))
    for name in operations:
        value = writer.unary(name, value)
    return writer.finish(writer.softmax(writer.dense(value, 3)))


def compiled_for(code: str) -> bytes:
    """Return a model that a compiler made one custom operation of."""
    writer = Writer(np.random.default_rng(1))
    source = writer.source((1, 9, 4, 1))
    target = writer.value((1, 3))
    writer.operator("CUSTOM", [source.index], [target.index])
    writer.custom_codes[writer.codes.index(32)] = code
    return writer.finish(target)


def unequal_rates() -> bytes:
    writer = Writer(np.random.default_rng(1))
    source = writer.source((1, 9, 4, 2))
    first = writer.conv(source, 2, (1, 1), (2, 1))
    second = writer.conv(source, 2, (5, 1))
    return writer.finish(writer.softmax(writer.dense(writer.add(first, second), 3)))


def two_inputs() -> bytes:
    writer = Writer(np.random.default_rng(1))
    first, second = writer.source((1, 9, 4, 2)), writer.source((1, 9, 4, 2))
    return writer.finish(writer.softmax(writer.dense(writer.add(first, second), 3)))


def int16_input() -> bytes:
    writer = Writer(np.random.default_rng(1))
    value = writer.value((1, 9), kind="int16")
    writer.inputs.append(value.index)
    return writer.finish(writer.dense(value, 3))


def joined_in_time() -> bytes:
    """Return a network that puts two maps of one row below one another, as statistics over time are."""
    writer = Writer(np.random.default_rng(1))
    value = writer.source((1, 9, 4, 2))
    kinds = [writer.pool(value, (9, 1), (9, 1), kind=kind) for kind in ("AVERAGE", "MAX")]
    value = writer.conv(writer.concat(kinds, axis=1), 3, (2, 3), same=True)
    return writer.finish(writer.softmax(writer.dense(value, 3)))


def padded_in_blocks() -> bytes:
    writer = Writer(np.random.default_rng(1))
    value = writer.dilated(writer.source((1, 20, 4, 3)), 5, 4, 2, same=True)
    return writer.finish(writer.softmax(writer.dense(value, 3)))


def cut_by_offset() -> bytes:
    writer = Writer(np.random.default_rng(1))
    value = writer.cut(writer.source((1, 9, 4, 2)), (0, 2, 0, 0), (1, 7, 4, 2), offset=True)
    return writer.finish(writer.softmax(writer.dense(value, 3)))


def open_time() -> bytes:
    writer = Writer(np.random.default_rng(1))
    source = writer.source((1, 1, 10))
    writer.tensors[source.index].shapeSignature = [-1, -1, 10]
    return writer.finish(writer.softmax(writer.dense(source, 3)))


def another_shape() -> bytes:
    """Return a network with a convolution of which the file says that it keeps rows it cannot keep."""
    writer = Writer(np.random.default_rng(1))
    value = writer.conv(writer.source((1, 9, 4, 2)), 3, (2, 2))
    writer.tensors[value.index].shape = [1, 9, 3, 3]
    return writer.finish(writer.softmax(writer.dense(value, 3)))


def another_reshape() -> bytes:
    """Return a network with a RESHAPE that asks for another shape than the file gives its output."""
    writer = Writer(np.random.default_rng(1))
    value = writer.reshape(writer.source((1, 9, 4, 2)), (1, 9, 2, 4))
    asked = writer.tensors[writer.operators[-1].inputs[1]].buffer
    writer.buffers[asked].data = np.frombuffer(np.array([1, 9, 4, 2], "<i4").tobytes(), np.uint8)
    return writer.finish(writer.softmax(writer.dense(value, 3)))


UNSUPPORTED: dict[str, tuple[Callable[[], bytes], str]] = {
    "float": (float_model, "FLOAT32; expected int8"),
    "int16": (int16_input, "INT16; expected int8: 16x8"),
    "inputs": (two_inputs, "2 inputs and 1 outputs; expected one of each"),
    "rates": (unequal_rates, "unequal rates .*every 2 and every 1 frames.*same strides"),
    "vela": (lambda: compiled_for("ethos-u"), "compiled by Vela .*import the .tflite that went into it"),
    "edgetpu": (lambda: compiled_for("edgetpu-custom-op"), "compiled for an Edge TPU"),
    "svdf": (lambda: writer_of("SVDF"), "recurrent layers are not supported"),
    "lstm": (lambda: writer_of("UNIDIRECTIONAL_SEQUENCE_LSTM"), "recurrent layers are not supported"),
    "time_joined": (joined_in_time, "CONCATENATION along time is not supported"),
    "blocks": (padded_in_blocks, "CONV_2D behind SPACE_TO_BATCH_ND with 'same' padding"),
    "offset": (cut_by_offset, "STRIDED_SLICE: expected ends counted from the start"),
    "open_time": (open_time, r"the shape \?x\?x10: .*Input\(\(49, 10\)\).*convert again"),
    "shape": (another_shape, r"CONV_2D: its output 'tensor_1' is \[1, 9, 3, 3\] in the file; expected \[1, 8, 3, 3\]"),
    "reshape": (another_reshape, r"RESHAPE to \[1, 9, 4, 2\] makes \[1, 9, 2, 4\] in the file"),
    "unknown": (lambda: writer_of("ABS"), "operation ABS is not supported .*supported: ADD"),
    "time_left": (lambda: convert((9, 4, 1), [conv(4, (3, 4))]), "7 time steps left|SOFTMAX over"),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_cannot_run_is_named_with_a_way_out(tmp_path: Path, name: str) -> None:
    make, message = UNSUPPORTED[name]
    path = tmp_path / "net.tflite"
    path.write_bytes(make())
    with pytest.raises(ImportModelError, match=message) as error:
        import_tflite(path)
    assert str(path) in str(error.value)
