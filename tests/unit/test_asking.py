"""Days whose counts differ are found by few counts, of runs that are halved; of two halves one is asked for."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from math import ceil, log2

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.integration import midnight
from tasks.asking import Theirs
from tests.builders import an_integration
from tests.callers import wanted_for
from tests.clocks import MovedClock, a_house

NOW = datetime(2026, 3, 3, 15, tzinfo=UTC)
DAYS = tuple((NOW - timedelta(days=back)).date() for back in range(59, -1, -1))
EACH = 400  # records a day: eight pages


class Counts:
    """A system that does nothing but count."""

    def __init__(self, held):
        self.held, self.asked = held, 0

    async def count_records(self, _, since, until):
        self.asked += 1
        return sum(number for day, number in self.held.items() if since <= midnight(day, "America/New_York") < until)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    return a_house(tmp_path_factory.mktemp("house"), MovedClock(NOW), an_integration(timezone="America/New_York"))


def found(house, held, expected=None):
    expected = expected or dict.fromkeys(DAYS, EACH)
    system = Counts(held)
    asking = Theirs(house, system, house.configuration.integrations[0], wanted_for("epic_fhir"), NOW)
    differ = asyncio.run(asking.differing(DAYS, expected))
    assert asking.requests == system.asked
    return differ, system.asked


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.dictionaries(st.sampled_from(DAYS), st.integers(1, 30), max_size=4))
def test_days_that_lost_records_are_found_by_few_counts_and_few_others_with_them(house, lost):
    held = {day: EACH - lost.get(day, 0) for day in DAYS}
    differ, asked = found(house, held)
    assert differ >= lost.keys()
    assert len(differ) <= len(lost)  # a day of eight pages is worth a count of its own
    assert asked <= 1 + len(lost) * ceil(log2(len(DAYS)))


def test_equal_sides_cost_one_count(house):
    assert found(house, dict.fromkeys(DAYS, EACH)) == (set(), 1)


def test_short_days_are_read_together_rather_than_counted(house):
    expected = dict.fromkeys(DAYS, 3)
    differ, asked = found(house, expected | {DAYS[30]: 2}, expected)
    assert DAYS[30] in differ
    assert len(differ) <= 4  # of four searches, two counts may spare two
    assert asked < 8


def test_one_lost_and_one_more_are_not_seen_in_a_run_that_is_counted_together(house):
    held = dict.fromkeys(DAYS, EACH) | {DAYS[3]: EACH - 1, DAYS[40]: EACH + 1}
    assert found(house, held) == (set(), 1)  # what the sample is for (docs/decisions/0047)
