"""MLLP with peers that nobody here wrote, or that no engine would be: a library's server, and hostile ones."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hl7.mllp
import pytest
import trustme

from models.errors import Misconfigured
from models.hl7_answers import header_of
from models.integration import Environment, Integration, Read
from models.ladder import Verdict
from models.mllp import END, START, Deframer, framed
from models.reading import Outcome, Reading, Rung
from models.tuning import Tuning
from tasks.connectors import hl7_mllp
from tasks.connectors._interface import Context
from tasks.dial import Place
from tasks.mllp import MllpClient, Turn
from tests.sockets import Behaviour, serving

ECHO = Read(operation="Echo", component="Echo")
UPDATE = Read(operation="ADT.A08", component="Patients")
CHUNK = 1 << 16


class WallClock:
    """The time of day."""

    speed = 1.0

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def context(port: int, base: Path = Path(), *, deadline_s: float = 5.0, **settings: Any) -> Context:
    plain = {"host": "127.0.0.1", "port": port, "tls": False}
    integration = Integration(
        id="hl7-engine",
        name="HL7 engine",
        kind="hl7_mllp",
        environment=Environment.TEST,
        settings=plain | settings,
        reads=(ECHO, UPDATE),
    )
    return Context(integration, WallClock(), base, Tuning(deadline_s=deadline_s), base)


@contextlib.asynccontextmanager
async def calling(port: int, base: Path = Path(), **settings: Any) -> AsyncIterator[hl7_mllp.Hl7Mllp]:
    connector = hl7_mllp.open_connector(context(port, base, **settings))
    try:
        yield connector
    finally:
        await connector.aclose()
        assert connector.open_connections == 0


def ack_for(message: bytes, code: str = "AA", *more: str, **changes: str) -> bytes:
    answers = changes.get("answers", header_of(message).control_id.decode())
    lines = (f"MSH|^~\\&|A|B|C|D|20260303||ACK|{id(message)}|P|2.5.1", f"MSA|{code}|{answers}|", *more, "")
    return framed("\r".join(lines).encode())


def answering(answer: Callable[[bytes], bytes]) -> Behaviour:
    """A server that answers each message so, on as many connections as it gets."""

    async def behave(reader, writer):
        deframer = Deframer()
        while data := await reader.read(CHUNK):
            for message in deframer.feed(data):
                writer.write(answer(message))
                await writer.drain()

    return behave


def read_from(behave: Behaviour, *reads: Read, server: ssl.SSLContext | None = None, **settings: Any) -> list[Reading]:
    """What each read came to, one after the other."""

    async def run():
        async with serving(behave, server) as port, calling(port, **settings) as mllp:
            return [await mllp.read(read) for read in reads or (ECHO,)]

    return asyncio.run(run())


def test_a_server_of_another_make_understands_every_message_and_is_understood():
    """`hl7.mllp` frames, parses and acknowledges; nothing of it is ours."""
    heard: list[hl7.Message] = []

    async def serve(reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                heard.append(await reader.readmessage())
                writer.writemessage(heard[-1].create_ack("AA"))
                await writer.drain()
        writer.close()

    async def run():
        server = await hl7.mllp.start_hl7_server(serve, "127.0.0.1", 0, encoding="utf-8")
        async with server, calling(server.sockets[0].getsockname()[1]) as mllp:
            readings = [await mllp.read(read) for read in (ECHO, UPDATE, ECHO)]
            return readings, await mllp.climb(), mllp.open_connections

    readings, ladder, used = asyncio.run(run())
    assert [(reading.outcome, reading.code) for reading in readings] == [(Outcome.OK, None)] * 3
    assert used == 1
    assert ladder.broken is None
    assert [str(message.segment("MSH")(9)) for message in heard] == [
        *("NMQ^N01", "ADT^A08^ADT_A01", "NMQ^N01", "NMQ^N01"),
    ]
    assert len({str(message.segment("MSH")(10)) for message in heard}) == 4
    assert {str(message.segment("MSH")(11)) for message in heard} == {"T"}  # a test system


# --- endless, slow and many ------------------------------------------------------------------------------------------


def pouring(first: bytes, then: bytes, *, pause_s: float = 0.0) -> Behaviour:
    """A server that answers with something that never ends."""

    async def behave(reader, writer):
        await reader.read(CHUNK)
        writer.write(first)
        while True:
            writer.write(then)
            await writer.drain()
            await asyncio.sleep(pause_s)

    return behave


COMMIT = "MSH|^~\\&|A|B|C|D|20260303||ACK|1|P|2.5.1\rMSA|CA|"


@pytest.mark.parametrize(
    ("behave", "outcome", "code"),
    [
        pytest.param(pouring(START, b"x" * CHUNK), Outcome.MALFORMED, "message_too_large", id="a message without end"),
        pytest.param(pouring(START, b"|" * CHUNK), Outcome.MALFORMED, "message_too_large", id="fields without end"),
        pytest.param(pouring(b"", b"\r\n" * CHUNK), Outcome.MALFORMED, "message_too_large", id="line ends without end"),
        pytest.param(pouring(b"", b"\xff" * CHUNK), Outcome.MALFORMED, "not_mllp", id="noise without end"),
        pytest.param(pouring(START, b"M", pause_s=0.01), Outcome.TIMEOUT, "ack_incomplete", id="a drip"),
        pytest.param(pouring(b"", b"\r", pause_s=0.01), Outcome.TIMEOUT, "no_ack", id="a drip between messages"),
    ],
)
def test_what_never_ends_ends_at_the_limit_or_the_deadline_and_costs_little(behave, outcome, code):
    tracemalloc.start()
    try:
        (reading,) = read_from(behave, deadline_s=0.5)
        used = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (reading.outcome, reading.code, reading.rung) == (outcome, code, Rung.HTTP)
    assert reading.connections == 0
    assert used < 16 << 20


def test_commits_without_end_end_at_the_limit():
    def commits(message: bytes) -> bytes:
        return framed(f"{COMMIT}{header_of(message).control_id.decode()}|{'x' * CHUNK}\r".encode()) * 40

    (reading,) = read_from(answering(commits), acknowledgement="enhanced")
    assert (reading.outcome, reading.code) == (Outcome.MALFORMED, "message_too_large")


def test_a_commit_and_then_noise_is_not_waited_for():
    def answer(message: bytes) -> bytes:
        return framed(f"{COMMIT}{header_of(message).control_id.decode()}\r".encode()) + b"noise"

    (reading,) = read_from(answering(answer), acknowledgement="enhanced", deadline_s=60.0)
    assert (reading.outcome, reading.code) == (Outcome.MALFORMED, "not_mllp")


# --- answers that belong to nobody -----------------------------------------------------------------------------------


def counted(answer: Callable[[int, int, bytes], bytes | None]) -> tuple[Behaviour, list[int]]:
    """A server whose answers depend on which connection and which message of it; and the messages per connection."""
    counts: list[int] = []

    async def behave(reader, writer):
        mine, deframer = len(counts), Deframer()
        counts.append(0)
        while data := await reader.read(CHUNK):
            for message in deframer.feed(data):
                counts[mine] += 1
                if (said := answer(mine, counts[mine], message)) is None:
                    writer.transport.abort()
                    return
                writer.write(said)
                await writer.drain()

    return behave, counts


def test_a_late_answer_can_not_become_the_answer_to_the_next_message():
    waiting: list[bytes] = []

    def one_late(_: int, __: int, message: bytes) -> bytes:
        waiting.append(message)
        return ack_for(waiting[-2]) if len(waiting) > 1 else b""

    behave, counts = counted(one_late)
    first, second = read_from(behave, UPDATE, UPDATE, deadline_s=0.3)
    assert (first.outcome, first.code) == (Outcome.UNKNOWN, "no_ack")
    assert (second.outcome, second.code) == (Outcome.SEMANTIC, "ack_for_another_message")
    assert counts == [1, 1]


def test_an_answer_too_many_makes_the_connection_useless():
    behave, counts = counted(lambda _, __, message: ack_for(message) * 2)
    assert [reading.outcome for reading in read_from(behave, ECHO, UPDATE)] == [Outcome.OK] * 2
    assert counts == [1, 1]


def test_what_comes_unasked_on_an_idle_connection_makes_it_useless():
    strayed, may_stray = asyncio.Event(), asyncio.Event()

    async def behave(reader, writer):
        deframer = Deframer()
        while data := await reader.read(CHUNK):
            for message in deframer.feed(data):
                writer.write(ack_for(message))
                await may_stray.wait()
                writer.write(ack_for(message))
                await writer.drain()
                strayed.set()

    async def run():
        async with serving(behave) as port, calling(port) as mllp:
            first = await mllp.read(ECHO)
            (line,) = mllp._mllp._idle
            may_stray.set()
            await strayed.wait()
            async with asyncio.timeout(5):
                while line.is_silent:  # noqa: ASYNC110 - the stray bytes cross the loopback now
                    await asyncio.sleep(0)
            return first, await mllp.read(UPDATE)

    first, second = asyncio.run(run())
    assert (first.outcome, second.outcome, second.code) == (Outcome.OK, Outcome.OK, None)
    assert second.connect_ms is not None


def test_a_kept_alive_connection_that_is_closed_under_a_message_says_so():
    behave, counts = counted(lambda _, nth, message: None if nth > 1 else ack_for(message))
    first, harmless, write = read_from(behave, ECHO, ECHO, UPDATE)
    assert first.outcome is Outcome.OK
    assert (harmless.outcome, harmless.code) == (Outcome.RESET, "kept_alive_closed")
    assert write.outcome is Outcome.OK  # on a new one
    assert counts == [2, 1]


def test_a_write_over_a_connection_that_was_closed_is_of_unknown_outcome():
    behave, _ = counted(lambda _, nth, message: None if nth > 1 else ack_for(message))
    _, write = read_from(behave, UPDATE, UPDATE)
    assert (write.outcome, write.code) == (Outcome.UNKNOWN, "kept_alive_closed")


def test_who_waits_for_a_connection_in_vain_has_sent_nothing():
    async def silence(reader, _):
        while await reader.read(CHUNK):
            pass

    async def run():
        async with serving(silence) as port:
            client = MllpClient(Place("127.0.0.1", port, is_encrypted=False), None, deadline_s=30.0)
            first = asyncio.create_task(client.exchange(b"MSH|", lambda _: Turn(is_last=True)))
            while not client.open_connections:  # noqa: ASYNC110 - it is being dialled
                await asyncio.sleep(0)
            second = await client.exchange(b"MSH|", lambda _: Turn(is_last=True), deadline_s=0.1)
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            return second, client.open_connections

    exchanged, left = asyncio.run(run())
    assert (exchanged.outcome, exchanged.code, exchanged.was_sent) == (Outcome.TIMEOUT, "pool_timeout", False)
    assert exchanged.pool_wait_ms == 0.0 or exchanged.pool_wait_ms >= 100
    assert left == 0


# --- TLS -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_tls(authority: trustme.CA, *, asks: bool = False, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(tls)
    if asks:
        authority.configure_trust(tls)
        tls.verify_mode = ssl.CERT_REQUIRED
    if version:
        tls.maximum_version = version
    return tls


def trusting(authority: trustme.CA, folder: Path) -> dict[str, Any]:
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    return {"tls": True, "ca_bundle": "ca.pem", "base": folder}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_receiver_that_asks_for_our_certificate_gets_it(authority, tmp_path, version):
    ours = authority.issue_cert("heal.example.org")
    ours.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "ours.pem"))
    known = {"client_certificate": "file:ours.pem", **trusting(authority, tmp_path)}
    tls = server_tls(authority, asks=True, version=version)
    (reading,) = read_from(answering(ack_for), server=tls, **known)
    assert (reading.outcome, reading.tls_ms > 0) == (Outcome.OK, True)


@contextlib.contextmanager
def refusing(tls: ssl.SSLContext) -> Iterator[int]:
    """A server with blocking sockets, where OpenSSL itself sends the alert; asyncio's only hangs up."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with contextlib.suppress(OSError), tls.wrap_socket(connection, server_side=True) as secure:
                    secure.recv(CHUNK)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


