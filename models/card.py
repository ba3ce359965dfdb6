"""The card: one incident on one page of plain text, for a console, a chat or a phone.

Two forms, after the examples of the specification: INCIDENT DETECTED, and INCIDENT ESCALATION while a human is
called. Every line is a fact of the story; a line whose fact is not there is left out, so that nothing is
claimed that was not measured or done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from models.diagnosis import CERTAIN, Diagnosis, band
from models.incident import Incident, State
from models.loss import loss_lines
from models.phrases import (
    adjustment_line,
    complaint,
    schedule_line,
    simulation_lines,
    status_line,
)
from models.remedy import Action, ActionState, Effect, Outcome
from models.report import Word, attempted, outcome_word, status_of
from models.story import Story
from models.wording import clock, local_time_on, one_line, short_percent, span, whole_percent

MOST_EVIDENCE = 6  # lines; the report has the rest
MOST_RULED_OUT = 4
OVER = frozenset({State.RESOLVED, State.CLOSED})
SIGNS = {Word.HEALTHY: "✅", Word.DEGRADED: "⚠️", Word.DOWN: "🔴", Word.MAINTENANCE: "🔧", Word.UNKNOWN: "❓"}

Section = tuple[str, list[str]]  # its heading, its lines


def incident_card(story: Story) -> str:
    """The card of the story's incident; a short status card when there is none. Ends with a line break."""
    incident = story.incident
    if incident is None:
        sections = [status_section(story)]
    elif story.escalation is not None and incident.is_active:
        sections = escalation_sections(story, incident)
    else:
        sections = incident_sections(story, incident)
    return "\n\n".join("\n".join([heading, *lines]) for heading, lines in sections if lines) + "\n"


def status_section(story: Story) -> Section:
    """All there is to say without an incident."""
    status = status_of(story)
    name = one_line(story.integration.name)
    return "INTEGRATION STATUS:", [
        f"{SIGNS[status.word]} {name} connection: {status.word}",
        f"🕒 As of: {local_time_on(story.as_of, story.integration.timezone, story.as_of)}",
        f"📊 {status.says}",
        *simulation_lines(story),
    ]


def incident_sections(story: Story, incident: Incident) -> list[Section]:
    """Example 1: found, explained, healed."""
    return [
        ("INTEGRATION INCIDENT DETECTED:", list(detected(story, incident))),
        ("DIAGNOSTIC FINDINGS:", list(findings(incident.diagnosis))),
        ("AUTOMATED REMEDIATION ACTIONS:", list(remediation(story))),
        ("RESOLUTION:", list(resolution(story, incident))),
        ("PREVENTATIVE ACTIONS:", numbered(prevention(story, incident))),
    ]


def escalation_sections(story: Story, incident: Incident) -> list[Section]:
    """Example 2: found, explained as far as possible, handed to a human."""
    return [
        ("INTEGRATION INCIDENT ESCALATION:", list(escalated(story, incident))),
        ("DIAGNOSTIC FINDINGS:", list(findings(incident.diagnosis))),
        ("ATTEMPTED REMEDIATION:", [attempt_line(story, action) for action in attempted(story)]),
        ("ESCALATION REQUIRED:", list(call_for_help(story))),
        ("TEMPORARY MITIGATION:", list(mitigation(story))),
    ]


def detected(story: Story, incident: Incident) -> Iterator[str]:
    """The head of an incident."""
    yield f"📉 {one_line(story.integration.name)} connection {complaint(incident, story)}"
    yield from since(story, incident)
    if incident.state not in OVER or status_of(story).word is not Word.HEALTHY:
        yield f"🔄 Current Status: {status_line(story)}"
    yield f"⚠️ Impact: {one_line(story.integration.impact)}"
    yield from simulation_lines(story)


def escalated(story: Story, incident: Incident) -> Iterator[str]:
    """The head of an escalation."""
    yield f"⚠️ {one_line(story.integration.name)} connection {complaint(incident, story)}"
    yield from since(story, incident)
    yield f"🔄 Current Status: {status_line(story)}"
    yield f"🔴 Business Impact: {one_line(story.integration.impact)}"
    yield from simulation_lines(story)


def since(story: Story, incident: Incident) -> Iterator[str]:
    """When it began, on the practice's wall clock, and under which id it is kept."""
    yield f"🕒 Started: {local_time_on(incident.started_at, story.integration.timezone, story.as_of)}"
    yield f"🔖 Incident: {one_line(incident.id)}"


def findings(diagnosis: Diagnosis | None) -> Iterator[str]:
    """The cause as firmly as it is known, what speaks for it, and what it is not."""
    if diagnosis is None:
        yield "❓ Root Cause: not diagnosed yet"
        return
    yield from cause_lines(diagnosis)
    yield from listed("✓ Evidence", [piece.says for piece in diagnosis.evidence], MOST_EVIDENCE)
    yield from listed("✓ Contributing Factors", diagnosis.related_factors, MOST_EVIDENCE)
    yield from listed("✘ Ruled Out", ruled_out(diagnosis), MOST_RULED_OUT, always_listed=True)


def cause_lines(diagnosis: Diagnosis) -> Iterator[str]:
    """The cause and its confidence."""
    sure = f"{band(diagnosis.confidence)} ({whole_percent(diagnosis.confidence)})"
    if diagnosis.is_conclusive and diagnosis.confidence >= CERTAIN:
        yield f"✓ Root Cause: {one_line(diagnosis.says)}"
        yield f"✓ Confidence Level: {sure}"
    elif diagnosis.is_conclusive:
        yield f"❓ Probable Root Cause: {one_line(diagnosis.says)}"
        yield f"❓ Confidence Level: {sure}"
    else:
        yield f"❓ Root Cause: INCONCLUSIVE - {one_line(diagnosis.says)}"
        if diagnosis.hypotheses:
            yield f"❓ Closest known cause: {one_line(diagnosis.hypotheses[0].says)} - {sure}"


