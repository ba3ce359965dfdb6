"""What an acknowledgement means: a table of answers as receivers write them, and anything at all."""

from __future__ import annotations

from datetime import UTC, datetime

import hl7
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.hl7_answers import (
    ACKNOWLEDGEMENTS,
    CHARSETS,
    ERRORS,
    UNKNOWN_TYPE,
    Sent,
    header_of,
    judge_ack,
    rung_of_ack,
)
from models.reading import Outcome, Rung

ID = b"HEAL0123456789ABCDEF"
SENT = Sent(ID)
CANARY = "CANARY-Smith-000-12-3456"
PATIENT = f"PID|1||{CANARY}^^^X^MR||{CANARY}^{CANARY}"


def ack(msa: str, *more: str, msh: str = "20260303150000+0000||ACK^A08^ACK|77|P|2.5.1") -> bytes:
    """An answer with this MSA (after the id's place) and these further segments."""
    return "\r".join((f"MSH|^~\\&|CLINIC|PRACTICE|HEAL||{msh}", msa, *more, "")).encode()


def said(code: str, *more: str, **changes: str) -> bytes:
    return ack(f"MSA|{code}|{ID.decode()}|{CANARY}", *more, **changes)


@pytest.mark.parametrize(
    ("answer", "outcome", "code", "rung"),
    [
        pytest.param(said("AA"), Outcome.OK, None, Rung.READ, id="AA"),
        pytest.param(said("CA"), Outcome.OK, "commit_accept", Rung.READ, id="CA: kept, not landed"),
        pytest.param(said("AE"), Outcome.SERVER_ERROR, "application_error", Rung.READ, id="AE and no number"),
        pytest.param(said("AR"), Outcome.CLIENT_ERROR, "application_reject", Rung.READ, id="AR and no number"),
        pytest.param(said("CE"), Outcome.SERVER_ERROR, "commit_error", Rung.READ, id="CE"),
        pytest.param(said("CR"), Outcome.CLIENT_ERROR, "commit_reject", Rung.READ, id="CR"),
        pytest.param(
            said("AE", f"ERR||PID^1^3|207^{CANARY}^HL70357|E||{CANARY}|{CANARY}|{CANARY}"),
            Outcome.SERVER_ERROR,
            "application_internal_error",
            Rung.READ,
            id="ERR-3, as from version 2.5 on",
        ),
        pytest.param(
            said("AE", f"ERR|PID^1^3^206&{CANARY}&HL70357"),
            Outcome.SERVER_ERROR,
            "record_locked",
            Rung.READ,
            id="ERR-1, as before version 2.5",
        ),
        pytest.param(
            said("AR", "ERR|^^^201&Unsupported event code&HL70357"),
            Outcome.CLIENT_ERROR,
            "unsupported_event_code",
            Rung.SCOPE,
            id="ERR-1 without a place",
        ),
        pytest.param(
            ack(f"MSA|AE|{ID.decode()}||||205^Duplicate^HL70357"),
            Outcome.CLIENT_ERROR,
            "duplicate_key",
            Rung.READ,
            id="MSA-6, as in version 2.3",
        ),
        pytest.param(
            said("AR", "ERR||MSH^1^9|200|E"), Outcome.CLIENT_ERROR, "unsupported_message_type", Rung.SCOPE, id="200"
        ),
        pytest.param(
            said("AE", "ERR|||0^Message accepted^HL70357|I", "ERR|||101|E"),
            Outcome.CLIENT_ERROR,
            "required_field_missing",
            Rung.READ,
            id="the first ERR says that all is well, the second that it is not",
        ),
        pytest.param(
            said("AE", "ERR|||207|W", "ERR|||103|E"),
            Outcome.CLIENT_ERROR,
            "table_value_not_found",
            Rung.READ,
            id="a warning is no reason",
        ),
        pytest.param(
            said("AE", "ERR|||204^no such patient^L|E"),
            Outcome.SERVER_ERROR,
            "application_error",
            Rung.READ,
            id="a number of their own is not the standard's",
        ),
        pytest.param(
            said("AE", "ERR|||999|E"), Outcome.SERVER_ERROR, "application_error", Rung.READ, id="no such number"
        ),
        pytest.param(said("AA", "ERR|||0|I"), Outcome.OK, None, Rung.READ, id="AA and the number of success"),
        pytest.param(said("AA", "ERR|||207^x|W"), Outcome.OK, None, Rung.READ, id="AA with a warning"),
        pytest.param(
            said("AA", "ERR|||207^x|E"), Outcome.SEMANTIC, "accepted_with_error", Rung.SEMANTIC, id="AA with an error"
        ),
        pytest.param(
            ack("MSA|AA|SOMEBODY-ELSE"), Outcome.SEMANTIC, "ack_for_another_message", Rung.SEMANTIC, id="another's id"
        ),
        pytest.param(
            ack("MSA|AR|SOMEBODY-ELSE", "ERR|||207|E"),
            Outcome.SEMANTIC,
            "ack_for_another_message",
            Rung.SEMANTIC,
            id="another's refusal",
        ),
        pytest.param(ack("MSA|AA|"), Outcome.SEMANTIC, "ack_without_id", Rung.SEMANTIC, id="no id"),
        pytest.param(ack("MSA|AA"), Outcome.SEMANTIC, "ack_without_id", Rung.SEMANTIC, id="a cut MSA"),
        pytest.param(said("XX"), Outcome.MALFORMED, "not_an_ack", Rung.HTTP, id="no such code"),
        pytest.param(said("aa"), Outcome.MALFORMED, "not_an_ack", Rung.HTTP, id="small letters"),
        pytest.param(ack(PATIENT), Outcome.MALFORMED, "not_an_ack", Rung.HTTP, id="a message and no answer"),
        pytest.param(b"", Outcome.MALFORMED, "not_hl7", Rung.HTTP, id="nothing"),
        pytest.param(b"OK", Outcome.MALFORMED, "not_hl7", Rung.HTTP, id="a word"),
        pytest.param(b"<html>" + CANARY.encode(), Outcome.MALFORMED, "not_hl7", Rung.HTTP, id="a page"),
        pytest.param(b"MSH", Outcome.MALFORMED, "not_hl7", Rung.HTTP, id="a header without anything"),
        pytest.param(b"FHS|^~\\&|x\rBHS|^~\\&|x\r", Outcome.MALFORMED, "not_hl7", Rung.HTTP, id="a batch"),
        pytest.param(said("AA").replace(b"\r", b"\n"), Outcome.OK, None, Rung.READ, id="segments that end with LF"),
        pytest.param(said("AA").replace(b"|", b"#"), Outcome.OK, None, Rung.READ, id="another separator"),
        pytest.param(said("AA").rstrip(b"\r"), Outcome.OK, None, Rung.READ, id="the last segment without its CR"),
        pytest.param(
            said("AA", msh="20260303||RSP^K22^RSP_K21|9|P|2.5"), Outcome.OK, None, Rung.READ, id="the answer to a query"
        ),
    ],
)
def test_an_answer_means_what_the_table_says(answer, outcome, code, rung):
    judged = judge_ack(answer, SENT)
    assert (judged.outcome, judged.code, rung_of_ack(judged)) == (outcome, code, rung)
    assert judged.records == (1 if outcome is Outcome.OK else None)
    assert CANARY not in f"{judged!r}{judged.content!r}{judged.model_dump(exclude={'content'})}"


