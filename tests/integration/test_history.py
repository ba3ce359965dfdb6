"""The history: written by many, read by anybody, folded meanwhile, and never a row twice or missing.

The stress test's oracle is the acknowledged set: a writer puts a row's mark into a file only after `remember`
has returned. A reader takes that set first and the history after: every acknowledged mark must be there, once.
"""

from __future__ import annotations

import logging
import multiprocessing as mp
import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.baseline import Basis
from models.errors import BadInput, Permanent, Transient
from models.integration import Integration, Read
from models.reading import Outcome, Reading, Rung, Source
from tasks.history import shelf
from tasks.history import table as tables
from tasks.history.compact import steps
from tasks.history.read import history_folder
from tasks.history.write import write_nouns
from tasks.remember import (
    answer,
    ask,
    baseline,
    calls_per_minute,
    check_history,
    compact,
    first_bad,
    history,
    latencies,
    recent,
    remember,
    remember_frame,
    totals,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NO_GRACE = timedelta(0)
ROOT = Path(__file__).parents[2]
MARKS = "SELECT received_bytes FROM readings"
SPAWN = mp.get_context("spawn")  # DuckDB's threads do not survive a fork
EPIC = Integration(
    id="epic",
    name="Epic FHIR API",
    kind="epic_fhir",
    settings={},
    reads=(Read(operation="Patient.search", component="Patient API"),),
    timezone="America/New_York",
)


def reading(mark=0, at=NOW - 3 * HOUR, **more):
    fields = {"operation": "Patient.search", "component": "Patient API", "outcome": Outcome.OK, **more}
    return Reading(integration_id="epic", observed_at=at, received_bytes=mark, **fields)


def fill(home, files=6, rows=5, start=NOW - 5 * HOUR):
    """Small files a quarter of an hour apart, every row with its own mark."""
    for n in range(files):
        remember([reading(n * rows + i, start + n * 15 * MINUTE + i * MINUTE) for i in range(rows)], home)
    return set(range(files * rows))


def marks(home):
    """Every mark in the history; a mark seen twice fails here."""
    found = answer(home, lambda db: [mark for (mark,) in db.execute(MARKS).fetchall()])
    assert len(found) == len(set(found)), "a row was seen twice"
    return set(found)


def files(home, pattern="*.parquet"):
    return sorted((home / "history" / "readings").rglob(pattern))


def cut_short(path):
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-20])


readings = st.builds(
    Reading,
    integration_id=st.just("epic"),
    observed_at=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.timezones()),  # noqa: DTZ001 - hypothesis adds the zone
    operation=st.sampled_from(["Patient.search", "GetPatient"]),
    component=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
    outcome=st.sampled_from(Outcome),
    rung=st.sampled_from(Rung),
    status=st.none() | st.integers(100, 599),
    code=st.none() | st.just("token_expired"),
    latency_ms=st.none() | st.floats(0, 1e9),
    clock_skew_s=st.none() | st.floats(-1e6, 1e6),
    received_bytes=st.integers(0, 2**62),
    records=st.none() | st.integers(0, 2**40),
    attempts=st.integers(1, 9),
    source=st.sampled_from(Source),
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(readings, max_size=6))
def test_what_is_remembered_comes_back_as_it_was(tmp_path_factory, some):
    home = tmp_path_factory.mktemp("home")
    path = remember(some, home)
    assert (path is None) == (not some)
    span = (datetime(2019, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC))
    back = recent(home, "epic", *span, sources=tuple(Source)).readings
    assert sorted(map(plain, back)) == sorted(map(plain, some))


def plain(one):
    """In UTC: Python never calls two instants equal when one is in a repeated or skipped local hour (PEP 495)."""
    return one.observed_at.astimezone(UTC), repr(one.model_dump(exclude={"observed_at"}))


def test_an_empty_home_gives_an_empty_view_with_every_column(tmp_path):
    with history(tmp_path) as db:
        rows = db.sql("SELECT * FROM readings")
        assert rows.columns == list(Reading.model_fields)
        assert rows.fetchall() == []
    assert recent(tmp_path, "epic", NOW - HOUR, NOW).readings == ()
    assert check_history(tmp_path).is_whole


