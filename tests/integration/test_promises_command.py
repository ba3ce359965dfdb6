"""`heal promises`, as somebody types it."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import sqlalchemy
import yaml

from flows.clock import clock, use
from flows.commands.promises import command
from models.calendar import DAYS
from models.catalogue import names
from models.errors import DEGRADED, HEALTHY, BadInput
from tests.clocks import MovedClock
from tests.promised import AS_OF, ZONE, good

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def at_that_time() -> Iterator[None]:
    """The tables are of one afternoon."""
    before = clock()
    use(MovedClock(AS_OF))
    yield
    use(before)


@pytest.fixture
def bad(tmp_path) -> Path:
    """A table with three spheres that no lens has, under a name of its own."""
    frame = good("prescriptions")
    frame.loc[frame.index[:3], "sphere"] = "-1.30"
    path = tmp_path / "bad.csv"
    frame.rename(columns={"sphere": "sph"}).to_csv(path, index=False)
    return path


@pytest.mark.parametrize("feed", names("expectations"))
def test_what_is_promised_is_listed_in_words(feed, capsys):
    assert command(feed) == HEALTHY
    printed = capsys.readouterr().out
    assert f"{feed}.id_there" in printed
    assert "Data Mapping" in printed


def test_listing_needs_no_great_expectations():
    code = "import sys; from flows.commands.promises import command; command(); print('gx:', 'great_expectations' in "
    code += "sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "gx: False"


def test_every_promise_is_listed_for_programs_too(capsys):
    assert command(as_json=True) == HEALTHY
    listed = json.loads(capsys.readouterr().out)
    assert {one["feed"] for one in listed} == set(names("expectations"))
    axis = next(one for one in listed if one["id"] == "prescriptions.axis_range")
    assert axis["says"] == "axis is a whole number from 1 to 180"


def test_a_broken_table_is_shown_by_counts(bad, tmp_path, capsys):
    good("patients", 400).to_csv(tmp_path / "patients.csv", index=False)
    ended = command(
        "prescriptions", table=str(bad), columns="sphere=sph", against=[f"patients={tmp_path}/patients.csv"]
    )
    printed = capsys.readouterr().out
    assert ended == DEGRADED
    assert "3 of 300 rows do not keep it (1%): sphere is in steps of 0.125 D" in printed
    first = next(line for line in printed.splitlines() if "prescriptions." in line)
    assert "sphere_steps" in first, "what is broken comes first"
    assert "1 broken" in printed
    assert "-1.3" not in printed


def test_a_good_table_is_kept_whatever_it_is_in(tmp_path, capsys):
    frame = good("patients").assign(postal_code="02138")
    frame.to_csv(tmp_path / "patients.csv", index=False)
    frame.to_parquet(tmp_path / "patients.parquet")
    with duckdb.connect(str(tmp_path / "landed.duckdb")) as db:
        db.execute("CREATE TABLE people AS SELECT * FROM frame")
    with sqlite3.connect(tmp_path / "landed.sqlite") as lite:
        frame.to_sql("people", lite, index=False)
    lite.close()
    places = ("patients.csv", "patients.parquet", "landed.duckdb#people")
    for place in (*(str(tmp_path / one) for one in places), f"sqlite:///{tmp_path}/landed.sqlite#people"):
        assert command("patients", table=place, as_json=True) == HEALTHY
        run = json.loads(capsys.readouterr().out)
        assert (run["state"], run["rows"]) == ("kept", 300)
        states = {one["promise_id"]: one["state"] for one in run["results"]}
        assert states["patients.postal_code_shape"] == "kept"


def test_a_word_far_down_does_not_spoil_a_column_of_numbers(tmp_path):
    """A column's type is guessed from its first 20,480 rows, and then `plano` is an error that quotes its line."""
    rows = [f"rx-{n},pat-1,2026-11-02,-1.25" for n in range(21_000)]
    lines = ["id,patient,date_written,sphere", *rows, "rx-x,pat-1,2026-11-02,plano"]
    (tmp_path / "long.csv").write_text("\n".join(lines), encoding="utf-8")
    assert command("prescriptions", table=str(tmp_path / "long.csv")) == HEALTHY


