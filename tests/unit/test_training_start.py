# SPDX-License-Identifier: Apache-2.0
"""Training may start from a finished network: it then says at once what that network says."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from training_fixtures import TINY_RUN

from kws.errors import TrainingError
from kws.training.clips.config import load_run
from kws.training.clips.run import as_written
from kws.training.fit.architectures import build_logits_model, with_softmax
from kws.training.fit.config import BlockConfig, ModelConfig, StemConfig
from kws.training.fit.quantize import quantize, run_tflite
from kws.training.fit.start import average_with_start, start_from

MODEL = ModelConfig(
    stem=StemConfig(filters=8, kernel=(4, 4), strides=(2, 2)),
    blocks=(BlockConfig(filters=12), BlockConfig(filters=8, kernel=(1, 20), frequency_padding="valid")),
    time_padding="causal",
    dropout=0.0,
)
SHAPE = (49, 40, 1)


def test_a_fresh_network_takes_over_what_a_finished_one_says(tmp_path: Path) -> None:
    features = TINY_RUN.features
    clips = np.random.default_rng(1).integers(-100, 60, (24, *SHAPE[:2])).astype(np.int8)
    real = features.dequantize(clips)[..., None]
    finished = build_logits_model(MODEL, input_shape=SHAPE, num_labels=3, seed=1)
    finished(real, training=True)  # batch norms that are not at their start
    path = tmp_path / "model.tflite"
    path.write_bytes(quantize(finished, clips, features))
    fresh = build_logits_model(MODEL, input_shape=SHAPE, num_labels=3, seed=2)
    start_from(fresh, path, real)
    said = np.asarray(with_softmax(fresh)(real, training=False))
    assert np.abs(said - run_tflite(path.read_bytes(), clips) / 255.0).max() < 0.05  # int8 activations on one side
    # the norms' scales leave the examples as they are, so training sees the same network
    assert np.abs(np.asarray(with_softmax(fresh)(real, training=True)) - said).max() < 0.05

    gone_on = build_logits_model(MODEL, input_shape=SHAPE, num_labels=3, seed=3)
    gone_on(real, training=True)
    alone = np.asarray(gone_on(real, training=False))
    average_with_start(gone_on, path, 0.0)
    assert np.abs(np.asarray(gone_on(real, training=False)) - alone).max() < 1e-3
    average_with_start(gone_on, path, 1.0)
    assert np.abs(np.asarray(gone_on(real, training=False)) - np.asarray(fresh(real, training=False))).max() < 1e-3

    wider = build_logits_model(MODEL, input_shape=SHAPE, num_labels=4, seed=2)
    with pytest.raises(TrainingError, match="not a network of this shape"):
        start_from(wider, path, real)
    with pytest.raises(TrainingError, match=r"nowhere\.tflite"):
        start_from(fresh, tmp_path / "nowhere.tflite", real)


def test_a_network_with_more_channels_starts_by_saying_the_same(tmp_path: Path) -> None:
    features = TINY_RUN.features
    clips = np.random.default_rng(1).integers(-100, 60, (24, *SHAPE[:2])).astype(np.int8)
    real = features.dequantize(clips)[..., None]
    finished = build_logits_model(MODEL, input_shape=SHAPE, num_labels=3, seed=1)
    path = tmp_path / "model.tflite"
    path.write_bytes(quantize(finished, clips, features))
    same = build_logits_model(MODEL, input_shape=SHAPE, num_labels=3, seed=2)
    start_from(same, path, real)
    blocks = (replace(MODEL.blocks[0], filters=16), replace(MODEL.blocks[1], filters=20))
    wide = replace(MODEL, stem=replace(MODEL.stem, filters=12), blocks=blocks)
    grown = build_logits_model(wide, input_shape=SHAPE, num_labels=3, seed=4)
    start_from(grown, path, real)
    assert np.abs(np.asarray(grown(real, training=False)) - np.asarray(same(real, training=False))).max() < 1e-3
    # what is new is alive, and training can let it in
    hidden = keras.Model(grown.input, grown.get_layer("pool").input)(real, training=False)
    assert (np.asarray(hidden)[..., MODEL.blocks[-1].filters :].max(axis=(0, 1, 2)) > 0.0).all()
    with pytest.raises(TrainingError, match="grown cannot be averaged"):
        average_with_start(grown, path, 0.5)
    narrow = replace(MODEL, stem=replace(MODEL.stem, filters=4))
    with pytest.raises(TrainingError, match="not a network of this shape"):
        start_from(build_logits_model(narrow, input_shape=SHAPE, num_labels=3, seed=1), path, real)


def test_the_start_is_looked_for_beside_the_run_and_recorded_without_its_folder(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text('name = "x"\n[recipe]\nstart = "old.tflite"\n', encoding="utf-8")
    (tmp_path / "old.tflite").write_bytes(b"old")
    run = load_run(tmp_path / "run.toml")
    assert run.recipe is not None
    assert run.recipe.start == tmp_path / "old.tflite"
    written = as_written(run)["recipe"]["start"]
    assert written.startswith("old.tflite (SHA-256 ")
    assert str(tmp_path) not in written
