"""How an attempt turned out: words from counts, intervals as published, states that never go back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.reading import Counts
from models.remedy import NEXT, ActionState, Effect, Outcome, impact, judge, plan_hash, wilson
from tests.builders import an_action, counts

LIMIT = 0.05
ENDS = {
    ActionState.DENIED,
    ActionState.DRY_RUN_DONE,
    ActionState.SUCCEEDED,
    ActionState.FAILED,
    ActionState.ROLLED_BACK,
    ActionState.ROLLBACK_FAILED,
    ActionState.CANCELLED,
    ActionState.EXPIRED,
    ActionState.NEEDS_HUMAN,
}


@st.composite
def some_counts(draw: st.DrawFn, least: int = 0) -> Counts:
    total = draw(st.integers(least, 5000))
    return Counts(total=total, failed=draw(st.integers(0, total)))


effects = st.builds(Effect, before=some_counts(), after=some_counts())


@pytest.mark.parametrize(
    ("failed", "total", "low", "high"),
    [
        pytest.param(81, 263, 0.2553, 0.3662, id="81 of 263"),
        pytest.param(15, 148, 0.0624, 0.1605, id="15 of 148"),
        pytest.param(0, 20, 0.0, 0.1611, id="0 of 20"),
        pytest.param(1, 29, 0.0061, 0.1718, id="1 of 29"),
    ],
)
def test_the_interval_of_one_share_is_the_published_one(failed, total, low, high):
    """Newcombe 1998, *Two-sided confidence intervals for the single proportion*, table I, method 3."""
    assert wilson(counts(total, failed)) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("after", "before", "change", "low", "high"),
    [
        pytest.param((56, 70), (48, 80), 0.2, 0.0524, 0.3339, id="56 of 70 against 48 of 80"),
        pytest.param((9, 10), (3, 10), 0.6, 0.1705, 0.8090, id="9 of 10 against 3 of 10"),
        pytest.param((6, 7), (2, 7), 0.5714, 0.0582, 0.8062, id="6 of 7 against 2 of 7"),
        pytest.param((5, 56), (0, 29), 0.0893, -0.0381, 0.1926, id="5 of 56 against none of 29"),
        pytest.param((0, 10), (0, 20), 0.0, -0.1611, 0.2775, id="none of 10 against none of 20"),
        pytest.param((0, 10), (0, 10), 0.0, -0.2775, 0.2775, id="none of 10 against none of 10"),
        pytest.param((10, 10), (0, 20), 1.0, 0.6791, 1.0, id="all of 10 against none of 20"),
        pytest.param((10, 10), (0, 10), 1.0, 0.6075, 1.0, id="all of 10 against none of 10"),
    ],
)
def test_the_interval_of_a_difference_is_the_published_one(after, before, change, low, high):
    """Newcombe 1998, *Interval estimation for the difference between independent proportions*, table II, method 10."""
    effect = Effect(before=counts(before[1], before[0]), after=counts(after[1], after[0]))
    assert effect.change == pytest.approx(change, abs=5e-5)
    assert effect.interval == pytest.approx((low, high), abs=5e-5)


@given(some_counts())
def test_a_share_lies_in_its_interval(counted):
    low, high = wilson(counted)
    assert 0 <= low <= high <= 1
    assert low - 1e-12 <= counted.error_rate <= high + 1e-12


@given(effects)
def test_a_change_lies_in_its_interval_and_told_backwards_it_is_mirrored(effect):
    low, high = effect.interval
    assert -1 <= low <= effect.change <= high <= 1
    mirrored = Effect(before=effect.after, after=effect.before).interval
    assert mirrored == pytest.approx((-high, -low))


def test_where_nothing_was_counted_everything_is_possible():
    assert wilson(counts(0)) == (0.0, 1.0)


def judged(before: Counts, after: Counts, good: int = 0, wanted: int = 3) -> Outcome:
    return judge(Effect(before=before, after=after), limit=LIMIT, good_consecutive=good, wanted_consecutive=wanted)


@pytest.mark.parametrize(
    ("before", "after", "good", "word"),
    [
        pytest.param(counts(200, 44), counts(200, 0), 3, Outcome.SUCCESSFUL, id="no failure for long enough"),
        pytest.param(counts(200, 44), counts(200, 10), 3, Outcome.SUCCESSFUL, id="at the limit for long enough"),
        pytest.param(counts(200, 44), counts(200, 0), 2, Outcome.PARTIAL, id="no failure, for too short a time"),
        pytest.param(counts(200, 44), counts(20, 0), 1, Outcome.PARTIAL, id="one good cycle is luck"),
        pytest.param(counts(200, 44), counts(200, 12), 9, Outcome.PARTIAL, id="good cycles, and above the limit"),
        pytest.param(counts(200, 44), counts(200, 30), 0, Outcome.PARTIAL, id="22 % to 15 %"),
        pytest.param(counts(200, 40), counts(200, 30), 0, Outcome.PARTIAL, id="a fall by a quarter"),
        pytest.param(counts(200, 40), counts(200, 31), 0, Outcome.MINIMAL, id="a fall by less than a quarter"),
        pytest.param(counts(200, 40), counts(200, 38), 0, Outcome.MINIMAL, id="a fall by a twentieth"),
        pytest.param(counts(200, 40), counts(200, 39), 0, Outcome.NONE, id="a fall that nobody could tell"),
        pytest.param(counts(200, 40), counts(200, 40), 0, Outcome.NONE, id="nothing changed"),
        pytest.param(counts(200, 40), counts(200, 45), 0, Outcome.NONE, id="a little worse, by chance"),
        pytest.param(counts(200, 40), counts(200, 80), 0, Outcome.WORSE, id="worse than chance"),
        pytest.param(counts(200, 0), counts(200, 60), 0, Outcome.WORSE, id="it broke what was whole"),
        pytest.param(counts(200, 40), counts(0), 9, Outcome.PENDING, id="nothing was read since"),
        pytest.param(counts(0), counts(20, 20), 0, Outcome.NONE, id="nothing was read before"),
        pytest.param(counts(34, 34), counts(48, 0), 3, Outcome.SUCCESSFUL, id="total, and healed"),
    ],
)
def test_the_word_of_an_attempt_comes_from_its_counts(before, after, good, word):
    assert judged(before, after, good) is word


@given(effects, st.integers(0, 10), st.integers(1, 10))
def test_success_needs_the_limit_and_enough_good_cycles(effect, good, wanted):
    word = judge(effect, limit=LIMIT, good_consecutive=good, wanted_consecutive=wanted)
    proven = effect.after.total > 0 and effect.after.error_rate <= LIMIT and good >= wanted
    assert (word is Outcome.SUCCESSFUL) is proven


@given(effects)
def test_what_is_called_worse_is_worse_and_what_is_called_better_is_better(effect):
    word = judge(effect, limit=LIMIT, good_consecutive=0, wanted_consecutive=3)
    if word is Outcome.WORSE:
        assert effect.change > 0
    if word in {Outcome.PARTIAL, Outcome.MINIMAL}:
        assert effect.change < 0


@pytest.mark.parametrize(
    ("effect", "word", "says"),
    [
        pytest.param(
            Effect(before=counts(200, 44), after=counts(200, 30)),
            Outcome.PARTIAL,
            "Reduced error rate from 22.0% to 15.0% (44 of 200 before, 30 of 200 since; "
            "difference -7.0 points, 95% interval -14.6 to +0.6)",
            id="fallen",
        ),
        pytest.param(
            Effect(before=counts(20, 2), after=counts(20, 2)),
            Outcome.NONE,
            "Left error rate at 10.0% (2 of 20 before, 2 of 20 since; "
            "difference +0.0 points, 95% interval -21.4 to +21.4)",
            id="the same",
        ),
        pytest.param(Effect(before=counts(20, 2), after=counts(0)), Outcome.PENDING, "Not measured yet", id="unknown"),
    ],
)
def test_the_impact_is_told_with_its_counts_and_interval(effect, word, says):
    assert impact(effect, word) == says


def test_a_cost_is_told_with_the_gain():
    effect = Effect(before=counts(200, 44), after=counts(200, 10))
    assert impact(effect, Outcome.PARTIAL, "reduced data freshness").endswith(", at the cost of reduced data freshness")
    assert impact(Effect(before=counts(20, 2), after=counts(20, 9)), Outcome.WORSE).startswith("Raised error rate")


def test_the_terminal_states_are_those_of_the_specification():
    assert {state for state in ActionState if state.is_terminal} == ENDS
    assert set(NEXT) == set(ActionState)


@pytest.mark.parametrize("end", [pytest.param(state, id=state.value) for state in sorted(ENDS)])
def test_a_terminal_state_never_changes(end):
    action = an_action(state=end)
    assert not action.is_open
    for state in ActionState:
        with pytest.raises(ValueError, match=f"no step from {end} to {state}"):
            action.to(state)


@given(st.lists(st.sampled_from(ActionState), max_size=40))
def test_whatever_is_asked_an_attempt_only_takes_steps_of_its_table(asked):
    action = an_action(state=ActionState.PLANNED)
    for state in asked:
        before = action
        try:
            action = before.to(state, reason="as asked")
        except ValueError:
            assert state not in NEXT[before.state]
        else:
            assert state in NEXT[before.state]
            assert not before.state.is_terminal
            assert action == before.model_copy(update={"state": state, "reason": "as asked"})


def test_an_approval_is_bound_to_everything_that_was_planned():
    plan = ("INC-1", "retry_failed", "2026-01", 1)
    others = [
        ("INC-2", "retry_failed", "2026-01", 1),
        ("INC-1", "change_route", "2026-01", 1),
        ("INC-1", "retry_failed", "2026-02", 1),
        ("INC-1", "retry_failed", "2026-01", 2),
        ("INC-1retry_failed", "", "2026-01", 1),
    ]
    assert len(plan_hash(*plan)) == 64
    assert plan_hash(*plan) == plan_hash(*plan)
    assert len({plan_hash(*one) for one in [plan, *others]}) == 1 + len(others)
