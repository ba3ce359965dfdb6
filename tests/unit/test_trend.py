"""Trend labels: the same test as SciPy's, for many series at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from models.anomaly import Trend
from models.trend import AT_ONCE, SLOPE_P, STEADY, least_score, trends_of


def by_scipy(values: list[float]) -> Trend:
    """One series, as the definition says."""
    series = np.array(values)
    series = series[np.isfinite(series)]
    if len(series) < 4 or np.ptp(series) == 0:
        return Trend.STABLE
    steps = np.arange(len(series))
    change = float(stats.theilslopes(series, steps).slope) * (len(series) - 1)
    p = float(stats.kendalltau(steps, series).pvalue)
    if p > SLOPE_P or abs(change) < STEADY * max(float(np.mean(np.abs(series))), 1e-9):
        return Trend.STABLE
    return Trend.WORSENING if change > 0 else Trend.IMPROVING


VALUES = st.one_of(st.integers(-4, 9).map(float), st.floats(-100, 100, width=32), st.just(float("nan")))


@settings(max_examples=300)
@given(st.lists(st.lists(VALUES, min_size=15, max_size=15), min_size=1, max_size=4))
def test_each_label_is_the_one_that_scipy_would_give(rows):
    values = np.array(rows)
    assert trends_of(values, np.ones(len(rows), dtype=bool)) == [by_scipy(row) for row in rows]


@given(st.integers(0, 10), st.data())
def test_short_series_as_well(width, data):
    row = data.draw(st.lists(VALUES, min_size=width, max_size=width))
    assert trends_of(np.array([row]).reshape(1, width), np.array([True])) == [by_scipy(row)]


def test_growth_is_bad_only_where_more_is_worse():
    values = np.tile(np.arange(9.0), (2, 1))
    assert trends_of(values, np.array([True, False])) == [Trend.WORSENING, Trend.IMPROVING]


def test_many_series_keep_their_order():
    values = np.vstack([np.arange(9.0), np.arange(9.0)[::-1]] * AT_ONCE)
    expected = [Trend.WORSENING, Trend.IMPROVING] * AT_ONCE
    assert trends_of(values, np.ones(len(values), dtype=bool)) == expected
    assert trends_of(np.empty((0, 9)), np.empty(0, dtype=bool)) == []


@pytest.mark.parametrize("n", range(2, 16))
def test_the_least_score_is_where_scipy_begins_to_believe(n):
    pairs = n * (n - 1) // 2
    least = least_score(n)
    order = list(range(n))
    believed = []
    for _ in range(pairs + 1):  # bubble sort backwards: one pair more falls with each step
        falls = sum(order[i] > order[j] for i in range(n) for j in range(i + 1, n))
        if stats.kendalltau(range(n), order, method="exact").pvalue <= SLOPE_P:
            believed.append(abs(pairs - 2 * falls))
        swap = next((i for i in range(n - 1) if order[i] < order[i + 1]), None)
        if swap is None:
            break
        order[swap], order[swap + 1] = order[swap + 1], order[swap]
    assert min(believed, default=n * n) == least
