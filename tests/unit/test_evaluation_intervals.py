# SPDX-License-Identifier: Apache-2.0
"""Intervals against published tables and against scipy."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from kws.evaluation.intervals import binomial_interval, poisson_interval

# 95 % limits of a Poisson mean as printed in tables of the exact method (Garwood 1936; Ulm 1990).
GARWOOD = {
    0: (0.0, 3.689),
    1: (0.0253, 5.572),
    2: (0.242, 7.225),
    3: (0.619, 8.767),
    5: (1.623, 11.668),
    10: (4.795, 18.390),
    20: (12.217, 30.888),
    50: (37.111, 65.919),
}


@pytest.mark.parametrize("count", GARWOOD)
def test_poisson_limits_equal_the_published_table(count: int) -> None:
    assert poisson_interval(count) == pytest.approx(GARWOOD[count], abs=6e-4)


@pytest.mark.parametrize("count", [0, 1, 7, 123, 4321])
def test_poisson_limits_equal_chi_square_quantiles(count: int) -> None:
    low = stats.chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
    high = stats.chi2.ppf(0.975, 2 * count + 2) / 2
    assert poisson_interval(count) == pytest.approx((low, high), rel=1e-9)


@pytest.mark.parametrize(("count", "total"), [(0, 10), (10, 10), (1, 3), (37, 400), (901, 1000), (8800, 10000)])
def test_binomial_limits_equal_scipy(count: int, total: int) -> None:
    expected = stats.binomtest(count, total).proportion_ci(method="exact")
    assert binomial_interval(count, total) == pytest.approx((expected.low, expected.high), rel=1e-9)


def test_no_success_in_ten_trials_allows_31_percent() -> None:
    # (1 - p)^10 = 0.025 has the root p = 0.3085, by hand.
    assert binomial_interval(0, 10) == pytest.approx((0.0, 1 - 0.025 ** (1 / 10)), rel=1e-9)


@pytest.mark.parametrize(("count", "total"), [(1, 0), (-1, 3), (4, 3)])
def test_impossible_counts_are_refused(count: int, total: int) -> None:
    with pytest.raises(ValueError, match="0 <= count <= total"):
        binomial_interval(count, total)


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(ValueError, match="count"):
        poisson_interval(-1)


def test_a_certain_interval_is_refused() -> None:
    with pytest.raises(ValueError, match="confidence"):
        poisson_interval(1, confidence=1.0)


COUNTS = [(0, 1), (1, 1), (1, 2), (3, 100_000), (99_997, 100_000), (500_000, 1_000_000), (999_999, 1_000_000)]
COUNTS += [(17, 10**7), (9_999_000, 10**7)]


@pytest.mark.parametrize(("count", "total"), COUNTS)
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
def test_binomial_limits_equal_beta_quantiles_at_any_size(count: int, total: int, confidence: float) -> None:
    tail = (1 - confidence) / 2
    low = stats.beta.ppf(tail, count, total - count + 1) if count else 0.0
    high = stats.beta.ppf(1 - tail, count + 1, total - count) if count < total else 1.0
    assert binomial_interval(count, total, confidence=confidence) == pytest.approx((low, high), rel=1e-8)


@pytest.mark.parametrize("count", [10_000, 123_456, 1_000_000])
def test_poisson_limits_equal_chi_square_quantiles_at_any_size(count: int) -> None:
    expected = stats.chi2.ppf(0.025, 2 * count) / 2, stats.chi2.ppf(0.975, 2 * count + 2) / 2
    assert poisson_interval(count) == pytest.approx(expected, rel=1e-8)


@given(st.integers(1, 3000).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_limits_enclose_the_share_and_mirror_each_other(pair: tuple[int, int]) -> None:
    count, total = pair
    low, high = binomial_interval(count, total)
    assert low <= count / total <= high
    assert binomial_interval(total - count, total) == pytest.approx((1 - high, 1 - low), abs=1e-9)


def test_a_million_trials_take_milliseconds() -> None:
    started_s = time.process_time()
    for count in (0, 1, 500, 400_000, 999_999):
        binomial_interval(count, 1_000_000)
        poisson_interval(count)
    assert time.process_time() - started_s < 0.5  # 10 intervals: 50 ms each would be slow, with room for a busy machine