def test_home_is_told_by_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("HEAL_HOME", str(tmp_path))
    remember([reading(1)])
    with history() as db:
        assert db.execute(MARKS).fetchall() == [(1,)]


def test_a_home_whose_name_is_a_pattern_is_refused(tmp_path):
    with pytest.raises(BadInput, match="must not have"):
        history_folder(tmp_path / "a*b")


def test_a_home_with_a_quote_in_its_name_works(tmp_path):
    assert marks_after(tmp_path / "o'brien; DROP") == {0, 1}


def marks_after(home):
    remember([reading(0), reading(1)], home)
    remember([reading(1000, at=NOW)], home)
    return marks(home) - {1000}


def test_a_batch_over_midnight_is_one_file_and_still_found_from_either_day(tmp_path):
    midnight = datetime(2026, 11, 23, tzinfo=UTC)
    remember([reading(1, midnight - MINUTE), reading(2, midnight + MINUTE)], tmp_path)
    assert len(files(tmp_path)) == 1
    assert len(recent(tmp_path, "epic", midnight, midnight + HOUR).readings) == 1
    assert len(recent(tmp_path, "epic", midnight - HOUR, midnight).readings) == 1


def test_compaction_leaves_one_sorted_file_and_the_same_rows(tmp_path):
    expected = fill(tmp_path, files=12)
    first = compact(tmp_path, NOW)
    assert (first.files_folded, first.rows_folded, first.files_removed) == (12, 60, 0)
    assert marks(tmp_path) == expected
    second = compact(tmp_path, NOW + HOUR)
    assert second.files_removed == 12
    assert marks(tmp_path) == expected
    (folded,) = files(tmp_path)
    told = duckdb.sql(f"SELECT observed_at FROM read_parquet('{folded}')").fetchall()  # noqa: S608 - our path
    assert told == sorted(told)
    assert check_history(tmp_path).rows == 60


def test_only_the_files_of_closed_hours_are_folded(tmp_path):
    fill(tmp_path, files=3, start=NOW - 2 * HOUR)
    fill(tmp_path, files=2, start=NOW + 10 * MINUTE)
    assert compact(tmp_path, NOW + 50 * MINUTE).files_folded == 3


def test_a_closed_day_ends_as_one_file(tmp_path):
    expected = fill(tmp_path, files=20)
    for hours in (-4, -3, -1, 0, 12, 13, 14):
        compact(tmp_path, NOW + hours * HOUR)
        assert marks(tmp_path) == expected
    assert [path.name.startswith("folded-") for path in files(tmp_path)] == [True]


def test_a_grace_longer_than_the_day_doubles_nothing(tmp_path):
    expected = fill(tmp_path)
    for hours in (-4, 0, 13, 14, 50, 99):
        compact(tmp_path, NOW + hours * HOUR, grace=timedelta(days=2))
        assert marks(tmp_path) == expected
    assert len(files(tmp_path)) == 1


def test_covered_files_outlive_the_grace_of_readers(tmp_path):
    fill(tmp_path)
    with history(tmp_path) as notebook:
        compact(tmp_path, NOW)
        compact(tmp_path, NOW + 59 * MINUTE)
        assert len(notebook.execute(MARKS).fetchall()) == 30
    assert compact(tmp_path, NOW + HOUR).files_removed == 6


def test_a_notebook_whose_files_are_gone_is_told_so_and_never_sees_fewer_rows(tmp_path):
    fill(tmp_path)
    with history(tmp_path) as notebook:
        compact(tmp_path, NOW, NO_GRACE)
        compact(tmp_path, NOW, NO_GRACE)
        with pytest.raises((duckdb.IOException, duckdb.PermissionException)):
            notebook.execute(MARKS).fetchall()


def test_a_question_is_asked_afresh_when_its_files_are_folded_away_meanwhile(tmp_path):
    expected = fill(tmp_path)
    asked = []

    def question(db):
        if not asked:
            compact(tmp_path, NOW, NO_GRACE)
            compact(tmp_path, NOW, NO_GRACE)
        asked.append(1)
        return {mark for (mark,) in db.execute(MARKS).fetchall()}

    assert answer(tmp_path, question) == expected
    assert len(asked) == 2


