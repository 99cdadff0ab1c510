# SPDX-License-Identifier: Apache-2.0
"""Exact confidence intervals for counts and proportions, without scipy.

Both invert the cumulative distribution, which is the definition itself: no approximation to doubt at the small counts
where a spotter is judged (0 false accepts in 3 h says "at most 1.2 per hour"). The sums run over the terms that matter
and Newton's steps, kept inside a bracket, need a handful of them: a million trials take milliseconds.

References
----------
F. Garwood, "Fiducial limits for the Poisson distribution", Biometrika 28 (1936).
C. Clopper, E. Pearson, "The use of confidence or fiducial limits", Biometrika 26 (1934).
C. Loader, "Fast and accurate computation of binomial probabilities" (2000): terms without large logarithms that cancel.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
_MOST_STEPS = 60
"""Halving alone would need them all; Newton's steps need about 6."""
_PRECISION = 1e-13
_DEVIATIONS = 12.0
_FEW_TERMS = 60
"""Terms further from the mean than 12 standard deviations and 60 add nothing to a double."""

_Cumulative = Callable[[float], tuple[float, float]]
"""P(X <= limit) for a value of the parameter, and how fast it falls with the parameter."""


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
    ceiling = count + 20.0 * math.sqrt(count + 1.0) + 40.0
    low = 0.0
    if count:
        low = _solve(lambda mean: _poisson(count - 1, mean), 1.0 - tail, _start_mean(count, -1.0, tail), 0.0, ceiling)
    high = _solve(lambda mean: _poisson(count, mean), tail, _start_mean(count + 1, 1.0, tail), 0.0, ceiling)
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
    low, high = 0.0, 1.0
    if count:
        start = _start_mean(count, -1.0, tail) / total
        low = _solve(lambda share: _binomial(count - 1, total, share), 1.0 - tail, start, 0.0, 1.0)
    if count < total:
        start = 1.0 - _start_mean(total - count, -1.0, tail) / total
        high = _solve(lambda share: _binomial(count, total, share), tail, start, 0.0, 1.0)
    return low, high


def _check_confidence(confidence: float) -> None:
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence: expected a value inside (0, 1) and got {confidence}")


def _start_mean(count: int, side: float, tail: float) -> float:
    """Near the limit of a Poisson mean (Wilson and Hilferty): where to start from."""
    z = side * NormalDist().inv_cdf(1.0 - tail)
    return float(count * max(0.01, 1.0 - 1.0 / (9.0 * count) + z / (3.0 * math.sqrt(count))) ** 3)


def _poisson(limit: int, mean: float) -> tuple[float, float]:
    """P(X <= limit) of a Poisson count, and its fall with the mean."""
    deviation = math.sqrt(mean)
    if limit > mean + _DEVIATIONS * deviation + _FEW_TERMS:
        return 1.0, 0.0
    last = _poisson_term(limit, mean)
    return last * _one_and(np.log(_terms_below(limit, deviation) / mean)), last


def _binomial(limit: int, total: int, share: float) -> tuple[float, float]:
    """P(X <= limit) of a binomial count, and its fall with the share."""
    mean, deviation = total * share, math.sqrt(total * share * (1.0 - share))
    if limit > mean + _DEVIATIONS * deviation + _FEW_TERMS:
        return 1.0, 0.0
    last = _binomial_term(limit, total, share)
    i = _terms_below(limit, deviation)
    ratios = np.log(i / (total - i + 1.0)) + (math.log1p(-share) - math.log(share))
    return last * _one_and(ratios), last * (total - limit) / (1.0 - share)


def _poisson_term(count: int, mean: float) -> float:
    """P(X = count), to the last digits for any count (Loader)."""
    if count == 0:
        return math.exp(-mean)
    exponent = -_stirling_error(count) - _deviance(count, mean)
    return math.exp(exponent) / math.sqrt(2.0 * math.pi * count)


def _binomial_term(count: int, total: int, share: float) -> float:
    """P(X = count), as `_poisson_term`."""
    if count == 0:
        return math.exp(total * math.log1p(-share))
    if count == total:
        return math.exp(total * math.log(share))
    rest = total - count
    exponent = _stirling_error(total) - _stirling_error(count) - _stirling_error(rest)
    exponent -= _deviance(count, total * share) + _deviance(rest, total * (1.0 - share))
    return math.exp(exponent) * math.sqrt(total / (2.0 * math.pi * count * rest))


def _stirling_error(n: int) -> float:
    """How much ln(n!) exceeds Stirling's formula."""
    if n < 16:
        return math.lgamma(n + 1.0) - (n + 0.5) * math.log(n) + n - 0.5 * math.log(2.0 * math.pi)
    square = float(n) * n
    return (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - 1 / 1188 / square) / square) / square) / square) / n


def _deviance(count: float, mean: float) -> float:
    """count ln(count / mean) + mean - count, also where the two are close."""
    ratio = (count - mean) / (count + mean)
    if abs(ratio) >= 0.1:
        return count * math.log(count / mean) + mean - count
    total, power, k = (count - mean) * ratio, 2.0 * count * ratio, 1
    while True:
        power *= ratio * ratio
        k += 2
        following = total + power / k
        if following == total:
            return total
        total = following


def _terms_below(limit: int, deviation: float) -> NDArray[np.float64]:
    """limit, limit - 1, ... down to 1, or as far as terms matter."""
    count = min(limit, 2 * math.ceil(_DEVIATIONS * deviation + _FEW_TERMS))
    return np.arange(limit, limit - count, -1, dtype=np.float64)


def _one_and(log_ratios: NDArray[np.float64]) -> float:
    """1 + r1 + r1 r2 + ..., of the ratios of each term to the one above it."""
    return 1.0 + float(np.exp(np.cumsum(log_ratios)).sum())


def _solve(cumulative: _Cumulative, wanted: float, start: float, low: float, high: float) -> float:
    """Where a falling cumulative probability is ``wanted``, between low and high: Newton, halving where it leaves."""
    at = start if low < start < high else (low + high) / 2.0
    for _ in range(_MOST_STEPS):
        value, fall = cumulative(at)
        low, high = (at, high) if value > wanted else (low, at)
        step = at + (value - wanted) / fall if fall > 0.0 else low
        following = step if low < step < high else (low + high) / 2.0
        if abs(following - at) <= _PRECISION * abs(at):
            return following
        at = following
    return at
