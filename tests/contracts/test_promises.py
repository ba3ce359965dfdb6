"""What every feed's promises keep; a new file in the room is found by itself, and needs a good table and its edits.

A good table and the edit that breaks each promise are in `tests/promised.py`. A promise without its edit fails here,
and so does an edit without its promise: what cannot be broken promises nothing.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from models.catalogue import names
from models.promise import Promise, PromiseRun, PromiseState, Terms
from tasks.promises import ROOM, check, looked_at, suite_of
from tests.promised import AS_OF, BREAKS, BUILDERS, CALENDAR, KEYS, TERMS, good

FEEDS = names(ROOM)
SYNTHEA = Path(__file__).parents[3] / "shared" / "data" / "synthea_r4"
ALL = TERMS.model_copy(update={"others": frozenset(KEYS)})
BROKEN, KEPT, NOT_CHECKED = PromiseState.BROKEN, PromiseState.KEPT, PromiseState.NOT_CHECKED


def promises(feed: str) -> dict[str, Promise]:
    return {one.id.removeprefix(f"{feed}."): one for one in suite_of(feed, ALL).promises}


def one_result(feed: str, what: str, frame: pd.DataFrame, terms: Terms = TERMS):
    """How one promise fares, and no other: a whole suite for each edit would take minutes."""
    suite = suite_of(feed, terms.model_copy(update={"others": frozenset(KEYS)}))
    alone = suite.model_copy(update={"promises": tuple(one for one in suite.promises if one.id == f"{feed}.{what}")})
    present = terms.model_copy(update={"columns": frozenset(frame.columns)})
    (found,) = looked_at(alone, frame, present, KEYS)
    return found


def by_name(run: PromiseRun) -> dict[str, PromiseState]:
    return {one.promise_id: one.state for one in run.results}


@pytest.mark.parametrize("feed", FEEDS)
def test_every_feed_has_a_good_table_and_an_edit_for_each_promise(feed):
    assert feed in BUILDERS
    assert set(BREAKS[feed]) == set(promises(feed))


@pytest.mark.parametrize("feed", FEEDS)
def test_a_promise_is_named_by_its_feed_and_says_its_rule(feed):
    suite = suite_of(feed, ALL)
    assert suite.feed == feed
    assert len({one.id for one in suite.promises}) == len(suite.promises)
    for one in suite.promises:
        assert one.id.startswith(f"{feed}.")
        assert set(one.columns) <= set(suite.columns)
        assert one.says
    assert set(suite.needed) <= set(suite.columns)


@pytest.mark.parametrize("feed", FEEDS)
def test_a_good_table_keeps_every_promise(feed):
    run = check(feed, good(feed), TERMS, KEYS)
    assert [(one.promise_id, one.says) for one in run.results if one.state is not KEPT] == []
    assert (run.state, run.rows) == (KEPT, 300)


@pytest.mark.parametrize(("feed", "what"), [(feed, what) for feed in FEEDS for what in BREAKS.get(feed, {})])
def test_each_promise_is_broken_by_its_edit(feed, what):
    frame = good(feed)
    BREAKS[feed][what](frame)
    found = one_result(feed, what, frame)
    assert found.state is BROKEN
    assert 0 < found.broken <= found.checked


# --- how many --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_as_many_rows_break_it_as_were_spoilt(rows):
    frame = good("prescriptions")
    frame.loc[frame.index[:rows], "sphere"] = "-31.00"
    found = one_result("prescriptions", "sphere_range", frame)
    assert (found.broken, found.checked) == (rows, 300)
    assert found.state is (BROKEN if rows else KEPT)


def test_a_row_without_a_value_is_not_one_that_was_checked():
    frame = good("prescriptions")
    frame.loc[frame.index[:4], "sphere"] = [None, "", " ", "-31"]
    found = one_result("prescriptions", "sphere_range", frame)
    assert (found.broken, found.checked) == (1, 297)


def test_a_promise_that_most_keep_says_how_many_must():
    frame = good("patients")
    frame.loc[frame.index[:6], "phone"] = "1"
    found = one_result("patients", "phone_shape", frame)
    assert (found.state, found.broken) == (KEPT, 6)
    frame.loc[frame.index[6], "phone"] = "1"
    found = one_result("patients", "phone_shape", frame)
    assert (found.state, found.broken, found.checked) == (BROKEN, 7, 300)
    assert found.says == "7 of 300 rows do not keep it (2.3%): phone has 10 to 15 digits (of 98% at least)"


def test_a_prescription_row_for_both_eyes_beside_one_for_each_counts_them_all():
    frame = good("prescriptions")
    frame.loc[frame.index[0], "eye"] = "OU"  # beside OS of the same prescription
    frame.loc[frame.index[2:4], "eye"] = "OU"  # twice: that is what `eye_once` is for
    assert one_result("prescriptions", "both_eyes_alone", frame).broken == 2
    assert one_result("prescriptions", "eye_once", frame).broken == 2


# --- what is there, and what is not ----------------------------------------------------------------------------------


def test_a_column_that_is_not_there_is_not_checked_and_named():
    run = check("prescriptions", good("prescriptions").drop(columns=["axis", "patient"]), TERMS, KEYS)
    found = {one.promise_id: one for one in run.results}
    assert found["prescriptions.axis_range"].state is NOT_CHECKED
    assert "there is no column axis" in found["prescriptions.axis_range"].says
    assert found["prescriptions.columns"].state is BROKEN
    assert (found["prescriptions.columns"].broken, found["prescriptions.columns"].checked) == (1, 3)
    assert "there is no column patient" in found["prescriptions.columns"].says
    assert found["prescriptions.sphere_range"].state is KEPT


def test_a_prescription_without_an_eye_is_there_once():
    frame = good("prescriptions").drop(columns=["eye"]).drop_duplicates("id")
    assert by_name(check("prescriptions", frame, TERMS, KEYS))["prescriptions.id_once"] is KEPT
    twice = pd.concat([frame, frame.iloc[:2]])
    found = {one.promise_id: one for one in check("prescriptions", twice, TERMS, KEYS).results}
    assert (found["prescriptions.id_once"].state, found["prescriptions.id_once"].broken) == (BROKEN, 4)


def test_what_the_terms_lack_is_not_checked_and_said():
    run = check("appointments", good("appointments"), Terms(as_of=AS_OF))
    unsaid = {one.promise_id: one.says.split(":")[0] for one in run.results if one.state is NOT_CHECKED}
    assert unsaid == {
        "appointments.patient_known": "not checked, patients were not given",
        "appointments.start_in_hours": "not checked, no opening hours are declared",
        "appointments.location_code": "not checked, no locations are declared",
        "appointments.fresh": "not checked, nobody said how often something new comes",
    }
    assert run.state is KEPT


def test_which_distance_is_usual_is_for_the_practice_to_say():
    terms = TERMS.model_copy(update={"filled": {"pd": 0.5}})
    assert one_result("prescriptions", "pd_filled", good("prescriptions"), terms).state is KEPT
    assert one_result("prescriptions", "pd_monocular_filled", good("prescriptions"), terms).state is NOT_CHECKED


@pytest.mark.parametrize("feed", FEEDS)
def test_an_empty_table_breaks_nothing_but_may_lack_a_column(feed):
    run = check(feed, good(feed)[:0], TERMS, KEYS)
    assert {one.state for one in run.results if one.column} == {NOT_CHECKED}
    assert run.state is NOT_CHECKED
    assert check(feed, pd.DataFrame(), TERMS, KEYS).state is BROKEN


def test_a_practice_may_have_codes_of_its_own():
    frame = good("appointments").assign(status="confirmed")
    assert one_result("appointments", "status_code", frame).state is BROKEN
    terms = TERMS.model_copy(update={"code_sets": {"status": ("confirmed",)}})
    assert one_result("appointments", "status_code", frame, terms).state is KEPT


def test_a_feed_that_nobody_wrote_is_named():
    with pytest.raises(KeyError, match="there are: appointments, claims"):
        check("lenses", pd.DataFrame(), TERMS)


def test_a_check_that_goes_wrong_is_told_by_its_code_alone():
    promise = promises("patients")["gender_code"]
    wrong = promise.model_copy(
        update={"arguments": {"column": "gender"}, "expectation": "expect_column_values_to_be_in_steps_of"}
    )
    suite = suite_of("patients", ALL)
    for asked in (wrong, promise.model_copy(update={"where": "no_such_column == 1"})):
        alone = suite.model_copy(update={"promises": (asked,)})
        (found,) = looked_at(alone, good("patients"), TERMS.model_copy(update={"columns": frozenset({"gender"})}), {})
        assert found.state is PromiseState.FAILED
        assert found.says == f"could not be checked (patients.gender_code): {promise.rule}"


# --- as tables come --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("feed", FEEDS)
def test_a_relation_of_a_database_is_checked_as_a_frame_is(feed, tmp_path):
    good(feed, seed=2).to_csv(tmp_path / "rows.csv", index=False)
    with duckdb.connect() as db:
        run = check(feed, db.read_csv(str(tmp_path / "rows.csv")), TERMS, KEYS)
    assert [(one.promise_id, one.says) for one in run.results if one.state is not KEPT] == []


@pytest.mark.parametrize(
    ("written", "zone", "state"),
    [
        pytest.param("2026-11-18 14:00", "America/New_York", KEPT, id="on the practice's clock"),
        pytest.param("2026-11-18 19:00", "UTC", KEPT, id="in UTC"),
        pytest.param("2026-11-18T14:00:00-05:00", "Asia/Tokyo", KEPT, id="with its own zone"),
        pytest.param("2026-11-18T19:00:00.123Z", "Asia/Tokyo", KEPT, id="Z, with milliseconds"),
        pytest.param("20261118140000-0500", "UTC", KEPT, id="HL7"),
        pytest.param("11/18/2026 02:00:00 PM", "America/New_York", KEPT, id="as the States write"),
        pytest.param("2026-11-18 19:00", "America/New_York", BROKEN, id="UTC taken for local: after hours"),
        pytest.param("2026-11-18", "UTC", BROKEN, id="a date: its time was lost"),
        pytest.param("2026-11-15 10:00", "America/New_York", BROKEN, id="a Sunday"),
        pytest.param("2026-11-18 12:30", "America/New_York", BROKEN, id="at noon it is closed"),
    ],
)
def test_an_appointment_is_in_opening_hours_however_it_is_written(written, zone, state):
    terms = Terms(as_of=AS_OF, calendar=CALENDAR, timezone=zone)
    frame = pd.DataFrame({"id": ["a"], "status": ["booked"], "start": [written]})
    assert one_result("appointments", "start_in_hours", frame, terms).state is state
    assert one_result("appointments", "start_read", frame, terms).state is KEPT


@pytest.mark.parametrize(
    ("sphere", "state"),
    [("plano", KEPT), ("PL", KEPT), ("+0.12", KEPT), ("-1.375", KEPT), ("-1.38", KEPT), ("-1.35", BROKEN), (-2, KEPT)],
)
def test_a_power_is_read_as_clinics_write_it(sphere, state):
    frame = pd.DataFrame({"id": ["a"], "patient": ["b"], "date_written": ["2026-11-18"], "sphere": [sphere]})
    assert one_result("prescriptions", "sphere_steps", frame).state is state


# --- public synthetic records ----------------------------------------------------------------------------------------

TERMS_OF_2021 = Terms(as_of=datetime(2021, 4, 1, 12, tzinfo=UTC))


def synthea(folder: str, table: str) -> pd.DataFrame:
    return pd.read_csv(SYNTHEA / folder / f"{table}.csv", dtype=str)


def as_patients(table: pd.DataFrame) -> pd.DataFrame:
    return table.rename(columns={"postal": "postal_code"})


def as_appointments(table: pd.DataFrame) -> pd.DataFrame:
    """Visits of an outpatient, as appointments that were kept."""
    visits = table[table["cls"] == "AMB"]
    return visits.assign(status=visits["status"].map({"finished": "fulfilled", "cancelled": "cancelled"}))


def as_prescriptions(table: pd.DataFrame) -> pd.DataFrame:
    return table.rename(columns={"authored": "date_written", "requester": "prescriber"})


needs_synthea = pytest.mark.skipif(not SYNTHEA.exists(), reason="the public data (Synthea) is not at ../shared/data")


@pytest.mark.needs_data
@needs_synthea
def test_a_synthetic_population_keeps_its_promises():
    patients = as_patients(synthea("dev", "patients"))
    visits, prescribed = (
        as_appointments(synthea("dev", "encounters")),
        as_prescriptions(synthea("dev", "prescriptions")),
    )
    keys = {"patients": patients["id"]}
    runs = [
        check("patients", patients, TERMS_OF_2021, keys),
        check("appointments", visits, TERMS_OF_2021, keys),
        check("prescriptions", prescribed, TERMS_OF_2021, keys),
    ]
    broken = {one.promise_id: one.broken for run in runs for one in run.results if one.state is not KEPT and one.broken}
    doubled = visits.duplicated(["practitioner", "start"], keep=False).sum()
    assert broken == {"appointments.slot_once": doubled}, "its doctors see several at once, and nothing else is wrong"
    assert sum(len(run.those(KEPT)) for run in runs) > 25


@pytest.mark.needs_data
@needs_synthea
def test_what_was_done_to_the_landed_side_is_counted():
    folder = "dev_recon_seed7"
    patients = as_patients(synthea(folder, "target_patients"))
    visits = as_appointments(synthea(folder, "target_encounters"))
    truth = json.loads((SYNTHEA / folder / "truth_patients.json").read_text(encoding="utf-8"))
    twice = {one["key"] for one in truth if one["type"] == "duplicate_in_target"}
    run = check("patients", patients, TERMS_OF_2021)
    assert twice
    assert next(one for one in run.results if one.promise_id == "patients.id_once").broken == 2 * len(twice)
    run = check("appointments", visits, TERMS_OF_2021, {"patients": patients["id"]})
    orphans = int((~visits["patient"].isin(patients["id"])).sum())
    assert orphans
    assert next(one for one in run.results if one.promise_id == "appointments.patient_known").broken == orphans
