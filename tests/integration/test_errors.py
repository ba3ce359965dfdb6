"""`heal errors` and what stands behind it: texts of real files and of a real history, and nothing of a patient."""

from __future__ import annotations

import gzip
import json
import logging
import random
from datetime import timedelta

import pytest

from flows.commands import errors as command
from models.errors import BadInput
from tasks.errors import errors_of, mine, new_errors
from tasks.intake import take_in
from tasks.remember import answer, compact
from tests.builders import EPIC
from tests.error_texts import START, TWELVE, mixed
from tests.traffic import CANARIES, NOW, a_call, a_house
from tests.unit.test_error_text import DATES, IDS, MAILS, NAMES, URLS

HOUR = timedelta(hours=1)
ONSET = NOW - HOUR


@pytest.fixture
def house(tmp_path):
    return a_house(tmp_path / "home")


@pytest.fixture
def ingest(house, tmp_path):
    """Takes lines in."""

    def take(*lines, name="a.jsonl"):
        path = tmp_path / name
        path.write_text("".join(f"{line}\n" for line in lines))
        return take_in(house, [path])

    return take


def failed(at, message, **changes):
    return a_call(at=at.isoformat(), status=503, message=message, **changes)


def an_error(at, **texts):
    return json.dumps({"type": "error", "integration": EPIC, "at": at.isoformat(), **texts})


# --- through the intake ----------------------------------------------------------------------------------------------


def test_what_failed_calls_said_is_in_the_history_by_template(house, ingest):
    taken = ingest(
        failed(ONSET, "patient Jane Doe not found"),
        failed(ONSET + HOUR / 2, "patient John Roe not found"),
        failed(ONSET, None, error="invalid_grant"),
        a_call(1, message="patient Jane Doe not found"),  # status 200: it went well
        an_error(ONSET, error="TimeoutError", message="read timed out"),
        json.dumps(
            {
                "type": "refused",
                "integration": EPIC,
                "at": ONSET.isoformat(),
                "operation": "Appointment.create",
                "key": "k",
                "message": "slot already booked by Jane",
            }
        ),
    )
    assert taken.turned_down == 0
    found = errors_of(house.home, [EPIC], ONSET, NOW)
    assert {(one.template, one.lines) for one in found} == {
        ("patient <*> not found", 2),
        ("invalid_grant", 1),
        ("timeout_error read timed out", 1),
        ("slot already <*> by <*>", 1),
    }
    assert found[0].exemplar == "patient <word> not found"
    assert (found[0].trend[0], found[0].trend[12]) == (1, 1)


def test_an_error_without_a_text_is_turned_down(ingest):
    assert ingest(an_error(ONSET, detail="x")).refused == {"nothing_told": 1}


def test_a_text_counts_once_however_often_its_file_is_named(house, ingest):
    lines = [failed(ONSET, "connection refused", received_bytes=n) for n in range(3)]
    ingest(*lines)
    ingest(*lines)
    assert [one.lines for one in errors_of(house.home, [EPIC], ONSET, NOW)] == [3]


def test_compaction_changes_no_cluster(house, ingest):
    ingest(failed(ONSET, "connection refused"), name="a.jsonl")
    ingest(failed(ONSET + HOUR / 2, "connection reset"), name="b.jsonl")
    before = errors_of(house.home, [EPIC], ONSET, NOW)
    assert compact(house.home, NOW + 2 * HOUR).files_folded > 0
    assert errors_of(house.home, [EPIC], ONSET, NOW) == before


def test_new_errors_since_an_onset_are_those_that_were_never_met_before(house, ingest):
    ingest(
        failed(ONSET - 2 * HOUR, "connection refused"),
        failed(ONSET - timedelta(microseconds=1), "certificate has expired"),
        failed(ONSET, "patient Jane not found"),
        failed(ONSET + HOUR / 2, "connection refused"),
        failed(ONSET + HOUR / 2, "certificate has expired"),
        failed(NOW, "too late"),
    )
    found = new_errors(house.home, EPIC, ONSET, NOW)
    assert [(one.template, one.first_at) for one in found.clusters] == [("patient <*> not found", ONSET)]
    assert (found.met_before, found.watched_since) == (2, ONSET - 2 * HOUR)


def test_of_a_history_without_errors_nothing_is_new_and_that_is_said(house, ingest):
    ingest(a_call(1))
    found = new_errors(house.home, EPIC, ONSET, NOW)
    assert (found.clusters, found.met_before, found.watched_since) == ((), 0, None)


# --- files -----------------------------------------------------------------------------------------------------------


def written(path, rows):
    """An error log, plain, JSON or packed, as its name says."""
    texts = []
    for n, (_, text) in enumerate(rows):
        at = START + timedelta(seconds=n)
        is_json = ".jsonl" in path.name
        texts.append(json.dumps({"time": at.isoformat(), "message": text}) if is_json else f"{at:%F %T} ERROR {text}")
    data = "".join(f"{text}\n" for text in texts).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["errors.log", "errors.jsonl", "errors.log.gz"])
