"""Chain: who is called when a group does not answer, as `chains:` of the policy declares it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from models.noun import Noun
from models.written import Period, Text

SECOND, LATER = timedelta(minutes=10), timedelta(minutes=20)  # without an answer (spec: escalation, "Ladder")


class Link(Noun):
    """Who is called next."""

    then: Text  # a group
    after: Period | None = None  # without an answer; None: 10 min after the first, 20 min after any other


class Step(Noun):
    """One step of a call: whom it reaches, and how long after the step before."""

    groups: tuple[str, ...]
    after: timedelta


def steps(groups: Sequence[str], team: str, chains: Mapping[str, Link]) -> tuple[Step, ...]:
    """Who is called, in this order: everybody who is told at once, then whoever the chain of the acting team names."""
    found = [Step(groups=tuple(groups), after=timedelta(0))]
    for link in followed(team, chains):
        found.append(Step(groups=(link.then,), after=link.after or (SECOND if len(found) == 1 else LATER)))
    return tuple(found)


def followed(team: str, chains: Mapping[str, Link]) -> Iterator[Link]:
    """The links from a group on; a circle ends where it closes."""
    seen = {team}
    while (link := chains.get(team)) is not None and link.then not in seen:
        yield link
        seen.add(team := link.then)


def circle(group: str, chains: Mapping[str, Link]) -> tuple[str, ...]:
    """The groups of the circle on which a group stands, beginning with it; empty: it stands on none."""
    path, at = [group], group
    while (link := chains.get(at)) is not None:
        if link.then == group:
            return (*path, group)
        if link.then in path:
            return ()
        path.append(at := link.then)
    return ()
