"""Checksums of the parts of a table, added up where the rows are, and alike in PostgreSQL, SQLite and DuckDB.

A row belongs to a part by the first digits of the MD5 of its key. Each value goes in with its length before it, so no
two rows make one text; what is empty is as what is not there. Rows without a key are a part of their own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Engine,
    LargeBinary,
    Numeric,
    Select,
    String,
    Text,
    any_,
    case,
    cast,
    event,
    func,
    literal,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import ARRAY, BIT
from sqlalchemy.types import NullType

Sums = dict[str, tuple[int, int, int]]  # of each part: rows, and two sums of sixty bits of the MD5 of each

SPACE = " \t\n\r\f\v"  # around a key it does not count
KEYLESS = "x"  # the part of the rows without a key: no hexadecimal digit
HEX_DIGITS = 15  # sixty bits: a sum of two hundred million of them is exact in every database
AT = (1, 17)  # where those digits begin in an MD5
BIT60 = BIT(60)
Columns = Sequence[Column[Any]]


def sums_asked(dialect: str, key: Columns, columns: Columns, digits: int, parts: Collection[str] | None) -> Select[Any]:
    """The question for the checksums of each part.

    Args:
        dialect: `postgresql` or `sqlite`.
        key: columns of the key.
        columns: what a row is.
        digits: how many of the MD5 of a key name its part.
        parts: only what lies in these, whose names may be shorter; None: everything.
    """
    part = part_of(dialect, key, digits)
    if dialect == "sqlite":
        sums = [func.sums_of_rows(*map(as_bytes, columns))]
    else:
        row = func.md5(joined(columns))
        sums = [func.sum(cast(cast(sixty_bits(row, at), BigInteger), Numeric)) for at in AT]
    asked = select(part, func.count(), *sums).group_by(part)
    return asked if parts is None else asked.where(lies_in(dialect, key, parts))


def sixty_bits(row: ColumnElement[str], at: int) -> ColumnElement[Any]:
    """Some digits of an MD5 as bits."""
    return cast(literal("x", String).concat(func.substr(row, at, HEX_DIGITS)), BIT60)


def lies_in(dialect: str, key: Columns, parts: Collection[str]) -> ColumnElement[bool]:
    """Whether a row lies in one of these parts; they are one value, however many they are."""
    digits = max(map(len, parts), default=1)
    part = part_of(dialect, key, digits)
    if dialect == "sqlite":
        each = func.json_each(json.dumps(sorted(parts))).table_valued("value")
        return part.in_(select(each.c.value))
    return part == any_(literal(sorted(parts), ARRAY(Text)))


def part_of(dialect: str, key: Columns, digits: int) -> ColumnElement[str]:
    """The part to which a row belongs."""
    if dialect == "sqlite":
        found: ColumnElement[str] = func.part_of_key(digits, *map(as_bytes, key))
        return found
    bare = [func.nullif(func.btrim(cast(one, Text), SPACE), "") for one in key]
    has_none = or_(*(one.is_(None) for one in bare))
    return case((has_none, KEYLESS), else_=func.substr(func.md5(glued(bare)), 1, digits))


def joined(columns: Columns) -> ColumnElement[str]:
    """Columns as one text."""
    return glued([func.nullif(cast(one, Text), "") for one in columns])


def glued(texts: Sequence[ColumnElement[Any]]) -> ColumnElement[str]:
    """Texts as one, each with its length before it."""
    fields = [func.coalesce(cast(func.length(one), Text).concat(":").concat(one), "-") for one in texts]
    whole: ColumnElement[str] = fields[0]
    for one in fields[1:]:
        whole = whole.concat(one)
    return whole


def as_bytes(one: Column[Any]) -> ColumnElement[Any]:
    """A value for a function of ours in SQLite, which takes no text that is not UTF-8."""
    bare = type_coerce(one, NullType())
    return case((func.typeof(bare) == "text", cast(bare, LargeBinary)), else_=bare)


def as_sent(value: Any) -> str | None:  # noqa: ANN401 - what SQLite holds
    """A value of SQLite as text, to the last digit; bytes that are no UTF-8 are told as such."""
    if value is None:
        return None
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def glue(texts: Sequence[str | None]) -> str:
    """As `glued`."""
    return "".join(f"{len(one)}:{one}" if one else "-" for one in texts)


def md5_of(text: str) -> str:
    """As PostgreSQL and DuckDB have it."""
    return hashlib.md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def part_of_key(digits: int, *key: Any) -> str:  # noqa: ANN401 - what SQLite holds
    """As `part_of`."""
    bare = [(as_sent(one) or "").strip(SPACE) for one in key]
    return md5_of(glue(bare))[:digits] if all(bare) else KEYLESS


class SumsOfRows:
    """Both sums of some rows; SQLite has neither hashes nor whole numbers that large."""

    def __init__(self) -> None:
        self.totals = [0, 0]

    def step(self, *values: Any) -> None:  # noqa: ANN401 - as above
        """One more row."""
        row = md5_of(glue([as_sent(one) for one in values]))
        for n, at in enumerate(AT):
            self.totals[n] += int(row[at - 1 : at - 1 + HEX_DIGITS], 16)

    def finalize(self) -> str:
        """The sums, as text."""
        return " ".join(map(str, self.totals))


def sums_found(rows: Sequence[Sequence[Any]]) -> Sums:
    """The answer to `sums_asked`."""
    found = ((str(row[0]), int(row[1]), " ".join(map(str, row[2:])).split()) for row in rows)
    return {part: (count, int(one), int(other)) for part, count, (one, other) in found}


def with_functions(engine: Engine) -> Engine:
    """SQLite with what it lacks, and with texts that may be no UTF-8."""

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _: Any) -> None:  # noqa: ANN401 - sqlite3's, through SQLAlchemy's pool
        connection.text_factory = as_sent
        connection.create_function("part_of_key", -1, part_of_key, deterministic=True)
        connection.create_aggregate("sums_of_rows", -1, SumsOfRows)

    return engine


def quoted(name: Any, mark: str = '"') -> str:  # noqa: ANN401 - a name, or a path
    """A name or text as SQL writes it."""
    return f"{mark}{str(name).replace(mark, mark * 2)}{mark}"


def bare_in_duckdb(name: str) -> str:
    """A column of the key as text, without the space around it, in the words of DuckDB; NULL where nothing is left.

    Most keys have none; to look whether is ten times faster than to take it away.
    """
    key = f"cast({quoted(name)} as varchar)"
    trimmed = f"trim({key}, {quoted(SPACE, chr(39))})"
    return f"nullif(case when {key} >= '!' and right({key}, 1) > ' ' then {key} else {trimmed} end, '')"


def part_in_duckdb(key: Sequence[str], digits: int) -> str:
    """As `part_of`, in the words of DuckDB."""
    bare = [bare_in_duckdb(one) for one in key]
    has_none = " or ".join(f"{one} is null" for one in bare)
    return f"case when {has_none} then '{KEYLESS}' else substr(md5({glued_in_duckdb(bare)}), 1, {digits:d}) end"


def glued_in_duckdb(texts: Sequence[str]) -> str:
    """As `glued`, in the words of DuckDB."""
    return " || ".join(f"coalesce(length({one})::varchar || ':' || {one}, '-')" for one in texts)


def sums_in_duckdb(reads: str, key: Sequence[str], columns: Sequence[str], digits: int, where: str) -> str:
    """As `sums_asked`, in the words of DuckDB."""
    values = [f"nullif(cast({quoted(one)} as varchar), '')" for one in columns]
    sums = ", ".join(f"sum(('0x' || substr(row, {at}, {HEX_DIGITS}))::ubigint::hugeint)" for at in AT)
    return (
        f"with rows_ as (select {part_in_duckdb(key, digits)} as part, md5({glued_in_duckdb(values)}) as row "  # noqa: S608  # quoted names
        f"from {reads} where {where}) select part, count(*), {sums} from rows_ group by part"
    )
