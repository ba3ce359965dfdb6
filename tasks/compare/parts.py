"""Parts: a database sends only the parts of the keys whose checksums differ from the other side's.

Both sides add up, for each part, how many rows there are and two sums of sixty bits each of the MD5 of every row
(`tasks.tables._checksums`): what is equal in all three is equal, but for a chance of one in 2^120. What differs is
divided once more; only then are rows sent. A value that two sides write differently makes parts differ that need not:
that costs time and hides nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import log
from typing import NamedTuple

from tasks.compare.engine import LOOKED_AT, SIDES, SOME, Engine
from tasks.tables import Table
from tasks.tables._alchemy import DatabaseTable
from tasks.tables._checksums import KEYLESS, Sums
from tasks.tables._duck import DuckTable, lies_in_duckdb

FIRST = 2  # digits of the first division: 256 parts
FEWEST = 8  # rows in a part of the second
WHOLE = 0.5  # of the rows lie in parts that differ: everything is sent
LOOKED_LEAST, LOOKED_SHARE = 100, 50  # rows by which kinds are told: at least so many, and of so many one
FIGURES = 4  # that a part costs: its name, a count and two sums

Names = Mapping[str, str]  # the source's name of a column, to the side's own


class Side(NamedTuple):
    """One side, and how it calls the columns."""

    name: str
    table: DuckTable | DatabaseTable
    names: Names

    def own(self, columns: Collection[str]) -> list[str]:
        """Columns under its own names."""
        return [self.names.get(one, one) for one in columns]

    @property
    def sends(self) -> int:
        """1 for a database, 0 for what lies here."""
        return int(isinstance(self.table, DatabaseTable))


class Loaded(NamedTuple):
    """What loading came to."""

    rows: tuple[int, int] | None  # of both sides; None: all of them were read
    cells: int  # values that databases sent


class Divided(NamedTuple):
    """One division of the keys."""

    parts: frozenset[str]  # those that differ
    differing: int  # rows in them, of the larger side
    rows: tuple[int, int]  # of each side, in all that was divided
    cells: int  # figures that databases sent


def load(engine: Engine, source: Table, target: Table, names: Names) -> Loaded:
    """Fill both sides of the engine; where a database is one of them, only with what may differ."""
    both = (Side(SIDES[0], known(source), {}), Side(SIDES[1], known(target), names))
    if not any(one.sends for one in both):
        for one in both:
            fill(engine, one, None)
        return Loaded(None, 0)
    coarse = divided(engine, both, FIRST, None)
    if not coarse.parts:
        return Loaded(coarse.rows, coarse.cells + sum(fill(engine, one, frozenset()) for one in both))
    fine = divided(engine, both, digits_for(max(coarse.rows)), coarse.parts)
    parts = None if fine.differing > WHOLE * max(coarse.rows) else fine.parts
    cells = coarse.cells + fine.cells + sum(fill(engine, one, parts) for one in both)
    if parts is not None:  # of a few rows nobody can tell what a column holds
        most = min(LOOKED_AT, max(LOOKED_LEAST, max(coarse.rows) // LOOKED_SHARE))
        cells += sum(sent(engine, f"{one.name}{SOME}", one, None, most) for one in both if one.sends)
    return Loaded(coarse.rows, cells)


def known(table: Table) -> DuckTable | DatabaseTable:
    """A table of one of the two kinds that there are."""
    assert isinstance(table, DuckTable | DatabaseTable)  # noqa: S101  # what open_table gives
    return table


def divided(engine: Engine, both: tuple[Side, Side], digits: int, within: frozenset[str] | None) -> Divided:
    """The parts that differ. Rows without a key are always looked at: they are told, equal or not."""
    one, other = (side.table.checksums(side.own(engine.key), side.own(engine.wanted), digits, within) for side in both)
    parts = frozenset(name for name in one.keys() | other.keys() if one.get(name) != other.get(name) or name == KEYLESS)
    rows = (rows_in(one, one.keys()), rows_in(other, other.keys()))
    cells = FIGURES * (len(one) * both[0].sends + len(other) * both[1].sends)
    return Divided(parts, max(rows_in(one, parts), rows_in(other, parts)), rows, cells)


def rows_in(sums: Sums, parts: Collection[str]) -> int:
    """How many rows some parts have."""
    return sum(sums[name][0] for name in parts if name in sums)


def digits_for(rows: int) -> int:
    """So many digits that a part of the second division has eight rows at least.

    >>> digits_for(1_000), digits_for(200_000), digits_for(1_000_000)
    (3, 3, 4)
    """
    return max(FIRST + 1, int(log(max(rows / FEWEST, 1), 16)))


def fill(engine: Engine, side: Side, parts: frozenset[str] | None) -> int:
    """One side with the rows of these parts, all of them when None; how many values a database sent."""
    if isinstance(side.table, DuckTable):
        where = "true" if parts is None else lies_in_duckdb(side.own(engine.key), parts) if parts else "false"
        engine.view(side.name, side.table, side.names, where)
        return 0
    return sent(engine, side.name, side, parts, None)


def sent(engine: Engine, name: str, side: Side, parts: frozenset[str] | None, most: int | None) -> int:
    """A table of the engine with rows that a database sends; how many values they have."""
    engine.table(name)
    cells = 0
    if parts is not None and not parts:
        return cells
    assert isinstance(side.table, DatabaseTable)  # noqa: S101  # the other kind sends nothing
    for rows in side.table.texts(side.own(engine.wanted), side.own(engine.key), parts, most):
        engine.take(name, rows)
        cells += len(rows) * len(engine.wanted)
    return cells
