"""What the house asks its history about probe cycles: figures per cycle, and features for joint judging."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import AwareDatetime, NonNegativeFloat, NonNegativeInt

from models.integration import Integration
from models.noun import Noun
from models.reading import Source
from tasks.history.questions import REAL, Store, rows, table

FEATURES = ("error_share", "throttle_share", "latency", "spread", "size")


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


def joint_features(
    store: Store, integrations: Sequence[Integration], since: datetime, until: datetime
) -> dict[str, tuple[tuple[float, ...], ...]]:
    """For each integration one row of `FEATURES` per five-minute bucket of a span that had calls, oldest first."""
    asked = {"integration_ids": [one.id for one in integrations], "since": since, "until": until}
    found: dict[str, list[tuple[float, ...]]] = {one.id: [] for one in integrations}
    answered = table(store, "joint_features", asked)
    values = zip(*(answered[name].to_pylist() for name in FEATURES), strict=True)
    for name, row in zip(answered["integration_id"].to_pylist(), values, strict=True):
        found[name].append(row)
    return {name: tuple(rows) for name, rows in found.items()}
