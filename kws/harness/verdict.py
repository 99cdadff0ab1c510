# SPDX-License-Identifier: Apache-2.0
"""Whether a replay passes: one verdict that the exit code, JUnit, pages and pytest all tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kws.harness.baseline import Comparison
from kws.harness.result import ReplayResult


@dataclass(frozen=True, kw_only=True)
class Gate:
    """A condition on a whole replay."""

    name: str
    """Stable over runs, whatever was measured: CI systems keep a history by it."""
    problem: str | None
    """What was expected and what came instead; None when it holds."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A result, and everything that was asked of it."""

    result: ReplayResult
    gates: tuple[Gate, ...]
    comparison: Comparison | None = None
    failures: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Recording -> why it fails; one that is missing now may be among them."""
    known: Mapping[str, str] = field(default_factory=dict)
    """Recording that is heard wrongly and may be -> the reason given for it."""
    mended: tuple[str, ...] = ()
    """Recordings that may be heard wrongly and are heard right."""

    @property
    def failed_gates(self) -> tuple[Gate, ...]:
        """Gates that do not hold."""
        return tuple(gate for gate in self.gates if gate.problem is not None)

    @property
    def passed(self) -> bool:
        """Whether every gate holds; a failure of a recording breaks one."""
        return not self.failed_gates
