"""A pretend month, replayed: every cycle judged as the monitor would have, knowing no more than it would have known."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd

from models.anomaly import Severity
from models.detectors import judge_all
from models.gauge import QUEUE_DEPTH
from models.panel import Course, Flags, Floats, Ints, Panel, Usual, Verdicts
from models.reading import Source
from models.sighting import Sighting, Stage, turned
from models.signs import judged_in, signs_of
from simulator.month.draw import draw
from simulator.month.plan import MINUTES_PER_DAY, Month
from simulator.month.sites import Site
from tasks.history.panels import course as course_of_history
from tests import plain_rules
from tests.scores import Page

MINUTE = timedelta(minutes=1)
AT_ONCE = 5  # sites drawn together: a million and a half readings
SEEN = (Source.GENERATED, Source.TRAFFIC)
ALARM_SHARE = 0.8  # of what a queue holds, at which somebody would have an alarm set


class Replayed(NamedTuple):
    """What each set of rules would have done with the month."""

    whole: list[Page]
    detectors: dict[str, list[Page]]  # each by itself, with 3 of 5 cycles
    plain: dict[str, list[Page]]
    judged_s: float  # CPU seconds for all cycles


def replay(month: Month, workers: int = 2) -> Replayed:
    """The whole month, its sites shared among some processes."""
    shares = [month.sites[nth::workers] for nth in range(workers)]
    if workers == 1:
        return _replay(month, shares[0])
    with ProcessPoolExecutor(workers) as pool:
        parts = list(pool.map(_replay, [month] * workers, shares))
    return Replayed(
        whole=[page for part in parts for page in part.whole],
        detectors=_merged([part.detectors for part in parts]),
        plain=_merged([part.plain for part in parts]),
        judged_s=sum(part.judged_s for part in parts),
    )


def _merged(parts: Sequence[dict[str, list[Page]]]) -> dict[str, list[Page]]:
    return {name: [page for part in parts for page in part.get(name, [])] for name in sorted(set().union(*parts))}


def _replay(month: Month, sites: Sequence[Site]) -> Replayed:
    course = course_of(month, sites)
    told = {(site.id, QUEUE_DEPTH): ALARM_SHARE * site.queue.limit for site in sites if site.queue}
    limits = np.array([told.get((one.integration_id, one.metric), np.nan) for one in course.series])
    began = time.process_time()
    run = Run(month, sites, course, limits)
    for day in range(month.days):
        run.judge_day(day)
        _say(f"seed {month.seed}: day {day + 1} of {month.days}, {len(course.series)} series, {len(run.pages)} pages")
    took = time.process_time() - began
    by_detector = {
        name: plain_rules.pages(course, plain_rules.lasting(flags), month.offset, (name,))
        for name, flags in run.spoke.items()
    }
    fixed, sigma = plain_rules.fixed(course, told), plain_rules.three_sigma(course)
    plain = {
        "fixed thresholds": plain_rules.pages(course, fixed, month.offset),
        "three sigma": plain_rules.pages(course, sigma, month.offset),
    }
    return Replayed(run.pages, by_detector, plain, took)


def _say(words: str) -> None:
    if sys.stderr.isatty() or "-v" in sys.argv:
        print(words, file=sys.stderr, flush=True)


# --- what was measured -----------------------------------------------------------------------------------------------


def course_of(month: Month, sites: Sequence[Site]) -> Course:
    """Every series of these sites, through the same question that the monitor asks its history."""
    return beside([_course(month, sites[at : at + AT_ONCE]) for at in range(0, len(sites), AT_ONCE)])


def _course(month: Month, sites: Sequence[Site]) -> Course:
    drawn = [draw(month, site) for site in sites]
    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'UTC'")
        db.execute("SET threads = 1")
        db.register("readings", pd.concat([one.readings for one in drawn], ignore_index=True))
        db.register("gauges", pd.concat([one.gauges for one in drawn if len(one.gauges)], ignore_index=True))
        ids = [site.id for site in sites]
        return course_of_history(db, ids, month.since, month.until, MINUTE, SEEN)


def beside(courses: Sequence[Course]) -> Course:
    """Several courses over the same time as one."""
    return Course(
        every_s=courses[0].every_s,
        series=tuple(one for course in courses for one in course.series),
        ends_s=courses[0].ends_s,
        values=np.concatenate([course.values for course in courses]),
        weights=np.concatenate([course.weights for course in courses]),
    )


# --- what was known --------------------------------------------------------------------------------------------------


@dataclass
class Learner:
    """What is usual, from past days only: a stand-in that takes each local hour of days of one kind."""

    month: Month
    sites: Sequence[Site]
    course: Course
    cut: dict[str, Flags]  # by integration: hours of the course that must not teach
    hours: dict[str, Floats] = field(default_factory=dict)  # each (n, H), of the days that are over

    def learn(self, day: int) -> None:
        """Add up the hours of one day of the course."""
        many = self.course.values.shape[1] // 60
        n = len(self.course.series)
        for name in ("median", "q25", "q75", "low", "high", "step"):
            self.hours.setdefault(name, np.full((n, many), np.nan))
        span = slice(day * MINUTES_PER_DAY, (day + 1) * MINUTES_PER_DAY)
        values = self.course.values[:, span].reshape(n, 24, 60)
        at = slice(day * 24, day * 24 + 24)
        with np.errstate(invalid="ignore"):
            ordered = np.sort(values, axis=2)
        known = 60 - np.isnan(values).sum(axis=2)
        for name, share in (("median", 0.5), ("q25", 0.25), ("q75", 0.75), ("low", 0.0), ("high", 1.0)):
            nth = np.maximum(0, np.round((known - 1) * share)).astype(int)
            picked = np.take_along_axis(ordered, nth[:, :, None], axis=2)[:, :, 0]
            self.hours[name][:, at] = np.where(known >= 10, picked, np.nan)
        before = np.roll(self.hours["median"], 1, axis=1)[:, at]
        high, low = self.hours["high"][:, at], self.hours["low"][:, at]
        self.hours["step"][:, at] = np.maximum(high - before, before - low)

    def usual(self, at: datetime) -> Usual:
        """What is usual in the hour that begins then."""
        now = round((at - self.month.since) / timedelta(hours=1))
        known = Usual.unknown(len(self.course.series))
        parts = {name: getattr(known, name).copy() for name in ("middle", "spread", "low", "high", "days", "step")}
        day_begin = now - now % 24
        for site, rows in plain_rules.by_integration(self.course):
            kinds = self.kinds[site]
            past = np.flatnonzero((kinds[:day_begin] == kinds[now]) & ~self.cut[site][:day_begin])[-20:]
            if len(past) < 3:
                past = np.flatnonzero((kinds[:day_begin] % 24 == kinds[now] % 24) & ~self.cut[site][:day_begin])[-6:]
            if len(past) < 3:
                continue
            mine = {name: table[np.ix_(rows, past)] for name, table in self.hours.items()}
            with np.errstate(invalid="ignore", all="ignore"):
                middle = _median(mine["median"])
                within = 0.7413 * _median(mine["q75"] - mine["q25"])
                between = 1.4826 * _median(np.abs(mine["median"] - middle[:, None]))
            parts["middle"][rows], parts["spread"][rows] = middle, np.hypot(within, between)
            parts["low"][rows], parts["high"][rows] = _second(mine["low"], -1), _second(mine["high"], 1)
            parts["step"][rows] = _second(mine["step"], 1)
            parts["days"][rows] = len(past)
        return Usual(**parts, basis=known.basis, level=known.level)

    @property
    def kinds(self) -> dict[str, Ints]:
        """By integration: hour of the local day, and 24, 48 or 72 more on Saturdays, Sundays and closed days."""
        if not hasattr(self, "_kinds"):
            many = self.course.values.shape[1] // 60
            at = pd.date_range(self.month.since, periods=many, freq=pd.Timedelta(hours=1))
            self._kinds = {site.id: _kinds(site, at) for site in self.sites}
        return self._kinds


def _kinds(site: Site, at: pd.DatetimeIndex) -> Ints:
    local = at.tz_convert(site.timezone)
    kind = np.maximum(0, np.asarray(local.day_of_week) - 4)
    if site.integration.hours is not None:
        closed = [day for day in set(local.date) if not site.integration.hours.on(day)]
        kind = np.where(np.isin(local.date, closed), 3, kind)
    return np.asarray(kind * 24 + local.hour, dtype=np.int64)


def _median(values: Floats) -> Floats:
    with np.testing.suppress_warnings() as quiet:
        quiet.filter(RuntimeWarning)
        found: Floats = np.nanmedian(values, axis=1)
    return found


def _second(values: Floats, side: int) -> Floats:
    """(n,) the outermost but one on a side, where there are four days; NaN counts as inside."""
    ordered = np.sort(np.where(np.isnan(values), -np.inf, side * values), axis=1)
    found = side * ordered[:, -2 if values.shape[1] > 3 else -1]
    return np.where(np.isinf(found), np.nan, found)


# --- what was judged -------------------------------------------------------------------------------------------------


class Run:
    """One replay in progress."""

    def __init__(self, month: Month, sites: Sequence[Site], course: Course, limits: Floats) -> None:
        self.month, self.sites, self.course, self.limits = month, sites, course, limits
        hours = course.values.shape[1] // 60
        self.cut = {site.id: np.zeros(hours, dtype=bool) for site in sites}
        self.learner = Learner(month, sites, course, self.cut)
        for day in range(month.warm_up_days):
            self.learner.learn(day)
        self.live: dict[str, Sighting] = {}
        self.pages: list[Page] = []
        self.spoke: dict[str, Flags] = {}
        self.calendars = {site.id: site.integration.calendar for site in sites}

    def judge_day(self, day: int) -> None:
        """Judge one day of the month, then learn from it."""
        whole = self.month.warm_up_days + day
        for hour in range(24):
            at = self.month.begins + timedelta(days=day, hours=hour)
            usual = self.learner.usual(at)
            is_open = {name: calendar.is_open(at) for name, calendar in self.calendars.items()}
            opened = np.array([is_open[one.integration_id] for one in self.course.series])
            first = (whole * 24 + hour) * 60
            for column in range(first, first + 60):
                panel = self.course.panel(column, usual, limits=self.limits, is_open=opened)
                self.note(panel, column, judge_all(panel))
        self.learner.learn(whole)

    def note(self, panel: Panel, column: int, verdicts: dict[str, Verdicts]) -> None:
        """Believe what lasts; who is told, is told here."""
        for name, verdict in verdicts.items():
            if name not in self.spoke:
                self.spoke[name] = np.zeros(self.course.values.shape, dtype=bool)
            self.spoke[name][:, column] = verdict.speaks
        signs = signs_of(panel, verdicts, lambda _: Severity.MEDIUM)
        if not signs and not self.live:
            return
        as_of = datetime.fromtimestamp(float(panel.ends_s[-1]), UTC)
        changed = turned(self.live.values(), signs, as_of, MINUTE, judged=judged_in(panel, verdicts))
        told = {one.series.integration_id for one in self.live.values() if _is_told(one)}
        for sighting in changed:
            before = self.live.get(sighting.id)
            if _is_told(sighting) and not (before and _is_told(before)):
                self.tell(sighting, column, again=sighting.integration_id in told)
                told.add(sighting.integration_id)
            if sighting.is_over:
                self.live.pop(sighting.id, None)
            else:
                self.live[sighting.id] = sighting
            if sighting.is_confirmed:
                self.cut[sighting.integration_id][column // 60] = True

    def tell(self, sighting: Sighting, column: int, *, again: bool) -> None:
        """Somebody is called, unless they know already that something is wrong with that integration."""
        if not again:
            cycle = column - self.month.offset
            self.pages.append(Page(sighting.integration_id, cycle, sighting.series.key, sighting.detectors))


def _is_told(sighting: Sighting) -> bool:
    return sighting.stands and sighting.stage.rank >= Stage.NOTIFIED.rank
