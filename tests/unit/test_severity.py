"""How bad it is follows from what waits, when, and for how many; never from how many deviations it is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.anomaly import Severity
from models.calendar import Hours
from models.feed import Feed
from models.integration import Importance, Read
from models.reading import Direction
from models.severity import Impact, weigh
from tests.builders import an_integration

WEEKDAY = "08:00-18:00"
OPEN_ON_WEEKDAYS = Hours(**dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), WEEKDAY))
CLINIC = an_integration(
    reads=(
        Read(operation="Archive.read", component="Nightly archive", importance=Importance.ROUTINE),
        Read(operation="Patient.search", component="Patient API"),
        Read(operation="MedicationRequest.search", component="Prescription API", importance=Importance.CRITICAL),
    ),
    feeds=(Feed(name="letters", resource="Letter", direction=Direction.OUT, operations=("Letter.create",)),),
    hours=OPEN_ON_WEEKDAYS,
)
ARCHIVE, PATIENT, PRESCRIPTION = (read.operation for read in CLINIC.reads)


def new_york(hour: int, minute: int = 0) -> datetime:
    """On Wednesday, 26 March 2025."""
    return datetime(2025, 3, 26, hour + 4, minute, tzinfo=UTC)


def at(hour: int, *operations: str, minute: int = 0, **more) -> Severity:
    return weigh(CLINIC, Impact(operations, as_of=new_york(hour, minute), **more)).severity


@pytest.mark.parametrize(
    ("severity", "expected"),
    [
        pytest.param(at(2, ARCHIVE), Severity.LOW, id="a nightly archive"),
        pytest.param(at(10, PRESCRIPTION), Severity.HIGH, id="prescriptions at ten, the same deviations"),
        pytest.param(at(2, PRESCRIPTION), Severity.MEDIUM, id="prescriptions at two, and nobody is there"),
        pytest.param(at(6, PRESCRIPTION, minute=1), Severity.HIGH, id="prescriptions, and the practice opens soon"),
        pytest.param(at(5, PRESCRIPTION, minute=59), Severity.MEDIUM, id="prescriptions, and it opens later"),
        pytest.param(at(10, PATIENT), Severity.MEDIUM, id="patients at ten"),
        pytest.param(at(10, PATIENT, failing=0.5), Severity.HIGH, id="half of the patients at ten"),
        pytest.param(at(10, PRESCRIPTION, failing=0.8), Severity.CRITICAL, id="most prescriptions at ten"),
        pytest.param(at(2, PRESCRIPTION, failing=0.8), Severity.HIGH, id="most prescriptions at two"),
        pytest.param(at(10, PATIENT, is_burning=True), Severity.HIGH, id="a budget burns"),
        pytest.param(at(10, PATIENT, practices=2), Severity.MEDIUM, id="two practices"),
        pytest.param(at(10, PATIENT, practices=3), Severity.HIGH, id="three practices"),
        pytest.param(at(10, PRESCRIPTION, failing=1, is_burning=True, practices=9), Severity.CRITICAL, id="no more"),
        pytest.param(at(2, ARCHIVE), Severity.LOW, id="no less"),
        pytest.param(at(10, "Letter.create"), Severity.MEDIUM, id="what goes out is never routine"),
        pytest.param(at(10, "Appointment.search"), Severity.HIGH, id="appointments, seen in real traffic alone"),
        pytest.param(at(10, "Unknown.search"), Severity.LOW, id="something nobody knows"),
        pytest.param(at(10), Severity.LOW, id="nothing in particular"),
    ],
)
def test_the_same_deviation_is_as_bad_as_what_waits_for_it_then(severity, expected):
    assert severity is expected


@pytest.mark.parametrize(
    ("hour", "impact", "why"),
    [
        pytest.param(10, Impact([PRESCRIPTION]), "Prescription API is critical; the practice is open", id="open"),
        pytest.param(7, Impact([ARCHIVE]), "Nightly archive is routine; the practice opens within 2 hours", id="soon"),
        pytest.param(
            2,
            Impact([ARCHIVE, PATIENT], failing=0.625, is_burning=True, practices=12),
            "Patient API is important; 62.5% of calls fail, half or more: one higher; the error budget burns too fast: "
            "one higher; 12 practices at once: one higher; the practice is closed: one lower",
            id="everything",
        ),
        pytest.param(
            10,
            Impact(["Letter.create"], failing=0.03),
            "Letter.create, which goes out, is important; 3% of calls fail; the practice is open",
            id="out",
        ),
    ],
)
def test_why_is_told_as_rule_and_figure(hour, impact, why):
    assert weigh(CLINIC, impact._replace(as_of=new_york(hour))).why == why


def test_a_practice_that_told_no_hours_is_always_open():
    always = CLINIC.model_copy(update={"hours": None})
    judged = weigh(always, Impact([PRESCRIPTION], as_of=new_york(2)))
    assert judged == (Severity.HIGH, "Prescription API is critical")


rates = st.floats(0, 1)
touched = st.lists(st.sampled_from([ARCHIVE, PATIENT, PRESCRIPTION]), unique=True)


@given(touched, touched, rates, rates, st.integers(1, 9), st.integers(0, 23))
def test_more_is_never_less_severe(operations, others, one, other, practices, hour):
    clock = datetime(2025, 3, 26, hour, tzinfo=UTC)
    few = weigh(CLINIC, Impact(operations, min(one, other), clock, practices=1))
    many = weigh(CLINIC, Impact([*operations, *others], max(one, other), clock, practices=practices))
    assert few.severity.rank <= many.severity.rank
