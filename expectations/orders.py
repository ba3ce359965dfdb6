"""Orders: what is to be made or handed out, for which prescription and which eye."""

from __future__ import annotations

from collections.abc import Iterator

from expectations._words import EYES, coded, one_of, past, present, unique, whole
from models.anomaly import Severity
from models.promise import Promise, Suite, Terms
from models.reconciliation import ColumnKind as Kind

FEED = "orders"
COLUMNS = {
    "id": Kind.CODE,
    "status": Kind.CODE,
    "prescription": Kind.CODE,
    "patient": Kind.CODE,
    "eye": Kind.CODE,
    "quantity": Kind.NUMBER,
    "authored_on": Kind.INSTANT,
    "last_updated": Kind.INSTANT,
}
NEEDED = ("id", "status", "prescription")
REFERS = {"prescription": "prescriptions", "patient": "patients"}
STATUS = ("draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown")  # FHIR request-status
QUANTITIES = range(1, 101)  # a year of daily lenses is 24 boxes of 30: a hundred is a slip of the hand


def suite(terms: Terms) -> Suite:
    """What is promised of orders."""
    return Suite(feed=FEED, columns=COLUMNS, needed=NEEDED, refers=REFERS, promises=tuple(_promises(terms)))


def _promises(terms: Terms) -> Iterator[Promise]:
    yield from whole(FEED, COLUMNS, NEEDED, terms, REFERS)
    yield unique(FEED, "id")
    yield coded(f"{FEED}.status_code", "status", STATUS, terms)
    yield present(f"{FEED}.prescription_there", "prescription", "prescription has a value", severity=Severity.HIGH)
    yield coded(f"{FEED}.eye_code", "eye", EYES, terms, severity=Severity.HIGH)
    says = f"quantity is a whole number from {QUANTITIES[0]} to {QUANTITIES[-1]}"
    yield one_of(f"{FEED}.quantity_range", "quantity", says, QUANTITIES)
    yield past(FEED, "authored_on", terms)
