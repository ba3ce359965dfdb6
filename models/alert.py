"""Alert: a condition that stands until it is over, raised once and cleared once.

An incident is a thread that is diagnosed and healed; an alert is a state that somebody should know of: a
certificate that ends in a week, a feed that is too old, a bridge that has gone silent. A *watch*
(`tasks/watches/`) says each cycle what stands now; `raised` and `cleared` follow from the difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from pydantic import AwareDatetime, NonNegativeFloat, NonNegativeInt, PositiveInt

from models.anomaly import DetectionMethod, Severity
from models.noun import Kept, Noun
from models.reading import Code, Identifier

NOTIFIED_FROM = Severity.MEDIUM  # what is LOW is shown and sent to nobody
PREFIX = "ALT-"
REMEMBERED_LIVES = 50  # how many of its past spells an alert remembers the length of
NOBODY: Mapping[str, datetime] = MappingProxyType({})


class AlertState(StrEnum):
    """Whether it stands."""

    RAISED = "raised"
    CLEARED = "cleared"


class Finding(Noun):
    """What a watch says of one subject now: this stands."""

    integration_id: Identifier  # models.gauge.OURSELVES: about the monitor itself
    subject: Code  # what it is about, e.g. write, tls_certificate; with the watch's name it makes the alert's id
    severity: Severity
    says: str  # for a person: measured values beside the rule, never an identifier
    since: AwareDatetime  # when the condition began, as far as it can be known
    method: DetectionMethod = DetectionMethod.THRESHOLD
    advice: str = ""  # what to do now


class Alert(Kept):
    """One condition with one id; the same condition later has the same id again."""

    watch: Code  # the file in tasks/watches that found it
    state: AlertState
    finding: Finding  # the latest
    raised_at: AwareDatetime
    cleared_at: AwareDatetime | None = None
    times: PositiveInt = 1  # how often it was raised
    self_resolved: NonNegativeInt = 0  # … and how often that went away without anybody's doing
    lives_s: tuple[NonNegativeFloat, ...] = ()  # how long each spell lasted, of the latest
    told_by: str | None = None  # the incident that tells of the same: while it is active, the alert is sent to nobody

    @property
    def integration_id(self) -> str:
        """Whose."""
        return self.finding.integration_id

    @property
    def stands(self) -> bool:
        """Whether it is not over."""
        return self.state is AlertState.RAISED

    @property
    def is_notified(self) -> bool:
        """Whether somebody is told."""
        return self.finding.severity.rank >= NOTIFIED_FROM.rank


def alert_id(watch: str, finding: Finding) -> str:
    """The id of the alert that a finding belongs to."""
    return f"{PREFIX}{watch}/{finding.integration_id}/{finding.subject}"


def turned(
    known: Iterable[Alert],
    watch: str,
    findings: Iterable[Finding],
    as_of: datetime,
    acted: Mapping[str, datetime] = NOBODY,
) -> tuple[Alert, ...]:
    """The alerts of one watch that change now: raised, told anew, or cleared.

    Args:
        known: the watch's alerts, standing or not.
        watch: its name.
        findings: everything that stands now, for every integration that was looked at.
        as_of: now.
        acted: when a remedy was last carried out, by integration.
    """
    before = {alert.id: alert for alert in known}
    now = {alert_id(watch, finding): finding for finding in findings}
    raised = (raise_alert(before.get(name), name, watch, finding, as_of) for name, finding in now.items())
    over = (
        clear(alert, as_of, acted.get(alert.integration_id))
        for name, alert in before.items()
        if alert.stands and name not in now
    )
    return tuple(alert for alert in (*raised, *over) if alert != before.get(alert.id))


def raise_alert(known: Alert | None, name: str, watch: str, finding: Finding, as_of: datetime) -> Alert:
    """The standing alert of a finding; one that stood already keeps when it was raised and since when it stands."""
    if known is None:
        return Alert(id=name, watch=watch, state=AlertState.RAISED, finding=finding, raised_at=as_of)
    if known.stands:
        since = min(known.finding.since, finding.since)
        return known.model_copy(update={"finding": finding.model_copy(update={"since": since})})
    again = {"state": AlertState.RAISED, "finding": finding, "raised_at": as_of, "cleared_at": None}
    return known.model_copy(update=again | {"times": known.times + 1})


def clear(alert: Alert, as_of: datetime, acted_at: datetime | None = None) -> Alert:
    """The alert when its condition is over; it went by itself unless something was done while it stood."""
    by_itself = acted_at is None or acted_at < alert.raised_at
    over: dict[str, object] = {
        "state": AlertState.CLEARED,
        "cleared_at": as_of,
        "told_by": None,
        "self_resolved": alert.self_resolved + by_itself,
        "lives_s": (*alert.lives_s, (as_of - alert.raised_at).total_seconds())[-REMEMBERED_LIVES:],
    }
    return alert.model_copy(update=over)
