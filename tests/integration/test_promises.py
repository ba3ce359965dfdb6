"""Promises of landed rows: kept in a real ledger, told by a watch, and never with anything of a patient."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.alert import AlertState
from models.anomaly import Severity
from models.calendar import DAYS, Calendar, Hours
from models.feed import Feed
from models.incident import State
from models.promise import PromiseRun, PromiseState
from models.reconciliation import Column, Landed, Reconciliation
from tasks.house import House
from tasks.promises import keep_promises
from tests.builders import an_incident, an_integration
from tests.clocks import MovedClock, a_house
from tests.integration.test_flow import found, watched
from tests.promised import AS_OF, HOURS, KEYS, ZONE, good

ROOT = Path(__file__).parents[2]
DAY = timedelta(days=1)
WANTED = Reconciliation(
    name="prescriptions",
    resource="VisionPrescription",
    operation="VisionPrescription.search",
    ours=Landed(url="landed.csv", timezone="America/Denver"),
    columns=(
        Column(name="rx_no"),
        Column(name="patient_no"),
        Column(name="dateWritten", ours="written_on"),
        Column(name="eye"),
        Column(name="sphere", ours="sph"),
        Column(name="changed_at"),
    ),
    key="rx_no",
    day="dateWritten",
    changed="changed_at",
    patient="patient_no",
)
LANDED = {"id": "rx_no", "patient": "patient_no", "date_written": "written_on", "sphere": "sph"}
FEED = Feed(name="rx", resource="VisionPrescription", operations=("VisionPrescription.search",), fresh_within="4h")
PRACTICE = an_integration(timezone=ZONE, hours=HOURS, feeds=(FEED,), reconcile=(WANTED,))
ABOUT = ["id", "patient", "date_written", "eye", "sphere", "last_updated"]


def landed() -> pd.DataFrame:
    """Our table, under names of its own."""
    return good("prescriptions")[ABOUT].rename(columns=LANDED | {"last_updated": "changed_at"})


@pytest.fixture
def house(tmp_path) -> House:
    return a_house(tmp_path, MovedClock(AS_OF), PRACTICE)


def keep(house: House, frame: pd.DataFrame, at: datetime = AS_OF) -> PromiseRun:
    house.clock.at = at
    return keep_promises(house, PRACTICE, WANTED, frame, at, KEYS)


def test_landed_rows_are_known_by_what_their_columns_are_there_for(house):
    run = keep(house, landed())
    assert run == house.ledger.kept(PromiseRun, f"{PRACTICE.id}/prescriptions")
    assert (run.state, run.rows, run.incident_id) == (PromiseState.KEPT, 300, None)
    seen = {one.promise_id.split(".")[1] for one in run.those(PromiseState.KEPT)}
    assert {"columns", "id_there", "patient_known", "sphere_range", "fresh", "date_written_in_hours"} <= seen


def test_a_relation_is_kept_as_a_frame_is(house, tmp_path):
    landed().to_csv(tmp_path / "landed.csv", index=False)
    with duckdb.connect() as db:
        assert keep(house, db.read_csv(str(tmp_path / "landed.csv"))).state is PromiseState.KEPT


def test_a_run_names_the_incident_that_is_active(house):
    with house.ledger.change("test", AS_OF) as change:
        opened = change.open_incident(an_incident(integration_id=PRACTICE.id, state=State.OPEN, diagnosis=None))
    assert keep(house, landed()).incident_id == opened.id


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_one_alert_stands_for_each_broken_promise_until_it_is_kept(house):
    spoilt = landed()
    spoilt.loc[spoilt.index[:3], "sph"] = "-1.3"
    spoilt.loc[spoilt.index[5], "patient_no"] = "pat-999999"
    keep(house, spoilt)
    raised = {one.finding.subject: one.finding for one in await watched(house, "promises")}
    assert set(raised) == {"prescriptions.sphere_steps", "prescriptions.patient_known"}
    steps = raised["prescriptions.sphere_steps"]
    assert steps.says == ("landed prescriptions: 3 of 300 rows do not keep it (1%): sphere is in steps of 0.125 D")
    assert (steps.severity, steps.since) == (Severity.HIGH, AS_OF)
    assert "Data Mapping" in steps.advice
    assert "Nothing is dispensed" in steps.advice
    later = AS_OF + timedelta(minutes=30)
    spoilt.loc[spoilt.index[:3], "sph"] = "-1.25"
    keep(house, spoilt, later)
    (cleared,) = await watched(house, "promises")
    assert (cleared.finding.subject, cleared.state) == ("prescriptions.sphere_steps", AlertState.CLEARED)
    (standing,) = found(house, "promises")
    assert standing.since == AS_OF, "it has been broken since the first look"


def test_a_feed_that_is_no_longer_declared_is_not_told_of(house, tmp_path):
    spoilt = landed().assign(sph="99")
    keep(house, spoilt)
    assert found(house, "promises")
    without = a_house(tmp_path, MovedClock(AS_OF), PRACTICE.model_copy(update={"reconcile": ()}))
    assert found(without, "promises") == []


def test_what_could_not_be_checked_is_told_once_and_calls_nobody(house, monkeypatch):
    monkeypatch.setattr("tasks.promises.read_rows", lambda *_: 1 / 0)
    run = keep(house, landed())
    assert run.state is PromiseState.FAILED
    (blind,) = found(house, "promises")
    assert (blind.subject, blind.severity) == ("prescriptions.not_seen", Severity.LOW)


# --- opening hours, all rows at once ---------------------------------------------------------------------------------

ZONES = st.sampled_from(["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "UTC"])
SPANS = st.sampled_from(["closed", "08:00-12:00, 13:00-18:00", "00:00-24:00", "01:15-02:45, 22:30-24:00"])
CALENDARS = st.builds(
    lambda zone, days: Calendar(hours=Hours.model_validate(dict(zip(DAYS, days, strict=True))), timezone=zone),
    ZONES,
    st.lists(SPANS, min_size=7, max_size=7),
)
ODD = st.sampled_from([timedelta(0), timedelta(microseconds=-1), timedelta(seconds=59)])
INSTANTS = st.lists(  # on the quarters of an hour, at which spans begin and end, and beside them
    st.builds(
        lambda n, odd: datetime(2026, 1, 1, tzinfo=UTC) + n * timedelta(minutes=15) + odd, st.integers(0, 35_000), ODD
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=60)
@given(CALENDARS, INSTANTS, st.booleans())
def test_many_instants_are_in_opening_hours_as_one_is(calendar, instants, dates):
    from expectations._kinds import are_in_hours  # noqa: PLC0415  # 4 s

    judged = are_in_hours(pd.Series(pd.to_datetime(instants, utc=True)), calendar, dates=dates)
    for at, is_open in zip(instants, judged, strict=True):
        clock = pd.Timestamp(at).tz_convert(calendar.timezone)
        is_date = dates and clock == clock.normalize()
        assert is_open == (bool(calendar.open_on(clock.date())) if is_date else calendar.is_open(at))


# --- nothing of a row comes out --------------------------------------------------------------------------------------

PLANTED = ("Zebulandra", "Quillfeather", "471 Quincunx Lane", "MRN00482917", "123-45-6789", "1958-03-11x")
SCRIPT = """
import logging, pathlib, sys, warnings
import pandas as pd
logging.basicConfig(level=logging.DEBUG, filename="everything.log", force=True)
logging.captureWarnings(True)
from models.catalogue import names
from tasks import promises
from tests.promised import TERMS, good

