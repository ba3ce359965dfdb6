"""The engine of a comparison: both sides as relations of one DuckDB in memory, `source` and `target`, all of text.

A row is first a hash of 64 bits beside its key: that is all that is joined, so less than one side is ever held. The few
rows whose hashes differ are read a second time and brought to canonical form, value by value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from types import TracebackType
from typing import Any, Self

from models.canonical import canonical
from models.comparison import Comparison, Finding, FindingType, in_order, kind_of
from models.errors import BadInput
from models.reconciliation import ColumnKind
from tasks.history.questions import page
from tasks.tables._duck import quoted

BATCH = 10_000  # rows whose values are compared together
LOOKED_AT = 2000  # values of a column by which its kind is told, of each side
SEPARATOR = "\x1f"  # between the parts of a compound key: no text of people holds it
THREADS = 2
SIDES = ("source", "target")


class Engine:
    """One comparison."""

    def __init__(self, spill: str, key: Sequence[str], columns: Sequence[str], timezone: str) -> None:
        """A database of its own.

        Args:
            spill: a private folder, for what does not fit into memory.
            key: columns by which a row is the same on both sides.
            columns: what is compared.
            timezone: of instants that are written without one.
        """
        import duckdb  # noqa: PLC0415  # only where something is compared

        self.key, self.columns, self._timezone = tuple(key), tuple(columns), timezone
        self.db = duckdb.connect()
        for setting in (f"temp_directory = {quoted(spill, chr(39))}", f"threads = {THREADS}", "TimeZone = 'UTC'"):
            self.db.execute(f"set {setting}")
        self.db.execute("set preserve_insertion_order = false")

    def view(self, side: str, reads: str, names: Mapping[str, str]) -> None:
        """One side as what DuckDB reads by itself."""
        listed = ", ".join(f"cast({quoted(names.get(c, c))} as varchar) as {quoted(c)}" for c in self.wanted)
        self.db.execute(f"create view {side} as select {listed} from {reads}")  # noqa: S608  # quoted; checked names

    def table(self, side: str) -> None:
        """One side as an empty table, to be filled."""
        listed = ", ".join(f"{quoted(name)} varchar" for name in self.wanted)
        self.db.execute(f"create table {side} ({listed})")

    def take(self, side: str, rows: Sequence[Mapping[str, str | None]]) -> None:
        """More rows of one side."""
        import pyarrow as pa  # noqa: PLC0415  # as above

        batch = pa.table({name: pa.array([row[name] for row in rows], pa.string()) for name in self.wanted})
        self.db.register("batch", batch)
        self.db.execute(f"insert into {side} select * from batch")  # noqa: S608  # a name of ours
        self.db.unregister("batch")

    @property
    def wanted(self) -> tuple[str, ...]:
        """Key and compared columns."""
        return (*self.key, *self.columns)

    @property
    def joined_key(self) -> str:
        """The key as one text, without the white space around it; NULL where a part is missing."""
        parts = (f"nullif(trim({quoted(name)}), '')" for name in self.key)
        return f" || '{SEPARATOR}' || ".join(parts)

    def compared(
        self, told: Mapping[str, ColumnKind], unlike: tuple[str, ...], cells: int, tell: Callable[[str], None]
    ) -> Comparison:
        """The whole comparison.

        Raises:
            BadInput: when a side cannot be read to its end.
        """
        import duckdb  # noqa: PLC0415  # as above

        try:
            rows = [self._summed(side) for side in SIDES]
            tell("Joining them by key")
            joined = page("compare_keys")
            self.db.execute(f"create temp table differing as {joined}")
            kinds = {name: told.get(name) or self._kind(name) for name in self.columns}
            tell("Comparing what differs")
            findings = in_order((*self._keys(), *self._values(kinds)))
        except duckdb.Error as error:
            raise BadInput(f"the comparison ended early: a side cannot be read ({type(error).__name__})") from None
        keyless = sum(without for _, without in rows)
        return Comparison(findings, rows[0][0], rows[1][0], self.columns, kinds, unlike, keyless, cells)

    def _summed(self, side: str) -> tuple[int, int]:
        """Hashes by key; how many rows there are, and how many have no key."""
        values = ", ".join(map(quoted, self.columns)) or "0"
        self.db.execute(
            f"""create temp table {side}_sums as
            with hashed as (select {self.joined_key} as key, hash({values}) as h from {side})
            select key, count(*) as n, min(h) as lo, max(h) as hi from hashed group by key"""  # noqa: S608  # quoted
        )
        total = f"select coalesce(sum(n), 0), coalesce(sum(n) filter (key is null), 0) from {side}_sums"  # noqa: S608
        rows, keyless = self.db.execute(total).fetchone() or (0, 0)
        self.db.execute(f"delete from {side}_sums where key is null")  # noqa: S608  # a name of ours
        return int(rows), int(keyless)

    def _keys(self) -> Iterator[Finding]:
        """What is missing, extra or there too often."""
        asked = "select key, in_source, in_target from differing where in_source <> in_target"
        for key, in_source, in_target in self.db.execute(asked).fetchall():
            if in_target > in_source:
                yield Finding(FindingType.DUPLICATE if in_source else FindingType.EXTRA, shown(key))
            elif not in_target:
                yield Finding(FindingType.MISSING, shown(key))

    def _values(self, kinds: Mapping[str, ColumnKind]) -> Iterator[Finding]:
        """Which columns differ, of the keys that both sides have and whose rows are not the same to the letter."""
        if not self.columns:
            return
        same = lru_cache(maxsize=200_000)(self._is_same)
        seen: set[tuple[str, str]] = set()
        cursor = self.db.execute(self._pairs())  # a cursor of its own would not see temporary tables
        while rows := cursor.fetchmany(BATCH):
            for key, *values in rows:
                theirs, ours = values[: len(self.columns)], values[len(self.columns) :]
                for name, one, other in zip(self.columns, theirs, ours, strict=True):
                    if one != other and (key, name) not in seen and not same(kinds[name], one, other):
                        seen.add((key, name))
                        yield Finding(FindingType.MISMATCH, shown(key), name)

    def _pairs(self) -> str:
        """Rows of both sides under one key that differ; of a key that stands there twice, each with each."""
        first, second = (", ".join(f"{side}.{quoted(c)}" for c in self.columns) for side in ("s", "t"))
        side = f"select {self.joined_key} as key, * from"
        return (
            "with d as (select key from differing where in_source > 0 and in_target > 0 and not is_same), "  # noqa: S608  # quoted, or ours
            f"s as materialized (select * from ({side} source) semi join d using (key)), "
            f"t as materialized (select * from ({side} target) semi join d using (key)) "
            f"select s.key, {first}, {second} from s join t using (key)"
        )

    def _is_same(self, kind: ColumnKind, one: Any, other: Any) -> bool:  # noqa: ANN401 - text or nothing
        return canonical(kind, one, self._timezone) == canonical(kind, other, self._timezone)

    def _kind(self, name: str) -> ColumnKind:
        """What a column holds, by some of its values; a key that differs decides nothing."""
        sides = []
        for side in SIDES:
            column = quoted(name)
            asked = f"select {column} from {side} where {column} is not null limit {LOOKED_AT}"  # noqa: S608  # quoted
            sides.append([str(value) for (value,) in self.db.execute(asked).fetchall()])
        return kind_of(name, *sides)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.db.close()


def shown(key: str) -> str:
    """A compound key with commas."""
    return key.replace(SEPARATOR, ",")
