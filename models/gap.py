"""Gap: a span of data that is not proven to have arrived. It is closed by counts, or by people who vouch for it.

    open → backfilling → closed
      ↑_________↓   ↘ quarantined → closed        vouched: by people, from backfilling or quarantined

*Open*: the trouble lasts, so nobody knows yet how far it reaches. *Backfilling*: it is over, and not all that was
expected is there. *Closed*: expected = delivered. *Quarantined*: expected = delivered + quarantined; nothing is
unaccounted for, and what lies aside still needs a person. What is open or backfilling keeps its incident from being
resolved. A state of counts is reached by counts alone: the noun cannot be made, and so not be kept, otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self, TypeVar

from pydantic import AwareDatetime, Field, NonNegativeInt, StringConstraints, model_validator

from models.noun import Advice, Kept, Noun, RecordId
from models.reading import Code, Direction, Identifier, Operation
from models.remedy import Approval

Site = Annotated[str, StringConstraints(pattern=r"^(?:[A-Za-z][A-Za-z0-9_.:-]{0,63}|[0-9a-f]{16})$")]
"""A location: by a code of ours, or by its pseudonym where a reconciliation found it."""

Key = tuple[str, str, str | None, Direction]
T = TypeVar("T")


class GapState(StrEnum):
    """Where it stands."""

    OPEN = "open"
    BACKFILLING = "backfilling"
    QUARANTINED = "quarantined"
    CLOSED = "closed"
    VOUCHED = "vouched"


HOLDS = (GapState.OPEN, GapState.BACKFILLING)  # these keep an incident from being resolved
PROVEN = (GapState.QUARANTINED, GapState.CLOSED)  # by counts
OVER = (GapState.CLOSED, GapState.VOUCHED)


class Reason(StrEnum):
    """What opened it."""

    FAILED_READS = "failed_reads"
    MISSING = "missing"  # these three as a reconciliation names them, see models.discrepancy
    TRUNCATED = "truncated"
    STALE = "stale"
    STUCK_MESSAGES = "stuck_messages"  # ours to them, waiting for too long or in quarantine


class Unit(StrEnum):
    """What is counted."""

    READS = "reads"  # that failed, and are replayed
    RECORDS = "records"  # of both sides, by a reconciliation
    MESSAGES = "messages"  # that were to be brought over


class ClosedBy(StrEnum):
    """What closed it."""

    REPLAY = "replay"
    RECONCILIATION = "reconciliation"
    DELIVERY = "delivery"
    PERSON = "person"


PROOF = {Unit.READS: ClosedBy.REPLAY, Unit.RECORDS: ClosedBy.RECONCILIATION, Unit.MESSAGES: ClosedBy.DELIVERY}


class Balance(Noun):
    """What was counted of a gap at one moment."""

    expected: NonNegativeInt
    delivered: NonNegativeInt
    quarantined: NonNegativeInt = 0
    reference: RecordId | None = None  # of the reconciliation that counted

    @property
    def is_even(self) -> bool:
        """Whether nothing is unaccounted for."""
        return self.expected == self.delivered + self.quarantined


class Trouble(Noun):
    """A span in which data of one kind did not come, or did not go, as it is known now."""

    integration_id: Identifier
    resource: Code
    location: Site | None = None  # None: all
    direction: Direction = Direction.IN
    since: AwareDatetime  # the last good read before it, or the first thing that is missing
    until: AwareDatetime | None = None  # the first good read after it; None: it lasts
    last_at: AwareDatetime  # the newest thing that went wrong
    reasons: Annotated[tuple[Reason, ...], Field(min_length=1)]
    unit: Unit
    operations: tuple[Operation, ...] = ()
    incident_id: str | None = None

    @property
    def key(self) -> Key:
        """What two spans have in common that may be one gap."""
        return self.integration_id, self.resource, self.location, self.direction

    def touches(self, other: Trouble) -> bool:
        """Whether both are of one key and have an instant in common."""
        starts_before = other.until is None or self.since <= other.until
        return self.key == other.key and starts_before and (self.until is None or other.since <= self.until)


class Gap(Trouble, Kept):
    """A span of one kind of data, one way, of one place or of all, and how far it is accounted for."""

    state: GapState
    expected: NonNegativeInt | None = None  # None: not known yet
    delivered: NonNegativeInt = 0
    quarantined: NonNegativeInt = 0
    opened_at: AwareDatetime
    closed_at: AwareDatetime | None = None
    closed_by: ClosedBy | None = None
    reference: RecordId | None = None  # of the reconciliation that counted last
    words: tuple[Approval, ...] = ()  # of people who vouch for it, the first first

    @model_validator(mode="after")
    def _is_what_it_says(self) -> Self:
        """Each state rests on what it must rest on."""
        accounted, aside = self.delivered + self.quarantined, bool(self.quarantined)
        if self.until is not None and self.until < self.since:
            raise Advice("a gap ends after it begins")
        if (self.state is GapState.OPEN) != (self.until is None):
            raise Advice("a gap is open for as long as its trouble lasts")
        if self.expected is not None and accounted > self.expected:
            raise Advice("no more can be accounted for than was expected")
        if self.state in PROVEN and (self.expected != accounted or aside != (self.state is GapState.QUARANTINED)):
            raise Advice("counts close a gap only when expected = delivered + quarantined")
        if (self.state in HOLDS) != (self.closed_by is None) or (self.closed_by is None) != (self.closed_at is None):
            raise Advice("what ended a gap, and when, is known together")
        if (self.state is GapState.VOUCHED) != (self.closed_by is ClosedBy.PERSON) or (
            self.state is GapState.VOUCHED and not self.words
        ):
            raise Advice("whoever vouches for a gap has a name")
        return self

    @property
    def holds(self) -> bool:
        """Whether its incident cannot be resolved because of it."""
        return self.state in HOLDS

    @property
    def is_over(self) -> bool:
        """Whether nobody need look at it any more."""
        return self.state in OVER

    @property
    def is_proven(self) -> bool:
        """Whether all that was expected is accounted for, by counts."""
        return self.state in PROVEN

    def grown(self, trouble: Trouble) -> Gap:
        """The gap with a trouble that belongs to it: begun earlier, lasting longer or again, and never less.

        Once it holds more, it is counted anew.

        Raises:
            ValueError: the trouble is another's, or the gap is closed.
        """
        if trouble.key != self.key or not self.holds:
            raise ValueError(f"{self.id} cannot grow by this trouble")
        until = None if self.until is None or trouble.until is None else max(self.until, trouble.until)
        span: dict[str, Any] = {
            "since": min(self.since, trouble.since),
            "last_at": max(self.last_at, trouble.last_at),
            "unit": trouble.unit,
        }
        anew = {"expected": None, "delivered": 0, "quarantined": 0}
        is_more = any(value != getattr(self, name) for name, value in span.items())
        return self._with(
            **span,
            **(anew if is_more else {}),
            until=until,
            state=GapState.OPEN if until is None else GapState.BACKFILLING,
            reasons=united(self.reasons, trouble.reasons),
            operations=united(self.operations, trouble.operations),
            incident_id=self.incident_id or trouble.incident_id,
        )

    def ended(self, until: datetime) -> Gap:
        """The gap once its trouble is over: the instant from which data came again.

        Raises:
            ValueError: it was over already.
        """
        if self.state is not GapState.OPEN:
            raise ValueError(f"the trouble of {self.id} was over already")
        return self._with(until=max(until, self.last_at), state=GapState.BACKFILLING)

    def counted(self, balance: Balance, at: datetime) -> Gap:
        """The gap as it was counted: closed when its trouble is over and nothing is unaccounted for.

        What lay in quarantine stays aside until it is delivered, whatever is tried with it meanwhile.

        Raises:
            ValueError: it is over.
        """
        if self.is_over:
            raise ValueError(f"{self.id} is over, and is not counted again")
        counts: dict[str, Any] = dict(balance)
        if self.state is GapState.QUARANTINED:
            delivered = min(balance.expected, max(self.delivered, balance.delivered))
            counts |= {"delivered": delivered, "quarantined": balance.expected - delivered}
        elif self.state is GapState.OPEN or not balance.is_even:
            return self._with(**counts)
        state = GapState.QUARANTINED if counts["quarantined"] else GapState.CLOSED
        closed_at = self.closed_at if state is self.state else at
        return self._with(**counts, state=state, closed_at=closed_at, closed_by=PROOF[self.unit])

    def vouched(self, word: Approval, people: int) -> Gap:
        """The gap with one more person's word; it is over when enough different people have given theirs.

        Raises:
            Advice: it is over, its trouble lasts, or this person has spoken.
        """
        if self.is_over:
            raise Advice(f"{self.id} is {self.state}; there is nothing to close")
        if self.state is GapState.OPEN:
            raise Advice(f"{self.id} still grows; it can be vouched for once its trouble is over")
        if any(word.is_of(one) for one in self.words):
            raise Advice(f"{word.by} vouched for {self.id} already; it takes {people} different people")
        words = (*self.words, word)
        if len(words) < people:
            return self._with(words=words)
        return self._with(words=words, state=GapState.VOUCHED, closed_at=word.at, closed_by=ClosedBy.PERSON)

    def _with(self, **changes: Any) -> Gap:  # noqa: ANN401 - fields of this noun
        """The same with other values, looked at as a whole."""
        return Gap.model_validate({**dict(self), **changes})


def begun(gap_id: str, trouble: Trouble, at: datetime) -> Gap:
    """A new gap."""
    state = GapState.OPEN if trouble.until is None else GapState.BACKFILLING
    return Gap(id=gap_id, **dict(trouble), state=state, opened_at=at)


def touched(known: Iterable[Gap], trouble: Trouble) -> tuple[Gap, ...]:
    """The gaps that are one with a trouble, the oldest first; none: it is a new one.

    They are of its key, not closed, and have an instant in common with it. Those that were kept before touch no other,
    so together with it they touch none.
    """
    near = (gap for gap in known if gap.holds and gap.touches(trouble))
    return tuple(sorted(near, key=lambda gap: (gap.opened_at, gap.id)))


def joined(gaps: Iterable[Gap], trouble: Trouble) -> Gap:
    """What several gaps and a trouble are together, under the id of the first.

    Raises:
        ValueError: they are not of one key.
    """
    first, *others = gaps
    for other in (*others, trouble):
        first = first.grown(other)
    return first


def united(some: Iterable[T], more: Iterable[T]) -> tuple[T, ...]:
    """Each once, in the order in which they came."""
    return tuple(dict.fromkeys((*some, *more)))
