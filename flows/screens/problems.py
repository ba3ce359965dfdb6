"""What `heal report-problem` shows."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from flows.screen import console, say
from models.problem import ProblemReport, ProblemState, conclusion


def show_report(report: ProblemReport) -> None:
    """One report, and what the telemetry says of its moment."""
    if report.state is ProblemState.CLOSED:
        say(f"{report.id} is closed.")
        return
    times = f", reported {report.times} times" if report.times > 1 else ""
    say(f"{report.id}: {report.integration_id} “{report.says}”{times}. It is a candidate until it is closed.")
    say(conclusion(report.evidence))


def show_problems(reports: Sequence[ProblemReport]) -> None:
    """One line for each."""
    if not reports:
        say('No report is open. To make one: heal report-problem --integration ID "appointments missing"')
        return
    table = Table("report", "integration", "noticed", "times", "what", "telemetry", box=None)
    for one in reports:
        seen = "shows trouble" if one.evidence.shows_something else "shows nothing"
        noticed = f"{one.at:%Y-%m-%d %H:%M} UTC"
        table.add_row(one.id, one.integration_id, noticed, str(one.times), escape(one.says), seen)
    console.print(table)
