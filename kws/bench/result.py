# SPDX-License-Identifier: Apache-2.0
"""The figures of one measurement, as data and as JSON, and their comparison with earlier ones."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws.errors import ConfigError

FORMAT = "kws-bench-1"
TOLERANCE = 0.02
"""Relative growth of a figure that counts as a regression."""


@dataclass(frozen=True, kw_only=True)
class StageCost:
    """One stage of the pipeline."""

    stage: str
    calls_per_second: float
    """Calls for each second of audio."""
    cycles_per_call: int
    cycles_per_second: int


@dataclass(frozen=True, kw_only=True)
class LayerCost:
    """One layer of the network, for one decision."""

    layer: str
    macs: int
    cycles: int

    @property
    def cycles_per_mac(self) -> float | None:
        """None for layers without weights."""
        return self.cycles / self.macs if self.macs else None


@dataclass(frozen=True, kw_only=True)
class GateCost:
    """What is left to do while the gate is closed, and what its opening takes."""

    closed_cycles_per_second: int
    """The whole pipeline."""
    waking_cycles: int
    """The longest step of the pipeline there is: the one that hears the pre-roll too."""


@dataclass(frozen=True, kw_only=True)
class MemoryCost:
    """Memory of the whole application, serial buffers included."""

    static_bytes: int
    """RAM of data and buffers."""
    arena_bytes: int
    """RAM the pipeline takes for this bundle."""
    stack_bytes: int
    """Peak, found by painting."""
    firmware_bytes: int
    """Flash of the program and its constants; 0 = unknown."""
    bundle_bytes: int

    @property
    def ram_bytes(self) -> int:
        """All RAM."""
        return self.static_bytes + self.arena_bytes + self.stack_bytes

    @property
    def flash_bytes(self) -> int:
        """All flash."""
        return self.firmware_bytes + self.bundle_bytes


@dataclass(frozen=True, kw_only=True)
class BenchResult:
    """What one bundle costs on one board."""

    board: str
    bundle: str
    """Name, not path: results are compared between machines."""
    bundle_crc32: str
    clock_hz: int
    source: str
    """Where the cycles come from."""
    decisions_per_second: float
    stages: tuple[StageCost, ...]
    layers: tuple[LayerCost, ...]
    """Empty when the board cannot tell layers apart."""
    memory: MemoryCost
    gate: GateCost | None
    """None without a gate, or where it was not measured."""

    @property
    def cycles_per_second(self) -> int:
        """The whole pipeline, awake, per second of audio."""
        return sum(stage.cycles_per_second for stage in self.stages)

    def stage(self, name: str) -> StageCost:
        """Return a stage by its name."""
        return next(stage for stage in self.stages if stage.stage == name)

    @property
    def inference_cycles(self) -> int:
        """Cycles of the network from one decision to the next."""
        return round(self.stage("model").cycles_per_second / self.decisions_per_second)

    @property
    def inference_macs(self) -> int:
        """Multiplications from one decision to the next."""
        return sum(layer.macs for layer in self.layers)

    def figures(self) -> Iterator[tuple[str, int]]:
        """Return every figure that must not grow, with its name."""
        yield "inference_cycles", self.inference_cycles
        yield "cycles_per_second", self.cycles_per_second
        if self.gate is not None:
            yield "gate_closed_cycles_per_second", self.gate.closed_cycles_per_second
            yield "waking_cycles", self.gate.waking_cycles
        yield "ram_bytes", self.memory.ram_bytes
        yield "flash_bytes", self.memory.flash_bytes
        for stage in self.stages:
            yield f"stage {stage.stage}", stage.cycles_per_second
        for layer in self.layers:
            yield f"layer {layer.layer}", layer.cycles

    def as_json(self) -> str:
        """Return the result as JSON text: the figures that are compared, and everything behind them."""
        details = {name: value for name, value in dataclasses.asdict(self).items()}
        return json.dumps({"format": FORMAT, "figures": dict(self.figures()), **details}, indent=1) + "\n"


@dataclass(frozen=True, kw_only=True)
class Change:
    """A figure that is not what it was."""

    figure: str
    before: int
    now: int

    @property
    def ratio(self) -> float:
        """Relative change; positive is worse."""
        if self.now == self.before:
            return 0.0
        return self.now / self.before - 1.0 if self.before else float("inf")

    @property
    def is_regression(self) -> bool:
        """Whether it grew by more than is tolerated."""
        return self.ratio > TOLERANCE


def read_figures(path: Path) -> dict[str, int]:
    """Return the figures of a committed result.

    Raises
    ------
    ConfigError
        If the file cannot be read, or is none of ours.
    """
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read as JSON ({error}); `kws bench --update` writes it anew") from error
    if data.get("format") != FORMAT:
        raise ConfigError(f"{path}: format {data.get('format')!r}, expected {FORMAT!r}; `kws bench --update` renews it")
    return {str(name): int(value) for name, value in data["figures"].items()}


def compare(result: BenchResult, before: dict[str, int]) -> list[Change]:
    """Return the figures that moved by more than the tolerance, those that are new or gone left out."""
    changes = [Change(figure=name, before=before[name], now=now) for name, now in result.figures() if name in before]
    return [change for change in changes if abs(change.ratio) > TOLERANCE]
