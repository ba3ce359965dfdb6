"""E-mail to a mail server that is none of ours: with and without TLS and log-in, taken, put off and refused."""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
import traceback
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import trustme

from models.errors import HealError, Misconfigured, Permanent, Transient
from models.queue import Notice
from tasks.notifiers import email
from tests.builders import NOW, an_escalation
from tests.contracts.test_notifiers import Kind, a_notice
from tests.sinks import SECRET, Mailhost, mailhost
from tests.sockets import serving

PEOPLE = ["oncall@practice.example", "desk@practice.example"]
pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:Requiring AUTH"),  # aiosmtpd's: inside of TLS from the start it is none
]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def papers(tmp_path_factory) -> tuple[ssl.SSLContext, Path]:
    """A server's certificate, and the folder with who signed it (ca.pem) and somebody else (other.pem)."""
    folder, authority = tmp_path_factory.mktemp("papers"), trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    trustme.CA().cert_pem.write_to_path(str(folder / "other.pem"))
    return context, folder


@pytest.fixture(autouse=True)
def the_password(monkeypatch):
    monkeypatch.setenv("MAIL_PASSWORD", SECRET)


async def tell(host: Mailhost, notice: Notice | None = None, base: Path = Path(), **changes: Any) -> None:
    told = {"host": "localhost", "port": host.port, "security": "none", "deadline_s": 5.0}
    people = {"sender": "heal@practice.example", "recipients": PEOPLE}
    settings = email.Settings.model_validate(told | people | changes)
    assert SECRET not in repr(settings)
    await email.notify(notice or a_notice(), settings, NOW, base)


LOGIN = {"username": "heal", "password": "env:MAIL_PASSWORD"}


@pytest.mark.parametrize(
    ("security", "login"),
    [
        pytest.param("starttls", True, id="STARTTLS and a log-in"),
        pytest.param("starttls", False, id="STARTTLS"),
        pytest.param("tls", True, id="TLS from the start and a log-in"),
        pytest.param("tls", False, id="TLS from the start"),
    ],
)
async def test_a_mail_goes_over_tls_with_and_without_a_log_in(papers, security, login):
    context, folder = papers
    async with mailhost(tls=context, starttls=security == "starttls", auth=login) as host:
        await tell(host, base=folder, security=security, ca_bundle="ca.pem", **(LOGIN if login else {}))
    assert len(host.letters) == 1
    assert host.logins == ([("heal", SECRET)] if login else [])


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_server_that_a_stranger_vouches_for_gets_neither_password_nor_mail(papers, security):
    context, folder = papers
    async with mailhost(tls=context, starttls=security == "starttls", auth=True) as host:
        with pytest.raises(Transient, match="tls_failed"):
            await tell(host, base=folder, security=security, ca_bundle="other.pem", **LOGIN)
    assert (host.letters, host.logins) == ([], [])


async def test_a_server_without_starttls_gets_neither_password_nor_mail(papers):
    async with mailhost() as host:
        with pytest.raises(Permanent, match="offers no STARTTLS"):
            await tell(host, base=papers[1], security="starttls", ca_bundle="ca.pem", **LOGIN)
    assert (host.letters, host.logins) == ([], [])


async def test_a_wrong_password_is_refused_for_good(papers, monkeypatch):
    monkeypatch.setenv("MAIL_PASSWORD", "canary-wrong")
    async with mailhost(tls=papers[0], starttls=True, auth=True) as host:
        with pytest.raises(Permanent, match=r"refused the message \(535\); username or password are wrong") as raised:
            await tell(host, base=papers[1], security="starttls", ca_bundle="ca.pem", **LOGIN)
    assert "canary" not in "".join(traceback.format_exception(raised.value))


async def test_without_a_password_the_mail_waits_for_one(monkeypatch):
    monkeypatch.delenv("MAIL_PASSWORD")
    async with mailhost() as host:
        with pytest.raises(Misconfigured, match=r"^env:MAIL_PASSWORD"):
            await tell(host, **LOGIN)


@pytest.mark.parametrize(
    ("command", "said", "error", "says"),
    [
        pytest.param("MAIL", "451 later", Transient, r"no acceptance \(451\)", id="the sender, later"),
        pytest.param("MAIL", "550 no", Permanent, r"refused the message \(550\)", id="the sender, never"),
        pytest.param("RCPT", "450 busy", Transient, r"no acceptance \(450\)", id="every recipient, later"),
        pytest.param("RCPT", "550 no", Permanent, r"refused every recipient \(550\)", id="every recipient, never"),
        pytest.param("DATA", "452 full", Transient, r"no acceptance \(452\)", id="the message, later"),
        pytest.param("DATA", "554 spam", Permanent, r"the message \(554\); it refuses", id="the message, never"),
        pytest.param("DATA", "421 closing", Transient, r"no acceptance \(421\)", id="it is going down"),
    ],
)
async def test_what_a_server_answers_decides_by_its_code(command, said, error, says, caplog):
    caplog.set_level(logging.DEBUG)
    async with mailhost(says={command: f"{said} {SECRET}"}) as host:
        with pytest.raises(error, match=says) as raised:
            await tell(host)
    assert host.letters == []
    assert SECRET not in "".join(traceback.format_exception(raised.value)) + caplog.text


