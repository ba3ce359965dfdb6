"""Canary: a harmless record of our own, written to find out whether what is accepted also lands."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime

from models.delivery import Key
from models.noun import Kept, Noun
from models.reading import Identifier, Operation
from models.written import Period, Text

EVERY = timedelta(minutes=15)
FOLLOWED_FOR = timedelta(days=1)  # after that it is given up; the alert about it stands on the deliveries


class Canary(Noun):
    """That, and how often, a record of ours may be written."""

    every: Period = EVERY
    consent: Text | None = None  # who agreed that we write into production, and when; a test system needs none


class CanaryState(StrEnum):
    """Where one canary is."""

    ACCEPTED = "accepted"  # they said yes
    LANDED = "landed"  # we have seen it there
    REFUSED = "refused"  # they said no, or nothing at all
    LOST = "lost"  # accepted, and never seen


class Flight(Kept):
    """One canary on its way; its key is a number of ours and means nothing to anybody else."""

    integration_id: Identifier
    state: CanaryState
    key: Key
    operation: Operation
    written_at: AwareDatetime

    def is_over(self, as_of: datetime) -> bool:
        """Whether nobody looks for it any more."""
        return self.state is not CanaryState.ACCEPTED or as_of - self.written_at >= FOLLOWED_FOR


def is_due(canary: Canary, last: Flight | None, as_of: datetime) -> bool:
    """Whether the next one is to be written."""
    return last is None or as_of - last.written_at >= canary.every
