# SPDX-License-Identifier: Apache-2.0
"""Small random networks for parity tests: Keras -> int8 TFLite, and every tensor of TFLite's reference kernels."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import tensorflow as tf
from keras import layers
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

Int8Array = npt.NDArray[np.int8]
BIAS = keras.initializers.RandomNormal(stddev=0.3)
FLATTEN: Callable[[], keras.Layer] = layers.Flatten


LayerMaker = Callable[[], keras.Layer]
"""Makes a fresh layer, so that one description can become many networks."""


def conv(filters: int, kernel: tuple[int, int], strides: tuple[int, int] = (1, 1), padding: str = "valid",
         activation: str | None = "relu") -> LayerMaker:  # fmt: skip
    return partial(layers.Conv2D, filters, kernel, strides, padding, activation=activation, bias_initializer=BIAS)


def depthwise(kernel: tuple[int, int], strides: tuple[int, int] = (1, 1), padding: str = "valid",
              activation: str | None = "relu") -> LayerMaker:  # fmt: skip
    return partial(layers.DepthwiseConv2D, kernel, strides, padding, activation=activation, bias_initializer=BIAS)


def pad_width(before: int, after: int) -> LayerMaker:
    return partial(layers.ZeroPadding2D, ((0, 0), (before, after)))


def pad_time(before: int, after: int) -> LayerMaker:
    return partial(layers.ZeroPadding2D, ((before, after), (0, 0)))


def pool(size: tuple[int, int], strides: tuple[int, int] | None = None, padding: str = "valid") -> LayerMaker:
    return partial(layers.AveragePooling2D, size, strides, padding)


def dense(num_labels: int) -> LayerMaker:
    return partial(layers.Dense, num_labels, bias_initializer=BIAS)


def convert(
    input_shape: tuple[int, int, int], stack: Sequence[LayerMaker], *, seed: int = 0, spread: float = 1.0
) -> bytes:
    """Return the int8 .tflite file of a random network with a softmax behind the stack, calibrated on noise."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input(input_shape), *(make() for make in stack), layers.Softmax()])
    samples = np.random.default_rng(seed).normal(0, spread, (16, 1, *input_shape)).astype(np.float32)
    spec = tf.TensorSpec((1, *input_shape), tf.float32)
    function = tf.function(lambda clip: model(clip, training=False)).get_concrete_function(spec)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([convert_variables_to_constants_v2(function)])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([sample] for sample in samples)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return bytes(converter.convert())


@dataclass(frozen=True)
class Reference:
    """TFLite's reference kernels with every tensor kept."""

    interpreter: tf.lite.Interpreter

    @classmethod
    def of(cls, model: bytes) -> Reference:
        interpreter = tf.lite.Interpreter(
            model_content=model,
            experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_REF,
            experimental_preserve_all_tensors=True,
            num_threads=1,
        )
        interpreter.allocate_tensors()
        return cls(interpreter)

    def run(self, frames: Int8Array) -> dict[str, Int8Array]:
        """Return every tensor by name."""
        source = self.interpreter.get_input_details()[0]
        self.interpreter.set_tensor(source["index"], frames.reshape(source["shape"]))
        self.interpreter.invoke()
        details = self.interpreter.get_tensor_details()
        return {d["name"]: self.interpreter.get_tensor(d["index"]) for d in details if d["dtype"] == np.int8}


def random_frames(num_frames: int, num_features: int, *, seed: int) -> Int8Array:
    return np.random.default_rng(seed).integers(-128, 128, (num_frames, num_features)).astype(np.int8)
