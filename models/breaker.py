"""Breaker: whether a system that cannot cope is asked everything, one thing, or nothing.

    closed ──▶ open ──▶ half-open ──▶ closed
                 ◀────────┘

The numbers are spec: safety, 1.7; the pattern is Nygard, *Release It!* (2007), "Circuit Breaker". What it says is kept
in the ledger, because every round is a process of its own. It spares a system and judges nobody's health: an answer
that refuses us is an answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime, NonNegativeInt

from models.noun import Kept
from models.reading import Identifier, Outcome, Reading

FAILURES, SHARE, SPAN = 5, 0.5, timedelta(seconds=60)  # so many, and so large a share, within this: it opens
FIRST, LONGEST = timedelta(seconds=30), timedelta(minutes=15)  # open for; doubles with each opening in a row
JITTER = 0.20  # to either side, so that many who were cut off at once do not come back at once
GOOD = 3  # single calls in a row that were answered: it closes
ONE_CALL = timedelta(seconds=90)  # a single call of which nobody told by then died with its process; none lasts 60 s
OVERLOAD = frozenset({Outcome.THROTTLED, Outcome.SERVER_ERROR, Outcome.TIMEOUT, Outcome.REFUSED, Outcome.RESET})


class BreakerState(StrEnum):
    """Where it stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Leave(StrEnum):
    """How much may be asked now."""

    ALL = "all"
    ONE = "one"  # a single call, to see
    NONE = "none"


class Breaker(Kept):
    """The breaker before one integration, on the route in use; `id` is the integration's."""

    integration_id: Identifier
    route: str
    armed_by: str  # the adjustment under which it stands, and with which it ends
    state: BreakerState = BreakerState.CLOSED
    since: AwareDatetime  # when it came into this state; while it is closed, nothing older counts
    until: AwareDatetime | None = None  # nothing is asked before this; None: it is not open
    openings: NonNegativeInt = 0  # in a row
    good: NonNegativeInt = 0  # single calls in a row that were answered
    asked_at: AwareDatetime | None = None  # the single call that is under way; None: none is

    def ask(self, now: datetime) -> tuple[Breaker, Leave]:
        """The breaker after somebody asked whether to call, and its answer; a single call is lent to one alone."""
        if self.state is BreakerState.CLOSED:
            return self, Leave.ALL
        if self.state is BreakerState.OPEN:
            if self.until is not None and now < self.until:
                return self, Leave.NONE
            return self._to(BreakerState.HALF_OPEN, now, until=None, good=0, asked_at=now), Leave.ONE
        if self.asked_at is not None and now < self.asked_at + ONE_CALL:
            return self, Leave.NONE
        return self.model_copy(update={"asked_at": now}), Leave.ONE

    def heard(self, readings: Sequence[Reading], now: datetime, draw: float) -> Breaker:
        """The breaker after these readings.

        Args:
            readings: the latest, those of the last round among them, in any order.
            now: the present instant.
            draw: a uniform draw in [0, 1).
        """
        if self.state is BreakerState.CLOSED:
            fresh = [one for one in readings if one.observed_at >= self.since]
            return self._opened(fresh, now, draw) if trips(fresh) else self
        if self.state is BreakerState.OPEN or self.asked_at is None:
            return self
        answers = [one for one in readings if one.observed_at >= self.asked_at]
        if not answers:
            return self
        if any(one.outcome in OVERLOAD for one in answers):
            return self._opened(answers, now, draw)
        if self.good + 1 >= GOOD:
            return self._to(BreakerState.CLOSED, now, openings=0, good=0, asked_at=None)
        return self.model_copy(update={"good": self.good + 1, "asked_at": None})

    def _opened(self, readings: Sequence[Reading], now: datetime, draw: float) -> Breaker:
        """Open, for twice as long as the last time in a row, and never shorter than they ask for."""
        wait = min(FIRST * 2 ** min(self.openings, 10), LONGEST) * (1 + JITTER * (2 * draw - 1))
        asked = [one.observed_at + timedelta(seconds=one.retry_after_s) for one in readings if one.retry_after_s]
        until = max([now + wait, *asked])
        return self._to(BreakerState.OPEN, now, until=until, openings=self.openings + 1, good=0, asked_at=None)

    def _to(self, state: BreakerState, now: datetime, **changes: object) -> Breaker:
        return self.model_copy(update={"state": state, "since": now, **changes})


def trips(readings: Sequence[Reading]) -> bool:
    """Whether the last minute of these readings holds enough failures, and a large enough share of them."""
    if not readings:
        return False
    last = max(one.observed_at for one in readings)
    recent = [one.outcome in OVERLOAD for one in readings if one.observed_at > last - SPAN]
    return sum(recent) >= FAILURES and sum(recent) >= SHARE * len(recent)


def told(before: Breaker | None, after: Breaker, readings: Sequence[Reading]) -> str | None:
    """One sentence about a breaker that changed, for the incident's thread; None where nobody need know."""
    if before is not None and before.state is after.state:
        return None
    if after.state is BreakerState.CLOSED:
        return f"Circuit breaker closed: {GOOD} single calls in a row were answered" if before is not None else None
    if after.state is BreakerState.HALF_OPEN or after.until is None:
        return None
    failed = sum(one.outcome in OVERLOAD for one in readings)
    return (
        f"Circuit breaker opened ({failed} of {len(readings)} calls failed): nothing is asked until "
        f"{after.until:%H:%M:%S} UTC, then one call at a time"
    )
