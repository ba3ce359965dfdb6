"""When to try again: full jitter, what they ask for, and a budget."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.retry import BASE_S, BUDGET_SHARE, CAP_S, budget, wait_s

draws = st.floats(0, 1, exclude_max=True)
attempts = st.integers(1, 60)


@given(attempts, draws)
def test_full_jitter_waits_between_nothing_and_a_doubling_ceiling(attempt, draw):
    ceiling = min(CAP_S, BASE_S * 2 ** (attempt - 1))
    assert 0 <= wait_s(attempt, draw) <= ceiling


@pytest.mark.parametrize(
    ("attempt", "longest"),
    [
        pytest.param(1, 1, id="first"),
        pytest.param(2, 2, id="second"),
        pytest.param(3, 4, id="third"),
        pytest.param(6, 30, id="capped"),
        pytest.param(60, 30, id="for ever capped"),
    ],
)
def test_the_ceiling_doubles_up_to_half_a_minute(attempt, longest):
    assert wait_s(attempt, 0.0) == 0
    assert wait_s(attempt, 0.5) == pytest.approx(longest / 2)


@given(attempts, draws, st.floats(0, 3600, exclude_min=True))
def test_what_they_ask_for_is_never_undercut_and_hardly_exceeded(attempt, draw, asked):
    waited = wait_s(attempt, draw, asked)
    assert asked <= waited <= 1.1 * asked


def test_asked_to_wait_no_time_at_all_we_wait_as_if_nobody_had_asked():
    assert wait_s(5, 0.9, 0.0) == wait_s(5, 0.9) > 0


@pytest.mark.parametrize(
    ("calls", "span_s", "most"),
    [
        pytest.param(100, 60, 10, id="a tenth of the calls"),
        pytest.param(101, 60, 11, id="rounded up"),
        pytest.param(10, 60, 6, id="but one every ten seconds"),
        pytest.param(0, 60, 6, id="even for no calls"),
        pytest.param(0, 0, 0, id="nothing in no time"),
    ],
)
def test_the_budget_is_a_tenth_of_the_calls_or_one_every_ten_seconds(calls, span_s, most):
    assert budget(calls, span_s) == most


@given(st.integers(0, 10_000), st.floats(0, 3600))
def test_retries_never_add_more_than_a_tenth_or_the_floor(calls, span_s):
    assert budget(calls, span_s) <= max(BUDGET_SHARE * calls, 0.1 * span_s) + 1
