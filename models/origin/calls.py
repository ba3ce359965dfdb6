"""Calls: the graph of who calls whom, as far as it was observed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from math import inf

from models.origin.case import Graph


class Calls:
    """The graph between nodes that were observed; what was not is passed through, and remembered as a gap."""

    def __init__(self, graph: Graph, observed: Collection[str]) -> None:
        self.graph = graph
        self.observed = observed
        self._callees: dict[str, tuple[str, ...]] = {}
        self._below: dict[str, frozenset[str]] = {}

    def callees(self, node: str) -> tuple[str, ...]:
        """The observed nodes that it calls, if only through ones that were not observed."""
        if node not in self._callees:
            self._callees[node] = tuple(name for name in self._walk(node, through=True) if name in self.observed)
        return self._callees[node]

    def below(self, node: str) -> frozenset[str]:
        """Everything that it depends on, however far; itself only where calls go in a circle."""
        if node not in self._below:
            self._below[node] = frozenset(self._walk(node, through=False))
        return self._below[node]

    def in_circle(self, one: str, other: str) -> bool:
        """Whether each depends on the other: then neither is upstream."""
        return one in self.below(other) and other in self.below(one)

    def unobserved(self, caller: str, node: str) -> tuple[str, ...]:
        """What lies on a shortest way from a caller to a node and was not observed."""
        before: dict[str, str] = {}
        waiting = [caller]
        for name in waiting:
            for callee in self.graph.get(name, ()):
                if callee not in before and callee != caller:
                    before[callee] = name
                    waiting.append(callee)
        way, at = [], before.get(node)
        while at is not None and at != caller:
            way.append(at)
            at = before.get(at)
        return tuple(name for name in reversed(way) if name not in self.observed)

    def widths(self, target: str, width: Mapping[str, float]) -> dict[str, float]:
        """For each node that a target depends on, how much can reach the target: the narrowest of the best way.

        Nodes without a width let everything through.
        """
        found = {target: inf}
        waiting = [target]
        for name in waiting:
            through = min(found[name], width.get(name, inf))
            for callee in self.graph.get(name, ()):
                if through > found.get(callee, -inf):
                    found[callee] = through
                    waiting.append(callee)
        return found

    def _walk(self, node: str, *, through: bool) -> Iterator[str]:
        """What it calls, nearest first; `through` stops at what was observed."""
        seen, waiting = set[str](), list(self.graph.get(node, ()))
        for name in waiting:
            if name in seen or (through and name == node):
                continue
            seen.add(name)
            yield name
            if not through or name not in self.observed:
                waiting.extend(self.graph.get(name, ()))
