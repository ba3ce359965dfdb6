"""Maintenance: the spans in which an integration may be away, because that was agreed.

Detection and recording go on meanwhile. What fails in such a span is counted beside objectives and availability,
never in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BeforeValidator, ValidationInfo, field_validator, model_validator

from models.calendar import DAYS, instant
from models.noun import Advice, Kept, Noun
from models.reading import Identifier
from models.written import Period, Text, limited

LONGEST = timedelta(days=7)  # what lasts longer is no maintenance (spec: escalation, section 2)
ORDINALS = ("first", "second", "third", "fourth", "last")
LATEST_DAY = 28  # of a month: every month has it
TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
DAY, MINUTE, RESOLUTION = timedelta(days=1), timedelta(minutes=1), timedelta.resolution
WEEK = 7  # days
PREFIX = "MNT-"


def parse_time_of_day(value: object) -> object:
    """`"12:30"` → 750; YAML 1.1 reads an unquoted 12:30 as a number, but not 02:30, so numbers are refused."""
    if isinstance(value, str) and (found := TIME_OF_DAY.fullmatch(value)):
        return 60 * int(found[1]) + int(found[2])
    raise Advice('write a time of day with hours and minutes in quotes, e.g. "02:30"')


class Maintenance(Noun):
    """Work on the other side that was agreed beforehand: once, or each week or month on the practice's clock."""

    reason: Text
    agreed_by: Text  # a person or a group, on whichever side
    since: AwareDatetime | None = None  # once: from here …
    until: AwareDatetime | None = None  # … to here
    every: Literal["week", "month"] | None = None
    day: Annotated[str, BeforeValidator(lambda day: str(day).lower())] | None = None  # sunday, third sunday, 15
    start: Annotated[int, BeforeValidator(parse_time_of_day)] | None = None  # minute of the day, as in models.calendar
    lasts: Annotated[Period, limited(most=LONGEST)] | None = None

    @field_validator("until")
    @classmethod
    def _ends_in_time(cls, until: datetime | None, known: ValidationInfo) -> datetime | None:
        since = known.data.get("since")
        if since and until and not timedelta(0) < until - since <= LONGEST:
            raise Advice("must be after `since`, and at most 7d after it")
        return until

    @field_validator("day")
    @classmethod
    def _is_a_day(cls, day: str | None, known: ValidationInfo) -> str | None:
        first, _, last = (day or "").rpartition(" ")
        in_week = not first and last in DAYS
        numbered = not first and last.isdecimal() and 1 <= int(last) <= LATEST_DAY
        in_month = numbered or (first in ORDINALS and last in DAYS)
        if not (in_week if known.data.get("every") == "week" else in_month):
            raise Advice("write a weekday for every week; third sunday, last sunday or 1 to 28 for every month")
        return day

    @model_validator(mode="after")
    def _is_once_or_again(self) -> Self:
        """Either two instants, or a rule that repeats; never both, never half of one."""
        once = [part is not None for part in (self.since, self.until)]
        again = [part is not None for part in (self.every, self.day, self.start, self.lasts)]
        if not (all(once) and not any(again)) and not (all(again) and not any(once)):
            raise Advice("write `since` and `until` for once, or `every`, `day`, `start` and `lasts` for what repeats")
        return self


class Downtime(Noun):
    """One span that was agreed: `since` ≤ instant < `until`."""

    since: AwareDatetime
    until: AwareDatetime
    reason: Text
    agreed_by: Text

    def holds(self, at: datetime) -> bool:
        """Whether an instant lies in it."""
        return self.since <= at < self.until

    def meets(self, since: datetime, until: datetime) -> bool:
        """Whether it shares an instant with a span."""
        return self.since < until and since < self.until


class Closure(Kept):
    """A downtime that a person declared from the command line, and may end earlier."""

    integration_id: Identifier
    downtime: Downtime
    ended_by: Text | None = None  # None: it ends by itself

    def end(self, at: datetime, by: str) -> Closure:
        """The same, ended now."""
        ended = self.downtime.model_copy(update={"until": max(at, self.downtime.since)})
        return Closure(id=self.id, integration_id=self.integration_id, downtime=ended, ended_by=by)


def close(integration_id: str, downtime: Downtime) -> Closure:
    """A new closure; its id tells whose it is and when it began."""
    began = f"{downtime.since:%Y%m%dT%H%M%SZ}"
    return Closure(id=f"{PREFIX}{integration_id}/{began}", integration_id=integration_id, downtime=downtime)


def downtimes(
    rules: Iterable[Maintenance],
    timezone: str,
    since: datetime,
    until: datetime,
    closures: Iterable[Closure] = (),
) -> tuple[Downtime, ...]:
    """Every downtime of one integration that meets a span, in the order in which they begin; they may overlap.

    Args:
        rules: what its configuration says.
        timezone: of its practice.
        since: where the span begins.
        until: where it ends.
        closures: its own, declared by hand.
    """
    planned = (one for rule in rules for one in occurrences(rule, timezone, since, until))
    met = (one for one in (*(closure.downtime for closure in closures), *planned) if one.meets(since, until))
    return tuple(sorted(met, key=lambda one: (one.since, one.until)))


def occurrences(rule: Maintenance, timezone: str, since: datetime, until: datetime) -> Iterator[Downtime]:
    """When a rule applies around a span: once, or on each of its days that may reach into it."""
    if rule.since and rule.until:
        began, ends = rule.since.astimezone(UTC), rule.until.astimezone(UTC)
        yield Downtime(since=began, until=ends, reason=rule.reason, agreed_by=rule.agreed_by)
    if rule.start is None or rule.lasts is None or rule.day is None:
        return
    zone = ZoneInfo(timezone)
    day, last = (since - LONGEST).astimezone(zone).date(), until.astimezone(zone).date()
    while day <= last:
        if is_day(rule.day, day):
            began = instant(day, rule.start, zone)  # and from there it lasts by a stopwatch
            yield Downtime(since=began, until=began + rule.lasts, reason=rule.reason, agreed_by=rule.agreed_by)
        day += DAY


def is_day(said: str, day: date) -> bool:
    """Whether a date is `sunday`, the `third sunday` or `last sunday` of its month, or its `15`th."""
    ordinal, _, name = said.rpartition(" ")
    if name.isdecimal():
        return day.day == int(name)
    if day.weekday() != DAYS.index(name):
        return False
    if ordinal == "last":
        return (day + timedelta(days=WEEK)).month != day.month
    return not ordinal or (day.day - 1) // WEEK == ORDINALS.index(ordinal)


def now_in(known: Iterable[Downtime], at: datetime) -> Downtime | None:
    """The downtime in force at an instant: of several, the one that ends last."""
    return max((one for one in known if one.holds(at)), key=lambda one: one.until, default=None)


def merged(known: Iterable[Downtime]) -> tuple[tuple[datetime, datetime], ...]:
    """The spans that downtimes cover together, in whole minutes and in order; none touches the next."""
    spans: list[tuple[datetime, datetime]] = []
    for one in sorted(known, key=lambda one: one.since):
        since, until = whole(one.since), whole(one.until + MINUTE - RESOLUTION)
        if spans and since <= spans[-1][1]:
            spans[-1] = spans[-1][0], max(spans[-1][1], until)
        elif since < until:
            spans.append((since, until))
    return tuple(spans)


def whole(at: datetime) -> datetime:
    """The minute that holds an instant."""
    return at.replace(second=0, microsecond=0)
