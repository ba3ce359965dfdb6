"""Words: why a node is a suspect, or is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from models.origin.case import AVAILABILITY
from models.wording import span, whole_percent

if TYPE_CHECKING:
    from models.origin.trace import Finding

NAMED = 3  # more names than these are only counted


def reasons(found: Finding, node: str, began: Mapping[str, float]) -> tuple[str, ...]:
    """What speaks for a node and against it, in the order in which one wants to know."""
    return tuple(_reasons(found, node, began))


def _reasons(found: Finding, node: str, began: Mapping[str, float]) -> Iterator[str]:
    one = found.ailing.get(node)
    if one is None:
        yield "not measured, or nothing usual is known of it"
        return
    yield from one.says
    if not one.says:
        yield "nothing unusual was measured"
    part = found.share.get(node, 0.0)
    if part > 0:
        what = "failed requests" if found.kind == AVAILABILITY else "extra time"
        yield f"{whole_percent(part)} of the {what} of {found.target or 'all'} arises here, not in what it calls"
    ills = [name for name in found.calls.callees(node) if found.ailing[name].surprise > 0]
    if part <= 0 < one.surprise and found.gap.get(node, 0.0) < one.surprise and ills:
        yield f"explained by {_names(ills)}, which it calls"
    if part > 0 or found.gap.get(node, 0.0) > 0:
        yield from _explains(found, node)
        unknown = [name for name in found.calls.graph.get(node, ()) if name not in found.ailing]
        if unknown:
            yield f"it calls {_names(unknown)}, of which nothing is known: the trouble may have come from there"
    if node in began:
        behind = began[node] - min(began.values())
        yield f"began {span(behind)} after the first" if behind > 0 else "nothing began earlier"
    if found.target not in {None, node} and node not in found.calls.below(found.target or ""):
        yield f"{found.target} does not depend on it, as far as the graph tells"


def _explains(found: Finding, node: str) -> Iterator[str]:
    """Which callers ail of it, and what between them was not observed."""
    ill = [name for name, one in found.ailing.items() if one.surprise > 0 and name != node]
    callers = [name for name in ill if node in found.calls.below(name)]
    if callers:
        yield f"explains {_names(callers)}, which depend{'s' if len(callers) == 1 else ''} on it"
    direct = [name for name in callers if node in found.calls.callees(name)]
    hidden = list(dict.fromkeys(gap for name in direct for gap in found.calls.unobserved(name, node)))
    if hidden:
        yield f"nearest that was observed: {_names(hidden)} between it and {_names(direct)} was not"


def _names(names: list[str]) -> str:
    if len(names) <= NAMED:
        return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    return f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more"