def ruled_out(diagnosis: Diagnosis) -> list[str]:
    """Each cause that the evidence killed, with that evidence."""
    return [f"{h.cause.replace('_', ' ')}: {h.killed_by.says}" for h in diagnosis.ruled_out if h.killed_by]


def listed(label: str, items: Iterable[str], most: int, *, always_listed: bool = False) -> Iterator[str]:
    """One item beside its label, more as a list below it; nothing for none."""
    lines = [one_line(item) for item in items]
    if len(lines) == 1 and not always_listed:
        yield f"{label}: {lines[0]}"
    elif lines:
        yield f"{label}:"
        yield from (f"  - {line}" for line in lines[:most])
        if len(lines) > most:
            yield f"  - and {len(lines) - most} more in the report"


def remediation(story: Story) -> Iterator[str]:
    """What was done: step by step where it helped, in one line where it did not."""
    for action in attempted(story):
        if action.outcome is Outcome.SUCCESSFUL and action.steps:
            yield from steps(story, action)
        else:
            yield attempt_line(story, action)


def steps(story: Story, action: Action) -> Iterator[str]:
    """The steps of a successful attempt, and what it measurably did."""
    for step in action.steps:
        sign, word = ("✓", "SUCCESSFUL") if step.successful else ("✘", "FAILED")
        yield f"{sign} {one_line(step.says)} [{clock(step.at, story.integration.timezone)}] - {word}"
    if action.effect is not None:
        yield f"  → {measured(action.effect).capitalize()}"


def attempt_line(story: Story, action: Action) -> str:
    """One attempt: ✓ only for one that restored the connection, and the measured difference."""
    word = outcome_word(action)
    sign = {"SUCCESSFUL": "✓", Outcome.PENDING: "🔄"}.get(word, "✘")
    when = clock(action.executed_at or action.planned_at, story.integration.timezone)
    figures = f" ({measured(action.effect)})" if action.effect and action.effect.after.total else ""
    taken_back = ", taken back" if action.state is ActionState.ROLLED_BACK and word != "ROLLED_BACK" else ""
    return f"{sign} {one_line(action.says)} [{when}] - {word.replace('_', ' ')}{taken_back}{figures}"


def measured(effect: Effect) -> str:
    """Both rates with their counts, e.g. `reduced errors to 15% from 22%: 30 of 200 calls, 44 of 200 before`."""
    before, after = effect.before, effect.after
    rate, was = short_percent(after.error_rate), short_percent(before.error_rate)
    verb = "reduced" if effect.change < 0 else "raised"
    rates = f"errors stayed at {rate}" if effect.change == 0 else f"{verb} errors to {rate} from {was}"
    return f"{rates}: {after.failed} of {after.total} calls, {before.failed} of {before.total} before"


def resolution(story: Story, incident: Incident) -> Iterator[str]:
    """What is whole again, and what is not yet."""
    if incident.restored_at is None:
        return
    lasted = span((incident.restored_at - incident.started_at).total_seconds())
    if incident.state in OVER and story.problem:
        yield f"🔁 Recovered again after {lasted}; problem {one_line(story.problem)} stays open"
    elif incident.state in OVER:
        yield f"✅ Connection fully restored after {lasted} of degradation"
    else:
        yield f"⏳ Connection restored after {lasted} of degradation, still being watched"
    yield from loss_lines(story.backlog, story.gaps, story.integration.timezone, story.as_of)
    yield from schedule_line(story)
    if story.escalation is not None:
        raised = clock(story.escalation.raised_at, story.integration.timezone)
        yield f"👤 {one_line(story.escalation.team)} was called at [{raised}]"


def prevention(story: Story, incident: Incident) -> Iterator[str]:
    """What stands against a repetition: in place where it really is, recommended where it is not."""
    zone, credential = story.integration.timezone, story.credential
    if credential and credential.refresh_at and credential.refresh_at > story.as_of:
        planned = local_time_on(credential.refresh_at, zone, story.as_of)
        life = f", from a lifetime of {span(credential.lifetime_s)}" if credential.lifetime_s else ""
        yield f"In place: next token renewal planned for {planned}{life}"
    for adjustment in story.adjustments:
        if adjustment.is_active(story.as_of):
            yield f"In place: {adjustment_line(adjustment, story)}"
    for recommendation in incident.diagnosis.recommended if incident.diagnosis else ():
        yield f"Recommended: {one_line(recommendation)}"


def call_for_help(story: Story) -> Iterator[str]:
    """Who must act, how urgently, why, and on what."""
    escalation = story.escalation
    if escalation is None:
        return
    yield f"👤 Recommended Team: {one_line(escalation.team)}"
    yield f"⚡ Priority: {escalation.priority} - {one_line(escalation.impact)}"
    yield f"❗ Reason: {one_line(escalation.reason.says)} (rule {one_line(escalation.reason.rule)})"
    if escalation.recommended:
        yield "📋 Suggested Actions:"
        yield from (f"  {line}" for line in numbered(escalation.recommended))


def mitigation(story: Story) -> Iterator[str]:
    """What eases the wait: the adjustments in force, and the reads that are kept for later."""
    for adjustment in story.adjustments:
        if adjustment.is_active(story.as_of):
            yield f"✓ {adjustment_line(adjustment, story)}"
    if story.backlog.waiting:
        yield f"✓ {story.backlog.waiting} of {story.backlog.queued} failed reads are queued to be read again"


def numbered(items: Iterable[str]) -> list[str]:
    """`1. …`, `2. …`."""
    return [f"{place}. {one_line(item)}" for place, item in enumerate(items, start=1)]
