"""Maintenance: the spans in which an integration may be away, because that was agreed.

Detection and recording go on meanwhile. What fails in such a span is counted beside objectives and availability,
never in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime

from models.integration import LONGEST_MAINTENANCE, ORDINALS, WEEKDAYS, Integration, Maintenance, Text
from models.noun import Kept, Noun
from models.reading import Identifier

DAY, MINUTE, RESOLUTION = timedelta(days=1), timedelta(minutes=1), timedelta.resolution
WEEK = 7  # days
PREFIX = "MNT-"


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
    return Closure(
        id=f"{PREFIX}{integration_id}/{downtime.since:%Y%m%dT%H%M%SZ}", integration_id=integration_id, downtime=downtime
    )


def downtimes(
    integration: Integration, since: datetime, until: datetime, closures: Iterable[Closure] = ()
) -> tuple[Downtime, ...]:
    """Every downtime of an integration that meets a span, in the order in which they begin; they may overlap."""
    declared = [closure.downtime for closure in closures if closure.integration_id == integration.id]
    planned = [one for rule in integration.maintenance for one in occurrences(rule, integration.timezone, since, until)]
    met = (one for one in (*declared, *planned) if one.meets(since, until))
    return tuple(sorted(met, key=lambda one: (one.since, one.until)))


def occurrences(rule: Maintenance, timezone: str, since: datetime, until: datetime) -> Iterator[Downtime]:
    """When a rule applies around a span: once, or on each of its days that may reach into it."""
    if rule.since and rule.until:
        yield Downtime(since=rule.since, until=rule.until, reason=rule.reason, agreed_by=rule.agreed_by)
    if not (rule.start and rule.lasts and rule.day):
        return
    zone = ZoneInfo(timezone)
    day, last = (since - LONGEST_MAINTENANCE).astimezone(zone).date(), until.astimezone(zone).date()
    while day <= last:
        if is_day(rule.day, day):
            # Of an hour that the clocks skip, the one after it; of one that comes twice, the first.
            began = datetime.combine(day, rule.start, zone).astimezone(UTC)
            yield Downtime(since=began, until=began + rule.lasts, reason=rule.reason, agreed_by=rule.agreed_by)
        day += DAY


def is_day(said: str, day: date) -> bool:
    """Whether a date is `sunday`, the `third sunday` or `last sunday` of its month, or its `15`th."""
    ordinal, _, name = said.rpartition(" ")
    if name.isdecimal():
        return day.day == int(name)
    if day.weekday() != WEEKDAYS.index(name):
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
        since, until = one.since.replace(second=0, microsecond=0), one.until + MINUTE - RESOLUTION
        until = until.replace(second=0, microsecond=0)
        if spans and since <= spans[-1][1]:
            spans[-1] = spans[-1][0], max(spans[-1][1], until)
        elif since < until:
            spans.append((since, until))
    return tuple(spans)
