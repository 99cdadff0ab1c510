# SPDX-License-Identifier: Apache-2.0
"""The TOML file of a sweep: a run, what every trial changes in it, and what is tried."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from kws.errors import ConfigError
from kws.training.clips.config import RunConfig, load_run
from kws.training.fit import settings

Scalar = bool | int | float | str


class Suggests(Protocol):
    """What draws the settings of a trial: `optuna.Trial`, or a test."""

    def suggest_categorical(self, name: str, choices: list[Scalar]) -> Any:
        """One of the choices."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """A number between both."""


@dataclass(frozen=True, kw_only=True)
class Range:
    """Where a number may lie."""

    low: float
    high: float
    log: bool = False
    """Drawn evenly on a logarithmic scale."""

    def __post_init__(self) -> None:
        """Refuse what holds no number."""
        if not self.low < self.high or (self.log and self.low <= 0.0):
            raise ValueError(f"expected low < high, and 0 < low with log, got {self.low:g} and {self.high:g}")


@dataclass(frozen=True, kw_only=True)
class SweepConfig:
    """What is tried."""

    name: str
    base: RunConfig
    fixed: Mapping[str, Any]
    """Setting -> value, the same in every trial. A setting is a path such as ``model.blocks.0.filters``."""
    choices: Mapping[str, list[Scalar]]
    ranges: Mapping[str, Range]

    def draw(self, trial: Suggests) -> dict[str, Scalar]:
        """Let a trial choose its settings, in the order of the file."""
        drawn: dict[str, Scalar] = {name: trial.suggest_categorical(name, some) for name, some in self.choices.items()}
        for name, limits in self.ranges.items():
            drawn[name] = trial.suggest_float(name, limits.low, limits.high, log=limits.log)
        return drawn

    def run(self, drawn: Mapping[str, Scalar]) -> RunConfig:
        """Return the run of a trial.

        Raises
        ------
        ConfigError
            If a setting does not exist, or its value is impossible.
        """
        values = settings.to_dict(self.base)
        for name, value in {**self.fixed, **drawn}.items():
            _put(values, name, value)
        return settings.parse(RunConfig, values, where=f"sweep {self.name}")


def load_sweep(path: Path) -> SweepConfig:
    """Read a sweep, and try its first and last choices.

    Raises
    ------
    ConfigError
        If the file is missing, broken, or names settings that do not exist.
    """
    values = settings.read_toml(path, "training/sweep/speech_commands_12.toml")
    if unknown := set(values) - {"base", "fixed", "choices", "ranges"}:
        raise ConfigError(f"{path}: unknown setting {min(unknown)!r}; known: base, fixed, choices, ranges")
    if not isinstance(values.get("base"), str):
        raise ConfigError(f"{path}: base is missing; name the TOML file of a run, as in training/configs/")
    sweep = SweepConfig(
        name=path.stem,
        base=load_run(path.parent / values["base"]),
        fixed=values.get("fixed", {}),
        choices={name: _choices(path, name, some) for name, some in values.get("choices", {}).items()},
        ranges={
            name: settings.parse(Range, limits, where=f"{path}: ranges: {name}")
            for name, limits in values.get("ranges", {}).items()
        },
    )
    if not sweep.choices and not sweep.ranges:
        raise ConfigError(f"{path}: nothing to try; add [choices] or [ranges]")
    for end, limit in ((0, "low"), (-1, "high")):
        ends: dict[str, Scalar] = {name: some[end] for name, some in sweep.choices.items()}
        sweep.run(ends | {name: getattr(limits, limit) for name, limits in sweep.ranges.items()})
    return sweep


def _choices(path: Path, name: str, some: Any) -> list[Scalar]:
    if not isinstance(some, list) or not some or not all(isinstance(value, Scalar) for value in some):
        raise ConfigError(f"{path}: choices: {name}: expected a list of numbers or texts, got {some!r}")
    return some


def _put(values: dict[str, Any], name: str, value: Any) -> None:
    """Set ``a.0.b`` in nested tables and lists."""
    *path, last = name.split(".")
    try:
        place: Any = values
        for step in path:
            place = place[int(step) if isinstance(place, list) else step]
        key: Any = int(last) if isinstance(place, list) else last
        place[key]  # a setting that is not there is a mistake
        place[key] = copy.deepcopy(value)
    except (KeyError, IndexError, TypeError, ValueError):
        raise ConfigError(
            f"sweep: {name}: no such setting in the run; write it as model.blocks.0.filters, and give tables that the "
            "run does not have in its own file"
        ) from None
