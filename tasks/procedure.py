"""Procedure: begin a closer look when a problem's trouble is there, end it in time, and keep what it captured."""

from __future__ import annotations

from datetime import datetime, timedelta

from models.incident import Incident
from models.procedure import Capture, Procedure, ProcedureState, capture, procedure_for, why_not
from models.reading import Reading, Source, Window
from tasks.house import House
from tasks.probe import tuning_of
from tasks.recurrence import problem_of
from tasks.remember import recent

ACTOR = "procedure"
BEFORE = timedelta(minutes=15)  # good calls from before the onset, to put beside
SOURCES = (Source.PROBE, Source.CAPTURE)


def follow_procedure(house: House, incident: Incident, window: Window) -> Procedure | None:
    """Begin, go on with or end the closer look at an incident; None where there is none.

    Args:
        house: where.
        incident: as it is now.
        window: of the last minutes.
    """
    known = house.ledger.kept(Procedure, incident.id)
    if known is None:
        return begin(house, incident, window.readings)
    if known.state is ProcedureState.ACTIVE and (why := reason_to_end(house, known, incident)):
        return end(house, known, incident, why)
    return known


def begin(house: House, incident: Incident, readings: tuple[Reading, ...]) -> Procedure | None:
    """A closer look, where the incident is diagnosed and belongs to a problem that is open."""
    problem = problem_of(house, incident) if incident.is_active and incident.diagnosis else None
    if problem is None:
        return None
    now, integration = house.clock.now(), house.integration(incident.integration_id)
    procedure = procedure_for(incident, problem.id, integration, tuning_of(house, integration), readings, now)
    if procedure is not None:
        keep(house, procedure, captured(house, incident, procedure, now))
    return procedure


def reason_to_end(house: House, procedure: Procedure, incident: Incident) -> str | None:
    """Why the closer look is over, as a code; None: it is not."""
    now = house.clock.now()
    if now >= procedure.until:
        return "time_is_up"
    if not incident.is_active:
        return "captured"
    seen = recent(house.home, incident.integration_id, procedure.since, now + timedelta(seconds=1), SOURCES)
    return why_not(incident, tuning_of(house, house.integration(incident.integration_id)), seen.readings)


def end(house: House, procedure: Procedure, incident: Incident, why: str) -> Procedure:
    """The procedure, over, with what it captured attached to the incident."""
    over = procedure.end(why)
    keep(house, over, captured(house, incident, procedure, min(house.clock.now(), procedure.until)))
    return over


def captured(house: House, incident: Incident, procedure: Procedure, until: datetime) -> Capture:
    """The times of the suspect calls, from shortly before the onset."""
    since = incident.started_at - BEFORE
    seen = recent(house.home, incident.integration_id, since, until + timedelta(seconds=1), SOURCES)
    return capture(incident, procedure, seen)


def keep(house: House, procedure: Procedure, found: Capture) -> None:
    """Write both down in one transaction."""
    with house.ledger.change(ACTOR, house.clock.now()) as change:
        change.keep(procedure)
        change.keep(found)
