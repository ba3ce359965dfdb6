"""Around: look at everything that is known of an integration without a call of its own, when it is diagnosed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import datetime
from itertools import chain

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
    of_schema,
    of_sighting,
    of_times,
    of_volume,
    of_wait,
    of_workflow,
)
from models.credentials import CredentialRecord
from models.dependency import depends_on
from models.facts import Around, Neighbours
from models.feed import FRESH_WITHIN
from models.gauge import QUEUE_AGE
from models.indication import Indication
from models.integration import Integration
from models.maintenance import Closure, downtimes
from models.reading import Direction
from models.resource import Trend
from models.sighting import Sighting
from tasks.house import House
from tasks.watches._interface import Round
from tasks.watches.ahead import ahead
from tasks.watches.resources import trends, waits

FILES = "flat_file"  # the one kind that keeps no pool


def around(house: House, integration: Integration, as_of: datetime) -> Around:
    """What stands around one integration now, and what was looked for.

    Figures come from the same questions as the watches', so an alert and a diagnosis say the same; whatever of them is
    put aside for a quarter of an hour or an hour is not asked for again.
    """
    with closing(Round(house, as_of)) as round_:
        looked = list(chain(flowing(round_, integration), resources(round_, integration)))
    looked += chain(credentials(house, integration, as_of), agreed(house, integration, as_of))
    looked += past(house, integration, as_of)
    shown = [one for _, one in looked if one is not None]
    return Around(
        indications=tuple(dict.fromkeys((*shown, *seen_by_detectors(house, integration, shown)))),
        looked_for=frozenset(kind for kind, _ in looked),
        neighbours=neighbours(house, integration),
    )


def flowing(round_: Round, one: Integration) -> Looked:
    """Cursors, ages, volumes, landings, times, empty fields and bridges."""
    flow = round_.flow
    for workflow in flow.workflows:
        if workflow.integration_id == one.id:
            yield from of_workflow(workflow)
    for volume in flow.volumes():
        if volume.integration_id == one.id:
            yield from of_volume(volume)
    for landing in flow.landings():
        if landing.integration_id == one.id:
            yield from of_landing(landing)
    if any(workflow.cursor for workflow in flow.workflows if workflow.integration_id == one.id):
        mine = [found for found in ahead(round_) if found.integration_id == one.id]
        yield from of_times(max(mine, key=lambda found: (found.is_shifted, found.answers), default=None))
    for schema in round_.house.ledger.all_kept(AnswerSchema, integration_id=one.id):
        yield from of_schema(schema)
    beats = flow.beats() if one.bridges else {}
    for bridge in one.bridges:
        yield from of_bridge(bridge, beats.get((one.id, bridge.name)), round_.as_of, one.timezone)


def resources(round_: Round, one: Integration) -> Looked:
    """Queues, and waiting for connections of our own."""
    for trend in trends(round_):
        if trend.integration_id == one.id and trend.metric == QUEUE_AGE:
            yield from queue(round_, one, trend)
    if one.kind != FILES:
        yield from of_wait(next((trend for trend in waits(round_) if trend.integration_id == one.id), None))


def queue(round_: Round, one: Integration, trend: Trend) -> Looked:
    """One queue, beside the feed that it belongs to."""
    feeds = [feed for feed in one.feeds if trend.subject in {feed.name, feed.resource, *feed.operations}]
    limit = min((feed.limit for feed in feeds), default=FRESH_WITHIN[Direction.IN])
    names = {feed.name for feed in feeds}
    mine = (flow for flow in round_.flow.workflows if flow.integration_id == one.id and flow.feed.name in names)
    last_call = max((flow.last_at for flow in mine if flow.last_at), default=None)
    return of_queue(trend, limit, last_call)


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
