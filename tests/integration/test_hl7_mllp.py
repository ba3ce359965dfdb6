"""The MLLP connector against the pretend interface engine: every way in which an answer can be no answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hl7
import pytest
from hl7.client import MLLPClient

from models.integration import Read
from models.ladder import Verdict
from models.reading import Direction, Outcome, Rung
from models.tuning import Tuning
from simulator.control import Clinic, start_clinic
from tests.callers import READS, calling

TUESDAY_MORNING = datetime(2026, 3, 3, 15, tzinfo=UTC)
KIND = "hl7_mllp"
ECHO, UPDATE, BOOKING, ORDER = (Read(operation=name, component=name) for name in READS[KIND])
EVENT = {"Echo": "NMQ.N01"}  # how the engine calls it
IMPATIENT = Tuning(deadline_s=0.8)


@pytest.fixture(scope="module")
def premises(tmp_path_factory) -> Iterator[Clinic]:
    with start_clinic(tmp_path_factory.mktemp("clinic"), start=TUESDAY_MORNING, systems=("mllp",)) as clinic:
        yield clinic


@pytest.fixture
def clinic(premises) -> Iterator[Clinic]:
    yield premises
    premises.mend()


@pytest.fixture
def home(tmp_path) -> Path:
    return tmp_path


def told(clinic: Clinic, since: dict[str, Any] | None = None) -> dict[str, Any]:
    """The engine's journal, or what was added to it."""
    now = clinic.journal()["mllp"]
    return now if since is None else {key: grown(now[key], since.get(key)) for key in now}


def grown(now: Any, before: Any) -> Any:
    if isinstance(now, dict):
        parts = {key: grown(value, (before or {}).get(key)) for key, value in now.items()}
        return {key: part for key, part in parts.items() if part}
    return now - (before or 0)


def all_hung_up(clinic: Clinic) -> None:
    """Returns when the engine has no connection open."""
    while told(clinic)["open_sockets"]:
        time.sleep(0.01)


def test_one_connection_carries_every_kind_of_message_and_each_is_told(clinic, home):
    before = told(clinic)

    async def run():
        async with calling(clinic, KIND, home) as mllp:
            readings = [await mllp.read(read) for read in (ECHO, UPDATE, BOOKING, ORDER)]
            assert mllp.open_connections == told(clinic)["open_sockets"] == 1
        assert mllp.open_connections == 0
        return readings

    first, *others = readings = asyncio.run(run())
    for reading in readings:
        assert (reading.outcome, reading.rung, reading.code, reading.records) == (Outcome.OK, Rung.READ, None, 1)
        assert reading.latency_ms >= reading.first_byte_ms > 0
        assert reading.sent_bytes > 80
        assert reading.received_bytes > 80
        assert abs(reading.clock_skew_s) < 60  # a second of ours is a minute there
    assert min(first.dns_ms, first.connect_ms, first.tls_ms) > 0
    assert {(other.dns_ms, other.connect_ms, other.tls_ms) for other in others} == {(None, None, None)}
    assert [(reading.direction, reading.resource) for reading in readings] == [
        (Direction.IN, None),
        (Direction.OUT, "Patient"),
        (Direction.OUT, "Appointment"),
        (Direction.OUT, "Order"),
    ]
    added = told(clinic, before)
    assert added["kept"] == {"ADT.A08": 1, "SIU.S12": 1, "ORM.O01": 1}  # the query changed nothing
    assert added["messages"] == {event: {"AA": 1} for event in ("NMQ.N01", "ADT.A08", "SIU.S12", "ORM.O01")}


