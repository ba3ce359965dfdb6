"""A breaker spares a system that cannot cope: when it opens, for how long, and what closes it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from models.breaker import FIRST, GOOD, JITTER, LONGEST, ONE_CALL, Breaker, BreakerState, Leave, trips
from models.reading import Outcome
from tests.builders import EPIC, NOW, a_reading

SECOND = timedelta(seconds=1)
BAD = Outcome.SERVER_ERROR
draws = st.floats(0, 1, exclude_max=True)


def a_breaker(**changes) -> Breaker:
    known = {"id": EPIC, "integration_id": EPIC, "route": "main", "armed_by": "ADJ-1", "since": NOW - 3600 * SECOND}
    return Breaker(**known | changes)


def calls(*outcomes: Outcome, apart: timedelta = SECOND, until: datetime = NOW, **changes):
    """So many calls, evenly apart, the last of them at an instant."""
    first = until - (len(outcomes) - 1) * apart
    return [a_reading(observed_at=first + n * apart, outcome=one, **changes) for n, one in enumerate(outcomes)]


@pytest.mark.parametrize(
    ("readings", "opens"),
    [
        pytest.param(calls(*[BAD] * 5), True, id="five failures, all there is"),
        pytest.param(calls(*[BAD] * 4), False, id="four are too few to tell"),
        pytest.param(calls(*[BAD] * 5, *[Outcome.OK] * 5), True, id="half of ten"),
        pytest.param(calls(*[BAD] * 5, *[Outcome.OK] * 6), False, id="less than half"),
        pytest.param(calls(*[BAD] * 5, apart=15 * SECOND), False, id="five, but not within a minute"),
        pytest.param(calls(*[BAD] * 5, apart=14 * SECOND), True, id="five within a minute"),
        pytest.param(calls(*[Outcome.FORBIDDEN] * 9), False, id="to be refused is no sign of overload"),
        pytest.param(calls(*[Outcome.THROTTLED] * 9), True, id="to be throttled is"),
        pytest.param([], False, id="nothing was called"),
    ],
)
def test_it_opens_at_five_failures_that_are_half_of_a_minute(readings, opens):
    assert trips(readings) is opens
    after = a_breaker().heard(readings, NOW, 0.5)
    assert after.state is (BreakerState.OPEN if opens else BreakerState.CLOSED)
    assert after.ask(NOW)[1] is (Leave.NONE if opens else Leave.ALL)


def test_it_stays_open_for_longer_each_time_in_a_row_up_to_a_quarter_of_an_hour():
    breaker, now, waits = a_breaker().heard(calls(*[BAD] * 5), NOW, 0.5), NOW, []
    for _ in range(8):
        waits.append((breaker.until - now).total_seconds())
        now = breaker.until
        breaker, leave = breaker.ask(now)
        assert leave is Leave.ONE
        breaker = breaker.heard(calls(BAD, until=now), now, 0.5)
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]


def test_it_is_not_asked_before_the_end_of_the_pause_that_they_asked_for():
    opened = a_breaker().heard(calls(*[Outcome.THROTTLED] * 5, retry_after_s=600.0), NOW, 0.0)
    assert opened.until == NOW + timedelta(seconds=600)


def test_calls_from_before_it_closed_do_not_open_it_again():
    closed = a_breaker(since=NOW + SECOND)
    assert closed.heard(calls(*[BAD] * 9), NOW + 2 * SECOND, 0.5) == closed


class Rounds(RuleBasedStateMachine):
    """Any order of asking, answers, silence and time: what a system that cannot cope would notice of us."""

    @initialize()
    def begin(self) -> None:
        self.now, self.breaker = NOW, a_breaker(since=NOW)
        self.under_way: datetime | None = None  # when a single call was lent that nobody told of yet
        self.told: list[bool] = []  # of single calls since it last opened or closed, whether it was answered
        self.last_wait = timedelta(0)

    @rule(step=st.integers(0, 1200))
    def time_passes(self, step: int) -> None:
        self.now += step * SECOND

    @rule()
    def somebody_asks(self) -> None:
        before = self.breaker
        self.breaker, leave = before.ask(self.now)
        if before.state is BreakerState.CLOSED:
            assert leave is Leave.ALL
        elif leave is Leave.ONE:
            assert before.until is None or self.now >= before.until
            assert self.under_way is None or self.now >= self.under_way + ONE_CALL  # lent to one alone
            self.under_way = self.now
        else:
            assert leave is Leave.NONE

    @rule(outcomes=st.lists(st.sampled_from([Outcome.OK, BAD, Outcome.FORBIDDEN]), max_size=12), draw=draws)
    def a_round_is_told(self, outcomes: list[Outcome], draw: float) -> None:
        before, readings = self.breaker, calls(*outcomes, apart=timedelta(0), until=self.now)
        self.breaker = before.heard(readings, self.now, draw)
        if before.state is BreakerState.HALF_OPEN and self.under_way is not None and readings:
            self.told.append(BAD not in outcomes)
            self.under_way = None
        if self.breaker.state is BreakerState.OPEN and before.state is not BreakerState.OPEN:
            if before.state is BreakerState.CLOSED:
                assert outcomes.count(BAD) >= 5
                assert 2 * outcomes.count(BAD) >= len(outcomes)
            else:
                assert self.told[-1] is False
            wait = self.breaker.until - self.now
            assert FIRST * (1 - JITTER) <= wait <= LONGEST * (1 + JITTER)
            self.told = []
        if self.breaker.state is BreakerState.CLOSED and before.state is not BreakerState.CLOSED:
            assert self.told[-GOOD:] == [True] * GOOD
            self.told = []

    @invariant()
    def nothing_is_asked_of_an_open_one(self) -> None:
        if self.breaker.state is BreakerState.OPEN and self.now < self.breaker.until:
            assert self.breaker.ask(self.now) == (self.breaker, Leave.NONE)


TestRounds = Rounds.TestCase
TestRounds.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
