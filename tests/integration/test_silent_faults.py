"""Seven faults in which every call is answered 200: each is found, within its own delay, by what looks anyway.

The pretend clinic and the house that watches it go by one clock, which a test moves by five minutes a cycle; nobody
waits. Delays are in such cycles, from the first that met the fault to the one in which it is told:

| fault | found by | delay | because |
|---|---|---|---|
| stale 200 | the connector (`fresh_within`) | 1 | the newest record is older than it may be |
| volume drop | watch `volume` | 15 | whole quarters of an hour are compared, of one hour |
| duplicate page | the connector | 1 | a page brings nothing but records of the pages before it |
| null rate | watch `emptier` | 39 | a block is twenty answers; the one in which it began may be mixed |
| schema drift | answer schema, as a change | 39 | the same |
| constant time offset | watch `ahead` | 3 | three answers within a quarter of an hour |
| cursor not moving | watch `stuck_cursor` | 2 periods of the feed, and 1 | two periods are missed |
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from models.catalogue import load
from models.facts import Side
from models.feed import Feed
from models.indication import IndicationKind
from models.integration import Integration
from models.reading import Reading
from simulator.control import Clinic
from tasks.around import around
from tasks.changes import all_changes
from tasks.house import House
from tasks.probe import probe_all
from tasks.remember import remember
from tasks.survey import learn_answers
from tasks.watches._interface import Round
from tests.callers import context_for
from tests.clocks import MovedClock, a_house, clinic_by_hand

CYCLE = timedelta(minutes=5)
DAY = timedelta(days=1)
TEN = datetime(2026, 3, 5, 15, tzinfo=UTC)  # a Thursday, 10:00 in New York
API, EPIC = "http_api", "epic_fhir"
LISTED = "Appointment.list"
PATH = "appointments?per_page=50"
pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Play:
    """A clinic and a house by one clock."""

    clinic: Clinic
    house: House
    clock: MovedClock
    readings: list[Reading] = field(default_factory=list)  # of the last cycle

    async def cycle(self) -> None:
        """Five minutes later: one round of reads, and what is learned from their answers."""
        self.clock.move(CYCLE)
        self.readings = list(await probe_all(self.house))
        assert {reading.status for reading in self.readings} == {200}
        remember(self.readings, self.house.home)
        learn_answers(self.house)

    async def break_(self, system: str, fault: str, **parameters: Any) -> None:
        await asyncio.to_thread(lambda: self.clinic.break_(system, fault, **parameters))

    def watch(self, name: str) -> bool:
        """Whether this watch has anything to tell now."""
        round_ = Round(self.house, self.clock.now())
        try:
            return bool(list(load("tasks.watches", name).watch(round_)))
        finally:
            round_.close()


@asynccontextmanager
async def playing(
    home: Path, kind: str, at: datetime, path: str = "appointments?per_page=50", **changes: Any
) -> AsyncIterator[Play]:
    clock = MovedClock(at)
    async with clinic_by_hand(home / "clinic", clock, {API: "api", EPIC: "epic"}[kind]) as clinic:
        integration = context_for(clinic, kind, home).integration
        yield Play(clinic, a_house(home, clock, wired(integration, path, **changes)), clock)


def wired(one: Integration, path: str, **changes: Any) -> Integration:
    """With one read, every five minutes."""
    settings = one.settings
    name = "Appointment.search"
    if one.kind == API:
        name = LISTED
        settings = settings | {"calls": {LISTED: settings["calls"][LISTED] | {"path": path, "require": []}}}
    reads = tuple(read.model_copy(update={"calls": 1}) for read in one.reads if read.operation == name)
    feeds = (Feed(name="visits", resource="Appointment", operations=(name,), every=timedelta(minutes=15)),)
    told = {"settings": settings, "reads": reads, "feeds": feeds, "probe_every": CYCLE, "survey_every": CYCLE}
    return one.model_copy(update=told | changes)


def coded(code: str) -> Callable[[Play], bool]:
    """Found by the connector itself, as a reading with this code."""
    return lambda play: code in {reading.code for reading in play.readings}


def told_by(watch: str) -> Callable[[Play], bool]:
    """Found by a watch."""
    return lambda play: play.watch(watch)


def changed(play: Play) -> bool:
    """Found by the answer schema, as a change on their side."""
    return any(one.kind == "field" and one.side is Side.THEIRS for one in all_changes(play.house, None, TEN - DAY))


@dataclass(frozen=True)
class Story:
    """One fault."""

    fault: str
    found: Callable[[Play], bool]
    delay: int  # cycles, at most
    parameters: dict[str, Any] = field(default_factory=dict)
    before: int = 4  # good cycles, of which none may tell anything
    shows: IndicationKind | None = None  # … to a diagnosis
    path: str = PATH


STORIES = {
    "stale 200": Story("stale_cache", coded("older_than_allowed"), 1),
    "duplicate page": Story("pages_repeat", coded("page_repeated"), 1, path="appointments?per_page=7"),
    "null rate": Story(
        "field_empty", told_by("emptier"), 39, {"share": 0.6}, before=25, shows=IndicationKind.NULLS_RISE
    ),
    "schema drift": Story(
        "schema_changed", changed, 39, {"operation": LISTED, "field": "location_id", "how": "removed"}, before=25
    ),
    "constant time offset": Story("times_shifted", told_by("ahead"), 3, shows=IndicationKind.TIMES_SHIFTED),
    "cursor not moving": Story("frozen_copy", told_by("stuck_cursor"), 7, shows=IndicationKind.CURSOR_STUCK),
}


@pytest.mark.parametrize("name", STORIES)
async def test_a_silent_fault_is_found_within_its_delay(tmp_path, name):
    story = STORIES[name]
    async with playing(tmp_path, API, TEN, story.path) as play:
        for _ in range(story.before):
            await play.cycle()
            assert not story.found(play)
        await play.break_("api", story.fault, **story.parameters)
        delay = await cycles_until(play, story.found, story.delay)
        tell(name, delay, story.delay)
        assert delay <= story.delay
        if story.shows:
            one = play.house.configuration.integrations[0]
            shown = around(play.house, one, play.clock.now()).indications
            assert story.shows in {indication.kind for indication in shown}


def tell(name: str, delay: int, limit: int) -> None:
    """A line of the table, for who runs this with `-s`."""
    sys.stdout.write(f"{name}: found after {delay} cycles (limit {limit})\n")


async def cycles_until(play: Play, found: Callable[[Play], bool], most: int) -> int:
    for nth in range(1, most + 1):
        await play.cycle()
        if found(play):
            return nth
    return most + 1


async def test_a_volume_drop_is_found_within_an_hour_and_a_quarter(tmp_path):
    """What is usual is the same hour on the three working days before, read as it was."""
    async with playing(tmp_path, EPIC, TEN - 3 * DAY) as play:
        for days in (3, 2, 1):
            play.clock.at = TEN - days * DAY
            for _ in range(24):
                await play.cycle()
        play.clock.at = TEN
        for _ in range(3):
            await play.cycle()
            assert not play.watch("volume")
        await play.break_("epic", "fewer_records", share=0.8)
        delay = await cycles_until(play, told_by("volume"), 15)
        tell("volume drop", delay, 15)
        assert delay <= 15
        shown = around(play.house, play.house.configuration.integrations[0], play.clock.now())
        assert IndicationKind.VOLUME_DROP in {one.kind for one in shown.indications}
