"""Appointments: who comes when, to whom, and where."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from expectations._words import between, coded, in_hours, later, once, one_of, present, promise, unique, whole
from models.anomaly import Severity
from models.promise import Promise, Suite, Terms, Whom
from models.reconciliation import ColumnKind as Kind

FEED = "appointments"
COLUMNS = {
    "id": Kind.CODE,
    "status": Kind.CODE,
    "start": Kind.INSTANT,
    "end": Kind.INSTANT,
    "patient": Kind.CODE,
    "practitioner": Kind.CODE,
    "location": Kind.CODE,
    "last_updated": Kind.INSTANT,
}
NEEDED = ("id", "status", "start")
REFERS = {"patient": "patients"}
STATUS = (  # FHIR appointmentstatus
    *("proposed", "pending", "booked", "arrived", "fulfilled", "cancelled", "noshow", "entered-in-error"),
    *("checked-in", "waitlist"),
)
FREE = ("proposed", "cancelled", "noshow", "entered-in-error", "waitlist")  # they keep nobody else from the slot
SHORTEST_S, LONGEST_S = 5 * 60, 8 * 3600  # a pressure check; a day of surgery
AHEAD = timedelta(days=2 * 366)  # yearly checks are booked a year ahead, or two
OUTSIDE = 0.98  # in opening hours: someone is always squeezed in; a constant shift moves far more (spec: S69)


def suite(terms: Terms) -> Suite:
    """What is promised of appointments."""
    return Suite(feed=FEED, columns=COLUMNS, needed=NEEDED, refers=REFERS, promises=tuple(_promises(terms)))


def _promises(terms: Terms) -> Iterator[Promise]:
    yield from whole(FEED, COLUMNS, NEEDED, terms, REFERS)
    yield unique(FEED, "id")
    yield coded(f"{FEED}.status_code", "status", STATUS, terms)
    yield from _when(terms)
    yield present(f"{FEED}.patient_there", "patient", "patient has a value", mostly=0.98)  # blocks have none
    says = "location is one that is known"
    unless = None if terms.locations else "no locations are declared"
    yield one_of(f"{FEED}.location_code", "location", says, terms.locations, unless=unless)
    yield once(
        f"{FEED}.slot_once", ("practitioner", "start", "status"), "no two appointments are in one slot of a provider",
        where=f"~status.isin({list(FREE)})", whom=Whom.PRACTICE,
    )  # fmt: skip


def _when(terms: Terms) -> Iterator[Promise]:
    yield present(f"{FEED}.start_there", "start", "start has a value", mostly=0.98)  # a waiting list has none
    yield in_hours(
        f"{FEED}.start_in_hours", "start", "start is in opening hours", terms, mostly=OUTSIDE, severity=Severity.HIGH
    )
    says = "start is not more than two years ahead"
    yield between(f"{FEED}.start_plausible", "start", says, most=terms.as_of + AHEAD)
    yield later(f"{FEED}.end_later", "end", "start", "end is after start", severity=Severity.HIGH)
    yield promise(
        f"{FEED}.length_plausible",
        ("end", "start"),
        "from start to end is 5 minutes to 8 hours",
        "expect_column_pair_gap_to_be_between",
        {"column_A": "end", "column_B": "start", "least_s": SHORTEST_S, "most_s": LONGEST_S},
        mostly=0.99,
        whom=Whom.PRACTICE,
    )
