"""The cards: the examples' form, and not one line that was not measured or done."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings

from models.card import incident_card
from models.diagnosis import INCONCLUSIVE
from models.incident import State
from models.markdown import status_rows, to_markdown
from models.phrases import adjustment_line
from models.remedy import Effect
from models.remedy import Outcome as Result
from models.report import build_report
from models.story import Backlog
from models.tuning import SHARES, Adjustment, Setting
from tasks.report.page import page
from tests.builders import (
    NOW,
    a_diagnosis,
    a_hypothesis,
    a_story,
    an_action,
    an_integration,
    counts,
    escalated_story,
    evidence,
    healed_story,
    healthy_story,
    unknown_story,
)
from tests.goldens import STORIES, golden
from tests.strategies import stories


def section(card, heading):
    """The lines below one heading; empty when it is not there."""
    parts = dict(part.split("\n", 1) for part in card.strip().split("\n\n"))
    return parts.get(heading, "").splitlines()


def headings(card):
    return [part.split("\n")[0] for part in card.strip().split("\n\n")]


@pytest.mark.parametrize("name", STORIES)
def test_a_card_is_told_as_reviewed(name):
    assert incident_card(STORIES[name]()) == golden(name, "card.txt")


@pytest.mark.parametrize("name", STORIES)
def test_the_markdown_is_told_as_reviewed(name):
    assert to_markdown(STORIES[name]()) == golden(name, "md")


def test_a_healed_incident_has_the_sections_of_the_first_example():
    assert headings(incident_card(healed_story())) == [
        "INTEGRATION INCIDENT DETECTED:",
        "DIAGNOSTIC FINDINGS:",
        "AUTOMATED REMEDIATION ACTIONS:",
        "RESOLUTION:",
        "PREVENTATIVE ACTIONS:",
    ]


def test_an_escalated_incident_has_the_sections_of_the_second_example():
    assert headings(incident_card(escalated_story())) == [
        "INTEGRATION INCIDENT ESCALATION:",
        "DIAGNOSTIC FINDINGS:",
        "ATTEMPTED REMEDIATION:",
        "ESCALATION REQUIRED:",
        "TEMPORARY MITIGATION:",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "📉 Allscripts Unity API connection reporting authentication failures",
        "🕒 Started: 09:15:23 AM EDT",
        "⚠️ Impact: Patient data synchronization paused, prescriptions unable to be retrieved",
        "✓ Root Cause: OAuth2 access token expired and refresh token request failing",
        "✓ Initiated credential renewal flow [09:32:18] - SUCCESSFUL",
        "✓ Reestablished OAuth session with new credentials [09:32:45] - SUCCESSFUL",
        "✓ Verified successful API test calls [09:33:12] - SUCCESSFUL",
        "✓ Resumed normal data synchronization [09:33:30] - SUCCESSFUL",
        "✅ Connection fully restored after 18 minutes of degradation",
    ],
)
def test_the_lines_of_the_first_example_are_said(line):
    assert line in incident_card(healed_story()).splitlines()


@pytest.mark.parametrize(
    "line",
    [
        "❓ Confidence Level: MEDIUM (65%)",
        "👤 Recommended Team: Network Operations",
        "📋 Suggested Actions:",
        "  1. Engage with ISP to investigate potential network congestion",
    ],
)
def test_the_lines_of_the_second_example_are_said(line):
    assert line in incident_card(escalated_story()).splitlines()


def test_an_attempt_that_halved_nothing_is_called_what_it_was():
    lines = section(incident_card(escalated_story()), "ATTEMPTED REMEDIATION:")

    assert all(line.startswith("✘") for line in lines)
    assert "PARTIAL IMPROVEMENT, taken back (reduced errors to 15% from 22%: 30 of 200 calls" in lines[0]
    assert "NO IMPROVEMENT" in lines[1]
    assert "MINIMAL IMPROVEMENT" in lines[2]


def test_good_steps_of_an_attempt_that_did_not_help_are_not_sold_as_success():
    steps = healed_story().actions[0].steps
    action = an_action(steps=steps, outcome=Result.NONE, effect=Effect(before=counts(9, 9), after=counts(9, 9)))

    card = incident_card(healed_story(actions=(action,)))

    assert section(card, "AUTOMATED REMEDIATION ACTIONS:") == [
        "✘ Renew the credential [09:32:18] - NO IMPROVEMENT (errors stayed at 100%: 9 of 9 calls, 9 of 9 before)"
    ]


# --- nothing is claimed that was not measured


@pytest.mark.parametrize(
    ("backlog", "line"),
    [
        pytest.param(Backlog(), None, id="nothing was queued"),
        pytest.param(
            Backlog(queued=34, processed=34), "✅ No data loss - 34 of 34 queued reads processed", id="all came"
        ),
        pytest.param(
            Backlog(queued=34, processed=30, waiting=4),
            "⏳ 4 of 34 queued reads still wait to be processed (30 done)",
            id="some wait",
        ),
        pytest.param(
            Backlog(queued=34, processed=30), "⚠️ 4 of 34 queued reads could not be processed", id="some are lost"
        ),
    ],
)
def test_no_data_loss_is_only_claimed_when_every_read_came(backlog, line):
    lines = section(incident_card(healed_story(backlog=backlog, gaps=())), "RESOLUTION:")

    assert [said for said in lines if "queued" in said] == ([line] if line else [])


def test_a_connection_that_is_not_restored_has_no_resolution():
    open_again = healed_story().incident.model_copy(update={"state": State.DIAGNOSING, "restored_at": None})

    card = incident_card(healed_story(incident=open_again))

    assert "RESOLUTION:" not in card
    assert "🔄 Current Status: DEGRADED" in card


def test_a_connection_under_watch_is_not_called_fully_restored():
    watched = healed_story().incident.model_copy(update={"state": State.MONITORING})

    lines = section(incident_card(healed_story(incident=watched)), "RESOLUTION:")

    assert lines[0] == "⏳ Connection restored after 18 minutes of degradation, still being watched"


def test_without_a_new_schedule_none_is_announced():
    assert "schedule" in incident_card(healed_story())
    assert "schedule" not in incident_card(healed_story(schedule_after=None))


def test_a_recommendation_is_not_sold_as_done():
    lines = section(incident_card(healed_story(credential=None)), "PREVENTATIVE ACTIONS:")

    assert lines == ["1. Recommended: Ask the vendor which token lifetime applies from now on"]


def test_an_inconclusive_diagnosis_claims_no_cause():
    best = a_hypothesis("vendor_outage", 0.31, evidence("HTTP 503 on 12% of calls"))
    unclear = a_diagnosis(
        cause=INCONCLUSIVE,
        says="No known cause explains what was measured",
        confidence=0.31,
        hypotheses=(best,),
        related_factors=(),
    )
    incident = escalated_story().incident.model_copy(update={"diagnosis": unclear})

    lines = section(incident_card(escalated_story(incident=incident)), "DIAGNOSTIC FINDINGS:")

    assert lines == [
        "❓ Root Cause: INCONCLUSIVE - No known cause explains what was measured",
        "❓ Closest known cause: Vendor outage - LOW (31%)",
        "✓ Evidence: HTTP 503 on 12% of calls",
    ]


def test_at_most_four_causes_are_listed_as_ruled_out():
    dead = [a_hypothesis(f"cause_{n}", 0.001, evidence(f"fact {n}", supports=False, weight=5)) for n in range(7)]
    diagnosis = a_diagnosis(hypotheses=(a_diagnosis().hypotheses[0], *dead))
    incident = healed_story().incident.model_copy(update={"diagnosis": diagnosis})

    card = incident_card(healed_story(incident=incident))

    assert card.count("\n  - cause ") == 4
    assert "  - and 3 more in the report" in card


@pytest.mark.parametrize(
    ("speed", "line"),
    [
        pytest.param(1.0, None, id="real time"),
        pytest.param(
            60.0,
            "⏩ Time compressed 60×: one minute on this card took one second; latencies are real",
            id="a minute a second",
        ),
        pytest.param(
            20.0,
            "⏩ Time compressed 20×: one minute on this card took 3 seconds; latencies are real",
            id="three seconds",
        ),
    ],
)
def test_compressed_time_is_admitted(speed, line):
    lines = incident_card(healed_story(speed=speed)).splitlines()

    assert [said for said in lines if "compressed" in said] == ([line] if line else [])


def test_a_simulated_past_is_admitted():
    assert "simulated history" in incident_card(healthy_story(generated_history=True))
    assert "simulated history" not in incident_card(healthy_story())


def test_a_table_of_integrations_has_one_row_each():
    rows = status_rows([healthy_story(), unknown_story(), escalated_story()])

    assert [row["status"] for row in rows] == ["HEALTHY", "UNKNOWN", "DEGRADED"]
    assert rows[1]["availability"] == "UNKNOWN"
    assert rows[2]["incident"] == "INC-2025-03-26-001 (open)"


# --- any story, and no patient

CANARY = "CANARY-4111-JANE-DOE"


def test_only_typed_slots_are_told():
    """Addresses, settings and the free thread of an incident never leave: they may name a patient."""
    healed = healed_story()
    integration = an_integration(
        settings={"base_url": f"https://pms.example/Patient?name={CANARY}", "secret": f"env:{CANARY}"},
        routes=({"name": "secondary", "base_url": f"https://other.example/{CANARY}"},),
    )
    moment = healed.incident.moments[0].model_copy(update={"says": CANARY})
    incident = healed.incident.model_copy(update={"moments": (moment,), "fingerprint": CANARY})
    story = healed_story(integration=integration, incident=incident)

    for told in (build_report(story).to_json(), incident_card(story), to_markdown(story), page(story)):
        assert "Epic FHIR API" in told or "epic-fhir-main" in told
        assert CANARY not in told


def test_a_value_cannot_add_a_line_of_its_own():
    name = "Epic\n\nRESOLUTION:\n✅ Connection fully restored"

    card = incident_card(escalated_story(integration=an_integration(name=name)))

    assert "RESOLUTION:" not in headings(card)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(story=stories)
def test_any_story_makes_a_card_that_claims_only_what_the_story_holds(story):
    card = incident_card(story)

    assert card.endswith("\n")
    restored = story.incident is not None and story.incident.restored_at is not None
    assert restored or "\nRESOLUTION:\n" not in card
    is_counted = story.backlog.is_complete and all(gap.is_proven for gap in story.gaps)
    assert ((story.backlog.queued or story.gaps) and is_counted) or "\n✅ No data loss" not in card
    assert len(re.findall(r"^⏩ Time compressed", card, flags=re.MULTILINE)) == (story.speed != 1)
    assert to_markdown(story).startswith("# ")


def test_a_card_says_nothing_of_the_machine_it_was_told_on():
    """The same story, the same card: nothing is asked of a clock."""
    assert incident_card(healed_story()) == incident_card(healed_story())
    assert str(NOW.year + 1) not in incident_card(healed_story())


@pytest.mark.parametrize("setting", list(Setting))
def test_every_setting_that_a_remedy_may_change_has_its_words(setting):
    value, previous = (0.5, 1.0) if setting in SHARES else ("other", "usual")
    change = Adjustment(
        id="ADJ-1", integration_id="epic-fhir-main", setting=setting, value=value, previous=previous,
        since=NOW, until=NOW + timedelta(hours=1), action_id="ACT-1",
    )  # fmt: skip
    assert "until" in adjustment_line(change, a_story())
