"""Remediate: one step of one incident, decided by the ledger.

    diagnosing   choose a remedy → intent (committed) → effect → result (committed) → verifying
    verifying    enough fresh readings? → the outcome word → monitoring, or undo and back to diagnosing
    monitoring   replay the reads that were missed
    executing    found after a crash: ask whether the effect is in place, then go on or stop

Each call does at most one of these and returns, so that nothing waits for anything: the next cycle's readings
are the proof. Calling it twice, or again after a crash, never acts twice.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from types import ModuleType

from models.anomaly import Case
from models.catalogue import load, names
from models.choice import Chosen, choose, request_for, untried
from models.errors import LedgerConflict
from models.follow import flags, good_since, trailing_good
from models.incident import GOOD_CYCLES, Event, Incident, State
from models.policy import Decision, Request, Verdict
from models.queue import Lease, acting_on
from models.reading import Counts
from models.remedy import (
    Action,
    ActionState,
    Effect,
    Outcome,
    Remedy,
    impact,
    judge,
    plan_hash,
)
from tasks.connectors import _interface as capabilities
from tasks.connectors._interface import RenewsCredentials
from tasks.detect import gather_case
from tasks.house import House
from tasks.probe import connected, tuning_of
from tasks.remedies._interface import Applied, Job

LEASE = timedelta(seconds=90)  # longer than any remedy may take: 60 s (spec: safety, execution.timeout_s)
REPLAY = "replay_missed"
KEPT = frozenset({Outcome.PARTIAL, Outcome.MINIMAL})  # what helped a little stays until its own end


async def remediate(house: House, incident_id: str) -> tuple[Incident, Decision | None]:
    """Take the next step of this incident, if there is one; and the decision it rested on."""
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
        return verify(house, incident, action)
    if action.state in {ActionState.EXECUTING, ActionState.UNKNOWN, ActionState.APPROVED}:
        return await recover(house, incident, action)
    return incident


async def begin(house: House, incident: Incident) -> tuple[Incident, Decision | None]:
    """Choose the next remedy and carry it out, or say that there is none."""
    wanted = untried(incident.diagnosis.remedies if incident.diagnosis else (), house.ledger.actions(incident.id))
    chosen, decision = await pick(house, incident, wanted)
    if chosen is None or chosen.decision.verdict is Verdict.NOT_NEEDED:
        return give_up(house, incident, decision), decision
    if chosen.decision.verdict is Verdict.ALLOWED:
        return await act(house, incident, chosen), decision
    if chosen.decision.verdict is Verdict.NEEDS_APPROVAL:
        return ask_for_approval(house, incident, chosen), decision
    return incident, decision


async def pick(house: House, incident: Incident, wanted: tuple[str, ...]) -> tuple[Chosen | None, Decision | None]:
    """The first of these remedies that policy lets run now, and the last decision taken."""
    now = house.clock.now()
    integration = house.integration(incident.integration_id)
    async with connected(house, integration) as connector:
        refusal = connector.credential().last_refusal if isinstance(connector, RenewsCredentials) else None
        has = {name for name in dir(capabilities) if is_capability(name) and isinstance(connector, capability(name))}
    actions, recent = house.ledger.actions(incident.id), house.ledger.actions_since(now - timedelta(days=1))
    failing = is_failing(house, incident)

    def ask(remedy: Remedy) -> Request:
        return request_for(
            remedy,
            incident=incident,
            integration=integration,
            policy=house.configuration.policy,
            actions=actions,
            recent=recent,
            as_of=now,
            capable=remedy.needs is None or remedy.needs in has,
            halted=house.ledger.halted() is not None,
            still_failing=failing,
            refusal_code=refusal,
        )

    return choose(wanted, {name: remedy_file(name).remedy for name in wanted}, ask)


def is_capability(name: str) -> bool:
    """Whether the interface declares a capability of this name."""
    return getattr(getattr(capabilities, name), "_is_runtime_protocol", False)


def capability(name: str) -> type:
    """The protocol class of a capability."""
    found: type = getattr(capabilities, name)
    return found


def remedy_file(name: str) -> ModuleType:
    """The file of a remedy that a signature names."""
    return load("tasks.remedies", name)


def is_failing(house: House, incident: Incident) -> bool:
    """Whether the latest cycle still shows trouble; a recovered integration is left alone (D8)."""
    bad = flags(case_of(house, incident))
    return bool(bad) and trailing_good(bad) < GOOD_CYCLES


def case_of(house: House, incident: Incident) -> Case:
    """The present case of the incident's integration."""
    return gather_case(house, house.integration(incident.integration_id))


async def act(house: House, incident: Incident, chosen: Chosen) -> Incident:
    """Intent, effect, result: each in the ledger before the next begins (invariants A1, A2)."""
    lease = house.ledger.acquire(acting_on(incident.integration_id), house.holder, house.clock.now(), LEASE)
    if lease is None:
        return incident
    try:
        incident, action = intend(house, incident, chosen, lease)
        return await carry_out(house, incident, action, lease)
    except LedgerConflict:  # another process moved first; what it did stands, and the next cycle sees it
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
        plan_hash=plan_hash(incident.id, remedy.name, house.configuration.policy.sha256, attempt),
        attempt=attempt,
        planned_at=now,
        effect=Effect(before=counts_before(house, incident), after=Counts(total=0, failed=0)),
    )


