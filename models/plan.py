"""Plan: what would be done about an incident, in its order, each step with the decision about it; nothing is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from models.incident import Incident
from models.noun import Noun
from models.policy import Decision, Permission, Request, Verdict, decide
from models.remedy import EffectClass, Remedy
from models.tables import Told
from models.wording import span

REACH = {
    EffectClass.OBSERVE: "nothing is changed",
    EffectClass.LOCAL: "our own side of this connection",
    EffectClass.SESSION: "our session or token with them",
    EffectClass.TRAFFIC: "where the calls of this connection go",
    EffectClass.EXTERNAL_WRITE: "records in their system",
    EffectClass.DATA: "data",
    EffectClass.CREDENTIAL: "keys, secrets or scopes",
}
WORDS = {
    Verdict.ALLOWED: "would run",
    Verdict.NEEDS_APPROVAL: "would ask people",
    Verdict.DRY_RUN: "on paper only",
    Verdict.HOLD: "would wait",
    Verdict.NOT_NEEDED: "not needed",
    Verdict.REFUSED: "would not run",
}
ENDS = frozenset({Verdict.ALLOWED, Verdict.NEEDS_APPROVAL, Verdict.HOLD, Verdict.NOT_NEEDED})  # the rest waits for it


class Step(Noun):
    """One remedy, as it would be decided now."""

    remedy: Remedy
    decision: Decision
    people: int  # who would have to agree; 0: nobody is asked
    lasts_s: float | None  # until it is taken back by itself; None: it is done once
    would: str | None = None  # what would be done outside of us; None: nothing would
    is_next: bool  # it is what would be done now; those behind it only when it does not help


def plan(
    wanted: Sequence[str],
    remedies: Mapping[str, Remedy],
    ask: Callable[[Remedy], Request],
    people: Callable[[Remedy], int],
    would: Callable[[Remedy], str | None] = lambda _: None,
) -> tuple[Step, ...]:
    """Every remedy of a diagnosis in its order, with the decision about it.

    Args:
        wanted: their names, the first to try first.
        remedies: by name.
        ask: what the decision table is asked of each.
        people: how many must agree to each that waits for people.
        would: what each would do outside of us; it calls nobody.
    """
    steps: list[Step] = []
    for name in wanted:
        request = ask(remedies[name])
        decision = decide(request)
        asks = decision.verdict is Verdict.NEEDS_APPROVAL
        steps.append(
            Step(
                remedy=request.remedy,
                decision=decision,
                people=people(request.remedy) if asks else 0,
                lasts_s=lasting(request.remedy, request.permission),
                would=would(request.remedy),
                is_next=decision.verdict in ENDS and not any(step.is_next for step in steps),
            )
        )
    return tuple(steps)


def lasting(remedy: Remedy, permission: Permission) -> float | None:
    """Seconds until it is taken back by itself; None: it is done once."""
    stands = remedy.effect in {EffectClass.LOCAL, EffectClass.TRAFFIC} and not remedy.is_momentary
    temporary = remedy.reversible and stands
    return permission.lasts.total_seconds() if temporary else None


def told(incident: Incident, steps: Sequence[Step]) -> Told:
    """One row a step."""
    head = ("", "remedy", "what", "now", "because", "reaches", "verified by", "taken back")
    return Told(f"Plan for {incident.id}", head, [_row(step) for step in steps])


def _row(step: Step) -> tuple[str, ...]:
    remedy, decision = step.remedy, step.decision
    people = f" ({step.people})" if step.people > 1 else ""
    return (
        "→" if step.is_next else "",
        remedy.name,
        remedy.says + (f": {step.would}" if step.would else "") + (f"; costs {remedy.cost}" if remedy.cost else ""),
        WORDS[decision.verdict] + people,
        f"{decision.reason} ({decision.rule})",
        REACH[remedy.effect],
        f"{remedy.verify_cycles} cycles of newer readings",
        taken_back(step.remedy, step.lasts_s),
    )


def taken_back(remedy: Remedy, lasts_s: float | None) -> str:
    """How it ends, in words."""
    if not remedy.reversible:
        return "cannot be taken back"
    if remedy.is_momentary:
        return "over when it is done"
    return f"by itself after {span(lasts_s)}, sooner if it does not help" if lasts_s else "if it gets worse"


def lines(incident: Incident, steps: Sequence[Step]) -> Iterator[str]:
    """What to say where there is no table, or beside it."""
    if incident.diagnosis is None:
        yield f"{incident.id} is not diagnosed yet; `heal diagnose {incident.id}` does it."
    elif not incident.diagnosis.is_conclusive:
        yield "No cause is claimed, so nothing would be done."
    elif not steps:
        yield f"No remedy is left for {incident.diagnosis.cause}."
    elif not any(step.is_next for step in steps):
        yield "Nothing of it would run now."
