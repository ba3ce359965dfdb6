"""Recurring: trouble that was healed several times and keeps coming back; its problem is told once."""

from __future__ import annotations

from collections.abc import Iterator

from models.alert import Finding
from models.anomaly import Severity
from models.recurrence import Problem, ProblemState
from tasks.watches._interface import Round


def watch(round_: Round) -> Iterator[Finding]:
    """Every problem that nobody has closed, of what is still declared."""
    declared = {integration.id for integration in round_.integrations}
    for problem in round_.house.ledger.all_kept(Problem, state=ProblemState.OPEN):
        if problem.integration_id in declared:
            yield Finding(
                integration_id=problem.integration_id,
                subject=problem.id,
                severity=Severity.MEDIUM,  # each incident calls for itself; what waits here is to find out why
                says=f"Problem {problem.id}: {problem.says}",
                since=problem.since,
                advice=f"heal problems {problem.id} shows what they have in common; close it there with a reason",
            )
