"""The error rate: raised late, cleared later, and never flapping."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.anomaly import DetectionMethod, Severity, Trend
from models.detectors.error_rate import evaluate, raised_since
from models.reading import Counts
from tests.builders import BEGINNING, a_baseline, a_case, an_integration, minutes

LIMIT = 0.05
THOUSAND = 1000


def thousands(*per_mille: int) -> list[Counts]:
    """Cycles of a thousand calls."""
    return [Counts(total=THOUSAND, failed=failed) for failed in per_mille]


@pytest.mark.parametrize(
    ("cycles", "since"),
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
        pytest.param([Counts(total=1, failed=1)] * 2, None, id="two calls in all"),
        pytest.param([Counts(total=1, failed=1)] * 3, None, id="three failures, never three in two cycles"),
        pytest.param([Counts(total=2, failed=2), Counts(total=2, failed=1)], 0, id="three failures in two cycles"),
    ],
)
def test_the_alarm_stands_since(cycles, since):
    assert raised_since(cycles, LIMIT) == since


@given(st.lists(st.integers(0, 1), max_size=30))
def test_oscillation_between_both_levels_never_changes_anything(steps):
    """49 and 51 per mille in any order that has no two of the latter in a row: quiet stays quiet."""
    wobble = [51 if step and not (n and steps[n - 1]) else 49 for n, step in enumerate(steps)]
    assert raised_since(thousands(*wobble), LIMIT) is None
    assert raised_since(thousands(200, 200, *wobble), LIMIT) == 0


@given(st.lists(st.integers(0, THOUSAND), max_size=20))
def test_an_alarm_begins_with_two_bad_cycles_and_no_two_clear_ones_follow(failed):
    cycles = thousands(*failed)
    since = raised_since(cycles, LIMIT)
    if since is not None:
        assert all(cycle.error_rate > LIMIT for cycle in cycles[since : since + 2])
        rest = [cycle.error_rate <= LIMIT / 2 for cycle in cycles[since + 2 :]]
        assert not any(one and other for one, other in pairwise(rest))


@pytest.mark.parametrize(
    ("failed", "calls"),
    [
        pytest.param((0, 0, 0, 0, 0), 20, id="a good morning"),
        pytest.param((0, 0, 1, 0, 0), 3, id="one of three calls at night"),
        pytest.param((0, 1, 1, 0, 0), 3, id="one of three twice, and only two calls in all"),
        pytest.param((0, 0, 12, 0, 0), 20, id="one bad cycle"),
        pytest.param((1, 1, 1, 1, 1), 20, id="five per cent is the limit"),
    ],
)
def test_it_is_quiet(failed, calls):
    assert evaluate(a_case(*minutes(*failed, calls=calls))) == []


def test_it_says_what_it_measured_beside_what_is_usual():
    past = tuple(a_baseline(operation=o, error_rate=0.004) for o in ("Patient.search", "Appointment.search"))
    case = a_case(*minutes(0, 0, 4, 6, 10), baselines=past)
    (found,) = evaluate(case)
    assert found.metric == "error_rate"
    assert found.baseline == "0.4% usual error rate (limit 5%)"
    assert found.current == "33.3% of 60 calls failed"
    assert found.description == "Error rate exceeds its limit in Patient.search, Appointment.search"
    assert found.detection_method is DetectionMethod.THRESHOLD
    assert found.severity is Severity.HIGH  # appointments are critical
    assert found.trend is Trend.WORSENING
    assert found.first_observed == BEGINNING + timedelta(minutes=2)
    assert found.observed_at == case.as_of
    assert found.score == pytest.approx(20 / 60 / LIMIT)


def test_a_connection_that_may_never_fail_is_judged_too():
    strict = an_integration(sla={"error_rate": 0})
    (found,) = evaluate(a_case(*minutes(2, 2), integration=strict))
    assert found.score > 1
