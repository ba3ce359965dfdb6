"""Severity: how bad it is for the practice, from what waits and never from how many deviations it is.

What waits decides first: an archive is LOW, patient lists MEDIUM, prescriptions HIGH. Then each of these moves it by
one: half of the calls fail, the budget burns too fast, several practices ail at once (higher); the practice is closed
and does not open soon (lower). Every step is told, so that nobody has to guess why he was called.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from models.anomaly import Severity
from models.feed import resource_of
from models.integration import Importance, Integration
from models.reading import Direction
from models.wording import short_percent

HALF = 0.5  # of all calls failing: nobody can work around that
WEIGHT = {Importance.ROUTINE: 0, Importance.IMPORTANT: 1, Importance.CRITICAL: 2}
SOON = timedelta(hours=2)  # before opening: the time that a repair takes, and somebody has to be called
MANY = 3  # practices at once: two may be chance, and are two people's work
CRITICAL_RESOURCES = {  # a patient at the counter waits for them
    "Appointment": "appointments",
    "Slot": "appointments",
    "Schedule": "appointments",
    "GetSchedule": "appointments",
    "SIU": "appointments",
    "MedicationRequest": "prescriptions",
    "MedicationDispense": "prescriptions",
    "GetPrescriptions": "prescriptions",
    "RDE": "prescriptions",
    "RDS": "prescriptions",
}
WORDS = {Importance.ROUTINE: "routine", Importance.IMPORTANT: "important", Importance.CRITICAL: "critical"}


class Impact(NamedTuple):
    """What is touched, as far as it is known."""

    operations: Sequence[str] = ()  # none: nothing in particular
    failing: float = 0.0  # share of recent calls, in [0, 1]
    as_of: datetime | None = None  # None: whether the practice is open does not matter
    is_burning: bool = False  # an error budget is spent so fast that somebody is called for it
    practices: int = 1  # that ail of the same at once


class Judged(NamedTuple):
    """A severity, and the rules and figures that led to it."""

    severity: Severity
    why: str  # e.g. `Prescription API is critical; the practice is open`


class _Step(NamedTuple):
    by: int
    says: str


def weigh(integration: Integration, impact: Impact) -> Judged:
    """How bad it is, and why. More that is touched is never less severe."""
    level, says = _waiting(integration, impact.operations)
    steps = tuple(_steps(integration, impact))
    level = max(0, min(level + sum(step.by for step in steps), len(Severity) - 1))
    return Judged(list(Severity)[level], "; ".join((says, *(step.says for step in steps))))


def _waiting(integration: Integration, operations: Sequence[str]) -> tuple[int, str]:
    """The most important of what is touched, as a level from 0 to 2, and in words."""
    found = [_importance(integration, operation) for operation in operations]
    if not found:
        return 0, "nothing in particular is touched"
    importance, says = max(found, key=lambda one: WEIGHT[one[0]])
    return WEIGHT[importance], f"{says} is {WORDS[importance]}"


def _importance(integration: Integration, operation: str) -> tuple[Importance, str]:
    """Of one operation: as declared; else by what it is about. What goes out is never routine: only we have it."""
    declared = next((read for read in integration.reads if read.operation == operation), None)
    if declared is not None:
        return declared.importance, declared.component
    resource = resource_of(operation)
    if resource in CRITICAL_RESOURCES:
        return Importance.CRITICAL, f"{operation} ({CRITICAL_RESOURCES[resource]})"
    goes_out = any(feed.direction is Direction.OUT and operation in feed.operations for feed in integration.feeds)
    return (Importance.IMPORTANT, f"{operation}, which goes out,") if goes_out else (Importance.ROUTINE, operation)


def _steps(integration: Integration, impact: Impact) -> Iterator[_Step]:
    if impact.failing >= HALF:
        yield _Step(1, f"{short_percent(impact.failing)} of calls fail, half or more: one higher")
    elif impact.failing:
        yield _Step(0, f"{short_percent(impact.failing)} of calls fail")
    if impact.is_burning:
        yield _Step(1, "the error budget burns too fast: one higher")
    if impact.practices >= MANY:
        yield _Step(1, f"{impact.practices} practices at once: one higher")
    if impact.as_of is not None and integration.hours is not None:
        yield _opening(integration, impact.as_of)


def _opening(integration: Integration, as_of: datetime) -> _Step:
    if integration.calendar.is_open(as_of):
        return _Step(0, "the practice is open")
    if integration.calendar.open_time_between(as_of, as_of + SOON):
        return _Step(0, f"the practice opens within {SOON // timedelta(hours=1)} hours")
    return _Step(-1, "the practice is closed: one lower")
