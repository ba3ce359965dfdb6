"""What sending must know of a message, from files as people have them; no error quotes one."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.hl7_messages import Envelope
from models.hl7_query import QUERY_NAME, question, word_of
from models.letter import NOBODY, fhir_letters, hl7_letters
from models.noun import Advice
from models.sending import Word
from tests.letters import CANARY, fhir, hl7
from tests.unit.test_sending import AT

ONE = hl7(1).decode()
OWN = b"HEAL01"


@pytest.mark.parametrize(
    ("written", "many"),
    [
        pytest.param(ONE, 1, id="as HL7 has it"),
        pytest.param(ONE.replace("\r", "\n"), 1, id="LF"),
        pytest.param(ONE.replace("\r", "\r\n"), 1, id="CR LF"),
        pytest.param("﻿" + ONE, 1, id="with a byte order mark"),
        pytest.param("\x0b" + ONE + "\x1c\r", 1, id="in its frame"),
        pytest.param(ONE.replace("\r", "\n") + "\n" + hl7(2).decode(), 2, id="two"),
    ],
)
def test_messages_are_read_as_people_have_them_and_sent_as_hl7(written, many):
    letters = hl7_letters(written.encode())
    assert [one.content for one in letters] == [hl7(n + 1) for n in range(many)]
    assert {one.kind for one in letters} == {"ADT.A08"}
    assert letters[0].identity == "HEAL|TEST|ID0000000001"
    assert letters[0].about == f"{CANARY}-0-1^HEAL"
    assert CANARY not in repr(letters)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        pytest.param("", "does not begin with MSH", id="nothing"),
        pytest.param(f"PID|1||{CANARY}", "does not begin with MSH", id="no header"),
        pytest.param(ONE + "\r" + ONE.replace("ID0000000001", ""), "message 2: MSH-10 is empty", id="no control id"),
        pytest.param(ONE.replace("ID0000000001", f"{CANARY} 1"), "message 1: MSH-10", id="no plain control id"),
        pytest.param(ONE.replace("ADT^A08^ADT_A01", CANARY), "message 1: MSH-9", id="no type"),
        pytest.param(ONE + "\x1c\rPID|1", "bytes that end an MLLP frame", id="a frame inside"),
        pytest.param(ONE + "NTE|" + "x" * (1 << 20), "longer than 1 MiB", id="too long"),
    ],
)
def test_a_message_that_nobody_could_ask_for_is_refused(written, says):
    with pytest.raises(Advice, match=says) as caught:
        hl7_letters(written.encode())
    assert CANARY not in str(caught.value)


def test_messages_without_a_patient_keep_their_order_among_themselves():
    assert {one.about for one in hl7_letters(ONE.replace("PID|", "ZZZ|").encode())} == {NOBODY}


@pytest.mark.parametrize(
    ("changes", "about"),
    [
        pytest.param({}, "Patient/0-1", id="a participant"),
        pytest.param({"subject": {"reference": "Patient/7"}}, "Patient/7", id="a subject"),
        pytest.param({"participant": None}, NOBODY, id="nobody"),
        pytest.param({"resourceType": "Patient"}, f"urn:test:sends|{CANARY}-0000000001", id="the patient itself"),
    ],
)
def test_a_resource_is_known_by_its_identifier_and_goes_after_those_of_its_patient(changes, about):
    resource = json.loads(fhir(1)) | changes
    (letter,) = fhir_letters(json.dumps(resource).encode())
    assert (letter.kind, letter.about) == (f"{resource['resourceType']}.create", about)
    assert letter.identity == f"{resource['resourceType']}|urn:test:sends|{CANARY}-0000000001"
    assert len(fhir_letters(fhir(1) + b"\n\n" + fhir(2) + b"\n")) == 2


@pytest.mark.parametrize(
    ("written", "says"),
    [
        pytest.param(b"", "empty", id="nothing"),
        pytest.param(CANARY.encode(), "no JSON", id="no JSON"),
        pytest.param(b"[1]", "resourceType", id="no resource"),
        pytest.param(b'{"resourceType": "Appointment"}', "resource 1: it has no `identifier`", id="no identifier"),
        pytest.param(fhir(1) + b'\n{"resourceType": 1}', "resource 2", id="the second"),
    ],
)
def test_a_resource_that_nobody_could_ask_for_is_refused(written, says):
    with pytest.raises(Advice, match=says) as caught:
        fhir_letters(written)
    assert CANARY not in str(caught.value)


@given(st.binary(max_size=200), st.sampled_from([b"", b"MSH|^~\\&|", b"{"]))
def test_anything_at_all_is_read_or_refused(tail, head):
    for read in (hl7_letters, fhir_letters):
        with suppress(Advice):
            assert read(head + tail)


def answer(*lines: str, own: bytes = OWN, code: str = "AA") -> bytes:
    msh = "MSH|^~\\&|CLINIC|PRACTICE|HEAL||20260303150000+0000||RSP^K11|9|T|2.5.1"
    return "\r".join((msh, f"MSA|{code}|{own.decode()}", *lines, "")).encode()


@pytest.mark.parametrize(
    ("said", "word"),
    [
        pytest.param(answer("QAK|HEAL01|OK||1"), Word.FOUND, id="it is there"),
        pytest.param(answer("QAK|HEAL01|NF||0"), Word.NOT_FOUND, id="it is not there"),
        pytest.param(answer("QAK|HEAL01|AE"), Word.CANNOT_KNOW, id="they cannot say"),
        pytest.param(answer("QAK|HEAL02|OK||1"), Word.CANNOT_KNOW, id="of another query"),
        pytest.param(answer(), Word.CANNOT_KNOW, id="accepted, and nothing said"),
        pytest.param(answer(code="AR"), Word.CANNOT_KNOW, id="no such query"),
        pytest.param(answer("QAK|HEAL01|OK", own=b"HEAL02"), Word.LATER, id="another's answer"),
        pytest.param(b"HTTP/1.1 400", Word.LATER, id="no HL7"),
    ],
)
def test_only_a_plain_answer_to_this_very_query_is_believed(said, word):
    assert word_of(said, OWN) is word


def test_the_question_names_the_message_and_itself():
    asks = question(b"ID0000000001", QUERY_NAME, Envelope(), OWN.decode(), AT).decode().split("\r")
    assert asks[0].split("|")[8:10] == ["QBP^Q11^QBP_Q11", "HEAL01"]
    assert asks[1] == "QPD|HEALMSG^Message by control id^HEAL|HEAL01|ID0000000001"
