"""What the application's landing program may do wrong without any noise: faults by name, pure on rows.

Each takes some rows of a batch (a `share` of them, or a `count`), spoils what lands, and tells which keys it touched.
The practice's own records stay as they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import ClassVar, Literal, Protocol, runtime_checkable
from zoneinfo import ZoneInfo

from pydantic import PositiveFloat, PositiveInt

from models.discrepancy import DiscrepancyKind
from models.noun import Noun
from simulator.faults import Fault, Probability
from simulator.people import instant

Value = str | int | float | None
Row = dict[str, Value]

LANDING = ("landing",)
HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Layout:
    """A table: its columns, and what some of them are for."""

    table: str
    columns: tuple[str, ...]
    key: str = "id"
    changed: str | None = "changed_at"  # None: nobody tells
    day: str | None = None
    instants: tuple[str, ...] = ()  # without `changed`
    patient: str | None = None
    provider: str | None = None
    timezone: str = "America/New_York"  # at whose midnight a day begins
    status: str = "status"  # what a later version changes, and where a tombstone is told

    def key_of(self, row: Row) -> str:
        """A row's key."""
        return str(row[self.key])

    def day_of(self, row: Row) -> str:
        """The practice's day that a row is counted by, as ISO 8601; of a date without hours, itself."""
        text = str(row[self.day or self.changed or self.key])
        return str(moment(text).astimezone(ZoneInfo(self.timezone)).date()) if "T" in text else text

    def order(self, row: Row) -> tuple[str, str]:
        """How the practice hands its records out: by their last change, else by their day."""
        return str(row[self.changed or self.day or self.key]), self.key_of(row)


