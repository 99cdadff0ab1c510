# SPDX-License-Identifier: Apache-2.0
"""A sweep puts what it draws where the run has it, goes on where it was, and shows what no other trial beats."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from training_fixtures import TINY_RUN, tiny_data

from kws.errors import ConfigError, KwsError, ToolMissingError, TrainingError
from kws.training.clips.dataset import TrainingData
from kws.training.sweep.config import Range, SweepConfig, load_sweep
from kws.training.sweep.run import Material, execute, sweep

SHIPPED = Path(__file__).parents[2] / "training" / "sweep" / "speech_commands_12.toml"
TINY = SweepConfig(
    name="tiny",
    base=TINY_RUN,
    fixed={"optimizer.epochs": 1},
    choices={"model.stem.kernel.0": [4, 400]},
    ranges={"optimizer.learning_rate": Range(low=1e-3, high=1e-2, log=True)},
)

DATA = tiny_data()


def test_the_shipped_sweep_names_settings_that_exist() -> None:
    config = load_sweep(SHIPPED)
    run = config.run({"model.blocks.4.kernel.0": 7, "recipe.acoustics.shift_ms": 99.0})
    assert run.model.blocks[4].kernel == (7, 1)
    assert run.model.blocks[3] == config.base.model.blocks[3]
    assert run.recipe is not None
    assert run.recipe.acoustics.shift_ms == 99.0
    assert run.recipe.start is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "base is missing"),
        ('base = "run.toml"', "nothing to try"),
        ('base = "run.toml"\n[choices]\n"model.depth" = [1]', "model.depth: no such setting"),
        ('base = "run.toml"\n[choices]\n"seed" = 3', "expected a list"),
        ('base = "run.toml"\n[ranges]\n"seed" = { low = 3, high = 1 }', "low < high"),
        ('base = "run.toml"\n[ranges]\n"seed" = { low = 0.5, high = 2.5 }', "a whole number"),
        ('base = "run.toml"\n[tries]', "unknown setting 'tries'"),
    ],
)
def test_a_broken_sweep_is_refused_before_any_trial(text: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text('name = "x"\n', encoding="utf-8")
    (tmp_path / "sweep.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=complaint):
        load_sweep(tmp_path / "sweep.toml")


def test_a_board_that_cannot_count_is_refused_before_any_trial(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--board netduinoplus3: expected .*netduinoplus2.* or none"):
        execute(SHIPPED, tmp_path, trials=1, out=tmp_path / "out", board="netduinoplus3")


def test_a_sweep_goes_on_where_it_was_and_prunes_what_cannot_be(tmp_path: Path) -> None:
    def until(trials: int, data: TrainingData = DATA) -> list[tuple[str, dict[str, object], list[float]]]:
        study = sweep(TINY, Material(data=data), trials=trials, out=tmp_path, console=Console(file=io.StringIO()))
        return [(trial.state.name, trial.params, trial.values) for trial in study.trials]

    first = until(1)
    whole = until(3)
    assert whole[:1] == first
    assert until(3) == whole
    assert {state for state, _, _ in whole} <= {"COMPLETE", "PRUNED"}
    for state, params, values in whole:
        assert (state == "COMPLETE") == (params["model.stem.kernel.0"] == 4)
        if values:
            accuracy, macs, flash = values
            assert 0.0 <= accuracy <= 1.0
            assert macs > 1000
            assert flash > 1000
    with (tmp_path / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(state == "COMPLETE" for state, _, _ in whole)
    accuracies = np.array([float(row["accuracy"]) for row in rows])
    assert "True" in [row["pareto"] for row in np.array(rows)[accuracies == accuracies.max()]]
    assert "<svg" in (tmp_path / "pareto.svg").read_text(encoding="utf-8")
    corrected = replace(DATA.training, labels=DATA.training.labels[::-1].copy())
    assert len(until(1, replace(DATA, training=corrected))) == 1  # none of the three counts
    assert until(3) == whole


@pytest.mark.parametrize("kind", [TrainingError, ToolMissingError])
def test_a_sweep_ends_at_a_full_disk_or_a_missing_tool_and_blames_no_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[KwsError]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise kind("not the settings") from OSError(28, "No space left on device")

    monkeypatch.setattr("kws.training.sweep.run.learn_clips", fail)
    with pytest.raises(kind, match="not the settings"):
        sweep(TINY, Material(data=DATA), trials=3, out=tmp_path, console=Console(quiet=True))
