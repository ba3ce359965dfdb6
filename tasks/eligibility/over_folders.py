"""Eligibility over two folders: the inquiry is written into one, its answer is awaited in the other.

An answer may take longer than one read waits. Then the inquiry stays open from read to read, and no second one is
sent, until it is answered or its time is over.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from time import perf_counter

from pydantic import AwareDatetime, ValidationError

from models.classification import Judged
from models.errors import Permanent
from models.integration import Read
from models.ladder import Ladder, Step, Verdict, absent
from models.noun import Noun
from models.reading import Outcome, Reading, Rung
from models.x12 import Sent, read_x12
from models.x12_answers import Again, judge_told
from models.x12_answers import Verdict as Judgement
from tasks.connectors._interface import Context
from tasks.connectors._open import misconfigured
from tasks.eligibility.desk import Asked, Desk, UpperRungs, sent_as
from tasks.eligibility.folders import Folders, Unusable
from tasks.eligibility.settings import RESOURCE, Settings
from tasks.ladder import climb_on

NO_NETWORK = "two folders, and no network of ours"
AWAITED = "answer_awaited"
NO_ANSWER = Judgement(judged=Judged(outcome=Outcome.TIMEOUT, code="no_answer"))


class Awaited(Noun):
    """An inquiry whose answer is not there yet."""

    control: int
    sent_at: AwareDatetime
    sent_bytes: int


class OverFolders:
    """One clearinghouse or payer, whose files somebody else carries."""

    def __init__(self, context: Context, settings: Settings, outbox: str, inbox: str) -> None:
        if context.tuning.route != "main":
            raise misconfigured(context.integration.id, "routes: the route in use is not declared; declare it")
        self._context, self._settings = context, settings
        self._id, self._clock = context.integration.id, context.clock
        self._desk = Desk(context, settings)
        self._folders = Folders(context.base / outbox, context.base / inbox)
        self._memory = context.home / "x12" / f"{self._id}.awaited"
        self._turn = asyncio.Lock()
        self._final: set[tuple[str, datetime]] = set()

    async def read(self, read: Read) -> Reading:
        """Send an inquiry unless one is open, and wait for its answer as long as a read may."""
        observed_at, began = self._clock.now(), perf_counter()
        async with self._turn:
            try:
                awaited, verdict = await self._exchange(self._context.tuning.deadline_s)
            except Unusable as trouble:
                judged = Judged(outcome=Outcome.REFUSED, code=trouble.code)
                awaited, verdict = None, Judgement(judged=judged, rung=Rung.HTTP)
        spent_ms = (perf_counter() - began) * 1000
        if awaited is not None and awaited.sent_at < observed_at:  # an earlier read sent it
            spent_ms = max(spent_ms, (self._clock.now() - awaited.sent_at) / timedelta(milliseconds=1))
        if verdict.again is not Again.LATER:
            self._final.add((read.operation, observed_at))
        return self._reading(read, observed_at, verdict, spent_ms, awaited)

    def may_repeat(self, reading: Reading) -> bool:
        """Whether the other side lets this inquiry be sent again (AAA04)."""
        return (reading.operation, reading.observed_at) not in self._final

    async def climb(self) -> Ladder:
        """Look at the folders, and make one inquiry of its own."""
        began = self._clock.now()
        lower = tuple(absent(rung, NO_NETWORK) for rung in (Rung.DNS, Rung.TCP, Rung.TLS))
        rungs = UpperRungs(self._inquire)
        upper = (self._look, self._no_login, rungs.scope, rungs.first_read, rungs.semantic)
        return Ladder.of(self._id, began, await climb_on(lower, *upper))

    async def aclose(self) -> None:
        """Nothing is open."""

    @property
    def open_connections(self) -> int:
        """None: files are closed as soon as they are read."""
        return 0

    def __repr__(self) -> str:
        return f"OverFolders({self._id})"

    async def _exchange(self, limit_s: float) -> tuple[Awaited, Judgement]:
        """What the open inquiry came to, after waiting for at most `limit_s` real seconds."""
        awaited = await asyncio.to_thread(self._remembered) or await self._send()
        left_s = self._left_s(awaited)
        verdict = await self._find(sent_as(awaited.control), min(limit_s, left_s))
        is_over = verdict is not None or self._left_s(awaited) <= 0
        if is_over:
            await asyncio.to_thread(self._memory.unlink, missing_ok=True)
        return awaited, verdict or (NO_ANSWER if is_over else Judgement(judged=Judged(code=AWAITED)))

    def _left_s(self, awaited: Awaited) -> float:
        """Seconds that the answer may still take."""
        over_at = awaited.sent_at + self._settings.answer_within
        return max(0.0, (over_at - self._clock.now()).total_seconds())

    async def _send(self) -> Awaited:
        sent, message = await self._desk.write()
        awaited = Awaited(control=sent.control, sent_at=self._clock.now(), sent_bytes=len(message))
        await self._folders.put(f"heal-{sent.control:09}.270", message)
        try:
            await asyncio.to_thread(self._memory.write_text, awaited.model_dump_json())
        except OSError:
            raise Permanent(f"{self._memory.parent}: it cannot be written; give it to who runs heal") from None
        return awaited

    def _remembered(self) -> Awaited | None:
        try:
            return Awaited.model_validate_json(self._memory.read_bytes())
        except (OSError, ValidationError):
            return None

    async def _find(self, sent: Sent, limit_s: float) -> Judgement | None:
        """What a file says of our inquiry; an acknowledgment that accepts it only says: wait."""
        broken: list[Judgement] = []

        def reads(content: bytes) -> Judgement | None:
            told = read_x12(content, sent)
            if told is None or not (told.own_refusals or (told.answers and told.is_ours)):
                return None
            verdict = judge_told(told, told.own_refusals)
            if told.is_whole or told.own_refusals:
                return verdict
            broken.append(verdict)  # perhaps somebody is still writing it
            return None

        found = await self._folders.find(reads, limit_s)
        return found or (broken[-1] if broken else None)

    def _reading(
        self, read: Read, observed_at: datetime, verdict: Judgement, spent_ms: float, awaited: Awaited | None
    ) -> Reading:
        is_answered = awaited is not None and verdict.judged.code not in {AWAITED, "no_answer"}
        return Reading(
            integration_id=self._id,
            observed_at=observed_at,
            operation=read.operation,
            component=read.component,
            outcome=verdict.judged.outcome,
            rung=verdict.rung,
            code=verdict.judged.code,
            resource=RESOURCE,
            latency_ms=spent_ms if is_answered else None,
            sent_bytes=awaited.sent_bytes if awaited else 0,
            records=verdict.judged.records,
            connections=0,
        )

    async def _look(self) -> Step:
        """The rung of the protocol: both folders can be used."""
        began = perf_counter()
        code = None
        try:
            await asyncio.to_thread(self._folders.check)
        except Unusable as trouble:
            code = trouble.code
        return Step(
            rung=Rung.HTTP,
            verdict=Verdict.FAILED if code else Verdict.PASSED,
            says=code.replace("_", " ") if code else "both folders can be used",
            duration_ms=(perf_counter() - began) * 1000,
            outcome=Outcome.REFUSED if code else Outcome.OK,
            code=code,
        )

    async def _no_login(self) -> Step:
        """Whoever may write into the folder is known."""
        return absent(Rung.AUTH, "whoever may write into the folder is known")

    async def _inquire(self) -> Asked | None:
        """An inquiry of its own, waited for as long as a climb may."""
        began, limit_s = perf_counter(), self._context.tuning.deadline_s
        patience_s = self._settings.answer_within.total_seconds()
        sent, message = await self._desk.write()
        try:
            await self._folders.put(f"heal-{sent.control:09}.270", message)
            verdict = await self._find(sent, min(limit_s, patience_s))
        except Unusable as trouble:
            verdict = Judgement(judged=Judged(outcome=Outcome.REFUSED, code=trouble.code), rung=Rung.HTTP)
        if verdict is None and patience_s > limit_s:
            return None
        return Asked(verdict or NO_ANSWER, (perf_counter() - began) * 1000)
