"""What a handshake shows, on real sockets with real certificates; and what is told of those that do not hold."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from models.ladder import Verdict
from models.reading import Outcome, Rung
from tasks.certificates import Sight, look
from tasks.http import BoundedClient
from tasks.ladder import climb_network
from tasks.network import tls_context
from tests.sockets import answer, says, serving

DAY = timedelta(days=1)
DEADLINE_S = 5.0
PEACE = says(answer(b"{}"))


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(organization_name="Clinic Authority Ltd")


@pytest.fixture(scope="module")
def ca_bundle(authority, tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def context_of(issuer: trustme.CA, *names: str, begins: datetime | None = None, ends: datetime | None = None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issuer.issue_cert(*names, not_before=begins, not_after=ends).configure_cert(context)
    return context


def self_signed(directory: Path) -> ssl.SSLContext:
    key, now = ec.generate_private_key(ec.SECP384R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "\x1b[2Japp\u200bliance")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + 9 * DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    formats = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = directory / "self.pem"
    private = key.private_bytes(serialization.Encoding.PEM, *formats)
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def seen(context: ssl.SSLContext | None, ca_bundle: str, behave=PEACE, deadline_s: float = DEADLINE_S) -> Sight:
    async def run():
        async with serving(behave, context) as port:
            return await look("localhost", "127.0.0.1", port, tls_context(ca_bundle), deadline_s)

    return asyncio.run(run())


def test_a_certificate_that_holds_is_described(authority, ca_bundle):
    certificate, trouble, spent_ms = seen(context_of(authority, "localhost", "other.example"), ca_bundle)
    assert trouble is None
    assert spent_ms > 0
    assert (certificate.issuer, certificate.names, certificate.name_matches) == ("Clinic Authority Ltd", 2, True)
    assert (certificate.version, certificate.key) == ("TLSv1.3", "EC-256")
    assert certificate.chain == 1
    assert certificate.ends > datetime.now(UTC)


def test_the_length_of_the_chain_is_counted_as_sent(authority, ca_bundle):
    certificate, trouble, _ = seen(context_of(authority.create_child_ca(), "localhost"), ca_bundle)
    assert (trouble, certificate.chain) == (None, 2)


NOW = datetime.now(UTC)
CASES = [
    pytest.param({"ends": NOW - DAY}, ("localhost",), "certificate_has_expired", True, id="expired"),
    pytest.param({"begins": NOW + DAY}, ("localhost",), "certificate_not_yet_valid", True, id="not yet valid"),
    pytest.param({}, ("other.example",), "hostname_mismatch", False, id="wrong host"),
    pytest.param({"ends": NOW - DAY}, ("other.example",), "hostname_mismatch", False, id="both: the graver one"),
]


@pytest.mark.parametrize(("changes", "names", "code", "name_matches"), CASES)
def test_one_that_does_not_hold_says_why_and_is_described_all_the_same(
    authority, ca_bundle, changes, names, code, name_matches
):
    certificate, trouble, _ = seen(context_of(authority, *names, **changes), ca_bundle)
    assert (trouble.outcome, trouble.code, trouble.rung) == (Outcome.TLS_FAILED, code, Rung.TLS)
    assert (certificate.issuer, certificate.name_matches) == ("Clinic Authority Ltd", name_matches)


def test_a_stranger_is_not_trusted_and_says_who_vouches_for_it(ca_bundle):
    certificate, trouble, _ = seen(context_of(trustme.CA(organization_name="Proxy Inc"), "localhost"), ca_bundle)
    assert (trouble.code, certificate.issuer) == ("unknown_issuer", "Proxy Inc")


def test_one_that_signed_itself_says_so_and_its_name_cannot_move_a_terminal(tmp_path, ca_bundle):
    certificate, trouble, _ = seen(self_signed(tmp_path), ca_bundle)
    assert (trouble.code, certificate.issuer, certificate.key) == ("self_signed", "2Japp liance", "EC-384")


@contextlib.contextmanager
def speaking_tls_1_1(authority: trustme.CA) -> Iterator[int]:
    """A server in a thread, because asyncio drops the alert with which a real one turns a newer client away."""
    context = context_of(authority, "localhost")
    context.set_ciphers("ALL:@SECLEVEL=0")  # OpenSSL 3 offers TLS 1.1 at no other level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):  # the listener is closed: the test is over
            while True:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    context.wrap_socket(connection, server_side=True)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def test_a_server_that_is_too_old_is_named_as_that_by_ladder_and_calls_alike(authority, ca_bundle):
    async def run(port: int):
        client = BoundedClient(ca_bundle=ca_bundle, deadline_s=DEADLINE_S)
        try:
            url = f"https://localhost:{port}/"
            return await client.fetch("GET", url), await climb_network(url, ca_bundle, DEADLINE_S, NOW)
        finally:
            await client.aclose()

    with speaking_tls_1_1(authority) as port:
        fetched, steps = asyncio.run(run(port))
    assert (fetched.outcome, fetched.code) == (Outcome.TLS_FAILED, "tls_version_too_old")
    assert (steps[-1].rung, steps[-1].code, steps[-1].certificate) == (Rung.TLS, "tls_version_too_old", None)


def test_a_peer_that_never_shakes_hands_is_given_up_on(ca_bundle):
    async def silent(reader, _):
        await reader.read()

    certificate, trouble, _ = seen(None, ca_bundle, silent, deadline_s=0.2)
    assert (certificate, trouble.outcome) == (None, Outcome.TIMEOUT)


def test_each_rung_has_its_own_time_and_the_certificate_its_evidence(authority, ca_bundle):
    async def run():
        async with serving(PEACE, context_of(authority, "localhost")) as port:
            return await climb_network(f"https://localhost:{port}", ca_bundle, DEADLINE_S, datetime.now(UTC))

    steps = asyncio.run(run())
    assert [(step.rung, step.verdict) for step in steps] == [
        (rung, Verdict.PASSED) for rung in (Rung.DNS, Rung.TCP, Rung.TLS)
    ]
    assert all(step.duration_ms > 0 for step in steps)
    assert steps[-1].certificate.issuer == "Clinic Authority Ltd"
