"""The part of the document that tells of gaps in the data, and whether what it says of them contradicts itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import NonNegativeInt

from models.gap import HOLDS, PROVEN, ClosedBy, Gap, GapState, Reason, Unit
from models.reading import Direction
from models.report.form import Instant, Page
from models.wording import stamp

if TYPE_CHECKING:
    from models.report.document import MonitoringReport


class GapEntry(Page):
    """A span of data, and how far it is accounted for."""

    id: str
    state: GapState
    resource: str
    location: str | None  # null: all
    direction: Direction
    since: Instant
    until: Instant | None  # null: still degraded
    reasons: tuple[Reason, ...]
    unit: Unit
    expected: NonNegativeInt | None  # null: not known yet
    delivered: NonNegativeInt
    quarantined: NonNegativeInt
    closed_at: Instant | None
    closed_by: ClosedBy | None


def gap_entry(gap: Gap) -> GapEntry:
    """One gap."""
    return GapEntry(**{name: getattr(gap, name) for name in GapEntry.model_fields})


def gaps_add_up(report: MonitoringReport) -> Iterator[str]:
    """A gap is closed by equal counts, spans are in order, and no incident is over while one is open."""
    at, incident = report.monitoring_report.timestamp, report.x_incident
    for gap in report.x_gaps or ():
        accounted = gap.delivered + gap.quarantined
        if gap.state in PROVEN and gap.expected != accounted:
            yield f"x-gaps {gap.id} is {gap.state}, but {accounted} of {gap.expected} are accounted for"
        if gap.expected is not None and accounted > gap.expected:
            yield f"x-gaps {gap.id}: {accounted} are accounted for, and {gap.expected} were expected"
        if gap.until is not None and gap.until < gap.since:
            yield f"x-gaps {gap.id} ends at {stamp(gap.until)}, before it begins"
        if gap.since > at:
            yield f"x-gaps {gap.id} begins at {stamp(gap.since)}, after the report"
        if gap.state in HOLDS and incident is not None and incident.resolved_at is not None:
            yield f"x-gaps {gap.id} is {gap.state}, but {incident.id} is resolved"


def no_loss_is_counted(report: MonitoringReport) -> Iterator[str]:
    """That nothing was lost is said only when every count says so."""
    if not report.x_no_data_loss:
        return
    backlog = report.x_backlog
    if backlog is not None and (backlog.waiting or backlog.processed != backlog.queued):
        yield f"x-noDataLoss is true, but {backlog.processed} of {backlog.queued} queued reads were processed"
    for gap in report.x_gaps or ():
        if gap.state not in PROVEN or gap.expected != gap.delivered + gap.quarantined:
            yield f"x-noDataLoss is true, but gap {gap.id} is {gap.state} with {gap.delivered} of {gap.expected}"
    if backlog is None and not report.x_gaps:
        yield "x-noDataLoss is true, but nothing was counted"


RULES = (gaps_add_up, no_loss_is_counted)
