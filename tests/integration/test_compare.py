"""Any two tables, by a key: files and databases, however they are written; keys are told, values never."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.commands.reconcile import command
from models.comparison import FindingType
from models.errors import BadInput
from models.reconciliation import ColumnKind
from tasks.compare import Asked, compare
from tasks.tables import open_table

NAMES = ("id", "birth_date", "phone", "status")
SOURCE = (
    ("1", "1970-01-02", "555-123-4567", "active"),
    ("2", "1971-02-03", "555-123-4568", "active"),
    ("3", "1972-03-04", "555-123-4569", "gone"),
    ("4", "1973-04-05", "", "active"),
)
TARGET = (
    ("1", "01/02/1970", "+1 (555) 123-4567", " ACTIVE "),  # written otherwise, and the same
    ("2", "1971-02-03", "555-123-4560", "active"),  # another number
    ("2", "1971-02-03", "555-123-4560", "active"),  # … twice
    ("4", "1973-05-04", "", "active"),  # day and month changed places
    ("5", "1974-05-06", "", "active"),  # extra
)
FOUND = {
    (FindingType.MISSING, "3", None),
    (FindingType.EXTRA, "5", None),
    (FindingType.DUPLICATE, "2", None),
    (FindingType.MISMATCH, "2", "phone"),
    (FindingType.MISMATCH, "4", "birth_date"),
}
SECRET, PATIENT = "hunter2-hunter2", "Kowalczyk"
SERVER = "postgresql://postgres@127.0.0.1:5432/test"
SCHEMA = f"heal_compare_{uuid4().hex[:12]}"


def written(folder: Path, form: str, side: str, rows: tuple[tuple[str, ...], ...]) -> str:
    """One side in one form; its URL."""
    name = f"{side}.{form}"
    columns = {c: [row[n] for row in rows] for n, c in enumerate(NAMES)}
    if form == "parquet":
        pq.write_table(pa.table(columns), folder / name)
    elif form == "jsonl":
        (folder / name).write_text("".join(json.dumps(dict(zip(NAMES, row, strict=True))) + "\n" for row in rows))
    elif form == "csv":
        (folder / name).write_text("\n".join(",".join(row) for row in (NAMES, *rows)) + "\n")
    elif form == "duckdb":
        with duckdb.connect(str(folder / name)) as db:
            db.register("arrow", pa.table(columns))
            db.execute("create table orders as select * from arrow")
        return f"duckdb:///{folder / name}#orders"
    elif form == "sqlite":
        with closing(sqlite3.connect(folder / name)) as db, db:
            db.execute("create table orders (id, birth_date, phone, status)")
            db.executemany("insert into orders values (?, ?, ?, ?)", rows)
        return f"sqlite:///{folder / name}#orders"
    return str(folder / name)


@pytest.mark.parametrize("second", ["parquet", "sqlite"])
@pytest.mark.parametrize("first", ["csv", "parquet", "jsonl", "duckdb", "sqlite"])
def test_every_form_of_a_table_can_be_compared(tmp_path, first, second):
    """What differs is found, and only that."""
    asked = Asked(written(tmp_path, first, "a", SOURCE), written(tmp_path, second, "b", TARGET), ("id",))

    found = compare(asked)

    assert {tuple(one) for one in found.findings} == FOUND
    if not first == second == "sqlite":  # two databases send what differs
        assert (found.source_rows, found.target_rows) == (4, 5)
    assert compare(asked._replace(target=asked.source)).findings == ()


@pytest.fixture(scope="module")
def server() -> Iterator[sa.Engine]:
    """A PostgreSQL with a schema of our own."""
    engine = sa.create_engine(SERVER.replace("postgresql", "postgresql+psycopg"), connect_args={"connect_timeout": 3})
    try:
        with engine.begin() as db:
            db.execute(sa.text(f"drop schema if exists {SCHEMA} cascade"))
            db.execute(sa.text(f"create schema {SCHEMA}"))
    except sa.exc.OperationalError:
        pytest.skip("no PostgreSQL at 127.0.0.1:5432")
    yield engine
    with engine.begin() as db:
        db.execute(sa.text(f"drop schema if exists {SCHEMA} cascade"))
    engine.dispose()


def test_two_databases_send_only_what_differs(server):
    """Of five thousand rows, the parts of the keys in which one differs; of equal ones, sums alone."""
    columns = "i::text as id, md5(i::text) as a, now()::timestamp as b, i / 4.0 as c"
    with server.begin() as db:
        db.execute(sa.text(f"set local search_path to {SCHEMA}"))
        db.execute(sa.text(f"create table a as select {columns} from generate_series(1, 5000) i"))  # noqa: S608  # ours
        db.execute(sa.text("create table b as select * from a"))
        db.execute(sa.text("create table c as select * from a"))
        db.execute(sa.text("update c set c = -c where id = '77'"))
        db.execute(sa.text("delete from c where id = '4000'"))
    whole = 2 * 4 * 5000

    equal = compare(Asked(f"{SERVER}#{SCHEMA}.a", f"{SERVER}#{SCHEMA}.b", ("id",)))
    unlike = compare(Asked(f"{SERVER}#{SCHEMA}.a", f"{SERVER}#{SCHEMA}.c", ("id",)))

    assert equal.findings == ()
    assert {tuple(one) for one in unlike.findings} == {
        (FindingType.MISSING, "4000", None),
        (FindingType.MISMATCH, "77", "c"),
    }
    assert equal.cells <= whole / 10
    assert unlike.cells <= whole / 5


def test_a_server_is_only_read(server):
    """Whatever a table's name holds."""
    with pytest.raises(BadInput, match="has no table"):
        open_table(SERVER, f"{SCHEMA}.a; drop schema {SCHEMA} cascade")
    with server.connect() as db:
        assert sa.inspect(db).has_schema(SCHEMA)


