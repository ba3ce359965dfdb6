"""X12 eligibility against the pretend clearinghouse: plain, in CORE's form, and over two folders."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from x12sdk.io import X12ModelReader

from models.errors import Misconfigured, Permanent
from models.integration import Read
from models.ladder import Verdict
from models.reading import Direction, Outcome, Rung
from models.tuning import Tuning
from models.x12 import Sent
from models.x12_inquiry import LAST_CONTROL, Inquiry, Party, Payer, Provider, Subscriber, following
from simulator.clearinghouse import Aaa, Clearinghouse, Login, Member, NoBenefits
from simulator.clock import Clock
from simulator.control import Clinic, start_clinic
from simulator.weather import Weather
from tasks.connectors import x12_eligibility
from tasks.connectors._interface import RenewsCredentials
from tasks.eligibility.control_numbers import ControlNumbers
from tasks.probe import RetryBudget, attempt
from tests.callers import ClinicClock, calling, context_for, settings_for
from tests.sockets import answer, head_of, serving
from tests.x12 import an_answer

TUESDAY_MORNING = datetime(2026, 3, 3, 15, tzinfo=UTC)  # ten o'clock at the practice
INQUIRY = Read(operation="Eligibility.inquiry", component="Eligibility")
KIND = "x12_eligibility"
SYSTEM = "clearinghouse"
WAYS = ("plain", "core", "folders")
PARTICULARS = ("TEST000001", "TESTMEMBER", "SYNTHETIC", "19700101")  # of the member: in no reading, log or name


@pytest.fixture(scope="module")
def premises(tmp_path_factory) -> Iterator[Clinic]:
    folder = tmp_path_factory.mktemp("clinic")
    with start_clinic(folder, start=TUESDAY_MORNING, speed=1, systems=(SYSTEM,)) as clinic:
        yield clinic


@pytest.fixture
def clinic(premises) -> Iterator[Clinic]:
    premises.mend()
    yield premises
    premises.mend()


NUMBERS = itertools.count(1_000, 1_000)  # where each test begins to count: the clearinghouse remembers them all


@pytest.fixture
def home(tmp_path) -> Path:
    (tmp_path / "x12").mkdir()
    (tmp_path / "x12" / "x12-eligibility.control").write_text(f"{next(NUMBERS):09}")
    return tmp_path


def way(clinic: Clinic, name: str, **changes: object) -> dict[str, object]:
    """The settings that make an inquiry go this way."""
    house = clinic.systems[SYSTEM]
    if name == "folders":
        none = {"base_url": None, "auth": {"scheme": "none"}, "ca_bundle": None}
        return none | {"outbox": house["outbox"], "inbox": house["inbox"], "answer_within": "1s"} | changes
    return {"base_url": house["core_url" if name == "core" else "base_url"], "envelope": name} | changes


def read_once(clinic: Clinic, home: Path, **changes):
    async def run():
        async with calling(clinic, KIND, home, **changes) as eligibility:
            return await eligibility.read(INQUIRY)

    return asyncio.run(run())


def climbed(clinic: Clinic, home: Path, **changes):
    async def run():
        async with calling(clinic, KIND, home, **changes) as eligibility:
            return await eligibility.climb()

    return asyncio.run(run())


def inquiries(clinic: Clinic) -> dict[str, int]:
    return clinic.journal()[SYSTEM]["inquiries"]


@pytest.mark.parametrize("name", WAYS)
def test_an_inquiry_is_answered_with_benefits(clinic, home, name):
    reading = read_once(clinic, home, **way(clinic, name))
    assert (reading.outcome, reading.rung, reading.code) == (Outcome.OK, Rung.READ, None)
    assert (reading.records, reading.resource, reading.direction) == (4, "Eligibility", Direction.IN)
    assert reading.sent_bytes > 500
    assert reading.latency_ms > 0


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize(
    ("fault", "parameters", "outcome", "code", "rung", "again"),
    [
        pytest.param("ta1_reject", {"note": "006"}, Outcome.CLIENT_ERROR, "ta1_r_006", Rung.READ, False, id="TA1 R"),
        pytest.param("functional_reject", {}, Outcome.CLIENT_ERROR, "ack_999_r", Rung.READ, False, id="999 R"),
        pytest.param("aaa", {"loop": "2000A"}, Outcome.SERVER_ERROR, "aaa_42_2000a", Rung.READ, True,
                     id="the clearinghouse cannot answer"),
        pytest.param("aaa", {"loop": "2100A", "follow_up": "P"}, Outcome.SERVER_ERROR, "aaa_42_2100a", Rung.READ, True,
                     id="the payer cannot answer"),
        pytest.param("aaa", {"loop": "2100A", "follow_up": "Y"}, Outcome.SERVER_ERROR, "aaa_42_2100a", Rung.READ, False,
                     id="the payer will answer by itself"),
        pytest.param("aaa", {"loop": "2100A", "follow_up": "N"}, Outcome.SERVER_ERROR, "aaa_42_2100a", Rung.READ, False,
                     id="the payer wants no other"),
        pytest.param("slow_payer", {"wait_ms": 50}, Outcome.SERVER_ERROR, "aaa_80_2100a", Rung.READ, True,
                     id="the payer was given up"),
        pytest.param("aaa", {"reason": "41", "loop": "2100B", "follow_up": "C"}, Outcome.FORBIDDEN, "aaa_41_2100b",
                     Rung.SCOPE, False, id="not authorized"),
        pytest.param("aaa", {"reason": "79", "loop": "2100A", "follow_up": "C"}, Outcome.FORBIDDEN, "aaa_79_2100a",
                     Rung.SCOPE, False, id="no participant"),
        pytest.param("aaa", {"reason": "75", "loop": "2100C", "follow_up": "C"}, Outcome.SEMANTIC, "aaa_75_2100c",
                     Rung.SEMANTIC, False, id="member not found"),
        pytest.param("aaa", {"reason": "70", "loop": "2110C", "follow_up": "C"}, Outcome.PARTIAL, "aaa_70_2110c",
                     Rung.SEMANTIC, False, id="one service refused"),
        pytest.param("no_benefits", {}, Outcome.SEMANTIC, "no_benefits", Rung.SEMANTIC, True, id="no benefits"),
    ],
)  # fmt: skip
def test_what_the_answer_says_is_the_same_by_every_way(
    clinic, home, name, fault, parameters, outcome, code, rung, again
):
    clinic.break_(SYSTEM, fault, **parameters)

    async def run():
        async with calling(clinic, KIND, home, **way(clinic, name)) as eligibility:
            reading = await eligibility.read(INQUIRY)
            return reading, eligibility.may_repeat(reading)

    reading, may_repeat = asyncio.run(run())
    assert (reading.outcome, reading.code, reading.rung) == (outcome, code, rung)
    assert may_repeat is again


@pytest.mark.parametrize(
    ("fault", "parameters", "outcome", "code", "rung"),
    [
        pytest.param("wrong_trace", {}, Outcome.SEMANTIC, "trace_mismatch", Rung.SEMANTIC, id="somebody else's"),
        pytest.param("garbage", {}, Outcome.MALFORMED, "not_x12", Rung.HTTP, id="no X12"),
        pytest.param("html_page", {}, Outcome.MALFORMED, "html_page", Rung.HTTP, id="a log-in page"),
        pytest.param("malformed_json", {}, Outcome.MALFORMED, "x12_broken_off", Rung.HTTP, id="broken off"),
        pytest.param("server_errors", {"status": 502}, Outcome.SERVER_ERROR, None, Rung.HTTP, id="502"),
        pytest.param("refused", {}, Outcome.REFUSED, "connection_refused", Rung.TCP, id="refused"),
        pytest.param("black_hole", {}, Outcome.TIMEOUT, "deadline_passed", Rung.TLS, id="a black hole"),
        pytest.param("slow_payer", {"wait_ms": 5000}, Outcome.TIMEOUT, "deadline_passed", Rung.HTTP, id="no answer"),
    ],
)
def test_a_fault_of_the_connection_is_a_reading(clinic, home, fault, parameters, outcome, code, rung):
    clinic.break_(SYSTEM, fault, **parameters)
    reading = read_once(clinic, home, tuning=Tuning(deadline_s=0.6), **way(clinic, "plain"))
    assert (reading.outcome, reading.code, reading.rung) == (outcome, code, rung)


@pytest.mark.parametrize(
    ("name", "outcome", "code"),
    [
        pytest.param("plain", Outcome.UNAUTHENTICATED, None, id="401"),
        pytest.param("core", Outcome.UNAUTHENTICATED, "core_unauthorized", id="by a word in the form"),
    ],
)
def test_a_wrong_password_breaks_the_log_in(clinic, home, name, outcome, code):
    (home / "wrong").write_text("wrong")
    auth = {"scheme": "basic", "user": clinic.systems[SYSTEM]["user"], "password": f"file:{home / 'wrong'}"}
    reading = read_once(clinic, home, **way(clinic, name, auth=auth))
    assert (reading.outcome, reading.code, reading.rung) == (outcome, code, Rung.AUTH)
    assert climbed(clinic, home, **way(clinic, name, auth=auth)).broken.rung is Rung.AUTH


@pytest.mark.parametrize(
    ("follow_up", "sent"),
    [
        pytest.param("R", 3, id="resubmission allowed"),
        pytest.param("N", 1, id="resubmission not allowed"),
        pytest.param("Y", 1, id="they answer by themselves"),
    ],
)
def test_an_inquiry_is_sent_again_only_when_they_allow_it(clinic, home, follow_up, sent):
    clinic.break_(SYSTEM, "aaa", loop="2100A", follow_up=follow_up)
    before = inquiries(clinic)["accepted"]
    clock = ClinicClock(clinic)
    clock.speed = 1000.0  # the pauses between tries are not what this is about

    async def run():
        async with calling(clinic, KIND, home, **way(clinic, "plain")) as eligibility:
            return await attempt(eligibility, INQUIRY, Tuning(attempts=3), clock, RetryBudget(100, 60.0))

    assert asyncio.run(run()).attempts == sent
    assert inquiries(clinic)["accepted"] - before == sent


@pytest.mark.parametrize("name", WAYS)
def test_a_climb_reaches_the_top_with_an_inquiry_of_its_own(clinic, home, name):
    ladder = climbed(clinic, home, **way(clinic, name))
    verdicts = {step.rung: step.verdict for step in ladder.steps}
    network = {Rung.DNS, Rung.TCP, Rung.TLS, Rung.AUTH}
    absent = network if name == "folders" else set()
    assert {rung for rung, verdict in verdicts.items() if verdict is Verdict.ABSENT} == absent
    assert {verdict for rung, verdict in verdicts.items() if rung not in absent} == {Verdict.PASSED}
    assert ladder.steps[-1].says == "4 benefits, and the trace is ours"


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize(
    ("fault", "parameters", "broken", "says"),
    [
        pytest.param("ta1_reject", {}, Rung.READ, "ta1 r 003; the interchange was rejected", id="TA1 R"),
        pytest.param("functional_reject", {}, Rung.READ, "ack 999 r; 1 segments and 2 elements in error", id="999 R"),
        pytest.param("aaa", {"reason": "41", "loop": "2100B", "follow_up": "C"}, Rung.SCOPE,
                     "aaa 41 2100b; ask again: never", id="not authorized"),
        pytest.param("aaa", {"loop": "2000A"}, Rung.READ, "aaa 42 2000a; ask again: later", id="cannot answer"),
        pytest.param("aaa", {"reason": "72", "loop": "2100C", "follow_up": "C"}, Rung.SEMANTIC,
                     "aaa 72 2100c; ask again: never", id="member number"),
        pytest.param("no_benefits", {}, Rung.SEMANTIC, "no benefits", id="no benefits"),
    ],
)  # fmt: skip
def test_a_climb_stops_at_the_rung_that_broke(clinic, home, name, fault, parameters, broken, says):
    clinic.break_(SYSTEM, fault, **parameters)
    ladder = climbed(clinic, home, **way(clinic, name))
    assert (ladder.broken.rung, ladder.broken.says) == (broken, says)


# --- control numbers -------------------------------------------------------------------------------------------------


def test_no_number_is_ever_used_twice(clinic, home):
    before = inquiries(clinic)

    async def run():
        async with calling(clinic, KIND, home, **way(clinic, "plain")) as eligibility:
            return await asyncio.gather(*(eligibility.read(INQUIRY) for _ in range(12)))

    readings = [*asyncio.run(run()), read_once(clinic, home, **way(clinic, "core"))]
    assert {reading.outcome for reading in readings} == {Outcome.OK}
    after = inquiries(clinic)
    assert (after["accepted"] - before["accepted"], after["refused"] - before["refused"]) == (13, 0)


def test_a_number_that_was_used_is_a_duplicate_to_the_clearinghouse(clinic, home):
    assert read_once(clinic, home, **way(clinic, "plain")).outcome is Outcome.OK
    [file] = (home / "x12").glob("*.control")
    file.write_text(f"{int(file.read_text()) - 1:09}")  # a backup that was put back
    reading = read_once(clinic, home, **way(clinic, "plain"))
    assert (reading.outcome, reading.code) == (Outcome.CLIENT_ERROR, "ta1_r_025")


WORKER = textwrap.dedent("""
    import asyncio, sys
    from datetime import UTC, datetime
    from pathlib import Path
    from tasks.eligibility.control_numbers import ControlNumbers

    async def main():
        numbers = ControlNumbers(Path(sys.argv[1]), "x12")
        sys.stdin.readline()
        for _ in range(60):
            print(await numbers.next(datetime(2026, 3, 3, tzinfo=UTC)))

    asyncio.run(main())
