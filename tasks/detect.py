"""Detect: put one integration's recent readings beside its past, and keep its incident up to date."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from models.anomaly import Anomaly, Case
from models.detectors import evaluate_all
from models.follow import CLOSES_AFTER, follow, lookback, relapse, suspect
from models.incident import Event, Incident, State
from models.integration import Integration
from models.queue import missed
from models.reading import Reading
from tasks.house import House
from tasks.learn import learn_usual
from tasks.learn_hours import learn_hours
from tasks.past import together_until, usual_until
from tasks.remember import windows


def gather_case(house: House, integration: Integration) -> Case:
    """The window of one integration, its baselines and its joint sample. The window is in none of them."""
    return gather_cases(house, [integration])[integration.id]


def gather_cases(house: House, integrations: Sequence[Integration]) -> dict[str, Case]:
    """The same for many: integrations that look equally far back share one look at each store."""
    alike: dict[timedelta, list[Integration]] = {}
    for integration in integrations:
        alike.setdefault(lookback(integration), []).append(integration)
    now = house.clock.now()
    return {name: case for back, group in alike.items() for name, case in _cases(house, group, now - back, now).items()}


def _cases(house: House, integrations: Sequence[Integration], since: datetime, now: datetime) -> dict[str, Case]:
    seen = windows(house.home, [one.id for one in integrations], since, now + timedelta(seconds=1))
    ordinary = usual_until(house.home, integrations, since, now)
    together = together_until(house.home, integrations, since, now)
    return {
        one.id: Case(
            integration=one,
            window=seen[one.id],
            baselines=ordinary[one.id],
            as_of=now,
            joint=together[one.id],
        )
        for one in integrations
    }


def detect(house: House) -> dict[str, tuple[Case, list[Anomaly]]]:
    """For each integration, its case and what the detectors say of it."""
    learn_usual(house)
    learn_hours(house)
    cases = gather_cases(house, house.configuration.integrations)
    return {name: (case, evaluate_all(case)) for name, case in cases.items()}


def worth_attending(
    house: House, judged: dict[str, tuple[Case, list[Anomaly]]]
) -> Iterator[tuple[Case, list[Anomaly]]]:
    """Those of which something was found, or whose last incident is not closed yet."""
    unfinished = {incident.integration_id for incident in house.ledger.unfinished()}
    return (pair for name, pair in judged.items() if pair[1] or name in unfinished)


def keep_incident(house: House, case: Case, anomalies: list[Anomaly]) -> Incident | None:
    """Open, follow or reopen the incident of one integration in one transaction; None when all is well."""
    ledger = house.ledger
    incident = ledger.current(case.integration.id)
    if incident is None:
        return begin_incident(house, case, anomalies)
    followed = follow(incident, case, anomalies, ledger.backlog(incident.id))
    with ledger.change("monitor", case.as_of) as change:
        change.miss(missed(failed_since(case, incident.started_at), incident.id))
        if followed is incident or (followed.state is State.RESOLVED and ledger.open_action(case.integration.id)):
            return incident
        numbered = change.number_anomalies(followed.anomalies, incident.id)
        return change.save_incident(followed.model_copy(update={"anomalies": numbered}))


def begin_incident(house: House, case: Case, anomalies: list[Anomaly]) -> Incident | None:
    """A new suspicion, or the same trouble as less than an hour ago; older resolved ones are closed."""
    suspicion = suspect(case, anomalies)
    known = house.ledger.reopenable(suspicion.fingerprint, case.as_of) if suspicion else None
    with house.ledger.change("monitor", case.as_of) as change:
        for old in resolved(house, case.integration.id):
            if case.as_of - (old.resolved_at or old.updated_at) >= CLOSES_AFTER:
                change.save_incident(old.advance(Event.AGED, case.as_of, "Closed a day after it was resolved"))
        if suspicion is None:
            return None
        incident = change.save_incident(relapse(known, case, anomalies)) if known else change.open_incident(suspicion)
        numbered = change.number_anomalies(incident.anomalies, incident.id)
        incident = change.save_incident(incident.model_copy(update={"anomalies": numbered}))
        change.miss(missed(failed_since(case, incident.started_at), incident.id))
    return incident


def resolved(house: House, integration_id: str) -> tuple[Incident, ...]:
    """Incidents that are resolved and not closed yet."""
    return tuple(i for i in house.ledger.incidents(integration_id) if i.state is State.RESOLVED)


def failed_since(case: Case, since: datetime) -> tuple[Reading, ...]:
    """The reads of the window that failed since an instant; queueing one twice leaves one."""
    return tuple(r for r in case.window.readings if not r.outcome.is_ok and r.observed_at >= since)
