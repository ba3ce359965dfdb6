"""What the house asks its history about probe cycles: figures per cycle, and features for joint judging."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import AwareDatetime, NonNegativeFloat, NonNegativeInt

from models.anomaly import JointSample
from models.integration import Integration
from models.noun import Noun
from models.reading import Source
from tasks.history.questions import REAL, Store, rows

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


def joint_sample(
    store: Store, integration: Integration, judged: datetime, until: datetime, past: timedelta = timedelta(weeks=4)
) -> JointSample:
    """Feature rows of the past before the judged window, and the latest one in it.

    Args:
        store: a home, or an open history.
        integration: whose readings.
        judged: start of the judged window; nothing from here on is learned from.
        until: its end.
        past: how far back to learn.
    """
    asked = {"integration_id": integration.id, "since": judged - past, "judged": judged, "until": until}
    found = [(r["bucket"], tuple(float(r[name]) for name in FEATURES)) for r in rows(store, "joint_features", asked)]
    latest = [features for bucket, features in found if bucket >= judged]
    return JointSample(
        features=FEATURES,
        rows=tuple(features for bucket, features in found if bucket < judged),
        latest=latest[-1] if latest else None,
    )
