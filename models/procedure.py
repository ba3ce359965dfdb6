"""Procedure: what is looked at more closely, and for how long, when the same trouble has come back too often.

From the third time on (`models.recurrence`) the suspect part alone is probed six times as often, and the times of
its failing calls are put beside those of good ones. The rule is a table: the rung that is suspected → what is called.
What is read beside the usual probes has a source of its own, `capture`: it is evidence, and no part of availability,
baselines or the verdict on a remedy, whose mix of operations it would tilt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median
from typing import Annotated

from pydantic import AwareDatetime, Field, NonNegativeFloat, NonNegativeInt

from models.incident import SLOW, UNUSUAL, Incident, family
from models.integration import Integration, Read
from models.noun import Kept, Noun
from models.reading import Code, Identifier, Operation, Outcome, Reading, Rung, Source, Window
from models.tuning import Tuning

FACTOR = 6  # times the usual calls (spec: features, G06)
LASTS = timedelta(hours=2)  # at most; what recurs once a day is caught again the next day
MOST_CALLS = 60  # more a cycle than this, all together, is load and no diagnosis
RATE_LIMITED = "rate_limited"
BY_SYMPTOM = {"auth": Rung.AUTH, family(Outcome.TIMEOUT): Rung.TCP, Outcome.FORBIDDEN.value: Rung.SCOPE}
BY_CONNECTING = frozenset({Rung.DNS, Rung.TCP, Rung.TLS})  # only a fresh connection climbs these
ON_EVERY_READ = frozenset({Rung.DNS, Rung.TCP, Rung.TLS, Rung.HTTP, Rung.AUTH})  # one read climbs them as well as all


class ProcedureState(StrEnum):
    """Whether it is in force."""

    ACTIVE = "active"
    OVER = "over"


class Procedure(Kept):
    """Closer probing of what is suspected in one incident; its id is the incident's."""

    integration_id: Identifier
    problem_id: str
    rung: Rung  # the lowest that is suspected
    operations: tuple[Operation, ...]
    factor: Annotated[int, Field(ge=2, le=FACTOR)]
    since: AwareDatetime
    until: AwareDatetime  # it ends by itself then, whatever happens to us
    state: ProcedureState = ProcedureState.ACTIVE
    ended_for: Code | None = None

    @property
    def says(self) -> str:
        """What it does, in a sentence."""
        read, how = ", ".join(self.operations), ", each time over a fresh connection" if self.is_afresh else ""
        return f"{self.rung.value.upper()} is suspected: {read} is called {self.factor} times as often{how}"

    @property
    def is_afresh(self) -> bool:
        """Whether each of its calls opens a connection of its own: one that is kept alive hides the lower rungs."""
        return self.rung in BY_CONNECTING

    def is_active(self, as_of: datetime) -> bool:
        """Whether it applies at this instant."""
        return self.state is ProcedureState.ACTIVE and self.since <= as_of < self.until

    def end(self, why: str) -> Procedure:
        """The procedure, over."""
        return self.model_copy(update={"state": ProcedureState.OVER, "ended_for": why})


def suspected(incident: Incident) -> Rung:
    """The lowest rung that is suspected: the one that broke in the last climb, else what the symptom says."""
    broken = incident.ladder.broken if incident.ladder else None
    return broken.rung if broken else BY_SYMPTOM.get(incident.symptom, Rung.READ)


def chosen_reads(incident: Incident, integration: Integration) -> tuple[Read, ...]:
    """What is called more often: the affected reads; one of them where every read climbs the suspected rung."""
    touched = incident.diagnosis.affected_components if incident.diagnosis else ()
    reads = [read for read in integration.reads if read.component in touched] or list(integration.reads[:1])
    return tuple(reads[:1] if suspected(incident) in ON_EVERY_READ else reads)


def why_not(incident: Incident, tuning: Tuning, readings: Iterable[Reading] = ()) -> str | None:
    """Why nothing is called more often, as a code; None: it may be.

    The vendor's limit is never approached for the sake of a measurement: not when it is the trouble or may be, not
    when it was met just now, and not while a remedy spares the vendor.
    """
    causes = {one.cause for one in incident.diagnosis.hypotheses[:2]} if incident.diagnosis else set[str]()
    if incident.symptom == Outcome.THROTTLED.value or RATE_LIMITED in causes:
        return "rate_limit_suspected"
    if any(one.outcome is Outcome.THROTTLED or one.retry_after_s is not None for one in readings):
        return "rate_limit_met"
    return "polling_reduced" if tuning.pace < 1 else None


