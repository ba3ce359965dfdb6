"""What is tried next: at its time, or withdrawn with a reason, and never forgotten."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.incident import Incident, State
from models.pending import BEFORE_IT, Pending, PendingState, next_of, scheduled, settled
from models.plan import Step
from models.policy import Decision, Verdict
from models.remedy import Action, ActionState, Outcome
from tests.builders import NOW, a_remedy, an_action, an_incident

MINUTE = timedelta(minutes=1)
CURRENT = an_action(
    id="ACT-1", remedy="retry_failed", says="Connection retry", state=ActionState.VERIFYING, planned_at=NOW,
    effective_at=NOW, judged_at=None, outcome=Outcome.PENDING,
)  # fmt: skip
RETRY = a_remedy(name="retry_failed", verify_cycles=3)
ROUTE = a_remedy(name="change_route", says="Temporary routing")


def a_step(name: str, verdict: Verdict = Verdict.ALLOWED) -> Step:
    remedy = ROUTE.model_copy(update={"name": name})
    return Step(remedy=remedy, decision=Decision(verdict=verdict, rule="D16", reason=""), people=0, lasts_s=None,
                is_next=False)  # fmt: skip


def planned(*steps: Step, earlier: tuple[Action, ...] = ()) -> Pending | None:
    return next_of(an_incident(state=State.VERIFYING), CURRENT, steps, NOW + 3 * MINUTE, earlier)


def at(state: State) -> Incident:
    return an_incident(state=state)


def test_it_is_planned_for_when_the_measuring_is_over():
    assert scheduled(CURRENT, RETRY, MINUTE) == NOW + 3 * MINUTE
    assert scheduled(CURRENT.model_copy(update={"state": ActionState.EXECUTING}), RETRY, MINUTE) is None


@pytest.mark.parametrize(
    ("steps", "comes"),
    [
        pytest.param((a_step("a", Verdict.REFUSED), a_step("b")), "b", id="the first that may run"),
        pytest.param((a_step("a", Verdict.NEEDS_APPROVAL), a_step("b")), "a", id="or is asked for"),
        pytest.param((a_step("retry_failed"), a_step("b")), "b", id="not the same again"),
        pytest.param((a_step("a", Verdict.DRY_RUN), a_step("b", Verdict.HOLD)), None, id="nothing would"),
        pytest.param((), None, id="nothing is left"),
    ],
)
def test_what_comes_next_is_what_policy_would_let_run_or_ask_for(steps, comes):
    pending = planned(*steps)
    assert (pending and pending.remedy) == comes
    assert pending is None or pending.is_automatic is (steps[0].decision.verdict is not Verdict.NEEDS_APPROVAL)


def test_what_is_expected_of_it_is_what_it_did_before():
    helped, failed = (an_action(remedy="b", outcome=word) for word in (Outcome.SUCCESSFUL, Outcome.NONE))
    assert planned(a_step("b")).expected == "Not tried here before; measured afterwards"
    again = planned(a_step("b"), earlier=(helped, failed, failed, an_action(remedy="c")))
    assert again.expected == "Restored the connection in 1 of 3 earlier attempts; measured afterwards"


AFTER = an_action(id="ACT-2", remedy="change_route", state=ActionState.EXECUTING, planned_at=NOW + 4 * MINUTE)
OTHER = AFTER.model_copy(update={"id": "ACT-3", "remedy": "recycle_connections"})
JUDGED = CURRENT.model_copy(update={"state": ActionState.FAILED})
W, E, X = PendingState.WAITING, PendingState.EXECUTED, PendingState.WITHDRAWN


@pytest.mark.parametrize(
    ("state", "actions", "minutes", "becomes", "why"),
    [
        pytest.param(State.VERIFYING, (CURRENT,), 2, W, "", id="its time has not come"),
        pytest.param(State.VERIFYING, (CURRENT,), 3, W, "", id="the measuring takes longer"),
        pytest.param(State.DIAGNOSING, (JUDGED,), 3, W, "", id="it is about to have its turn"),
        pytest.param(State.REMEDIATING, (JUDGED, AFTER), 4, E, "", id="it was carried out"),
        pytest.param(State.MONITORING, (CURRENT,), 3, X, "recovered without it", id="it was not needed"),
        pytest.param(State.VERIFYING, (JUDGED, OTHER), 5, X, "another remedy had its turn", id="another was taken"),
        pytest.param(State.AWAITING_APPROVAL, (JUDGED,), 4, X, "a person is asked", id="a person is asked first"),
        pytest.param(State.OPEN, (JUDGED,), 4, X, "", id="nothing more may be tried"),
    ],
)
def test_it_is_executed_at_its_time_or_withdrawn_with_a_reason(state, actions, minutes, becomes, why):
    before = planned(a_step("change_route"))
    after = settled(before, at(state), actions, NOW + minutes * MINUTE, MINUTE)
    assert (after.state, why in after.why) == (becomes, True)
    assert bool(after.why) is (becomes is X)


@given(st.lists(st.sampled_from(sorted(BEFORE_IT)), min_size=4, max_size=30))
def test_what_waits_is_never_overdue(states):
    """The report may not say of it that it was due."""
    pending: Pending = planned(a_step("change_route"))
    now: datetime = NOW
    for state in states:
        now += MINUTE
        pending = settled(pending, at(state), (CURRENT,), now, MINUTE)
        assert pending.state is W
        assert pending.scheduled_at > now
