"""Drop: a file that is expected in a folder: its name, its day and hour, and what must be in it.

Days and hours are the practice's: a file that is due at 06:00 is due at 06:00 on the wall there, on the days
when clocks change as well. Everything here is arithmetic on dates; nobody looks at a folder.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, PositiveInt, model_validator

from models.integration import Duration, Share, Text
from models.noun import Noun
from models.reading import Code, Direction

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FARTHEST = 400  # days that we look back for the last day on which a file was expected
BEFORE_THE_FIRST = timedelta(days=1)  # a file under one lasting name counts from so long before its first hour
DATE = re.compile(r"\{date:([^{}]*)\}")
DATE_PARTS = {"%Y": r"\d{4}", "%y": r"\d\d", "%m": r"\d\d", "%d": r"\d\d", "%j": r"\d{3}"}
UNFINISHED = r"(?:\.(?:part|partial|tmp|temp|filepart|upload|uploading|crdownload))"
DELIMITERS = {"comma": ",", "tab": "\t", "semicolon": ";", "pipe": "|"}


def parse_days(value: object) -> object:
    """`mon-fri`, or a list such as `[mon, wed-fri]` → days of the week, 0 for Monday."""
    wanted = value if isinstance(value, list | tuple) else [value]
    days: set[int] = set()
    for one in wanted:
        if isinstance(one, int) and not isinstance(one, bool) and 0 <= one < len(WEEK):
            days.add(one)  # a value of our own, read back
            continue
        first, _, last = str(one).lower().partition("-")
        if first not in WEEK or (last or first) not in WEEK:
            raise ValueError("write days as mon-fri, or as a list such as [mon, wed, fri]")
        begin, end = WEEK.index(first), WEEK.index(last or first)
        days |= {day % len(WEEK) for day in range(begin, end + 1 if end >= begin else end + 1 + len(WEEK))}
    return tuple(sorted(days))


def parse_time(value: object) -> object:
    """`"06:00"` → a time of day; YAML makes a number of an unquoted 10:30."""
    if isinstance(value, time):
        return value
    if isinstance(value, str) and re.fullmatch(r"(?:[01]\d|2[0-3]):[0-5]\d", value):
        return time.fromisoformat(value)
    raise ValueError('write a time of day with hours and minutes, in quotes, e.g. "06:00"')


def check_name(value: str) -> str:
    """Refuse a name that could lead out of its folder, or whose date nobody could write."""
    plain = DATE.sub("", value)
    formats = DATE.findall(value)
    if not plain.replace("*", "") and not formats:
        raise ValueError("write the file's name, e.g. claims_{date:%Y%m%d}.csv")
    if re.search(r"[/\\\x00-\x1f]", value) or value in {".", ".."}:
        raise ValueError("write a file's name without folders; `folder` says where it is")
    if "{" in plain or "}" in plain:
        raise ValueError("only {date:…} may stand in braces, e.g. claims_{date:%Y%m%d}.csv")
    if len(formats) > 1 or any(not dates_a_day(one) for one in formats):
        raise ValueError("write one {date:…} that names a day, of %Y, %y, %m, %d and %j, e.g. {date:%Y%m%d}")
    return value


def dates_a_day(form: str) -> bool:
    """Whether a format names one day of one year, with nothing but the parts that we know."""
    parts = set(re.findall("%.", form))
    knows_day = "%j" in parts or {"%m", "%d"} <= parts
    return (
        parts <= DATE_PARTS.keys()
        and knows_day
        and bool(parts & {"%Y", "%y"})
        and form.count("%") == len(re.findall("%.", form))
    )


def parse_delimiter(value: object) -> object:
    """`comma`, `tab`, `semicolon`, `pipe`, or the one character itself."""
    if isinstance(value, str) and len(text := DELIMITERS.get(value, value)) == 1 and text not in '"\r\n\0':
        return text
    raise ValueError("write comma, tab, semicolon or pipe, or one other character in quotes")


def check_encoding(value: str) -> str:
    """Refuse an encoding that we cannot read text in."""
    try:
        "a".encode(value)
        return codecs.lookup(value).name
    except (LookupError, UnicodeError, TypeError, ValueError):
        raise ValueError("no such encoding; write e.g. utf-8, utf-8-sig (with a BOM), cp1252 or utf-16") from None


Days = Annotated[tuple[int, ...], BeforeValidator(parse_days)]
TimeOfDay = Annotated[time, BeforeValidator(parse_time)]
FileName = Annotated[Text, AfterValidator(check_name)]
Delimiter = Annotated[str, BeforeValidator(parse_delimiter)]
Encoding = Annotated[Text, AfterValidator(check_encoding)]


class Trailer(Noun):
    """The last line, when it says how many rows came before it."""

    prefix: Text  # what the line begins with, e.g. TRL
    count: PositiveInt  # which of its fields holds the number; the first is 1
    counts: Literal["rows", "lines"] = "rows"  # lines: header and trailer are in the number


class Schedule(Noun):
    """When a file is expected, on the wall of the practice."""

    by: TimeOfDay
    days: Days = tuple(range(7))
    grace: Duration = timedelta(minutes=30)  # later than this, it is missing


class ExpectedFile(Noun):
    """One file that comes, or goes, again and again."""

    name: FileName  # with {date:…} for the day, and * for what differs each time
    folder: Text | None = None  # None: that of the integration
    direction: Direction = Direction.IN
    resource: Code | None = None  # what it holds; None: the operation up to its dot
    schedule: Schedule | None = None  # None: it comes when it comes
    dated: Literal["same_day", "day_before"] = "same_day"  # the date in the name, seen from the day it is due
    stable_for: Duration = timedelta(seconds=60)  # not touched for so long: it has arrived
    delimiter: Delimiter = ","
    quoted: bool = True  # "…" may hold delimiters and line ends
    encoding: Encoding = "utf-8"
    header: Literal["learned", "none"] | Annotated[tuple[Text, ...], Field(min_length=1)] = "learned"
    trailer: Trailer | None = None
    min_share: Share = 0.5  # of what is usual on this day of the week, in rows and in bytes
    largest_mb: Annotated[PositiveInt, Field(le=100_000)] = 512  # also of what a .gz unpacks to
    sent_from: Text | None = None  # of what we send: the folder of this machine where our own copy is

    @model_validator(mode="after")
    def _fits_together(self) -> ExpectedFile:
        if "{date:" in self.name and self.schedule is None:
            raise ValueError("a name with {date:…} needs a `schedule` that says on which days there is one")
        if (self.direction is Direction.OUT) != (self.sent_from is not None):
            raise ValueError("`sent_from` belongs to `direction: out`, and to that alone: it is where our copy lies")
        return self

    @property
    def is_dated(self) -> bool:
        """Whether its name says which day it is for."""
        return "{date:" in self.name

    @property
    def is_packed(self) -> bool:
        """Whether it is a gzip file."""
        return self.name.endswith(".gz")

    def name_on(self, day: date) -> str:
        """Its name on the day that it is due; a * stays a *."""
        written = day - timedelta(days=1) if self.dated == "day_before" else day
        return DATE.sub(lambda found: written.strftime(found[1]), self.name)

    def matches(self, day: date) -> re.Pattern[str]:
        """What its name may be on a day."""
        return re.compile(_loosely(self.name_on(day)), re.DOTALL)

    def unfinished(self, day: date) -> re.Pattern[str]:
        """What an upload of it in progress may be called, as common clients name them."""
        return re.compile(rf"\.?{_loosely(self.name_on(day))}(?:\.[A-Za-z0-9]{{1,12}})?{UNFINISHED}", re.IGNORECASE)

    def resembles(self, day: date) -> re.Pattern[str]:
        """What it may be called when somebody packed it, renamed it in another case, or put it elsewhere."""
        return re.compile(rf"{_loosely(self.name_on(day))}(?:\.(?:gz|zip|bak|txt|csv|done|processed))?", re.IGNORECASE)


def _loosely(name: str) -> str:
    """A name as a regular expression in which * is anything but a folder."""
    return "[^/]*".join(re.escape(part) for part in name.split("*"))


class Phase(StrEnum):
    """Where an instant lies, seen from one delivery."""

    EARLY = "early"  # it is not due yet
    GRACE = "grace"
    LATE = "late"


class Due(Noun):
    """One delivery."""

    day: date  # on the practice's calendar
    at: AwareDatetime
    late_at: AwareDatetime

    def phase(self, now: datetime) -> Phase:
        """Whether it may still come."""
        return Phase.EARLY if now < self.at else Phase.GRACE if now < self.late_at else Phase.LATE


class Calendar(Noun):
    """The practice's days."""

    timezone: str
    holidays: frozenset[date] = frozenset()

    def today(self, now: datetime) -> date:
        """The date on the wall of the practice."""
        return now.astimezone(ZoneInfo(self.timezone)).date()

    def dues(self, schedule: Schedule, now: datetime) -> Iterator[Due]:
        """The deliveries up to today's, newest first; today's is there from midnight on."""
        today = self.today(now)
        for back in range(FARTHEST):
            day = today - timedelta(days=back)
            if day.weekday() in schedule.days and day not in self.holidays:
                yield self.due(schedule, day)

    def due(self, schedule: Schedule, day: date) -> Due:
        """The delivery of a day. An hour that a change of clocks skips is the one after it; of two, the first."""
        at = datetime.combine(day, schedule.by, ZoneInfo(self.timezone))
        instant = datetime.fromtimestamp(at.timestamp(), ZoneInfo("UTC"))
        return Due(day=day, at=instant, late_at=instant + schedule.grace)


def belongs(changed_at: datetime, due: Due, previous: Due | None) -> bool:
    """Whether a file that always has the same name is the one of this delivery, by when it last changed.

    It is when it changed after the one before could no longer come.
    """
    since = previous.late_at if previous else due.at - BEFORE_THE_FIRST
    return changed_at >= since
