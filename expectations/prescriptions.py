"""Prescriptions: what an optician grinds a lens by. One row a lens, or one for each prescription.

Powers are in dioptres as ISO 13666 defines them, axes in degrees by its convention (TABO), prisms in prism dioptres,
distances in millimetres. FHIR's VisionPrescription has the same fields under `lensSpecification`. It has no
interpupillary distance and no end: these are columns that practices add.
"""

from __future__ import annotations

from collections.abc import Iterator

from expectations._words import (
    EYES,
    between,
    coded,
    filled,
    in_hours,
    later,
    once,
    one_of,
    past,
    present,
    promise,
    steps,
    unique,
    whole,
)
from models.anomaly import Severity
from models.promise import Promise, Suite, Terms, Whom
from models.reconciliation import ColumnKind as Kind

FEED = "prescriptions"
COLUMNS = {
    "id": Kind.CODE,
    "patient": Kind.CODE,
    "status": Kind.CODE,
    "prescriber": Kind.CODE,
    "date_written": Kind.INSTANT,
    "expiry_date": Kind.INSTANT,
    "eye": Kind.CODE,
    "sphere": Kind.NUMBER,
    "cylinder": Kind.NUMBER,
    "axis": Kind.NUMBER,
    "add": Kind.NUMBER,
    "pd": Kind.NUMBER,  # between both eyes
    "pd_monocular": Kind.NUMBER,  # from the bridge of the nose to one
    "prism_amount": Kind.NUMBER,
    "prism_base": Kind.CODE,
    "last_updated": Kind.INSTANT,
}
NEEDED = ("id", "patient", "date_written")
REFERS = {"patient": "patients"}
PLANO = {"plano": 0.0, "pl": 0.0, "pln": 0.0}  # no power
WRITTEN = {"sphere": PLANO, "cylinder": {**PLANO, "ds": 0.0, "sph": 0.0}}  # DS, sph: dioptres sphere, so no cylinder

BASES = ("up", "down", "in", "out")  # FHIR vision-base-codes
STATUS_OF_LENSES = ("active", "cancelled", "draft", "entered-in-error")  # FHIR fm-status, as VisionPrescription has it
STATUS_OF_MEDICINES = (  # FHIR medicationrequest-status
    *("active", "on-hold", "cancelled", "completed", "entered-in-error", "stopped", "draft", "unknown"),
)
SPHERE_D, CYLINDER_D = 30.0, 10.0  # either way; what is stronger is made to order, and rare enough to be asked about
LEAST_ADD_D, MOST_ADD_D = 0.25, 4.0
STEP_D, HALF_STEP_D = 0.25, 0.125  # trial lenses and phoropters go by quarters, autorefractors by eighths too
ROUNDED_D = 0.006  # an eighth is written with two places: 0.12, 0.37, 0.62, 0.87
AXES = range(1, 181)  # ISO 13666: 180 is written for 0, so every meridian has one number
DISTANCES = {  # mm, from children to large men: what is outside was read in cm, or halved
    "pd": (40.0, 80.0),
    "pd_monocular": (20.0, 40.0),
}
PRISM_D = 20.0  # above, it is a Fresnel foil or a mistake
CYLINDER = "cylinder.notnull() & cylinder != 0"
NO_CYLINDER = "cylinder.isnull() | cylinder == 0"


def suite(terms: Terms) -> Suite:
    """What is promised of prescriptions."""
    return Suite(
        feed=FEED, columns=COLUMNS, needed=NEEDED, refers=REFERS, written=WRITTEN, promises=tuple(_promises(terms))
    )


def _promises(terms: Terms) -> Iterator[Promise]:
    yield from whole(FEED, COLUMNS, NEEDED, terms, REFERS, reading=Severity.HIGH)
    yield from _papers(terms)
    yield from _eyes(terms)
    yield from _powers()
    yield from _axis(terms)
    yield from _distances(terms)
    yield from _prism()


def _papers(terms: Terms) -> Iterator[Promise]:
    """Who wrote it when, and how long it is good."""
    codes = STATUS_OF_LENSES if terms.has("eye") else STATUS_OF_MEDICINES
    yield coded(f"{FEED}.status_code", "status", codes, terms)
    yield present(f"{FEED}.patient_there", "patient", "patient has a value", severity=Severity.HIGH)
    yield past(FEED, "date_written", terms, severity=Severity.HIGH)
    says = "date_written is on a day, or at an hour, at which the practice is open"
    yield in_hours(f"{FEED}.date_written_in_hours", "date_written", says, terms, dates=True, mostly=0.95)
    yield later(
        f"{FEED}.expiry_date_later", "expiry_date", "date_written", "expiry_date is after date_written",
        severity=Severity.HIGH,
    )  # fmt: skip


