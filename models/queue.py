"""Queue: what waits its turn — reads to be replayed, notices to be sent — and the lease that says whose turn it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from pydantic import AwareDatetime, NonNegativeInt, PositiveInt

from models.alert import Alert
from models.escalation import Escalation
from models.noun import Noun
from models.reading import Direction, Identifier, Operation, Reading


class Lease(Noun):
    """The right to act, until somebody else gets it. `token` grows by one with every holder (a fencing token)."""

    name: str
    holder: str
    token: PositiveInt
    expires_at: AwareDatetime

    def is_over(self, at: datetime) -> bool:
        """Whether somebody else may take it."""
        return self.expires_at <= at


def acting_on(integration_id: str) -> str:
    """The name of the lease under which actions on this integration run."""
    return f"act:{integration_id}"


class ReadState(StrEnum):
    """Where a missed read stands."""

    WAITING = "waiting"
    PROCESSED = "processed"


class MissedRead(Noun):
    """One read that failed and is to be replayed; a template and an instant, never what was asked for."""

    id: str
    integration_id: Identifier
    incident_id: str | None = None  # None: it failed before there was an incident
    operation: Operation
    due_at: AwareDatetime
    state: ReadState = ReadState.WAITING


def missed(readings: Iterable[Reading], incident_id: str | None = None) -> tuple[MissedRead, ...]:
    """The failed readings as reads to be replayed; the same readings give the same ids.

    What was sent *to* a system is left out: it may have been taken, and a second time is one too many.
    """
    seen: Counter[str] = Counter()
    reads: list[MissedRead] = []
    for reading in readings:
        if reading.outcome.is_ok or reading.direction is Direction.OUT:
            continue
        call = f"{reading.integration_id}/{reading.operation}/{reading.observed_at.timestamp():.6f}"
        seen[call] += 1
        reads.append(
            MissedRead(
                id=f"{call}/{seen[call]}",
                integration_id=reading.integration_id,
                incident_id=incident_id,
                operation=reading.operation,
                due_at=reading.observed_at,
            )
        )
    return tuple(reads)


class NoticeKind(StrEnum):
    """What a notice tells its receiver."""

    TRIGGER = "trigger"
    ACKNOWLEDGE = "acknowledge"  # somebody answered
    RESOLVE = "resolve"


class NoticeState(StrEnum):
    """Where a notice stands."""

    HELD = "held"  # a stage withholds it; looked at again in every cycle
    GROUPED = "grouped"  # another notice tells of it
    WAITING = "waiting"  # in the outbox
    DELIVERED = "delivered"
    DEAD = "dead"  # this route will never take it
    COLLAPSED = "collapsed"  # never sent, because its trigger never left or is no longer true
    EXPIRED = "expired"  # P3 or P4 that no channel took within a day


class Notice(Noun):
    """One message for one route. Delivered at least once; the order of an incident is kept on each route."""

    id: str
    incident_id: str  # of an incident or an alert; also the receiver's dedup key
    seq: PositiveInt  # within the incident
    kind: NoticeKind
    route: str  # a file in tasks/notifiers
    escalation: Escalation | None = None  # the latest call for a human in this incident
    alert: Alert | None = None  # as it is now, when the notice is about one
    says: str = ""
    queued_at: AwareDatetime
    not_before: AwareDatetime
    attempts: NonNegativeInt = 0  # the one under way included
    state: NoticeState = NoticeState.WAITING
    last_error: str | None = None  # an error's class, never its words
    stage: str | None = None  # which stage withholds it, …
    because: str | None = None  # … and why
    told_by: str | None = None  # the notice that tells of it
    environment: str | None = None  # of its group
    root: str | None = None  # … and where that began
    released_at: AwareDatetime | None = None  # when it came into the outbox
    sent_at: AwareDatetime | None = None  # when its channel took it
    step: NonNegativeInt = 0  # 0: the call itself; from 1 on: told again, because nobody answered or it stands
    instead_of: str | None = None  # the notice that another channel did not deliver
    answer_at: str | None = None  # a link by which whoever reads it says that they have heard; made when it is sent

    @property
    def is_again(self) -> bool:
        """Whether its route was told of the same before."""
        return self.step > 0

    @property
    def is_repeat(self) -> bool:
        """Whether the receiver may have seen it before."""
        return self.attempts > 1


def not_asked(
    integration_id: str, operations: Iterable[str], at: datetime, incident_id: str | None = None
) -> tuple[MissedRead, ...]:
    """Reads that nobody made, because the system was to be spared, as reads to be replayed: one an operation."""
    return tuple(
        MissedRead(
            id=f"{integration_id}/{operation}/{at.timestamp():.6f}/unasked",
            integration_id=integration_id,
            incident_id=incident_id,
            operation=operation,
            due_at=at,
        )
        for operation in operations
    )
