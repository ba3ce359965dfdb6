"""The Epic-like FHIR server: two ports to one application, so that there is another route."""

from __future__ import annotations

from random import Random

from joserfc.jwk import ECKey, RSAKey

from simulator import epic
from simulator.epic_faults import Untrue
from simulator.keys import client_keys
from simulator.people import Practice
from simulator.plan import Site
from simulator.server import Server
from simulator.service import Service
from simulator.smart import Registration, TokenDesk
from simulator.weather import Weather

CLIENT_ID = "clinic-backend-client"
SCOPE = "system/*.rs"


def open_system(site: Site) -> tuple[Service, dict[str, str]]:
    """Open it, and say how to reach it."""
    plan, files = site.plan, site.files
    rng = Random(f"{plan.seed}:epic")
    weather, practice = Weather(plan.clock, rng), Practice(plan.seed, plan.timezone)
    servers = {route: Server(route, site.tls, site.host("epic")) for route in ("main", "second")}
    origins = {route: server.origin for route, server in servers.items()}
    keys = client_keys()
    registration = Registration(CLIENT_ID, {kid: _public(key) for kid, key in keys.items()})
    token_url = origins["main"] + epic.TOKEN_PATH
    desk = TokenDesk(registration, token_url, plan.clock, weather, rng)
    application = epic.Epic(origins, registration, desk, practice, plan.clock, weather)
    service = Service(
        "epic",
        application=Untrue(application, weather),
        servers=servers,
        practice=practice,
        weather=weather,
        clock=plan.clock,
        rng=rng,
        error_share=plan.error_share,
        wardrobe=site.wardrobe,
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


def _public(key: RSAKey | ECKey) -> RSAKey | ECKey:
    return type(key).import_key(key.as_dict(private=False))
