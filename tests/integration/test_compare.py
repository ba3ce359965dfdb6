"""Any two tables, by a key: files and databases, however they are written; keys are told, values never."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

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
from tests.servers import SERVER, Place, a_schema

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


@pytest.mark.parametrize("second", ["parquet", "sqlite", "duckdb"])
@pytest.mark.parametrize("first", ["csv", "parquet", "jsonl", "duckdb", "sqlite"])
def test_every_form_of_a_table_can_be_compared(tmp_path, first, second):
    """What differs is found, and only that."""
    asked = Asked(written(tmp_path, first, "a", SOURCE), written(tmp_path, second, "b", TARGET), ("id",))

    found = compare(asked)

    assert {tuple(one) for one in found.findings} == FOUND
    assert (found.source_rows, found.target_rows) == (4, 5)
    alike = compare(asked._replace(target=asked.source))
    assert (alike.findings, alike.source_rows, alike.target_rows) == ((), 4, 4)


@pytest.fixture(scope="module")
def server() -> Iterator[Place]:
    """A PostgreSQL with a schema of our own."""
    with a_schema() as place:
        yield place


def test_two_databases_send_only_what_differs(server):
    """Of five thousand rows, the parts of the keys in which one differs; of equal ones, sums alone."""
    columns = "i::text as id, md5(i::text) as a, now()::timestamp as b, i / 4.0 as c"
    with server.engine.begin() as db:
        db.execute(sa.text(f"set local search_path to {server.schema}"))
        db.execute(sa.text(f"create table a as select {columns} from generate_series(1, 5000) i"))  # noqa: S608  # ours
        db.execute(sa.text("create table b as select * from a"))
        db.execute(sa.text("create table c as select * from a"))
        db.execute(sa.text("update c set c = -c where id = '77'"))
        db.execute(sa.text("delete from c where id = '4000'"))
    whole = 2 * 4 * 5000

    equal = compare(Asked(server.url("a"), server.url("b"), ("id",)))
    unlike = compare(Asked(server.url("a"), server.url("c"), ("id",)))

    assert equal.findings == ()
    assert {tuple(one) for one in unlike.findings} == {
        (FindingType.MISSING, "4000", None),
        (FindingType.MISMATCH, "77", "c"),
    }
    assert equal.cells <= whole / 10
    assert unlike.cells <= whole / 5


def test_a_database_sends_little_to_be_compared_with_a_file(server, tmp_path):
    """What lies here adds up the same checksums: of five thousand rows that landed, the parts that differ."""
    with server.engine.begin() as db:
        db.execute(sa.text(f"set local search_path to {server.schema}"))
        db.execute(sa.text("create table landed as select i as id, md5(i::text) as a from generate_series(1, 5000) i"))
        db.execute(sa.text("update landed set a = 'x' where id = 77"))
    place = tmp_path / "theirs.parquet"
    duckdb.sql(f"copy (select i as id, md5(i::varchar) as a from range(1, 5001) r(i)) to '{place}'")  # noqa: S608  # ours

    found = compare(Asked(str(place), server.url("landed"), ("id",)))

    assert {tuple(one) for one in found.findings} == {(FindingType.MISMATCH, "77", "a")}
    assert (found.source_rows, found.target_rows) == (5000, 5000)
    assert found.cells <= 2 * 5000 / 5


def test_a_server_is_only_read(server):
    """Whatever a table's name holds."""
    with pytest.raises(BadInput, match="has no table"):
        open_table(SERVER, f"{server.schema}.a; drop schema {server.schema} cascade")
    with server.engine.connect() as db:
        assert sa.inspect(db).has_schema(server.schema)


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


@pytest.mark.parametrize("form", ["csv", "sqlite"])
@pytest.mark.parametrize(
    ("source", "target", "found"),
    [
        pytest.param(1, 3, (FindingType.DUPLICATE, "1", None), id="two exact copies too many"),
        pytest.param(2, 0, (FindingType.MISSING, "1", None), id="two alike, and both are missing"),
        pytest.param(0, 2, (FindingType.EXTRA, "1", None), id="two alike that are only here"),
    ],
)
def test_how_often_a_row_is_there_counts(tmp_path, form, source, target, found):
    """However alike the copies are: their hashes cancel each other out, and their number does not."""
    other = ("9", "1970-01-02", "", "active")
    sides = [(*[SOURCE[0]] * many, other) for many in (source, target)]
    urls = [written(tmp_path, form, side, rows) for side, rows in zip("ab", sides, strict=True)]

    assert [tuple(one) for one in compare(Asked(*urls, ("id",))).findings] == [found]


def test_white_space_around_a_key_does_not_count_where_a_database_adds_up(tmp_path):
    """Each of two spellings of one key lies in the same part: a copy of it is found, and nothing is missing."""
    source = ((" 1", "1970-01-02", "", "active"), ("1\t", "1970-01-02", "", "active"))
    urls = [written(tmp_path, "sqlite", side, rows) for side, rows in (("a", source), ("b", source[:1]))]

    assert compare(Asked(*urls, ("id",))).findings == ()
    assert {one.type for one in compare(Asked(*reversed(urls), ("id",))).findings} == {FindingType.DUPLICATE}


