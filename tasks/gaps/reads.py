"""Gaps of reads that failed in an incident: opened with it, and closed when all of them were made up for.

What a look-back of the same read brings is the proof, and is called so ("by replayed reads: 12 of 12"). Where both
sides are reconciled, that alone is the proof.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from models.anomaly import Case
from models.feed import resource_of
from models.gap import Balance, Gap, GapState, Key, Reason, Trouble, Unit, united
from models.incident import Incident, State
from models.integration import Integration
from models.reading import Direction, Reading
from tasks.gaps.keep import NOT_YET, keep, reconciled_by
from tasks.gaps.records import adopt
from tasks.history.questions import last_good
from tasks.house import House
from tasks.ledger import Change
from tasks.ledger.gap_reads import MissedSpan

REACH = timedelta(days=30)  # how far back the last good read is looked for


class Strand(NamedTuple):
    """One kind of data of one place, and the calls that carry it."""

    resource: str
    location: str | None
    operations: tuple[str, ...]


def keep_read_gaps(house: House, change: Change, case: Case, incident: Incident) -> tuple[Gap, ...]:
    """Open, extend, end and close the gaps that failed reads of an incident leave; every gap of it comes back.

    While the trouble lasts, each failed read belongs to it. Once the incident is being watched only, a stray failure
    is queued and replayed as ever, and opens nothing: the trouble is not back until enough cycles say so.
    """
    if incident.state in NOT_YET:
        return ()
    is_lasting, name = incident.state is not State.MONITORING, case.integration.id
    if is_lasting:
        for strand in strands(change, case, incident):
            if found := trouble_of(house, change, case, incident, strand):
                keep(change, change.open_gaps(name), found, case.as_of)
    adopt(change, case.integration, incident)
    for gap in change.gaps_of(incident.id, name):
        if gap.unit is not Unit.MESSAGES and gap.holds:
            change.keep(seen_again(change, case, gap, is_lasting=is_lasting))
    return change.gaps_of(incident.id, name)


def strands(change: Change, case: Case, incident: Incident) -> tuple[Strand, ...]:
    """What failed in an incident: each kind of data, at each place that a failed call named or its feed declares."""
    known = change.gaps_of(incident.id, case.integration.id)
    failed = {(one.operation, one.location) for one in case.window.readings if is_missed(one, incident)}
    for operation in change.operations_missed(incident.id):
        if not any(operation == one for one, _ in failed):
            places = {gap.location for gap in known if operation in gap.operations}
            failed |= {(operation, place) for place in places or {None}}
    found: dict[tuple[str, str | None], tuple[str, ...]] = {}
    for operation, location in sorted(failed, key=str):
        for strand in strands_of(case.integration, operation, location):
            key = strand.resource, strand.location
            found[key] = united(found.get(key, ()), strand.operations)
    return tuple(Strand(*key, operations) for key, operations in found.items())


def is_missed(reading: Reading, incident: Incident) -> bool:
    """Whether a reading is one of the incident's failed reads."""
    is_since = reading.observed_at >= incident.started_at
    return is_since and not reading.outcome.is_ok and reading.direction is Direction.IN


def strands_of(integration: Integration, operation: str, location: str | None) -> Iterator[Strand]:
    """The feeds that a call carries; a call that no feed names is a kind of data of its own."""
    is_known = False
    for feed in integration.feeds:
        if feed.direction is not Direction.IN or operation not in feed.operations:
            continue
        if location is not None and feed.locations and location not in feed.locations:
            continue
        is_known = True
        for place in (location,) if location is not None else feed.locations or (None,):
            yield Strand(feed.resource, place, feed.operations)
    if not is_known:
        yield Strand(resource_of(operation), location, (operation,))


def trouble_of(house: House, change: Change, case: Case, incident: Incident, strand: Strand) -> Trouble | None:
    """The span of one strand in which reads fail, beside those that are over; None: none does."""
    key: Key = case.integration.id, strand.resource, strand.location, Direction.IN
    mine = [gap for gap in change.gaps_of(incident.id, key[0]) if gap.key == key]
    over = [gap.until for gap in mine if not gap.holds and gap.until is not None]
    missed = change.reads_missed(incident.id, strand.operations, after=max(over, default=None))
    if missed is None:
        return None
    begins = [gap.since for gap in mine if gap.holds and gap.since <= missed.first]
    return Trouble(
        integration_id=case.integration.id,
        resource=strand.resource,
        location=strand.location,
        since=min(begins) if begins else good_before(house, case, strand, missed.first),
        last_at=missed.last,
        reasons=(Reason.FAILED_READS,),
        unit=Unit.RECORDS if reconciled_by(case.integration, strand.resource, strand.operations) else Unit.READS,
        operations=strand.operations,
        incident_id=incident.id,
    )


def good_before(house: House, case: Case, strand: Strand, first: datetime) -> datetime:
    """The last good read before an instant: in the window, else in the history; the instant itself where there is none.

    Where nothing good is in sight, nobody knows how much longer data has been lacking.
    """
    seen = [one.observed_at for one in case.window.readings if is_good(one, strand) and one.observed_at < first]
    if seen:
        return max(seen)
    found = last_good(house.home, case.integration.id, first - REACH, first)
    at = [at for (operation, place), at in found.items() if carries(strand, operation, place)]
    return max(at, default=first)


def is_good(reading: Reading, strand: Strand) -> bool:
    """Whether a reading brought this data."""
    is_answer = reading.outcome.is_ok and reading.direction is Direction.IN
    return is_answer and carries(strand, reading.operation, reading.location)


def carries(strand: Strand, operation: str, location: str | None) -> bool:
    """Whether a call carries this data; one that names no place carries that of all."""
    return operation in strand.operations and (None in {location, strand.location} or location == strand.location)


def seen_again(change: Change, case: Case, gap: Gap, *, is_lasting: bool) -> Gap:
    """A gap of failed reads as it is now: ended by the first good read after it, and counted by what was replayed."""
    if not is_lasting and gap.state is GapState.OPEN:
        strand = Strand(gap.resource, gap.location, gap.operations)
        good = [r.observed_at for r in case.window.readings if is_good(r, strand) and r.observed_at > gap.last_at]
        gap = gap.ended(min(good)) if good else gap
    if gap.unit is not Unit.READS or reconciled_by(case.integration, gap.resource, gap.operations):
        return gap
    missed = change.reads_missed(gap.incident_id or "", gap.operations, gap.since - timedelta.resolution, gap.until)
    return gap.counted(replayed(missed), case.as_of) if missed else gap


def replayed(missed: MissedSpan) -> Balance:
    """What was replayed of what failed."""
    return Balance(expected=missed.queued, delivered=missed.processed)
