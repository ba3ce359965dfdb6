"""Canary: a harmless record of our own, written to find out whether what is accepted also lands."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime

from models.delivery import Key
from models.noun import Kept, Noun, RecordId
from models.reading import Code, Identifier, Operation
from models.written import Period, Text, limited

EVERY = timedelta(minutes=15)
SHORTEST = timedelta(minutes=5)  # what is written stays with them
FOLLOWED_FOR = timedelta(hours=2)  # then it is given up: nobody misses it, and the next ones tell the same

WORDS = "Written by a monitor to find out whether writes arrive. It may be deleted."
SUFFIX = ".canary"  # how the operation of such a write ends, whatever it carries


def is_canary(operation: str) -> bool:
    """Whether this write was a record of ours.

    >>> is_canary("Appointment.canary"), is_canary("Appointment.create")
    (True, False)
    """
    return operation.endswith(SUFFIX)


class Canary(Noun):
    """That, and how often, a record of ours may be written."""

    every: Annotated[Period, limited(least=SHORTEST)] = EVERY
    consent: Text | None = None  # who agreed that we write into production, and when; a test system needs none


class CanaryState(StrEnum):
    """Where one canary is."""

    ACCEPTED = "accepted"  # they said yes
    LANDED = "landed"  # we have seen it there
    REFUSED = "refused"  # they said no, or nothing at all; the reading tells which
    LOST = "lost"  # accepted, and not seen for so long that it is given up


class Flight(Kept):
    """One canary on its way; its key is a number of ours and means nothing to anybody else."""

    integration_id: Identifier
    state: CanaryState
    key: Key
    receipt: RecordId | None  # what it is looked for by; None: it was not accepted
    operation: Operation
    resource: Code | None
    written_at: AwareDatetime

    def looked_for(self, is_there: bool | None, as_of: datetime) -> Flight:  # an answer, not a switch
        """The flight after one look; None: nobody could tell."""
        if is_there:
            return self.model_copy(update={"state": CanaryState.LANDED})
        if as_of - self.written_at >= FOLLOWED_FOR:
            return self.model_copy(update={"state": CanaryState.LOST})
        return self

    @property
    def is_on_its_way(self) -> bool:
        """Whether somebody looks for it."""
        return self.state is CanaryState.ACCEPTED


def is_due(canary: Canary, last: Flight | None, as_of: datetime) -> bool:
    """Whether the next one is to be written."""
    return last is None or as_of - last.written_at >= canary.every
