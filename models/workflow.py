"""Workflow: one feed as it is now — when it last went well, how old its data is, how far it came, what waits.

Two questions, each with its own clock. *Are the calls fresh?* Reads are made day and night, so their age is
plain time; people write while the practice is open, so the age of writes is open time. *Is the data fresh?* The
newest record's own last change says so, also in open time, where somebody declared how often something new comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from pydantic import AwareDatetime, NonNegativeFloat

from models.calendar import Calendar
from models.feed import Feed
from models.noun import Noun
from models.reading import Direction, Identifier
from models.wording import counted, span

MISSED_PERIODS = 2  # without a move of the cursor while calls succeed (spec: features, A16)


class Pace(StrEnum):
    """How a feed goes, in one word."""

    FLOWING = "flowing"
    LATE = "late"
    STUCK = "stuck"  # calls succeed, and bring nothing new
    UNKNOWN = "unknown"  # nothing was seen yet


class Age(NamedTuple):
    """How old something is, and what that was measured by."""

    age: timedelta
    since: datetime
    by: str  # e.g. "last good read"
    counted_in: str  # "" for plain time, or "of opening hours"


class Cursor(Noun):
    """How far a feed has come."""

    at: AwareDatetime | None = None  # an instant of the data, where it is one
    number: float | None = None  # any other number that grows
    stood_since: AwareDatetime  # when it was first seen where it is
    seen_at: AwareDatetime  # when it was last seen there


class Workflow(Noun):
    """The facts of one feed, and what they mean."""

    integration_id: Identifier
    feed: Feed
    calendar: Calendar
    as_of: AwareDatetime
    last_at: AwareDatetime | None = None  # of any call; None: none is remembered
    last_ok_at: AwareDatetime | None = None
    cursor: Cursor | None = None
    depth: NonNegativeFloat | None = None  # of its queue
    oldest_s: NonNegativeFloat | None = None  # how long the oldest in its queue has waited

    @property
    def noun(self) -> str:
        """`read` or `write`."""
        return "read" if self.feed.direction is Direction.IN else "write"

    @property
    def pace(self) -> Pace:
        """In one word; late weighs more than stuck."""
        if self.is_late:
            return Pace.LATE
        if self.is_stuck:
            return Pace.STUCK
        return Pace.UNKNOWN if self.age is None else Pace.FLOWING

    @property
    def ages(self) -> Iterator[Age]:
        """Every age that is known and may be judged."""
        is_in = self.feed.direction is Direction.IN
        in_hours = " of opening hours" if self.calendar.hours else ""
        if self.last_ok_at is not None:
            age = self.as_of - self.last_ok_at if is_in else self._open_since(self.last_ok_at)
            yield Age(age, self.last_ok_at, f"last good {self.noun}", "" if is_in else in_hours)
        if is_in and self.feed.expects_news and self.cursor and self.cursor.at:
            yield Age(self._open_since(self.cursor.at), self.cursor.at, "newest record", in_hours)

    @property
    def age(self) -> Age | None:
        """The worst of them; None when nothing is known."""
        return max(self.ages, key=lambda one: one.age, default=None)

    @property
    def is_late(self) -> bool:
        """Whether it is older than it may be; calls that never succeeded are."""
        if self.age is None:
            return self.last_at is not None
        return self.age.age > self.feed.limit

    @property
    def cursor_age(self) -> timedelta | None:
        """How long the cursor has stood, in open time."""
        return self._open_since(self.cursor.stood_since) if self.cursor else None

    @property
    def missed_periods(self) -> int:
        """How many whole periods the cursor stood while calls succeeded."""
        if self.cursor is None or not self.feed.expects_news:
            return 0
        proved = max(self.cursor.seen_at, self.last_ok_at or self.cursor.seen_at)  # calls succeeded until then
        stood = self.calendar.open_time_between(self.cursor.stood_since, proved)
        return stood // self.feed.period

    @property
    def is_stuck(self) -> bool:
        """Whether it brings nothing new although it should."""
        return self.missed_periods >= MISSED_PERIODS

    @property
    def limit_says(self) -> str:
        """The rule, e.g. `limit 25 minutes of opening hours`."""
        return f"limit {span(self.feed.limit.total_seconds())}{self.age.counted_in if self.age else ''}"

    @property
    def period_says(self) -> str:
        """What was missed, e.g. `2 periods of 60 minutes`."""
        return f"{counted(self.missed_periods, 'period')} of {span(self.feed.period.total_seconds())}"

    def _open_since(self, at: datetime) -> timedelta:
        return self.calendar.open_time_between(at, self.as_of)
