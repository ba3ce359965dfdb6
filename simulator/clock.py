"""Simulated time: a clinic day in minutes, and the same instant in every process that knows three numbers."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from email.utils import format_datetime

from pydantic import AwareDatetime, PositiveFloat, PrivateAttr

from models.noun import Noun
from models.pace import Pace


class Clock(Noun):
    """Simulated now = start + (real now − epoch) × speed, unless it is told to wait for somebody (`keep_to`).

    Two processes on one machine that hold the same three numbers agree, without talking to each other.
    """

    start: AwareDatetime  # what the simulated calendar shows at `epoch`
    epoch: float  # real Unix time in seconds
    speed: PositiveFloat = 1.0  # simulated seconds per real second
    _pace: Pace = PrivateAttr()

    def model_post_init(self, _: object) -> None:
        """It runs on by itself at first."""
        self._pace = Pace(start=self.start, epoch=self.epoch, speed=self.speed)

    @property
    def pace(self) -> Pace:
        """What it keeps to."""
        return self._pace

    def keep_to(self, pace: Pace) -> None:
        """Show what this pace shows from now on."""
        self._pace = pace

    def now(self) -> datetime:
        """The simulated instant, in UTC."""
        return self._pace.at(time.time())

    def timestamp(self) -> float:
        """The simulated instant as Unix seconds."""
        return self.now().timestamp()

    def http_date(self, ahead_s: float = 0.0) -> str:
        """The simulated instant `ahead_s` simulated seconds from now, as HTTP writes it (RFC 9110, 5.6.7)."""
        moment = (self.now() + timedelta(seconds=ahead_s)).replace(microsecond=0)
        return format_datetime(moment, usegmt=True)

    def real_seconds(self, simulated_s: float) -> float:
        """How long a simulated span lasts on the wall clock, in seconds."""
        return simulated_s / self.speed
