# SPDX-License-Identifier: Apache-2.0
"""Configurations are read strictly: what is not understood is an error that says what to do."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from typer.testing import CliRunner

from kws.bundle import Bundle
from kws.cli import build_app
from kws.errors import ConfigError
from kws.gate import GateConfig
from kws.ranges import Positive, Share
from kws.training.clips.config import RunConfig, load_run
from kws.training.fit import settings
from kws.training.fit.export import export_bundle

CONFIGS = sorted((Path(__file__).parents[2] / "training" / "configs").glob("*.toml"))


@dataclass(frozen=True, kw_only=True)
class Inner:
    width: int
    mode: Literal["same", "valid"] = "same"


@dataclass(frozen=True, kw_only=True)
class Outer:
    name: str
    rate: float = 1.0
    on: bool = False
    pair: tuple[int, int] = (1, 2)
    words: tuple[str, ...] = ()
    inner: Inner = field(default_factory=lambda: Inner(width=3))
    inners: tuple[Inner, ...] = ()
    shares: dict[str, float] = field(default_factory=dict)
    limit: int | None = 5
    where: Path = Path(".")
    epochs: Positive = 1
    odds: tuple[Share, ...] = ()
    steps: Positive | None = None

    def __post_init__(self) -> None:
        if self.rate < 0:
            raise ValueError("rate: expected at least 0")


FULL = {
    "name": "x",
    "rate": 2,
    "on": True,
    "pair": [3, 4],
    "words": ["a", "b"],
    "inner": {"width": 1, "mode": "valid"},
    "inners": [{"width": 2}],
    "shares": {"a": 0.5},
    "limit": 7,
    "where": "folder",
}


def test_every_kind_of_field_is_converted() -> None:
    assert settings.parse(Outer, FULL, where="t") == Outer(
        name="x",
        rate=2.0,
        on=True,
        pair=(3, 4),
        words=("a", "b"),
        inner=Inner(width=1, mode="valid"),
        inners=(Inner(width=2),),
        shares={"a": 0.5},
        limit=7,
        where=Path("folder"),
    )


def test_to_dict_and_parse_are_inverse() -> None:
    config = settings.parse(Outer, FULL, where="t")
    assert settings.parse(Outer, settings.to_dict(config), where="t") == config
    unlimited = Outer(name="y", limit=None)
    assert settings.parse(Outer, settings.to_dict(unlimited), where="t") == unlimited


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"raet": 1.0}, "unknown setting 'raet'; did you mean 'rate'"),
        ({"zzz": 1.0}, "unknown setting 'zzz'; known: name, rate"),
        ({"inner": {"width": 1, "heigth": 2}}, "t: inner: unknown setting 'heigth'"),
        ({"inner": {}}, "inner: setting 'width' is missing"),
        ({"inner": 3}, "inner: expected a table, got 3"),
        ({"inner": {"width": 1, "mode": "full"}}, "expected one of 'same', 'valid', got 'full'"),
        ({"inners": [{"width": "1"}]}, r"inners\[0\]: width: expected a whole number, got '1'"),
        ({"rate": "fast"}, "rate: expected a number, got 'fast'"),
        ({"rate": True}, "rate: expected a number, got True"),
        ({"rate": float("nan")}, "rate: expected a number, got nan"),
        ({"shares": {"a": float("inf")}}, r"shares\.a: expected a number, got inf"),
        ({"on": 1}, "on: expected true or false, got 1"),
        ({"limit": 1.5}, "limit: expected a whole number"),
        ({"pair": [1]}, "pair: expected a list of 2 values"),
        ({"words": "a"}, "words: expected a list, got 'a'"),
        ({"shares": {"a": "b"}}, r"shares\.a|a: expected a number"),
        ({"rate": -1.0}, "rate: expected at least 0"),
        ({"epochs": 0}, "epochs: expected at least 1, got 0"),
        ({"epochs": 1.0}, "epochs: expected a whole number"),
        ({"odds": [0.5, 1.5]}, r"odds\[1\]: expected 0 to 1, got 1.5"),
        ({"odds": [float("nan")]}, r"odds\[0\]: expected a number, got nan"),
        ({"steps": 0}, "steps: expected at least 1"),
    ],
)
def test_what_is_not_understood_is_refused(change: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        settings.parse(Outer, FULL | change, where="t")


def test_files_that_are_missing_or_not_toml_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such configuration"):
        settings.load(Outer, tmp_path / "gone.toml")
    (tmp_path / "bad.toml").write_text("name = \n")
    with pytest.raises(ConfigError, match="not valid TOML"):
        settings.load(Outer, tmp_path / "bad.toml")
    with pytest.raises(ConfigError, match="got a folder"):
        settings.load(Outer, tmp_path)
    (tmp_path / "bad.toml").write_bytes(b'name = "\xe9"\n')
    with pytest.raises(ConfigError, match="UTF-8"):
        settings.load(Outer, tmp_path / "bad.toml")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_configuration_loads_and_is_named_after_its_file(path: Path) -> None:
    assert load_run(path).name == path.stem


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"fractions": {"marvin": 0.1}}, "marvin not among the labels"),
        ({"fractions": {"silence": 0.5, "unknown": 0.5}}, "sum below 1"),
        ({"labels": ["yes", "yes"]}, "two or more different"),
    ],
)
def test_impossible_proportions_are_refused(data: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        settings.parse(RunConfig, {"name": "x", "data": data}, where="t")


@pytest.mark.parametrize(
    "run",
    [
        {"name": "a/b"},
        {"seed": -1},
        {"seed": 2**31},
        {"decision": {"thresholds": [300], "default_operating_point": 0}},
        {"decision": {"default_operating_point": 3}},
        {"decision": {"thresholds": [200] * 9}},
        {"augment": {"time_shift_ms": 1001}},
        {"augment": {"snr_db": [float("nan"), 20.0]}},
        {"augment": {"gain_db": [-6.0, float("inf")]}},
        {"data": {"labels": ["yes", "YES"], "fractions": {}}},
        {"data": {"clip_ms": 0}},
        {"data": {"fractions": {"unknown": -0.5}}},
        {"data": {"validation_silence_fraction": 1.0}},
        {"model": {"blocks": [{"filters": 0}]}},
        {"optimizer": {"batch_clips": 0}},
        {"recipe": {"masking": {"time_mask_frames": -3}}},
        {"recipe": {"polish": {"learning_rate": 0.0}}},
        {"recipe": {"shares": {"keywords": 1.5, "unknown": -0.5}}},
    ],
)
def test_runs_that_would_fail_in_the_end_are_refused_before_they_start(run: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        settings.parse(RunConfig, {"name": "x"} | run, where="t")


@pytest.mark.parametrize("seed", [-1, 2**31, 99999999999999])
def test_a_seed_that_no_generator_takes_is_refused_before_anything_is_made(seed: int) -> None:
    with pytest.raises(ConfigError, match=f"seed: expected 0 to {2**31 - 1}, got {seed}"):
        settings.parse(RunConfig, {"name": "x", "seed": seed}, where="t")
    done = CliRunner().invoke(build_app(), ["wakeword", "hey nova", f"--seed={seed}"])
    assert done.exit_code == 2
    assert "Invalid value for '--seed'" in done.stderr


def test_a_word_may_have_thresholds_of_its_own() -> None:
    written = {"name": "x", "decision": {"thresholds": [180, 215, 240], "words": {"up": [200, 220, 250]}}}
    decision = settings.parse(RunConfig, written, where="t").decision
    points = decision.for_labels(("silence", "up", "on")).operating_points
    assert [point.thresholds for point in points] == [(0, 200, 180), (0, 220, 215), (0, 250, 240)]
    with pytest.raises(ConfigError, match="up not among the labels silence, on"):
        decision.for_labels(("silence", "on"))


@pytest.mark.parametrize("words", [{"up": [200]}, {"silence": [1, 2, 3]}])
def test_thresholds_of_a_word_that_do_not_go_with_the_others_are_refused(words: dict[str, list[int]]) -> None:
    with pytest.raises(ConfigError, match="expected 3 thresholds, one per operating point, of a label that may fire"):
        settings.parse(RunConfig, {"name": "x", "decision": {"words": words}}, where="t")


def test_the_gate_of_a_run_goes_into_its_bundle() -> None:
    run = load_run(CONFIGS[0].with_name("speech_commands_12.toml"))
    gate = settings.parse(GateConfig, {"open_margin_db": 7, "preroll_frames": 5}, where="t")

    def exported(gate: GateConfig | None) -> Bundle:
        return export_bundle(
            Path(__file__).parents[2] / "models" / "speech_commands_12.tflite",
            features=run.features,
            labels=run.data.labels,
            decision=run.decision.for_labels(run.data.labels),
            gate=gate,
            metadata={},
            name=run.name,
        )

    assert exported(gate).section("GATE") == GateConfig(open_margin_db=7.0, preroll_frames=5).section()
    assert "GATE" not in exported(None).kinds


def test_the_shipped_model_is_gated() -> None:
    run = load_run(CONFIGS[0].with_name("speech_commands_12.toml"))
    assert run.gate == GateConfig()


def test_an_impossible_gate_is_refused() -> None:
    with pytest.raises(ConfigError, match="preroll_frames out of range"):
        settings.parse(RunConfig, {"name": "x", "gate": {"preroll_frames": 300}}, where="x.toml")
