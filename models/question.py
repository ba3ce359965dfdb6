"""Question: what a person is asked about a plan, and how the asking ended. Typed slots only: Prefect keeps it."""

from __future__ import annotations

from collections.abc import Iterator

from models.diagnosis import Diagnosis
from models.integration import Integration
from models.noun import Kept, Noun
from models.plan import REACH, taken_back
from models.remedy import Action, ActionState, Remedy
from models.wording import whole_percent

SHOWN_OF_HASH = 12  # characters: enough to tell one plan from another


class Question(Noun):
    """One plan that waits, as a form shows it."""

    name: str  # of the run; it begins with `approve ACT-…`, which is what people search for
    says: str  # Markdown
    lasts_s: float  # until it expires


class Asked(Kept):
    """That a run of Prefect's asks about a plan; kept until the run has ended. The id is the run's."""

    action_id: str


class Ending(Noun):
    """How the asking ended: the ledger's word for it, and a sentence."""

    name: str
    says: str
    is_decided: bool  # by people; else by time or by what happened meanwhile


def run_name(action: Action, integration: Integration) -> str:
    """The name by which a person finds it, e.g. `approve ACT-1: Renew the credential (Epic FHIR API)`."""
    return f"approve {action.id}: {action.says} ({integration.name})"


def form_of(
    action: Action,
    remedy: Remedy,
    integration: Integration,
    diagnosis: Diagnosis | None,
    *,
    watched: int,
    people: int,
    lasts_s: float | None,
    refused: str | None = None,
) -> str:
    """The text above the form, in Markdown.

    Args:
        action: the plan.
        remedy: what its file declares.
        integration: where.
        diagnosis: why it should help.
        watched: how many integrations there are.
        people: how many must agree.
        lasts_s: until it is taken back by itself; None: it is not.
        refused: why what was written just now is not taken; None: nothing was.
    """
    rows = _rows(action, remedy, integration, diagnosis, watched, people, lasts_s)
    told = "\n".join(f"- **{head}:** {text}" for head, text in rows)
    first = f"**Not taken: {refused}. Please write it anew.**\n\n" if refused else ""
    return (
        f"{first}May this be done?\n\n{told}\n\n"
        f"On a terminal: `heal approve {action.id}` or `heal reject {action.id}`. Write nothing about a patient."
    )


def _rows(
    action: Action,
    remedy: Remedy,
    integration: Integration,
    diagnosis: Diagnosis | None,
    watched: int,
    people: int,
    lasts_s: float | None,
) -> Iterator[tuple[str, str]]:
    yield "what", action.says + (f"; costs {remedy.cost}" if remedy.cost else "")
    yield "to", f"{integration.name} (`{integration.id}`), {integration.environment}"
    if diagnosis is not None:
        yield "because", f"{diagnosis.says} ({whole_percent(diagnosis.confidence)} sure)"
    yield "asked by", f"rule {action.rule}: {action.reason}"
    yield "reaches", f"{REACH[remedy.effect]}; 1 of {watched} integrations"
    yield "verified by", f"{remedy.verify_cycles} cycles of newer readings"
    yield "taken back", taken_back(remedy, lasts_s)
    if people > 1:
        yield "people", f"{len(action.approvals)} of {people} have agreed; each must be another person"
    if action.expires_at is not None:
        yield "until", f"{action.expires_at:%Y-%m-%d %H:%M} UTC; then it expires"
    yield "plan", f"`{action.plan_hash[:SHOWN_OF_HASH]}` of {action.incident_id}"


def ending_of(action: Action) -> Ending | None:
    """How the asking about this plan ended; None while it waits."""
    incident = action.incident_id
    if action.state in {ActionState.PLANNED, ActionState.AWAITING_APPROVAL}:
        return None
    if action.state is ActionState.EXPIRED:
        until = f" until {action.expires_at:%H:%M} UTC" if action.expires_at else ""
        return Ending(name="Expired", says=f"expired: nobody agreed{until}", is_decided=False)
    if action.rejection is not None:
        return Ending(name="Rejected", says=f"rejected: it is not proposed again in {incident}", is_decided=True)
    if action.state is ActionState.CANCELLED and action.judged_at is None:
        return Ending(name="Withdrawn", says=f"withdrawn: {incident} or the policy moved on", is_decided=False)
    if action.state is ActionState.CANCELLED:
        return Ending(name="Agreed", says=f"agreed to, but not carried out: see {incident}", is_decided=True)
    return Ending(name="Agreed", says="agreed to: the monitor carries it out, within limits", is_decided=True)
