"""Calendar: when a practice is open, on its own clock, so that nobody is woken because nobody works at night."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field

from models.noun import Noun
from models.written import TimeZone

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SPAN = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])-([01]?[0-9]|2[0-4]):([0-5][0-9])")
HOW = "write hours like 08:00-18:00 (24:00 is midnight), or closed; a night is two days' hours"
MIDNIGHT_MIN = 24 * 60
CLOSED = "closed"
A_YEAR = timedelta(days=366)

Minute = Annotated[int, Field(ge=0, le=MIDNIGHT_MIN)]
"""Of the day, on the practice's clock: 480 is 08:00, 1440 the midnight that ends the day."""

Instants = tuple[datetime, datetime]
"""From the first, up to and without the second; both in UTC."""


class Span(Noun):
    """From when to when."""

    opens: Minute
    closes: Minute


def parse_spans(value: object) -> object:
    """`08:00-12:00, 13:00-18:00` → spans; `closed` → none. A list is passed on for pydantic to judge."""
    if isinstance(value, int | float):  # YAML 1.1 reads 18:00 as a number
        raise ValueError(HOW)
    if not isinstance(value, str):
        return value
    if value.strip() == CLOSED:
        return ()
    spans = tuple(map(_parse_span, value.split(",")))
    if any(later.opens < earlier.closes for earlier, later in pairwise(spans)):
        raise ValueError("write the hours of a day in order, e.g. 08:00-12:00, 13:00-18:00")
    return spans


def _parse_span(text: str) -> Span:
    found = SPAN.fullmatch(text.strip())
    hours = [int(part) for part in found.groups()] if found else [0, 0, 0, 0]
    opens, closes = 60 * hours[0] + hours[1], 60 * hours[2] + hours[3]
    if not opens < closes <= MIDNIGHT_MIN:
        raise ValueError(HOW)
    return Span(opens=opens, closes=closes)


Spans = Annotated[tuple[Span, ...], BeforeValidator(parse_spans)]


class Hours(Noun):
    """The opening hours of a week; a day that is not mentioned is closed."""

    monday: Spans = ()
    tuesday: Spans = ()
    wednesday: Spans = ()
    thursday: Spans = ()
    friday: Spans = ()
    saturday: Spans = ()
    sunday: Spans = ()
    holidays: tuple[date, ...] = ()  # closed all day

    def on(self, day: date) -> tuple[Span, ...]:
        """The hours of one date."""
        spans: tuple[Span, ...] = () if day in self.holidays else getattr(self, DAYS[day.weekday()])
        return spans


class Calendar(Noun):
    """Opening hours where they are: the same week has 167 or 169 hours when the clocks change."""

    hours: Hours | None = None  # None: always open
    timezone: TimeZone = "UTC"

    def is_open(self, at: datetime) -> bool:
        """Whether the practice is open at this instant."""
        return self.hours is None or any(begin <= at < end for begin, end in self.spans(at, at))

    def open_time_between(self, since: datetime, until: datetime) -> timedelta:
        """How much of the time from `since` to `until` the practice was open; nothing when they are reversed."""
        if self.hours is None or until <= since:
            return max(timedelta(0), until - since)
        overlaps = (min(end, until) - max(begin, since) for begin, end in self.spans(since, until))
        return sum((overlap for overlap in overlaps if overlap > timedelta(0)), timedelta(0))

    def open_on(self, day: date) -> tuple[Instants, ...]:
        """When the practice is open on a date of its own; nothing on a day on which it is not, or always is."""
        noon = instant(day, MIDNIGHT_MIN // 2, ZoneInfo(self.timezone))
        return () if self.hours is None else tuple(self.spans(noon, noon))

    def open_since(self, until: datetime, open_time: timedelta) -> datetime:
        """From when on the practice was open for this long until an instant; a year before it at the earliest."""
        if self.hours is None:
            return until - open_time
        today = until.astimezone(ZoneInfo(self.timezone)).date()
        for back in range(A_YEAR.days):
            for begin, end in reversed(self.open_on(today - timedelta(days=back))):
                span = min(end, until) - begin
                if span >= open_time:
                    return min(end, until) - open_time
                open_time -= max(span, timedelta(0))
        return until - A_YEAR

    def spans(self, since: datetime, until: datetime) -> Iterator[Instants]:
        """The open spans of every date that the interval touches, in order and apart."""
        zone, hours = ZoneInfo(self.timezone), self.hours or Hours()
        day, last = since.astimezone(zone).date(), until.astimezone(zone).date()
        before = datetime.min.replace(tzinfo=UTC)
        while day <= last:
            for span in hours.on(day):
                begin, end = max(before, instant(day, span.opens, zone)), instant(day, span.closes, zone)
                if begin < end:
                    yield begin, end
                    before = end
            day += timedelta(days=1)


def instant(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """When the clock of a zone shows this minute of a date, in UTC.

    As iCalendar has it (RFC 5545, 3.3.5): a time that occurs twice means the first, and one that the clocks
    jump over is counted with the offset before the jump.
    """
    midnight = datetime.combine(day, datetime.min.time())
    return (midnight + timedelta(minutes=minute)).replace(tzinfo=zone).astimezone(UTC)
