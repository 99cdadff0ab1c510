# SPDX-License-Identifier: Apache-2.0
"""Every shipped architecture, with weights that matter, gives TFLite's posteriors in the C core, bit for bit."""

from pathlib import Path

import keras
import numpy as np
import pytest

from kws.importer.section import model_section
from kws.importer.tflite import import_tflite
from kws.model import Model
from kws.training.clips.config import load_run
from kws.training.fit import architectures
from kws.training.fit.quantize import quantize, run_tflite

CONFIGS = Path(architectures.__file__).parents[1] / "configs"


def excite(model: keras.Model, inputs: np.ndarray, rng: np.random.Generator) -> None:
    """Give normalisation statistics as after training, and logits that differ from clip to clip."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
            layer.gamma.assign(rng.uniform(0.5, 1.5, layer.gamma.shape))
            layer.beta.assign(rng.normal(0, 0.3, layer.beta.shape))
    model(inputs, training=True)
    logits = np.asarray(model(inputs, training=False))
    mean, spread = logits.mean(axis=0), logits.std(axis=0).mean()
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([kernel * 2 / spread, (bias - mean) * 2 / spread])


@pytest.mark.parametrize("name", ["ds_cnn_s", "ds_cnn_m", "ds_cnn_l", "mlperf_tiny", "demo", "speech_commands_12"])
def test_the_core_equals_tflite(name: str, tmp_path: Path) -> None:
    run = load_run(CONFIGS / f"{name}.toml")
    rng = np.random.default_rng(3)
    shape = (49, run.features.num_features, 1)
    model = architectures.build_logits_model(run.model, input_shape=shape, num_labels=len(run.data.labels), seed=1)
    level = rng.normal(0, 40, (6, 1, shape[1]))
    features = np.clip(level + rng.normal(0, 30, (6, *shape[:2])), -128, 127).astype(np.int8)
    excite(model, run.features.dequantize(features)[..., None], rng)
    tflite = quantize(model, features[:4], run.features)
    path = tmp_path / "model.tflite"
    path.write_bytes(tflite)
    core = Model(model_section(import_tflite(path)))
    posteriors = core.run_batch(features)
    assert np.array_equal(posteriors, run_tflite(tflite, features))
    assert len(np.unique(posteriors)) > 10
    assert core.streaming == (run.model.time_padding != "same")
