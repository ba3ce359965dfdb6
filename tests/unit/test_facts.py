"""From readings to the numbers that clues look at."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.facts import Change, Side, affected_operations, clustering, gather_facts, runs
from models.ladder import Ladder, Step, Verdict
from models.reading import Outcome, Rung
from tests.builders import EPIC, NOW, a_baseline, a_reading, a_window, an_integration, minutes, some_facts

INTEGRATION = an_integration()
calls = st.lists(st.booleans(), max_size=60)


@pytest.mark.parametrize(
    ("failures", "lengths"),
    [
        pytest.param("", [], id="no call"),
        pytest.param("....", [], id="no failure"),
        pytest.param("xxxx", [4], id="nothing else"),
        pytest.param("x.xx.xxx", [1, 2, 3], id="three runs, the last at the end"),
        pytest.param(".x..x.", [1, 1], id="single ones"),
    ],
)
def test_runs_are_stretches_of_failures(failures, lengths):
    assert runs([call == "x" for call in failures]) == lengths


@given(calls)
def test_runs_add_up_to_the_failures(failures):
    assert sum(runs(failures)) == sum(failures)
    assert runs(failures[::-1]) == runs(failures)[::-1]


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_independent_failures_do_not_cluster(share):
    generator = np.random.default_rng(5)
    assert clustering((generator.random(20_000) < share).tolist()) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    "failures",
    [
        pytest.param("..........xxxxx.........." * 2, id="two bursts of five"),
        pytest.param("......xxxx" * 4, id="four in a row of every ten"),
        pytest.param("." * 30 + "xxx" + "." * 30, id="one burst of three"),
    ],
)
def test_bursts_cluster(failures):
    assert clustering([call == "x" for call in failures]) > 1.5


@pytest.mark.parametrize(
    "failures",
    [
        pytest.param("." * 50, id="no failure"),
        pytest.param("x" * 50, id="nothing but failures"),
        pytest.param("xx" + "." * 17, id="nineteen calls"),
    ],
)
def test_nothing_is_said_about_clusters_where_nothing_can_be(failures):
    assert clustering([call == "x" for call in failures]) == 0


def test_failures_as_regular_as_a_clock_are_less_than_independent():
    assert clustering([n % 3 == 0 for n in range(60)]) < 0.8


@pytest.mark.parametrize(
    ("failed", "named"),
    [
        pytest.param((0,), (), id="none"),
        pytest.param((1,), ("Patient.search",), id="one of ten patient searches"),
        pytest.param((2,), ("Patient.search", "Appointment.search"), id="both"),
        pytest.param((1, 0, 0), (), id="one of thirty is not worth naming"),
    ],
)
def test_an_operation_is_affected_from_one_failure_in_twenty(failed, named):
    assert affected_operations(INTEGRATION, a_window(*minutes(*failed))) == named


def test_what_was_measured_becomes_facts():
    readings = (
        *minutes(2, 2, outcome=Outcome.THROTTLED, retry_after_s=30.0, clock_skew_s=0.4, code="too_many"),
        a_reading(outcome=Outcome.UNAUTHENTICATED, status=401, token_age_s=900.0, latency_ms=None),
    )
    past = [a_baseline(operation=o, error_rate=e) for o, e in (("Patient.search", 0.01), ("Appointment.search", 0.03))]
    step = Step(rung=Rung.DNS, verdict=Verdict.PASSED, says="resolved", duration_ms=1.0)
    change = Change(integration_id=EPIC, at=NOW, side=Side.THEIRS, says="software version 10.4 → 10.5")
    facts = gather_facts(INTEGRATION, a_window(*readings), past, Ladder.of(EPIC, NOW, (step,)), None, [change])
    assert (facts.calls, facts.failed, facts.error_rate) == (41, 5, 5 / 41)
    assert facts.shares == {Outcome.OK: 36 / 41, Outcome.THROTTLED: 4 / 41, Outcome.UNAUTHENTICATED: 1 / 41}
    assert facts.statuses == {200: 36, 401: 1}
    assert facts.codes == {"too_many": 4}  # a good call's code is none of a failure's
    assert facts.longest_run == 2
    assert (facts.retry_after_s, facts.clock_skew_s, facts.failing_age_s) == (30.0, 0.4, 900.0)
    assert (facts.latency_ms, facts.usual_latency_ms, facts.slowdown) == (120.0, 120.0, 1.0)
    assert facts.usual_error_rate == pytest.approx(0.02)
    assert facts.affected_components == ("Patient API", "Appointment API")
    assert facts.healthy_components == ()
    assert facts.of_failures(Outcome.THROTTLED) == pytest.approx(0.8)
    assert facts.changes == (change,)
    assert (facts.passed(Rung.DNS), facts.passed(Rung.TCP)) == (True, None)
    assert facts.error_limit == 0.05


def test_nothing_measured_is_no_fault():
    facts = gather_facts(INTEGRATION, a_window(), (), None, None)
    assert (facts.calls, facts.error_rate, facts.clustering, facts.longest_run) == (0, 0.0, 0.0, 0)
    assert (facts.latency_ms, facts.usual_latency_ms, facts.usual_error_rate, facts.slowdown) == (None,) * 4
    assert facts.of_failures(Outcome.RESET) == 0.0


def test_a_past_that_is_still_being_learned_is_not_called_usual():
    facts = gather_facts(INTEGRATION, a_window(*minutes(0)), [a_baseline(samples=29)], None, None)
    assert (facts.usual_latency_ms, facts.usual_error_rate) == (None, None)


def test_a_component_is_healthy_only_when_none_of_its_reads_is_touched():
    only = [r for r in minutes(2, 2) if r.outcome.is_ok or r.operation == "Appointment.search"]
    facts = gather_facts(INTEGRATION, a_window(*only), (), None, None)
    assert (facts.affected_components, facts.healthy_components) == (("Appointment API",), ("Patient API",))


def test_a_blocked_rung_is_unknown_not_failed():
    broken = Step(rung=Rung.TCP, verdict=Verdict.FAILED, says="refused", outcome=Outcome.REFUSED)
    facts = some_facts(steps=Ladder.of(EPIC, NOW, (broken,)).steps)
    assert (facts.passed(Rung.TCP), facts.passed(Rung.HTTP), facts.step(Rung.HTTP)) == (False, None, None)


@given(st.lists(st.sampled_from(Outcome), max_size=40))
def test_shares_and_shares_of_failures_each_add_up_to_one(outcomes):
    readings = [a_reading(outcome=o, observed_at=NOW + timedelta(seconds=n)) for n, o in enumerate(outcomes)]
    facts = gather_facts(INTEGRATION, a_window(*readings), (), None, None)
    bad = [outcome for outcome in Outcome if outcome is not Outcome.OK]
    assert facts.share(*Outcome) == pytest.approx(1 if outcomes else 0)
    assert facts.of_failures(*bad) == pytest.approx(1 if facts.failed else 0)
