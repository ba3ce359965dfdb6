"""How fast many series rise, whether by chance, and how well a line tells it; as SciPy has it for one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from models.slope import middle, slopes

AT_S = np.arange(20) * 60.0
NAN = float("nan")


def test_the_slope_and_its_interval_are_theil_and_sens():
    values = np.random.default_rng(3).normal(0, 5, (6, 20)) + np.arange(6)[:, None] * AT_S / 300
    found = slopes(AT_S, values)
    for row in range(6):
        assert found.per_s[row] == pytest.approx(stats.theilslopes(values[row], AT_S).slope)
        theirs = stats.theilslopes(values[row], AT_S, alpha=0.95)
        assert (found.low[row], found.high[row]) == pytest.approx((theirs.low_slope, theirs.high_slope), abs=0.003)


def test_chance_is_told_as_kendall_tells_it():
    values = np.random.default_rng(4).normal(0, 5, (8, 20)) + np.arange(8)[:, None] * AT_S / 400
    p = 2 * stats.norm.sf(np.abs(slopes(AT_S, values).z))
    theirs = [stats.kendalltau(AT_S, row, method="asymptotic").pvalue for row in values]
    assert p == pytest.approx(theirs, abs=0.03)  # theirs without the correction for continuity


@pytest.mark.parametrize(
    ("values", "per_s", "fit"),
    [
        pytest.param([1, 2, 3, 4, 5, 6], 1 / 60, 1, id="a line"),
        pytest.param([6, 5, 4, 3, 2, 1], -1 / 60, 1, id="down"),
        pytest.param([1, NAN, 3, NAN, NAN, 6], 1 / 60, 1, id="gaps"),
        pytest.param([1, 2, 3, 400, 5, 6], 1 / 60, 1, id="one wild point"),
        pytest.param([5, 5, 5, 5, 5, 5], 0, 0, id="flat: a line tells no more than the median"),
        pytest.param([NAN, 7, NAN, NAN, NAN, NAN], NAN, 0, id="one point has no slope"),
        pytest.param([NAN] * 6, NAN, 0, id="nothing"),
    ],
)
def test_a_line_is_told_from_whatever_is_known_of_it(values, per_s, fit):
    found = slopes(AT_S[:6], np.array([values]))
    assert found.per_s[0] == pytest.approx(per_s, nan_ok=True)
    assert found.fit[0] == pytest.approx(fit, abs=1e-9)


def test_of_no_series_there_is_no_slope():
    assert slopes(AT_S, np.empty((0, 20))).per_s.shape == (0,)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(NAN)), min_size=1, max_size=12))
def test_the_middle_is_the_median_of_what_is_known(values):
    row = np.array([values])
    known = row[~np.isnan(row)]
    expected = np.median(known) if known.size else NAN
    assert middle(row)[0] == pytest.approx(expected, nan_ok=True, rel=1e-9, abs=1e-9)
