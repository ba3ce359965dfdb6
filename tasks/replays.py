"""Replays: one integration's stored past, judged again as it was judged then, for whoever asks what would have been."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from models.integration import Integration
from models.maintenance import Closure, downtimes
from models.series import Series
from tasks.history.hours import (
    DAY,
    WEEKS,
    hours_between,
    hours_known,
    lacking_days,
    nothing_known,
    paces,
    rows_promised,
)
from tasks.history.panels import course
from tasks.house import House
from tasks.learn_hours import untaught, usual_of_pace
from tasks.panels import declared_rules, sla_limits

if TYPE_CHECKING:
    from models.panel import Course, Flags, Usual
    from models.replay import Ground, Trail

QUARTER = timedelta(minutes=15)  # opening hours begin and end at no other minutes that matter to a month
Told = Callable[[int, int], object]
"""Told how much of how much is done."""


class Past(NamedTuple):
    """What was measured of some series of one integration, and from which cycle on it is judged."""

    integration: Integration
    course: Course
    first: int  # the columns before it are what the first panels look back on

    @property
    def columns(self) -> range:
        """Those that are judged."""
        return range(self.first, self.course.values.shape[1])

    @property
    def digest(self) -> str:
        """Of everything that a replay rests on: the values, and what the configuration says of this integration."""
        seen = hashlib.sha256(self.integration.model_dump_json(exclude={"contacts", "impact", "name"}).encode())
        for one in self.course.series:
            seen.update(repr(tuple(one)).encode())
        for figures in (self.course.ends_s, self.course.values, self.course.weights):
            seen.update(figures.tobytes())
        return seen.hexdigest()


def past_of(house: House, one: Integration, since: datetime, until: datetime, wanted: Callable[[Series], bool]) -> Past:
    """The cycles of since ≤ t < until and the three hours before them, of the series that are wanted."""
    import numpy as np  # noqa: PLC0415  # only where something is judged

    from models.panel import CYCLES, Course  # noqa: PLC0415  # as above

    seen = course(house.home, [one.id], since - CYCLES * one.probe_every, until, one.probe_every)
    rows = np.array([row for row, name in enumerate(seen.series) if wanted(name)], dtype=np.int64)
    series = tuple(seen.series[row] for row in rows.tolist())
    kept = Course(seen.every_s, series, seen.ends_s, seen.values[rows], seen.weights[rows])
    return Past(one, kept, min(CYCLES, kept.values.shape[1]))


def trail_of(house: House, past: Past, told: Told = lambda _, __: None) -> Trail:
    """The verdicts of a past, each by what had been learned before its day."""
    from models.detectors import judge_all  # noqa: PLC0415  # numpy
    from models.replay import replay  # noqa: PLC0415  # as above

    known = Learned(house, past)
    total = len(past.columns)
    return replay(
        past.course, past.columns, known.usual_at, judge_all, ground_of(house, past), lambda done: told(done, total)
    )


def ground_of(house: House, past: Past) -> Ground:
    """What held beside the values: limits, opening hours, agreed maintenance."""
    import numpy as np  # noqa: PLC0415  # as above

    from models.replay import Ground  # noqa: PLC0415  # as above

    one, seen = past.integration, past.course
    n, ends = len(seen.series), seen.ends_s
    since, until = (datetime.fromtimestamp(float(at), UTC) for at in (ends[0], ends[-1] + 1))
    away = np.zeros(len(ends), dtype=bool)
    for downtime in downtimes(one.maintenance, one.timezone, since, until, house.ledger.all_kept(Closure, one.id)):
        away |= (ends > downtime.since.timestamp()) & (ends <= downtime.until.timestamp())
    return Ground(
        limits=sla_limits([one], seen.series),
        is_open=np.tile(open_at(one, ends), (n, 1)),
        in_maintenance=np.tile(away, (n, 1)),
        rules=declared_rules([one], seen.series, seen.every_s),
    )


def open_at(one: Integration, ends_s: Any) -> Flags:  # noqa: ANN401 - a numpy array
    """(T,) whether the practice is open, to the quarter of an hour."""
    import numpy as np  # noqa: PLC0415  # as above

    quarters, place = np.unique(ends_s // QUARTER.total_seconds(), return_inverse=True)
    moments = (datetime.fromtimestamp(float(at) * QUARTER.total_seconds(), UTC) for at in quarters)
    flags: Flags = np.array([one.calendar.is_open(at) for at in moments], dtype=bool)[place]
    return flags


class Learned:
    """What was usual, learned anew for each day from the four weeks before it, as far as the history goes back."""

    def __init__(self, house: House, past: Past) -> None:
        self._past = past
        one, ends = past.integration, past.course.ends_s
        first, until = (day_of(float(at)) for at in (ends[min(past.first, len(ends) - 1)], ends[-1]))
        self._hours = all_hours(house, one, first - WEEKS, until + DAY)
        self._cuts = untaught(house, [one], until + DAY)
        self._day: datetime | None = None
        self._usual: dict[int, Usual] = {}

    def usual_at(self, column: int) -> Usual:
        """What was usual in the hour of this cycle."""
        at_s = float(self._past.course.ends_s[column]) - self._past.course.every_s / 2
        day = day_of(at_s)
        if day != self._day:
            self._day, self._usual = day, self._learn(day)
        hour = max((begin for begin in self._usual if begin <= at_s), default=None)
        return self._usual[hour] if hour is not None and at_s - hour < HOUR_S else self._unknown()

    def _unknown(self) -> Usual:
        from models.panel import Usual  # noqa: PLC0415  # numpy

        return Usual.unknown(len(self._past.course.series))

    def _learn(self, day: datetime) -> dict[int, Usual]:
        """By the second at which each hour of a day begins."""
        import numpy as np  # noqa: PLC0415  # as above
        import pyarrow.compute as pc  # noqa: PLC0415  # 0.15 s, only where something is learned

        from models.panel import Usual  # noqa: PLC0415  # as above

        begins = pc.field("begin_s")
        before = self._hours.filter((begins < int(day.timestamp())) & (begins >= int((day - WEEKS - DAY).timestamp())))
        table = usual_of_pace(before, [self._past.integration], day, self._cuts)
        rows = {one.key: row for row, one in enumerate(self._past.course.series)}
        at = np.array([rows.get(key, -1) for key in table["series"].to_pylist()], dtype=np.int64)
        begin_s = table["at_s"].to_numpy(zero_copy_only=False)
        columns = {name: table[name].to_numpy(zero_copy_only=False) for name in Usual.__dataclass_fields__}
        found: dict[int, Usual] = {}
        for begin in np.unique(begin_s).tolist():
            of_hour = np.flatnonzero((begin_s == begin) & (at >= 0))
            usual = self._unknown()
            fields = {name: getattr(usual, name).copy() for name in columns}
            for name, values in columns.items():
                fields[name][at[of_hour]] = values[of_hour]
            found[int(begin)] = Usual(**fields)
        return found


HOUR_S = 3600


def day_of(at_s: float) -> datetime:
    """The beginning of its day, UTC."""
    return datetime.fromtimestamp(at_s, UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def all_hours(house: House, one: Integration, since: datetime, until: datetime) -> Any:  # noqa: ANN401 - a pyarrow.Table
    """Every hour of an integration in a span: those that were added up, and the others from the history."""
    import pyarrow as pa  # noqa: PLC0415  # as above

    now = house.clock.now()
    lacking = set(lacking_days(house.home, [one], now)[one.id])
    known = hours_known(house.home, [one], now)
    days = [since + n * DAY for n in range(int((until - since) / DAY) + 1)]
    have = {day for day in days if day >= day_of((now - WEEKS).timestamp())} - lacking
    wanted = [day for day in days if day not in have and day < now and rows_promised(house.home, day)]
    parts: Sequence[Any] = [
        hours_between(house.home, [one], begin, end - timedelta(seconds=pace.shift_s), pace)
        for begin, end in runs(wanted)
        for pace in paces([one], begin)
    ]
    return pa.concat_tables(
        [nothing_known(), without(known, lacking), *(part.cast(nothing_known().schema) for part in parts)]
    )


def runs(days: Sequence[datetime]) -> Iterator[tuple[datetime, datetime]]:
    """From when to when days follow each other, each such span asked for at once.

    >>> [(a.day, b.day) for a, b in runs([datetime(2026, 1, day) for day in (1, 2, 3, 7)])]
    [(1, 4), (7, 8)]
    """
    begin: datetime | None = None
    for day, following in zip(days, (*days[1:], None), strict=True):
        begin = begin or day
        if following != day + DAY:
            yield begin, day + DAY
            begin = None


def without(hours: Any, days: set[datetime]) -> Any:  # noqa: ANN401 - pyarrow.Tables
    """The hours but for those of some days."""
    import numpy as np  # noqa: PLC0415  # as above

    begin_s = hours["begin_s"].to_numpy(zero_copy_only=False)
    gone = np.isin(begin_s // DAY.total_seconds(), [day.timestamp() // DAY.total_seconds() for day in days])
    return hours.filter(~gone)
