"""Calls that go another way: one that is well, for as long as the main one is not, and no longer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from flows import demo_configuration
from flows.clock import CompressedClock
from models.incident import State
from models.remedy import ActionState
from models.standby import Away
from models.tuning import Adjustment, Setting, tuned
from models.waiting import Pause
from models.workaround import Ended, EndedState
from simulator.control import Clinic, start_clinic
from tasks.act import apply
from tasks.fail_back import is_away, look_back
from tasks.house import House, open_house
from tests.builders import a_diagnosis, an_action, an_incident
from tests.scenarios.staging import configure

EPIC = "epic-fhir-prod"
MINUTE = timedelta(minutes=1)
SPEED = 6000.0  # a minute is a hundredth of a second, or what a check takes
DOWN = {"share": 1.0, "status": 502, "route": "main"}


@pytest.fixture
def clinic(tmp_path) -> Iterator[Clinic]:
    with start_clinic(tmp_path / "clinic", speed=SPEED, systems=("epic",)) as clinic:
        yield clinic


@pytest.fixture
def house(clinic, tmp_path, request) -> House:
    """Under a policy by which a change lasts for an hour, or what the test says."""
    page = demo_configuration.epic(clinic)
    clock = CompressedClock(clinic.clock.start, clinic.clock.epoch, SPEED)
    directory = configure(tmp_path / "configuration", page)
    policy = directory / "policy.yaml"
    text = policy.read_text(encoding="utf-8")
    policy.write_text(text.replace("lasts: 1h", f"lasts: {getattr(request, 'param', '1h')}"), encoding="utf-8")
    return open_house(directory, tmp_path / "home", clock)


def a_change_of_way(clinic: Clinic, house: House) -> Adjustment | None:
    """Carry the remedy out as an action of an incident would; what it changed is in force."""
    clinic.keep_to(house.clock.go_on(MINUTE))
    now = house.clock.now()
    told = an_incident(
        id="", integration_id=EPIC, state=State.OPEN, started_at=now, detected_at=now, updated_at=now, moments=()
    )
    with house.ledger.change("test", now) as change:
        incident = change.open_incident(told.model_copy(update={"diagnosis": a_diagnosis()}))
        plan = an_action(id="", incident_id=incident.id, integration_id=EPIC, remedy="change_route", planned_at=now)
        nothing = {"executed_at": None, "effective_at": None, "judged_at": None, "effect": None}
        planned = plan.model_copy(update={"state": ActionState.PLANNED, "outcome": "IN_PROGRESS", **nothing})
        action = change.plan_action(planned)
    applied = asyncio.run(apply(house, action))
    with house.ledger.change("test", now) as change:
        for one in applied.adjustments:
            change.adjust(one)
    return next(iter(applied.adjustments), None)


def minutes(house: House, clinic: Clinic, count: int) -> None:
    """So many rounds, one check each."""
    for _ in range(count):
        clinic.keep_to(house.clock.go_on(MINUTE))
        began = time.monotonic()
        asyncio.run(look_back(house))
        time.sleep(max(0.0, 60 / SPEED - (time.monotonic() - began)))


def asked_for(house: House, span: timedelta) -> None:
    """They ask to be left alone for so long."""
    now = house.clock.now()
    with house.ledger.change("test", now) as change:
        change.keep(Pause(id=EPIC, integration_id=EPIC, since=now, until=now + span))


def route(house: House) -> str:
    now = house.clock.now()
    return tuned(house.ledger.adjustments(EPIC, as_of=now), now).route


def thread(house: House) -> list[str]:
    (incident,) = house.ledger.incidents(EPIC)
    return [moment.says for moment in incident.moments]


def test_calls_return_when_the_main_way_was_well_for_half_an_hour_unless_healing_is_halted(clinic, house, monkeypatch):
    clinic.break_("epic", "server_errors", **DOWN)
    assert a_change_of_way(clinic, house) is not None
    assert (route(house), is_away(house)) == ("secondary", True)
    minutes(house, clinic, 3)
    assert house.ledger.kept(Away, EPIC).failed == 3
    asked_for(house, timedelta(minutes=2))
    minutes(house, clinic, 1)
    assert house.ledger.kept(Away, EPIC).checks == 3  # who asked to be left alone is not asked this either
    minutes(house, clinic, 1)
    clinic.mend("epic", "server_errors")
    minutes(house, clinic, 25)
    monkeypatch.setenv("HEAL_HALT", "drill")
    minutes(house, clinic, 8)
    assert route(house) == "secondary"
    monkeypatch.delenv("HEAL_HALT")
    minutes(house, clinic, 1)
    assert (route(house), is_away(house)) == ("main", False)
    assert thread(house)[-1].startswith("Calls go by the main route again: it was well for 3")
    (ended,) = house.ledger.all_kept(Ended, EPIC)
    assert (ended.setting, ended.state) == (Setting.ROUTE, EndedState.WAITING)  # it is looked whether that was right
    assert house.ledger.verify_audit().intact


@pytest.mark.parametrize("house", ["10m"], indirect=True)
def test_calls_stay_away_for_longer_when_the_main_way_is_ill_at_the_end(clinic, house):
    clinic.break_("epic", "server_errors", **DOWN)
    first = a_change_of_way(clinic, house)
    minutes(house, clinic, 12)
    assert house.clock.now() > first.until
    assert route(house) == "secondary"
    (held,) = house.ledger.adjustments(EPIC, as_of=house.clock.now())
    assert (held.setting, held.action_id, held.previous) == (Setting.ROUTE, first.action_id, "main")
    assert "Calls stay on secondary until" in thread(house)[-1]


def test_a_way_that_is_ill_itself_is_never_taken(clinic, house):
    clinic.break_("epic", "server_errors", share=1.0, status=502)
    assert a_change_of_way(clinic, house) is None
    assert (route(house), is_away(house)) == ("main", False)
