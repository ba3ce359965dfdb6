"""Problems that people reported: a candidate stands until it is closed, or until a day has shown nothing."""

from __future__ import annotations

from collections.abc import Iterable

from models.alert import Finding
from models.problem import ProblemReport, ProblemState, finding
from tasks.watches._interface import Round


def watch(round_: Round) -> Iterable[Finding]:
    """Every report that somebody should still look at."""
    ledger = round_.house.ledger
    reports = ledger.all_kept(ProblemReport, state=ProblemState.OPEN.value)
    if not reports:
        return []
    troubled = {incident.integration_id for incident in ledger.incidents(active_only=True)}
    return [
        finding(report)
        for report in reports
        if report.stands(round_.as_of, is_troubled=report.integration_id in troubled)
    ]
