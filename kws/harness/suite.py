# SPDX-License-Identifier: Apache-2.0
"""Regression suites: a TOML file that says what to replay and what must hold.

Example
-------
::

    bundle = "speech_commands_12.kws"       # paths are relative to this file
    board = "native"
    recordings = ["clips", "kitchen.wav"]
    truth = "truth.csv"                     # optional: folder names are labels without it
    other_words = true                      # optional: the truth holds words that are no labels; nothing may fire there
    baseline = "baseline.json"              # optional: nothing may get worse

    [expect]
    min_accuracy = 0.95
    max_false_reject_rate = 0.05
    max_false_accepts_per_hour = 1.0
    max_median_latency_ms = 200
    equal_to_host = true                    # every score and event, bit for bit
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from kws.errors import ConfigError
from kws.files import StrPath
from kws.harness.baseline import Comparison
from kws.harness.listener import HOST
from kws.harness.result import ReplayResult
from kws.harness.run import ReplayRequest
from kws.harness.verdict import Gate


@dataclass(frozen=True, kw_only=True)
class Expectations:
    """Limits that a replay must keep; None: no limit. Dropped samples are always a failure."""

    min_accuracy: float | None = None
    max_false_reject_rate: float | None = None
    max_false_accepts_per_hour: float | None = None
    max_median_latency_ms: float | None = None
    equal_to_host: bool = False

    def gates(self, result: ReplayResult) -> list[Gate]:
        """Judge each limit that was set; one on a figure that nothing replayed could measure does not hold."""
        figures = {
            "min_accuracy": result.accuracy.value if result.accuracy else None,
            "max_false_reject_rate": result.false_rejects.value if result.false_rejects else None,
            "max_false_accepts_per_hour": result.false_accepts.per_hour if result.false_accepts else None,
            "max_median_latency_ms": result.spotting.median_latency_ms,
        }
        gates = []
        for name, value in figures.items():
            limit = getattr(self, name)
            if limit is None:
                continue
            problem = None
            if value is None:
                problem = f"expected {limit} and nothing replayed could measure it"
            elif value < limit if name.startswith("min") else value > limit:
                problem = f"expected {limit} and got {value:.4g}"
            gates.append(Gate(name=name, problem=problem))
        dropped = result.dropped_samples
        gates.append(Gate(name="dropped_samples", problem=f"expected 0 and got {dropped}" if dropped else None))
        if self.equal_to_host:
            equal = result.equality is not None and result.equality.count == result.equality.total
            problem = None if equal else f"expected every recording and got {result.equality}"
            gates.append(Gate(name="equal_to_host", problem=problem))
        return gates


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A replay and what must hold of it."""

    request: ReplayRequest
    expect: Expectations
    baseline: Path | None = None

    def on_board(self, board: str) -> Suite:
        """Return the same suite for another board."""
        return replace(self, request=replace(self.request, board=board))

    def gates(self, result: ReplayResult, comparison: Comparison | None) -> list[Gate]:
        """Judge the limits, and the comparison with the baseline if there is one."""
        gates = self.expect.gates(result)
        if comparison is not None:
            gates.append(Gate(name="baseline", problem=comparison.headline if comparison.worse else None))
        return gates


def read_suite(path: StrPath) -> Suite:
    """Read a suite.

    Raises
    ------
    ConfigError
        If the file cannot be read, or has an unknown key, a missing one, or a value of the wrong type.
    """
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read as a suite ({error}); see kws/harness/README.md") from error
    expect = _checked(path, "[expect]", content.pop("expect", {}), _EXPECT_TYPES)
    values = _checked(path, "suite", content, _SUITE_TYPES)
    for key in ("bundle", "recordings"):
        if key not in values:
            raise ConfigError(f"{path}: expected the key {key!r} and it is missing; see kws/harness/README.md")
    expectations = Expectations(**expect)
    folder = path.parent
    request = ReplayRequest(
        paths=tuple(folder / recording for recording in values["recordings"]),
        bundle=folder / values["bundle"],
        board=values.get("board", HOST),
        operating_point=values.get("operating_point"),
        truth=folder / values["truth"] if "truth" in values else None,
        truth_label=values.get("truth_label"),
        other_words=values.get("other_words", False),
        verify=expectations.equal_to_host,
    )
    baseline = folder / values["baseline"] if "baseline" in values else None
    return Suite(request=request, expect=expectations, baseline=baseline)


_SUITE_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "bundle": str, "board": str, "recordings": list, "operating_point": int, "truth": str, "truth_label": str,
    "baseline": str, "other_words": bool,
}  # fmt: skip
_EXPECT_TYPES: Mapping[str, type | tuple[type, ...]] = {
    field.name: bool if field.name == "equal_to_host" else (int, float) for field in fields(Expectations)
}


def _checked(
    path: Path, where: str, values: Mapping[str, Any], types: Mapping[str, type | tuple[type, ...]]
) -> dict[str, Any]:
    for key, value in values.items():
        if key not in types:
            raise ConfigError(f"{path} {where}: unknown key {key!r}, expected one of {', '.join(types)}")
        if not isinstance(value, types[key]):
            raise ConfigError(f"{path} {where}: {key} has the wrong type {type(value).__name__}: {value!r}")
    return dict(values)