RETRIED = {206, 207}  # catalogue, S28: a lock and an internal error pass


@pytest.mark.parametrize("number", [pytest.param(number, id=str(number)) for number in ERRORS])
@pytest.mark.parametrize("code", ["AE", "AR"])
def test_only_trouble_of_the_receiver_is_worth_a_retry(number, code):
    judged = judge_ack(said(code, f"ERR|||{number}^text^HL70357|E"), SENT)
    assert judged.outcome.worth_retrying is (number in RETRIED)
    assert judged.code == ERRORS[number][1]


@pytest.mark.parametrize(
    ("expects", "header", "text", "code"),
    [
        pytest.param({"version": "2.5.1"}, "2.5.1", "", None, id="the version that was asked for"),
        pytest.param({"version": "2.5.1"}, "2.3", "", "unexpected_version", id="another version"),
        pytest.param({}, "2.3", "", None, id="any version will do"),
        pytest.param({"charset": "UNICODE UTF-8"}, "2.5.1", "ü", None, id="the charset that was asked for"),
        pytest.param({"charset": "ASCII"}, "2.5.1", "ü", "wrong_charset", id="letters that it does not have"),
        pytest.param({"charset": "ASCII"}, "2.5.1||||||UNICODE UTF-8", "ü", None, id="the answer says which it is"),
        pytest.param({}, "2.5.1||||||ASCII", "ü", "wrong_charset", id="it says so and is not"),
        pytest.param({}, "2.5.1||||||EBCDIC", "ü", None, id="a charset that we do not know"),
        pytest.param({}, "2.5.1", "ü", None, id="nobody said anything"),
    ],
)
def test_an_answer_that_accepts_must_be_written_as_was_agreed(expects, header, text, code):
    answer = ack(f"MSA|AA|{ID.decode()}|{text}", msh=f"20260303||ACK|77|P|{header}")
    judged = judge_ack(answer, Sent(ID, **expects))
    assert judged.code == code
    assert judged.outcome is (Outcome.SEMANTIC if code else Outcome.OK)


