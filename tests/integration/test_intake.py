"""Taking traffic in: real files of every kind into a real history, each line once, nothing of a patient anywhere."""

from __future__ import annotations

import gzip
import json
import logging
import os
import stat
import subprocess
import sys
import zlib
from datetime import timedelta
from pathlib import Path

import pytest

from models.configuration import Follow, IntakeSettings
from models.errors import BadInput, Transient
from models.inbox import TakenFile
from tasks.intake import take_in, take_in_round
from tasks.intake.folder import alone, inbox_of
from tasks.intake.lines import BLOCK, LONGEST
from tasks.remember import answer
from tests.builders import EPIC
from tests.traffic import CANARIES, NOW, a_call, a_house, an_access

ROOT = Path(__file__).parents[2]


@pytest.fixture
def house(tmp_path):
    return a_house(tmp_path / "home")


@pytest.fixture
def inbox(house):
    folder = inbox_of(house.configuration, house.home)
    folder.mkdir(parents=True)
    return folder


def marks(house):
    """The mark of every reading; one that is there twice fails here."""
    found = answer(house.home, lambda db: [m for (m,) in db.execute("SELECT received_bytes FROM readings").fetchall()])
    assert len(found) == len(set(found)), "a line counted twice"
    return set(found)


def settled(path, text, mode="w"):
    """A file that nobody has written to for a while."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = text if isinstance(text, bytes) else text.encode()
    with path.open("ab" if mode == "a" else "wb") as file:
        file.write(data)
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 60))
    return path


def calls(*numbers):
    return "".join(f"{a_call(n)}\n" for n in numbers)


def test_a_dropped_folder_of_logs_becomes_readings(house, inbox):
    settled(inbox / "ours" / "a.jsonl", calls(*range(5)))
    settled(inbox / EPIC / "access.log", "".join(f"{an_access(n)}\n" for n in range(5, 9)))
    taken = take_in(house)
    assert (taken.files, taken.lines, taken.kept, taken.turned_down) == (2, 9, 9, 0)
    assert marks(house) == set(range(9))
    assert (inbox / EPIC / "access.log").exists(), "a log stays where it is"
    assert not (inbox / "ours" / "a.jsonl").exists()
    assert [path.suffix for path in (inbox / "taken").iterdir()] == [""], "under a name that says nothing"


def test_what_is_there_already_is_not_taken_again(house, inbox):
    settled(inbox / "a.jsonl", calls(1, 2))
    take_in(house)
    settled(inbox / "a-copy.jsonl", calls(1, 2))
    settled(inbox / "packed.jsonl.gz", gzip.compress(calls(1, 2).encode()))
    assert take_in(house).lines == 0
    assert marks(house) == {1, 2}


def test_a_log_is_followed_as_it_grows_and_when_it_is_rotated(house, inbox):
    log = settled(inbox / EPIC / "access.log", f"{an_access(1)}\n{an_access(2)[:40]}")
    assert take_in(house).lines == 1, "a line that is still being written waits"
    settled(log, f"{an_access(2)[40:]}\n", "a")
    assert take_in(house).lines == 1
    log.rename(log.with_name("access.log.1"))
    settled(log.with_name("access.log.1"), f"{an_access(3)}\n", "a")
    settled(log, f"{an_access(4)}\n")
    assert take_in(house).lines == 2
    settled(log.with_name("access.log.2.gz"), gzip.compress(log.with_name("access.log.1").read_bytes()))
    assert take_in(house).lines == 0
    assert marks(house) == {1, 2, 3, 4}


def test_a_log_that_begins_anew_is_another_log(house, inbox):
    log = settled(inbox / EPIC / "access.log", f"{an_access(1)}\n{an_access(2)}\n")
    take_in(house)
    settled(log, f"{an_access(1)}\n{an_access(3, status=500)}\n{an_access(4)}\n")  # the same first line, by chance
    assert take_in(house).lines == 3
    found = answer(house.home, lambda db: db.execute("SELECT received_bytes FROM readings").fetchall())
    assert sorted(mark for (mark,) in found) == [1, 1, 2, 3, 4]


def test_a_log_elsewhere_is_followed_where_it_is(tmp_path):
    log = settled(tmp_path / "var" / "site.txt", f"{an_access(1)}\n")
    follow = Follow(path=str(log), integration=EPIC, format="access_log")
    house = a_house(tmp_path / "home", intake=IntakeSettings(follow=(follow,)))
    assert take_in(house).kept == 1
    settled(log, f"{an_access(2)}\n", "a")
    assert take_in(house).kept == 1
    assert marks(house) == {1, 2}


def test_a_file_that_is_still_being_written_waits(house, inbox):
    (inbox / "fresh.jsonl").write_text(calls(1))
    settled(inbox / "a.jsonl.part", calls(2))
    settled(inbox / ".hidden.jsonl", calls(3))
    assert take_in(house).lines == 0
    settled(inbox / "fresh.jsonl", "", "a")
    assert take_in(house).lines == 1


def test_a_person_may_name_files_which_stay_where_they_are(house, tmp_path):
    log = tmp_path / "logs" / "a.txt"
    log.parent.mkdir()
    log.write_text(f"{an_access(1)}\n{an_access(2)}")
    assert take_in(house, [log.parent], integration_id=EPIC).kept == 2
    assert take_in(house, [log], integration_id=EPIC).lines == 0
    assert log.exists()
    with pytest.raises(BadInput, match="there is no file"):
        take_in(house, [tmp_path / "nowhere"])
    with pytest.raises(BadInput, match="no format"):
        take_in(house, [log], format_="csv")
    with pytest.raises(BadInput, match="no integration"):
        take_in(house, [log], integration_id="elsewhere")


def test_what_cannot_be_used_is_counted_and_set_aside_for_its_owner_alone(house, inbox):
    bad = ["garbage", a_call(2, status=None), a_call(3, integration="elsewhere"), CANARIES[0], "\x00\x00"]
    settled(inbox / "a.jsonl", "\n".join([a_call(1), *bad, a_call(4)]))
    taken = take_in(house)
    assert (taken.lines, taken.kept) == (7, 2)
    assert taken.refused == {"not_json": 3, "no_outcome": 1, "unknown_integration": 1}
    kept = {path.name.split("-")[-1]: path for path in (inbox / "set-aside").iterdir()}
    assert kept["not_json.txt"].read_text() == f"garbage\n{CANARIES[0]}\n\x00\x00\n"
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept.values()} == {0o600}
    assert stat.S_IMODE((inbox / "set-aside").stat().st_mode) == 0o700
    assert stat.S_IMODE(inbox.stat().st_mode) & 0o077 == 0 or inbox.stat().st_uid == os.getuid()


@pytest.mark.parametrize(
    ("data", "refused"),
    [
        pytest.param(
            b"\xff\xfe" + calls(1).encode("utf-16-le"), {"not_utf8": 1, "unknown_format": 1}, id="another encoding"
        ),
        pytest.param(calls(1).encode() + b'{"a": "\xff"}\n' + calls(2).encode(), {"not_utf8": 1}, id="one bad byte"),
        pytest.param(
            calls(1).encode() + b"x" * (LONGEST + 1) + b"\n" + calls(2).encode(), {"too_long": 1}, id="a long line"
        ),
        pytest.param(
            calls(1).encode() + b"x" * 3 * BLOCK + b"\n" + calls(2).encode(), {"too_long": 1}, id="a very long line"
        ),
        pytest.param(calls(1).encode() + b"x" * 3 * BLOCK, {"too_long": 1}, id="a long line without end"),
        pytest.param(calls(1).encode() + b"\0" * 100_000, {"too_long": 1}, id="a hole at the end"),
        pytest.param(gzip.compress(calls(*range(2000)).encode())[:-3000], {"torn_gzip": 1}, id="half of a packed file"),
        pytest.param(b"\x1f\x8bgarbage", {"torn_gzip": 1}, id="packed garbage"),
        pytest.param("\ufeff".encode() + calls(1, 2).encode(), {}, id="a byte order mark"),
        pytest.param(
            gzip.compress(calls(1).encode()) + gzip.compress(calls(2).encode()), {}, id="two packed files in one"
        ),
    ],
)
def test_a_damaged_file_ends_nothing(house, inbox, data, refused):
    settled(inbox / "a", data)
    settled(inbox / "b.jsonl", calls(100_000))
    taken = take_in(house)
    assert taken.refused == refused
    assert 100_000 in marks(house)
    assert not (inbox / "a").exists()


@pytest.mark.parametrize("kind", ["link", "pipe", "folder link"])
def test_what_is_no_file_is_left_alone(house, inbox, tmp_path, kind):
    secret = settled(tmp_path / "elsewhere" / "secret.jsonl", calls(1))
    if kind == "pipe":
        os.mkfifo(inbox / "a.jsonl")
    else:
        (inbox / "a.jsonl").symlink_to(secret if kind == "link" else secret.parent)
    assert take_in(house).lines == 0


def test_two_at_once_take_turns(house, inbox):
    settled(inbox / "a.jsonl", calls(1))
    with alone(inbox):
        with pytest.raises(Transient, match="somebody else"):
            take_in(house)
        assert not take_in_round(house).is_complete
    assert take_in_round(house).kept == 1


def test_the_rest_waits_for_the_next_round_when_the_time_is_up(house, inbox):
    settled(inbox / "a.jsonl", calls(*range(6000)))
    rounds = 0
    while not take_in(house, budget_s=0.001 if rounds == 0 else 0.05).is_complete:
        rounds += 1
    assert rounds > 0
    assert marks(house) == set(range(6000))


def test_traces_are_taken_in_with_messages_that_span_blocks(house, inbox):
    filler = "NTE|1||" + "x" * 1000
    trace = "".join(
        f"2026-11-23T11:{n // 60:02}:{n % 60:02}Z SENT\nMSH|^~\\&|A|B|C|D|20261123060000||ADT^A08|{n}|P|2.5\r{filler}\n"
        f"2026-11-23T11:{n // 60:02}:{n % 60:02}.500Z RECEIVED\nMSH|^~\\&|A|B|C|D|20261123060000||ACK|9{n}|P|2.5\rMSA|AA|{n}\n"  # noqa: E501  # a row of a table
        for n in range(600)
    )
    settled(inbox / EPIC / "feed.hl7", trace)
    taken = take_in(house)
    assert (taken.kept, taken.turned_down) == (600, 0)
    rows = answer(
        house.home, lambda db: db.execute("SELECT DISTINCT operation, outcome, latency_ms FROM readings").fetchall()
    )
    assert rows == [("ADT.A08", "ok", 500.0)]


def test_old_records_are_forgotten_and_logs_are_not(house, inbox):
    settled(inbox / "a.jsonl", calls(1))
    settled(inbox / "b.log", calls(2))
    take_in(house)
    assert len(house.ledger.all_kept(TakenFile)) == 2
    house.clock.at = NOW + timedelta(days=31)
    settled(inbox / "c.jsonl", a_call(3, at=house.clock.at.isoformat()))
    take_in(house)
    assert {record.state for record in house.ledger.all_kept(TakenFile, state="followed")} == {"followed"}
    assert len(house.ledger.all_kept(TakenFile)) == 2


def test_received_files_leave_no_record_and_identical_ones_both_count(house, inbox):
    for name in "ab":
        settled(inbox / "received" / f"{name}.jsonl", calls(1))
    assert take_in(house).kept == 2
    assert list((inbox / "received").iterdir()) == []
    assert house.ledger.all_kept(TakenFile) == ()


# --- patients --------------------------------------------------------------------------------------------------------


def planted(canary, n):
    """One identifier in every place of every format where somebody might put it."""
    target = f"/{canary}/Patient/{canary}?identifier={canary}&{canary}={canary}"
    record = json.dumps(
        {
            "type": "accepted",
            "at": NOW.isoformat(),
            "integration": EPIC,
            "operation": canary,
            "key": canary,
            "resource": canary,
        }
    )
    return {
        "a.jsonl": "\n".join(
            [
                a_call(
                    n,
                    url=target,
                    operation=None,
                    code=canary,
                    location=canary,
                    request_id=canary,
                    patient=canary,
                ),
                a_call(n, operation=canary, resource=canary, component=canary),
                a_call(n, type=canary),
                a_call(n, integration=canary),
                a_call(n, at=canary),
                record,
                json.dumps({"type": "heartbeat", "at": NOW.isoformat(), "integration": EPIC, "bridge": canary}),
                canary,
            ]
        ),
        f"{EPIC}/access.log": f"{an_access(n, target=target)}\n{canary} {an_access(n)}\n",
        f"{EPIC}/trace.hl7": f"2026-11-23T11:00:00Z SENT\nMSH|^~\\&|{canary}|A|B|C|20261123060000||ADT^A08|{canary}|P|2.5\rPID|1||{canary}",  # noqa: E501  # a row of a table
        f"{canary}/x.jsonl": a_call(n, url=target),
    }


def test_no_identifier_is_found_anywhere_afterwards(house, inbox, caplog, capsys, tmp_path):  # noqa: ARG001  # a fixture that must be there
    caplog.set_level(logging.DEBUG)
    for n, canary in enumerate(CANARIES):
        for name, text in planted(canary, n).items():
            settled(inbox / name.replace("a.jsonl", f"{n}.jsonl").replace("trace", f"trace{n}"), text + "\n", "a")
    shown = []
    taken = take_in(house, tell=lambda so_far: shown.append(repr(so_far)))
    assert taken.kept > 100
    assert taken.turned_down > 100
    tables = ("readings", "gauges", "deliveries")
    rows = answer(
        house.home,
        lambda db: repr([db.sql(f"SELECT * FROM {t}").to_arrow_table().to_pylist() for t in tables]),  # noqa: S608  # our own words
    )
    house.ledger.close()
    files = [p for p in house.home.rglob("*") if p.is_file() and not {"set-aside", "taken", "inbox"} & set(p.parts)]
    held = b"".join(path.read_bytes() for path in files)
    names = "\n".join(path.name for folder in ("set-aside", "taken") for path in (inbox / folder).iterdir())
    captured = capsys.readouterr()
    surfaces = "\n".join([rows, names, *shown, repr(taken), caplog.text, captured.out, captured.err])
    assert [canary for canary in CANARIES if canary in surfaces] == []
    assert [canary for canary in CANARIES if canary.encode() in held] == []


# --- cost ------------------------------------------------------------------------------------------------------------

MEASURED = """
import json, resource, sys
from pathlib import Path
from tests.traffic import a_house, a_call
from tasks.intake import take_in
home = Path(sys.argv[1])
house = a_house(home)
usual = home.parent / "usual.jsonl"
usual.write_text("".join(a_call(n) + "\\n" for n in range(50_000)))
take_in(house, [usual])
for path in sys.argv[2:]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    taken = take_in(house, [Path(path)], integration_id="epic-fhir-main")
    print(json.dumps([resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, dict(taken.refused)]))
