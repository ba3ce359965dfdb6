"""Act: intent, effect, result. Each is in the ledger before the next begins (spec: safety, A1, A2).

A process that dies on the way leaves the action `executing`; whoever finds it asks the remedy whether the
effect is in place before doing anything again.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from models.choice import Chosen
from models.errors import LedgerConflict
from models.incident import Event, Incident, State
from models.queue import Lease, acting_on
from models.reading import Counts
from models.remedy import Action, ActionState, Effect, EffectClass, Outcome, Remedy, plan_hash
from tasks.actuators._interface import Unknown
from tasks.choose import case_of, halted, remedy_file, version_of
from tasks.connectors._interface import Connector
from tasks.house import House
from tasks.probe import connected, tuning_of
from tasks.remedies._interface import Applied, Job

LEASE = timedelta(seconds=30)  # of real time (spec: safety, 1.7); longer than any remedy may take
LEFT_BEHIND = frozenset({ActionState.EXECUTING, ActionState.UNKNOWN})  # by whoever died, or got no answer
APPLY_S = 20.0  # real seconds for one remedy; one that takes longer is treated as interrupted


def lease_on(house: House, integration_id: str) -> Lease | None:
    """The right to act on an integration; None while another process has it."""
    ttl = LEASE * house.clock.speed
    return house.ledger.acquire(acting_on(integration_id), house.holder, house.clock.now(), ttl)


async def act(house: House, incident: Incident, chosen: Chosen) -> Incident:
    """Intent, effect, result: each in the ledger before the next begins (invariants A1, A2)."""
    lease = lease_on(house, incident.integration_id)
    if lease is None:
        return incident
    try:
        incident, action = intend(house, incident, chosen, lease)
        return await carry_out(house, incident, action, lease)
    except LedgerConflict:  # another process moved first; what it did stands, and the next cycle sees it
        return house.ledger.incident(incident.id)
    finally:
        house.ledger.release(lease, house.clock.now())


async def act_on(house: House, incident: Incident, action: Action) -> Incident:
    """The same for a plan that people agreed to: its intent is the plan itself."""
    lease = lease_on(house, incident.integration_id)
    if lease is None:
        return incident
    try:
        now = house.clock.now()
        with house.ledger.change("remediate", now) as change:
            begun = change.save_action(action.to(ActionState.EXECUTING, executed_at=now, token=lease.token), lease)
            incident = change.save_incident(incident.advance(Event.PLANNED, now, f"{action.says} (agreed to)"))
        return await carry_out(house, incident, begun, lease)
    except LedgerConflict:  # as above
        return house.ledger.incident(incident.id)
    finally:
        house.ledger.release(lease, house.clock.now())


def planned(house: House, incident: Incident, chosen: Chosen) -> Action:
    """The attempt on paper, bound to the policy under which it was allowed."""
    remedy, now = chosen.remedy, house.clock.now()
    attempt = 1 + sum(action.remedy == remedy.name for action in house.ledger.actions(incident.id))
    return Action(
        id="",
        incident_id=incident.id,
        integration_id=incident.integration_id,
        remedy=remedy.name,
        says=remedy.says,
        state=ActionState.PLANNED,
        rule=chosen.decision.rule,
        reason=chosen.decision.reason,
        plan_hash=plan_hash(incident.id, remedy.name, version_of(house, incident.integration_id), attempt),
        attempt=attempt,
        planned_at=now,
        effect=None if remedy.effect is EffectClass.OBSERVE else effect_before(house, incident),
    )


def effect_before(house: House, incident: Incident) -> Effect:
    """Nothing measured after it yet; before it, reads since the trouble began or the last attempt took effect.

    While an attempt was in force that made it worse and was taken back, nothing is learned of what is usual without it.
    """
    case = case_of(house, incident)
    actions = house.ledger.actions(incident.id)
    spoilt = [(a.effective_at, a.judged_at) for a in actions if a.effective_at and a.judged_at and is_undone(a)]
    effective = [a.effective_at for a in actions if a.effective_at and not is_undone(a)]
    since = max([incident.started_at, *effective])
    readings = case.window.between(max(since, case.window.since), case.window.until).readings
    plain = [r for r in readings if not any(begun <= r.observed_at < ended for begun, ended in spoilt)]
    return Effect(before=Counts.of(plain), after=Counts(total=0, failed=0))


def is_undone(action: Action) -> bool:
    """Whether it was taken back because it made things worse."""
    return action.state is ActionState.ROLLED_BACK


def intend(house: House, incident: Incident, chosen: Chosen, lease: Lease) -> tuple[Incident, Action]:
    """Write down what is about to be done, before it is done."""
    now = house.clock.now()
    plan = planned(house, incident, chosen)
    with house.ledger.change("remediate", now) as change:
        action = change.plan_action(plan)
        action = change.save_action(action.to(ActionState.APPROVED), lease)
        action = change.save_action(action.to(ActionState.EXECUTING, executed_at=now, token=lease.token), lease)
        if incident.state is State.DIAGNOSING:
            incident = change.save_incident(incident.advance(Event.PLANNED, now, f"{action.says} ({action.rule})"))
    return incident, action


async def carry_out(house: House, incident: Incident, action: Action, lease: Lease) -> Incident:
    """The effect itself, then its result in one transaction with the adjustments that revert by themselves.

    Raises:
        LedgerConflict: the lease was lost, before the effect (nothing was done) or after it (the result is refused).
    """
    if not house.ledger.holds(lease):  # we may have been asleep since the intent
        raise LedgerConflict(f"the lease on {incident.integration_id} was lost before anything was done")
    try:
        applied = await apply(house, action)
    except (TimeoutError, Unknown) as error:
        return interrupted(house, incident, action, lease, str(error) or f"no answer within {APPLY_S:.0f} s")
    now = house.clock.now()
    last = applied.steps[-1].says
    with house.ledger.change("remediate", now) as change:
        for adjustment in applied.adjustments:
            change.adjust(adjustment)
        change.processed(applied.processed, ok=True)
        if applied.ok:
            done = action.to(ActionState.VERIFYING, effective_at=now, steps=applied.steps)
            event, says = Event.ACTED, f"{action.says}: {last}. Now measured"
        else:
            result: dict[str, object] = {"judged_at": now, "outcome": Outcome.WORSE, "impact": last}
            done = action.to(ActionState.FAILED, steps=applied.steps, **result)
            event, says = Event.ACTION_FAILED, f"{action.says}: {last}"
        change.save_action(done, lease)
        is_remediating = incident.state is State.REMEDIATING
        moved = incident.advance(event, now, says) if is_remediating else incident.note(now, says)
        return change.save_incident(moved)


async def apply(house: House, action: Action) -> Applied:
    """Carry the remedy out, within its time.

    Raises:
        TimeoutError: when it takes too long; whether it took effect must then be found out.
        Unknown: its actuator does not know; the same holds.
    """
    async with connected(house, house.integration(action.integration_id)) as connector:
        async with asyncio.timeout(APPLY_S):
            applied: Applied = await remedy_file(action.remedy).apply(job(house, action, connector))
    return applied


def interrupted(house: House, incident: Incident, action: Action, lease: Lease, why: str) -> Incident:
    """Nobody knows whether it took effect: the next step finds out before anything is done again."""
    now = house.clock.now()
    with house.ledger.change("remediate", now) as change:
        change.save_action(action.to(ActionState.UNKNOWN), lease)
        return change.save_incident(incident.note(now, f"{action.says}: {why}"))


def job(house: House, action: Action, connector: Connector) -> Job:
    """What a remedy is handed."""
    integration = house.integration(action.integration_id)
    permission = house.configuration.policy.permission(action.remedy)
    return Job(
        action=action,
        integration=integration,
        connector=connector,
        ledger=house.ledger,
        clock=house.clock,
        tuning=tuning_of(house, integration),
        lasts=permission.lasts,
        by=lambda tuning: connected(house, integration, tuning),
        base=house.configuration.path,
        home=house.home,
    )


async def recover(house: House, incident: Incident, action: Action) -> Incident:
    """An action that a dead process left behind: look before doing anything again (spec: safety, 1.6)."""
    lease = lease_on(house, incident.integration_id)
    if lease is None:  # its owner is alive
        return incident
    try:
        return await resume(house, incident, action, lease)
    except LedgerConflict:  # another process moved first, as above
        return house.ledger.incident(incident.id)
    finally:
        house.ledger.release(lease, house.clock.now())


async def resume(house: House, incident: Incident, action: Action, lease: Lease) -> Incident:
    """In place → verify it; not in place, harmless to repeat, tries left → repeat; anything else → a person."""
    action, incident = house.ledger.action(action.id), house.ledger.incident(incident.id)
    if action.state not in LEFT_BEHIND:  # its owner was alive, and came to an end while we waited for the lease
        return incident
    async with connected(house, house.integration(incident.integration_id)) as connector:
        in_place = await remedy_file(action.remedy).observe(job(house, action, connector))
    now, why_not = house.clock.now(), why_never_again(house, action, in_place=in_place)
    if not in_place and why_not is None and halted(house):
        return incident  # nothing is begun; it is looked at again when healing is on
    with house.ledger.change("recover", now) as change:
        if action.state is ActionState.EXECUTING:
            action = change.save_action(action.to(ActionState.UNKNOWN, token=lease.token), lease)
        if in_place:
            change.save_action(action.to(ActionState.VERIFYING, effective_at=now), lease)
            says = "After an interruption: the effect is in place, now measured"
            return change.save_incident(resumed(incident, now, says))
        if why_not is not None:
            change.save_action(action.to(ActionState.NEEDS_HUMAN, judged_at=now), lease)
            return change.save_incident(stopped(incident, now, f"After an interruption: {why_not}"))
        action = change.save_action(action.to(ActionState.EXECUTING, executed_at=now, token=lease.token), lease)
    return await carry_out(house, incident, action, lease)


def why_never_again(house: House, action: Action, *, in_place: bool | None) -> str | None:
    """Why an interrupted effect may not be begun once more; None: it may. A crash uses up a try (A4, A7)."""
    remedy: Remedy = remedy_file(action.remedy).remedy
    if in_place is None or not remedy.idempotent:
        return "whether it took effect cannot be found out"
    most = house.configuration.policy.permission(action.remedy).limits.attempts_per_incident
    begun = sum(a.begun for a in house.ledger.actions(action.incident_id) if a.remedy == action.remedy)
    return f"it was begun {begun} times (limit {most}), and is not in place" if begun >= most else None


def resumed(incident: Incident, now: datetime, says: str) -> Incident:
    """The incident goes on to verification."""
    return incident.advance(Event.ACTED, now, says) if incident.state is State.REMEDIATING else incident.note(now, says)


def stopped(incident: Incident, now: datetime, says: str) -> Incident:
    """The incident goes back, for a person to look at."""
    if incident.state is not State.REMEDIATING:
        return incident.note(now, says)
    return incident.advance(Event.ACTION_FAILED, now, says).advance(Event.NO_REMEDY, now, says)
