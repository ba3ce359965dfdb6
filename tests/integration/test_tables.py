"""Tables by URL: what is read is what is there, nothing is written, and no error quotes a value."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.errors import BadInput
from tasks.tables import open_table
from tasks.tables._checksums import KEYLESS, glue
from tests.servers import Place, a_schema

PATIENT = "Kowalczyk"
VALUES = st.one_of(st.none(), st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=6))
ROWS = st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def server() -> Iterator[Place]:
    """A PostgreSQL with a schema of our own."""
    with a_schema() as place:
        with place.engine.begin() as db:
            db.execute(sa.text(f"create table {place.schema}.t (k text, v text)"))
        yield place


def places(folder: Path, rows: list[tuple[str | None, str | None]]) -> tuple[str, str]:
    """The same rows in SQLite and in a file that DuckDB reads."""
    with closing(sqlite3.connect(folder / "t.db")) as db, db:
        db.execute("create table if not exists t (k, v)")
        db.execute("delete from t")
        db.executemany("insert into t values (?, ?)", rows)
    pq.write_table(
        pa.table({name: pa.array([row[n] for row in rows], pa.string()) for n, name in enumerate("kv")}),
        folder / "t.parquet",
    )
    return f"sqlite:///{folder / 't.db'}", str(folder / "t.parquet")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS)
def test_checksums_are_the_same_wherever_they_are_added_up(server, tmp_path, rows):
    """In PostgreSQL, SQLite and DuckDB, of all parts and of some."""
    with server.engine.begin() as db:
        db.execute(sa.text(f"truncate {server.schema}.t"))
        db.execute(
            sa.text(f"insert into {server.schema}.t values (:k, :v)"),  # noqa: S608  # ours
            [{"k": k, "v": v} for k, v in rows],
        )
    found = []
    for place in (server.url("t"), *places(tmp_path, rows)):
        with open_table(place) as table:
            sums = table.checksums(("k",), ("k", "v"), 1, None)
            some = frozenset(sorted(sums)[::2])
            found.append((sums, table.checksums(("k",), ("k", "v"), 3, some)))

    assert found[0] == found[1] == found[2]
    sums, fine = found[0]
    assert sum(count for count, _, _ in sums.values()) == len(rows)
    assert {name[:1] for name in fine} == set(sorted(sums)[::2])
    assert sums.get(KEYLESS, (0,))[0] == sum(not (key or "").strip(" \t\n\r\f\v") for key, _ in rows)


@given(st.lists(VALUES, min_size=2, max_size=2), st.lists(VALUES, min_size=2, max_size=2))
def test_no_two_rows_make_one_text(one, other):
    """But where nothing, and an empty text, are the same."""
    assert (glue(one) == glue(other)) is ([a or None for a in one] == [b or None for b in other])


def test_of_many_parts_every_one_can_be_asked_for(tmp_path):
    """They are one value of the question: drivers bind some tens of thousands at most."""
    rows = [(str(n), "x") for n in range(10)]
    asked = frozenset(f"{n:05x}" for n in range(300_000))
    for place in places(tmp_path, rows):
        with open_table(place) as table:
            every = table.checksums(("k",), ("v",), 5, None)
            assert table.checksums(("k",), ("v",), 5, asked) == {p: s for p, s in every.items() if p in asked}


@pytest.mark.parametrize("declared", ["date", "datetime", "timestamp", "numeric(10,2)", "boolean"])
def test_sqlite_gives_what_it_holds_whatever_the_column_was_declared_as(tmp_path, declared):
    """There a DATE may be any text, and a BOOLEAN seven."""
    with closing(sqlite3.connect(tmp_path / "t.db")) as db, db:
        db.execute(f"create table t (v {declared})")
        db.executemany("insert into t values (?)", [(f"03/05/1970 {PATIENT}",), (7,)])

    with open_table(f"sqlite:///{tmp_path / 't.db'}") as table:
        assert [row["v"] for batch in table.stream(("v",)) for row in batch] == [f"03/05/1970 {PATIENT}", 7]


@pytest.mark.parametrize(
    "at", ["2026-03-05T09:00:00", "2026-03-05 09:00:00", "20260305090000", "2026-03-05T11:00+02:00"]
)
def test_a_row_of_a_span_is_found_however_its_time_is_written(tmp_path, at):
    """Also in a column that was declared as a time."""
    with closing(sqlite3.connect(tmp_path / "t.db")) as db, db:
        db.execute("create table t (id, at timestamp)")
        db.execute("insert into t values (1, ?)", (at,))

    with open_table(f"sqlite:///{tmp_path / 't.db'}") as table:
        for first, last, expected in ((0, 12, [1]), (12, 24, []), (9, 10, [1])):
            since, until = (datetime(2026, 3, 5 + hour // 24, hour % 24, tzinfo=UTC) for hour in (first, last))
            rows = [row for batch in table.stream(("id",), "at", since, until) for row in batch]
            assert [row["id"] for row in rows] == expected


def test_text_that_is_no_utf8_is_read_and_not_quoted(tmp_path):
    """By SQLite, which keeps whatever it was given."""
    with closing(sqlite3.connect(tmp_path / "t.db")) as db, db:
        db.execute("create table t (v)")
        db.execute("insert into t values (cast(x'4a6f73e9' as text))")

    with open_table(f"sqlite:///{tmp_path / 't.db'}") as table:
        assert [row["v"] for batch in table.stream(("v",)) for row in batch] == ["Jos\\xe9"]


def test_what_a_server_says_of_a_value_is_not_repeated(server):
    """A date that Python has no room for, met while reading."""
    with server.engine.begin() as db:
        db.execute(sa.text(f"create table {server.schema}.far (v date)"))
        db.execute(sa.text(f"insert into {server.schema}.far values ('12345-06-07')"))  # noqa: S608  # ours

    with open_table(server.url("far")) as table:
        with pytest.raises(BadInput, match="cannot be read") as refused:
            list(table.stream(("v",)))
        assert [*table.texts(("v",))] == [[("12345-06-07",)]]

    assert "12345" not in str(refused.value)


@pytest.mark.parametrize("name", ["we?ird.db", "a%41 b.db", "c&mode=rwc.db"])
def test_an_odd_name_is_opened_to_be_read_and_makes_no_other_file(tmp_path, name):
    """What stands in it is no option."""
    with closing(sqlite3.connect(tmp_path / name)) as db, db:
        db.execute("create table t (id)")

    with open_table(f"sqlite:///{tmp_path / name}") as table, table._engine.connect() as connection:
        assert table.columns == ("id",)
        with pytest.raises(sa.exc.OperationalError, match="readonly"):
            connection.execute(sa.text("insert into t values (1)"))

    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_sign_of_a_table_in_a_password_is_not_told():
    """It would be taken for the table's name, and a name that is not there is repeated."""
    with pytest.raises(BadInput) as refused:
        open_table("postgresql://u:hun#ter2@127.0.0.1:1/x#t")

    assert "ter2" not in str(refused.value)
