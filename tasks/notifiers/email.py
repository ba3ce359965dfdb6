"""E-mail over SMTP, with TLS from the start (465) or by STARTTLS (587); what a server answers is told by its code only.

RFC 5321, 4.2.1: 4xx may be taken later, 5xx never. RFC 8314: credentials go over TLS only.
"""

from __future__ import annotations

import asyncio
import logging
import smtplib
import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveFloat, StringConstraints, model_validator

from models.errors import HealError, Permanent, Transient
from models.integration import SecretReference, Text
from models.lookup import Lookup, NetworkRange, is_loopback_name
from models.noun import Advice, Noun
from models.queue import Notice
from tasks.network import Trouble, addresses, tls_context
from tasks.notifiers._aside import aside
from tasks.notifiers._letter import letter
from tasks.secrets import resolve

PORTS = {"tls": 465, "starttls": 587, "none": 25}
TEMPORARY, FOR_GOOD = 400, 500  # RFC 5321, 4.2.1: where they begin
ADDRESSES = 3  # of one name, that are tried
CURES = {
    530: "it wants a log-in: write username and password",
    534: "it wants another way to log in; allow passwords for this account, or use a relay of yours",
    535: "username or password are wrong; renew what `password` refers to",
    550: "the sender or a recipient is not allowed there",
    554: "it refuses such messages from here; ask who runs it",
}

log = logging.getLogger("heal")

Mailbox = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$")]
Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:-]{1,253}$")]


class Settings(Noun):
    """Which server, as whom, and to whom."""

    host: Host
    port: Annotated[int, Field(ge=1, le=65535)] | None = None  # None: 587, 465 with `tls`, 25 with `none`
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: Text | None = None
    password: SecretReference | None = None
    sender: Mailbox
    recipients: Annotated[tuple[Mailbox, ...], Field(min_length=1, max_length=50)]
    ca_bundle: str | None = None  # a file, when the server's certificate is signed by an authority of yours
    deadline_s: PositiveFloat = 20.0
    networks: tuple[NetworkRange, ...] = ()  # private ranges that the server's name may lead to

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        """TLS, unless it stays on this machine; a name and a password, or neither."""
        if self.security == "none" and not is_loopback_name(self.host):
            raise Advice("without TLS anybody on the way could read it; use starttls or tls (none is for localhost)")
        if (self.username is None) != (self.password is None):
            raise Advice("write both `username` and `password`, or neither")
        return self


async def notify(notice: Notice, settings: Settings, now: datetime, base: Path) -> None:
    """Deliver one notice; it counts as taken when the server took it for at least one recipient.

    Raises:
        Transient: when the server may take it later.
        Permanent: when it never will.
        Misconfigured: when there is no password.
    """
    found = Dispatch(settings, letter(notice, settings.sender, settings.recipients, now), base)
    try:
        async with asyncio.timeout(settings.deadline_s):
            await found.look_up()
            await aside(found.send, "heal email")
    except TimeoutError:
        if not found.taken:
            raise Transient("email: no acceptance (timeout); it is sent again later") from None
    finally:
        found.hang_up()


class Dispatch:
    """One message on its way to one server."""

    def __init__(self, settings: Settings, mail: EmailMessage, base: Path) -> None:
        self._settings, self._mail = settings, mail
        self._password = resolve(settings.password, base) if settings.password else None
        bundle = str(base / settings.ca_bundle) if settings.ca_bundle else None
        self._tls = None if settings.security == "none" else tls_context(bundle)
        self._port = settings.port or PORTS[settings.security]
        self._addresses: list[str] = []
        self._client: smtplib.SMTP | None = None
        self.taken = False

    async def look_up(self) -> None:
        """Where the name leads, when that is allowed."""
        found = await addresses(self._settings.host, self._port, Lookup(networks=self._settings.networks))
        if isinstance(found, Trouble):
            raise Transient(f"email: no acceptance ({found.code}); it is sent again later")
        self._addresses = found[:ADDRESSES]

    def send(self) -> None:
        """Blocks. Everything that the server says becomes an error of ours, without its words."""
        try:
            self._deliver()
        except smtplib.SMTPRecipientsRefused as error:
            raise refused(min(code for code, _ in error.recipients.values()), "every recipient") from None
        except smtplib.SMTPResponseException as error:
            raise refused(error.smtp_code, "the message") from None
        except smtplib.SMTPNotSupportedError:
            says = "email: the server offers no STARTTLS or no log-in; see `security` and `port` in policy.yaml"
            raise Permanent(says) from None
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise lost(error) from None

    def _deliver(self) -> None:
        client = self._connected()
        try:
            if self._settings.security == "starttls":
                client.starttls(context=self._tls)
            if self._settings.username and self._password:
                client.login(self._settings.username, self._password.get_secret_value())
            missed = client.send_message(self._mail, self._settings.sender, list(self._settings.recipients))
            self.taken = True
            if missed:
                many = len(self._settings.recipients)
                log.warning("email: %d of %d recipients were refused (%s)", len(missed), many, codes(missed))
        finally:
            with suppress(OSError, smtplib.SMTPException):
                client.quit()

    def _connected(self) -> smtplib.SMTP:
        *others, last = self._addresses
        for address in others:
            with suppress(OSError):
                return self._connect(address)
        return self._connect(last)

    def _connect(self, address: str) -> smtplib.SMTP:
        """To an address that was looked at; certificates are held against the name."""
        ours = self._settings.sender.rpartition("@")[2]  # smtplib would ask the name server for it
        client = self._kind()(timeout=self._settings.deadline_s, local_hostname=ours)
        vars(client)["_host"] = self._settings.host  # what smtplib hands to TLS as the server's name
        self._client = client
        code, _ = client.connect(address, self._port)
        if code != 220:  # noqa: PLR2004  # RFC 5321, 4.3.1: ready
            raise smtplib.SMTPConnectError(code, b"")
        return client

    def _kind(self) -> Callable[..., smtplib.SMTP]:
        if self._settings.security != "tls":
            return smtplib.SMTP
        return lambda **how: smtplib.SMTP_SSL(context=self._tls, **how)

    def hang_up(self) -> None:
        """Close the socket, so that a thread that still waits for the server ends."""
        place = getattr(self._client, "sock", None)
        if isinstance(place, socket.socket):
            with suppress(OSError):
                place.shutdown(socket.SHUT_RDWR)


def codes(missed: Mapping[str, tuple[int, bytes]]) -> str:
    """The reply codes of some recipients, each once."""
    return ", ".join(sorted({str(code) for code, _ in missed.values()}))


def refused(code: int, what: str) -> HealError:
    """What a reply code means (RFC 5321, 4.2.1); -1 is no code at all."""
    if TEMPORARY <= code < FOR_GOOD or code < 0:
        return Transient(f"email: no acceptance ({code}); it is sent again later")
    return Permanent(f"email: the server refused {what} ({code}); {CURES.get(code, 'check sender and recipients')}")


def lost(error: Exception) -> Transient:
    """The connection broke, or was never made."""
    is_tls = isinstance(error, ssl.SSLError)
    kind = "tls_failed" if is_tls else "refused" if isinstance(error, ConnectionRefusedError) else "connection lost"
    return Transient(f"email: no acceptance ({kind}); it is sent again later")
