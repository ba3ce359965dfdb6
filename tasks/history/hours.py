"""Hours of series: what each was in every past hour, added up once a day and kept.

    <home>/learned/partials/<day>-<until>-<uuid>.parquet   rows of `nothing_known`

The head of each file says about whom, at which pace cycles were cut, and how many rows the history held of that day:
when it holds more (somebody was late), or the day has gone on, the day is added up anew; nothing else ever is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import duckdb

from models.errors import Transient
from models.integration import Integration
from models.reading import Source
from models.slot import shift_s
from tasks.history.calls import parts_of_calls, parts_of_gauges, table_of
from tasks.history.questions import answer, page
from tasks.history.read import LOOKS, connect, history_folder
from tasks.history.shelf import STAMP, look, stamp
from tasks.history.table import GAUGES, READINGS
from tasks.history.write import make_folder, publish

DAY, WEEKS = timedelta(days=1), timedelta(weeks=4)
DAY_NAME = "%Y%m%d"
ABOUT = b"partial"  # the key in a file's head
ROWS_AT_ONCE = 3_000_000  # of all integrations, that one look takes: it costs by itself, and rows take 100 bytes each
TAUGHT_BY = (Source.PROBE, Source.TRAFFIC, Source.GENERATED)


class Pace(NamedTuple):
    """What integrations must share to be added up together."""

    every: timedelta  # between their cycles
    shift_s: int  # see models.slot.shift_s


class Partial(NamedTuple):
    """One file: the hours of one UTC day of some integrations."""

    path: Path
    day: datetime
    until: datetime  # nothing of it is later
    rows: int  # that the history held of the day
    every_s: float
    integration_ids: frozenset[str]
    written_ns: int  # of two about the same, the later one counts


Known = dict[tuple[str, datetime], Partial]
"""By integration and day, the newest file about it."""


def add_up(home: Path, integrations: Sequence[Integration], end: datetime) -> int:
    """Keep the hours of every day of the last weeks of which not all is known; how many days that took."""
    lacking = lacking_days(home, integrations, end)
    days = sorted({day for mine in lacking.values() for day in mine})
    promised = {day: rows_promised(home, day) for day in days}
    for pace, group in paces(integrations, end).items():
        for stretch, whose in stretches({one.id: lacking[one.id] for one in group}, promised):
            hours = hours_between(home, whose, stretch[0], min(stretch[-1] + DAY, end), pace)
            for day in stretch:
                about = {"rows": promised[day], "every_s": pace.every.total_seconds()}
                keep(home, day, min(day + DAY, end), about, whose, hours_in(hours, day, pace))
    prune(home, end)
    return len(days)


def stretches(
    lacking: dict[str, list[datetime]], rows: dict[datetime, int]
) -> Iterator[tuple[list[datetime], list[str]]]:
    """Days in a row that the same integrations lack, as many together as one look may take."""
    days = sorted({day for mine in lacking.values() for day in mine})
    stretch: list[datetime] = []
    whose: list[str] = []
    for day in days:
        mine = [name for name, its in lacking.items() if day in its]
        is_next = bool(stretch) and day == stretch[-1] + DAY and mine == whose
        if stretch and not (is_next and sum(rows[one] for one in stretch) + rows[day] <= ROWS_AT_ONCE):
            yield stretch, whose
            stretch = []
        stretch, whose = [*stretch, day], mine
    if stretch:
        yield stretch, whose


def lacking_days(home: Path, integrations: Sequence[Integration], end: datetime) -> dict[str, list[datetime]]:
    """By integration, the days before `end` that were never added up, or not as they are now."""
    days = tuple(days_until(end))
    promised = {day: rows_promised(home, day) for day in days}
    known = newest(home)

    def is_known(one: Integration, day: datetime) -> bool:
        partial = known.get((one.id, day))
        return partial is not None and (
            (partial.rows, partial.every_s) == (promised[day], one.probe_every.total_seconds())
            and partial.until >= min(day + DAY, end)
        )

    return {one.id: [day for day in days if promised[day] and not is_known(one, day)] for one in integrations}


def days_until(end: datetime) -> Iterator[datetime]:
    """The UTC days of the weeks before an instant, the one that it lies in with them."""
    day = (end - WEEKS).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    while day < end:
        yield day
        day += DAY


def rows_promised(home: Path, day: datetime) -> int:
    """How many rows the history holds of a day, as the names of its files say; a fold does not change it."""
    shelves = (history_folder(home) / one.name / f"day={day:%Y-%m-%d}" for one in (READINGS, GAUGES))
    return sum(file.rows or 0 for folder in shelves for file in look(folder).live())


def paces(integrations: Iterable[Integration], at: datetime) -> dict[Pace, list[Integration]]:
    """Who can be added up together."""
    found: dict[Pace, list[Integration]] = {}
    for one in integrations:
        found.setdefault(Pace(one.probe_every, shift_s(one.timezone, at)), []).append(one)
    return found


def hours_between(home: Path, integration_ids: Sequence[str], since: datetime, until: datetime, pace: Pace) -> Any:  # noqa: ANN401 - a pyarrow.Table
    """The hours of integrations of one pace.

    Args:
        home: the state directory.
        integration_ids: whose.
        since: a UTC midnight; the first local hour begins there, or up to an hour before (`pace.shift_s`).
        until: nothing from here on counts; another midnight is moved like the first.
        pace: theirs.
    """
    shift = timedelta(seconds=pace.shift_s)
    first, last = since - shift, until - shift if (until - since) % DAY == timedelta(0) else until
    asked = {"integration_ids": list(integration_ids), "since": first, "until": last}
    return answer(home, lambda db: hours_of(db, asked, pace), first, last)


def hours_of(db: duckdb.DuckDBPyConnection, asked: dict[str, Any], pace: Pace) -> Any:  # noqa: ANN401 - a pyarrow.Table
    """The hours of every series of `integration_ids` over `since` ≤ t < `until`, in the columns of `nothing_known`."""
    from models.hours import grid  # noqa: PLC0415  # numpy, only where something is learned

    every_s = pace.every.total_seconds()
    cut = grid(asked["since"].timestamp(), asked["until"].timestamp(), every_s, pace.shift_s)
    told = asked | {"every_s": every_s, "sources": [one.value for one in TAUGHT_BY]}
    parts = [*parts_of_calls(db, told, cut), *parts_of_gauges(db, told, cut)]
    return table_of(parts, cut).cast(nothing_known().schema) if parts else nothing_known()


def hours_in(hours: Any, day: datetime, pace: Pace) -> Any:  # noqa: ANN401 - pyarrow.Tables
    """Those of one UTC day, which local hours may begin before."""
    import pyarrow.compute as pc  # noqa: PLC0415  # 0.15 s, only where something is learned

    begins, since = hours["begin_s"], int(day.timestamp()) - pace.shift_s
    return hours.filter(pc.and_(pc.greater_equal(begins, since), pc.less(begins, since + int(DAY.total_seconds()))))


def sheet(name: str, asked: dict[str, Any], **tables: Any) -> Any:  # noqa: ANN401 - pyarrow.Tables
    """The answer of a page of `tasks/sql` that reads tables in memory, by their names."""
    with connect() as db:
        for known_as, rows in tables.items():
            db.register(known_as, rows)
        found: Any = db.sql(page(name), params=asked)
        return found.to_arrow_table()


def keep(
    home: Path,
    day: datetime,
    until: datetime,
    about: Mapping[str, object],
    integration_ids: Sequence[str],
    hours: Any,  # noqa: ANN401 - a pyarrow.Table
) -> None:
    """Publish the hours of one day, and from what they were made."""
    import pyarrow.parquet as pq  # noqa: PLC0415  # as above

    told = dict(about) | {"integrations": list(integration_ids)}
    headed = hours.replace_schema_metadata({ABOUT: json.dumps(told)})
    folder = home / "learned" / "partials"
    make_folder(folder)
    name = f"{day:{DAY_NAME}}-{stamp(until)}-{uuid4().hex}.parquet"
    publish(folder / name, lambda path: pq.write_table(headed, path))


def newest(home: Path) -> Known:
    """The newest file about each integration and day."""
    partials: list[Partial] = []
    for path in (home / "learned" / "partials").glob("[0-9]*.parquet"):
        with suppress(FileNotFoundError):  # somebody has just pruned it
            partials.append(partial_of(path))
    ordered = sorted(partials, key=lambda one: (one.until, one.written_ns))
    return {(name, one.day): one for one in ordered for name in one.integration_ids}


@lru_cache(maxsize=8192)
def partial_of(path: Path) -> Partial:
    """What the name and the head of a file say; files never change."""
    import pyarrow.parquet as pq  # noqa: PLC0415  # as above

    day, until, _ = path.name.split("-")
    about = json.loads(pq.read_schema(path).metadata[ABOUT])
    return Partial(
        path=path,
        day=datetime.strptime(day, DAY_NAME).replace(tzinfo=UTC),
        until=datetime.strptime(until, STAMP).replace(tzinfo=UTC),
        rows=about["rows"],
        every_s=about["every_s"],
        integration_ids=frozenset(about["integrations"]),
        written_ns=path.stat().st_mtime_ns,
    )


def hours_known(home: Path, integrations: Sequence[Integration], end: datetime) -> Any:  # noqa: ANN401 - a pyarrow.Table
    """Every hour of these integrations that was added up, of the weeks before `end`; none twice.

    Raises:
        Transient: when files vanish faster than they can be read.
    """
    wanted, days = {one.id for one in integrations}, set(days_until(end))
    for _ in range(LOOKS):
        whose: dict[Path, list[str]] = {}
        for (name, day), partial in newest(home).items():
            if name in wanted and day in days:
                whose.setdefault(partial.path, []).append(name)
        with suppress(FileNotFoundError):  # another process knows better meanwhile: look again
            return read_hours(whose)
    raise Transient("the partials' files vanish faster than they can be read; try again in a minute")


def read_hours(whose: Mapping[Path, Sequence[str]]) -> Any:  # noqa: ANN401 - a pyarrow.Table
    """The hours of some integrations of each file."""
    import pyarrow as pa  # noqa: PLC0415  # as above
    import pyarrow.compute as pc  # noqa: PLC0415  # as above
    import pyarrow.parquet as pq  # noqa: PLC0415  # as above

    mine: Callable[[Sequence[str]], Any] = lambda names: pc.field("integration_id").isin(sorted(names))  # noqa: E731
    read = [pq.read_table(path, filters=mine(names)) for path, names in sorted(whose.items())]
    return pa.concat_tables([nothing_known(), *(one.replace_schema_metadata() for one in read)])


def nothing_known() -> Any:  # noqa: ANN401 - a pyarrow.Table
    """No hours at all, in the columns that hours have."""
    import pyarrow as pa  # noqa: PLC0415  # as above

    kinds = {"integration_id": pa.string(), "series": pa.string(), "begin_s": pa.int64(), "n": pa.int32()}
    values = dict.fromkeys(("low", "q25", "median", "q75", "high", "bottom", "top"), pa.float32())
    return pa.schema(list((kinds | values).items())).empty_table()


def prune(home: Path, end: datetime) -> None:
    """Let go of days that are too old to teach, and of files about which all is known better."""
    used = {partial.path for (_, day), partial in newest(home).items() if day >= end - WEEKS - DAY}
    for path in (home / "learned" / "partials").glob("[0-9]*.parquet"):
        if path not in used:
            path.unlink(missing_ok=True)
