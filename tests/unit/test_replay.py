"""A month is judged as its cycles were: stacking them changes no verdict."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.detectors import judge_all
from models.panel import CYCLES, Course, Rules, Usual, Verdicts
from models.replay import Ground, eased, hours, replay, stacked
from models.series import Series
from tests.panels import END_S, EPIC, a_usual

NAMES = (
    Series(EPIC, "latency", "Patient.search"),
    Series(EPIC, "error_rate"),
    Series(EPIC, "records", "Patient.search"),
)
MIDDLES = np.array([120.0, 0.01, 40.0])


def a_course(cycles: int = 400, *, seed: int = 3) -> Course:
    """Three quiet series with gaps, a slow hour, failures, and an hour with few records."""
    rng = np.random.default_rng(seed)
    values = MIDDLES[:, None] * (1 + 0.05 * rng.standard_normal((3, cycles)))
    values[1] = rng.binomial(20, 0.01, cycles) / 20
    values[0, 250:270] *= 8
    values[1, 300:320] = 0.4
    values[2, 330:360] = 2.0
    values[:, rng.integers(0, cycles, 20)] = np.nan
    weights = np.where(np.isnan(values), 0.0, 20.0)
    ends = END_S // 3600 * 3600 + 60.0 * (1 + np.arange(cycles))
    return Course(60.0, NAMES, ends, values, weights)


def usual() -> Usual:
    known = a_usual(3, spread=1.0)
    return replace(
        known, middle=MIDDLES, spread=np.array([6.0, 0.02, 2.0]), low=MIDDLES * 0.8, high=MIDDLES * 1.2 + 0.05
    )


def ground(course: Course) -> Ground:
    plain = Ground.plain(3, len(course.ends_s))
    plain.in_maintenance[:, 255:260] = True
    rules = Rules(np.array([0]), np.array([600.0]), np.array([300.0]), np.array([1]), np.array([3]))
    return plain._replace(limits=np.array([np.nan, 0.05, np.nan]), rules=rules)


def one_by_one(course: Course, columns: range, known: Ground):
    """(cycle, series, detector, score, side, since) as the monitor would have found them."""
    for column in columns:
        panel = course.panel(
            column,
            usual(),
            limits=known.limits,
            is_open=known.is_open[:, column],
            in_maintenance=known.in_maintenance[:, column],
            rules=known.rules,
        )
        for name, one in judge_all(panel).items():
            for row in np.flatnonzero(one.speaks).tolist():
                yield column - columns.start, row, name, one.score[row], one.side[row], one.since_s[row]


def test_a_replay_says_what_the_cycles_said_one_by_one():
    course, columns = a_course(), range(CYCLES, 400)
    known = ground(course)
    trail = replay(course, columns, lambda _: usual(), judge_all, known)
    said = sorted((one.cycle, one.row, one.detector) for one in trail.loud if not one.unknown)
    expected = sorted(one_by_one(course, columns, known))
    assert said == [one[:3] for one in expected]
    assert {name for _, _, name in said} >= {"seasonal", "level", "threshold"}
    figures = {(one.cycle, one.row, one.detector): (one.score, one.side, one.since_s) for one in trail.loud}
    for cycle, row, name, score, side, since_s in expected:
        assert figures[cycle, row, name] == pytest.approx((score, side, since_s), nan_ok=True)


def test_what_could_not_be_judged_is_remembered():
    course, columns = a_course(), range(CYCLES, 400)
    trail = replay(course, columns, lambda _: usual(), judge_all, ground(course))
    assert trail.blind.shape == (3, len(columns))
    assert (trail.blind == (np.isnan(course.values) | ground(course).in_maintenance)[:, CYCLES:400]).all()
    assert {one.cycle for one in trail.loud if one.unknown} <= set(range(255 - CYCLES, 260 - CYCLES))


def test_what_is_usual_is_asked_for_once_an_hour():
    course = a_course(150)
    found = list(hours(course, range(10, 150)))
    assert [(one.start, one.stop) for one in found] == [(10, 60), (60, 120), (120, 150)]


def test_every_hour_is_judged_by_its_own_usual():
    course, columns = a_course(), range(CYCLES, 400)
    course.values[:] = MIDDLES[:, None]

    def usual_at(column: int) -> Usual:
        known = usual()
        return replace(known, middle=known.middle / 8) if column >= 240 else known

    assert {one.cycle >= 60 for one in replay(course, columns, usual_at, judge_all).loud} == {True}


def test_it_tells_how_far_it_has_come():
    course, told = a_course(), list[int]()
    replay(course, range(CYCLES, 400), lambda _: usual(), judge_all, progress=told.append)
    assert told[-1] == 400 - CYCLES
    assert told == sorted(told)


def test_a_stacked_panel_holds_nothing_later_than_each_cycle():
    course = a_course()
    panel = stacked(course, range(200, 260), lambda _: usual(), Ground.plain(3, 400))
    assert panel.values.shape == (180, CYCLES)
    for k in (0, 31, 59):
        np.testing.assert_array_equal(
            panel.values[3 * k : 3 * k + 3], course.values[:, 200 + k - CYCLES + 1 : 200 + k + 1]
        )


def test_an_agreed_threshold_makes_the_score_smaller_and_another_series_stays():
    course = a_course()
    panel = course.panel(255, usual())
    factors = {NAMES[0]: 1000.0}
    before = judge_all(panel)
    after = eased(panel, before, lambda one: factors.get(one, 1.0))
    assert before["seasonal"].speaks[0]
    assert not after["seasonal"].speaks[0]
    assert (after["seasonal"].score[1:] == before["seasonal"].score[1:]).all()
    assert eased(panel, before, lambda _: 1.0) is before
    assert isinstance(after["seasonal"], Verdicts)
