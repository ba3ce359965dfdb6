"""The pretend application's landing program: what lands of the practice's records, and what its faults do to it."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from models.discrepancy import DiscrepancyKind as Kind
from models.errors import BadInput
from simulator import landing_decoys as decoys
from simulator import landing_faults as faults
from simulator.faults import parse
from simulator.landing import LAYOUTS, Landing, records
from simulator.landing_faults import Batch
from simulator.people import Practice

SINCE = datetime(2026, 3, 2, 5, tzinfo=UTC)  # Monday midnight in New York
UNTIL = SINCE + timedelta(days=5)
PRACTICE = Practice(1, "America/New_York")
LAYOUT = LAYOUTS["Appointment"]
ROWS = records(PRACTICE, "Appointment", SINCE, UNTIL)


def landed(path, table="appointments"):
    with closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute(f"SELECT * FROM {table}")]  # noqa: S608 - a name of LAYOUTS


def spoilt(fault, layout=LAYOUT, rows=ROWS):
    return fault.spoil(Batch.of(rows, UNTIL), layout, Random(7))  # noqa: S311 - chooses rows, keeps no secret


def test_everything_lands_once_its_delay_is_over(tmp_path):
    landing = Landing(tmp_path / "landed.db", PRACTICE, since=SINCE, delay=timedelta(hours=1))
    noon = SINCE + timedelta(hours=12)
    landing.land(noon)
    assert landed(landing.path) == records(PRACTICE, "Appointment", SINCE, noon - timedelta(hours=1))
    for hour in range(13, 121):
        landing.land(SINCE + timedelta(hours=hour))
    landing.land(UNTIL + timedelta(hours=1))
    assert landed(landing.path) == ROWS
    assert len(ROWS) > 500


@pytest.mark.parametrize("kind", LAYOUTS)
def test_every_kind_of_record_has_a_table_with_its_columns_filled(tmp_path, kind):
    landing = Landing(tmp_path / "landed.db", PRACTICE, kind, since=SINCE)
    assert landing.land(UNTIL) == len(landed(landing.path, LAYOUTS[kind].table)) > 50
    row = landed(landing.path, LAYOUTS[kind].table)[0]
    assert {name for name, value in row.items() if value is None} <= {"provider_id", "location_id"}


def test_a_record_that_changes_again_replaces_its_row(tmp_path):
    landing = Landing(tmp_path / "landed.db", PRACTICE, "Patient", since=SINCE)
    for day in range(1, 6):
        landing.land(SINCE + timedelta(days=day))
    assert max(Counter(row["id"] for row in landed(landing.path, "patients")).values()) == 1


def test_a_fault_meets_only_what_lands_while_it_is_active(tmp_path):
    landing = Landing(tmp_path / "landed.db", PRACTICE, since=SINCE, delay=timedelta(0))
    monday, tuesday = SINCE + timedelta(days=1), SINCE + timedelta(days=2)
    landing.land(monday)
    landing.land(tuesday, [faults.RowsDropped(share=1.0)])
    landing.land(UNTIL)
    lost = {row["id"] for row in records(PRACTICE, "Appointment", monday, tuesday)}
    assert {row["id"] for row in ROWS} - {row["id"] for row in landed(landing.path)} == lost
    assert [(one.kind, one.keys) for one in landing.touched] == [(Kind.MISSING, lost)]


def test_nothing_lands_of_an_unknown_kind(tmp_path):
    with pytest.raises(BadInput, match="there are: Patient, Appointment"):
        Landing(tmp_path / "landed.db", PRACTICE, "Observation", since=SINCE)


FAULTS = [
    faults.RowsDropped(count=12),
    faults.PagesCut(count=12),
    faults.PagesCut(count=12, of="batch"),
    faults.RowsDuplicated(count=12),
    faults.RowsAdded(count=12),
    faults.OldVersionsKept(count=12),
    faults.InstantsShifted(count=12),
    faults.ColumnEmptied(count=12, column="patient_id"),
    faults.ColumnChanged(count=12, column="minutes"),
    faults.ColumnChanged(count=12, column="patient_id"),
    faults.PatientsMixedUp(count=12),
]


@pytest.mark.parametrize(
    "fault", FAULTS, ids=lambda fault: f"{type(fault).__name__}-{getattr(fault, 'column', getattr(fault, 'of', ''))}"
)
def test_a_fault_touches_the_rows_that_it_says_and_no_other(fault):
    """Written out here anew, so that the truth of every measurement is checked by something else than itself."""
    batch = spoilt(fault)
    before, after = (Counter(tuple(row.items()) for row in side) for side in (ROWS, batch.ours))
    changed = {dict(row)["id"] for row in (before - after) + (after - before)}
    assert all(one.keys == changed for one in batch.touched)
    assert len(changed) == 12
    assert batch.theirs == ROWS
    assert parse("landing", _name(fault), fault.model_dump(exclude={"route"}), frozenset()) == fault


def _name(fault):
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in type(fault).__name__)[1:]


def test_a_page_is_lost_from_a_point_on():
    lost = spoilt(faults.PagesCut(count=12)).touched[0].keys
    on = {
        row["id"]: datetime.fromisoformat(row["starts_at"]).astimezone(ZoneInfo("America/New_York")).date()
        for row in ROWS
    }
    days = {on[key] for key in lost}
    assert len(days) == 1
    of_day = sorted((row["changed_at"], row["id"]) for row in ROWS if on[row["id"]] in days)
    assert {key for _, key in of_day[-12:]} == lost


def test_patients_are_mixed_up_in_pairs_of_two_people():
    mixed = {row["id"]: row["patient_id"] for row in spoilt(faults.PatientsMixedUp(count=12)).ours}
    right = {row["id"]: row["patient_id"] for row in ROWS}
    wrong = [key for key in right if right[key] != mixed[key]]
    assert len(wrong) == 12
    assert Counter(right[key] for key in wrong) == Counter(mixed[key] for key in wrong)


def test_the_same_seed_chooses_the_same_rows():
    assert spoilt(faults.RowsDropped(share=0.01)) == spoilt(faults.RowsDropped(share=0.01))


def test_a_share_of_few_rows_is_one_of_them_now_and_then():
    many = [faults.Some(share=0.1).many(4, Random(seed)) for seed in range(500)]  # noqa: S311 - chooses rows
    assert set(many) == {0, 1}
    assert 150 < sum(many) < 250


@pytest.mark.parametrize(
    ("decoy", "gone_here", "gone_there"),
    [
        pytest.param(decoys.LateButArriving(count=12), 6, 0, id="late but arriving"),
        pytest.param(decoys.ClosedDay(), None, None, id="closed day"),
        pytest.param(decoys.ProviderOnLeave(), None, None, id="provider on leave"),
        pytest.param(decoys.MergedAway(count=12), 6, 0, id="merged away"),
        pytest.param(decoys.WrittenInLocalTime(count=12), 0, 0, id="written in local time"),
    ],
)
def test_a_decoy_leaves_both_sides_as_they_would_be(decoy, gone_here, gone_there):
    rows = [row | {"provider_id": f"testdoctor-{int(row['id'][-1]) % 3}"} for row in ROWS]
    batch = spoilt(decoy, rows=rows)
    (touched,) = batch.touched
    assert touched.kind is None
    ours, theirs = ({row["id"] for row in side} for side in (batch.ours, batch.theirs))
    if gone_here is None:
        assert ours == theirs == {row["id"] for row in rows} - touched.keys
        assert ours
    else:
        assert (len(theirs - ours), len(ours - theirs)) == (gone_here, gone_there)
        assert len(touched.keys) == 12
    right = {row["id"]: faults.moment(row["starts_at"]) for row in rows}
    assert all(faults.moment(row["starts_at"]) == right[row["id"]] for row in batch.ours)
