"""Sightings: what was odd in this cycle beside what was odd before, kept in the ledger in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from models.alert import Alert
from models.anomaly import Anomaly, Severity
from models.group import Group
from models.incident import Incident
from models.series import Series
from models.sighting import Sighting, turned
from models.unusual import alert_of
from tasks.groups import says, whose
from tasks.house import House
from tasks.ledger import Change

if TYPE_CHECKING:
    from models.noise import Record
    from models.panel import Panel, Verdicts

EVER = datetime.min.replace(tzinfo=UTC)
KEPT_FOR = timedelta(days=90)  # those that are over: what is noisy shows within a quarter of a year
MATERIAL = (
    "stage",
    "cleared_at",
    "is_over",
    "flapping",
    "severity",
    "by_itself",
    "anomaly_id",
    "incident_id",
    "alert_id",
)


class Judgement(NamedTuple):
    """What the detectors said of one panel, in figures and in words."""

    panel: Panel
    verdicts: Mapping[str, Verdicts]
    found: Mapping[str, Sequence[Anomaly]]  # by integration

    @property
    def anomalies(self) -> dict[tuple[str, str], Anomaly]:
        """By integration and series key."""
        return {(one.integration_id, one.metric): one for several in self.found.values() for one in several}


def keep_sightings(house: House, judgements: Iterable[Judgement], groups: Sequence[Group] = ()) -> tuple[Sighting, ...]:
    """The live sightings after one more cycle; everything that changed is one transaction.

    Args:
        house: whose ledger it is.
        judgements: one for each panel of the cycle.
        groups: which of the series that speak belong together.
    """
    ledger, now = house.ledger, house.clock.now()
    known = ledger.all_kept(Sighting, state="live")
    acted, together, sentences = acted_since(house, known), whose(groups), says(groups)
    changed: dict[str, Sighting] = {}
    told: dict[tuple[str, str], Anomaly] = {}
    unseen = {one.series: one for one in known}
    for judgement in judgements:
        one_pace, anomalies = turn(judgement, now, unseen, acted, together)
        changed |= {one.id: one for one in one_pace}
        told |= anomalies
        for series in judgement.panel.series:
            unseen.pop(series, None)
    changed |= {one.id: one for one in turned(unseen.values(), (), now, judged=lambda _: False)}
    after = {one.id: one for one in known} | changed
    after = {name: described(one, told, sentences, now) for name, one in after.items()}
    return tuple(write(house, known, linked(house, after.values()), now))


def turn(
    judgement: Judgement,
    now: datetime,
    known: Mapping[Series, Sighting],
    acted: Mapping[str, datetime],
    groups: Mapping[Series, str],
) -> tuple[tuple[Sighting, ...], dict[tuple[str, str], Anomaly]]:
    """One panel's cycle: what changed, and the words for what speaks."""
    from models.signs import judged_in, signs_of  # noqa: PLC0415  # numpy, only where something was judged

    panel, anomalies = judgement.panel, judgement.anomalies

    def severity(series: Series) -> Severity:
        found = anomalies.get((series.integration_id, series.key))
        return found.severity if found else Severity.LOW

    signs = signs_of(panel, judgement.verdicts, severity)
    mine = [known[series] for series in panel.series if series in known] if known else []
    changed = turned(
        mine,
        signs,
        now,
        timedelta(seconds=panel.every_s),
        judged=judged_in(panel, judgement.verdicts) if mine or signs else lambda _: True,
        groups=groups,
        acted=acted,
    )
    return changed, anomalies


def described(
    one: Sighting, told: Mapping[tuple[str, str], Anomaly], together: Mapping[Series, str], now: datetime
) -> Sighting:
    """With the words of this cycle, where there are any; they are its own from when it is odd."""
    anomaly = told.get((one.integration_id, one.series.key))
    if anomaly is None or not one.stands or now - one.odd_at > one.every:
        return one
    words = {"anomaly": anomaly.model_copy(update={"id": one.anomaly_id})}
    return one.model_copy(update=words | {"together": together.get(one.series, one.together)})


