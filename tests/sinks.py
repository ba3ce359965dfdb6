"""Receivers of notices on this machine, one for each channel, which answer as the services say that they do."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as modern
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.service_shapes import refusals
from tests.sockets import answer, head_of, serving

logging.getLogger("mail.log").setLevel(logging.WARNING)  # the mail server's own: it writes down what it is sent

KEY = "R0utingCanaryKey0123456789abcdef"  # 32 letters and digits
SECRET = "canary-secret-of-at-least-24-bytes"
TAKEN = {
    "pagerduty": (202, b'{"status":"success","message":"Event processed","dedup_key":"any"}'),
    "slack": (200, b"ok"),
    "teams": (202, b""),
    "webhook": (204, b""),
    "apprise": (200, b""),
}
REFUSED = {  # what they answer to a request that they do not understand
    "pagerduty": (400, b'{"status":"invalid event","message":"Event object is invalid","errors":["canary-echo"]}'),
    "slack": (400, b"invalid_blocks"),
    "teams": (400, b'{"error":{"code":"TriggerInputSchemaMismatch","message":"canary-echo"}}'),
}
Reply = tuple[int, bytes, tuple[str, ...]]


@dataclass
class Sink:
    """What came over HTTP; `replies` come first, then each request is answered as the service would."""

    route: str
    replies: list[Reply] = field(default_factory=list)
    pause_s: float = 0.0
    heads: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    port: int = 0

    async def behave(self, reader, writer):
        while head := (await head_of(reader)).decode():
            lines = [one.split(":", 1) for one in head.splitlines()[1:] if ":" in one]
            headers = {name.lower(): value.strip() for name, value in lines}
            self.heads.append(headers)
            self.paths.append(head.split(" ")[1])
            self.bodies.append(await reader.readexactly(int(headers.get("content-length", 0))))
            await asyncio.sleep(self.pause_s)
            status, body, more = self.replies.pop(0) if self.replies else self.judged(self.bodies[-1])
            writer.write(answer(body, *more, status=f"{status} Said"))
            await writer.drain()

    def judged(self, body: bytes) -> Reply:
        wrong = refusals(self.route, body)
        self.refused += wrong
        status, said = REFUSED[self.route] if wrong else TAKEN[self.route]
        return status, said, ()

    @property
    def told(self) -> list[Any]:
        return [json.loads(body) for body in self.bodies]


@contextlib.asynccontextmanager
async def http_sink(route: str, *replies: Reply, pause_s: float = 0.0) -> AsyncIterator[Sink]:
    sink = Sink(route, list(replies), pause_s)
    async with serving(sink.behave) as port:
        sink.port = port
        yield sink


@dataclass
class Mailhost:
    """A mail server (aiosmtpd); what each command is answered can be set, and who may log in."""

    says: dict[str, str] = field(default_factory=dict)  # by command, e.g. {"DATA": "451 later"}
    pause_s: float = 0.0
    mails: list[bytes] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    port: int = 0

    async def handle_EHLO(self, _, session: Session, __, hostname, responses):  # noqa: N802 - aiosmtpd's
        session.host_name = hostname
        return [self.says["EHLO"]] if "EHLO" in self.says else responses

    async def handle_MAIL(self, _, __, envelope: Envelope, address, ___):  # noqa: N802 - aiosmtpd's
        await asyncio.sleep(self.pause_s)
        envelope.mail_from = address
        return self.says.get("MAIL", "250 OK")

    async def handle_RCPT(self, _, __, envelope: Envelope, address, ___):  # noqa: N802 - aiosmtpd's
        said = self.says.get(f"RCPT {address}", self.says.get("RCPT", "250 OK"))
        if said.startswith("2"):
            envelope.rcpt_tos.append(address)
        return said

    async def handle_DATA(self, _, __, envelope: Envelope):  # noqa: N802 - aiosmtpd's
        said = self.says.get("DATA", "250 OK")
        if said.startswith("2"):
            self.mails.append(envelope.content)
        return said

    def login(self, _, __, ___, ____, told: LoginPassword) -> AuthResult:
        pair = told.login.decode(), told.password.decode()
        self.logins.append(pair)
        return AuthResult(success=pair[1] == SECRET, handled=False)

    def texts(self) -> list[str]:
        self.read += [texts_of(letter_of(mail)) for mail in self.mails[len(self.read) :]]
        return self.read

    @property
    def letters(self) -> list[EmailMessage]:
        return [letter_of(mail) for mail in self.mails]


@contextlib.asynccontextmanager
async def mailhost(
    *, tls: ssl.SSLContext | None = None, starttls: bool = False, auth: bool = False, **how: Any
) -> AsyncIterator[Mailhost]:
    host = Mailhost(**how)

    def protocol() -> SMTP:
        return SMTP(
            host,
            hostname="localhost",
            tls_context=tls if starttls else None,
            require_starttls=starttls,
            auth_required=auth,
            auth_require_tls=tls is not None and starttls,
            authenticator=host.login,
            enable_SMTPUTF8=True,
        )

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, ssl=None if starttls else tls)
    host.port = server.sockets[0].getsockname()[1]
    try:
        yield host
    finally:
        server.close()


@dataclass
class Reached:
    """One channel, set up to reach a receiver here, and what the receiver has seen as text."""

    settings: dict[str, Any]
    seen: Callable[[], list[str]]
    refused: Callable[[], list[str]] = list  # what the receiver had against it


def letter_of(mail: bytes) -> EmailMessage:
    return message_from_bytes(mail, policy=modern)


def texts_of(mail: EmailMessage) -> str:
    parts = [part.get_content() for part in mail.walk() if not part.is_multipart()]
    return "\n".join([*(f"{name}: {value}" for name, value in mail.items()), *parts])


@contextlib.asynccontextmanager
async def reached(route: str, folder: Path, env: Callable[[str, str], None], said: str = "") -> AsyncIterator[Reached]:
    """A channel with a receiver that takes everything; `said`: or answers "later" or "never" to everything."""
    if route == "console":
        yield Reached({}, list)
    elif route == "json_lines":
        path = folder / ("gone/notices.jsonl" if said else "notices.jsonl")
        yield Reached({"path": str(path)}, lambda: path.read_text().splitlines())
    elif route == "email":
        code = {"": "250 OK", "later": f"451 {SECRET}", "never": f"550 {SECRET}"}[said]
        async with mailhost(says={"DATA": code}) as host:
            told = {"host": "localhost", "port": host.port, "security": "none"}
            people = {"sender": "heal@practice.example", "recipients": ["a@practice.example", "b@practice.example"]}
            yield Reached(told | people, host.texts)
    else:
        status = {"": (), "later": ((503, SECRET.encode(), ()),), "never": ((403, SECRET.encode(), ()),)}[said]
        async with http_sink(route, *status) as sink:
            yield Reached(
                over_http(route, sink.port, env),
                lambda: [json.dumps(one, ensure_ascii=False) for one in sink.told],
                lambda: sink.refused,
            )


def over_http(route: str, port: int, env: Callable[[str, str], None]) -> dict[str, Any]:
    """Settings of a channel over HTTP that lead to a port here."""
    env("SINK_SECRET", KEY if route == "pagerduty" else SECRET)
    env("SINK_URL", f"http://localhost:{port}/services/T0/{SECRET}?sig={SECRET}")
    env("SINK_APPRISE", f"json://user:{SECRET}@localhost:{port}/{SECRET}?retry=3&redirect=yes")
    return {
        "pagerduty": {"routing_key": "env:SINK_SECRET", "url": f"http://localhost:{port}/v2/enqueue"},
        "slack": {"url": "env:SINK_URL"},
        "teams": {"url": "env:SINK_URL"},
        "webhook": {"url": f"http://localhost:{port}/calls", "secret": "env:SINK_SECRET"},
        "apprise": {"urls": ["env:SINK_APPRISE"]},
    }[route]