REFUSED = (Outcome.TLS_FAILED, "certificate_refused")
SWEPT_OFF = "closed_before_ack"  # our message and the alert met: the kernel kept the reset alone


@pytest.mark.parametrize(
    ("read", "at_worst"), [pytest.param(ECHO, Outcome.RESET), pytest.param(UPDATE, Outcome.UNKNOWN)]
)
def test_a_receiver_that_asks_for_a_certificate_and_gets_none_refuses(authority, tmp_path, read, at_worst):
    async def run():
        with refusing(server_tls(authority, asks=True)) as port:
            async with calling(port, **trusting(authority, tmp_path)) as mllp:
                return await mllp.read(read), await mllp.climb()

    reading, ladder = asyncio.run(run())
    assert (reading.outcome, reading.code) in {REFUSED, (at_worst, SWEPT_OFF)}
    assert (ladder.broken.rung, ladder.broken.outcome, ladder.broken.code) == (Rung.TLS, *REFUSED)
    assert {step.verdict for step in ladder.steps[3:]} == {Verdict.SKIPPED}


def test_a_receiver_that_hangs_up_after_the_handshake_is_told_by_a_climb(authority, tmp_path):
    async def run():
        async with (
            serving(answering(ack_for), server_tls(authority, asks=True)) as port,
            calling(port, **trusting(authority, tmp_path)) as mllp,
        ):
            return await mllp.climb()

    assert asyncio.run(run()).broken.code == "closed_after_handshake"


