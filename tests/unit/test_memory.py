"""Memory: which past incidents are like the present one, and what they teach."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.ladder import Ladder, Step, Verdict
from models.memory import (
    ALIKE,
    COMPARED,
    Features,
    Recalled,
    Try,
    day_said,
    features_of,
    hours_apart,
    likeness,
    recalled,
    remembered,
    similar,
)
from models.reading import Rung
from models.remedy import Outcome as Result
from tests.builders import (
    EPIC,
    NOW,
    UNITY,
    a_diagnosis,
    a_rate_limit,
    an_action,
    an_anomaly,
    an_incident,
    an_integration,
)

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
THROTTLED = {
    "integration_id": EPIC,
    "symptom": "throttled",
    "timezone": "America/New_York",
    "cause": "rate_limited",
    "kind": "epic_fhir",
    "vendor": "Vendor Support",
    "codes": frozenset({"429"}),
    "signs": frozenset({"error_rate", "latency"}),
}
EXPIRED = {"symptom": "auth", "cause": "token_expired", "codes": frozenset({"401", "token_expired"})}


def features(before: timedelta = timedelta(0), **changes) -> Features:
    name = f"INC-{(NOW - before):%Y-%m-%d-%H%M}"
    return Features(**{"incident_id": name, "started_at": NOW - before} | THROTTLED | changes)


@pytest.mark.parametrize(
    ("changes", "is_alike"),
    [
        pytest.param({}, True, id="the same a week later"),
        pytest.param({"integration_id": "epic-fhir-west"}, True, id="at another practice of that vendor"),
        pytest.param({"cause": None}, True, id="one that was never diagnosed"),
        pytest.param(EXPIRED, False, id="another trouble of the same system"),
        pytest.param(EXPIRED | {"integration_id": UNITY, "kind": "allscripts_unity"}, False, id="another altogether"),
    ],
)
def test_only_what_is_alike_is_recalled(changes, is_alike):
    past = features(7 * DAY, **changes)
    assert [whose for whose, *_ in similar(features(), [(past, "it")])] == (["it"] if is_alike else [])


def test_the_likest_comes_first_and_of_equals_the_latest():
    west = features(DAY, integration_id="epic-fhir-west")
    older, later = features(14 * DAY), features(7 * DAY)
    found = similar(features(), [(one, one) for one in (west, older, later)])
    assert [one for one, *_ in found] == [later, older, west]


def test_an_incident_recalls_neither_itself_nor_what_came_after():
    assert similar(features(), [(features(), 1), (features(-DAY), 2)]) == ()


@given(st.data())
def test_likeness_is_a_share_and_the_same_both_ways(data):
    some = st.builds(
        features,
        st.timedeltas(min_value=timedelta(0), max_value=30 * DAY),
        cause=st.sampled_from([None, "a", "b"]),
        symptom=st.sampled_from(["auth", "slow"]),
        kind=st.sampled_from([None, "x", "y"]),
        codes=st.frozensets(st.sampled_from("abc")),
        lag_s=st.one_of(st.none(), st.floats(0, 1e5)),
    )
    a, b = data.draw(some), data.draw(some)
    assert 0 <= likeness(a, b)[0] <= 1
    assert likeness(a, b) == likeness(b, a)
    assert likeness(a, a)[0] == pytest.approx(1)


def test_what_is_not_known_of_both_says_nothing():
    bare = features(cause=None, codes=frozenset(), kind=None, vendor=None)
    other = features(7 * DAY, cause="rate_limited", codes=frozenset({"503"}))
    assert likeness(bare, other)[0] == pytest.approx(1)
    assert "cause" not in likeness(bare, other)[1]


def test_the_cause_outweighs_everything_that_only_tells_when_and_where():
    weights = {name: weight for name, weight, _ in COMPARED}
    assert weights["cause"] > sum(weights[name] for name in ("weekday", "time of day", "integration", "vendor"))


@pytest.mark.parametrize(
    ("before", "apart"), [(0, 0.0), (1, 1.0), (23, 1.0), (12, 12.0), (13, 11.0), (24, 0.0)], ids=str
)
def test_hours_are_counted_around_the_clock(before, apart):
    assert hours_apart(features(), features(before * HOUR)) == pytest.approx(apart)


@pytest.mark.parametrize(
    ("before", "says"),
    [
        (HOUR, "earlier today"),
        (10 * HOUR, "yesterday"),  # NOW is 09:45 in New York
        (2 * DAY, "last Monday"),
        (7 * DAY, "last Wednesday"),
        (9 * DAY, "on Monday 2025-03-17, 9 days before"),
    ],
)
def test_a_past_day_is_named_as_people_do_by_the_clock_of_the_practice(before, says):
    assert day_said(features(before).local, features().local) == says


def test_features_are_taken_from_what_was_measured():
    steps = (
        Step(rung=Rung.AUTH, verdict=Verdict.FAILED, says="refused", status=401, code="token_expired"),
        Step(rung=Rung.TCP, verdict=Verdict.PASSED, says="open", status=None, code="fine"),
    )
    anomalies = (
        an_anomaly(first_observed=NOW - 20 * MINUTE),
        an_anomaly(metric="error_rate", first_observed=NOW - 5 * MINUTE, id="ANM-2025-03-26-002"),
    )
    known = an_incident(ladder=Ladder(integration_id=EPIC, climbed_at=NOW, steps=steps), anomalies=anomalies)
    found = features_of(known, an_integration())
    assert (found.cause, found.kind, found.lag_s) == ("token_expired", "epic_fhir", 900.0)
    assert found.codes == {"401", "token_expired"}
    assert found.signs == {"latency", "error_rate"}
    assert found.components == {"Patient API", "Appointment API"}


def test_an_inconclusive_diagnosis_is_no_cause():
    known = an_incident(diagnosis=a_diagnosis(cause="INCONCLUSIVE", confidence=0.3))
    assert features_of(known, None).cause is None


def test_an_attempt_counts_when_it_was_carried_out_and_judged():
    actions = [
        an_action(),
        an_action(id="ACT-2", remedy="reduce_polling", says="Poll less", outcome=Result.NONE),
        an_action(id="ACT-3", remedy="change_route", executed_at=None, outcome=Result.PENDING),
        an_action(id="ACT-4", remedy="retry_failed", outcome=Result.PENDING),
    ]
    incident = an_incident(diagnosis=a_rate_limit(), restored_at=an_incident().started_at + 18 * MINUTE)
    told = recalled(incident, features(), 0.9, ("cause",), actions)
    assert [(one.remedy, one.helped) for one in told.tries] == [("renew_credentials", True), ("reduce_polling", False)]
    assert told.outcome == "Renew the credential helped, restored after 18 minutes"


def remember(*tries: Try, after_s: float | None = 600.0, before: timedelta = 2 * DAY) -> Recalled:
    return Recalled(
        features=features(before), likeness=0.9, shares=(), says="rate limited", restored_after_s=after_s, tries=tries
    )


HELPED, FAILED = (Try(remedy="reduce_polling", says="Poll less", helped=one) for one in (True, False))


@pytest.mark.parametrize(
    ("one", "outcome"),
    [
        (remember(HELPED), "Poll less helped, restored after 10 minutes"),
        (remember(FAILED), "Poll less did not help, restored by itself or by hand after 10 minutes"),
        (remember(), "restored by itself or by hand after 10 minutes"),
        (remember(after_s=None), "never seen to recover"),
        (remember(FAILED, HELPED), "Poll less helped, restored after 10 minutes"),
    ],
)
def test_what_became_of_a_past_incident_is_told_as_it_was(one, outcome):
    assert one.outcome == outcome


def test_what_worked_is_counted_over_all_that_are_alike():
    retried = Try(remedy="retry_failed", says="Try again", helped=False)
    memory = remembered(
        features(), [remember(HELPED), remember(retried, HELPED, after_s=1200.0), remember(FAILED, after_s=None)]
    )
    assert [(one.remedy, one.helped, one.tried) for one in memory.worked] == [
        ("reduce_polling", 2, 3),
        ("retry_failed", 0, 1),
    ]
    assert (memory.median_restored_s, memory.restored) == (900.0, 2)
    assert memory.says.startswith("Similar pattern last Monday (INC-2025-03-24-1345): rate limited; Poll less helped")
    assert remembered(features(), []).says is None


def test_the_limit_of_likeness_is_reached_without_a_cause_only_by_most_of_the_rest():
    unlike = features(3 * DAY + 6 * HOUR, cause=None, codes=frozenset({"503"}), signs=frozenset({"volume"}))
    assert likeness(features(), unlike)[0] < ALIKE
