"""Who takes part in a pretend month: sites that differ as real ones do, each with its own usual."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.calendar import Hours, Span
from models.integration import Integration, Read

Floats = NDArray[np.float64]

ZONES = {  # share of sites; the first four change their clocks on 2026-11-01, the last two on 2026-10-25
    "America/New_York": 0.4,
    "America/Chicago": 0.2,
    "America/Los_Angeles": 0.16,
    "America/Denver": 0.08,
    "America/Phoenix": 0.06,
    "Europe/London": 0.05,
    "Europe/Berlin": 0.05,
}
THANKSGIVING = date(2026, 11, 26)
OPEN = Span(opens=8 * 60, closes=18 * 60)
SATURDAY = Span(opens=9 * 60, closes=13 * 60)


class Flow(NamedTuple):
    """How one read of a site usually behaves."""

    operation: str
    median_ms: float  # of latency, over the whole week
    per_hour: float  # records that come into being in the busiest hour; 0: the answer is always one record
    window_min: int  # how far back an answer reaches
    bytes_each: float


class Queue(NamedTuple):
    """A queue whose depth is measured."""

    limit: float  # from which it refuses
    busy: float  # its depth in the busiest hour


class Quota(NamedTuple):
    """So many calls are allowed a day, counted down from midnight on the practice's clock."""

    granted: float
    share_used: float  # on an ordinary weekday


class Site(NamedTuple):
    """One integration and its habits."""

    integration: Integration
    flows: tuple[Flow, ...]
    volatility: float  # standard deviation of log latency from call to call
    wander: float  # the same of the slow part, which lasts
    memory_min: float  # how long the slow part lasts (time constant)
    tail: float  # share of calls in the heavy tail
    peak: float  # by how much Monday morning is slower, as a share
    load: float  # by how much the busiest hour is slower, as a share
    always: float  # share of activity that does not sleep: 0 an office, 1 a hospital
    growth: float  # of records and traffic, per week, as a share
    drift: float  # of log latency, standard deviation per day
    errors: float  # share of calls that fail on a good day, alone
    clusters: float  # small clusters of failures, per day
    connect_ms: float
    noise_bursts: float  # innocuous noisy spells, per day
    traffic: float  # real calls a minute in the busiest hour; 0: only probes
    queue: Queue | None
    quota: Quota | None

    @property
    def id(self) -> str:
        """The integration's."""
        return self.integration.id

    @property
    def timezone(self) -> str:
        """The practice's."""
        return self.integration.timezone


KINDS: dict[str, tuple[str, ...]] = {
    "epic_fhir": (
        "Appointment.search",
        "Patient.search",
        "MedicationRequest.search",
        "VisionPrescription.search",
    ),
    "allscripts_unity": ("GetSchedule", "GetPatient", "GetPrescriptions"),
    "http_api": ("Appointment.list", "Patient.list", "Order.list"),
    "x12_eligibility": ("Eligibility.inquiry", "Claim.status"),
}
SINGLE = {"GetPatient", "Eligibility.inquiry", "Claim.status"}  # one record an answer, at any hour


def make_sites(many: int, rng: np.random.Generator) -> tuple[Site, ...]:
    """Sites of every kind, size and zone; every third has real traffic, every other a queue, every third a quota."""
    zones = _dealt(list(ZONES), list(ZONES.values()), many)
    rng.shuffle(zones)
    return tuple(_site(nth, zone, rng) for nth, zone in enumerate(zones))


def _site(nth: int, zone: str, rng: np.random.Generator) -> Site:
    kind = list(KINDS)[nth % len(KINDS)]
    size = float(rng.lognormal(0.0, 0.6))  # of the practice; 1 is a middling one
    pace = float(np.exp(rng.uniform(np.log(30), np.log(900))))  # of the vendor's host: in the next room, or far away
    always = float(rng.choice([0.0, 0.0, 0.0, 0.35]))
    operations = rng.permutation(list(KINDS[kind]))[: int(rng.integers(2, 4))]
    flows = tuple(
        Flow(
            operation=str(operation),
            median_ms=pace * float(rng.uniform(0.7, 1.5)),
            per_hour=0.0 if operation in SINGLE else float(rng.uniform(20, 60)) * size,
            window_min=int(rng.choice([60, 60, 240])),
            bytes_each=float(rng.uniform(200, 900)),
        )
        for operation in operations
    )
    integration = Integration(
        id=f"site-{nth:03d}",
        name=f"Site {nth}",
        kind=kind,
        settings={},
        timezone=zone,
        hours=None if always else _hours(zone),
        reads=tuple(Read(operation=flow.operation, component=flow.operation.split(".")[0]) for flow in flows),
    )
    return Site(
        integration=integration,
        flows=flows,
        volatility=float(rng.uniform(0.08, 0.35)),
        wander=float(rng.uniform(0.02, 0.15)),
        memory_min=float(rng.uniform(15, 240)),
        tail=float(rng.uniform(0.001, 0.02)),
        peak=float(rng.uniform(0.0, 0.5)),
        load=float(rng.uniform(0.05, 0.4)),
        always=always,
        growth=float(rng.uniform(-0.01, 0.03)),
        drift=float(rng.uniform(0.0, 0.02)),
        errors=float(rng.uniform(0.0005, 0.003)),
        clusters=float(rng.uniform(0.1, 0.6)),
        connect_ms=float(rng.uniform(5, 90)),
        noise_bursts=float(rng.uniform(0.1, 0.6)),
        traffic=float(rng.uniform(6, 24)) if nth % 3 == 0 else 0.0,
        queue=Queue(limit=float(rng.uniform(400, 4000)), busy=float(rng.uniform(5, 30))) if nth % 2 == 0 else None,
        quota=Quota(granted=float(rng.uniform(5e3, 5e4)), share_used=float(rng.uniform(0.3, 0.6)))
        if nth % 3 == 1
        else None,
    )


def _hours(zone: str) -> Hours:
    """What such a practice writes into its configuration: ten hours a day, Saturday morning, and its holiday."""
    days: dict[str, object] = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), (OPEN,))
    holidays = (THANKSGIVING,) if zone.startswith("America") else ()
    return Hours.model_validate(days | {"saturday": (SATURDAY,), "holidays": holidays})


def _dealt(names: list[str], shares: list[float], many: int) -> list[str]:
    """So many names in these shares, as near as whole numbers come."""
    edges = np.round(np.cumsum(shares) / sum(shares) * many).astype(int)
    return [names[int(np.searchsorted(edges, nth, side="right"))] for nth in range(many)]
