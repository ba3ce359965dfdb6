"""One message is brought over exactly once: the machine that says so, against a receiver that loses everything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from models.hl7_answers import ACKNOWLEDGEMENTS, ERRORS
from models.reading import Outcome
from models.send_answers import hl7_answer, http_answer
from models.sending import (
    MOST_TRIES,
    NEXT,
    Answer,
    Ask,
    Because,
    Rest,
    Send,
    Sending,
    SendState,
    Settlement,
    Verdict,
    Word,
)
from models.waiting import retry_after_s

AT = datetime(2026, 3, 3, 15, tzinfo=UTC)
ASKS = Sending(ask=Ask.QUERY, settles_s=10)
KEEPS_OUT = Sending(ask=Ask.DEDUPLICATES)
SECOND = timedelta(seconds=1)


def a_send(state: SendState = SendState.QUEUED, **changes: object) -> Send:
    known = {
        "id": "SND-2026-03-03-001",
        "integration_id": "lab",
        "seq": 1,
        **dict.fromkeys(("order_key", "identity", "content", "place"), "0123456789abcdef"),
        "letter": "0" * 32,
        "kind": "ADT.A08",
        **dict.fromkeys(("queued_at", "changed_at", "not_before"), AT),
    }
    return Send.model_validate(known | {"state": state} | changes)


def lost() -> Send:
    """One whose answer was lost at AT."""
    return a_send().begun(AT).answered(Answer(verdict=Verdict.UNKNOWN, code="no_ack"), ASKS, AT, 0.5)


HL7 = [
    pytest.param(*ACKNOWLEDGEMENTS["AA"], Verdict.ACCEPTED, False, id="AA"),
    pytest.param(*ACKNOWLEDGEMENTS["AE"], Verdict.REFUSED, False, id="AE"),
    pytest.param(*ACKNOWLEDGEMENTS["AR"], Verdict.REFUSED, False, id="AR"),
    pytest.param(*ACKNOWLEDGEMENTS["CE"], Verdict.REFUSED, False, id="CE"),
    pytest.param(*ERRORS[101], Verdict.REFUSED, False, id="101, a field is missing"),
    pytest.param(*ERRORS[204], Verdict.REFUSED, False, id="204, no such patient"),
    pytest.param(*ERRORS[205], Verdict.DUPLICATE, False, id="205, they know the key"),
    pytest.param(*ERRORS[206], Verdict.LATER, False, id="206, the record is locked"),
    pytest.param(*ERRORS[207], Verdict.LATER, False, id="207, an error of theirs"),
    pytest.param(Outcome.UNKNOWN, "no_ack", Verdict.UNKNOWN, False, id="no answer"),
    pytest.param(Outcome.MALFORMED, "not_mllp", Verdict.UNKNOWN, False, id="an answer that is none"),
    pytest.param(Outcome.SEMANTIC, "ack_for_another_message", Verdict.UNKNOWN, False, id="another's answer"),
    pytest.param(Outcome.SEMANTIC, "accepted_with_error", Verdict.UNKNOWN, False, id="taken, with an error"),
    pytest.param(Outcome.TLS_FAILED, "certificate_refused", Verdict.LATER, True, id="our certificate is refused"),
]


@pytest.mark.parametrize(("outcome", "code", "verdict", "is_channel"), HL7)
def test_only_what_they_say_of_this_message_is_certain(outcome, code, verdict, is_channel):
    answer = hl7_answer(outcome, code, may_have_left=True)
    assert (answer.verdict, answer.is_channel) == (verdict, is_channel)


HTTP = [
    pytest.param(Outcome.OK, Verdict.ACCEPTED, False, id="201"),
    pytest.param(Outcome.CLIENT_ERROR, Verdict.REFUSED, False, id="422"),
    pytest.param(Outcome.FORBIDDEN, Verdict.REFUSED, False, id="403"),
    pytest.param(Outcome.THROTTLED, Verdict.LATER, True, id="429"),
    pytest.param(Outcome.UNAUTHENTICATED, Verdict.LATER, True, id="401"),
    pytest.param(Outcome.SERVER_ERROR, Verdict.UNKNOWN, False, id="502 may come after the write"),
    pytest.param(Outcome.RESET, Verdict.UNKNOWN, False, id="cut"),
    pytest.param(Outcome.MALFORMED, Verdict.UNKNOWN, False, id="a log-in page"),
]


@pytest.mark.parametrize(("outcome", "verdict", "is_channel"), HTTP)
def test_a_server_that_fails_may_have_written(outcome, verdict, is_channel):
    answer = http_answer(outcome, None, may_have_left=True)
    assert (answer.verdict, answer.is_channel) == (verdict, is_channel)


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.TIMEOUT, Outcome.RESET, Outcome.DNS_FAILED])
@pytest.mark.parametrize("judge", [hl7_answer, http_answer])
def test_what_never_left_may_go_again_and_spends_no_try(outcome, judge):
    answer = judge(outcome, None, may_have_left=False)
    assert (answer.verdict, answer.is_channel) == (Verdict.LATER, True)
    after = a_send().begun(AT).answered(answer, ASKS, AT, 0.5)
    assert (after.state, after.tries, after.spent) == (SendState.QUEUED, 0, 0)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({"retry-after": "120"}, 120, id="seconds"),
        pytest.param({"retry-after": "Tue, 03 Mar 2026 15:02:00 GMT"}, 120, id="HTTP-date"),
    ],
)
def test_a_throttled_receiver_is_left_alone_as_long_as_it_asks(headers, seconds):
    answer = http_answer(Outcome.THROTTLED, None, may_have_left=True, retry_after_s=retry_after_s(headers, AT))
    for draw in (0.0, 0.999):
        until = Rest.after(None, "lab", answer, AT, draw).until
        assert timedelta(seconds=seconds) <= until - AT < timedelta(seconds=1.1 * seconds)


@pytest.mark.parametrize(
    ("code", "tries", "state", "because"),
    [
        pytest.param("duplicate_key", 1, SendState.QUARANTINED, Because.REFUSED, id="before we ever sent it"),
        pytest.param("duplicate_key", 2, SendState.SENT, None, id="the first copy had arrived"),
    ],
)
def test_a_receiver_that_keeps_copies_out_says_so_by_refusing_one(code, tries, state, because):
    sent = a_send(tries=tries - 1).begun(AT)
    after = sent.answered(Answer(verdict=Verdict.DUPLICATE, code=code), KEEPS_OUT, AT, 0.5)
    assert (after.state, after.because) == (state, because)


def test_one_that_they_know_is_asked_about_and_never_sent_again():
    known = a_send().begun(AT).answered(Answer(verdict=Verdict.DUPLICATE, code="duplicate_key"), ASKS, AT, 0.5)
    assert known.state is SendState.UNKNOWN
    assert known.asked(Word.FOUND, ASKS, AT, 0.5).state is SendState.SENT
    assert known.asked(Word.NOT_FOUND, ASKS, AT + 11 * SECOND, 0.5).because is Because.REFUSED


def test_a_person_is_called_after_so_many_tries():
    send, at = lost(), AT
    for _ in range(MOST_TRIES - 1):
        at += 60 * SECOND
        queued = send.asked(Word.NOT_FOUND, ASKS, at, 0.5)
        assert queued.state is SendState.QUEUED
        send = queued.begun(at).answered(Answer(verdict=Verdict.UNKNOWN), ASKS, at, 0.5)
    after = send.asked(Word.NOT_FOUND, ASKS, at + 60 * SECOND, 0.5)
    assert (after.state, after.because, after.tries) == (SendState.QUARANTINED, Because.EXHAUSTED, MOST_TRIES)
    assert after.redriven(at).spent == 0


def test_what_nobody_can_know_is_asked_about_again_before_it_goes():
    stuck = lost().asked(Word.CANNOT_KNOW, ASKS, AT, 0.5)
    assert stuck.because is Because.CANNOT_KNOW
    assert stuck.redriven(AT).state is SendState.UNKNOWN
    assert stuck.settled(Settlement.ABSENT, AT).state is SendState.QUEUED
    assert stuck.settled(Settlement.ARRIVED, AT).state is SendState.SENT


def test_what_is_over_never_changes():
    for state in (SendState.SENT, SendState.WITHDRAWN):
        assert NEXT[state] == frozenset()
        with pytest.raises(ValueError, match="cannot become"):
            a_send(state).begun(AT)


class Receiver(RuleBasedStateMachine):
    """One message, a line that loses either way, a receiver that takes its time, a sender that dies."""

    def __init__(self) -> None:
        super().__init__()
        self.send, self.now = a_send(), AT
        self.copies = 0
        self.arrives_at: datetime | None = None  # it is still at work on it

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        if self.arrives_at is not None and self.arrives_at <= self.now:
            self.copies, self.arrives_at = self.copies + 1, None

    @rule(seconds=st.floats(0, 30))
    def wait(self, seconds: float) -> None:
        self.move(seconds)

    @precondition(lambda self: self.send.state is SendState.QUEUED)
    @rule(
        fate=st.sampled_from(["taken", "ack lost", "message lost", "slow", "refused", "locked", "no way", "dies"]),
        late_s=st.floats(0, 9),
        draw=st.floats(0, 0.999),
    )
    def try_it(self, fate: str, late_s: float, draw: float) -> None:
        self.move(max(0.0, (self.send.not_before - self.now).total_seconds()))
        begun = self.send.begun(self.now)
        self.copies += fate in {"taken", "ack lost"}
        if fate == "slow" or (fate == "dies" and late_s > 3):
            self.arrives_at = self.now + timedelta(seconds=late_s)
        answers = {
            "taken": Answer(verdict=Verdict.ACCEPTED),
            "refused": Answer(verdict=Verdict.REFUSED),
            "locked": Answer(verdict=Verdict.LATER),
            "no way": Answer(verdict=Verdict.LATER, is_channel=True),
        }
        if fate == "dies":
            self.send = begun.orphaned(self.now)
        else:
            self.send = begun.answered(answers.get(fate, Answer(verdict=Verdict.UNKNOWN)), ASKS, self.now, draw)

    @precondition(lambda self: self.send.state is SendState.UNKNOWN)
    @rule(answers=st.sampled_from([True, True, True, False, None]), draw=st.floats(0, 0.999))
    def ask(self, answers: bool | None, draw: float) -> None:
        self.move(max(0.0, (self.send.not_before - self.now).total_seconds()))
        told = Word.FOUND if self.copies else Word.NOT_FOUND
        word = {True: told, False: Word.LATER, None: Word.CANNOT_KNOW}[answers]
        self.send = self.send.asked(word, ASKS, self.now, draw)

    @precondition(lambda self: self.send.state is SendState.QUARANTINED)
    @rule()
    def redrive(self) -> None:
        self.send = self.send.redriven(self.now)

    @invariant()
    def it_is_there_once_at_most(self) -> None:
        assert self.copies <= 1

    @invariant()
    def sent_means_there(self) -> None:
        assert self.send.state is not SendState.SENT or self.copies == 1

    @invariant()
    def what_is_to_go_is_not_there(self) -> None:
        assert self.send.state is not SendState.QUEUED or (self.copies == 0 and self.arrives_at is None)


Receiver.TestCase.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
test_whatever_is_lost_a_message_arrives_once = Receiver.TestCase