def test_a_run_takes_the_steps_that_the_killed_ones_are_named_after(tmp_path):
    fill(tmp_path)
    assert [step.name for step in steps(tmp_path, NOW, NO_GRACE)] == FOLDING
    fill_more(tmp_path)
    assert [step.name for step in steps(tmp_path, NOW, NO_GRACE)] == REMOVING


@pytest.mark.parametrize("step", ["parquet_names", "read_manifest"])
def test_a_reader_overtaken_by_two_compactions_between_its_two_looks_misses_nothing(tmp_path, monkeypatch, step):
    expected = fill(tmp_path)
    look, overtaken = getattr(shelf, step), []

    def late_look(folder):
        if not overtaken:
            overtaken.append(folder)
            compact(tmp_path, NOW, NO_GRACE)
            compact(tmp_path, NOW, NO_GRACE)
        return look(folder)

    monkeypatch.setattr(shelf, step, late_look)
    assert marks(tmp_path) == expected
    assert overtaken


def test_two_compactions_at_once_are_refused(tmp_path):
    fill(tmp_path)
    running = steps(tmp_path, NOW)
    next(running)
    with pytest.raises(Transient, match="another compaction"):
        compact(tmp_path, NOW)
    running.close()
    assert compact(tmp_path, NOW).files_folded == 6


def test_a_question_needs_no_file_that_a_manifest_does_not_list(tmp_path):
    expected = fill(tmp_path)
    list(islice(steps(tmp_path, NOW), 2))  # staged and named, not published
    assert files(tmp_path, "folded-*")
    assert marks(tmp_path) == expected
    assert compact(tmp_path, NOW).files_removed == 1


# --- death ---------------------------------------------------------------------------------------------------


COMPACT_AND_DIE = """
import os, signal, sys
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from tasks.remember import steps
home, now, after = sys.argv[1:]
for _ in islice(steps(Path(home), datetime.fromisoformat(now), timedelta(0)), int(after)):
    pass
os.kill(os.getpid(), signal.SIGKILL)
"""


FOLDING = ["staged", "named", "published"]
REMOVING = ["covered removed", "covered forgotten", *FOLDING]


@pytest.mark.parametrize(
    ("run", "after"),
    [
        *(pytest.param(1, n, id=f"first run, {name}") for n, name in enumerate(FOLDING, 1)),
        *(pytest.param(2, n, id=f"second run, {name}") for n, name in enumerate(REMOVING, 1)),
    ],
)
def test_a_compactor_killed_after_any_step_loses_and_doubles_nothing(tmp_path, run, after):
    expected = fill(tmp_path)
    if run == 2:
        compact(tmp_path, NOW, NO_GRACE)
        expected |= {mark + 1000 for mark in fill_more(tmp_path)}
    child = [sys.executable, "-c", COMPACT_AND_DIE, str(tmp_path), NOW.isoformat(), str(after)]
    assert subprocess.run(child, check=False, timeout=30, cwd=ROOT).returncode == -signal.SIGKILL
    assert marks(tmp_path) == expected
    for _ in range(3):
        compact(tmp_path, NOW, NO_GRACE)
        assert marks(tmp_path) == expected
    assert check_history(tmp_path).is_whole


def fill_more(home):
    for n in range(4):
        remember([reading(1000 + n, NOW - 2 * HOUR + n * MINUTE)], home)
    return range(4)


def write_and_tell(home, told, first, over, at_least=20):
    """Remember batches with marks of our own, and tell each only once it is durable."""
    chance = random.Random(first)  # noqa: S311 - chance for a test
    with Path(told).open("a", buffering=1) as ledger:
        mark = first
        while not over.is_set() or mark < first + 5 * at_least:
            at = NOW - timedelta(minutes=chance.randrange(60, 60 * 40))
            batch = [reading(mark + i, at + timedelta(seconds=i)) for i in range(5)]
            remember(batch, Path(home))
            ledger.write("".join(f"{one.received_bytes}\n" for one in batch))
            mark += len(batch)
            time.sleep(0.03)  # leave the readers and the compactor a processor


def told(ledgers):
    """The marks acknowledged by now; a line without its end is still being told."""
    lines = [line for path in ledgers for line in path.read_text().splitlines(keepends=True)]
    return {int(line) for line in lines if line.endswith("\n")}


