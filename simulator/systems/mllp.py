"""The interface engine that takes HL7 v2 over MLLP: one port with TLS, one without, as inside a VPN."""

from __future__ import annotations

from random import Random

from simulator.mllp import Engine, MllpPort
from simulator.people import Practice
from simulator.plan import Site
from simulator.weather import Weather


def open_system(site: Site) -> tuple[Engine, dict[str, str]]:
    """Open it, and say how to reach it."""
    plan = site.plan
    rng = Random(f"{plan.seed}:mllp")
    ports = {"main": MllpPort("main", site.tls), "plain": MllpPort("plain")}
    engine = Engine(
        ports,
        weather=Weather(plan.clock, rng),
        practice=Practice(plan.seed, plan.timezone),
        clock=plan.clock,
        rng=rng,
        error_share=plan.error_share,
    )
    directions = {
        "host": "127.0.0.1",
        "port": str(ports["main"].port),
        "plain_port": str(ports["plain"].port),
        "receiving_application": "CLINIC",
        "receiving_facility": "PRACTICE",
    }
    return engine, directions
