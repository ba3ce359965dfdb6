"""From a story to the parts of the document that tell how well the connection serves."""

from __future__ import annotations

from models.alert import Alert
from models.availability import Availability
from models.maintenance import Downtime
from models.reading import Counts
from models.report.form import Tally
from models.report.service import (
    AlertEntry,
    AvailabilityEntry,
    DowntimeEntry,
    ObjectiveEntry,
    OperationEntry,
    Slots,
    StabilityEntry,
)
from models.slo import LATELY, NOW, SOON, Budget, window_words
from models.speed import Speed
from models.stability import Stability
from models.story import Totals
from models.wording import percent

HOUR_S = 3600.0


def tally(counts: Counts) -> Tally:
    """Counts as the document writes them."""
    return Tally(total=counts.total, failed=counts.failed)


def slots(totals: Totals) -> Slots:
    """What the availability of the report's span was counted from."""
    return Slots(
        good=totals.good_cycles,
        bad=totals.cycles - totals.good_cycles,
        unknown=totals.unknown_cycles,
        excluded=totals.excluded_cycles,
    )


def alert_entry(alert: Alert) -> AlertEntry:
    """One condition that stands."""
    found = alert.finding
    return AlertEntry(id=alert.id, severity=found.severity, says=found.says, since=found.since, advice=found.advice)


def downtime_entry(downtime: Downtime | None) -> DowntimeEntry | None:
    """The agreed downtime that holds now."""
    return None if downtime is None else DowntimeEntry(**downtime.model_dump())


def availability_entry(one: Availability) -> AvailabilityEntry:
    """One span."""
    return AvailabilityEntry(
        span=window_words(one.span),
        since=one.since,
        by_time=percent(one.share),
        by_requests=percent(one.by_requests),
        slots=Slots(good=one.good, bad=one.bad, unknown=one.unknown, excluded=one.excluded),
        slot_seconds=int(one.slot.total_seconds()),
        requests=tally(one.requests),
        excluded_requests=one.excluded_requests,
        interval=one.interval,
        request_interval=one.request_interval,
        bounds=one.bounds,
    )


def objective_entry(budget: Budget) -> ObjectiveEntry:
    """One objective with its budget."""
    objective, lasts = budget.objective, budget.lasts
    return ObjectiveEntry(
        name=objective.name,
        says=budget.says,
        source=objective.source.value,
        target=objective.target,
        period=window_words(objective.period),
        events=Tally(total=budget.tally.total, failed=budget.tally.bad),
        excluded=budget.tally.excluded,
        unknown=budget.coverage.unknown,
        attained=budget.attained,
        interval=budget.interval,
        budget_minutes=budget.allowed.total_seconds() / 60,
        budget_left=budget.left,
        burn={window_words(window): budget.burns.get(window) for window in (NOW, SOON, LATELY)},
        exhausted_in_hours=None if lasts is None else round(lasts.total_seconds() / HOUR_S, 1),
        alert=budget.burning[0].severity if budget.burning else None,
    )


def operation_entry(speed: Speed) -> OperationEntry:
    """How quick one operation was."""
    return OperationEntry(
        source=speed.source.value,
        operation=speed.operation,
        answered=speed.answered,
        mean=speed.mean_ms,
        p50=speed.p50_ms,
        p95=speed.p95_ms,
        p99=speed.p99_ms,
        dns=speed.dns_ms,
        connect=speed.connect_ms,
        tls=speed.tls_ms,
        first_byte=speed.first_byte_ms,
    )


def stability_entry(known: Stability | None) -> StabilityEntry | None:
    """How stable the connection was."""
    if known is None:
        return None
    whole = known.whole
    return StabilityEntry(
        stability=whole.stability,
        calls=whole.calls,
        resets=whole.resets,
        timeouts=whole.timeouts,
        others=whole.others,
        connected=whole.connected,
        retried=whole.retried,
        runs={str(run.length): run.many for run in known.runs if run.many},
        clustering=known.clustering,
    )
