"""Dependency: what integrations stand on and have in common, so that what ails many of them may be one thing.

A graph of edges from each integration to what it depends on: what somebody declared (`depends_on:`), what its settings
name (hosts, name servers, our own network), and what was learned because one fails again and again shortly after
another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from pydantic import NonNegativeFloat, NonNegativeInt

from models.integration import Contacts, Importance, Integration
from models.noun import Noun
from models.reading import Identifier

OUR_NETWORK = "our own network"
TOGETHER = timedelta(minutes=10)  # from one onset to the next: through queues and time-outs trouble takes minutes
ANY_VENDOR = Contacts.model_fields["vendor"].default  # nobody in particular was named


def depends_on(integrations: Iterable[Integration]) -> Mapping[str, frozenset[str]]:
    """For each integration, the names of what it depends on, in words that follow "that share"."""
    return {one.id: frozenset(_names(one)) for one in integrations}


def _names(one: Integration) -> Iterator[str]:
    yield OUR_NETWORK
    yield f"the kind of system {one.kind}"
    if one.contacts.vendor != ANY_VENDOR:
        yield f"the vendor {one.contacts.vendor}"
    yield from (f"the name server {address}" for address in one.resolvers)
    yield from (f"the host {host}" for host in hosts(one))


def hosts(one: Integration) -> frozenset[str]:
    """The hosts that its settings name, whichever they are called: `base_url`, `token_url`, `host`."""
    texts = {name: value for name, value in one.settings.items() if isinstance(value, str)}
    urls = (urlsplit(value).hostname for name, value in texts.items() if name.endswith("url"))
    return frozenset({host.lower() for host in (*urls, texts.get("host")) if host})


class Why(StrEnum):
    """How an edge is known."""

    DECLARED = "declared"
    SETTINGS = "settings"
    LEARNED = "learned"


class Edge(Noun):
    """One integration depends on something: another integration, or what several share."""

    dependent: Identifier
    dependency: str
    why: Why
    times: NonNegativeInt = 0  # of a learned one: how often it failed shortly after
    lag_s: NonNegativeFloat | None = None  # … and how long after, in the median


class Dependencies(Noun):
    """The graph."""

    edges: tuple[Edge, ...]

    @property
    def graph(self) -> dict[str, tuple[str, ...]]:
        """For each dependent, what it depends on; what depends on nothing is left out."""
        below: dict[str, list[str]] = {}
        for edge in self.edges:
            if edge.dependency not in below.setdefault(edge.dependent, []):
                below[edge.dependent].append(edge.dependency)
        return {name: tuple(several) for name, several in below.items()}

    def dependents(self, of: str) -> tuple[str, ...]:
        """Who depends on it directly."""
        return tuple(dict.fromkeys(edge.dependent for edge in self.edges if edge.dependency == of))

    def below(self, name: str) -> tuple[str, ...]:
        """Everything that it depends on, directly or not, the nearest first; itself is not among it."""
        graph, found, left = self.graph, dict[str, None](), [name]
        while left:
            for other in graph.get(left.pop(0), ()):
                if other not in found and other != name:
                    found[other] = None
                    left.append(other)
        return tuple(found)


def dependencies(integrations: Iterable[Integration], learned: Iterable[Edge] = ()) -> Dependencies:
    """The graph of these integrations: declared, named in settings, and learned; each edge once, by its best reason."""
    every = tuple(integrations)
    edges = [edge for one in every for edge in (*_declared(one), *_of_settings(one))]
    known = {(edge.dependent, edge.dependency) for edge in edges}
    more = [edge for edge in learned if (edge.dependent, edge.dependency) not in known]
    first: dict[tuple[str, str], Edge] = {}
    for edge in (*edges, *more):
        first.setdefault((edge.dependent, edge.dependency), edge)
    return Dependencies(edges=tuple(first.values()))


def _declared(one: Integration) -> Iterator[Edge]:
    for name in one.depends_on:
        if name != one.id:
            yield Edge(dependent=one.id, dependency=name, why=Why.DECLARED)


def _of_settings(one: Integration) -> Iterator[Edge]:
    for host in sorted(hosts(one)):
        yield Edge(dependent=one.id, dependency=f"host {host}", why=Why.SETTINGS)
    for address in one.resolvers:
        yield Edge(dependent=one.id, dependency=f"name server {address}", why=Why.SETTINGS)
    yield Edge(dependent=one.id, dependency=OUR_NETWORK, why=Why.SETTINGS)


class Path(Noun):
    """From something that a patient waits for, down to what it stands on."""

    component: str  # e.g. Prescription API
    integration_id: Identifier
    depends_on: tuple[str, ...]  # the nearest first
    probed_every_s: NonNegativeFloat
    alone: tuple[str, ...] = ()  # of these, what every critical path shares: a single point of failure


def critical_paths(integrations: Iterable[Integration], known: Dependencies) -> tuple[Path, ...]:
    """The paths of everything that is critical, with what all of them have in common."""
    every = tuple(integrations)
    paths = [
        (one, read.component, known.below(one.id))
        for one in every
        for read in one.reads
        if read.importance is Importance.CRITICAL
    ]
    common = set.intersection(*(set(below) for _, _, below in paths)) if len({p[0].id for p in paths}) > 1 else set()
    return tuple(
        Path(
            component=component,
            integration_id=one.id,
            depends_on=below,
            probed_every_s=one.probe_every.total_seconds(),
            alone=tuple(name for name in below if name in common),
        )
        for one, component, below in paths
    )