def test_an_integration_lends_its_hours_and_zone(tmp_path, capsys):
    good("appointments").to_csv(tmp_path / "appointments.csv", index=False)
    known = yaml.safe_load((ROOT / "deployments" / "integrations.yaml").read_text(encoding="utf-8"))
    known["integrations"][0] |= {"timezone": ZONE, "hours": dict.fromkeys(DAYS[:5], "08:00-12:00, 13:00-18:00")}
    (tmp_path / "integrations.yaml").write_text(yaml.safe_dump(known), encoding="utf-8")
    (tmp_path / "policy.yaml").write_text((ROOT / "deployments" / "policy.yaml").read_text(encoding="utf-8"))
    states = []
    for whose in (None, known["integrations"][0]["id"]):
        table = str(tmp_path / "appointments.csv")
        command("appointments", table=table, integration=whose, config=tmp_path, as_json=True)
        results = json.loads(capsys.readouterr().out)["results"]
        states += [one["state"] for one in results if one["promise_id"] == "appointments.start_in_hours"]
    assert states == ["not_checked", "kept"]


def test_a_table_of_a_server_is_checked(capsys):
    address = "postgresql+psycopg://127.0.0.1:5432/test"
    engine = sqlalchemy.create_engine(address, connect_args={"connect_timeout": 2})
    name = f"heal_promises_{os.getpid()}"
    try:
        with engine.begin() as db:
            good("orders").to_sql(name, db, index=False)
    except sqlalchemy.exc.OperationalError:
        pytest.skip("no PostgreSQL answers at 127.0.0.1:5432")
    try:
        place = f"postgresql://127.0.0.1:5432/test#{name}"
        assert command("orders", table=place, as_json=True) == HEALTHY
        assert json.loads(capsys.readouterr().out)["rows"] == 300
    finally:
        with engine.begin() as db:
            db.execute(sqlalchemy.text(f'DROP TABLE "{name}"'))
        engine.dispose()


def test_a_line_that_is_none_is_not_quoted(tmp_path):
    lines = ["id,birth_date", *["p,1980-01-01"] * 30_000, 'Zebulandra,"1980-01-01', "x"]
    (tmp_path / "broken.csv").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(BadInput) as refused:
        command("patients", table=str(tmp_path / "broken.csv"))
    assert "Zebulandra" not in str(refused.value)
    assert "read" in str(refused.value)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"feed": "lenses"}, "there are: appointments"),
        ({"feed": None, "table": "x.csv"}, "say which feed"),
        ({"feed": "orders", "columns": "a=b"}, "--columns and --against belong to a table"),
        ({"feed": "orders", "table": "nowhere.csv"}, "there is no file"),
        ({"feed": "prescriptions", "table": "BAD", "columns": "sphere"}, "write --columns as NAME=VALUE"),
        ({"feed": "prescriptions", "table": "BAD", "columns": "colour=sph"}, "nothing is promised of colour"),
        ({"feed": "prescriptions", "table": "BAD", "columns": "sphere=sphere"}, "the table has no column sphere"),
        ({"feed": "orders", "table": "DATABASE"}, "table"),
        ({"feed": "orders", "table": "NOISE"}, "cannot be read"),
        ({"feed": "orders", "table": "BAD", "against": ["lenses=x.csv"]}, "there is no feed of that name"),
    ],
)
def test_a_slip_is_told_in_one_sentence(typed, says, bad, tmp_path):
    sqlite3.connect(tmp_path / "landed.db").close()
    (tmp_path / "landed.db").touch()
    (tmp_path / "noise.parquet").write_bytes(b"Zebulandra Quillfeather" * 9)
    places = {"BAD": str(bad), "DATABASE": str(tmp_path / "landed.db"), "NOISE": str(tmp_path / "noise.parquet")}
    typed = typed | ({"table": places[typed["table"]]} if typed.get("table") in places else {})
    with pytest.raises(BadInput) as refused:
        command(**typed)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "Zebulandra" not in str(refused.value)