def test_what_a_killed_comparison_spilt_is_swept_away_by_the_next(tmp_path, monkeypatch):
    """Values may lie there; what a living process holds is left alone."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        dead.wait()
    left, held, strange = (tmp_path / f"heal-compare-{name}" for name in (f"{dead.pid}-x", f"{os.getpid()}-x", "mine"))
    for folder in (left, held, strange):
        folder.mkdir()
        (folder / "spill").write_text(PATIENT)

    compare(Asked(written(tmp_path, "csv", "a", SOURCE), written(tmp_path, "csv", "b", TARGET), ("id",)))

    assert (left.exists(), held.exists(), strange.exists()) == (False, True, True)
    assert sorted(tmp_path.glob("heal-compare-*")) == sorted([held, strange])


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


def csv(folder: Path, name: str, text: str) -> str:
    """A file; where it is."""
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def sqlite(folder: Path, name: str, rows: list[tuple[object, ...]], columns: str = "id, a, b") -> str:
    """A database with one table; its URL."""
    with closing(sqlite3.connect(folder / name)) as db, db:
        db.execute(f"create table t ({columns})")
        db.executemany(f"insert into t values ({', '.join('?' * len(rows[0]))})", rows)  # noqa: S608  # marks
    return f"sqlite:///{folder / name}"


def middle() -> tuple[str, str, str, str]:
    """Four values: a least and a greatest by DuckDB's hash, and two between."""
    listed = duckdb.sql("select v from (values ('a'), ('b'), ('c'), ('d')) t(v) order by hash(v)").fetchall()
    least, one, other, greatest = (str(value) for (value,) in listed)
    return least, greatest, one, other


@pytest.mark.parametrize(
    ("source", "target"),
    [
        pytest.param([("1", "a\x1fb", "c")], [("1", "a", "b\x1fc")], id="what stands between values, in a value"),
        pytest.param([("1", "1:a", "")], [("1", "", "1:a")], id="a value that looks like two"),
        pytest.param([("1", 0.1 + 0.2, "c")], [("1", 0.3, "c")], id="the sixteenth digit"),
        pytest.param([("1", "x", None)], [("1", None, "x")], id="another column is empty"),
        pytest.param([("1", b"Jos\xe9", "c")], [("1", b"Jos\xe8", "c")], id="bytes that are no text"),
        pytest.param([("1", "9" * 30 + "0", "c")], [("1", "9" * 30 + "1", "c")], id="thirty digits"),
    ],
)
def test_databases_are_never_equal_by_accident(tmp_path, source, target):
    """Whatever stands in the values."""
    found = compare(Asked(sqlite(tmp_path, "a.db", source), sqlite(tmp_path, "b.db", target), ("id",)))

    assert {one.type for one in found.findings} == {FindingType.MISMATCH}


def test_what_lies_between_the_least_and_the_greatest_hash_is_looked_at(tmp_path):
    """Of a key that stands there three times."""
    least, greatest, one, other = middle()
    places = [
        csv(tmp_path, f"{some}.csv", "id,v\n" + "".join(f"1,{v}\n" for v in (least, some, greatest)))
        for some in (one, other)
    ]

    assert {tuple(some) for some in compare(Asked(*places, ("id",))).findings} == {(FindingType.MISMATCH, "1", "v")}
    assert compare(Asked(places[0], places[0], ("id",))).findings == ()


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        pytest.param("1,x,1\n1,y,2", "1,x,1\n1,y,3", {(FindingType.MISMATCH, "1", "b")}, id="each with its like"),
        pytest.param("1,x,1\n1,y,2", "1,y,2\n1,X,1", set(), id="in another order, written otherwise"),
        pytest.param("1,x,1\n1,y,2", "1,x,1", {(FindingType.MISSING, "1", None)}, id="one of two is lost"),
        pytest.param("1,x,1\n1,x,1", "1,x,1", set(), id="a copy is lost"),
        pytest.param("1,x,1", "1,x,1\n1,x,1\n1,X,1", {(FindingType.DUPLICATE, "1", None)}, id="copies"),
        pytest.param(
            "1,x,1",
            "1,x,1\n1,z,1",
            {(FindingType.DUPLICATE, "1", None), (FindingType.MISMATCH, "1", "a")},
            id="a copy that was changed",
        ),
    ],
)
def test_rows_of_one_key_are_set_against_those_most_alike(tmp_path, source, target, expected):
    """Not each against each: that would name columns in which nothing changed."""
    places = [csv(tmp_path, f"{n}.csv", f"id,a,b\n{rows}\n") for n, rows in enumerate((source, target))]

    assert {tuple(one) for one in compare(Asked(*places, ("id",))).findings} == expected


def test_white_space_around_a_key_does_not_hide_a_row_of_it(tmp_path):
    """Though the key lies in another part then."""
    source = sqlite(tmp_path, "a.db", [(" 1", "x", "c"), ("1", "x", "c")])
    target = sqlite(tmp_path, "b.db", [(" 1\t", "x", "c")])

    assert compare(Asked(source, target, ("id",))).findings == ()


