"""Slot: an hour on the clock of a practice, and what it has in common with other hours.

An hour of the past speaks of a coming one when both are of one kind: weekdays are alike, Saturdays and Sundays are
each their own, and so is a day on which the practice stays closed, whatever its name. Thanksgiving is judged by
closed days, not by Thursdays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from models.calendar import Calendar
from models.incident import Incident, State
from models.maintenance import Downtime

HOUR_S = 3600
HOUR = timedelta(hours=1)
SATURDAY = 5  # as datetime.weekday counts


class Kind(IntEnum):
    """What sort of day."""

    WEEKDAY = 0
    SATURDAY = 1
    SUNDAY = 2
    CLOSED = 3  # a holiday, or a day without opening hours


class Slot(NamedTuple):
    """One local hour."""

    begin_s: int  # unix seconds at which it begins
    day: int  # proleptic ordinal of the local date
    weekday: int  # 0: Monday
    hour: int  # of the local day
    kind: int  # of Kind
    is_open: bool  # whether somebody works at some time in it


def shift_s(timezone: str, at: datetime) -> int:
    """By how much local hours begin before whole UTC hours there, in [0, 3600) seconds: 0 in most time zones.

    >>> shift_s("Asia/Kolkata", datetime(2026, 1, 1, tzinfo=UTC))
    1800
    """
    offset = at.astimezone(ZoneInfo(timezone)).utcoffset() or timedelta(0)
    return int(offset.total_seconds()) % HOUR_S


def slots(calendar: Calendar, since: datetime, until: datetime) -> tuple[Slot, ...]:
    """Every local hour that meets since ≤ t < until, oldest first.

    When the clocks go back one hour of the day comes twice, and when they go forward one is missing: the same
    morning is found at the same local hour on either side of the change.
    """
    return tuple(_slots(calendar, since, until))


def _slots(calendar: Calendar, since: datetime, until: datetime) -> Iterator[Slot]:
    zone, shift = ZoneInfo(calendar.timezone), shift_s(calendar.timezone, since)
    begin_s = (int(since.timestamp()) + shift) // HOUR_S * HOUR_S - shift
    while begin_s < until.timestamp():
        begin = datetime.fromtimestamp(begin_s, UTC)
        local = begin.astimezone(zone)
        kind = kind_of(calendar, local)
        is_open = calendar.open_time_between(begin, begin + HOUR) > timedelta(0)
        yield Slot(begin_s, local.toordinal(), local.weekday(), local.hour, int(kind), is_open)
        begin_s += HOUR_S


def kind_of(calendar: Calendar, local: datetime) -> Kind:
    """The kind of a local date."""
    if calendar.hours is not None and not calendar.hours.on(local.date()):
        return Kind.CLOSED
    return Kind(max(0, local.weekday() - SATURDAY + 1))


def cuts(
    incidents: Iterable[Incident], downtimes: Sequence[Downtime], as_of: datetime
) -> tuple[tuple[datetime, datetime], ...]:
    """The spans that must not teach: incidents that were confirmed, as far as they had come, and agreed absences.

    Args:
        incidents: of one integration, in any state.
        downtimes: of the same one.
        as_of: an incident that is not over has lasted until here.
    """
    ill = ((one.started_at, ended(one, as_of)) for one in incidents if was_confirmed(one))
    away = ((one.since, one.until) for one in downtimes)
    return tuple((since, until) for since, until in (*ill, *away) if since < until)


def was_confirmed(incident: Incident) -> bool:
    """Whether it was ever more than a suspicion."""
    return (incident.is_active and incident.state is not State.SUSPECTED) or any(
        moment.state not in {State.SUSPECTED, State.CLOSED} for moment in incident.moments
    )


def ended(incident: Incident, as_of: datetime) -> datetime:
    """When the trouble was over: at its recovery, or not yet."""
    if incident.is_active:
        return as_of
    return incident.restored_at or incident.resolved_at or incident.updated_at
