"""Baseline: what an hour of the week usually looks like, and how far a value is from it.

Median and median absolute deviation (MAD) instead of mean and standard deviation: up to half of the sample
may be incidents before they move (Rousseeuw & Croux 1993, *Alternatives to the Median Absolute Deviation*).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field, NonNegativeFloat, NonNegativeInt

from models.noun import Noun
from models.reading import Identifier, Operation

SCALE = 1.4826  # makes a MAD comparable with a standard deviation under normality
ENOUGH_SAMPLES = 30  # the standard error of a median is then below a quarter of a standard deviation
ENOUGH_DAYS = 2  # one day alone may be the incident itself
BUCKET_MINUTES = 5  # calls are counted and error rates spread over buckets of this length
FLOOR_MS = 1.0  # timer and event-loop jitter of a busy machine: a loopback read wanders by this much
SLOWER_SHARE, SLOWER_MS = 0.5, 100.0  # what somebody at a practice feels: as models.series says of latency
FLOOR_SHARE = 0.05  # of the median; with 1.4826 and z = 3: below +22 % nobody at the practice notices


class Basis(StrEnum):
    """Which past a baseline speaks of, the narrowest first."""

    HOUR_OF_WEEK = "hour of week"
    HOUR_OF_DAY = "hour of day"
    ALL_HOURS = "all hours"
    LEARNING = "learning"  # too little is known to call anything unusual


class Baseline(Noun):
    """One operation of one integration over one kind of hour, from the weeks before the judged window."""

    integration_id: Identifier | None = None  # None: nothing has been learnt yet
    operation: Operation
    basis: Basis
    hour_of_week: Annotated[int, Field(ge=0, le=167)] | None = None  # local time, 0: Monday 00:00
    hour_of_day: Annotated[int, Field(ge=0, le=23)] | None = None  # local time
    samples: NonNegativeInt = 0  # calls, answered or not
    answered: NonNegativeInt = 0  # calls with a latency
    days: NonNegativeInt = 0  # distinct local dates among them
    median_ms: NonNegativeFloat | None = None  # None: no call was answered
    mad_ms: NonNegativeFloat | None = None
    p95_ms: NonNegativeFloat | None = None
    p99_ms: NonNegativeFloat | None = None
    error_rate: Annotated[float, Field(ge=0, le=1)] = 0.0  # failed calls by calls
    error_rate_p95: Annotated[float, Field(ge=0, le=1)] = 0.0  # over the buckets that had calls
    calls_per_bucket: NonNegativeFloat = 0.0  # median over the buckets that had calls

    @property
    def is_enough(self) -> bool:
        """Whether it rests on enough calls, and on more than one day where it speaks of an hour."""
        days = 1 if self.basis is Basis.ALL_HOURS else ENOUGH_DAYS
        return self.samples >= ENOUGH_SAMPLES and self.days >= days

    @property
    def is_learning(self) -> bool:
        """Whether too little is known to judge by it."""
        return self.basis is Basis.LEARNING


def hour_of_week(at: datetime, timezone: str) -> int:
    """The local hour of the week in 0–167, Monday 00:00 = 0.

    >>> from datetime import UTC
    >>> hour_of_week(datetime(2026, 11, 23, 5, 30, tzinfo=UTC), "America/New_York")
    0
    """
    local = at.astimezone(ZoneInfo(timezone))
    return local.weekday() * 24 + local.hour


def usual(baselines: Iterable[Baseline], operation: str, at: datetime, timezone: str) -> Baseline:
    """The narrowest baseline of this operation that rests on enough calls.

    First this hour of the week, then this hour of the day, then all hours. When none is enough, what is
    known of all hours comes back marked `learning`, so that nobody judges by it.

    Args:
        baselines: what `tasks.remember.baseline` returned for one integration.
        operation: e.g. `Patient.search`.
        at: an instant of the judged window.
        timezone: the integration's IANA time zone.
    """
    hour = hour_of_week(at, timezone)
    known = {b.basis: b for b in baselines if b.operation == operation and _speaks_of(b, hour)}
    for basis in Basis:
        if basis in known and known[basis].is_enough:
            return known[basis]
    return _still_learning(known.get(Basis.ALL_HOURS), operation)


def _speaks_of(baseline: Baseline, hour: int) -> bool:
    return baseline.hour_of_week in {None, hour} and baseline.hour_of_day in {None, hour % 24}


def _still_learning(all_hours: Baseline | None, operation: str) -> Baseline:
    if all_hours is None:
        return Baseline(operation=operation, basis=Basis.LEARNING)
    return all_hours.model_copy(update={"basis": Basis.LEARNING})


def deviation(value_ms: float, baseline: Baseline) -> float:
    """Robust z of a latency: (value − median) / (1.4826 · MAD); 0 while nothing usual is known.

    A very steady series has a MAD near zero, and its every tremor would be a hundred deviations. The MAD
    therefore counts as at least 1 ms (what a busy machine adds by itself) and 5 % of the median.

    >>> steady = Baseline(operation="GetPatient", basis=Basis.ALL_HOURS, median_ms=100.0, mad_ms=10.0)
    >>> round(deviation(144.478, steady), 3)
    3.0
    """
    if baseline.median_ms is None or baseline.mad_ms is None:
        return 0.0
    floor = max(FLOOR_MS, FLOOR_SHARE * baseline.median_ms)
    return (value_ms - baseline.median_ms) / (SCALE * max(baseline.mad_ms, floor))


def is_felt(now_ms: float, usual_ms: float) -> bool:
    """Whether the difference is large enough to matter to anyone."""
    return now_ms - usual_ms >= max(SLOWER_MS, SLOWER_SHARE * usual_ms)