FAULTS = [
    # fault, its parameters → outcome and code of a harmless message; outcome of one that writes
    pytest.param("ack_error", {}, Outcome.SERVER_ERROR, "application_internal_error", None, id="AE 207"),
    pytest.param(
        "ack_error", {"error": 206, "where": "ERR-1"}, Outcome.SERVER_ERROR, "record_locked", None, id="AE 206"
    ),
    pytest.param("ack_error", {"error": None}, Outcome.SERVER_ERROR, "application_error", None, id="AE"),
    pytest.param("ack_error", {"code": "AR", "error": None}, Outcome.CLIENT_ERROR, "application_reject", None, id="AR"),
    pytest.param(
        "ack_error", {"code": "AR", "error": 203}, Outcome.CLIENT_ERROR, "unsupported_version_id", None, id="AR 203"
    ),
    pytest.param("ack_error", {"error": 101}, Outcome.CLIENT_ERROR, "required_field_missing", None, id="AE 101"),
    pytest.param("ack_error", {"error": 204}, Outcome.CLIENT_ERROR, "unknown_key", None, id="AE 204"),
    pytest.param(
        "ack_error", {"error": 205, "where": "MSA-6"}, Outcome.CLIENT_ERROR, "duplicate_key", None, id="AE 205"
    ),
    pytest.param("ack_error", {"code": "CE", "error": None}, Outcome.SERVER_ERROR, "commit_error", None, id="CE"),
    pytest.param("ack_error", {"code": "CR", "error": None}, Outcome.CLIENT_ERROR, "commit_reject", None, id="CR"),
    pytest.param("no_ack", {}, Outcome.TIMEOUT, "no_ack", Outcome.UNKNOWN, id="no ACK"),
    pytest.param("late_ack", {"delay_s": 30}, Outcome.TIMEOUT, "no_ack", Outcome.UNKNOWN, id="a late ACK"),
    pytest.param("slow_ack", {}, Outcome.TIMEOUT, "ack_incomplete", Outcome.UNKNOWN, id="an ACK that trickles"),
    pytest.param("close_after_receive", {}, Outcome.RESET, "closed_before_ack", Outcome.UNKNOWN, id="closed"),
    pytest.param("wrong_ack_id", {}, Outcome.SEMANTIC, "ack_for_another_message", None, id="another's ACK"),
    pytest.param("ack_garbage", {}, Outcome.MALFORMED, "not_mllp", None, id="noise"),
    pytest.param("ack_garbage", {"kind": "http"}, Outcome.MALFORMED, "not_mllp", None, id="HTTP"),
    pytest.param(
        "ack_garbage", {"kind": "unframed"}, Outcome.MALFORMED, "not_mllp", None, id="an ACK without its frame"
    ),
    pytest.param("ack_garbage", {"kind": "not_hl7"}, Outcome.MALFORMED, "not_hl7", None, id="a frame without HL7"),
    pytest.param("refused", {}, Outcome.REFUSED, "connection_refused", None, id="nobody listens"),
    pytest.param("black_hole", {}, Outcome.TIMEOUT, "deadline_passed", None, id="no handshake: nothing was sent"),
]


@pytest.mark.parametrize(("fault", "parameters", "outcome", "code", "of_a_write"), FAULTS)
def test_what_goes_wrong_with_an_acknowledgement_is_a_reading(
    clinic, home, fault, parameters, outcome, code, of_a_write
):
    async def run():
        async with calling(clinic, KIND, home, tuning=IMPATIENT) as mllp:
            clinic.break_("mllp", fault, **parameters)
            bad = [await mllp.read(ECHO), await mllp.read(UPDATE)]
            clinic.mend()
            return bad, await mllp.read(ECHO), mllp.open_connections

    (harmless, write), after, used = asyncio.run(run())
    assert (harmless.outcome, harmless.code) == (outcome, code)
    assert (write.outcome, write.code) == (of_a_write or outcome, code)
    assert harmless.records is write.records is None
    assert {bool(one.request_id) for one in (harmless, write)} == {one.sent_bytes > 0 for one in (harmless, write)}
    assert after.request_id is None  # nobody will ask about it
    assert not (of_a_write and write.outcome.worth_retrying)
    assert (after.outcome, used) == (Outcome.OK, 1)


def test_resets_come_in_bursts_and_each_is_a_reading(clinic, home):
    async def run():
        async with calling(clinic, KIND, home) as mllp:
            clinic.break_("mllp", "resets", share=0.5, mean_burst=3)
            return [await mllp.read(ECHO) for _ in range(60)]

    readings = asyncio.run(run())
    assert {reading.outcome for reading in readings} == {Outcome.OK, Outcome.RESET}
    codes = {reading.code for reading in readings if not reading.outcome.is_ok}
    assert codes == {"closed_before_ack", "kept_alive_closed"}  # over a fresh connection, and over a kept one


def test_a_slow_engine_is_slow_to_the_first_byte(clinic, home):
    async def run():
        async with calling(clinic, KIND, home) as mllp:
            clinic.break_("mllp", "latency", add_ms=150)
            return await mllp.read(ECHO)

    reading = asyncio.run(run())
    assert reading.latency_ms >= reading.first_byte_ms > 150


def test_a_write_whose_answer_is_lost_is_never_sent_again_by_itself(clinic, home):
    before = told(clinic)

    async def run():
        async with calling(clinic, KIND, home, tuning=Tuning(deadline_s=0.3, attempts=5)) as mllp:
            clinic.break_("mllp", "no_ack")
            return await mllp.read(UPDATE)

    reading = asyncio.run(run())
    assert not reading.outcome.worth_retrying
    assert told(clinic, before)["messages"] == {"ADT.A08": {"none": 1}}


def test_accepted_is_not_landed_and_only_the_engine_can_tell(clinic, home):
    before = told(clinic)

    async def run():
        clinic.break_("mllp", "drop_after_ack", operation="ADT.A08")
        async with calling(clinic, KIND, home) as mllp:
            return [await mllp.read(UPDATE), await mllp.read(BOOKING)]

    assert [reading.outcome for reading in asyncio.run(run())] == [Outcome.OK] * 2
    added = told(clinic, before)
    assert added["messages"] == {"ADT.A08": {"AA": 1}, "SIU.S12": {"AA": 1}}
    assert added["kept"] == {"SIU.S12": 1}


