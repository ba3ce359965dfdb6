"""Gauge: one measured value at one instant, of an integration or of the machine that watches it."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, FiniteFloat, StringConstraints

from models.noun import Noun
from models.reading import Code, Identifier, Operation

Unit = Annotated[str, StringConstraints(pattern=r"^[A-Za-z%/]{0,16}$")]
"""As Prometheus names base units: `seconds`, `bytes`, `ratio`, or nothing for a plain count."""

OURSELVES = "heal"
"""The `integration_id` of what is measured about the monitor itself; no integration may be called so."""


class Gauge(Noun):
    """One sample of one series. The series is `integration_id`, `metric` and `subject` together."""

    integration_id: Identifier  # OURSELVES: the monitor and its machine
    observed_at: AwareDatetime
    metric: Code  # e.g. queue_depth, cpu_share, cycle_lag_s
    value: FiniteFloat
    unit: Unit = ""
    subject: Operation | None = None  # which queue, pool, feed or disk; None: there is only one


QUEUE_DEPTH = "queue_depth"  # what waits in a queue; `subject` is a feed's name or its resource
QUEUE_AGE = "queue_oldest_age_s"  # how long the oldest of it has waited
BACKLOG = "backlog"  # the same as its depth, as a sync itself calls it
CURSOR = "cursor_position"  # how far a sync has come: in seconds, since 1970; without a unit, any number that grows
