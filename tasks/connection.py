"""Connection: how quick and how stable a connection was, from what is remembered; nothing is called."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from models.reading import Source
from models.speed import Speed
from models.stability import Stability, Trip, stability, step_of
from tasks.history.questions import REAL, Row, Store, rows

SOURCES = [source.value for source in REAL]


class Quickness(NamedTuple):
    """One operation over one part of a span."""

    operation: str
    part: datetime  # its beginning
    answered: int
    p50_ms: float
    p95_ms: float


def speeds(store: Store, ids: Sequence[str], since: datetime, until: datetime) -> tuple[Speed, ...]:
    """How long each operation of many integrations took, by source; one that never answered is not there."""
    asked = {"ids": list(ids), "since": since, "until": until, "sources": SOURCES}
    return tuple(Speed.model_validate(row) for row in rows(store, "speeds", asked))


def speed_course(store: Store, integration_id: str, since: datetime, until: datetime) -> tuple[Quickness, ...]:
    """How long each operation of one integration's probes took over time."""
    part = step_of(until - since)
    asked = {
        "integration_id": integration_id,
        "since": since,
        "until": until,
        "part_s": part.total_seconds(),
        "sources": [Source.PROBE.value],
    }
    return tuple(Quickness(**row) for row in rows(store, "speed_course", asked))


def stabilities(store: Store, integration_id: str, since: datetime, until: datetime) -> tuple[Stability, ...]:
    """How stable the connection of one integration was, by source; nothing where there were no calls."""
    asked = {"integration_id": integration_id, "since": since, "until": until, "sources": SOURCES}
    found = groupby(rows(store, "trips", asked), key=lambda row: Source(row.pop("source")))
    return tuple(
        stability(integration_id, source, [Trip.model_validate(row) for row in some], since, until)
        for source, some in found
    )


def spent_on(
    store: Store, integration_id: str, source: Source, limit_ms: float | None, since: datetime, until: datetime
) -> list[Row]:
    """What the bad events of an objective were, the most frequent first: operation, outcome, bad, last_at."""
    asked = {
        "integration_id": integration_id,
        "source": source.value,
        "limit_ms": limit_ms,
        "since": since,
        "until": until,
    }
    return rows(store, "spent_on", asked)