def read_and_compare(home, ledgers, over, faults, at_least=3):
    """Take what is acknowledged first, and the history after; report every difference, and at last the looks."""
    looks = 0
    while not over.is_set() or looks < at_least:
        expected = told(ledgers)
        found = answer(home, lambda db: [mark for (mark,) in db.execute(MARKS).fetchall()])
        if len(found) != len(set(found)) or not expected <= set(found):
            faults.put(f"{len(found) - len(set(found))} twice, {len(expected - set(found))} missing")
        looks += 1
    faults.put(looks)


def compact_for_ever(home, awake):
    awake.set()
    while True:
        compact(Path(home), NOW, NO_GRACE)


def kill_a_compactor(home, after_s):
    """Let one work for a while, then kill it wherever it stands."""
    awake = SPAWN.Event()
    compactor = SPAWN.Process(target=compact_for_ever, args=(str(home), awake))
    compactor.start()
    assert awake.wait(30)
    compactor.join(after_s)
    assert compactor.exitcode is None, "the compactor failed by itself"
    compactor.kill()
    compactor.join()


def test_writers_readers_and_a_compactor_that_is_killed_again_and_again_agree_on_every_row(tmp_path):
    ledgers = [tmp_path / f"told-{n}" for n in range(2)]
    for ledger in ledgers:
        ledger.touch()
    over, faults = SPAWN.Event(), SPAWN.Queue()
    workers = [
        *(
            SPAWN.Process(target=write_and_tell, args=(str(tmp_path), str(path), n * 10**6, over))
            for n, path in enumerate(ledgers)
        ),
        *(SPAWN.Process(target=read_and_compare, args=(tmp_path, ledgers, over, faults)) for _ in range(2)),
    ]
    for worker in workers:
        worker.start()
    chance = random.Random(23)  # noqa: S311 - as above
    for _ in range(3):
        kill_a_compactor(tmp_path, after_s=0.1 + 0.8 * chance.random())
    over.set()
    found = [faults.get(timeout=60) for _ in range(2)]
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * len(workers)
    assert all(isinstance(looks, int) for looks in found), found
    assert marks(tmp_path) == told(ledgers)
    compact(tmp_path, NOW, NO_GRACE)
    assert marks(tmp_path) == told(ledgers)
    assert check_history(tmp_path).is_whole


# --- torn files ----------------------------------------------------------------------------------------------


