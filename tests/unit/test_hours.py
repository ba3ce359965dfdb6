"""What an hour was follows from its cycles, however they lie in the grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.hours import SIX, Places, added_up, grid, median_of_six, shares

DAY_S = 86_400
REALS = st.one_of(st.just(float("nan")), st.floats(0, 1e6, width=32))  # of unlike signs, 32 bits would cancel out


def rows_of(width: int):
    return arrays(np.float32, st.tuples(st.integers(1, 5), st.just(width)), elements=REALS)


@pytest.mark.parametrize(
    ("since_s", "every_s", "shift_s", "hours", "cycles"),
    [
        pytest.param(0, 60, 0, 24, 60, id="a minute"),
        pytest.param(-1800, 60, 1800, 24, 60, id="a minute, half an hour beside the clock of UTC"),
        pytest.param(0, 420, 0, 24, 9, id="seven minutes: eight or nine an hour"),
        pytest.param(0, 7200, 0, 12, 1, id="two hours: every other hour has one"),
        pytest.param(0, 1.5, 0, 24, 2400, id="a second and a half"),
    ],
)
def test_every_cycle_has_a_place_of_its_own_in_the_hour_in_which_it_begins(since_s, every_s, shift_s, hours, cycles):
    cut = grid(since_s, since_s + DAY_S, every_s, shift_s)
    assert len(cut.begins_s) == hours
    assert len(set(cut.place.tolist())) == len(cut.place)
    number = cut.first + np.arange(len(cut.place))
    begins = cut.begins_s[cut.place // cut.hour]
    assert ((begins <= number * every_s) & (number * every_s < begins + 3600)).all()
    assert np.bincount(cut.place // cut.hour).max() == cycles
    is_one_six = np.diff(cut.place // SIX) == 0
    assert (is_one_six == ((np.diff(number // SIX) == 0) & (np.diff(begins) == 0))).all()


@given(rows_of(2 * SIX))
def test_an_hour_is_its_quantiles_and_the_extremes_of_its_sixes(values):
    found = added_up(values)
    for row, of_row in enumerate(values):
        known = of_row[~np.isnan(of_row)].astype(float)
        assert found.n[row] == len(known)
        told = [found[field][row] for field in range(1, 6)]
        if not len(known):
            assert np.isnan(told).all()
            continue
        assert told == pytest.approx(list(np.quantile(known, (0, 0.25, 0.5, 0.75, 1))), rel=1e-6, abs=1e-6)
        sixes = [np.nanmedian(six) for six in of_row.reshape(2, SIX) if not np.isnan(six).all()]
        assert [found.bottom[row], found.top[row]] == pytest.approx([min(sixes), max(sixes)], rel=1e-6, abs=1e-6)


@given(rows_of(SIX))
def test_the_median_of_six_is_that_of_those_that_are_known(values):
    for row, median in zip(values, median_of_six(values), strict=True):
        known = row[~np.isnan(row)].astype(float)
        assert np.isnan(median) if not len(known) else median == pytest.approx(np.median(known), rel=1e-6, abs=1e-6)


@given(st.lists(st.tuples(st.integers(0, 4), REALS), max_size=30))
def test_several_calls_of_a_cycle_are_their_median_or_their_least(calls):
    places = Places(np.array([at for at, _ in calls], dtype=np.int64), 5)
    values = np.array([value for _, value in calls], dtype=np.float32)
    medians, least = places.medians(values), places.medians(values, least=True)
    for at in range(5):
        known = [value for place, value in calls if place == at and not np.isnan(value)]
        if known:
            assert medians[at] == pytest.approx(np.median(known), rel=1e-6, abs=1e-6)
            assert least[at] == pytest.approx(min(known))
        else:
            assert np.isnan([medians[at], least[at]]).all()


@pytest.mark.parametrize(
    ("failing", "q75", "top", "high"),
    [
        pytest.param({}, 0, 0, 0, id="nothing failed"),
        pytest.param({0: 1, 7: 2}, 0, 0, 1, id="two cycles of twelve: only the extreme shows it"),
        pytest.param({0: 1, 1: 1, 2: 1, 3: 1}, 0.5, 0.5, 0.5, id="four of them"),
    ],
)
def test_shares_of_an_hour_in_which_next_to_nothing_failed_are_known_without_sorting(failing, q75, top, high):
    calls = np.full(12, 2)
    failed = np.array([at for at, many in failing.items() for _ in range(many)], dtype=np.int64)
    found = shares(calls, failed, {"all": failed, "none": failed[:0]}, 12)
    assert (found["all"].n[0], found["all"].q75[0], found["all"].top[0], found["all"].high[0]) == (12, q75, top, high)
    assert [float(one[0]) for one in found["none"]] == [12, 0, 0, 0, 0, 0, 0, 0]


def test_a_share_is_of_cycles_that_had_calls():
    calls = np.array([4, 0, 0, 4, 0, 0, 4, 0, 0, 0, 0, 0])
    bad = np.array([0, 3, 3, 6])
    found = shares(calls, bad, {"all": bad}, 12)["all"]
    assert (found.n[0], found.low[0], found.median[0], found.high[0]) == (3, 0.25, 0.25, 0.5)
    nobody = shares(np.zeros(12, dtype=np.int64), bad[:0], {"all": bad[:0]}, 12)["all"]
    assert nobody.n[0] == 0
    assert np.isnan(nobody.high[0])
