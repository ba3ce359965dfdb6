"""A plan that waits for people, in a real ledger, without a system behind it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from models.configuration import Configuration
from models.incident import Event, Incident, State
from models.policy import Approving, Permission, Policy
from models.remedy import Action, ActionState, plan_hash
from models.tier import Mode
from tasks.clock import Clock
from tasks.house import House
from tests.builders import EPIC, NOW, a_diagnosis, an_action, an_incident, an_integration

MINUTE = timedelta(minutes=1)
PLANNED = {"executed_at": None, "effective_at": None, "judged_at": None, "effect": None, "outcome": "IN_PROGRESS"}


def policy_for(people: int = 1, version: str = "1") -> Policy:
    """A policy under which so many people must agree to everything."""
    asks = {"reduce_polling": Permission(mode=Mode.APPROVE)}
    return Policy(version=version, owner="us", remedies=asks, approval=Approving(people=people))


def a_house_that_asks(home: Path, clock: Clock, people: int = 1) -> House:
    """A house of one integration."""
    configuration = Configuration(integrations=(an_integration(),), policy=policy_for(people), path=home)
    return House(configuration=configuration, home=home, clock=clock)


def under(house: House, policy: Policy) -> House:
    """The same house under another policy."""
    return replace(house, configuration=house.configuration.model_copy(update={"policy": policy}))


def ask(house: House, fingerprint: str = "a1") -> Action:
    """Open an incident, and put a plan about it on the table."""
    now = house.clock.now()
    told = an_incident(
        id="", fingerprint=fingerprint, state=State.OPEN, diagnosis=None, moments=(),
        started_at=NOW - MINUTE, detected_at=now, updated_at=now, severity="MEDIUM",
    )  # fmt: skip
    with house.ledger.change("test", now) as change:
        incident = change.open_incident(told)
        cause = a_diagnosis(cause="rate_limited", says="Their limit is reached", remedies=("reduce_polling",))
        incident = change.save_incident(incident.advance(Event.STARTED, now, "Diagnosed", diagnosis=cause))
        action = change.plan_action(_plan(house, incident))
        until = now + house.configuration.policy.approval.within
        action = change.save_action(action.to(ActionState.AWAITING_APPROVAL, expires_at=until), None)
        change.save_incident(incident.advance(Event.NEEDS_APPROVAL, now, "It waits for a person"))
    return action


def _plan(house: House, incident: Incident) -> Action:
    name, policy = "reduce_polling", house.configuration.policy
    return an_action(
        id="", incident_id=incident.id, integration_id=EPIC, remedy=name, says="Temporarily reduce polling frequency",
        state=ActionState.PLANNED, rule="D15", reason="policy says ask", planned_at=house.clock.now(),
        plan_hash=plan_hash(incident.id, name, policy.sha256, 1), **PLANNED,
    )  # fmt: skip


def move(house: House, incident_id: str, event: Event) -> Incident:
    """Something happens to the incident meanwhile."""
    now = house.clock.now()
    with house.ledger.change("test", now) as change:
        return change.save_incident(change.incident(incident_id).advance(event, now, "meanwhile"))
