"""What every detector keeps; a new file in the room is found by itself, and needs its fault planted here.

The past is four weeks of generated history in a real store, as a monitor at one round a minute would have written
it; the healthy day is one more that no detector has seen; a fault is that day at ten o'clock, spoiled. What is usual
is learned from the past by hour of the week, in pandas: `models.panel.Usual` as it is defined, and no code of ours.
"""

# the values of a Panel; pandas is not here

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from models.anomaly import DetectionMethod
from models.catalogue import load, names
from models.detectors import judge_all
from models.joint import JointModel, features, learn
from models.panel import MOST, Course, Held, Panel, Usual, Verdicts
from models.reading import Source
from models.series import JOINT, Series
from simulator.history import generate_history
from tasks.history.panels import course
from tasks.remember import remember_frame
from tests.builders import EPIC, an_integration
from tests.panels import a_panel, usual_by_hour

ROOM = "models.detectors"
DETECTORS = [name for name in names(ROOM) if hasattr(load(ROOM, name), "METHOD")]
INTEGRATION = an_integration()
DAY = datetime(2026, 11, 18, 5, tzinfo=UTC)  # a Wednesday's midnight in New York
EVERY, WEEKS = timedelta(minutes=1), timedelta(weeks=4)
SEED = 3
QUEUE = Series(INTEGRATION.id, "queue_depth", "Appointment")
TRAFFIC = Series(INTEGRATION.id, "calls", None, Source.TRAFFIC.value)
AT_TEN = 600  # cycles after midnight


