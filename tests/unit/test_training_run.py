# SPDX-License-Identifier: Apache-2.0
"""A run ends in a bundle; interrupted and resumed, or simply repeated, it ends in the same bundle."""

import dataclasses
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from training_fixtures import TINY_RUN, tiny_batches, tiny_data

from kws.bundle import Bundle
from kws.errors import ConfigError, TrainingError
from kws.model import Model
from kws.training.clips import run as run_module
from kws.training.clips.config import load_run
from kws.training.clips.run import RunResult, learn_clips, train_and_export
from kws.training.fit import checkpoint
from kws.training.fit.architectures import build_logits_model, count_macs
from kws.training.fit.callbacks import RichProgress
from kws.training.fit.config import BlockConfig, ModelConfig
from kws.training.fit.quantize import choose_representative
from kws.training.fit.train import CHECKPOINT_NAME

CONFIGS = Path(run_module.__file__).parents[1] / "configs"


def quiet_run(folder: Path) -> RunResult:
    return train_and_export(tiny_data(), TINY_RUN, folder, console=Console(file=io.StringIO()))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunResult]:
    folder = tmp_path_factory.mktemp("run")
    return folder, quiet_run(folder)


def test_a_run_leaves_a_streaming_bundle_that_equals_tflite_bit_for_bit(
    finished: tuple[Path, RunResult],
) -> None:
    folder, result = finished
    bundle = Bundle.load(folder / "tiny.kws")
    assert bundle.labels == TINY_RUN.data.labels
    assert Model(bundle).streaming
    assert result.comparison.core_equals_tflite
    assert bundle.decision.operating_points[0].thresholds == (0, 0, 180, 180)


def test_the_bundle_tells_where_it_comes_from(finished: tuple[Path, RunResult]) -> None:
    folder, result = finished
    metadata = Bundle.load(folder / "tiny.kws").metadata
    assert metadata["data_sha256"] == tiny_data().sha256
    assert metadata["training"]["optimizer"]["epochs"] == 2
    assert metadata["validation"]["c_int8_accuracy"] == round(result.comparison.core_accuracy, 5)
    representative = json.loads((folder / "representative.json").read_text())
    assert metadata["representative_sha256"] == representative["sha256"]
    assert len(representative["rows"]) == len(tiny_data().training)


def test_a_run_leaves_plots_and_logs(finished: tuple[Path, RunResult]) -> None:
    folder, _ = finished
    assert (folder / "confusion.png").read_bytes().startswith(b"\x89PNG")
    assert list((folder / "work").rglob("tensorboard/**/events*"))
    evaluation = json.loads((folder / "evaluation.json").read_text())
    assert len(evaluation["history"]) == 2
    assert {"float_accuracy", "tflite_int8_accuracy", "c_int8_accuracy"} <= evaluation.keys()