def linked(house: House, sightings: Iterable[Sighting]) -> list[Sighting]:
    """With the alert that tells of the same condition, while one stands that nobody was told of by an incident."""
    some = list(sightings)
    if not any(one.is_confirmed for one in some):
        return some
    alerts = house.ledger.all_kept(Alert, state="raised")
    return [one.model_copy(update={"alert_id": link(one, alerts)}) if one.is_confirmed else one for one in some]


def link(one: Sighting, alerts: Iterable[Alert]) -> str | None:
    """The alert's id; whoever was called by the incident first stays with it."""
    if one.incident_id is not None:
        return one.alert_id
    alert = alert_of(one, alerts)
    return alert.id if alert else None


def write(house: House, known: Iterable[Sighting], after: Iterable[Sighting], now: datetime) -> list[Sighting]:
    """Keep what changed, number what is confirmed, forget what was a blip; returns those that are live."""
    before = {one.id: one for one in known}
    changed = [one for one in after if one != before.get(one.id)]
    live = {one.id: one for one in after if not one.is_over}
    if not changed:
        return list(live.values())
    ids = {
        (incident.integration_id, anomaly.metric): anomaly.id
        for incident in house.ledger.incidents(active_only=True)
        for anomaly in incident.anomalies
    }
    with house.ledger.change("monitor", now) as change:
        for one in changed:
            if one.is_over and not one.was_confirmed:
                if one.id in before:
                    change.forget(Sighting, one.id)
                continue
            kept = numbered(change, one, ids)
            change.keep(kept, audited=is_material(before.get(one.id), kept))
            if kept.id in live:
                live[kept.id] = kept
        if any(one.is_over for one in changed):
            change.forget_before(Sighting, "over", now - KEPT_FOR)
    return list(live.values())


def numbered(change: Change, one: Sighting, ids: Mapping[tuple[str, str], str | None]) -> Sighting:
    """With its id, ANM-YYYY-MM-DD-NNN, from when it is confirmed; the one that an incident gave it already stays."""
    if one.anomaly_id is not None or not one.is_confirmed:
        return one
    number = ids.get((one.integration_id, one.series.key)) or change.next_id("ANM", one.opened_at)
    anomaly = one.anomaly.model_copy(update={"id": number}) if one.anomaly else None
    return one.model_copy(update={"anomaly_id": number, "anomaly": anomaly})


def is_material(before: Sighting | None, after: Sighting) -> bool:
    """Whether more changed than figures and one more cycle."""
    if before is None:
        return after.is_confirmed
    return any(getattr(before, name) != getattr(after, name) for name in MATERIAL)


def acted_since(house: House, known: Iterable[Sighting]) -> dict[str, datetime]:
    """When a remedy was last carried out, by integration, since the oldest of these began."""
    confirmed = [one.opened_at for one in known if one.is_confirmed]
    if not confirmed:
        return {}
    actions = house.ledger.actions_since(min(confirmed))
    return {one.integration_id: one.executed_at for one in actions if one.executed_at is not None}


def of_incident(change: Change, incident: Incident, sightings: Iterable[Sighting]) -> None:
    """Say of what is told now that this incident tells of it."""
    for one in sightings:
        if one.integration_id == incident.integration_id and one.is_confirmed and one.incident_id != incident.id:
            change.keep(one.model_copy(update={"incident_id": incident.id}))


def named(found: Sequence[Anomaly], sightings: Iterable[Sighting]) -> list[Anomaly]:
    """The anomalies with the ids of their sightings, where they have one."""
    ids = {(one.integration_id, one.series.key): one.anomaly_id for one in sightings if one.anomaly_id}
    return [one.model_copy(update={"id": ids.get((one.integration_id, one.metric))}) for one in found]


def records_of(house: House) -> tuple[Record, ...]:
    """How each rule fared, as far as the ledger remembers."""
    from models.noise import records  # noqa: PLC0415  # only where it is asked

    ledger = house.ledger
    incidents = ledger.incidents()
    acted = {one.incident_id for one in ledger.actions_since(EVER)} if incidents else set[str]()
    return records(ledger.all_kept(Sighting), ledger.all_kept(Alert), incidents, acted)
