"""One story as one self-contained page: no script, nothing fetched, light and dark, screen and paper."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from models.card import incident_card, prevention, resolution
from models.incident import Incident
from models.phrases import adjustment_line, complaint, simulation_lines, slot_words
from models.report import MonitoringReport, Word, attempted, build_report, status_of
from models.report.document import SCHEMA_VERSION
from models.story import Story
from models.wording import UNKNOWN, local_time_on, span
from tasks.report.findings import anomalies, diagnosis
from tasks.report.html import Html, el
from tasks.report.parts import items, section, table
from tasks.report.plots import plots
from tasks.report.service import service, standing_alerts
from tasks.report.sides import sides
from tasks.report.work import attempts, gaps, not_attempted, pending

COLOURS = {Word.HEALTHY: "good", Word.DEGRADED: "warn", Word.DOWN: "bad"}  # the others are not judgements
STYLE = Path(__file__).parent / "page.css"


@cache
def style() -> str:
    """The page's style sheet."""
    return STYLE.read_text(encoding="utf-8")


def page(story: Story) -> str:
    """The whole page as HTML."""
    report = build_report(story)
    title = f"{story.integration.name}: {status_of(story).word}"
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="robots", content="noindex"),
        el("title", title),
        el("style", Html(style())),
    )
    body = el("body", header(story, report), el("main", sections(story, report)), footer(story))
    return "<!doctype html>\n" + el("html", head, body, lang="en") + "\n"


def sections(story: Story, report: MonitoringReport) -> list[Html]:
    """Everything below the head, in the order of a reader's questions."""
    parts: list[Html | None] = [
        standing_alerts(story),
        what_happened(story),
        escalation(story),
        course(story),
        diagnosis(story),
        attempts(story),
        outlook(story),
        gaps(story),
        pending(story),
        not_attempted(story),
        in_force(story),
        anomalies(story, report),
        sides(story),
        *service(story),
        el("details", el("summary", "The card as plain text"), el("pre", incident_card(story))),
    ]
    return [part for part in parts if part is not None]


def header(story: Story, report: MonitoringReport) -> Html:
    """Name, status, reason and the figures."""
    status, zone = status_of(story), story.integration.timezone
    moment = local_time_on(story.as_of, zone, story.as_of)
    notes = [el("p", line, class_="note") for line in simulation_lines(story)]
    pill = el("span", status.word.value, class_=f"pill {COLOURS.get(status.word, 'muted')}")
    return el(
        "header",
        el("h1", story.integration.name, " ", pill),
        el("p", f"{status.says}. ", f"{story.as_of:%Y-%m-%d}, {moment} · {story.integration.id}", class_="lead"),
        notes,
        tiles(story, report),
    )


def tiles(story: Story, report: MonitoringReport) -> Html:
    """The published figures, each with the counts behind it."""
    figures, totals = report.monitoring_report.metrics, story.totals
    latency = UNKNOWN if figures.average_latency is None else f"{figures.average_latency} ms"
    usual = "" if story.usual_latency_ms is None else f"usual median {story.usual_latency_ms:.0f} ms"
    covered = span((totals.until - totals.since).total_seconds())
    rows = (
        ("Availability", figures.availability, f"{slot_words(totals)} in {covered}"),
        ("Error rate", figures.error_rate, f"{totals.counts.failed} of {totals.counts.total} calls"),
        ("Average latency", latency, usual),
        ("Data in the last hour", figures.data_volume_last_hour, ""),
        ("Active connections", str(figures.active_connections), ""),
    )
    return el(
        "dl",
        [
            el("div", el("dt", name), el("dd", value, el("small", below) if below else None))
            for name, value, below in rows
        ],
        class_="tiles",
    )


def what_happened(story: Story) -> Html | None:
    """The incident in a few facts."""
    incident = story.incident
    if incident is None:
        return None
    says = f"{story.integration.name} connection {complaint(incident, story)}"
    return section("What happened", el("p", says, class_="cause"), facts(incident_facts(story, incident)))


def incident_facts(story: Story, incident: Incident) -> list[tuple[str, str]]:
    """Names and values of what is known of the incident."""
    zone = story.integration.timezone
    times = (
        ("Started", incident.started_at),
        ("Noticed", incident.detected_at),
        ("Restored", incident.restored_at),
        ("Resolved", incident.resolved_at),
    )
    known = [(name, local_time_on(at, zone, story.as_of)) for name, at in times if at is not None]
    lasted = span(((incident.restored_at or story.as_of) - incident.started_at).total_seconds())
    return [
        ("Incident", f"{incident.id}, {incident.state.value.replace('_', ' ')}"),
        ("Impact", story.integration.impact),
        ("Severity", incident.severity.value),
        *known,
        ("Lasted" if incident.restored_at else "Lasts so far", lasted),
    ]


def facts(rows: Iterable[tuple[str, str]]) -> Html:
    """Names beside their values."""
    return el("dl", [cell for name, value in rows for cell in (el("dt", name), el("dd", value))], class_="facts")


def escalation(story: Story) -> Html | None:
    """Who was called, why, and what they should do."""
    call = story.escalation
    if call is None:
        return None
    over = story.incident is not None and not story.incident.is_active
    rows = [
        ("Team", call.team),
        ("Priority", call.priority.value),
        ("Reason", f"{call.reason.says} (rule {call.reason.rule})"),
        ("Called", local_time_on(call.raised_at, story.integration.timezone, story.as_of)),
        ("Contact groups", ", ".join(call.contact_groups)),
    ]
    advice = el("ol", [el("li", line) for line in call.recommended]) if call.recommended else None
    return section(
        "A human was called" if over else "A human is needed",
        facts(rows),
        el("h3", "Suggested actions") if advice else None,
        advice,
    )


def course(story: Story) -> Html | None:
    """The plots with the legend of their numbers."""
    drawn = plots(story)
    if not drawn:
        return None
    names = ("Median latency per cycle", "Error rate per cycle")
    figures = [
        el("figure", el("figcaption", name), el("div", svg, class_="wide", tabindex="0"))
        for name, svg in zip(names, drawn, strict=True)
    ]
    many = "Numbers mark the attempts below; the shaded span is the incident." if attempted(story) else None
    only = "The shaded span is the incident." if story.incident else None
    legend = many or only
    return section("How it went", figures, el("p", legend, class_="muted") if legend else None)


def outlook(story: Story) -> Html | None:
    """What is whole again, and what stands against a repetition."""
    if story.incident is None:
        return None
    whole = list(resolution(story, story.incident))
    against = list(prevention(story, story.incident))
    if not whole and not against:
        return None
    return section(
        "Resolution and prevention" if whole else "Prevention",
        signed(whole),
        el("h3", "Preventative actions") if whole and against else None,
        items(against) if against else None,
    )


def signed(lines: Sequence[str]) -> Html | None:
    """Lines that carry their own sign."""
    return el("ul", [el("li", line) for line in lines], class_="marks") if lines else None


def in_force(story: Story) -> Html | None:
    """The temporary changes that apply now, with their end."""
    active = [a for a in story.adjustments if a.is_active(story.as_of)]
    if not active:
        return None
    zone = story.integration.timezone
    rows = [
        [
            adjustment_line(a, story),
            local_time_on(a.since, zone, story.as_of),
            local_time_on(a.until, zone, story.as_of),
        ]
        for a in active
    ]
    return section("Adjustments in force", table(("what", "since", "ends by itself"), rows))


def footer(story: Story) -> Html:
    """What this page is."""
    zone = story.integration.timezone
    return el("footer", el("p", f"Times in {zone}. Report schema {SCHEMA_VERSION}. Counts and codes only."))
