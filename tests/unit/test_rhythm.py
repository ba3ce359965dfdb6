"""Rhythm: an hour or a weekday that what recurs keeps to."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rhythm import EXACT_BELOW, arc_p, mean_hour, once_a_day, rayleigh_p, rhythms, shortest_arc, weekday_p

MONDAY = datetime(2026, 11, 2, 9, 15, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
HOURS = st.lists(st.floats(0, 23.99), min_size=2, max_size=9)


@pytest.mark.parametrize(
    ("hours", "arc", "middle"),
    [
        pytest.param([9.0, 10.0, 11.0], 2.0, 10.0, id="a morning"),
        pytest.param([23.0, 1.0], 2.0, 0.0, id="around midnight"),
        pytest.param([22.0, 23.5, 0.5], 2.5, 23.33, id="over it"),
        pytest.param([0.0, 8.0, 16.0], 16.0, None, id="all around"),
    ],
)
def test_hours_lie_on_a_circle(hours, arc, middle):
    assert shortest_arc(hours) == pytest.approx(arc)
    if middle is not None:
        assert abs((mean_hour(hours) - middle + 12) % 24 - 12) < 0.02


def test_the_exact_test_is_exact():
    draw = random.Random(35)  # noqa: S311  # a simulation, no secret
    days = [[draw.uniform(0, 24) for _ in range(4)] for _ in range(20_000)]
    for limit in (0.01, 0.05, 0.2):
        rejected = sum(arc_p(day) <= limit for day in days) / len(days)
        assert rejected == pytest.approx(limit, abs=0.006)


def test_rayleighs_test_keeps_its_level_and_hears_a_broad_preference():
    draw = random.Random(36)  # noqa: S311  # as above
    even = [[draw.uniform(0, 24) for _ in range(EXACT_BELOW)] for _ in range(4_000)]
    assert sum(rayleigh_p(day) <= 0.05 for day in even) / len(even) == pytest.approx(0.05, abs=0.012)
    broad = [draw.gauss(10, 5) % 24 for _ in range(20)]
    assert rayleigh_p(broad) < 0.01 < arc_p(broad) == 1.0


@given(HOURS, st.floats(0, 23.99))
def test_which_hour_it_is_does_not_matter_to_the_test(hours, turn):
    turned = [(hour + turn) % 24 for hour in hours]
    assert arc_p(turned) == pytest.approx(arc_p(hours), abs=1e-6)
    assert rayleigh_p(turned) == pytest.approx(rayleigh_p(hours), abs=1e-6)


def test_five_mornings_have_a_rhythm_below_five_percent():
    hour, weekday = rhythms(MONDAY + n * DAY + n * 7 * MINUTE for n in range(5))
    assert hour.is_believed
    assert hour.p == pytest.approx(5 * (28 / 60 / 24) ** 4)
    assert hour.told == "around 09:29 (5 days, p < 0.0001)"
    assert not weekday.is_believed


def test_mondays_have_a_rhythm_by_day():
    hour, weekday = rhythms(MONDAY + n * 7 * DAY + apart * HOUR for n, apart in enumerate([0, -6, 6, 12]))
    assert weekday.says == "on Mondays"
    assert weekday.p == pytest.approx(7 * (1 / 7) ** 4)
    assert not hour.is_believed


def test_three_relapses_of_one_evening_are_one_evening():
    evening = [MONDAY + n * 20 * MINUTE for n in range(3)]
    assert once_a_day(evening) == evening[:1]
    assert rhythms(evening) == ()


@pytest.mark.parametrize(("days", "most", "p"), [(3, 3, 7 / 343), (1, 1, 1.0), (7, 1, 1.0), (2, 2, 1 / 7)])
def test_the_fullest_weekday_pays_for_being_one_of_seven(days, most, p):
    assert weekday_p(days, most) == pytest.approx(p)
