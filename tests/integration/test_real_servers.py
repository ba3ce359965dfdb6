"""Against servers that nobody here wrote: nginx in front, and an OAuth server from npm.

They are skipped by name where they are not installed: `apt-get install nginx-light`, and
`npm ci --prefix tests/testdata/oidc-provider` (or HEAL_TEST_NPM=DIR with a `node_modules` in it).
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from joserfc.jwk import RSAKey

from models.classification import judge_fhir
from models.integration import Integration
from models.ladder import Verdict
from models.reading import Outcome, Rung
from models.tuning import Tuning
from models.waiting import retry_after_s
from tasks.connectors import epic_fhir
from tasks.connectors._interface import Context
from tasks.http import BoundedClient
from tasks.ladder import climb_network

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
NODE = shutil.which("node")
TOKEN_SERVER = Path(__file__).parents[1] / "testdata" / "oidc-provider"
MODULES = Path(os.environ.get("HEAL_TEST_NPM", TOKEN_SERVER)) / "node_modules"
START_S = 20.0

needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
needs_token_server = pytest.mark.skipif(
    NODE is None or not (MODULES / "oidc-provider").is_dir(), reason="node or npm's oidc-provider is not installed"
)


class WallClock:
    speed = 1.0

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_bundle(authority, tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def certified(authority: trustme.CA, directory: Path, name: str, ends: datetime | None = None) -> dict[str, str]:
    """Paths of a certificate for localhost and of its key."""
    issued = authority.issue_cert("localhost", not_after=ends)
    cert, key = directory / f"{name}.pem", directory / f"{name}.key"
    cert.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(key))
    return {"cert": str(cert), "key": str(key)}


@contextmanager
def running(command: list[str], port: int) -> Iterator[None]:
    """A process for the length of a `with` block, from the moment it listens."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        until = time.monotonic() + START_S
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < until, "it does not come up"
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.communicate(timeout=10)


CONFIGURATION = """
daemon off; master_process off; pid {home}/nginx.pid; error_log {home}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off; client_body_temp_path {home}/a; proxy_temp_path {home}/b; fastcgi_temp_path {home}/c;
    uwsgi_temp_path {home}/d; scgi_temp_path {home}/e; default_type application/fhir+json;
    limit_req_zone $binary_remote_addr zone=calls:64k rate=1r/s; limit_req_status 429;
    server {{
        listen 127.0.0.1:{good} ssl; ssl_certificate {good_cert}; ssl_certificate_key {good_key};
        location = /metadata {{ return 200 '{{"resourceType": "CapabilityStatement"}}'; }}
        location = /limited {{ limit_req zone=calls; add_header Retry-After 7 always; try_files /none @fine; }}
        location @fine {{ return 200 '{{"resourceType": "Patient"}}'; }}
        location = /away {{ return 503; }}
        location = /moved {{ return 302 https://other.example/; }}
    }}
    server {{
        listen 127.0.0.1:{old} ssl; ssl_certificate {old_cert}; ssl_certificate_key {old_key};
        location / {{ return 200 'never seen'; }}
    }}
}}
"""


@pytest.fixture(scope="module")
def nginx(authority, tmp_path_factory) -> Iterator[dict[str, str]]:
    home = tmp_path_factory.mktemp("nginx")
    good = certified(authority, home, "good")
    old = certified(authority, home, "old", datetime.now(UTC) - timedelta(days=3))
    ports = {"good": free_port(), "old": free_port()}
    files = {"good_cert": good["cert"], "good_key": good["key"], "old_cert": old["cert"], "old_key": old["key"]}
    (home / "nginx.conf").write_text(CONFIGURATION.format(home=home, **ports, **files))
    with running([NGINX, "-p", str(home), "-c", str(home / "nginx.conf")], ports["good"]):
        yield {name: f"https://localhost:{port}" for name, port in ports.items()}


def fetch_all(ca_bundle: str, *urls: str):
    async def run():
        client = BoundedClient(ca_bundle=ca_bundle, deadline_s=5)
        try:
            return [await client.fetch("GET", url) for url in urls]
        finally:
            await client.aclose()

    return asyncio.run(run())


@needs_nginx
def test_nginx_is_spoken_to_over_its_own_tls(nginx, ca_bundle):
    first, second = fetch_all(ca_bundle, f"{nginx['good']}/metadata", f"{nginx['good']}/metadata")
    assert (first.status, first.outcome) == (200, None)
    assert judge_fhir(first.status, first.headers, first.body).outcome is Outcome.OK
    assert second.timings.connect_ms is None  # kept alive


@needs_nginx
def test_the_rate_limit_of_nginx_is_throttling_with_a_time_to_wait(nginx, ca_bundle):
    answers = fetch_all(ca_bundle, *[f"{nginx['good']}/limited"] * 3)
    assert answers[0].status == 200
    last = answers[-1]
    assert judge_fhir(last.status, last.headers, last.body).outcome is Outcome.THROTTLED
    assert retry_after_s(last.headers, datetime.now(UTC)) == 7


