"""Exact confidence intervals for counts and proportions, without scipy.

Both invert the cumulative distribution by bisection, which is the definition itself: no approximation to
doubt at the small counts where a spotter is judged (0 false accepts in 3 h says "at most 1.2 per hour").

References
----------
F. Garwood, "Fiducial limits for the Poisson distribution", Biometrika 28 (1936).
C. Clopper, E. Pearson, "The use of confidence or fiducial limits", Biometrika 26 (1934).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
_BISECTIONS = 100


def poisson_interval(count: int, *, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Two-sided interval (Garwood) of the mean of a Poisson count.

    Raises
    ------
    ValueError
        If the count is negative or the confidence is not inside (0, 1).
    """
    _check_confidence(confidence)
    if count < 0:
        raise ValueError(f"count: expected >= 0 and got {count}")
    tail = (1.0 - confidence) / 2.0
    log_factorials = _log_factorials(count)
    ceiling = count + 20.0 * np.sqrt(count + 1.0) + 40.0

    def at_most(limit: int, mean: float) -> float:
        if mean == 0.0:
            return 1.0
        i = np.arange(limit + 1)
        return _sum_of_exponentials(i * np.log(mean) - mean - log_factorials[: limit + 1])

    low = 0.0 if count == 0 else _solve(lambda mean: 1.0 - at_most(count - 1, mean) - tail, 0.0, ceiling)
    high = _solve(lambda mean: tail - at_most(count, mean), 0.0, ceiling)
    return low, high


def binomial_interval(count: int, total: int, *, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Two-sided interval (Clopper-Pearson) of the proportion behind ``count`` successes in ``total`` trials.

    Raises
    ------
    ValueError
        If not ``0 <= count <= total``, ``total`` is 0, or the confidence is not inside (0, 1).
    """
    _check_confidence(confidence)
    if total < 1 or not 0 <= count <= total:
        raise ValueError(f"expected 0 <= count <= total and total >= 1, got {count} of {total}")
    tail = (1.0 - confidence) / 2.0
    log_factorials = _log_factorials(total)
    i = np.arange(total + 1)
    log_choices = log_factorials[total] - log_factorials[i] - log_factorials[total - i]

    def at_most(limit: int, share: float) -> float:
        if share <= 0.0 or share >= 1.0:
            return 1.0 if share <= 0.0 else float(limit >= total)
        return _sum_of_exponentials((log_choices + i * np.log(share) + (total - i) * np.log1p(-share))[: limit + 1])

    low = 0.0 if count == 0 else _solve(lambda share: 1.0 - at_most(count - 1, share) - tail, 0.0, 1.0)
    high = 1.0 if count == total else _solve(lambda share: tail - at_most(count, share), 0.0, 1.0)
    return low, high


def _check_confidence(confidence: float) -> None:
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence: expected a value inside (0, 1) and got {confidence}")


def _log_factorials(largest: int) -> NDArray[np.float64]:
    """ln(0!), ln(1!), ... ln(largest!)."""
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, largest + 1, dtype=np.float64)))])


def _sum_of_exponentials(exponents: NDArray[np.float64]) -> float:
    largest = float(exponents.max())
    return float(np.exp(largest) * np.exp(exponents - largest).sum())


def _solve(rising: Callable[[float], float], low: float, high: float) -> float:
    """Zero of a rising function between low and high."""
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2.0
        if rising(middle) < 0.0:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0
