"""Delivery: one step of something that was written, from *they took it* to *it is there*."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, NonNegativeInt, StringConstraints

from models.noun import Noun
from models.reading import Code, Identifier, Operation
from models.wording import counted, span

Key = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
"""Which write: a keyed hash of their identifier, or a random number of ours. It tells nothing, and is never shown."""

REACH = timedelta(days=7)  # how long a write is followed
SPANS = ("hour", "24 hours", "7 days")  # "3 of 40 in the last hour", or the first that holds all of them


class DeliveryStep(StrEnum):
    """How far a write got."""

    ACCEPTED = "accepted"  # acknowledged: an HTTP 2xx, an AA
    LANDED = "landed"  # seen there: a read-back, a webhook, an insertion report
    REFUSED = "refused"  # it will not land, and that is known


class Delivery(Noun):
    """One step of one write; the same key joins them."""

    integration_id: Identifier
    observed_at: AwareDatetime
    operation: Operation
    resource: Code | None = None
    key: Key
    step: DeliveryStep


class Landing(Noun):
    """What became of the writes of one operation, as of now."""

    integration_id: Identifier
    operation: Operation
    confirm_within: timedelta
    accepted: tuple[NonNegativeInt, ...]  # in each of `SPANS`
    overdue: tuple[NonNegativeInt, ...]  # of these: not landed, not refused, and their time is over
    oldest_at: AwareDatetime | None = None  # when the first of the overdue was accepted; None: none is

    @property
    def is_lost(self) -> bool:
        """Whether something was accepted and is not there."""
        return self.overdue[-1] > 0

    @property
    def says(self) -> str:
        """`accepted, not landed: 3 of 40 writes in the last hour (limit 15 minutes)`."""
        nth = next(n for n, count in enumerate(self.overdue) if count == self.overdue[-1])
        share = f"{self.overdue[nth]} of {counted(self.accepted[nth], 'write')}"
        limit = span(self.confirm_within.total_seconds())
        return f"accepted, not landed: {share} in the last {SPANS[nth]} (limit {limit})"
