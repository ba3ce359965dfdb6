"""The published document: the specification's form to the letter, and no contradiction left unnamed."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator

from models.alert import Alert, AlertState, Finding
from models.anomaly import Severity
from models.errors import BadInput
from models.incident import State
from models.maintenance import Downtime
from models.reading import Counts
from models.remedy import ActionState, Effect
from models.remedy import Outcome as Result
from models.report import (
    MonitoringReport,
    Word,
    build_report,
    check,
    compare,
    json_schema,
    outcome_word,
    status_of,
    weigh,
)
from models.wording import local_time, local_time_on, percent, span, stamp, volume
from tests.builders import (
    EPIC,
    NOW,
    a_story,
    an_action,
    an_incident,
    at,
    counts,
    escalated_story,
    healed_story,
    healthy_story,
    points,
    seed_story,
    served_story,
    totals,
    unknown_story,
)
from tests.goldens import FOLDER, STORIES, golden
from tests.strategies import stories

SCHEMA = Draft202012Validator(json_schema())
SEED = json.loads((FOLDER / "seed_report.json").read_text(encoding="utf-8"))


def told(story):
    """The document as a stranger reads it."""
    return json.loads(build_report(story).to_json())


def in_order(document):
    """Equal texts only for equal keys in equal order with equal values."""
    return json.dumps(document, indent=1)


def without_ours(part):
    if isinstance(part, dict):
        return {key: without_ours(value) for key, value in part.items() if not key.startswith("x-")}
    return [without_ours(value) for value in part] if isinstance(part, list) else part


# --- the specification's example


def test_the_specified_example_is_read_and_written_unchanged():
    written = MonitoringReport.model_validate(SEED).to_json()

    assert in_order(json.loads(written)) == in_order(SEED)


def test_a_story_tells_the_specified_example_key_for_key_and_value_for_value():
    assert in_order(without_ours(told(seed_story()))) == in_order(SEED)


def test_the_specified_example_does_not_contradict_itself():
    assert check(SEED) == []


def test_the_specified_error_rate_is_counted():
    rate = SEED["monitoringReport"]["metrics"]["errorRate"]

    assert rate == percent(135 / (135 + 3420))
    changed = seed_story(totals=totals(counts=counts(1000, 82)))
    assert told(changed)["monitoringReport"]["metrics"]["errorRate"] == "8.2%"


# --- formats


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        pytest.param(0, "0B", id="nothing"),
        pytest.param(999, "999B", id="bytes have no decimal"),
        pytest.param(1000, "1.0KB", id="decimal units"),
        pytest.param(999_949, "999.9KB", id="the last of its unit"),
        pytest.param(999_950, "1.0MB", id="never 1000.0"),
        pytest.param(2_400_000_000, "2.4GB", id="as specified"),
        pytest.param(7_130_000_000_000_000, "7130.0TB", id="no larger unit"),
    ],
)
def test_a_volume_has_one_decimal_in_decimal_units(size, shown):
    assert volume(size) == shown


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        pytest.param(1, "1 second", id="one"),
        pytest.param(119, "119 seconds", id="below two minutes"),
        pytest.param(1087, "18 minutes", id="as specified: 09:15:23 to 09:33:30"),
        pytest.param(7199, "120 minutes", id="below two hours"),
        pytest.param(7200, "2 hours", id="whole hours"),
        pytest.param(8100, "2 hours 15 minutes", id="hours"),
        pytest.param(180_000, "2 days 2 hours", id="days"),
    ],
)
def test_a_duration_is_told_in_the_units_people_use(seconds, words):
    assert span(seconds) == words


@pytest.mark.parametrize(
    ("instant", "zone", "words"),
    [
        pytest.param("2025-03-26T13:15:23", "America/New_York", "09:15:23 AM EDT", id="summer"),
        pytest.param("2025-01-26T13:15:23", "America/New_York", "08:15:23 AM EST", id="winter"),
        pytest.param("2025-11-02T05:30:00", "America/New_York", "01:30:00 AM EDT", id="the hour, first time"),
        pytest.param("2025-11-02T06:30:00", "America/New_York", "01:30:00 AM EST", id="the hour, second time"),
        pytest.param("2025-03-26T16:00:00", "America/New_York", "12:00:00 PM EDT", id="noon"),
        pytest.param("2025-03-26T04:00:00", "America/New_York", "12:00:00 AM EDT", id="midnight"),
        pytest.param("2025-03-26T04:00:00", "America/Sao_Paulo", "01:00:00 AM UTC-03", id="no letters"),
    ],
)
def test_times_are_told_on_the_wall_clock_of_the_practice(instant, zone, words):
    moment = NOW.fromisoformat(f"{instant}+00:00")

    assert local_time(moment, zone) == words


def test_another_day_is_named():
    assert local_time_on(NOW - timedelta(days=1), "UTC", NOW) == "2025-03-25 01:45:32 PM UTC"


def test_a_timestamp_is_utc_with_seconds():
    assert stamp(at("09:45:32").replace(microsecond=999_999)) == "2025-03-26T13:45:32Z"


# --- goldens and the schema


@pytest.mark.parametrize("name", STORIES)
def test_a_report_is_told_as_reviewed(name):
    assert build_report(STORIES[name]()).to_json() == golden(name, "report.json")


def test_the_schema_is_a_schema_and_refuses_another_form():
    Draft202012Validator.check_schema(json_schema())
    wrong = tamper(SEED, "monitoringReport.metrics.availability", "98,2 %")

    assert [error.json_path for error in SCHEMA.iter_errors(wrong)] == ["$.monitoringReport.metrics.availability"]


@pytest.mark.parametrize("name", [*STORIES, "seed"])
def test_no_story_contradicts_itself(name):
    story = {**STORIES, "seed": seed_story}[name]()

    assert check(told(story)) == []


def test_an_older_report_still_loads():
    """The example has none of our keys: it is what a version before all of them would have written."""
    assert list(SCHEMA.iter_errors(SEED)) == []
    assert MonitoringReport.model_validate(SEED).x_schema_version is None


def test_a_misspelt_key_is_refused_without_quoting_its_value():
    findings = check({**SEED, "anomalys": "Jane Doe"})

    assert findings == ["anomalys: Extra inputs are not permitted"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(story=stories)
def test_any_story_makes_a_document_that_keeps_its_own_schema(story):
    document = told(story)

    assert list(SCHEMA.iter_errors(document)) == []
    again = MonitoringReport.model_validate(document)
    assert json.loads(again.to_json()) == document
    assert list(document)[:5] == list(SEED)
    check(document)  # may find contradictions in a wild story; must never raise


# --- what is not known


def test_what_was_not_measured_is_unknown_and_never_perfect():
    metrics = told(unknown_story())["monitoringReport"]["metrics"]

    assert metrics["availability"] == metrics["errorRate"] == "UNKNOWN"
    assert metrics["averageLatency"] is None
    assert "x-availability" not in metrics


def test_only_what_was_executed_counts_as_attempted():
    actions = told(escalated_story())["remediationActions"]

    assert [a["x-id"] for a in actions["attemptedActions"]] == ["ACT-1", "ACT-2", "ACT-3"]
    assert [a["rule"] for a in actions["x-notAttempted"]] == ["D10"]


@pytest.mark.parametrize(
    ("state", "outcome", "word"),
    [
        pytest.param(ActionState.SUCCEEDED, Result.SUCCESSFUL, "SUCCESSFUL", id="judged"),
        pytest.param(ActionState.VERIFYING, Result.PENDING, "IN_PROGRESS", id="under way"),
        pytest.param(ActionState.FAILED, Result.PENDING, "FAILED", id="broke before it was judged"),
        pytest.param(ActionState.NEEDS_HUMAN, Result.PENDING, "UNKNOWN", id="nobody can find out"),
        pytest.param(ActionState.ROLLED_BACK, Result.PARTIAL, "PARTIAL_IMPROVEMENT", id="taken back"),
    ],
)
def test_an_attempt_without_judgement_is_never_called_successful(state, outcome, word):
    assert outcome_word(an_action(state=state, outcome=outcome)) == word


def test_a_resolved_incident_requires_no_escalation_any_more():
    before = escalated_story()
    after = escalated_story(incident=before.incident.model_copy(update={"state": State.RESOLVED, "restored_at": NOW}))

    assert told(before)["escalationDetails"]["requiresEscalation"] is True
    assert told(after)["escalationDetails"]["requiresEscalation"] is False


# --- the status


HOUR = timedelta(hours=1)
UPGRADE = Downtime(since=NOW - HOUR, until=NOW + HOUR, reason="Epic upgrade", agreed_by="Integration Team")


def an_alert(severity=Severity.HIGH, **changes) -> Alert:
    found = Finding(integration_id=EPIC, subject="write", severity=severity, says="too old", since=NOW - HOUR)
    defaults = {"watch": "freshness", "state": AlertState.RAISED, "finding": found, "raised_at": NOW - HOUR}
    return Alert(**{"id": f"ALT-freshness/{EPIC}/write", **defaults, **changes})


ALL_FAIL, NONE_READ = Counts(total=20, failed=20), Counts(total=0, failed=0)


@pytest.mark.parametrize(
    ("changes", "word", "rule"),
    [
        pytest.param({"recent": NONE_READ}, Word.UNKNOWN, "S1", id="no readings"),
        pytest.param({"recent": NONE_READ, "downtime": UPGRADE}, Word.UNKNOWN, "S1", id="nobody looks in a downtime"),
        pytest.param({"points": points(NOW - 3 * HOUR, NOW - 2 * HOUR)}, Word.UNKNOWN, "S1", id="only old readings"),
        pytest.param({"recent": ALL_FAIL, "downtime": UPGRADE}, Word.MAINTENANCE, "S2", id="down, as agreed"),
        pytest.param({"downtime": UPGRADE}, Word.MAINTENANCE, "S2", id="well in a downtime"),
        pytest.param({"recent": ALL_FAIL}, Word.DOWN, "S3", id="all fail"),
        pytest.param({"recent": ALL_FAIL, "alerts": (an_alert(),)}, Word.DOWN, "S3", id="down before any alert"),
        pytest.param({"recent": Counts(total=20, failed=19)}, Word.DOWN, "S3", id="nearly all fail"),
        pytest.param({"recent": Counts(total=20, failed=18)}, Word.DEGRADED, "S4", id="many fail"),
        pytest.param({"recent": Counts(total=100, failed=6)}, Word.DEGRADED, "S4", id="above the limit"),
        pytest.param({"recent": Counts(total=100, failed=5)}, Word.HEALTHY, "S7", id="at the limit"),
        pytest.param({"incident": an_incident(state=State.VERIFYING)}, Word.DEGRADED, "S5", id="not proven yet"),
        pytest.param({"incident": an_incident(state=State.SUSPECTED)}, Word.HEALTHY, "S7", id="a suspicion"),
        pytest.param({"incident": an_incident(state=State.RESOLVED)}, Word.HEALTHY, "S7", id="over"),
        pytest.param({"alerts": (an_alert(Severity.CRITICAL),)}, Word.DEGRADED, "S6", id="a critical alert"),
        pytest.param({"alerts": (an_alert(Severity.HIGH),)}, Word.DEGRADED, "S6", id="a high alert"),
        pytest.param({"alerts": (an_alert(Severity.MEDIUM),)}, Word.HEALTHY, "S7", id="a medium alert stands beside"),
        pytest.param({"alerts": (an_alert(state=AlertState.CLEARED),)}, Word.HEALTHY, "S7", id="an alert that is over"),
        pytest.param({}, Word.HEALTHY, "S7", id="nothing wrong"),
    ],
)
def test_the_status_is_the_first_rule_that_applies(changes, word, rule):
    status = status_of(a_story(**changes))

    assert (status.word, status.rule) == (word, rule)
    assert status.says


def test_every_rule_is_weighed_in_its_order_with_what_was_measured_and_one_decides():
    rules = weigh(a_story(recent=Counts(total=100, failed=6), alerts=(an_alert(),)))

    assert [rule.rule for rule in rules] == ["S1", "S2", "S3", "S4", "S5", "S6", "S7"]
    assert [rule.rule for rule in rules if rule.decides] == ["S4"]
    assert [rule.rule for rule in rules if rule.applies] == ["S4", "S6", "S7"]
    assert rules[3].inputs == "6 of 100 recent calls failed (limit 5%)"
    assert rules[5].inputs == f"HIGH ALT-freshness/{EPIC}/write"


def test_an_alert_that_degrades_is_named():
    assert f"HIGH alert ALT-freshness/{EPIC}/write stands: too old" in status_of(a_story(alerts=(an_alert(),))).says


def test_the_document_tells_what_stands_and_what_is_agreed():
    head = told(a_story(alerts=(an_alert(),), downtime=UPGRADE))["monitoringReport"]

    assert head["overallStatus"] == "MAINTENANCE"
    assert [alert["severity"] for alert in head["x-alerts"]] == ["HIGH"]
    assert head["x-maintenance"]["reason"] == "Epic upgrade"
    assert check(told(a_story(alerts=(an_alert(),), downtime=UPGRADE))) == []


# --- contradictions


def tamper(document, path, value):
    """A copy with one value changed; the path is written with dots, numbers are places in a list."""
    copy = json.loads(json.dumps(document))
    part = copy
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    for step in way:
        part = part[step]
    assert part[last] != value
    part[last] = value
    return copy


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        pytest.param("monitoringReport.metrics.failedTransactions", 13, "errorRate is 14.5%", id="fewer failures"),
        pytest.param("monitoringReport.metrics.errorRate", "1.5%", "errorRate is 1.5%", id="a nicer rate"),
        pytest.param("monitoringReport.metrics.availability", "99.9%", "availability is 99.9%", id="always up"),
        pytest.param("monitoringReport.metrics.availability", "198.2%", "at most 100%", id="more than always"),
        pytest.param("monitoringReport.metrics.dataVolumeLastHour", "41.3GB", "is 41.3GB", id="more data"),
        pytest.param("monitoringReport.overallStatus", "HEALTHY", "overallStatus is HEALTHY", id="all is well"),
        pytest.param("monitoringReport.overallStatus", "DOWN", "overallStatus is DOWN", id="all is lost"),
        pytest.param("monitoringReport.x-recent.failed", 200, "it must be DOWN", id="worse than said"),
        pytest.param("monitoringReport.x-recent.failed", 900, "900 of 200", id="more than all"),
        pytest.param("monitoringReport.x-recent", {"total": 0, "failed": 0}, "must be UNKNOWN", id="no calls"),
        pytest.param("monitoringReport.timestamp", "2025-03-26T13:00:00Z", "after the report", id="older"),
        pytest.param("anomalies.1.id", "ANM-2025-03-26-001", "used 2 times", id="an id twice"),
        pytest.param("anomalies.0.id", "ANOMALY 1", "not of the form", id="an id of another form"),
        pytest.param("anomalies.0.firstObserved", "2025-03-27T00:00:00Z", "anomalies.0.firstObserved", id="seen later"),
        pytest.param(
            "remediationActions.attemptedActions.2.timestamp",
            "2025-03-26T18:00:00Z",
            "attemptedActions.2.timestamp",
            id="an action after the report",
        ),
        pytest.param(
            "remediationActions.attemptedActions.0.timestamp",
            "2025-03-26T12:00:00Z",
            "beginning of the trouble",
            id="an action before the trouble",
        ),
        pytest.param(
            "remediationActions.attemptedActions.0.x-after.failed", 90, "error rate rose", id="it did not help"
        ),
        pytest.param(
            "diagnosticResults.rootCauseAnalysis.confidence", 0.97, "leading hypothesis", id="surer than weighed"
        ),
        pytest.param(
            "diagnosticResults.rootCauseAnalysis.x-hypotheses.1.probability", 0.9, "order", id="another leads"
        ),
        pytest.param("escalationDetails.relevantContactGroups", [], "no contact group", id="nobody to call"),
        pytest.param("x-backlog.processed", 171, "more than the 171 queued", id="more reads than failed"),
        pytest.param("x-incident.restoredAt", "2025-03-26T12:00:00Z", "x-incident.startedAt", id="well too early"),
    ],
)
def test_tampering_is_named(path, value, says):
    findings = check(tamper(told(escalated_story()), path, value))

    assert any(says in finding for finding in findings), findings


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        pytest.param("x-gaps.0.delivered", 13, "GAP-2025-03-26-001 is closed, but 13 of 14", id="one less"),
        pytest.param("x-gaps.1.expected", None, "GAP-2025-03-26-002 is closed, but 10 of None", id="nobody counted"),
        pytest.param("x-gaps.1.delivered", 11, "11 are accounted for, and 10", id="more than were expected"),
        pytest.param("x-gaps.2.state", "backfilling", "is backfilling, but INC-2025-03-26-001 is resolved", id="open"),
        pytest.param("x-gaps.2.state", "open", "x-noDataLoss is true, but gap GAP-2025-03-26-003", id="a claim"),
        pytest.param("x-gaps.2.state", "vouched", "x-noDataLoss is true", id="a claim that rests on a word"),
        pytest.param("x-gaps.0.until", "2025-03-26T12:00:00Z", "before it begins", id="ends before it begins"),
        pytest.param("x-gaps.0.since", "2025-03-27T12:00:00Z", "after the report", id="begins later"),
        pytest.param("x-backlog.processed", 33, "x-noDataLoss is true, but 33 of 34", id="a read less"),
        pytest.param("x-backlog.waiting", 1, "x-noDataLoss is true", id="one waits"),
    ],
)
def test_tampering_with_gaps_is_named(path, value, says):
    findings = check(tamper(told(healed_story()), path, value))

    assert any(says in finding for finding in findings), findings


def test_no_claim_stands_without_any_count():
    document = told(healed_story())
    without = {key: value for key, value in document.items() if key not in {"x-gaps", "x-backlog"}}
    assert any("nothing was counted" in finding for finding in check(without))


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        pytest.param("monitoringReport.metrics.x-slots.bad", 0, "but 1414 good, 0 bad", id="no bad slots"),
        pytest.param("monitoringReport.metrics.x-slots.unknown", 400, "slots are UNKNOWN", id="too many unknown"),
        pytest.param("monitoringReport.overallStatus", "HEALTHY", "HIGH alert", id="healthy beside an alert"),
        pytest.param("monitoringReport.overallStatus", "MAINTENANCE", "no downtime is agreed", id="nothing agreed"),
        pytest.param("monitoringReport.x-alerts.0.since", "2025-03-27T00:00:00Z", "after the report", id="later"),
        pytest.param("x-availability.0.byTime", "100.0%", "x-availability 24h is 100.0%", id="always up"),
        pytest.param("x-availability.0.requests.failed", 9000, "9000 of 5760", id="more failed than were made"),
        pytest.param("x-objectives.0.attained", 0.9999, "104 of 5760 events were bad", id="nicer than counted"),
        pytest.param("x-objectives.0.budgetLeft", 1.5, "more budget is left", id="more than there was"),
        pytest.param("x-operations.0.p50", 5000.0, "not in order", id="a median above the 99th percentile"),
        pytest.param("x-stability.resets", 11, "runs hold 10 calls, but 11", id="one reset more"),
        pytest.param("x-stability.stability", 0.99, "10 of 70 calls were troubled", id="steadier than counted"),
    ],
)
def test_tampering_with_what_is_said_of_service_is_named(path, value, says):
    findings = check(tamper(told(served_story()), path, value))

    assert any(says in finding for finding in findings), findings


def test_an_overdue_automatic_action_is_a_contradiction():
    late = tamper(SEED, "remediationActions.pendingActions.0.scheduledTime", "2025-03-26T09:40:00Z")

    assert check(late) == ["pendingActions.0 was due at 2025-03-26T09:40:00Z, but is neither executed nor withdrawn"]


def test_what_is_no_document_is_answered_and_not_raised():
    assert check([]) != []
    assert check({"monitoringReport": {}}) != []


# --- two reports


def test_a_comparison_names_what_improved():
    sick, well = build_report(escalated_story()), build_report(healthy_story())

    lines = compare(sick, well)

    assert "improved: overallStatus DEGRADED → HEALTHY" in lines
    assert "improved: errorRate 14.5% → 0%" in lines
    assert "improved: averageLatency 262ms → 118ms" in lines
    assert any(line.startswith("improved: anomaly ANM-2025-03-26-002 is gone") for line in lines)


def test_a_comparison_names_what_worsened():
    well, sick = build_report(healthy_story()), build_report(escalated_story())

    assert "worsened: availability 100% → 51.7%" in compare(well, sick)
    assert "changed: overallStatus UNKNOWN → HEALTHY" in compare(build_report(unknown_story()), well)


def test_two_equal_reports_differ_in_nothing():
    report = build_report(healed_story())

    assert compare(report, report) == []


def test_reports_of_two_integrations_are_not_compared():
    with pytest.raises(BadInput, match="same one"):
        compare(build_report(healed_story()), build_report(escalated_story()))


def test_the_impact_is_computed_from_counts():
    action = an_action(effect=Effect(before=counts(1000, 82), after=counts(1000, 38)))

    assert action.impact.startswith("Reduced error rate from 8.2% to 3.8% (82 of 1000 before, 38 of 1000 since")
