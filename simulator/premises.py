"""The whole clinic in one process: keys on disk, its systems on their ports, and what a client needs to know."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import AsyncIterator
from typing import Any

from models.catalogue import load
from simulator.plan import Files, Plan, Site, System
from simulator.server import Door, Server
from simulator.switchboard import Switchboard
from simulator.wardrobe import Wardrobe

ROOM = "simulator.systems"


@contextlib.asynccontextmanager
async def open_premises(plan: Plan) -> AsyncIterator[dict[str, Any]]:
    """Open the clinic; yields what a client needs, as JSON. All files and sockets go when it closes."""
    plan.directory.mkdir(parents=True, exist_ok=True)
    files = Files(plan.directory)
    wardrobe = Wardrobe(plan.directory, plan.clock, [f"{name}.localhost" for name in plan.systems])
    site = Site(plan, files, wardrobe.good, files.write("ca.pem", wardrobe.pem), wardrobe)
    opened = {name: await _opened(load(ROOM, name).open_system(site)) for name in plan.systems}
    systems: dict[str, System] = {name: system for name, (system, _) in opened.items()}
    control = Server()
    control.handle = Switchboard(systems, plan.clock).handle
    try:
        control.set_door(Door.OPEN)
        for system in systems.values():
            system.meet_weather()
        yield {
            "systems": {name: directions for name, (_, directions) in opened.items()},
            "control": control.origin,
            "ca_bundle": site.ca_bundle,
            "clock": plan.clock.model_dump(mode="json"),
            "timezone": plan.timezone,
        }
    finally:
        await control.stop()
        for system in systems.values():
            await system.stop()
        files.remove()


async def _opened(system: Any) -> tuple[System, dict[str, str]]:  # noqa: ANN401 - a pair, or a promise of one
    """Some systems can only be opened by waiting."""
    pair: tuple[System, dict[str, str]] = await system if inspect.isawaitable(system) else system
    return pair