@settings(max_examples=25, deadline=None)
@given(
    st.dictionaries(st.integers(0, 400).map(str), st.tuples(st.text("ab", max_size=2), st.text("01", max_size=2))),
    st.sets(st.integers(0, 400).map(str)),
    st.sets(st.integers(0, 400).map(str)),
)
def test_what_was_taken_away_and_altered_is_what_is_found(tmp_path_factory, rows, taken, altered):
    """In two databases, where whole parts of the keys are passed over."""
    folder = tmp_path_factory.mktemp("compare")
    source = [(key, *values) for key, values in rows.items()]
    target = [
        (key, one + ("x" if key in altered else ""), other) for key, one, other in reversed(source) if key not in taken
    ]
    urls = []
    for side, some in (("a", source), ("b", target)):
        with closing(sqlite3.connect(folder / f"{side}.db")) as db, db:
            db.execute("create table t (id text, one text, other text)")
            db.executemany("insert into t values (?, ?, ?)", some)
        urls.append(f"sqlite:///{folder / f'{side}.db'}")

    found = compare(Asked(urls[0], urls[1], ("id",), kinds=dict.fromkeys(("one", "other"), ColumnKind.CODE)))

    expected = {(FindingType.MISSING, key, None) for key in taken & rows.keys()}
    expected |= {(FindingType.MISMATCH, key, "one") for key in (altered & rows.keys()) - taken}
    assert {tuple(one) for one in found.findings} == expected


@pytest.mark.parametrize(
    ("more", "says"),
    [
        pytest.param({"key": "nr"}, "has no column nr; it has: id, birth_date", id="no such key"),
        pytest.param({"columns": "colour"}, "has no column colour", id="no such column"),
        pytest.param({"kinds": "phone=colour"}, "there is no kind colour", id="no such kind"),
        pytest.param({"rename": "phone"}, "write --rename", id="no pair"),
        pytest.param({"timezone": "Mars"}, "no such time zone", id="no such zone"),
        pytest.param({"key": None}, "one of them is missing", id="no key"),
        pytest.param({"target": "nowhere.csv"}, "there is no file", id="no such file"),
        pytest.param({"target": "x.xls"}, "cannot tell what", id="a form that nobody reads"),
        pytest.param({"target": "sqlite:///nowhere.db"}, "there is no database", id="no database"),
        pytest.param({"target": f"postgresql://u:{SECRET}@127.0.0.1:1/x"}, "cannot be read", id="no server"),
        pytest.param({"source": None, "target": None}, "say what to compare", id="nothing at all"),
    ],
)
def test_what_cannot_be_compared_is_said_in_a_sentence(tmp_path, more, says):
    """With what to write instead; no password is repeated."""
    place = written(tmp_path, "csv", "a", SOURCE)

    with pytest.raises(BadInput, match=says) as refused:
        command(**{"source": place, "target": place, "key": "id", **more})

    assert SECRET not in str(refused.value)
    assert refused.value.exit_code == 2


def test_a_file_without_a_header_is_not_read_out(tmp_path):
    """Its first row stands where names of columns should."""
    place = tmp_path / "a.csv"
    place.write_text("1,Kowalczyk,1970-01-02\n2,Nowak,1971-02-03\n")

    with pytest.raises(BadInput, match="first line does not look like names of columns") as refused:
        command(source=str(place), target=str(place), key="id")

    assert PATIENT not in str(refused.value)


def test_values_are_never_shown(tmp_path, capsys):
    """Keys are: the person holds both tables."""
    source = ((*SOURCE[0][:3], PATIENT), *SOURCE[1:])
    place, other = (written(tmp_path, "csv", side, rows) for side, rows in (("a", source), ("b", TARGET)))

    codes = [command(source=place, target=other, key="id", as_json=as_json) for as_json in (False, True)]
    shown = capsys.readouterr()

    assert codes == [1, 1]
    assert PATIENT not in shown.out + shown.err
    assert "status" in shown.out
    assert '"key": "3"' in shown.out
    assert command(source=place, target=place, key="id") == 0
