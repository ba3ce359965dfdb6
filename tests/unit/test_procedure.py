"""Procedure: which part is looked at more closely, how often, for how long, and when not at all."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models.incident import SLOW
from models.integration import Read
from models.ladder import Ladder, Step, Verdict
from models.procedure import (
    FACTOR,
    LASTS,
    MOST_CALLS,
    ProcedureState,
    capture,
    extra_calls,
    procedure_for,
    suspected,
    why_not,
)
from models.reading import Outcome, Rung, Source
from models.tuning import Tuning
from tests.builders import (
    EPIC,
    NOW,
    a_diagnosis,
    a_hypothesis,
    a_rate_limit,
    a_reading,
    a_window,
    an_incident,
    an_integration,
)

MINUTE = timedelta(minutes=1)
APPOINTMENTS = {"diagnosis": a_diagnosis(affected_components=("Appointment API",))}


def broken_at(rung: Rung) -> Ladder:
    step = Step(rung=rung, verdict=Verdict.FAILED, says="broken")
    return Ladder(integration_id=EPIC, climbed_at=NOW, steps=(step,))


def begun(incident=None, integration=None, tuning=None, readings=()):
    known = incident or an_incident(symptom="server_error", **APPOINTMENTS)
    return procedure_for(known, "PRB-1", integration or an_integration(), tuning or Tuning(), readings, NOW)


@pytest.mark.parametrize(
    ("changes", "rung"),
    [
        pytest.param({"ladder": broken_at(Rung.TLS)}, Rung.TLS, id="what broke in the climb"),
        pytest.param({"symptom": "auth"}, Rung.AUTH, id="authentication"),
        pytest.param({"symptom": "transport"}, Rung.TCP, id="transport"),
        pytest.param({"symptom": "forbidden"}, Rung.SCOPE, id="rights"),
        pytest.param({"symptom": SLOW}, Rung.READ, id="slowness"),
    ],
)
def test_the_suspected_rung_is_the_broken_one_or_that_of_the_symptom(changes, rung):
    assert suspected(an_incident(**changes)) is rung


def test_the_affected_operation_alone_is_called_six_times_as_often_for_two_hours():
    procedure = begun()
    assert (procedure.operations, procedure.factor) == (("Appointment.search",), FACTOR)
    assert procedure.until - procedure.since == LASTS
    reads = an_integration().reads
    assert [read.operation for read in extra_calls(reads, procedure, NOW)] == ["Appointment.search"] * 5
    assert extra_calls(reads, procedure, NOW + LASTS) == ()
    assert extra_calls(reads, procedure.end("captured"), NOW) == ()
    assert extra_calls(reads, None, NOW) == ()
    assert procedure.end("captured").state is ProcedureState.OVER


def test_where_every_read_climbs_the_suspected_rung_one_of_them_is_enough():
    both = a_diagnosis(affected_components=("Patient API", "Appointment API"))
    assert begun(an_incident(symptom="auth", diagnosis=both)).operations == ("Patient.search",)
    assert len(begun(an_incident(symptom="server_error", diagnosis=both)).operations) == 2
    assert begun(an_incident(symptom="server_error", diagnosis=None)).operations == ("Patient.search",)


LIMITED_SECOND = a_diagnosis(hypotheses=(a_hypothesis("server_errors", 0.6), a_hypothesis("rate_limited", 0.3)))
LIMITED_THIRD = a_diagnosis(
    hypotheses=(*LIMITED_SECOND.hypotheses[:1], a_hypothesis("x", 0.2), a_hypothesis("rate_limited", 0.1))
)


@pytest.mark.parametrize(
    ("incident", "tuning", "readings", "why"),
    [
        pytest.param({"symptom": "throttled"}, {}, (), "rate_limit_suspected", id="throttled"),
        pytest.param({"diagnosis": a_rate_limit()}, {}, (), "rate_limit_suspected", id="diagnosed as such"),
        pytest.param({"diagnosis": LIMITED_SECOND}, {}, (), "rate_limit_suspected", id="the second candidate"),
        pytest.param({"diagnosis": LIMITED_THIRD}, {}, (), None, id="the third one"),
        pytest.param({}, {}, (a_reading(outcome=Outcome.THROTTLED),), "rate_limit_met", id="one 429"),
        pytest.param(
            {}, {}, (a_reading(outcome=Outcome.SERVER_ERROR, retry_after_s=5.0),), "rate_limit_met", id="asked to wait"
        ),
        pytest.param({}, {"pace": 0.5}, (), "polling_reduced", id="a remedy spares them"),
        pytest.param({}, {}, (a_reading(outcome=Outcome.SERVER_ERROR),), None, id="server errors"),
    ],
)
def test_nothing_is_called_more_often_where_the_vendor_could_mind(incident, tuning, readings, why):
    known = an_incident(**{"symptom": "server_error"} | incident)
    assert why_not(known, Tuning(**tuning), readings) == why
    assert (begun(known, tuning=Tuning(**tuning), readings=readings) is None) is (why is not None)


@pytest.mark.parametrize(("calls", "factor"), [(1, 6), (10, 5), (15, 3), (30, None), (100, None)], ids=str)
def test_the_calls_of_a_cycle_stay_within_their_limit(calls, factor):
    reads = [
        Read(operation=f"{name}.search", component=f"{name} API", calls=calls) for name in ("Patient", "Appointment")
    ]
    procedure = begun(integration=an_integration(reads=reads))
    assert (procedure.factor if procedure else None) == factor
    if procedure:
        assert len(extra_calls(tuple(reads), procedure, NOW)) + 2 * calls <= MOST_CALLS


def call(after: timedelta, **changes):
    return a_reading(observed_at=an_incident().started_at + after, operation="Appointment.search", **changes)


def test_failing_calls_are_put_beside_good_ones_by_where_their_time_went():
    incident = an_incident(symptom="server_error", **APPOINTMENTS)
    readings = [
        call(-MINUTE, connect_ms=10.0, first_byte_ms=100.0),
        call(MINUTE, first_byte_ms=300.0, source=Source.CAPTURE),
        call(MINUTE, outcome=Outcome.TIMEOUT, rung=Rung.TCP, connect_ms=None, latency_ms=None, source=Source.CAPTURE),
        call(2 * MINUTE, outcome=Outcome.SERVER_ERROR, first_byte_ms=900.0, latency_ms=950.0),
        a_reading(outcome=Outcome.SERVER_ERROR),
    ]
    found = capture(incident, begun(), a_window(*readings))
    assert (found.failing.calls, found.good.calls, found.extra) == (2, 2, 2)
    assert (found.failing.first_byte_ms, found.good.first_byte_ms) == (900.0, 200.0)
    assert (found.failing.connect_ms, found.good.connect_ms) == (None, 10.0)
    assert found.outcomes == {Outcome.TIMEOUT: 1, Outcome.SERVER_ERROR: 1}
    assert found.rungs == {Rung.TCP: 1, Rung.READ: 1}


def test_where_nothing_fails_the_calls_made_meanwhile_are_put_beside_those_before_and_after():
    incident = an_incident(symptom=SLOW, restored_at=an_incident().started_at + 10 * MINUTE, **APPOINTMENTS)
    readings = [call(n * MINUTE, latency_ms=1000.0 if n == 5 else 100.0) for n in (-5, 5, 15)]
    found = capture(incident, begun(incident), a_window(*readings))
    assert (found.failing.latency_ms, found.good.latency_ms) == (1000.0, 100.0)
    assert (found.failing.calls, found.good.calls) == (1, 2)
