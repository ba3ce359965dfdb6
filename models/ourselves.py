"""Ourselves: whether the monitor keeps its own time, and what to say when it does not.

A monitor that is late, blind or by the wrong clock reports health that nobody saw. What it measures of itself are
gauges of `heal`; the names are here, because the one that writes and the one that reads must agree.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import groupby
from statistics import median
from typing import NamedTuple

from models.reading import Reading
from models.tally import floored

CYCLE_S = "cycle_s"  # how long a cycle took; its instant is when the cycle began
LAG_S = "cycle_lag_s"  # how much later it began than a cycle's length after the one before
MISSED = "missed_cycles"  # how many should have begun since the one before
PROBED = "integrations_probed"
OFFSET_S = "clock_offset_s"  # our clock minus the middle of theirs
WITNESSES = "clock_witnesses"  # integrations whose clocks were heard
BEAT = "heartbeat_sent"  # 1: whoever listens to our heartbeat has answered, 0: it could not be sent
WATCH_FAILED = "watch_failed"  # 1, with the watch as subject
WITHHELD = "notice_withheld"  # 1: a notice left without its details, with its route as subject

PAUSED = 3  # cycles' lengths from one beginning to the next: one late cycle is no pause
TOLD_FOR = timedelta(hours=1)  # how long a pause that is over is told of
LATELY = 5  # cycles
FEWEST_WITNESSES = 3  # vendors whose clocks must agree before ours is said to be wrong
OFFSET_LIMIT_S = 5.0  # assertions and signatures allow no more than minutes; a synchronised clock keeps milliseconds
FAILED_CYCLES = 3  # of the latest ten, before a watch that cannot look is told of
STALE = timedelta(days=1)  # what detectors compare with must not have been learned longer ago


class Pause(NamedTuple):
    """A span in which no cycle began although some should have; whole cycles, so that it reads the same every time."""

    since: datetime  # when the last cycle before it was due
    until: datetime  # when the next one was that began
    missed: int


def missed_between(earlier: datetime, later: datetime, every: timedelta) -> int:
    """How many cycles should have begun between two that did."""
    return max(0, round((later - earlier) / every) - 1)


def pause_between(earlier: datetime, later: datetime, every: timedelta) -> Pause | None:
    """The pause between two beginnings; None when the second was merely late."""
    since, until = floored(earlier, every), floored(later, every)
    if until - since < PAUSED * every:
        return None
    return Pause(since, until, missed_between(since, until, every))


def clock_offset_s(readings: Iterable[Reading]) -> tuple[float, int] | None:
    """Our clock minus the middle of the vendors' clocks in seconds, and how many of them were heard.

    Each integration has one voice, the middle of its readings; one vendor with a wrong clock moves nothing.
    """
    told = sorted(
        (reading.integration_id, reading.clock_skew_s) for reading in readings if reading.clock_skew_s is not None
    )
    voices = [median(skew for _, skew in some) for _, some in groupby(told, key=lambda pair: pair[0])]
    return (-median(voices), len(voices)) if voices else None
