"""What a person is asked about a plan, and what is said of how the asking ended."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from models.question import ending_of, form_of, run_name
from models.remedy import ActionState, Approval, EffectClass
from tests.builders import NOW, a_diagnosis, a_remedy, an_action, an_integration

WORD = Approval(by="Integration Team", why="the vendor asked for it", at=NOW)


def a_plan(**changes: Any):
    waits = {"state": ActionState.AWAITING_APPROVAL, "rule": "D12", "reason": "traffic in production"}
    until = NOW + timedelta(minutes=30)
    return an_action(**{**waits, "executed_at": None, "judged_at": None, "expires_at": until, **changes})


def test_its_run_is_found_by_the_plan_it_asks_about():
    assert run_name(an_action(), an_integration()) == "approve ACT-1: Renew the credential (Epic FHIR API)"


def test_the_form_says_what_is_done_to_what_and_how_it_ends():
    remedy = a_remedy(effect=EffectClass.TRAFFIC, reversible=True, verify_cycles=3, cost="slower answers")
    told = form_of(
        a_plan(approvals=(WORD,), plan_hash="a1b2c3d4e5f60718" * 4),
        remedy,
        an_integration(),
        a_diagnosis(says="Their server does not answer", confidence=0.83),
        watched=12,
        people=2,
        lasts_s=3600.0,
        refused="why: too long",
    )
    assert told.splitlines() == [
        "**Not taken: why: too long. Please write it anew.**",
        "",
        "May this be done?",
        "",
        "- **what:** Renew the credential; costs slower answers",
        "- **to:** Epic FHIR API (`epic-fhir-main`), production",
        "- **because:** Their server does not answer (83% sure)",
        "- **asked by:** rule D12: traffic in production",
        "- **reaches:** where the calls of this connection go; 1 of 12 integrations",
        "- **verified by:** 3 cycles of newer readings",
        "- **taken back:** by itself after 60 minutes, sooner if it does not help",
        "- **people:** 1 of 2 have agreed; each must be another person",
        "- **until:** 2025-03-26 14:15 UTC; then it expires",
        "- **plan:** `a1b2c3d4e5f6` of INC-2025-03-26-001",
        "",
        "On a terminal: `heal approve ACT-1` or `heal reject ACT-1`. Write nothing about a patient.",
    ]
    assert WORD.by not in told


@pytest.mark.parametrize(
    ("changes", "name", "is_decided"),
    [
        pytest.param({}, None, None, id="it waits"),
        pytest.param({"state": ActionState.EXPIRED}, "Expired", False, id="nobody answered"),
        pytest.param({"state": ActionState.CANCELLED, "rejection": WORD}, "Rejected", True, id="a person said no"),
        pytest.param({"state": ActionState.CANCELLED}, "Withdrawn", False, id="it was withdrawn"),
        pytest.param({"state": ActionState.CANCELLED, "judged_at": NOW}, "Agreed", True, id="agreed to, and dropped"),
        pytest.param({"state": ActionState.APPROVED}, "Agreed", True, id="agreed to"),
        pytest.param({"state": ActionState.ROLLED_BACK}, "Agreed", True, id="agreed to, done and taken back"),
    ],
)
def test_how_the_asking_ended(changes, name, is_decided):
    ending = ending_of(a_plan(**changes))
    assert (ending and ending.name, ending and ending.is_decided) == (name, is_decided)