@dataclass(frozen=True)
class Past:
    """What was usual in each hour of the week, and the day that follows."""

    day: Course  # from three hours before midnight
    usual: dict[int, Usual]  # by hour of the day
    joint: JointModel

    def panel(self, minute: int, spoil: Callable[[Panel], None] | None = None) -> Panel:
        """The panel of a minute of the day, spoiled or not."""
        at = 180 + minute
        limits = np.array(
            [{"error_rate": 0.05, QUEUE.metric: 1000.0}.get(one.metric, np.nan) for one in self.day.series]
        )
        joint = {INTEGRATION.id: self.joint, "another": self.joint}
        panel = self.day.panel(at, self.usual[minute // 60], limits=limits, joint=joint)
        panel = replace(panel, values=panel.values.copy(), weights=panel.weights.copy())
        if spoil is not None:
            spoil(panel)
        return panel


@pytest.fixture(scope="module")
def past(tmp_path_factory) -> Past:
    home, after = tmp_path_factory.mktemp("weeks"), tmp_path_factory.mktemp("day")
    remember_frame(generate_history(INTEGRATION, DAY, every_s=60, seed=SEED), home)
    week = generate_history(INTEGRATION, DAY + timedelta(days=1), weeks=1, every_s=60, seed=SEED + 1)
    remember_frame(week[week["observed_at"] >= DAY - 180 * EVERY].assign(source="probe"), after)
    day = course(after, [INTEGRATION.id], DAY - 180 * EVERY, DAY + timedelta(days=1), EVERY)
    weeks = with_traffic(course(home, [INTEGRATION.id], DAY - WEEKS, DAY, EVERY, tuple(Source)))
    mine = features(INTEGRATION.id, weeks.series, weeks.ends_s, weeks.values, weeks.weights, weeks.every_s)
    joint = learn(INTEGRATION.id, mine, DAY, INTEGRATION.timezone)
    assert joint is not None
    day = with_traffic(with_queue_and_joint(day))
    return Past(day, usual_by_hour(weeks, day.series, DAY, INTEGRATION.timezone), joint)


def with_queue_and_joint(day: Course) -> Course:
    """The day with a queue that wanders, and the series of which the joint detector speaks."""
    width = len(day.ends_s)
    queue, gaps = np.random.default_rng(SEED).poisson(20, width), np.full(width, np.nan)
    return replace(
        day,
        series=(*day.series, QUEUE, Series(INTEGRATION.id, JOINT)),
        values=np.vstack([day.values, queue, gaps]),
        weights=np.vstack([day.weights, np.ones(width), np.zeros(width)]),
    )


def with_traffic(measured: Course) -> Course:
    """The same with a dozen real calls a minute."""
    calls = np.random.default_rng(SEED).poisson(12, len(measured.ends_s)).astype(float)
    return replace(
        measured,
        series=(*measured.series, TRAFFIC),
        values=np.vstack([measured.values, calls]),
        weights=np.vstack([measured.weights, calls]),
    )


def rows(panel: Panel, metric: str) -> list[int]:
    found: list[int] = panel.rows(metric).tolist()
    assert found, metric
    return found


def fails_mostly(panel: Panel) -> None:
    """A server that fails on three of four calls, for five minutes."""
    for row in rows(panel, "error_rate"):
        panel.values[row, -5:], panel.weights[row, -5:] = 0.75, 4


def is_throttled(panel: Panel) -> None:
    """HTTP 429 on every second call, for five minutes."""
    panel.values[rows(panel, "pattern:throttling"), -5:] = 0.5


def is_slow(panel: Panel) -> None:
    """Everything takes four times as long, and 500 ms more, in the newest cycle."""
    panel.values[rows(panel, "latency"), -1] = 4 * panel.values[rows(panel, "latency"), -1] + 500


def has_moved(panel: Panel) -> None:
    """Everything takes five deviations longer, and at least half as long again, for ten minutes."""
    some = rows(panel, "latency")
    usual = panel.usual.of(some)
    shift = np.maximum(np.maximum(5.0 * panel.scale[some], 0.7 * usual.middle), 120.0)
    panel.values[some, -10:] = (usual.middle + shift)[:, None]


def falls_silent(panel: Panel) -> None:
    """Answers as good as ever, in which nobody counts the records any more."""
    panel.values[rows(panel, "records"), -6:] = np.nan


def holds_nothing(panel: Panel) -> None:
    """HTTP 200 in no time, and no record in it, for three hours: few answers tell little."""
    panel.values[rows(panel, "records"), :] = 0.0


def breaks_again_and_again(panel: Panel) -> None:
    """Two minutes of resets in every quarter of an hour."""
    for row in rows(panel, "transport_share"):
        panel.values[row] = np.tile([0.0] * 13 + [0.5] * 2, 12)


def fills(panel: Panel) -> None:
    """A queue that is full in half an hour."""
    panel.values[rows(panel, QUEUE.metric), -60:] += 10.5 * np.arange(1, 61)


def is_unusual_together(panel: Panel) -> None:
    """As many records as ever in answers of half the size, for ten minutes: another server, or half of each record."""
    panel.values[rows(panel, "answer_size"), -10:] *= 0.5


def loses_most_calls(panel: Panel) -> None:
    """A call every other minute instead of a dozen in each, for a quarter of an hour."""
    panel.values[rows(panel, "calls"), -15:] = np.tile([0.0, 1.0, 0.0], 5)


PLANTED: dict[str, Callable[[Panel], None]] = {
    "exhaustion": fills,
    "fewer": loses_most_calls,
    "joint": is_unusual_together,
    "known_failure": is_throttled,
    "level": has_moved,
    "seasonal": is_slow,
    "silence": falls_silent,
    "stability": breaks_again_and_again,
    "threshold": fails_mostly,
    "zero": holds_nothing,
}


def judge(name: str, panel: Panel) -> Verdicts:
    """What a detector says with nothing left in its memory."""
    detector = load(ROOM, name)
    for kept in vars(detector).values():
        if hasattr(kept, "cache_clear"):
            kept.cache_clear()
    found: Verdicts = detector.judge(panel)
    return found


def same(one: Verdicts, other: Verdicts) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in vars(one))


def test_every_detector_has_its_fault_planted_here():
    assert set(PLANTED) == set(DETECTORS)


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_is_quiet_on_a_healthy_day(past, name):
    """Every five minutes of it; each series that a metric of readings has is there, and has a usual."""
    spoke: list[tuple[int, Any]] = []
    for minute in range(0, 1440, 5):
        panel = past.panel(minute)
        spoke += [(minute, panel.series[row]) for row in np.flatnonzero(judge(name, panel).speaks)]
    assert spoke == []
    assert np.isfinite(panel.usual.middle[rows(panel, "latency")]).all()
    assert np.isfinite(panel.latest[rows(panel, "error_rate")]).all()


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_finds_its_planted_fault_and_says_the_same_twice(past, name):
    panel = past.panel(AT_TEN, PLANTED[name])
    found = judge(name, panel)
    assert found.speaks.any()
    assert same(judge(name, past.panel(AT_TEN, PLANTED[name])), found)
    speaks = found.speaks
    assert (found.score[speaks] <= MOST).all()
    assert (found.since_s[speaks] < panel.ends_s[-1]).all()
    assert set(found.held[speaks]) == {Held.NOT}
    assert isinstance(load(ROOM, name).METHOD, DetectionMethod)


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_judges_nothing_later_than_the_newest_cycle_and_no_series_by_another(past, name):
    """A series alone, beside others, and among twice as many has the same verdict."""
    panel = past.panel(AT_TEN, PLANTED[name])
    twice = replace(
        panel,
        series=(*panel.series, *(one._replace(integration_id="another") for one in panel.series)),
        values=np.vstack([panel.values, panel.values]),
        weights=np.vstack([panel.weights, panel.weights]),
        usual=panel.usual.of(np.tile(np.arange(len(panel.series)), 2)),
        **{field: np.tile(getattr(panel, field), 2) for field in ("limits", "is_open", "in_maintenance")},
    )
    found, both = judge(name, panel), judge(name, twice)
    for field in ("score", "side", "held", "since_s"):
        np.testing.assert_array_equal(getattr(both, field), np.tile(getattr(found, field), 2))


@pytest.mark.parametrize("name", DETECTORS)
def test_an_empty_panel_holds_nothing(name):
    for panel in (a_panel(), a_panel([], [])):
        found = judge(name, panel)
        assert len(found.score) == len(panel.series)
        assert not found.speaks.any()


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_that_has_learned_nothing_is_quiet_about_a_single_cycle(name):
    series = [Series(EPIC, metric) for metric in ("latency", "error_rate", "records", "pattern:trust", "own")]
    values = [[9_000.0], [1.0], [0.0], [0.5], [1e9]]
    panel = a_panel(*values, series=series, calls=2, limits=np.array([2000, 0.05, np.nan, np.nan, np.nan]))
    assert not judge(name, panel).speaks.any()


def test_the_room_is_heard_and_maintenance_holds_it(past):
    panel = past.panel(AT_TEN, fails_mostly)
    found = judge_all(panel)
    assert list(found) == DETECTORS
    assert found["threshold"].speaks.any()
    away = replace(panel, in_maintenance=np.ones(len(panel.series), dtype=bool))
    assert not any(one.speaks.any() for one in judge_all(away).values())
