"""Coverage as the document publishes it: of each hop, who could tell that data arrived."""

from __future__ import annotations

from models.coverage import Coverage, Hop, HopKind, Witness
from models.report.form import Page, Probability


class HopEntry(Page):
    """One step of the way."""

    kind: HopKind
    subject: str
    weight: int
    covered: bool
    heard: tuple[Witness, ...]  # lately
    silent: tuple[Witness, ...]  # arranged, would prove something, and not heard


class CoverageEntry(Page):
    """The share of the weight of all hops that is covered, and the least observed hop."""

    seen: Probability
    arranged: Probability
    least: str | None  # `kind subject`; null: every hop is covered
    hops: tuple[HopEntry, ...]


def coverage_entry(known: Coverage | None) -> CoverageEntry | None:
    """What is known; None: nobody looked, or there are no hops."""
    if known is None or known.share is None or known.arranged is None:
        return None
    least = known.least
    return CoverageEntry(
        seen=known.share,
        arranged=known.arranged,
        least=f"{least.kind.value} {least.subject}" if least and not known.holds(least) else None,
        hops=tuple(hop_entry(known, hop) for hop in known.hops),
    )


def hop_entry(known: Coverage, hop: Hop) -> HopEntry:
    """One hop."""
    return HopEntry(
        kind=hop.kind,
        subject=hop.subject,
        weight=hop.weight,
        covered=known.holds(hop),
        heard=hop.fresh,
        silent=hop.silent,
    )
