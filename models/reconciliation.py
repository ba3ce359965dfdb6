"""Reconciliation: one kind of record that both sides must hold alike, as `integrations.yaml` declares it.

*Theirs* is the practice system, *ours* is where the application landed the data. Both are brought to one form, a
*digest table* in memory: a row for each record, with its opaque key, where and when it belongs, and a keyed hash of
each compared value. Nothing else of a record is kept (spec: security, 3.2).

| column of a digest table | type | what |
|---|---|---|
| `key` | VARCHAR | pseudonym of the record's key: 16 hexadecimal digits |
| `day` | DATE | on the practice's clock; NULL: the record has none |
| `location`, `provider`, `patient` | VARCHAR | pseudonyms; NULL where it has none, or none is declared |
| `changed_at` | TIMESTAMP | of its last change, UTC; NULL: its side does not tell |
| `is_gone` | BOOLEAN | merged into another, deleted or entered in error: a tombstone |
| `h_<column>` | VARCHAR | keyed hash of the canonical value, 16 hexadecimal digits; NULL: there is none |
| `t_<column>` | BIGINT | for instants only: seconds since 1970 |

A side may hold a key twice: so may its digest table.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from models.json_path import JsonPath
from models.noun import Advice, Noun
from models.reading import Code, Operation
from models.written import Period, SecretReference, Share, Text, TimeZone, limited

ColumnName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]
TableName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}(?:\.[A-Za-z_][A-Za-z0-9_]{0,62})?$")
]

DAY = timedelta(days=1)
LATE_AFTER = timedelta(hours=2)  # spec: catalogue, S74
LOOK_BACK = timedelta(days=7)
CONFIDENCE = 0.95  # with which a sample speaks of the whole, where nobody says


class ColumnKind(StrEnum):
    """What a value is, so that another way of writing it is no difference."""

    TEXT = "text"  # case and white space do not count
    CODE = "code"  # of a code set, or an identifier: only white space around it does not count
    NUMBER = "number"  # 1, 1.0 and +1.00 are the same
    DATE = "date"  # 2026-03-05 is 03/05/2026 and 20260305
    INSTANT = "instant"  # the same moment in any zone
    PHONE = "phone"  # its digits
    FLAG = "flag"  # true, yes, y, 1, t


class Column(Noun):
    """One compared column: how both sides call it."""

    name: ColumnName
    kind: ColumnKind = ColumnKind.TEXT
    theirs: JsonPath | None = None  # where it is in a record of theirs; None: under its name
    ours: ColumnName | None = None  # our table's column; None: its name

    @property
    def path(self) -> str:
        """Where it is in a record of theirs."""
        return self.theirs or self.name

    @property
    def landed(self) -> str:
        """Our table's column."""
        return self.ours or self.name


class Landed(Noun):
    """Where our side is: a table of a database, or a file."""

    url: SecretReference | str  # sqlite:///landed.db, postgresql://…, duckdb:///x.duckdb, landed/*.parquet, or env:NAME
    table: TableName | None = None  # None: the file is one table
    timezone: TimeZone = "UTC"  # of instants that are written without one


class Tombstone(Noun):
    """How a record says that it is gone: what is merged away on one side need not be on the other."""

    column: ColumnName
    values: Annotated[tuple[Code, ...], Field(min_length=1)]


class Reconciliation(Noun):
    """One kind of record that both sides must hold alike."""

    name: Code  # e.g. appointments; a file in `expectations/` of that name holds its promises
    resource: Code  # in the field's word, e.g. Appointment
    operation: Operation  # of the connector, by which their records are read
    ours: Landed
    columns: Annotated[tuple[Column, ...], Field(min_length=1)]  # compared, and those named below
    key: ColumnName = "id"
    day: ColumnName | None = None  # the date or instant by which records are counted; None: `changed`
    changed: ColumnName | None = None  # when it was last changed, as each side has it
    location: ColumnName | None = None
    provider: ColumnName | None = None
    patient: ColumnName | None = None
    tombstone: Tombstone | None = None
    every: Annotated[Period, limited(least=timedelta(minutes=5))] = DAY
    look_back: Annotated[Period, limited(least=timedelta(hours=1), most=timedelta(days=400))] = LOOK_BACK
    late_after: Period = LATE_AFTER  # what they changed less long ago may still be on its way to us
    sample: Share | None = None  # of the days whose counts agree, the share that is read and compared; None: each
    confidence: Annotated[Share, Field(gt=0, lt=1)] = CONFIDENCE
    contact: Text | None = None  # whom a difference concerns; None: the owner

    @model_validator(mode="after")
    def _names_its_columns(self) -> Self:
        """Each role is a column, each column has one name, and there is something to count by."""
        names = [column.name for column in self.columns]
        if len(set(names)) < len(names):
            raise Advice("two columns have the same name; give each its own")
        roles = (self.key, self.day, self.changed, self.location, self.provider, self.patient)
        wanted = [*roles, self.tombstone.column if self.tombstone else None]
        if any(one is not None and one not in names for one in wanted):
            raise Advice("each of key, day, changed, location, provider, patient and tombstone names one of `columns`")
        if self.day is None and self.changed is None:
            raise Advice("write `day` or `changed`: a column by which records are counted")
        return self

    def column(self, name: str) -> Column:
        """The column of this name.

        Raises:
            KeyError: when there is none.
        """
        return next((one for one in self.columns if one.name == name), None) or _unknown(name)

    @property
    def counted_by(self) -> Column:
        """The column by whose day records are counted."""
        return self.column(self.day or self.changed or "")

    @property
    def compared(self) -> tuple[Column, ...]:
        """Those whose values must agree: all but the key and the instant of change, which each side has its own."""
        return tuple(one for one in self.columns if one.name not in {self.key, self.changed})


def _unknown(name: str) -> Column:
    raise KeyError(name)
