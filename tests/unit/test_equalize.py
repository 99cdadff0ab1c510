# SPDX-License-Identifier: Apache-2.0
"""A channel too steep for the fast kernels: the network says the same and becomes one without such channels."""

from pathlib import Path

import numpy as np
import pytest
from training_fixtures import TINY_RUN

from kws.importer.network import Layer
from kws.importer.rescaling import STEEPEST
from kws.importer.tflite import import_tflite
from kws.training.fit.architectures import build_logits_model
from kws.training.fit.equalize import equalize_steep_channels
from kws.training.fit.quantize import convert, quantize

CHANNEL, FAINTER = 3, 400.0


def steepest(tflite: bytes, folder: Path) -> list[float]:
    """Output steps per accumulator step of the steepest channel, for each layer with weights."""
    (folder / "network.tflite").write_bytes(tflite)

    def of(layer: Layer) -> float:
        assert layer.channels is not None
        return float(np.ldexp(layer.channels[:, 1] / 2.0**31, layer.channels[:, 2]).max())

    return [of(layer) for layer in import_tflite(folder / "network.tflite").layers if layer.weights is not None]


def test_a_faint_channel_that_is_weighed_much_is_made_louder(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    features = rng.integers(-128, 128, (20, 49, TINY_RUN.features.num_features)).astype(np.int8)
    shape = (*features.shape[1:], 1)
    model = build_logits_model(TINY_RUN.model, input_shape=shape, num_labels=4, seed=1)
    norm, depthwise = model.get_layer("stem_norm"), model.get_layer("block1_depthwise")
    gamma, *others = norm.get_weights()
    faint = np.where(np.arange(gamma.size) == CHANNEL, FAINTER, 1.0)
    norm.set_weights([gamma / faint, *others])
    depthwise.kernel.assign(depthwise.kernel.numpy() * faint[:, None])
    heard = TINY_RUN.features.dequantize(features)[..., None]
    said = model.predict(heard, verbose=0)

    before = convert(model, features, TINY_RUN.features)
    assert steepest(before, tmp_path)[1] >= STEEPEST
    after = quantize(model, features, TINY_RUN.features)
    assert max(steepest(after, tmp_path)) < STEEPEST
    assert model.predict(heard, verbose=0) == pytest.approx(said, abs=1e-4), "the float network says what it said"
    assert not equalize_steep_channels(model, after), "nothing is left to move"
