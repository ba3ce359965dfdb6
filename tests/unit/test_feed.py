"""Feeds as they are declared, and as they are assumed where nobody declares any."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models.calendar import Calendar, Hours
from models.feed import Feed
from models.integration import Integration, Read
from models.queue import missed
from models.reading import Direction, Outcome
from models.workflow import Pace, Workflow
from tests.builders import EPIC, NOW, a_reading, an_integration

HOUR = timedelta(hours=1)
VISITS = Feed(name="visits", resource="Appointment", operations=("Appointment.search",))


def test_each_declared_read_is_a_feed_where_none_is_declared():
    reads = (Read(operation="Patient.search", component="a"), Read(operation="GetSchedule", component="b"))
    assumed = an_integration(reads=reads).feeds
    assert [(feed.name, feed.resource, feed.operations, feed.direction) for feed in assumed] == [
        ("Patient.search", "Patient", ("Patient.search",), Direction.IN),
        ("GetSchedule", "GetSchedule", ("GetSchedule",), Direction.IN),
    ]
    assert not any(feed.expects_news for feed in assumed)
    assert an_integration(feeds=(VISITS,)).feeds == (VISITS,)


def test_what_is_assumed_survives_being_written_down_and_read_again():
    one = an_integration()
    assert Integration.model_validate(one.model_dump()) == one


@pytest.mark.parametrize(
    ("changes", "limit", "period"),
    [
        pytest.param({}, 2.5 * HOUR, 1.25 * HOUR, id="in"),
        pytest.param({"direction": Direction.OUT}, 25 / 60 * HOUR, 12.5 / 60 * HOUR, id="out"),
        pytest.param({"fresh_within": 4 * HOUR}, 4 * HOUR, 2 * HOUR, id="two missed periods are the limit"),
        pytest.param({"every": HOUR}, 2.5 * HOUR, HOUR, id="its own period"),
    ],
)
def test_a_feed_has_a_limit_and_a_period(changes, limit, period):
    feed = VISITS.model_copy(update=changes)
    assert (feed.limit, feed.period) == (limit, period)


@pytest.mark.parametrize(
    ("operation", "direction", "location", "is_carried"),
    [
        pytest.param("Appointment.search", "in", "main", True, id="its own"),
        pytest.param("Appointment.search", "in", "elm", False, id="another place"),
        pytest.param("Appointment.search", "in", None, False, id="nobody knows where"),
        pytest.param("Appointment.search", "out", "main", False, id="the other way"),
        pytest.param("Patient.search", "in", "main", False, id="other data"),
    ],
)
def test_a_feed_knows_its_calls(operation, direction, location, is_carried):
    here = VISITS.model_copy(update={"locations": ("main",)})
    assert here.carries(operation, direction, location) is is_carried


def test_a_read_is_late_in_plain_time_also_where_there_are_opening_hours():
    """We read by night as by day; that a practice is closed is no reason for not having read."""
    closed = Calendar(hours=Hours(), timezone="America/New_York")
    told = {"integration_id": EPIC, "feed": VISITS, "calendar": closed, "as_of": NOW}
    assert Workflow(**told, last_at=NOW, last_ok_at=NOW - 3 * HOUR).pace is Pace.LATE
    write = VISITS.model_copy(update={"direction": Direction.OUT})
    assert Workflow(**told | {"feed": write}, last_at=NOW, last_ok_at=NOW - 3 * HOUR).pace is Pace.FLOWING


def test_a_write_that_failed_is_never_queued_for_repetition():
    failed = a_reading(outcome=Outcome.UNKNOWN, direction=Direction.OUT)
    assert missed([failed]) == ()
    assert len(missed([a_reading(outcome=Outcome.TIMEOUT)])) == 1
