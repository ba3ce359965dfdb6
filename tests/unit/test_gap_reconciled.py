"""What a reconciliation says of gaps: which it opens, and how much of one it counts as there."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from models.anomaly import Severity
from models.discrepancy import DayCount, Discrepancy, DiscrepancyKind, Reconciled
from models.gap import GapState, Reason, Unit
from models.gap_reconciled import balance, days, gaps_of
from tests.builders import EPIC, a_gap

ZONE = "America/New_York"
MONDAY, TUESDAY, WEDNESDAY = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4)
NOON = datetime(2026, 3, 4, 17, tzinfo=UTC)  # Wednesday, 12:00 in New York
NORTH, SOUTH = "a" * 16, "b" * 16


def day(which: date, theirs: int | None, ours: int | None, *, compared: bool = True) -> DayCount:
    return DayCount(day=which, theirs=theirs, ours=ours, compared=compared)


def found(kind: str, count: int, first: date | None = None, last: date | None = None, **changes) -> Discrepancy:
    told = {"severity": Severity.HIGH, "of": 100, "first_day": first, "last_day": last or first, "says": "…"}
    return Discrepancy(kind=DiscrepancyKind(kind), count=count, **told | changes)


def a_run(*discrepancies: Discrepancy, **changes) -> Reconciled:
    told = {
        "id": f"{EPIC}/visits",
        "integration_id": EPIC,
        "name": "visits",
        "resource": "Appointment",
        "state": "differs" if discrepancies else "agrees",
        "as_of": NOON,
        "since": NOON - timedelta(days=7),
        "until": NOON,
        "days": (day(MONDAY, 40, 40), day(TUESDAY, 30, 30), day(WEDNESDAY, 0, 0)),
        "discrepancies": discrepancies,
    }
    return Reconciled(**told | changes)


def waiting(since: datetime, until: datetime | None, **changes):
    told = {"state": "backfilling" if until else "open", "unit": Unit.RECORDS, "last_at": since, "expected": None}
    open_ = {"delivered": 0, "closed_at": None, "closed_by": None, "opened_at": since}
    return a_gap(since=since, until=until, **told | open_ | changes)


TUESDAY_MORNING = datetime(2026, 3, 3, 14, tzinfo=UTC)
OVER_NIGHT = waiting(TUESDAY_MORNING - timedelta(hours=12), TUESDAY_MORNING)  # Monday 21:00 to Tuesday 09:00
LASTED = waiting(TUESDAY_MORNING, TUESDAY_MORNING + timedelta(minutes=40))


@pytest.mark.parametrize(
    ("gap", "run", "counts"),
    [
        pytest.param(LASTED, a_run(), (30, 30), id="its day agrees"),
        pytest.param(OVER_NIGHT, a_run(), (70, 70), id="both of its days agree"),
        pytest.param(waiting(NOON - timedelta(hours=2), NOON), a_run(), (0, 0), id="an empty day"),
        pytest.param(LASTED, a_run(found("missing", 3, TUESDAY)), (30, 27), id="three are missing on it"),
        pytest.param(LASTED, a_run(found("stale", 2, TUESDAY)), (30, 28), id="two are stale, and counts agree"),
        pytest.param(LASTED, a_run(found("truncated", 2, MONDAY, WEDNESDAY)), (30, 28), id="cut off around it"),
        pytest.param(LASTED, a_run(found("missing", 3)), (30, 27), id="missing, and nobody knows when"),
        pytest.param(LASTED, a_run(found("missing", 3, MONDAY)), (30, 30), id="missing on another day"),
        pytest.param(LASTED, a_run(found("changed", 3, TUESDAY)), (30, 30), id="changed is there"),
        pytest.param(LASTED, a_run(found("missing", 3, TUESDAY, location=NORTH)), (30, 27), id="at one of all places"),
        pytest.param(
            LASTED.model_copy(update={"location": SOUTH}),
            a_run(found("missing", 3, TUESDAY, location=NORTH)),
            (30, 30),
            id="at another place",
        ),
        pytest.param(
            LASTED.model_copy(update={"location": "south"}),
            a_run(found("missing", 3, TUESDAY, location=NORTH)),
            (30, 27),
            id="at a place whose pseudonym nobody knows here",
        ),
        pytest.param(LASTED, a_run(days=(day(TUESDAY, 30, 28),)), (30, 28), id="two are short, and nobody says why"),
        pytest.param(LASTED, a_run(days=(day(TUESDAY, 30, 28),), tombstones=2), (28, 28), id="two were merged away"),
        pytest.param(LASTED, a_run(days=(day(TUESDAY, 30, 28),), tombstones=1), (30, 28), id="one of them was"),
        pytest.param(
            LASTED, a_run(days=(day(TUESDAY, 30, 28),), tombstones=2, in_flight=1), (30, 28), id="one may be on its way"
        ),
        pytest.param(
            LASTED,
            a_run(days=(day(TUESDAY, 30, 28, compared=False),), tombstones=2),
            (30, 28),
            id="counted, and not compared",
        ),
        pytest.param(LASTED, a_run(days=(day(TUESDAY, 30, 33),)), (30, 30), id="we have more"),
        pytest.param(LASTED, a_run(found("missing", 99, TUESDAY)), (30, 0), id="more is missing than that day had"),
        pytest.param(LASTED, a_run(days=(day(TUESDAY, None, 30),)), None, id="they did not answer for its day"),
        pytest.param(LASTED, a_run(days=(day(TUESDAY, 30, None),)), None, id="we did not"),
        pytest.param(LASTED, a_run(days=(day(MONDAY, 40, 40),)), None, id="its day was not looked at"),
        pytest.param(LASTED, a_run(state="unknown"), None, id="a side could not be read"),
        pytest.param(LASTED, a_run(resource="Patient"), None, id="another kind of data"),
        pytest.param(LASTED, a_run(integration_id="unity"), None, id="another integration"),
        pytest.param(LASTED, a_run(since=TUESDAY_MORNING + timedelta(minutes=1)), None, id="it began before the run's"),
        pytest.param(LASTED, a_run(until=TUESDAY_MORNING), None, id="it ended after it"),
        pytest.param(LASTED, a_run(as_of=TUESDAY_MORNING), None, id="the run was before its end"),
        pytest.param(waiting(TUESDAY_MORNING, None), a_run(), None, id="its trouble lasts"),
        pytest.param(LASTED.model_copy(update={"direction": "out"}), a_run(), None, id="what goes to them"),
    ],
)
def test_a_gap_is_counted_by_a_run_that_saw_all_of_it_and_never_generously(gap, run, counts):
    counted = balance(gap, run, ZONE)
    assert (counted and (counted.expected, counted.delivered)) == counts


def test_a_balance_names_its_run():
    closed = LASTED.counted(balance(LASTED, a_run(), ZONE), NOON)
    assert (closed.state, closed.reference) == (GapState.CLOSED, f"{EPIC}/visits@20260304T170000Z")


@pytest.mark.parametrize(
    ("discrepancy", "span"),
    [
        pytest.param(
            found("missing", 3, TUESDAY), ("2026-03-03T05:00", "2026-03-04T05:00"), id="a day of the practice"
        ),
        pytest.param(found("stale", 1, MONDAY, TUESDAY), ("2026-03-02T05:00", "2026-03-04T05:00"), id="two days"),
        pytest.param(found("truncated", 1, WEDNESDAY), ("2026-03-04T05:00", "2026-03-04T17:00"), id="to the run's end"),
        pytest.param(found("missing", 1), ("2026-02-25T17:00", "2026-03-04T17:00"), id="no day: all that was seen"),
        pytest.param(found("missing", 1, date(2026, 2, 25)), ("2026-02-25T17:00", "2026-02-26T05:00"), id="cut off"),
    ],
)
def test_what_is_lacking_opens_a_gap_over_its_days(discrepancy, span):
    (trouble,) = gaps_of(a_run(discrepancy), ZONE, ("Appointment.search",))
    assert tuple(f"{at.astimezone(UTC):%Y-%m-%dT%H:%M}" for at in (trouble.since, trouble.until)) == span
    assert trouble.reasons == (Reason(discrepancy.kind.value),)


def test_only_what_is_lacking_opens_one_and_each_place_has_its_own():
    kinds = [found(kind.value, 1, MONDAY) for kind in DiscrepancyKind]
    assert {one.reasons for one in gaps_of(a_run(*kinds), ZONE)} == {
        (Reason.MISSING,), (Reason.TRUNCATED,), (Reason.STALE,)
    }  # fmt: skip
    places = [found("missing", 1, MONDAY, location=place) for place in (NORTH, SOUTH)]
    assert [one.location for one in gaps_of(a_run(*places), ZONE)] == [NORTH, SOUTH]


@pytest.mark.parametrize(
    ("since", "until", "wanted"),
    [
        pytest.param("2026-03-03T14:00", "2026-03-03T14:40", [3], id="within a day"),
        pytest.param("2026-03-03T05:00", "2026-03-04T05:00", [3], id="a day from midnight to midnight"),
        pytest.param("2026-03-03T04:59", "2026-03-04T05:01", [2, 3, 4], id="a minute on either side"),
        pytest.param("2026-03-08T05:00", "2026-03-09T04:00", [8], id="the day that has 23 hours"),
        pytest.param("2026-03-03T05:00", "2026-03-03T05:00", [3], id="an instant at midnight"),
    ],
)
def test_days_are_those_of_the_practice(since, until, wanted):
    span = [datetime.fromisoformat(one).replace(tzinfo=UTC) for one in (since, until)]
    assert [one.day for one in days(*span, ZONE)] == wanted
