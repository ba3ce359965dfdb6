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
    changed = turned(known, name, findings, round_.as_of)
    if changed:
        with ledger.change(f"watch:{name}", round_.as_of) as change:
            for alert in changed:
                change.keep(alert)
                if alert.is_notified:
                    kind = NoticeKind.TRIGGER if alert.stands else NoticeKind.RESOLVE
                    change.notify(alert.id, kind, reached(round_.house, alert), alert.finding.says)
    return changed


def reached(house: House, alert: Alert) -> tuple[str, ...]:
    """The channels of the integration's owner; of everybody when the alert is about the monitor itself."""
    owners = [one.contacts.owner for one in house.configuration.integrations if one.id == alert.integration_id]
    return house.configuration.policy.routes(owners or None)


def standing(house: House, integration_id: str | None = None) -> tuple[Alert, ...]:
    """The alerts that stand now: the gravest first, then the oldest."""
    alerts = [a for a in house.ledger.all_kept(Alert, state="raised") if integration_id in {None, a.integration_id}]
    return tuple(sorted(alerts, key=lambda a: (-a.finding.severity.rank, a.finding.since)))
