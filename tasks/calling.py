"""Calling: take the next step of every call that nobody answered, and remind of those that were forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from models.incident import Incident, State
from models.notify.calling import Act, Calling, CallState, Situation, turned
from models.notify.chain import steps
from models.wording import span
from tasks.announce import announce_resolution
from tasks.house import House
from tasks.stages import is_quiet

STILL_OPEN = (CallState.CALLING, CallState.ACKNOWLEDGED)
NOT_MADE_UP = "T2-not-made-up"  # the one call for somebody while it works again


def climb(house: House) -> int:
    """One look at every call that is not over; returns how many steps and reminders were taken."""
    open_calls = [call for state in STILL_OPEN for call in house.ledger.all_kept(Calling, state=state)]
    active = house.ledger.incidents(active_only=True) if open_calls else ()
    return sum(look(house, calling, active) for calling in open_calls)


def look(house: House, calling: Calling, active: Sequence[Incident]) -> bool:
    """One look at a call: whether people were called again. The step and its notices are one transaction."""
    now = house.clock.now()
    incident = next((one for one in active if one.id == calling.id), None) or house.ledger.incident(calling.id)
    later, act, groups = turned(situation_of(house, calling, incident, active, now))
    if later == calling:
        return False
    policy = house.configuration.policy
    with house.ledger.change("escalate", now) as change:
        if change.kept(Calling, calling.id) != calling:  # somebody answered, or another monitor was first
            return False
        change.keep(later)
        if act is not Act.END:
            routes = policy.routes(groups) if groups else policy.routes([])
            change.call_again(incident.id, routes, words(calling, act, groups, now), later.told)
            change.save_incident(change.incident(incident.id).note(now, told(act, groups)))
    if act is Act.END:
        announce_resolution(house, incident)  # whoever died between its end and telling of it did not tell
    return act is not Act.END


def situation_of(
    house: House, calling: Calling, incident: Incident, active: Sequence[Incident], now: datetime
) -> Situation:
    """Everything that the table looks at."""
    is_well = incident.state is State.MONITORING and incident.escalated_for != NOT_MADE_UP
    return Situation(
        calling=calling,
        steps=steps(calling.groups, calling.team, house.configuration.policy.chains),
        is_over=not incident.is_active,
        is_quiet=lambda: is_well or is_quiet(house, incident, active, now),
        progressed_at=progressed_at(incident),
        as_of=now,
    )


def progressed_at(incident: Incident) -> datetime | None:
    """When the incident last changed its state; a line in its thread is no progress."""
    changes = (
        moment.at
        for before, moment in zip(incident.moments, incident.moments[1:], strict=False)
        if before.state is not moment.state
    )
    return max(changes, default=None)


def words(calling: Calling, act: Act, groups: Sequence[str], now: datetime) -> str:
    """Why people are called again, in typed facts."""
    since = span((now - calling.began_at).total_seconds())
    if act is Act.REMIND and calling.acknowledged_by:
        return f"acknowledged by {calling.acknowledged_by}, and nothing has moved since"
    if act is Act.REMIND:
        return f"it still stands after {since}"
    whom = ", ".join(groups) if groups else "every channel"
    return f"nobody answered for {since}; now {whom}"


def told(act: Act, groups: Sequence[str]) -> str:
    """The line in the incident's thread."""
    whom = ", ".join(groups) or "every channel"
    return f"Told again: {whom}" if act is Act.REMIND else f"Nobody answered; called {whom}"
