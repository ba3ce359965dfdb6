"""Unusual: an incident in which nothing fails and nothing is slow, but a confirmed sighting says that it is not well.

Fewer records, old data, answers of another size, silence: calls succeed, and no cycle of readings looks bad. Such an
incident is followed by its sightings: it is over when they are cleared.

A watch may tell of the same condition by a rule of its own (`WATCHED`). While its alert stands, the sighting is linked
to it and opens nothing: one trouble is told once. When the alert is over and the sighting is not, it opens one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from models.alert import Alert
from models.anomaly import Anomaly, Case
from models.follow import worst
from models.incident import UNUSUAL, Event, Incident, State, fingerprint
from models.series import ERROR_RATE, LATENCY, METRICS, RECORDS, STALENESS
from models.sighting import Sighting, Stage
from models.silent import BROKEN, PROMISES

VOLUME, FRESHNESS, STUCK = "volume", "freshness", "stuck_cursor"  # by the names of their files
BRIDGES, BURN, RESOURCES = "bridges", "burn_rate", "resources"
WATCHED: dict[str, tuple[str, ...]] = {  # metric → the watches that tell of the same by limits of their own
    RECORDS: (VOLUME, STUCK),
    "calls": (VOLUME, BRIDGES),
    STALENESS: (FRESHNESS, STUCK),
    LATENCY: (BURN,),
    ERROR_RATE: (BURN,),
    "pool_wait": (RESOURCES,),
    BROKEN: (PROMISES,),
}


def watches_of(metric: str) -> tuple[str, ...]:
    """The watches that may tell of this metric; a gauge that somebody brings along is a resource."""
    return WATCHED.get(metric, () if metric in METRICS else (RESOURCES,))


def alert_of(sighting: Sighting, alerts: Iterable[Alert]) -> Alert | None:
    """The alert that stands, is told, and tells of the same condition."""
    watches = watches_of(sighting.series.metric)
    mine = (
        alert
        for alert in alerts
        if alert.integration_id == sighting.integration_id and alert.watch in watches and alert.stands
    )
    return next((alert for alert in mine if alert.is_notified and is_about(alert, sighting)), None)


def is_about(alert: Alert, sighting: Sighting) -> bool:
    """Whether an alert's subject can be the sighting's: one that names another metric or resource is about that."""
    subject, words = sighting.series.subject, alert.finding.subject.split(":")
    if alert.watch == RESOURCES:
        return words[0] == sighting.series.metric and (subject is None or subject in words or len(words) == 1)
    if alert.watch == BURN:
        return (LATENCY in alert.finding.subject) == (sighting.series.metric == LATENCY)
    if alert.watch == VOLUME and subject is not None:
        return subject.partition(".")[0] in words
    return True


def tells(sighting: Sighting) -> bool:
    """Whether somebody must be told of it, and nothing else does."""
    return sighting.stands and sighting.stage.rank >= Stage.NOTIFIED.rank and sighting.alert_id is None


def odd_spans(sightings: Iterable[Sighting], as_of: datetime) -> tuple[tuple[datetime, datetime], ...]:
    """From when until when each told sighting was odd; one that stands, until now."""
    told = (one for one in sightings if one.stage.rank >= Stage.NOTIFIED.rank and one.alert_id is None)
    return tuple(sorted((one.opened_at, as_of if one.stands else one.odd_at) for one in told))


def open_unusual(case: Case, sightings: Sequence[Sighting], found: Sequence[Anomaly]) -> Incident | None:
    """A new incident from what is confirmed and must be told; None when there is nothing, or it is told already.

    Args:
        case: of the integration.
        sightings: its live ones.
        found: its anomalies of this cycle.
    """
    told = {one.series.key: one for one in sightings if tells(one)}
    if not told:
        return None
    newest = {one.metric: one for one in found if one.metric in told}
    kept = {key: one.anomaly for key, one in told.items() if one.anomaly is not None}
    anomalies = tuple({**kept, **newest}.values())
    first = min(told.values(), key=lambda one: one.opened_at)
    what = next((one.description for one in anomalies if one.metric == first.series.key), first.series.key)
    severity = max((worst(anomalies), *(one.severity for one in told.values())), key=lambda one: one.rank)
    began = Incident(
        id="",
        integration_id=case.integration.id,
        fingerprint=fingerprint(case.integration.environment, case.integration.id, UNUSUAL),
        state=State.SUSPECTED,
        severity=severity,
        symptom=UNUSUAL,
        started_at=min(first.opened_at, case.as_of),
        detected_at=case.as_of,
        updated_at=case.as_of,
        anomalies=anomalies,
    ).note(case.as_of, what)
    began = began.note(case.as_of, f"Together: {first.together}") if first.together else began
    return began.advance(Event.CONFIRMED, case.as_of, reason(first))


def reason(sighting: Sighting) -> str:
    """Why it is believed."""
    odd = sighting.history[-5:].count("1")
    return f"Confirmed: {sighting.agrees}" if sighting.agrees else f"Confirmed: odd in {odd} of the last 5 cycles"


def worth_following(found: Iterable[Anomaly], sightings: Iterable[Sighting]) -> list[Anomaly]:
    """The anomalies that belong to an incident that goes on: of failing or slow calls, and what else is confirmed."""
    believed = {(one.integration_id, one.series.key) for one in sightings if one.is_confirmed}
    return [one for one in found if is_of_calls(one.metric) or (one.integration_id, one.metric) in believed]


def is_of_calls(key: str) -> bool:
    """Whether a series is of what an incident of failing or slow calls is about."""
    return key.partition(":")[0] in {LATENCY, ERROR_RATE, "transport_share", "pattern"} and "@" not in key
