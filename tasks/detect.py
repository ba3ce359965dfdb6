"""Detect: put one integration's recent readings beside its past, and keep its incident up to date."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from models.anomaly import Anomaly, Case, gravest
from models.facts import affected_operations
from models.follow import CLOSES_AFTER, follow, lookback, relapse, suspect
from models.incident import Event, Incident, State
from models.integration import Integration
from models.queue import missed
from models.reading import Reading
from tasks.house import House
from tasks.learn import learn_usual
from tasks.panels import gather_panels
from tasks.past import present_features, together_until, usual_until
from tasks.remember import windows

if TYPE_CHECKING:
    from models.panel import Panel, Verdicts


def gather_case(house: House, integration: Integration) -> Case:
    """The window of one integration, and its baselines. The window is in none of them."""
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
    return {
        one.id: Case(
            integration=one,
            window=seen[one.id],
            baselines=ordinary[one.id],
            as_of=now,
        )
        for one in integrations
    }


class Judgement(NamedTuple):
    """What the detectors said of one panel, in figures and in words."""

    panel: Panel
    verdicts: Mapping[str, Verdicts]
    found: Mapping[str, list[Anomaly]]  # by integration


def detect(house: House) -> dict[str, list[Anomaly]]:
    """What the detectors say, by integration; only those of which they say anything."""
    learn_usual(house)
    house.cases.clear()  # whatever was gathered before this moment
    found: dict[str, list[Anomaly]] = {}
    for judgement in judge(house, house.clock.now()):
        for name, anomalies in judgement.found.items():
            found.setdefault(name, []).extend(anomalies)
    for name, anomaly in unusual_together(house):
        found.setdefault(name, []).append(anomaly)
    return {name: sorted(anomalies, key=gravest) for name, anomalies in found.items()}


def judge(house: House, now: datetime) -> list[Judgement]:
    """Every panel with the verdicts on it; the few series that stand out are told in words."""
    from models.describe import describe, speaking  # noqa: PLC0415  # numpy, only where something is judged
    from models.detectors import judge_all  # noqa: PLC0415  # as above

    judged = [(panel, judge_all(panel)) for panel in gather_panels(house, now)]
    loud = {panel.series[row].integration_id for panel, verdicts in judged for row, _ in speaking(verdicts)}
    cases = remembered_cases(house, loud)

    def affected(name: str) -> tuple[str, ...]:
        return affected_operations(cases[name].integration, cases[name].window)

    everyone = house.configuration.integrations
    return [Judgement(*pair, describe(*pair, everyone, now, affected)) for pair in judged]


def unusual_together(house: House) -> Iterator[tuple[str, Anomaly]]:
    """What is unusual only together, by the model of each integration."""
    from models.detectors.joint import evaluate, is_unusual  # noqa: PLC0415  # numpy, as above

    everyone = house.configuration.integrations
    if not everyone:
        return
    now = house.clock.now()
    present = present_features(house.home, everyone, now)
    samples = together_until(house.home, present, now - max(map(lookback, everyone)))
    odd = {name for name, sample in samples.items() if is_unusual(sample)}
    for name, case in remembered_cases(house, odd).items():
        for anomaly in evaluate(case.model_copy(update={"joint": samples[name]})):
            yield name, anomaly


def remembered_cases(house: House, names: Collection[str]) -> dict[str, Case]:
    """The cases of these integrations, gathered once in this run: a run is one moment."""
    unknown = [one for one in house.configuration.integrations if one.id in names and one.id not in house.cases]
    if unknown:
        house.cases.update(gather_cases(house, unknown))
    return {name: house.cases[name] for name in names if name in house.cases}


def worth_attending(house: House, found: Mapping[str, list[Anomaly]]) -> Iterator[tuple[Case, list[Anomaly]]]:
    """Those of which something was found, or whose last incident is not closed yet."""
    unfinished = {incident.integration_id for incident in house.ledger.unfinished()}
    cases = remembered_cases(house, unfinished | set(found))
    order = [one.id for one in house.configuration.integrations]
    return (
        (cases[name], list(found.get(name, ())))
        for name in order
        if name in cases and (name in unfinished or name in found)
    )


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
