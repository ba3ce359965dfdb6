"""A fleet for benchmarks: any number of integrations at one local nginx, some of which answer nothing."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import trustme
import yaml
from joserfc.jwk import ECKey

from models.integration import Integration
from simulator.history import generate_history
from tasks.house import House, open_house
from tasks.remember import remember_frame

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
ZONES = ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles")
CONFIGURATION = """
daemon off; worker_processes 1; pid {home}/nginx.pid; error_log {home}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000; keepalive_timeout 60s;
  client_body_temp_path {home}/b; proxy_temp_path {home}/p; fastcgi_temp_path {home}/f;
  uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;
  server {{
    listen 127.0.0.1:{http} backlog=4096;
    location / {{ default_type application/fhir+json; return 200 '{bundle}'; }}
  }}
  server {{
    listen 127.0.0.1:{https} ssl backlog=4096;
    ssl_certificate {home}/chain.pem; ssl_certificate_key {home}/key.pem;
    location = /token {{ default_type application/json; return 200 '{token}'; }}
    location / {{ default_type application/fhir+json; return 200 '{bundle}'; }}
  }}
}}
"""
TOKEN = '{"access_token":"benchmark","token_type":"bearer","expires_in":3600,"scope":"system/*.rs"}'
BUNDLE = (
    '{"resourceType":"Bundle","type":"searchset","total":1,"entry":[{"search":{"mode":"match"},'
    '"resource":{"resourceType":"Appointment","id":"a","meta":{"lastUpdated":"2026-01-01T00:00:00Z"}}}]}'
)


@dataclass(frozen=True)
class Peers:
    """Where the fleet is answered, and where not."""

    http: str
    https: str
    silent: str  # takes connections, and says nothing
    ca_bundle: Path


class WallClock:
    """The time of the wall."""

    speed = 1.0

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError(seconds)  # a benchmark's cycle never waits for its own clock


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def peers(home: Path) -> Iterator[Peers]:
    """nginx over HTTP and TLS, and a socket that never answers, for the length of a `with` block."""
    if NGINX is None:
        raise SystemExit("This benchmark needs nginx: apt-get install nginx-light")
    home.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(home / "ca.pem")
    certificate.private_key_pem.write_to_path(home / "key.pem")
    (home / "chain.pem").write_bytes(b"".join(pem.bytes() for pem in certificate.cert_chain_pems))
    http, https = free_port(), free_port()
    said = CONFIGURATION.format(home=home, http=http, https=https, token=TOKEN, bundle=BUNDLE)
    (home / "nginx.conf").write_text(said)
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as silent:
        server = subprocess.Popen([NGINX, "-p", str(home), "-c", str(home / "nginx.conf")], stderr=subprocess.DEVNULL)
        try:
            wait_for(https)
            yield Peers(
                http=f"http://127.0.0.1:{http}",
                https=f"https://127.0.0.1:{https}",
                silent=f"https://127.0.0.1:{silent.getsockname()[1]}",
                ca_bundle=home / "ca.pem",
            )
        finally:
            server.terminate()
            server.wait()


def wait_for(port: int) -> None:
    for _ in range(500):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.1):
            return
        time.sleep(0.02)
    raise SystemExit("the server did not come up")


def furnish(home: Path, count: int, where: Peers, silent: int = 0) -> House:
    """A house with so many integrations, the last `silent` of which answer nothing; two reads each."""
    configuration = home / "configuration"
    configuration.mkdir(parents=True, exist_ok=True)
    key = configuration / "key.pem"
    if not key.exists():
        key.touch(0o600)
        key.write_bytes(ECKey.generate_key("P-384").as_pem(private=True))
    entries = [entry(n, where.silent if n >= count - silent else where.https, where, key) for n in range(count)]
    (configuration / "integrations.yaml").write_text(yaml.safe_dump({"integrations": entries}, sort_keys=False))
    (configuration / "policy.yaml").write_text('version: "1"\nowner: Integration Team\n')
    return open_house(configuration, home / "state", WallClock())


def entry(number: int, base: str, where: Peers, key: Path) -> dict[str, object]:
    return {
        "id": f"site-{number:05d}",
        "name": f"Site {number}",
        "kind": "epic_fhir",
        "timezone": ZONES[number % len(ZONES)],
        "settings": {
            "base_url": f"{base}/{number}/R4",
            "token_url": f"{where.https}/token",
            "client_id": "benchmark",
            "key_id": "benchmark",
            "algorithm": "ES384",
            "private_key": f"file:{key}",
            "ca_bundle": str(where.ca_bundle),
        },
        "reads": [
            {"operation": "Appointment.search", "component": "Appointment API", "importance": "critical"},
            {"operation": "MedicationRequest.search", "component": "Prescription API"},
        ],
    }


def give_a_past(house: House, days: int, every_s: int = 300) -> int:
    """Generated history for the whole fleet, by day and in the order of folded files; how many readings."""
    now = house.clock.now()
    model = house.configuration.integrations[0]
    frame = generate_history(model, now, weeks=-(-days // 7), every_s=every_s)
    frame = frame[frame["observed_at"] >= now - pd.Timedelta(days=days)]
    rows = 0
    for _, day in frame.groupby(frame["observed_at"].dt.floor("D")):
        copies = [day.assign(integration_id=one.id) for one in house.configuration.integrations]
        whole = pd.concat(copies, ignore_index=True)
        remember_frame(whole, house.home)
        rows += len(whole)
    return rows


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def ids(integrations: tuple[Integration, ...]) -> list[str]:
    return [one.id for one in integrations]
