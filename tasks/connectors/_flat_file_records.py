"""The records of a span in delivered files: their rows, each once, as the latest of those files tells them.

What happened on a day is told by a file of that day or by the next one, so the one after the span is read too. Rows
of other days come along; whoever asked knows which days it wanted.
"""

from __future__ import annotations

import asyncio
import csv
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from datetime import date, datetime
from itertools import islice
from typing import Literal, NamedTuple

from models.arrival import short_or_wrong
from models.drop import Calendar, Due, ExpectedFile, Phase
from models.flat_text import Unusable, fields
from models.json_path import KEY, first
from models.reading import Code, Direction, Outcome
from models.reconciliation import Reconciliation
from tasks.connectors._flat_file_place import Place
from tasks.connectors._flat_file_settings import Settings
from tasks.connectors._interface import Record
from tasks.deliveries import a_new_memory
from tasks.folder import File, Folder
from tasks.sift import Sift

BATCH = 2_000  # rows, handed on at once

Take = Callable[[list[Record]], None]


class Came(NamedTuple):
    """What the files of a span came to."""

    outcome: Outcome = Outcome.OK
    code: Code | None = None
    records: int = 0
    received_bytes: int = 0


def record_operations(settings: Settings) -> tuple[str, ...]:
    """The files whose rows can be read: those that come to us."""
    return tuple(sorted(name for name, one in settings.files.items() if one.direction is Direction.IN))


def most_files(span: tuple[date, date]) -> int:
    """How many files tell of a span, at most: one a day, and the next one."""
    return (span[1] - span[0]).days + 2


async def rows_of(
    place: Place, expected: ExpectedFile, wanted: Reconciliation, span: tuple[date, date], now: datetime, take: Take
) -> Came:
    """Hand on the rows that tell of these days, newest file first.

    Args:
        place: the folders.
        expected: which file.
        wanted: says where the key of a row is.
        span: first and last day, on the practice's calendar.
        now: files that are due later are not missed.
        take: gets the rows.

    Raises:
        Unreachable: when a folder or a file cannot be read.
    """
    folder, came = place.folders(expected.folder), Came()
    told: set[str] = set()
    async for due, file in files(folder, place.calendar, expected, span, now):
        if file is None:
            came = came if due is None else worse(came, Came(Outcome.PARTIAL, "file_missing"))
            continue
        came = worse(came, await one_file(folder, file, expected, wanted.column(wanted.key).path, told, take))
    return came


def worse(before: Came, after: Came) -> Came:
    """Both, with the first trouble."""
    kept = after if before.outcome.is_ok else before
    records, size = before.records + after.records, before.received_bytes + after.received_bytes
    return Came(kept.outcome, kept.code, records, size)


async def files(
    folder: Folder, days: Calendar, expected: ExpectedFile, span: tuple[date, date], now: datetime
) -> AsyncIterator[tuple[Due | None, File | None]]:
    """The deliveries that tell of a span, newest first, each with its file; None in its place: it should be there."""
    if expected.schedule is None or not expected.is_dated:
        yield None, await named(folder, expected, days.today(now))
        return
    for due in deliveries(days, expected, span, now):
        file = await named(folder, expected, due.day)
        if file is not None or due.phase(now) is Phase.LATE:
            yield due, file


def deliveries(days: Calendar, expected: ExpectedFile, span: tuple[date, date], now: datetime) -> list[Due]:
    """Those of the span, and the next one after it."""
    if expected.schedule is None:
        return []
    found: list[Due] = []
    after: Due | None = None
    for due in days.dues(expected.schedule, now):
        if due.day < span[0]:
            break
        if due.day > span[1]:
            after = due
        else:
            found.append(due)
    return [after, *found] if after else found


async def named(folder: Folder, expected: ExpectedFile, day: date) -> File | None:
    """The file of a day, if it is there."""
    if "*" in expected.name:
        return await folder.newest(expected.matches(day).fullmatch)
    return await folder.find(expected.name_on(day))


async def one_file(folder: Folder, file: File, expected: ExpectedFile, key: str, told: set[str], take: Take) -> Came:
    """Hand on the rows of one file that no newer one told; what can be read of it, when it ends early."""
    lines: list[str] = []
    sift, trouble = Sift(expected, b"", lines.extend), Came()
    try:
        sift.expect(file.size)
        await folder.read(file, sift.feed)
        if wrong := short_or_wrong(expected, a_new_memory(), sift.finish()):
            trouble = Came(*wrong)
    except Unusable as error:
        trouble = Came(error.outcome, error.code)
    records, keys, rows = 0, set[str](), table(lines, expected)
    while batch := list(islice(rows, BATCH)):
        fresh = [row for row in batch if key_in(row, key) not in told]
        take(fresh)
        records += len(fresh)
        keys.update(key_in(row, key) for row in fresh)
        await asyncio.sleep(0)  # others have their turn
    told |= keys - {""}  # what has no key takes nobody's place
    return Came(trouble.outcome, trouble.code, records, sift.came)


def key_in(row: Record, key: str) -> str:
    """The key of a row, as it is written."""
    return str(first(key, row) or "")


def table(lines: list[str], expected: ExpectedFile) -> Iterator[Record]:
    """The rows as records, by the names of the header; where there is none, by `c1`, `c2` …"""
    trailer = expected.trailer
    if lines and trailer and lines[-1].startswith(trailer.prefix):
        lines = lines[:-1]
    if not lines:
        return
    if expected.header == "none":
        names = tuple(f"c{n}" for n in range(1, 1 + len(fields(lines[0], expected.delimiter, quoted=expected.quoted))))
    else:
        names = tuple(map(key_of, fields(lines[0], expected.delimiter, quoted=expected.quoted)))
        lines = lines[1:]
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if expected.quoted else csv.QUOTE_NONE
    with suppress(csv.Error):  # a field larger than the csv module takes was met before, by Sift
        for row in csv.reader(lines, delimiter=expected.delimiter, quoting=quoting):
            yield dict(zip(names, row, strict=False))


def key_of(name: str) -> str:
    """The name of a column as a path can say it: `Claim Id` is `Claim_Id`."""
    plain = re.sub(r"[^A-Za-z0-9_@:-]", "_", name.strip())
    return plain if KEY.match(plain) else f"_{plain}"
