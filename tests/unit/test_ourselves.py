"""Ourselves: what a pause is, and whose clock is wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from models.ourselves import clock_offset_s, missed_between, pause_between
from tests.builders import a_reading

MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("later", "missed"),
    [
        pytest.param(MINUTE, 0, id="on time"),
        pytest.param(timedelta(seconds=80), 0, id="late"),
        pytest.param(2 * MINUTE, 1, id="one left out"),
        pytest.param(11 * MINUTE, 10, id="ten minutes"),
        pytest.param(timedelta(seconds=1), 0, id="begun by hand in between"),
    ],
)
def test_cycles_that_should_have_begun_are_counted(later, missed):
    assert missed_between(NOON, NOON + later, MINUTE) == missed


def test_one_late_cycle_is_no_pause():
    assert pause_between(NOON, NOON + timedelta(seconds=179), MINUTE) is None


def test_a_pause_reads_the_same_whenever_within_its_rounds_it_is_looked_at():
    early = pause_between(NOON + timedelta(seconds=1), NOON + timedelta(minutes=11, seconds=2), MINUTE)
    late = pause_between(NOON + timedelta(seconds=1), NOON + timedelta(minutes=11, seconds=40), MINUTE)
    assert early == late == (NOON, NOON + 11 * MINUTE, 10)


def told(**skews: float | None):
    return [a_reading(integration_id=name, clock_skew_s=skew) for name, skew in skews.items()]


@pytest.mark.parametrize(
    ("readings", "heard"),
    [
        pytest.param([], None, id="nobody"),
        pytest.param(told(a=None), None, id="nobody who tells the time"),
        pytest.param(told(a=-30.0, b=-29.0, c=-31.0), (30.0, 3), id="we are ahead of all"),
        pytest.param(told(a=0.0, b=0.0, c=3600.0), (0.0, 3), id="one vendor's clock is wrong"),
        pytest.param([*told(a=10.0), *told(a=12.0), *told(a=90.0), *told(b=0.0)], (-6.0, 2), id="one voice each"),
    ],
)
def test_our_clock_is_held_against_the_middle_of_theirs(readings, heard):
    assert clock_offset_s(readings) == heard
