"""The Unity-like server."""

from __future__ import annotations

from random import Random
from secrets import token_urlsafe

from simulator import unity
from simulator.drift import Drifting
from simulator.people import Practice
from simulator.plan import Site
from simulator.server import Server
from simulator.service import Service
from simulator.weather import Weather

APP_NAME = "Clinic.TestApp"


def open_system(site: Site) -> tuple[Service, dict[str, str]]:
    """Open it, and say how to reach it."""
    plan, files = site.plan, site.files
    rng = Random(f"{plan.seed}:unity")
    weather, practice = Weather(plan.clock, rng), Practice(plan.seed, plan.timezone)
    server = Server("main", site.tls, site.host("unity"))
    licence = unity.Licence(APP_NAME, "clinic-service", token_urlsafe(18))
    application = unity.Unity(licence, practice, plan.clock, weather, rng)
    service = Service(
        "unity",
        application=Drifting(application, weather),
        servers={"main": server},
        practice=practice,
        weather=weather,
        clock=plan.clock,
        rng=rng,
        error_share=plan.error_share,
        wardrobe=site.wardrobe,
    )
    directions = {
        "base_url": server.origin + unity.BASE,
        "app_name": licence.app_name,
        "username_file": files.write("unity-username", licence.username.encode()),
        "password_file": files.write("unity-password", licence.password.encode()),
        "patient_id": "1",
    }
    return service, directions
