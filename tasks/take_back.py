"""Take back: what was done outside of us and did not help, or has reached its end (spec: safety, 1.6, A6, A8).

rolling_back   undo each thing that the attempt did → rolled_back; twice without success → rollback_failed, a person
at its end     a temporary change is undone by the next cycle, whoever made it, and tried again until it is
"""

from __future__ import annotations

from models.actuator import Actuation, Stage
from models.anomaly import Severity
from models.errors import LedgerConflict
from models.incident import Event, Incident, State
from models.queue import Lease
from models.remedy import Action, ActionState
from tasks.act import lease_on
from tasks.actuate import can_undo, take_back
from tasks.actuators._interface import Done
from tasks.choose import halted
from tasks.house import House

MOST_TRIES = 2  # of undoing one thing in a roll-back (spec: safety, 1.6: "unknown twice")


def standing(house: House, action: Action) -> tuple[Actuation, ...]:
    """What this attempt did outside of us, stands, and can be taken back."""
    made = house.ledger.all_kept(Actuation, action.integration_id)
    integration = house.integration(action.integration_id)
    return tuple(one for one in made if one.action_id == action.id and one.stands and can_undo(one, integration))


async def roll_back(house: House, incident: Incident, action: Action) -> Incident:
    """Undo what the attempt did; the next cycle tries again what could not be undone at the first try."""
    lease = lease_on(house, action.integration_id)
    if lease is None:
        return incident
    try:
        tried = [(one, await undo(house, one)) for one in standing(house, action)]
        failed = [(one, done) for one, done in tried if not done.ok]
        if failed and all(one.undo_tries + 1 < MOST_TRIES for one, _ in failed):
            with house.ledger.change("remediate", house.clock.now()) as change:
                says = f"{action.says}: not taken back yet, {failed[0][1].says}"
                return change.save_incident(incident.note(house.clock.now(), says))
        return rolled_back(house, incident, action, lease, failed[0][1].says if failed else None)
    except LedgerConflict:  # another process moved first
        return house.ledger.incident(incident.id)
    finally:
        house.ledger.release(lease, house.clock.now())


def rolled_back(house: House, incident: Incident, action: Action, lease: Lease, failure: str | None) -> Incident:
    """The attempt is over; a person is called when something of it still stands."""
    now = house.clock.now()
    with house.ledger.change("remediate", now) as change:
        change.save_action(action.to(ActionState.ROLLBACK_FAILED if failure else ActionState.ROLLED_BACK), lease)
        if incident.state is not State.VERIFYING:
            return change.save_incident(incident.note(now, failure or f"{action.says}: taken back"))
        if failure is None:
            return change.save_incident(incident.advance(Event.NOT_VERIFIED, now, f"{action.says}: taken back"))
        says = f"{action.says}: could not be taken back, {failure}"
        moved = incident.advance(Event.NOT_VERIFIED, now, says, severity=Severity.CRITICAL)
        return change.save_incident(moved.advance(Event.NO_REMEDY, now, "It needs a person"))


async def give_back(house: House) -> tuple[Actuation, ...]:
    """Undo every temporary change whose end has come; those that were undone now. Halted means: nothing is done."""
    now = house.clock.now()
    made = [one for state in (Stage.INTENDED, Stage.IN_FORCE) for one in house.ledger.all_kept(Actuation, state=state)]
    due = [one for one in made if one.is_due(now)]
    declared = {one.id for one in house.configuration.integrations}
    if not due or halted(house):
        return ()
    return tuple([one for one in due if one.integration_id in declared and await ended(house, one)])


async def ended(house: House, one: Actuation) -> bool:
    """Undo one of them, unless somebody acts on its integration just now."""
    lease = lease_on(house, one.integration_id)
    if lease is None:
        return False
    try:
        return (await undo(house, one)).ok
    finally:
        house.ledger.release(lease, house.clock.now())


async def undo(house: House, one: Actuation) -> Done:
    """Undo it as the integration's present declaration says."""
    integration, base = house.integration(one.integration_id), house.configuration.path
    return await take_back(one, integration, house.ledger, house.clock, base, house.home)
