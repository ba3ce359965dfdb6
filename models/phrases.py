"""Sentences about a story that the card, the page and the markdown share."""

from __future__ import annotations

from collections.abc import Iterator

from models.incident import Incident, family
from models.reading import Outcome
from models.report.status import NEARLY_ALL, REST_ON_MORE, status_of
from models.story import Story, Totals
from models.tuning import SHARES, Adjustment, Setting
from models.wording import local_time_on, one_line, short_percent, span

COMPLAINTS = {  # by the symptom of the incident, see models.incident.symptom_of
    "slow": "responding more slowly than usual",
    "unusual": "showing values that are not as usual",
    "auth": "reporting authentication failures",
    "transport": "experiencing intermittent connectivity failures",
    Outcome.THROTTLED.value: "limiting the rate of our calls",
    Outcome.FORBIDDEN.value: "refusing us access",
    Outcome.CLIENT_ERROR.value: "refusing our requests as wrong",
    Outcome.SERVER_ERROR.value: "reporting server errors",
    Outcome.MALFORMED.value: "answering in an unexpected format",
    Outcome.SEMANTIC.value: "reporting errors inside successful answers",
    Outcome.PARTIAL.value: "holding back part of the data",
    Outcome.UNKNOWN.value: "leaving writes unanswered",
}
SETTINGS = {
    Setting.PACE: "Pace reduced to {} of the usual reads",
    Setting.ATTEMPTS: "Up to {} tries per read",
    Setting.DEADLINE_S: "Deadline of {} s per call",
    Setting.ROUTE: "Traffic over route {}",
    Setting.PAGE_SIZE: "Pages of {} of the usual records",
    Setting.CONCURRENCY: "{} of the usual calls at once",
    Setting.BREAKER: "Circuit breaker {}",
    Setting.MEDIA_TYPE: "Media types: {}",
}
MINUTE_S = 60


def complaint(incident: Incident, story: Story) -> str:
    """What the connection is doing, by the incident's symptom."""
    unreachable = story.recent.error_rate >= NEARLY_ALL and story.recent.total
    if incident.symptom == family(Outcome.TIMEOUT) and unreachable and incident.is_active:
        return "not answering at all"
    return COMPLAINTS.get(incident.symptom, "experiencing failures")


def status_line(story: Story) -> str:
    """The word with the figures behind it, e.g. `DEGRADED - 15% error rate (30 of 200 calls; threshold: 5%)`."""
    status, recent = status_of(story), story.recent
    if not recent.total:
        return f"{status.word} - {status.says}"
    limit = short_percent(story.integration.sla.error_rate)
    rate = short_percent(recent.error_rate)
    line = f"{status.word} - {rate} error rate ({recent.failed} of {recent.total} calls; threshold: {limit})"
    return f"{line}. {status.says}" if status.rule in REST_ON_MORE else line


def slot_words(totals: Totals) -> str:
    """What availability was counted from, e.g. `1414 of 1440 cycles, 10 without a probe, 30 in maintenance`."""
    beside = ((totals.unknown_cycles, "without a probe"), (totals.excluded_cycles, "in maintenance"))
    more = [f"{many} {what}" for many, what in beside if many]
    return ", ".join([f"{totals.good_cycles} of {totals.cycles} cycles", *more])


def schedule_line(story: Story) -> Iterator[str]:
    """How the renewal of the credential was re-planned; nothing when it was not."""
    before, after = story.schedule_before, story.schedule_after
    if before is None or after is None or before == after:
        return
    yield (
        f"✅ Updated token refresh schedule: {span(after.refresh_after_s)} after issue instead of "
        f"{span(before.refresh_after_s)} (lifetime observed {span(after.lifetime_s)} instead of "
        f"{span(before.lifetime_s)})"
    )


def adjustment_line(adjustment: Adjustment, story: Story) -> str:
    """A temporary change in force, the value it replaces, and when it ends by itself."""
    until = local_time_on(adjustment.until, story.integration.timezone, story.as_of)
    if adjustment.setting is Setting.CONNECTION:
        return f"Fresh connection pool, until {until}"
    value, previous = setting_value(adjustment.value), setting_value(adjustment.previous)
    if adjustment.setting in SHARES:
        value, previous = pace(adjustment.value), pace(adjustment.previous)
    return f"{SETTINGS[adjustment.setting].format(value)} (was {previous}), until {until}"


def setting_value(value: float | str) -> str:
    """A number without empty decimals, or a name."""
    return one_line(value) if isinstance(value, str) else f"{value:g}"


def pace(value: float | str) -> str:
    """A share of the usual reads as a percentage."""
    return one_line(value) if isinstance(value, str) else short_percent(value)


def simulation_lines(story: Story) -> Iterator[str]:
    """What is not as it is in a practice: compressed time, a generated past."""
    if story.speed != 1.0:
        yield (
            f"⏩ Time compressed {story.speed:g}×: one minute on this card took {minute_took(story.speed)}; "
            "latencies are real"
        )
    if story.generated_history:
        yield "🧪 The baseline is simulated history, generated for this demonstration"


def minute_took(speed: float) -> str:
    """How long a minute of the story was on a real clock."""
    if speed <= 0:
        return "no time at all"
    seconds = MINUTE_S / speed
    return "one second" if seconds == 1 else f"{seconds:.3g} seconds"