def test_the_same_run_again_interrupted_and_resumed_ends_in_the_same_bytes(
    finished: tuple[Path, RunResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = finished

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RichProgress, "on_epoch_end", interrupt)
        with pytest.raises(KeyboardInterrupt):
            quiet_run(tmp_path)
    assert not (tmp_path / "tiny.kws").exists()
    quiet_run(tmp_path)
    assert (tmp_path / "tiny.kws").read_bytes() == (folder / "tiny.kws").read_bytes()


def checkpoint_of(folder: Path) -> Path:
    (path,) = (folder / "work").glob(f"train-*/{CHECKPOINT_NAME}")
    return path


def test_changed_settings_start_anew_and_going_back_finds_what_was_made(
    finished: tuple[Path, RunResult], tmp_path: Path
) -> None:
    shutil.copytree(finished[0], tmp_path / "run")
    made = checkpoint_of(tmp_path / "run")
    before = made.stat().st_mtime_ns
    other = dataclasses.replace(TINY_RUN, optimizer=dataclasses.replace(TINY_RUN.optimizer, epochs=1))
    learn_clips(tiny_data(), other, tmp_path / "run")
    assert len(list((tmp_path / "run" / "work").glob("train-*"))) == 2
    assert len(learn_clips(tiny_data(), TINY_RUN, tmp_path / "run").history) == 2
    assert made.stat().st_mtime_ns == before
    data = tiny_data()
    corrected = dataclasses.replace(data.training, labels=data.training.labels[::-1].copy())
    learn_clips(dataclasses.replace(data, training=corrected), other, tmp_path / "run")
    assert len(list((tmp_path / "run" / "work").glob("train-*"))) == 3


def test_a_checkpoint_of_another_configuration_is_refused(finished: tuple[Path, RunResult]) -> None:
    model = build_logits_model(TINY_RUN.model, input_shape=tiny_batches().input_shape, num_labels=4, seed=1)
    with pytest.raises(TrainingError, match="another configuration"):
        checkpoint.load(checkpoint_of(finished[0]), [list(model.variables)], "train-of-another")


@pytest.mark.parametrize("keep", [0, 100, 5000])
def test_a_broken_checkpoint_is_refused(finished: tuple[Path, RunResult], tmp_path: Path, keep: int) -> None:
    broken = tmp_path / CHECKPOINT_NAME
    broken.write_bytes(checkpoint_of(finished[0]).read_bytes()[:keep])
    with pytest.raises(TrainingError, match="broken checkpoint"):
        checkpoint.load(broken, [], "train")


def test_a_checkpoint_is_never_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.npz"
    progress = checkpoint.Progress(epochs_done=1, history=())
    values = [np.arange(3.0)]
    checkpoint.save(path, [values], progress, "d")

    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(checkpoint.np, "savez", fail)
    with pytest.raises(TrainingError, match="disk full"):
        checkpoint.save(path, [values], checkpoint.Progress(epochs_done=2, history=()), "d")
    assert checkpoint.load(path, [[]], "d").epochs_done == 1


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match="another folder"):
        learn_clips(tiny_data(), TINY_RUN, tmp_path / "file")


def test_a_loss_that_is_no_number_is_an_error_with_advice(tmp_path: Path) -> None:
    mad = dataclasses.replace(TINY_RUN.optimizer, learning_rate=1e30, warmup_epochs=0.0, final_learning_rate=1e29)
    with pytest.raises(TrainingError, match="lower optimizer"):
        learn_clips(tiny_data(), dataclasses.replace(TINY_RUN, optimizer=mad), tmp_path)


def test_representative_clips_are_drawn_by_the_seed_without_repeats() -> None:
    first, again = choose_representative(1000, 50, 3), choose_representative(1000, 50, 3)
    assert np.array_equal(first, again)
    assert len(set(first.tolist())) == 50
    assert not np.array_equal(first, choose_representative(1000, 50, 4))
    assert choose_representative(10, 50, 3).tolist() == list(range(10))


@pytest.mark.parametrize(("name", "published"), [("mlperf_tiny", 2_656_768), ("ds_cnn_m", 9.8e6), ("ds_cnn_l", 28.4e6)])
def test_macs_of_the_known_networks_are_the_published_ones(name: str, published: float) -> None:
    config = load_run(CONFIGS / f"{name}.toml").model
    model = build_logits_model(config, input_shape=(49, 10, 1), num_labels=12, seed=1)
    assert count_macs(model) == pytest.approx(published, rel=0.01 if published > 9e6 else 0)


def test_a_streaming_network_that_runs_out_of_rows_is_refused() -> None:
    config = ModelConfig(time_padding="valid", blocks=(BlockConfig(filters=8),) * 12)
    with pytest.raises(ConfigError, match="block10 spans 3 rows and only 2 are left"):
        build_logits_model(config, input_shape=(49, 10, 1), num_labels=3, seed=1)


def test_the_seed_decides_the_first_weights() -> None:
    def first_weights(seed: int) -> np.ndarray:
        shape = tiny_batches().input_shape
        return build_logits_model(TINY_RUN.model, input_shape=shape, num_labels=4, seed=seed).get_weights()[0]

    assert np.array_equal(first_weights(1), first_weights(1))
    assert not np.array_equal(first_weights(1), first_weights(2))