planted = sys.argv[1].split("|")
promises.great_expectations()
for name in ("great_expectations", "great_expectations.validator.validator"):
    logging.getLogger(name).critical("as a later version may say: %s", planted)
logging.getLogger("control").critical("heard")
quoting = "id.astype('float64') > 0"  # what pandas says of that quotes the id
for feed in names("expectations"):
    frame = good(feed, 60)
    for n, column in enumerate(frame.columns):
        frame[column] = frame[column].astype(object)
        frame.loc[frame.index[: len(planted)], column] = [f"{one}" for one in planted]
    frame[planted[0]] = planted[1]  # a table without a header has a row for one
    print(promises.check(feed, frame, TERMS, {"patients": planted}).model_dump_json())
    print(promises.check(feed, frame.rename(columns={"id": planted[0] + "2"}), TERMS).model_dump_json())
    suite = promises.suite_of(feed, TERMS)
    asked = tuple(one.model_copy(update={"where": quoting}) for one in suite.promises if one.columns)
    terms = TERMS.model_copy(update={"columns": frozenset(frame.columns)})
    for one in promises.looked_at(suite.model_copy(update={"promises": asked}), frame, terms, {}):
        print(one.model_dump_json())
    if "control" in sys.argv:
        promises.RESULT_FORMAT = {"result_format": "COMPLETE"}
        rows = promises.read_rows(frame, suite, terms, {})
        pathlib.Path("control").open("a").write(repr(list(promises.validate(suite.promises, rows))))
"""


def told(folder: Path, *more: str) -> tuple[str, dict[str, str]]:
    """What a process that checks planted tables prints, and every file that it leaves."""
    for name in ("home", "tmp"):
        (folder / name).mkdir()
    env = os.environ | {"HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SCRIPT, "|".join(PLANTED), *more]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True)
    files = {str(path): path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file()}
    return done.stdout + done.stderr, files


def test_nothing_of_a_row_is_told_printed_logged_or_left_in_a_file(tmp_path):
    printed, files = told(tmp_path, "control")
    control = files.pop(str(tmp_path / "control"))
    assert [one for one in PLANTED if one not in control] == [], "Great Expectations had them, and would have told"
    assert "heard" in files[str(tmp_path / "everything.log")]
    everything = {"printed": printed} | files
    assert {where: one for where, text in everything.items() for one in PLANTED if one in text} == {}
    assert not [path for path in files if not path.endswith("everything.log")], "and left no other file"
    results = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    states = {one["state"] for one in results if "promise_id" in one}
    assert states == {"failed", "not_checked"}, "what quotes an id was asked, and could not be checked"
    broken = [one for run in results if "results" in run for one in run["results"] if one["state"] == "broken"]
    assert len(broken) > 60
