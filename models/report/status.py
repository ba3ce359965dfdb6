"""The one word about an integration, and the rule that gave it. First match wins.

| rule | word | when |
|---|---|---|
| S1 | UNKNOWN | no reading among the cycles being judged, or the newest is too old |
| S2 | MAINTENANCE | it lies in a downtime that was agreed |
| S3 | DOWN | nearly all recent calls fail |
| S4 | DEGRADED | more recent calls fail than the SLA allows |
| S5 | DEGRADED | a confirmed incident is not over |
| S6 | DEGRADED | an alert stands that is HIGH or CRITICAL |
| S7 | HEALTHY | otherwise |

What we do not know comes before everything: an agreed downtime in which nobody looks is still not known.
`heal explain status ID` prints this table with the figures of the moment.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from models.alert import Alert
from models.anomaly import Severity
from models.availability import STALE
from models.incident import State
from models.noun import Noun
from models.story import Story
from models.wording import local_time_on, short_percent, span

NEARLY_ALL = 0.95  # failed share from which nobody can work: one lucky call in twenty does not help
REST_ON_MORE = frozenset({"S1", "S2", "S6"})  # rules whose reason is not in the counted calls
GRAVE = Severity.HIGH  # alerts from here on are trouble now, and not only trouble to come


class Word(StrEnum):
    """The published `overallStatus`."""

    HEALTHY = "HEALTHY"
    DEGRADED = "DEGRADED"
    DOWN = "DOWN"
    MAINTENANCE = "MAINTENANCE"
    UNKNOWN = "UNKNOWN"


class Status(Noun):
    """The word, the rule that gave it, and its reason with the figures."""

    word: Word
    rule: str
    says: str


class Rule(NamedTuple):
    """One row of the table: `fires` gives its reason, or None; `looks_at` gives its inputs whether or not it fires."""

    id: str
    word: Word
    when: str
    fires: Callable[[Story], str | None]
    looks_at: Callable[[Story], str]


class Weighed(Noun):
    """One rule as it stood for one story."""

    rule: str
    word: Word
    when: str
    inputs: str  # the measured values
    applies: bool
    decides: bool  # it is the first that applies


def status_of(story: Story) -> Status:
    """The status at `story.as_of`: the first rule that applies."""
    rule, says = next((rule, says) for rule in RULES if (says := rule.fires(story)) is not None)
    return Status(word=rule.word, rule=rule.id, says=says)


def weigh(story: Story) -> tuple[Weighed, ...]:
    """Every rule in its order, with its inputs, and which one decided."""
    decided = status_of(story).rule
    return tuple(
        Weighed(
            rule=rule.id,
            word=rule.word,
            when=rule.when,
            inputs=rule.looks_at(story),
            applies=rule.fires(story) is not None,
            decides=rule.id == decided,
        )
        for rule in RULES
    )


def failing(story: Story) -> str:
    """The recent calls beside their limit; in every reason that rests on them."""
    limit = short_percent(story.integration.sla.error_rate)
    return f"{story.recent.failed} of {story.recent.total} recent calls failed (limit {limit})"


def staleness(story: Story) -> str | None:
    """Why nothing is known about the present, in words; None when there are fresh readings."""
    if not story.recent.total:
        return "No reading in the cycles being judged"
    age_s = newest_age_s(story)
    if age_s is not None and age_s > STALE * story.integration.probe_every.total_seconds():
        return f"The newest reading is {span(age_s)} old"
    return None


def newest_age_s(story: Story) -> float | None:
    """Seconds since the newest cycle began; None: the story has no cycles."""
    return (story.as_of - max(point.at for point in story.points)).total_seconds() if story.points else None


def freshness(story: Story) -> str:
    """The inputs of S1."""
    age_s, limit_s = newest_age_s(story), STALE * story.integration.probe_every.total_seconds()
    age = "none known" if age_s is None else f"{span(age_s)} old"
    return f"{story.recent.total} recent calls; newest cycle: {age} (limit {span(limit_s)})"


def maintenance(story: Story) -> str | None:
    """The agreed downtime that holds now, in words."""
    if (downtime := story.downtime) is None:
        return None
    until = local_time_on(downtime.until, story.integration.timezone, story.as_of)
    return f"Maintenance until {until}: {downtime.reason} (agreed by {downtime.agreed_by}); {failing(story)}"


def nearly_all_fail(story: Story) -> str | None:
    """Whether nobody can work."""
    return failing(story) if story.recent.error_rate >= NEARLY_ALL else None


def too_many_fail(story: Story) -> str | None:
    """Whether the SLA's error rate is exceeded."""
    return failing(story) if story.recent.error_rate > story.integration.sla.error_rate else None


def open_incident(story: Story) -> str | None:
    """A confirmed incident that is not over; a suspicion is none yet."""
    incident = story.incident
    if incident is None or not incident.is_active or incident.state is State.SUSPECTED:
        return None
    return f"{incident.id} is not over; {failing(story)}"


def incident_words(story: Story) -> str:
    """The inputs of S5."""
    return "no incident" if story.incident is None else f"{story.incident.id} is {story.incident.state}"


def grave_alerts(story: Story) -> tuple[Alert, ...]:
    """The standing alerts that are trouble now, the gravest first."""
    return tuple(alert for alert in story.alerts if alert.stands and alert.finding.severity.rank >= GRAVE.rank)


def grave_alert(story: Story) -> str | None:
    """The gravest standing alert by name; LOW and MEDIUM ones are shown beside the status."""
    grave = grave_alerts(story)
    if not grave:
        return None
    more = f" (and {len(grave) - 1} more)" if len(grave) > 1 else ""
    return f"{grave[0].finding.severity} alert {grave[0].id} stands{more}: {grave[0].finding.says}"


def alert_words(story: Story) -> str:
    """The inputs of S6."""
    standing = [f"{alert.finding.severity} {alert.id}" for alert in story.alerts if alert.stands]
    return ", ".join(standing) or "no alert stands"


def all_well(story: Story) -> str:
    """What is said when nothing else is."""
    return failing(story)


RULES = (
    Rule("S1", Word.UNKNOWN, "nothing is known of the present", staleness, freshness),
    Rule(
        "S2",
        Word.MAINTENANCE,
        "it lies in a downtime that was agreed",
        maintenance,
        lambda story: maintenance(story) or "no downtime is agreed for now",
    ),
    Rule("S3", Word.DOWN, f"{NEARLY_ALL:.0%} or more of the recent calls fail", nearly_all_fail, failing),
    Rule("S4", Word.DEGRADED, "more recent calls fail than the SLA allows", too_many_fail, failing),
    Rule("S5", Word.DEGRADED, "a confirmed incident is not over", open_incident, incident_words),
    Rule("S6", Word.DEGRADED, f"an alert stands that is {GRAVE} or worse", grave_alert, alert_words),
    Rule("S7", Word.HEALTHY, "otherwise", all_well, failing),
)
