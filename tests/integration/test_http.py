"""The bounded fetch against real loopback sockets that behave as badly as peers do."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import gzip
import logging
import re
import socket
import ssl
import time
import zlib
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from models.errors import Misconfigured
from models.reading import Outcome, Rung
from tasks.http import BoundedClient, check_base_url
from tests.sockets import Behaviour, answer, head_of, says, serving

CANARY = "CANARY-Smith-000-12-3456"
SECRET = "canary-bearer-value"
DEADLINE_S = 0.6
SLACK_S = 0.9  # the machine is shared
MIB = 1 << 20


async def reset(reader, writer):
    await head_of(reader)
    linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"  # on, 0 s: close() sends RST
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


async def hang_up(reader, _writer):
    await head_of(reader)


async def silence(reader, _writer):
    await reader.read()


async def drip(reader, writer):
    await head_of(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.01)


async def drip_header(reader, writer):
    await head_of(reader)
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-Slow: 1\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_bundle(authority, tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def server_context(authority: trustme.CA, *names: str, ends: datetime | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, not_after=ends).configure_cert(context)
    return context


def self_signed_context(tmp_path: Path) -> ssl.SSLContext:
    """A leaf that signed itself, as an appliance out of its box has it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=9))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "self.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


@cache
def bomb() -> bytes:
    """200 MB of zeros in less than 1 MB of gzip, made without ever holding them."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    parts = [packer.compress(bytes(MIB)) for _ in range(200)]
    return b"".join([*parts, packer.flush()])


@pytest.fixture(scope="module", autouse=True)
def _bomb_is_built():
    bomb()  # before any deadline runs


async def blow_up(reader, writer):
    await says(answer(bomb(), "Content-Encoding: gzip"))(reader, writer)


HTML = b"<html><body>Log in</body></html>"


@pytest.mark.parametrize(
    ("behave", "outcome", "code", "rung"),
    [
        pytest.param(drip, Outcome.TIMEOUT, "deadline_passed", Rung.HTTP, id="a slow drip of body"),
        pytest.param(drip_header, Outcome.TIMEOUT, "deadline_passed", Rung.HTTP, id="a slow drip of header"),
        pytest.param(silence, Outcome.TIMEOUT, "deadline_passed", Rung.HTTP, id="accepted, then silence"),
        pytest.param(reset, Outcome.RESET, "connection_lost", Rung.HTTP, id="reset"),
        pytest.param(hang_up, Outcome.RESET, "connection_lost", Rung.HTTP, id="closed without an answer"),
        pytest.param(
            says(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", b"", pause_s=0.1),
            Outcome.TIMEOUT,
            "deadline_passed",
            Rung.HTTP,
            id="fewer bytes than announced",
        ),
        pytest.param(says(b"220 smtp ready\r\n\r\n"), Outcome.MALFORMED, "not_http", Rung.HTTP, id="no HTTP"),
        pytest.param(says(answer(bytes(10 * MIB))), Outcome.MALFORMED, "body_too_large", Rung.HTTP, id="10 MB of body"),
        pytest.param(
            blow_up,
            Outcome.MALFORMED,
            "body_too_large",
            Rung.HTTP,
            id="a gzip bomb",
        ),
        pytest.param(
            says(answer(b"plain", "Content-Encoding: gzip")),
            Outcome.MALFORMED,
            "bad_encoding",
            Rung.HTTP,
            id="gzip that is none",
        ),
        pytest.param(
            says(answer(gzip.compress(b"hello" * 99)[:-9], "Content-Encoding: gzip")),
            Outcome.MALFORMED,
            "bad_encoding",
            Rung.HTTP,
            id="gzip cut off",
        ),
        pytest.param(
            says(answer(b"x", "Content-Encoding: br")),
            Outcome.MALFORMED,
            "bad_encoding",
            Rung.HTTP,
            id="an encoding that we did not ask for",
        ),
    ],
)
def test_a_peer_that_misbehaves_is_a_value_within_the_deadline(behave, outcome, code, rung):
    deadline_s = DEADLINE_S if outcome is Outcome.TIMEOUT else 5.0  # only a time-out needs to be short

    async def run():
        async with serving(behave) as port:
            client = BoundedClient(deadline_s=deadline_s)
            began = time.perf_counter()
            fetched = await client.fetch("GET", f"http://127.0.0.1:{port}/")
            spent_s = time.perf_counter() - began
            await client.aclose()
            return fetched, spent_s

    fetched, spent_s = asyncio.run(run())
    assert (fetched.outcome, fetched.code, fetched.rung) == (outcome, code, rung)
    assert fetched.body == b""
    assert spent_s < deadline_s + SLACK_S


def test_a_refused_port_is_a_value():
    with socket.socket() as taken:  # bound, and not listening
        taken.bind(("127.0.0.1", 0))
        fetched = fetch_once(f"http://127.0.0.1:{taken.getsockname()[1]}/")
    assert (fetched.outcome, fetched.rung) == (Outcome.REFUSED, Rung.TCP)


def test_a_black_hole_is_given_up_on_before_it_answers():
    with socket.socket() as hole:  # a full backlog: the kernel drops the SYN
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        with contextlib.ExitStack() as stuck:
            for _ in range(4):
                filler = stuck.enter_context(socket.socket())
                filler.settimeout(0)
                filler.connect_ex(hole.getsockname())
            began = time.perf_counter()
            fetched = fetch_once(f"http://127.0.0.1:{hole.getsockname()[1]}/")
    assert (fetched.outcome, fetched.rung) == (Outcome.TIMEOUT, Rung.TCP)
    assert time.perf_counter() - began < DEADLINE_S + SLACK_S


@pytest.mark.parametrize(
    ("host", "code"),
    [
        pytest.param("no-such-host.invalid", "name_not_found", id="no such name"),
        pytest.param("a" * 70 + ".example", "name_not_found", id="a label no name can have"),
        pytest.param("169.254.169.254", "address_not_allowed", id="the cloud's metadata"),
        pytest.param("0.0.0.0", "address_not_allowed", id="unspecified"),  # noqa: S104 - it must be refused
    ],
)
def test_a_name_that_leads_nowhere_or_where_it_must_not_is_a_value(host, code):
    fetched = fetch_once(f"https://{host}/")
    assert (fetched.outcome, fetched.rung) == (Outcome.DNS_FAILED, Rung.DNS)
    # Without a network the resolver cannot tell a missing name from its own silence.
    assert fetched.code in {code, "resolver_unavailable"} - ({"resolver_unavailable"} if host[0].isdigit() else set())


def fetch_once(url: str, *, ca_bundle: str | None = None, **options):
    async def run():
        client = BoundedClient(ca_bundle=ca_bundle, deadline_s=DEADLINE_S)
        try:
            return await client.fetch("GET", url, **options)
        finally:
            await client.aclose()

    return asyncio.run(run())


def fetch_from(behave: Behaviour, tls: ssl.SSLContext | None, host: str, ca_bundle: str | None, **options):
    async def run():
        async with serving(behave, tls) as port:
            client = BoundedClient(ca_bundle=ca_bundle, deadline_s=5.0)
            try:
                scheme = "https" if tls else "http"
                return await client.fetch("GET", f"{scheme}://{host}:{port}/", **options)
            finally:
                await client.aclose()

    return asyncio.run(run())


def test_a_certificate_is_judged_by_the_name_that_was_asked_for(authority, ca_bundle):
    fetched = fetch_from(says(answer(b"{}")), server_context(authority, "localhost"), "localhost", ca_bundle)
    assert fetched.answered
    assert fetched.status == 200
    assert fetched.timings.tls_ms is not None


@pytest.mark.parametrize(
    ("names", "days", "trusted", "code"),
    [
        pytest.param(("localhost",), -1, True, "certificate_has_expired", id="expired"),
        pytest.param(("other.example",), 9, True, "hostname_mismatch", id="wrong host"),
        pytest.param(("localhost",), 9, False, "unknown_issuer", id="nobody we know"),
    ],
)
def test_a_certificate_that_does_not_hold_says_why(authority, ca_bundle, tmp_path, names, days, trusted, code):
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    context = server_context(authority, *names, ends=datetime.now(UTC) + timedelta(days=days))
    fetched = fetch_from(says(answer(b"{}")), context, "localhost", ca_bundle if trusted else str(other))
    assert (fetched.outcome, fetched.code, fetched.rung) == (Outcome.TLS_FAILED, code, Rung.TLS)


def test_a_self_signed_certificate_says_so(ca_bundle, tmp_path):
    fetched = fetch_from(says(answer(b"{}")), self_signed_context(tmp_path), "localhost", ca_bundle)
    assert (fetched.outcome, fetched.code) == (Outcome.TLS_FAILED, "self_signed")


def test_a_peer_without_tls_fails_in_the_handshake(ca_bundle):
    async def greets(reader, writer):
        writer.write(b"220 this is not TLS\r\n")
        await reader.read()

    async def run():
        async with serving(greets) as port:
            client = BoundedClient(ca_bundle=ca_bundle, deadline_s=5.0)
            fetched = await client.fetch("GET", f"https://localhost:{port}/")
            await client.aclose()
            return fetched

    fetched = asyncio.run(run())
    assert (fetched.outcome, fetched.code) == (Outcome.TLS_FAILED, "handshake_failed")
    assert fetched.rung is Rung.TLS


def test_a_redirect_is_shown_and_not_followed_and_no_credential_travels():
    heard: list[bytes] = []

    async def run():
        async def elsewhere(reader, _writer):
            heard.append(await head_of(reader))

        async with serving(elsewhere) as far:
            moved = answer(b"", f"Location: http://127.0.0.1:{far}/", status="302 Found")
            async with serving(says(moved)) as near:
                client = BoundedClient(deadline_s=DEADLINE_S)
                headers = {"Authorization": f"Bearer {SECRET}"}
                fetched = await client.fetch("GET", f"http://127.0.0.1:{near}/", headers=headers)
                await client.aclose()
                return fetched

    fetched = asyncio.run(run())
    assert (fetched.status, fetched.outcome) == (302, None)
    assert heard == []


def test_the_environment_cannot_send_us_through_a_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert fetch_from(says(answer(b"direct")), None, "127.0.0.1", None).body == b"direct"


def test_a_gzip_body_is_unpacked_and_both_sizes_are_known():
    plain = b'{"a": 1}' * 1000
    packed = gzip.compress(plain)
    fetched = fetch_from(says(answer(packed, "Content-Encoding: gzip")), None, "127.0.0.1", None)
    assert fetched.body == plain
    assert fetched.received_bytes == len(packed)


def test_a_kept_alive_connection_is_used_again_and_closed_at_the_end():
    async def run():
        async with serving(says(answer(HTML, "Content-Type: text/html; charset=utf-8"))) as port:
            client = BoundedClient()
            first = await client.fetch("GET", f"http://127.0.0.1:{port}/")
            second = await client.fetch("GET", f"http://127.0.0.1:{port}/")
            kept = client.open_connections
            await client.aclose()
            return first, second, kept, client.open_connections

    first, second, kept, left = asyncio.run(run())
    assert first.timings.connect_ms is not None
    assert second.timings.connect_ms is None
    assert second.headers["content-type"] == "text/html"
    assert (kept, left) == (1, 0)
    assert first.timings.first_byte_ms <= first.timings.total_ms


def test_a_handshake_that_is_left_half_way_leaks_no_socket(ca_bundle):
    def descriptors() -> int:
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir()))

    async def run():
        async with serving(silence) as port:
            client = BoundedClient(ca_bundle=ca_bundle, deadline_s=0.1)
            await client.fetch("GET", f"https://localhost:{port}/")
            before = descriptors()
            for _ in range(5):
                fetched = await client.fetch("GET", f"https://localhost:{port}/")
                assert (fetched.outcome, fetched.rung) == (Outcome.TIMEOUT, Rung.TLS)
            await asyncio.sleep(0.05)
            after = descriptors()
            await client.aclose()
            return before, after

    before, after = asyncio.run(run())
    assert after <= before


def test_what_a_peer_sends_is_kept_only_where_its_grammar_allows(caplog):
    caplog.set_level(logging.DEBUG)
    headers = (
        f"X-Request-Id: {CANARY}",
        f"X-Patient: {CANARY}",
        f'WWW-Authenticate: Bearer realm="{CANARY}", error="invalid_token", error_description="{CANARY}"',
        f"Content-Type: application/json; profile={CANARY}",
        f"Set-Cookie: {CANARY}",
        "Retry-After: 5",
    )
    body = f'{{"name": "{CANARY}"}}'.encode()
    fetched = fetch_from(
        says(answer(body, *headers, status="401 Unauthorized")),
        None,
        "127.0.0.1",
        None,
        headers={"Authorization": f"Bearer {SECRET}"},
    )
    assert fetched.headers == {
        "content-type": "application/json",
        "www-authenticate": "invalid_token",
        "retry-after": "5",
    }
    shown = repr(fetched) + str(fetched) + caplog.text
    assert not re.search(f"{CANARY}|{SECRET}", shown)


@pytest.mark.parametrize(
    ("url", "says_"),
    [
        pytest.param("http://ehr.example/fhir", "in the clear", id="plain http"),
        pytest.param(f"https://user:{CANARY}@ehr.example/", "secrets go by reference", id="a password inside"),
        pytest.param(f"https://ehr.example/?key={CANARY}", "secrets go by reference", id="a query"),
        pytest.param("ehr.example", "begins with https://", id="no scheme"),
        pytest.param("file:///etc/passwd", "begins with https://", id="a file"),
        pytest.param("https://[::1", "not a URL", id="nonsense"),
    ],
)
def test_a_base_url_that_is_unsafe_is_refused_in_a_clear_sentence(url, says_):
    with pytest.raises(ValueError, match=re.escape(says_)) as refused:
        check_base_url(url)
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize("url", ["https://ehr.example/fhir/R4/", "http://127.0.0.1:8080", "http://localhost:1/x"])
def test_https_anywhere_and_http_on_loopback_may_be_used(url):
    assert check_base_url(url) == url.rstrip("/")


def test_a_bundle_that_cannot_be_read_is_our_own_mistake(tmp_path):
    with pytest.raises(Misconfigured, match="PEM file"):
        BoundedClient(ca_bundle=str(tmp_path / "none.pem"))
