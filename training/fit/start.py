# SPDX-License-Identifier: Apache-2.0
"""Start from a network that was trained before: the weights of its int8 TFLite file, in a fresh network of that shape.

A finished network has its batch norms folded into its convolutions. Here they come back: the statistics of some
features pass through layer by layer, and every norm gets the scale and offset that leave those features as they were.

A network may have more channels than the one it starts from: it then says the same at first. What is new keeps the
weights it was drawn with and counts for nothing in the channels that were there; training lets it in.

References
----------
T. Chen, I. Goodfellow, J. Shlens, "Net2Net: Accelerating Learning via Knowledge Transfer", arXiv:1511.05641.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from kws.errors import TrainingError
from kws.training.fit.quiet import quiet_tensorflow

_WEIGHTED = (layers.Conv2D, layers.DepthwiseConv2D, layers.Dense)
_OPERATIONS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"})

Weights = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Kernel as TFLite stores it, and bias."""


def read_weights(path: Path) -> list[Weights]:
    """Kernels and biases of a TFLite file in real units, in the order they are applied.

    Raises
    ------
    TrainingError
        If the file is missing or is no TFLite network.
    """
    try:
        with quiet_tensorflow():
            interpreter = tf.lite.Interpreter(model_content=path.read_bytes())
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path}: no readable TFLite network to start from ({error})") from error
    operations = [one for one in interpreter._get_ops_details() if one["op_name"] in _OPERATIONS]
    tensors = {one["index"]: one for one in interpreter.get_tensor_details()}

    def real(index: int) -> NDArray[np.float32]:
        values, steps = interpreter.get_tensor(index), tensors[index]["quantization_parameters"]
        shape = [1] * values.ndim
        shape[steps["quantized_dimension"]] = -1
        return np.asarray(
            (values.astype(np.float32) - steps["zero_points"].reshape(shape)) * steps["scales"].reshape(shape),
            np.float32,
        )

    without = np.zeros(1, np.float32)  # a bias of zeros is left out of the file
    return [
        (real(one["inputs"][1]), real(one["inputs"][2]) if one["inputs"][2] >= 0 else without) for one in operations
    ]


def start_from(model: keras.Model, path: Path, examples: NDArray[np.float32]) -> None:
    """Give a fresh network the weights of a finished one, which may have had fewer channels.

    Parameters
    ----------
    model : keras.Model
        To logits, as `kws.training.fit.architectures` builds it.
    path : Path
        TFLite file that such a network became.
    examples : float32 [clips, *input_shape]
        Whose statistics the batch norms start with.

    Raises
    ------
    TrainingError
        If the layers or their kernels differ, or a layer has fewer channels than there were.
    """
    finished = read_weights(path)
    weighted = [layer for layer in model.layers if isinstance(layer, _WEIGHTED)]
    old = [_as_keras(layer, kernel) for layer, (kernel, _) in zip(weighted, finished, strict=False)]
    fit = all(_grows(layer, kernel) for layer, kernel in zip(weighted, old, strict=False))
    if len(weighted) != len(finished) or not fit:
        raise TrainingError(f"{path}: not a network of this shape; train from the start, or match [model] to it")
    pending = iter(zip(old, finished, strict=True))
    values = tf.constant(examples)
    bias: NDArray[np.float32] | None = None
    for layer in model.layers[1:]:
        if isinstance(layer, _WEIGHTED):
            kernel, (_, bias) = next(pending)
            layer.kernel.assign(_grown(layer, kernel))
            if layer.use_bias:
                layer.bias.assign(np.broadcast_to(bias, layer.bias.shape))
        elif isinstance(layer, layers.BatchNormalization):
            assert bias is not None
            mean, variance = (moment.numpy() for moment in tf.nn.moments(values, [0, 1, 2]))
            offset = np.zeros_like(mean)  # new channels are centred
            offset[: bias.size] = bias + mean[: bias.size]
            layer.set_weights([np.sqrt(variance + layer.epsilon), offset, mean, variance])
        values = layer(values, training=False)


def average_with_start(model: keras.Model, path: Path, share: float) -> None:
    """Average the weights of a trained network with those it started from, batch norms folded in both.

    Between the two ends of a fine-tuning lie networks that are better than either on what neither has seen.

    Parameters
    ----------
    model : keras.Model
        To logits; changed in place.
    path : Path
        TFLite file of the network that training started from, see `start_from`.
    share : float
        Of the start; 0 leaves the network as it is.

    Raises
    ------
    TrainingError
        If the network has more channels than the one it started from.

    References
    ----------
    M. Wortsman et al., "Robust fine-tuning of zero-shot models", arXiv:2109.01903.
    """
    started = iter(read_weights(path))
    for layer, norm in zip(model.layers, [*model.layers[1:], None], strict=True):
        if not isinstance(layer, _WEIGHTED):
            continue
        kernel, bias = next(started)
        kernel = _as_keras(layer, kernel)
        if kernel.shape != tuple(layer.kernel.shape):
            raise TrainingError(f"{path}: a network that has grown cannot be averaged with it; leave out start_share")
        if isinstance(norm, layers.BatchNormalization):
            gamma, beta, mean, variance = norm.get_weights()
            deviation = np.sqrt(variance + norm.epsilon)
            scale = gamma / deviation
            per_output = scale[:, None] if isinstance(layer, layers.DepthwiseConv2D) else scale
            layer.kernel.assign(share * kernel + (1.0 - share) * layer.kernel.numpy() * per_output)
            mixed = share * bias + (1.0 - share) * (beta - mean * scale)
            norm.set_weights([deviation, mixed + mean, mean, variance])
        else:
            layer.kernel.assign(share * kernel + (1.0 - share) * layer.kernel.numpy())
            layer.bias.assign(share * bias + (1.0 - share) * layer.bias.numpy())


def _grows(layer: layers.Layer, kernel: NDArray[np.float32]) -> bool:
    """Whether a layer has room for a kernel: only channels may be more, and not labels."""
    new = tuple(layer.kernel.shape)
    if kernel.ndim != len(new) or kernel.shape[:-2] != new[:-2]:
        return False
    if isinstance(layer, layers.Dense) and kernel.shape[-1] != new[-1]:
        return False
    return all(before <= now for before, now in zip(kernel.shape[-2:], new[-2:], strict=True))


def _grown(layer: layers.Layer, kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the kernel of a layer that has the old one's channels first; new inputs say nothing to old outputs."""
    inputs, outputs = kernel.shape[-2:]
    whole = layer.kernel.numpy()
    if not isinstance(layer, layers.DepthwiseConv2D):
        whole[..., :outputs] = 0.0
    whole[..., :inputs, :outputs] = kernel
    return whole


def _as_keras(layer: layers.Layer, kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """TFLite has the outputs first; the depthwise kernel has channels last there and one to each here."""
    if isinstance(layer, layers.DepthwiseConv2D):
        return np.moveaxis(kernel, 0, -1)
    if isinstance(layer, layers.Dense):
        return kernel.T
    return np.moveaxis(kernel, 0, -1)
