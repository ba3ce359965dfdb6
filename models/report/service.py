"""The parts of the document that are ours alone: how well the connection serves, and what stands against it."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, NonNegativeFloat, NonNegativeInt

from models.anomaly import Severity
from models.report.form import Instant, Page, Percentage, Probability, Tally

Figure = Annotated[float, AfterValidator(lambda figure: round(figure, 1))]
Part = Annotated[float, AfterValidator(lambda share: round(share, 4))]  # of a budget: negative when overspent
Length = Annotated[str, Field(pattern=r"^[1-9][0-9]*$")]
Interval = tuple[Probability, Probability]


class Slots(Page):
    """Slots of the clock, one for each round of probes that is due."""

    good: NonNegativeInt
    bad: NonNegativeInt
    unknown: NonNegativeInt  # should have had a probe, and had none
    excluded: NonNegativeInt  # agreed maintenance


class AlertEntry(Page):
    """A condition that stands."""

    id: str
    severity: Severity
    says: str
    since: Instant
    advice: str


class DowntimeEntry(Page):
    """A downtime that was agreed."""

    since: Instant
    until: Instant
    reason: str
    agreed_by: str


class AvailabilityEntry(Page):
    """One span that ends with the report."""

    span: str  # e.g. 24h
    since: Instant
    by_time: Percentage
    by_requests: Percentage
    slots: Slots
    slot_seconds: NonNegativeInt
    requests: Tally
    excluded_requests: NonNegativeInt
    interval: Interval  # 95 %, of the share by time
    request_interval: Interval
    bounds: Interval  # by time, if every unknown slot was bad, and if every one was good


class ObjectiveEntry(Page):
    """One objective with its error budget; null where too little is known."""

    name: str
    says: str
    source: str
    target: Annotated[float, Field(gt=0, lt=1)]
    period: str
    events: Tally
    excluded: NonNegativeInt
    unknown: Probability  # share of the period that was not watched
    attained: Probability | None
    interval: Interval
    budget_minutes: Figure
    budget_left: Part | None
    burn: dict[str, Figure | None]  # by window
    exhausted_in_hours: NonNegativeFloat | None
    alert: Severity | None


class OperationEntry(Page):
    """How quick one operation was, in ms; medians of the way where it was measured."""

    source: str
    operation: str
    answered: NonNegativeInt
    mean: Figure
    p50: Figure
    p95: Figure
    p99: Figure
    dns: Figure | None
    connect: Figure | None
    tls: Figure | None
    first_byte: Figure | None


class StabilityEntry(Page):
    """How often calls ended in transport trouble, and in which runs."""

    stability: Probability | None  # null: no calls
    calls: NonNegativeInt
    resets: NonNegativeInt
    timeouts: NonNegativeInt
    others: NonNegativeInt
    connected: NonNegativeInt  # calls that opened a connection of their own
    retried: NonNegativeInt
    runs: dict[Length, NonNegativeInt]  # how many runs of consecutive trouble
    clustering: Figure  # mean run over that of independent trouble; 0: too few calls to tell
