"""What a person noticed, beside what was measured: one candidate, told truthfully, over when it is over (A18)."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from flows.__main__ import app
from models.alert import Alert
from models.anomaly import DetectionMethod
from models.errors import BadInput
from models.problem import LASTS, ProblemReport, conclusion, redacted
from models.reading import Outcome
from tasks.remember import remember
from tasks.report_problem import close_problem, open_problems, report_problem
from tasks.watch import look
from tasks.watches._interface import Round
from tests.builders import EPIC, a_reading
from tests.traffic import CANARIES, NOW, a_house

QUARTER = timedelta(minutes=15)


@pytest.fixture
def house(tmp_path):
    return a_house(tmp_path / "home")


def alerts(house):
    round_ = Round(house, house.clock.now())
    asyncio.run(look(round_, "problem_reports"))
    round_.close()
    return {alert.finding.subject: alert for alert in house.ledger.all_kept(Alert) if alert.watch == "problem_reports"}


def test_a_report_opens_a_candidate_with_the_probes_of_that_moment(house):
    remember([a_reading(observed_at=NOW - QUARTER + timedelta(minutes=n)) for n in range(20)], house.home)
    report = report_problem(house, EPIC, "appointments missing")
    assert (report.evidence.calls, report.evidence.failed) == (20, 0)
    assert conclusion(report.evidence).startswith("No telemetry anomaly found (0 of 20 calls failed")
    alert = alerts(house)[report.id]
    assert alert.stands
    assert alert.finding.method is DetectionMethod.REPORT
    assert "appointments missing" in alert.finding.says


def test_what_the_telemetry_shows_is_listed(house):
    bad = [a_reading(observed_at=NOW - timedelta(minutes=n), outcome=Outcome.TIMEOUT) for n in range(3)]
    far = [a_reading(observed_at=NOW - timedelta(minutes=31), outcome=Outcome.RESET)]
    remember([*bad, *far], house.home)
    report = report_problem(house, EPIC, "slow since morning")
    assert report.evidence.outcomes == {Outcome.TIMEOUT: 3}
    assert "3 of 3 calls failed within half an hour (timeout 3)" in conclusion(report.evidence)
    assert "No telemetry anomaly" not in conclusion(report.evidence)


def test_nothing_measured_is_no_good_news(house):
    assert "no call was made" in conclusion(report_problem(house, EPIC, "appointments missing").evidence)


@pytest.mark.parametrize(
    ("changes", "reports"),
    [
        pytest.param({}, 1, id="the same at the same time"),
        pytest.param({"operation": "Patient.search"}, 1, id="somebody says more"),
        pytest.param({"at": NOW - timedelta(minutes=29)}, 1, id="half an hour before"),
        pytest.param({"at": NOW - timedelta(minutes=61)}, 2, id="an hour before"),
    ],
)
def test_reports_of_the_same_problem_are_one(house, changes, reports):
    first = report_problem(house, EPIC, "appointments missing")
    second = report_problem(house, EPIC, "appointments missing", **changes)
    assert len(open_problems(house)) == reports
    assert (second.id == first.id, second.times) == ((True, 2) if reports == 1 else (False, 1))


def test_two_operations_are_two_problems_and_one_message_counts_once(house):
    report_problem(house, EPIC, "slow", operation="Patient.search", source="m1")
    report_problem(house, EPIC, "slow", operation="Patient.search", source="m1")
    report_problem(house, EPIC, "slow", operation="Appointment.search")
    assert [report.times for report in open_problems(house)] == [1, 1]


def test_it_is_over_when_it_is_closed_or_after_a_quiet_day(house):
    first, second = (
        report_problem(house, EPIC, "slow"),
        report_problem(house, EPIC, "wrong", at=NOW - timedelta(hours=2)),
    )
    assert alerts(house).keys() == {first.id, second.id}
    close_problem(house, first.id)
    assert {name for name, alert in alerts(house).items() if alert.stands} == {second.id}
    house.clock.at = NOW - timedelta(hours=2) + LASTS
    assert not any(alert.stands for alert in alerts(house).values())
    with pytest.raises(BadInput, match="knows no report"):
        close_problem(house, "PRB-2026-01-01-001")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"integration_id": "elsewhere"}, "no integration", id="no such integration"),
        pytest.param({"operation": "Smith"}, "no such operation", id="no such operation"),
        pytest.param({"says": "  "}, "say what is wrong", id="no words"),
        pytest.param({"at": NOW + timedelta(hours=1)}, "cannot lie ahead", id="tomorrow"),
    ],
)
def test_what_cannot_be_a_report_is_refused(house, changes, says):
    with pytest.raises(BadInput, match=says):
        report_problem(house, **{"integration_id": EPIC, "says": "slow", **changes})


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param("appointments missing", "appointments missing", id="plain words"),
        pytest.param("Nothing works, since 9:15!", "Nothing works, since …!", id="numbers go"),
        pytest.param("John Smith (MRN 0048) missing", "… missing", id="names go"),
        pytest.param("<script>alert(1)</script>", "…", id="no markup"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_of_a_text_the_plain_words_are_kept(text, kept):
    assert redacted(text) == kept


def test_no_identifier_stays_in_a_report(house):
    for canary in CANARIES:
        report_problem(house, EPIC, f"{canary} {canary}'s appointments missing x{canary}y")
    kept = repr(house.ledger.all_kept(ProblemReport)) + repr(alerts(house))
    assert [canary for canary in CANARIES if canary in kept] == []
    assert max(len(report.says) for report in open_problems(house)) <= 500


def test_the_command_says_what_was_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    entry = (
        "- id: crystalpm\n    name: Crystal PM\n    kind: epic_fhir\n    settings:\n"
        "      base_url: http://127.0.0.1:9/R4\n      client_id: c\n      key_id: k\n      private_key: env:KEY\n"
        "    reads:\n      - operation: Appointment.search\n        component: Appointments\n"
    )
    (tmp_path / "integrations.yaml").write_text(f"integrations:\n  {entry}")
    (tmp_path / "policy.yaml").write_text('version: "1"\nowner: us\n')
    asked = ["report-problem", "--config", str(tmp_path), "--home", str(tmp_path / "home")]
    done = CliRunner().invoke(app, [*asked, "--integration", "crystalpm", "appointments missing"])
    assert done.exit_code == 0, done.output
    assert "No telemetry anomaly found" in done.output
    assert "reconciliation" not in done.output.lower(), "nothing was started"
    assert "appointments missing" in CliRunner().invoke(app, asked).output