def test_ten_thousand_mixed_errors_of_a_file_are_twelve_clusters(tmp_path, name):
    found = mine([written(tmp_path / name, mixed(10_000, 21, TWELVE))])
    assert (found.files, found.lines, found.errors, found.unreadable) == (1, 10_000, 10_000, 0)
    assert len(found.clusters) == 12
    assert sum(one.lines for one in found.clusters) == 10_000
    assert min(one.first_at for one in found.clusters) == START
    assert max(one.last_at for one in found.clusters) == START + timedelta(seconds=9_999)
    assert not any(one.is_new for one in found.clusters)


def test_quiet_lines_are_no_errors_and_old_ones_are_left_out_when_asked(tmp_path):
    path = tmp_path / "a.log"
    path.write_text("2026-11-23 08:00:00 INFO started\n2026-11-23 08:00:00 refused\n2026-11-23 09:00:00 refused\n")
    assert (mine([path]).lines, mine([path]).errors) == (3, 2)
    assert mine([path], since=START + HOUR / 2).errors == 1


def test_what_cannot_be_read_is_counted_and_the_rest_is_told(tmp_path):
    (tmp_path / "a.log").write_bytes(b"refused\n\xff\xfe\n" + b"x" * 70_000 + b"\nrefused\n")
    random_ = random.Random(1)  # noqa: S311 - reproducible, and no secret
    packed = gzip.compress(b"".join(random_.randbytes(500).hex().encode() + b"\n" for _ in range(100)))
    (tmp_path / "b.log").write_bytes(packed[:-4000])
    found = mine([tmp_path])
    assert (found.files, found.unreadable) == (2, 3)
    assert ("refused", 2) in {(one.template, one.lines) for one in found.clusters}


# --- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def shown(house, monkeypatch, capsys):
    """What it prints."""
    monkeypatch.setattr(command, "house_of", lambda *_, **__: house)

    def run(*files, **options):
        plain = {"integration": None, "since": None, "most": 12, "as_json": False}
        assert command.command(list(files) or None, **{**plain, **options}) == 0
        return capsys.readouterr().out

    return run


def test_it_shows_what_the_history_holds_and_what_of_it_is_new(shown, ingest):
    ingest(failed(NOW - 30 * HOUR, "connection refused"), failed(ONSET, "connection refused"), failed(ONSET, "timeout"))
    lines = shown().splitlines()
    assert [line.split()[:3] for line in lines[1:3]] == [["1", "50.0%", "2026-11-22"], ["1", "50.0%", "new"]]
    assert lines[-1] == "2 errors in 2 clusters in the last 24h, 1 of them new"
    assert json.loads(shown(as_json=True))[1]["is_new"] is True
    assert "No error text of the last 30m" in shown(since="30m")


def test_of_many_clusters_the_rest_is_counted(shown, tmp_path):
    out = shown(written(tmp_path / "a.log", mixed(500, 3, TWELVE)), most=2)
    assert "in 10 more clusters: --most 12" in out
    assert out.splitlines()[-1] == "500 errors in 12 clusters, of 500 lines of 1 files"


def test_a_file_that_is_not_there_is_told_in_a_sentence(shown, tmp_path):
    with pytest.raises(BadInput, match="there is no file or folder"):
        shown(tmp_path / "none.log")


@pytest.mark.parametrize("since", ["yesterday", "0h", "900d"])
def test_a_span_that_is_none_is_told_in_a_sentence(shown, tmp_path, since):
    with pytest.raises(BadInput, match="write a duration"):
        shown(written(tmp_path / "a.log", mixed(1, 1)), since=since)


# --- patients --------------------------------------------------------------------------------------------------------

PLANTED = (*CANARIES, *NAMES, *IDS, *DATES, *MAILS, *URLS)


def test_no_identifier_in_a_text_is_found_anywhere_afterwards(house, ingest, shown, tmp_path, caplog):
    assert len(PLANTED) >= 50
    caplog.set_level(logging.DEBUG)
    texts = [f"could not read {one}: patient {one} not found ({one}), expired session {one}" for one in PLANTED]
    taken = ingest(*(failed(ONSET, text, error=one) for one, text in zip(PLANTED, texts, strict=True)))
    ingest(*(an_error(ONSET, message=text) for text in texts), name="b.jsonl")
    assert (taken.turned_down, taken.lines) == (0, len(PLANTED))
    (tmp_path / "c.log").write_text("".join(f"ERROR {text}\n" for text in texts))
    surfaces = [shown(most=999), shown(as_json=True), shown(tmp_path / "c.log", most=999), caplog.text]
    surfaces += [shown(tmp_path / "c.log", as_json=True), repr(new_errors(house.home, EPIC, ONSET, NOW))]
    rows = answer(house.home, lambda db: repr(db.sql("SELECT * FROM errors").to_arrow_table().to_pylist()))
    house.ledger.close()
    files = [path.read_bytes() for path in house.home.rglob("*") if path.is_file() and "inbox" not in path.parts]
    assert "patient <*> not found" in rows
    assert [one for one in PLANTED if one in "\n".join([rows, *surfaces])] == []
    assert [one for one in PLANTED if one.encode() in b"".join(files)] == []
