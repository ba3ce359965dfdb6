"""Digests: raw records of either side become rows of a digest table, and are gone (models.reconciliation).

A compared value leaves as a hash under the tenant's key, with the name of its column mixed in: two columns that hold
the same do not look alike. Keys, patients, places and providers are the pseudonyms that they are everywhere else.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from models.canonical import canonical, instant_of, written
from models.json_path import EVERY, found, steps_of
from models.reconciliation import Column, ColumnKind, Reconciliation
from tasks.pseudonym import LENGTH, pseudonyms, tenant_key

if TYPE_CHECKING:
    import duckdb

THEIRS, OURS = "theirs", "ours"
BATCH = 20_000  # rows that go into the table at once
MOST_KNOWN = 200_000  # values of a column whose hash is remembered: codes and doctors repeat, moments do not
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - in UTC, as all instants of a digest table
REFERENCE = re.compile(  # FHIR R4, 2.3.0: type and id, with a server before them or a version after them
    r"(?:[a-z][a-z0-9+.-]*://\S+/)?"
    r"(Patient|Person|RelatedPerson|Practitioner|PractitionerRole|CareTeam|Group|Location|Organization|"
    r"HealthcareService|Appointment|Encounter|Schedule|Slot|Claim|Coverage|Device|Medication|MedicationRequest|"
    r"ServiceRequest|VisionPrescription)/([A-Za-z0-9.-]{1,64})(?:/_history/[A-Za-z0-9.-]{1,64})?"
)
ROLES = {  # the type of what a reference in this role leads to, where a path leads to several
    "location": ("Location",),
    "provider": ("Practitioner", "PractitionerRole"),
    "patient": ("Patient",),
}
FIXED = {
    "key": "VARCHAR",
    "day": "DATE",
    **dict.fromkeys(ROLES, "VARCHAR"),
    "changed_at": "TIMESTAMP",
    "is_gone": "BOOLEAN",
}

Row = dict[str, Any]


class Value(NamedTuple):
    """What is kept of one value."""

    hash: str | None = None
    pseudonym: str | None = None  # of a key or a role
    day: date | None = None  # on the practice's clock
    at: datetime | None = None  # UTC, without a zone, as DuckDB has it

    @property
    def seconds(self) -> int | None:
        """Whole seconds since 1970."""
        return None if self.at is None else (self.at - EPOCH) // timedelta(seconds=1)


NOTHING = Value()


def open_digests() -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory that writes nowhere, reads nothing but what it is handed, and stays so."""
    from tasks.history.read import connect  # noqa: PLC0415 - DuckDB is loaded by who needs it

    db = connect()
    db.execute("SET enable_external_access = false")
    db.execute("SET lock_configuration = true")
    return db


def digest_columns(wanted: Reconciliation) -> dict[str, str]:
    """The columns of a digest table, with their types."""
    hashes = {f"h_{one.name}": "VARCHAR" for one in wanted.compared}
    instants = {f"t_{one.name}": "BIGINT" for one in wanted.compared if one.kind is ColumnKind.INSTANT}
    return FIXED | hashes | instants