def _eyes(terms: Terms) -> Iterator[Promise]:
    """Which eye; right and left of one prescription are there once."""
    if not terms.has("eye"):
        yield unique(FEED, "id")
        return
    yield coded(f"{FEED}.eye_code", "eye", EYES, terms, severity=Severity.HIGH)
    yield present(f"{FEED}.eye_there", "eye", "eye has a value", severity=Severity.HIGH)
    says = "each eye of a prescription is there once"
    yield once(f"{FEED}.eye_once", ("id", "eye"), says, severity=Severity.HIGH, whom=Whom.INTEGRATION)
    yield promise(
        f"{FEED}.both_eyes_alone",
        ("id", "eye"),
        "where OU stands for both eyes, neither stands beside it",
        "expect_column_pair_both_eyes_to_stand_alone",
        {"column_A": "id", "column_B": "eye"},
        severity=Severity.HIGH,
    )


def _powers() -> Iterator[Promise]:
    for column, most, step in (("sphere", SPHERE_D, HALF_STEP_D), ("cylinder", CYLINDER_D, STEP_D)):
        says = f"{column} is from −{most:g} to +{most:g} D"
        yield between(f"{FEED}.{column}_range", column, says, -most, most, severity=Severity.HIGH)
        says = f"{column} is in steps of {step:g} D"
        yield steps(f"{FEED}.{column}_steps", column, says, step, ROUNDED_D, severity=Severity.HIGH)
    says = f"add is from +{LEAST_ADD_D:g} to +{MOST_ADD_D:g} D"
    yield between(f"{FEED}.add_range", "add", says, LEAST_ADD_D, MOST_ADD_D, severity=Severity.HIGH)
    says = f"add is in steps of {STEP_D:g} D"
    yield steps(f"{FEED}.add_steps", "add", says, STEP_D, ROUNDED_D, severity=Severity.HIGH)


def _axis(terms: Terms) -> Iterator[Promise]:
    """An axis belongs to a cylinder, and a cylinder to an axis."""
    says = f"axis is a whole number from {AXES[0]} to {AXES[-1]}"
    yield one_of(f"{FEED}.axis_range", "axis", says, AXES, severity=Severity.HIGH)
    yield present(
        f"{FEED}.axis_with_cylinder", "axis", "where there is a cylinder there is an axis", ("cylinder",),
        where=CYLINDER, severity=Severity.HIGH, mostly=terms.filled.get("axis", 1.0),
    )  # fmt: skip
    yield promise(
        f"{FEED}.axis_without_cylinder",
        ("axis", "cylinder"),
        "where there is no cylinder there is no axis",
        "expect_column_values_to_be_null",
        {"column": "axis"},
        where=NO_CYLINDER,
        severity=Severity.HIGH,
    )


def _distances(terms: Terms) -> Iterator[Promise]:
    for column, (least, most) in DISTANCES.items():
        says = f"{column} is from {least:g} to {most:g} mm"
        yield between(f"{FEED}.{column}_range", column, says, least, most, severity=Severity.HIGH)
        is_told = column in terms.filled or not terms.has(*DISTANCES)
        unless = None if is_told else "either distance will do, and nobody said how often it is this one"
        yield filled(FEED, column, 0.9, terms, severity=Severity.HIGH, unless=unless)
    yield filled(FEED, "sphere", 0.98, terms, severity=Severity.HIGH)  # plano is a value too


def _prism() -> Iterator[Promise]:
    says = f"prism_amount is from 0 to {PRISM_D:g} prism dioptres"
    yield between(f"{FEED}.prism_amount_range", "prism_amount", says, 0, PRISM_D, severity=Severity.HIGH)
    says = f"prism_base is one of {', '.join(BASES)}"
    yield one_of(f"{FEED}.prism_base_code", "prism_base", says, BASES, severity=Severity.HIGH)
    yield present(
        f"{FEED}.prism_base_there", "prism_base", "where there is a prism it has a base", ("prism_amount",),
        where="prism_amount > 0", severity=Severity.HIGH,
    )  # fmt: skip
