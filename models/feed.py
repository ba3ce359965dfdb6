"""Feed: one kind of data that flows one way, and how fresh it must be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field

from models.noun import Noun
from models.reading import Code, Direction, Operation
from models.written import Period

FRESH_WITHIN = {  # the limits that NexHealth documents for its own bridges (spec: features, A08)
    Direction.IN: timedelta(minutes=150),
    Direction.OUT: timedelta(minutes=25),
}
CONFIRM_WITHIN = timedelta(minutes=15)  # spec: catalogue, S73


class Feed(Noun):
    """What flows in one direction, and when it is late."""

    name: Code
    resource: Code  # what kind of data, e.g. Appointment
    direction: Direction = Direction.IN
    operations: Annotated[tuple[Operation, ...], Field(min_length=1)]  # the calls that carry it
    locations: tuple[Code, ...] = ()  # which practices or sites; none named: all
    every: Period | None = None  # how often something new comes while the practice is open; None: nobody knows
    fresh_within: Period | None = None  # None: 150m for what comes in, 25m for what goes out
    confirm_within: Period = CONFIRM_WITHIN  # of what goes out: from accepted to landed

    @property
    def limit(self) -> timedelta:
        """How old it may be."""
        return self.fresh_within or FRESH_WITHIN[self.direction]

    @property
    def expects_news(self) -> bool:
        """Whether somebody said how often something new comes; only then can old data be called too old."""
        return self.every is not None or self.fresh_within is not None

    @property
    def period(self) -> timedelta:
        """How often something new comes: as declared, else so that two missed periods are the limit."""
        return self.every or self.limit / 2

    def carries(self, operation: str, direction: str, location: str | None) -> bool:
        """Whether a call belongs to this feed."""
        is_here = not self.locations or location in self.locations
        return operation in self.operations and direction == self.direction and is_here

    def moves(self, resource: str, direction: str, location: str | None) -> bool:
        """Whether a volume belongs to this feed."""
        is_here = not self.locations or location in self.locations
        return resource == self.resource and direction == self.direction and is_here


def resource_of(operation: str) -> str:
    """What an operation is about, by its name.

    >>> resource_of("Appointment.search"), resource_of("GetSchedule")
    ('Appointment', 'GetSchedule')
    """
    return operation.partition(".")[0]


def assumed_feeds(integration: Mapping[str, Any]) -> tuple[Feed, ...]:
    """One feed for each declared read, for an integration that declares no feeds."""
    reads: Sequence[Any] = integration.get("reads", ())
    return tuple(
        Feed(name=read.operation, resource=resource_of(read.operation), operations=(read.operation,)) for read in reads
    )
