"""Verdicts: from two digest tables to what differs, each record and column under the first name that explains it.

The order is strict (docs/decisions/0048): a tombstone and what is in flight are no discrepancy; then truncated,
missing, extra, duplicate; then for each column mixed up, shifted, stale, nulls, changed. All the work is DuckDB's;
what is chance and what is not is decided in models.verdict.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from models.discrepancy import KEYS_KEPT, Discrepancy, DiscrepancyKind
from models.reconciliation import Reconciliation
from models.verdict import (
    Absent,
    Differs,
    Found,
    Offset,
    Tail,
    Verdicts,
    absentees,
    cuts,
    emptied,
    mixes_up,
    says,
    severity,
    shifts,
)

if TYPE_CHECKING:
    import duckdb

LEVELS = ((False, False), (False, True), (True, False), (True, True))  # tails by day, by location: the coarse first
OF_THEIRS = {DiscrepancyKind.TRUNCATED, DiscrepancyKind.MISSING}
OF_OURS = {DiscrepancyKind.EXTRA, DiscrepancyKind.DUPLICATE}

Answer = TypeVar("Answer", bound=tuple)  # type: ignore[type-arg]


class Totals(NamedTuple):
    """How much was compared, see verdict_totals.sql."""

    theirs: int
    ours: int
    pairs: int
    in_flight: int
    tombstones: int
    missing: int
    locations: int
    providers: int
    patients: int

    def of(self, kind: DiscrepancyKind) -> int:
        """Of how many records those of a kind are a part."""
        if kind in OF_OURS:
            return self.ours
        return self.theirs if kind in OF_THEIRS else self.pairs


def verdicts(
    db: duckdb.DuckDBPyConnection, wanted: Reconciliation, as_of: datetime, days: Collection[date] | None = None
) -> Verdicts:
    """Name what differs between the digest tables `theirs` and `ours` (models.reconciliation).

    Leaves a view `found` (kind, column, key) with all keys, for as long as the connection lives. What `changed` does
    not tell is never in flight: where no side tells when a record changed, ask for a span that is long over.

    Args:
        db: where both tables are.
        wanted: what is compared.
        as_of: when both sides were asked.
        days: that were compared, on the practice's clock; the tables may hold records of others, which then only
            help to understand what moved. None: all.
    """
    case = Case(db, wanted)
    case.pair(as_of, days)
    totals = case.answers(Totals, "verdict_totals")[0]
    if totals.missing:
        case.name_missing(totals)
    case.ask("verdict_surplus")
    if totals.pairs:
        case.name_values(totals)
    case.ask("verdict_found")
    return Verdicts(
        discrepancies=case.discrepancies(totals),
        in_flight=totals.in_flight,
        tombstones=totals.tombstones,
        compared=totals.pairs,
    )


class Case:
    """Two sides, while their differences are named."""

    def __init__(self, db: duckdb.DuckDBPyConnection, wanted: Reconciliation) -> None:
        self._db, self._wanted = db, wanted
        self.ask("verdict_sides")
        names = [name for name, *_ in db.execute("DESCRIBE both_sides").fetchall()]
        self._columns = [name[2:] for name in names if name.startswith("h_")]
        self._instants = [name[2:] for name in names if name.startswith("t_")]

    def pair(self, as_of: datetime, days: Collection[date] | None) -> None:
        """Put both sides beside each other."""
        late, by = (as_of - self._wanted.late_after).astimezone(UTC).replace(tzinfo=None), self._wanted.counted_by.name
        place = self._instants.index(by) + 1 if by in self._instants else 0
        self.ask("verdict_pairs", days=None if days is None else sorted(days), late_before=late, counted_by=place)
        self.ask("verdict_named")

    def name_missing(self, totals: Totals) -> None:
        """What they have and we have not: cut off, of somebody of whom we have nothing, or just missing."""
        for by_day, by_location in LEVELS:
            if not by_location or totals.locations > 1:
                self._name_truncated(by_day=by_day, by_location=by_location)
            if not by_day and not by_location:
                self._name_absent("location", totals.locations)
                self._name_absent("provider", totals.providers)
        self.ask("verdict_missing", dimension=None, who=[])

    def _name_truncated(self, *, by_day: bool, by_location: bool) -> None:
        level = {"by_day": by_day, "by_location": by_location}
        found = cuts(self.answers(Tail, "verdict_tails", **level))
        if found:
            lists = {name: [getattr(one, name) for one in found] for name in ("of_day", "of_location", "way", "edge")}
            self.ask("verdict_truncated", **level, **lists)

    def _name_absent(self, dimension: str, among: int) -> None:
        if among <= 1:
            return
        who = absentees(self.answers(Absent, "verdict_whole", dimension=dimension), among)
        if who:
            self.ask("verdict_missing", dimension=dimension, who=list(who))

    def name_values(self, totals: Totals) -> None:
        """What both have, and not alike."""
        wanted = self._wanted
        patient = wanted.patient if wanted.patient != wanted.key else None
        tombstone = wanted.tombstone.column if wanted.tombstone else None
        columns = {"columns": self._columns, "instants": self._instants}
        self.ask("verdict_differing", **columns, tombstone=tombstone, patient=patient)
        differs = self.answers(Differs, "verdict_columns")
        shifted = shifts(self.answers(Offset, "verdict_offsets"))
        of_patient = next((one for one in differs if one.column == patient), None)
        self.ask(
            "verdict_values",
            patient=patient if mixes_up(of_patient, totals.patients) else None,
            shifted=[one.column for one in shifted],
            offsets=[one.offset_s for one in shifted],
            emptied=list(emptied(differs)),
        )

    def discrepancies(self, totals: Totals) -> tuple[Discrepancy, ...]:
        """All that was named, the most severe first."""
        rows = self.ask("verdict_summary", keys=KEYS_KEPT)
        told = [self._discrepancy(row, totals) for row in rows]
        return tuple(sorted(told, key=lambda one: (-one.severity.rank, -one.count, one.kind, one.column or "")))

    def _discrepancy(self, row: dict[str, Any], totals: Totals) -> Discrepancy:
        kind, dimension, days = DiscrepancyKind(row["kind"]), row.pop("dimension"), row.pop("days")
        records, of = row.pop("records"), totals.of(kind)
        told = {name: row[name] for name in ("column", "offset_s", "first_day", "last_day")}
        found = Found(kind=kind, records=records, of=of, days=days, dimension=dimension, **told)
        for name, many in (("location", totals.locations), ("provider", totals.providers)):
            row[name] = row[name] if many > 1 else None  # of one only, it says nothing
        row |= {"kind": kind, "keys": tuple(row["keys"]), "count": records, "of": of}
        level = severity(self._wanted, kind, found.column, records / of)
        return Discrepancy(**row, severity=level, says=says(self._wanted, found))

    def answers(self, noun: type[Answer], name: str, **asked: object) -> Sequence[Answer]:
        """The rows of a page, as tuples of this kind."""
        return [noun(**row) for row in self.ask(name, **asked)]

    def ask(self, name: str, **asked: object) -> list[dict[str, Any]]:
        """The rows of a page of tasks/sql."""
        from tasks.history.questions import page  # noqa: PLC0415 - DuckDB is loaded by who needs it

        found = self._db.execute(page(name), asked or None)
        names = [one[0] for one in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