@needs_nginx
@pytest.mark.parametrize(
    ("path", "outcome", "code"),
    [
        pytest.param("away", Outcome.SERVER_ERROR, None, id="503, as nginx words it"),
        pytest.param("moved", Outcome.MALFORMED, "redirected", id="a redirect"),
        pytest.param("none", Outcome.CLIENT_ERROR, None, id="404"),
    ],
)
def test_the_error_pages_of_nginx_are_classified(nginx, ca_bundle, path, outcome, code):
    fetched = fetch_all(ca_bundle, f"{nginx['good']}/{path}")[0]
    judged = judge_fhir(fetched.status, fetched.headers, fetched.body)
    assert (judged.outcome, judged.code) == (outcome, code)


@needs_nginx
def test_an_expired_certificate_is_dated_by_the_climb(nginx, ca_bundle):
    steps = asyncio.run(climb_network(nginx["old"], ca_bundle, 5.0, datetime.now(UTC)))
    broken = steps[-1]
    assert (broken.rung, broken.verdict, broken.code) == (Rung.TLS, Verdict.FAILED, "certificate_has_expired")
    assert broken.says == "certificate has expired; certificate ended 3 days ago"
    assert fetch_all(ca_bundle, nginx["old"])[0].code == "certificate_has_expired"


@contextmanager
def token_server(authority: trustme.CA, home: Path, jwks: dict[str, Any]) -> Iterator[str]:
    """The token URL of an `oidc-provider` that knows one client."""
    (home / "node_modules").symlink_to(MODULES.resolve())
    shutil.copy(TOKEN_SERVER / "server.mjs", home)
    shutil.copy(TOKEN_SERVER / "package.json", home)
    port = free_port()
    given = {"port": port, "client_id": "clinic", "jwks": jwks, "alg": "RS384"}
    given |= {"scope": "system/Patient.rs", "scopes": ["system/Patient.rs", "system/Appointment.rs"]}
    given |= certified(authority, home, "token")
    with running([NODE, str(home / "server.mjs"), json.dumps(given)], port):
        yield f"https://localhost:{port}/token"


@pytest.fixture(scope="module")
def tokens(authority, tmp_path_factory) -> Iterator[dict[str, str]]:
    home = tmp_path_factory.mktemp("tokens")
    key = RSAKey.generate_key(2048, {"kid": "key-1", "use": "sig", "alg": "RS384"})
    (home / "key.pem").write_bytes(key.as_pem(private=True))
    (home / "other.pem").write_bytes(RSAKey.generate_key(2048).as_pem(private=True))
    with token_server(authority, home, {"keys": [key.as_dict(private=False)]}) as url:
        yield {"url": url, "key": str(home / "key.pem"), "other": str(home / "other.pem")}


def renewed(tokens: dict[str, str], ca_bundle: str, home: Path, **changes: Any):
    settings = {
        "base_url": "https://localhost/fhir",
        "token_url": tokens["url"],
        "client_id": "clinic",
        "key_id": "key-1",
        "private_key": f"file:{tokens['key']}",
        "scopes": ["system/Patient.rs"],
        "ca_bundle": ca_bundle,
    }
    read = {"operation": "Patient.search", "component": "Patient API"}
    integration = Integration(id="epic", name="Epic", kind="epic_fhir", settings=settings | changes, reads=[read])

    async def run():
        epic = epic_fhir.open_connector(Context(integration, WallClock(), home, Tuning()))
        try:
            return await epic.renew(), epic.credential()
        finally:
            await epic.aclose()

    return asyncio.run(run())


@needs_token_server
def test_a_foreign_token_server_grants_against_our_assertion(tokens, ca_bundle, tmp_path):
    reading, credential = renewed(tokens, ca_bundle, tmp_path)
    assert (reading.outcome, reading.code) == (Outcome.OK, None)
    assert credential.promised_s == 300
    assert 0.7 * 300 <= (credential.refresh_at - credential.issued_at).total_seconds() <= 0.85 * 300


@needs_token_server
@pytest.mark.parametrize(
    ("changes", "outcome", "code"),
    [
        pytest.param(
            {"private_key": "other"}, Outcome.CREDENTIAL_REFUSED, "invalid_client", id="a key it does not know"
        ),
        pytest.param(
            {"client_id": "nobody"}, Outcome.CREDENTIAL_REFUSED, "invalid_client", id="a client it does not know"
        ),
        pytest.param(
            {"scopes": ["system/Appointment.rs"]}, Outcome.FORBIDDEN, "invalid_scope", id="a scope it does not grant"
        ),
    ],
)
def test_a_foreign_token_server_refuses_in_codes_that_we_know(tokens, ca_bundle, tmp_path, changes, outcome, code):
    if "private_key" in changes:
        changes = {"private_key": f"file:{tokens['other']}"}
    reading, credential = renewed(tokens, ca_bundle, tmp_path, **changes)
    assert (reading.outcome, reading.code, reading.rung) == (outcome, code, Rung.AUTH)
    assert credential.last_refusal == code
