"""The token store: one private file per integration, and one request for a token at a time.

Whoever needs a token while another task or process is asking for one waits, and gets the other's. The file
is replaced, never changed; one that cannot be read counts as none, because a token can always be had anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from pydantic import SecretStr, ValidationError

from models.credential import Credential
from models.errors import Permanent
from models.reading import Outcome
from models.token import Grant, Token, TokenRecord
from tasks.clock import Clock

LONGEST_WAIT_S = 30.0  # real seconds for another process's request
POLL_S = 0.02  # real seconds between two looks at the lock

Issue = Callable[[SecretStr | None], Awaitable[Grant]]
"""Asks for a token; it is handed the former one, which may need to be given back first."""


def uniform_draw() -> float:
    """A uniform draw in [0, 1) that differs between processes."""
    return secrets.randbelow(1 << 32) / (1 << 32)


class TokenStore:
    """The token of one integration.

    Args:
        home: directory of the agent's own files; the tokens are in `tokens/` below it.
        integration_id: names the file.
        clock: the time that lifetimes and cooldowns are counted in.
        draw: spreads the renewals of many integrations.
        identity: computes a digest of the log-in, where a wrong one can lock an account.
    """

    def __init__(
        self,
        home: Path,
        integration_id: str,
        clock: Clock,
        *,
        draw: Callable[[], float] = uniform_draw,
        identity: Callable[[], str] | None = None,
    ) -> None:
        self._directory = home / "tokens"
        self._id = integration_id
        self._clock = clock
        self._draw = draw
        self._make_identity = identity
        self._identity: str | None = None
        self._flight: asyncio.Task[Token | Grant] | None = None

    def credential(self) -> Credential:
        """What is known of the present token, without its value."""
        return self._load().credential(self._id)

    def held(self) -> Token | None:
        """The token, while it may still be accepted."""
        return self._load().token(self._clock.now())

    async def get(self, issue: Issue) -> Token | Grant:
        """A token to try, asked for when there is none or when it is due; a refusal when none can be had.

        A token that is due but cannot be renewed is used until its end.
        """
        record, now = self._load(), self._clock.now()
        token = record.token(now)
        if token and not record.is_due(now):
            return token
        return await self._joined(issue, record.value)

    async def renew(self, issue: Issue) -> Token | Grant:
        """A token other than the present one, asked for even while a refusal cools down."""
        seen = self._load().value
        while self._flight is not None and not self._flight.done():
            token = await asyncio.shield(self._flight)
            if isinstance(token, Token) and not same(token.value, seen):
                return token
        return await self._joined(issue, seen, forced=True)

    async def refused(self, token: Token) -> bool:
        """Note that the other side turned this token down; say whether to ask for another one."""
        async with self._locked() as have_lock:
            record, now = self._load(), self._clock.now()
            if not have_lock or not same(record.value, token.value):
                return have_lock
            if record.is_cooling(now):
                return False
            if not record.is_refused:
                await self._save(record.refused(now))
            return True

    async def note(self, token: Token) -> None:
        """Note a refusal, and leave the token where it is: to ask for another one takes a decision."""
        async with self._locked() as have_lock:
            record = self._load()
            if have_lock and same(record.value, token.value) and not record.is_over:
                await self._save(record.noted(self._clock.now()))

    async def distrust(self, token: Token) -> None:
        """Note that a brand-new token was turned down as well; the next one is asked for after a cooldown."""
        async with self._locked() as have_lock:
            record = self._load()
            if have_lock and same(record.value, token.value):
                await self._save(record.distrusted(self._clock.now()))

    async def aclose(self) -> None:
        """Stop asking."""
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.gather(self._flight, return_exceptions=True)

    def __repr__(self) -> str:
        return f"TokenStore({self._id})"

    async def _joined(self, issue: Issue, seen: SecretStr | None, *, forced: bool = False) -> Token | Grant:
        """Join the request under way in this process, or start it; a reader's deadline does not end it."""
        if self._flight is None or self._flight.done():
            self._flight = asyncio.create_task(self._obtained(issue, seen, forced=forced))
        return await asyncio.shield(self._flight)

    async def _obtained(self, issue: Issue, seen: SecretStr | None, *, forced: bool) -> Token | Grant:
        async with self._locked() as have_lock:
            if not have_lock:
                return Grant(outcome=Outcome.TIMEOUT, code="token_wait")
            record, now = self._load(), self._clock.now()
            token = record.token(now)
            if token and not same(token.value, seen):
                return token  # another process was faster
            digest = await self._digest() if record.barred_identity else None
            if record.is_barred(digest, now, deliberate=forced):
                return token if token and not forced else record.refusal()
            if record.is_cooling(now) and not forced:
                return token or record.refusal()
            return await self._asked(issue, record, forced=forced)

    async def _asked(self, issue: Issue, record: TokenRecord, *, forced: bool) -> Token | Grant:
        grant = await issue(record.value)
        now = self._clock.now()
        if grant.value is not None:
            await self._save(record.granted(grant, now, self._draw()))
            return Token(value=grant.value, issued_at=now)
        failed = record.failed(grant, now, await self._digest())
        await self._save(failed)
        old = failed.token(now)
        return old if old and not forced else grant

    async def _digest(self) -> str | None:
        """The digest of our log-in, worked out (slowly, by design) only after a refusal."""
        if self._identity is None and self._make_identity is not None:
            self._identity = await asyncio.to_thread(self._make_identity)
        return self._identity

    @property
    def _path(self) -> Path:
        return self._directory / f"{self._id}.json"

    def _load(self) -> TokenRecord:
        try:
            return TokenRecord.model_validate_json(self._path.read_bytes())
        except (OSError, ValidationError):
            return TokenRecord()

    async def _save(self, record: TokenRecord) -> None:
        await asyncio.to_thread(_replace, self._path, record)

    @contextlib.asynccontextmanager
    async def _locked(self) -> AsyncIterator[bool]:
        """Hold the lock between processes; yields False when it could not be had in time.

        The lock is looked at and not waited on, so the event loop goes on; the system frees it when a
        process dies.
        """
        descriptor = _open_private(self._directory, self._path.with_suffix(".lock"))
        try:
            yield await _lock(descriptor)
        finally:
            os.close(descriptor)  # frees the lock


def same(one: SecretStr | None, other: SecretStr | None) -> bool:
    """Whether two secrets are equal."""
    return (one and one.get_secret_value()) == (other and other.get_secret_value())


async def _lock(descriptor: int) -> bool:
    loop = asyncio.get_running_loop()
    until = loop.time() + LONGEST_WAIT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if loop.time() >= until:
                return False
            await asyncio.sleep(POLL_S)
        else:
            return True


def _open_private(directory: Path, path: Path) -> int:
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        raise Permanent(_unwritable(path)) from None


def _replace(path: Path, record: TokenRecord) -> None:
    """Write beside the old file, then rename over it: a reader sees the old one or the new one."""
    value = record.value.get_secret_value() if record.value else None
    text = json.dumps(record.model_dump(mode="json", exclude={"value"}) | {"value": value})
    beside = path.with_suffix(f".{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise Permanent(_unwritable(path)) from None


def _unwritable(path: Path) -> str:
    return f"{path.parent}: the token store cannot be written; give the user that runs heal this directory"