@pytest.mark.parametrize(
    ("written", "at"),
    [
        pytest.param("20260303150000+0000", datetime(2026, 3, 3, 15, tzinfo=UTC), id="UTC"),
        pytest.param("20260303100000.1234-0500", datetime(2026, 3, 3, 15, tzinfo=UTC), id="with fractions, elsewhere"),
        pytest.param("20260303150000", None, id="local, and nobody knows whose"),
        pytest.param("20260303+0000", None, id="a day"),
        pytest.param("20261303150000+0000", None, id="no such month"),
        pytest.param("00010101000000+2300", None, id="before all years"),
        pytest.param("20260303150000+9900", None, id="no such offset"),
    ],
)
def test_a_time_is_an_instant_only_with_its_offset(written, at):
    assert header_of(ack("MSA|AA|1", msh=f"{written}||ACK|77|P|2.5.1")).said_at == at


@pytest.mark.parametrize(
    ("written", "operation"),
    [
        pytest.param("ADT^A08^ADT_A01", "ADT.A08", id="three parts"),
        pytest.param("ADT^A08", "ADT.A08", id="two parts"),
        pytest.param("ACK", "ACK", id="one part"),
        pytest.param("ZQR^Z01", "ZQR.Z01", id="their own"),
        pytest.param(f"{CANARY}^A08", UNKNOWN_TYPE, id="a patient where the type belongs"),
        pytest.param("ADT^A08X", UNKNOWN_TYPE, id="an event too long"),
        pytest.param("", UNKNOWN_TYPE, id="nothing"),
    ],
)
def test_a_message_is_called_by_its_type_and_event(written, operation):
    header = header_of(f"MSH|^~\\&|A|B|C|D|20260303||{written}|{CANARY}|P|2.5.1\r{PATIENT}\r".encode())
    assert header.message_type == operation
    assert header.control_id == CANARY.encode()
    assert (header.acknowledgement, header.answers) == (None, b"")
    assert CANARY not in repr(header)


def test_the_fields_are_those_that_an_independent_parser_finds():
    answer = said("AE", "ERR||PID^1^3|207^x^HL70357|E", msh="20260303||ADT^A08|X77|P|2.4|||AL|NE||UNICODE UTF-8")
    judge, header = hl7.parse(answer.decode()), header_of(answer)
    assert header.control_id.decode() == str(judge["MSH"][0][10])
    assert header.version == str(judge["MSH"][0][12])
    assert header.charset == str(judge["MSH"][0][18])
    assert header.wants_receipt is (str(judge["MSH"][0][15]) == "AL") is True
    assert header.acknowledgement == str(judge["MSA"][0][1])
    assert header.answers.decode() == str(judge["MSA"][0][2])
    assert str(header.error) == str(judge["ERR"][0][3][0][0])


plain = st.text(
    st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="|^~\\&"), min_size=1, max_size=12
)


@given(plain, plain, st.sampled_from(sorted(ACKNOWLEDGEMENTS)), st.sampled_from([None, *ERRORS]), plain)
def test_whatever_stands_around_the_codes_an_independent_parser_agrees(control_id, answers, code, number, text):
    error = [] if number is None else [f"ERR|||{number}^{text}|E|{text}"]
    answer = ack(f"MSA|{code}|{answers}|{text}", *error, msh=f"20260303||ACK|{control_id}|P|2.5.1")
    judge, header = hl7.parse(answer.decode()), header_of(answer)
    assert (header.control_id.decode(), header.answers.decode()) == (
        str(judge["MSH"][0][10]).strip(),
        str(judge["MSA"][0][2]).strip(),
    )
    assert (header.acknowledgement, header.error) == (code, number)


pieces = st.sampled_from(
    [
        b"MSH",
        b"MSA",
        b"ERR",
        b"|",
        b"^",
        b"~",
        b"&",
        b"\\",
        b"\r",
        b"\n",
        b"AA",
        b"AE",
        ID,
        b"207",
        b"\xff",
        b"\x00",
        b" ",
    ]
)


@given(st.lists(pieces, max_size=60).map(b"".join) | st.binary(max_size=300))
def test_nothing_that_a_peer_sends_raises(data):
    for message in (data, b"MSH|^~\\&" + data, said("AA") + data):
        judged = judge_ack(message, SENT)
        assert judged.outcome in Outcome
        assert header_of(message) is None or judged.content is not None


@pytest.mark.parametrize("byte", [b"|", b"^", b"~", b"&", b"\r", b"x", b"\xff"])
def test_a_mebibyte_of_anything_costs_no_more_than_a_few(byte):
    import tracemalloc  # noqa: PLC0415 - only here

    filler = said("AE") + b"ERR|" + byte * (1 << 20)
    tracemalloc.start()
    try:
        judged = judge_ack(filler, SENT)
        used = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert judged.outcome is Outcome.SERVER_ERROR
    assert used < 8 << 20


def test_every_charset_is_one_that_python_has():
    for name in CHARSETS.values():
        assert "ASCII".encode(name).decode(name) == "ASCII"
