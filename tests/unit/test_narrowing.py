"""Which days are counted, read and drawn, and what a sample says: arithmetic, held against counting it out."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.narrowing import drawn, halves, is_worth_halving, most_differing, runs, share_at_most

FIRST = date(2026, 3, 1)
DAYS = st.sets(st.integers(0, 60)).map(lambda some: [FIRST + timedelta(days=n) for n in some])


@given(DAYS)
def test_runs_hold_each_day_once_have_no_holes_and_cannot_be_joined(days):
    found = runs(days)
    assert [day for run in found for day in run] == sorted(days)
    assert all(b - a == timedelta(days=1) for run in found for a, b in pairwise(run))
    assert all(after[0] - run[-1] > timedelta(days=1) for run, after in pairwise(found))


@given(st.integers(2, 60))
def test_two_halves_are_the_whole_and_neither_is_empty(length):
    days = tuple(FIRST + timedelta(days=n) for n in range(length))
    first, second = halves(days)
    assert first + second == days
    assert first
    assert second


@pytest.mark.parametrize(
    ("days", "records", "worth"),
    [
        pytest.param(1, 10_000, False, id="one day is read"),
        pytest.param(2, 50, False, id="two pages cost less than two counts and one page"),
        pytest.param(2, 500, True, id="ten pages may be spared for two counts"),
        pytest.param(30, 1, True, id="thirty searches, each for next to nothing, are thirty calls"),
    ],
)
def test_a_run_is_halved_while_counting_costs_less_than_reading(days, records, worth):
    run = tuple(FIRST + timedelta(days=n) for n in range(days))
    assert is_worth_halving(run, dict.fromkeys(run, records)) is worth


@given(DAYS, st.floats(0.01, 1), st.text(max_size=5))
def test_a_sample_is_of_its_days_of_its_size_and_the_same_again(days, share, seed):
    sample = drawn(days, share, seed)
    assert set(sample) <= set(days)
    assert len(sample) == len(set(sample)) >= min(1, len(days))
    assert len(sample) - 1 < max(1, share * len(days))
    assert sample == drawn(list(reversed(days)), share, seed)


def test_another_seed_draws_other_days():
    days = [FIRST + timedelta(days=n) for n in range(60)]
    assert len({drawn(days, 0.1, f"run-{n}") for n in range(20)}) > 15


@pytest.mark.parametrize("confidence", [0.8, 0.95])
@pytest.mark.parametrize(("units", "sample"), [(6, 2), (7, 3), (8, 5), (8, 8)])
def test_the_bound_of_a_sample_is_the_one_that_counting_out_every_sample_gives(units, sample, confidence):
    every = list(combinations(range(units), sample))
    for found in range(sample + 1):

        def few(differing, found=found):
            """The share of all samples that show so many or fewer of so many that differ."""
            return sum(sum(one < differing for one in some) <= found for some in every) / len(every)

        possible = [n for n in range(found, units - sample + found + 1) if few(n) >= 1 - confidence]
        assert most_differing(units, sample, found, confidence) == max(possible)


def test_a_clean_sample_of_many_is_the_rule_of_three():
    assert most_differing(100_000, 1000, 0, 0.95) / 100_000 == pytest.approx(3 / 1000, rel=0.02)


@pytest.mark.parametrize(
    ("records", "days", "share"),
    [([], 3, 0.0), ([10, 30, 60], 1, 0.6), ([10, 30, 60], 3, 1.0), ([10, 30, 60], 0, 0.0)],
)
def test_the_share_of_records_assumes_the_fullest_days(records, days, share):
    assert share_at_most(records, days) == pytest.approx(share)
