"""A folder on an SFTP server, over one connection that is opened when it is first needed."""

from __future__ import annotations

import asyncio
import contextlib
import posixpath
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import asyncssh

from models.login import RefusedLogin
from models.reading import Outcome, Rung
from tasks.clock import Clock
from tasks.folder import (
    CHUNK,
    MOST_NAMES,
    MOST_NEIGHBOURS,
    Feed,
    File,
    Matches,
    Unreachable,
    instant,
    refused,
    vanished,
)
from tasks.memory_file import keep, recall
from tasks.network import Trouble
from tasks.ssh import Account, Line, open_line, trouble_of_ssh

PACKET = 1 << 15  # bytes of one read request; every server takes as much
DOTS = {".", ".."}
FOLDER, PLAIN = asyncssh.FILEXFER_TYPE_DIRECTORY, asyncssh.FILEXFER_TYPE_REGULAR


class Session:
    """One log-in at a time on one account, and none while a refused one must wait.

    Args:
        account: who we are, and where.
        memory: the file that remembers a refusal.
        clock: the time by which refusals wait.
    """

    def __init__(self, account: Account, memory: Path, clock: Clock) -> None:
        self.account = account
        self.line: Line | None = None
        self.rung = Rung.DNS  # how far the opening of a connection has come
        self._memory, self._clock = memory, clock
        self._sftp: asyncssh.SFTPClient | None = None
        self._opening = asyncio.Lock()

    @property
    def open_connections(self) -> int:
        """Sockets open now."""
        return int(self.line is not None and self.line.is_open)

    async def logged_in(self) -> Line:
        """The open connection; opens it when there is none.

        Raises:
            Unreachable: also, without asking, when this very log-in was refused less than an hour ago.
        """
        async with self._opening:
            if self.line is None or not self.line.is_open:
                self._sftp = None
                await self._refuse_if_barred()
                self.line = await self._log_in()
            return self.line

    async def sftp(self) -> asyncssh.SFTPClient:
        """The SFTP client over it.

        Raises:
            Unreachable: when the host has none for us.
        """
        line = await self.logged_in()
        async with self._opening:
            if self._sftp is None:
                try:
                    client = line.connection.start_sftp_client(path_errors="surrogateescape")
                    self._sftp = await client
                except asyncssh.ChannelOpenError:
                    raise Unreachable(Trouble(Outcome.FORBIDDEN, "no_sftp", Rung.HTTP)) from None
                except Exception as error:  # noqa: BLE001 - what a peer sends can raise anything in the library
                    raise Unreachable(trouble_of_sftp(error)) from None
            return self._sftp

    async def aclose(self) -> None:
        """Close the connection."""
        line, self.line, self._sftp = self.line, None, None
        if line is not None:
            await line.aclose()

    async def _log_in(self) -> Line:
        try:
            return await open_line(self.account, self._note)
        except Unreachable as error:
            if error.trouble.outcome is Outcome.CREDENTIAL_REFUSED:
                identity = await asyncio.to_thread(self.account.identity)
                now = self._clock.now()
                refused = RefusedLogin(identity=identity, code=error.trouble.code, refused_at=now)
                await asyncio.to_thread(keep, self._memory, refused)
            raise

    def _note(self, rung: Rung) -> None:
        self.rung = rung

    async def _refuse_if_barred(self) -> None:
        last = await asyncio.to_thread(recall, self._memory, RefusedLogin)
        if last is None:
            return
        identity = await asyncio.to_thread(self.account.identity)
        if last.bars(identity, self._clock.now()):
            raise Unreachable(Trouble(Outcome.CREDENTIAL_REFUSED, last.code, Rung.AUTH))


