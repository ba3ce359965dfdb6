"""Shifts that last and are too small for any single cycle."""

from __future__ import annotations

import numpy as np
import pytest

from models.detectors import level, seasonal
from models.panel import Held
from tests.panels import EVERY_S, NAN, a_panel, a_usual, of_calls

RNG = np.random.default_rng(4)


def noisy(*levels: float, spread: float = 40.0) -> np.ndarray:
    return np.array(levels, dtype=float) + RNG.normal(0, spread, len(levels))


def of(**changes: float):
    return a_usual(**{"middle": 350.0, "spread": 40.0, "low": 240.0, "high": 470.0, **changes})


SHIFT = [350.0] * 150 + [540.0] * 8


def test_a_shift_that_no_single_cycle_shows_is_found_once_it_lasts():
    panel = a_panel(np.array(SHIFT), usual=of())
    assert level.judge(panel).speaks[0]
    assert not seasonal.judge(panel).speaks[0]
    assert level.judge(panel).since_s[0] == panel.ends_s[150] - EVERY_S


@pytest.mark.parametrize(
    ("values", "usual", "speaks"),
    [
        pytest.param([350.0] * 158, of(), False, id="as usual"),
        pytest.param([350.0] * 157 + [1250.0], of(), False, id="a spike"),
        pytest.param([350.0] * 155 + [560.0] * 3, of(), False, id="three of six are not yet a shift"),
        pytest.param([350.0] * 150 + [150.0] * 8, of(), False, id="faster"),
        pytest.param(SHIFT, of(middle=540.0), False, id="a Monday's peak, which is usual at this hour"),
        pytest.param([560.0] * 180, of(), True, id="a shift longer than the panel, beside the usual"),
        pytest.param([350.0] * 150 + [500.0] * 8, of(spread=37.6), False, id="four deviations short of a hair"),
        pytest.param([350.0] * 150 + [526.0] * 8, of(spread=50.0, level=100.0), True, id="a record of steps is broken"),
        pytest.param([350.0] * 150 + [526.0] * 8, of(spread=50.0, level=170.0), False, id="... by too little"),
        pytest.param([350.0] * 150 + [526.0] * 8, of(spread=90.0, level=100.0), False, id="... near the usual"),
        pytest.param([NAN] * 150 + [560.0] * 8, of(), True, id="nothing before"),
        pytest.param(SHIFT[:-5] + [NAN] * 5, of(), False, id="too few of six"),
        pytest.param(SHIFT, a_usual(), False, id="nothing is known"),
        pytest.param([], of(), False, id="nothing was read"),
    ],
)
def test_it_speaks_of_what_lasts_and_is_not_usual(values, usual, speaks):
    assert level.judge(a_panel(values, usual=usual)).speaks[0] == speaks


def test_a_small_shift_of_a_steady_series_is_held():
    found = level.judge(a_panel([3.0] * 150 + [9.0] * 8, usual=of(middle=3.0, spread=0.2, low=2, high=4)))
    assert found.held[0] == Held.NOT_FELT
    assert found.score[0] > 1


def test_a_shift_that_six_cycles_have_shown_before_is_none():
    """Within two and a half times as far as the greatest median of six of such hours, nothing has moved."""
    often = a_panel(np.array(SHIFT), usual=of(top=440.0))
    seldom = a_panel(np.array(SHIFT), usual=of(top=425.0))
    assert not level.judge(often).speaks[0]
    assert level.judge(seldom).speaks[0]


@pytest.mark.parametrize(("shown", "speaks"), [(17.0, False), (14.0, True)])
def test_a_count_of_which_six_cycles_tell_again_needs_as_much_as_a_single_cycle(shown, speaks):
    """Where 40 are usual 17 are 4.4 deviations away, and 14 are 5.1."""
    usual = a_usual(middle=40.0, spread=1.0, low=30.0, high=50.0, bottom=38.0, top=42.0)
    assert level.judge(a_panel([40.0] * 150 + [shown] * 8, usual=usual, metric="records")).speaks[0] == speaks


@pytest.mark.parametrize(
    ("lately", "speaks"),
    [
        pytest.param([(18, 1)] * 4 + [(18, 0)] * 2, False, id="four of a hundred"),
        pytest.param([(18, 1)] * 6, True, id="six of a hundred"),
        pytest.param([(3, 1)] * 4 + [(3, 0)] * 2, True, id="four of eighteen"),
        pytest.param([(3, 1)] * 2 + [(3, 0)] * 4, False, id="two of eighteen"),
    ],
)
def test_of_many_calls_more_must_fail(lately, speaks):
    usual = a_usual(middle=0.0, spread=0.0, low=0.0, high=0.2, bottom=0.0, top=0.0)
    panel = of_calls(*[(18, 0)] * 150, *lately, usual=usual)
    assert level.judge(panel).speaks[0] == speaks


@pytest.mark.parametrize(
    ("usual", "speaks"),
    [
        pytest.param({"level": 90.0}, True, id="more than twice the largest step of the past"),
        pytest.param({"level": 115.0}, False, id="less than that: the host wanders"),
        pytest.param({"level": 900.0, "spread": 22.0}, True, id="eight deviations, whatever the past has seen"),
        pytest.param({"level": 900.0, "spread": 30.0}, False, id="... and fewer"),
    ],
)
def test_a_host_that_wanders_by_itself_must_go_twice_as_far(usual, speaks):
    assert level.judge(a_panel(np.array(SHIFT), usual=of(**usual))).speaks[0] == speaks


def test_steps_of_counts_and_of_failures_hold_nothing_back():
    """Their largest is the daily opening, or the outage of last week."""
    few = a_usual(middle=40.0, spread=1.0, low=30.0, high=50.0, bottom=38.0, top=42.0, level=40.0)
    bad = a_usual(middle=0.0, spread=0.0, low=0.0, high=0.2, bottom=0.0, top=0.0, level=1.0)
    assert level.judge(a_panel([40.0] * 150 + [10.0] * 8, usual=few, metric="records")).speaks[0]
    assert level.judge(of_calls(*[(18, 0)] * 150, *[(18, 9)] * 6, usual=bad)).speaks[0]
