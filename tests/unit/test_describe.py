"""What is said of the few series that stand out."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from models.anomaly import DetectionMethod, Severity, Trend
from models.calendar import Hours
from models.describe import describe
from models.detectors import judge_all
from models.integration import Importance
from models.panel import Held, Rules
from models.scores import scores
from models.series import Series
from tests.builders import an_integration
from tests.panels import END_S, EPIC, EVERY_S, NAN, a_panel, a_usual, of_calls

NOW = datetime.fromtimestamp(END_S, UTC)
INTEGRATION = an_integration()
SLOW = [Series(EPIC, "latency", "Appointment.search")]


def told(panel, affected=None, integration=INTEGRATION):
    """The anomalies of one integration."""
    return describe(panel, judge_all(panel), [integration], NOW, affected).get(EPIC, [])


def words(panel, **changes) -> tuple[str, str, str]:
    (found,) = told(panel, **changes)
    return found.description, found.baseline, found.current


def of(middle: float, spread: float, **changes):
    return a_usual(middle=middle, spread=spread, **changes)


def test_350_to_1250_is_told_with_both_values():
    panel = a_panel([350, 350, 350, 700, 1250, 1250, 1250], series=SLOW, usual=of(350, 20))
    (found,) = told(panel)
    assert found.metric == "latency:Appointment.search"
    assert found.severity is Severity.HIGH  # today's appointments wait
    assert found.baseline == "350ms median response time (hour of week)"
    assert found.current == "1250ms median response time"
    assert found.description == "Increased latency in Appointment.search"
    assert found.detection_method is DetectionMethod.DEVIATION
    assert found.first_observed.timestamp() == panel.ends_s[3] - EVERY_S  # 700 ms are felt already
    assert found.observed_at == NOW
    assert found.trend is Trend.WORSENING
    assert found.score > 1
    assert set(found.seen_by) == {"level", "seasonal"}


def test_the_error_rate_is_told_over_all_calls_since_it_began():
    panel = of_calls(*[(20, 0)] * 5, (20, 2), (20, 3), limit=0.05, usual=of(0.004, 0.01))
    assert words(panel, affected=lambda _: ("Patient.search",)) == (
        "Error rate exceeds its limit in Patient.search",
        "0.4% usual error rate (limit 5%)",
        "12.5% of 40 calls failed",
    )
    (found,) = told(panel, affected=lambda _: ())
    assert found.description == "Error rate exceeds its limit in single calls"
    assert found.detection_method is DetectionMethod.THRESHOLD
    assert found.severity is Severity.LOW  # nothing in particular is touched


def test_an_unusual_error_rate_below_its_limit_is_told_beside_the_usual():
    panel = of_calls(*[(1000, 1)] * 5, (1000, 45), limit=0.05, usual=of(0.001, 0.001))
    assert words(panel, affected=lambda _: ("Patient.search",)) == (
        "Error rate is unusual in Patient.search",
        "0.1% usual error rate (hour of week)",
        "4.5% of 1000 calls failed",
    )


def test_a_pattern_is_told_with_its_share_of_calls():
    panel = of_calls(*[(20, 0), (20, 5), (20, 5)], metric="pattern:throttling")
    assert words(panel, affected=lambda _: ("Patient.search", "Appointment.search")) == (
        "Rate limiting on Patient.search, Appointment.search",
        "none expected (limit 2% of calls)",
        "16.7% of 60 calls",
    )
    (found,) = told(panel)
    assert found.detection_method is DetectionMethod.SIGNATURE


@pytest.mark.parametrize(
    ("panel", "said"),
    [
        pytest.param(
            a_panel([5.0] * 60 + [NAN] * 5, series=[Series(EPIC, "queue_depth", "outbox")]),
            ("No data for queue_depth of outbox", "data in 60 of 65 cycles", "none for 5 minutes"),
            id="silence",
        ),
        pytest.param(
            a_panel([NAN] * 60, series=[Series(EPIC, "queue_depth")], expected=np.array([0])),
            ("No data for queue_depth", "data in 0 of 60 cycles", "none at all"),
            id="never there",
        ),
        pytest.param(
            a_panel([40.0, 0.0], series=[Series(EPIC, "records", "Patient.search")], usual=of(40, 6)),
            ("Number of records in Patient.search", "40 records per answer (hour of week)", "0 records per answer"),
            id="zero",
        ),
        pytest.param(
            a_panel(([0.0] * 13 + [0.5] * 2) * 8, series=[Series(EPIC, "transport_share", None, "traffic")]),
            (
                "Connections break again and again (real traffic)",
                "0.0% of calls usually",
                "6.7% of calls, in 8 spells over 2 hours",
            ),
            id="stability",
        ),
        pytest.param(
            a_panel([900, 2100, 2100], series=SLOW, limits=np.array([2000.0])),
            ("Increased latency in Appointment.search", "limit 2000ms", "2100ms median response time"),
            id="a limit of one's own, and nothing is known",
        ),
        pytest.param(
            a_panel(
                [9, 3, 3],
                series=[Series(EPIC, "queue_depth")],
                usual=of(8, 4),
                rules=Rules(np.array([0]), np.array([5.0]), np.array([6.0]), np.array([-1]), np.array([2])),
            ),
            ("Queue depth", "8 queue depth (hour of week), limit 5", "3 queue depth"),
            id="a limit from below",
        ),
    ],
)
def test_each_kind_of_trouble_has_its_words(panel, said):
    assert words(panel) == said


def test_a_limit_that_somebody_set_is_told_before_what_is_merely_louder():
    panel = of_calls(*[(20, 0)] * 5, (20, 3), (20, 3), limit=0.14, usual=of(0.0, 0.0))
    (found,) = told(panel)
    assert found.seen_by == ("threshold", "seasonal")
    assert found.detection_method is DetectionMethod.THRESHOLD


def test_slow_patient_searches_matter_more_when_half_of_the_calls_fail_as_well():
    def severity(failed: float) -> Severity:
        series = [Series(EPIC, "latency", "Patient.search"), Series(EPIC, "error_rate")]
        panel = a_panel([350, 1250], [failed, failed], series=series, usual=of(350, 20))
        return {found.metric: found.severity for found in told(panel)}["latency:Patient.search"]

    assert INTEGRATION.read("Patient.search").importance is Importance.IMPORTANT
    assert (severity(0.0), severity(0.5)) == (Severity.MEDIUM, Severity.HIGH)


def test_the_gravest_is_told_first_and_others_integrations_are_left_out():
    series = [Series(EPIC, "latency", "Patient.search"), *SLOW, Series("another", "latency")]
    panel = a_panel([350, 5250], [350, 1250], [350, 1250], series=series, usual=a_usual(3, middle=350.0, spread=20.0))
    found = describe(panel, judge_all(panel), [INTEGRATION], NOW)
    assert {name: [one.metric for one in several] for name, several in found.items()} == {
        EPIC: ["latency:Appointment.search", "latency:Patient.search"]
    }


def test_agreed_maintenance_holds_everything():
    panel = of_calls((9, 9), (9, 9), limit=0.05, in_maintenance=np.array([True]))
    assert told(panel) == []
    assert [one.held for one in scores(panel, judge_all(panel))] == [Held.EXPECTED.says]


def test_what_is_held_is_no_anomaly():
    series = [Series(EPIC, "latency", "Patient.search"), *SLOW, Series(EPIC, "connect")]
    panel = a_panel([353.0], [1250.0], [NAN], series=series, usual=a_usual(3, middle=350.0, spread=0.3))
    assert [one.metric for one in told(panel)] == ["latency:Appointment.search"]
    learning = a_panel([353.0], series=SLOW)
    assert told(learning) == []


def test_a_ramp_up_a_plateau_and_a_ramp_down_are_three_trends():
    def trend(*tail: float) -> Trend:
        (found,) = told(a_panel([350.0] * 20 + list(tail), series=SLOW, usual=of(350, 20)))
        return found.trend

    up = [1000 + 100.0 * n for n in range(15)]
    assert [trend(*up), trend(*[2400.0] * 15), trend(*up[::-1])] == [Trend.WORSENING, Trend.STABLE, Trend.IMPROVING]


def test_what_runs_out_is_told_with_the_time_that_is_left():
    filling = [50.0] * 60 + [50 + 10.0 * minute for minute in range(60)]
    queue = [Series(EPIC, "queue_depth", "Appointment")]
    (found,) = told(a_panel(filling, series=queue, limits=np.array([1000.0])))
    assert found.description == "Queue depth in Appointment reaches its limit in about 36 minutes"
    assert found.baseline == "limit 1000, rising steadily for 48 minutes"
    assert found.current == "640 queue depth"
    assert found.detection_method is DetectionMethod.PREDICTION
    assert found.seen_by == ("exhaustion",)


def test_how_bad_it_is_is_told_with_its_reasons():
    panel = a_panel([350] * 6 + [1250] * 6, series=SLOW, usual=of(350, 20))
    closed = an_integration(hours=Hours(monday="08:00-12:00"))  # END_S is a Friday
    (always,), (asleep,) = told(panel), told(panel, integration=closed)
    assert (always.severity, always.why) == (Severity.HIGH, "Appointment API is critical")
    assert (asleep.severity, asleep.why) == (
        Severity.MEDIUM,
        "Appointment API is critical; the practice is closed: one lower",
    )


@pytest.mark.parametrize(
    ("burning", "severity"),
    [
        pytest.param([EPIC], Severity.HIGH, id="it burns"),
        pytest.param(["another"], Severity.MEDIUM, id="another's does"),
        pytest.param([], Severity.MEDIUM, id="none does"),
    ],
)
def test_the_same_trouble_matters_more_while_an_error_budget_burns(burning, severity):
    series = [Series(EPIC, "latency", "Patient.search")]
    panel = a_panel([350] * 6 + [1250] * 6, series=series, usual=of(350, 20))
    (found,) = describe(panel, judge_all(panel), [INTEGRATION], NOW, burning=burning)[EPIC]
    assert found.severity is severity
    assert ("the error budget burns too fast: one higher" in found.why) is (severity is Severity.HIGH)