def counts_before(house: House, incident: Incident) -> Counts:
    """Reads since the trouble began or since the last attempt took effect, whichever is later."""
    case = case_of(house, incident)
    effective = [a.effective_at for a in house.ledger.actions(incident.id) if a.effective_at]
    since = max([incident.started_at, *effective])
    return case.window.between(max(since, case.window.since), case.window.until).counts


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
    """The effect itself, then its result in one transaction with the adjustments that revert by themselves."""
    integration = house.integration(incident.integration_id)
    async with connected(house, integration) as connector:
        applied: Applied = await remedy_file(action.remedy).apply(job(house, action, connector))
    now = house.clock.now()
    with house.ledger.change("remediate", now) as change:
        for adjustment in applied.adjustments:
            change.adjust(adjustment)
        change.processed(applied.processed, ok=True)
        if applied.ok:
            change.save_action(action.to(ActionState.VERIFYING, effective_at=now, steps=applied.steps), lease)
            event, says = Event.ACTED, f"{action.says}: done, now measured"
        else:
            failed = action.to(
                ActionState.FAILED,
                steps=applied.steps,
                judged_at=now,
                outcome=Outcome.WORSE,
                impact=applied.steps[-1].says,
            )
            change.save_action(failed, lease)
            event, says = Event.ACTION_FAILED, f"{action.says}: {applied.steps[-1].says}"
        if incident.state is State.REMEDIATING:
            incident = change.save_incident(incident.advance(event, now, says))
    return incident


def job(house: House, action: Action, connector: capabilities.Connector) -> Job:
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
    )


def verify(house: House, incident: Incident, action: Action) -> Incident:
    """Judge an attempt by the readings since it took effect, once there are enough of them."""
    if action.remedy == REPLAY:
        return verify_replay(house, incident, action)
    case, effective = case_of(house, incident), action.effective_at or house.clock.now()
    remedy: Remedy = remedy_file(action.remedy).remedy
    bad = flags(case, since=effective)
    if len(bad) < remedy.verify_cycles:
        return incident
    effect = Effect(
        before=action.effect.before if action.effect else Counts(total=0, failed=0),
        after=case.window.between(effective, case.window.until).counts,
    )
    limit = case.integration.sla.error_rate
    word = judge(effect, limit=limit, good_consecutive=trailing_good(bad), wanted_consecutive=GOOD_CYCLES)
    measured: dict[str, object] = {
        "judged_at": case.as_of,
        "effect": effect,
        "outcome": word,
        "impact": impact(effect, word, remedy.cost),
    }
    return conclude(house, incident, action, word, measured, case)


def conclude(
    house: House, incident: Incident, action: Action, word: Outcome, measured: dict[str, object], case: Case
) -> Incident:
    """Keep what helped, take back what did not, and move the incident on: one transaction."""
    says = f"{action.says}: {word.replace('_', ' ')}. {measured['impact']}"
    lease = house.ledger.acquire(acting_on(incident.integration_id), house.holder, case.as_of, LEASE)
    if lease is None:
        return incident
    with house.ledger.change("remediate", case.as_of) as change:
        if word is Outcome.SUCCESSFUL:
            change.save_action(action.to(ActionState.SUCCEEDED, **measured), lease)
            restored = incident.advance(Event.VERIFIED, case.as_of, says, restored_at=good_since(case))
            moved = change.save_incident(restored)
        else:
            if word not in KEPT:
                for adjustment in house.ledger.adjustments(incident.integration_id, as_of=case.as_of):
                    if adjustment.action_id == action.id:
                        change.revert(adjustment.id)
            change.save_action(ended(action, word, measured), lease)
            moved = change.save_incident(incident.advance(Event.NOT_VERIFIED, case.as_of, says))
    house.ledger.release(lease, house.clock.now())
    return moved


def ended(action: Action, word: Outcome, measured: dict[str, object]) -> Action:
    """The attempt in the terminal state that its outcome deserves."""
    if word is Outcome.WORSE:
        return action.to(ActionState.ROLLING_BACK, **measured).to(ActionState.ROLLED_BACK)
    return action.to(ActionState.FAILED, **measured)


def verify_replay(house: House, incident: Incident, action: Action) -> Incident:
    """A replay is proved by the queue: nothing of it waits."""
    now, backlog = house.clock.now(), house.ledger.backlog(incident.id)
    complete = backlog.is_complete
    done = action.to(
        ActionState.SUCCEEDED if complete else ActionState.FAILED,
        judged_at=now,
        outcome=Outcome.SUCCESSFUL if complete else Outcome.PARTIAL,
        impact=f"{backlog.processed} of {backlog.queued} queued reads processed, {backlog.waiting} wait",
    )
    lease = house.ledger.acquire(acting_on(incident.integration_id), house.holder, now, LEASE)
    if lease is None:
        return incident
    with house.ledger.change("remediate", now) as change:
        change.save_action(done, lease)
        moved = change.save_incident(incident.note(now, done.impact))
    house.ledger.release(lease, house.clock.now())
    return moved


