"""Approve: a person's word on a plan, bound to the plan and to the policy that it was made under.

What is decided is read in the transaction that writes it: of two people who speak at once, the second sees the first.
"""

from __future__ import annotations

from datetime import datetime

from models.errors import BadInput
from models.incident import Event, Incident, State
from models.remedy import Action, ActionState, plan_hash
from tasks.choose import remedy_file, version_of
from tasks.house import House
from tasks.ledger import Change, Ledger
from tasks.word import person, word_of


def approve(house: House, action_id: str, by: str, why: str) -> Action:
    """Agree to a plan that waits; with the last agreement that it takes, the next cycle carries it out.

    Raises:
        BadInput: it does not wait, has expired, was made under another policy, or this person agreed already.
    """
    word = word_of(house, by, why)
    with house.ledger.change(person(word.by), word.at) as change:
        action = agreeable(house, waiting(change, action_id), word.at)
        if any(word.is_of(one) for one in action.approvals):
            raise BadInput(
                f"{word.by} agreed to {action.id} already; it takes {wanted(house, action)} different people"
            )
        approvals = (*action.approvals, word)
        agreed = action.model_copy(update={"approvals": approvals})
        says = f"{action.says}: agreed to by {word.by}, {len(approvals)} of {wanted(house, action)}. {word.why}"
        change.save_incident(change.incident(action.incident_id).note(word.at, says))
        is_enough = len(approvals) >= wanted(house, action)
        return change.save_action(agreed.to(ActionState.APPROVED) if is_enough else agreed, None)


def reject(house: House, action_id: str, by: str, why: str) -> Action:
    """Refuse a plan that waits; it is not proposed again in this incident.

    Raises:
        BadInput: it does not wait.
    """
    word = word_of(house, by, why)
    with house.ledger.change(person(word.by), word.at) as change:
        action = waiting(change, action_id)
        rejected = change.save_action(action.to(ActionState.CANCELLED, rejection=word), None)
        back(change.incident(action.incident_id), f"{action.says}: rejected by {word.by}. {word.why}", change, word.at)
    return rejected


def withdraw(house: House) -> tuple[Action, ...]:
    """End the plans that nobody may agree to any more, before a person is asked in vain.

    One that waited too long has expired, and is not proposed again in this incident. One whose incident waits no
    more, or that another policy was in force for, is cancelled without a rejection, and may be planned anew.
    """
    now, ledger = house.clock.now(), house.ledger
    outlived = [one for one in ledger.waiting_actions() if why_outlived(house, ledger, one, now)]
    return tuple(action for one in outlived if (action := end(house, one.id, now)))


def end(house: House, action_id: str, now: datetime) -> Action | None:
    """End one of them; None when somebody decided meanwhile."""
    with house.ledger.change("approve", now) as change:
        action = change.action(action_id)
        if action.state is not ActionState.AWAITING_APPROVAL or not (why := why_outlived(house, change, action, now)):
            return None
        state, says = why
        back(change.incident(action.incident_id), f"{action.says}: {says}", change, now)
        return change.save_action(action.to(state), None)


def why_outlived(
    house: House, ledger: Ledger | Change, action: Action, now: datetime
) -> tuple[ActionState, str] | None:
    """How a plan that waits ends by itself, and why; None while people may agree to it."""
    if ledger.incident(action.incident_id).state is not State.AWAITING_APPROVAL:
        return ActionState.CANCELLED, "withdrawn, the incident does not wait for it any more"
    if action.expires_at is not None and action.expires_at <= now:
        return ActionState.EXPIRED, "nobody agreed in time"
    if not is_of_this_policy(house, action):
        return ActionState.CANCELLED, "withdrawn, the policy has changed since it was planned"
    return None


def back(incident: Incident, says: str, change: Change, at: datetime) -> None:
    """The incident waits for nobody any more."""
    moved = incident.advance(Event.NO_REMEDY, at, says) if incident.state is State.AWAITING_APPROVAL else incident
    change.save_incident(moved if moved is not incident else incident.note(at, says))


def waiting(change: Change, action_id: str) -> Action:
    """The plan of this id, while it waits for people.

    Raises:
        BadInput: it does not.
    """
    action = change.action(action_id)
    if action.state is not ActionState.AWAITING_APPROVAL:
        raise BadInput(f"{action_id} is {action.state} and waits for nobody; `heal actions` lists those that do")
    return action


def agreeable(house: House, action: Action, now: datetime) -> Action:
    """The plan, while it still is what it was.

    Raises:
        BadInput: it is not; says what happens instead.
    """
    if action.expires_at is not None and action.expires_at <= now:
        raise BadInput(
            f"{action.id} expired at {action.expires_at:%H:%M} UTC; it is not proposed again in {action.incident_id}"
        )
    if not is_of_this_policy(house, action):
        raise BadInput(
            f"the policy has changed since {action.id} was planned; the next cycle withdraws it, "
            "and the next diagnosis plans anew"
        )
    return action


def is_of_this_policy(house: House, action: Action) -> bool:
    """Whether it was planned under the policy, and with the actuators, that are in force."""
    version = version_of(house, action.integration_id)
    return action.plan_hash == plan_hash(action.incident_id, action.remedy, version, action.attempt)


def wanted(house: House, action: Action) -> int:
    """How many different people must agree to it."""
    remedy = remedy_file(action.remedy).remedy
    environment = house.integration(action.integration_id).environment
    return house.configuration.policy.approval.quorum(remedy.effect, environment)
