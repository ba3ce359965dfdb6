"""Verify: judge an attempt by readings that are newer than its effect, keep what helped, take back the rest."""

from __future__ import annotations

from datetime import datetime, timedelta

from models.anomaly import Case
from models.follow import flags, good_since, trailing_good, wanted_good
from models.incident import Event, Incident
from models.reading import Counts
from models.remedy import Action, ActionState, Effect, Outcome, Remedy, impact, judge
from models.sighting import Sighting
from models.silent import DIFFERENCES
from models.tuning import costs
from tasks.act import lease_on
from tasks.choose import case_of, remedy_file
from tasks.house import House
from tasks.ledger import Change
from tasks.take_back import standing

COMPARED_WITHIN = timedelta(hours=6)  # after an effect; the flow does so within minutes
REPLAY = "replay_missed"
KEPT = frozenset({Outcome.PARTIAL, Outcome.MINIMAL})  # what helped a little stays until its own end


def verify(house: House, incident: Incident, action: Action) -> Incident:
    """Judge an attempt by the readings since it took effect, once there are enough of them."""
    if action.remedy == REPLAY:
        return verify_replay(house, incident, action)
    case, effective = case_of(house, incident), action.effective_at or house.clock.now()
    remedy: Remedy = remedy_file(action.remedy).remedy
    if not is_looked_at_again(house, incident, effective):
        return incident
    bad = flags(case, effective, incident.symptom)
    if len(bad) < remedy.verify_cycles:
        return incident
    effect = Effect(
        before=action.effect.before if action.effect else Counts(total=0, failed=0),
        after=case.window.between(effective, case.window.until).counts,
    )
    limit, good, wanted = case.integration.sla.error_rate, trailing_good(bad), wanted_good(case, incident)
    if good == len(bad) < wanted:
        return incident  # all good so far, and not yet long enough to be more than luck
    word = judge(effect, limit=limit, good_consecutive=good, wanted_consecutive=wanted)
    measured: dict[str, object] = {
        "judged_at": case.as_of,
        "effect": effect,
        "outcome": word,
        "impact": impact(effect, word, cost_of(house, action, remedy)),
    }
    return conclude(house, incident, action, word, measured, case)


def is_looked_at_again(house: House, incident: Incident, effective: datetime) -> bool:
    """Whether both sides were compared since the effect, where that is what the incident is about.

    Nobody waits for ever: when nobody compares any more, the last comparison is all that is known.
    """
    about = house.ledger.all_kept(Sighting, incident.integration_id, state="live")
    mine = [one for one in about if one.incident_id == incident.id and one.series.metric == DIFFERENCES]
    waited = house.clock.now() - effective
    return waited >= COMPARED_WITHIN or all(one.judged_at >= effective for one in mine)


def cost_of(house: House, action: Action, remedy: Remedy) -> str | None:
    """What it costs while it is in force, with its measure where there is one."""
    made = [one for one in house.ledger.adjustments(action.integration_id) if one.action_id == action.id]
    every = house.integration(action.integration_id).probe_every
    return "; ".join(cost for one in made if (cost := costs(one, every))) or remedy.cost


def conclude(
    house: House, incident: Incident, action: Action, word: Outcome, measured: dict[str, object], case: Case
) -> Incident:
    """Keep what helped, take back what did not, and move the incident on: one transaction."""
    lease = lease_on(house, incident.integration_id)
    if lease is None:
        return incident
    says = f"{action.says}: {word.replace('_', ' ')}. {measured['impact']}"
    with house.ledger.change("remediate", case.as_of) as change:
        if word is Outcome.SUCCESSFUL:
            change.save_action(action.to(ActionState.SUCCEEDED, **measured), lease)
            moved = incident.advance(Event.VERIFIED, case.as_of, says, restored_at=good_since(case, incident))
        elif word not in KEPT and standing(house, action):  # outside of us: the next step undoes it
            take_back(house, action, case, change)
            change.save_action(action.to(ActionState.ROLLING_BACK, **measured), lease)
            moved = incident.note(case.as_of, f"{says}. Now taken back")
        else:
            is_undone = word is Outcome.WORSE and not is_momentary(action)
            if is_undone:
                action = change.save_action(action.to(ActionState.ROLLING_BACK, **measured), lease)
            if word not in KEPT and not (word is Outcome.NONE and remedy_file(action.remedy).remedy.fail_safe):
                take_back(house, action, case, change)
            ended = ActionState.ROLLED_BACK if is_undone else ActionState.FAILED
            change.save_action(action.to(ended, **measured), lease)
            moved = incident.advance(Event.NOT_VERIFIED, case.as_of, says)
        moved = change.save_incident(moved)
    house.ledger.release(lease, case.as_of)
    return moved


def is_momentary(action: Action) -> bool:
    """Whether it was over when it was done: then it may have failed, and cannot have been taken back."""
    remedy: Remedy = remedy_file(action.remedy).remedy
    return remedy.is_momentary


def take_back(house: House, action: Action, case: Case, change: Change) -> None:
    """Revert the adjustments that this attempt made and that are still in force."""
    for adjustment in house.ledger.adjustments(action.integration_id, as_of=case.as_of):
        if adjustment.action_id == action.id:
            change.revert(adjustment.id)


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
    lease = lease_on(house, incident.integration_id)
    if lease is None:
        return incident
    with house.ledger.change("remediate", now) as change:
        change.save_action(done, lease)
        moved = change.save_incident(incident.note(now, done.impact))
    house.ledger.release(lease, house.clock.now())
    return moved
