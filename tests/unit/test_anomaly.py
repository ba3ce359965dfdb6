"""How bad it is for the practice, and where it is heading."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.anomaly import Severity, Trend
from models.integration import Importance, Read
from models.severity import Impact, weigh
from models.trend import trends_of
from tests.builders import an_integration

INTEGRATION = an_integration(
    reads=(
        Read(operation="Archive.read", component="Nightly archive", importance=Importance.ROUTINE),
        Read(operation="Patient.search", component="Patient API"),
        Read(operation="MedicationRequest.search", component="Prescriptions", importance=Importance.CRITICAL),
    )
)
ARCHIVE, PATIENT, PRESCRIPTION = (read.operation for read in INTEGRATION.reads)
rates = st.floats(0, 1)
levels = list(Severity)


def severity_of(operations, failing: float) -> Severity:
    """Of these operations, at no particular hour."""
    return weigh(INTEGRATION, Impact(operations, failing)).severity


def trend_of(values, *, higher_is_worse: bool = True) -> Trend:
    """Of one series."""
    return trends_of(np.array([values], dtype=np.float64), np.array([higher_is_worse]))[0]


@pytest.mark.parametrize(
    ("operations", "error_rate", "severity"),
    [
        pytest.param([ARCHIVE], 0.2, Severity.LOW, id="one in five on the archive"),
        pytest.param([PATIENT], 0.2, Severity.MEDIUM, id="one in five on patients"),
        pytest.param([PRESCRIPTION], 0.2, Severity.HIGH, id="one in five on prescriptions"),
        pytest.param([ARCHIVE, PRESCRIPTION], 0.2, Severity.HIGH, id="the worst that waits decides"),
        pytest.param([ARCHIVE, PATIENT], 0.2, Severity.MEDIUM, id="not routine alone"),
        pytest.param([ARCHIVE], 0.0, Severity.LOW, id="a slow archive"),
        pytest.param([PATIENT], 0.0, Severity.MEDIUM, id="slow patients, and nothing fails"),
        pytest.param([PRESCRIPTION], 0.0, Severity.HIGH, id="slow prescriptions"),
        pytest.param([PATIENT], 0.05, Severity.MEDIUM, id="just within the limit"),
        pytest.param([PATIENT], 0.5, Severity.HIGH, id="half of the calls"),
        pytest.param([PRESCRIPTION], 1.0, Severity.CRITICAL, id="no prescriptions at all"),
        pytest.param([ARCHIVE], 1.0, Severity.MEDIUM, id="no archive at all"),
        pytest.param([], 0.2, Severity.LOW, id="nothing in particular is touched"),
        pytest.param(["Unknown.search"], 0.0, Severity.LOW, id="an operation that nobody declared"),
    ],
)
def test_the_same_rate_is_as_bad_as_what_waits_for_it(operations, error_rate, severity):
    assert severity_of(operations, error_rate) is severity


@given(st.lists(st.sampled_from([ARCHIVE, PATIENT, PRESCRIPTION]), unique=True), rates, rates)
def test_more_failures_are_never_less_severe(operations, one, other):
    few, many = sorted((one, other))
    assert severity_of(operations, few).rank <= severity_of(operations, many).rank


@given(rates)
def test_touching_prescriptions_as_well_is_never_less_severe(rate):
    alone = severity_of([PATIENT], rate)
    assert alone.rank <= severity_of([PATIENT, PRESCRIPTION], rate).rank


def test_severities_rank_from_low_to_critical():
    assert [severity.rank for severity in levels] == [0, 1, 2, 3]
    assert [levels[0], levels[-1]] == [Severity.LOW, Severity.CRITICAL]


UP, FLAT, DOWN = [2, 4, 7, 9, 12, 15, 16], [9, 9, 9, 9, 9, 9], [16, 15, 12, 9, 7, 4, 2]


@pytest.mark.parametrize(
    ("values", "trend"),
    [
        pytest.param(UP, Trend.WORSENING, id="a ramp up"),
        pytest.param(FLAT, Trend.STABLE, id="a plateau"),
        pytest.param(DOWN, Trend.IMPROVING, id="a ramp down"),
        pytest.param([5, 7, 5, 7, 5, 7, 5], Trend.STABLE, id="up and down"),
        pytest.param([100, 101, 102, 103, 104, 105], Trend.STABLE, id="a slope nobody would call a trend"),
        pytest.param([1, 2, 3], Trend.STABLE, id="three values tell nothing"),
        pytest.param([], Trend.STABLE, id="nothing was measured"),
        pytest.param([0, 0, 0, 0, 0, 0, 0, 1], Trend.STABLE, id="one bad cycle is no trend"),
        pytest.param([float("nan"), *UP], Trend.WORSENING, id="an unmeasured cycle is passed over"),
        pytest.param([0, 0, 0, 0.1, 0.3, 0.5, 0.6], Trend.WORSENING, id="from nothing"),
    ],
)
def test_the_trend_of_something_that_should_be_low(values, trend):
    assert trend_of(values) is trend


def test_where_more_is_better_the_same_ramp_is_good_news():
    assert trend_of(UP, higher_is_worse=False) is Trend.IMPROVING
    assert trend_of(DOWN, higher_is_worse=False) is Trend.WORSENING


@given(st.lists(st.floats(0, 1e6), max_size=15))
def test_told_backwards_a_trend_is_its_opposite(values):
    opposite = {Trend.WORSENING: Trend.IMPROVING, Trend.STABLE: Trend.STABLE, Trend.IMPROVING: Trend.WORSENING}
    assert trend_of(values[::-1]) is opposite[trend_of(values)]


def test_noise_around_a_level_is_rarely_called_a_trend():
    generator = np.random.default_rng(11)
    told = [trend_of(generator.normal(100, 20, 15).tolist()) for _ in range(400)]
    assert told.count(Trend.STABLE) / 400 >= 0.85  # the test's level is 10 %