""")


def test_three_processes_never_get_the_same_number(tmp_path):
    command = [sys.executable, "-c", WORKER, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": Path(__file__).parents[2]}
    workers = [subprocess.Popen(command, **pipes) for _ in range(3)]
    try:
        numbers = [number for worker in workers for number in worker.communicate("go\n", timeout=60)[0].split()]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    assert len(set(numbers)) == len(numbers) == 180
    assert max(map(int, numbers)) - min(map(int, numbers)) == 179


@pytest.mark.parametrize(
    ("last", "number"),
    [
        pytest.param(7, 8, id="the next"),
        pytest.param(LAST_CONTROL, 1, id="from the beginning after the last"),
        pytest.param(None, 1_772_550_000 % LAST_CONTROL, id="by the clock when nothing is known"),
        pytest.param(0, 1_772_550_000 % LAST_CONTROL, id="by the clock when what is known is none"),
    ],
)
def test_a_number_follows_the_last(last, number):
    assert following(last, datetime(2026, 3, 3, 15, tzinfo=UTC)) == number


@pytest.mark.parametrize("torn", ["", "12", "not a number", "1234567890"])
def test_a_torn_file_begins_above_what_was_used(tmp_path, torn):
    (tmp_path / "x12").mkdir()
    (tmp_path / "x12" / "x.control").write_text(torn)
    numbers = ControlNumbers(tmp_path, "x")
    first, second = (asyncio.run(numbers.next(TUESDAY_MORNING)) for _ in range(2))
    assert (first, second) == (following(None, TUESDAY_MORNING), first + 1)


def test_numbers_that_cannot_be_kept_are_our_own_trouble(tmp_path):
    (tmp_path / "x12").write_text("a file where a folder should be")
    with pytest.raises(Permanent, match="control numbers cannot be kept"):
        asyncio.run(ControlNumbers(tmp_path, "x").next(TUESDAY_MORNING))


# --- two folders -----------------------------------------------------------------------------------------------------


@pytest.fixture
def folders(tmp_path) -> dict[str, object]:
    """Two folders of which nobody takes care."""
    for name in ("outbox", "inbox"):
        (tmp_path / name).mkdir()
    return {name: str(tmp_path / name) for name in ("outbox", "inbox")}


def written(folders: dict[str, object]) -> None:
    """Return when the inquiry lies in the outbox."""
    until = time.monotonic() + 10
    while not list(Path(str(folders["outbox"])).glob("*.270")) and time.monotonic() < until:
        time.sleep(0.01)


def the_inquiry(folders: dict[str, object]) -> dict[str, str]:
    """Control number and trace of the one file in the outbox."""
    [file] = Path(str(folders["outbox"])).glob("heal-*.270")
    return {"control": file.stem.removeprefix("heal-"), "trace": f"HEAL{file.stem.removeprefix('heal-')}"}


def test_an_inquiry_stays_open_from_read_to_read_until_it_is_answered(clinic, home, folders):
    changes = way(clinic, "folders", **folders, answer_within="30s") | {"tuning": Tuning(deadline_s=0.1)}
    first = read_once(clinic, home, **changes)
    second = read_once(clinic, home, **changes)
    assert [(r.outcome, r.code, r.latency_ms) for r in (first, second)] == [(Outcome.OK, "answer_awaited", None)] * 2
    told = the_inquiry(folders)  # there is one
    inbox = Path(str(folders["inbox"]))
    (inbox / "others.x12").write_text(an_answer("EB*1**30", trace="SOMEBODY"))
    (inbox / "letter.txt").write_text("Dear partner, ISA is down")
    (inbox / "ack.x12").write_text(an_answer("EB*1**30").replace("271", "277"))
    (inbox / "mine.x12").write_text(an_answer("EB*1**30", trace=told["trace"]))
    third = read_once(clinic, home, **changes)
    assert (third.outcome, third.code, third.records) == (Outcome.OK, None, 1)
    assert third.latency_ms > 100  # since it was sent
    assert len(list(inbox.iterdir())) == 4
    read_once(clinic, home, **changes)
    assert len(list(Path(str(folders["outbox"])).iterdir())) == 2


def test_an_inquiry_whose_time_is_over_is_given_up_and_the_next_read_asks_anew(clinic, home, folders):
    changes = way(clinic, "folders", **folders, answer_within="1s") | {"tuning": Tuning(deadline_s=5)}
    reading = read_once(clinic, home, **changes)
    assert (reading.outcome, reading.code, reading.rung) == (Outcome.TIMEOUT, "no_answer", Rung.READ)
    read_once(clinic, home, **changes)
    assert len(list(Path(str(folders["outbox"])).iterdir())) == 2


def test_a_file_that_is_still_being_written_is_looked_at_again(clinic, home, folders):
    changes = way(clinic, "folders", **folders, answer_within="20s") | {"tuning": Tuning(deadline_s=10)}

    async def run():
        async with calling(clinic, KIND, home, **changes) as eligibility:
            reading = asyncio.create_task(eligibility.read(INQUIRY))
            await asyncio.to_thread(written, folders)
            whole = an_answer("EB*1**30", trace=the_inquiry(folders)["trace"])
            place = Path(str(folders["inbox"])) / "answer.x12"
            place.write_text(whole[:-40])
            await asyncio.sleep(0.2)
            assert not reading.done()
            place.write_text(whole)
            return await reading

    reading = asyncio.run(run())
    assert (reading.outcome, reading.records) == (Outcome.OK, 1)


def test_a_file_that_stays_torn_is_told_at_the_end(clinic, home, folders):
    changes = way(clinic, "folders", **folders, answer_within="30s") | {"tuning": Tuning(deadline_s=0.1)}
    read_once(clinic, home, **changes)
    torn = an_answer("EB*1**30", trace=the_inquiry(folders)["trace"])[:-40]
    (Path(str(folders["inbox"])) / "torn.x12").write_text(torn)
    reading = read_once(clinic, home, **changes)
    assert (reading.outcome, reading.code) == (Outcome.MALFORMED, "x12_broken_off")


@pytest.mark.parametrize(
    ("missing", "code"),
    [
        pytest.param("outbox", "outbox_missing", id="no outbox"),
        pytest.param("inbox", "inbox_missing", id="no inbox"),
    ],
)
def test_a_folder_that_is_not_there_breaks_the_protocol_rung(clinic, home, folders, missing, code):
    Path(str(folders[missing])).rmdir()
    reading = read_once(clinic, home, **way(clinic, "folders", **folders))
    assert (reading.outcome, reading.code, reading.rung) == (Outcome.REFUSED, code, Rung.HTTP)
    ladder = climbed(clinic, home, **way(clinic, "folders", **folders))
    assert (ladder.broken.rung, ladder.broken.code) == (Rung.HTTP, code)


def test_what_is_no_file_or_too_large_is_passed_over(clinic, home, folders):
    inbox = Path(str(folders["inbox"]))
    (inbox / "folder").mkdir()
    (inbox / "link").symlink_to("/dev/zero")
    os.mkfifo(inbox / "pipe")
    with (inbox / "large.x12").open("wb") as file:
        file.truncate(10 << 30)  # ten gigabytes, of which nothing is on the disk
    changes = way(clinic, "folders", **folders, answer_within="30s") | {"tuning": Tuning(deadline_s=0.1)}
    assert read_once(clinic, home, **changes).code == "answer_awaited"


# --- what must not leave ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WAYS)
def test_nothing_of_the_member_leaves(clinic, home, caplog, name):
    caplog.set_level("DEBUG")

    async def run():
        parts = []
        for fault in ("functional_reject", "no_benefits", "garbage", "aaa"):
            clinic.break_(SYSTEM, fault)
            async with calling(clinic, KIND, home, **way(clinic, name)) as eligibility:
                parts += [await eligibility.read(INQUIRY), await eligibility.climb(), eligibility]
            clinic.mend()
        return parts

    parts = asyncio.run(run())
    shown = "\n".join([*map(repr, parts), *(part.model_dump_json() for part in parts if hasattr(part, "outcome"))])
    kept = "\n".join(path.read_text() for path in (home / "x12").iterdir())
    names = " ".join(path.name for path in home.rglob("*"))
    for hidden in PARTICULARS:
        assert hidden not in shown + caplog.text + kept + names


def test_a_member_that_cannot_stand_in_a_message_is_named_by_its_part_alone(clinic, home):
    (home / "id").write_text("SECRET*~1")
    member = settings_for(clinic, KIND)["member"] | {"member_id": f"file:{home / 'id'}"}
    with pytest.raises(Misconfigured, match=r"member\.member_id: write capitals") as caught:
        x12_eligibility.open_connector(context_for(clinic, KIND, home, member=member))
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"base_url": None}, "write base_url", id="no way at all"),
        pytest.param({"outbox": "o", "inbox": "i"}, "write base_url", id="both ways"),
        pytest.param({"base_url": None, "outbox": "o"}, "write base_url", id="half a way"),
        pytest.param({"base_url": None, "outbox": "o", "inbox": "i"}, "leave them out", id="a log-in to a folder"),
        pytest.param({"provider": {"name": "X", "npi": "1999999985"}}, "this is no NPI", id="a check digit"),
        pytest.param({"member": {"member_id": "W123"}}, "by reference", id="a member number in plain"),
    ],
)
def test_settings_that_cannot_be_are_refused(clinic, home, changes, says):
    with pytest.raises(Misconfigured, match=says) as caught:
        x12_eligibility.open_connector(context_for(clinic, KIND, home, **changes))
    assert "W123" not in str(caught.value)


# --- bodies without end, tokens, and a second reader -----------------------------------------------------------------


def test_a_body_without_end_is_given_up(clinic, home):
    async def behave(reader, writer):
        await head_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + an_answer("EB*1**30").encode())
        while True:
            writer.write(b"EB*1**30~" * 8000)
            await writer.drain()

    async def run():
        async with serving(behave) as port:
            base = {"base_url": f"http://127.0.0.1:{port}", "ca_bundle": None, "tuning": Tuning(deadline_s=2.0)}
            async with calling(clinic, KIND, home, **base) as eligibility:
                return await eligibility.read(INQUIRY)

    reading = asyncio.run(run())
    assert (reading.outcome, reading.code) == (Outcome.MALFORMED, "body_too_large")


def test_a_clearinghouse_with_tokens_is_asked_with_a_new_one_after_a_401(clinic, home):
    (home / "secret").write_text("s3cret")
    issued: list[bytes] = []
    messages: list[bytes] = []

    async def behave(reader, writer):
        while head := await head_of(reader):
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
            body = await reader.readexactly(length)
            if b"/token " in head:
                issued.append(body)
                granted = {"access_token": f"token-{len(issued)}", "token_type": "Bearer", "expires_in": 600}
                writer.write(answer(json.dumps(granted).encode()))
            elif b"token-2" in head:
                messages.append(body)
                trace = body.split(b"TRN*1*")[1].split(b"*")[0].decode()
                writer.write(answer(an_answer("EB*1**30", trace=trace).encode()))
            else:
                messages.append(body)
                writer.write(answer(b"", status="401 Unauthorized"))

    async def run():
        async with serving(behave) as port:
            auth = {"scheme": "oauth2", "token_url": f"http://127.0.0.1:{port}/token", "client_id": "us"}
            base = {"base_url": f"http://127.0.0.1:{port}/x12", "ca_bundle": None}
            auth |= {"client_secret": f"file:{home / 'secret'}"}
            async with calling(clinic, KIND, home, auth=auth, **base) as eligibility:
                assert isinstance(eligibility, RenewsCredentials)
                return await eligibility.read(INQUIRY)

    reading = asyncio.run(run())
    assert (reading.outcome, reading.records) == (Outcome.OK, 1)
    assert len(issued) == 2
    controls = [message.split(b"IEA*1*")[1][:9] for message in messages]
    assert len(set(controls)) == len(controls) == 2  # the inquiry that was turned away is not sent twice


MEMBER = Subscriber(**dict(zip(Subscriber.model_fields, PARTICULARS, strict=True)))


def an_inquiry() -> Inquiry:
    return Inquiry(
        sender=Party(id="HEALTEST"),
        receiver=Party(id="CLINICCLEAR", qualifier="30"),
        payer=Payer(name="Test Vision Plan", id="TVP01"),
        provider=Provider(name="Test Optical", npi="1999999984"),
        service_type="AL",
    )


def models_of(message: str) -> list[object]:
    with X12ModelReader(message) as reader:
        return list(reader.models())


def test_a_second_reader_finds_in_the_inquiry_what_was_asked():
    message = an_inquiry().written(MEMBER, Sent(790_000_001, "HEAL790000001"), TUESDAY_MORNING).decode()
    [inquiry] = models_of(message)
    assert inquiry.header.bht_segment.submitter_transactional_identifier == "HEAL790000001"
    subscriber = inquiry.loop_2000a[0].loop_2000b[0].loop_2000c[0]
    assert subscriber.loop_2100c.nm1_segment.identification_code == "TEST000001"
    assert subscriber.trn_segment[0].reference_identification_1 == "HEAL790000001"
    assert "EQ*AL~" in message


@pytest.mark.parametrize("fault", ["", "aaa", "no_benefits"])
def test_a_second_reader_finds_a_proper_271_in_what_the_clearinghouse_says(fault):
    clock, rng = Clock(start=TUESDAY_MORNING, epoch=time.time()), Random(1)  # noqa: S311 - the clinic's, for show
    weather = Weather(clock, rng)
    if fault:
        weather.worsen({"aaa": Aaa(reason="15", loop="2100C", follow_up="C"), "no_benefits": NoBenefits()}[fault])
    house = Clearinghouse(Login("u", "p"), Member(), clock, weather, rng)
    message = an_inquiry().written(MEMBER, Sent(790_000_001, "HEAL790000001"), TUESDAY_MORNING + timedelta(days=1))
    [text] = house.exchange(message.decode())
    [told] = models_of(text)
    member = told.loop_2000a[0].loop_2000b[0].loop_2000c[0]
    assert member.trn_segment[0].reference_identification_1 == "HEAL790000001"
    assert len(member.loop_2100c.loop_2110c or []) == (0 if fault else 4)
