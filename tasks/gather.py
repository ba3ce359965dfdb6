"""Gather: read both sides of a reconciliation, no more of theirs than it takes (docs/decisions/0047).

Ours is at home and read whole. Of theirs, what agreed last time and has not moved since is only counted; of the rest
each day is read, or, where `sample` is given, the days whose counts differ and a random sample of the others.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from models.discrepancy import DayCount, Reconciled, reconciled_id
from models.errors import BadInput
from models.integration import Integration
from models.narrowing import Compared, ComparedDay, Days, drawn, most_differing, share_at_most
from models.reading import Code, Reading
from models.reconciliation import Reconciliation
from tasks.asking import Theirs
from tasks.connectors._interface import Connector, ShowsRecords
from tasks.digests import OURS, THEIRS, Side, open_digests
from tasks.house import House
from tasks.landed import open_landed

if TYPE_CHECKING:
    import duckdb

DAY = timedelta(days=1)
OVERLAP = timedelta(minutes=5)  # what changed while the last run looked, by a clock that is a little wrong
ALWAYS = 2  # days that are read whatever their counts say: today and yesterday
CHANGES_NOTHING = {"every", "look_back", "late_after", "sample", "confidence", "contact"}  # in how days compare


@dataclass(frozen=True)
class Gathered:
    """Both sides, as far as they could be read; closed by whoever asked for it.

    `theirs` and `ours` in `db` hold the records of the compared days, and of others what helps to understand them:
    what has moved to another day. What was not compared is unknown, and never missing.
    """

    db: duckdb.DuckDBPyConnection
    since: datetime  # the midnight that begins the first day
    until: datetime
    days: tuple[DayCount, ...]
    theirs: int | None  # records; None: some of them could not be counted
    ours: int
    compared: int  # records of theirs, in this run
    compared_days: Days
    standing: Days  # compared in an earlier run, and neither side has moved since
    counted: int | None  # records of all days, as they say; None: they do not
    requests: int  # made to the practice system
    records: int  # that came from it
    failed: Code | None = None  # why the rest of theirs is unknown
    truncated_at: tuple[datetime, ...] = ()  # beginnings of spans whose reading ended early
    confidence: float | None = None  # None: all was compared, or nothing can be said of the rest
    at_most: float | None = None  # the share of the unread records that may differ, with that confidence
    keyless: int = 0  # rows of either side without a key
    readings: tuple[Reading, ...] = ()

    def close(self) -> None:
        """Let go of both sides."""
        self.db.close()


class Held(NamedTuple):
    """What one side holds of a day."""

    records: int = 0
    sum: str = "0"


class Plan(NamedTuple):
    """What becomes of each day."""

    read: Days
    standing: Days = ()
    sample: Days = ()  # of those that are read: the ones that were drawn
    unread: Days = ()


async def gather(
    house: House, connector: Connector, integration: Integration, wanted: Reconciliation, as_of: datetime
) -> Gathered:
    """Read both sides of the days that `look_back` reaches, today's included.

    Raises:
        BadInput: when our side cannot be read, or the kind of system hands out no records.
    """
    if not isinstance(connector, ShowsRecords):
        says = "take its `reconcile` out of integrations.yaml"
        raise BadInput(f"{integration.id}: a system of kind {integration.kind} hands out no records; {says}")
    db = open_digests()
    try:
        return await Run(house, connector, integration, wanted, as_of, db).gathered()
    except BaseException:
        db.close()
        raise


class Run:
    """One run of one reconciliation."""

    def __init__(
        self,
        house: House,
        connector: ShowsRecords,
        integration: Integration,
        wanted: Reconciliation,
        as_of: datetime,
        db: duckdb.DuckDBPyConnection,
    ) -> None:
        self._house, self._integration, self._wanted = house, integration, wanted
        self._as_of, self._db = as_of, db
        self._days = days_of(as_of - wanted.look_back, as_of, ZoneInfo(integration.timezone))
        self._theirs, self._ours, self._recent = (
            Side(db, side, wanted, house.home, integration.timezone, table)
            for side, table in ((THEIRS, THEIRS), (OURS, "ours_whole"), (THEIRS, "recent"))
        )
        self._ask = Theirs(house, connector, integration, wanted, as_of)
        self._id = f"{integration.id}/{wanted.name}"
        self._before = house.ledger.kept(Compared, self._id)

    async def gathered(self) -> Gathered:
        """What both sides hold."""
        await asyncio.to_thread(self._read_ours)
        ours = self._sums(OURS)
        counted = await self._ask.count(self._days)
        touched = await self._touched() if self._ask.can_count else None
        plan = await self._planned(ours, touched)
        read = await self._read(plan.read)
        agreed = {day for day in read if self._sums(THEIRS).get(day, Held()) == ours.get(day, Held())}
        if touched is not None:
            self._keep(plan, agreed, ours)
        self._leave(read)
        return self._told(plan, read, agreed, ours, counted)

    def _read_ours(self) -> None:
        """Our side of all days."""
        by = self._wanted.counted_by
        names = [column.landed for column in self._wanted.columns]
        since, until = self._ask.span(self._days)
        with open_landed(self._house, self._wanted) as table:
            # A day more at each end: a date without hours is the practice's, and the database thinks of its own; and
            # what moved by hours over an edge is not missing.
            near = frozenset((self._days[0] - DAY, *self._days, self._days[-1] + DAY))
            for rows in table.stream(names, by.landed, since - DAY, until + DAY):
                self._ours.add(rows, near)
        self._ours.flush()

    async def _touched(self) -> frozenset[date] | None:
        """The days on which something of theirs changed since the last run; None: that cannot be known.

        Where records are counted by when they changed, none comes or goes without its day's count telling. Elsewhere
        those that changed are read, on whatever day they are now: that also shows what moved away from a day.
        """
        wanted, before = self._wanted, self._before
        if wanted.day is None:
            return frozenset()
        if wanted.changed is None:
            return None
        since = self._as_of - wanted.late_after
        since = min(since, before.as_of - OVERLAP) if before else since
        rows = await self._ask.changed(max(since, self._ask.span(self._days)[0]))
        if rows is None:
            return None
        self._recent.add(rows)
        self._recent.flush()
        touching = "SELECT day FROM recent UNION SELECT day FROM ours_whole WHERE key IN (SELECT key FROM recent)"
        return frozenset(day for (day,) in self._db.execute(touching).fetchall() if day is not None)

    async def _planned(self, ours: dict[date, Held], touched: frozenset[date] | None) -> Plan:
        """Which days are read, by what is known of them and by what they count."""
        may_stand = {} if touched is None else {one.day: one for one in self._standing(ours, touched)}
        always = {*self._days[-ALWAYS:], *(touched or ()), *self._unsettled()}
        may_pass = [day for day in self._days if day not in may_stand and day not in always]
        if self._wanted.sample is None or not self._ask.can_count:
            may_pass = []
        expected = {day: ours.get(day, Held()).records for day in may_pass}
        expected |= {day: one.theirs for day, one in may_stand.items()}
        differ = await self._ask.differing(list(expected), expected)
        standing = tuple(sorted(may_stand.keys() - differ))
        pool = [day for day in may_pass if day not in differ]
        sample = drawn(pool, self._wanted.sample or 0.0, f"{self._id}/{self._as_of.isoformat()}")
        unread = tuple(day for day in pool if day not in sample)
        read = tuple(day for day in self._days if day not in standing and day not in unread)
        return Plan(read, standing, sample, unread)

    def _unsettled(self) -> Days:
        """The days on which something differed at the last look: a sample that passes them over proves nothing."""
        last = self._house.ledger.kept(Reconciled, reconciled_id(self._integration.id, self._wanted.name))
        spans = [(one.first_day, one.last_day) for one in last.discrepancies] if last else []
        return tuple(day for day in self._days if any(lies_in(day, *span) for span in spans))

    def _standing(self, ours: dict[date, Held], touched: frozenset[date]) -> list[ComparedDay]:
        """The days that agreed in the last run, on which ours holds the same, and of theirs nothing changed."""
        before = self._before
        if before is None or before.shape != self._shape:
            return []
        known = [one for one in before.days if one.day in self._days and one.day not in touched]
        return [one for one in known if ours.get(one.day, Held()) == Held(one.ours, one.ours_sum)]

    async def _read(self, days: Days) -> Days:
        """Those of these days that could be read to their end; the newest are read first."""
        read: list[date] = []
        for day in reversed(days):
            rows = await self._ask.day(day)
            if rows is not None:
                self._theirs.add(rows, frozenset({day}))
                read.append(day)
        self._theirs.flush()
        return tuple(reversed(read))

    def _sums(self, side: str) -> dict[date, Held]:
        from tasks.history.questions import page  # noqa: PLC0415 - DuckDB is loaded by who needs it

        found = self._db.execute(page("side_sums")).fetchall()
        return {day: Held(records, total) for which, day, records, total in found if which == side and day is not None}

    @property
    def _shape(self) -> str:
        """Of what is compared, and how; with another one, nothing of what was kept holds."""
        written = self._wanted.model_dump_json(exclude=CHANGES_NOTHING) + self._integration.timezone
        return hashlib.sha256(written.encode()).hexdigest()[:16]

    def _keep(self, plan: Plan, agreed: Iterable[date], ours: dict[date, Held]) -> None:
        """What the next run need not read, should neither side move until then."""
        standing = [one for one in (self._before.days if self._before else ()) if one.day in plan.standing]
        held = {day: ours.get(day, Held()) for day in agreed}
        fresh = [
            ComparedDay(day=day, theirs=one.records, ours=one.records, ours_sum=one.sum) for day, one in held.items()
        ]
        days = tuple(sorted([*standing, *fresh], key=lambda one: one.day))
        kept = Compared(
            id=self._id, integration_id=self._integration.id, shape=self._shape, as_of=self._as_of, days=days
        )
        with self._house.ledger.change("reconcile", self._house.clock.now()) as change:
            change.keep(kept, audited=False)

    def _leave(self, read: Days) -> None:
        """`theirs` and `ours` as `Gathered` says; the rest goes."""
        self._db.execute(
            "CREATE TABLE ours AS SELECT * FROM ours_whole "
            "WHERE list_contains($days, day) OR key IN (SELECT key FROM theirs)",
            {"days": list(read)},
        )
        self._db.execute(
            "INSERT INTO theirs SELECT * FROM recent "
            "WHERE key IN (SELECT key FROM ours) AND key NOT IN (SELECT key FROM theirs)"
        )
        self._db.execute("DROP TABLE ours_whole")
        self._db.execute("DROP TABLE recent")

    def _told(self, plan: Plan, read: Days, agreed: set[date], ours: dict[date, Held], counted: int | None) -> Gathered:
        ask = self._ask
        before = {one.day: one.theirs for one in (self._before.days if self._before else ())}
        theirs = dict(self._db.execute("SELECT day, count(*) FROM theirs GROUP BY day").fetchall())
        known = {day: theirs.get(day, 0) for day in read} | {day: before[day] for day in plan.standing}
        is_whole = ask.failed is None and {*read} == {*plan.read}
        at_most = self._at_most(plan, agreed, ours) if is_whole and plan.unread else None
        since, until = ask.span(self._days)
        passed = sum(
            ours.get(day, Held()).records for day in plan.unread
        )  # as many as theirs, so they were passed over
        return Gathered(
            db=self._db,
            since=since,
            until=until,
            days=tuple(
                DayCount(day=day, theirs=known.get(day), ours=ours.get(day, Held()).records, compared=day in read)
                for day in self._days
            ),
            theirs=sum(known.values()) + passed if is_whole else None,
            ours=sum(ours.get(day, Held()).records for day in self._days),
            compared=sum(theirs.get(day, 0) for day in read),
            compared_days=read,
            standing=plan.standing,
            counted=counted,
            requests=ask.requests,
            records=ask.records_came,
            failed=ask.failed,
            truncated_at=tuple(ask.truncated_at),
            confidence=None if at_most is None else self._wanted.confidence,
            at_most=at_most,
            keyless=self._theirs.keyless + self._ours.keyless,
            readings=tuple(ask.readings),
        )

    def _at_most(self, plan: Plan, agreed: set[date], ours: dict[date, Held]) -> float:
        """The share of the records on unread days that may differ, by what the sample showed."""
        wrong = sum(day not in agreed for day in plan.sample)
        units = len(plan.sample) + len(plan.unread)
        days = most_differing(units, len(plan.sample), wrong, self._wanted.confidence) - wrong
        return share_at_most([ours.get(day, Held()).records for day in plan.unread], days)


def lies_in(day: date, first: date | None, last: date | None) -> bool:
    """Whether a day lies in a span; an end that nobody knows is everywhere."""
    return (first is None or first <= day) and (last is None or day <= last)


def days_of(since: datetime, until: datetime, zone: ZoneInfo) -> Days:
    """The days that a span touches, on the practice's clock."""
    first, last = (moment.astimezone(zone).date() for moment in (since, until))
    return tuple(first + n * DAY for n in range((last - first).days + 1))