@pytest.mark.parametrize(
    ("settings", "speaks_tls", "code"),
    [
        pytest.param({"tls": True}, True, "unknown_issuer", id="an authority that we do not know"),
        pytest.param({"tls": True}, False, "handshake_failed", id="a receiver without TLS"),
    ],
)
def test_without_trust_nothing_is_said(authority, settings, speaks_tls, code):
    async def run():
        tls = server_tls(authority) if speaks_tls else None
        behave = answering(ack_for) if speaks_tls else talking_first
        async with serving(behave, tls) as port, calling(port, **settings) as mllp:
            return await mllp.read(UPDATE)

    async def talking_first(_, writer):
        writer.write(framed(b"hello"))
        await writer.drain()

    reading = asyncio.run(run())
    assert (reading.outcome, reading.code, reading.sent_bytes) == (Outcome.TLS_FAILED, code, 0)


@pytest.mark.parametrize("content", [None, "no certificate", "-----BEGIN CERTIFICATE-----\n"])
def test_a_client_certificate_that_cannot_be_used_is_our_mistake(tmp_path, content):
    if content is not None:
        (tmp_path / "ours.pem").write_text(content)
    with pytest.raises(Misconfigured, match="client_certificate cannot be used"):
        hl7_mllp.open_connector(context(1, tmp_path, tls=True, client_certificate="file:ours.pem"))


