"""The desk: writes inquiries about the test member, and tells what their answers came to, rung by rung."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import NamedTuple
from zoneinfo import ZoneInfo

from models.ladder import Step, Verdict, absent
from models.reading import Outcome, Rung
from models.x12 import Sent
from models.x12_answers import Verdict as Judgement
from models.x12_inquiry import Subscriber
from tasks.connectors._interface import Context
from tasks.connectors._open import misconfigured
from tasks.eligibility.control_numbers import ControlNumbers
from tasks.eligibility.settings import Settings
from tasks.secrets import resolve


class Desk:
    """Writes the inquiries of one integration.

    Raises:
        Misconfigured: when the test member's particulars are not there, or cannot stand in a message.
    """

    def __init__(self, context: Context, settings: Settings) -> None:
        self._clock, self._inquiry = context.clock, settings.inquiry
        self._zone = ZoneInfo(context.integration.timezone)
        self._numbers = ControlNumbers(context.home, context.integration.id)
        member = settings.member.model_dump()
        self._member = Subscriber(**{name: resolve(place, context.base) for name, place in member.items()})
        if wrong := self._member.mistakes():
            names = ", ".join(f"member.{name}" for name in wrong)
            says = f"{names}: write capitals, digits and spaces; birth_date as YYYYMMDD"
            raise misconfigured(context.integration.id, says)

    async def write(self) -> tuple[Sent, bytes]:
        """A new inquiry, under a number that was never used."""
        now = self._clock.now()
        control = await self._numbers.next(now)
        sent = sent_as(control)
        return sent, self._inquiry.written(self._member, sent, now.astimezone(self._zone))


def sent_as(control: int) -> Sent:
    """By what an inquiry is known, from its control number."""
    return Sent(control, f"HEAL{control:09}")


class Asked(NamedTuple):
    """One inquiry, and what it came to."""

    verdict: Judgement
    duration_ms: float
    status: int | None = None  # of HTTP

    @property
    def outcome(self) -> Outcome:
        """How it ended."""
        return self.verdict.judged.outcome


class UpperRungs:
    """The rungs that one inquiry tells about: enrolment, an answer, and its sense.

    Args:
        ask: makes the inquiry; once for all of them. None: its answer may take longer than a climb waits.
    """

    def __init__(self, ask: Callable[[], Awaitable[Asked | None]]) -> None:
        self._ask = ask
        self._asked: Asked | None = None
        self._is_asked = False

    async def asked(self) -> Asked | None:
        """The inquiry."""
        if not self._is_asked:
            self._asked, self._is_asked = await self._ask(), True
        return self._asked

    async def scope(self) -> Step:
        """Are we enrolled, and allowed to ask this payer?"""
        asked = await self.asked()
        if asked is None or (asked.verdict.rung not in {Rung.SCOPE, Rung.SEMANTIC} and not asked.outcome.is_ok):
            return absent(Rung.SCOPE, "only an answer to the inquiry tells")
        return told(Rung.SCOPE, asked, "enrolled: neither 41 nor 79", holds=asked.verdict.rung is not Rung.SCOPE)

    async def first_read(self) -> Step:
        """Did a 271 come that answers?"""
        asked = await self.asked()
        if asked is None:
            return absent(Rung.READ, "the answer may take longer than a climb waits")
        holds = asked.outcome.is_ok or asked.verdict.rung is Rung.SEMANTIC
        return told(Rung.READ, asked, "a 271 came", holds=holds, took=True)

    async def semantic(self) -> Step:
        """Is it the answer to our inquiry, and does it say anything of benefits?"""
        asked = await self.asked()
        if asked is None:
            return absent(Rung.SEMANTIC, "only an answer to the inquiry tells")
        return told(Rung.SEMANTIC, asked, asked.verdict.says, holds=asked.outcome.is_ok)


def told(rung: Rung, asked: Asked, says: str, *, holds: bool, took: bool = False) -> Step:
    """A step by what the inquiry came to.

    Args:
        rung: which.
        asked: the inquiry.
        says: what to say when it holds.
        holds: whether it does.
        took: whether the time of the inquiry is this rung's; the others look again at what came.
    """
    began, judged = perf_counter(), asked.verdict.judged
    why = (judged.code or judged.outcome.value).replace("_", " ")
    more = f"; {asked.verdict.says}" if asked.verdict.says else ""
    return Step(
        rung=rung,
        verdict=Verdict.PASSED if holds else Verdict.FAILED,
        says=says if holds else f"{why}{more}",
        duration_ms=asked.duration_ms if took or not holds else (perf_counter() - began) * 1000,
        outcome=Outcome.OK if holds else judged.outcome,
        status=asked.status,
        code=None if holds else judged.code,
    )
