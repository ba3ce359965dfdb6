"""Around: look at everything that is known of an integration without a call of its own, when it is diagnosed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from itertools import chain
from typing import NamedTuple

from models.ahead import Ahead
from models.answer_schema import AnswerSchema
from models.around import (
    Looked,
    neighbours_of,
    of_bridge,
    of_credential,
    of_landing,
    of_maintenance,
    of_past,
    of_queue,
    of_reconciled,
    of_schema,
    of_sighting,
    of_times,
    of_volume,
    of_wait,
    of_workflow,
)
from models.bridge import Beats
from models.credentials import CredentialRecord
from models.delivery import Landing
from models.dependency import depends_on
from models.discrepancy import Reconciled
from models.facts import Around, Neighbours
from models.feed import FRESH_WITHIN
from models.gauge import QUEUE_AGE
from models.indication import Indication
from models.integration import Integration
from models.maintenance import Closure, downtimes
from models.reading import Direction
from models.resource import Trend
from models.sighting import Sighting
from models.volume import Volume
from models.workflow import Workflow
from tasks.house import House
from tasks.watches._interface import Round
from tasks.watches.ahead import ahead
from tasks.watches.resources import trends, waits

FILES = "flat_file"  # the one kind that keeps no pool
OLD_LOOKS = 2  # times `every`: a comparison older than that says nothing of now
SIGHT, FRESH = "around", timedelta(minutes=1)  # incidents of one cycle are diagnosed within it


class Sight(NamedTuple):
    """What flows everywhere at one moment: gathered once for all that are diagnosed in the same minute."""

    as_of: datetime
    workflows: tuple[Workflow, ...]
    volumes: tuple[Volume, ...]
    landings: tuple[Landing, ...]
    beats: Mapping[tuple[str, str], Beats]
    ahead: tuple[Ahead, ...]
    trends: tuple[Trend, ...]
    waits: tuple[Trend, ...]


def around(house: House, integration: Integration, as_of: datetime) -> Around:
    """What stands around one integration now, and what was looked for.

    Figures come from the same questions as the watches', so an alert and a diagnosis say the same; whatever of them is
    put aside for a quarter of an hour or an hour is not asked for again.
    """
    seen = sight(house, as_of)
    looked = [*flowing(seen, integration), *schemas(house, integration), *resources(seen, integration)]
    looked += chain(credentials(house, integration, as_of), agreed(house, integration, as_of))
    looked += chain(past(house, integration, as_of), compared(house, integration, as_of))
    shown = [one for _, one in looked if one is not None]
    return Around(
        indications=tuple(dict.fromkeys((*shown, *seen_by_detectors(house, integration, shown)))),
        looked_for=frozenset(kind for kind, _ in looked),
        neighbours=neighbours(house, integration),
    )


def sight(house: House, as_of: datetime) -> Sight:
    """The sight of this run if it is not older than a minute, else a new one."""
    known = house.sights.get(SIGHT)
    if isinstance(known, Sight) and timedelta(0) <= as_of - known.as_of < FRESH:
        return known
    with closing(Round(house, as_of)) as round_:
        flow = round_.flow
        fresh = Sight(
            as_of=as_of,
            workflows=flow.workflows,
            volumes=flow.volumes(),
            landings=flow.landings(),
            beats=flow.beats(),
            ahead=tuple(ahead(round_)),
            trends=tuple(trends(round_)),
            waits=tuple(waits(round_)),
        )
    house.sights[SIGHT] = fresh
    return fresh


def compared(house: House, one: Integration, as_of: datetime) -> Looked:
    """What both sides hold, where it was compared lately enough to speak of now."""
    every = {wanted.name: wanted.every for wanted in one.reconcile}
    for found in house.ledger.all_kept(Reconciled, one.id):
        if found.name in every and as_of - found.as_of <= OLD_LOOKS * every[found.name]:
            yield from of_reconciled(found)


def flowing(seen: Sight, one: Integration) -> Looked:
    """Cursors, ages, volumes, landings, times and bridges."""
    mine = [workflow for workflow in seen.workflows if workflow.integration_id == one.id]
    for workflow in mine:
        yield from of_workflow(workflow)
    for volume in seen.volumes:
        if volume.integration_id == one.id:
            yield from of_volume(volume)
    for landing in seen.landings:
        if landing.integration_id == one.id:
            yield from of_landing(landing)
    if any(workflow.cursor for workflow in mine):
        early = [found for found in seen.ahead if found.integration_id == one.id]
        yield from of_times(max(early, key=lambda found: (found.is_shifted, found.answers), default=None))
    for bridge in one.bridges:
        yield from of_bridge(bridge, seen.beats.get((one.id, bridge.name)), seen.as_of, one.timezone)


def schemas(house: House, one: Integration) -> Looked:
    """Fields of answers that come empty."""
    for schema in house.ledger.all_kept(AnswerSchema, integration_id=one.id):
        yield from of_schema(schema)


def resources(seen: Sight, one: Integration) -> Looked:
    """Queues, and waiting for connections of our own."""
    for trend in seen.trends:
        if trend.integration_id == one.id and trend.metric == QUEUE_AGE:
            yield from queue(seen, one, trend)
    if one.kind != FILES:
        yield from of_wait(next((trend for trend in seen.waits if trend.integration_id == one.id), None))


def queue(seen: Sight, one: Integration, trend: Trend) -> Looked:
    """One queue, beside the feed that it belongs to."""
    feeds = [feed for feed in one.feeds if trend.subject in {feed.name, feed.resource, *feed.operations}]
    limit = min((feed.limit for feed in feeds), default=FRESH_WITHIN[Direction.IN])
    names = {feed.name for feed in feeds}
    mine = (flow for flow in seen.workflows if flow.integration_id == one.id and flow.feed.name in names)
    return of_queue(trend, limit, max((flow.last_at for flow in mine if flow.last_at), default=None))


def credentials(house: House, one: Integration, as_of: datetime) -> Looked:
    """What the credential ledger says."""
    for record in house.ledger.all_kept(CredentialRecord, integration_id=one.id):
        yield from of_credential(record, as_of)


def agreed(house: House, one: Integration, as_of: datetime) -> Looked:
    """Maintenance, where anybody ever announces any."""
    closures = [closure for closure in house.ledger.all_kept(Closure) if closure.integration_id == one.id]
    if one.maintenance or closures:
        yield from of_maintenance(downtimes(one.maintenance, one.timezone, as_of, as_of, closures), as_of)


def past(house: House, one: Integration, as_of: datetime) -> Looked:
    """What happened at this time of the week before."""
    return of_past(house.ledger.incidents(one.id), onset_of(house, one.id) or as_of, one.timezone)


def seen_by_detectors(house: House, one: Integration, shown: Iterable[Indication]) -> Iterator[Indication]:
    """What the detectors are sure of, of kinds that no watch tells of already."""
    known = {indication.kind for indication in shown}
    for sighting in house.ledger.all_kept(Sighting, state="live", integration_id=one.id):
        found = of_sighting(sighting)
        if found is not None and found.kind not in known:
            yield found


def neighbours(house: House, one: Integration) -> tuple[Neighbours, ...]:
    """Who shares something with it, and ails now."""
    ailing = {incident.integration_id: incident.started_at for incident in house.ledger.incidents(active_only=True)}
    shared = depends_on(house.configuration.integrations)
    return neighbours_of(one.id, shared, ailing, ailing.get(one.id))


def onset_of(house: House, integration_id: str) -> datetime | None:
    """When the trouble of its present incident began."""
    active = house.ledger.incidents(integration_id, active_only=True)
    return max((incident.started_at for incident in active), default=None)
