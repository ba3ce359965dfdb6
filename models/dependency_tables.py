"""Tables of dependencies: who stands on what, the critical paths, and a cascade in the order in which it spread."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from models.cascade import Cascade
from models.dependency import OUR_NETWORK, Dependencies, Path
from models.integration import Integration
from models.tables import Told
from models.wording import span

NOTHING = "–"


def edges(known: Dependencies, integration: str | None = None) -> Told:
    """One row an edge; of one integration, also those that end at it."""
    rows = [
        (edge.dependent, edge.dependency, edge.why.value, _how_often(edge.times, edge.lag_s))
        for edge in known.edges
        if integration in {None, edge.dependent, edge.dependency}
    ]
    return Told("Dependencies", ("integration", "stands on", "known from", "how often"), rows)


def _how_often(times: int, lag_s: float | None) -> str:
    return NOTHING if lag_s is None else f"failed {span(lag_s)} after it, {times} times"


def paths(known: Sequence[Path]) -> Told:
    """One row a critical part."""
    rows = [
        (
            one.component,
            one.integration_id,
            " → ".join(f"{name} (!)" if name in one.alone else name for name in one.depends_on),
            f"every {span(one.probed_every_s)}",
        )
        for one in known
    ]
    return Told("Critical paths", ("part", "integration", "stands on; (!) all critical parts do", "probed"), rows)


def advice(known: Sequence[Path], integrations: Iterable[Integration]) -> Iterator[str]:
    """What the paths suggest."""
    critical = {one.integration_id for one in known}
    others = [one.probe_every.total_seconds() for one in integrations if one.id not in critical]
    quickest = min(others, default=None)
    slow = sorted({one.integration_id for one in known if quickest is not None and one.probed_every_s > quickest})
    if slow:
        yield f"Probed less often than what nobody waits for: {', '.join(slow)}; lower their `probe_every`."
    alone = {name for one in known for name in one.alone if name != OUR_NETWORK}
    for name in sorted(alone):
        yield f"Every critical part stands on {name}; a second way around it would help all of them."


def cascade(one: Cascade) -> Told:
    """One row an integration, the first to fail first."""
    rows = [
        (
            f"+{hit.lag_s:.0f} s",
            hit.integration_id,
            "origin"
            if hit.integration_id == one.origin
            else "told for all"
            if hit.integration_id == one.leads
            else "held",
        )
        for hit in one.hits
    ]
    return Told("Cascade", ("began", "integration", ""), rows)
