"""Candidate: a notice that wants to go out, what is known around it, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from pydantic import AwareDatetime

from models.anomaly import Severity
from models.calendar import Calendar
from models.maintenance import Downtime
from models.notify.silence import Silence
from models.noun import Noun

URGENT = Severity.HIGH  # from here on people are called at any hour: P1 and P2


class Candidate(Noun):
    """One notice that begins something, for one route. What ends or acknowledges is no candidate: it always goes."""

    id: str  # the notice's
    subject: str  # the incident or alert that it is about
    route: str
    integration_id: str
    environment: str = ""
    severity: Severity
    cause: str | None = None  # what was diagnosed
    watch: str | None = None  # what raised the alert
    is_security: bool = False
    is_told_even_if_held: bool = False
    held_by: str | None = None  # the origin of a cascade that it only depends on
    call: str | None = None  # the id of the call that it carries; a route that knows the call learns nothing new
    began: AwareDatetime  # the trouble
    queued_at: AwareDatetime

    @property
    def is_alert(self) -> bool:
        """Whether it is about an alert, not an incident."""
        return self.watch is not None

    @property
    def is_urgent(self) -> bool:
        """P1 or P2."""
        return self.severity.rank >= URGENT.rank


class Key(NamedTuple):
    """What is told together."""

    route: str
    environment: str
    root: str  # where it began: an integration, a subject by itself, or one of models.notify.group


class Told(NamedTuple):
    """What a route knows of a subject that is not over."""

    call: str | None
    at: datetime


class Group(NamedTuple):
    """What was told of a group that still stands."""

    notice_id: str  # of the notice that leads it
    subject: str
    severity: Severity
    began: datetime  # its trouble
    told_at: datetime  # the latest word about it


@dataclass(frozen=True)
class Scene:
    """Everything that the stages look at."""

    as_of: datetime
    parents: Mapping[str, Sequence[str]] = field(default_factory=dict)  # declared; integrations that are watched
    ailing: Mapping[str, Severity] = field(default_factory=dict)  # integrations with an incident that is not over
    every: Mapping[str, timedelta] = field(default_factory=dict)  # between two looks at an integration
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    downtimes: Mapping[str, Downtime] = field(default_factory=dict)  # those in force
    silences: Sequence[Silence] = ()  # those in force
    told: Mapping[tuple[str, str], Told] = field(default_factory=dict)  # by route and subject
    groups: Mapping[Key, Group] = field(default_factory=dict)


class Fate(StrEnum):
    """What becomes of a candidate."""

    SENT = "sent"  # into the outbox
    HELD = "held"  # looked at again in the next cycle
    GROUPED = "grouped"  # another notice tells of it
    DROPPED = "dropped"  # nothing new to this route


class Verdict(NamedTuple):
    """What becomes of one candidate, by which stage, and why."""

    id: str
    fate: Fate
    stage: str
    because: str = ""
    key: Key | None = None  # of its group
    led_by: str | None = None  # the notice that tells of it
    retells: bool = False  # … and tells its route again, because of it