# --- what must not leave ---------------------------------------------------------------------------------------------

CANARY = "CANARY-Smith-000-12-3456"
NAMED = (f"ERR||PID^1^3|207^{CANARY}^HL70357^{CANARY}|E|{CANARY}||{CANARY}|{CANARY}", f"PID|1||{CANARY}||{CANARY}")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda m: ack_for(m, "AA", *NAMED), id="accepted, with an error"),
        pytest.param(lambda m: ack_for(m, "AE", *NAMED), id="refused"),
        pytest.param(lambda m: ack_for(m, "AA", answers=CANARY), id="a patient as an id"),
        pytest.param(lambda m: ack_for(m, CANARY), id="a patient as a code"),
        pytest.param(lambda m: ack_for(m).replace(b"|ACK|", f"|{CANARY}^A08|".encode()), id="a patient as a type"),
        pytest.param(lambda m: ack_for(m).replace(b"2.5.1", CANARY.encode()), id="a patient as a version"),
        pytest.param(lambda _: framed(CANARY.encode()), id="a patient without HL7"),
        pytest.param(lambda _: CANARY.encode(), id="a patient without a frame"),
        pytest.param(lambda _: START + CANARY.encode() + END[:1], id="a patient that does not end"),
    ],
)
def test_no_patient_leaves_the_connector(caplog, answer):
    caplog.set_level("DEBUG")
    segments = ("EVN|A08|{now}", f"PID|1||{CANARY}||{CANARY}^{CANARY}")
    own = {"ADT.A08": {"type": "ADT^A08", "segments": segments, "resource": "Patient"}}

    async def run():
        async with serving(answering(answer)) as port, calling(port, deadline_s=0.3, messages=own) as mllp:
            parts = [await mllp.read(UPDATE), await mllp.read(ECHO), await mllp.climb()]
            shown = [*map(repr, parts), *(part.model_dump_json() for part in parts)]
            return "\n".join([*shown, repr(mllp), repr(mllp._mllp), repr(mllp._settings)])

    assert CANARY not in asyncio.run(run()) + caplog.text
