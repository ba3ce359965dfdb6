"""Incidents from what is confirmed to be odd although calls succeed, and alerts that tell of the same."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models.alert import Alert, AlertState, Finding
from models.anomaly import Severity
from models.follow import flags, follow
from models.incident import UNUSUAL, State
from models.series import Series
from models.sighting import Sighting, Stage
from models.story import Backlog
from models.unusual import alert_of, odd_spans, open_unusual, tells, worth_following
from tests.builders import BEGINNING, EPIC, NOW, a_case, an_anomaly, an_incident, minutes

MINUTE = timedelta(minutes=1)
RECORDS = Series(EPIC, "records", "Patient.search")
NOTHING_WAITS = Backlog(queued=0, processed=0)


def a_sighting(series: Series = RECORDS, **changes) -> Sighting:
    defaults = {
        "id": f"{series.integration_id}/{series.metric}/20250326T133300Z",
        "series": series,
        "stage": Stage.NOTIFIED,
        "every_s": 60.0,
        "history": "111",
        "judged_at": BEGINNING + 3 * MINUTE,
        "opened_at": BEGINNING,
        "odd_at": BEGINNING + 3 * MINUTE,
        "confirmed_at": BEGINNING + 3 * MINUTE,
        "notified_at": BEGINNING + 3 * MINUTE,
        "score": 2.5,
        "peak": 3.0,
        "side": -1,
        "severity": Severity.MEDIUM,
        "detectors": ("level",),
        "times": 1,
        "anomaly_id": "ANM-2025-03-26-001",
        "anomaly": an_anomaly(metric=series.key, description="Number of records in Patient.search"),
    }
    return Sighting(**{**defaults, **changes})


def an_alert(watch: str, subject: str, severity: Severity = Severity.HIGH, **changes) -> Alert:
    finding = Finding(integration_id=EPIC, subject=subject, severity=severity, says="too little", since=NOW)
    defaults = {"watch": watch, "state": AlertState.RAISED, "finding": finding, "raised_at": NOW}
    return Alert(id=f"ALT-{watch}/{EPIC}/{subject}", **{**defaults, **changes})


# --- opening ---------------------------------------------------------------------------------------------------------


def test_a_confirmed_sighting_that_matters_opens_an_incident():
    case = a_case(*minutes(0, 0, 0))
    incident = open_unusual(case, [a_sighting()], [an_anomaly(metric=RECORDS.key, current="2 records per answer")])
    assert incident is not None
    assert (incident.state, incident.symptom, incident.severity) == (State.OPEN, UNUSUAL, Severity.MEDIUM)
    assert (incident.started_at, incident.detected_at) == (BEGINNING, case.as_of)
    assert [one.current for one in incident.anomalies] == ["2 records per answer"]
    assert [moment.says for moment in incident.moments][1] == "Confirmed: odd in 3 of the last 5 cycles"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"stage": Stage.OBSERVED}, id="a blip"),
        pytest.param({"stage": Stage.CONFIRMED, "severity": Severity.LOW}, id="one that is shown only"),
        pytest.param({"stage": Stage.CONFIRMED, "flapping": True}, id="one that comes and goes"),
        pytest.param({"cleared_at": NOW}, id="one that is over"),
        pytest.param({"alert_id": "ALT-volume/x/y"}, id="one that an alert tells of"),
    ],
)
def test_nothing_is_opened_by(changes):
    assert open_unusual(a_case(*minutes(0, 0, 0)), [a_sighting(**changes)], []) is None


def test_the_gravest_of_several_decides_and_each_is_told_once():
    staleness = a_sighting(Series(EPIC, "staleness", "Patient.search"), severity=Severity.HIGH, stage=Stage.PAGED)
    incident = open_unusual(a_case(*minutes(0, 0, 0)), [a_sighting(), staleness], [])
    assert incident is not None
    assert incident.severity is Severity.HIGH
    assert sorted(one.metric for one in incident.anomalies) == [RECORDS.key, staleness.series.key]


def test_what_else_agreed_is_said():
    incident = open_unusual(a_case(*minutes(0)), [a_sighting(agrees="2 detectors agree")], [])
    assert incident is not None
    assert incident.moments[-1].says == "Confirmed: 2 detectors agree"


# --- following -------------------------------------------------------------------------------------------------------


def case_with(pattern: str, *sightings: Sighting):
    case = a_case(*minutes(*(0 for _ in pattern)))
    return case.model_copy(update={"odd": odd_spans(sightings, case.as_of)})


def test_its_bad_cycles_are_those_in_which_a_told_sighting_stood():
    over = a_sighting(cleared_at=BEGINNING + 8 * MINUTE)  # odd until the end of the third minute
    assert flags(case_with("." * 8, over), symptom=UNUSUAL) == [True] * 3 + [False] * 5
    assert flags(case_with("." * 8, a_sighting()), symptom=UNUSUAL) == [True] * 8
    assert flags(case_with("." * 8, a_sighting()), symptom="auth") == [False] * 8
    assert flags(case_with("." * 8, a_sighting(stage=Stage.OBSERVED)), symptom=UNUSUAL) == [False] * 8


def unusual(state: State = State.OPEN, **changes):
    return an_incident(state=state, symptom=UNUSUAL, started_at=BEGINNING, detected_at=BEGINNING, moments=(), **changes)


def test_it_lasts_while_its_sighting_stands_and_is_over_when_that_cleared():
    assert follow(unusual(), case_with("." * 12, a_sighting()), (), NOTHING_WAITS).state is State.OPEN
    cleared = a_sighting(cleared_at=BEGINNING + 8 * MINUTE)
    over = follow(unusual(), case_with("." * 8, cleared), (), NOTHING_WAITS)
    assert (over.state, over.restored_at) == (State.MONITORING, BEGINNING + 3 * MINUTE)


def test_it_is_resolved_when_it_stays_quiet_and_relapses_when_the_sighting_returns():
    watched = unusual(State.MONITORING, restored_at=BEGINNING + 3 * MINUTE)
    cleared = a_sighting(cleared_at=BEGINNING + 8 * MINUTE)
    assert follow(watched, case_with("." * 13, cleared), (), NOTHING_WAITS).state is State.RESOLVED
    again = a_sighting(opened_at=BEGINNING + 5 * MINUTE, odd_at=BEGINNING + 8 * MINUTE)
    assert follow(watched, case_with("." * 9, again), (), NOTHING_WAITS).state is State.DIAGNOSING


def test_when_calls_begin_to_fail_it_is_over_when_they_succeed():
    case = a_case(*minutes(0, 0, 20, 20))
    assert follow(unusual(), case, (), NOTHING_WAITS).symptom == "server_error"


def test_blips_beside_an_incident_do_not_join_it():
    beside, failing = an_anomaly(metric="answer_size:Patient.search"), an_anomaly(metric="error_rate")
    believed = an_anomaly(metric=RECORDS.key)
    assert worth_following([beside, failing, believed], [a_sighting()]) == [failing, believed]


# --- alerts ----------------------------------------------------------------------------------------------------------

GAUGE = Series(EPIC, "queue_age", "orders")


@pytest.mark.parametrize(
    ("series", "alert", "linked"),
    [
        pytest.param(RECORDS, an_alert("volume", "in:Patient"), True, id="the volume of the same resource"),
        pytest.param(RECORDS, an_alert("volume", "in:Appointment"), False, id="of another"),
        pytest.param(RECORDS, an_alert("volume", "in:Patient", Severity.LOW), False, id="an alert that nobody is sent"),
        pytest.param(RECORDS, an_alert("volume", "in:Patient", state=AlertState.CLEARED), False, id="one that is over"),
        pytest.param(RECORDS, an_alert("credentials", "main"), False, id="another kind of alert"),
        pytest.param(RECORDS._replace(integration_id="other"), an_alert("volume", "in:Patient"), False, id="elsewhere"),
        pytest.param(Series(EPIC, "staleness", "Patient.search"), an_alert("freshness", "read"), True, id="old data"),
        pytest.param(Series(EPIC, "latency", "X"), an_alert("burn_rate", "latency.fast"), True, id="its budget"),
        pytest.param(Series(EPIC, "latency", "X"), an_alert("burn_rate", "availability.fast"), False, id="the other's"),
        pytest.param(Series(EPIC, "error_rate"), an_alert("burn_rate", "availability.fast"), True, id="errors' budget"),
        pytest.param(GAUGE, an_alert("resources", "queue_age:orders"), True, id="a queue"),
        pytest.param(GAUGE, an_alert("resources", "queue_age:labs"), False, id="another queue"),
        pytest.param(Series(EPIC, "answer_size", "X"), an_alert("volume", "in:X"), False, id="nobody watches that"),
    ],
)
def test_a_condition_is_told_by_the_alert_that_stands_for_it(series, alert, linked):
    sighting = a_sighting(series)
    assert (alert_of(sighting, [alert]) == alert) is linked
    told = sighting.model_copy(update={"alert_id": alert.id if linked else None})
    assert tells(told) is not linked
