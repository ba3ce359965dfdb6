"""Kept: an answer that costs seconds, put aside for every process until another instant is asked about.

<home>/learned/answers/<page>/<until>-<what was asked>.parquet   the rows, as the page returned them
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from tasks.history.questions import Row
from tasks.history.shelf import stamp
from tasks.history.write import make_folder, publish

_known: dict[tuple[Path, str], tuple[str, list[Row]]] = {}  # home, page → the file's name, and its rows


def kept(home: Path, page: str, until: datetime, asked: Row, answer: Callable[[], list[Row]]) -> list[Row]:
    """The rows of a page up to an instant: from memory, from the file that some process left, or asked for now."""
    folder, name = home / "learned" / "answers" / page, f"{stamp(until)}-{digest(asked)}.parquet"
    known = _known.get((home, page))
    if known is None or known[0] != name:
        known = name, read(folder / name) or write(folder / name, answer())
        _known[home, page] = known
    return known[1]


def digest(asked: Row) -> str:
    """A short name for what was asked."""
    return hashlib.sha256(repr(sorted(asked.items())).encode()).hexdigest()[:16]


def read(path: Path) -> list[Row]:
    """The rows of a file; none when it is not there, or cannot be read: then they are asked for anew."""
    import pyarrow as pa  # noqa: PLC0415  # 0.15 s, which a process that keeps nothing need not pay
    import pyarrow.parquet as pq  # noqa: PLC0415  # as above

    try:
        with pq.ParquetFile(path) as file:  # read_table brings in pandas: 0.2 s more
            rows: list[Row] = file.read().to_pylist()
    except (OSError, pa.ArrowException):
        return []
    return rows


def write(path: Path, rows: list[Row]) -> list[Row]:
    """Leave the rows for others in place of older ones, where that is allowed; the same rows come back."""
    import pyarrow as pa  # noqa: PLC0415  # as above
    import pyarrow.parquet as pq  # noqa: PLC0415  # as above

    if not rows:
        return rows
    table: Any = pa.Table.from_pylist(rows)
    with suppress(OSError):  # a home that only reads: the next one asks anew
        make_folder(path.parent)
        publish(path, lambda to: pq.write_table(table, to))
        until = path.name.partition("-")[0]
        for old in path.parent.glob("[0-9]*.parquet"):
            if old.name.partition("-")[0] < until:
                old.unlink(missing_ok=True)
    return rows
