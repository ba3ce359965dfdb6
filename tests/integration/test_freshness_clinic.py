"""Freshness of both ways, each by its own clock: a clinic takes no writes any more, then answers no reads (A08)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from models.canary import Canary
from models.feed import Feed
from models.integration import Environment
from models.reading import Direction
from tasks.canary import fly
from tasks.house import House
from tasks.probe import probe_all
from tasks.remember import remember
from tests.callers import context_for
from tests.clocks import MovedClock, a_house, clinic_by_hand
from tests.integration.test_flow import told, watched

MINUTE = timedelta(minutes=1)
START = datetime(2026, 3, 3, 15, tzinfo=UTC)
VISITS = Feed(name="visits", resource="Appointment", operations=("Appointment.search",))
WRITES = Feed(name="writes", resource="Appointment", direction=Direction.OUT, operations=("Appointment.canary",))
pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def changes(house: House, clock: MovedClock, *minutes: int) -> list[tuple[int, list[tuple[str, str]]]]:
    """What the watch over freshness changes at so many minutes from now, each with when it did."""
    began, seen = clock.at, []
    for minute in minutes:
        clock.at = began + minute * MINUTE
        remember([*await probe_all(house), *await fly(house)], house.home)
        if alerts := await watched(house, "freshness"):
            seen.append((minute, told(alerts)))
    return seen


async def test_each_way_turns_red_by_its_own_limit_while_the_other_stays_green(tmp_path):
    clock = MovedClock(START)
    async with clinic_by_hand(tmp_path / "clinic", clock, "epic") as clinic:

        async def ask(work: Callable[..., object], *arguments: str, **parameters: str) -> None:
            await asyncio.to_thread(work, *arguments, **parameters)

        integration = context_for(clinic, "epic_fhir", tmp_path).integration
        reads = tuple(read for read in integration.reads if read.operation == "Appointment.search")
        wired = {"reads": reads, "feeds": (VISITS, WRITES), "canary": Canary(every=5 * MINUTE)}
        one = integration.model_copy(update=wired | {"environment": Environment.TEST, "routes": ()})
        house = a_house(tmp_path / "home", clock, one)
        assert await changes(house, clock, 0) == []
        await ask(clinic.break_, "epic", "server_errors", operation="Appointment.create")
        assert await changes(house, clock, 15, 25, 26, 40) == [
            (26, [("write", "raised")])
        ]  # 25 minutes are not yet too old
        await ask(clinic.mend)
        assert await changes(house, clock, 5) == [(5, [("write", "cleared")])]
        await ask(clinic.break_, "epic", "server_errors", operation="Appointment.search")
        assert await changes(house, clock, 20, 40, 60, 80, 100, 120, 140, 150, 151) == [(151, [("read", "raised")])]
        await ask(clinic.mend)
        assert await changes(house, clock, 5) == [(5, [("read", "cleared")])]
