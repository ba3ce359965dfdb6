"""What both sides hold, compared, as the document publishes it: counts and opaque keys."""

from __future__ import annotations

from datetime import date

from pydantic import NonNegativeInt

from models.anomaly import Severity
from models.discrepancy import Discrepancy, DiscrepancyKind, Reconciled, State
from models.report.form import Instant, Page, Probability


class DayEntry(Page):
    """Both counts of one day; null: not known."""

    day: date
    theirs: NonNegativeInt | None
    ours: NonNegativeInt | None
    compared: bool


class DifferenceEntry(Page):
    """One kind of difference, its keys as keyed hashes."""

    kind: DiscrepancyKind
    severity: Severity
    count: NonNegativeInt
    of: NonNegativeInt
    says: str
    column: str | None = None
    offset_s: int | None = None
    first_day: date | None = None
    last_day: date | None = None
    keys: tuple[str, ...]


class ReconciliationEntry(Page):
    """The latest comparison of one kind of record."""

    name: str
    resource: str
    state: State
    as_of: Instant
    since: Instant
    until: Instant
    theirs: NonNegativeInt | None
    ours: NonNegativeInt | None
    compared: NonNegativeInt
    in_flight: NonNegativeInt
    tombstones: NonNegativeInt
    confidence: Probability | None
    at_most: Probability | None
    failed: str | None
    days: tuple[DayEntry, ...]
    differences: tuple[DifferenceEntry, ...]


def reconciliation_entry(found: Reconciled) -> ReconciliationEntry:
    """One comparison."""
    return ReconciliationEntry(
        name=found.name,
        resource=found.resource,
        state=found.state,
        as_of=found.as_of,
        since=found.since,
        until=found.until,
        theirs=found.theirs,
        ours=found.ours,
        compared=found.compared,
        in_flight=found.in_flight,
        tombstones=found.tombstones,
        confidence=found.confidence,
        at_most=found.at_most,
        failed=found.failed,
        days=tuple(
            DayEntry(day=day.day, theirs=day.theirs, ours=day.ours, compared=day.compared) for day in found.days
        ),
        differences=tuple(map(difference_entry, found.discrepancies)),
    )


def difference_entry(one: Discrepancy) -> DifferenceEntry:
    """One kind of difference."""
    return DifferenceEntry(
        kind=one.kind,
        severity=one.severity,
        count=one.count,
        of=one.of,
        says=one.says,
        column=one.column,
        offset_s=one.offset_s,
        first_day=one.first_day,
        last_day=one.last_day,
        keys=one.keys,
    )
