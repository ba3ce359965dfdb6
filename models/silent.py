"""Silent: what was found by looking at the data themselves, as an anomaly and as its sighting.

Every call is answered 200, and no detector of calls has anything to say. Whoever compares both sides, or checks what
was promised, has looked at every record: what he finds is believed at once, stands until he looks again, and is over
when he finds nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from models.anomaly import Anomaly, DetectionMethod, Trend
from models.discrepancy import Reconciled, State
from models.flapping import GOOD, REMEMBERED
from models.integration import Integration
from models.promise import PromiseRun, PromiseState
from models.series import Series
from models.sighting import Agreement, Sighting, Sign, first_seen, seen_again
from models.wording import counted, short_percent

DIFFERENCES = "differences"  # records that differ; the subject is the reconciliation's name
BROKEN = "broken_promises"  # of a feed
RECONCILIATION, PROMISES = "reconciliation", "promises"  # who found it, in the place of a detector
NOBODY: Mapping[str, datetime] = MappingProxyType({})


def compared(found: Reconciled, before: Reconciled | None, one: Integration) -> Anomaly | None:
    """The anomaly of what a reconciliation found; None: nothing differs, or a side could not be read."""
    if found.state is not State.DIFFERS:
        return None
    gravest = max(found.discrepancies, key=lambda each: (each.severity.rank, each.count))
    others = len(found.discrepancies) - 1
    more = f", and {counted(others, 'other difference')}" if others else ""
    return Anomaly(
        integration_id=one.id,
        metric=Series(one.id, DIFFERENCES, found.name).key,
        severity=gravest.severity,
        description=f"{gravest.says}{more}",
        detection_method=DetectionMethod.CORRELATION,
        baseline="both sides hold the same records",
        current=f"{found.differing} of {counted(max(found.theirs or 0, found.ours or 0), 'record')} differ",
        first_observed=began(found, one.timezone),
        observed_at=found.as_of,
        trend=trend(found, before),
        score=1 + share(found),
        why=f"{gravest.kind.value.replace('_', ' ')}: {short_percent(gravest.count / gravest.of)} of what was compared",
        seen_by=(RECONCILIATION,),
    )


def unkept(run: PromiseRun) -> Anomaly | None:
    """The anomaly of promises that landed data break; None: all are kept, or could not be looked at."""
    broken = sorted(run.those(PromiseState.BROKEN), key=lambda one: (-one.severity.rank, -one.broken))
    if not broken:
        return None
    gravest, others = broken[0], len(broken) - 1
    more = f", and {counted(others, 'other promise')}" if others else ""
    return Anomaly(
        integration_id=run.integration_id,
        metric=Series(run.integration_id, BROKEN, run.feed).key,
        severity=gravest.severity,
        description=f"Landed {run.feed}: {gravest.says}{more}",
        detection_method=DetectionMethod.THRESHOLD,
        baseline="every promise is kept",
        current=f"{len(broken)} of {counted(len(run.results), 'promise')} broken",
        first_observed=min((one.since or run.as_of for one in broken), default=run.as_of),
        observed_at=run.as_of,
        trend=Trend.STABLE,
        score=1 + gravest.broken / max(gravest.checked, 1),
        why=f"{gravest.promise_id} is broken",
        seen_by=(PROMISES,),
    )


def share(found: Reconciled) -> float:
    """Of what was compared, how much differs; never more than all of it."""
    return min(1.0, found.differing / max(found.compared, 1))


def began(found: Reconciled, timezone: str) -> datetime:
    """The first day that differs, as its midnight at the practice; never after the comparison."""
    days = [one.first_day for one in found.discrepancies if one.first_day is not None]
    if not days:
        return found.since
    midnight = datetime.combine(min(days), time.min, ZoneInfo(timezone)).astimezone(UTC)
    return min(max(midnight, found.since), found.as_of)


def trend(found: Reconciled, before: Reconciled | None) -> Trend:
    """Whether there are more of them than at the look before."""
    if before is None or before.state is State.UNKNOWN or before.differing == found.differing:
        return Trend.STABLE
    return Trend.WORSENING if found.differing > before.differing else Trend.IMPROVING


def sighted(
    known: Sighting | None,
    anomaly: Anomaly | None,
    series: Series,
    every: timedelta,
    as_of: datetime,
    *,
    detector: str = RECONCILIATION,
    acted: Mapping[str, datetime] = NOBODY,
) -> Sighting | None:
    """The sighting after one more look; None: there is none, and there was none.

    Args:
        known: the live one of this series.
        anomaly: what was found; None: all is well.
        series: of what.
        every: how often somebody looks.
        as_of: when he looked.
        detector: who looked.
        acted: when a remedy was last carried out, by integration.
    """
    if anomaly is None:
        return over(known, as_of, acted) if known and known.stands else known
    sign = Sign(series, (detector,), anomaly.score, 1, anomaly.severity, anomaly.first_observed)
    seen = first_seen(sign, as_of, every) if known is None else seen_again(known, sign, as_of, every, Agreement({}, {}))
    return seen.model_copy(update={"anomaly": anomaly.model_copy(update={"id": seen.anomaly_id})})


def over(known: Sighting, as_of: datetime, acted: Mapping[str, datetime]) -> Sighting:
    """One look that found nothing ends it: nothing was left out."""
    latest = acted.get(known.integration_id)
    by_itself = latest is None or latest < known.opened_at
    return known.model_copy(
        update={
            "history": (known.history + GOOD)[-REMEMBERED:],
            "judged_at": as_of,
            "cleared_at": as_of,
            "by_itself": by_itself,
            "self_resolved": known.self_resolved + by_itself,
        }
    )
