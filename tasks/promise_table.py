"""A table that a person names, read for its promises: only the columns that anything is promised of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import BadInput
from tasks.tables import Table, open_table

if TYPE_CHECKING:
    import pandas as pd


def read_table(place: str, columns: Sequence[str], names: Mapping[str, str]) -> pd.DataFrame:
    """The rows of a table, values as the driver gives them or text.

    Args:
        place: a file or the URL of a database; `#name` at its end is the table.
        columns: those that anything is promised of.
        names: what some of them are called in the table.

    Raises:
        BadInput: it cannot be read, or a column is not there that was named.
    """
    import duckdb  # noqa: PLC0415  # 0.1 s

    try:
        with open_table(place, base=Path()) as table:
            return picked(table, columns, names)
    except duckdb.Error as error:  # a line far down that is none; what is said of it quotes the line
        raise BadInput(
            f"a row of the table cannot be read ({type(error).__name__}); look whether each line has every column"
        ) from None


def picked(table: Table, columns: Sequence[str], names: Mapping[str, str]) -> pd.DataFrame:
    """The columns that are wanted, under the names that promises go by.

    The table's own columns are not told: a file without a header has a row for one.

    Raises:
        BadInput: a column is not there.
    """
    import pandas as pd  # noqa: PLC0415  # 0.4 s

    absent = [name for name in names.values() if name not in table.columns]
    if absent:
        raise BadInput(f"the table has no column {', '.join(absent)}; --columns is written as date_written=ITS_NAME")
    its = {name: names.get(name, name) for name in columns if names.get(name, name) in table.columns}
    if not its:
        raise BadInput(
            "the table has none of the columns that anything is promised of; say which is which by --columns"
        )
    batches = [pd.DataFrame(rows, dtype=object) for rows in table.stream(tuple(its.values()))]
    whole = pd.concat(batches, ignore_index=True) if batches else pd.DataFrame(columns=list(its.values()))
    return pd.DataFrame({ours: whole[theirs] for ours, theirs in its.items()})
