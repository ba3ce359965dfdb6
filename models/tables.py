"""Tables: how well a connection serves, in rows of words that a terminal, the page and the Markdown share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from models.alert import Alert
from models.availability import Availability
from models.facts import CLUSTERED
from models.slo import LATELY, NOW, SOON, Budget, share_words, window_words
from models.speed import Speed
from models.stability import Course, Run, Stability
from models.wording import UNKNOWN, local_time_on, percent, short_percent, span

BAR = 40  # characters of the longest bar
Row = tuple[str, ...]


class Told(NamedTuple):
    """A table: its title, the names of its columns, its rows."""

    title: str
    head: Row
    rows: Sequence[Row]


def alerts(standing: Iterable[Alert], zone: str, as_of: datetime) -> Told:
    """What stands now, the gravest first."""
    rows = [
        (
            alert.finding.severity.value,
            alert.id,
            alert.finding.says,
            local_time_on(alert.finding.since, zone, as_of),
            alert.finding.advice or "-",
        )
        for alert in standing
    ]
    return Told("Standing alerts", ("severity", "alert", "what", "since", "advice"), rows)


def availability(spans: Iterable[Availability]) -> Told:
    """One row a span: by time and by requests, with what is not known and what was agreed beside."""
    rows = [
        (
            window_words(one.span),
            percent(one.share) if one.share is not None else unknown(one),
            interval(one.interval) if one.share is not None else "-",
            f"{one.good} of {one.good + one.bad}",
            lasting(one.unknown * one.slot),
            lasting(one.excluded * one.slot),
            percent(one.by_requests),
            f"{one.requests.succeeded} of {one.requests.total}",
            interval(one.request_interval) if one.by_requests is not None else "-",
        )
        for one in spans
    ]
    head = (
        *("last", "available", "95% interval", "good slots", "not watched", "maintenance"),
        *("by requests", "succeeded", "95% interval of it"),
    )
    return Told("Availability", head, rows)


def unknown(one: Availability) -> str:
    """That it is not known, and between which figures it must lie."""
    return f"{UNKNOWN} ({interval(one.bounds)} possible)" if one.good + one.bad else UNKNOWN


def objectives(budgets: Iterable[Budget]) -> Told:
    """One row an objective: what was attained, what is left of the budget, and how fast it goes."""
    head = (
        *("integration", "objective", "period", "attained", "95% interval", "budget left"),
        *("burn 1h", "6h", "3d", "lasts", "alert"),
    )
    return Told("Objectives", head, [objective(budget) for budget in budgets])


def objective(budget: Budget) -> Row:
    """One objective."""
    known = budget.attained is not None
    return (
        budget.integration_id,
        budget.says,
        window_words(budget.objective.period),
        f"{budget.attained:.3%}" if budget.attained is not None else f"{UNKNOWN}: {why_unknown(budget)}",
        interval(budget.interval) if known else "-",
        left(budget),
        *("-" if budget.burns.get(w) is None else f"{budget.burns[w]:.1f}" for w in (NOW, SOON, LATELY)),
        "-" if budget.lasts is None else span(budget.lasts.total_seconds()),
        budget.burning[0].severity.value if budget.burning else "-",
    )


def left(budget: Budget) -> str:
    """What is left of a budget, in minutes and per cent, e.g. `388.8 of 432.0 min (90%)`."""
    minutes = budget.allowed / timedelta(minutes=1)
    if budget.left is None:
        return f"{UNKNOWN} of {minutes:.1f} min"
    return f"{budget.left * minutes:.1f} of {minutes:.1f} min ({share_words(budget.left)})"


def why_unknown(budget: Budget) -> str:
    """Why nothing is said of what was attained."""
    if not budget.tally.total:
        return "no events"
    return f"{short_percent(budget.coverage.unknown)} of the period was not watched (limit 1%)"


def operations(speeds: Iterable[Speed]) -> Told:
    """One row an operation: percentiles with n, and the medians of the way."""
    rows = [
        (
            one.integration_id,
            one.operation,
            one.source.value,
            str(one.answered),
            *(f"{ms:.0f}" for ms in (one.p50_ms, one.p95_ms, one.p99_ms, one.max_ms)),
            *(measured(ms) for ms in (one.dns_ms, one.connect_ms, one.tls_ms, one.first_byte_ms)),
        )
        for one in speeds
    ]
    head = (
        *("integration", "operation", "source", "answered", "p50 ms", "p95", "p99", "max"),
        *("dns ms", "connect", "tls", "first byte"),
    )
    return Told("Latency", head, rows)


def stability(courses: Iterable[tuple[str, Course]]) -> Told:
    """One row a name and its course: the share of calls that reached an application, and what kept the others."""
    rows = [
        (
            name,
            UNKNOWN if one.stability is None else f"{one.stability:.3f}",
            str(one.calls),
            *(str(many) for many in (one.resets, one.timeouts, one.others)),
            percent(one.connected / one.calls) if one.calls else UNKNOWN,
            str(one.retried),
        )
        for name, one in courses
    ]
    head = ("", "stability", "calls", "resets", "timeouts", "refused, dns, tls", "new connections", "retried")
    return Told("Stability", head, rows)


def runs(known: Stability) -> Told:
    """The run lengths as bars, each beside what independent trouble would make."""
    most = max((run.many for run in known.runs), default=0)
    rows = [(str(run.length), bar(run, most), str(run.many), f"{run.expected:.1f}") for run in known.runs]
    return Told("Runs of consecutive trouble", ("length", "", "runs", "if independent"), rows)


def bar(run: Run, most: int) -> str:
    """`████`: as long as the runs are many; what is not nothing is not shown as nothing."""
    return "█" * max(round(BAR * run.many / most), 1 if run.many else 0)


def clusters(known: Stability) -> str:
    """What the runs mean, in a sentence."""
    if not known.clustering:
        return "Too few calls, or no trouble, to tell whether it comes in clusters."
    verdict = "comes in clusters" if known.clustering >= CLUSTERED else "does not come in clusters"
    return f"Trouble {verdict}: its mean run is {known.clustering:.1f} times that of independent trouble."


def interval(bounds: tuple[float, float]) -> str:
    """`99.91% - 99.99%`."""
    return " - ".join(f"{bound:.2%}" for bound in bounds)


def measured(ms: float | None) -> str:
    """A duration, or a dash for what was never measured."""
    return "-" if ms is None else f"{ms:.1f}"


def lasting(duration: timedelta) -> str:
    """A duration in words; a dash for none."""
    return span(duration.total_seconds()) if duration else "-"
