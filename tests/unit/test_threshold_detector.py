"""A limit: raised late, cleared later, and never flapping."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.detectors.threshold import STANDS, judge
from models.panel import Panel, Rules
from models.series import LATENCY, Series
from tests.panels import EPIC, EVERY_S, NAN, a_panel, of_calls

LIMIT = 0.05
THOUSAND = 1000


def thousands(*per_mille: int) -> Panel:
    """Cycles of a thousand calls."""
    return of_calls(*[(THOUSAND, failed) for failed in per_mille], limit=LIMIT)


def raised_since(panel: Panel) -> int | None:
    """The column in which the alarm that stands began."""
    found = judge(panel)
    if not found.speaks[0]:
        assert np.isnan(found.since_s[0])
        return None
    return int(np.flatnonzero(panel.ends_s - EVERY_S == found.since_s[0])[0])


@pytest.mark.parametrize(
    ("panel", "since"),
    [
        pytest.param(thousands(), None, id="nothing was read"),
        pytest.param(thousands(200), None, id="one cycle is no row"),
        pytest.param(thousands(2, 3, 200, 2, 1), None, id="a single bad cycle"),
        pytest.param(thousands(2, 200, 2, 200, 2, 200), None, id="every other cycle"),
        pytest.param(thousands(2, 60, 60), 1, id="two in a row"),
        pytest.param(thousands(49, 51, 49, 51, 49, 51, 49), None, id="around the limit from below"),
        pytest.param(thousands(60, 60, 49, 51, 49, 51, 49, 51), 0, id="around the limit once it is raised"),
        pytest.param(thousands(50, 50, 50), None, id="at the limit is within it"),
        pytest.param(thousands(60, 60, 26, 26), 0, id="below the limit, and not below its half"),
        pytest.param(thousands(60, 60, 25, 25), None, id="half of the limit twice in a row"),
        pytest.param(thousands(60, 60, 0, 60, 0), 0, id="one good cycle clears nothing"),
        pytest.param(thousands(60, 60, 0, 0, 60), None, id="cleared, and one bad cycle since"),
        pytest.param(thousands(60, 60, 0, 0, 60, 60), 4, id="cleared and raised again"),
        pytest.param(of_calls(*[(1, 1)] * 2, limit=LIMIT), None, id="two calls in all"),
        pytest.param(of_calls(*[(1, 1)] * 3, limit=LIMIT), None, id="three failures, never three in two cycles"),
        pytest.param(of_calls((2, 2), (2, 1), limit=LIMIT), 0, id="three failures in two cycles"),
        pytest.param(of_calls((9, 9), (0, 0), (9, 9), limit=LIMIT), 0, id="a cycle without calls is no good one"),
        pytest.param(of_calls((9, 9), (9, 9), (0, 0), (9, 0), limit=LIMIT), 0, id="... and clears nothing"),
        pytest.param(of_calls((9, 9), (9, 9), *[(0, 0)] * 15, limit=LIMIT), None, id="nobody measures it any more"),
        pytest.param(of_calls((9, 9), (9, 9)), None, id="no limit"),
    ],
)
def test_the_alarm_stands_since(panel, since):
    assert raised_since(panel) == since


@given(st.lists(st.integers(0, 1), max_size=30))
def test_oscillation_between_both_levels_never_changes_anything(steps):
    """49 and 51 per mille in any order that has no two of the latter in a row: quiet stays quiet."""
    wobble = [51 if step and not (n and steps[n - 1]) else 49 for n, step in enumerate(steps)]
    assert raised_since(thousands(*wobble)) is None
    assert raised_since(thousands(200, 200, *wobble)) == 0


@given(st.lists(st.integers(0, THOUSAND), max_size=20))
def test_an_alarm_begins_with_two_bad_cycles_and_no_two_clear_ones_follow(failed):
    since = raised_since(thousands(*failed))
    if since is not None:
        assert all(one > LIMIT * THOUSAND for one in failed[since : since + 2])
        rest = [one <= LIMIT / 2 * THOUSAND for one in failed[since + 2 :]]
        assert not any(one and other for one, other in pairwise(rest))


@given(st.lists(st.lists(st.integers(0, 120), min_size=8, max_size=8), min_size=1, max_size=6))
def test_series_side_by_side_are_judged_as_each_alone(rows):
    many = a_panel(
        *[[one / THOUSAND for one in row] for row in rows],
        metric="error_rate",
        calls=THOUSAND,
        limits=np.full(len(rows), LIMIT),
    )
    together = judge(many)
    for nth, row in enumerate(rows):
        alone = judge(thousands(*row))
        assert alone.score[0] == pytest.approx(together.score[nth])
        assert alone.since_s[0] == together.since_s[nth] or np.isnan(alone.since_s[0])


def test_the_score_is_the_rate_since_it_began_over_the_limit():
    assert judge(thousands(2, 100, 200)).score[0] == pytest.approx(0.15 / LIMIT)
    assert judge(thousands(60, 60, 26, 26, 26)).score[0] == STANDS


def rule(limit: float, clear: float, side: int = 1, cycles: int = 2, row: int = 0) -> Rules:
    ints = [np.array([one], dtype=np.int64) for one in (row, side, cycles)]
    return Rules(ints[0], np.array([limit]), np.array([clear]), ints[1], ints[2])


@pytest.mark.parametrize(
    ("values", "declared", "since"),
    [
        pytest.param([9, 11, 11], rule(10, 8), 1, id="above"),
        pytest.param([9, 11, 11], rule(10, 8, cycles=3), None, id="not for long enough"),
        pytest.param([11, 11, 11, 9, 9, 9], rule(10, 8), 0, id="not back at its level yet"),
        pytest.param([11, 11, 11, 8, 8], rule(10, 8), None, id="back at its level"),
        pytest.param([9, 3, 3], rule(5, 7, side=-1), 1, id="below"),
        pytest.param([3, 3, 6, 6], rule(5, 7, side=-1), 0, id="below, and not back yet"),
        pytest.param([3, 3, 7, 7], rule(5, 7, side=-1), None, id="below, and back"),
        pytest.param([3, NAN, 3], rule(5, 7, side=-1), 0, id="a gap is nothing"),
    ],
)
def test_a_declared_rule_has_levels_and_a_span_of_its_own(values, declared, since):
    assert raised_since(a_panel(values, metric="queue_depth", rules=declared)) == since


def test_of_two_rules_of_a_series_the_worse_is_told():
    both = Rules.joined(rule(10, 8), rule(40, 30), rule(5, 7, side=-1))
    found = judge(a_panel([50, 50], metric="queue_depth", rules=both))
    assert (found.score[0], found.side[0]) == (5.0, 1)
    assert judge(a_panel([1, 1], metric="queue_depth", rules=both)).side[0] == -1


def test_a_limit_on_an_ordinary_metric_needs_no_failed_calls():
    series = [Series(EPIC, LATENCY, "Patient.search")]
    assert raised_since(a_panel([900, 2100, 2100], series=series, limits=np.array([2000.0]), calls=1)) == 1
