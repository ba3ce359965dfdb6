"""Bridge: an agent at the practice that gives a sign of life, and the hours at which it usually sleeps.

A workstation is switched off at night. An hour of the week counts as *awake* when the bridge was there through
it on most of the days that are known; only silence in awake hours counts, so that nobody is paged at 21:00,
and somebody is in the morning when it does not come back. Nothing is learned from the present silence: the
pattern is that of the weeks before the last beat, or a dead bridge would teach us that it sleeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, Field, NonNegativeFloat, PositiveInt

from models.baseline import hour_of_week
from models.noun import Noun
from models.reading import Code, Identifier
from models.written import Period, limited

BEAT = "Bridge.beat"  # the operation of a reading that is a sign of life; its component is the bridge's name
LEARNS_FOR = timedelta(days=14)  # from the first beat to the last, before a pattern is believed (spec: A19)
LEARNS_OVER = timedelta(days=28)  # four of each weekday
THROUGH = 0.75  # of the beats that an hour has room for: below, it went to sleep or woke up within the hour
USUALLY = 0.5  # of the known days with this hour
HOUR = timedelta(hours=1)


class Bridge(Noun):
    """One agent, as it is declared."""

    name: Code
    every: Annotated[Period, limited(most=timedelta(minutes=30))] = timedelta(minutes=5)  # two fit into an hour
    silent_after: Annotated[PositiveInt, Field(le=1000)] = 3  # missed beats

    @property
    def patience(self) -> timedelta:
        """How long it may be silent while it should be awake."""
        return self.silent_after * self.every


class Beats(Noun):
    """What was heard of one bridge."""

    integration_id: Identifier
    bridge: str
    first_at: AwareDatetime  # within what is remembered
    last_at: AwareDatetime
    per_hour: Mapping[int, NonNegativeFloat] = {}  # by local hour of the week: share of known days it was there through

    @property
    def has_learned(self) -> bool:
        """Whether enough days are known to tell sleep from trouble."""
        return self.last_at - self.first_at >= LEARNS_FOR

    def is_awake(self, hour: int) -> bool:
        """Whether it should be there at this hour of the week; always, while nothing is learned."""
        return not self.has_learned or self.per_hour.get(hour, 0.0) >= USUALLY

    def joined(self, newer: Beats) -> Beats:
        """The same bridge after a shorter look at newer beats; the pattern is that of the longer look."""
        return self.model_copy(update={"last_at": max(self.last_at, newer.last_at)})

    def silence(self, as_of: datetime, timezone: str) -> timedelta:
        """How long nothing was heard, counting the awake hours only."""
        total, at = timedelta(0), self.last_at
        while at < as_of:
            end = min(as_of, next_hour(at, timezone))
            if self.is_awake(hour_of_week(at, timezone)):
                total += end - at
            at = end
        return total


def next_hour(at: datetime, timezone: str) -> datetime:
    """When the next hour begins on the clock of a zone."""
    local = at.astimezone(ZoneInfo(timezone))
    return at + HOUR - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
