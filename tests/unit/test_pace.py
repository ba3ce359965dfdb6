"""Pretend time that waits for the work that lives in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.pace import Pace

START = datetime(2026, 11, 28, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FREE = Pace(start=START, epoch=1000.0, speed=48.0)


@pytest.mark.parametrize(
    ("after_s", "shown"),
    [
        pytest.param(0.5, timedelta(seconds=24), id="fast at first"),
        pytest.param(1.25, MINUTE, id="up to its end"),
        pytest.param(76.25, MINUTE + timedelta(seconds=75), id="from there as the wall does"),
    ],
)
def test_a_minute_is_over_when_it_is_and_not_an_hour_later(after_s, shown):
    assert FREE.onward(1000.0, MINUTE).at(1000.0 + after_s) == START + shown


def test_one_that_nobody_asked_to_wait_runs_on():
    assert FREE.at(1075.0) == START + timedelta(hours=1)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 600)), max_size=8), st.floats(0, 100))
def test_it_never_jumps_nor_goes_back(steps, later_s):
    pace, wall_s = FREE, 1000.0
    for step_s, span_s in steps:
        wall_s += step_s
        before = pace.at(wall_s)
        pace = pace.onward(wall_s, timedelta(seconds=span_s))
        assert pace.at(wall_s) == before
    assert pace.at(wall_s + later_s) >= pace.at(wall_s)
