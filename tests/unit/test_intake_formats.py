"""Formats of traffic: what each line comes to, what is turned down and why, and that nothing breaks a parser."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.catalogue import load, names
from models.delivery import Delivery
from models.gauge import Gauge
from models.hl7_answers import Sent, judge_ack, rung_of_ack
from models.intake import access_log, json_lines, mllp, nginx_json, x12
from models.intake._batch import DELIVERY, EPOCH, GAUGE, READING
from models.reading import Reading
from tasks.intake.lines import normal
from tests.builders import EPIC
from tests.traffic import CANARIES, NOW, a_call, a_door, an_access

FORMATS = names("models.intake")
HOUR_AGO = NOW - timedelta(hours=1)


def nouns(batch):
    """Every row as the noun that it stands for: one that is not valid fails here."""
    tables = ((Reading, READING, batch.readings), (Delivery, DELIVERY, batch.deliveries), (Gauge, GAUGE, batch.gauges))
    return [noun(**told(columns, row)) for noun, columns, rows in tables for row in rows]


def told(columns, row):
    named = dict(zip(columns, row, strict=True))
    return {
        k: EPOCH + timedelta(microseconds=v) if k in {"observed_at", "newest_at"} and v else v for k, v in named.items()
    }


def only(room, line, **door):
    batch = room.parse([line], a_door(**door))
    assert batch.refused == []
    (noun,) = nouns(batch)
    return noun


def refusal(room, line, **door):
    batch = room.parse([line], a_door(**door))
    assert batch.rows == 0
    ((place, reason),) = batch.refused
    assert place == 0
    return reason


# --- our own records -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, {"operation": "Patient.search", "resource": "Patient", "outcome": "ok"}, id="by its URL"),
        pytest.param({"url": "/R4/Patient/eX7"}, {"operation": "Patient.read"}, id="one patient"),
        pytest.param({"url": None, "operation": "Appointment.search"}, {"component": "Appointment API"}, id="declared"),
        pytest.param({"operation": "SaveAppointment"}, {"operation": "SaveAppointment"}, id="a word of ours"),
        pytest.param({"operation": "JohnSmith"}, {"operation": "other", "component": "other"}, id="a name is no word"),
        pytest.param({"location": "main-street"}, {"location": "main-street"}, id="a declared site"),
        pytest.param({"location": "smith-john"}, {"location": None}, id="a site that is not declared"),
        pytest.param({"status": 503}, {"outcome": "server_error", "rung": "http", "status": 503}, id="a 503"),
        pytest.param({"status": 429}, {"outcome": "throttled"}, id="throttled"),
        pytest.param({"status": 499}, {"outcome": "timeout", "code": "client_closed"}, id="our client gave up"),
        pytest.param(
            {"status": None, "outcome": "timeout", "code": "pool_timeout"},
            {"outcome": "timeout", "code": "pool_timeout", "rung": "http", "status": None},
            id="no answer",
        ),
        pytest.param({"status": None, "outcome": "dns_failed"}, {"rung": "dns"}, id="no name"),
        pytest.param({"code": "Smith"}, {"code": None}, id="a code on no list"),
        pytest.param(
            {"direction": "out", "records": 3, "attempts": 2}, {"direction": "out", "records": 3}, id="figures"
        ),
        pytest.param({"at": HOUR_AGO.timestamp()}, {"observed_at": HOUR_AGO}, id="seconds since 1970"),
        pytest.param({"at": "2026-11-23T06:00:00-05:00"}, {"observed_at": HOUR_AGO}, id="with its zone"),
        pytest.param(
            {"newest_at": "2026-11-23T10:59:00Z"}, {"newest_at": HOUR_AGO - timedelta(minutes=1)}, id="newest"
        ),
        pytest.param(
            {"patient": CANARIES[0], "body": {"a": [1]}}, {"outcome": "ok"}, id="unknown keys are not looked at"
        ),
    ],
)
def test_a_call_becomes_a_reading(changes, expected):
    reading = only(json_lines, a_call(**changes))
    assert reading.source == "traffic"
    assert {name: getattr(reading, name) for name in expected} == expected


def a_record(**record):
    return json.dumps({"at": HOUR_AGO.isoformat(), "integration": EPIC, **record})


@pytest.mark.parametrize("step", ["accepted", "landed", "refused"])
def test_a_step_of_a_write_carries_a_pseudonym_and_not_its_key(step):
    line = a_record(type=step, operation="Appointment.create", key=CANARIES[0])
    delivery = only(json_lines, line, pseudonym=lambda value: "0123456789abcdef" if value.endswith(CANARIES[0]) else "")
    assert (delivery.step, delivery.operation, delivery.resource) == (step, "Appointment.create", "Appointment")
    assert delivery.key == "0123456789abcdef"


def test_a_heartbeat_is_a_reading_of_its_own_source():
    reading = only(json_lines, a_record(type="heartbeat", bridge="front-desk"))
    assert (reading.source, reading.operation, reading.component) == ("heartbeat", "Bridge.beat", "front-desk")


def test_a_gauge_and_a_cursor_become_samples():
    gauge = only(json_lines, a_record(type="gauge", metric="queue_depth", value=7, subject="outbound"))
    assert (gauge.metric, gauge.value, gauge.subject) == ("queue_depth", 7.0, "outbound")
    line = a_record(type="cursor", feed="appointments", position="2026-11-23T10:00:00Z", lag_s=3600, backlog=4)
    samples = nouns(json_lines.parse([line], a_door()))
    assert [(one.metric, one.value, one.unit) for one in samples] == [
        ("cursor_position", datetime.fromisoformat("2026-11-23T10:00:00Z").timestamp(), "seconds"),
        ("cursor_lag_s", 3600.0, "seconds"),
        ("backlog", 4.0, ""),
    ]
    assert {one.subject for one in samples} == {"appointments"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param("garbage", "not_json", id="no JSON"),
        pytest.param("{} {}", "not_json", id="two values"),
        pytest.param('{"a": NaN}', "not_json", id="NaN"),
        pytest.param("[" * 30_000, "not_json", id="nested without end"),
        pytest.param("1" * 5_000, "not_json", id="an endless number"),
        pytest.param("[1]", "not_an_object", id="a list"),
        pytest.param('{"a":"\x00"}', "not_json", id="a NUL"),
        pytest.param("{}", "bad_time", id="nothing in it"),
        pytest.param(a_call(integration="elsewhere"), "unknown_integration", id="an unknown integration"),
        pytest.param(a_call(integration=["a"]), "bad_record", id="a list where a word must stand"),
        pytest.param(a_call(type="transfer"), "bad_record", id="no such type"),
        pytest.param(a_call(at="2026-11-23T06:00:00"), "no_time_zone", id="no zone"),
        pytest.param(a_call(at="yesterday"), "bad_time", id="no time"),
        pytest.param(a_call(at=True), "bad_time", id="a truth is no time"),
        pytest.param(a_call(at="2024-11-23T06:00:00Z"), "too_old", id="two years ago"),
        pytest.param(a_call(at="2027-01-01T06:00:00Z"), "in_the_future", id="ahead"),
        pytest.param(a_call(status=None), "no_outcome", id="neither status nor outcome"),
        pytest.param(a_call(status=99), "bad_status", id="no such status"),
        pytest.param(a_call(status="200"), "bad_status", id="a status in quotes"),
        pytest.param(a_call(outcome="dead"), "bad_outcome", id="no such outcome"),
        pytest.param(a_call(latency_ms=-1), "bad_latency_ms", id="a negative duration"),
        pytest.param(a_call(latency_ms=1e300), "bad_latency_ms", id="an endless duration"),
        pytest.param(a_call(received_bytes=True), "bad_received_bytes", id="a truth is no count"),
        pytest.param(a_call(direction="up"), "bad_record", id="no such direction"),
        pytest.param(a_record(type="accepted", operation="Appointment.create"), "no_key", id="a write without a key"),
        pytest.param(a_record(type="heartbeat", bridge="smith"), "unknown_word", id="an undeclared bridge"),
        pytest.param(a_record(type="gauge", metric="smith", value=1), "unknown_word", id="an undeclared series"),
        pytest.param(a_record(type="gauge", metric="backlog", value="1"), "bad_value", id="a value in quotes"),
        pytest.param(a_record(type="cursor", feed="appointments"), "nothing_told", id="a cursor that tells nothing"),
    ],
)
def test_a_record_that_cannot_be_used_is_turned_down_with_a_reason(line, reason):
    assert refusal(json_lines, line) == reason


# --- access logs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(
            an_access(), {"operation": "Patient.read", "status": 200, "latency_ms": 120.0}, id="nginx, with its time"
        ),
        pytest.param(an_access(rest=' "-" "ua"'), {"latency_ms": None}, id="combined"),
        pytest.param(an_access(rest=""), {"operation": "Patient.read"}, id="common"),
        pytest.param(an_access(rest=' "-" "ua" D=250000'), {"latency_ms": 250.0}, id="Apache, with its time"),
        pytest.param(an_access(rest=' "-" "a \\" b" 0.007'), {"latency_ms": 7.0}, id="a quote in the agent"),
        pytest.param(an_access(target="/x/y?a=b"), {"operation": "other", "resource": None}, id="nothing known in it"),
        pytest.param(an_access(status=502), {"outcome": "server_error"}, id="a 502"),
        pytest.param(
            an_access(7), {"received_bytes": 7, "observed_at": HOUR_AGO + timedelta(seconds=7)}, id="size and time"
        ),
    ],
)
def test_a_line_of_an_access_log_becomes_a_reading(line, expected):
    reading = only(access_log, line)
    assert {name: getattr(reading, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param("hello", "not_this_format", id="another line"),
        pytest.param(an_access().replace("Nov", "Smi"), "bad_time", id="no month"),
        pytest.param(an_access().replace("23/Nov", "31/Nov"), "bad_time", id="no such day"),
        pytest.param(an_access(status=999), "bad_status", id="no such status"),
        pytest.param("a" * 60_000, "not_this_format", id="long"),
        pytest.param("1 - - [" + "[" * 60_000, "not_this_format", id="long and nested"),
        pytest.param(an_access(rest=' "' + '\\"' * 30_000), "not_this_format", id="a quote without end"),
    ],
)
def test_a_line_that_is_none_of_an_access_log_is_turned_down(line, reason):
    assert refusal(access_log, line) == reason


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        pytest.param(
            {
                "time": HOUR_AGO.isoformat(),
                "request": "GET /R4/Patient/eX HTTP/1.1",
                "status": "200",
                "request_time": "0.120",
            },
            {"operation": "Patient.read", "latency_ms": 120.0, "observed_at": HOUR_AGO},
            id="as nginx writes it",
        ),
        pytest.param(
            {"msec": f"{HOUR_AGO.timestamp():.3f}", "request_method": "POST", "uri": "/R4/Appointment", "status": 201},
            {"operation": "Appointment.create", "observed_at": HOUR_AGO, "latency_ms": None},
            id="by parts",
        ),
        pytest.param(
            {"time": HOUR_AGO.isoformat(), "path": "/token", "status": 500, "upstream_response_time": "0.100, 0.250"},
            {"operation": "Token.request", "latency_ms": 250.0, "outcome": "server_error"},
            id="two upstreams",
        ),
        pytest.param(
            {"time": HOUR_AGO.isoformat(), "path": "/x", "status": 200, "request_time": "-", "body_bytes_sent": "42"},
            {"operation": "other", "latency_ms": None, "received_bytes": 42},
            id="no time was measured",
        ),
    ],
)
def test_a_line_of_nginx_as_json_becomes_a_reading(record, expected):
    reading = only(nginx_json, json.dumps(record))
    assert {name: getattr(reading, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        pytest.param({"status": 200, "path": "/x"}, "bad_time", id="no time"),
        pytest.param({"time": HOUR_AGO.isoformat(), "path": "/x"}, "bad_status", id="no status"),
        pytest.param({"time": HOUR_AGO.isoformat(), "status": "OK", "path": "/x"}, "bad_status", id="a word"),
        pytest.param({"time": HOUR_AGO.isoformat(), "status": 200}, "no_request", id="no request"),
        pytest.param({"time": {"a": 1}, "status": 200, "path": "/x"}, "bad_time", id="an object"),
        pytest.param(
            {"time": HOUR_AGO.isoformat(), "status": 200, "path": "/x", "request_time": "nan"}, "bad_duration", id="NaN"
        ),
    ],
)
def test_a_line_of_nginx_as_json_that_cannot_be_used_is_turned_down(record, reason):
    assert refusal(nginx_json, json.dumps(record)) == reason


# --- HL7 v2 over MLLP ------------------------------------------------------------------------------------------------


def sent(number, at="2026-11-23T11:00:00Z", kind="ADT^A08", word="SENT"):
    return f"{at} {word}\nMSH|^~\\&|HEAL|A|PMS|A|20261123060000||{kind}|{number}|P|2.5\rPID|1||{CANARIES[0]}^^^A||Smith^John\n"  # noqa: E501  # a row of a table


def acknowledged(number, at="2026-11-23T11:00:00.060Z", code="AA"):
    return f"{at} RECEIVED\nMSH|^~\\&|PMS|A|HEAL|A|20261123060000||ACK^A08|9{number}|P|2.5\rMSA|{code}|{number}|{CANARIES[1]}\n"  # noqa: E501  # a row of a table


def of_trace(text, **door):
    lines = normal(text.encode(), mllp.BREAKS).decode().split("\n")
    return mllp.parse(lines, a_door(**door))


def test_a_message_and_its_acknowledgement_are_one_reading():
    (reading,) = nouns(of_trace(sent(1) + acknowledged(1)))
    assert (reading.operation, reading.resource, reading.direction) == ("ADT.A08", "ADT", "out")
    assert (reading.outcome, reading.latency_ms, reading.observed_at) == ("ok", 60.0, HOUR_AGO)


ANSWERED = [
    pytest.param("AA", (), "ok", None, "read", id="AA"),
    pytest.param("CA", (), "ok", "commit_accept", "read", id="CA"),
    pytest.param("AE", (), "server_error", "application_error", "read", id="AE"),
    pytest.param("CE", (), "server_error", "commit_error", "read", id="CE"),
    pytest.param("AR", (), "client_error", "application_reject", "read", id="AR"),
    pytest.param("CR", (), "client_error", "commit_reject", "read", id="CR"),
    pytest.param("AE", ("ERR|||207^x^HL70357|E",), "server_error", "application_internal_error", "read", id="207"),
    pytest.param("AR", ("ERR|^^^201&x&HL70357",), "client_error", "unsupported_event_code", "scope", id="201"),
    pytest.param("AE", ("ERR|||204^x^L|E",), "server_error", "application_error", "read", id="a number of their own"),
    pytest.param("AA", ("ERR|||207|E",), "semantic", "accepted_with_error", "semantic", id="AA with an error"),
]


@pytest.mark.parametrize(("code", "more", "outcome", "machine_code", "rung"), ANSWERED)
def test_an_acknowledgement_means_the_same_in_a_trace_as_to_a_probe(code, more, outcome, machine_code, rung):
    answer = acknowledged(1, code=code).rstrip("\n") + "".join(f"\r{segment}" for segment in more)
    probed = judge_ack(answer.split("\n", 1)[1].encode(), Sent(b"1"))
    (reading,) = nouns(of_trace(f"{sent(1)}{answer}\n"))
    assert (reading.outcome, reading.code, reading.rung) == (outcome, machine_code, rung)
    assert (probed.outcome, probed.code, rung_of_ack(probed)) == (outcome, machine_code, rung)


def test_an_acknowledgement_that_does_not_say_of_what_is_no_good_answer():
    unclear = nouns(of_trace(acknowledged("").replace("|9|P", "|91|P")))
    assert [(one.outcome, one.code) for one in unclear] == [("semantic", "ack_without_id")]


@pytest.mark.parametrize(
    "trace",
    [
        pytest.param(sent(1) + sent(2) + acknowledged(2) + acknowledged(1), id="answers in another order"),
        pytest.param(f"2026-11-23T11:00:00Z SENT \x0b{sent(1).split(chr(10))[1]}\x1c\r" + acknowledged(1), id="framed"),
        pytest.param(sent(1).replace("\r", "\n") + "\n" + acknowledged(1).replace("\r", "\n"), id="as Mirth shows it"),
        pytest.param(sent(1).split("\n", 1)[1] + acknowledged(1).split("\n", 1)[1], id="by the messages' own times"),
    ],
)
def test_traces_may_be_written_in_several_ways(trace):
    readings = nouns(of_trace(trace))
    assert {(reading.operation, reading.outcome) for reading in readings} == {("ADT.A08", "ok")}
    assert {reading.observed_at for reading in readings} <= {HOUR_AGO, HOUR_AGO.replace(hour=11)}


def test_nobody_answers():
    (reading,) = nouns(of_trace(sent(1, word="RECEIVED")))
    assert (reading.outcome, reading.code, reading.latency_ms, reading.direction) == ("timeout", "no_ack", None, "in")


def test_a_message_waits_for_its_answer_from_one_batch_to_the_next():
    first = of_trace(sent(1) + sent(2), is_last=False)
    assert first.readings == []
    assert first.consumed < len((sent(1) + sent(2)).split("\n"))  # the last message may go on
    assert len(first.carried) == 1
    second = of_trace(sent(2) + acknowledged(1), carried=first.carried)
    assert {(one.outcome, one.code) for one in nouns(second)} == {("ok", None), ("timeout", "no_ack")}


def test_an_answer_to_nothing_that_is_known_stands_for_itself():
    (reading,) = nouns(of_trace(acknowledged(1)))
    assert (reading.operation, reading.latency_ms) == ("ACK.A08", None)


@pytest.mark.parametrize(
    ("trace", "reason"),
    [
        pytest.param("hello\n", "no_header", id="no message"),
        pytest.param("MSH|^~\\&|A\n", "short_header", id="half a header"),
        pytest.param(sent(1, at="2026-11-23T11:00:00"), "no_time_zone", id="no zone"),
        pytest.param(acknowledged(1, code="ZZ"), "bad_acknowledgement", id="no such acknowledgement"),
        pytest.param(sent(1, at="2024-11-23T11:00:00Z"), "too_old", id="two years ago"),
    ],
)
def test_a_message_that_cannot_be_used_is_turned_down(trace, reason):
    batch = of_trace(trace)
    assert (batch.rows, {why for _, why in batch.refused}) == (0, {reason})


# --- X12 -------------------------------------------------------------------------------------------------------------

ISA = "ISA*00*          *00*          *ZZ*HEAL           *ZZ*PAYER          *261123*0600*^*00501*000000905*0*P*:~"


def interchange(*segments):
    lines = normal((ISA + "".join(f"{one}~\n" for one in segments) + "IEA*1*000000905~").encode(), x12.BREAKS)
    return lines.decode().split("\n")


@pytest.mark.parametrize(
    ("segments", "operation", "outcome", "code"),
    [
        pytest.param(("ST*271*0001", f"NM1*IL*1*{CANARIES[0]}", "SE*2*0001"), "X12.271", "ok", None, id="answered"),
        pytest.param(
            ("ST*271*0001", "AAA*N**75*C", "SE*2*0001"), "X12.271", "ok", None, id="no such member: an answer"
        ),
        pytest.param(
            ("ST*271*0001", "AAA*N**42*R", "SE*2*0001"), "X12.271", "server_error", "aaa_42", id="the payer cannot"
        ),
        pytest.param(("ST*271*0001", "AAA*N**41*C", "SE*2*0001"), "X12.271", "forbidden", "aaa_41", id="not allowed"),
        pytest.param(("ST*999*0001", "AK9*A*1*1*1", "SE*2*0001"), "X12.999", "ok", None, id="taken"),
        pytest.param(
            ("ST*999*0001", "IK5*E", "AK9*P*2*2*1", "SE*2*0001"),
            "X12.999",
            "partial",
            "accepted_with_errors",
            id="in part",
        ),
        pytest.param(
            ("ST*999*0001", "IK5*R", "AK9*A*1*1*1", "SE*2*0001"), "X12.999", "client_error", "rejected", id="rejected"
        ),
        pytest.param(
            ("TA1*000000905*261123*0600*R*006",), "X12.TA1", "client_error", "ta1_006", id="envelope rejected"
        ),
        pytest.param(("TA1*000000905*261123*0600*A*000",), "X12.TA1", "ok", None, id="envelope taken"),
    ],
)
def test_a_transaction_set_becomes_a_reading(segments, operation, outcome, code):
    batch = x12.parse(interchange(*segments), a_door())
    (reading,) = nouns(batch)
    assert batch.refused == []
    assert (reading.operation, reading.outcome, reading.code) == (operation, outcome, code)
    assert reading.observed_at == HOUR_AGO  # six in the morning at the practice in New York


def test_an_interchange_goes_on_in_the_next_batch():
    lines = interchange("ST*271*0001", "AAA*N**42*R", "SE*2*0001")
    first = x12.parse(lines[:3], a_door(is_last=False))
    second = x12.parse(lines[3:], a_door(carried=first.carried))
    assert first.readings == []
    assert [reading.code for reading in nouns(second)] == ["aaa_42"]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        pytest.param(["ST*271*0001"], "outside_an_interchange", id="no envelope"),
        pytest.param(["ISA*00"], "short_header", id="half an envelope"),
        pytest.param([*interchange()[:1], "ST*Smith*0001"], "unknown_set", id="no such set"),
        pytest.param([*interchange()[:1], "SE*2*0001"], "outside_a_set", id="an end without a beginning"),
        pytest.param([ISA.replace("261123", "269923").rstrip("~")], "bad_time", id="no such day"),
    ],
)
def test_a_segment_that_cannot_be_used_is_turned_down(lines, reason):
    batch = x12.parse(lines, a_door())
    assert {why for _, why in batch.refused} == {reason}


# --- all formats -----------------------------------------------------------------------------------------------------

EXAMPLES = {
    "json_lines": [a_call(), a_record(type="accepted", operation="Appointment.create", key="k")],
    "access_log": [an_access()],
    "nginx_json": [json.dumps({"time": HOUR_AGO.isoformat(), "path": "/R4/Patient/eX", "status": 200})],
    "mllp": (sent(1) + acknowledged(1)).replace("\r", "\n").split("\n"),
    "x12": interchange("ST*271*0001", "AAA*N**42*R", "SE*2*0001"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_likes_its_own_lines_and_no_other(name):
    liked = {
        other for other in FORMATS if any(load("models.intake", name).looks_like(line) for line in EXAMPLES[other])
    }
    assert liked == {name}


@pytest.mark.parametrize("name", FORMATS)
def test_lines_of_nobody_are_turned_down(name):
    batch = load("models.intake", name).parse(EXAMPLES[name], a_door(known={}))
    assert batch.rows == 0
    assert {why for _, why in batch.refused} == {"unknown_integration"}


damaged = st.builds(
    lambda line, at, junk: line[:at] + junk + line[at + len(junk) // 2 :],
    st.sampled_from([line for lines in EXAMPLES.values() for line in lines]),
    st.integers(0, 200),
    st.text(max_size=12) | st.sampled_from([*CANARIES, "|", "~", "^", '"', "\\", "{", "\x00", "9" * 400]),
)


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=60)
@given(lines=st.lists(damaged | st.text(max_size=60), max_size=8), is_last=st.booleans())
def test_no_line_breaks_a_parser_and_every_row_is_valid(name, lines, is_last):
    room = load("models.intake", name)
    batch = room.parse(lines, a_door(is_last=is_last))
    nouns(batch)
    assert 0 <= batch.consumed <= len(lines)
    assert all(0 <= place < len(lines) for place, _ in batch.refused)
    for line in lines:
        room.looks_like(line)


@pytest.mark.parametrize("name", FORMATS)
def test_no_identifier_passes_a_format(name):
    marked = [
        line.replace("eX7", c).replace("eX", c).replace('"k"', f'"{c}"') for line in EXAMPLES[name] for c in CANARIES
    ]
    shown = repr(nouns(load("models.intake", name).parse(marked, a_door())))
    assert [canary for canary in CANARIES if canary in shown] == []
