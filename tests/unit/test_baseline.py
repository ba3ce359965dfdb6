"""What is usual, and how far a value is from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.baseline import ENOUGH_SAMPLES, SCALE, Baseline, Basis, deviation, hour_of_week, usual

NEW_YORK = "America/New_York"
MONDAY_10 = datetime(2026, 11, 23, 10, 20, tzinfo=ZoneInfo(NEW_YORK))  # hour 10 of the week
SEARCH = "Patient.search"


def known(basis, samples=100, days=4, hour=10, **more):
    hours = {Basis.HOUR_OF_WEEK: {"hour_of_week": hour}, Basis.HOUR_OF_DAY: {"hour_of_day": hour}}
    fields = {"median_ms": 100.0, "mad_ms": 10.0, "operation": SEARCH, **hours.get(basis, {}), **more}
    return Baseline(integration_id="epic", basis=basis, samples=samples, answered=samples, days=days, **fields)


@pytest.mark.parametrize(
    ("baselines", "basis"),
    [
        pytest.param([], Basis.LEARNING, id="nothing is known"),
        pytest.param([known(Basis.ALL_HOURS, samples=29)], Basis.LEARNING, id="29 calls teach nothing"),
        pytest.param([known(Basis.ALL_HOURS, samples=30, days=1)], Basis.ALL_HOURS, id="30 calls on one day"),
        pytest.param(
            [known(Basis.ALL_HOURS), known(Basis.HOUR_OF_DAY, days=1)],
            Basis.ALL_HOURS,
            id="an hour seen on one day only may be the incident",
        ),
        pytest.param(
            [known(Basis.ALL_HOURS), known(Basis.HOUR_OF_DAY), known(Basis.HOUR_OF_WEEK, samples=29)],
            Basis.HOUR_OF_DAY,
            id="too few calls in this hour of the week",
        ),
        pytest.param(
            [known(Basis.ALL_HOURS), known(Basis.HOUR_OF_DAY), known(Basis.HOUR_OF_WEEK)],
            Basis.HOUR_OF_WEEK,
            id="everything is known",
        ),
        pytest.param(
            [known(Basis.ALL_HOURS), known(Basis.HOUR_OF_DAY, hour=9), known(Basis.HOUR_OF_WEEK, hour=34)],
            Basis.ALL_HOURS,
            id="other hours do not count",
        ),
        pytest.param([known(Basis.ALL_HOURS, operation="GetPatient")], Basis.LEARNING, id="another operation"),
    ],
)
def test_the_narrowest_hour_with_enough_calls_is_chosen(baselines, basis):
    assert usual(baselines, SEARCH, MONDAY_10, NEW_YORK).basis is basis


def test_a_learning_baseline_tells_what_little_is_known():
    chosen = usual([known(Basis.ALL_HOURS, samples=ENOUGH_SAMPLES - 1)], SEARCH, MONDAY_10, NEW_YORK)
    assert (chosen.is_learning, chosen.samples, chosen.median_ms) == (True, ENOUGH_SAMPLES - 1, 100.0)


@pytest.mark.parametrize(
    ("instant", "hour"),
    [
        pytest.param("2026-11-23T04:59:59+00:00", 167, id="Sunday 23:59 in New York"),
        pytest.param("2026-11-23T05:00:00+00:00", 0, id="Monday 00:00 in New York"),
        pytest.param("2026-03-08T06:59:00+00:00", 145, id="Sunday 01:59, the minute before summer time"),
        pytest.param("2026-03-08T07:00:00+00:00", 147, id="Sunday 03:00, an hour is skipped"),
        pytest.param("2026-11-01T05:30:00+00:00", 145, id="Sunday 01:30, summer time"),
        pytest.param("2026-11-01T06:30:00+00:00", 145, id="Sunday 01:30 once more"),
    ],
)
def test_the_hour_of_the_week_is_local_also_when_the_clocks_change(instant, hour):
    assert hour_of_week(datetime.fromisoformat(instant), NEW_YORK) == hour


@given(st.integers(0, 500), st.sampled_from([NEW_YORK, "UTC", "Asia/Kolkata", "Pacific/Chatham"]))
def test_a_week_later_it_is_the_same_hour_of_the_week_on_the_wall(hours, timezone):
    wall = datetime(2026, 1, 5, tzinfo=ZoneInfo(timezone)) + timedelta(hours=hours)
    if wall.astimezone(UTC).astimezone(ZoneInfo(timezone)) == wall:  # a skipped hour is on no wall
        assert hour_of_week(wall.astimezone(UTC), timezone) == wall.weekday() * 24 + wall.hour


@pytest.mark.parametrize(
    ("median", "mad", "value", "z"),
    [
        pytest.param(100, 10, 100 + 3 * SCALE * 10, 3.0, id="three deviations up"),
        pytest.param(100, 10, 100 - SCALE * 10, -1.0, id="one down"),
        pytest.param(100, 0, 100 + SCALE * 5, 1.0, id="perfectly steady: 5 % of the median is the unit"),
        pytest.param(4, 0.1, 4 + SCALE, 1.0, id="very fast: 1 ms is the unit"),
        pytest.param(None, None, 1000, 0.0, id="nothing was ever answered"),
    ],
)
def test_deviation_counts_robust_deviations_and_does_not_tremble(median, mad, value, z):
    baseline = known(Basis.ALL_HOURS, median_ms=median, mad_ms=mad)
    assert deviation(value, baseline) == pytest.approx(z)


def test_under_normality_deviation_is_the_ordinary_z():
    values = np.random.default_rng(7).normal(500, 80, 100_000)
    median = float(np.median(values))
    baseline = known(Basis.ALL_HOURS, median_ms=median, mad_ms=float(np.median(abs(values - median))))
    assert deviation(500 + 2 * 80, baseline) == pytest.approx(2, abs=0.05)


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0, 1e5), st.floats(0, 1e4))
def test_a_slower_call_never_deviates_less(one, other, median, mad):
    baseline = known(Basis.ALL_HOURS, median_ms=median, mad_ms=mad)
    slow, fast = max(one, other), min(one, other)
    assert deviation(slow, baseline) >= deviation(fast, baseline)
