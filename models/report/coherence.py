"""Whether what a report says of service contradicts itself: availability, objectives, alerts, speed, stability."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from models.availability import usable_share
from models.report.document import MonitoringReport
from models.report.service import AvailabilityEntry, ObjectiveEntry, OperationEntry, Slots, StabilityEntry
from models.report.status import GRAVE, Word
from models.wording import UNKNOWN, percent, stamp

ROUNDED = 0.00006  # half of a unit in the last of four decimals

Rule = Callable[[MonitoringReport], Iterator[str]]


def availability_follows_from_slots(report: MonitoringReport) -> Iterator[str]:
    """What is said of the time is counted from the slots, and nothing is said when too many are unknown."""
    figures = report.monitoring_report.metrics
    if figures.x_slots is not None:
        yield from figure_of("metrics.availability", figures.availability, figures.x_slots)
    for one in report.x_availability or ():
        yield from figure_of(f"x-availability {one.span}", one.by_time, one.slots)
        yield from span_is_coherent(one)


def figure_of(name: str, shown: str, slots: Slots) -> Iterator[str]:
    """A figure against the slots that it was counted from; UNKNOWN is always allowed."""
    expected = percent(usable_share(slots.good, slots.bad, slots.unknown))
    if shown not in {UNKNOWN, expected}:
        counted = f"{slots.good} good, {slots.bad} bad and {slots.unknown} unknown slots"
        yield f"{name} is {shown}, but {counted} are {expected}"


def span_is_coherent(one: AvailabilityEntry) -> Iterator[str]:
    """The requests of one span, and the bounds around its slots."""
    name = f"x-availability {one.span}"
    total, failed = one.requests.total, one.requests.failed
    if failed > total:
        yield f"{name}: {failed} of {total} requests failed"
    elif one.by_requests != UNKNOWN and one.by_requests != percent(1 - failed / total if total else None):
        yield f"{name}: byRequests is {one.by_requests}, but {failed} of {total} requests failed"
    if one.bounds[0] > one.bounds[1]:
        yield f"{name}: its bounds are the wrong way round"


def status_follows_from_what_stands(report: MonitoringReport) -> Iterator[str]:
    """A grave alert is no health; maintenance is maintenance, unless nothing is known."""
    head = report.monitoring_report
    grave = [alert for alert in head.x_alerts or () if alert.severity.rank >= GRAVE.rank]
    if head.overall_status is Word.HEALTHY and grave:
        yield f"overallStatus is HEALTHY, but the {grave[0].severity} alert {grave[0].id} stands"
    for alert in head.x_alerts or ():
        if alert.since > head.timestamp:
            yield f"x-alerts {alert.id} stands since {stamp(alert.since)}, after the report"
    downtime = head.x_maintenance
    if head.overall_status is Word.MAINTENANCE and downtime is None:
        yield "overallStatus is MAINTENANCE, but no downtime is agreed for now"
    if downtime is None:
        return
    if not downtime.since <= head.timestamp <= downtime.until:
        yield "x-maintenance does not hold the time of the report"
    if head.overall_status not in {Word.MAINTENANCE, Word.UNKNOWN}:
        yield f"overallStatus is {head.overall_status}, but a downtime is agreed for now: it must be MAINTENANCE"


def objectives_add_up(report: MonitoringReport) -> Iterator[str]:
    """What was attained follows from the events, and no budget is left that was never there."""
    for one in report.x_objectives or ():
        yield from objective_adds_up(one)


def objective_adds_up(one: ObjectiveEntry) -> Iterator[str]:
    """One objective."""
    name, total, bad = f"x-objectives {one.name}", one.events.total, one.events.failed
    if bad > total:
        yield f"{name}: {bad} of {total} events were bad"
        return
    if one.attained is not None and (not total or abs(one.attained - (1 - bad / total)) > ROUNDED):
        yield f"{name}: attained is {one.attained}, but {bad} of {total} events were bad"
    if (one.attained is None) != (one.budget_left is None):
        yield f"{name}: what was attained and what is left are known together or not at all"
    if one.budget_left is not None and one.budget_left > 1:
        yield f"{name}: more budget is left than there was"


def operations_are_ordered(report: MonitoringReport) -> Iterator[str]:
    """Of one operation, 50 of 100 answers are not slower than 95, nor those than 99."""
    for one in report.x_operations or ():
        yield from operation_is_ordered(one)


def operation_is_ordered(one: OperationEntry) -> Iterator[str]:
    """One operation."""
    if not one.p50 <= one.p95 <= one.p99:
        yield f"x-operations {one.operation}: p50, p95 and p99 are not in order"


def stability_adds_up(report: MonitoringReport) -> Iterator[str]:
    """Trouble is counted once in its kinds and once in its runs."""
    if report.x_stability is not None:
        yield from connection_adds_up(report.x_stability)


def connection_adds_up(known: StabilityEntry) -> Iterator[str]:
    """The counts of one connection."""
    troubled = known.resets + known.timeouts + known.others
    in_runs = sum(int(length) * many for length, many in known.runs.items())
    if troubled > known.calls:
        yield f"x-stability: {troubled} of {known.calls} calls were troubled"
    elif known.stability is not None and abs(known.stability - (1 - troubled / (known.calls or 1))) > ROUNDED:
        yield f"x-stability is {known.stability}, but {troubled} of {known.calls} calls were troubled"
    if in_runs != troubled:
        yield f"x-stability: its runs hold {in_runs} calls, but {troubled} were troubled"


RULES: tuple[Rule, ...] = (
    availability_follows_from_slots,
    status_follows_from_what_stands,
    objectives_add_up,
    operations_are_ordered,
    stability_adds_up,
)
