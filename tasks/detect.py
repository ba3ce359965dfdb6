"""Detect: put one integration's recent readings beside its past, and keep its incident up to date."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from models.anomaly import Anomaly, Case, gravest
from models.facts import affected_operations
from models.follow import CLOSES_AFTER, follow, lookback, relapse, suspect
from models.group import Group
from models.incident import Event, Incident, State
from models.integration import Integration
from models.queue import missed
from models.reading import Reading
from models.series import Series
from models.sighting import Sighting
from models.tune import Tuned, TunedState, factors
from models.unusual import odd_spans, open_unusual, tells, worth_following
from tasks.gaps import keep_read_gaps
from tasks.groups import keep_groups, practices
from tasks.house import House
from tasks.learn import learn_usual
from tasks.learn_hours import learn_hours
from tasks.panels import gather_panels
from tasks.past import usual_until
from tasks.remember import windows
from tasks.sightings import Judgement, keep_sightings, named, of_incident
from tasks.slo import burning_now

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
    odd: dict[str, list[Sighting]] = {}
    for one in house.ledger.all_kept(Sighting, state="live"):
        odd.setdefault(one.integration_id, []).append(one)
    return {
        one.id: Case(
            integration=one,
            window=seen[one.id],
            baselines=ordinary[one.id],
            as_of=now,
            odd=odd_spans(odd.get(one.id, ()), now),
        )
        for one in integrations
    }


def detect(house: House) -> dict[str, list[Anomaly]]:
    """What the detectors say, by integration; only those of which they say anything."""
    learn_usual(house)
    learn_hours(house)
    house.cases.clear()  # whatever was gathered before this moment
    judgements, groups = judge(house, house.clock.now())
    sightings = keep_sightings(house, judgements, groups)
    found: dict[str, list[Anomaly]] = {}
    for judgement in judgements:
        for name, anomalies in judgement.found.items():
            found.setdefault(name, []).extend(named(anomalies, sightings))
    return {name: sorted(anomalies, key=gravest) for name, anomalies in found.items()}


def judge(house: House, now: datetime) -> tuple[list[Judgement], tuple[Group, ...]]:
    """What the detectors say of every panel, and which of it is one trouble."""
    judged = [(panel, eased_verdicts(house, panel)) for panel in gather_panels(house, now)]
    groups = keep_groups(house, judged)
    return put_in_words(house, judged, practices(groups), now), groups


def put_in_words(
    house: House, judged: Sequence[tuple[Panel, Mapping[str, Verdicts]]], ailing: Mapping[Series, int], now: datetime
) -> list[Judgement]:
    """The judged panels, and the few series that stand out told in words."""
    from models.describe import describe, speaking  # noqa: PLC0415  # numpy, only where something is judged

    loud = {panel.series[row].integration_id for panel, verdicts in judged for row, _ in speaking(verdicts)}
    cases = remembered_cases(house, loud)

    def affected(name: str) -> tuple[str, ...]:
        return affected_operations(cases[name].integration, cases[name].window)

    everyone, burning = house.configuration.integrations, burning_now(house) if loud else frozenset()
    return [Judgement(*pair, describe(*pair, everyone, now, affected, ailing, burning)) for pair in judged]


def eased_verdicts(house: House, panel: Panel) -> Mapping[str, Verdicts]:
    """The verdicts on a panel, by the thresholds that somebody agreed to."""
    from models.detectors import judge_all  # noqa: PLC0415  # numpy, as above
    from models.replay import eased  # noqa: PLC0415  # as above

    return eased(panel, judge_all(panel), factors(house.ledger.all_kept(Tuned, state=TunedState.IN_FORCE)))


def remembered_cases(house: House, names: Collection[str]) -> dict[str, Case]:
    """The cases of these integrations, gathered once in this run: a run is one moment."""
    unknown = [one for one in house.configuration.integrations if one.id in names and one.id not in house.cases]
    if unknown:
        house.cases.update(gather_cases(house, unknown))
    return {name: house.cases[name] for name in names if name in house.cases}


def worth_attending(house: House, found: Mapping[str, list[Anomaly]]) -> Iterator[tuple[Case, list[Anomaly]]]:
    """Those of which something was found or must be told, or whose last incident is not closed yet."""
    telling = {one.integration_id for one in house.ledger.all_kept(Sighting, state="live") if tells(one)}
    wanted = {incident.integration_id for incident in house.ledger.unfinished()} | set(found) | telling
    cases = remembered_cases(house, wanted)
    order = [one.id for one in house.configuration.integrations]
    return ((cases[name], list(found.get(name, ()))) for name in order if name in cases and name in wanted)


def keep_incident(house: House, case: Case, anomalies: list[Anomaly]) -> Incident | None:
    """Open, follow or reopen the incident of one integration in one transaction; None when all is well."""
    ledger = house.ledger
    sightings = ledger.all_kept(Sighting, case.integration.id, state="live")
    case = case.model_copy(update={"odd": odd_spans(sightings, case.as_of)})
    incident = ledger.current(case.integration.id)
    if incident is None:
        return begin_incident(house, case, anomalies, sightings)
    belonging = worth_following(anomalies, sightings)
    backlog = ledger.backlog(incident.id)
    with ledger.change("monitor", case.as_of) as change:
        change.miss(missed(failed_since(case, incident.started_at), incident.id))
        followed = follow(incident, case, belonging, backlog, keep_read_gaps(house, change, case, incident))
        of_incident(change, incident, sightings)
        if followed is incident or (followed.state is State.RESOLVED and ledger.open_action(case.integration.id)):
            return incident
        numbered = change.number_anomalies(followed.anomalies, incident.id)
        return change.save_incident(followed.model_copy(update={"anomalies": numbered}))


def begin_incident(
    house: House, case: Case, anomalies: list[Anomaly], sightings: Sequence[Sighting] = ()
) -> Incident | None:
    """A new suspicion, or the same trouble as less than an hour ago; older resolved ones are closed."""
    suspicion = suspect(case, anomalies) or open_unusual(case, sightings, anomalies)
    known = house.ledger.reopenable(suspicion.fingerprint, case.as_of) if suspicion else None
    with house.ledger.change("monitor", case.as_of) as change:
        for old in resolved(house, case.integration.id):
            if case.as_of - (old.resolved_at or old.updated_at) >= CLOSES_AFTER:
                change.save_incident(old.advance(Event.AGED, case.as_of, "Closed a day after it was resolved"))
        if suspicion is None:
            return None
        again = relapse(known, case, suspicion.anomalies) if known else None
        incident = change.save_incident(again) if again else change.open_incident(suspicion)
        of_incident(change, incident, sightings)
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
