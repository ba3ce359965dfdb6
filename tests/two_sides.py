"""Two sides for tests: rows of the pretend practice or of the public data, spoilt, and made into digest tables.

The digests here are as small as can be; the product's own (tasks.digests) hash under a tenant's key and know every
way of writing a value.
"""

from __future__ import annotations

import atexit
import csv
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from models.discrepancy import DiscrepancyKind
from models.reconciliation import Column, ColumnKind, Landed, Reconciliation, Tombstone
from models.verdict import Verdicts
from simulator.landing import LAYOUTS, records
from simulator.landing_decoys import GONE
from simulator.landing_faults import Batch, LandingFault, Layout, Row, Touched, Value, moment
from simulator.people import Practice
from tasks.verdicts import verdicts

SYNTHEA = Path(__file__).parents[2] / "shared" / "data" / "synthea_r4" / "dev"
TIMEZONE = "America/New_York"
ZONE = ZoneInfo(TIMEZONE)
SINCE = datetime(2026, 3, 5, 5, tzinfo=UTC)  # Thursday midnight; clocks change on Sunday, 8 March
DAYS = timedelta(days=7)

Columns = dict[str, tuple[Any, Callable[[Row], Any]]]
DIGESTS: dict[int, tuple[Row, Reconciliation, tuple[Any, ...]]] = {}
MOST_DIGESTS = 100_000
Keys = dict[tuple[DiscrepancyKind, str | None], frozenset[str]]


@dataclass(frozen=True)
class World:
    """Records of one kind, and how they are compared."""

    name: str
    layout: Layout
    wanted: Reconciliation
    rows: tuple[Row, ...]
    as_of: datetime
    empties: str  # the column that a fault empties
    changes: str  # … and changes
    cut_of: str = "day"

    def spoilt(self, fault: LandingFault, seed: int) -> Batch:
        return fault.spoil(Batch.of(self.rows, self.as_of), self.layout, Random(f"{self.name}:{seed}"))  # noqa: S311


@dataclass(frozen=True)
class Judged:
    """What was said of two sides."""

    verdicts: Verdicts
    keys: Keys  # all of them, by what they are called, as the rows have them

    @property
    def kinds(self) -> set[DiscrepancyKind]:
        return {kind for kind, _ in self.keys}

    def touches(self, touched: Touched) -> frozenset[str]:
        """The keys that were named in the column of this, or as a whole."""
        found = [keys for (_, column), keys in self.keys.items() if column in (None, touched.column)]
        return frozenset().union(*found)

    def all_keys(self) -> frozenset[str]:
        return frozenset().union(*self.keys.values())


def judge(world: World, theirs: Sequence[Row], ours: Sequence[Row], days: Collection[date] | None = None) -> Judged:
    """What `verdicts` says of these rows."""
    db = database()
    fill(db, world.wanted, "theirs", theirs)
    fill(db, world.wanted, "ours", ours)
    said = verdicts(db, world.wanted, world.as_of, days)
    named = db.execute('SELECT kind, "column", key FROM found').fetchall()
    assert len(named) == len({*named}) == sum(one.count for one in said.discrepancies), "each once, and all counted"
    known = {hashed(row[world.wanted.key]): world.layout.key_of(row) for row in (*theirs, *ours)}
    keys: dict[tuple[DiscrepancyKind, str | None], set[str]] = {}
    for kind, column, key in named:
        keys.setdefault((DiscrepancyKind(kind), column), set()).add(known[key])
    return Judged(said, {name: frozenset(some) for name, some in keys.items()})


@cache
def database() -> duckdb.DuckDBPyConnection:
    """One for all: to open one takes longer than to compare a few rows."""
    db = duckdb.connect(config={"threads": 2, "temp_directory": ""})
    atexit.register(database.cache_clear)
    atexit.register(db.close)
    return db


def fill(db: duckdb.DuckDBPyConnection, wanted: Reconciliation, side: str, rows: Sequence[Row]) -> None:
    """Make the digest table of a side."""
    columns = digest_columns(wanted)
    made = zip(*(digest(row, wanted, columns) for row in rows), strict=True) if rows else [()] * len(columns)
    arrays = {name: pa.array(values, kind) for (name, (kind, _)), values in zip(columns.items(), made, strict=True)}
    db.register("rows_of_a_side", pa.table(arrays))
    db.execute(f"CREATE OR REPLACE TABLE {side} AS SELECT * FROM rows_of_a_side")  # noqa: S608 - theirs or ours
    db.unregister("rows_of_a_side")


def digest(row: Row, wanted: Reconciliation, columns: Columns) -> tuple[Any, ...]:
    """One row of a digest table. Most rows come again: what is kept of one is kept with it."""
    known = DIGESTS.get(id(row))
    if known is None or known[0] is not row or known[1] is not wanted:
        if len(DIGESTS) > MOST_DIGESTS:
            DIGESTS.clear()
        known = DIGESTS[id(row)] = (row, wanted, tuple(make(row) for _, make in columns.values()))
    return known[2]


def digest_columns(wanted: Reconciliation) -> Columns:
    """How each column of a digest table is made of a row."""
    by, gone = wanted.counted_by.name, wanted.tombstone
    columns: Columns = {
        "key": (pa.string(), lambda row: hashed(row[wanted.key])),
        "day": (pa.date32(), lambda row: day_of(row[by])),
        "changed_at": (pa.timestamp("us"), lambda row: instant_of(row[wanted.changed]) if wanted.changed else None),
        "is_gone": (pa.bool_(), lambda row: gone is not None and row[gone.column] in gone.values),
    }
    for role in ("location", "provider", "patient"):
        columns[role] = (pa.string(), _hash_of(getattr(wanted, role)))
    for column in wanted.compared:
        if column.kind is ColumnKind.INSTANT:
            columns[f"h_{column.name}"] = (pa.string(), lambda row, name=column.name: hashed(seconds_of(row[name])))
            columns[f"t_{column.name}"] = (pa.int64(), lambda row, name=column.name: seconds_of(row[name]))
        else:
            columns[f"h_{column.name}"] = (pa.string(), _hash_of(column.name))
    return columns


