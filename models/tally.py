"""Tally: how many events of one integration were good, bad and excluded over a span; what objectives are counted on.

An event is a call; a *slot* is a span of the clock in which at least one round of probes should have begun. Both
are judged when their hour closes, by what was agreed then, and are not judged anew more than a day later.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pydantic import AwareDatetime, NonNegativeFloat, NonNegativeInt

from models.integration import Integration
from models.noun import Noun
from models.reading import Identifier, Source

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class BookedHour(Noun):
    """One closed hour, booked from its readings so that a month need not be read again: a table of the history.

    The same hour may be there more than once; the row that was booked last counts.
    """

    integration_id: Identifier
    bucket: AwareDatetime  # its beginning
    source: Source
    limit_ms: NonNegativeFloat | None = None  # None: bad is a call that failed; else a good call that was slower
    total: NonNegativeInt  # events, without the excluded ones
    bad: NonNegativeInt
    excluded: NonNegativeInt = 0  # events in agreed maintenance
    bad_minutes: NonNegativeInt = 0  # minutes with at least one bad event
    good_slots: NonNegativeInt = 0  # of probes, and on the row without a limit: slots that kept the error rate
    bad_slots: NonNegativeInt = 0
    excluded_slots: NonNegativeInt = 0
    first_at: AwareDatetime | None = None  # the earliest event; None: there was none
    booked_at: AwareDatetime


class Tally(Noun):
    """The sums from `since` up to now."""

    integration_id: Identifier
    source: Source = Source.PROBE
    limit_ms: NonNegativeFloat | None = None
    span: timedelta
    since: AwareDatetime  # full minutes, or full hours where the span is long
    total: NonNegativeInt = 0
    bad: NonNegativeInt = 0
    excluded: NonNegativeInt = 0
    bad_minutes: NonNegativeInt = 0
    good_slots: NonNegativeInt = 0
    bad_slots: NonNegativeInt = 0
    excluded_slots: NonNegativeInt = 0
    first_at: AwareDatetime | None = None  # the earliest event in the span; None: there was none
    last_slot_at: AwareDatetime | None = None  # the latest slot in which something was read

    @property
    def ratio(self) -> float | None:
        """Bad share of the events that count; None without any."""
        return self.bad / self.total if self.total else None


def slot_of(integration: Integration) -> timedelta:
    """How long a slot is: the probe interval, in whole minutes."""
    return -(-integration.probe_every // MINUTE) * MINUTE


def floored(at: datetime, step: timedelta) -> datetime:
    """The last multiple of a step on the clock: a full minute, hour or day in UTC."""
    return at - (at - EPOCH) % step