async def test_one_recipient_who_is_refused_keeps_nobody_else_from_hearing(caplog):
    async with mailhost(says={f"RCPT {PEOPLE[0]}": "550 gone"}) as host:
        await tell(host)
    assert len(host.letters) == 1
    assert "1 of 2 recipients were refused (550)" in caplog.text
    assert PEOPLE[0] not in caplog.text


async def test_one_who_may_be_tried_later_makes_it_later():
    async with mailhost(says={f"RCPT {PEOPLE[0]}": "550 gone", f"RCPT {PEOPLE[1]}": "450 busy"}) as host:
        with pytest.raises(Transient):
            await tell(host)


async def assert_no_thread_is_left() -> None:
    """Closing the socket ends it, while the server goes on as it did."""
    for _ in range(60):
        if not [one for one in threading.enumerate() if one.name == "heal email"]:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("a thread still waits")


async def test_a_server_that_is_too_slow_is_left_and_so_is_the_thread():
    async with mailhost(pause_s=30) as host:
        with pytest.raises(Transient, match=r"no acceptance \(timeout\)"):
            await tell(host, deadline_s=0.3)
        await assert_no_thread_is_left()
    assert host.letters == []


async def dripping(_, writer):
    """A greeting that never ends: each byte comes in time."""
    while True:
        writer.write(b"2")
        await writer.drain()
        await asyncio.sleep(0.05)


async def test_a_server_that_drips_is_left_at_the_deadline():
    async with serving(dripping) as port:
        with pytest.raises(Transient):
            await tell(Mailhost(port=port), deadline_s=0.4)
        await assert_no_thread_is_left()


async def closing(reader, writer):
    """The mail was taken, and then nothing is said any more."""
    writer.write(b"220 hello\r\n")
    while line := await reader.readline():
        word = line.split()[0].upper()
        if word == b"QUIT":
            await asyncio.sleep(30)
        if word == b"DATA":
            writer.write(b"354 go\r\n")
            await reader.readuntil(b"\r\n.\r\n")
        writer.write(b"250 OK\r\n")
        await writer.drain()


async def test_what_was_taken_stays_taken_although_the_farewell_fails():
    async with serving(closing) as port:
        await tell(Mailhost(port=port), deadline_s=0.6)


async def test_nobody_there_is_tried_again_later():
    async with mailhost() as host:
        pass
    with pytest.raises(Transient, match="refused"):
        await tell(host)


async def letters(*notices: Notice) -> list[EmailMessage]:
    async with mailhost() as host:
        for notice in notices:
            await tell(host, notice)
    return host.letters


async def test_what_is_told_of_an_incident_is_one_thread_and_the_same_again_has_the_same_id():
    first, word, end, again = await letters(
        a_notice(id="INC-1/1/email"),
        a_notice(Kind.ACKNOWLEDGE, id="INC-1/2/email"),
        a_notice(Kind.RESOLVE, id="INC-1/3/email"),
        a_notice(id="INC-1/1/email", attempts=2),
    )
    assert len({mail["References"] for mail in (first, word, end, again)}) == 1
    assert all(mail["In-Reply-To"] == mail["References"] for mail in (first, word, end))
    assert again["Message-ID"] == first["Message-ID"]
    assert len({mail["Message-ID"] for mail in (first, word, end)} | {first["References"]}) == 4
    (other,) = await letters(a_notice(incident_id="INC-2025-03-26-002", id="INC-2/1/email"))
    assert other["References"] != first["References"]


async def test_a_mail_says_the_same_as_text_and_as_html_and_fetches_nothing():
    (mail,) = await letters(a_notice(escalation=an_escalation(cause="<script>x</script> & more")))
    text, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert "Cause: <script>x</script> & more (65%)" in text
    assert "<td>&lt;script&gt;x&lt;/script&gt; &amp; more (65%)</td>" in html
    assert not [word for word in ("http", "src=", "url(", "<img", "<link", "<script") if word in html]
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Importance"] == "high"
    assert mail["To"] == ", ".join(PEOPLE)


async def test_a_line_break_makes_no_header():
    (mail,) = await letters(a_notice(escalation=an_escalation(cause="down\r\nBcc: everybody\r\n\r\nhello")))
    assert mail["Bcc"] is None
    assert mail["Subject"] == "HIGH: Epic FHIR API: down Bcc: everybody hello"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        pytest.param({"security": "none", "host": "mail.example.org"}, "use starttls or tls", id="in the clear"),
        pytest.param({"username": "heal"}, "both `username` and `password`", id="a name without a password"),
        pytest.param({"password": "hunter2", "username": "x"}, "by reference", id="a secret as itself"),
        pytest.param({"recipients": []}, "at least 1", id="nobody"),
        pytest.param({"recipients": ["a@b\r\nBcc: c@d"]}, "pattern", id="a header in an address"),
        pytest.param({"sender": "no address"}, "pattern", id="no address"),
        pytest.param({"host": "mail example"}, "pattern", id="no host"),
        pytest.param({"security": "maybe"}, "starttls", id="no such security"),
    ],
)
def test_settings_are_refused(wrong, says):
    told = {"host": "mail.example.org", "sender": "heal@practice.example", "recipients": PEOPLE}
    with pytest.raises(ValueError, match=says) as refused:
        email.Settings.model_validate(told | wrong)
    assert "hunter2" not in str(refused.value)


def test_every_code_means_one_of_two_things():
    for code in range(-1, 600):
        error: HealError = email.refused(code, "the message")
        assert isinstance(error, Transient if code < 0 or 400 <= code < 500 else Permanent)
