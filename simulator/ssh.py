"""One loopback port that speaks SSH and, behind the log-in, SFTP: asyncssh behind the doors of any other port."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from secrets import compare_digest

import asyncssh

from simulator.server import Door, Server, _swallow

logging.getLogger("asyncssh").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Partner:
    """What the server knows of the one who may come in."""

    username: str
    password: str
    key: asyncssh.SSHKey  # the public half
    is_welcome: Callable[[], bool]


class SshServer(Server):
    """A port of the clinic whose conversations are SSH.

    Args:
        root: what the partner sees as /.
        partner: who may log in.
        host_key: the key to show to the next that connects.
    """

    def __init__(self, root: Path, partner: Partner, host_key: Callable[[], asyncssh.SSHKey]) -> None:
        super().__init__()
        self._root, self._partner, self._host_key = root, partner, host_key
        self._lines: set[asyncssh.SSHServerConnection] = set()
        self.counts: Counter[str] = Counter()

    def _shut(self) -> None:
        super()._shut()
        for line in self._lines:
            line.abort()

    async def _talk(self, connection: socket.socket) -> None:
        if self._door is Door.SILENT:
            with contextlib.suppress(OSError):
                await _swallow(connection)
            return
        try:
            line = await asyncssh.run_server(
                connection,
                config=None,
                server_factory=lambda: _Desk(self._partner, self.counts),
                server_host_keys=[self._host_key()],
                sftp_factory=lambda channel: _Shelf(channel, self._root, self.counts),
                gss_host=None,
            )
        except (asyncssh.Error, OSError):
            return
        self._lines.add(line)
        try:
            await line.wait_closed()
        except asyncio.CancelledError:
            line.abort()
            raise
        finally:
            self._lines.discard(line)


class _Desk(asyncssh.SSHServer):
    """Lets the partner in."""

    def __init__(self, partner: Partner, counts: Counter[str]) -> None:
        self._partner, self._counts = partner, counts

    def public_key_auth_supported(self) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return self._counted(username, is_known=key == self._partner.key)

    def validate_password(self, username: str, password: str) -> bool:
        return self._counted(username, is_known=compare_digest(password, self._partner.password))

    def auth_completed(self) -> None:
        self._counts["logins"] += 1

    def _counted(self, username: str, *, is_known: bool) -> bool:
        may_enter = is_known and username == self._partner.username and self._partner.is_welcome()
        self._counts["refused"] += not may_enter
        return may_enter


class _Shelf(asyncssh.SFTPServer):
    """The folders behind the log-in, and how often they were looked at."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], root: Path, counts: Counter[str]) -> None:
        super().__init__(channel, chroot=str(root).encode())
        self._counts = counts

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        self._counts["lists"] += 1
        async for name in super().scandir(path):
            yield name

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        self._counts["opens"] += 1
        return super().open(path, pflags, attrs)
