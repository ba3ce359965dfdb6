"""A closer look at what recurs, on a pretend clinic: real calls, beside the usual ones and counted nowhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from models.incident import Event, Incident, State
from models.procedure import LASTS, Capture, Procedure
from models.reading import Outcome, Reading, Source
from models.recurrence import Problem
from simulator.control import Clinic, start_clinic
from tasks.house import House
from tasks.probe import probe_all
from tasks.procedure import follow_procedure
from tasks.remember import recent, remember
from tests.builders import NOW, a_diagnosis, an_incident, an_integration
from tests.clocks import MovedClock, a_house
from tests.integration.test_service_clinic import ID, MORNING, calling

MINUTE = timedelta(minutes=1)
pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def premises(tmp_path_factory) -> Iterator[Clinic]:
    with start_clinic(tmp_path_factory.mktemp("clinic"), start=MORNING, speed=1.0, systems=("epic",)) as clinic:
        yield clinic


@pytest.fixture
def clinic(premises) -> Iterator[Clinic]:
    yield premises
    premises.mend()


def recurring(house: House, whose: str, **changes) -> Incident:
    """An incident of appointments that fail, of a problem that is open."""
    at = house.clock.now()
    told = {"integration_id": whose, "started_at": at, "detected_at": at, "updated_at": at, "moments": ()}
    known = {
        "symptom": "server_error",
        "diagnosis": a_diagnosis(integration_id=whose, affected_components=("Appointment API",)),
    }
    with house.ledger.change("test", at) as change:
        incident = change.open_incident(an_incident(state=State.SUSPECTED, **told | known | changes))
        incident = change.save_incident(incident.advance(Event.CONFIRMED, at, "bad"))
        change.keep(
            Problem(
                id="PRB-1",
                integration_id=whose,
                fingerprint=incident.fingerprint,
                symptom=incident.symptom,
                opened_at=at,
                times=3,
                since=at,
                incidents=(incident.id,),
            )
        )
    return incident


def over(house: House, incident: Incident) -> Incident:
    at = house.clock.now()
    with house.ledger.change("test", at) as change:
        well = incident.advance(Event.RECOVERED, at, "well", restored_at=at)
        return change.save_incident(well.advance(Event.QUIET, at, "quiet", resolved_at=at))


async def cycle(house: House) -> tuple[Reading, ...]:
    readings = await probe_all(house)
    remember(readings, house.home)
    return readings


def last_minutes(house: House, whose: str = ID):
    now = house.clock.now()
    return recent(house.home, whose, now - 15 * MINUTE, now + MINUTE)


async def test_the_suspect_operation_alone_is_called_six_times_and_the_rest_as_before(clinic, tmp_path):
    house = calling(clinic, tmp_path, calls=2)
    incident = recurring(house, ID)
    before = await cycle(house)
    procedure = follow_procedure(house, incident, last_minutes(house))
    assert not procedure.is_afresh
    assert procedure.operations == ("Appointment.search",)
    clinic.break_("epic", "server_errors", share=1.0)
    during = await cycle(house)
    assert Counter(one.operation for one in before) == {"Patient.search": 2, "Appointment.search": 2}
    assert Counter(one.operation for one in during) == {"Patient.search": 2, "Appointment.search": 12}
    usual = [one for one in during if one.source is Source.PROBE]
    assert Counter(one.operation for one in usual) == {"Patient.search": 2, "Appointment.search": 2}
    assert last_minutes(house).counts.total == len(before) + len(usual)
    over(house, incident)
    ended = follow_procedure(house, house.ledger.incident(incident.id), last_minutes(house))
    assert ended.ended_for == "captured"
    found = house.ledger.kept(Capture, incident.id)
    assert (found.failing.calls, found.good.calls, found.extra) == (12, 2, 10)
    assert found.outcomes == {Outcome.SERVER_ERROR: 12}
    assert found.failing.first_byte_ms > 0
    assert Counter(one.operation for one in await cycle(house)) == Counter(one.operation for one in before)


async def test_where_the_way_is_suspected_each_call_more_opens_a_connection_of_its_own(clinic, tmp_path):
    house = calling(clinic, tmp_path, calls=2)
    incident = recurring(house, ID, symptom="transport")
    assert follow_procedure(house, incident, last_minutes(house)).is_afresh
    extra = [one for one in await cycle(house) if one.source is Source.CAPTURE]
    assert len(extra) == 10
    assert all(one.connect_ms is not None and one.tls_ms is not None for one in extra)


async def test_the_first_refusal_for_their_limit_ends_it(clinic, tmp_path):
    house = calling(clinic, tmp_path, calls=2)
    incident = recurring(house, ID)
    assert follow_procedure(house, incident, last_minutes(house)) is not None
    clinic.break_("epic", "rate_limit", per_minute=1)
    await cycle(house)
    ended = follow_procedure(house, incident, last_minutes(house))
    assert ended.ended_for == "rate_limit_met"
    clinic.mend("epic", "rate_limit")  # else the first refusal would be the last call of the round
    assert len(await cycle(house)) == 4


@pytest.fixture
def still(tmp_path: Path) -> House:
    return a_house(tmp_path, MovedClock(NOW), an_integration())


def test_it_ends_after_two_hours_even_if_the_trouble_does_not(still):
    incident = recurring(still, "epic-fhir-main")
    begun = follow_procedure(still, incident, last_minutes(still, "epic-fhir-main"))
    still.clock.move(LASTS - MINUTE)
    assert follow_procedure(still, incident, last_minutes(still, "epic-fhir-main")) == begun
    still.clock.move(MINUTE)
    assert follow_procedure(still, incident, last_minutes(still, "epic-fhir-main")).ended_for == "time_is_up"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"diagnosis": None}, id="not diagnosed yet"),
        pytest.param({"symptom": "throttled"}, id="a rate limit"),
    ],
)
def test_it_does_not_begin_where_it_would_not_help(still, changes):
    incident = recurring(still, "epic-fhir-main", **changes)
    assert follow_procedure(still, incident, last_minutes(still, "epic-fhir-main")) is None
    assert still.ledger.all_kept(Procedure) == ()


def test_an_incident_of_no_problem_is_looked_at_as_usual(still):
    at = still.clock.now()
    with still.ledger.change("test", at) as change:
        incident = change.open_incident(an_incident(state=State.OPEN, moments=()))
    assert follow_procedure(still, incident, last_minutes(still, "epic-fhir-main")) is None
