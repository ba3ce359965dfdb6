"""Banner: what people at a practice are told while reads are impossible: since when, what, how old, what to do now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from pydantic import AwareDatetime, NonNegativeFloat

from models.incident import Incident, State
from models.integration import Integration
from models.noun import Noun
from models.reading import Identifier, Operation, Reading
from models.wording import local_time_on, span

ROUNDS = 3  # without one good answer: then a read is called impossible, and people are told
LOOKED_BACK = timedelta(days=1)  # for the last good data
ADVICE = (
    "Work from what was loaded last; how old it is stands beside it",
    "Write down on paper what cannot wait, and enter it when this banner is gone",
    "Send nothing twice: what was missed is made up for by itself, the essential first",
)


class Stale(Noun):
    """One thing that cannot be read now."""

    component: str  # as people call it
    operation: Operation
    essential: bool
    last_good_at: AwareDatetime | None  # None: nothing within a day
    age_s: NonNegativeFloat | None


class Outage(Noun):
    """What is told of one connection."""

    integration_id: Identifier
    name: str
    incident_id: str
    since: AwareDatetime
    says: str  # what people notice
    affected: tuple[Stale, ...]  # the essential first
    timezone: str = "UTC"


class Banner(Noun):
    """What is told of all connections of this place; it is there only while there is something to tell."""

    as_of: AwareDatetime
    outages: tuple[Outage, ...]
    advice: tuple[str, ...] = ADVICE


def outage(
    integration: Integration,
    incident: Incident,
    readings: Sequence[Reading],
    last_good: Mapping[str, datetime],
    as_of: datetime,
) -> Outage | None:
    """What is told of a connection with an incident; None while every read is answered now and then.

    Args:
        integration: whose.
        incident: that is active.
        readings: of the last rounds.
        last_good: by operation, when it was last answered well.
        as_of: now.
    """
    began = as_of - incident.started_at
    if incident.state is State.SUSPECTED or began < (ROUNDS - 1) * integration.probe_every:
        return None
    since = max(incident.started_at, as_of - ROUNDS * integration.probe_every)
    answered = {one.operation for one in readings if one.outcome.is_ok and one.observed_at >= since}
    affected = [
        Stale(
            component=read.component,
            operation=read.operation,
            essential=read.essential,
            last_good_at=last_good.get(read.operation),
            age_s=(as_of - last_good[read.operation]).total_seconds() if read.operation in last_good else None,
        )
        for read in sorted(integration.reads, key=lambda read: not read.essential)
        if read.operation not in answered
    ]
    if not affected:
        return None
    return Outage(
        integration_id=integration.id,
        name=integration.name,
        incident_id=incident.id,
        since=incident.started_at,
        says=integration.impact,
        affected=tuple(affected),
        timezone=integration.timezone,
    )


def in_markdown(banner: Banner) -> str:
    """The same for people. Ends with a line break."""
    return "\n\n".join([*map(told, banner.outages), "\n".join(f"- {one}" for one in banner.advice)]) + "\n"


def told(one: Outage) -> str:
    """One connection."""
    since = local_time_on(one.since, one.timezone, one.since)
    head = f"# {one.name} cannot be read\n\n{one.says}. Since {since} ({one.incident_id})."
    return "\n".join([head, "", *lines(one.affected)])


def lines(affected: Iterable[Stale]) -> list[str]:
    """One line each: how old the last good data is."""
    return [
        f"- {one.component}{' (essential)' if one.essential else ''}: "
        + (f"last good data {span(one.age_s)} ago" if one.age_s is not None else "no good data within a day")
        for one in affected
    ]
