"""What a reconciliation says of gaps: which it opens, and how a gap is counted by it.

Days are those of the practice. A gap is counted by a run that read both sides on each of its days, the empty ones
too. What the run lists as missing, cut off or stale there, or lacks without a reason, is not delivered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from models.discrepancy import Discrepancy, DiscrepancyKind, Reconciled, State
from models.gap import Balance, Gap, Reason, Trouble, Unit
from models.reading import Direction

LACKING = {
    DiscrepancyKind.MISSING: Reason.MISSING,
    DiscrepancyKind.TRUNCATED: Reason.TRUNCATED,
    DiscrepancyKind.STALE: Reason.STALE,
}
PSEUDONYM = 16  # hexadecimal digits
HEXADECIMAL = frozenset("0123456789abcdef")


def gaps_of(reconciled: Reconciled, timezone: str, operations: Iterable[str] = ()) -> tuple[Trouble, ...]:
    """The spans in which data are lacking, one for each of its kinds of lack and each location.

    Args:
        reconciled: what one run found.
        timezone: of the practice, whose days it names.
        operations: by which the records are read.
    """
    return tuple(
        trouble(reconciled, one, timezone, tuple(operations)) for one in reconciled.discrepancies if one.kind in LACKING
    )


def trouble(reconciled: Reconciled, found: Discrepancy, timezone: str, operations: tuple[str, ...]) -> Trouble:
    """One of them; where its days are not known, it may be anywhere in what was looked at."""
    since = midnight(found.first_day, timezone) if found.first_day else reconciled.since
    until = midnight(found.last_day + timedelta(days=1), timezone) if found.last_day else reconciled.until
    since = min(max(since, reconciled.since), reconciled.as_of)
    until = max(since, min(until, reconciled.until, reconciled.as_of))
    return Trouble(
        integration_id=reconciled.integration_id,
        resource=reconciled.resource,
        location=found.location,
        since=since,
        until=until,
        last_at=until,
        reasons=(LACKING[found.kind],),
        unit=Unit.RECORDS,
        operations=operations,
    )


def balance(gap: Gap, reconciled: Reconciled, timezone: str) -> Balance | None:
    """How a gap is counted by a run; None: this run says nothing of it, or not of all of it.

    A day on which they have more than we do is made up for by tombstones alone, and only where the records
    themselves were compared, nothing is on its way and nothing is lacking.
    """
    if not covers(reconciled, gap):
        return None
    wanted = set(days(gap.since, gap.until or reconciled.as_of, timezone))
    counts = [
        (one.theirs, one.ours, one.compared)
        for one in reconciled.days
        if one.day in wanted and one.theirs is not None and one.ours is not None
    ]
    if len(counts) < len(wanted):
        return None
    lacking = sum(one.count for one in reconciled.discrepancies if concerns(one, gap, wanted))
    theirs, short = sum(many for many, _, _ in counts), sum(max(0, many - ours) for many, ours, _ in counts)
    is_seen = all(compared for many, ours, compared in counts if many > ours)
    is_gone = short <= reconciled.tombstones and not lacking and not reconciled.in_flight and is_seen
    expected, absent = (theirs - short, 0) if is_gone else (theirs, max(short, lacking))
    return Balance(expected=expected, delivered=max(0, expected - absent), reference=run_of(reconciled))


def run_of(reconciled: Reconciled) -> str:
    """Which run it was: the ledger keeps the latest alone."""
    return f"{reconciled.id}@{reconciled.as_of.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def covers(reconciled: Reconciled, gap: Gap) -> bool:
    """Whether a run read both sides over the whole of a gap, after its trouble."""
    is_same = (reconciled.integration_id, reconciled.resource) == (gap.integration_id, gap.resource)
    if not is_same or gap.direction is not Direction.IN or reconciled.state is State.UNKNOWN or gap.until is None:
        return False
    return reconciled.since <= gap.since and gap.until <= min(reconciled.until, reconciled.as_of)


def concerns(found: Discrepancy, gap: Gap, wanted: set[date]) -> bool:
    """Whether what was found lacking may lie in a gap."""
    if found.kind not in LACKING:
        return False
    is_then = (found.first_day is None or found.first_day <= max(wanted)) and (
        found.last_day is None or found.last_day >= min(wanted)
    )
    elsewhere = is_pseudonym(gap.location) and found.location is not None and found.location != gap.location
    return is_then and not elsewhere


def is_pseudonym(location: str | None) -> bool:
    """Whether a location is named as a reconciliation names it; a code of ours cannot be compared with those."""
    return location is not None and len(location) == PSEUDONYM and set(location) <= HEXADECIMAL


def days(since: datetime, until: datetime, timezone: str) -> Iterator[date]:
    """The practice's days that a span touches."""
    zone = ZoneInfo(timezone)
    day, last = since.astimezone(zone).date(), until.astimezone(zone)
    is_midnight = last.time() == time() and until > since
    while day < last.date() or (day == last.date() and not is_midnight):
        yield day
        day += timedelta(days=1)


def midnight(day: date, timezone: str) -> datetime:
    """The first instant of a day at the practice."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone))
