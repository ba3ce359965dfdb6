"""A pretend month, replayed: every cycle judged as the monitor would have, knowing no more than it would have known."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from models.anomaly import Severity
from models.correlate import together
from models.detectors import judge_all
from models.gauge import QUEUE_DEPTH
from models.group import Group
from models.panel import Course, Flags, Floats, Ints, Panel, Usual, Verdicts
from models.reading import Source
from models.series import Series, is_part
from models.sighting import Sighting, Sign, Stage, turned
from models.signs import is_judged, signs_of
from simulator.month.draw import draw
from simulator.month.plan import Month
from simulator.month.sites import Site
from tasks.history.hours import Pace, hours_of
from tasks.history.panels import course as course_of_history
from tasks.history.read import connect
from tasks.learn_hours import Spans, usual_of_pace
from tests import plain_rules
from tests.scores import Page

MINUTE = timedelta(minutes=1)
AT_ONCE = 5  # sites drawn together: a million and a half readings
SEEN = (Source.GENERATED, Source.TRAFFIC)
DAY_S = 86_400
KEPT = ("metrics", "side", "_known")  # attributes of a panel that follow from its series alone
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
    measured = measure(month, sites)
    course = measured.course
    told = {(site.id, QUEUE_DEPTH): ALARM_SHARE * site.queue.limit for site in sites if site.queue}
    limits = np.array([told.get((one.integration_id, one.metric), np.nan) for one in course.series])
    began = time.process_time()
    run = Run(month, sites, measured, limits)
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
        sys.stderr.write(f"{words}\n")


# --- what was measured -----------------------------------------------------------------------------------------------


def measure(month: Month, sites: Sequence[Site]) -> Measured:
    """Every series of these sites, through the same questions that the monitor asks its history."""
    parts = [_measured(month, sites[at : at + AT_ONCE]) for at in range(0, len(sites), AT_ONCE)]
    return Measured(beside([part.course for part in parts]), pa.concat_tables([part.hours for part in parts]))


def _measured(month: Month, sites: Sequence[Site]) -> Measured:
    drawn = [draw(month, site) for site in sites]
    ids = [site.id for site in sites]
    asked: dict[str, Any] = {"integration_ids": ids, "since": month.since, "until": month.until}
    asked |= {"every_s": MINUTE.total_seconds(), "phase_s": 0.0}
    with connect() as db:
        db.register("readings", pd.concat([one.readings for one in drawn], ignore_index=True))
        db.register("gauges", pd.concat([one.gauges for one in drawn], ignore_index=True))
        course = course_of_history(db, ids, month.since, month.until, MINUTE, SEEN)
        hours = hours_of(db, {name: one for name, one in asked.items() if name != "phase_s"}, Pace(MINUTE, 0))
    return Measured(course, hours)


def beside(courses: Sequence[Course]) -> Course:
    """Several courses over the same time as one."""
    return Course(
        every_s=courses[0].every_s,
        series=tuple(one for course in courses for one in course.series),
        ends_s=courses[0].ends_s,
        values=np.concatenate([course.values for course in courses]),  # noqa: PD011 - a Course's
        weights=np.concatenate([course.weights for course in courses]),
    )


# --- what was known --------------------------------------------------------------------------------------------------


class Measured(NamedTuple):
    """What cycles saw, and the hours that they add up to."""

    course: Course
    hours: Any  # rows of `tasks.history.hours`, a pyarrow.Table


class Learner:
    """What is usual in the hours of a day, from the days before it only; learned each midnight in UTC."""

    def __init__(self, measured: Measured, sites: Sequence[Site]) -> None:
        self.series, self.hours = measured.course.series, measured.hours
        self.integrations = [site.integration for site in sites]
        self.begins = np.asarray(self.hours["begin_s"])
        self.row = {(one.integration_id, one.key): nth for nth, one in enumerate(self.series)}

    def learn(self, midnight: datetime, untaught: Spans) -> list[Usual]:
        """What is usual in each of the 24 hours from then on.

        Args:
            midnight: nothing later is known.
            untaught: by integration, the spans that must not teach.
        """
        end_s = midnight.timestamp()
        past = self.hours.filter((self.begins < end_s) & (self.begins >= end_s - 30 * DAY_S))
        told = usual_of_pace(past, self.integrations, midnight, untaught)
        columns = {name: np.asarray(told[name].to_numpy(zero_copy_only=False)) for name in told.column_names}
        keys = zip(columns["integration_id"], columns["series"], strict=True)
        rows = np.array([self.row.get(key, -1) for key in keys])
        hour = ((columns["at_s"] - end_s) // 3600).astype(int)
        return [self._of_hour(columns, rows, (hour == nth) & (rows >= 0)) for nth in range(24)]

    def _of_hour(self, columns: dict[str, Any], rows: Ints, mine: Flags) -> Usual:
        unknown = Usual.unknown(len(self.series))
        fields = {}
        for name in Usual.__dataclass_fields__:
            fields[name] = getattr(unknown, name).copy()
            fields[name][rows[mine]] = columns[name][mine]
        return Usual(**fields)


# --- what was judged -------------------------------------------------------------------------------------------------


class Run:
    """One replay in progress."""

    def __init__(self, month: Month, sites: Sequence[Site], measured: Measured, limits: Floats) -> None:
        self.month, self.course, self.limits = month, measured.course, limits
        self.learner = Learner(measured, sites)
        self.untaught: dict[str, dict[str, tuple[datetime, datetime]]] = {site.id: {} for site in sites}
        self.live: dict[str, Sighting] = {}
        self.known: tuple[Group, ...] = ()
        self.pages: list[Page] = []
        self.beforehand: dict[str, Any] = {}
        self.row = {one: nth for nth, one in enumerate(self.course.series)}
        self.spoke: dict[str, Flags] = {}
        self.calendars = {site.id: site.integration.calendar for site in sites}

    def judge_day(self, day: int) -> None:
        """Judge one day of the month, then learn from it."""
        whole, midnight = self.month.warm_up_days + day, self.month.begins + timedelta(days=day)
        spans = {name: tuple(mine.values()) for name, mine in self.untaught.items()}
        for hour, usual in enumerate(self.learner.learn(midnight, spans)):
            at = midnight + timedelta(hours=hour)
            is_open = {name: calendar.is_open(at) for name, calendar in self.calendars.items()}
            opened = np.array([is_open[one.integration_id] for one in self.course.series])
            first = (whole * 24 + hour) * 60
            for column in range(first, first + 60):
                panel = self.course.panel(column, usual, limits=self.limits, is_open=opened)
                panel.__dict__.update(self.beforehand)  # what is known of the metrics stays the same
                self.note(panel, column, judge_all(panel))
                self.beforehand = {name: panel.__dict__[name] for name in KEPT if name in panel.__dict__}

    def note(self, panel: Panel, column: int, verdicts: dict[str, Verdicts]) -> None:
        """Believe what lasts; who is told, is told here."""
        for name, verdict in verdicts.items():
            if name not in self.spoke:
                self.spoke[name] = np.zeros(self.course.weights.shape, dtype=bool)
            self.spoke[name][:, column] = verdict.speaks
        signs = signs_of(panel, verdicts, lambda _: Severity.MEDIUM)
        if not signs and not self.live:
            return
        as_of = datetime.fromtimestamp(float(panel.ends_s[-1]), UTC)
        flags = is_judged(panel, verdicts)
        changed = turned(
            self.live.values(),
            signs,
            as_of,
            MINUTE,
            judged=lambda one: bool(flags[self.row[one]]),
            groups=self.groups(signs, panel),
        )
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
            if _is_told(sighting):
                self.untaught[sighting.integration_id][sighting.id] = (sighting.opened_at, as_of)

    def groups(self, signs: Sequence[Sign], panel: Panel) -> dict[Series, str]:
        """Which of the series that speak belong together; asked only where two of one integration do.

        Connection failures and refusals are a part of the failed calls. They are no second witness of them.
        """
        witnesses = [sign for sign in signs if not is_part(sign.series)]
        if len({sign.series.integration_id for sign in witnesses}) == len(witnesses):
            self.known = ()
            return {}
        self.known = together(witnesses, [panel], known=self.known)
        return {member.series: group.id for group in self.known for member in group.members}

    def tell(self, sighting: Sighting, column: int, *, again: bool) -> None:
        """Somebody is called, unless they know already that something is wrong with that integration."""
        if not again:
            cycle = column - self.month.offset
            self.pages.append(Page(sighting.integration_id, cycle, sighting.series.key, sighting.detectors))


def _is_told(sighting: Sighting) -> bool:
    return sighting.stands and sighting.stage.rank >= Stage.NOTIFIED.rank
