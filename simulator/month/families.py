"""Which faults a pretend month knows, how small and how large each is, and what it looks like in the readings.

Sizes are of what people feel, as `models/series.py` says it, never of what some detector can see. The smallest of
each family is still felt: a step of latency below `Metric.felt` is no fault, and is dealt as a decoy.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Where(StrEnum):
    """What a site must have, and when, for a fault of the family to mean anything."""

    ANYWHERE = "anywhere"
    BUSY = "records are flowing"
    TRAFFIC = "real calls are flowing"
    QUEUE = "has a queue"
    QUOTA = "has a quota"
    GAUGE = "has a queue or a quota"


class Family(NamedTuple):
    """One family of faults."""

    name: str
    unit: str  # of its size
    smallest: float
    largest: float
    shortest_min: float
    longest_min: float
    where: Where = Where.ANYWHERE
    shows: tuple[str, ...] = ()  # metrics that it moves
    bigger_is_easier: bool = True
    spec: str = ""  # entries of the catalogue of failures that look like it


FELT = "times what is felt"
SHARE = "share of calls"
MINUTES = "minutes"
HOURS_8 = 480.0

FAMILIES: tuple[Family, ...] = (
    Family("latency step", FELT, 1.5, 8, 10, HOURS_8, shows=("latency",), spec="S20"),
    Family("latency ramp", FELT, 2.5, 10, 40, HOURS_8, shows=("latency",), spec="S20"),
    Family("error burst", SHARE, 0.3, 1, 10, 180, shows=("error_rate",), spec="S08 S28"),
    Family("error clusters", "share of minutes", 0.25, 0.5, 20, 180, shows=("error_rate",), spec="S33"),
    Family("intermittent resets", SHARE, 0.15, 0.5, 30, HOURS_8, shows=("transport_share", "error_rate"), spec="S33"),
    Family("throttling waves", SHARE, 0.3, 0.9, 15, 180, shows=("pattern:throttling",), spec="S01"),
    Family("expired token", SHARE, 0.5, 1, 10, HOURS_8, shows=("pattern:authentication",), spec="S02 S03 S23 S27"),
    Family("TLS failures", SHARE, 0.4, 1, 10, HOURS_8, shows=("pattern:trust",), spec="S56"),
    Family("forbidden scope", "share of one read", 0.6, 1, 15, HOURS_8, shows=("pattern:authorization",), spec="S05"),
    Family("no data in the answer", SHARE, 0.35, 1, 10, 240, shows=("pattern:content",), spec="S16 S21 S22"),
    Family("hard down", SHARE, 1, 1, 10, HOURS_8, shows=("transport_share", "error_rate"), spec="S43"),
    Family("silent probes", SHARE, 1, 1, 10, 240, shows=("no data",), spec="S35"),
    Family("silent gauge", SHARE, 1, 1, 15, 240, Where.GAUGE, ("no data",), spec="S35"),
    Family("volume drop", "share lost", 0.6, 0.95, 20, 240, Where.TRAFFIC, ("calls",), spec="S35 S66"),
    Family("records drop", "share lost", 0.4, 0.9, 45, 300, Where.BUSY, ("records",), spec="S09 S38 S66"),
    Family("zero records", "share lost", 1, 1, 15, 240, Where.BUSY, ("records",), spec="S10 S65"),
    Family("duplicate pages", "times the size", 1.8, 3, 20, 300, Where.BUSY, ("answer_size",), spec="S14"),
    Family("nulls", "share of bytes lost", 0.6, 0.85, 20, 300, Where.BUSY, ("answer_size",), spec="S24"),
    Family("stale data", MINUTES, 60, 300, 60, 300, Where.BUSY, ("staleness",), spec="S39 S65"),
    Family("slow connections", FELT, 1.5, 8, 15, HOURS_8, shows=("connect",), spec="S43"),
    Family("queue filling", MINUTES, 60, 360, 90, HOURS_8, Where.QUEUE, ("queue_depth",), False, "S36"),  # noqa: FBT003 - a row of a table
    Family("quota draining", MINUTES, 60, 360, 90, HOURS_8, Where.QUOTA, ("quota_left",), False, "S01"),  # noqa: FBT003 - as above
    Family("joint shift", FELT, 0.65, 0.95, 60, HOURS_8, Where.BUSY, ("latency", "connect", "answer_size"), spec="S20"),
)
BY_NAME = {family.name: family for family in FAMILIES}


class Decoy(StrEnum):
    """What looks like trouble, and is none."""

    MONDAY = "Monday peak"
    HOLIDAY = "holiday"
    CLOCKS = "clocks change"
    DEPLOY = "deploy without effect"
    BLIP = "one-cycle blip"
    NOISE = "noisy spell"


class Label(NamedTuple):
    """One fault or decoy: where, from when to when, and how large. Cycles count from the first of the month."""

    integration_id: str
    family: str  # of FAMILIES, or a Decoy
    since: int  # the first cycle that it touches
    until: int  # the first cycle that it no longer touches
    size: float  # in the family's unit; 0 for a decoy
    grade: str  # subtle, medium or easy: the third of its family's range; empty for a decoy
    felt: int  # the cycle from which people notice; `since` but for what creeps in
    reads: tuple[int, ...]  # which of the site's reads it touches
    shows: tuple[str, ...]  # metrics that it moves

    @property
    def is_decoy(self) -> bool:
        """Whether nobody may be called for it."""
        return self.family in set(Decoy)
