"""Latency: only what is both unusual and felt."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.anomaly import DetectionMethod, Severity, Trend
from models.baseline import Basis
from models.detectors.latency import evaluate, is_felt
from models.reading import Outcome
from tests.builders import BEGINNING, a_baseline, a_case, minutes

OPERATIONS = ("Patient.search", "Appointment.search")


def past(median_ms: float, mad_ms: float, **changes):
    return tuple(a_baseline(operation=o, median_ms=median_ms, mad_ms=mad_ms, **changes) for o in OPERATIONS)


def latencies(usual_ms: float, *now_ms: float, mad_ms: float = 20.0, failed: int = 0, **changes):
    """A case of one minute for each latency, beside a past of that median."""
    readings = minutes(*[failed] * len(now_ms), latencies_ms=now_ms)
    return a_case(*readings, baselines=past(usual_ms, mad_ms, **changes))


@pytest.mark.parametrize(
    ("case", "found"),
    [
        pytest.param(latencies(120, 120, 120, 120), 0, id="as usual"),
        pytest.param(latencies(4, 9, 9, 9, mad_ms=0.1), 0, id="a few ms, which are many deviations"),
        pytest.param(latencies(20, 110, 110, 110, mad_ms=0.1), 0, id="five times as slow, and not felt"),
        pytest.param(latencies(20, 125, 125, 125, mad_ms=0.1), 2, id="just felt"),
        pytest.param(latencies(1000, 1400, 1400, 1400, mad_ms=1), 0, id="40 % slower, however steady it was"),
        pytest.param(latencies(1000, 1600, 1600, 1600, mad_ms=1), 2, id="60 % slower, where it was steady"),
        pytest.param(latencies(1000, 1600, 1600, 1600, mad_ms=400), 0, id="60 % slower, where it always wanders"),
        pytest.param(latencies(350, 350, 350, 1250), 0, id="one slow cycle of three"),
        pytest.param(latencies(350, 1250, 1250, 350), 2, id="two of three"),
        pytest.param(latencies(350, 1250, 350, 350, 350), 0, id="over already"),
        pytest.param(latencies(350, 90, 90, 90), 0, id="faster than usual"),
        pytest.param(latencies(350, 1250, 1250, 1250, samples=29), 0, id="29 calls teach nothing"),
        pytest.param(a_case(*minutes(0, 0, 0, latencies_ms=(1250,) * 3)), 0, id="no past at all"),
        pytest.param(a_case(), 0, id="nothing was read"),
        pytest.param(
            a_case(*minutes(0, calls=4, latencies_ms=(1250,)), baselines=past(350, 20)), 0, id="two calls of each"
        ),
    ],
)
def test_it_speaks_only_when_latency_is_unusual_and_felt(case, found):
    assert len(evaluate(case)) == found


def test_the_latency_of_failed_calls_does_not_count():
    readings = minutes(18, 18, 18, latencies_ms=(9_000,) * 3, outcome=Outcome.SERVER_ERROR)
    answered = [r.model_copy(update={"latency_ms": 120.0}) if r.outcome.is_ok else r for r in readings]
    assert evaluate(a_case(*answered, baselines=past(120, 9))) == []


def test_350_to_1250_is_told_with_both_values():
    case = latencies(350, 350, 350, 700, 1250, 1250, 1250)
    by_metric = {found.metric: found for found in evaluate(case)}
    assert set(by_metric) == {"latency:Patient.search", "latency:Appointment.search"}
    found = by_metric["latency:Appointment.search"]
    assert found.severity is Severity.HIGH  # today's appointments wait
    assert found.baseline == "350ms median response time (all hours)"
    assert found.current == "1250ms median response time"
    assert found.description == "Increased latency in Appointment.search"
    assert found.detection_method is DetectionMethod.DEVIATION
    assert found.first_observed == BEGINNING + timedelta(minutes=2)  # 700 ms are felt already
    assert found.trend is Trend.WORSENING
    assert found.score > 1


@pytest.mark.parametrize(
    ("failed", "severity"),
    [
        pytest.param(0, Severity.MEDIUM, id="only slow"),
        pytest.param(10, Severity.HIGH, id="and half of the calls fail"),
    ],
)
def test_slow_patient_searches_matter_more_when_half_of_the_calls_fail_as_well(failed, severity):
    found = evaluate(latencies(350, 1250, 1250, 1250, failed=failed))
    assert {f.metric: f.severity for f in found}["latency:Patient.search"] is severity


def test_the_narrowest_baseline_is_the_one_it_is_compared_with():
    hour = past(1250, 60, basis=Basis.HOUR_OF_DAY, hour_of_day=9)
    case = latencies(350, 1250, 1250, 1250)
    assert evaluate(case)
    assert evaluate(case.model_copy(update={"baselines": case.baselines + hour})) == []


@given(st.floats(0, 5000), st.floats(0, 5000))
def test_nobody_feels_less_than_a_tenth_of_a_second_or_half_as_much_again(usual, now):
    if is_felt(now, usual):
        assert now - usual >= 100
        assert now >= 1.5 * usual
