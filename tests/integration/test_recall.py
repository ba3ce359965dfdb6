"""`heal similar INC`, over a real ledger: the rate limit of today recalls that of last Monday."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from flows.commands import similar
from flows.screens.memory import show_memory
from models.errors import HEALTHY
from models.incident import Event, Incident, State
from models.queue import acting_on
from models.remedy import ActionState
from tasks.house import House
from tasks.recall import recall
from tests.builders import EPIC, NOW, a_rate_limit, an_action, an_incident, an_integration
from tests.clocks import MovedClock, a_house
from tests.integration.test_screen import ROOT

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def house(tmp_path) -> House:
    return a_house(tmp_path, MovedClock(NOW), an_integration())


def lived(house: House, at: datetime, fingerprint: str, *, heals: bool = True) -> Incident:
    """A rate limit, found at an instant; healed after 18 minutes, and closed."""
    told = {"started_at": at, "detected_at": at, "updated_at": at, "symptom": "throttled", "moments": ()}
    fresh = an_incident(state=State.SUSPECTED, fingerprint=fingerprint, diagnosis=a_rate_limit(), **told)
    with house.ledger.change("test", at) as change:
        known = change.open_incident(fresh).advance(Event.CONFIRMED, at, "bad").advance(Event.STARTED, at, "looked at")
        known = change.save_incident(known)
    if not heals:
        return known
    tried(house, known, at)
    ended = at + 18 * MINUTE
    with house.ledger.change("test", ended) as change:
        known = known.advance(Event.RECOVERED, ended, "well", restored_at=ended)
        known = change.save_incident(known.advance(Event.QUIET, ended, "quiet", resolved_at=ended))
        return change.save_incident(known.advance(Event.AGED, ended, "old"))


def tried(house: House, incident: Incident, at: datetime) -> None:
    """One remedy that helped."""
    lease = house.ledger.acquire(acting_on(EPIC), "test", at, DAY)
    plan = {"remedy": "reduce_polling", "says": "Poll less often", "plan_hash": incident.id.ljust(64, "0")}
    fresh = {"executed_at": None, "effective_at": None, "judged_at": None, "effect": None, "impact": ""}
    planned = an_action(
        incident_id=incident.id, state=ActionState.PLANNED, planned_at=at, outcome="IN_PROGRESS", **plan | fresh
    )
    done = an_action()
    with house.ledger.change("test", at) as change:
        action = change.plan_action(planned)
        action = change.save_action(action.to(ActionState.APPROVED), None)
        action = change.save_action(action.to(ActionState.EXECUTING), lease)
        action = change.save_action(action.to(ActionState.VERIFYING, effective_at=at), lease)
        proven = {"effect": done.effect, "outcome": done.outcome, "judged_at": at + MINUTE}
        change.save_action(action.to(ActionState.SUCCEEDED, **proven), lease)


def test_a_rate_limit_recalls_that_of_last_monday_with_its_outcome_and_how_long_it_took(house, capsys):
    monday = lived(house, NOW - 2 * DAY, "a" * 16)
    lived(house, NOW - 9 * DAY, "b" * 16)
    today = lived(house, NOW, "c" * 16, heals=False)
    assert similar.command(today.id, config=ROOT / "deployments", home=house.home) == HEALTHY
    first, helped, restored, _, nearest, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith(f"Similar pattern last Monday ({monday.id}): API rate limiting triggered")
    assert first.endswith("; Poll less often helped, restored after 18 minutes")
    assert helped == "Poll less often helped 2 of 2 times in incidents like this."
    assert restored == "Restored after 18 minutes (median of 2)."
    assert monday.id in nearest
    assert rest[-1] == f"More of the nearest: heal explain {monday.id}"


def test_a_suspicion_that_went_away_is_not_recalled(house, capsys):
    at = NOW - DAY
    told = {"started_at": at, "detected_at": at, "updated_at": at, "moments": ()}
    with house.ledger.change("test", at) as change:
        gone = change.open_incident(an_incident(state=State.SUSPECTED, fingerprint="a" * 16, **told))
        change.save_incident(gone.advance(Event.CLEARED, at, "over"))
    show_memory(recall(house, lived(house, NOW, "c" * 16, heals=False)))
    assert capsys.readouterr().out == "No past incident is like this one.\n"
