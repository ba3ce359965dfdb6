"""Origin from files: a call graph and recorded metrics, read from CSV; the body of `heal origin`.

The layout is that of the PetShop data (Hardt et al. 2024, *The PetShop Dataset*). A graph is an adjacency matrix:
the first column names the caller, the header the callees, and any number but 0 is a call. Metrics have three header
lines (microservice, metric, statistic) and a time in each row: unix seconds or ISO 8601. An empty cell is no data.
"""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
import pandas as pd

from models.errors import BadInput, Mistake
from models.origin import Case, Column, Suspect, find_origin
from models.origin.case import AVAILABILITY, LATENCY
from models.panel import Floats

HEADERS = 3  # microservice, metric, statistic
TARGETS = (LATENCY, AVAILABILITY)
MOST_BYTES = 1024 * 1024 * 1024  # some ten million cells; more does not fit beside everything else
LISTED = 5  # names that a sentence lists
MOST_UNIX_S = 6e10  # the year 3871: a larger number is milliseconds


class Recorded(NamedTuple):
    """One file of metrics, oldest row first; of rows with the same time the last."""

    columns: tuple[Column, ...]  # n
    table: Floats  # (rows, n)
    ends_s: Floats  # (rows,) unix seconds


def origin_of(
    graph: Path | None, normal: Path, abnormal: Path, target: str | None, metric: str, statistic: str | None = None
) -> tuple[Suspect, ...]:
    """Every node, the likeliest origin of the target's trouble first.

    Args:
        graph: adjacency matrix; None: nothing is known of who calls whom.
        normal: metrics of a usual time.
        abnormal: metrics of the trouble, a few rows are enough.
        target: the node whose trouble is to be explained; None: that of all.
        metric: of the target, one of TARGETS.
        statistic: of that metric; by default the average, or what there is.

    Raises:
        BadInput: a file cannot be used, or does not know the target; one sentence with its name and the cure.
    """
    if metric not in TARGETS:
        raise BadInput(f"--metric {metric!r} is not known; write {' or '.join(TARGETS)}")
    edges = read_graph(graph) if graph else {}
    usual, now = read_metrics(normal), read_metrics(abnormal)
    columns = tuple(dict.fromkeys([*usual.columns, *now.columns]))
    nodes = edges if graph else dict.fromkeys(one.node for one in columns)
    if target is not None and target not in nodes:
        _refuse(graph or abnormal, 0, f"there is no node {target!r}; {_likely(target, list(nodes))}")
    known = sorted({one.statistic for one in columns if one.metric == metric})
    if statistic is not None and known and statistic.lower() not in {one.lower() for one in known}:
        _refuse(normal, 0, f"no {metric} has the statistic {statistic!r}; {_likely(statistic, known)}")
    return find_origin(
        Case(
            graph=edges,
            columns=columns,
            normal=aligned(usual, columns),
            abnormal=aligned(now, columns),
            ends_s=now.ends_s,
            normal_s=usual.ends_s,
            target=target,
            metric=metric,
            statistic=statistic or "Average",
        )
    )


def aligned(recorded: Recorded, columns: tuple[Column, ...]) -> Floats:
    """(rows, n) the same in the order of all columns; NaN where a file lacks one."""
    at = {one: place for place, one in enumerate(recorded.columns)}
    there = [place for place, one in enumerate(columns) if one in at]
    whole = np.full((len(recorded.table), len(columns)), np.nan)
    whole[:, there] = recorded.table[:, [at[columns[place]] for place in there]]
    return whole


def read_graph(path: Path) -> dict[str, tuple[str, ...]]:
    """For each node whom it calls.

    Raises:
        BadInput: it is no adjacency matrix.
    """
    rows = _rows(path)
    if len(rows) < 2 or len(rows[0]) < 2:  # noqa: PLR2004  # a header and a caller; a caller and a callee
        _refuse(path, 0, "is no adjacency matrix; name the callees in the first line and a caller in each line below")
    callees = [name.strip() for name in rows[0][1:]]
    calls: dict[str, list[str]] = {row[0].strip(): [] for row in rows[1:] if row}
    for line, row in enumerate(rows[1:], start=2):
        if row and len(row) != len(rows[0]):
            _refuse(path, line, f"this line has {len(row)} cells and the header {len(rows[0])}; make them equal")
        for callee, cell in zip(callees, row[1:], strict=False):
            if _number(path, line, cell):
                calls[row[0].strip()].append(callee)
    return {name: tuple(dict.fromkeys(calls.get(name, ()))) for name in dict.fromkeys([*calls, *callees]) if name}