def test_rows_without_a_key_are_told_and_are_not_called_equal(tmp_path, capsys):
    """In both forms, between files and between databases."""
    rows: list[tuple[object, ...]] = [("", "x", "c"), ("1", "x", "c")]
    places = (csv(tmp_path, "a.csv", "id,a\n,x\n1,y\n"), sqlite(tmp_path, "a.db", rows))
    for place in places:
        codes = [command(source=place, target=place, key="id", as_json=as_json) for as_json in (False, True)]
        shown = capsys.readouterr()
        assert codes == [1, 1]
        assert shown.err.count("2 rows have no key and were not compared.") == 2
        assert "No difference among the rows that have a key." in shown.out


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(b"id,a\n1,Kowalczyk\n2,b,Kowalczyk\n", "look at its columns", id="a line with more columns"),
        pytest.param(b"id,a\n1,b\n2,Kowalczyk\xe9\n", "it is not UTF-8", id="another encoding"),
        pytest.param(b"id,a\n" + b"1,b\n" * 40_000 + b"2,Kowalczyk,c\n", "line 40002", id="far down"),
        pytest.param(b"", "no first line", id="nothing"),
    ],
)
def test_a_file_that_cannot_be_read_is_not_quoted(tmp_path, text, says):
    """And no line of it is left out to make it fit."""
    place = tmp_path / "a.csv"
    place.write_bytes(text)

    with pytest.raises(BadInput, match=says) as refused:
        command(source=str(place), target=str(place), key="id")

    assert PATIENT not in str(refused.value)


def test_json_is_read_to_the_last_digit_and_field(tmp_path):
    """However far down."""
    long, many = "123456789012345678901234567890", 30_000
    texts = [f'{{"id": 1, "a": {long}{end}}}\n' + '{"id": 2}\n' * many for end in (1, 2)]
    one, other = (csv(tmp_path, f"{n}.jsonl", text) for n, text in enumerate(texts))
    late = csv(tmp_path, "late.jsonl", '{"id": "k"}\n' * many + '{"id": "x", "b": "late"}\n')

    assert {tuple(some) for some in compare(Asked(one, other, ("id",))).findings} == {(FindingType.MISMATCH, "1", "a")}
    with open_table(late) as table:
        assert table.columns == ("b", "id")


def test_files_of_a_pattern_may_have_more_columns_and_lie_apart(tmp_path):
    """What one of them lacks is empty there."""
    for n, columns in enumerate(({"id": ["1"], "a": ["x"]}, {"id": ["2"], "a": ["y"], "b": ["z"]})):
        (tmp_path / f"day{n}").mkdir()
        pq.write_table(pa.table(columns), tmp_path / f"day{n}" / "part.parquet")

    other = csv(tmp_path, "a.csv", "id,a,b\n1,x,\n2,y,q\n")
    found = compare(Asked(f"{tmp_path}/day*/part.parquet", other, ("id",)))

    assert {tuple(one) for one in found.findings} == {(FindingType.MISMATCH, "2", "b")}


def test_a_name_that_another_column_takes_is_no_longer_its_own(tmp_path):
    """`a` is `b` there, so `b` is nothing there."""
    places = csv(tmp_path, "a.csv", "id,a,b\n1,x,y\n"), csv(tmp_path, "b.csv", "id,b\n1,x\n")
    found = compare(Asked(*places, ("id",), renamed={"a": "b"}))

    assert (found.findings, found.compared, found.unlike) == ((), ("a",), ("b",))


SHARED = Path(__file__).parents[3] / "shared"
BENCH = SHARED / "tools" / "recon_bench.py"


@pytest.mark.needs_data
@pytest.mark.skipif(not BENCH.exists(), reason="the labelled tables are not at ../shared")
@pytest.mark.parametrize("form", ["csv", "sqlite"])
@pytest.mark.parametrize("table", ["patients", "prescriptions", "encounters"])
def test_of_labelled_tables_every_change_is_found_and_nothing_else(tmp_path, monkeypatch, table, form):
    """As files, and as databases that send parts of their keys only."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(BENCH.parent)])
    import recon_bench  # noqa: PLC0415  # it lies with the data

    folder = SHARED / "data" / "synthea_r4" / "dev_recon_seed7"
    places = []
    for side in ("source", "target"):
        place = folder / f"{side}_{table}.csv"
        rows = recon_bench.rd(place)
        listed = ", ".join(f'"{name}"' for name in rows[0])
        values: list[tuple[object, ...]] = [tuple(row.values()) for row in rows]
        places.append(str(place) if form == "csv" else sqlite(tmp_path, f"{side}.db", values, listed))

    found = compare(Asked(*places, ("id",)))

    scores = recon_bench.score(
        json.loads((folder / f"truth_{table}.json").read_text()), [f.published for f in found.findings]
    )
    assert {kind: (one["precision"], one["recall"]) for kind, one in scores.items()} == dict.fromkeys(
        scores, (1.0, 1.0)
    )
