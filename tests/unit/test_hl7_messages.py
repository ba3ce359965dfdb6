"""The messages that we send: well-formed, made up for everybody to see, and as the settings say."""

from __future__ import annotations

from datetime import UTC, datetime

import hl7
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.hl7_answers import CHARSETS, header_of
from models.hl7_messages import DEFAULT_MESSAGES, SEGMENT, Envelope, Message, Mode, composed, receipt
from models.reading import Direction

NOW = datetime(2026, 3, 3, 15, tzinfo=UTC)
ID = "HEAL0123456789ABCDEF"
KINDS = [pytest.param(name, id=name) for name in DEFAULT_MESSAGES]


@pytest.mark.parametrize("name", KINDS)
def test_a_default_message_is_what_an_independent_parser_takes_for_it(name):
    message = DEFAULT_MESSAGES[name]
    sent = composed(message, Envelope(receiving_application="EHR", processing_id="P"), ID, NOW)
    parsed = hl7.parse(sent.decode("ascii"))
    head = parsed.segment("MSH")
    assert str(head(9)) == message.type
    assert [str(head(number)) for number in (3, 5, 7, 10, 11, 12)] == [
        *("HEAL", "EHR", "20260303150000+0000", ID, "P", "2.5.1"),
    ]
    assert [str(segment(0)) for segment in parsed] == ["MSH", *(segment[:3] for segment in message.segments)]
    assert sent.endswith(b"\r")
    assert b"\n" not in sent
    assert b"{" not in sent  # every blank is filled in


@pytest.mark.parametrize("name", KINDS)
def test_whoever_is_in_a_default_message_is_made_up_and_nobody_is_in_the_harmless_one(name):
    message = DEFAULT_MESSAGES[name]
    patients = [segment for segment in message.segments if segment.startswith("PID")]
    assert message.writes is bool(patients)
    assert message.direction is (Direction.OUT if message.writes else Direction.IN)
    for patient in patients:
        assert "TEST" in patient.split("|")[3]
        assert patient.split("|")[5].startswith("ZZTEST^")


@pytest.mark.parametrize(
    ("mode", "asked"),
    [
        pytest.param(Mode.ORIGINAL, ("", ""), id="one answer"),
        pytest.param(Mode.ENHANCED, ("AL", "AL"), id="two answers"),
        pytest.param(Mode.COMMIT, ("AL", "NE"), id="the first alone"),
    ],
)
def test_the_header_asks_for_the_acknowledgements_that_are_expected(mode, asked):
    sent = composed(DEFAULT_MESSAGES["Echo"], Envelope(mode=mode, charset="UNICODE UTF-8"), ID, NOW)
    head = hl7.parse(sent.decode("utf-8")).segment("MSH")
    assert (str(head(15)), str(head(16)), str(head(18))) == (*asked, "UNICODE UTF-8")


@pytest.mark.parametrize("charset", [None, *CHARSETS])
def test_a_message_is_written_in_the_charset_that_its_header_names(charset):
    message = Message(type="ADT^A08", segments=("PID|1||T^Müller" if charset not in {None, "ASCII"} else "PID|1",))
    sent = composed(message, Envelope(charset=charset), ID, NOW)
    assert header_of(sent).charset == charset
    assert sent.decode(CHARSETS[charset or "ASCII"]).endswith("Müller\r" if "M" in message.segments[0] else "PID|1\r")


def test_a_template_with_letters_that_the_charset_lacks_is_known_before_it_is_sent():
    message = Message(type="ADT^A08", segments=("PID|1||T^Łukasz",))
    assert [message.is_written_in(charset) for charset in (None, "8859/1", "8859/2", "UNICODE UTF-8")] == [
        *(False, False, True, True),
    ]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"segments": ["MSH|^~\\&|CANARY"]}, "heal writes that itself", id="a header of one's own"),
        pytest.param({"segments": ["PID|CANARY\rMSH|x"]}, "on one line", id="two segments in one"),
        pytest.param({"segments": ["PID|CANARY\x1c\r"]}, "on one line", id="the end of a frame"),
        pytest.param({"segments": ["pid|CANARY"]}, "on one line", id="small letters"),
        pytest.param({"type": "CANARY"}, "MSH-9", id="no type"),
        pytest.param({"type": "ADT^A08|CANARY"}, "MSH-9", id="a type and a field"),
    ],
)
def test_a_template_that_could_break_out_of_its_segment_is_refused_and_not_repeated(changes, says):
    with pytest.raises(ValidationError, match=says) as refused:
        Message(**{"type": "ADT^A08", "segments": ["PID|1"]} | changes)
    assert "CANARY" not in str(refused.value)


@given(st.from_regex(SEGMENT, fullmatch=True))
def test_a_segment_that_is_allowed_stays_one_segment(segment):
    message = Message(type="ADT^A08", segments=(segment,))
    sent = composed(message, Envelope(charset="UNICODE UTF-8"), ID, NOW)
    assert sent.count(b"\r") == 2
    assert not {0x0B, 0x1C, 0x0A} & set(sent)


def test_a_receipt_commits_to_the_message_that_asked_for_it():
    header = header_of(b"MSH|^~\\&|A|B|C|D|20260303||ACK|THEIR-ID|P|2.5.1|||AL\rMSA|AA|1\r")
    assert header.wants_receipt
    answer = header_of(receipt(header, Envelope(mode=Mode.ENHANCED), ID, NOW))
    assert (answer.acknowledgement, answer.answers) == ("CA", b"THEIR-ID")
    assert not answer.wants_receipt  # or the two would thank each other for ever


def test_a_message_does_not_show_who_is_in_it():
    assert "ZZTEST" not in repr(DEFAULT_MESSAGES)