@pytest.mark.parametrize(
    ("mode", "code", "received"),
    [
        pytest.param("original", None, 1, id="one answer"),
        pytest.param("enhanced", None, 2, id="a commit and an answer"),
        pytest.param("commit", "commit_accept", 1, id="a commit, and nothing about what became of it"),
    ],
)
def test_every_mode_of_acknowledgement_is_heard_out(clinic, home, mode, code, received):
    before = told(clinic)

    async def run():
        async with calling(clinic, KIND, home, acknowledgement=mode) as mllp:
            return [await mllp.read(UPDATE) for _ in range(3)], mllp.open_connections

    readings, used = asyncio.run(run())
    assert {(reading.outcome, reading.code) for reading in readings} == {(Outcome.OK, code)}
    assert used == 1  # no answer was left over for the next message
    added = told(clinic, before)
    assert added["kept"] == {"ADT.A08": 3}
    assert added["receipts"] == (3 if received == 2 else 0)


@pytest.mark.parametrize(
    ("read", "outcome"),
    [pytest.param(ECHO, Outcome.TIMEOUT, id="harmless"), pytest.param(UPDATE, Outcome.UNKNOWN, id="a write")],
)
def test_a_commit_that_nothing_follows_is_no_success(clinic, home, read, outcome):
    async def run():
        clinic.break_("mllp", "no_ack", missing="application")
        async with calling(clinic, KIND, home, tuning=IMPATIENT, acknowledgement="enhanced") as mllp:
            return await mllp.read(read), mllp.open_connections, await mllp.climb()

    reading, used, ladder = asyncio.run(run())
    assert (reading.outcome, reading.code, reading.rung) == (outcome, "no_application_ack", Rung.READ)
    assert used == 0
    assert ladder.passed(Rung.HTTP)
    assert (ladder.broken.rung, ladder.broken.code) == (Rung.READ, "no_application_ack")


def test_ids_are_fresh_and_the_engine_knows_a_second_coming(clinic, home):
    before = told(clinic)

    async def run():
        async with calling(clinic, KIND, home) as mllp:
            return [await mllp.read(UPDATE) for _ in range(20)]

    assert {reading.outcome for reading in asyncio.run(run())} == {Outcome.OK}
    assert told(clinic, before)["duplicates"] == 0
    message = "MSH|^~\\&|A|B|C|D|20260303||ADT^A08|{}|P|2.5.1\rEVN|A08\r"
    with MLLPClient("127.0.0.1", int(clinic.systems["mllp"]["plain_port"])) as independent:
        answers = [hl7.parse(independent.send_message(message.format(1))[1:-2].decode()) for _ in range(2)]
    assert [str(answer.segment("MSA")(1)) for answer in answers] == ["AA", "AE"]
    assert str(answers[1].segment("ERR")(3)(1)(1)) == "205"
    assert told(clinic, before)["duplicates"] == 1


def test_a_message_that_the_engine_does_not_take_is_out_of_scope_unless_any_answer_will_do(clinic, home):
    def messages(**more: Any) -> dict[str, Any]:
        return {"Echo": {"type": "QRY^Z99", "segments": ["QRD|{now}"], "writes": False, **more}}

    async def run(**more: Any):
        async with calling(clinic, KIND, home, messages=messages(**more)) as mllp:
            return await mllp.read(ECHO), await mllp.climb()

    refused, ladder = asyncio.run(run())
    assert (refused.outcome, refused.rung) == (Outcome.CLIENT_ERROR, Rung.SCOPE)
    assert (ladder.broken.rung, ladder.broken.code) == (Rung.SCOPE, "unsupported_message_type")
    answered, ladder = asyncio.run(run(any_answer=True))
    assert (answered.outcome, answered.code, answered.rung) == (Outcome.OK, "unsupported_message_type", Rung.READ)
    assert ladder.broken is None


def test_a_connection_that_was_closed_while_idle_is_opened_anew(clinic, home):
    async def run():
        async with calling(clinic, KIND, home) as mllp:
            clinic.break_("mllp", "idle_close", after_s=0.05)
            first = await mllp.read(ECHO)
            await asyncio.to_thread(all_hung_up, clinic)
            clinic.mend()
            return first, await mllp.read(UPDATE), mllp.open_connections

    first, second, used = asyncio.run(run())
    assert (first.outcome, second.outcome, used) == (Outcome.OK, Outcome.OK, 1)
    assert second.connect_ms is not None


