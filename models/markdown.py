"""The story as Markdown, for a Prefect artifact, a terminal or a ticket; and rows for a table of them all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from models import gap_tables, tables
from models.card import incident_card
from models.coverage_tables import of_one
from models.diagnosis import Diagnosis, band
from models.phrases import slot_words
from models.reconciled_tables import differences, overview
from models.report import attempted, impact_of, outcome_word, status_of
from models.story import Story
from models.wording import UNKNOWN, clock, local_time_on, one_line, percent, volume, whole_percent

HYPOTHESES = 5  # rows; those behind them are below a few per cent
MARKUP = str.maketrans({c: f"\\{c}" for c in "\\`*_[]<>|"})


def to_markdown(story: Story) -> str:
    """The whole story: status, figures, the card, and the tables behind it. Ends with a line break."""
    status, zone = status_of(story), story.integration.timezone
    parts = [
        f"# {plain(story.integration.name)}: {status.word}",
        f"{plain(status.says)} (rule {status.rule}), as of {local_time_on(story.as_of, zone, story.as_of)}.",
        table(("measure", "value"), metric_rows(story)),
        f"```text\n{incident_card(story).replace('`', chr(39))}```",
        *sections(story),
    ]
    return "\n\n".join(parts) + "\n"


def sections(story: Story) -> Iterator[str]:
    """The tables that have rows."""
    diagnosis, zone = story.incident.diagnosis if story.incident else None, story.integration.timezone
    tables = (
        ("Anomalies", ("id", "severity", "what", "usual", "now", "since", "trend"), anomaly_rows(story)),
        ("Hypotheses", ("cause", "confidence", "for", "against"), hypothesis_rows(diagnosis)),
        ("Attempts", ("at", "action", "outcome", "impact"), attempt_rows(story)),
        ("Pending", ("at", "action", "expected", "needs", "automatic"), pending_rows(story)),
        gap_tables.gaps(story.gaps, zone, story.as_of),
        *service(story),
    )
    for title, head, rows in tables:
        if rows:
            yield f"## {title}\n\n{table(head, rows)}"


def service(story: Story) -> Iterator[tables.Told]:
    """How well the connection serves."""
    yield tables.alerts(story.alerts, story.integration.timezone, story.as_of)
    yield overview(story.reconciled, story.integration.timezone)
    yield differences(story.reconciled)
    yield of_one(story.coverage)
    yield tables.availability(story.availability)
    yield tables.objectives(story.budgets)
    yield tables.operations(story.speeds)
    if story.stability is not None:
        yield tables.stability([("the whole span", story.stability.whole)])


def metric_rows(story: Story) -> list[tuple[str, ...]]:
    """The figures of the span."""
    totals = story.totals
    latency = UNKNOWN if totals.mean_latency_ms is None else f"{totals.mean_latency_ms:.0f} ms"
    rate = totals.counts.error_rate if totals.counts.total else None
    return [
        ("availability", f"{percent(totals.availability)} ({slot_words(totals)})"),
        ("error rate", f"{percent(rate)} ({totals.counts.failed} of {totals.counts.total} calls)"),
        ("average latency", latency),
        ("data in the last hour", volume(story.last_hour_bytes)),
        ("active connections", str(story.connections)),
    ]


def anomaly_rows(story: Story) -> list[tuple[str, ...]]:
    """One row per finding."""
    zone = story.integration.timezone
    return [
        (
            a.id or "-",
            a.severity.value,
            a.description,
            a.baseline,
            a.current,
            local_time_on(a.first_observed, zone, story.as_of),
            a.trend.value,
        )
        for a in story.anomalies
    ]


def hypothesis_rows(diagnosis: Diagnosis | None) -> list[tuple[str, ...]]:
    """One row per cause that was weighed, the likeliest first."""
    return [
        (
            h.says,
            f"{band(h.probability)} ({whole_percent(h.probability)})",
            "; ".join(piece.says for piece in h.evidence if piece.supports) or "-",
            "; ".join(piece.says for piece in h.evidence if not piece.supports) or "-",
        )
        for h in (diagnosis.hypotheses[:HYPOTHESES] if diagnosis else ())
    ]


def attempt_rows(story: Story) -> list[tuple[str, ...]]:
    """One row per thing that was really tried."""
    zone = story.integration.timezone
    return [
        (clock(a.executed_at or a.planned_at, zone), a.says, outcome_word(a).replace("_", " "), impact_of(a))
        for a in attempted(story)
    ]


def pending_rows(story: Story) -> list[tuple[str, ...]]:
    """One row per thing to come."""
    zone = story.integration.timezone
    return [
        (
            local_time_on(p.scheduled_at, zone, story.as_of),
            p.action,
            p.estimated_impact,
            p.prerequisites,
            "yes" if p.automatic else "waits for a person",
        )
        for p in story.pending
    ]


def status_rows(stories: Iterable[Story]) -> list[dict[str, str]]:
    """One row per integration for a table artifact, in the order given."""
    return [status_row(story) for story in stories]


def status_row(story: Story) -> dict[str, str]:
    """The figures a person scans for."""
    status, totals, incident = status_of(story), story.totals, story.incident
    return {
        "integration": story.integration.id,
        "status": status.word.value,
        "because": status.says,
        "availability": percent(totals.availability),
        "error rate": percent(totals.counts.error_rate if totals.counts.total else None),
        "latency": UNKNOWN if totals.mean_latency_ms is None else f"{totals.mean_latency_ms:.0f} ms",
        "incident": f"{incident.id} ({incident.state})" if incident and incident.is_active else "-",
        "as of": local_time_on(story.as_of, story.integration.timezone, story.as_of),
    }


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; cells cannot break out of it."""
    lines = [head, ["---"] * len(head), *([plain(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def plain(text: str) -> str:
    """A value on one line that Markdown shows as it is."""
    return one_line(text).translate(MARKUP)
