"""Patients: who they are, how they are reached, and that each of them is one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from expectations._words import MEMBER, between, coded, filled, once, present, shaped, unique, whole
from models.anomaly import Severity
from models.promise import Promise, Suite, Terms, Whom
from models.reconciliation import ColumnKind as Kind

FEED = "patients"
COLUMNS = {
    "id": Kind.CODE,
    "family": Kind.TEXT,
    "given": Kind.TEXT,
    "birth_date": Kind.DATE,
    "gender": Kind.CODE,
    "phone": Kind.TEXT,
    "postal_code": Kind.CODE,
    "member_id": Kind.CODE,
    "last_updated": Kind.INSTANT,
}
NEEDED = ("id", "birth_date")
GENDERS = ("male", "female", "other", "unknown")  # FHIR administrative-gender
OLDEST = timedelta(days=123 * 365.25)  # nobody is known to have lived longer than 122 years
PHONE = r"^(?:[^0-9]*[0-9]){10,15}[^0-9]*$"  # ten digits in North America; E.164: fifteen at most
POSTAL = r"^(?:[0-9]{5}(?:-?[0-9]{4})?|[A-Za-z][0-9][A-Za-z] ?[0-9][A-Za-z][0-9])$"  # ZIP, ZIP+4; Canada
PERSON = ("family", "given", "birth_date", "phone")  # what makes two records one person (spec: catalogue, S68)


def suite(terms: Terms) -> Suite:
    """What is promised of patients."""
    return Suite(feed=FEED, columns=COLUMNS, needed=NEEDED, promises=tuple(_promises(terms)))


def _promises(terms: Terms) -> Iterator[Promise]:
    yield from whole(FEED, COLUMNS, NEEDED, terms)
    yield unique(FEED, "id")
    says = "nobody has two ids: family, given, birth_date and phone together are there once"
    yield once(f"{FEED}.person_once", PERSON, says, mostly=0.99, whom=Whom.PRACTICE)  # twins of one name are rare
    yield from _born(terms)
    yield coded(f"{FEED}.gender_code", "gender", GENDERS, terms)
    yield shaped(f"{FEED}.phone_shape", "phone", "phone has 10 to 15 digits", PHONE, mostly=0.98, whom=Whom.PRACTICE)
    says = "postal_code is a ZIP code or a Canadian one"
    yield shaped(f"{FEED}.postal_code_shape", "postal_code", says, POSTAL, mostly=0.98, whom=Whom.PRACTICE)
    yield shaped(f"{FEED}.member_id_shape", "member_id", "member_id has 2 to 80 letters and digits", MEMBER)
    yield filled(FEED, "member_id", 0.6, terms)  # some pay themselves
    yield filled(FEED, "phone", 0.8, terms)


def _born(terms: Terms) -> Iterator[Promise]:
    today = terms.today
    yield present(f"{FEED}.birth_date_there", "birth_date", "birth_date has a value", mostly=0.99)
    yield between(
        f"{FEED}.birth_date_past", "birth_date", "birth_date is not in the future", most=today, severity=Severity.HIGH
    )
    says = "birth_date is not more than 123 years ago"
    yield between(f"{FEED}.birth_date_plausible", "birth_date", says, least=today - OLDEST, whom=Whom.PRACTICE)
