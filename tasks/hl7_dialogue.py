"""One message and what is answered to it: when that is all, what it came to, and how the ladder tells it."""

from __future__ import annotations

import secrets
from time import perf_counter
from typing import NamedTuple

from models.classification import Judged
from models.hl7_answers import COMMITS, Header, Sent, judge_ack, rung_of_ack
from models.hl7_messages import Envelope, Message, Mode, receipt
from models.ladder import Step, Verdict, absent
from models.reading import Code, Outcome, Rung
from tasks.clock import Clock
from tasks.mllp import Exchanged, Turn
from tasks.observe import SLOW_MS

NO_LOG_IN = "MLLP has no log-in; a client certificate belongs to TLS"
NO_SCOPE = "MLLP grants no rights"
STRAY = {"ack_for_another_message", "ack_without_id", "not_an_ack"}  # the next answer may be one message late
LOST = {Outcome.TIMEOUT, Outcome.RESET}  # after sending: nobody knows whether it arrived


def fresh_id() -> str:
    """MSH-10 of a message: 20 characters, the most that versions before 2.7 allow, and 64 bits of chance in it."""
    return f"HEAL{secrets.token_hex(8).upper()}"


class Heard(NamedTuple):
    """One message sent, and what came of it."""

    message: Message
    exchanged: Exchanged
    header: Header | None  # of the last answer
    outcome: Outcome
    code: Code | None
    rung: Rung
    clock_skew_s: float | None
    judging_ms: float
    control_id: str

    @property
    def asked_about(self) -> str | None:
        """MSH-10 of a message that somebody may ask the receiver about: it went wrong, or took a second."""
        is_slow = self.exchanged.timings.total_ms >= SLOW_MS
        return self.control_id if self.exchanged.was_sent and (is_slow or not self.outcome.is_ok) else None


class Dialogue:
    """Listens to what is answered to one message, and says when that is all."""

    def __init__(self, sent: Sent, envelope: Envelope, clock: Clock) -> None:
        self._sent, self._envelope, self._clock = sent, envelope, clock
        self.judged: Judged | None = None
        self.judging_ms = 0.0
        self.clock_skew_s: float | None = None

    @property
    def header(self) -> Header | None:
        """Of the last answer that was HL7."""
        return self.judged.content if self.judged else None

    def __call__(self, answer: bytes) -> Turn:
        """Judge one answer. After a commit there may be more to come, and a good answer may want a receipt."""
        began = perf_counter()
        self.judged = judge_ack(answer, self._sent)
        self.judging_ms, header, now = (perf_counter() - began) * 1000, self.header, self._clock.now()
        if header is None or self.judged.code in STRAY:
            return Turn(is_last=True, is_clean=False)
        if header.said_at is not None:
            self.clock_skew_s = (header.said_at - now).total_seconds()
        is_enhanced = self._envelope.mode is Mode.ENHANCED
        is_commit = header.acknowledgement in COMMITS
        wants_receipt = is_enhanced and header.wants_receipt and not is_commit
        reply = receipt(header, self._envelope, fresh_id(), now) if wants_receipt else None
        return Turn(is_last=not (is_enhanced and is_commit and header.is_accepted), reply=reply)

    def ended(self, exchanged: Exchanged, message: Message) -> Heard:
        """How it all went."""
        outcome, code, rung = self._end(exchanged, message)
        return Heard(
            message=message,
            exchanged=exchanged,
            header=self.header,
            outcome=outcome,
            code=code,
            rung=rung,
            clock_skew_s=self.clock_skew_s,
            judging_ms=self.judging_ms,
            control_id=self._sent.control_id.decode("ascii"),
        )

    def _end(self, exchanged: Exchanged, message: Message) -> tuple[Outcome, Code | None, Rung]:
        judged = self.judged
        if exchanged.outcome is None and judged is not None:
            if message.any_answer and judged.outcome is Outcome.CLIENT_ERROR:
                return Outcome.OK, judged.code, Rung.READ
            return judged.outcome, judged.code, rung_of_ack(judged)
        outcome, code, rung = exchanged.outcome or Outcome.MALFORMED, exchanged.code, exchanged.rung
        if not exchanged.was_sent or outcome not in LOST:
            return outcome, code, rung
        if judged is not None:  # it was kept, and nobody says whether it landed
            code, rung = "no_application_ack", Rung.READ
        return Outcome.UNKNOWN if message.writes else outcome, code, rung


def told(heard: Heard) -> tuple[Step, ...]:
    """The upper rungs, from the one message that tried them all."""
    header, exchanged = heard.header, heard.exchanged
    if header is None or header.acknowledgement is None:
        return (failed(min(heard.rung, Rung.HTTP, key=tuple(Rung).index), heard, exchanged.talked_ms),)
    speaks = held(
        Rung.HTTP, f"MLLP: acknowledged with {header.acknowledgement}", exchanged.timings.first_byte_ms, heard
    )
    lower = (speaks, absent(Rung.AUTH, NO_LOG_IN))
    if heard.rung is Rung.SCOPE:
        return (*lower, failed(Rung.SCOPE, heard, exchanged.talked_ms))
    return (*lower, absent(Rung.SCOPE, NO_SCOPE), *_read(heard, header))


def _read(heard: Heard, header: Header) -> tuple[Step, ...]:
    """READ and SEMANTIC: it was taken, and what says so belongs to it."""
    talked_ms = heard.exchanged.talked_ms
    if not (heard.outcome.is_ok or (header.is_accepted and heard.rung is Rung.SEMANTIC)):
        return (failed(Rung.READ, heard, talked_ms),)
    read = held(Rung.READ, f"{header.message_type} after {talked_ms:.0f} ms", talked_ms)
    if not heard.outcome.is_ok:
        return read, failed(Rung.SEMANTIC, heard, heard.judging_ms)
    says = f"it answers this very message, in version {header.version or 'unsaid'}"
    return read, held(Rung.SEMANTIC, says, heard.judging_ms)


def held(rung: Rung, says: str, duration_ms: float | None, heard: Heard | None = None) -> Step:
    """A rung that held."""
    skew_s = heard.clock_skew_s if heard else None
    return Step(
        rung=rung, verdict=Verdict.PASSED, says=says, duration_ms=duration_ms, outcome=Outcome.OK, clock_skew_s=skew_s
    )


def failed(rung: Rung, heard: Heard, duration_ms: float) -> Step:
    """A rung that broke."""
    says = (heard.code or heard.outcome.value).replace("_", " ")
    return Step(
        rung=rung,
        verdict=Verdict.FAILED,
        says=says,
        duration_ms=duration_ms,
        outcome=heard.outcome,
        code=heard.code,
    )
