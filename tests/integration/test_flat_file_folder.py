"""A drop folder of this machine: the hours of a delivery, files that are not what they seem, and bombs."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from models.ladder import Verdict
from models.reading import Direction, Outcome, Rung
from tests.drops import CLAIMS, Drop, claims, wall

ROOT = Path(__file__).parents[2]
TODAY, YESTERDAY = "claims_20260303.csv", "claims_20260302.csv"
LAST_NIGHT = "2026-03-02T05:40"


@pytest.fixture
def drop(tmp_path) -> Drop:
    return Drop(tmp_path)


def looks(drop: Drop, *nows: str) -> list[tuple[Outcome, str | None]]:
    async def run():
        return [await drop.look(now) for now in nows]

    return [(reading.outcome, reading.code) for reading in asyncio.run(run())]


def look(drop: Drop, now: str | None = None) -> tuple[Outcome, str | None]:
    reading = asyncio.run(drop.look(now))
    return reading.outcome, reading.code


def test_a_file_is_read_once_and_told_in_counts(drop):
    drop.put(TODAY, claims(12))

    async def run():
        return await drop.look(), await drop.look()

    first, second = asyncio.run(run())
    assert (first.outcome, first.code, first.rung) == (Outcome.OK, None, Rung.READ)
    assert (first.records, first.received_bytes) == (12, len(claims(12)))
    assert (first.newest_at, first.resource, first.direction) == (wall("2026-03-03T05:40"), "Claims", Direction.IN)
    assert (second.outcome, second.code, second.records, second.received_bytes) == (Outcome.OK, "unchanged", 0, 0)
    assert second.newest_at == first.newest_at


@pytest.mark.parametrize(
    ("now", "outcome", "code"),
    [
        pytest.param("2026-03-03T05:59", Outcome.OK, "not_due_yet", id="before its hour"),
        pytest.param("2026-03-03T06:29", Outcome.OK, "within_grace", id="within the grace"),
        pytest.param("2026-03-03T06:30", Outcome.SEMANTIC, "file_missing", id="late"),
        pytest.param("2026-03-07T12:00", Outcome.SEMANTIC, "file_missing", id="on Saturday, Friday's"),
        pytest.param("2026-03-04T03:00", Outcome.OK, "not_due_yet", id="nothing is known of the day before"),
    ],
)
def test_a_file_that_is_not_there_is_judged_by_the_hour(drop, now, outcome, code):
    reading = asyncio.run(drop.look(now))
    assert (reading.outcome, reading.code, reading.records) == (outcome, code, 0)


def test_what_was_missing_stays_missing_until_the_next_is_there(drop):
    assert (
        looks(drop, "2026-03-03T12:00", "2026-03-04T01:00", "2026-03-04T06:10")
        == [(Outcome.SEMANTIC, "file_missing")] * 3
    )
    drop.put("claims_20260304.csv", claims(), "2026-03-04T05:00")
    assert look(drop, "2026-03-04T06:20") == (Outcome.OK, None)


def test_until_its_hour_the_verdict_on_the_one_before_stands(drop):
    drop.put(YESTERDAY, claims(3, stated=9), LAST_NIGHT)
    assert looks(drop, "2026-03-02T12:00", "2026-03-03T05:00") == [(Outcome.SEMANTIC, "trailer_wrong")] * 2
    drop.put(YESTERDAY, claims(9), "2026-03-02T23:00")
    assert looks(drop, "2026-03-03T05:00", "2026-03-03T05:01") == [(Outcome.OK, None), (Outcome.OK, "not_due_yet")]


def test_a_file_that_its_reader_took_away_is_not_missing(drop):
    path = drop.put(TODAY, claims())
    assert look(drop) == (Outcome.OK, None)
    path.unlink()
    assert looks(drop, "2026-03-03T11:00", "2026-03-04T03:00") == [
        (Outcome.OK, "already_collected"),
        (Outcome.OK, "not_due_yet"),
    ]


def test_on_a_holiday_nothing_is_due(drop):
    drop.settings["holidays"] = ["2026-03-03"]
    drop.put(YESTERDAY, claims(), LAST_NIGHT)
    assert look(drop, "2026-03-03T12:00") == (Outcome.OK, None)


def test_a_file_is_left_alone_until_it_came_to_rest_and_no_look_waits_for_it(drop):
    path = drop.put(TODAY, claims(), "2026-03-03T09:59")
    assert look(drop, "2026-03-03T10:00") == (Outcome.SEMANTIC, "still_arriving")
    path.write_bytes(claims(5))
    os.utime(path, (wall("2026-03-03T10:00").timestamp(),) * 2)
    assert looks(drop, "2026-03-03T10:01", "2026-03-03T10:01:59") == [(Outcome.SEMANTIC, "still_arriving")] * 2
    assert look(drop, "2026-03-03T10:02") == (Outcome.OK, None)


def test_to_be_still_arriving_in_time_is_no_trouble(drop):
    drop.put(TODAY, claims(), "2026-03-03T05:50")
    assert looks(drop, "2026-03-03T05:50", "2026-03-03T05:51") == [(Outcome.OK, "still_arriving"), (Outcome.OK, None)]


def test_an_upload_in_progress_is_known_by_its_name(drop):
    drop.put(f"{TODAY}.filepart", claims())
    assert look(drop) == (Outcome.SEMANTIC, "still_arriving")


@pytest.mark.parametrize(
    "place",
    [
        pytest.param("../claims_20260303.csv", id="above"),
        pytest.param("../archive/claims_20260303.csv", id="beside"),
        pytest.param("new/claims_20260303.csv", id="below"),
        pytest.param("CLAIMS_20260303.CSV", id="in capitals"),
        pytest.param("claims_20260303.csv.gz", id="packed"),
    ],
)
def test_a_file_in_a_likely_other_place_is_noticed(drop, place):
    (drop.folder / place).parent.mkdir(exist_ok=True)
    drop.put(place, claims())
    assert look(drop) == (Outcome.SEMANTIC, "file_elsewhere")


@pytest.mark.parametrize(
    ("changes", "outcome", "code"),
    [
        pytest.param({"content": claims()}, Outcome.STALE, "same_as_before", id="yesterday's content"),
        pytest.param(
            {"content": claims(4, columns="id,name")}, Outcome.SEMANTIC, "columns_changed", id="a column is gone"
        ),
        pytest.param(
            {"content": claims(4, columns="id,name,amount,x")}, Outcome.PARTIAL, "columns_added", id="a column came"
        ),
        pytest.param(
            {"content": claims(4, columns="id;name;amount")}, Outcome.SEMANTIC, "delimiter_changed", id="a delimiter"
        ),
        pytest.param({"content": claims(4)}, Outcome.OK, None, id="a new one of the same kind"),
    ],
)
def test_a_file_is_held_against_the_one_before(drop, changes, outcome, code):
    drop.put(YESTERDAY, claims(), LAST_NIGHT)
    assert look(drop, "2026-03-02T10:00") == (Outcome.OK, None)
    drop.put(TODAY, changes["content"])
    assert look(drop, "2026-03-03T10:00") == (outcome, code)


def test_much_less_than_usual_on_this_day_of_the_week_is_noticed(drop):
    for day in ("0210", "0217", "0224"):
        drop.put(f"claims_2026{day}.csv", claims(100, line=f"{day},x,1"), f"2026-{day[:2]}-{day[2:]}T05:00")
        assert look(drop, f"2026-{day[:2]}-{day[2:]}T10:00") == (Outcome.OK, None)
    drop.put(TODAY, claims(40))
    assert look(drop, "2026-03-03T10:00") == (Outcome.PARTIAL, "much_smaller")


def test_one_lasting_name_must_be_written_anew_each_day(tmp_path):
    drop = Drop(tmp_path, name="claims.csv")
    path = drop.put("claims.csv", claims(3), LAST_NIGHT)
    assert look(drop, "2026-03-02T10:00") == (Outcome.OK, None)
    assert looks(drop, "2026-03-03T05:00", "2026-03-03T07:00") == [
        (Outcome.OK, "not_due_yet"),
        (Outcome.STALE, "not_replaced"),
    ]
    drop.put("claims.csv", claims(4), "2026-03-03T07:10")
    assert look(drop, "2026-03-03T09:00") == (Outcome.OK, None)
    path.unlink()
    assert look(drop, "2026-03-04T07:00") == (Outcome.SEMANTIC, "file_missing")


def test_without_a_schedule_a_file_comes_when_it_comes(tmp_path):
    drop = Drop(tmp_path, name="claims_*.csv", schedule=None)
    assert look(drop) == (Outcome.OK, "nothing_there")
    drop.put("claims_a.csv", claims(3), LAST_NIGHT)
    drop.put("claims_b.csv", claims(3, stated=4), "2026-03-02T06:00")
    assert look(drop) == (Outcome.SEMANTIC, "trailer_wrong")


@pytest.mark.parametrize(
    ("ours", "theirs", "now", "outcome", "code"),
    [
        pytest.param(5, 5, "2026-03-03T10:00", Outcome.OK, None, id="lies there in full"),
        pytest.param(5, 4, "2026-03-03T10:00", Outcome.PARTIAL, "delivered_short", id="in part"),
        pytest.param(5, 6, "2026-03-03T10:00", Outcome.SEMANTIC, "delivered_differs", id="something else"),
        pytest.param(5, None, "2026-03-03T10:00", Outcome.SEMANTIC, "not_delivered", id="does not lie there"),
        pytest.param(5, None, "2026-03-03T06:00", Outcome.OK, "within_grace", id="not yet"),
        pytest.param(None, None, "2026-03-03T10:00", Outcome.SEMANTIC, "nothing_sent", id="we sent none"),
        pytest.param(None, None, "2026-03-03T05:00", Outcome.OK, "not_due_yet", id="nor need we yet"),
    ],
)
def test_what_we_sent_is_looked_for_by_name_and_size(tmp_path, ours, theirs, now, outcome, code):
    drop = Drop(tmp_path, direction="out", sent_from="sent", trailer=None)
    (drop.folder.parent / "sent").mkdir()
    if ours is not None:
        drop.put(f"../sent/{TODAY}", bytes(ours))
    if theirs is not None:
        drop.put(TODAY, bytes(theirs))
    reading = asyncio.run(drop.look(now))
    assert (reading.outcome, reading.code, reading.direction) == (outcome, code, Direction.OUT)
    assert reading.sent_bytes == (theirs or 0)


def test_what_the_partner_took_away_was_delivered(tmp_path):
    drop = Drop(tmp_path, direction="out", sent_from="sent", trailer=None)
    (drop.folder.parent / "sent").mkdir()
    drop.put(f"../sent/{TODAY}", b"12345")
    taken = drop.put(TODAY, b"12345")
    assert looks(drop, "2026-03-03T10:00", "2026-03-03T10:01") == [(Outcome.OK, None), (Outcome.OK, "unchanged")]
    taken.unlink()
    assert look(drop, "2026-03-03T11:00") == (Outcome.OK, "already_collected")


def a_link(path: Path) -> None:
    secret = path.parents[2] / "secret.csv"
    secret.write_bytes(claims(7))
    path.symlink_to(secret)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        pytest.param(a_link, "link_refused", id="a link out of the folder"),
        pytest.param(lambda path: path.symlink_to("/dev/zero"), "link_refused", id="a link to a device"),
        pytest.param(os.mkfifo, "not_a_file", id="a pipe that nobody writes to"),
        pytest.param(Path.mkdir, "not_a_file", id="a folder"),
    ],
)
@pytest.mark.parametrize("name", [CLAIMS["name"], "claims_*.csv"])
def test_what_is_no_plain_file_is_refused_and_never_opened(tmp_path, make, code, name):
    drop = Drop(tmp_path, name=name)
    make(drop.folder / TODAY)
    reading = asyncio.run(drop.look())
    assert (reading.outcome, reading.code, reading.records) == (Outcome.MALFORMED, code, None)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a device")
def test_a_device_is_refused(drop):
    try:
        os.mknod(drop.folder / TODAY, 0o600 | 0o020000, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("this machine makes no devices")
    assert look(drop) == (Outcome.MALFORMED, "not_a_file")


def test_a_folder_that_is_gone_is_a_reading(drop):
    drop.folder.rmdir()
    reading = asyncio.run(drop.look())
    assert (reading.outcome, reading.code, reading.rung) == (Outcome.CLIENT_ERROR, "folder_missing", Rung.HTTP)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_that_may_not_be_listed_is_a_reading(drop):
    drop.folder.chmod(0o000)
    reading = asyncio.run(drop.look())
    assert (reading.outcome, reading.code, reading.rung) == (Outcome.FORBIDDEN, "folder_forbidden", Rung.SCOPE)


@pytest.mark.parametrize(
    ("prepare", "broken", "says"),
    [
        pytest.param(lambda drop: drop.put(TODAY, claims(12)), None, "12 rows, whole and as expected", id="all well"),
        pytest.param(lambda _: None, Rung.READ, "file missing", id="nothing there"),
        pytest.param(lambda drop: drop.put(TODAY, claims(3, stated=4)), Rung.SEMANTIC, "trailer wrong", id="a lie"),
        pytest.param(lambda drop: drop.folder.rmdir(), Rung.HTTP, "folder missing", id="no folder"),
    ],
)
def test_the_ladder_of_a_folder_has_four_rungs_and_remembers_nothing(drop, prepare, broken, says):
    prepare(drop)

    async def run():
        connector = drop.open()
        return await connector.climb(), connector.host_key_fingerprint, connector.user_key_fingerprint

    ladder, *fingerprints = asyncio.run(run())
    absent = {step.rung for step in ladder.steps if step.verdict is Verdict.ABSENT}
    assert (ladder.broken and ladder.broken.rung) == broken
    assert says in [step.says for step in ladder.steps]
    assert absent == {Rung.DNS, Rung.TCP, Rung.TLS, Rung.AUTH}
    assert fingerprints == [None, None]
    assert not drop.home.exists()


def test_endless_and_bloated_files_are_typed_readings_within_32_mib(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tests.bombs", "folder", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) <= 32


def test_a_deadline_ends_a_look_that_takes_too_long(drop):
    path = drop.put(TODAY, claims())
    with path.open("ab") as file:
        for _ in range(64):
            file.write(b"\n".join([b'"1","2","3"'] * 100_000))
    os.utime(path, (wall("2026-03-03T05:40").timestamp(),) * 2)
    drop.tuning = drop.tuning.model_copy(update={"deadline_s": 0.05})
    reading = asyncio.run(drop.look())
    assert (reading.outcome, reading.code, reading.rung) == (Outcome.TIMEOUT, "deadline_passed", Rung.READ)
