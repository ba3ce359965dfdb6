"""Approve: a person's word on a plan, bound to the plan and to the policy that it was made under."""

from __future__ import annotations

from datetime import datetime

from pydantic import ValidationError

from models.errors import BadInput
from models.incident import Event, Incident, State
from models.remedy import Action, ActionState, Approval, plan_hash
from tasks.choose import remedy_file
from tasks.house import House
from tasks.ledger import Change


def approve(house: House, action_id: str, by: str, why: str) -> Action:
    """Agree to a plan that waits; with the last agreement that it takes, the next cycle carries it out.

    Raises:
        BadInput: it does not wait, has expired, was made under another policy, or this person agreed already.
    """
    action, word = waiting(house, action_id), word_of(house, by, why)
    if word.by in {one.by for one in action.approvals}:
        raise BadInput(f"{word.by} agreed to {action.id} already; it takes {wanted(house, action)} different people")
    approvals = (*action.approvals, word)
    is_enough = len(approvals) >= wanted(house, action)
    agreed = action.model_copy(update={"approvals": approvals})
    with house.ledger.change(f"person:{word.by}"[:120], word.at) as change:
        says = f"{action.says}: agreed to by {word.by}, {len(approvals)} of {wanted(house, action)}. {word.why}"
        change.save_incident(change.incident(action.incident_id).note(word.at, says))
        return change.save_action(agreed.to(ActionState.APPROVED) if is_enough else agreed, None)


def reject(house: House, action_id: str, by: str, why: str) -> Action:
    """Refuse a plan that waits; it is not proposed again in this incident.

    Raises:
        BadInput: it does not wait.
    """
    action, word = waiting(house, action_id, at_any_age=True), word_of(house, by, why)
    with house.ledger.change(f"person:{word.by}"[:120], word.at) as change:
        rejected = change.save_action(action.to(ActionState.CANCELLED, rejection=word), None)
        back(change.incident(action.incident_id), f"{action.says}: rejected by {word.by}. {word.why}", change, word.at)
    return rejected


def expire(house: House) -> tuple[Action, ...]:
    """End the plans that waited too long; their incidents are open again, and somebody is called."""
    now = house.clock.now()
    late = [one for one in house.ledger.waiting_actions() if one.expires_at is not None and one.expires_at <= now]
    for action in late:
        with house.ledger.change("approve", now) as change:
            change.save_action(action.to(ActionState.EXPIRED), None)
            back(change.incident(action.incident_id), f"{action.says}: nobody agreed in time", change, now)
    return tuple(late)


def back(incident: Incident, says: str, change: Change, at: datetime) -> None:
    """The incident waits for nobody any more."""
    moved = incident.advance(Event.NO_REMEDY, at, says) if incident.state is State.AWAITING_APPROVAL else incident
    change.save_incident(moved if moved is not incident else incident.note(at, says))


def waiting(house: House, action_id: str, *, at_any_age: bool = False) -> Action:
    """The plan of this id, while it waits for people and still is what it was.

    Raises:
        BadInput: it is not; says what to do instead.
    """
    action = house.ledger.action(action_id)
    if action.state is not ActionState.AWAITING_APPROVAL:
        raise BadInput(f"{action_id} is {action.state} and waits for nobody; `heal actions` lists those that do")
    if at_any_age:
        return action
    if action.expires_at is not None and action.expires_at <= house.clock.now():
        raise BadInput(f"{action_id} expired at {action.expires_at:%H:%M} UTC; the next diagnosis plans anew")
    policy = house.configuration.policy
    if action.plan_hash != plan_hash(action.incident_id, action.remedy, policy.sha256, action.attempt):
        raise BadInput(f"the policy has changed since {action_id} was planned; reject it, and it is planned anew")
    return action


def wanted(house: House, action: Action) -> int:
    """How many different people must agree to it."""
    remedy = remedy_file(action.remedy).remedy
    environment = house.integration(action.integration_id).environment
    return house.configuration.policy.approval.quorum(remedy.effect, environment)


def word_of(house: House, by: str, why: str) -> Approval:
    """A person's word, now.

    Raises:
        BadInput: it holds what could name a patient, or nothing.
    """
    try:
        return Approval(by=by, why=why, at=house.clock.now())
    except ValidationError as error:
        field, says = error.errors()[0]["loc"][0], error.errors()[0]["msg"].removeprefix("Value error, ")
        raise BadInput(f"--{field}: {says}") from None
