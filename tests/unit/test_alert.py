from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from models.alert import Alert, AlertState, Finding, alert_id, turned
from models.anomaly import Severity
from tests.builders import EPIC, NOW

MINUTE = timedelta(minutes=1)


def a_finding(subject: str = "write", severity: Severity = Severity.MEDIUM, **changes) -> Finding:
    defaults = {"integration_id": EPIC, "subject": subject, "severity": severity, "says": "too old", "since": NOW}
    return Finding(**{**defaults, **changes})


def test_a_condition_is_raised_once_and_cleared_once():
    (raised,) = turned([], "freshness", [a_finding()], NOW)
    assert (raised.state, raised.times, raised.id) == (AlertState.RAISED, 1, f"ALT-freshness/{EPIC}/write")
    assert turned([raised], "freshness", [a_finding()], NOW + MINUTE) == ()
    (cleared,) = turned([raised], "freshness", [], NOW + MINUTE)
    assert (cleared.state, cleared.cleared_at) == (AlertState.CLEARED, NOW + MINUTE)
    assert turned([cleared], "freshness", [], NOW + 2 * MINUTE) == ()


def test_a_condition_that_comes_back_is_the_same_alert_raised_again():
    (raised,) = turned([], "freshness", [a_finding()], NOW)
    (cleared,) = turned([raised], "freshness", [], NOW + MINUTE)
    (again,) = turned([cleared], "freshness", [a_finding(since=NOW + 2 * MINUTE)], NOW + 2 * MINUTE)
    assert (again.id, again.times, again.cleared_at) == (raised.id, 2, None)
    assert again.finding.since == NOW + 2 * MINUTE


def test_a_standing_condition_is_told_with_its_newest_words_and_its_first_instant():
    (raised,) = turned([], "freshness", [a_finding()], NOW)
    graver = a_finding(severity=Severity.HIGH, since=NOW + MINUTE, says="much too old")
    (told,) = turned([raised], "freshness", [graver], NOW + MINUTE)
    assert (told.finding.severity, told.finding.says, told.finding.since) == (Severity.HIGH, "much too old", NOW)
    assert told.raised_at == NOW


SUBJECTS = st.sampled_from(["read", "write", "volume"])


@given(st.lists(st.sets(SUBJECTS), max_size=12))
def test_whatever_happens_what_stands_is_what_was_found_last(rounds):
    known: dict[str, Alert] = {}
    raised = dict.fromkeys(("read", "write", "volume"), 0)
    before: set[str] = set()
    for nth, subjects in enumerate(rounds):
        findings = [a_finding(subject) for subject in sorted(subjects)]
        known |= {a.id: a for a in turned(known.values(), "freshness", findings, NOW + nth * MINUTE)}
        for subject in subjects - before:
            raised[subject] += 1
        before = subjects
        assert {a.finding.subject for a in known.values() if a.stands} == subjects
    assert {a.finding.subject: a.times for a in known.values()} == {s: n for s, n in raised.items() if n}


def test_an_id_tells_the_watch_the_integration_and_the_subject():
    assert alert_id("slo", a_finding("availability")) == f"ALT-slo/{EPIC}/availability"
