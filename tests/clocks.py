"""A clock that a test moves by hand, and houses that go by it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from models.configuration import Configuration
from models.integration import Integration
from models.policy import Channel, Policy
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


def a_house(home: Path, clock: MovedClock, *integrations: Integration, channels: tuple[Channel, ...] = ()) -> House:
    policy = Policy(version="1", owner="Integration Team", channels=channels or (Channel(route="console"),))
    configuration = Configuration(integrations=integrations, policy=policy, path=home)
    return House(configuration=configuration, home=home, clock=clock)
