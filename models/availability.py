"""Availability: for how much of a span the connection was usable, by time and by requests.

By time, a slot (`models.tally.slot_of`) is *good* when no more of its probes failed than the SLA's error rate allows,
*bad* when more did, *excluded* when it lies in agreed maintenance, and *unknown* when there should have been a probe
and there was none. Unknown is never good: a figure is given only while hardly anything is missing.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import AwareDatetime, NonNegativeInt

from models.integration import Integration
from models.noun import Noun
from models.reading import Counts
from models.slo import MOST_UNKNOWN, Coverage, wilson
from models.tally import Tally, slot_of

SPANS = (timedelta(hours=1), timedelta(hours=24), timedelta(days=30))  # what people ask for
STALE = 5  # slots in a row without a probe after which we no longer know the present
FORGIVEN = 1  # slots that may be missing even in a short span: one round that was late


class Availability(Noun):
    """The slots and requests of one span that ends now."""

    span: timedelta
    since: AwareDatetime  # where the span begins, or where watching began inside it
    slot: timedelta
    good: NonNegativeInt = 0
    bad: NonNegativeInt = 0
    unknown: NonNegativeInt = 0
    excluded: NonNegativeInt = 0
    is_fresh: bool = True  # something was read in the last slots
    requests: Counts = Counts(total=0, failed=0)
    excluded_requests: NonNegativeInt = 0

    @property
    def share(self) -> float | None:
        """Good share of the known slots; None: UNKNOWN."""
        return usable_share(self.good, self.bad, self.unknown, is_fresh=self.is_fresh)

    @property
    def bounds(self) -> tuple[float, float]:
        """The share if every unknown slot was bad, and if every one was good."""
        wanted = self.good + self.bad + self.unknown
        return (self.good / wanted, (self.good + self.unknown) / wanted) if wanted else (0.0, 1.0)

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the share by time."""
        return wilson(self.good, self.good + self.bad)

    @property
    def by_requests(self) -> float | None:
        """Share of requests that succeeded; None: UNKNOWN, like the share by time."""
        return None if self.share is None or not self.requests.total else 1 - self.requests.error_rate

    @property
    def request_interval(self) -> tuple[float, float]:
        """95 % interval of the share by requests."""
        return wilson(self.requests.succeeded, self.requests.total)

    @property
    def coverage(self) -> Coverage:
        """The same slots as seconds."""
        length = self.slot.total_seconds()
        known = (self.good + self.bad) * length
        return Coverage(known_s=known, unknown_s=self.unknown * length, excluded_s=self.excluded * length)


def usable_share(good: int, bad: int, unknown: int, *, is_fresh: bool = True) -> float | None:
    """Good share of the known slots; None: UNKNOWN.

    It is unknown when nothing was seen, when nothing was seen lately, and when more than 1 % is missing (one slot
    is always forgiven).
    """
    known = good + bad
    if not known or not is_fresh or unknown > max(FORGIVEN, MOST_UNKNOWN * (known + unknown)):
        return None
    return good / known


def availability(
    integration: Integration, tally: Tally, began: datetime | None, as_of: datetime, *, counts_gaps: bool = True
) -> Availability:
    """The availability over a tally's span.

    Args:
        integration: whose slots.
        tally: of its probes, without a limit.
        began: the first reading of all; what lies before it is not missing. None: there is none.
        as_of: now.
        counts_gaps: False where time is compressed, and a slot without a probe is our own slowness.
    """
    slot = slot_of(integration)
    wanted = slots_between(tally.since, began or as_of, as_of, slot)
    missing = max(0, wanted - tally.good_slots - tally.bad_slots - tally.excluded_slots) if counts_gaps else 0
    is_fresh = tally.last_slot_at is not None and as_of - tally.last_slot_at <= (STALE + 1) * slot
    return Availability(
        span=tally.span,
        since=max(tally.since, began or as_of),
        slot=slot,
        good=tally.good_slots,
        bad=tally.bad_slots,
        unknown=missing,
        excluded=tally.excluded_slots,
        is_fresh=is_fresh or not counts_gaps,
        requests=Counts(total=tally.total, failed=tally.bad),
        excluded_requests=tally.excluded,
    )


def slots_between(since: datetime, began: datetime, until: datetime, slot: timedelta) -> int:
    """How many slots begin at or after `since`, hold or follow `began`, and are over by `until`."""
    length = slot.total_seconds()
    first = max(-(-since.timestamp() // length), began.timestamp() // length)
    return max(0, int(until.timestamp() // length - first))
