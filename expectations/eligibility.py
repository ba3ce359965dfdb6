"""Eligibility: what a payer was asked of a member, and answered, as a 271 carries it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

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
    unique,
    whole,
)
from models.anomaly import Severity
from models.promise import Promise, Suite, Terms
from models.reconciliation import ColumnKind as Kind
from models.x12_answers import REASONS

FEED = "eligibility"
COLUMNS = {
    "id": Kind.CODE,
    "control_number": Kind.CODE,
    "patient": Kind.CODE,
    "payer_id": Kind.CODE,
    "member_id": Kind.CODE,
    "service_type": Kind.CODE,
    "service_date": Kind.INSTANT,
    "reject_reason": Kind.CODE,
    "checked_at": Kind.INSTANT,
    "last_updated": Kind.INSTANT,
}
NEEDED = ("id", "payer_id", "member_id")
REFERS = {"patient": "patients"}
AHEAD = timedelta(days=366)  # members are asked about before they come
TRACE = r"^[\x20-\x7e]{1,50}$"  # X12 271, TRN02: 1 to 50 characters


def suite(terms: Terms) -> Suite:
    """What is promised of eligibility."""
    return Suite(feed=FEED, columns=COLUMNS, needed=NEEDED, refers=REFERS, promises=tuple(_promises(terms)))


def _promises(terms: Terms) -> Iterator[Promise]:
    yield from whole(FEED, COLUMNS, NEEDED, terms, REFERS)
    yield unique(FEED, "id")
    yield unique(FEED, "control_number")
    yield shaped(f"{FEED}.control_number_shape", "control_number", "control_number has 1 to 50 characters", TRACE)
    yield present(f"{FEED}.payer_id_there", "payer_id", "payer_id has a value", severity=Severity.HIGH)
    yield shaped(f"{FEED}.payer_id_shape", "payer_id", "payer_id has 2 to 80 letters and digits", PAYER)
    yield shaped(f"{FEED}.member_id_shape", "member_id", "member_id has 2 to 80 letters and digits", MEMBER)
    yield filled(FEED, "member_id", 0.98, terms)
    yield coded(f"{FEED}.service_type_code", "service_type", SERVICE_TYPES, terms, severity=Severity.LOW)
    yield coded(f"{FEED}.reject_reason_code", "reject_reason", tuple(sorted(REASONS)), terms)
    says = "service_date is not more than a year ahead"
    yield between(f"{FEED}.service_date_plausible", "service_date", says, most=terms.as_of + AHEAD)
    yield past(FEED, "checked_at", terms)
