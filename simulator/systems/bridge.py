"""A bridge at the practice: it gives a sign of life every five minutes, as JSON lines in an inbox folder.

It sleeps by its faults only: whoever wants nights puts it to `asleep` in the evening and mends it in the morning.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from pathlib import Path
from random import Random
from typing import Any, ClassVar

from simulator.clock import Clock
from simulator.faults import Fault
from simulator.people import instant
from simulator.plan import Site
from simulator.weather import Weather

EVERY_S = 300.0  # simulated
INTEGRATION, NAME = "front-desk", "officemate-pc-1"
BEAT = "Heartbeat.send"


class Asleep(Fault):
    """The workstation sleeps; on waking, it says that it lives at once."""

    systems: ClassVar[tuple[str, ...]] = ("bridge",)


class Stopped(Fault):
    """The bridge's service has ended; after a restart, it keeps to its old five minutes."""

    systems: ClassVar[tuple[str, ...]] = ("bridge",)


class Bridge:
    """One agent on one workstation."""

    operations = frozenset({BEAT})

    def __init__(self, inbox: Path, clock: Clock, weather: Weather) -> None:
        self._inbox, self._clock, self.weather = inbox, clock, weather
        self._sent = 0
        self._was_asleep = False
        self._living: asyncio.Task[None] | None = None

    @property
    def is_there(self) -> bool:
        """Whether it can say anything now."""
        return not (self.weather.find(Asleep) or self.weather.find(Stopped))

    def meet_weather(self) -> None:
        """Wake up or fall asleep; the first time, begin to live."""
        if self._living is None:
            self._inbox.mkdir(parents=True, exist_ok=True)
            self._living = asyncio.create_task(self._live())
        if self._was_asleep and self.is_there:
            self._beat()
        self._was_asleep = self.weather.find(Asleep) is not None

    def journal(self) -> dict[str, Any]:
        """How often it said that it lives."""
        return {"calls": {BEAT: {"sent": self._sent}}, "open_sockets": 0}

    async def stop(self) -> None:
        """End, and take the folder away."""
        if self._living is not None:
            self._living.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._living
        shutil.rmtree(self._inbox, ignore_errors=True)

    async def _live(self) -> None:
        while True:
            if self.is_there:
                self._beat()
            await asyncio.sleep(self._clock.real_seconds(EVERY_S))

    def _beat(self) -> None:
        """One file with one line, which has its name only when it is whole."""
        self._sent += 1
        told = {"type": "heartbeat", "integration": INTEGRATION, "bridge": NAME, "at": instant(self._clock.now())}
        path = self._inbox / f"{NAME}-{self._sent:06}.jsonl"
        hidden = path.with_name(f".{path.name}")
        hidden.write_text(json.dumps(told) + "\n", encoding="utf-8")
        hidden.rename(path)


def open_system(site: Site) -> tuple[Bridge, dict[str, str]]:
    """Start it, and say where its heartbeats lie."""
    inbox = site.plan.directory.resolve() / "bridge-inbox"
    bridge = Bridge(inbox, site.plan.clock, Weather(site.plan.clock, Random(f"{site.plan.seed}:bridge")))
    return bridge, {"inbox": str(inbox), "integration": INTEGRATION, "bridge": NAME}
