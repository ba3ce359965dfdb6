"""Pending: keep what is to be tried next beside what is being measured, until it was done or is withdrawn."""

from __future__ import annotations

from datetime import UTC, datetime

from models.incident import Incident
from models.pending import Pending, PendingState, next_of, scheduled, settled
from models.remedy import Action
from tasks.choose import remedy_file
from tasks.house import House
from tasks.plan import plan_for

EVER = datetime.min.replace(tzinfo=UTC)


def waiting(house: House, incident_id: str) -> tuple[Pending, ...]:
    """What is to be tried next in one incident."""
    kept = house.ledger.all_kept(Pending, state=PendingState.WAITING)
    return tuple(one for one in kept if one.incident_id == incident_id)


async def keep_pending(house: House) -> None:
    """Settle what waits, and put the next remedy beside each action that is being measured."""
    settle(house)
    for integration in house.configuration.integrations:
        current = house.ledger.open_action(integration.id)
        if current is not None:
            await plan_next(house, house.ledger.incident(current.incident_id), current)


def settle(house: House) -> None:
    """End what has had its turn, and what will not have one; the thread says which, and why."""
    now = house.clock.now()
    for pending in house.ledger.all_kept(Pending, state=PendingState.WAITING):
        incident, actions = house.ledger.incident(pending.incident_id), house.ledger.actions(pending.incident_id)
        after = settled(pending, incident, actions, now, house.integration(pending.integration_id).probe_every)
        if after == pending:
            continue
        with house.ledger.change("pending", now) as change:
            change.keep(after, audited=after.state is not PendingState.WAITING)
            incident = change.incident(incident.id)
            if after.state is PendingState.WITHDRAWN and not incident.is_closed:
                change.save_incident(incident.note(now, f"{after.says}: withdrawn, {after.why}"))


async def plan_next(house: House, incident: Incident, current: Action) -> None:
    """Write down what comes after an action that is being measured, once."""
    every = house.integration(incident.integration_id).probe_every
    at = scheduled(current, remedy_file(current.remedy).remedy, every)
    if at is None or any(one.after == current.id for one in house.ledger.all_kept(Pending, incident.integration_id)):
        return
    steps = await plan_for(house, incident, as_if_free=True)
    earlier = [one for one in house.ledger.actions_since(EVER) if one.integration_id == incident.integration_id]
    pending = next_of(incident, current, steps, at, earlier)
    if pending is not None:
        with house.ledger.change("pending", house.clock.now()) as change:
            change.keep(pending)
