"""The ladder of a folder: what each rung is where nothing speaks HTTP.

On SFTP, TLS is the key exchange and the host's pinned key, HTTP is that SFTP speaks, AUTH the log-in. In a folder
of this machine, HTTP is that the folder is there. SCOPE may list it, READ finds the newest file that is due, and
SEMANTIC reads it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from models.classification import rung_of
from models.drop import ExpectedFile
from models.ladder import Step, Verdict, absent
from models.reading import Outcome, Rung
from tasks.connectors._flat_file_place import Place
from tasks.connectors._interface import Context
from tasks.deliveries import NOT_THERE, NOTHING_YET, Found
from tasks.folder import Unreachable
from tasks.ladder import Try
from tasks.network import Trouble

if TYPE_CHECKING:
    from tasks.sftp import Session

HERE = "a folder of this machine"
SHOWN = 22  # characters of a fingerprint: enough to tell two apart on a screen


class Climb:
    """One climb, with what a lower rung found out for a higher one."""

    def __init__(self, context: Context, place: Place, operation: str, expected: ExpectedFile) -> None:
        self._limit_s, self._clock = context.tuning.deadline_s, context.clock
        self._place, self._operation, self._expected = place, operation, expected
        self._folder = place.folders(expected.folder)
        self._addresses: list[str] = []
        self._later: Unreachable | None = None  # belongs to a rung above the one that met it
        self._found = Found(Outcome.OK)
        self.host_key: str | None = None

    @property
    def lower(self) -> tuple[Step, ...]:
        """What there is not."""
        if self._place.session is not None:
            return ()
        return tuple(absent(rung, HERE) for rung in (Rung.DNS, Rung.TCP, Rung.TLS, Rung.AUTH))

    @property
    def upper(self) -> tuple[Try, ...]:
        """The rungs to be tried, lowest first."""
        session = self._place.session
        way: tuple[tuple[Rung, Work], ...] = ((Rung.HTTP, self._folder_is_there),)
        if session is not None:
            way = (
                (Rung.DNS, partial(self._resolve, session)),
                (Rung.TCP, partial(self._connect, session)),
                (Rung.TLS, partial(self._know_the_host, session)),
                (Rung.HTTP, partial(self._speak, session)),
                (Rung.AUTH, partial(self._log_in, session)),
            )
        rungs = (*way, (Rung.SCOPE, self._list))
        return (*(partial(self._tried, rung, work) for rung, work in rungs), self._read, self._judge)

    async def _tried(self, rung: Rung, work: Work) -> Step:
        """One rung, within the deadline; the work says what held."""
        began = perf_counter()
        try:
            async with asyncio.timeout(self._limit_s):
                says = await work()
        except Unreachable as error:
            return failed(rung, error.trouble, began, error.says)
        except TimeoutError:
            return failed(rung, Trouble(Outcome.TIMEOUT, "deadline_passed", rung), began)
        return passed(rung, says, began)

    async def _resolve(self, session: Session) -> str:
        from tasks.ssh import resolved  # noqa: PLC0415 - with SSH, which the session has loaded

        self._addresses = await resolved(session.account)
        return "1 address" if len(self._addresses) == 1 else f"{len(self._addresses)} addresses"

    async def _connect(self, session: Session) -> str:
        from tasks.ssh import connected  # noqa: PLC0415 - as above

        (await connected(self._addresses, session.account.port)).close()
        return "connected"

    async def _know_the_host(self, session: Session) -> str:
        from tasks.ssh import STRANGER, host_key  # noqa: PLC0415 - as above

        shown = await host_key(session.account, self._addresses)
        self.host_key = shown.fingerprint
        if shown.fingerprint in session.account.host_keys:
            return f"{shown.algorithm}, host key {shown.fingerprint[:SHOWN]}… as agreed"
        agreed = " or ".join(f"{one[:SHOWN]}…" for one in session.account.host_keys)
        raise Unreachable(STRANGER, f"host key changed: it shows {shown.fingerprint[:SHOWN]}…, agreed was {agreed}")

    async def _speak(self, session: Session) -> str:
        try:
            sftp = await session.sftp()
        except Unreachable as error:
            if error.trouble.outcome.is_auth:
                self._later = error
                return "SSH asks for a log-in"
            raise
        return f"SFTP version {sftp.version}"

    async def _log_in(self, session: Session) -> str:
        self._raise_what_was_met_below()
        key = session.account.key_fingerprint
        line = await session.logged_in()
        who = f"key {key[:SHOWN]}…" if key else "the password"
        return f"logged in with {who} in {line.login_ms:.0f} ms"

    async def _folder_is_there(self) -> str:
        try:
            await self._folder.check()
        except Unreachable as error:
            if error.trouble.rung is Rung.HTTP:
                raise
            self._later = error
        return "the folder is there"

    async def _list(self) -> str:
        self._raise_what_was_met_below()
        await self._folder.check()
        return "the folder can be listed"

    def _raise_what_was_met_below(self) -> None:
        if self._later is not None:
            raise self._later

    async def _read(self) -> Step:
        """The newest file that is due."""
        began = perf_counter()

        async def look() -> str:
            self._found = await self._place.deliveries.peek(self._operation, self._expected)
            return told(self._found, self._clock.now())

        step = await self._tried(Rung.READ, look)
        code = self._found.code
        if step.verdict is Verdict.FAILED or code not in NOT_THERE or self._found.outcome.is_ok:
            return step
        return failed(Rung.READ, Trouble(self._found.outcome, code or "file_missing", Rung.READ), began)

    async def _judge(self) -> Step:
        """What is in it; it was read on the rung below."""
        found = self._found
        if found.outcome.is_ok and found.code in NOTHING_YET:
            return absent(Rung.SEMANTIC, "nothing to judge yet")
        if found.outcome.is_ok:
            rows = "" if found.records is None else f"{found.records:,} rows, "
            return Step(
                rung=Rung.SEMANTIC, verdict=Verdict.PASSED, says=f"{rows}whole and as expected", outcome=Outcome.OK
            )
        code = found.code or found.outcome.value
        return failed(Rung.SEMANTIC, Trouble(found.outcome, code, rung_of(found.outcome)), None)


Work = Callable[[], Awaitable[str]]


def passed(rung: Rung, says: str, began: float) -> Step:
    """A rung that holds."""
    spent_ms = (perf_counter() - began) * 1000
    return Step(rung=rung, verdict=Verdict.PASSED, says=says, duration_ms=spent_ms, outcome=Outcome.OK)


def failed(rung: Rung, trouble: Trouble, began: float | None, says: str = "") -> Step:
    """A rung that broke."""
    return Step(
        rung=rung,
        verdict=Verdict.FAILED,
        says=says or trouble.code.replace("_", " "),
        duration_ms=None if began is None else (perf_counter() - began) * 1000,
        outcome=trouble.outcome,
        code=trouble.code,
    )


def told(found: Found, now: datetime) -> str:
    """What a look found, for a person: size and age, never a name."""
    if found.newest_at is None:
        return (found.code or "nothing there").replace("_", " ")
    minutes = max(0, (now - found.newest_at) // timedelta(minutes=1))
    ago = f"{minutes} min" if minutes < 120 else f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} days"  # noqa: PLR2004 - as people say it
    size = found.received_bytes or found.sent_bytes
    return f"the file is there, {size:,} bytes, changed {ago} ago" if size else f"the file is there, changed {ago} ago"
