"""When each fault and each decoy of a pretend month happens, and where; dealt before anything is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.history import hours_of_week
from simulator.month.conditions import MINUTES_PER_DAY, MONDAY, activity, is_holiday, moments
from simulator.month.families import FAMILIES, Decoy, Family, Label, Where
from simulator.month.sites import Site, make_sites

Flags = NDArray[np.bool_]

BEGINS = datetime(2026, 10, 31, tzinfo=UTC)  # 28 days hold the change of clocks, four Mondays and Thanksgiving
RECOVERY = 180  # minutes between the end of a fault and whatever is next at that site
ENOUGH_RECORDS = 25  # in an answer, before somebody would miss a share of them
ENOUGH_EVENTS = 0.3  # a minute, before a standstill of an hour is strange
ENOUGH_CALLS = 5.0  # a minute, likewise
TRIES = 400
EACH_SITE = {Decoy.BLIP: 1.2, Decoy.DEPLOY: 0.6, Decoy.NOISE: 0.8}  # in 28 days


class Month(NamedTuple):
    """What was dealt: sites, and labels in cycles of a minute from `begins`; before it come days to learn from."""

    seed: int
    begins: datetime
    days: int
    warm_up_days: int
    sites: tuple[Site, ...]
    labels: tuple[Label, ...]

    @property
    def cycles(self) -> int:
        """How many cycles are judged."""
        return self.days * MINUTES_PER_DAY

    @property
    def offset(self) -> int:
        """Minutes of warm-up before the first of them."""
        return self.warm_up_days * MINUTES_PER_DAY

    @property
    def since(self) -> datetime:
        """The first instant of the warm-up."""
        return self.begins - timedelta(days=self.warm_up_days)

    @property
    def until(self) -> datetime:
        """The end of it all."""
        return self.begins + timedelta(days=self.days)

    @property
    def faults(self) -> tuple[Label, ...]:
        """What must be found."""
        return tuple(label for label in self.labels if not label.is_decoy)

    @property
    def decoys(self) -> tuple[Label, ...]:
        """What nobody may be called for."""
        return tuple(label for label in self.labels if label.is_decoy)


def make_month(
    seed: int, sites: int = 50, days: int = 28, warm_up_days: int = 21, faults: int = 276, begins: datetime = BEGINS
) -> Month:
    """Deal a month.

    Args:
        seed: everything follows from it.
        sites: how many integrations.
        days: judged days.
        warm_up_days: whole days before, without faults, from which the usual is learned.
        faults: how many, dealt evenly to the families; a few fewer where they do not fit.
        begins: the first judged instant; timezone-aware.
    """
    rng = np.random.default_rng([seed, 0])
    cast = make_sites(sites, rng)
    dealer = _Dealer(cast, moments(begins, days), rng)
    for nth in range(faults):
        dealer.fault(FAMILIES[nth % len(FAMILIES)])
    for decoy, each in EACH_SITE.items():
        for _ in range(round(each * sites * days / 28)):
            dealer.decoy(decoy)
    labels = sorted(
        (*dealer.labels, *_in_the_calendar(cast, dealer.at)), key=lambda one: (one.since, one.integration_id)
    )
    return Month(seed, begins, days, warm_up_days, cast, tuple(labels))


class _Dealer:
    """Deals one after the other, never two at one site within the recovery of the first."""

    def __init__(self, sites: tuple[Site, ...], at: pd.DatetimeIndex, rng: np.random.Generator) -> None:
        self.at, self.rng, self.sites = at, rng, sites
        self.labels: list[Label] = []
        self.taken = {site.id: np.zeros(len(at), dtype=bool) for site in sites}
        self.busy = {site.id: activity(site, at) for site in sites}
        self.holiday = {site.id: is_holiday(site, at) for site in sites}
        self.dealt = {site.id: 0 for site in sites}

    def fault(self, family: Family) -> None:
        """Find it a place; after many tries it is left out."""
        for _ in range(TRIES):
            site = self._site()
            if label := self._place(family, site):
                self.labels.append(label)
                self.dealt[site.id] += 1
                return

    def decoy(self, kind: Decoy) -> None:
        """Find a decoy its place, likewise."""
        for _ in range(TRIES):
            site = self.sites[int(self.rng.integers(len(self.sites)))]
            length = {Decoy.BLIP: 1, Decoy.DEPLOY: 60, Decoy.NOISE: int(self.rng.integers(10, 40))}[kind]
            since = int(self.rng.integers(len(self.at) - length))
            reads = tuple(range(len(site.flows)))
            if self._take(site, since, since + length):
                self.labels.append(Label(site.id, kind.value, since, since + length, 0.0, "", since, reads, ()))
                return

    def _site(self) -> Site:
        """One of those with the fewest faults so far, more or less."""
        eager = np.array([self.dealt[site.id] + self.rng.random() * 3 for site in self.sites])
        return self.sites[int(eager.argmin())]

    def _place(self, family: Family, site: Site) -> Label | None:
        rng = self.rng
        ease = rng.random()
        size = family.smallest * (family.largest / family.smallest) ** (ease if family.bigger_is_easier else 1 - ease)
        lasts = int(np.exp(rng.uniform(np.log(family.shortest_min), np.log(family.longest_min))))
        if family.unit == "minutes":
            lasts = int(size * (1.0 if family.name == "stale data" else rng.uniform(1.1, 1.5)))
        since = int(rng.integers(len(self.at) - lasts - 30))
        until = since + lasts
        reads = self._reads(family, site, since, until - 1)
        if not reads or not self._take(site, since, until):
            return None
        sizeless = family.smallest == family.largest
        grade = "easy" if sizeless else ("subtle", "medium", "easy")[min(2, int(ease * 3))]
        felt = since + _unfelt(family, size, lasts)
        return Label(site.id, family.name, since, until, round(float(size), 3), grade, felt, reads, family.shows)

    def _take(self, site: Site, since: int, until: int) -> bool:
        """Reserve a stretch with its recovery on both sides; whether it was free."""
        wide = slice(max(0, since - RECOVERY), until + RECOVERY)
        if self.taken[site.id][wide].any():
            return False
        self.taken[site.id][since:until] = True
        return True

    def _reads(self, family: Family, site: Site, first: int, last: int) -> tuple[int, ...]:
        """Which reads it touches; none: the site or the hour does not suit it."""
        every = tuple(range(len(site.flows)))
        fits = {
            Where.TRAFFIC: self._flowing(site, first, last, site.traffic, ENOUGH_CALLS),
            Where.QUEUE: site.queue is not None,
            Where.QUOTA: site.quota is not None and self._one_day(site, first, last),
            Where.GAUGE: site.queue is not None or site.quota is not None,
        }.get(family.where, True)
        if not fits:
            return ()
        if family.where is Where.BUSY:
            able = [read for read in every if self._has_records(site, read, first, last)]
            return (int(self.rng.choice(able)),) if able else ()
        if family.name == "forbidden scope" or (family.name.startswith("latency") and self.rng.random() < 0.5):  # noqa: PLR2004 - every other one
            return (int(self.rng.integers(len(every))),)
        return every

    def _has_records(self, site: Site, read: int, first: int, last: int) -> bool:
        flow = site.flows[read]
        shown = flow.per_hour * flow.window_min / 60
        return self._flowing(site, first, last, shown, ENOUGH_RECORDS) and self._flowing(
            site, first, last, flow.per_hour / 60, ENOUGH_EVENTS
        )

    def _flowing(self, site: Site, first: int, last: int, at_most: float, least: float) -> bool:
        """Whether so much flows all the while, from an hour before; nobody expects anything on a holiday."""
        before = max(0, first - 60)
        busy = self.busy[site.id][before : last + 1]
        return bool(at_most * busy.min() >= least and not self.holiday[site.id][before : last + 1].any())

    def _one_day(self, site: Site, first: int, last: int) -> bool:
        """Whether it lies in the working part of one local day, so that the quota is not refilled meanwhile."""
        local = self.at[[first, last]].tz_convert(site.timezone)
        return bool(local[0].date() == local[1].date() and 6 <= local[0].hour <= 16)  # noqa: PLR2004 - o'clock


def _unfelt(family: Family, size: float, lasts: int) -> int:
    """Minutes before anybody notices what creeps in."""
    if family.name == "latency ramp":
        return int(lasts / size)
    if family.name == "stale data":
        return 10  # Metric.least of staleness; a little later where the data is usually minutes old
    return int(size) if family.name in {"queue filling", "quota draining"} else 0


def _in_the_calendar(sites: tuple[Site, ...], at: pd.DatetimeIndex) -> Iterator[Label]:
    """Monday mornings, the holiday and the day on which the clocks change, where a site has them."""
    for site in sites:
        local = at.tz_convert(site.timezone)
        offsets = np.asarray(local.tz_localize(None) - at.tz_localize(None))
        changed = set(local.date[1:][offsets[1:] != offsets[:-1]])
        found = {
            Decoy.MONDAY: np.isin(hours_of_week(at, site.timezone), list(MONDAY)) & (site.peak > 0),
            Decoy.HOLIDAY: is_holiday(site, at) & (site.always == 0),
            Decoy.CLOCKS: np.isin(local.date, list(changed)) if changed else np.zeros(len(at), dtype=bool),
        }
        for kind, flags in found.items():
            for since, until in _runs(flags):
                reads = tuple(range(len(site.flows)))
                yield Label(site.id, kind.value, since, until, 0.0, "", since, reads, ())


def _runs(flags: Flags) -> Iterator[tuple[int, int]]:
    """(since, until) of each unbroken stretch."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
