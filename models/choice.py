"""Choice: which remedy comes next, as the policy allows it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from models.incident import Incident
from models.integration import Integration
from models.noun import Noun
from models.policy import Decision, Policy, Request, Verdict, decide
from models.remedy import Action, ActionState, Outcome, Remedy

ABANDONED = frozenset({ActionState.CANCELLED, ActionState.DENIED, ActionState.DRY_RUN_DONE, ActionState.EXPIRED})


class Chosen(Noun):
    """A remedy with the decision about it."""

    remedy: Remedy
    decision: Decision


def untried(wanted: Iterable[str], actions: Sequence[Action], again: Collection[str] = ()) -> tuple[str, ...]:
    """The remedies of a diagnosis that are still worth trying in this incident, in its order.

    One that did not help is not tried again, nor one that a person rejected or that nobody agreed to in time; one that
    did help may be, when the trouble returns, within the limits, and so may one that helped a little and has ended.

    Args:
        wanted: of the diagnosis.
        actions: of the incident, oldest first.
        again: ids of those whose workaround has ended, and without which it proved to be bad.
    """
    last = {action.remedy: action for action in actions if action.state not in ABANDONED or is_refused(action)}
    worth = {name for name, action in last.items() if action.outcome is Outcome.SUCCESSFUL or action.id in again}
    return tuple(name for name in wanted if name not in last or name in worth)


def is_refused(action: Action) -> bool:
    """Whether people were asked, and did not agree."""
    return action.rejection is not None or action.state is ActionState.EXPIRED


def request_for(
    remedy: Remedy,
    *,
    incident: Incident,
    integration: Integration,
    policy: Policy,
    actions: Sequence[Action],
    recent: Sequence[Action],
    as_of: datetime,
    capable: bool,
    halted: str | None,
    still_failing: bool,
    refusal_code: str | None,
    skew_s: float | None = None,
    in_maintenance: str | None = None,
    has_observer: bool = True,
    nothing_left: bool = False,
) -> Request:
    """Everything the decision table looks at, counted from the ledger's rows.

    Args:
        remedy: what is being asked for.
        incident: the incident with its diagnosis.
        integration: where.
        policy: the policy in force.
        actions: all actions of this incident.
        recent: the executed actions of all incidents within the last day.
        as_of: now.
        capable: whether the connector has what the remedy needs.
        halted: why healing is switched off; None: it is on.
        still_failing: whether the latest cycle still shows the fault.
        refusal_code: the code of the latest refused credential request.
        skew_s: their clock minus ours.
        in_maintenance: the reason that was agreed for being away now.
        has_observer: whether it can be found out if its effect is in place.
        nothing_left: whether it would change nothing.
    """
    if incident.diagnosis is None:
        raise ValueError(f"{incident.id} has no diagnosis to act on")
    same = [a for a in recent if a.remedy == remedy.name and a.integration_id == integration.id and a.executed_at]
    ages = [(as_of - a.executed_at).total_seconds() for a in same if a.executed_at]
    overall = [a for a in recent if a.executed_at and as_of - a.executed_at <= timedelta(minutes=10)]
    mine = [a for a in actions if a.remedy == remedy.name]
    return Request(
        remedy=remedy,
        permission=policy.permission(remedy.name),
        policy=policy,
        diagnosis=incident.diagnosis,
        environment=integration.environment,
        tier=policy.tier(integration),
        today=as_of.date(),
        halted=halted,
        skew_s=skew_s,
        in_maintenance=in_maintenance,
        held_by=incident.held_by,
        hands_off=incident.hands_off is not None,
        reopened=incident.reopened,
        capable=capable,
        has_actuator=remedy.role is None or integration.actuators.of(remedy.role) is not None,
        has_observer=has_observer,
        nothing_left=nothing_left,
        still_failing=still_failing,
        busy=any(action.is_open and action.state is not ActionState.APPROVED for action in actions),
        rolled_back=any(action.state is ActionState.ROLLED_BACK for action in mine),
        refusal_code=refusal_code,
        attempts_in_incident=sum(action.executed_at is not None for action in mine),
        last_hour=sum(age <= 3600 for age in ages),  # noqa: PLR2004  # an hour in seconds
        last_day=len(ages),
        all_last_10_minutes=len(overall),
        since_last_s=min(ages, default=None),
    )


def choose(
    wanted: Sequence[str], remedies: Mapping[str, Remedy], ask: Callable[[Remedy], Request]
) -> tuple[Chosen | None, Decision | None]:
    """The first remedy that policy lets run, or waits for a person; and the last decision taken.

    Remedies that are refused (or may only be tried on paper) are passed over: the next may be allowed.
    """
    decision: Decision | None = None
    for name in wanted:
        decision = decide(ask(remedies[name]))
        if decision.verdict in {Verdict.ALLOWED, Verdict.NEEDS_APPROVAL, Verdict.HOLD, Verdict.NOT_NEEDED}:
            return Chosen(remedy=remedies[name], decision=decision), decision
    return None, decision
