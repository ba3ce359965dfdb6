"""Bench: what watching costs here, in seconds of CPU, beside the least that anybody could spend on the same data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from models.panel import CYCLES, Panel, Usual
from models.series import ERROR_RATE, LATENCY, Series
from models.tables import Told

ALLOWED = 1 / 30  # of a cycle's time, for one core: 2 s of a minute leave the rest to calls that wait, and to others
DAY_S = 86_400.0
LIMIT = 0.05  # of the error rate that is made up


class Size(NamedTuple):
    """How much is watched."""

    integrations: int
    series: int  # of each integration
    every_s: float  # seconds between cycles

    @property
    def allowed_s(self) -> float:
        """Seconds of CPU that a cycle may take."""
        return ALLOWED * self.every_s

    @property
    def says(self) -> str:
        """In words."""
        return f"{self.integrations:,} integrations × {self.series} series every {self.every_s:g} s"


class Cost(NamedTuple):
    """One piece of work, beside the bare limit that was measured in the same run."""

    what: str
    cpu_s: float
    bare: str  # what the limit does
    bare_s: float
    per_cycle: float  # how often a cycle does it: 1, or a part of it for what is done once a day

    @property
    def ratio(self) -> float:
        """How many times the bare limit."""
        return self.cpu_s / max(self.bare_s, 1e-6)  # a clock of CPU tells no less


class Verdict(NamedTuple):
    """Whether this machine keeps up."""

    size: Size
    cycle_s: float  # of CPU, with its part of what is done once a day

    @property
    def keeps_up(self) -> bool:
        """Whether a cycle takes no more than it may."""
        return self.cycle_s <= self.size.allowed_s

    @property
    def says(self) -> str:
        """E.g. `This machine keeps up with 100 integrations × 30 series every 60 s: a cycle takes 0.41 s …`."""
        verb = "keeps up" if self.keeps_up else "does not keep up"
        return (
            f"This machine {verb} with {self.size.says}: a cycle takes {self.cycle_s:.2f} s of CPU, and may take "
            f"{self.size.allowed_s:.2g} s of one core. Calls to the systems themselves are not in it: they wait."
        )


def verdict(size: Size, costs: Iterable[Cost]) -> Verdict:
    """What a cycle costs in all, and whether that will do.

    >>> verdict(
    ...     Size(100, 30, 60.0), [Cost("judge", 1.0, "sum", 0.1, 1), Cost("learn", 48.0, "scan", 1, 1 / 48)]
    ... ).keeps_up
    True
    """
    return Verdict(size, sum(cost.cpu_s * cost.per_cycle for cost in costs))


def costs_told(costs: Iterable[Cost]) -> Told:
    """One row a piece of work."""
    rows = [(one.what, f"{one.cpu_s:.3f} s", one.bare, f"{one.bare_s:.4f} s", f"{one.ratio:,.0f} ×") for one in costs]
    return Told("Seconds of CPU", ("what", "CPU", "beside a bare", "CPU", ""), rows)


def made_panel(size: Size, seed: int = 7) -> Panel:
    """Three hours of made-up ordinary values, of which half of the series are latencies and half error rates."""
    rng = np.random.default_rng(seed)
    n = size.integrations * size.series
    series = tuple(
        Series(f"made-{nth // size.series:04}", LATENCY if nth % 2 else ERROR_RATE, f"Made{nth % size.series}.read")
        for nth in range(n)
    )
    is_latency = np.arange(n) % 2 == 1
    middle = np.where(is_latency, 300.0, 0.0)
    noise = np.where(is_latency[:, None], rng.normal(0, 20, (n, CYCLES)), rng.random((n, CYCLES)) < LIMIT / 10)
    nothing = np.zeros(n, dtype=np.int64)
    usual = Usual(
        middle=middle,
        spread=np.where(is_latency, 20.0, 0.01),
        low=np.maximum(middle - 60, 0),
        high=middle + 60,
        days=nothing + 20,
        basis=nothing,
        step=np.full(n, 100.0),
        level=np.full(n, 50.0),
    )
    return Panel(
        every_s=size.every_s,
        series=series,
        ends_s=size.every_s * np.arange(1, CYCLES + 1, dtype=np.float64),
        values=middle[:, None] + noise,
        weights=np.full((n, CYCLES), 8.0),
        usual=usual,
        limits=np.where(is_latency, np.nan, LIMIT),
        is_open=np.ones(n, dtype=bool),
        in_maintenance=np.zeros(n, dtype=bool),
    )
