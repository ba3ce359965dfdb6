"""Claims: what a payer is asked to pay, as an 837 or a FHIR Claim carries it."""

from __future__ import annotations

from collections.abc import Iterator

from expectations._words import (
    MEMBER,
    PAYER,
    SERVICE_TYPES,
    between,
    coded,
    filled,
    past,
    present,
    shaped,
    steps,
    unique,
    whole,
)
from models.anomaly import Severity
from models.promise import Promise, Suite, Terms
from models.reconciliation import ColumnKind as Kind

FEED = "claims"
COLUMNS = {
    "id": Kind.CODE,
    "control_number": Kind.CODE,
    "status": Kind.CODE,
    "patient": Kind.CODE,
    "payer_id": Kind.CODE,
    "member_id": Kind.CODE,
    "service_type": Kind.CODE,
    "service_date": Kind.INSTANT,
    "total": Kind.NUMBER,
    "created": Kind.INSTANT,
    "last_updated": Kind.INSTANT,
}
NEEDED = ("id", "patient", "total")
REFERS = {"patient": "patients"}
STATUS = ("active", "cancelled", "draft", "entered-in-error")  # FHIR fm-status
CONTROL = r"^[\x20-\x7e]{1,38}$"  # X12 837, CLM01: 1 to 38 characters
MOST = 1_000_000  # of one claim
CENT, HALF_A_MILL = 0.01, 0.0005


def suite(terms: Terms) -> Suite:
    """What is promised of claims."""
    return Suite(feed=FEED, columns=COLUMNS, needed=NEEDED, refers=REFERS, promises=tuple(_promises(terms)))


def _promises(terms: Terms) -> Iterator[Promise]:
    yield from whole(FEED, COLUMNS, NEEDED, terms, REFERS)
    yield unique(FEED, "id")
    yield unique(FEED, "control_number")
    yield shaped(f"{FEED}.control_number_shape", "control_number", "control_number has 1 to 38 characters", CONTROL)
    yield coded(f"{FEED}.status_code", "status", STATUS, terms)
    yield from _money()
    yield present(f"{FEED}.payer_id_there", "payer_id", "payer_id has a value", severity=Severity.HIGH)
    yield shaped(f"{FEED}.payer_id_shape", "payer_id", "payer_id has 2 to 80 letters and digits", PAYER)
    yield shaped(f"{FEED}.member_id_shape", "member_id", "member_id has 2 to 80 letters and digits", MEMBER)
    yield filled(FEED, "member_id", 0.98, terms)
    yield coded(f"{FEED}.service_type_code", "service_type", SERVICE_TYPES, terms, severity=Severity.LOW)
    yield past(FEED, "service_date", terms)
    yield past(FEED, "created", terms)


def _money() -> Iterator[Promise]:
    says = f"total is from 0 to {MOST:,}"
    yield between(f"{FEED}.total_range", "total", says, 0, MOST, severity=Severity.HIGH)
    yield steps(f"{FEED}.total_cents", "total", "total is in whole cents", CENT, HALF_A_MILL)