@dataclass(frozen=True, slots=True)
class Touched:
    """What was done to which records; for tests only."""

    kind: DiscrepancyKind | None  # None: a decoy, which nobody should tell of
    keys: frozenset[str]
    column: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Records as the practice shows them, what lands of them, and what was done on the way."""

    theirs: Sequence[Row]
    ours: Sequence[Row]
    as_of: datetime
    touched: tuple[Touched, ...] = ()

    def landed(self, ours: Sequence[Row], *touched: Touched) -> Batch:
        """The same, with other rows that land."""
        return replace(self, ours=ours, touched=(*self.touched, *(one for one in touched if one.keys)))

    @classmethod
    def of(cls, records: Sequence[Row], as_of: datetime) -> Batch:
        """A batch that lands as it is."""
        return cls(records, records, as_of)


class Some(Noun):
    """How many rows of a batch: so many, or a share of them. A share of a few rows is one of them now and then."""

    share: Probability = 0.01
    count: PositiveInt | None = None

    def many(self, total: int, rng: Random) -> int:
        """Of so many rows."""
        return min(total, self.count or int(self.share * total + rng.random()))

    def pick(self, rows: Sequence[Row], layout: Layout, rng: Random) -> frozenset[str]:
        """The keys of those it means, each as likely as the next."""
        keys = sorted({layout.key_of(row) for row in rows})
        return frozenset(rng.sample(keys, self.many(len(keys), rng)))


@runtime_checkable
class LandingFault(Protocol):
    """A way in which records land wrong, or seem to."""

    def spoil(self, batch: Batch, layout: Layout, rng: Random) -> Batch:
        """The batch as it lands with this."""
        ...


class RowsDropped(Some, Fault):
    """Some records never land."""

    systems: ClassVar[tuple[str, ...]] = LANDING

    def spoil(self, batch: Batch, layout: Layout, rng: Random) -> Batch:
        """Without them."""
        keys = self.pick(batch.ours, layout, rng)
        kept = [row for row in batch.ours if layout.key_of(row) not in keys]
        return batch.landed(kept, Touched(DiscrepancyKind.MISSING, keys))


class PagesCut(Some, Fault):
    """The last records of a day, or of the whole batch, never land: a page is missing, or a file ended early."""

    systems: ClassVar[tuple[str, ...]] = LANDING
    of: Literal["day", "batch"] = "day"
    page: PositiveInt = 20  # records that a page holds: of one day so many are lost at most

    def spoil(self, batch: Batch, layout: Layout, rng: Random) -> Batch:
        """Without the tail of as many days as it takes; the first record of each stays."""
        rows = sorted(batch.ours, key=layout.order)
        left, keys = self.many(len(rows), rng), set[str]()
        groups = [rows] if self.of == "batch" else _by_day(rows, layout)
        rng.shuffle(groups)
        groups.sort(key=lambda group: len(group) <= self.page)  # a page is lost of what has more than one
        for group in groups:
            most = left if self.of == "batch" else min(left, self.page)
            lost = group[max(1, len(group) - most) :]
            keys |= {layout.key_of(row) for row in lost}
            left -= len(lost)
        kept = [row for row in batch.ours if layout.key_of(row) not in keys]
        return batch.landed(kept, Touched(DiscrepancyKind.TRUNCATED, frozenset(keys)))


class RowsDuplicated(Some, Fault):
    """Some records land twice."""

    systems: ClassVar[tuple[str, ...]] = LANDING

    def spoil(self, batch: Batch, layout: Layout, rng: Random) -> Batch:
        """With a copy of each."""
        keys = self.pick(batch.ours, layout, rng)
        copies = [dict(row) for row in batch.ours if layout.key_of(row) in keys]
        return batch.landed([*batch.ours, *copies], Touched(DiscrepancyKind.DUPLICATE, keys))


class RowsAdded(Some, Fault):
    """Records land that the practice does not have."""

    systems: ClassVar[tuple[str, ...]] = LANDING

    def spoil(self, batch: Batch, layout: Layout, rng: Random) -> Batch:
        """With as many more, each like one that is there but for its key."""
        keys = self.pick(batch.ours, layout, rng)
        made = [row | {layout.key: f"x-{layout.key_of(row)}"} for row in batch.ours if layout.key_of(row) in keys]
        added = frozenset(layout.key_of(row) for row in made)
        return batch.landed([*batch.ours, *made], Touched(DiscrepancyKind.EXTRA, added))


class OldVersionsKept(Some, Fault):
    """Of some records an older version stays: what the practice changed since does not land."""

    systems: ClassVar[tuple[str, ...]] = LANDING
    older_h: PositiveFloat = 5.0

    def spoil(self, batch: Batch, layout: Layout, rng: Random) -> Batch:
        """With their status as it was, and the instant of change that it had then."""
        keys = self.pick(batch.ours, layout, rng)

        def old(row: Row) -> Row:
            before = {layout.status: other(row[layout.status])}
            moved = shifted(row, (layout.changed,) if layout.changed else (), timedelta(hours=-self.older_h))
            return row | moved | before

        kind = DiscrepancyKind.STALE if layout.changed else DiscrepancyKind.CHANGED
        return batch.landed(
            each(batch.ours, layout, keys, old), Touched(kind, keys, None if layout.changed else layout.status)
        )


class InstantsShifted(Some, Fault):
    """The instants of some records land off by a constant: an hour of summer time, or UTC read as local time."""

    systems: ClassVar[tuple[str, ...]] = LANDING
    by_s: int = HOUR_S

    def spoil(self, batch: Batch, layout: Layout, rng: Random) -> Batch:
        """With every instant of theirs moved, but not the one of their change."""
        keys = self.pick([row for row in batch.ours if all(row[one] for one in layout.instants)], layout, rng)
        step = timedelta(seconds=self.by_s)
        rows = each(batch.ours, layout, keys, lambda row: row | shifted(row, layout.instants, step))
        return batch.landed(rows, *(Touched(DiscrepancyKind.SHIFTED, keys, one) for one in layout.instants))


class ColumnEmptied(Some, Fault):
    """A column of some records lands without its value."""

    systems: ClassVar[tuple[str, ...]] = LANDING
    column: str

    def spoil(self, batch: Batch, layout: Layout, rng: Random) -> Batch:
        """With NULL where a value was."""
        keys = self.pick([row for row in batch.ours if row[self.column] not in (None, "")], layout, rng)
        rows = each(batch.ours, layout, keys, lambda row: row | {self.column: None})
        return batch.landed(rows, Touched(DiscrepancyKind.NULLS, keys, self.column))


class ColumnChanged(Some, Fault):
    """A column of some records lands with another value: the other sign of a number, or another digit."""

    systems: ClassVar[tuple[str, ...]] = LANDING
    column: str

    def spoil(self, batch: Batch, layout: Layout, rng: Random) -> Batch:
        """With a value that looks as good."""
        keys = self.pick([row for row in batch.ours if row[self.column] not in (None, "", 0)], layout, rng)
        rows = each(batch.ours, layout, keys, lambda row: row | {self.column: other(row[self.column])})
        return batch.landed(rows, Touched(DiscrepancyKind.CHANGED, keys, self.column))


class PatientsMixedUp(Some, Fault):
    """Pairs of records land with each other's patient."""

    systems: ClassVar[tuple[str, ...]] = LANDING

    def spoil(self, batch: Batch, layout: Layout, rng: Random) -> Batch:
        """With patients exchanged between records of two; one alone stays as it is."""
        if (column := layout.patient) is None:
            return batch
        held = {layout.key_of(row): row[column] for row in batch.ours if row[column] not in (None, "")}
        wanted, keys = max(2, self.many(len(held), rng)) // 2, sorted(held)
        rng.shuffle(keys)
        swapped: dict[str, Value] = {}
        while keys and len(swapped) < 2 * wanted:
            one = keys.pop()
            two = next((key for key in reversed(keys) if held[key] != held[one]), None)
            if two is not None:
                keys.remove(two)
                swapped |= {one: held[two], two: held[one]}
        touched = Touched(DiscrepancyKind.MIXED_UP, frozenset(swapped), column)
        return batch.landed(
            each(batch.ours, layout, swapped, lambda row: row | {column: swapped[layout.key_of(row)]}), touched
        )


def each(
    rows: Sequence[Row], layout: Layout, keys: frozenset[str] | dict[str, Value], change: Callable[[Row], Row]
) -> list[Row]:
    """All rows, those of these keys changed."""
    return [change(row) if layout.key_of(row) in keys else row for row in rows]


def shifted(row: Row, columns: Sequence[str], step: timedelta) -> Row:
    """These instants of a row, moved, written as FHIR writes them; what is empty stays so."""
    return {name: instant(moment(row[name]) + step) for name in columns if row[name]}


def moment(value: Value) -> datetime:
    """An instant that was written down; one without a zone is UTC."""
    read = datetime.fromisoformat(str(value))
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def other(value: Value) -> Value:
    """Another value of the same looks: the other sign, the next digit, a letter more.

    >>> other(-2.25), other("12:30"), other("booked"), other(None)
    (2.25, '12:31', 'bookedx', 'x')
    """
    if isinstance(value, int | float) and value:
        return -value
    text = "" if value is None else str(value)
    return f"{text[:-1]}{(int(text[-1]) + 1) % 10}" if text[-1:].isdigit() else f"{text}x"


def _by_day(rows: Sequence[Row], layout: Layout) -> list[list[Row]]:
    """Records by the practice's day, in the order of `rows`."""
    days: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        days[layout.day_of(row)].append(row)
    return list(days.values())
