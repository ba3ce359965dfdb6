"""The streaming scorer: what must hold for every series, and what it must find or leave alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.streaming import (
    REMEMBERED,
    SHAPE_ROWS,
    THRESHOLD,
    WARM_UP_AT_MOST_ROWS,
    Direction,
    StreamingScorer,
    anomalies,
)

STEP_S, DAY_ROWS = 600.0, 144
FEW = settings(max_examples=15, deadline=None)


def scored(values, step_s=STEP_S, times=None):
    scorer = StreamingScorer()
    times = times if times is not None else [step_s * row for row in range(len(values))]
    return [scorer.score(at, float(value)) for at, value in zip(times, values, strict=True)]


def daily(days, seed=7, noise=1.0):
    rows = np.arange(days * DAY_ROWS)
    wave = 20 * np.sin(2 * np.pi * rows / DAY_ROWS)
    return 100 + wave + np.random.default_rng(seed).normal(0, noise, rows.size)


def found(values):
    times = [STEP_S * row for row in range(len(values))]
    return anomalies(times, list(map(float, values)), scored(values))


@st.composite
def rough_series(draw):
    """Long enough to have learned, in whole numbers, with a few wild or missing rows."""
    size = draw(st.integers(300, 420))
    values = np.random.default_rng(draw(st.integers(0, 2**32))).integers(-50, 50, size).astype(float)
    wild = st.one_of(st.integers(-(10**6), 10**6).map(float), st.just(math.nan))
    for row, value in draw(st.lists(st.tuples(st.integers(0, size - 1), wild), max_size=8)):
        values[row] = value
    return values


@FEW
@given(rough_series(), st.data())
def test_every_score_lies_between_zero_and_one_at_any_spacing(values, data):
    gaps = st.sampled_from([0.0, 1.0, 60.0, STEP_S, 9e4, 1e7])
    times = np.cumsum(data.draw(st.lists(gaps, min_size=len(values), max_size=len(values)))).tolist()
    assert all(0.0 <= score <= 1.0 for score in scored(values, times=times))


@FEW
@given(rough_series(), st.integers(160, 299))
def test_no_score_depends_on_a_later_row(values, cut):
    assert scored(values)[:cut] == scored(values[:cut])


@FEW
@given(rough_series(), st.integers(-1000, 1000), st.sampled_from([-4.0, -1.0, 0.25, 1.0, 2.0]))
def test_units_and_zero_point_do_not_change_a_score(values, shift, scale):
    assert scored(values * scale + shift) == scored(values)


def test_the_same_rows_get_the_same_scores_and_some_of_them_say_something():
    values = daily(6)
    assert scored(values) == scored(values)
    assert max(scored(values)) > 0


def test_a_series_without_rows_has_no_anomalies():
    assert anomalies([], [], []) == []


def test_nothing_is_said_while_learning():
    values = daily(1, noise=5.0)
    values[100] = 10_000
    assert set(scored(values)) == {0.0}


@pytest.mark.parametrize(
    "value", [pytest.param(0.0, id="zero"), pytest.param(0.1, id="a fraction"), pytest.param(-1e12, id="large")]
)
def test_a_constant_series_is_silent(value):
    assert set(scored([value] * 1200)) == {0.0}


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(np.arange(1200) * 0.1, id="a steady slope"),
        pytest.param(np.where(np.arange(1200) % 144 < 50, 20.0, 80.0), id="a square wave"),
        pytest.param(np.arange(1200) % 53, id="a saw"),
        pytest.param(50 + 20 * np.sin(2 * np.pi * np.arange(1200) / 144), id="a wave without noise"),
        pytest.param((np.arange(1200) % 50 == 0) * 5.0, id="regular blips"),
    ],
)
def test_what_only_equals_what_was_seen_stays_below_a_half(values):
    assert 0 < max(scored(values)) < 0.47


def test_a_constant_that_moves_is_as_surprising_as_can_be():
    assert scored([5.0] * 400 + [6.0])[-1] > 0.99


@pytest.mark.parametrize("seed", range(4))
def test_a_healthy_daily_series_stays_quiet_once_learned(seed):
    scores = np.asarray(scored(daily(24, seed=seed)))
    assert np.sum(scores[8 * DAY_ROWS :] >= THRESHOLD) <= 4  # in 16 days of 144 rows


def test_a_weekly_series_stays_quiet_once_two_weeks_were_seen():
    values = daily(35, noise=1.0)
    weekend = (np.arange(values.size) // DAY_ROWS) % 7 >= 5
    values[weekend] *= 0.5
    scores = np.asarray(scored(values))
    assert np.sum(scores[14 * DAY_ROWS :] >= THRESHOLD) <= 6  # in 21 days


@pytest.mark.parametrize(
    ("plant", "direction"),
    [
        pytest.param(lambda v, r: v.__setitem__(r, 250), Direction.ABOVE, id="a spike up"),
        pytest.param(lambda v, r: v.__setitem__(r, 0), Direction.BELOW, id="a drop to nothing"),
        pytest.param(lambda v, r: v.__setitem__(slice(r, None), v[r:] + 60), Direction.ABOVE, id="a shift"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_a_planted_change_is_found_where_it_begins(plant, direction, seed):
    values, row = daily(14, seed=seed), 12 * DAY_ROWS + 30
    plant(values, row)
    near = [a for a in found(values) if row * STEP_S <= a.start_s <= (row + 6) * STEP_S]
    assert [a.direction for a in near] == [direction]


def test_a_day_without_its_wave_is_found_although_every_value_is_ordinary():
    values = daily(14)
    start = 12 * DAY_ROWS + 10
    values[start : start + 100] = np.random.default_rng(1).normal(100, 1.0, 100)
    hits = [a for a in found(values) if start * STEP_S <= a.start_s <= (start + 100) * STEP_S]
    assert hits


def test_a_disaster_does_not_deafen_it_to_the_next_one():
    values = daily(24)
    values[12 * DAY_ROWS] = 1e9
    values[22 * DAY_ROWS] = 1e6
    scores = scored(values)
    assert min(scores[12 * DAY_ROWS], scores[22 * DAY_ROWS]) > 0.99


@pytest.mark.parametrize("missing", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_no_number_scores_nothing_and_teaches_nothing(missing):
    values = daily(6)
    times = [STEP_S * row for row in range(values.size)]
    holes = np.insert(values, 500, missing)
    scores = scored(holes, times=[*times[:500], times[500], *times[500:]])
    assert scores[500] == 0.0
    assert scores[:500] + scores[501:] == scored(values)


def test_after_a_day_of_silence_nothing_is_measured_across_it_but_the_days_remembered_still_count():
    before, after = [10.0, 11.0] * 300, [30.0, 31.0] * 30
    pause = [STEP_S * row + (row >= len(before)) * 2 * 86_400 for row in range(len(before + after))]
    assert scored(before + after)[600] > THRESHOLD
    after_silence = scored(before + after, times=pause)[600:]
    assert max(after_silence[: SHAPE_ROWS - 1]) < THRESHOLD
    assert after_silence[SHAPE_ROWS - 1] > THRESHOLD


def test_time_that_goes_backwards_is_refused():
    scorer = StreamingScorer()
    scorer.score(10.0, 1.0)
    with pytest.raises(ValueError, match="sort them first"):
        scorer.score(9.0, 1.0)


def test_memory_does_not_grow_with_the_series():
    scorer = StreamingScorer()
    for row in range(40_000):
        scorer.score(60.0 * row, float(row % 97))
    held = sum(ring.nbytes for ring in scorer.neighbours.memory.values())
    assert held <= 12 * REMEMBERED * SHAPE_ROWS * 8
    assert len(scorer.neighbours.waiting) <= REMEMBERED
    assert all(len(record.falling) <= 8000 for record in scorer.records)


def test_a_fast_series_learns_within_rows_instead_of_a_day():
    quiet = [float(row % 5) for row in range(WARM_UP_AT_MOST_ROWS)]
    scores = scored([*quiet, 500.0], step_s=1.0)
    assert scores[-1] > 0.99


def test_alarms_close_together_are_one_anomaly_and_distant_ones_are_two():
    values, scores = [1.0] * 100, [0.0] * 100
    for row, score in ((40, 0.8), (45, 0.9), (80, 0.7)):
        values[row], scores[row] = -3.0, score
    first, second = anomalies(range(100), values, scores, threshold=0.6)
    assert (first.start_s, first.end_s, first.score) == (40, 45, 0.9)
    assert (first.peak_value, first.usual_value, first.direction) == (-3.0, 1.0, Direction.BELOW)
    assert (second.start_s, second.end_s) == (80, 80)
