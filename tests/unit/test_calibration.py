"""Calibration: as sure as such causes have been right, and no cause is lifted over a limit or past another one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.calibration import ALONE, BELOW, CLAIMED, stated
from models.diagnosis import CEILING, CERTAIN, LIKELY, Hypothesis, calibrated
from models.policy import Policy
from tests.benchmarks.bench_diagnose import cases, diagnosed
from tests.benchmarks.calibrating import BANDS
from tests.corpus import Way

APART = 301  # a seed on which nothing was fitted, chosen or published
MOST_OFF, ENOUGH = 0.1, 30  # cases in a band that say anything
CHANCE = 2.0  # standard errors of what was observed

shares = st.floats(0, CEILING)
posteriors = st.lists(st.floats(1e-6, 100), min_size=2, max_size=6).map(
    lambda weights: sorted((weight / math.fsum(weights) for weight in weights), reverse=True)
)


def hypotheses(*shares: float) -> tuple[Hypothesis, ...]:
    return tuple(Hypothesis(cause=f"cause_{n}", says="", probability=p, evidence=()) for n, p in enumerate(shares))


@given(shares, shares)
def test_the_higher_the_share_the_surer(one, other):
    low, high = sorted((one, other))
    assert stated(low) <= stated(high)


@given(shares, shares)
@example(0.499, 0.0)
@example(0.799, 0.0)
def test_no_cause_is_lifted_over_a_limit_or_lowered_below_it(weighed, next_one):
    told = stated(weighed, min(weighed, next_one, 1 - weighed))
    policy = Policy(version="1", owner="Us")
    for limit in (policy.propose_confidence, policy.min_confidence, LIKELY, CERTAIN):
        assert (told >= limit) is (weighed >= limit)


def test_the_limits_are_those_of_a_claim_and_of_acting_alone():
    assert (CLAIMED, ALONE) == (LIKELY, CERTAIN)
    assert CLAIMED < BELOW < ALONE


@pytest.mark.parametrize(
    ("weighed", "runner_up", "told"),
    [
        pytest.param(0.49, 0.1, 0.49, id="what is not claimed stays as it was weighed"),
        pytest.param(0.5, 0.5, 0.5, id="a tie is not lifted"),
        pytest.param(0.52, 0.46, 0.58, id="by no more than it leads by"),
        pytest.param(0.52, 0.1, 0.659, id="where it leads by much, as the curve says"),
        pytest.param(0.79, 0.05, 0.79, id="and never up to the limit"),
        pytest.param(0.8, 0.1, 0.807, id="what may act alone stays there"),
        pytest.param(0.99, 0.0, 0.965, id="nothing is as sure as it was weighed"),
    ],
)
def test_a_share_is_told_as_what_it_is_worth(weighed, runner_up, told):
    """By hand: 1 / (1 + exp(-(0.61 + 0.59 · ln(0.52 / 0.48)))) = 0.659"""
    assert stated(weighed, runner_up) == pytest.approx(told, abs=0.001)


@given(posteriors)
def test_ranks_stay_and_the_sum_holds(drawn):
    known, novel = hypotheses(*(min(CEILING, share) for share in drawn[:-1])), drawn[-1]
    told, novelty = calibrated(known, novel)
    assert [one.cause for one in told] == [one.cause for one in known]
    assert [one.probability for one in told] == sorted((one.probability for one in told), reverse=True)
    if known[0].probability < LIKELY:
        assert (told, novelty) == (known, novel)
    else:
        assert math.fsum(one.probability for one in told) + novelty == pytest.approx(1)
        assert all(after.probability <= before.probability for before, after in zip(known[1:], told[1:], strict=True))


def test_it_is_as_sure_as_it_is_right():
    """On cases of which nothing was fitted or chosen, clear to hopeless: no band is off by more than 0.1 and chance.

    As weighed, the lowest two bands are off by about 0.2 (docs/decisions/0039).
    """
    results = diagnosed(case for case in cases([APART]) if case.way is not Way.HEALTHY)
    told = np.array([one.confidence for one in results])
    right = np.array([one.is_right for one in results])
    bands = {low: (told >= low) & (told < high) for low, high in BANDS}
    known = {low: inside for low, inside in bands.items() if inside.sum() >= ENOUGH}
    off = {
        low: (
            float(told[inside].mean() - right[inside].mean()),
            CHANCE * float(right[inside].std() / inside.sum() ** 0.5),
        )
        for low, inside in known.items()
    }
    assert len(off) >= 4
    assert {low: by for low, by in off.items() if abs(by[0]) > MOST_OFF + by[1]} == {}
