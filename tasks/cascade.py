"""Cascade: see which incidents are one trouble, hold those that only depend on it, and let them go when it is over."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from pydantic import AwareDatetime

from models.cascade import Ailment, Cascade, cascades
from models.dependency import Dependencies, Edge, dependencies
from models.incident import Incident
from models.learned_edges import learn_edges
from models.noun import Kept
from models.sighting import Sighting
from tasks.house import House

LEARNED_FROM, LEARNED_SPAN = 500, timedelta(days=90)  # incidents, the newest; older ones tell of another graph
LEARNED_EVERY = timedelta(hours=6)
LEARNED = "learned-edges"  # the one record of them


class LearnedEdges(Kept):
    """What past incidents say of who depends on whom."""

    learned_at: AwareDatetime
    edges: tuple[Edge, ...] = ()


def known_dependencies(house: House) -> Dependencies:
    """Who depends on what: declared, named in settings, and learned."""
    return dependencies(house.configuration.integrations, learned_edges(house))


def learned_edges(house: House) -> tuple[Edge, ...]:
    """What past incidents say, learned anew when that is some hours old."""
    now = house.clock.now()
    known = house.ledger.kept(LearnedEdges, LEARNED)
    if known is not None and now - known.learned_at < LEARNED_EVERY:
        return known.edges
    onsets: dict[str, list[datetime]] = {}
    declared = {one.id for one in house.configuration.integrations}
    for incident in house.ledger.incidents(most=LEARNED_FROM):
        if incident.integration_id in declared and now - incident.started_at < LEARNED_SPAN:
            onsets.setdefault(incident.integration_id, []).append(incident.started_at)
    oldest = min((at for several in onsets.values() for at in several), default=now)
    fresh = LearnedEdges(id=LEARNED, learned_at=now, edges=learn_edges(onsets, oldest, now))
    with house.ledger.change("cascade", now) as change:
        change.keep(fresh, audited=known is None or known.edges != fresh.edges)
    return fresh.edges


def find_cascades(house: House) -> tuple[Cascade, ...]:
    """The cascades that stand now."""
    active = house.ledger.incidents(active_only=True)
    if len({incident.integration_id for incident in active}) < 2:  # noqa: PLR2004 - it takes two
        return ()
    ailing = {one.integration_id: Ailment(one.started_at, one.symptom) for one in active}
    pace = max((one.probe_every.total_seconds() for one in house.configuration.integrations), default=0.0)
    return cascades(known_dependencies(house), ailing, well(house, ailing), within_s=pace)


def well(house: House, ailing: Iterable[str]) -> tuple[str, ...]:
    """The integrations that show no trouble: no incident, and nothing odd that is believed."""
    odd = {one.integration_id for one in house.ledger.all_kept(Sighting, state="live") if one.is_confirmed}
    return tuple(one.id for one in house.configuration.integrations if one.id not in {*ailing, *odd})


def hold(house: House) -> tuple[Cascade, ...]:
    """Hold what depends on an origin that ails, and let go what waits for nothing any more."""
    standing = find_cascades(house)
    waits_for = {name: one for one in standing for name in one.held}
    changed = [
        turned
        for incident in house.ledger.incidents(active_only=True)
        if (turned := turn(incident, waits_for.get(incident.integration_id), house.clock.now())) is not incident
    ]
    if changed:
        with house.ledger.change("cascade", house.clock.now()) as change:
            for incident in changed:
                change.save_incident(incident)
    return standing


def turn(incident: Incident, waits_for: Cascade | None, at: datetime) -> Incident:
    """The incident, held or let go; the same object when nothing changes."""
    held_by = waits_for.origin if waits_for else None
    if held_by == incident.held_by:
        return incident
    if waits_for is None:
        return incident.note(at, f"No longer held: {incident.held_by} is not what it waits for", held_by=None)
    says = f"Held: impacted by {waits_for.origin}; {waits_for.leads} is diagnosed and told for all"
    return incident.note(at, says, held_by=held_by)
