"""Watch: ask every watch what stands now; raise what is new, clear what is over, and tell who should know."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Sequence
from datetime import datetime

from models.alert import Alert, turned
from models.catalogue import load, names
from models.errors import HealError
from models.gauge import OURSELVES, Gauge
from models.ourselves import WATCH_FAILED
from models.queue import NoticeKind
from models.reading import Reading
from models.sighting import Sighting
from models.unusual import alert_of
from tasks.house import House
from tasks.remember import remember_gauges
from tasks.watches._interface import Round, Watch

ROOM = "tasks.watches"
log = logging.getLogger("heal")


async def watch_all(house: House, readings: Sequence[Reading] = ()) -> tuple[Alert, ...]:
    """One look by every watch; returns the alerts that changed. One that fails leaves the others alone."""
    round_ = Round(house, house.clock.now(), tuple(readings))
    changed: list[Alert] = []
    failed: list[str] = []
    try:
        for name in names(ROOM):
            try:
                changed += await look(round_, name)
            except HealError as error:
                log.warning("the watch %s could not look: %s", name, error)
                failed.append(name)
    finally:
        round_.close()
    remember_gauges([blindness(name, round_.as_of) for name in failed], house.home)
    return tuple(changed)


def blindness(name: str, at: datetime) -> Gauge:
    """That a watch could not look; the watch over ourselves counts these."""
    return Gauge(integration_id=OURSELVES, observed_at=at, metric=WATCH_FAILED, value=1.0, subject=name)


async def look(round_: Round, name: str) -> tuple[Alert, ...]:
    """What one watch finds, beside what the ledger knows; changes and notices are one transaction."""
    entry: Watch = load(ROOM, name)
    found = entry.watch(round_)
    findings = tuple(await found if inspect.isawaitable(found) else found)
    ledger = round_.house.ledger
    known = tuple(alert for alert in ledger.all_kept(Alert) if alert.watch == name)
    changed = turned(known, name, findings, round_.as_of, acted_since(round_.house, known))
    changed = told_once(round_.house, known, changed)
    if changed:
        with ledger.change(f"watch:{name}", round_.as_of) as change:
            for alert in changed:
                change.keep(alert)
                if alert.is_notified and alert.told_by is None:
                    kind = NoticeKind.TRIGGER if alert.stands else NoticeKind.RESOLVE
                    change.notify(alert.id, kind, reached(round_.house, alert), alert.finding.says, withheld=True)
    return changed


def acted_since(house: House, known: Sequence[Alert]) -> dict[str, datetime]:
    """When a remedy was last carried out, by integration, since the oldest of the standing alerts was raised."""
    standing_since = [alert.raised_at for alert in known if alert.stands]
    actions = house.ledger.actions_since(min(standing_since)) if standing_since else ()
    return {one.integration_id: one.executed_at for one in actions if one.executed_at is not None}


def told_once(house: House, known: Sequence[Alert], changed: Sequence[Alert]) -> tuple[Alert, ...]:
    """What changes, with the incident that tells of the same where there is one; and what that one tells of no more.

    An alert that was sent before the incident began stays with whoever got it.
    """
    fresh = [alert for alert in changed if alert.stands and alert.is_notified and not alert.told_by]
    waiting = [alert for alert in known if alert.stands and alert.told_by]
    if not fresh and not waiting:
        return tuple(changed)
    active = {incident.id for incident in house.ledger.incidents(active_only=True)}
    sightings = [
        one
        for one in house.ledger.all_kept(Sighting, state="live")
        if one.is_confirmed and one.incident_id in active and one.alert_id is None
    ]
    newest = {alert.id: alert for alert in changed}
    for alert in fresh:
        told_by = next((one.incident_id for one in sightings if alert_of(one, [alert])), None)
        newest[alert.id] = alert.model_copy(update={"told_by": told_by})
    for alert in waiting:
        latest = newest.get(alert.id, alert)
        if latest.stands and latest.told_by not in active:
            newest[alert.id] = latest.model_copy(update={"told_by": None})
    before = {alert.id: alert for alert in known}
    return tuple(alert for alert in newest.values() if alert != before.get(alert.id))


def reached(house: House, alert: Alert) -> tuple[str, ...]:
    """The channels of the integration's owner; of everybody when the alert is about the monitor itself."""
    owners = [one.contacts.owner for one in house.configuration.integrations if one.id == alert.integration_id]
    return house.configuration.policy.routes(owners or None)


def standing(house: House, integration_id: str | None = None) -> tuple[Alert, ...]:
    """The alerts that stand now: the gravest first, then the oldest."""
    alerts = [a for a in house.ledger.all_kept(Alert, state="raised") if integration_id in {None, a.integration_id}]
    return tuple(sorted(alerts, key=lambda a: (-a.finding.severity.rank, a.finding.since)))