class SftpFolder:
    """A folder on the other side; as with a folder of ours, no link is followed."""

    def __init__(self, session: Session, path: str) -> None:
        self._session, self._path = session, path

    async def check(self) -> None:
        """Whether it is there and may be listed."""
        async with self._asking() as sftp, _listing(sftp, self._path) as names:
            await anext(names, None)

    async def find(self, name: str) -> File | None:
        """The file of this name."""
        async with self._asking() as sftp:
            try:
                attributes = await sftp.lstat(posixpath.join(self._path, name))
            except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
                if not await sftp.isdir(self._path):
                    raise
                return None
        return plain(name, attributes)

    async def newest(self, matches: Matches) -> File | None:
        """The file with such a name that changed last."""
        best: tuple[int, str] | None = None
        async with self._asking() as sftp, _listing(sftp, self._path) as names:
            async for one in names:
                name = text(one.filename)
                if matches(name):
                    best = max(best or (-1, ""), (one.attrs.mtime or 0, name))
        return await self.find(best[1]) if best else None

    async def is_elsewhere(self, matches: Matches) -> bool:
        """Whether the folder above, or one beside or below, has a file with such a name."""
        async with self._asking() as sftp:
            here = await sftp.realpath(self._path)
            for place in await _around(sftp, text(here)):
                if await _holds(sftp, place, matches):
                    return True
        return False

    async def read(self, file: File, feed: Feed) -> int:
        """Hand over the file in pieces, no more than its size; returns how many bytes came."""
        came = 0
        async with self._asking() as sftp:
            try:
                opened = await sftp.open(posixpath.join(self._path, file.name), "rb", block_size=PACKET)
            except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
                raise vanished() from None
            except asyncssh.SFTPPermissionDenied:
                raise Unreachable(Trouble(Outcome.FORBIDDEN, "file_forbidden", Rung.SCOPE)) from None
            async with opened:
                plain(file.name, await opened.stat())
                while came < file.size and (piece := await _piece(opened, min(CHUNK, file.size - came), came)):
                    came += len(piece)
                    feed(piece)
        return came

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[asyncssh.SFTPClient]:
        """The client; what the other side says becomes `Unreachable`."""
        sftp = await self._session.sftp()
        try:
            yield sftp
        except (asyncssh.Error, OSError, UnicodeError) as error:
            raise Unreachable(trouble_of_sftp(error)) from None


def plain(name: str, attributes: asyncssh.SFTPAttrs) -> File:
    """A plain file from its attributes; a server that does not tell the kind is believed.

    Raises:
        Unreachable: when it is something else.
    """
    if attributes.type == asyncssh.FILEXFER_TYPE_SYMLINK:
        raise refused("link_refused")
    if attributes.type not in {PLAIN, asyncssh.FILEXFER_TYPE_UNKNOWN}:
        raise refused("not_a_file")
    return File(name, attributes.size or 0, instant(attributes.mtime or 0))


async def _piece(opened: asyncssh.SFTPClientFile, size: int, offset: int) -> bytes:
    return cast("bytes", await opened.read(size, offset))  # it was opened for bytes, which the library's types forget


def text(name: str | bytes) -> str:
    """A name as text, whatever its bytes."""
    return name if isinstance(name, str) else name.decode("utf-8", "surrogateescape")


@asynccontextmanager
async def _listing(sftp: asyncssh.SFTPClient, path: str) -> AsyncIterator[AsyncIterator[asyncssh.SFTPName]]:
    """The entries of a folder as they come; the handle is closed at the end, however far they were read."""
    entries = sftp.scandir(path)
    try:
        yield entries
    finally:
        if isinstance(entries, AsyncGenerator):
            await entries.aclose()


async def _around(sftp: asyncssh.SFTPClient, path: str) -> list[str]:
    """The folder above, and those beside and below, as far as we may look."""
    above = posixpath.dirname(path)
    places = [above]
    for place in dict.fromkeys((above, path)):
        with contextlib.suppress(asyncssh.SFTPError):
            async with _listing(sftp, place) as names:
                inner = [
                    text(one.filename) async for one in names if one.attrs.type == asyncssh.FILEXFER_TYPE_DIRECTORY
                ]
            below = (posixpath.join(place, name) for name in sorted(inner) if name not in DOTS)
            places += [one for one in below if one != path][:MOST_NEIGHBOURS]
    return places


async def _holds(sftp: asyncssh.SFTPClient, path: str, matches: Matches) -> bool:
    looked = 0
    with contextlib.suppress(asyncssh.SFTPError):
        async with _listing(sftp, path) as names:
            async for one in names:
                looked += 1
                if looked > MOST_NAMES:
                    break
                if matches(text(one.filename)) and one.attrs.type == PLAIN:
                    return True
    return False


def trouble_of_sftp(error: Exception) -> Trouble:
    """What the other side's refusal, or the end of the connection, means."""
    if isinstance(error, asyncssh.SFTPNoSuchFile | asyncssh.SFTPNoSuchPath | asyncssh.SFTPNotADirectory):
        return Trouble(Outcome.CLIENT_ERROR, "folder_missing", Rung.SCOPE)
    if isinstance(error, asyncssh.SFTPPermissionDenied):
        return Trouble(Outcome.FORBIDDEN, "folder_forbidden", Rung.SCOPE)
    if isinstance(error, asyncssh.SFTPConnectionLost | asyncssh.SFTPNoConnection | asyncssh.ConnectionLost):
        return Trouble(Outcome.RESET, "connection_lost", Rung.HTTP)
    if isinstance(error, asyncssh.SFTPBadMessage):
        return Trouble(Outcome.MALFORMED, "not_sftp", Rung.HTTP)
    if isinstance(error, asyncssh.SFTPError):
        return Trouble(Outcome.SERVER_ERROR, "folder_failed", Rung.HTTP)
    return trouble_of_ssh(error, Rung.HTTP)
