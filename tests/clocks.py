"""A clock that a test moves by hand, and houses that go by it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import Field

from models.configuration import Configuration
from models.integration import Integration
from models.policy import Channel, Policy
from simulator.clock import Clock
from simulator.control import Clinic
from simulator.plan import Plan
from simulator.premises import open_premises
from tasks.house import House


class MovedClock:
    """It stands until it is moved."""

    speed = 1.0

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def move(self, step: timedelta) -> datetime:
        self.at += step
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class AdvancingClock(MovedClock):
    """Who looks at it again finds it a millisecond later, as what comes after an effect must be."""

    def now(self) -> datetime:
        return self.move(timedelta(milliseconds=1))


def a_house(home: Path, clock: MovedClock, *integrations: Integration, channels: tuple[Channel, ...] = ()) -> House:
    policy = Policy(version="1", owner="Integration Team", channels=channels or (Channel(route="console"),))
    configuration = Configuration(integrations=integrations, policy=policy, path=home)
    return House(configuration=configuration, home=home, clock=clock)


class HandClock(Clock):
    """The clinic's clock, moved by the test."""

    hand: Any = Field(default=None, exclude=True)

    def now(self) -> datetime:
        return self.hand.now().astimezone(UTC)


@asynccontextmanager
async def clinic_by_hand(folder: Path, clock: MovedClock, *systems: str) -> AsyncIterator[Clinic]:
    """A clinic in this process, which goes by the clock of the house that watches it; so nobody waits.

    It answers on the loop of the test: what asks its switchboard does so from another thread.
    """
    hand = HandClock(start=clock.at, epoch=0.0, speed=1.0, hand=clock)
    async with open_premises(Plan(folder, hand, 1, "America/New_York", 0.0, systems)) as told:
        yield Clinic(**told | {"clock": hand}, pid=0)
