"""The one word about an integration, and the rule that gave it. First match wins.

| rule | word | when |
|---|---|---|
| S1 | UNKNOWN | no reading among the cycles being judged, or the newest is too old |
| S2 | DOWN | nearly all recent calls fail |
| S3 | DEGRADED | more recent calls fail than the SLA allows |
| S4 | DEGRADED | a confirmed incident is not over |
| S5 | HEALTHY | otherwise |

MAINTENANCE is part of the published vocabulary; no rule gives it until a story can hold a window.
"""

from __future__ import annotations

from enum import StrEnum

from models.incident import State
from models.noun import Noun
from models.story import Story
from models.wording import short_percent, span

NEARLY_ALL = 0.95  # failed share from which nobody can work: one lucky call in twenty does not help
STALE_CYCLES = 5  # probe intervals without a reading after which we no longer know


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


def status_of(story: Story) -> Status:
    """The status at `story.as_of`, from the recent cycles and the incident."""
    if stale := staleness(story):
        return Status(word=Word.UNKNOWN, rule="S1", says=stale)
    rate, limit = story.recent.error_rate, story.integration.sla.error_rate
    failing = f"{story.recent.failed} of {story.recent.total} recent calls failed (limit {short_percent(limit)})"
    if rate >= NEARLY_ALL:
        return Status(word=Word.DOWN, rule="S2", says=failing)
    if rate > limit:
        return Status(word=Word.DEGRADED, rule="S3", says=failing)
    if incident := open_incident(story):
        return Status(word=Word.DEGRADED, rule="S4", says=f"{incident} is not over; {failing}")
    return Status(word=Word.HEALTHY, rule="S5", says=failing)


def staleness(story: Story) -> str | None:
    """Why nothing is known about the present, in words; None when there are fresh readings."""
    if not story.recent.total:
        return "No reading in the cycles being judged"
    if story.points:
        age_s = (story.as_of - max(point.at for point in story.points)).total_seconds()
        if age_s > STALE_CYCLES * story.integration.probe_every.total_seconds():
            return f"The newest reading is {span(age_s)} old"
    return None


def open_incident(story: Story) -> str | None:
    """Id of a confirmed incident that is not over; a suspicion is none yet."""
    incident = story.incident
    if incident is None or not incident.is_active or incident.state is State.SUSPECTED:
        return None
    return incident.id