def read_metrics(path: Path) -> Recorded:
    """The rows of a file of metrics.

    Raises:
        BadInput: it does not have this layout.
    """
    heads = _rows(path, HEADERS)
    if len(heads) < HEADERS or len(heads[0]) < 2 or len({len(head) for head in heads}) != 1:  # noqa: PLR2004  # a time and a value
        _refuse(path, 0, "does not begin with three lines of equal length that name microservice, metric and statistic")
    body = _body(path, len(heads[0]))
    names = [Column(*(head[at].strip() for head in heads)) for at in range(1, len(heads[0]))]
    places = {name: at for at, name in reversed(list(enumerate(names)))}  # of two alike the first
    first = HEADERS + 1
    if len(body) and _is_empty(body.iloc[0]):  # the name of the index, as pandas writes it
        body, first = body.iloc[1:], first + 1
    if not len(body):
        _refuse(path, 0, "there are no rows below the header; give it at least one")
    ends_s = np.array([_seconds(path, first + row, str(cell)) for row, cell in enumerate(body[0])])
    values = np.column_stack([_numbers(path, body[at + 1], at + 2) for at in places.values()])
    order = np.argsort(ends_s, kind="stable")
    last = np.append(np.diff(ends_s[order]) > 0, [True])  # the newest row has no later one
    return Recorded(tuple(places), values[order][last], ends_s[order][last])


def _body(path: Path, cells: int) -> pd.DataFrame:
    try:
        return pd.read_csv(
            path,
            header=None,
            skiprows=HEADERS,
            names=range(cells),
            index_col=False,
            dtype={0: str},
            encoding="utf-8-sig",
            low_memory=False,
        )
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
    except (pd.errors.ParserError, ValueError):
        _refuse(path, 0, "is not CSV with as many cells in each line as in its header; save it again")


def _is_empty(row: pd.Series) -> bool:
    return (
        bool(row.iloc[1:].isna().all())
        and _number_or_none(str(row.iloc[0])) is None
        and _time(str(row.iloc[0])) is None
    )


def _numbers(path: Path, cells: pd.Series, column: int) -> Floats:
    """(rows,) NaN for no data; an endless value is none. The column is told by its number, from 1: as detect_file.

    A person may hand us the wrong file, and then its first three lines name no column but somebody.
    """
    numbers = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=float)
    wrong = np.isnan(numbers) & cells.notna().to_numpy()
    if wrong.any():
        _refuse(path, 0, f"column {column} holds something that is not a number; leave cells without data empty")
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _seconds(path: Path, line: int, written: str) -> float:
    seconds = _number_or_none(written)
    seconds = _time(written) if seconds is None else seconds
    if seconds is None:
        _refuse(path, line, "the time is unreadable; write unix seconds, or 2026-11-23T08:00:00Z")
    if abs(seconds) > MOST_UNIX_S:
        _refuse(path, line, "the time is too large for unix seconds; divide milliseconds by 1000")
    return seconds


def _time(written: str) -> float | None:
    try:
        at = datetime.fromisoformat(written)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _number_or_none(written: str) -> float | None:
    try:
        number = float(written)
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _number(path: Path, line: int, written: str) -> float:
    if not written.strip():
        return 0.0
    number = _number_or_none(written)
    if number is None:
        _refuse(path, line, "a call is written as 1 and none as 0; this line has something else")
    return number


def _rows(path: Path, most: int | None = None) -> list[list[str]]:
    """The first lines of a file, or all of them."""
    try:
        if path.stat().st_size > MOST_BYTES:
            _refuse(path, 0, f"it is larger than {MOST_BYTES >> 20} MiB; average over longer steps")
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [row for _, row in zip(range(most or MOST_BYTES), csv.reader(file), strict=False)]
    except FileNotFoundError:
        _refuse(path, 0, "there is no such file; check its name")
    except OSError as error:
        _refuse(path, 0, f"cannot be read ({error.strerror}); give a CSV file that you may read")
    except UnicodeDecodeError:
        _refuse(path, 0, "this is not UTF-8 text; save the file as CSV in UTF-8")
    except csv.Error:
        _refuse(path, 0, "is not CSV; check its quotes and save it again")


def _likely(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"there are {', '.join(map(repr, known[:LISTED]))}{' …' if len(known) > LISTED else ''}"


def _refuse(path: Path, line: int, says: str) -> NoReturn:
    raise BadInput(str(Mistake(file=str(path), line=line, says=says))) from None  # what led to it quotes a cell
