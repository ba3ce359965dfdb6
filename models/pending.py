"""Pending: what will be tried next if what is being measured does not suffice: at its time, or withdrawn with a reason.

    waiting → executed | withdrawn

A plan on paper: it is decided anew when its time comes, and is never an intent (that is the action's).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime, NonNegativeInt

from models.incident import Incident, State
from models.noun import Kept
from models.plan import Step
from models.policy import Verdict
from models.reading import Identifier
from models.remedy import Action, ActionState, Outcome, Remedy

BEFORE_IT = frozenset({State.REMEDIATING, State.VERIFYING, State.DIAGNOSING})  # while it may still be its turn


class PendingState(StrEnum):
    """Where it stands."""

    WAITING = "waiting"
    EXECUTED = "executed"
    WITHDRAWN = "withdrawn"


class Pending(Kept):
    """One remedy with the time at which it is its turn."""

    integration_id: Identifier
    incident_id: str
    remedy: str
    says: str
    expected: str  # of it, from what it did before
    needs: str  # what must be so before it is carried out
    is_automatic: bool  # no person is asked, as policy stands now
    scheduled_at: AwareDatetime
    after: str  # the action that must not suffice first
    moved: NonNegativeInt = 0  # times, because the measuring before it took longer
    state: PendingState = PendingState.WAITING
    why: str = ""  # it was withdrawn

    def ended(self, state: PendingState, why: str = "") -> Pending:
        """It is over."""
        return self.model_copy(update={"state": state, "why": why})

    def put_off(self, at: datetime) -> Pending:
        """Its time is later."""
        return self.model_copy(update={"scheduled_at": at, "moved": self.moved + 1})


def scheduled(current: Action, remedy: Remedy, every: timedelta) -> datetime | None:
    """When the measuring of an action is over at the earliest; None: it has not taken effect."""
    if current.state is not ActionState.VERIFYING or current.effective_at is None:
        return None
    return current.effective_at + remedy.verify_cycles * every


def next_of(
    incident: Incident, current: Action, steps: Sequence[Step], at: datetime, earlier: Sequence[Action]
) -> Pending | None:
    """What comes after an action that is being measured; None when nothing would.

    Args:
        incident: in which it is.
        current: the action.
        steps: the plan as policy decides it now; what holds the integration now is not counted against it.
        at: when the measuring is over.
        earlier: actions on the same integration, of all incidents.
    """
    step = next((one for one in steps if one.remedy.name != current.remedy and may_follow(one)), None)
    if step is None:
        return None
    return Pending(
        id=f"{current.id}/{step.remedy.name}",
        integration_id=incident.integration_id,
        incident_id=incident.id,
        remedy=step.remedy.name,
        says=step.remedy.says,
        expected=expected(step.remedy.name, earlier),
        needs=f"“{current.says}” does not suffice",
        is_automatic=step.decision.verdict is not Verdict.NEEDS_APPROVAL,
        scheduled_at=at,
        after=current.id,
    )


def may_follow(step: Step) -> bool:
    """Whether policy would let it run or ask for it, if nothing else were under way."""
    return step.decision.verdict in {Verdict.ALLOWED, Verdict.NEEDS_APPROVAL}


def expected(remedy: str, earlier: Sequence[Action]) -> str:
    """What came of it before on this integration."""
    judged = [one for one in earlier if one.remedy == remedy and one.judged_at and one.effect]
    if not judged:
        return "Not tried here before; measured afterwards"
    well = sum(one.outcome is Outcome.SUCCESSFUL for one in judged)
    return f"Restored the connection in {well} of {len(judged)} earlier attempts; measured afterwards"


def settled(
    pending: Pending, incident: Incident, actions: Sequence[Action], as_of: datetime, every: timedelta
) -> Pending:
    """What has become of it; the same while its time has not come.

    Args:
        pending: that waits.
        incident: its own, as it is now.
        actions: of that incident.
        as_of: now.
        every: a cycle; for so long it is put off while the measuring before it goes on.
    """
    first = next((one for one in actions if one.id == pending.after), None)
    later = (one for one in actions if first is not None and one.planned_at > first.planned_at)
    mine = next((one for one in later if one.remedy == pending.remedy), None)
    if mine is not None:
        return pending.ended(PendingState.EXECUTED)
    if incident.state not in BEFORE_IT:
        return pending.ended(PendingState.WITHDRAWN, withdrawn_for(incident))
    if as_of < pending.scheduled_at:
        return pending
    if (first is not None and not first.state.is_terminal) or incident.state is State.DIAGNOSING:
        return pending.put_off(as_of + every)
    return pending.ended(PendingState.WITHDRAWN, "another remedy had its turn")


def withdrawn_for(incident: Incident) -> str:
    """Why nothing more is tried, by where the incident stands."""
    if incident.state in {State.MONITORING, State.RESOLVED, State.CLOSED}:
        return "the connection recovered without it"
    if incident.state is State.AWAITING_APPROVAL:
        return "a person is asked about another plan first"
    return incident.moments[-1].says if incident.moments else "nothing more is tried"
