"""Parts: of two databases, send only the parts of the keys whose checksums differ.

A row belongs to a part by the first digits of the MD5 of its key, so parts are alike in size whatever the keys are.
Each database adds up, per part, how many rows there are and two sums of sixty bits each of the MD5 of every row: what
is equal in all three is equal, but for a chance of one in 2^120. What differs is divided once more; only then are rows
sent. A value that two databases write differently makes parts differ that need not: that costs time and hides nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from models.canonical import written
from tasks.compare.engine import SIDES, Engine
from tasks.tables import Table
from tasks.tables._alchemy import DatabaseTable
from tasks.tables._duck import DuckTable
from tasks.tables._interface import Row

DIGITS = (2, 4)  # of the first and of the second division: 256 parts, each in 256
WHOLE = 0.5  # of the parts differ: everything is sent
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
    """The parts whose sums differ, and what it cost to find out; None: it is not worth telling them apart."""
    parts: frozenset[str] | None = None
    cells = 0
    for digits in DIGITS:
        one = source.checksums(engine.key, engine.columns, digits, parts)
        other = target.checksums(
            [names.get(c, c) for c in engine.key], [names.get(c, c) for c in engine.columns], digits, parts
        )
        cells += FIGURES * (len(one) + len(other))
        found = frozenset(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
        if len(found) > WHOLE * max(len(one), len(other), 1) and parts is None and len(found) > 1:
            return None, cells
        parts = found
        if not parts:
            break
    return parts, cells


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
