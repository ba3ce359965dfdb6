"""The application's landing program beside the practice's servers: its tables lie in one SQLite file."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from random import Random
from typing import Any

from simulator.landing import LAYOUTS, Landing
from simulator.landing_faults import LandingFault
from simulator.people import Practice
from simulator.plan import Site
from simulator.weather import Weather

EVERY_S = 60.0  # simulated
LEAST_S = 0.2  # real: at a great speed it does not spin
HISTORY = timedelta(days=7)  # that is there when the clinic opens


class LandingProgram:
    """The file, and the program that keeps it up."""

    def __init__(self, site: Site) -> None:
        plan = site.plan
        self.weather, self._clock = Weather(plan.clock, Random(f"{plan.seed}:landing")), plan.clock
        practice, since = Practice(plan.seed, plan.timezone), plan.clock.now() - HISTORY
        self.path = plan.directory.resolve() / "landed.db"
        self._tables = [Landing(self.path, practice, kind, since=since, seed=plan.seed) for kind in LAYOUTS]
        self._rows: Counter[str] = Counter()
        self._land()
        self._time = asyncio.create_task(self._keep_up())

    @property
    def operations(self) -> frozenset[str]:
        """Those that a fault may name."""
        return frozenset(LAYOUTS)

    def meet_weather(self) -> None:
        """There is no door: what lands next meets the faults that are active then."""

    def journal(self) -> dict[str, Any]:
        """Rows written by table, and keys that faults touched."""
        touched = sum(len(one.keys) for table in self._tables for one in table.touched)
        return {"rows": dict(self._rows), "touched": touched}

    async def stop(self) -> None:
        """Stop, and take the file away."""
        self._time.cancel()
        await asyncio.gather(self._time, return_exceptions=True)
        self.path.unlink(missing_ok=True)

    async def _keep_up(self) -> None:
        while True:
            await asyncio.sleep(max(LEAST_S, self._clock.real_seconds(EVERY_S)))
            self._land()

    def _land(self) -> None:
        active = [fault for fault in self.weather.active.values() if isinstance(fault, LandingFault)]
        for table in self._tables:
            faults = [fault for fault in active if _fits(fault, table)]
            self._rows[table.layout.table] += table.land(self._clock.now(), faults)


def _fits(fault: LandingFault, table: Landing) -> bool:
    """A fault of one column concerns the tables that have it."""
    column = getattr(fault, "column", None)
    return column is None or column in table.layout.columns


def open_system(site: Site) -> tuple[LandingProgram, dict[str, str]]:
    """Open it, and say where its file is."""
    program = LandingProgram(site)
    tables = {kind: layout.table for kind, layout in LAYOUTS.items()}
    return program, {"url": f"sqlite:///{program.path}", **tables}
