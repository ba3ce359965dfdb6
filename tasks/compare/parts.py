"""Parts: of two databases, send only the parts of the keys whose checksums differ.

A row belongs to a part by the first digits of the MD5 of its key, so parts are alike in size whatever the keys are.
Each database adds up, per part, how many rows there are and two sums of sixty bits each of the MD5 of every row: what
is equal in all three is equal, but for a chance of one in 2^120. What differs is divided once more; only then are rows
sent. A value that two databases write differently makes parts differ that need not: that costs time and hides nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import log
from typing import NamedTuple

from models.canonical import written
from tasks.compare.engine import SIDES, Engine
from tasks.tables import Table
from tasks.tables._alchemy import DatabaseTable
from tasks.tables._duck import DuckTable
from tasks.tables._interface import Row

FIRST = 2  # digits of the first division: 256 parts
FEWEST = 8  # rows in a part of the second
WHOLE = 0.5  # of the rows lie in parts that differ: everything is sent
FIGURES = 4  # that a part costs: its name, a count and two sums

Sums = Mapping[str, tuple[int, int, int]]


def load(engine: Engine, source: Table, target: Table, names: Mapping[str, str]) -> int:
    """Fill both sides of the engine; how many values databases sent for it.

    Args:
        engine: that compares them.
        source: one side.
        target: the other.
        names: the source's name of a column, to the target's.
    """
    renamed = {"source": {}, "target": names}
    if isinstance(source, DatabaseTable) and isinstance(target, DatabaseTable):
        parts, cells = differing(engine, source, target, names)
        return cells + sum(
            filled(engine, side, table, renamed[side], parts)
            for side, table in zip(SIDES, (source, target), strict=True)
        )
    cells = 0
    for side, table in zip(SIDES, (source, target), strict=True):
        if isinstance(table, DuckTable) and table.reads:
            engine.view(side, table.reads, renamed[side])
        else:
            cells += filled(engine, side, table, renamed[side], None)
    return cells


def differing(
    engine: Engine, source: DatabaseTable, target: DatabaseTable, names: Mapping[str, str]
) -> tuple[frozenset[str] | None, int]:
    """The parts whose sums differ, and what it cost to find out; None: so much differs that everything is sent."""
    coarse, cells = divided(engine, source, target, names, FIRST, None)
    if not coarse.parts:
        return coarse.parts, cells
    fine, more = divided(engine, source, target, names, digits_for(coarse.of), coarse.parts)
    return (None if fine.rows > WHOLE * coarse.of else fine.parts), cells + more


class Divided(NamedTuple):
    """One division of the keys."""

    parts: frozenset[str]  # those that differ
    rows: int  # in them, of the larger side
    of: int  # in all


def divided(
    engine: Engine,
    source: DatabaseTable,
    target: DatabaseTable,
    names: Mapping[str, str],
    digits: int,
    within: Collection[str] | None,
) -> tuple[Divided, int]:
    """The parts of one division, and how many figures were sent for it."""
    key, columns = ([names.get(c, c) for c in some] for some in (engine.key, engine.columns))
    one = source.checksums(engine.key, engine.columns, digits, within)
    other = target.checksums(key, columns, digits, within)
    parts = frozenset(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
    rows, of = (max(rows_in(side, some) for side in (one, other)) for some in (parts, one.keys() | other.keys()))
    return Divided(parts, rows, of), FIGURES * (len(one) + len(other))


def rows_in(sums: Sums, parts: Collection[str]) -> int:
    """How many rows some parts have."""
    return sum(sums[name][0] for name in parts if name in sums)


def digits_for(rows: int) -> int:
    """So many digits that a part of the second division has eight rows at least.

    >>> digits_for(1_000), digits_for(200_000), digits_for(1_000_000)
    (3, 3, 4)
    """
    return max(FIRST + 1, int(log(max(rows / FEWEST, 1), 16)))


def filled(engine: Engine, side: str, table: Table, names: Mapping[str, str], parts: Collection[str] | None) -> int:
    """One side with the rows of these parts, all of them when none are named; how many values came."""
    engine.table(side)
    columns = [names.get(name, name) for name in engine.wanted]
    if parts is not None and isinstance(table, DatabaseTable):
        batches = table.rows_of(columns[: len(engine.key)], columns, parts)
    else:
        batches = table.stream(columns)
    cells = 0
    for rows in batches:
        engine.take(side, [as_text(engine, row, names) for row in rows])
        cells += len(rows) * len(columns)
    return cells


def as_text(engine: Engine, row: Row, names: Mapping[str, str]) -> dict[str, str | None]:
    """A row as the engine takes it: by the source's names, every value as text."""
    return {name: written(row[names.get(name, name)]) for name in engine.wanted}
