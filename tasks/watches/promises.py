"""Promises: a rule that landed data of a feed break, while every call succeeds (catalogue S66 to S71, S75)."""

from __future__ import annotations

from collections.abc import Iterator

from models.alert import Finding
from models.anomaly import Severity
from models.promise import PromiseResult, PromiseRun, PromiseState, Whom
from tasks.watches._interface import Round

ADVICE = {
    Whom.MAPPING: (
        "Hold what is made of this column and keep former values; ask Data Mapping whether a form, a code set or a "
        "transform was changed"
    ),
    Whom.PRACTICE: "Ask the practice to look at these records and correct them in its own system",
    Whom.INTEGRATION: "Look whether records come twice, late or not at all: `heal flow` and a comparison of both sides",
}
CLINICAL = "Nothing is dispensed by these records until the practice has looked at them. "
GRAVE = "prescriptions"  # what an optician grinds a lens by
BLIND = "Look whether the table is as its declaration says; until then nothing is known of these promises"


def watch(round_: Round) -> Iterator[Finding]:
    """One finding for each promise that the latest look found broken, and one for each feed that was not seen."""
    declared = {(one.id, wanted.name) for one in round_.integrations for wanted in one.reconcile}
    for run in round_.house.ledger.all_kept(PromiseRun, state=PromiseState.BROKEN.value):
        if (run.integration_id, run.feed) in declared:
            yield from (broken(run, one) for one in run.those(PromiseState.BROKEN))
    for state in (PromiseState.BROKEN, PromiseState.FAILED):
        for run in round_.house.ledger.all_kept(PromiseRun, state=state.value):
            if (run.integration_id, run.feed) in declared and run.those(PromiseState.FAILED):
                yield unseen(run)


def broken(run: PromiseRun, one: PromiseResult) -> Finding:
    """What is broken by how many, and who can mend it."""
    return Finding(
        integration_id=run.integration_id,
        subject=one.promise_id,
        severity=one.severity,
        says=f"landed {run.feed}: {one.says}",
        since=one.since or run.as_of,
        advice=(CLINICAL if is_clinical(run, one) else "") + ADVICE[one.whom],
    )


def is_clinical(run: PromiseRun, one: PromiseResult) -> bool:
    """Whether a lens may be ground by it."""
    return run.feed == GRAVE and one.severity.rank >= Severity.HIGH.rank


def unseen(run: PromiseRun) -> Finding:
    """Promises whose check went wrong: that is our own trouble, and says nothing of the data."""
    many = len(run.those(PromiseState.FAILED))
    return Finding(
        integration_id=run.integration_id,
        subject=f"{run.feed}.not_seen",
        severity=Severity.LOW,
        says=f"landed {run.feed}: {many} of {len(run.results)} promises could not be checked",
        since=run.as_of,
        advice=BLIND,
    )