def _hash_of(name: str | None) -> Callable[[Row], str | None]:
    return lambda row: hashed(row[name]) if name else None


@cache
def hashed(value: Value) -> str | None:
    return None if value in (None, "") else sha256(str(value).encode()).hexdigest()[:16]


@cache
def instant_of(value: Value) -> datetime | None:
    return moment(value).astimezone(UTC).replace(tzinfo=None) if value else None


@cache
def seconds_of(value: Value) -> int | None:
    return int(moment(value).timestamp()) if value else None


@cache
def day_of(value: Value) -> date | None:
    if not value:
        return None
    return moment(value).astimezone(ZONE).date() if "T" in str(value) else date.fromisoformat(str(value))


def wanted_of(layout: Layout, name: str, resource: str, location: str | None = None) -> Reconciliation:
    """All columns of a table, compared under their names."""
    instants = {*layout.instants, layout.changed}
    kinds = {one: ColumnKind.INSTANT if one in instants else ColumnKind.TEXT for one in layout.columns}
    return Reconciliation(
        name=name,
        resource=resource,
        operation=f"{resource}.search",
        ours=Landed(url="sqlite:///landed.db", table=layout.table),
        columns=tuple(Column(name=one, kind=kind) for one, kind in kinds.items()),
        key=layout.key,
        day=layout.day,
        changed=layout.changed,
        location=location,
        provider=layout.provider,
        patient=layout.patient,
        tombstone=Tombstone(column=layout.status, values=(GONE,)),
    )


@cache
def practice_appointments() -> World:
    """Seven days of the pretend practice, which has three sites and nine doctors here."""
    layout = LAYOUTS["Appointment"]
    found = records(Practice(1, TIMEZONE), "Appointment", SINCE, SINCE + DAYS)
    numbers = [int(sha256(str(row["id"]).encode()).hexdigest()[:6], 16) % 9 for row in found]
    rows = [
        row | {"provider_id": f"doctor-{n}", "location_id": f"site-{n % 3}"}
        for row, n in zip(found, numbers, strict=True)
    ]
    wanted = wanted_of(layout, "appointments", "Appointment", location="location_id")
    as_of = SINCE + DAYS + timedelta(days=1)
    return World("practice appointments", layout, wanted, tuple(rows), as_of, "provider_id", "minutes")


@cache
def practice_prescriptions() -> World:
    """Seven days of the pretend practice."""
    layout = LAYOUTS["VisionPrescription"]
    rows = records(Practice(1, TIMEZONE), "VisionPrescription", SINCE, SINCE + DAYS)
    wanted = wanted_of(layout, "prescriptions", "VisionPrescription")
    as_of = SINCE + DAYS + timedelta(days=1)
    return World("practice prescriptions", layout, wanted, tuple(rows), as_of, "right_axis", "right_sphere")


@cache
def public_encounters() -> World:
    """Encounters, as appointments; they were last changed when they ended."""
    layout = Layout(
        table="encounters",
        columns=(
            "id",
            "patient",
            "status",
            "cls",
            "type_code",
            "start",
            "end",
            "practitioner",
            "organization",
            "changed_at",
        ),
        day="start",
        instants=("start", "end"),
        patient="patient",
        provider="practitioner",
    )
    wanted = wanted_of(layout, "encounters", "Encounter", location="organization")
    return _public(layout, wanted, "practitioner", "type_code", lambda row: {"changed_at": row["end"]})


@cache
def public_prescriptions() -> World:
    """Medication requests; they were last changed when they were written."""
    layout = Layout(
        table="prescriptions",
        columns=(
            "id",
            "patient",
            "encounter",
            "status",
            "intent",
            "med_code",
            "med",
            "authored",
            "requester",
            "dose",
            "freq",
            "changed_at",
        ),
        day="authored",
        instants=("authored",),
        patient="patient",
        provider="requester",
    )
    wanted = wanted_of(layout, "medications", "MedicationRequest")
    return _public(layout, wanted, "requester", "dose", lambda row: {"changed_at": row["authored"]})


@cache
def public_patients() -> World:
    """Patients, all of one day; when they were changed nobody tells."""
    layout = Layout(
        table="patients",
        columns=(
            "id",
            "status",
            "family",
            "given",
            "gender",
            "birth_date",
            "deceased",
            "phone",
            "line",
            "city",
            "postal",
            "registered",
        ),
        changed=None,
        day="registered",
    )
    wanted = wanted_of(layout, "patients", "Patient")
    return _public(layout, wanted, "phone", "postal", lambda _: {"status": "active", "registered": "2021-04-01"})


def _public(layout: Layout, wanted: Reconciliation, empties: str, changes: str, more: Callable[[Row], Row]) -> World:
    with (SYNTHEA / f"{layout.table}.csv").open(encoding="utf-8", newline="") as file:
        read = [row | more(row) for row in csv.DictReader(file)]
    rows = tuple({name: row[name] or None for name in layout.columns} for row in read)
    as_of = datetime(2026, 1, 1, tzinfo=UTC)
    return World(f"public {layout.table}", layout, wanted, rows, as_of, empties, changes, cut_of="batch")


PRACTICE = (practice_appointments, practice_prescriptions)
PUBLIC = (public_encounters, public_prescriptions, public_patients)
