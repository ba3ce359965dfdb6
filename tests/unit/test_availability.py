"""Availability: unknown is never good, maintenance is beside, and a figure needs something to rest on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.availability import availability, slots_between, usable_share
from models.tally import Tally, floored, slot_of
from tests.builders import EPIC, NOW, an_integration

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def a_tally(span: timedelta = DAY, **changes) -> Tally:
    since = floored(NOW - span, MINUTE)
    return Tally(**{"integration_id": EPIC, "span": span, "since": since, "last_slot_at": NOW - MINUTE, **changes})


@pytest.mark.parametrize(
    ("good", "bad", "unknown", "fresh", "share"),
    [
        pytest.param(1414, 26, 0, True, 1414 / 1440, id="26 minutes of a day"),
        pytest.param(0, 0, 0, True, None, id="nothing at all"),
        pytest.param(0, 0, 60, True, None, id="nothing seen"),
        pytest.param(1440, 0, 0, False, None, id="nothing seen lately"),
        pytest.param(59, 0, 1, True, 1.0, id="one late round is forgiven"),
        pytest.param(58, 0, 2, True, None, id="two of sixty are more than one per cent"),
        pytest.param(1426, 0, 14, True, 1.0, id="14 minutes of a day are less"),
        pytest.param(1425, 0, 15, True, None, id="15 are more"),
        pytest.param(0, 60, 0, True, 0.0, id="down all the time is known"),
    ],
)
def test_a_share_is_given_only_while_hardly_anything_is_missing(good, bad, unknown, fresh, share):
    assert usable_share(good, bad, unknown, is_fresh=fresh) == share


def test_slots_without_a_probe_are_unknown_and_the_truth_lies_within_bounds():
    known = availability(an_integration(), a_tally(good_slots=1400, bad_slots=10), NOW - 2 * DAY, NOW)
    assert (known.good, known.bad, known.unknown) == (1400, 10, 30)
    assert known.share is None
    assert known.bounds == (1400 / 1440, 1430 / 1440)


def test_what_lies_before_the_first_reading_of_all_is_not_missing():
    known = availability(an_integration(), a_tally(good_slots=30), NOW - 30 * MINUTE, NOW)
    assert (known.unknown, known.share) == (0, 1.0)


def test_a_gap_at_the_beginning_of_a_span_is_missing_when_watching_began_before():
    assert availability(an_integration(), a_tally(HOUR, good_slots=20), NOW - DAY, NOW).unknown == 40


def test_maintenance_is_counted_beside():
    known = availability(an_integration(), a_tally(good_slots=1320, excluded_slots=120), NOW - 2 * DAY, NOW)
    assert (known.unknown, known.excluded, known.share) == (0, 120, 1.0)


def test_probes_that_stopped_make_every_span_unknown():
    stopped = a_tally(good_slots=1434, last_slot_at=NOW - 7 * MINUTE)
    assert availability(an_integration(), stopped, NOW - 2 * DAY, NOW).share is None


def test_in_compressed_time_a_slot_without_a_probe_is_our_own_slowness():
    late = a_tally(HOUR, good_slots=20, last_slot_at=NOW - 9 * MINUTE)
    known = availability(an_integration(), late, NOW - DAY, NOW, counts_gaps=False)
    assert (known.unknown, known.share) == (0, 1.0)


@pytest.mark.parametrize(
    ("every", "slot"),
    [
        pytest.param(timedelta(seconds=15), 1, id="no shorter than a minute"),
        pytest.param(timedelta(seconds=60), 1, id="the usual"),
        pytest.param(timedelta(seconds=90), 2, id="whole minutes"),
        pytest.param(timedelta(minutes=5), 5, id="as the probes"),
    ],
)
def test_a_slot_is_as_long_as_from_one_probe_to_the_next_in_whole_minutes(every, slot):
    assert slot_of(an_integration(probe_every=every)) == slot * MINUTE


@given(
    minutes=st.integers(1, 15), back=st.integers(0, 40_000), late=st.floats(0, 3600), began=st.integers(-100, 40_000)
)
def test_slots_are_counted_as_one_would_on_the_clock(minutes, back, late, began):
    slot, until = minutes * MINUTE, NOW + timedelta(seconds=late)
    since = floored(NOW, MINUTE) - back * MINUTE
    first = NOW - began * MINUTE
    start, counted = floored(since, slot), 0
    while start + slot <= until:
        counted += start >= since and start + slot > first
        start += slot
    assert slots_between(since, first, until, slot) == counted
