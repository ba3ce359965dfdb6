"""What an application has landed of the pretend practice: its rows, in a table of a real database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from simulator.people import Practice, appointment_start, instant, patient_name, practitioner, site

LONG = 100 * 288  # slots of five minutes, as far back as a search of the clinic reaches
Row = dict[str, Any]


def appointments(practice: Practice, since: datetime, until: datetime) -> list[Row]:
    """Those that were made in a span, written as a database has them: ids alone, instants with a space."""
    return [
        {
            "id": f"appointment-{one.id}",
            "start": instant(appointment_start(one)).replace("T", " ").replace(".000Z", "+00:00"),
            "status": "booked",
            "minutes": "20.0",
            "patient": patient_name(one.patient).lower(),
            "practitioner": f"testdoctor-{practitioner(one):02d}",
            "location": f"testsite-{site(one)}",
            "updated": instant(one.at),
        }
        for one in practice.arrivals("Appointment.search", since, until, LONG)
    ]


def land(path: Path, table: str, rows: Iterable[Row]) -> None:
    """Write a table of a SQLite database anew."""
    rows = list(rows)
    with sqlite3.connect(path) as db:
        names = list(rows[0])
        db.execute(f'DROP TABLE IF EXISTS "{table}"')
        db.execute(f'CREATE TABLE "{table}" ({", ".join(f"{name} TEXT" for name in names)})')
        marks = ", ".join("?" * len(names))
        db.executemany(f'INSERT INTO "{table}" VALUES ({marks})', ([row[name] for name in names] for row in rows))  # noqa: S608 - names of ours
    db.close()


def land_on_server(connection: Any, schema: str, table: str, rows: Iterable[Row]) -> None:
    """Write a table of a PostgreSQL schema, with its instants as the database's own."""
    rows = list(rows)
    kinds = {"start": "timestamptz", "updated": "timestamptz", "minutes": "numeric"}
    names = list(rows[0])
    columns = ", ".join(f"{name} {kinds.get(name, 'text')}" for name in names)
    connection.execute(f'CREATE TABLE {schema}."{table}" ({columns})')
    with connection.cursor() as cursor, cursor.copy(f'COPY {schema}."{table}" FROM STDIN') as copy:
        for row in rows:
            copy.write_row([row[name] for name in names])
