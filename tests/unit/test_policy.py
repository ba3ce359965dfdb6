"""The decision table, row by row, and in its order."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.actuator import Role
from models.integration import Environment
from models.policy import TABLE, Limits, Permission, Policy, Request, Verdict, decide
from models.remedy import EffectClass
from models.signature import EvidenceKind
from models.tier import Mode
from tests.builders import a_diagnosis, a_hypothesis, a_remedy, evidence

TODAY = date(2026, 11, 23)
POLICY = Policy(version="1", owner="Integration Team")
AUTO = Permission(mode=Mode.AUTO)
HARMLESS = a_remedy()
SESSION = a_remedy(name="renew_credentials", effect=EffectClass.SESSION)
TRAFFIC = a_remedy(name="change_route", effect=EffectClass.TRAFFIC)
SPARING = a_remedy(name="open_breaker", effect=EffectClass.TRAFFIC, fail_safe=True)
WRITE = a_remedy(name="resend", effect=EffectClass.EXTERNAL_WRITE, reversible=False, idempotent=False)


def surely(confidence: float = 0.93, *kinds: EvidenceKind, **changes: Any):
    """A diagnosis of this confidence on these kinds of evidence; two unless told."""
    pieces = [evidence("7 of 20", kind=kind) for kind in kinds or (EvidenceKind.READINGS, EvidenceKind.LADDER)]
    best = a_hypothesis("token_expired", confidence, *pieces)
    return a_diagnosis(confidence=confidence, hypotheses=(best,), **changes)


def asked(**changes: Any) -> Request:
    """A session renewal that nothing speaks against."""
    told = {
        "remedy": SESSION,
        "permission": AUTO,
        "policy": POLICY,
        "diagnosis": surely(),
        "environment": Environment.PRODUCTION,
        "today": TODAY,
    }
    return Request(**{**told, **changes})


def approve(**changes: Any) -> Permission:
    return Permission(mode=Mode.APPROVE, **changes)


@pytest.mark.parametrize(
    ("changes", "rule", "verdict", "reason"),
    [
        pytest.param({"halted": "by hand"}, "D1", Verdict.REFUSED, "healing is halted: by hand", id="D1 the switch"),
        pytest.param(
            {"skew_s": -61.0},
            "D4",
            Verdict.HOLD,
            "their clock is -61 s from ours (limit 60 s): no timer can be trusted",
            id="D4 clocks apart",
        ),
        pytest.param(
            {"in_maintenance": "upgrade"}, "D5", Verdict.HOLD, "agreed maintenance: upgrade", id="D5 maintenance"
        ),
        pytest.param(
            {"held_by": "idp-main"}, "D6", Verdict.HOLD, "it depends on idp-main, which ails", id="D6 a parent ails"
        ),
        pytest.param(
            {"reopened": 3},
            "D9",
            Verdict.HOLD,
            "it came back 3 times after it was resolved (limit 3): it needs a person",
            id="D9 it comes and goes",
        ),
        pytest.param(
            {"permission": Permission(mode=Mode.NEVER)},
            "D2",
            Verdict.REFUSED,
            "renew_credentials is reserved for people",
            id="D2 the policy says never",
        ),
        pytest.param(
            {"remedy": a_remedy(name="rotate_key", effect=EffectClass.CREDENTIAL)},
            "D2",
            Verdict.REFUSED,
            "rotate_key is reserved for people",
            id="D2 keys are changed by people, whatever the policy says",
        ),
        pytest.param(
            {"remedy": a_remedy(needs="ChangesRoute"), "capable": False},
            "D2",
            Verdict.REFUSED,
            "this kind of system cannot do it (ChangesRoute)",
            id="D2 the connector cannot",
        ),
        pytest.param(
            {"remedy": a_remedy(name="restart_component", role=Role.RESTART), "has_actuator": False},
            "D2",
            Verdict.REFUSED,
            "no actuator for restart is declared",
            id="D2 nobody said how",
        ),
        pytest.param(
            {"nothing_left": True},
            "D2",
            Verdict.REFUSED,
            "renew_credentials has nothing left to change here",
            id="D2 it would change nothing",
        ),
        pytest.param(
            {
                "remedy": SESSION.model_copy(update={"never_after": ("invalid_credentials",)}),
                "refusal_code": "invalid_credentials",
            },
            "D2",
            Verdict.REFUSED,
            "renew_credentials must not follow invalid_credentials: it could lock the account",
            id="D2 after a refused password",
        ),
        pytest.param(
            {"rolled_back": True},
            "D2",
            Verdict.REFUSED,
            "renew_credentials was taken back in this incident",
            id="D2 once taken back",
        ),
        pytest.param(
            {"diagnosis": surely(cause="certificate_untrusted", security=True)},
            "D3",
            Verdict.REFUSED,
            "certificate_untrusted is a security matter",
            id="D3 security",
        ),
        pytest.param({"hands_off": True}, "D7", Verdict.HOLD, "a person has taken over", id="D7 a person"),
        pytest.param({"busy": True}, "D7", Verdict.HOLD, "another action is under way here", id="D7 another action"),
        pytest.param(
            {"still_failing": False},
            "D8",
            Verdict.NOT_NEEDED,
            "a fresh reading shows no fault",
            id="D8 not reproduced",
        ),
        pytest.param(
            {"attempts_in_incident": 2},
            "D10",
            Verdict.REFUSED,
            "renew_credentials was tried 2 times in this incident (limit 2)",
            id="D10 per incident",
        ),
        pytest.param(
            {"last_hour": 3},
            "D10",
            Verdict.REFUSED,
            "renew_credentials was tried 3 times within an hour (limit 3)",
            id="D10 per hour",
        ),
        pytest.param(
            {"last_day": 6},
            "D10",
            Verdict.REFUSED,
            "renew_credentials was tried 6 times within a day (limit 6)",
            id="D10 per day",
        ),
        pytest.param(
            {"all_last_10_minutes": 5},
            "D10",
            Verdict.REFUSED,
            "5 actions within 10 minutes (limit 5)",
            id="D10 everywhere",
        ),
        pytest.param(
            {"since_last_s": 899.0},
            "D10",
            Verdict.REFUSED,
            "renew_credentials was tried 899 s ago (cool-down 0:15:00)",
            id="D10 the cool-down",
        ),
        pytest.param(
            {"diagnosis": surely(0.49)},
            "D11",
            Verdict.REFUSED,
            "confidence 49% is below 50%",
            id="D11 too weak even to ask",
        ),
        pytest.param(
            {"permission": Permission()}, "D14", Verdict.DRY_RUN, "policy says dry run", id="D14 the default is paper"
        ),
        pytest.param(
            {"diagnosis": surely(0.79)},
            "D11",
            Verdict.NEEDS_APPROVAL,
            "confidence 79% is below 80%",
            id="D11 likely, and not sure",
        ),
        pytest.param(
            {"diagnosis": surely(0.93, EvidenceKind.READINGS)},
            "D11",
            Verdict.NEEDS_APPROVAL,
            "1 kind of evidence, 2 are asked for",
            id="D11 one kind of evidence",
        ),
        pytest.param(
            {"remedy": TRAFFIC},
            "D12",
            Verdict.NEEDS_APPROVAL,
            "traffic in production is not pre-approved",
            id="D12 traffic in production",
        ),
        pytest.param(
            {"remedy": a_remedy(effect=EffectClass.DATA), "permission": Permission(mode=Mode.AUTO, preapproved=True)},
            "D12",
            Verdict.NEEDS_APPROVAL,
            "data in production is not pre-approved",
            id="D12 data, however agreed",
        ),
        pytest.param(
            {"remedy": WRITE, "environment": Environment.TEST},
            "D12",
            Verdict.NEEDS_APPROVAL,
            "external_write in test is not pre-approved",
            id="D12 what cannot be undone, also in test",
        ),
        pytest.param(
            {
                "remedy": SESSION.model_copy(update={"idempotent": False}),
                "has_observer": False,
            },
            "D13",
            Verdict.NEEDS_APPROVAL,
            "it cannot be repeated safely, and cannot be observed",
            id="D13 neither repeatable nor observable",
        ),
        pytest.param({"permission": approve()}, "D15", Verdict.NEEDS_APPROVAL, "policy says ask", id="D15 ask"),
        pytest.param(
            {"tier": Mode.APPROVE},
            "D15",
            Verdict.NEEDS_APPROVAL,
            "the integration's `healing` says ask",
            id="D15 policy would act, the integration asks",
        ),
        pytest.param(
            {"tier": Mode.DRY_RUN},
            "D14",
            Verdict.DRY_RUN,
            "the integration's `healing` says dry run",
            id="D14 policy would act, the integration only on paper",
        ),
        pytest.param(
            {"tier": Mode.NEVER}, "D2", Verdict.REFUSED, "renew_credentials is reserved for people", id="D2 not here"
        ),
        pytest.param(
            {"policy": POLICY.model_copy(update={"review_by": date(2026, 11, 22)})},
            "D15",
            Verdict.NEEDS_APPROVAL,
            "the policy is past its review date",
            id="D15 nobody has looked at the policy",
        ),
        pytest.param({}, "D16", Verdict.ALLOWED, "session, within limits", id="D16 nothing speaks against it"),
    ],
)
def test_a_row_of_the_table_decides(changes, rule, verdict, reason):
    decision = decide(asked(**changes))
    assert (decision.rule, decision.verdict, decision.reason) == (rule, verdict, reason)
    assert decision.escalates is (verdict is Verdict.REFUSED)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"since_last_s": 900.0}, id="the cool-down is over"),
        pytest.param({"attempts_in_incident": 1, "last_hour": 2, "last_day": 5}, id="one below each limit"),
        pytest.param({"all_last_10_minutes": 4}, id="one below the limit of all"),
        pytest.param({"diagnosis": surely(0.80)}, id="sure enough"),
        pytest.param({"remedy": TRAFFIC, "environment": Environment.TEST}, id="traffic in test"),
        pytest.param({"remedy": SPARING}, id="traffic in production that only keeps us from calling"),
        pytest.param({"remedy": TRAFFIC, "permission": Permission(mode=Mode.AUTO, preapproved=True)}, id="agreed"),
        pytest.param({"policy": POLICY.model_copy(update={"review_by": TODAY})}, id="the day of the review"),
        pytest.param({"remedy": a_remedy(effect=EffectClass.OBSERVE), "still_failing": False}, id="looking is free"),
        pytest.param({"refusal_code": "invalid_client"}, id="a refusal that this remedy may follow"),
        pytest.param({"remedy": SESSION.model_copy(update={"idempotent": False})}, id="not repeatable, but observable"),
    ],
)
def test_within_every_bound_it_may_run(changes):
    assert decide(asked(**changes)).rule == "D16"


@pytest.mark.parametrize(
    ("remedy", "rule"),
    [
        pytest.param(HARMLESS, "D16", id="ours, undone by itself, repeatable"),
        pytest.param(a_remedy(effect=EffectClass.OBSERVE), "D16", id="only looking"),
        pytest.param(a_remedy(reversible=False), "D11", id="ours, and for good"),
        pytest.param(a_remedy(idempotent=False), "D11", id="ours, and not repeatable"),
        pytest.param(SESSION, "D11", id="their session"),
        pytest.param(TRAFFIC, "D11", id="their traffic"),
        pytest.param(SPARING, "D11", id="to spare them"),
    ],
)
def test_what_can_do_no_harm_needs_no_more_confidence_than_a_proposal(remedy, rule):
    for diagnosis in (surely(0.5), surely(0.79), surely(0.99, EvidenceKind.READINGS)):
        assert decide(asked(remedy=remedy, diagnosis=diagnosis)).rule == rule
    assert decide(asked(remedy=remedy, diagnosis=surely(0.49))).verdict is Verdict.REFUSED


SPOILERS: tuple[dict[str, Any], ...] = (
    {"halted": "by hand"},
    {"capable": False},
    {"diagnosis": surely(0.93, security=True)},
    {"skew_s": 61.0},
    {"in_maintenance": "upgrade"},
    {"held_by": "idp-main"},
    {"busy": True},
    {"still_failing": False},
    {"reopened": 3},
    {"last_day": 6},
    {"diagnosis": surely(0.49)},
    {"permission": Permission()},
    {"diagnosis": surely(0.6)},
    {"remedy": TRAFFIC},
    {"permission": approve()},
)
ORDER = ("D1", "D2", "D3", "D4", "D5", "D6", "D7", "D8", "D9", "D10", "D11", "D14", "D11", "D12", "D15")


@pytest.mark.parametrize("first", [pytest.param(n, id=f"{rule} at {n}") for n, rule in enumerate(ORDER)])
def test_the_first_rule_that_applies_decides_whatever_else_does(first):
    request = asked()
    for spoiler in reversed(SPOILERS[first:]):
        request = replace(request, **spoiler)
    assert decide(request).rule == ORDER[first]


LIMITS = ({"attempts_in_incident": 2}, {"last_hour": 3}, {"last_day": 6}, {"all_last_10_minutes": 5})


@pytest.mark.parametrize("spent", [pytest.param(one, id=next(iter(one))) for one in LIMITS])
@pytest.mark.parametrize("remedy", [HARMLESS, SESSION, TRAFFIC], ids=lambda remedy: remedy.name)
def test_no_approval_exceeds_a_limit(spent, remedy):
    """A limit is refused before anybody is asked, so there is nothing that a person could approve."""
    decision = decide(asked(remedy=remedy, permission=approve(preapproved=True), **spent))
    assert (decision.rule, decision.verdict) == ("D10", Verdict.REFUSED)


@given(st.integers(1, 9), st.integers(0, 20))
def test_a_limit_is_reached_when_it_is_used_up(limit, done):
    permission = Permission(mode=Mode.AUTO, limits=Limits(attempts_per_incident=limit))
    assert (decide(asked(permission=permission, attempts_in_incident=done)).rule == "D10") is (done >= limit)


requests = st.builds(
    asked,
    remedy=st.sampled_from([HARMLESS, SESSION, TRAFFIC, WRITE, a_remedy(effect=EffectClass.CREDENTIAL)]),
    permission=st.builds(Permission, mode=st.sampled_from(Mode), preapproved=st.booleans()),
    diagnosis=st.builds(surely, st.floats(0, 1), security=st.booleans()),
    environment=st.sampled_from(Environment),
    halted=st.none() | st.just("by hand"),
    capable=st.booleans(),
    still_failing=st.booleans(),
    busy=st.booleans(),
    rolled_back=st.booleans(),
    attempts_in_incident=st.integers(0, 3),
    since_last_s=st.none() | st.floats(0, 2000),
)


@given(requests)
def test_whatever_is_asked_there_is_one_answer_and_what_runs_alone_is_allowed_by_all(request_):
    decision = decide(request_)
    assert decision.rule in {rule.id for rule in TABLE}
    assert decision.reason
    if decision.verdict is Verdict.ALLOWED:
        assert request_.permission.mode is Mode.AUTO
        assert not any((request_.halted, request_.busy, request_.rolled_back, request_.diagnosis.security))
        assert request_.attempts_in_incident < request_.permission.limits.attempts_per_incident
        assert request_.remedy.effect is not EffectClass.CREDENTIAL
        assert request_.diagnosis.confidence >= POLICY.propose_confidence
    if request_.halted:
        assert decision.rule == "D1"


def test_a_remedy_that_is_not_mentioned_is_only_tried_on_paper():
    assert POLICY.permission("unheard_of") == Permission(mode=Mode.DRY_RUN)
    named = POLICY.model_copy(update={"remedies": {"retry_failed": AUTO}})
    assert named.permission("retry_failed") == AUTO


def test_the_fingerprint_of_a_policy_follows_what_it_allows():
    other = POLICY.model_copy(update={"min_confidence": 0.9})
    assert POLICY.sha256 == Policy(version="1", owner="Integration Team").sha256
    assert other.sha256 != POLICY.sha256
    assert Limits().cooldown == timedelta(minutes=15)
