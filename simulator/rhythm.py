"""What normal looks like, hour by hour of the week in the practice's own time zone.

The one model behind both the servers (which sleep by it) and the generated history (drawn from it), so that
a baseline learnt from the history fits what the servers then do. Every figure is made up, and plausible.
"""

from __future__ import annotations

import math
from datetime import datetime
from random import Random

from pydantic import NonNegativeFloat, PositiveFloat

from models.noun import Noun

HOURS_PER_WEEK = 168
SIGMA = 0.22  # of log latency: the 95th percentile is 1.44 times the median
ERROR_SHARE = 0.002  # of calls fail on a good day
RESET_SHARE = 1 / 3  # of those failures are resets; the rest are HTTP 503
LOOPBACK_MS = 4.0  # what a client on the same machine sees on top (httpx over kept-alive TLS, measured)

WEEKDAY = (
    *(0.03, 0.03, 0.03, 0.03, 0.03, 0.05, 0.2, 0.5, 0.9, 1.0, 1.0, 0.95),
    *(0.7, 0.85, 0.95, 0.9, 0.8, 0.5, 0.2, 0.1, 0.05, 0.05, 0.03, 0.03),
)  # share of the busiest hour, from midnight
SATURDAY, SUNDAY = 0.3, 0.05  # of a weekday

ACTIVITY: tuple[float, ...] = tuple(
    share * day for day in (1.0, 1.0, 1.0, 1.0, 1.0, SATURDAY, SUNDAY) for share in WEEKDAY
)
"""How busy the practice is in [0, 1], by hour of week; 0 is Monday midnight."""

MONDAY_MORNING = frozenset({8, 9, 10})  # everybody calls after the weekend
LATENCY_FACTOR: tuple[float, ...] = tuple(
    0.9 + 0.25 * activity + (0.35 if hour in MONDAY_MORNING else 0.0) for hour, activity in enumerate(ACTIVITY)
)
"""By how much the median latency is multiplied, by hour of week."""


class Pace(Noun):
    """How one operation usually behaves."""

    median_ms: PositiveFloat  # of the server's own latency, at factor 1
    records_per_hour: NonNegativeFloat | None = None  # in the busiest hour; None: always one record
    bytes_per_record: NonNegativeFloat = 500.0  # of an answer as the pretend servers send it
    envelope_bytes: NonNegativeFloat = 120.0  # around the records

    def latency_ms(self, hour: int, rng: Random) -> float:
        """One draw of the server's latency in this hour of the week, lognormal."""
        return self.median_ms * LATENCY_FACTOR[hour] * math.exp(rng.gauss(0.0, SIGMA))


PACES: dict[str, Pace] = {
    "Patient.search": Pace(median_ms=35, records_per_hour=30, bytes_per_record=496, envelope_bytes=219),
    "Appointment.search": Pace(median_ms=38, records_per_hour=36, bytes_per_record=713, envelope_bytes=220),
    "MedicationRequest.search": Pace(median_ms=40, records_per_hour=24, bytes_per_record=625, envelope_bytes=218),
    "VisionPrescription.search": Pace(median_ms=36, records_per_hour=12, bytes_per_record=750),
    "metadata": Pace(median_ms=15, bytes_per_record=900),
    "token": Pace(median_ms=25),
    "Appointment.list": Pace(median_ms=30, records_per_hour=36, bytes_per_record=230),
    "Patient.list": Pace(median_ms=28, records_per_hour=30, bytes_per_record=220),
    "Order.list": Pace(median_ms=32, records_per_hour=18, bytes_per_record=210),
    "Eligibility.inquiry": Pace(median_ms=90, bytes_per_record=700),
    "GetServerInfo": Pace(median_ms=30, bytes_per_record=230),
    "GetUserAuthentication": Pace(median_ms=40, bytes_per_record=110),
    "GetPatient": Pace(median_ms=50, bytes_per_record=105, envelope_bytes=28),
    "GetSchedule": Pace(median_ms=55, records_per_hour=30, bytes_per_record=217, envelope_bytes=24),
    "GetPrescriptions": Pace(median_ms=52, records_per_hour=20, bytes_per_record=124, envelope_bytes=28),
}
USUAL = {
    "epic": Pace(median_ms=35),
    "unity": Pace(median_ms=50),
    "mllp": Pace(median_ms=20),
    "api": Pace(median_ms=30),
    "clearinghouse": Pace(median_ms=90),
}  # for operations not listed above


def pace(operation: str, system: str = "epic") -> Pace:
    """How this operation usually behaves."""
    return PACES.get(operation, USUAL[system])


def hour_of_week(local: datetime) -> int:
    """0 for Monday 00:00–00:59 … 167 for Sunday 23:00–23:59, of a datetime in the practice's time zone."""
    return local.weekday() * 24 + local.hour


def records_per_hour(operation: str, hour: int) -> float:
    """How many records of this kind come into being in this hour of the week, on average."""
    return (pace(operation).records_per_hour or 0.0) * ACTIVITY[hour]
