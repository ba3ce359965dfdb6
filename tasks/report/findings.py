"""What was found: the cause with everything that was weighed, and the anomalies."""

from __future__ import annotations

from collections.abc import Sequence

from models.card import ruled_out
from models.diagnosis import Diagnosis, Hypothesis, band
from models.report import MonitoringReport
from models.story import Story
from models.wording import local_time_on, whole_percent
from tasks.report.html import Html, el
from tasks.report.parts import items, section, table

HYPOTHESES = 5  # bars; those behind them are below a few per cent
GRADES = {"HIGH": "good", "MEDIUM": "warn", "LOW": "muted"}


def diagnosis(story: Story) -> Html | None:
    """Cause, evidence, and what it is not."""
    if story.incident is None:
        return None
    found = story.incident.diagnosis
    if found is None:
        return section("Why", el("p", "Not diagnosed yet."))
    return section(
        "Why",
        cause(found),
        listed("Evidence", [piece.says for piece in found.evidence]),
        listed("Contributing factors", found.related_factors),
        listed("Affected components", found.affected_components),
        el("h3", "Hypotheses weighed") if found.hypotheses else None,
        [hypothesis(h, led=not place) for place, h in enumerate(alive(found))],
        listed("Ruled out", ruled_out(found)),
    )


def cause(found: Diagnosis) -> Html:
    """The cause as firmly as it is known."""
    word = band(found.confidence)
    sure = el("span", f"{word} ({whole_percent(found.confidence)})", class_=GRADES[word])
    if found.is_conclusive:
        return el("div", el("p", found.says, class_="cause"), el("p", "Confidence ", sure))
    best = found.hypotheses[0].says if found.hypotheses else "none"
    return el(
        "div",
        el("p", f"Inconclusive: {found.says}", class_="cause"),
        el("p", f"Closest known cause: {best}, ", sure),
    )


def alive(found: Diagnosis) -> list[Hypothesis]:
    """The hypotheses that are not listed as ruled out; the leading one always."""
    dead = {h.cause for h in found.ruled_out}
    return [h for place, h in enumerate(found.hypotheses) if not place or h.cause not in dead][:HYPOTHESES]


def hypothesis(weighed: Hypothesis, *, led: bool) -> Html:
    """One cause as a bar, with what speaks for and against it; what speaks for the leader stands above."""
    share = whole_percent(weighed.probability)
    evidence = [
        el("li", piece.says, data_sign="+" if piece.supports else "−", class_="for" if piece.supports else "against")
        for piece in weighed.evidence
        if not (led and piece.supports)
    ]
    return el(
        "div",
        el("div", el("span", weighed.says), el("strong", share), class_="hypothesis-head"),
        el(
            "meter", share, min="0", max="1", value=f"{weighed.probability:.4f}",
            aria_label=f"Probability of {weighed.cause.replace('_', ' ')}",
        ),
        el("ul", evidence, class_="marks muted") if evidence else None,
        class_="hypothesis",
    )  # fmt: skip


def listed(title: str, lines: Sequence[str]) -> Html | None:
    """A small heading with its list; nothing for none."""
    return el("div", el("h3", title), items(lines)) if lines else None


def anomalies(story: Story, report: MonitoringReport) -> Html | None:
    """What the detectors said."""
    if not report.anomalies:
        return None
    zone = story.integration.timezone
    rows = [
        [
            el("span", a.id or "-", class_="nowrap"),
            a.severity.value,
            a.description,
            f"{a.current} (usual: {a.baseline})",
            a.detection_method.value,
            local_time_on(a.first_observed, zone, story.as_of),
            a.trend.value,
        ]
        for a in report.anomalies
    ]
    return section("Anomalies", table(("id", "severity", "what", "measured", "found by", "since", "trend"), rows))
