# SPDX-License-Identifier: Apache-2.0
"""Post-training int8 quantisation through TensorFlow Lite, with the representative clips on record."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from kws.errors import TrainingError
from kws.features import FeaturesConfig
from kws.training.fit.architectures import with_softmax
from kws.training.fit.equalize import equalize_steep_channels
from kws.training.fit.quiet import quiet_tensorflow
from kws.training.fit.settle import settle_scales

_SEED = 0xCA
_ROUNDS = 3
"""Of equalising: a larger channel may widen the range of its layer, and others get steeper by that."""


def choose_representative(num_clips: int, count: int, seed: int) -> NDArray[np.int64]:
    """Draw positions of representative clips, sorted."""
    rng = np.random.default_rng([seed, _SEED])
    return np.sort(rng.choice(num_clips, size=min(count, num_clips), replace=False))


def quantize(model: keras.Model, features: NDArray[np.int8], config: FeaturesConfig) -> bytes:
    """Turn a trained float network into an int8 TFLite one whose input takes the front end's features unchanged.

    Its weights and their scales suit the fast kernels (`equalize_steep_channels`, `settle_scales`).

    Parameters
    ----------
    model : keras.Model
        Features in real units to logits; softmax is added here. Factors may move from layer to layer, with no change
        in what it says.
    features : int8 array, shape [clips, frames, num_features]
        Representative clips, as the front end gives them: they set the ranges of the activations.
    config : FeaturesConfig
        Says what one step of a feature means, which becomes the network's input quantisation, exactly.

    Returns
    -------
    bytes
        A ``.tflite`` file.

    Raises
    ------
    TrainingError
        If the converter chose another input quantisation than the front end's.
    """
    tflite = convert(model, features, config)
    for _ in range(_ROUNDS):
        if not equalize_steep_channels(model, tflite):
            break
        tflite = convert(model, features, config)
    return settle_scales(tflite)


def convert(model: keras.Model, features: NDArray[np.int8], config: FeaturesConfig) -> bytes:
    """Return what TFLite makes of the model as it is, see `quantize`."""
    with quiet_tensorflow():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([_freeze(with_softmax(model))])
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: _representative(features, config)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        tflite: bytes = converter.convert()
    _check_input(tflite, config)
    return tflite


def _freeze(model: keras.Model) -> tf.types.experimental.ConcreteFunction:
    """One clip a call, weights as constants: what leads to the plainest TFLite graph."""
    signature = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32)
    function = tf.function(lambda clip: model(clip, training=False)).get_concrete_function(signature)
    return convert_variables_to_constants_v2(function)


def _representative(features: NDArray[np.int8], config: FeaturesConfig) -> Iterator[list[NDArray[np.float32]]]:
    """Yield the clips one by one.

    The converter takes the input's range from its smallest and largest value. Two values of the first clip are
    therefore set to the ends of int8, which makes input scale and zero point those of the front end.
    """
    ends = features.copy()
    ends[0].flat[:2] = -128, 127
    for clip in ends:
        yield [config.dequantize(clip)[None, ..., None]]


def _check_input(tflite: bytes, config: FeaturesConfig) -> None:
    got_scale, got_zero_point = _interpreter(tflite).get_input_details()[0]["quantization"]
    if got_zero_point != config.zero_point or not np.isclose(got_scale, config.scale, rtol=1e-6):
        raise TrainingError(
            f"quantisation: expected input scale {config.scale:g}, zero point {config.zero_point}, and the "
            f"converter chose {got_scale:g}, {got_zero_point}; use a tested TensorFlow version (constraints.txt)"
        )


def run_tflite(tflite: bytes, features: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Posteriors ``[clips, labels]`` (0..255) of TFLite's reference kernels for ``[clips, frames, num_features]``."""
    interpreter = _interpreter(tflite)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    sink = interpreter.get_output_details()[0]["index"]
    outputs = []
    for clip in features:
        interpreter.set_tensor(source, clip[None, ..., None])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(sink)[0].astype(np.int16) + 128)
    return np.array(outputs).astype(np.uint8)


def _interpreter(tflite: bytes) -> tf.lite.Interpreter:
    reference = tf.lite.experimental.OpResolverType.BUILTIN_REF
    with quiet_tensorflow():
        return tf.lite.Interpreter(model_content=tflite, experimental_op_resolver_type=reference)
