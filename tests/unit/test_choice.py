"""Which remedy comes next: in the order of the diagnosis, as policy allows, and none twice in vain."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from models.choice import choose, request_for, untried
from models.policy import Permission, Policy, Request, Verdict
from models.remedy import ActionState, EffectClass, Outcome
from models.tier import Mode
from tests.builders import EPIC, NOW, UNITY, a_diagnosis, a_remedy, an_action, an_incident, an_integration

WANTED = ("retry_failed", "change_route", "raise_deadline")
REMEDIES = {name: a_remedy(name=name) for name in WANTED}
MINUTE = timedelta(minutes=1)
POLICY = Policy(version="1", owner="us", remedies={name: Permission(mode=Mode.AUTO) for name in WANTED})


def tried(remedy: str = "retry_failed", ago: timedelta = 20 * MINUTE, **changes: Any):
    return an_action(**{"remedy": remedy, "executed_at": NOW - ago, "outcome": Outcome.NONE, **changes})


def asked(**changes: Any) -> Request:
    told = {
        "incident": an_incident(),
        "integration": an_integration(),
        "policy": POLICY,
        "actions": (),
        "recent": (),
        "as_of": NOW,
        "capable": True,
        "halted": None,
        "still_failing": True,
        "refusal_code": None,
    }
    return request_for(changes.pop("remedy", REMEDIES["retry_failed"]), **{**told, **changes})


@pytest.mark.parametrize(
    ("actions", "left"),
    [
        pytest.param((), WANTED, id="nothing was tried"),
        pytest.param((tried(),), WANTED[1:], id="what did not help is not tried again"),
        pytest.param((tried(outcome=Outcome.PARTIAL),), WANTED[1:], id="nor what helped a little"),
        pytest.param((tried(outcome=Outcome.SUCCESSFUL),), WANTED, id="what helped may be, when trouble returns"),
        pytest.param(
            (tried(outcome=Outcome.SUCCESSFUL), tried(outcome=Outcome.NONE)), WANTED[1:], id="the last time counts"
        ),
        pytest.param(
            (tried(state=ActionState.DENIED, executed_at=None),), WANTED, id="what was never done was not tried"
        ),
        pytest.param(
            (tried(), tried(state=ActionState.CANCELLED, executed_at=None)), WANTED[1:], id="a cancelled second plan"
        ),
        pytest.param((tried("another"),), WANTED, id="something else was tried"),
        pytest.param(tuple(tried(name) for name in WANTED), (), id="nothing is left"),
    ],
)
def test_what_is_left_to_try(actions, left):
    assert untried(WANTED, actions) == left


def test_everything_is_counted_from_the_rows():
    mine = (tried(ago=5 * MINUTE), tried(ago=10 * MINUTE), tried(executed_at=None), tried("change_route"))
    recent = (
        *mine,
        tried(ago=59 * MINUTE),
        tried(ago=60 * MINUTE),
        tried(ago=61 * MINUTE),
        tried(ago=5 * MINUTE, integration_id=UNITY),
    )
    request = asked(actions=mine, recent=recent)
    assert request.attempts_in_incident == 2
    assert (request.last_hour, request.last_day) == (4, 5)
    assert request.all_last_10_minutes == 3  # of all remedies, everywhere
    assert request.since_last_s == 300
    assert request.permission == POLICY.permission("retry_failed")
    assert request.today == NOW.date()


@pytest.mark.parametrize(
    ("actions", "said"),
    [
        pytest.param((), (False, False), id="nothing was done"),
        pytest.param((tried(state=ActionState.VERIFYING),), (True, False), id="another is being verified"),
        pytest.param((tried("change_route", state=ActionState.EXECUTING),), (True, False), id="or another is executed"),
        pytest.param((tried(state=ActionState.ROLLED_BACK),), (False, True), id="this one was taken back"),
        pytest.param((tried("change_route", state=ActionState.ROLLED_BACK),), (False, False), id="another was"),
    ],
)
def test_whose_turn_it_is_and_what_was_taken_back_come_from_the_rows(actions, said):
    request = asked(actions=actions)
    assert (request.busy, request.rolled_back) == said


def test_without_any_attempt_there_is_no_cool_down():
    assert asked().since_last_s is None


def test_without_a_diagnosis_there_is_nothing_to_ask():
    with pytest.raises(ValueError, match="INC-2025-03-26-001 has no diagnosis"):
        asked(incident=an_incident(diagnosis=None))


def choose_with(**said: dict[str, Any]):
    """Choose among the wanted ones, where these requests differ from one that is allowed."""
    return choose(WANTED, REMEDIES, lambda remedy: replace(asked(remedy=remedy), **said.get(remedy.name, {})))


def test_the_first_that_may_run_is_chosen():
    chosen, decision = choose_with()
    assert chosen is not None
    assert (chosen.remedy.name, chosen.decision.verdict) == ("retry_failed", Verdict.ALLOWED)
    assert decision == chosen.decision


@pytest.mark.parametrize(
    "passed_over",
    [
        pytest.param({"attempts_in_incident": 2}, id="a refused one"),
        pytest.param({"permission": Permission()}, id="one that may only be tried on paper"),
        pytest.param({"capable": False}, id="one that this system cannot do"),
    ],
)
def test_what_may_not_run_is_passed_over(passed_over):
    chosen, _ = choose_with(retry_failed=passed_over)
    assert chosen is not None
    assert chosen.remedy.name == "change_route"


@pytest.mark.parametrize(
    ("stops", "verdict"),
    [
        pytest.param({"permission": Permission(mode=Mode.APPROVE)}, Verdict.NEEDS_APPROVAL, id="one that is asked for"),
        pytest.param({"busy": True}, Verdict.HOLD, id="one that must wait"),
        pytest.param({"still_failing": False}, Verdict.NOT_NEEDED, id="one that is not needed any more"),
    ],
)
def test_what_must_wait_is_not_passed_over(stops, verdict):
    chosen, decision = choose_with(retry_failed=stops)
    assert chosen is not None
    assert (chosen.remedy.name, chosen.decision.verdict) == ("retry_failed", verdict)
    assert decision == chosen.decision


def test_when_all_are_refused_the_last_reason_is_kept():
    chosen, decision = choose_with(**{name: {"last_day": 6 + n} for n, name in enumerate(WANTED)})
    assert chosen is None
    assert decision is not None
    assert decision.reason == "raise_deadline was tried 8 times within a day (limit 6)"


def test_with_nothing_wanted_nothing_is_decided():
    assert choose((), REMEDIES, lambda _: asked()) == (None, None)


def test_a_security_diagnosis_refuses_every_remedy():
    locked = an_incident(diagnosis=a_diagnosis(security=True))
    remedies = {name: a_remedy(name=name, effect=effect) for name, effect in zip(WANTED, EffectClass, strict=False)}
    chosen, decision = choose(WANTED, remedies, lambda remedy: asked(remedy=remedy, incident=locked))
    assert chosen is None
    assert decision is not None
    assert decision.rule == "D3"
    assert locked.integration_id == EPIC