def procedure_for(
    incident: Incident,
    problem_id: str,
    integration: Integration,
    tuning: Tuning,
    readings: Sequence[Reading],
    at: datetime,
) -> Procedure | None:
    """The closer look at one incident of a problem; None where more calls would do harm or be too many.

    Args:
        incident: in which the trouble came back.
        problem_id: the problem that it belongs to.
        integration: where.
        tuning: in force.
        readings: of the last minutes.
        at: when it begins.
    """
    if why_not(incident, tuning, readings) is not None:
        return None
    reads = chosen_reads(incident, integration)
    usual, more = sum(read.calls for read in integration.reads), sum(read.calls for read in reads)
    factor = min(FACTOR, 1 + max(0, MOST_CALLS - usual) // more)
    if factor < 2:  # noqa: PLR2004  # nothing is left to add
        return None
    return Procedure(
        id=incident.id,
        integration_id=integration.id,
        problem_id=problem_id,
        rung=suspected(incident),
        operations=tuple(read.operation for read in reads),
        factor=factor,
        since=at,
        until=at + LASTS,
    )


def extra_calls(reads: Sequence[Read], procedure: Procedure | None, at: datetime) -> tuple[Read, ...]:
    """The calls of one cycle beside the usual ones."""
    if procedure is None or not procedure.is_active(at):
        return ()
    wanted = [read for read in reads if read.operation in procedure.operations]
    return tuple(read for _ in range(procedure.factor - 1) for read in wanted for _ in range(read.calls))


class Split(Noun):
    """Where the time of some calls went: how many, and medians in ms of those that got so far."""

    calls: NonNegativeInt
    dns_ms: NonNegativeFloat | None = None
    connect_ms: NonNegativeFloat | None = None
    tls_ms: NonNegativeFloat | None = None
    first_byte_ms: NonNegativeFloat | None = None
    latency_ms: NonNegativeFloat | None = None

    @classmethod
    def of(cls, readings: Sequence[Reading]) -> Split:
        """The split of these calls."""
        known = {
            name: [value for one in readings if (value := getattr(one, name)) is not None]
            for name in cls.model_fields
            if name != "calls"
        }
        return cls(calls=len(readings), **{name: median(values) for name, values in known.items() if values})


class Capture(Kept):
    """The times of an incident's failing calls beside those of good ones; its id is the incident's."""

    integration_id: Identifier
    problem_id: str
    operations: tuple[Operation, ...]
    since: AwareDatetime
    until: AwareDatetime
    failing: Split
    good: Split
    extra: NonNegativeInt  # of all these calls, how many were made beside the usual probes
    outcomes: dict[Outcome, NonNegativeInt] = Field(default_factory=dict)  # of the failing ones
    rungs: dict[Rung, NonNegativeInt] = Field(default_factory=dict)  # where they broke


def capture(incident: Incident, procedure: Procedure, window: Window) -> Capture:
    """What the calls of the suspect operations show, the failing ones (or slow ones) beside the good ones."""
    mine = [one for one in window.readings if one.operation in procedure.operations]
    bad = [one for one in mine if is_bad(one, incident)]
    return Capture(
        id=incident.id,
        integration_id=incident.integration_id,
        problem_id=procedure.problem_id,
        operations=procedure.operations,
        since=window.since,
        until=window.until,
        failing=Split.of(bad),
        good=Split.of([one for one in mine if not is_bad(one, incident)]),
        extra=sum(one.source is Source.CAPTURE for one in mine),
        outcomes=dict(Counter(one.outcome for one in bad)),
        rungs=dict(Counter(one.rung for one in bad)),
    )


def is_bad(reading: Reading, incident: Incident) -> bool:
    """Whether a call is part of the trouble: it failed; where nothing fails, it was made while it lasted."""
    if incident.symptom not in {SLOW, UNUSUAL}:
        return not reading.outcome.is_ok
    ended = incident.restored_at
    return reading.observed_at >= incident.started_at and (ended is None or reading.observed_at < ended)