def flip_footer(path):
    path.chmod(0o644)
    text = bytearray(path.read_bytes())
    length = int.from_bytes(text[-8:-4], "little")
    text[-8 - length : -8 - length // 2] = bytes(length - length // 2)
    path.write_bytes(text)


def empty(path):
    path.chmod(0o644)
    path.write_bytes(b"")


def hold_fewer_rows(path):
    rows = duckdb.read_parquet(str(path)).limit(2)
    rows.write_parquet(f"{path}.new")
    Path(f"{path}.new").rename(path)


@pytest.mark.parametrize("spoil", [cut_short, flip_footer, empty, hold_fewer_rows])
def test_a_torn_file_is_set_aside_and_reported(tmp_path, spoil, caplog):
    expected = fill(tmp_path)
    torn = files(tmp_path)[2]
    spoil(torn)
    expected -= set(range(10, 15))
    for before in (None, NOW, NOW + HOUR):
        if before:
            done = compact(tmp_path, before)
            assert done.set_aside == ((torn.name,) if before == NOW else ())
        with caplog.at_level(logging.WARNING), history(tmp_path) as db:
            assert {mark for (mark,) in db.execute(MARKS).fetchall()} == expected
            assert db.sql("SELECT file, expected_rows FROM set_aside").fetchall() == [(torn.name, 5)]
        assert [r.getMessage() for r in caplog.records if "1 torn files left out, 5 rows" in r.getMessage()]
        caplog.clear()
        health = check_history(tmp_path)
        assert (health.rows, health.torn, health.rows_lost) == (25, (torn.name,), 5)
    assert (tmp_path / "history" / "set-aside" / "readings" / torn.name).exists()


def test_a_torn_large_file_gives_way_to_the_small_ones_while_they_are_there(tmp_path):
    expected = fill(tmp_path)
    compact(tmp_path, NOW)
    (folded,) = files(tmp_path, "folded-*")
    cut_short(folded)
    assert check_history(tmp_path).rows_lost == 30
    compact(tmp_path, NOW)
    assert marks(tmp_path) == expected
    assert check_history(tmp_path).is_whole


@pytest.mark.parametrize("spoil", [cut_short, Path.unlink], ids=["torn", "gone"])
def test_a_large_file_that_is_lost_is_reported_for_good(tmp_path, spoil):
    fill(tmp_path)
    compact(tmp_path, NOW)
    compact(tmp_path, NOW + HOUR)
    (folded,) = files(tmp_path, "folded-*")
    spoil(folded)
    for _ in range(3):
        health = check_history(tmp_path)
        assert (health.rows, health.torn, health.rows_lost) == (0, (folded.name,), 30)
        compact(tmp_path, NOW + HOUR)


def test_a_stranger_among_the_files_is_reported_and_not_read(tmp_path):
    fill(tmp_path)
    duckdb.sql("SELECT 1 AS a").write_parquet(str(files(tmp_path)[0].with_name("stranger.parquet")))
    assert check_history(tmp_path).torn == ("stranger.parquet",)
    assert len(marks(tmp_path)) == 30


def test_a_damaged_manifest_is_said_and_not_guessed(tmp_path):
    fill(tmp_path)
    compact(tmp_path, NOW)
    (manifest,) = files(tmp_path, "manifest.json")
    cut_short(manifest)
    with pytest.raises(Permanent, match=r"manifest\.json is damaged"):
        history(tmp_path)


def test_what_a_dead_writer_left_half_written_is_never_read_and_later_removed(tmp_path):
    expected = fill(tmp_path)
    path = files(tmp_path)[0]
    half, fresh = path.with_name(f".{path.name}"), path.with_name(f".x{path.name}")
    half.write_bytes(path.read_bytes()[:100])
    fresh.write_bytes(b"PAR1")
    os.utime(half, (time.time() - 7200, time.time() - 7200))
    assert marks(tmp_path) == expected
    compact(tmp_path, NOW)
    assert not half.exists()
    assert fresh.exists()  # its writer may be alive


def test_files_of_an_older_noun_are_read_with_todays_columns(tmp_path):
    columns = tables.columns(tables.READINGS)
    folder = history_folder(tmp_path) / "readings"

    class OldReading(Reading):
        was_once: int = 7

    old = tables.Table("readings", OldReading, at="observed_at", order="observed_at")
    fields = reading(1).model_dump()
    write_nouns(old, [OldReading(**fields), OldReading(**{**fields, "received_bytes": 2})], folder)
    remember([reading(3)], tmp_path)
    with history(tmp_path) as db:
        assert db.sql("SELECT * FROM readings").columns == [column.name for column in columns]
    assert marks(tmp_path) == {1, 2, 3}
    compact(tmp_path, NOW)
    assert marks(tmp_path) == {1, 2, 3}


# --- the locked door -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM glob('/etc/*')",
        "COPY (SELECT 1) TO '{home}/out.csv'",
        "COPY (SELECT 1) TO '{home}/history/readings/out.parquet'",
        "COPY (SELECT 1) TO '{file}'",
        "ATTACH '{home}/other.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET lock_configuration = false",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
    ],
)
def test_external_access_is_locked(tmp_path, statement):
    fill(tmp_path, files=1)
    text = statement.format(home=tmp_path, file=files(tmp_path)[0])
    with history(tmp_path) as db, pytest.raises((duckdb.PermissionException, duckdb.InvalidInputException)):
        db.execute(text)
    with pytest.raises(BadInput):
        ask(tmp_path, text)
    assert len(marks(tmp_path)) == 5


@pytest.mark.parametrize(
    "question",
    ["SELECT 1; SELECT 2", "EXPLAIN ANALYZE COPY (SELECT 1) TO '{file}'", "DROP VIEW readings", "", "SELEC"],
)
def test_ask_answers_one_select_and_nothing_else(tmp_path, question):
    fill(tmp_path, files=1)
    with pytest.raises(BadInput):
        ask(tmp_path, question.format(file=files(tmp_path)[0]))
    assert ask(tmp_path, "SELECT count(*) AS calls FROM readings") == [{"calls": 5}]


