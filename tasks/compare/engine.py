"""The engine of a comparison: both sides as relations of one DuckDB in memory, `source` and `target`, all of text.

A row is first two hashes of 64 bits, of its key and of all of it: that is all that is grouped, so less than one side is
ever held. The few rows whose hashes differ are read a second time and brought to canonical form, value by value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from models.canonical import canonical
from models.comparison import Comparison, Finding, FindingType, in_order, kind_of, unlike_rows
from models.errors import BadInput
from models.reconciliation import ColumnKind
from tasks.history.questions import page
from tasks.tables._checksums import bare_in_duckdb, quoted
from tasks.tables._duck import DuckTable, why

if TYPE_CHECKING:
    import duckdb

BATCH = 10_000  # rows whose values are compared together
LOOKED_AT = 2000  # values of a column by which its kind is told, of each side
SEPARATOR = "\x1f"  # between the parts of a compound key: no text of people holds it
THREADS = 2
TIGHT_MB = 160  # at first: two threads that read Parquet need 100 or so; what has no room is spilt
ROW_BYTES = 64  # of a row while hashes are grouped
ROOMY = "80%"  # of the machine, where the tight limit was too tight
SIDES = ("source", "target")
KEY = '"\x1fkey"'  # the whole key; no table has a column of this name
SOME = "_some"  # rows by which kinds are told, where the side itself holds only what differs


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
        self.db.execute(f"set memory_limit = '{TIGHT_MB}MB'")

    def view(self, side: str, table: DuckTable, names: Mapping[str, str], where: str = "true") -> None:
        """One side as what DuckDB reads by itself, or those of its rows for which something holds."""
        listed = ", ".join(f"cast({quoted(names.get(c, c))} as varchar) as {quoted(c)}" for c in self.wanted)
        reads = table.reads
        if table.file:
            self.db.execute(f"attach {quoted(table.file, chr(39))} as {side}_file (read_only)")
            reads = reads.replace("{file}", f"{side}_file")
        self.db.execute(f"create view {side} as select {listed} from {reads} where {where}")  # noqa: S608  # quoted; checked names
        if where != "true":  # of a few rows nobody can tell what a column holds
            self.db.execute(f"create table {side}{SOME} as select {listed} from {reads} limit {LOOKED_AT}")  # noqa: S608  # as above

    def table(self, name: str) -> None:
        """An empty table, to be filled with rows of a side."""
        listed = ", ".join(f"{quoted(one)} varchar" for one in self.wanted)
        self.db.execute(f"create table {name} ({listed})")

    def take(self, side: str, rows: Sequence[Sequence[str | None]]) -> None:
        """More rows of one side, with key and compared columns in their order."""
        import pyarrow as pa  # noqa: PLC0415  # as above

        columns = [pa.array(values, pa.string()) for values in zip(*rows, strict=True)]
        batch = pa.table(columns, [f"c{n}" for n in range(len(columns))])
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
        parts = map(bare_in_duckdb, self.key)
        return f" || '{SEPARATOR}' || ".join(parts)

    def compared(
        self,
        told: Mapping[str, ColumnKind],
        unlike: tuple[str, ...],
        rows: tuple[int, int] | None,
        cells: int,
        tell: Callable[[str], None],
    ) -> Comparison:
        """The whole comparison.

        Args:
            told: what columns are, as far as somebody said so.
            unlike: columns that only one side has.
            rows: of both sides; None: all of them are here.
            cells: how many values databases sent.
            tell: is told what is being done.

        Raises:
            BadInput: when a side cannot be read to its end.
        """
        import duckdb  # noqa: PLC0415  # as above

        try:
            read = [self._hashed(side) for side in SIDES]
            tell("Joining them by key")
            self._keep_what_differs(sum(count for count, _ in read))
            kinds = {name: told.get(name) or self._kind(name) for name in self.columns}
            tell("Comparing what differs")
            findings = in_order((*self._keys(), *self._values(kinds), *self._of_many(kinds)))
        except duckdb.Error as error:
            raise BadInput(f"a side cannot be read to its end: {why(error)}") from None
        keyless = sum(without for _, without in read)
        in_source, in_target = rows or (read[0][0], read[1][0])
        return Comparison(findings, in_source, in_target, self.columns, kinds, unlike, keyless, cells)

    def _run(self, asked: str) -> duckdb.DuckDBPyConnection:
        """One step; again with more memory where there was too little."""
        import duckdb  # noqa: PLC0415  # as above

        try:
            return self.db.execute(asked)
        except duckdb.OutOfMemoryException:
            self.db.execute(f"set memory_limit = '{ROOMY}'")
            return self.db.execute(asked)

    def _hashed(self, side: str) -> tuple[int, int]:
        """Hashes of each row; how many rows there are, and how many have no key."""
        row = ", ".join((KEY, *map(quoted, self.columns)))
        of_key = f"case when {KEY} is not null then hash({KEY}) end"
        asked = f"select {of_key} as k, hash({row}) as h from {self._keyed(side)}"  # noqa: S608  # quoted
        self._run(f"create temp table {side}_hashes as {asked}")
        total = f"select count(*), count(*) - count(k) from {side}_hashes"  # noqa: S608  # a name of ours
        rows, keyless = self.db.execute(total).fetchone() or (0, 0)
        return int(rows), int(keyless)

    def _keep_what_differs(self, rows: int) -> None:
        """The rows of both sides under keys that are not the same to the letter, and which keys these are."""
        self.db.execute(f"set memory_limit = '{max(TIGHT_MB, rows * ROW_BYTES // 1_000_000)}MB'")
        asked = page("compare_hashes")
        self._run(f"create temp table unequal as {asked}")
        for side in SIDES:
            self.db.execute(f"drop table {side}_hashes")
            rows_of = f"select * from {self._keyed(side)} where hash({KEY}) in (select k from unequal)"  # noqa: S608  # quoted
            self._run(f"create temp table {side}_rows as {rows_of}")
            self._run(f"delete from {side}_rows where {KEY} is null")  # noqa: S608  # a name of ours
            self._run(
                f"create temp table {side}_sums as with hashed as (select {KEY} as key, hash({self._listed}) as h "  # noqa: S608  # as above
                f"from {side}_rows) select key, count(*) as n, min(h) as lo, max(h) as hi from hashed group by key"
            )
        asked = page("compare_keys")
        self._run(f"create temp table differing as {asked}")

    def _keyed(self, side: str) -> str:
        """A side, with the key as one text."""
        return f"(select {self.joined_key} as {KEY}, {self._listed} from {side})"  # noqa: S608  # quoted

    @property
    def _listed(self) -> str:
        """The compared columns; without any there is one that says nothing."""
        return ", ".join(map(quoted, self.columns)) or "0"

    def _keys(self) -> Iterator[Finding]:
        """What is missing, extra or there too often."""
        asked = "select key, in_source, in_target from differing where in_source <> in_target"
        for key, in_source, in_target in self.db.execute(asked).fetchall():
            if in_target > in_source:
                yield Finding(FindingType.DUPLICATE if in_source else FindingType.EXTRA, shown(key))
            elif not in_target:
                yield Finding(FindingType.MISSING, shown(key))

    def _values(self, kinds: Mapping[str, ColumnKind]) -> Iterator[Finding]:
        """Which columns differ, of the keys that both sides have once and whose rows are not the same to the letter."""
        if not self.columns:
            return
        same = lru_cache(maxsize=200_000)(self._is_same)
        cursor = self._run(self._pairs())  # a cursor of its own would not see temporary tables
        while rows := cursor.fetchmany(BATCH):
            for key, *values in rows:
                theirs, ours = values[: len(self.columns)], values[len(self.columns) :]
                for name, one, other in zip(self.columns, theirs, ours, strict=True):
                    if one != other and not same(kinds[name], one, other):
                        yield Finding(FindingType.MISMATCH, shown(key), name)

    def _pairs(self) -> str:
        """Rows of both sides under one key that differ."""
        first, second = (", ".join(f"{side}.{quoted(c)}" for c in self.columns) for side in ("s", "t"))
        return (
            f"select s.{KEY}, {first}, {second} from source_rows s join target_rows t using ({KEY}) "  # noqa: S608  # quoted, or ours
            f"where s.{KEY} in (select key from differing where in_source = 1 and in_target = 1)"
        )

    def _of_many(self, kinds: Mapping[str, ColumnKind]) -> Iterator[Finding]:
        """What differs under keys that a side has more than once: rows are set against those that are most alike."""
        many = "in_source > 0 and in_target > 0 and in_source + in_target > 2 and not is_same"
        rows_of = " union all ".join(
            f"select {KEY} as key, {n} as side, {self._listed} from {side}_rows"  # noqa: S608  # quoted, or ours
            for n, side in enumerate(SIDES)
        )
        keys = f"select key from differing where {many}"  # noqa: S608  # ours
        cursor = self._run(f"select * from ({rows_of}) semi join ({keys}) using (key) order by key")  # noqa: S608  # as above
        for key, rows in groupby(each(cursor), key=lambda row: row[0]):
            sides_of_key: tuple[list[tuple[Any, ...]], ...] = ([], [])
            for _, side, *values in rows:
                sides_of_key[side].append(self._form(values, kinds))
            names, is_lost = unlike_rows(*sides_of_key)
            if is_lost:
                yield Finding(FindingType.MISSING, shown(key))
            yield from (Finding(FindingType.MISMATCH, shown(key), self.columns[n]) for n in names)

    def _form(self, values: Sequence[str | None], kinds: Mapping[str, ColumnKind]) -> tuple[str | None, ...]:
        """A row in canonical form."""
        named = zip(self.columns, values, strict=False)  # without columns there is one value, which says nothing
        return tuple(canonical(kinds[name], value, self._timezone) for name, value in named)

    def _is_same(self, kind: ColumnKind, one: Any, other: Any) -> bool:  # noqa: ANN401 - text or nothing
        return canonical(kind, one, self._timezone) == canonical(kind, other, self._timezone)

    def _kind(self, name: str) -> ColumnKind:
        """What a column holds, by some of its values; a key that differs decides nothing."""
        known = {str(one) for (one,) in self.db.execute("select table_name from duckdb_tables()").fetchall()}
        sides = []
        for side in SIDES:
            places = [one for one in (f"{side}{SOME}", side) if one == side or one in known]
            sides.append(next((found for one in places if (found := self._looked_at(one, name))), []))
        return kind_of(name, *sides)

    def _looked_at(self, place: str, name: str) -> list[str]:
        """Some values of a column."""
        column = quoted(name)
        asked = f"select {column} from {place} where {column} is not null limit {LOOKED_AT}"  # noqa: S608  # quoted
        return [str(value) for (value,) in self.db.execute(asked).fetchall()]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.db.close()


def each(cursor: Any) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 - a cursor of DuckDB
    """The rows of an answer, some at a time."""
    while rows := cursor.fetchmany(BATCH):
        yield from rows


def shown(key: str) -> str:
    """A compound key with commas."""
    return key.replace(SEPARATOR, ",")
