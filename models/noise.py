"""Noise: rules that speak often, and of which nearly everything goes away before anybody does anything.

A *rule* is who spoke (a detector, a watch), of what kind of thing, at which integration. What goes away by itself
every time teaches people to look away (Google SRE, *Site Reliability Engineering*, chapter 6: a page must be
actionable). Blips that were never told disturb nobody and do not count.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from statistics import median
from typing import NamedTuple

from pydantic import NonNegativeFloat, NonNegativeInt

from models.alert import Alert
from models.incident import UNUSUAL, Incident, State
from models.noun import Noun
from models.sighting import Sighting

FEWEST, SHARE = 20, 0.9  # so many spells that are over, and so many of them by themselves (spec: features, G01)
INCIDENT = "incident"


class Rule(NamedTuple):
    """Who spoke of what, and where."""

    by: str  # a detector, a watch, or `incident` for failing and slow calls
    of: str  # the kind of metric, the watch's subject, or the incident's symptom
    integration_id: str


class Record(Noun):
    """How a rule fared."""

    rule: Rule
    spoke: NonNegativeInt  # spells that were told
    over: NonNegativeInt  # … of which so many are over
    alone: NonNegativeInt  # … and so many of these went away without anybody's doing
    median_life_s: NonNegativeFloat | None = None  # of spells that are over

    @property
    def share(self) -> float | None:
        """Of the spells that are over, how many went away by themselves; None: none is over."""
        return self.alone / self.over if self.over else None

    @property
    def is_noisy(self) -> bool:
        """Whether it disturbs more than it helps."""
        return self.over >= FEWEST and self.alone >= SHARE * self.over


class Spells(NamedTuple):
    """What one sighting, alert or incident adds to its rule."""

    rule: Rule
    spoke: int
    over: int
    alone: int
    lives_s: tuple[float, ...]


def records(
    sightings: Iterable[Sighting] = (),
    alerts: Iterable[Alert] = (),
    incidents: Iterable[Incident] = (),
    acted: Collection[str] = (),
) -> tuple[Record, ...]:
    """How each rule fared, the noisiest first.

    Args:
        sightings: those that were told, live or over.
        alerts: all that are known; what is LOW is sent to nobody, and does not count.
        incidents: of failing or slow calls; those of sightings are counted as sightings.
        acted: the incidents in which a remedy was carried out.
    """
    together: dict[Rule, list[Spells]] = {}
    several = (of_sightings(sightings), of_alerts(alerts), of_incidents(incidents, acted))
    for one in (spells for kind in several for spells in kind):
        together.setdefault(one.rule, []).append(one)
    found = (summed(rule, spells) for rule, spells in together.items())
    return tuple(sorted(found, key=lambda one: (not one.is_noisy, -one.alone, -one.spoke, one.rule)))


def summed(rule: Rule, spells: Iterable[Spells]) -> Record:
    """All spells of one rule."""
    known = tuple(spells)
    lives = [life for one in known for life in one.lives_s]
    return Record(
        rule=rule,
        spoke=sum(one.spoke for one in known),
        over=sum(one.over for one in known),
        alone=sum(one.alone for one in known),
        median_life_s=median(lives) if lives else None,
    )


def of_sightings(sightings: Iterable[Sighting]) -> Iterable[Spells]:
    """Each that was told counts for every detector that spoke of it."""
    for one in sightings:
        if one.notified_at is None:
            continue
        over = one.times - one.is_confirmed
        lives = () if one.is_confirmed else (one.life.total_seconds(),)
        for name in one.detectors:
            rule = Rule(name, one.series.metric, one.integration_id)
            yield Spells(rule, one.times, over, min(one.self_resolved, over), lives)


def of_alerts(alerts: Iterable[Alert]) -> Iterable[Spells]:
    """Each that is sent to somebody."""
    for one in alerts:
        if one.is_notified:
            rule, over = Rule(one.watch, one.finding.subject, one.integration_id), one.times - one.stands
            yield Spells(rule, one.times, over, min(one.self_resolved, over), one.lives_s)


def of_incidents(incidents: Iterable[Incident], acted: Collection[str]) -> Iterable[Spells]:
    """Each that was confirmed; a suspicion that went away disturbed nobody."""
    for one in incidents:
        if one.symptom == UNUSUAL or not any(moment.state is State.OPEN for moment in one.moments):
            continue
        over = not one.is_active
        ended = one.restored_at or one.resolved_at or one.updated_at
        lives = ((ended - one.started_at).total_seconds(),) if over and ended >= one.started_at else ()
        yield Spells(
            Rule(INCIDENT, one.symptom, one.integration_id), 1, int(over), int(over and one.id not in acted), lives
        )
