from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rounds import round_length, takes_part
from tests.builders import an_integration

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)


def every(seconds: int, name: str = "epic-fhir-main"):
    return an_integration(id=name, probe_every=timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("intervals", "length"),
    [
        pytest.param([60, 300], 60, id="the most frequent one sets the pace"),
        pytest.param([15, 60], 15, id="also below a minute"),
        pytest.param([300, 3600], 60, id="the watches look once a minute even so"),
        pytest.param([], 60, id="nothing is read"),
    ],
)
def test_a_round_is_a_minute_or_shorter(intervals, length):
    assert round_length(map(every, intervals)) == timedelta(seconds=length)


@given(
    st.integers(1, 60),
    st.integers(1, 20),
    st.text("abcdefghij", min_size=1, max_size=12),
    st.floats(0, 0.99),
)
def test_each_integration_is_read_once_in_each_of_its_intervals(length, times, name, late):
    """However late within its round a cycle begins."""
    one, step = every(length * times, name), timedelta(seconds=length)
    rounds = [NOON.replace(second=0) + n * step for n in range(10 * times)]
    start = rounds[0] - timedelta(seconds=rounds[0].timestamp() % length)
    turns = [takes_part(one, start + n * step + late * step, step) for n in range(10 * times)]
    assert sum(turns) == 10
    taken = [n for n, turn in enumerate(turns) if turn]
    assert {after - before for before, after in pairwise(taken)} <= {times}


def test_an_interval_that_is_no_multiple_of_a_round_is_kept_on_average():
    one, step = every(90), timedelta(seconds=60)
    assert sum(takes_part(one, NOON + n * step, step) for n in range(300)) == 200


def test_a_fleet_does_not_call_all_at_once():
    step = timedelta(seconds=60)
    fleet = [every(300, f"site-{n:03d}") for n in range(500)]
    share = [sum(takes_part(one, NOON + n * step, step) for one in fleet) for n in range(5)]
    assert sum(share) == 500
    assert max(share) < 150
