"""When a human is called, whom, and with what in hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.anomaly import Severity
from models.diagnosis import INCONCLUSIVE
from models.escalation import RULES, Situation, contact_groups, raise_escalation, reason_to_escalate, team_for
from models.incident import Moment, State
from models.integration import Contacts
from models.policy import Decision, EscalationRule, Policy, Verdict
from models.remedy import ActionState, Outcome
from models.signature import FaultDomain
from tests.builders import NOW, a_diagnosis, an_action, an_incident, an_integration

POLICY = Policy(version="1", owner="us", escalation=EscalationRule(after_attempts=3, after=timedelta(minutes=30)))
MINUTE = timedelta(minutes=1)
CONTACTS = Contacts()
OURS = a_diagnosis(fault_domain=FaultDomain.OURS)
UNKNOWN = a_diagnosis(cause=INCONCLUSIVE, fault_domain=None)


def failed(nth: int = 1, **changes: Any):
    return an_action(**{"id": f"ACT-{nth}", "state": ActionState.FAILED, "outcome": Outcome.NONE, **changes})


def a_waiting_plan():
    waits = {"state": ActionState.AWAITING_APPROVAL, "executed_at": None, "expires_at": NOW + 30 * MINUTE}
    return an_action(id="ACT-2", **waits)


def situation(**changes: Any) -> Situation:
    """An incident of ten minutes that is being worked on, with a remedy left; nobody needs to be called."""
    about = {
        "state": changes.pop("state", State.OPEN),
        "diagnosis": changes.pop("diagnosis", OURS),
        "detected_at": NOW - changes.pop("age", 10 * MINUTE),
        "restored_at": changes.pop("restored_at", None),
        "escalated_for": changes.pop("escalated_for", None),
    }
    told = {
        "incident": an_incident(**about),
        "actions": (),
        "decision": None,
        "remedies_left": True,
        "policy": POLICY,
        "as_of": NOW,
    }
    return Situation(**{**told, **changes})


def decided(verdict: Verdict) -> Decision:
    return Decision(verdict=verdict, rule="D10", reason="tried 2 times in this incident (limit 2)")


def held(rule: str, reason: str, minutes: int = 0, **changes: Any) -> Situation:
    """A rule of the decision table has said wait, so many minutes after the diagnosis; long after the beginning."""
    told = situation(state=State.DIAGNOSING, age=25 * MINUTE, **changes)
    thread = (
        Moment(at=NOW - 25 * MINUTE, state=State.OPEN, says="3 of the last 5 cycles were bad"),
        Moment(at=NOW - minutes * MINUTE, state=State.DIAGNOSING, says="Diagnosed"),
        Moment(at=NOW, state=State.DIAGNOSING, says="Diagnosed"),
    )
    incident = told.incident.model_copy(update={"moments": thread})
    decision = Decision(verdict=Verdict.HOLD, rule=rule, reason=reason)
    return Situation(**{**vars(told), "incident": incident, "decision": decision})


FLAPS = "it came back 3 times after it was resolved (limit 3): it needs a person"
SKEW = "their clock is +90 s from ours (limit 60 s): no timer can be trusted"


FIRING: dict[str, tuple[Situation, str, str]] = {
    "a certificate of somebody else": (
        situation(diagnosis=a_diagnosis(security=True, says="Their certificate is not theirs")),
        "E4-security",
        "Their certificate is not theirs: healing is locked",
    ),
    "an interrupted action": (
        situation(actions=(failed(state=ActionState.NEEDS_HUMAN),)),
        "A7-unknown-effect",
        "an action was interrupted, and only a person may go on with it",
    ),
    "what cannot be taken back": (
        situation(actions=(failed(state=ActionState.ROLLBACK_FAILED),)),
        "A8-not-taken-back",
        "what was done outside of us did not help, and could not be taken back",
    ),
    "three attempts in vain": (
        situation(state=State.DIAGNOSING, actions=tuple(failed(n) for n in range(3))),
        "E1-attempts-unsuccessful",
        "3 automatic attempts did not restore the connection",
    ),
    "flapping": (held("D9", FLAPS), "D9-flapping", FLAPS),
    "a clock that stays wrong": (held("D4", SKEW, minutes=10), "D4-clock", f"{SKEW}, for 10 minutes already"),
    "no known cause": (situation(diagnosis=UNKNOWN), "E5-novel", "no known cause explains what was measured"),
    "refused by policy": (
        situation(decision=decided(Verdict.REFUSED)),
        "E3-outside-boundaries",
        "rule D10: tried 2 times in this incident (limit 2)",
    ),
    "waiting for approval": (
        situation(state=State.AWAITING_APPROVAL, decision=decided(Verdict.NEEDS_APPROVAL)),
        "E3-outside-boundaries",
        "rule D10: tried 2 times in this incident (limit 2)",
    ),
    "a plan that waits": (
        situation(
            state=State.AWAITING_APPROVAL,
            decision=Decision(verdict=Verdict.NEEDS_APPROVAL, rule="D15", reason="policy says ask"),
            actions=(failed(), a_waiting_plan()),
        ),
        "E3-outside-boundaries",
        "rule D15: policy says ask; heal approve ACT-2, or approve ACT-2 in the Prefect UI under Runs, until 14:15 UTC",
    ),
    "only on paper": (
        situation(decision=decided(Verdict.DRY_RUN)),
        "E3-outside-boundaries",
        "rule D10: tried 2 times in this incident (limit 2)",
    ),
    "one attempt in vain, and no other": (
        situation(actions=(failed(),), remedies_left=False),
        "E1-nothing-left",
        "1 automatic attempts did not restore it, and none is left",
    ),
    "the vendor's to mend": (
        situation(diagnosis=a_diagnosis(fault_domain=FaultDomain.VENDOR), remedies_left=False),
        "E2-external",
        "vendor must act",
    ),
    "open for half an hour": (situation(age=30 * MINUTE), "T1-too-long", "open for longer than 0:30:00"),
    "well for half an hour, and something is still missing": (
        situation(state=State.MONITORING, age=45 * MINUTE, restored_at=NOW - 30 * MINUTE),
        "T2-not-made-up",
        "it works again, and what was missed is not made up for after 0:30:00",
    ),
}


@pytest.mark.parametrize(
    ("told", "rule", "says"), [pytest.param(*expected, id=name) for name, expected in FIRING.items()]
)
def test_a_human_is_called_for_a_reason_that_is_printed(told, rule, says):
    reason = reason_to_escalate(told)
    assert reason is not None
    assert (reason.rule, reason.says) == (rule, says)


def test_every_rule_has_its_situation_above():
    assert {rule for _, rule, _ in FIRING.values()} == {rule.id for rule in RULES}


@pytest.mark.parametrize("told", [pytest.param(told, id=name) for name, (told, _, _) in FIRING.items()])
def test_a_human_is_called_once_for_an_incident(told):
    known = told.incident.model_copy(update={"escalated_for": "E5-novel"})
    assert reason_to_escalate(Situation(**{**vars(told), "incident": known})) is None


@pytest.mark.parametrize("state", [State.RESOLVED, State.CLOSED])
@pytest.mark.parametrize("told", [pytest.param(told, id=name) for name, (told, _, _) in FIRING.items()])
def test_nobody_is_called_for_what_is_over(told, state):
    over = told.incident.model_copy(update={"state": state})
    assert reason_to_escalate(Situation(**{**vars(told), "incident": over})) is None


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(situation(), id="a remedy is left, and it is ours"),
        pytest.param(situation(diagnosis=None), id="not diagnosed yet"),
        pytest.param(situation(state=State.DIAGNOSING, diagnosis=UNKNOWN), id="still being diagnosed"),
        pytest.param(situation(state=State.VERIFYING, decision=decided(Verdict.REFUSED)), id="an attempt is judged"),
        pytest.param(situation(decision=decided(Verdict.ALLOWED)), id="allowed"),
        pytest.param(situation(decision=decided(Verdict.HOLD)), id="waiting for another action"),
        pytest.param(situation(decision=decided(Verdict.NOT_NEEDED)), id="no fault any more"),
        pytest.param(situation(age=29 * MINUTE), id="a minute before half an hour"),
        pytest.param(held("D4", SKEW, minutes=9), id="a clock that may have been measured wrongly"),
        pytest.param(held("D5", "agreed maintenance: upgrade", minutes=20), id="agreed maintenance"),
        pytest.param(situation(actions=(failed(1), failed(2))), id="two attempts in vain, and a third left"),
        pytest.param(
            situation(actions=(failed(1), failed(2), an_action(id="ACT-3"))), id="two in vain and one that helped"
        ),
        pytest.param(
            situation(actions=tuple(failed(n, state=ActionState.CANCELLED, executed_at=None) for n in range(3))),
            id="three that were never done",
        ),
        pytest.param(
            situation(actions=(failed(1), failed(2), failed(3, state=ActionState.VERIFYING))), id="one is being judged"
        ),
        pytest.param(situation(diagnosis=OURS, remedies_left=False), id="ours to mend, and nobody else's"),
    ],
)
def test_nobody_is_disturbed_while_we_may_go_on(told):
    assert reason_to_escalate(told) is None


@pytest.mark.parametrize("name", FIRING)
def test_of_what_only_depends_nobody_hears_but_what_cannot_wait(name):
    told, rule, _ = FIRING[name]
    held_back = Situation(**{**vars(told), "incident": told.incident.model_copy(update={"held_by": "idp-main"})})
    reason = reason_to_escalate(held_back)
    assert (reason.rule if reason else None) == (rule if rule in {"E4-security", "A7-unknown-effect"} else None)


def test_security_comes_before_everything_else():
    told = situation(
        diagnosis=a_diagnosis(security=True),
        actions=tuple(failed(n) for n in range(4)),
        decision=decided(Verdict.REFUSED),
        age=timedelta(days=1),
    )
    reason = reason_to_escalate(told)
    assert reason is not None
    assert reason.rule == "E4-security"


@given(
    st.builds(
        situation,
        state=st.sampled_from(State),
        diagnosis=st.none() | st.builds(a_diagnosis, security=st.booleans()),
        decision=st.none() | st.builds(decided, st.sampled_from(Verdict)),
        remedies_left=st.booleans(),
        age=st.timedeltas(timedelta(0), timedelta(hours=2)),
        escalated_for=st.none() | st.just("T1-too-long"),
        actions=st.lists(st.builds(failed, state=st.sampled_from(ActionState)), max_size=4).map(tuple),
    )
)
def test_an_open_incident_is_never_left_alone_for_longer_than_the_policy_says(told):
    reason = reason_to_escalate(told)
    if reason is not None:
        assert told.incident.is_active
        assert told.incident.escalated_for is None
        assert reason.says
    elif told.is_stuck and told.incident.escalated_for is None:
        assert told.as_of - told.incident.detected_at < POLICY.escalation.after


@pytest.mark.parametrize(
    ("domain", "team"),
    [
        pytest.param(FaultDomain.OURS, "Integration Team", id="ours"),
        pytest.param(FaultDomain.NETWORK, "Network Operations", id="the path"),
        pytest.param(FaultDomain.IDENTITY, "Vendor Support", id="their identity provider"),
        pytest.param(FaultDomain.VENDOR, "Vendor Support", id="their service"),
        pytest.param(FaultDomain.SECURITY, "Security", id="security"),
        pytest.param(FaultDomain.PRACTICE, "Integration Team", id="the practice's own side"),
        pytest.param(None, "Integration Team", id="nobody knows whose"),
    ],
)
def test_the_team_that_can_act_is_called_and_the_owner_always_hears_of_it(domain, team):
    assert team_for(domain, CONTACTS) == team
    groups = contact_groups(domain, CONTACTS)
    assert (groups[0], groups[-1]) == (team, "Integration Team")
    assert len(groups) == len(set(groups))


def test_every_fault_domain_has_somebody():
    assert all(team_for(domain, CONTACTS) for domain in FaultDomain)


def test_the_call_carries_what_is_known():
    integration, incident = an_integration(), an_incident(severity=Severity.CRITICAL)
    reason = reason_to_escalate(situation(age=timedelta(hours=1)))
    assert reason is not None
    call = raise_escalation(incident, integration, (failed(), failed(2, executed_at=None)), reason, NOW)
    assert call.id == "ESC-2025-03-26-001-T1-too-long"
    assert (call.priority, call.team, call.contact_groups) == (
        Severity.CRITICAL,
        "Vendor Support",
        ("Vendor Support", "Integration Team"),
    )
    assert call.cause == "OAuth2 access token expired and refresh token request failing"
    assert (call.since, call.raised_at, call.impact) == (incident.started_at, NOW, integration.impact)
    assert len(call.tried) == 1  # what was not done was not tried
    assert call.tried[0].startswith("Renew the credential - NO_IMPROVEMENT: ")
    assert call.recommended == ("Ask the vendor which token lifetime applies from now on",)
    assert call.evidence


def test_a_call_before_any_diagnosis_says_so():
    reason = reason_to_escalate(situation(age=timedelta(hours=1), diagnosis=None))
    assert reason is not None
    call = raise_escalation(an_incident(diagnosis=None), an_integration(), (), reason, NOW)
    assert (call.cause, call.confidence, call.team) == ("not diagnosed yet", 0.0, "Integration Team")
    assert call.recommended == ("Look at the evidence by hand: heal explain",)
