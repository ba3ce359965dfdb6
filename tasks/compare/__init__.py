"""Compare two tables by a key, whatever they are written in (docs/decisions/0046).

    hash each row → join the hashes by key → read again what differs → bring it to one form → say what still differs

Where a database is one of the sides, checksums over parts of the keys come first: parts that are equal are never sent.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory, gettempdir
from typing import NamedTuple

from psutil import pid_exists

from models.comparison import Comparison
from models.errors import BadInput
from models.reconciliation import ColumnKind
from tasks.compare.engine import Engine
from tasks.compare.parts import load
from tasks.tables import Table, open_table
from tasks.tables._interface import check_columns

SPILL = "heal-compare-"  # and the process that it belongs to


class Asked(NamedTuple):
    """What is to be compared."""

    source: str
    target: str
    key: tuple[str, ...]
    columns: tuple[str, ...] = ()  # none: all that both sides have
    ignored: tuple[str, ...] = ()
    kinds: Mapping[str, ColumnKind] = {}
    renamed: Mapping[str, str] = {}  # the source's name of a column, to the target's
    timezone: str = "UTC"
    source_table: str | None = None
    target_table: str | None = None


def quiet(_: str) -> None:
    """Tell nobody."""


def compare(asked: Asked, base: Path = Path(), tell: Callable[[str], None] = quiet) -> Comparison:
    """Compare two tables.

    Args:
        asked: which, and how.
        base: where relative paths start from.
        tell: is told what is being done.

    Raises:
        BadInput: in one sentence, what cannot be compared.
    """
    with ExitStack() as stack:
        spill = stack.enter_context(spill_folder())
        source = stack.enter_context(open_table(asked.source, asked.source_table, base, asked.timezone))
        target = stack.enter_context(open_table(asked.target, asked.target_table, base, asked.timezone))
        columns, unlike = shared(asked, source, target)
        engine = stack.enter_context(Engine(spill, asked.key, columns, asked.timezone))
        tell("Reading both sides")
        loaded = load(engine, source, target, asked.renamed)
        return engine.compared(asked.kinds, unlike, loaded.rows, loaded.cells, tell)


def spill_folder() -> TemporaryDirectory[str]:
    """A private folder for what does not fit into memory; what killed comparisons left in theirs goes first."""
    for left in Path(gettempdir()).glob(f"{SPILL}*"):
        pid = left.name.removeprefix(SPILL).partition("-")[0]
        if pid.isdecimal() and not pid_exists(int(pid)):
            rmtree(left, ignore_errors=True)  # another user's is his to sweep
    return TemporaryDirectory(prefix=f"{SPILL}{os.getpid()}-")  # 0700; gone when it is done


def shared(asked: Asked, source: Table, target: Table) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The compared columns by the source's names, and those that only one side has.

    Raises:
        BadInput: when the key, or a column that was asked for, is missing on a side, or nothing is left.
    """
    names = {name: asked.renamed.get(name, name) for name in source.columns}
    for where, wanted, known in (
        ("the source", (*asked.key, *asked.columns, *asked.renamed), source.columns),
        ("the target", [names.get(one, one) for one in (*asked.key, *asked.columns)], target.columns),
    ):
        check_columns(wanted, known, where)
    theirs = set(asked.renamed.values())
    meant = [one for one in source.columns if one in asked.renamed or one not in theirs]  # a=b: b is no longer itself
    both = [one for one in meant if names[one] in target.columns and one not in asked.key]
    chosen = tuple(one for one in (asked.columns or both) if one not in {*asked.ignored, *asked.key})
    alone = [one for one in source.columns if one not in meant or names[one] not in target.columns]
    alone += [one for one in target.columns if one not in {names[one] for one in meant}]
    if not chosen and len(source.columns) > len(asked.key) and len(target.columns) > len(asked.key):
        raise BadInput("both sides share no column but the key; say which is which with --rename theirs=ours")
    return chosen, tuple(one for one in alone if one not in asked.ignored)
