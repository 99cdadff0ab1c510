# SPDX-License-Identifier: Apache-2.0
"""Types of settings that say which numbers make sense; whoever reads a setting from a file holds it to them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True)
class Within:
    """A range, both ends included."""

    low: float
    high: float = math.inf

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"at least {self.low:.10g}" if math.isinf(self.high) else f"{self.low:.10g} to {self.high:.10g}"


Positive = Annotated[int, Within(1)]
NotNegative = Annotated[int, Within(0)]
Width = Annotated[float, Within(0.0)]
"""How far something may go, in whatever unit."""
Share = Annotated[float, Within(0.0, 1.0)]
"""Of a whole, or a probability."""
Part = Annotated[float, Within(0.0, 0.99)]
"""A share that leaves something."""
Rate = Annotated[float, Within(1e-9)]
"""A learning rate: one of zero teaches nothing."""
Factor = Annotated[float, Within(0.1, 10.0)]
Decibels = Annotated[float, Within(-200.0, 200.0)]
MAX_SEED = 2**31 - 1
Seed = Annotated[int, Within(0, MAX_SEED)]
