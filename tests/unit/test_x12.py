"""X12 as partners send it: what is heard, what it means, and anything at all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.core_envelope import opened, sealed
from models.reading import Outcome, Rung
from models.x12 import LARGEST, MOST_SEGMENTS, Sent, read_x12
from models.x12_answers import FOLLOW_UPS, REASONS, Again, judge_inquiry
from tests.x12 import CONTROL, TRACE, a_check, an_acknowledgment, an_answer, group, interchange, isa

SENT = Sent(CONTROL, TRACE)
CANARY = "CANARY-Smith-000-12-3456"
BENEFITS = ("EB*1**30", "EB*C*IND*30***23*500", "LS*2120", "NM1*PR*2*OTHER PLAN", "LE*2120")
DEPENDENT = ("HL*4*3*23*0", "NM1*03*1*TESTMEMBER*CHILD")
FORM = {"PayloadType": "X12_271_Response_005010X279A1", "ErrorCode": "Success", "ErrorMessage": CANARY}


def judged(text: str | bytes, status: int = 200, headers: dict[str, str] | None = None):
    return judge_inquiry(status, headers or {}, text if isinstance(text, bytes) else text.encode("latin-1"), SENT)


@pytest.mark.parametrize(
    ("text", "outcome", "code", "rung", "again"),
    [
        pytest.param(an_answer(*BENEFITS), Outcome.OK, None, Rung.READ, Again.LATER, id="benefits"),
        pytest.param(an_acknowledgment(), Outcome.CLIENT_ERROR, "ta1_r_025", Rung.READ, Again.NEVER, id="TA1 R (S52)"),
        pytest.param(an_acknowledgment(note="999"), Outcome.CLIENT_ERROR, "ta1_r_other", Rung.READ, Again.NEVER,
                     id="a TA1 with a note nobody knows"),
        pytest.param(an_acknowledgment("A", "000"), Outcome.MALFORMED, "no_271", Rung.HTTP, Again.LATER,
                     id="accepted, and nothing else"),
        pytest.param(an_acknowledgment("A", "000") + an_answer(*BENEFITS), Outcome.OK, None, Rung.READ, Again.LATER,
                     id="accepted and answered"),
        pytest.param(an_acknowledgment("E", "005") + an_answer(*BENEFITS), Outcome.OK, None, Rung.READ, Again.LATER,
                     id="accepted with errors, and answered"),
        pytest.param(a_check(), Outcome.CLIENT_ERROR, "ack_999_r", Rung.READ, Again.NEVER, id="999 R (S53)"),
        pytest.param(a_check("A") + an_answer(*BENEFITS), Outcome.OK, None, Rung.READ, Again.LATER, id="999 A and 271"),
        pytest.param(an_answer(), Outcome.SEMANTIC, "no_benefits", Rung.SEMANTIC, Again.LATER, id="no benefits"),
        pytest.param(an_answer(*BENEFITS, trace="SOMEBODY"), Outcome.SEMANTIC, "trace_mismatch", Rung.SEMANTIC,
                     Again.LATER, id="somebody else's answer"),
        pytest.param(an_answer("AAA*N**75*C"), Outcome.SEMANTIC, "aaa_75_2100c", Rung.SEMANTIC, Again.NEVER,
                     id="not found (S55)"),
        pytest.param(an_answer("AAA*N**72*C", "AAA*N**73*C"), Outcome.SEMANTIC, "aaa_72_2100c", Rung.SEMANTIC,
                     Again.NEVER, id="two reasons: the first"),
        pytest.param(an_answer("AAA*Y**42*R"), Outcome.SERVER_ERROR, "aaa_42_2100c", Rung.READ, Again.LATER,
                     id="42 for one member of a batch"),
        pytest.param(an_answer(*DEPENDENT, "AAA*N**71*N"), Outcome.SEMANTIC, "aaa_71_2100d", Rung.SEMANTIC,
                     Again.NEVER, id="a dependent"),
        pytest.param(an_answer(*BENEFITS, "EB*1**AL", "AAA*N**70*C"), Outcome.PARTIAL, "aaa_70_2110c", Rung.SEMANTIC,
                     Again.NEVER, id="one service refused beside benefits"),
        pytest.param(an_answer(f"AAA*N**{CANARY}*{CANARY}"), Outcome.SEMANTIC, "aaa_other_2100c", Rung.SEMANTIC,
                     Again.NEVER, id="a reason nobody knows"),
        pytest.param(an_answer("AAA*N**ZZ*Q"), Outcome.SEMANTIC, "aaa_other_2100c", Rung.SEMANTIC, Again.NEVER,
                     id="a code nobody knows"),
        pytest.param(an_answer(*BENEFITS)[:-30], Outcome.MALFORMED, "x12_broken_off", Rung.HTTP, Again.LATER,
                     id="broken off"),
        pytest.param(an_answer(*BENEFITS).replace("SE*15*", "SE*14*"), Outcome.MALFORMED, "x12_broken_off", Rung.HTTP,
                     Again.LATER, id="a segment too many"),
        pytest.param("Dear partner, ISA is down", Outcome.MALFORMED, "not_x12", Rung.HTTP, Again.LATER, id="a letter"),
        pytest.param("<html>log in</html>", Outcome.MALFORMED, "html_page", Rung.HTTP, Again.LATER, id="a page"),
        pytest.param("", Outcome.MALFORMED, "empty_body", Rung.HTTP, Again.LATER, id="nothing"),
        pytest.param(interchange(*group("HB", "ST*277*0001", "BHT*0010")), Outcome.MALFORMED, "no_271", Rung.HTTP,
                     Again.LATER, id="another transaction"),
    ],
)  # fmt: skip
def test_an_answer_means_what_its_lowest_refusing_layer_says(text, outcome, code, rung, again):
    verdict = judged(text)
    assert (verdict.judged.outcome, verdict.judged.code, verdict.rung) == (outcome, code, rung)
    assert verdict.again is again
    assert CANARY not in repr(verdict)


@pytest.mark.parametrize(
    ("inside", "loop"),
    [
        pytest.param(("HL*1**20*1", "AAA*Y**42*R"), "2000a", id="the clearinghouse (S54)"),
        pytest.param(("HL*1**20*1", "NM1*PR*2*X", "AAA*Y**42*R"), "2100a", id="the payer (S54)"),
        pytest.param(("HL*1**20*1", "HL*2*1*21*1", "NM1*1P*2*X", "AAA*Y**42*R"), "2100b", id="the provider"),
        pytest.param(("HL*3*2*22*0", "AAA*Y**42*R"), "2000c", id="the subscriber's level"),
        pytest.param(("HL*3*2*22*0", "NM1*IL*1*X", "EB*1**30", "NM1*PR*2*X", "AAA*Y**42*R"), "2110c", id="a benefit"),
        pytest.param(("AAA*Y**42*R",), "header", id="nowhere"),
        pytest.param(("HL*1**99*1", "NM1*PR*2*X", "AAA*Y**42*R"), "header", id="a level that there is not"),
    ],
)
def test_a_rejection_knows_whose_it_is_by_its_loop(inside, loop):
    told = read_x12(interchange(*group("HB", "ST*271*0001", f"BHT*0022*11*{TRACE}", *inside)).encode(), SENT)
    assert [one.loop for one in told.rejections] == [loop]


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        pytest.param("42", Outcome.SERVER_ERROR, id="cannot respond"),
        pytest.param("80", Outcome.SERVER_ERROR, id="no response received"),
        pytest.param("41", Outcome.FORBIDDEN, id="not authorized"),
        pytest.param("79", Outcome.FORBIDDEN, id="no participant"),
        pytest.param("T4", Outcome.CLIENT_ERROR, id="payer missing"),
        pytest.param("72", Outcome.SEMANTIC, id="member number"),
        pytest.param("73", Outcome.SEMANTIC, id="member name"),
        pytest.param("71", Outcome.SEMANTIC, id="birth date"),
    ],
)
def test_a_reason_says_whose_trouble_it_is(reason, outcome):
    assert REASONS[reason] is outcome


def test_only_a_follow_up_that_allows_it_lets_an_inquiry_be_sent_again():
    assert {code for code, again in FOLLOW_UPS.items() if again is Again.LATER} == {"R", "P"}
    assert FOLLOW_UPS["Y"] is Again.WAIT


@pytest.mark.parametrize(
    "marks",
    [
        pytest.param({"element": "|", "terminator": "\n", "component": ">"}, id="lines"),
        pytest.param({"element": "\x1d", "terminator": "\x1e", "component": "\x1f"}, id="control characters"),
        pytest.param({"terminator": "~"}, id="the usual"),
    ],
)
def test_delimiters_are_read_from_the_envelope(marks):
    told = read_x12(an_answer(*BENEFITS, **marks).encode(), SENT)
    assert (told.benefits, told.is_whole, told.is_ours) == (2, True, True)


def test_line_ends_after_segments_and_a_byte_order_mark_change_nothing():
    text = "\ufeff\r\n" + an_answer(*BENEFITS).replace("~", "~\r\n")
    assert read_x12(text.encode(), SENT) == read_x12(an_answer(*BENEFITS).encode(), SENT)


def test_a_check_counts_what_is_in_error_and_knows_whose_group_it_was():
    [check] = read_x12(a_check().encode(), SENT).checked
    assert (check.is_ours, check.verdict, check.segments_in_error, check.elements_in_error) == (True, "R", 1, 1)
    [other] = read_x12(a_check(about=8).encode(), SENT).checked
    assert not other.is_ours


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(isa()[:-10], id="too short"),
        pytest.param(isa().replace("*ZZ*", "*Z*", 1), id="a field too narrow"),
        pytest.param(isa(component="*"), id="marks that are the same"),
        pytest.param(isa(component="A"), id="a letter as a mark"),
        pytest.param("isa" + isa()[3:], id="small letters"),
    ],
)
def test_an_envelope_that_is_none_is_no_x12(header):
    assert read_x12((header + "TA1*1~IEA*0*1~").encode(), SENT) is None


@pytest.mark.parametrize(
    ("error", "outcome", "code"),
    [
        pytest.param("UnAuthorized", Outcome.UNAUTHENTICATED, "core_unauthorized", id="who are you"),
        pytest.param("Receiver", Outcome.SERVER_ERROR, "core_receiver", id="their fault"),
        pytest.param("Sender", Outcome.CLIENT_ERROR, "core_sender", id="our fault"),
        pytest.param("VersionMismatch", Outcome.CLIENT_ERROR, "core_version", id="another version"),
        pytest.param("PayloadIDRequired", Outcome.CLIENT_ERROR, "core_field_refused", id="a field is missing"),
        pytest.param(CANARY, Outcome.CLIENT_ERROR, "core_field_refused", id="a word of their own"),
    ],
)
def test_a_core_envelope_says_what_is_wrong_with_it(error, outcome, code):
    verdict = judged(sealed(FORM | {"ErrorCode": error}, b"", "x"))
    assert (verdict.judged.outcome, verdict.judged.code) == (outcome, code)
    assert CANARY not in repr(verdict)


def test_a_message_comes_out_of_its_core_envelope_as_it_went_in():
    message = an_answer(*BENEFITS).replace("~", "~\r\n").encode()
    envelope = opened(sealed(FORM, message, "boundary"))
    assert (envelope.payload, envelope.error) == (message, "Success")
    assert judged(sealed(FORM, message, "boundary")).judged.records == 2


def test_a_line_break_in_a_field_begins_no_part_of_its_own():
    sly = 'x\r\n--b\r\nContent-Disposition: form-data; name="Payload"\r\n\r\nISA'
    assert opened(sealed({"SenderID": sly}, b"the message", "b")).payload == b"the message"


@pytest.mark.parametrize(
    ("status", "outcome", "rung"),
    [
        pytest.param(401, Outcome.UNAUTHENTICATED, Rung.AUTH, id="401"),
        pytest.param(403, Outcome.FORBIDDEN, Rung.SCOPE, id="403"),
        pytest.param(503, Outcome.SERVER_ERROR, Rung.HTTP, id="503"),
        pytest.param(429, Outcome.THROTTLED, Rung.HTTP, id="429"),
    ],
)
def test_a_status_decides_where_there_is_no_x12(status, outcome, rung):
    verdict = judged("no", status)
    assert (verdict.judged.outcome, verdict.rung) == (outcome, rung)


def test_an_acknowledgment_decides_over_a_status():
    assert judged(an_acknowledgment(), 400).judged.code == "ta1_r_025"


# --- anything at all ---------------------------------------------------------------------------------------------

names = st.sampled_from(["ISA", "IEA", "GS", "ST", "SE", "TA1", "AK1", "AK9", "IK3", "HL", "NM1", "TRN", "EB", "AAA"])
elements = st.sampled_from(["", "271", "999", "20", "21", "22", "R", "42", TRACE, CANARY, "000000007", "1"])
segments = st.builds(lambda name, rest: "*".join((name, *rest)), names, st.lists(elements, max_size=6))
documents = st.lists(segments, max_size=25).map(lambda inside: isa() + "~".join(inside))


@settings(max_examples=300)
@given(st.binary(max_size=300) | documents.map(str.encode) | st.binary(max_size=60).map(lambda b: isa().encode() + b))
def test_no_message_can_make_the_reader_raise_or_repeat_it(body):
    told = read_x12(body, SENT)
    verdict = judge_inquiry(200, {}, body, SENT)
    assert CANARY not in repr((told, verdict))
    assert verdict.judged.outcome is not Outcome.OK or verdict.judged.records


@settings(max_examples=200)
@given(st.binary(max_size=300).map(lambda rest: b"--b\r\n" + rest) | st.binary(max_size=100))
def test_no_form_can_make_the_envelope_raise(body):
    envelope = opened(body)
    assert envelope is None or len(envelope.payload) <= len(body)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(isa().encode() + b"EB*1~" * (MOST_SEGMENTS + 1), id="segments without end"),
        pytest.param(isa().encode() * (LARGEST // 106 + 1), id="envelopes without end"),
        pytest.param(isa().encode() + b"*" * LARGEST, id="a larger body than may be"),
        pytest.param((isa() + "TA1~IEA*0*1~").encode() * 8000, id="interchanges without end"),
    ],
)
def test_what_has_no_end_is_refused(body):
    assert read_x12(body, SENT) is None


def test_one_segment_of_elements_without_end_is_cut():
    told = read_x12(isa().encode() + b"AAA" + b"*1" * 400_000 + b"~IEA*1*000000001~", SENT)
    assert told is not None
    assert told.rejections == ()  # outside of a 271
