"""Cascade: several integrations that fail because of one thing, with where it began and in which order it spread.

What ails at about the same time and stands on one another, or on the same thing, is one trouble. Its origin is the
earliest, most upstream node that is consistent with the graph (`models.origin.trace`); something that several share and
nobody measures (an identity provider, a line, a name server) is the origin when all that depend on it ail and nobody
who depends on it is well. Whatever is not the origin is held: healing a dependent cannot help.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, NamedTuple

from pydantic import AwareDatetime, Field, NonNegativeFloat

from models.dependency import OUR_NETWORK, TOGETHER, Dependencies
from models.incident import family
from models.noun import Noun
from models.origin import Ailing, trace
from models.reading import Identifier, Outcome
from models.wording import counted, span

SEVERAL = 2  # integrations that make a cascade; one by itself is an incident


class Hit(Noun):
    """One integration of a cascade."""

    integration_id: Identifier
    began: AwareDatetime
    lag_s: NonNegativeFloat  # behind the first


class Cascade(Noun):
    """One trouble of several integrations."""

    origin: str  # an integration's id, or what several share
    leads: Identifier  # the integration that is diagnosed and told for all: the origin, or the first that was hit
    hits: Annotated[tuple[Hit, ...], Field(min_length=SEVERAL)]  # the first to fail, first
    reasons: tuple[str, ...] = ()

    @property
    def began(self) -> datetime:
        """When the first of them failed."""
        return self.hits[0].began

    @property
    def held(self) -> tuple[str, ...]:
        """The integrations that wait for the origin."""
        return tuple(hit.integration_id for hit in self.hits if hit.integration_id != self.leads)

    @property
    def says(self) -> str:
        """E.g. `4 integrations are impacted by host idp.example.org: a; 40 s later b; 80 s later c`."""
        first, *others = self.hits
        order = "; ".join([first.integration_id, *(f"{span(hit.lag_s)} later {hit.integration_id}" for hit in others)])
        return f"{counted(len(self.hits), 'integration')} impacted by {self.origin}: {order}"


class Ailment(NamedTuple):
    """What ails one integration."""

    began: datetime
    symptom: str = ""  # the family of its failures, `models.incident.symptom_of`; empty: not told


def cascades(
    known: Dependencies, ailing: Mapping[str, Ailment], well: Iterable[str], within_s: float = 0.0
) -> tuple[Cascade, ...]:
    """Every cascade that stands now, the oldest first.

    Args:
        known: who depends on what.
        ailing: what ails each integration, and since when.
        well: integrations that are watched and show no trouble.
        within_s: onsets no farther apart are equal, e.g. the pace of probes.
    """
    healthy = frozenset(well) - ailing.keys()
    found: list[Cascade] = []
    for names in _spells(ailing):
        spell = _Spell(known, {name: ailing[name] for name in names}, healthy)
        for together in spell.groups():
            part = _Spell(known, {name: ailing[name] for name in together}, healthy)
            if (one := _cascade(part, within_s)) is not None:
                found.append(one)
    return tuple(found)


def _spells(ailing: Mapping[str, Ailment]) -> list[list[str]]:
    """Those that began one after another without a long pause, in that order."""
    spells: list[list[str]] = []
    last: datetime | None = None
    for name in sorted(ailing, key=lambda one: (ailing[one].began, one)):
        began = ailing[name].began
        if last is None or began - last > TOGETHER:
            spells.append([])
        spells[-1].append(name)
        last = began
    return [spell for spell in spells if len(spell) >= SEVERAL]


class _Spell:
    """Integrations that ail at about the same time, the first to fail first."""

    def __init__(self, known: Dependencies, ailing: Mapping[str, Ailment], healthy: frozenset[str]) -> None:
        self.known, self.ailing, self.healthy = known, ailing, healthy
        self.order = sorted(ailing, key=lambda name: (ailing[name].began, name))
        self.below = {name: frozenset(known.below(name)) for name in (*self.order, *healthy)}
        self.suspected = self._suspected()

    def _suspected(self) -> dict[str, frozenset[str]]:
        """What several share that may be why, with those that it explains.

        Nobody who depends on it is well, and at least two of those who do ail of the same: two of whom one is refused
        a log-in and the other gets no answer do not have one trouble.
        """
        shared = {name for one in self.order for name in self.below[one]} - self.ailing.keys() - self.healthy
        found: dict[str, frozenset[str]] = {}
        for name in shared:
            on = [one for one in self.order if name in self.below[one]]
            if any(name in self.below[one] for one in self.healthy):
                continue
            symptoms = Counter(self.ailing[one].symptom for one in on if can_cause(name, self.ailing[one].symptom))
            most, many = max(symptoms.items(), key=lambda pair: (pair[1], pair[0]), default=("", 0))
            if many >= SEVERAL:
                found[name] = frozenset(one for one in on if self.ailing[one].symptom == most)
        return found

    def reached(self, one: str) -> set[str]:
        """Itself, those that ail and that it stands on, and what may be why."""
        why = {name for name, explained in self.suspected.items() if one in explained}
        return {one, *why, *(name for name in self.below[one] if name in self.ailing)}

    def groups(self) -> list[list[str]]:
        """Those that stand on one another, or on something that may be why; each of several."""
        groups: list[tuple[list[str], set[str]]] = []
        for one in self.order:
            reached = self.reached(one)
            joined = [group for group in groups if group[1] & reached]
            members = [*(name for group in joined for name in group[0]), one]
            nodes = reached.union(*(group[1] for group in joined))
            groups = [group for group in groups if group not in joined] + [(members, nodes)]
        return [members for members, _ in groups if len(members) >= SEVERAL]


def can_cause(shared: str, symptom: str) -> bool:
    """Whether trouble of something shared can look like this: a line or a name server refuses nobody a log-in."""
    if shared == OUR_NETWORK or shared.startswith("name server "):
        return symptom in {"", family(Outcome.TIMEOUT)}
    return True


def _cascade(spell: _Spell, within_s: float) -> Cascade | None:
    order, ailing = spell.order, spell.ailing
    nodes = {*order, *spell.suspected, *spell.healthy}
    graph = {name: [one for one in spell.known.below(name) if one in nodes] for name in nodes}  # looks through the rest
    seen = {name: Ailing(surprise=1.0, began_s=one.began.timestamp()) for name, one in ailing.items()}
    ranked = trace(graph, seen | {name: Ailing() for name in spell.healthy}, within_s=within_s)
    origin = _origin(spell, ranked[0].node)
    if origin is None:
        return None
    first = ailing[order[0]].began
    return Cascade(
        origin=origin,
        leads=origin if origin in ailing else order[0],
        hits=tuple(
            Hit(integration_id=name, began=ailing[name].began, lag_s=(ailing[name].began - first).total_seconds())
            for name in order
        ),
        reasons=next((one.reasons for one in ranked if one.node == origin), ()),
    )


def _origin(spell: _Spell, traced: str) -> str | None:
    """The integration that all others stand on, else what most of them share; None: nothing explains two of them.

    Of what equally many share, the narrower one is meant: an identity provider rather than our own network, on which
    everything stands.
    """
    order = spell.order
    if traced in order and all(traced in spell.below[other] for other in order if other != traced):
        return traced
    reach = {name: len(explained) for name, explained in spell.suspected.items()}
    shared = sorted(reach, key=lambda name: (-reach[name], len(spell.known.dependents(name)), name))
    if shared and shared[0] != OUR_NETWORK:
        return shared[0]
    narrower = next((name for name in shared[1:] if reach[name] == len(order)), None)
    explains = any(traced in spell.below[one] for one in order if one != traced)
    return narrower or next(iter(shared), None) or (traced if explains else None)
