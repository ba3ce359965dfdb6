"""Experience moves the weights of causes, only where an end proved them, and never so far that nothing else is left."""

from __future__ import annotations

import pytest

from models.diagnosis import INCONCLUSIVE, NOVEL, NOVEL_WEIGHT, explain
from models.incident import State
from models.prior import MOST, WORTH, learned, proven
from models.remedy import Outcome
from models.signature import FaultDomain, Signature
from tests.builders import NOW, a_diagnosis, an_action, an_incident, some_facts


def a_cause(cause: str, prior: float = 1.0) -> Signature:
    return Signature(cause=cause, says=lambda _: cause, fault_domain=FaultDomain.OURS, clues=(), prior=prior)


KNOWN = (a_cause("common"), a_cause("rare", 0.2))
CURED = an_action(remedy="renew_credentials", outcome=Outcome.SUCCESSFUL)
FAILED = an_action(remedy="renew_credentials", outcome=Outcome.NONE)
OTHER = an_action(remedy="reduce_polling", outcome=Outcome.SUCCESSFUL)
OVER = an_incident(state=State.RESOLVED, diagnosis=a_diagnosis())


@pytest.mark.parametrize(
    ("incident", "actions", "cause"),
    [
        pytest.param(OVER, (CURED,), "token_expired", id="its remedy was verified to help"),
        pytest.param(OVER, (FAILED,), None, id="its remedy did not help"),
        pytest.param(OVER, (OTHER,), None, id="a remedy of something else helped"),
        pytest.param(OVER, (), None, id="it went by itself"),
        pytest.param(an_incident(state=State.MONITORING, diagnosis=a_diagnosis()), (CURED,), None, id="not over"),
        pytest.param(an_incident(state=State.RESOLVED, diagnosis=None), (CURED,), None, id="never diagnosed"),
        pytest.param(
            an_incident(state=State.RESOLVED, diagnosis=a_diagnosis(cause=INCONCLUSIVE)), (CURED,), None, id="unknown"
        ),
    ],
)
def test_only_a_verified_cure_proves_a_cause(incident, actions, cause):
    assert proven(incident, actions) == cause


def test_without_experience_the_declared_weights_hold():
    assert learned(KNOWN, []) == {"common": 1.0, "rare": 0.2, NOVEL: NOVEL_WEIGHT}


@pytest.mark.parametrize(
    ("times", "weight"),
    [(1, 0.2 + 1 / WORTH), (WORTH, 1.2), (1000, MOST)],
)
def test_what_is_met_often_weighs_more_up_to_a_limit(times, weight):
    assert learned(KNOWN, ["rare"] * times)["rare"] == pytest.approx(weight)


def test_experience_moves_the_posterior_and_nothing_else():
    before = explain(some_facts(), KNOWN, NOW)
    after = explain(some_facts(), KNOWN, NOW, learned(KNOWN, ["rare"] * 20))
    assert before.hypotheses[0].cause == "common"
    assert after.hypotheses[0].cause == "rare"
    assert {one.cause: one.evidence for one in before.hypotheses} == {
        one.cause: one.evidence for one in after.hypotheses
    }
