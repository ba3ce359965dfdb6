"""Loss: what may be said about lost data. "No data loss" is a claim of counts: expected = delivered + quarantined."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum

from models.gap import Gap, GapState, Unit
from models.gap_tables import figures, named
from models.story import Backlog
from models.wording import counted, one_line

MOST_NAMED = 3  # gaps; the others are counted


class Loss(StrEnum):
    """What the counts say."""

    NONE = "none"  # all that was expected is accounted for
    OPEN = "open"  # something waits
    VOUCHED = "vouched"  # a person's word stands where counts should
    LOST = "lost"  # a read that failed was never made up for, and waits no more


def loss_of(backlog: Backlog, gaps: Iterable[Gap]) -> Loss | None:
    """What may be said; None: nothing was ever missed."""
    known = tuple(gaps)
    if not backlog.queued and not known:
        return None
    if backlog.waiting or any(gap.holds for gap in known):
        return Loss.OPEN
    if backlog.is_complete and all(gap.is_proven for gap in known):
        return Loss.NONE
    return Loss.LOST if all(gap.is_proven for gap in known) else Loss.VOUCHED


def loss_lines(backlog: Backlog, gaps: Sequence[Gap], timezone: str, as_of: datetime) -> Iterator[str]:
    """The same for a card: what became of all that was missed. No claim without a count."""
    loss = loss_of(backlog, gaps)
    if loss is Loss.NONE:
        yield f"✅ No data loss - {'; '.join(proofs(backlog, gaps))}"
        return
    if backlog.waiting:
        yield (
            f"⏳ {backlog.waiting} of {backlog.queued} queued reads still wait to be processed "
            f"({backlog.processed} done)"
        )
    elif not backlog.is_complete:
        lost = backlog.queued - backlog.processed
        yield f"⚠️ {lost} of {backlog.queued} queued reads could not be processed"
    if holding := [gap for gap in gaps if gap.holds]:
        yield f"⏳ {counted(len(holding), 'gap')} not closed: {listed(holding, timezone, as_of)}"
    if vouched := [gap for gap in gaps if gap.state is GapState.VOUCHED]:
        words = "; ".join(f"{named(gap, timezone, as_of)} by {gap.words[-1].by}" for gap in vouched[:MOST_NAMED])
        yield one_line(f"⚠️ {counted(len(vouched), 'gap')} closed on a person's word, not by counts: {words}")


def proofs(backlog: Backlog, gaps: Iterable[Gap]) -> Iterator[str]:
    """Each claim with its counts; reads are counted once, however many kinds of data they carry."""
    if backlog.queued:
        yield f"{backlog.processed} of {backlog.queued} queued reads processed"
    by_unit = {unit: [gap for gap in gaps if gap.unit is unit] for unit in Unit}
    for unit, done in ((Unit.RECORDS, "reconciled"), (Unit.MESSAGES, "delivered")):
        if some := by_unit[unit]:
            aside = sum(gap.quarantined for gap in some)
            yield (
                f"{sum(gap.delivered for gap in some)} of {sum(gap.expected or 0 for gap in some)} {unit} {done}"
                + (f", {aside} in quarantine" if aside else "")
            )
    if not backlog.queued and (some := by_unit[Unit.READS]):
        yield "; ".join(map(figures, some))


def listed(gaps: Sequence[Gap], timezone: str, as_of: datetime) -> str:
    """The first of them by name with their counts, and how many more there are."""
    told = [f"{named(gap, timezone, as_of)} ({figures(gap)})" for gap in gaps[:MOST_NAMED]]
    more = [f"and {len(gaps) - MOST_NAMED} more"] if len(gaps) > MOST_NAMED else []
    return ", ".join([*told, *more])
