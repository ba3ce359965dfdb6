"""Resources: what runs out on our own machine, queues that grow old, and calls that wait for our own connections."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from models.alert import Finding
from models.anomaly import DetectionMethod
from models.feed import FRESH_WITHIN
from models.gauge import QUEUE_AGE
from models.integration import Integration
from models.reading import Direction
from models.resource import LIMITS, Trend, Verdict, judge_own, judge_queue, judge_wait
from tasks.history.questions import rows
from tasks.watches._interface import Round

GAUGES_OVER, WAITS_OVER = timedelta(hours=6), timedelta(hours=1)
FEW_MINUTES_S = 300.0  # of one point of a trend
KNOWN_FOR = timedelta(minutes=15)  # a value that is older says nothing of now
FELT_MS = 1.0


def watch(round_: Round) -> Iterator[Finding]:
    """One finding for each resource that runs out or makes others wait."""
    known = {one.id: one for one in round_.integrations}
    for trend in trends(round_):
        if trend.metric == QUEUE_AGE and trend.integration_id in known:
            yield from queue(known[trend.integration_id], trend)
        elif verdict := judge_own(trend):
            yield finding(trend, trend.metric, verdict)
    for trend in waits(round_):
        verdict = judge_wait(trend)
        if verdict and trend.integration_id in known:
            yield finding(trend, trend.metric, verdict)


def trends(round_: Round) -> Iterator[Trend]:
    """The gauges that are judged, if they were measured a moment ago."""
    asked = {"since": round_.as_of - GAUGES_OVER, "until": round_.as_of + timedelta(microseconds=1)}
    found = rows(round_.history, "gauge_trends", asked | {"bucket_s": FEW_MINUTES_S, "metrics": [*LIMITS, QUEUE_AGE]})
    return fresh(found, round_)


def waits(round_: Round) -> Iterator[Trend]:
    """Waiting for connections of our own, where there is any."""
    asked = {"since": round_.as_of - WAITS_OVER, "until": round_.as_of + timedelta(microseconds=1)}
    found = rows(round_.history, "pool_waits", asked | {"bucket_s": FEW_MINUTES_S, "felt_ms": FELT_MS})
    return fresh(found, round_)


def fresh(found: list[dict[str, Any]], round_: Round) -> Iterator[Trend]:
    """The rows as trends, without those that ended a while ago."""
    recent = [row for row in found if round_.as_of - row["seen_at"] <= KNOWN_FOR]
    if not recent:
        return
    import numpy as np  # noqa: PLC0415  # only where something is measured

    from models.slope import slopes  # noqa: PLC0415  # as above

    width = max(len(row["course"]) for row in recent)
    at_s, course = np.zeros((len(recent), width)), np.full((len(recent), width), np.nan)
    for nth, row in enumerate(recent):
        at_s[nth] = row["at_s"][0] + np.arange(width) - width  # gaps in front need some time too
        at_s[nth, width - len(row["course"]) :], course[nth, width - len(row["course"]) :] = row["at_s"], row["course"]
    found_slopes = slopes(at_s, course)
    for nth, row in enumerate(recent):
        told = {name: value for name, value in row.items() if name not in {"at_s", "course"}}
        slope = float(np.nan_to_num(found_slopes.per_s[nth]))
        yield Trend(**told, slope_per_s=slope, z=float(found_slopes.z[nth]), points=int(found_slopes.points[nth]))


def queue(one: Integration, trend: Trend) -> Iterator[Finding]:
    """What waits in a queue, beside how old its feed may be."""
    feeds = [feed for feed in one.feeds if trend.subject in {feed.name, feed.resource, *feed.operations}]
    limit = min((feed.limit for feed in feeds), default=FRESH_WITHIN[Direction.IN])
    if verdict := judge_queue(trend, limit):
        since = (trend.seen_at - timedelta(seconds=trend.value)).astimezone(ZoneInfo(one.timezone))
        says = f"queue {trend.subject or 'of this system'}: the oldest waits since {since:%H:%M} and {verdict.says}"
        yield finding(trend, f"{QUEUE_AGE}:{trend.subject or ''}"[:64].rstrip(":"), verdict._replace(says=says))


def finding(trend: Trend, subject: str, verdict: Verdict) -> Finding:
    """A verdict as an alert's finding."""
    return Finding(
        integration_id=trend.integration_id,
        subject=subject,
        severity=verdict.severity,
        says=verdict.says,
        since=trend.seen_at,
        method=DetectionMethod.PREDICTION if verdict.is_foreseen else DetectionMethod.THRESHOLD,
        advice=verdict.advice,
    )
