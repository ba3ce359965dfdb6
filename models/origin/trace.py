"""Trace: from what each node shows, along the graph, to where it began."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import inf

from models.origin.calls import Calls
from models.origin.case import LATENCY, Graph
from models.origin.node import Ailing, Suspect, instant
from models.origin.words import reasons


@dataclass(frozen=True)
class Finding:
    """What is concluded of a case, node by node."""

    calls: Calls
    ailing: Mapping[str, Ailing]
    target: str | None
    kind: str  # of the target's trouble: latency or availability
    share: Mapping[str, float]  # of the target's amount, that arises in a node
    gap: Mapping[str, float]  # surprise beyond what its callees explain
    score: Mapping[str, float]


def trace(
    graph: Graph,
    ailing: Mapping[str, Ailing],
    target: str | None = None,
    *,
    nodes: Collection[str] = (),
    kind: str = LATENCY,
    within_s: float = 0.0,
) -> tuple[Suspect, ...]:
    """Every node, the likeliest origin first.

    Args:
        graph: for each caller, whom it calls; for each integration, what it depends on.
        ailing: what each observed node shows, well or ill. What is not in it was not observed: the trouble of its
            callers is looked for beyond it.
        target: whose trouble is to be explained; None: that of all.
        nodes: all of them, in the order in which equals are told; by default as the graph names them.
        kind: of the target's trouble, for words.
        within_s: onsets that are no farther apart are equal, e.g. the pace of readings.
    """
    named = [*nodes, *graph, *(name for callees in graph.values() for name in callees), *ailing]
    known = tuple(dict.fromkeys(named if target is None else [*named, target]))
    calls = Calls(graph, ailing)
    share = shares(calls, ailing, target, within_s)
    gap = gaps(calls, ailing, target, within_s)
    left, every = float(not share), sum(gap.values())
    score = {
        name: min(1.0, share.get(name, 0.0) + (left * gap.get(name, 0.0) / every if every else 0.0)) for name in known
    }
    found = Finding(calls, ailing, target, kind, share, gap, score)
    began = {name: one.began_s for name, one in ailing.items() if one.surprise > 0 and one.began_s is not None}
    first = min(began.values(), default=0.0)
    order = sorted(enumerate(known), key=lambda pair: (*_order(found, pair[1]), pair[0]))
    return tuple(
        Suspect(
            rank=rank,
            node=name,
            score=round(score[name], 4),
            reasons=reasons(found, name, began),
            began=instant(began.get(name)),
            lag_s=began[name] - first if name in began else None,
        )
        for rank, (_, name) in enumerate(order, start=1)
    )


def _order(found: Finding, name: str) -> tuple[float, ...]:
    """Best first: by score; of equals the one whose trouble is greater, then the earlier, then the deeper one."""
    one = found.ailing.get(name, Ailing())
    excess = max(0.0, (one.amount or 0.0) - one.doubt)
    is_below = found.target is None or name in found.calls.below(found.target)
    began_s = inf if one.began_s is None else one.began_s
    return (-round(found.score[name], 9), not is_below, -excess, -one.surprise, began_s, -_depth(found, name))


def _depth(found: Finding, name: str) -> float:
    """How many depend on it."""
    return sum(name in found.calls.below(other) for other in found.ailing)


def shares(calls: Calls, ailing: Mapping[str, Ailing], target: str | None, within_s: float) -> dict[str, float]:
    """What part of the target's amount arises in each node; empty where no amount is known.

    What arises in a node is its amount without what a usual spell reaches and without the amounts of what it calls.
    Of it counts what can have come to the target: no more than each caller on the way has.
    """
    counted = {name: one for name, one in ailing.items() if one.amount is not None}
    own = {name: _own(calls, counted, name, within_s) for name in counted}
    if target is not None:
        width = {name: max(0.0, (one.amount or 0.0) + one.doubt) for name, one in counted.items()}
        widths = calls.widths(target, width)
        own = {name: min(own[name], widths.get(name, 0.0)) for name in counted}
    whole = sum(own.values())
    if target in counted:
        whole = max(whole, counted[target].amount or 0.0)
    return {name: amount / whole for name, amount in own.items() if amount > 0}


def _own(calls: Calls, counted: Mapping[str, Ailing], name: str, within_s: float) -> float:
    one = counted[name]
    excess = (one.amount or 0.0) - one.doubt
    for callee in calls.callees(name):
        other = counted.get(callee)
        if other is None or (other.amount or 0.0) <= other.doubt:
            continue
        if excuses(calls, one, other, (name, callee), within_s):
            excess -= other.amount or 0.0
    return max(0.0, excess)


def excuses(calls: Calls, one: Ailing, callee: Ailing, names: tuple[str, str], within_s: float) -> bool:
    """Whether a callee may be why: it did not begin later; where calls go in a circle, it began earlier."""
    ahead = None if one.began_s is None or callee.began_s is None else one.began_s - callee.began_s
    if calls.in_circle(*names):
        return ahead is not None and ahead > within_s
    return ahead is None or ahead >= -within_s


def gaps(calls: Calls, ailing: Mapping[str, Ailing], target: str | None, within_s: float) -> dict[str, float]:
    """The surprise of each node that what it calls does not explain.

    A callee that began earlier explains all of it; one that began at the same time, or cannot be dated, as much as
    it is surprising itself: small anomalies hardly cause larger ones (Orchard et al. 2025, *Root cause analysis of
    outliers with missing structural knowledge*).
    """
    found = {name: _gap(calls, ailing, name, within_s) for name in ailing}
    if target is None:
        return found
    below = {name: gap for name, gap in found.items() if name == target or name in calls.below(target)}
    return below if any(below.values()) else found


def _gap(calls: Calls, ailing: Mapping[str, Ailing], name: str, within_s: float) -> float:
    one, explained = ailing[name], 0.0
    for callee in calls.callees(name):
        other = ailing[callee]
        if other.surprise <= 0 or not excuses(calls, one, other, (name, callee), within_s):
            continue
        earlier = one.began_s is not None and other.began_s is not None and one.began_s - other.began_s > within_s
        explained = max(explained, one.surprise if earlier else other.surprise)
    return max(0.0, one.surprise - explained)
