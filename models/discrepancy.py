"""Discrepancy: one way in which two sides hold different data, named, counted, with opaque keys and never a value."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from models.anomaly import Severity
from models.delivery import Key
from models.noun import Kept, Noun
from models.reading import Code, Identifier
from models.reconciliation import ColumnName

KEYS_KEPT = 100  # of each discrepancy, in the ledger; all of them are in the run's file


class State(StrEnum):
    """What a run came to."""

    AGREES = "agrees"
    DIFFERS = "differs"
    UNKNOWN = "unknown"  # a side could not be read


class DiscrepancyKind(StrEnum):
    """How the two sides differ; the first that explains a record names it."""

    TRUNCATED = "truncated"  # missing from a point on: a page or a file ended early
    MISSING = "missing"  # they have it, we do not, and it is too late to be on its way
    EXTRA = "extra"  # we have it, they do not
    DUPLICATE = "duplicate"  # we have it more than once
    STALE = "stale"  # they changed it, and we have it as it was
    MIXED_UP = "mixed_up"  # it hangs on another patient than theirs
    SHIFTED = "shifted"  # instants are off by a constant
    NULLS = "nulls"  # a column lost its values
    CHANGED = "changed"  # a column has another value


class Discrepancy(Noun):
    """One kind of difference of one reconciliation, with how many of how many, where, and which."""

    kind: DiscrepancyKind
    severity: Severity
    count: PositiveInt
    of: PositiveInt  # records compared
    column: ColumnName | None = None
    offset_s: int | None = None  # SHIFTED: ours less theirs
    location: Key | None = None  # when all of it is at one
    provider: Key | None = None
    first_day: date | None = None
    last_day: date | None = None
    keys: Annotated[tuple[Key, ...], Field(max_length=KEYS_KEPT)] = ()
    says: str  # for a person: counts beside the rule, never a value


class DayCount(Noun):
    """How many records of one day each side has."""

    day: date
    theirs: NonNegativeInt | None  # None: not asked, or no answer
    ours: NonNegativeInt | None
    compared: bool = False  # whether the records themselves were compared


class Reconciled(Kept):
    """What the latest run of one reconciliation found; how many differed in earlier ones is in the history."""

    integration_id: Identifier
    name: Code
    resource: Code
    state: State
    as_of: AwareDatetime
    since: AwareDatetime
    until: AwareDatetime
    theirs: NonNegativeInt | None = None  # records; None: could not be read
    ours: NonNegativeInt | None = None
    compared: NonNegativeInt = 0  # records that were compared value by value
    in_flight: NonNegativeInt = 0  # theirs that we do not have yet, and that are not late
    tombstones: NonNegativeInt = 0  # gone on one side, and said so
    days: tuple[DayCount, ...] = ()
    discrepancies: tuple[Discrepancy, ...] = ()
    confidence: NonNegativeFloat | None = None  # of the statement about what was not compared; None: all was
    at_most: NonNegativeFloat | None = None  # … the share of it that may differ all the same
    failed: Code | None = None  # why a side could not be read: the code of its reading
    tried_at: AwareDatetime | None = None  # when a side could not be read since: all else is of the run before

    @property
    def agrees(self) -> bool:
        """Whether both sides could be read, and nothing differs."""
        return self.state is State.AGREES

    @property
    def looked_at(self) -> datetime:
        """When somebody last looked, whether he saw anything or not."""
        return max(self.as_of, self.tried_at or self.as_of)

    def tried(self, failed: Reconciled) -> Reconciled:
        """The same after a run that could not read a side: what was known is known as it was."""
        return self.model_copy(update={"tried_at": failed.as_of, "failed": failed.failed})

    @property
    def differing(self) -> int:
        """How many records differ; one that differs in several columns is counted for each."""
        return sum(one.count for one in self.discrepancies)

    def total(self, kind: DiscrepancyKind) -> int:
        """How many records differ in this way."""
        return sum(one.count for one in self.discrepancies if one.kind is kind)


def reconciled_id(integration_id: str, name: str) -> str:
    """The id of what the latest run of one reconciliation found."""
    return f"{integration_id}/{name}"