"""


def one_endless_line(path):
    with path.open("wb") as file:
        file.write(calls(1).encode())
        file.truncate(1 << 30)
    return {"too_long": 1}


def a_bomb(path):
    squeeze, block = zlib.compressobj(9, wbits=31), b"a" * (1 << 20)
    with path.open("wb") as file:
        for _ in range(120):
            file.write(squeeze.compress(block))
        file.write(squeeze.flush())
    return {"too_long": 1, "gzip_bomb": 1}


def a_digit_a_line(path):
    path.write_bytes(calls(1).encode() + b"1\n" * (1 << 19))
    return {"not_an_object": 1 << 19}


def test_memory_stays_that_of_a_block_whatever_is_dropped(tmp_path):
    monsters = (one_endless_line, a_bomb, a_digit_a_line)
    expected = [make(tmp_path / make.__name__) for make in monsters]
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, tmp_path / "home", *(tmp_path / make.__name__ for make in monsters)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [refused for _, refused in told] == expected
    assert max(grown for grown, _ in told) < 32 * 1024, told  # KiB


def test_a_hundred_thousand_lines_lie_in_a_few_files(house, tmp_path):
    (tmp_path / "a.jsonl").write_text(calls(*range(100_000)))
    assert take_in(house, [tmp_path / "a.jsonl"]).kept == 100_000
    assert len(list((house.home / "history" / "readings").rglob("*.parquet"))) <= 5
    assert list((house.home / "history" / "staged").rglob("*.parquet")) == []
