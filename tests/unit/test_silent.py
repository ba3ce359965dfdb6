"""What was found by looking at the data is believed at once, stands until the next look, and ends when all is well."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from models.anomaly import Severity, Trend
from models.discrepancy import Discrepancy, DiscrepancyKind, Reconciled, State, reconciled_id
from models.series import Series
from models.sighting import Sighting, Stage, turned
from models.silent import DIFFERENCES, compared, sighted
from models.unusual import tells
from tests.builders import an_integration

DAY = timedelta(days=1)
NOON = datetime(2026, 3, 5, 17, tzinfo=UTC)  # 12:00 in New York
SERIES = Series("epic-fhir-main", DIFFERENCES, "appointments")


def found(*many: int, severity: Severity = Severity.MEDIUM, state: State | None = None, **more: object) -> Reconciled:
    """A run in which each of these differed."""
    differences = tuple(
        Discrepancy(
            kind=kind,
            severity=severity,
            count=count,
            of=1000,
            says=f"{count} of 1,000 {kind}",
            first_day=date(2026, 3, 3),
            last_day=date(2026, 3, 4),
        )
        for count, kind in zip(many, DiscrepancyKind, strict=False)
    )
    told: dict[str, object] = {
        "id": reconciled_id(SERIES.integration_id, "appointments"),
        "integration_id": SERIES.integration_id,
        "name": "appointments",
        "resource": "Appointment",
        "state": state or (State.DIFFERS if many else State.AGREES),
        "as_of": NOON,
        "since": NOON - 7 * DAY,
        "until": NOON,
        "theirs": 1000,
        "ours": 990,
        "compared": 1000,
        "discrepancies": differences,
    }
    return Reconciled.model_validate(told | more)


def seen(run: Reconciled, known: Sighting | None = None, as_of: datetime = NOON) -> Sighting | None:
    return sighted(known, compared(run, None, an_integration()), SERIES, DAY, as_of)


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(found(), id="both sides are alike"),
        pytest.param(found(state=State.UNKNOWN, failed="timeout"), id="a side could not be read"),
    ],
)
def test_nothing_differs_nothing_is_said(run):
    """Also not when nobody could look."""
    assert compared(run, None, an_integration()) is None
    assert seen(run) is None


def test_the_gravest_difference_speaks_and_the_others_are_counted():
    """One sentence with the figures; how many there are beside it."""
    said = compared(found(3, 12), None, an_integration())

    assert said is not None
    assert said.description == "12 of 1,000 missing, and 1 other difference"
    assert said.current == "15 of 1000 records differ"
    assert said.first_observed == datetime(2026, 3, 3, 5, tzinfo=UTC), "midnight in New York of the first day"


@pytest.mark.parametrize(
    ("before", "trend"),
    [
        pytest.param(None, Trend.STABLE, id="a first look"),
        pytest.param(found(5), Trend.WORSENING, id="fewer before"),
        pytest.param(found(50), Trend.IMPROVING, id="more before"),
        pytest.param(found(10), Trend.STABLE, id="as many"),
        pytest.param(found(state=State.UNKNOWN), Trend.STABLE, id="nobody could look before"),
    ],
)
def test_the_trend_compares_with_the_look_before(before, trend):
    """What it was then, as far as it is known."""
    said = compared(found(10), before, an_integration())

    assert said is not None
    assert said.trend is trend


@pytest.mark.parametrize(
    ("severity", "stage"),
    [
        pytest.param(Severity.LOW, Stage.CONFIRMED, id="shown"),
        pytest.param(Severity.MEDIUM, Stage.NOTIFIED, id="told"),
        pytest.param(Severity.HIGH, Stage.PAGED, id="called"),
    ],
)
def test_one_look_at_every_record_is_enough(severity, stage):
    """No second cycle is waited for: it is no accident."""
    one = seen(found(10, severity=severity))

    assert one is not None
    assert one.stage is stage
    assert one.agrees == "every record was looked at"
    assert tells(one) == (severity is not Severity.LOW)


def test_it_stands_through_the_cycles_of_the_monitor_until_somebody_looks_again():
    """The monitor judges calls; what it cannot judge stays as it is, unless nobody looks any more."""
    one = seen(found(10))
    assert one is not None

    for hours in range(1, 70):
        assert turned([one], (), NOON + timedelta(hours=hours), judged=lambda _: False) == ()

    (gone,) = turned([one], (), NOON + 3 * DAY, judged=lambda _: False)
    assert gone.cleared_at == NOON + 3 * DAY


def test_a_look_that_finds_nothing_ends_it_and_one_that_finds_it_again_begins_anew():
    """Within its memory it is the same thread, counted a second time."""
    one = seen(found(10))
    well = seen(found(), one, NOON + DAY)
    again = seen(found(4), well, NOON + 2 * DAY)

    assert well is not None
    assert again is not None
    assert (well.cleared_at, well.by_itself, well.is_confirmed) == (NOON + DAY, True, False)
    assert (again.id, again.times, again.stands, again.is_confirmed) == (well.id, 2, True, True)


def test_what_ended_after_something_was_done_did_not_go_by_itself():
    """A remedy counts, whether it was ours or not."""
    one = seen(found(10))
    well = sighted(one, None, SERIES, DAY, NOON + DAY, acted={SERIES.integration_id: NOON + DAY / 2})

    assert well is not None
    assert well.by_itself is False
