"""Announce: tell whoever was told of an incident that it is over."""

from __future__ import annotations

from models.incident import Incident, State
from models.queue import NoticeKind
from tasks.house import House
from tasks.recurrence import problem_of, recovered_again


def announce_resolution(house: House, incident: Incident) -> None:
    """Tell whoever was called that it is over; of trouble that keeps coming back, that it is over this time."""
    if incident.state is State.RESOLVED and (incident.escalated_for or incident.warned_for):
        problem = problem_of(house, incident)
        says = recovered_again(problem) if problem else ""
        with house.ledger.change("escalate", house.clock.now()) as change:
            change.notify(incident.id, NoticeKind.RESOLVE, house.configuration.policy.routes(), says)
