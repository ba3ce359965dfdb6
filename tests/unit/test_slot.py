"""An hour of the past speaks of a coming one when both are alike on the clock of the practice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from models.calendar import Calendar, Hours
from models.incident import Moment, State
from models.maintenance import Downtime
from models.slot import Kind, cuts, shift_s, slots, was_confirmed
from tests.builders import an_incident

OFFICE = "08:00-12:00, 13:00-18:00"
WEEK = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), OFFICE)
THANKSGIVING = "2026-11-26"
PRACTICE = Calendar(hours=Hours.model_validate(WEEK | {"holidays": [THANKSGIVING]}), timezone="America/New_York")
ALWAYS = Calendar(timezone="America/New_York")
START = datetime(2026, 11, 23, 9, tzinfo=UTC)


def slot_at(calendar: Calendar, at: datetime):
    (found,) = slots(calendar, at, at + timedelta(seconds=1))
    return found


@pytest.mark.parametrize(
    ("calendar", "at", "kind", "is_open"),
    [
        pytest.param(PRACTICE, datetime(2026, 11, 24, 15, tzinfo=UTC), Kind.WEEKDAY, True, id="Tuesday at ten"),
        pytest.param(PRACTICE, datetime(2026, 11, 24, 17, tzinfo=UTC), Kind.WEEKDAY, False, id="Tuesday at lunch"),
        pytest.param(
            PRACTICE, datetime(2026, 11, 25, 3, tzinfo=UTC), Kind.WEEKDAY, False, id="Tuesday at ten at night"
        ),
        pytest.param(PRACTICE, datetime(2026, 11, 26, 15, tzinfo=UTC), Kind.CLOSED, False, id="Thanksgiving"),
        pytest.param(
            PRACTICE, datetime(2026, 11, 28, 15, tzinfo=UTC), Kind.CLOSED, False, id="a Saturday without hours"
        ),
        pytest.param(ALWAYS, datetime(2026, 11, 26, 15, tzinfo=UTC), Kind.WEEKDAY, True, id="always open, Thursday"),
        pytest.param(ALWAYS, datetime(2026, 11, 28, 15, tzinfo=UTC), Kind.SATURDAY, True, id="always open, Saturday"),
        pytest.param(ALWAYS, datetime(2026, 11, 29, 15, tzinfo=UTC), Kind.SUNDAY, True, id="always open, Sunday"),
    ],
)
def test_a_day_is_of_the_kind_that_the_calendar_says(calendar, at, kind, is_open):
    slot = slot_at(calendar, at)
    assert (slot.kind, slot.is_open) == (kind, is_open)


@pytest.mark.parametrize(
    ("since", "until", "hours"),
    [
        pytest.param((2026, 3, 8, 5), (2026, 3, 8, 9), [0, 1, 3, 4], id="the clocks go forward"),
        pytest.param((2026, 11, 1, 4), (2026, 11, 1, 8), [0, 1, 1, 2], id="the clocks go back"),
    ],
)
def test_hours_follow_the_clock_of_the_practice(since, until, hours):
    found = slots(ALWAYS, datetime(*since, tzinfo=UTC), datetime(*until, tzinfo=UTC))
    assert [slot.hour for slot in found] == hours
    assert len({slot.begin_s for slot in found}) == len(hours)


@pytest.mark.parametrize(
    ("zone", "shift"),
    [
        pytest.param("America/New_York", 0, id="whole hours"),
        pytest.param("Asia/Kolkata", 1800, id="half an hour"),
        pytest.param("Asia/Kathmandu", 2700, id="three quarters"),
        pytest.param("America/St_Johns", 1800, id="half an hour, west"),
    ],
)
def test_a_local_hour_begins_when_the_local_clock_says_so(zone, shift):
    assert shift_s(zone, START) == shift
    slot = slot_at(Calendar(timezone=zone), START)
    assert slot.begin_s <= START.timestamp() < slot.begin_s + 3600
    assert (slot.begin_s + shift) % 3600 == 0


def moments(*states: State):
    return tuple(Moment(at=START, state=state, says="so") for state in states)


@pytest.mark.parametrize(
    ("state", "past", "confirmed"),
    [
        pytest.param(State.SUSPECTED, [State.SUSPECTED], False, id="a suspicion"),
        pytest.param(State.CLOSED, [State.SUSPECTED, State.CLOSED], False, id="a suspicion that went away"),
        pytest.param(State.OPEN, [State.SUSPECTED, State.OPEN], True, id="open"),
        pytest.param(State.OPEN, [], True, id="opened at once"),
        pytest.param(State.RESOLVED, [State.OPEN, State.MONITORING, State.RESOLVED], True, id="resolved"),
        pytest.param(State.CLOSED, [State.OPEN, State.RESOLVED, State.CLOSED], True, id="closed after it was resolved"),
    ],
)
def test_only_what_was_more_than_a_suspicion_is_cut(state, past, confirmed):
    assert was_confirmed(an_incident(state=state, moments=moments(*past))) is confirmed


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        pytest.param({"state": State.OPEN}, START + timedelta(hours=9), id="it lasts"),
        pytest.param(
            {
                "state": State.RESOLVED,
                "restored_at": START + timedelta(hours=1),
                "resolved_at": START + timedelta(hours=2),
            },
            START + timedelta(hours=1),
            id="until it was well again",
        ),
        pytest.param(
            {"state": State.CLOSED, "resolved_at": START + timedelta(hours=2)},
            START + timedelta(hours=2),
            id="resolved",
        ),
    ],
)
def test_an_incident_is_cut_until_it_was_over(changes, end):
    incident = an_incident(started_at=START, moments=moments(State.OPEN), **changes)
    assert cuts([incident], (), START + timedelta(hours=9)) == ((START, end),)


def test_agreed_maintenance_is_cut_too():
    away = Downtime(since=START, until=START + timedelta(hours=2), reason="upgrade", agreed_by="Vendor")
    assert cuts([], (away,), START) == ((START, START + timedelta(hours=2)),)
