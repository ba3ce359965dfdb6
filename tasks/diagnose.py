"""Diagnose: climb the ladder, look for changes, gather the facts, weigh the signatures, store the verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

from models.anomaly import Case
from models.credential import Credential
from models.diagnosis import Diagnosis, explain, worth_keeping
from models.facts import Facts, gather_facts
from models.incident import Event, Incident, State
from models.ladder import Ladder
from models.prior import learned, proven
from models.reading import Rung
from models.signatures import known_signatures
from tasks.around import around
from tasks.changes import changes_before, watched
from tasks.credentials import note_ladder
from tasks.detect import gather_case
from tasks.errors import new_errors
from tasks.house import House
from tasks.isolate import isolate
from tasks.lift import suspects_of
from tasks.probe import climb
from tasks.recall import recall
from tasks.survey import survey_since

MOST_NEW = 3  # of errors never met before that stand beside a cause
LEARNED_FROM = 200  # incidents, the newest: months of a clinic, and read in a fraction of a second


async def diagnose(house: House, incident_id: str) -> Incident:
    """The incident with a fresh diagnosis; one that is not being diagnosed is returned untouched."""
    incident = house.ledger.incident(incident_id)
    if incident.state not in {State.OPEN, State.DIAGNOSING}:
        return incident
    integration = house.integration(incident.integration_id)
    ladder, credential = await climb(house, integration)
    note_ladder(house, integration, ladder)
    isolation, _ = await asyncio.gather(isolate(house, integration, ladder), look_again(house, incident, ladder))
    seen = incident.model_copy(update={"ladder": ladder, "isolation": isolation})
    facts = facts_of(house, seen, gather_case(house, integration), ladder, credential)
    verdict = judged(house, facts)
    beside = (*verdict.related_factors, *stands_beside(house, seen))
    return store(house, seen, verdict.model_copy(update={"related_factors": beside}), credential)


async def look_again(house: House, incident: Incident, ladder: Ladder) -> None:
    """Ask the system what it says of itself; nobody who takes no connection can."""
    if ladder.passed(Rung.TCP):
        await survey_since(house, house.integration(incident.integration_id), incident.detected_at)


def stands_beside(house: House, incident: Incident) -> tuple[str, ...]:
    """What a person wants to know beside the cause: the change that stands out, errors never met, incidents like it."""
    told: list[str] = []
    suspects = suspects_of(house, incident)
    if suspects.leads is not None:
        told.append(suspects.says)
    new = new_errors(house.home, incident.integration_id, incident.started_at, house.clock.now())
    if new.met_before:  # else everything is new, and that says nothing
        told += [f"Never met before the onset, {one.lines} times: {one.exemplar}" for one in new.clusters[:MOST_NEW]]
    memory = recall(house, incident)
    return (*told, memory.says) if memory.says else tuple(told)


def judged(house: House, facts: Facts) -> Diagnosis:
    """What everything that we know makes of these facts now."""
    return explain(facts, known_signatures(), house.clock.now(), priors(house))


def priors(house: House) -> Mapping[str, float]:
    """How common each cause is, as far as resolved incidents have proven it."""
    over = (incident for incident in house.ledger.incidents(most=LEARNED_FROM) if not incident.is_active)
    causes = (proven(incident, house.ledger.actions(incident.id)) for incident in over)
    return learned(known_signatures(), [cause for cause in causes if cause is not None])


def facts_of(
    house: House, incident: Incident, case: Case, ladder: Ladder | None, credential: Credential | None
) -> Facts:
    """What was measured since the trouble began, and what changed in the day before it."""
    since = max(incident.started_at, case.window.since)
    trouble = case.window.between(since, case.window.until)
    standing = around(house, case.integration, case.as_of)
    return gather_facts(
        case.integration,
        trouble,
        case.baselines,
        ladder,
        credential,
        changes_before(house, case.integration.id, incident.started_at),
        onset=incident.started_at,
        watched=watched(house, case.integration.id),
        around=standing.model_copy(update={"isolation": incident.isolation}),
    )


def store(house: House, incident: Incident, verdict: Diagnosis, credential: Credential | None) -> Incident:
    """Write the verdict down in one transaction."""
    at = house.clock.now()
    says = f"Diagnosed: {verdict.cause} ({verdict.confidence:.0%})"
    known: dict[str, object] = {
        "diagnosis": verdict.model_copy(update={"hypotheses": worth_keeping(verdict.hypotheses)}),
        "ladder": incident.ladder,
        "isolation": incident.isolation,
        "credential": incident.credential or credential,
    }
    moved = (
        incident.advance(Event.STARTED, at, says, **known)
        if incident.state is State.OPEN
        else incident.note(at, says, **known)
    )
    with house.ledger.change("diagnose", at) as change:
        return change.save_incident(moved)


def is_due(incident: Incident, as_of: datetime, every: timedelta = timedelta(minutes=10)) -> bool:
    """Whether an incident wants a (new) diagnosis now.

    Freshly opened: at once. Given to a human: now and then, because what they do changes the facts.
    """
    if incident.state is State.DIAGNOSING:
        return True
    if incident.state is not State.OPEN:
        return False
    last = incident.diagnosis.diagnosed_at if incident.diagnosis else None
    return last is None or as_of - last >= every
