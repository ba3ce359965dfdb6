"""The pretend application's landing program: what the practice records lands in a table of SQLite, a little later.

It is asked to keep up (`land`), and takes what is due since it last did so: each such batch meets the faults that are
active then (`simulator.landing_faults`). What it did to which keys it tells tests only (`touched`). A record that
changes again replaces its row.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from models.errors import BadInput
from simulator.landing_faults import Batch, LandingFault, Layout, Row, Touched, Value
from simulator.people import Arrival, Practice, resource

DELAY = timedelta(minutes=5)  # from a change at the practice to its row here
Record = dict[str, Any]  # as FHIR has it

LAYOUTS = {
    "Patient": Layout(
        table="patients",
        columns=("id", "status", "family", "given", "gender", "birth_date", "changed_at"),
    ),
    "Appointment": Layout(
        table="appointments",
        columns=(
            *("id", "status", "starts_at", "ends_at", "minutes"),
            *("patient_id", "provider_id", "location_id", "changed_at"),
        ),
        day="starts_at",
        instants=("starts_at", "ends_at"),
        patient="patient_id",
        provider="provider_id",
    ),
    "MedicationRequest": Layout(
        table="medications",
        columns=("id", "status", "written_at", "patient_id", "medication", "dosage", "changed_at"),
        day="written_at",
        instants=("written_at",),
        patient="patient_id",
    ),
    "VisionPrescription": Layout(
        table="prescriptions",
        columns=(
            *("id", "status", "written_at", "patient_id", "provider_id"),
            *("right_sphere", "right_cylinder", "right_axis", "left_sphere", "left_cylinder", "left_axis"),
            "changed_at",
        ),
        day="written_at",
        instants=("written_at",),
        patient="patient_id",
        provider="provider_id",
    ),
}
"""The application's tables, by the kind of record that lands in them."""


class Landing:
    """One table that is kept up with one kind of record of a practice."""

    def __init__(
        self,
        path: Path,
        practice: Practice,
        kind: str = "Appointment",
        *,
        since: datetime,
        delay: timedelta = DELAY,
        seed: int = 1,
    ) -> None:
        """Make the table, empty.

        Args:
            path: the SQLite file; other tables in it are left alone.
            practice: whose records.
            kind: of record, one of LAYOUTS.
            since: records that came into being before this are left out.
            delay: between a change at the practice and its row here.
            seed: of what the faults choose.
        """
        if kind not in LAYOUTS:
            raise BadInput(f"Nothing lands of that kind; there are: {', '.join(LAYOUTS)}.")
        self.path, self.kind, self.layout = path, kind, LAYOUTS[kind]
        self._practice, self._until, self._delay, self._seed = practice, since, delay, seed
        self._touched: list[Touched] = []
        write(path, self.layout, ())

    @property
    def touched(self) -> tuple[Touched, ...]:
        """What was done to which keys so far."""
        return tuple(self._touched)

    def land(self, now: datetime, faults: Iterable[LandingFault] = ()) -> int:
        """Let land what is due by now; how many rows were written. These faults are active for all of it."""
        since, self._until = self._until, max(self._until, now - self._delay)
        batch = Batch.of(records(self._practice, self.kind, since, self._until), now)
        for fault in faults:
            batch = fault.spoil(batch, self.layout, Random(f"{self._seed}:{type(fault).__name__}:{since.isoformat()}"))
        self._touched += batch.touched
        return write(self.path, self.layout, batch.ours)


def records(practice: Practice, kind: str, since: datetime, until: datetime) -> list[Row]:
    """What came into being, or changed, in [since, until), as rows of its table; of one record its last version."""
    found = (row_of(kind, arrival) for arrival in practice.arrivals(f"{kind}.search", since, until))
    return list({row["id"]: row for row in found}.values())


def row_of(kind: str, arrival: Arrival) -> Row:
    """A record as a row of its table."""
    record = resource(kind, arrival)
    head = {"id": record["id"], "status": record.get("status"), "changed_at": record["meta"]["lastUpdated"]}
    row = head | ROWS[kind](record)
    return {name: row[name] for name in LAYOUTS[kind].columns}


def write(path: Path, layout: Layout, rows: Sequence[Row]) -> int:
    """Put rows into a table, which is made where there is none; an older row of the same key goes."""
    columns = ", ".join(f'"{name}"' for name in layout.columns)
    slots = ", ".join("?" * len(layout.columns))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(f'CREATE TABLE IF NOT EXISTS "{layout.table}" ({columns})')
        db.execute(f'CREATE INDEX IF NOT EXISTS "{layout.table}_{layout.key}" ON "{layout.table}" ("{layout.key}")')
        db.executemany(
            f'DELETE FROM "{layout.table}" WHERE "{layout.key}" = ?',  # noqa: S608 - names of LAYOUTS
            {(row[layout.key],) for row in rows},
        )
        db.executemany(
            f'INSERT INTO "{layout.table}" ({columns}) VALUES ({slots})',  # noqa: S608 - names of LAYOUTS
            [tuple(row[name] for name in layout.columns) for row in rows],
        )
    return len(rows)


def _patient(record: Record) -> Row:
    name = record["name"][0]
    told = {"family": name["family"], "given": name["given"][0], "gender": record["gender"]}
    return told | {"status": "active" if record["active"] else "inactive", "birth_date": record["birthDate"]}


def _appointment(record: Record) -> Row:
    told: Row = {"starts_at": record["start"], "ends_at": record["end"], "minutes": record["minutesDuration"]}
    actors = [one["actor"]["reference"] for one in record["participant"]]
    return told | {
        "patient_id": _named(actors, "Patient"),
        "provider_id": _named(actors, "Practitioner"),
        "location_id": _named(actors, "Location"),
    }


def _medication(record: Record) -> Row:
    return {
        "written_at": record["authoredOn"],
        "patient_id": _named([record["subject"]["reference"]], "Patient"),
        "medication": record["medicationCodeableConcept"]["text"],
        "dosage": record["dosageInstruction"][0]["text"],
    }


def _prescription(record: Record) -> Row:
    told: Row = {"written_at": record["dateWritten"], "provider_id": record["prescriber"]["display"]}
    for lens in record["lensSpecification"]:
        told |= {f"{lens['eye']}_{name}": lens[name] for name in ("sphere", "cylinder", "axis")}
    return told | {"patient_id": _named([record["patient"]["reference"]], "Patient")}


def _named(references: Sequence[str], kind: str) -> Value:
    """The id that a reference to this kind holds; None: there is none."""
    return next((one.removeprefix(f"{kind}/") for one in references if one.startswith(f"{kind}/")), None)


ROWS: dict[str, Callable[[Record], Row]] = {
    "Patient": _patient,
    "Appointment": _appointment,
    "MedicationRequest": _medication,
    "VisionPrescription": _prescription,
}
