"""The clock comes in by the front door: tasks are handed one and never read the time themselves."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time as the flows see it; a demonstration may run it faster than the wall."""

    speed: float  # seconds of this clock per second of wall time; 1.0 in production

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait this many seconds *of this clock*."""
        ...
