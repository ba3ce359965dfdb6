"""Pace: how fast pretend time runs beside the wall's, and how far it may run ahead of the work that lives in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pydantic import AwareDatetime, PositiveFloat

from models.noun import Noun


class Pace(Noun):
    """Time that runs `speed` times as fast as the wall's up to `until`, and as fast as the wall's from there.

    Processes on one machine that hold the same four figures agree on the time without talking to each other. It
    never stands still: who waits for an instant gets there.
    """

    start: AwareDatetime  # what it shows at `epoch`
    epoch: float  # of the wall, in Unix seconds
    speed: PositiveFloat = 1.0  # its seconds per second of the wall
    until: AwareDatetime | None = None  # None: it runs on

    def at(self, wall_s: float) -> datetime:
        """What it shows at this second of the wall, in UTC.

        >>> pace = Pace(start="2026-01-01T08:00:00Z", epoch=0.0, speed=60.0, until="2026-01-01T08:01:00Z")
        >>> [f"{pace.at(s):%H:%M:%S}" for s in (0.5, 1.0, 3.0)]
        ['08:00:30', '08:01:00', '08:01:02']
        """
        fast_s = wall_s - self.epoch
        if self.until is None:
            return self.start.astimezone(UTC) + timedelta(seconds=fast_s * self.speed)
        most_s = max(0.0, (self.until - self.start).total_seconds() / self.speed)
        slow_s = max(0.0, fast_s - most_s)
        shown = timedelta(seconds=min(fast_s, most_s) * self.speed + slow_s)
        return self.start.astimezone(UTC) + shown

    def onward(self, wall_s: float, span: timedelta) -> Pace:
        """The same time, which may run fast for another span from this second of the wall."""
        now = self.at(wall_s)
        return Pace(start=now, epoch=wall_s, speed=self.speed, until=now + span)
