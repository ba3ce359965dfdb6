"""Question: put a plan that waits into words for a form, and take in what a person wrote there."""

from __future__ import annotations

from models.errors import BadInput
from models.plan import lasting
from models.question import Asked, Ending, Question, ending_of, form_of, run_name
from models.remedy import Action, ActionState
from tasks.approve import approve, reject, wanted
from tasks.choose import remedy_file
from tasks.house import House


def take_in(house: House, action_id: str, decision: str, by: str, why: str) -> str | None:
    """A person's word from a form; why it is not taken, or None.

    What they wrote is checked before anything of ours keeps it, and is not repeated.
    """
    try:
        (approve if decision == "agree" else reject)(house, action_id, by, why)
    except BadInput as error:
        return str(error).removeprefix("--")
    return None


def question_of(house: House, action_id: str, refused: str | None = None) -> Question | Ending:
    """What people are to be asked about this plan now, or how the asking ended.

    Raises:
        BadInput: there is no such plan.
    """
    action = house.ledger.action(action_id)
    ending = ending_of(action) or too_late(house, action)
    if ending is not None:
        return ending
    integration, remedy = house.integration(action.integration_id), remedy_file(action.remedy).remedy
    left = (action.expires_at - house.clock.now()) if action.expires_at else house.configuration.policy.approval.within
    says = form_of(
        action,
        remedy,
        integration,
        house.ledger.incident(action.incident_id).diagnosis,
        watched=len(house.configuration.integrations),
        people=wanted(house, action),
        lasts_s=lasting(remedy, house.configuration.policy.permission(action.remedy)),
        refused=refused,
    )
    seconds = left.total_seconds() / house.clock.speed
    return Question(name=run_name(action, integration), says=says, lasts_s=seconds)


def too_late(house: House, action: Action) -> Ending | None:
    """That a plan expired, before the monitor has noticed."""
    if action.expires_at is None or action.expires_at > house.clock.now():
        return None
    return ending_of(action.model_copy(update={"state": ActionState.EXPIRED}))


def out_of_step(house: House) -> tuple[list[Action], list[tuple[Asked, Ending]]]:
    """The plans that wait and of which nobody is asked yet, and what is asked of plans that do not wait any more."""
    asked, ledger = house.ledger.all_kept(Asked), house.ledger
    known = {one.action_id for one in asked}
    over = [(one, ending) for one in asked if (ending := ending_of(ledger.action(one.action_id)))]
    return [action for action in ledger.waiting_actions() if action.id not in known], over


def note_asked(house: House, action_id: str, run_id: str) -> None:
    """Remember which run asks about a plan."""
    with house.ledger.change("approve", house.clock.now()) as change:
        change.keep(Asked(id=run_id, action_id=action_id))


def note_over(house: House, asked: Asked) -> None:
    """That run has ended."""
    with house.ledger.change("approve", house.clock.now()) as change:
        change.forget(Asked, asked.id)
