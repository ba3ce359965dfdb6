"""Resource: something that can run out, how it develops, and when its limit is reached at this pace.

A slope is believed when the series rises by the Mann-Kendall test; how it is found, `models.slope` says. What has a
declared limit and is measured every cycle, `models.detectors.exhaustion` foresees; here are our own resources, whose
limits nobody has to declare, and ages of queues, whose limit is their feed's.
"""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from pydantic import AwareDatetime, FiniteFloat, NonNegativeInt

from models.anomaly import Severity
from models.gauge import OURSELVES
from models.noun import Noun
from models.reading import Code, Identifier, Operation
from models.wording import span, whole_percent

CERTAIN_Z = 2.576  # two-sided p < 0.01 under normality
FEWEST_POINTS = 6  # below, the test cannot reach that p by much
WAIT_LIMIT_MS = 50.0  # p95 of waiting for a connection of our own pool (spec: catalogue, S59)
WAIT_FELT = 10  # times the limit: whether it rises does not matter any more
HORIZON = timedelta(minutes=30)  # a queue that reaches its limit within this is told of (spec: catalogue, S61)


class Trend(Noun):
    """A series as it is now, and where it is going."""

    integration_id: Identifier
    metric: Code
    subject: Operation | None = None
    value: FiniteFloat  # the newest
    seen_at: AwareDatetime
    slope_per_s: FiniteFloat = 0.0
    z: FiniteFloat = 0.0  # of the Mann-Kendall test
    points: NonNegativeInt = 1

    @property
    def is_rising(self) -> bool:
        """Whether it rises, and not by chance."""
        return self.points >= FEWEST_POINTS and self.slope_per_s > 0 and self.z > CERTAIN_Z

    def reaches(self, limit: float) -> timedelta | None:
        """How long until it is there at this pace; nothing when it is, None when it is not on its way."""
        if self.value >= limit:
            return timedelta(0)
        if not self.is_rising:
            return None
        seconds = (limit - self.value) / self.slope_per_s
        return timedelta(seconds=seconds) if seconds < FAR_S else None


FAR_S = 30 * 86400  # nobody believes a pace for longer


class Limit(NamedTuple):
    """When a share of something that runs out is too much."""

    says: str
    warn: float
    grave: float
    horizon: timedelta  # told of when full within this, if it goes on so
    advice: str


LIMITS = {
    "disk_share": Limit("the disk of the history", 0.90, 0.97, timedelta(hours=24), "Free space, or move HEAL_HOME"),
    "memory_share": Limit("memory", 0.92, 0.98, timedelta(hours=1), "Look what grows; restart the monitor if it is it"),
    "process_fds_share": Limit("file descriptors of the monitor", 0.80, 0.95, timedelta(hours=1), "Raise `ulimit -n`"),
}
FULL = 1.0


class Verdict(NamedTuple):
    """What is wrong with a resource, in words."""

    severity: Severity
    says: str
    advice: str
    is_foreseen: bool = False


def judge_own(trend: Trend) -> Verdict | None:
    """Whether one of our own resources runs out; None when it does not, or is not one that we know."""
    limit = LIMITS.get(trend.metric)
    if limit is None or trend.integration_id != OURSELVES:
        return None
    used = f"{limit.says}: {whole_percent(trend.value)} used"
    if trend.value >= limit.warn:
        severity = Severity.HIGH if trend.value >= limit.grave else Severity.MEDIUM
        return Verdict(severity, f"{used} (limit {whole_percent(limit.warn)})", limit.advice)
    left = trend.reaches(FULL)
    if left is None or left > limit.horizon:
        return None
    return Verdict(Severity.MEDIUM, f"{used}, full in {about(left)} at this pace", limit.advice, is_foreseen=True)


def judge_queue(trend: Trend, limit: timedelta) -> Verdict | None:
    """Whether what waits in a queue waits too long, or will soon. The value is the age of the oldest in seconds."""
    left = trend.reaches(limit.total_seconds())
    if left is None or left > HORIZON:
        return None
    rule = f"limit {span(limit.total_seconds())}"
    advice = "Look whether what empties the queue runs, and whether one bad message stands at its head"
    if left:
        return Verdict(Severity.MEDIUM, f"gets older, and reaches its limit soon ({rule})", advice, is_foreseen=True)
    return Verdict(Severity.HIGH, f"is too old ({rule})", advice)


def judge_wait(trend: Trend) -> Verdict | None:
    """Whether calls wait for our own connections, and longer and longer. The value is a p95 in ms."""
    if trend.value <= WAIT_LIMIT_MS or not (trend.is_rising or trend.value > WAIT_FELT * WAIT_LIMIT_MS):
        return None
    rising = ", and longer every few minutes" if trend.is_rising else ""
    wait = float(f"{trend.value:.2g}")  # two digits, so that the sentence stays the same for a while
    says = f"calls wait {wait:.0f} ms for one of our own connections (p95, limit {WAIT_LIMIT_MS:.0f} ms){rising}"
    return Verdict(Severity.MEDIUM, says, "A pool leaks or is too small: `recycle_connections` empties it")


def about(left: timedelta) -> str:
    """A rough time, so that the sentence stays the same for a while."""
    hours = round(left / timedelta(hours=1))
    return f"about {span(hours * 3600)}" if hours > 1 else "about an hour" if hours else "less than half an hour"