def test_a_notebook_that_stays_open_does_not_stop_writers(tmp_path):
    fill(tmp_path, files=2)
    with history(tmp_path) as notebook:
        cursor = notebook.execute(MARKS)
        cursor.fetchone()
        ledger = tmp_path / "told"
        over = SPAWN.Event()
        over.set()
        writer = SPAWN.Process(target=write_and_tell, args=(str(tmp_path), str(ledger), 10**6, over))
        writer.start()
        writer.join(30)
        assert writer.exitcode == 0
        assert len(notebook.execute(MARKS).fetchall()) == 10  # as of when it was opened
    written = told([ledger])
    assert len(written) == 100
    assert written <= marks(tmp_path)


# --- questions -----------------------------------------------------------------------------------------------


def test_a_window_holds_its_span_of_real_readings_in_order(tmp_path):
    times = [NOW - HOUR, NOW - MINUTE, NOW - HOUR - MINUTE, NOW]
    remember([reading(n, at) for n, at in enumerate(times)], tmp_path)
    remember([reading(9, NOW - MINUTE, source=Source.GENERATED)], tmp_path)
    remember([reading(8, NOW - 2 * MINUTE, source=Source.TRAFFIC)], tmp_path)
    window = recent(tmp_path, "epic", NOW - HOUR, NOW)
    assert [one.received_bytes for one in window.readings] == [0, 8, 1]
    with history(tmp_path) as db:
        assert recent(db, "epic", NOW - HOUR, NOW) == window
    assert len(recent(tmp_path, "epic", NOW - HOUR, NOW, tuple(Source)).readings) == 4
    assert recent(tmp_path, "unity", NOW - HOUR, NOW).readings == ()


def test_totals_minutes_latencies_and_the_first_bad_one_tell_the_same_story(tmp_path):
    start = NOW - 10 * MINUTE
    bad = {"outcome": Outcome.TIMEOUT, "rung": Rung.HTTP}
    good = {"latency_ms": 100.0, "records": 3}
    minutes = [0, 0, 1, 4, 4]
    story = [reading(10, start + m * MINUTE, **(bad if m == 4 else good)) for m in minutes]
    remember(story, tmp_path)
    told_totals = totals(tmp_path, "epic", start, NOW)
    assert (told_totals.counts.total, told_totals.counts.failed, told_totals.received_bytes) == (5, 2, 50)
    assert (told_totals.records, told_totals.availability) == (9, pytest.approx(0.6))
    assert (told_totals.first_at, told_totals.last_at) == (start, start + 4 * MINUTE)
    by_minute = calls_per_minute(tmp_path, "epic", start, start + 5 * MINUTE)
    assert [(m.counts.total, m.counts.failed) for m in by_minute] == [(2, 0), (1, 0), (0, 0), (0, 0), (2, 2)]
    assert first_bad(tmp_path, "epic", start, NOW) == story[3]
    assert first_bad(tmp_path, "epic", start, start + 4 * MINUTE) is None
    (only,) = latencies(tmp_path, "epic", start, NOW)
    assert (only.answered, only.p50_ms, only.p99_ms, only.max_ms) == (3, 100.0, 100.0, 100.0)


def test_totals_of_silence_are_zeros_and_no_availability(tmp_path):
    silence = totals(tmp_path, "epic", NOW - HOUR, NOW)
    assert (silence.counts.total, silence.availability, silence.first_at) == (0, None, None)


def month(seed, end):
    """Four weeks of calls before `end` at random instants, some failed, some never answered."""
    chance = np.random.default_rng(seed)
    count = 6_000
    seconds = np.sort(chance.uniform(0, 28 * 86400, count))
    answered = chance.random(count) > 0.03
    return pd.DataFrame(
        {
            "integration_id": "epic",
            "observed_at": pd.Timestamp(end) - pd.to_timedelta(seconds[::-1].round(), unit="s"),
            "operation": chance.choice(["Patient.search", "Appointment.search"], count),
            "component": "Patient API",
            "outcome": np.where(answered & (chance.random(count) > 0.05), "ok", "server_error"),
            "latency_ms": np.where(answered, chance.lognormal(5, 0.5, count), np.nan),
            "source": "generated",
        }
    )