class Side:
    """One side of one reconciliation: takes rows, and fills a digest table.

    Args:
        db: where the table is made; nobody else uses the connection meanwhile.
        side: `theirs`, whose rows are JSON records, or `ours`, whose rows are those of a table.
        wanted: what is compared.
        home: of the tenant's key.
        timezone: of the practice, at whose midnight a day begins.
        table: how the table is called; None: like the side.
    """

    def __init__(
        self,
        db: duckdb.DuckDBPyConnection,
        side: str,
        wanted: Reconciliation,
        home: Path,
        timezone: str,
        table: str | None = None,
    ) -> None:
        self._db, self._wanted, self.table = db, wanted, table or side
        self._practice, self._written_in = ZoneInfo(timezone), timezone if side == THEIRS else wanted.ours.timezone
        self._key, self._pseudonym = tenant_key(home), pseudonyms(home)
        roles = {getattr(wanted, role): types for role, types in ROLES.items() if getattr(wanted, role)}
        self._roles = frozenset({wanted.key, *roles})
        self._get = {one.name: getter(one, roles.get(one.name, ()), side) for one in wanted.columns}
        self._known: dict[str, dict[str, Value]] = {one.name: {} for one in wanted.columns}
        self._shape = digest_columns(wanted)
        self._waiting: dict[str, list[Any]] = {name: [] for name in self._shape}
        self._gone = self._tombstones()
        self.keyless = 0  # rows without a key: nothing can be said of them
        columns = ", ".join(f'"{name}" {kind}' for name, kind in self._shape.items())
        db.execute(f'CREATE TABLE "{self.table}" ({columns})')

    def add(self, rows: Sequence[Row], days: frozenset[date] | None = None) -> int:
        """Take rows, of these days only where they are given; how many were taken."""
        by = self._values(self._wanted.counted_by, rows)
        if days is not None:
            chosen = [n for n, value in enumerate(by) if value.day in days]
            rows, by = [rows[n] for n in chosen], [by[n] for n in chosen]
        keys = self._values(self._wanted.column(self._wanted.key), rows)
        if lost := sum(value.pseudonym is None for value in keys):
            self.keyless += lost
            there = [n for n, value in enumerate(keys) if value.pseudonym is not None]
            rows, by, keys = ([some[n] for n in there] for some in (rows, by, keys))  # type: ignore[assignment]
        self._waiting["key"] += [value.pseudonym for value in keys]
        self._waiting["day"] += [value.day for value in by]
        self._put(rows)
        if len(self._waiting["key"]) >= BATCH:
            self.flush()
        return len(rows)

    def flush(self) -> None:
        """Put what waits into the table."""
        if not self._waiting["key"]:
            return
        import pyarrow as pa  # noqa: PLC0415 - half a second that only a reconciliation should cost

        types = {"DATE": pa.date32(), "TIMESTAMP": pa.timestamp("us"), "BOOLEAN": pa.bool_(), "BIGINT": pa.int64()}
        arrays = {
            name: pa.array(self._waiting[name], types.get(kind, pa.string())) for name, kind in self._shape.items()
        }
        self._db.register("waiting", pa.table(arrays))
        try:
            self._db.execute(f'INSERT INTO "{self.table}" BY NAME SELECT * FROM waiting')  # noqa: S608 - a name of ours
        finally:
            self._db.unregister("waiting")
        for values in self._waiting.values():
            values.clear()

    def _put(self, rows: Sequence[Row]) -> None:
        """All but key and day of rows that have a key, column by column."""
        wanted, put = self._wanted, self._waiting
        columns = {column.name: self._values(column, rows) for column in wanted.columns if column.name != wanted.key}
        nobody = [NOTHING] * len(rows)
        for role in ROLES:
            put[role] += [value.pseudonym for value in columns.get(getattr(wanted, role) or "", nobody)]
        put["changed_at"] += [value.at for value in columns.get(wanted.changed or "", nobody)]
        tombstone = wanted.tombstone.column if wanted.tombstone else ""
        put["is_gone"] += [value.hash in self._gone for value in columns.get(tombstone, nobody)]
        for column in wanted.compared:
            put[f"h_{column.name}"] += [value.hash for value in columns[column.name]]
            if column.kind is ColumnKind.INSTANT:
                put[f"t_{column.name}"] += [value.seconds for value in columns[column.name]]

    def _values(self, column: Column, rows: Sequence[Row]) -> list[Value]:
        """What is kept of one column of each row; the same text is hashed once."""
        known, get, made = self._known[column.name], self._get[column.name], self._made
        values = []
        for row in rows:
            text = get(row)
            if text is None:
                values.append(NOTHING)
                continue
            value = known.get(text)
            if value is None:
                if len(known) >= MOST_KNOWN:
                    known.clear()
                value = known[text] = made(column, text)
            values.append(value)
        return values

    def _made(self, column: Column, text: str) -> Value:
        is_role = column.name in self._roles
        if is_role or column.kind is ColumnKind.CODE:
            text = bare(text)
        form = canonical(column.kind, text, self._written_in)
        if form is None:
            return NOTHING
        named = f"{column.name}\x1f{form}".encode("utf-8", "surrogatepass")
        hashed = hmac.digest(self._key, named, "sha256").hex()[:LENGTH]
        day = at = None
        if column.kind is ColumnKind.INSTANT and (moment := instant_of(form, "UTC")) is not None:
            at, day = moment.replace(tzinfo=None), moment.astimezone(self._practice).date()
        elif column.kind is ColumnKind.DATE:
            day = date_of(form)
        return Value(hashed, self._pseudonym(form) if is_role else None, day, at)

    def _tombstones(self) -> frozenset[str | None]:
        tombstone = self._wanted.tombstone
        if tombstone is None:
            return frozenset()
        column = self._wanted.column(tombstone.column)
        return frozenset(self._made(column, value).hash for value in tombstone.values)


def getter(column: Column, types: Sequence[str], side: str) -> Callable[[Row], str | None]:
    """How a value is found in a row of a side, as text.

    Args:
        column: which.
        types: of what it refers to; where a path leads to several references, the first of such a type is meant.
        side: `theirs` or `ours`.
    """
    if side == OURS:
        return lambda row: text_of(row.get(column.landed))
    path, steps = column.path, steps_of(column.path)
    if types:
        return partial(of_type, path, tuple(types))
    if EVERY in steps:
        return lambda row: next(map(text_of, found(path, row)), None)
    return partial(at_steps, steps)


def at_steps(steps: Sequence[str], row: Row) -> str | None:
    """What is at the end of a path without lists."""
    value: Any = row
    for step in steps:
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return text_of(value)


def of_type(path: str, types: Sequence[str], row: Row) -> str | None:
    """The first reference of such a type, else the first value that is no reference at all."""
    plain = None
    for value in found(path, row):
        text = text_of(value)
        match = REFERENCE.fullmatch(text) if text else None
        if match is not None and match[1] in types:
            return text
        if match is None and plain is None:
            plain = text
    return plain


def text_of(value: object) -> str | None:
    """A value as text; what has parts of its own, as JSON with its keys in order."""
    if isinstance(value, str):
        return value.strip()
    return json.dumps(value, sort_keys=True, default=str) if isinstance(value, dict | list) else written(value)


def bare(text: str) -> str:
    """The id alone: `Patient/123`, `https://host/R4/Patient/123` and `Patient/123/_history/2` are `123`."""
    match = REFERENCE.fullmatch(text)
    return match[2] if match else text


def date_of(form: str) -> date | None:
    """A canonical date; None when it is none."""
    try:
        return date.fromisoformat(form)
    except ValueError:
        return None
