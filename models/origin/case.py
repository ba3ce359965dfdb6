"""Case: one abnormal spell of a system, beside how it usually is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

import numpy as np

from models.panel import Floats, Ints

LATENCY, AVAILABILITY, REQUESTS = "latency", "availability", "requests"
BEFORE = 10  # usual rows just before a spell that it is compared with; and so many rows away is still just before
FEWEST = 3  # usual values of a series of which something can be said at all
ADDS_UP = ("average", "mean", "avg")  # times the number of requests it is a sum; a percentile is not

Graph = Mapping[str, Collection[str]]
"""For each caller, whom it calls: what it depends on. Cycles are allowed, a node without calls may be left out."""


class Kind(StrEnum):
    """What a metric tells, by the words that its name has."""

    LATENCY = "latency"  # how long a node took: trouble is higher
    OF_CALLEES = "of callees"  # what it saw of those it calls, e.g. client latency: no evidence against itself
    SUCCESS = "success"  # trouble is lower
    FAILURE = "failure"  # trouble is higher
    LOAD = "load"  # how much it was asked: its callers' doing
    OTHER = "other"  # processor, memory, bytes: either way

    @property
    def side(self) -> int:
        """+1: trouble is higher, −1: lower, 0: either."""
        return {Kind.LATENCY: 1, Kind.FAILURE: 1, Kind.SUCCESS: -1}.get(self, 0)


WORDS = {  # the first that a name has decides; client and server as OpenTelemetry says, upstream as Envoy
    Kind.OF_CALLEES: ("client", "upstream", "outbound"),
    Kind.LATENCY: ("latency", "duration", "response time", "response_time"),
    Kind.SUCCESS: ("availability", "success"),
    Kind.FAILURE: ("error", "fail", "fault"),
    Kind.LOAD: ("requests", "workload", "throughput"),
}


def kind_of(metric: str) -> Kind:
    """What a metric tells.

    >>> [kind_of(name).value for name in ("PodServerLatency", "http.client.duration", "MemoryUsage")]
    ['latency', 'of callees', 'other']
    """
    name = metric.lower()
    return next((kind for kind, words in WORDS.items() if any(word in name for word in words)), Kind.OTHER)


class Column(NamedTuple):
    """One series of a case."""

    node: str
    metric: str  # e.g. `latency`, `availability`, `requests`, or any other
    statistic: str = "Average"  # e.g. `Average`, `p95`, `Sum`


@dataclass(frozen=True)
class Case:
    """n series in T usual and w abnormal rows of equal length in time, oldest first.

    `requests` are counts of a row; without them each node weighs alike, which is right where we ask every node
    equally often ourselves. Units are free: a share and a percentage, seconds and milliseconds give the same answer.
    """

    graph: Graph
    columns: tuple[Column, ...]  # n
    normal: Floats  # (T, n); NaN: no data
    abnormal: Floats  # (w, n)
    ends_s: Floats  # (w,) unix seconds, of each abnormal row
    target: str | None = None  # whose trouble is to be explained; None: that of all
    metric: str = LATENCY  # of the target
    statistic: str = "Average"  # of the target's metric; an average is taken instead where it was measured, it adds up
    began_s: Mapping[str, float] = field(default_factory=dict)  # onsets that are known better than rows tell
    normal_s: Floats = field(default_factory=lambda: np.empty(0))  # (T,) of each usual row; empty: long ago

    @cached_property
    def nodes(self) -> tuple[str, ...]:
        """Every node of the graph, then those that were only measured; in the order in which they came."""
        called = [name for caller, callees in self.graph.items() for name in (caller, *callees)]
        target = () if self.target is None else (self.target,)
        return tuple(dict.fromkeys([*self.graph, *called, *(one.node for one in self.columns), *target]))

    @cached_property
    def rows(self) -> Mapping[str, Ints]:
        """Indices of the series of each node."""
        found: dict[str, list[int]] = {name: [] for name in self.nodes}
        for at, one in enumerate(self.columns):
            found[one.node].append(at)
        return {name: np.array(several, dtype=np.int64) for name, several in found.items()}

    def column(self, node: str, metric: str, *statistics: str) -> int | None:
        """Index of a node's series of a metric: of the first of these statistics that it has, or of any."""
        mine = [int(at) for at in self.rows[node] if self.columns[at].metric == metric]
        wanted = [at for one in statistics for at in mine if self.columns[at].statistic.lower() == one.lower()]
        return next(iter([*wanted, *mine]), None)

    @property
    def before(self) -> Floats:
        """(k, n) the usual rows just before the spell, at most BEFORE; none where nothing usual is so near."""
        if not len(self.normal_s) or not len(self.ends_s):
            return self.normal[:0]
        ahead = np.flatnonzero(self.normal_s < self.ends_s[0])[-BEFORE:]
        is_near = len(ahead) >= FEWEST and self.ends_s[0] - self.normal_s[ahead[-1]] <= BEFORE * self.row_s
        return self.normal[ahead] if is_near else self.normal[:0]

    @property
    def row_s(self) -> float:
        """Seconds between abnormal rows; 0 for one row."""
        steps = np.diff(self.ends_s)
        return float(np.median(steps)) if len(steps) else 0.0
