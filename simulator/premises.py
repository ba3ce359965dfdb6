"""The whole clinic in one process: keys on disk, four ports, and what a client needs to know about them."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from secrets import token_urlsafe
from typing import Any

from joserfc.jwk import ECKey, RSAKey

from simulator import epic, unity
from simulator.clock import Clock
from simulator.keys import Authority, client_keys, write_secret
from simulator.people import Practice
from simulator.server import Door, Server
from simulator.service import Service
from simulator.smart import Registration, TokenDesk
from simulator.switchboard import Switchboard
from simulator.weather import Weather

CLIENT_ID = "clinic-backend-client"
APP_NAME = "Clinic.TestApp"
SCOPE = "system/*.rs"


@dataclass(frozen=True, slots=True)
class Plan:
    """What makes one clinic different from another."""

    directory: Path
    clock: Clock
    seed: int
    timezone: str
    error_share: float  # of data calls, on a good day


@contextlib.asynccontextmanager
async def open_premises(plan: Plan) -> AsyncIterator[dict[str, Any]]:
    """Open the clinic; yields what a client needs, as JSON. All files and sockets go when it closes."""
    plan.directory.mkdir(parents=True, exist_ok=True)
    files = Files(plan.directory)
    authority = Authority(datetime.now(UTC), plan.clock.now())
    tls = authority.server_context(plan.directory)
    services = {"epic": _epic(plan, files, tls), "unity": _unity(plan, files, tls)}
    control = Server()
    control.handle = Switchboard({name: service for name, (service, _) in services.items()}, plan.clock).handle
    try:
        control.set_door(Door.OPEN)
        for service, _ in services.values():
            service.meet_weather()
        yield {
            **{name: directions for name, (_, directions) in services.items()},
            "control": control.origin,
            "ca_bundle": files.write("ca.pem", authority.pem),
            "clock": plan.clock.model_dump(mode="json"),
            "timezone": plan.timezone,
        }
    finally:
        await control.stop()
        for service, _ in services.values():
            await service.stop()
        files.remove()


class Files:
    """What was written for the client, to be taken away again."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory.resolve()
        self._written: list[Path] = []

    def write(self, name: str, content: bytes) -> str:
        """Write one file, readable by its owner only; returns its path."""
        self._written.append(write_secret(self._directory / name, content))
        return str(self._written[-1])

    def remove(self) -> None:
        """Take every file away."""
        for path in self._written:
            path.unlink(missing_ok=True)


def _epic(plan: Plan, files: Files, tls: ssl.SSLContext) -> tuple[Service, dict[str, str]]:
    rng = Random(f"{plan.seed}:epic")
    weather, practice = Weather(plan.clock, rng), Practice(plan.seed, plan.timezone)
    servers = {route: Server(route, tls) for route in ("main", "second")}
    origins = {route: server.origin for route, server in servers.items()}
    keys = client_keys()
    registration = Registration(CLIENT_ID, {kid: _public(key) for kid, key in keys.items()})
    token_url = origins["main"] + epic.TOKEN_PATH
    desk = TokenDesk(registration, token_url, plan.clock, weather, rng)
    application = epic.Epic(origins, registration, desk, practice, plan.clock)
    service = Service(
        "epic",
        application=application,
        servers=servers,
        practice=practice,
        weather=weather,
        clock=plan.clock,
        rng=rng,
        error_share=plan.error_share,
    )
    (key_id, key), (second_id, second) = keys.items()
    directions = {
        "base_url": origins["main"] + epic.BASE,
        "second_route": origins["second"] + epic.BASE,
        "token_url": token_url,
        "jwks_url": origins["main"] + epic.JWKS_PATH,
        "client_id": CLIENT_ID,
        "scope": SCOPE,
        "key_id": key_id,
        "private_key_file": files.write("epic-rs384.pem", key.as_pem(private=True)),
        "es384_key_id": second_id,
        "es384_private_key_file": files.write("epic-es384.pem", second.as_pem(private=True)),
    }
    return service, directions


def _unity(plan: Plan, files: Files, tls: ssl.SSLContext) -> tuple[Service, dict[str, str]]:
    rng = Random(f"{plan.seed}:unity")
    weather, practice = Weather(plan.clock, rng), Practice(plan.seed, plan.timezone)
    server = Server("main", tls)
    licence = unity.Licence(APP_NAME, "clinic-service", token_urlsafe(18))
    application = unity.Unity(licence, practice, plan.clock, weather, rng)
    service = Service(
        "unity",
        application=application,
        servers={"main": server},
        practice=practice,
        weather=weather,
        clock=plan.clock,
        rng=rng,
        error_share=plan.error_share,
    )
    directions = {
        "base_url": server.origin + unity.BASE,
        "app_name": licence.app_name,
        "username_file": files.write("unity-username", licence.username.encode()),
        "password_file": files.write("unity-password", licence.password.encode()),
        "patient_id": "1",
    }
    return service, directions


def _public(key: RSAKey | ECKey) -> RSAKey | ECKey:
    return type(key).import_key(key.as_dict(private=False))
