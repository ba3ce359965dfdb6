"""Remediate: one step of one incident, decided by the ledger.

    diagnosing   choose a remedy → intent (committed) → effect → result (committed) → verifying
    verifying    enough fresh readings? → the outcome word → monitoring, or undo and back to diagnosing
    rolling back undo what was done outside of us, until that is done or a person is called
    monitoring   replay the reads that were missed
    executing    found after a crash: ask whether the effect is in place, then go on or stop

Each call does at most one of these and returns, so that nothing waits for anything: the next cycle's readings
are the proof. Calling it twice, or again after a crash, never acts twice.
"""

from __future__ import annotations

from models.choice import Chosen, untried
from models.errors import LedgerConflict
from models.incident import Event, Incident, State
from models.policy import Decision, Verdict
from models.remedy import Action, ActionState, Remedy
from tasks.act import act, act_on, planned, recover
from tasks.approve import back, is_of_this_policy
from tasks.choose import is_failing, pick, remedy_file
from tasks.gate import is_spared
from tasks.house import House
from tasks.take_back import roll_back
from tasks.verify import REPLAY, verify
from tasks.workarounds import proposable


async def remediate(house: House, incident_id: str) -> tuple[Incident, Decision | None]:
    """Take the next step of this incident, if there is one; and the decision it rested on.

    What another process did first stands, and the next cycle sees it.
    """
    try:
        return await take_step(house, incident_id)
    except LedgerConflict:
        return house.ledger.incident(incident_id), None


async def take_step(house: House, incident_id: str) -> tuple[Incident, Decision | None]:
    """The same, for whoever is alone."""
    incident = house.ledger.incident(incident_id)
    open_action = house.ledger.open_action(incident.integration_id)
    if open_action is not None and open_action.incident_id == incident.id:
        return await go_on(house, incident, open_action), None
    if incident.state is State.DIAGNOSING:
        return await begin(house, incident)
    if incident.state is State.MONITORING and house.ledger.backlog(incident.id).waiting:
        return await replay(house, incident)
    return incident, None


async def go_on(house: House, incident: Incident, action: Action) -> Incident:
    """What an action that is under way asks for."""
    if action.state is ActionState.VERIFYING:
        incident = verify(house, incident, action)
        action = house.ledger.action(action.id)
    if action.state is ActionState.ROLLING_BACK:
        return await roll_back(house, incident, action)
    if action.state is ActionState.APPROVED:
        return await as_agreed(house, incident, action)
    if action.state in {ActionState.EXECUTING, ActionState.UNKNOWN}:
        return await recover(house, incident, action)
    return incident


async def as_agreed(house: House, incident: Incident, action: Action) -> Incident:
    """Carry out what people agreed to, if it may still be done and is still needed: limits hold for people too."""
    if incident.state is not State.AWAITING_APPROVAL:
        return drop(house, action, "the incident does not wait for it any more")
    if not is_of_this_policy(house, action):
        return drop(house, action, "the policy has changed since it was agreed to")
    _, decision = await pick(house, incident, (action.remedy,))
    if decision is not None and decision.verdict in {Verdict.ALLOWED, Verdict.NEEDS_APPROVAL}:
        return await act_on(house, incident, action)
    return drop(house, action, f"{decision.reason} ({decision.rule})" if decision else "no longer possible")


def drop(house: House, action: Action, why: str) -> Incident:
    """Cancel what people agreed to; what somebody has begun meanwhile is left to them."""
    now = house.clock.now()
    with house.ledger.change("remediate", now) as change:
        if change.action(action.id).state is ActionState.APPROVED:
            change.save_action(action.to(ActionState.CANCELLED, judged_at=now), None)
            back(change.incident(action.incident_id), f"{action.says}: not carried out, {why}", change, now)
        return change.incident(action.incident_id)


