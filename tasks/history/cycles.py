"""What the house asks its history about probe cycles: figures per cycle."""

from __future__ import annotations

from datetime import datetime

from pydantic import AwareDatetime, NonNegativeFloat, NonNegativeInt

from models.integration import Integration
from models.noun import Noun
from models.reading import Source
from tasks.history.questions import REAL, Store, rows


class Cycle(Noun):
    """The figures of one probe cycle."""

    bucket: AwareDatetime  # its beginning
    total: NonNegativeInt
    failed: NonNegativeInt
    median_ms: NonNegativeFloat | None
    sum_ms: NonNegativeFloat
    answered: NonNegativeInt
    received_bytes: NonNegativeInt


def cycles(
    store: Store, integration: Integration, since: datetime, until: datetime, sources: tuple[Source, ...] = REAL
) -> tuple[Cycle, ...]:
    """The cycles of a span that had calls, oldest first."""
    asked = {
        "integration_id": integration.id,
        "since": since,
        "until": until,
        "every_s": integration.probe_every.total_seconds(),
        "sources": [source.value for source in sources],
    }
    return tuple(Cycle.model_validate(row) for row in rows(store, "cycles", asked))
