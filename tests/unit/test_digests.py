"""What becomes of a record: hashes that agree when the values do, pseudonyms, the practice's day, and nothing else."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.digests import OURS, THEIRS, Side, bare, digest_columns, open_digests
from tasks.pseudonym import pseudonyms
from tests.callers import wanted_for

NEW_YORK = "America/New_York"
EARLY = datetime(2026, 3, 2, 14, 30, tzinfo=UTC).replace(tzinfo=None)  # as DuckDB has it
THEIR_RECORD = {
    "resourceType": "Appointment",
    "id": "a-1",
    "meta": {"lastUpdated": "2026-03-02T14:30:00.250Z"},
    "start": "2026-03-03T03:30:00Z",
    "status": "booked",
    "minutesDuration": 20,
    "participant": [
        {"actor": {"reference": "Patient/p-7", "display": "Testpatient-0007"}},
        {"actor": {"reference": "https://fhir.example.org/R4/Practitioner/d-1/_history/3"}},
        {"actor": {"reference": "Location/site-2"}},
    ],
}
OUR_ROW = {
    "id": "a-1 ",
    "start": "2026-03-02 22:30:00-05:00",
    "status": "booked",
    "minutes": "20.0",
    "patient": "p-7",
    "practitioner": "d-1",
    "location": "Location/site-2",
    "updated": "2026-03-02T14:30:00Z",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


def digested(home, side, *rows, wanted=None, days=None):
    db = open_digests()
    one = Side(db, side, wanted or wanted_for("epic_fhir"), home, NEW_YORK)
    one.add(rows, days)
    one.flush()
    return db.table(side).to_arrow_table().to_pylist(), one


def test_the_same_record_of_both_sides_is_the_same_row_but_for_when_it_changed(home):
    (theirs,), _ = digested(home, THEIRS, THEIR_RECORD)
    (ours,), _ = digested(home, OURS, OUR_ROW)
    assert theirs.pop("changed_at") == EARLY.replace(microsecond=250_000)
    assert ours.pop("changed_at") == EARLY
    assert theirs == ours
    assert theirs["day"] == date(2026, 3, 2)  # by the wall of the practice
    assert theirs["t_start"] == 1_772_508_600
    assert theirs["is_gone"] is False
    named = pseudonyms(home)
    assert [theirs[name] for name in ("key", "patient", "provider", "location")] == [
        *map(named, ("a-1", "p-7", "d-1", "site-2"))
    ]
    assert all(re.fullmatch("[0-9a-f]{16}", value) for name, value in theirs.items() if name.startswith("h_"))


@pytest.mark.parametrize(
    ("name", "value", "columns"),
    [
        pytest.param("status", "noshow", {"h_status"}, id="a code"),
        pytest.param("minutes", "20.5", {"h_minutes"}, id="a number"),
        pytest.param("start", "2026-03-02T22:30:01-05:00", {"h_start", "t_start"}, id="a second"),
        pytest.param("start", "2026-03-03T22:30:00-05:00", {"h_start", "t_start", "day"}, id="a day"),
        pytest.param("patient", "p-8", {"h_patient", "patient"}, id="another patient"),
        pytest.param("patient", None, {"h_patient", "patient"}, id="nobody"),
        pytest.param("id", "a-2", {"key"}, id="another key"),
        pytest.param("updated", "2026-03-02T15:00:00Z", {"changed_at"}, id="a later change"),
    ],
)
def test_another_value_shows_in_its_own_columns_and_in_no_other(home, name, value, columns):
    ((before,), _), ((after,), _) = (digested(home, OURS, row) for row in (OUR_ROW, OUR_ROW | {name: value}))
    assert {one for one in before if before[one] != after[one]} == columns


def test_two_columns_that_hold_the_same_do_not_look_alike(home):
    (row,), _ = digested(home, OURS, OUR_ROW | {"patient": "x", "practitioner": "x", "status": "x"})
    assert len({row["h_patient"], row["h_practitioner"], row["h_status"]}) == 3
    assert row["patient"] == row["provider"]  # pseudonyms are the same everywhere


def test_another_house_hashes_otherwise(home, tmp_path):
    ((ours,), _), ((elsewhere,), _) = (digested(one, OURS, OUR_ROW) for one in (home, tmp_path))
    hashed = [name for name in ours if name.startswith("h_") or name in {"key", "patient"}]
    assert all(ours[name] != elsewhere[name] for name in hashed)


def test_a_row_without_a_key_is_counted_and_left_out_and_a_day_that_is_not_asked_for_too(home):
    rows, side = digested(home, OURS, OUR_ROW, OUR_ROW | {"id": None}, OUR_ROW | {"id": " "}, OUR_ROW)
    assert (len(rows), side.keyless) == (2, 2)
    rows, side = digested(home, OURS, OUR_ROW, days=frozenset({date(2026, 3, 3)}))
    assert (rows, side.keyless) == ([], 0)


def test_a_tombstone_says_that_it_is_gone(home):
    wanted = wanted_for("epic_fhir", tombstone={"column": "status", "values": ["entered-in-error", "cancelled"]})
    rows, _ = digested(home, OURS, OUR_ROW, OUR_ROW | {"status": "cancelled"}, wanted=wanted)
    assert [row["is_gone"] for row in rows] == [False, True]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Patient/123", "123"),
        ("https://host.example/R4/Patient/123", "123"),
        ("Patient/123/_history/2", "123"),
        ("123", "123"),
        ("OD/OS", "OD/OS"),
        ("Patient/a b", "Patient/a b"),
        ("urn:uuid:0f4b8a1e", "urn:uuid:0f4b8a1e"),
    ],
)
def test_a_reference_is_its_id_and_nothing_else_is_one(text, plain):
    assert bare(text) == plain


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=8) | st.just("Patient/1"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*THEIR_RECORD, "actor"]), inner),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(st.sampled_from([*THEIR_RECORD]), JSON), max_size=4))
def test_whatever_a_peer_sends_is_a_row_or_keyless(home, records):
    rows, side = digested(home, THEIRS, *records)
    assert len(rows) + side.keyless == len(records)
    assert all(set(row) == set(digest_columns(wanted_for("epic_fhir"))) for row in rows)


def test_the_database_reads_no_file_and_stays_so(tmp_path):
    import duckdb  # noqa: PLC0415 - only for the name of its errors

    (tmp_path / "x.csv").write_text("a\n1\n")
    db = open_digests()
    for asked in (
        f"FROM read_csv('{tmp_path / 'x.csv'}')",
        f"ATTACH '{tmp_path / 'x.db'}'",
        f"COPY (SELECT 1) TO '{tmp_path / 'y.csv'}'",
        "SET temp_directory = '/tmp'",
        "SET enable_external_access = true",
    ):
        with pytest.raises(duckdb.Error):
            db.execute(asked)
