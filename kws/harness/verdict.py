# SPDX-License-Identifier: Apache-2.0
"""What is asked of a whole replay, and whether it holds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Gate:
    """A condition on a whole replay."""

    name: str
    """Stable over runs, whatever was measured: CI systems keep a history by it."""
    problem: str | None
    """What was expected and what came instead; None when it holds."""
