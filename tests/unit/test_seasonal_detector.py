"""The latest value beside what is usual: only what is unusual, the wrong way, felt, and rests on enough."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.detectors.seasonal import SEEN, Z_LIMIT, judge
from models.panel import MOST, Held
from models.sighting import STRONG
from tests.panels import EVERY_S, NAN, a_panel, a_usual

QUIET = "quiet"


def verdict(*values: float, metric: str = "latency", usual=None, calls: float = 20.0, **changes):
    """`quiet`, or the reason for which it is held back; empty when it speaks."""
    found = judge(a_panel(values, metric=metric, usual=usual or a_usual(), calls=calls, **changes))
    if found.score[0] <= 1 and not found.held[0]:
        return QUIET
    return Held(int(found.held[0])).says


def of(middle: float, spread: float, low: float = NAN, high: float = NAN):
    return a_usual(middle=middle, spread=spread, low=low, high=high)


@pytest.mark.parametrize(
    ("value", "usual", "says"),
    [
        pytest.param(120, of(120, 9), QUIET, id="as usual"),
        pytest.param(7, of(4, 0.3), "smaller than anybody feels", id="three ms, which are ten deviations"),
        pytest.param(353, of(350, 0.3), "smaller than anybody feels", id="three ms, where a busy machine adds more"),
        pytest.param(30, of(20, 0.1), "smaller than anybody feels", id="ten deviations that nobody feels"),
        pytest.param(110, of(20, 0.1), "smaller than anybody feels", id="five times as slow, and not felt"),
        pytest.param(125, of(20, 0.1), "", id="just felt"),
        pytest.param(1400, of(1000, 1), "smaller than anybody feels", id="40 % slower, however steady it was"),
        pytest.param(1600, of(1000, 1), "", id="60 % slower, where it was steady"),
        pytest.param(1600, of(1000, 400), QUIET, id="60 % slower, where it always wanders"),
        pytest.param(1600, of(1000, 50, low=700, high=1500), QUIET, id="60 % slower, where a tail goes as far"),
        pytest.param(1900, of(1000, 50, low=700, high=1500), "", id="beyond the tail"),
        pytest.param(90, of(350, 9), QUIET, id="faster than usual"),
        pytest.param(NAN, of(350, 9), QUIET, id="nothing was read"),
        pytest.param(1250, a_usual(), "still learning what is usual", id="nothing is known"),
        pytest.param(NAN, a_usual(), QUIET, id="nothing is known, and nothing was read"),
    ],
)
def test_it_speaks_only_when_latency_is_unusual_and_felt(value, usual, says):
    assert verdict(350, value, usual=usual) == says


@pytest.mark.parametrize(
    ("metric", "value", "usual", "says"),
    [
        pytest.param("records", 5, of(40, 3), "", id="far fewer records"),
        pytest.param(
            "records", 0, of(9, 1), "smaller than anybody feels", id="none of nine, as in one hour of ten thousand"
        ),
        pytest.param("records", 0, of(12, 1), "", id="none where twelve are"),
        pytest.param("staleness", 900, of(3, 50, low=1, high=480), QUIET, id="a wait that chance has in four weeks"),
        pytest.param("staleness", 1000, of(3, 50, low=1, high=480), "", id="a longer one"),
        pytest.param("records", 90, of(40, 3), QUIET, id="more records are nobody's trouble"),
        pytest.param("answer_size", 100, of(4000, 90), "", id="a small answer"),
        pytest.param("answer_size", 9000, of(4000, 90), "", id="a large answer"),
        pytest.param("queue_depth", 9, of(3, 0.5), "", id="a metric of somebody's own"),
        pytest.param("pattern:throttling", 1.0, of(0, 0), QUIET, id="patterns are known_failure's"),
        pytest.param("pattern:throttling", 1.0, a_usual(), QUIET, id="... while learning as well"),
    ],
)
def test_which_way_is_wrong_depends_on_the_metric(metric, value, usual, says):
    assert verdict(value, metric=metric, usual=usual) == says


@pytest.mark.parametrize(
    ("failed", "calls", "says"),
    [
        pytest.param(1, 2, "too few calls", id="one of two"),
        pytest.param(2, 20, "too few calls", id="two of twenty"),
        pytest.param(3, 20, "", id="three of twenty"),
        pytest.param(40, 4000, "smaller than anybody feels", id="one per cent"),
        pytest.param(200, 4000, "", id="five per cent"),
    ],
)
def test_a_share_needs_calls_behind_it(failed, calls, says):
    assert verdict(failed / calls, metric="error_rate", usual=of(0.001, 0.0005), calls=calls) == says


def test_few_calls_make_a_share_wander_by_chance():
    """Five of ten where three of ten is usual is nothing; five thousand of ten thousand is."""
    assert verdict(0.5, metric="error_rate", usual=of(0.3, 0.01), calls=10) == QUIET
    assert verdict(0.5, metric="error_rate", usual=of(0.3, 0.01), calls=10_000) == ""


def test_nobody_misses_records_while_the_practice_is_closed():
    assert verdict(0, metric="records", usual=of(40, 3), is_open=np.array([False])) == "the practice is closed"


def test_three_milliseconds_that_are_ten_deviations_are_held_with_their_score():
    found = judge(a_panel([353.0], usual=of(350.0, 0.3)))
    assert found.score[0] == pytest.approx(10 / Z_LIMIT)
    assert found.held[0] == Held.NOT_FELT
    assert not found.speaks[0]


def test_it_says_since_when_and_which_way():
    found = judge(panel := a_panel([350, 350, 900, NAN, 1250, 1250], usual=of(350, 20)))
    assert found.since_s[0] == panel.ends_s[2] - EVERY_S
    assert found.side[0] == 1
    assert judge(a_panel([9], metric="records", usual=of(40, 3))).side[0] == -1


@given(st.floats(0, 5000), st.floats(0, 5000), st.floats(0, 500))
def test_nobody_is_told_of_less_than_a_tenth_of_a_second_or_half_as_much_again(usual, now, spread):
    found = judge(a_panel([now], usual=of(usual, spread)))
    assert 0 <= found.score[0] <= MOST
    if found.speaks[0]:
        assert now - usual >= 100
        assert now >= 1.5 * usual


@pytest.mark.parametrize(
    ("step", "score"),
    [
        pytest.param(NAN, 26.5, id="no step is known"),
        pytest.param(2600.0, 26.5, id="further than any step of the past"),
        pytest.param(2700.0, SEEN, id="the past has seen as much"),
    ],
)
def test_what_the_past_has_seen_is_not_believed_of_two_cycles(step, score):
    found = judge(a_panel([350.0, 3000.0], usual=a_usual(middle=350.0, spread=20.0, step=step)))
    assert found.score[0] == pytest.approx(score)
    assert found.speaks[0]
    assert 1 < SEEN < STRONG
