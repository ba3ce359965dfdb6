"""The clock that flows hand down: the wall's, unless a demonstration runs time faster."""

from __future__ import annotations

import asyncio
import time
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

from models.pace import Pace
from tasks.clock import Clock


class WallClock:
    """Time as it is."""

    speed = 1.0

    def now(self) -> datetime:
        """The present instant in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class CompressedClock:
    """Time that begins at `start` and runs `speed` times as fast as the wall.

    Two processes given the same three numbers agree.

    Args:
        start: the instant shown at `epoch`.
        epoch: the wall time, in Unix seconds, at which it began.
        speed: seconds of this clock per second of the wall.
    """

    def __init__(self, start: datetime, epoch: float, speed: float) -> None:
        self.speed = speed
        self.pace = Pace(start=start, epoch=epoch, speed=speed)

    def now(self) -> datetime:
        """The present instant of this clock in UTC."""
        return self.pace.at(time.time())

    async def sleep(self, seconds: float) -> None:
        """Wait this many seconds of this clock."""
        await asyncio.sleep(seconds / self.speed)

    def go_on(self, span: timedelta) -> Pace:
        """Run fast for this span of its own time from now, and as the wall does from there; says how, for others."""
        self.pace = self.pace.onward(time.time(), span)
        return self.pace


_clock: ContextVar[Clock | None] = ContextVar("clock", default=None)


def clock() -> Clock:
    """The clock in force."""
    return _clock.get() or WallClock()


def use(other: Clock) -> None:
    """Run this context on another clock."""
    _clock.set(other)