def by_pandas(frame, timezone, hour):
    """The same statistics by other means: pandas and numpy, one group at a time."""
    local = frame["observed_at"].dt.tz_convert(timezone)
    hours = {
        Basis.HOUR_OF_WEEK: local.dt.day_of_week * 24 + local.dt.hour,
        Basis.HOUR_OF_DAY: local.dt.hour,
        Basis.ALL_HOURS: local.dt.hour * 0,
    }[hour]
    for (operation, which), group in frame.groupby([frame["operation"], hours]):
        latency = group["latency_ms"].dropna().to_numpy()
        failed = (group["outcome"] != "ok").astype(float)
        buckets = failed.groupby([group["observed_at"].dt.floor("5min"), local[group.index].dt.date])
        yield (
            (operation, which),
            {
                "samples": len(group),
                "answered": len(latency),
                "days": local[group.index].dt.date.nunique(),
                "median_ms": np.median(latency),
                "mad_ms": np.median(np.abs(latency - np.median(latency))),
                "p95_ms": np.percentile(latency, 95),
                "p99_ms": np.percentile(latency, 99),
                "error_rate": failed.mean(),
                "error_rate_p95": np.percentile(buckets.mean(), 95),
                "calls_per_bucket": np.median(buckets.size()),
            },
        )


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(datetime(2026, 3, 16, 4, tzinfo=UTC), id="summer time begins in it"),
        pytest.param(datetime(2026, 11, 9, 5, tzinfo=UTC), id="summer time ends in it"),
    ],
)
def test_the_baseline_agrees_with_pandas_on_every_hour(tmp_path, end):
    frame = month(7, end)
    assert len(remember_frame(frame, tmp_path)) in {28, 29}
    found = baseline(tmp_path, EPIC, before=end)
    by_hour = {
        basis: {(b.operation, _hour(b)): b for b in found if b.basis is basis}
        for basis in (Basis.HOUR_OF_WEEK, Basis.HOUR_OF_DAY, Basis.ALL_HOURS)
    }
    for basis, ours in by_hour.items():
        theirs = dict(by_pandas(frame[frame["observed_at"] < end], EPIC.timezone, basis))
        assert set(ours) == set(theirs)
        for key, expected in theirs.items():
            assert ours[key].model_dump(include=set(expected)) == pytest.approx(expected)


def _hour(one):
    return one.hour_of_week if one.hour_of_week is not None else one.hour_of_day or 0


def test_a_window_never_teaches_its_own_baseline(tmp_path):
    remember_frame(month(3, NOW), tmp_path)
    calm = baseline(tmp_path, EPIC, before=NOW)
    slow = [reading(n, NOW + timedelta(seconds=n), latency_ms=9e5) for n in range(500)]
    remember(slow, tmp_path)
    assert baseline(tmp_path, EPIC, before=NOW) == calm  # the file is not even opened
    with history(tmp_path) as db:
        assert baseline(db, EPIC, before=NOW) == calm  # it is, and its rows do not count
    assert baseline(tmp_path, EPIC, before=NOW + HOUR) != calm


def test_older_weeks_than_asked_teach_nothing(tmp_path):
    remember([reading(1, NOW - timedelta(weeks=1, minutes=1)), reading(2, NOW - timedelta(weeks=1))], tmp_path)
    (hour, day, everything) = sorted(baseline(tmp_path, EPIC, NOW, weeks=1), key=lambda b: b.basis, reverse=True)
    assert {hour.samples, day.samples, everything.samples} == {1}


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        pytest.param(lambda f: f.drop(columns="outcome"), "columns missing", id="a column is missing"),
        pytest.param(lambda f: f.assign(patient="x"), "unknown", id="a column is unknown"),
        pytest.param(lambda f: f.assign(outcome="fine"), "outside its list", id="a word is unknown"),
        pytest.param(lambda f: f.assign(observed_at=f["observed_at"].dt.tz_localize(None)), "time zone", id="no zone"),
        pytest.param(lambda f: f.assign(observed_at=pd.NaT), "no time zone", id="no instant at all"),
        pytest.param(lambda f: f.assign(latency_ms="slow"), "wrong type", id="a latency is a word"),
    ],
)
def test_a_frame_that_could_not_be_read_back_is_refused_whole(tmp_path, spoil, says):
    with pytest.raises(BadInput, match=says):
        remember_frame(spoil(month(1, NOW)), tmp_path)
    assert marks(tmp_path) == set()
