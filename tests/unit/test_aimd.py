"""What was halved finds its way back in steps, and is halved again where a step was one too many."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.aimd import LEAST, STEP, Move, is_strained, next_move, patience
from models.reading import Outcome
from models.tuning import Setting, costs, does
from tests.builders import NOW, a_reading, a_window, an_adjustment

MINUTE = timedelta(minutes=1)


def pace(value: float, **changes):
    return an_adjustment(value=value, **changes)


@pytest.mark.parametrize(
    ("strained", "hits", "value"),
    [
        pytest.param([], 0, None, id="nothing is known yet"),
        pytest.param([False] * 2, 0, None, id="two good rounds are too few"),
        pytest.param([False] * 3, 0, 0.5 + STEP, id="three are enough"),
        pytest.param([True] + [False] * 3, 0, 0.5 + STEP, id="since the last strain"),
        pytest.param([False] * 5, 1, None, id="after a step too many, it is thought over"),
        pytest.param([False] * 6, 1, 0.5 + STEP, id="for twice as long"),
        pytest.param([False] * 9 + [True], 0, 0.25, id="strain halves at once"),
    ],
)
def test_a_reduced_pace_climbs_while_it_is_well_and_is_halved_when_it_is_not(strained, hits, value):
    move = next_move([pace(0.5)], strained, hits)
    assert (move.value if move else None) == value


def test_an_eighth_is_not_halved_and_all_but_the_last_step_is_no_more_than_the_whole():
    assert next_move([pace(LEAST)], [True], 0) is None
    assert next_move([pace(0.95)], [False] * 3, 0).value == 1.0


def test_one_thing_is_moved_at_a_time_the_lowest_up_and_the_last_down():
    reduced = [
        pace(0.5, since=NOW),
        an_adjustment(id="ADJ-2", setting=Setting.CONCURRENCY, value=0.25, since=NOW - MINUTE),
        an_adjustment(id="ADJ-3", setting=Setting.ROUTE, value="second", since=NOW),
    ]
    assert next_move(reduced, [False] * 3, 0) == Move(setting=Setting.CONCURRENCY, value=0.375, is_down=False)
    assert next_move(reduced, [True], 0) == Move(setting=Setting.PACE, value=0.25, is_down=True)


@given(st.lists(st.integers(1, 20), min_size=1, max_size=80))
def test_against_any_limit_the_pace_stays_within_its_bounds_and_ends_at_full_once_the_limit_is_gone(limits):
    """Twenty calls a round against a limit that moves: what a round strains is what the pace decides."""
    value, strained, hits = 0.5, [], 0
    for limit in [*limits, *[20] * 400]:
        strained.append(value * 20 > limit)
        if (move := next_move([pace(value)], strained, hits)) is not None:
            assert move.is_down is strained[-1]
            value, strained, hits = move.value, [], hits + move.is_down
        assert LEAST <= value <= 1.0
        if value == 1.0:
            break
    assert value == 1.0


@pytest.mark.parametrize(
    ("outcomes", "strained"),
    [
        pytest.param([Outcome.OK] * 20, False, id="all good"),
        pytest.param([Outcome.OK] * 19 + [Outcome.THROTTLED], True, id="one throttled call is a limit met"),
        pytest.param([Outcome.OK] * 19 + [Outcome.SERVER_ERROR], False, id="one failure is none"),
        pytest.param([Outcome.OK] * 18 + [Outcome.SERVER_ERROR] * 2, True, id="more than the limit fails"),
    ],
)
def test_strain_is_to_be_throttled_or_to_fail_beyond_the_limit(outcomes, strained):
    assert is_strained(a_window(*(a_reading(outcome=one) for one in outcomes)), 0.05) is strained


def test_patience_doubles_up_to_twenty_four_rounds():
    assert [patience(hits) for hits in range(6)] == [3, 6, 12, 24, 24, 24]


def test_an_adjustment_says_what_it_does_and_what_it_costs():
    assert does(pace(0.25)) == "polling at 25% of normal"
    assert "every 4 minutes instead of 60 seconds" in costs(pace(0.25), MINUTE)
    assert all(does(an_adjustment(setting=one, value=0.5 if one != "route" else "b")) for one in Setting)
