"""Asking: the practice system's side of a reconciliation, at what cost, and until when it may be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from models.integration import Integration, midnight
from models.narrowing import Days, halves, is_worth_halving, runs
from models.reading import Code, Outcome, Reading
from models.reconciliation import Reconciliation
from tasks.connectors._interface import Record, ShowsRecords
from tasks.gate import is_spared, note_round
from tasks.house import House

DAY = timedelta(days=1)
SHORTEST = timedelta(hours=1)  # a span with more records than can be paged through is halved down to this
SPARED = "spared"  # `failed`, when nothing may be asked of the system now

Span = tuple[datetime, datetime]


class Theirs:
    """Asks one system for counts and records; whatever fails ends it, and the rest stays unknown."""

    def __init__(
        self, house: House, connector: ShowsRecords, integration: Integration, wanted: Reconciliation, as_of: datetime
    ) -> None:
        self._house, self._connector, self._integration = house, connector, integration
        self._wanted, self._as_of = wanted, as_of
        self._counted: dict[Days, int] = {}  # in this run
        self.can_count = True
        self.requests = 0
        self.records_came = 0
        self.readings: list[Reading] = []
        self.truncated_at: list[datetime] = []  # beginnings of spans whose reading ended early
        self.failed: Code | None = None

    def span(self, days: Sequence[date]) -> Span:
        """From the midnight before some days to that after; no later than now, where they are days of changes."""
        since, until = (midnight(day, self._integration.timezone) for day in (days[0], days[-1] + DAY))
        return since, until if self._wanted.day else min(until, self._as_of)

    async def count(self, days: Days) -> int | None:
        """How many records some days have; None: they cannot say, or may not be asked."""
        if days in self._counted:
            return self._counted[days]
        if not self.can_count or self.is_over:
            return None
        self.requests += 1
        counted = await self._connector.count_records(self._wanted, *self.span(days))
        self.can_count = counted is not None
        if counted is not None:
            self._counted[days] = counted
        return counted

    async def differing(self, days: Sequence[date], expected: Mapping[date, int]) -> set[date]:
        """Those of these days whose count is another than expected, or that could not be told from such.

        Runs of days are counted together, and halved while that is cheaper than reading them. Of two halves only one
        is asked for.
        """
        differ: set[date] = set()
        left: list[tuple[Days, int | None]] = [(run, None) for run in runs(days)]
        while left:
            run, counted = left.pop()
            counted = await self.count(run) if counted is None else counted
            if counted == sum(expected.get(day, 0) for day in run):
                continue
            if counted is None or not is_worth_halving(run, expected):
                differ.update(run)
                continue
            first, second = halves(run)
            of_first = await self.count(first)
            rest = None if of_first is None else max(0, counted - of_first)
            left += [(first, of_first), (second, rest)]
        return differ

    async def changed(self, since: datetime) -> list[Record] | None:
        """What changed since an instant, wherever its day is; None: that cannot be known."""
        by_change = self._wanted.model_copy(update={"day": None})
        rows: list[Record] = []
        got = await self._asked(by_change, (since, self._as_of), rows)
        if got is not None and got.code == "day_not_searchable":
            self.failed = None  # nothing is wrong: this server cannot be asked so
        return rows if got is not None and got.outcome.is_ok else None

    async def day(self, day: date) -> list[Record] | None:
        """The records of one day; None: not all of them could be had."""
        rows: list[Record] = []
        span = self.span((day,))
        got = await self._asked(self._wanted, span, rows)
        if got is not None and got.outcome is Outcome.PARTIAL:
            self.truncated_at.append(span[0])
        return rows if got is not None and got.outcome.is_ok else None

    @property
    def is_over(self) -> bool:
        """Whether nothing may be asked any more: something failed, or the system is to be left alone."""
        if self.failed is None and is_spared(self._house, self._integration):
            self.failed = SPARED
        return self.failed is not None

    async def _asked(self, wanted: Reconciliation, span: Span, rows: list[Record]) -> Reading | None:
        """The reading of a span whose records are put into `rows`; None: nobody may be asked."""
        if self.is_over:
            return None
        begun = len(rows)

        def take(page: list[Record]) -> None:
            self.requests += 1
            self.records_came += len(page)
            rows.extend(page)

        got = await self._connector.records(wanted, *span, take)
        self.readings.append(got)
        if got.code == "page_limit" and span[1] - span[0] > SHORTEST:
            del rows[begun:]
            middle = span[0] + (span[1] - span[0]) / 2
            first = await self._asked(wanted, (span[0], middle), rows)
            return await self._asked(wanted, (middle, span[1]), rows) if first and first.outcome.is_ok else first
        self._note(got)
        return got

    def _note(self, got: Reading) -> None:
        """What failed ends the run, and a pause that was asked for is kept by everybody; what ended early does not."""
        if got.outcome.is_ok or got.outcome is Outcome.PARTIAL:
            return
        self.requests += 1  # the call that failed brought no page
        self.failed = got.code or got.outcome.value
        if got.retry_after_s:
            note_round(self._house, [got])
