"""Where the files of one integration are: the folder, what is remembered of it, and the way there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pydantic import SecretStr

from models.drop import Calendar
from tasks.connectors._flat_file_settings import Server, Settings
from tasks.connectors._interface import Context
from tasks.deliveries import Deliveries, Folders
from tasks.folder import Folder, LocalFolder
from tasks.secrets import resolve

if TYPE_CHECKING:
    from tasks.sftp import Session


class Place(NamedTuple):
    """The folders of one integration, looked at from here."""

    folders: Folders
    deliveries: Deliveries
    session: Session | None  # None: it is on this machine
    calendar: Calendar  # the days of the practice

    async def aclose(self) -> None:
        """Close every socket."""
        if self.session is not None:
            await self.session.aclose()


def open_place(context: Context, settings: Settings) -> Place:
    """The folder of an integration; nothing is connected yet.

    Raises:
        Misconfigured: when a secret or the private key cannot be used.
    """
    days = Calendar(timezone=context.integration.timezone, holidays=frozenset(settings.holidays))
    session = None if settings.sftp is None else _session(context, settings.sftp)
    memory = context.home / "files" / context.integration.id

    def folders(path: str | None) -> Folder:
        if session is None:
            return LocalFolder(context.base / (path or settings.folder))
        from tasks.sftp import SftpFolder  # noqa: PLC0415 - SSH is for those who use it: it takes 0.2 s to load

        return SftpFolder(session, path or settings.folder)

    return Place(folders, Deliveries(folders, days, memory, context.clock, context.base), session, days)


def _session(context: Context, server: Server) -> Session:
    from tasks.sftp import Session  # noqa: PLC0415 - as above
    from tasks.ssh import Account, private_key  # noqa: PLC0415

    base = context.base
    passphrase = _secret(server.passphrase, base)
    pem = _secret(server.private_key, base)
    account = Account(
        host=server.host,
        port=server.port,
        username=_itself_or_behind(server.username, base),
        host_keys=server.host_key,
        lookup=context.integration.lookup,
        key=private_key(pem, passphrase, context.integration.id) if pem else None,
        password=_secret(server.password, base),
    )
    return Session(account, context.home / "logins" / f"{context.integration.id}.json", context.clock)


def _secret(reference: str | None, base: Path) -> SecretStr | None:
    return None if reference is None else resolve(reference, base)


def _itself_or_behind(text: str, base: Path) -> str:
    """A value that may stand in the configuration, or be kept elsewhere."""
    return resolve(text, base).get_secret_value() if text.startswith(("env:", "file:")) else text
