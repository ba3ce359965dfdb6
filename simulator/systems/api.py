"""The REST practice-management system."""

from __future__ import annotations

from random import Random
from secrets import token_urlsafe

from simulator import api
from simulator.drift import Drifting
from simulator.people import Practice
from simulator.plan import Site
from simulator.server import Server
from simulator.service import Service
from simulator.weather import Weather


def open_system(site: Site) -> tuple[Service, dict[str, str]]:
    """Open it, and say how to reach it."""
    plan, files = site.plan, site.files
    rng = Random(f"{plan.seed}:api")
    weather, practice = Weather(plan.clock, rng), Practice(plan.seed, plan.timezone)
    server = Server("main", site.tls)
    client = api.Client("clinic-api-client", token_urlsafe(24), token_urlsafe(24))
    application = api.Api(server.origin, client, practice, plan.clock, weather, rng)
    service = Service(
        "api",
        application=Drifting(application, weather),
        servers={"main": server},
        practice=practice,
        weather=weather,
        clock=plan.clock,
        rng=rng,
        error_share=plan.error_share,
    )
    directions = {
        "base_url": server.origin + api.BASE,
        "token_url": server.origin + api.TOKEN_PATH,
        "client_id": client.client_id,
        "client_secret_file": files.write("api-client-secret", client.client_secret.encode()),
        "api_key_file": files.write("api-key", client.api_key.encode()),
        "scope": " ".join(api.SCOPES),
    }
    return service, directions