async def begin(house: House, incident: Incident) -> tuple[Incident, Decision | None]:
    """Choose the next remedy and carry it out, or say that there is none."""
    named = incident.diagnosis.remedies if incident.diagnosis else ()
    wanted = untried(named, house.ledger.actions(incident.id), proposable(house, incident.integration_id))
    if not is_failing(house, incident):
        return incident, None  # on its way to recovery: two more good cycles will say so
    chosen, decision = await pick(house, incident, wanted)
    if chosen is None or chosen.decision.verdict is Verdict.NOT_NEEDED:
        return give_up(house, incident, decision, chosen.remedy.name if chosen else None), decision
    if chosen.decision.verdict is Verdict.ALLOWED:
        return await act(house, incident, chosen), decision
    if chosen.decision.verdict is Verdict.NEEDS_APPROVAL:
        return ask_for_approval(house, incident, chosen), decision
    return hold(house, incident, chosen), decision


def hold(house: House, incident: Incident, chosen: Chosen) -> Incident:
    """It waits: the thread says why, once for as long as the same rule holds it."""
    rule, now = chosen.decision.rule, house.clock.now()
    begins, ends = f"{chosen.remedy.says} waits: ", f" ({rule})"
    if (last := incident.moments[-1].says if incident.moments else "").startswith(begins) and last.endswith(ends):
        return incident
    with house.ledger.change("remediate", now) as change:
        change.decided(incident.id, chosen.remedy.name, chosen.decision.verdict, rule)
        return change.save_incident(incident.note(now, f"{begins}{chosen.decision.reason}{ends}"))


async def replay(house: House, incident: Incident) -> tuple[Incident, Decision | None]:
    """Make up for the missed reads, as policy allows: not while the system is to be spared, or the trouble is back."""
    if is_spared(house, house.integration(incident.integration_id)) or is_failing(house, incident):
        return incident, None
    chosen, decision = await pick(house, incident, (REPLAY,))
    if chosen is None or chosen.decision.verdict is not Verdict.ALLOWED:
        return incident, decision
    incident = await act(house, incident, chosen)
    action = house.ledger.open_action(incident.integration_id)
    if action is not None and action.state is ActionState.VERIFYING:  # the queue itself is the proof
        incident = verify(house, incident, action)
    return incident, decision


def give_up(house: House, incident: Incident, decision: Decision | None, remedy: str | None = None) -> Incident:
    """Nothing (more) may be tried: the incident waits for itself or for a person."""
    now = house.clock.now()
    says = f"No remedy: {decision.reason} ({decision.rule})" if decision else "No remedy is left for this cause"
    with house.ledger.change("remediate", now) as change:
        if decision is not None:
            change.decided(incident.id, remedy, decision.verdict, decision.rule)
        return change.save_incident(incident.advance(Event.NO_REMEDY, now, says))


def ask_for_approval(house: House, incident: Incident, chosen: Chosen) -> Incident:
    """Put the plan on the table for a person."""
    now = house.clock.now()
    with house.ledger.change("remediate", now) as change:
        action = change.plan_action(planned(house, incident, chosen))
        until = now + house.configuration.policy.approval.within
        action = change.save_action(action.to(ActionState.AWAITING_APPROVAL, expires_at=until), None)
        asked = f"{chosen.decision.reason} ({chosen.decision.rule}); heal approve {action.id}, until {until:%H:%M} UTC"
        says = f"{chosen.remedy.says} waits for a person: {asked}"
        return change.save_incident(incident.advance(Event.NEEDS_APPROVAL, now, says))


def is_due(house: House, incident: Incident) -> bool:
    """Whether `remediate` has something to do for this incident now."""
    if incident.state in {State.DIAGNOSING, State.REMEDIATING}:
        return True
    action = house.ledger.open_action(incident.integration_id)
    if action is not None and action.incident_id == incident.id:
        return is_ripe(house, action)
    return incident.state is State.MONITORING and house.ledger.backlog(incident.id).waiting > 0


def is_under_way(house: House, incident: Incident) -> bool:
    """Whether an action of this incident is open, be it that people agreed to it or that it was begun."""
    action = house.ledger.open_action(incident.integration_id)
    return action is not None and action.incident_id == incident.id


def is_ripe(house: House, action: Action) -> bool:
    """Whether enough time has passed since the effect for the readings to be the proof."""
    if action.state is not ActionState.VERIFYING or action.effective_at is None:
        return action.state is not ActionState.AWAITING_APPROVAL
    remedy: Remedy = remedy_file(action.remedy).remedy
    every = house.integration(action.integration_id).probe_every
    return house.clock.now() - action.effective_at >= (remedy.verify_cycles - 0.5) * every