def test_one_message_at_a_time_goes_over_one_connection_and_the_wait_for_it_is_told(clinic, home):
    async def run(connections: int):
        async with calling(clinic, KIND, home, connections=connections) as mllp:
            readings = await asyncio.gather(*(mllp.read(ECHO) for _ in range(6)))
            return readings, mllp.open_connections, told(clinic)["open_sockets"]

    for connections in (1, 3):
        readings, used, there = asyncio.run(run(connections))
        assert {reading.outcome for reading in readings} == {Outcome.OK}
        assert used == there == connections
        assert sum(reading.connect_ms is not None for reading in readings) == connections
        waits = sorted(reading.pool_wait_ms for reading in readings)
        assert waits[connections] > 1 > waits[0]


def test_a_receiver_that_wants_a_connection_for_each_message_gets_one(clinic, home):
    async def run():
        async with calling(clinic, KIND, home, keep_alive=False) as mllp:
            return [(await mllp.read(ECHO), mllp.open_connections) for _ in range(3)]

    for reading, used in asyncio.run(run()):
        assert (reading.outcome, used) == (Outcome.OK, 0)
        assert reading.connect_ms is not None


def test_another_route_leads_to_the_same_engine(clinic, home):
    async def run():
        async with calling(clinic, KIND, home, tuning=Tuning(route="second")) as mllp:
            return await mllp.read(ECHO), await mllp.climb()

    reading, ladder = asyncio.run(run())
    assert (reading.outcome, reading.tls_ms) == (Outcome.OK, None)
    assert ladder.steps[2].verdict is Verdict.ABSENT
    assert ladder.broken is None


@pytest.mark.parametrize(
    ("fault", "parameters", "rung", "code"),
    [
        pytest.param("refused", {}, Rung.TCP, "connection_refused", id="nobody listens"),
        pytest.param("black_hole", {}, Rung.TLS, "deadline_passed", id="no handshake"),
        pytest.param("no_ack", {}, Rung.HTTP, "no_ack", id="no answer"),
        pytest.param("ack_garbage", {}, Rung.HTTP, "not_mllp", id="not MLLP"),
        pytest.param("ack_garbage", {"kind": "not_hl7"}, Rung.HTTP, "not_hl7", id="not HL7"),
        pytest.param("ack_error", {"code": "AR", "error": 202}, Rung.SCOPE, "unsupported_processing_id", id="AR 202"),
        pytest.param("ack_error", {}, Rung.READ, "application_internal_error", id="AE: it speaks, and fails"),
        pytest.param("wrong_ack_id", {}, Rung.SEMANTIC, "ack_for_another_message", id="it accepts another's message"),
    ],
)
def test_a_climb_stops_at_the_rung_that_is_broken(clinic, home, fault, parameters, rung, code):
    before = told(clinic)

    async def run():
        clinic.break_("mllp", fault, **parameters)
        async with calling(clinic, KIND, home, tuning=IMPATIENT) as mllp:
            return await mllp.climb(), mllp.open_connections

    ladder, used = asyncio.run(run())
    assert (ladder.broken.rung, ladder.broken.code) == (rung, code)
    below = [step.verdict for step in ladder.steps[: tuple(Rung).index(rung)]]
    assert set(below) <= {Verdict.PASSED, Verdict.ABSENT}
    assert {step.verdict for step in ladder.steps[tuple(Rung).index(rung) + 1 :]} <= {Verdict.SKIPPED}
    assert used == 0
    assert set(told(clinic, before)["messages"]) <= {"NMQ.N01"}  # a climb sends what is harmless


def test_a_good_climb_has_a_duration_for_every_rung_that_there_is(clinic, home):
    async def run():
        async with calling(clinic, KIND, home) as mllp:
            return await mllp.climb()

    ladder = asyncio.run(run())
    assert {step.rung for step in ladder.steps if step.verdict is Verdict.ABSENT} == {Rung.AUTH, Rung.SCOPE}
    tried = [step for step in ladder.steps if step.verdict is Verdict.PASSED]
    assert len(tried) == 6
    assert all(step.duration_ms > 0 for step in tried)
    assert "MLLP: acknowledged with AA" in {step.says for step in tried}


@pytest.mark.parametrize(
    ("host", "code"),
    [
        pytest.param("169.254.169.254", "address_not_allowed", id="the metadata of a cloud"),
        pytest.param("nobody.invalid", "name_not_found", id="no such name"),
    ],
)
def test_where_we_may_not_go_nothing_is_sent(clinic, home, host, code):
    async def run():
        async with calling(clinic, KIND, home, host=host) as mllp:
            return await mllp.read(UPDATE), mllp.open_connections

    reading, used = asyncio.run(run())
    assert (reading.outcome, reading.code, reading.rung) == (Outcome.DNS_FAILED, code, Rung.DNS)
    assert (reading.sent_bytes, used) == (0, 0)