async def replay(house: House, incident: Incident) -> tuple[Incident, Decision | None]:
    """Make up for the missed reads, as policy allows."""
    if REPLAY not in names("tasks.remedies"):
        return incident, None
    chosen, decision = await pick_replay(house, incident)
    if chosen is None:
        return incident, decision
    return await act(house, incident, chosen), decision


async def pick_replay(house: House, incident: Incident) -> tuple[Chosen | None, Decision | None]:
    """Like `pick`, but a healthy integration is the point here, not a reason to stop."""
    chosen, decision = await pick(house, incident, (REPLAY,))
    if chosen is None or chosen.decision.verdict not in {Verdict.ALLOWED, Verdict.NOT_NEEDED}:
        return None, decision
    return chosen, decision


def give_up(house: House, incident: Incident, decision: Decision | None) -> Incident:
    """Nothing (more) may be tried: the incident waits for itself or for a person."""
    now = house.clock.now()
    says = f"No remedy: {decision.reason} ({decision.rule})" if decision else "No remedy is left for this cause"
    with house.ledger.change("remediate", now) as change:
        return change.save_incident(incident.advance(Event.NO_REMEDY, now, says))


def ask_for_approval(house: House, incident: Incident, chosen: Chosen) -> Incident:
    """Put the plan on the table for a person."""
    now = house.clock.now()
    with house.ledger.change("remediate", now) as change:
        action = change.plan_action(planned(house, incident, chosen))
        change.save_action(action.to(ActionState.AWAITING_APPROVAL), None)
        says = f"{chosen.remedy.says} waits for a person: {chosen.decision.reason} ({chosen.decision.rule})"
        return change.save_incident(incident.advance(Event.NEEDS_APPROVAL, now, says))


async def recover(house: House, incident: Incident, action: Action) -> Incident:
    """An action that a dead process left behind: look before doing anything again (spec: safety, 1.6)."""
    lease = house.ledger.acquire(acting_on(incident.integration_id), house.holder, house.clock.now(), LEASE)
    if lease is None:  # its owner is alive
        return incident
    try:
        return await resume(house, incident, action, lease)
    finally:
        house.ledger.release(lease, house.clock.now())


async def resume(house: House, incident: Incident, action: Action, lease: Lease) -> Incident:
    """In place → verify it; not in place and harmless to repeat → repeat; anything else → a person."""
    remedy: Remedy = remedy_file(action.remedy).remedy
    action = house.ledger.action(action.id)
    async with connected(house, house.integration(incident.integration_id)) as connector:
        in_place = await remedy_file(action.remedy).observe(job(house, action, connector))
    now = house.clock.now()
    with house.ledger.change("recover", now) as change:
        if action.state is ActionState.EXECUTING:
            action = change.save_action(action.to(ActionState.UNKNOWN, token=lease.token), lease)
        if in_place:
            change.save_action(action.to(ActionState.VERIFYING, effective_at=now), lease)
            says = "After an interruption: the effect is in place, now measured"
            return change.save_incident(resumed(incident, now, says))
        if in_place is None or not remedy.idempotent:
            change.save_action(action.to(ActionState.NEEDS_HUMAN, judged_at=now), lease)
            says = "After an interruption: whether it took effect cannot be found out"
            return change.save_incident(stopped(incident, now, says))
        action = change.save_action(action.to(ActionState.EXECUTING, executed_at=now, token=lease.token), lease)
    return await carry_out(house, incident, action, lease)


def resumed(incident: Incident, now: datetime, says: str) -> Incident:
    """The incident goes on to verification."""
    return incident.advance(Event.ACTED, now, says) if incident.state is State.REMEDIATING else incident.note(now, says)


def stopped(incident: Incident, now: datetime, says: str) -> Incident:
    """The incident goes back, for a person to look at."""
    if incident.state is not State.REMEDIATING:
        return incident.note(now, says)
    return incident.advance(Event.ACTION_FAILED, now, says).advance(Event.NO_REMEDY, now, says)


def is_due(house: House, incident: Incident) -> bool:
    """Whether `remediate` has something to do for this incident now."""
    if incident.state in {State.DIAGNOSING, State.REMEDIATING}:
        return True
    action = house.ledger.open_action(incident.integration_id)
    if action is not None and action.incident_id == incident.id:
        return is_ripe(house, action)
    return incident.state is State.MONITORING and house.ledger.backlog(incident.id).waiting > 0


def is_ripe(house: House, action: Action) -> bool:
    """Whether enough time has passed since the effect for the readings to be the proof."""
    if action.state is not ActionState.VERIFYING or action.effective_at is None:
        return action.state is not ActionState.AWAITING_APPROVAL
    remedy: Remedy = remedy_file(action.remedy).remedy
    every = house.integration(action.integration_id).probe_every
    return house.clock.now() - action.effective_at >= (remedy.verify_cycles - 0.5) * every
