"""What the history says of itself and of the readings in it: the answers of `tasks.remember`."""

from __future__ import annotations

from pydantic import AwareDatetime, NonNegativeFloat, NonNegativeInt

from models.noun import Noun
from models.reading import Counts, Identifier, Operation


class HistoryHealth(Noun):
    """Whether the files of the history hold what their names promise."""

    files: NonNegativeInt  # whole files that readers use
    rows: NonNegativeInt  # in those files
    torn: tuple[str, ...] = ()  # names of the files that readers leave out, moved aside or not
    rows_lost: NonNegativeInt = 0  # as the names of the torn files promise

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing."""
        return not self.torn


class Compaction(Noun):
    """What one compaction did."""

    files_folded: NonNegativeInt = 0  # small files whose rows now stand in a large one
    rows_folded: NonNegativeInt = 0
    files_removed: NonNegativeInt = 0  # covered by an earlier compaction, or left by a dead process
    set_aside: tuple[str, ...] = ()  # torn files moved out of the readers' way by this run

    def plus(self, other: Compaction) -> Compaction:
        """Both together."""
        return Compaction(
            files_folded=self.files_folded + other.files_folded,
            rows_folded=self.rows_folded + other.rows_folded,
            files_removed=self.files_removed + other.files_removed,
            set_aside=self.set_aside + other.set_aside,
        )


class Totals(Noun):
    """The sums of one integration over `since` ≤ observed_at < `until`."""

    integration_id: Identifier
    since: AwareDatetime
    until: AwareDatetime
    counts: Counts  # all calls and the failed ones; availability is 1 − counts.error_rate
    received_bytes: NonNegativeInt = 0
    records: NonNegativeInt = 0
    first_at: AwareDatetime | None = None  # None: no call in this span
    last_at: AwareDatetime | None = None

    @property
    def availability(self) -> float | None:
        """Share of calls in [0, 1] that got what they asked for; None when nothing was asked."""
        return self.counts.succeeded / self.counts.total if self.counts.total else None


class Minute(Noun):
    """One minute of one integration; a minute without calls is there too, with zeros."""

    at: AwareDatetime  # its beginning, UTC
    counts: Counts


class Latencies(Noun):
    """How long the answered calls of one operation took, in ms."""

    operation: Operation
    answered: NonNegativeInt
    p50_ms: NonNegativeFloat
    p95_ms: NonNegativeFloat
    p99_ms: NonNegativeFloat
    max_ms: NonNegativeFloat
