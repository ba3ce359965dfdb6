"""Readings, how they ended, and the windows in which they are judged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.reading import Counts, Outcome, Reading, Window
from tests.builders import BEGINNING, NOW, a_reading, a_window, minutes

MINUTE = timedelta(minutes=1)
moments = st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # hypothesis adds the zone
spans = st.integers(1, 7200).map(lambda seconds: timedelta(seconds=seconds))


def windows(least: int = 0):
    readings = st.builds(lambda at, how: a_reading(observed_at=at, outcome=how), moments, st.sampled_from(Outcome))
    return st.lists(readings, min_size=least, max_size=30).map(
        lambda found: a_window(*sorted(found, key=lambda reading: reading.observed_at))
    )


@pytest.mark.parametrize(
    ("outcome", "family"),
    [
        pytest.param(Outcome.OK, {"ok"}, id="got what was asked for"),
        pytest.param(Outcome.DNS_FAILED, {"transport", "again"}, id="no such name just now"),
        pytest.param(Outcome.REFUSED, {"transport", "again"}, id="refused"),
        pytest.param(Outcome.RESET, {"transport", "again"}, id="reset"),
        pytest.param(Outcome.TIMEOUT, {"transport", "again"}, id="no answer"),
        pytest.param(Outcome.TLS_FAILED, {"transport"}, id="a certificate is no better a second later"),
        pytest.param(Outcome.THROTTLED, {"again"}, id="too many calls"),
        pytest.param(Outcome.UNAUTHENTICATED, {"auth"}, id="the same token is refused again"),
        pytest.param(Outcome.CREDENTIAL_REFUSED, {"auth"}, id="a password tried twice locks the account"),
        pytest.param(Outcome.FORBIDDEN, set(), id="not allowed"),
        pytest.param(Outcome.CLIENT_ERROR, set(), id="our request is wrong"),
        pytest.param(Outcome.SERVER_ERROR, {"again"}, id="their server fails"),
        pytest.param(Outcome.MALFORMED, set(), id="not the format asked for"),
        pytest.param(Outcome.SEMANTIC, set(), id="an error inside"),
        pytest.param(Outcome.PARTIAL, set(), id="something held back"),
        pytest.param(Outcome.STALE, set(), id="older than it may be"),
        pytest.param(Outcome.UNKNOWN, set(), id="a write without an answer is never repeated"),
    ],
)
def test_every_outcome_has_its_families(outcome, family):
    said = {
        "ok": outcome.is_ok,
        "transport": outcome.is_transport,
        "auth": outcome.is_auth,
        "again": outcome.worth_retrying,
    }
    assert {name for name, holds in said.items() if holds} == family


def test_no_outcome_is_left_out_of_the_table_above():
    (mark,) = test_every_outcome_has_its_families.pytestmark
    assert {case.values[0] for case in mark.args[1]} == set(Outcome)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"latency_ms": -1.0}, id="a latency below zero"),
        pytest.param({"attempts": 0}, id="a call that was never tried"),
        pytest.param({"observed_at": datetime(2025, 3, 26)}, id="a time without a zone"),  # noqa: DTZ001  # the mistake under test
        pytest.param({"code": "Patient Jane Doe not found"}, id="free text as a code"),
        pytest.param({"operation": "Patient?name=Doe"}, id="a query as an operation"),
        pytest.param({"request_id": "../../etc"}, id="a path as a request id"),
        pytest.param({"integration_id": "Epic Main"}, id="a name as an id"),
        pytest.param({"body": "{}"}, id="a body"),
    ],
)
def test_a_reading_holds_durations_counts_and_codes_only(wrong):
    with pytest.raises(ValidationError) as refused:
        a_reading(**wrong)
    assert "Doe" not in str(refused.value)


def test_a_reading_never_changes():
    with pytest.raises(ValidationError):
        a_reading().status = 500


@pytest.mark.parametrize(
    ("total", "failed", "rate", "succeeded"),
    [
        pytest.param(0, 0, 0.0, 0, id="nothing of nothing"),
        pytest.param(20, 1, 0.05, 19, id="one of twenty"),
        pytest.param(3, 3, 1.0, 0, id="all"),
    ],
)
def test_counts_give_a_rate_and_the_rest(total, failed, rate, succeeded):
    counted = Counts(total=total, failed=failed)
    assert (counted.error_rate, counted.succeeded) == (rate, succeeded)


def test_shares_of_an_empty_window_are_zero():
    empty = a_window()
    assert (empty.share_of(Outcome.OK), empty.share_of_status(200), empty.counts.error_rate) == (0.0, 0.0, 0.0)
    assert empty.cycles(MINUTE) == ()


def test_shares_count_outcomes_and_statuses():
    window = a_window(
        a_reading(),
        a_reading(outcome=Outcome.THROTTLED, status=429),
        a_reading(outcome=Outcome.TIMEOUT, status=None, latency_ms=None),
        a_reading(outcome=Outcome.RESET, status=None, latency_ms=None),
    )
    assert window.share_of(Outcome.THROTTLED) == 0.25
    assert window.share_of(Outcome.TIMEOUT, Outcome.RESET) == 0.5
    assert window.share_of_status(429) == 0.25
    assert window.latencies_ms() == [120.0, 120.0]


def test_one_operation_can_be_looked_at_alone():
    window = a_window(a_reading(latency_ms=1), a_reading(operation="Appointment.search", latency_ms=2))
    assert window.latencies_ms("Appointment.search") == [2]
    assert [reading.latency_ms for reading in window.of("Appointment.search").readings] == [2]
    assert window.of("Nothing.search").counts.total == 0


def test_between_takes_its_beginning_and_leaves_its_end():
    window = a_window(*minutes(0, 0, 0, calls=1), since=BEGINNING, until=BEGINNING + 3 * MINUTE)
    part = window.between(BEGINNING + MINUTE, BEGINNING + 2 * MINUTE)
    assert [reading.observed_at for reading in part.readings] == [BEGINNING + MINUTE]
    assert (part.since, part.until) == (BEGINNING + MINUTE, BEGINNING + 2 * MINUTE)


def test_between_never_reaches_beyond_the_window():
    window = a_window(a_reading())
    wider = window.between(NOW - timedelta(days=1), NOW + timedelta(days=1))
    assert wider == window


def test_cycles_follow_the_clock_and_leave_empty_spans_out():
    readings = [a_reading(observed_at=BEGINNING + timedelta(seconds=s)) for s in (59.9, 60, 119.999, 300)]
    cycles = a_window(*readings).cycles(MINUTE)
    assert [cycle.since for cycle in cycles] == [BEGINNING, BEGINNING + MINUTE, BEGINNING + 5 * MINUTE]
    assert [len(cycle.readings) for cycle in cycles] == [1, 2, 1]


@given(windows(), spans)
def test_cycles_keep_every_reading_once_inside_its_own_span(window, every):
    cycles = window.cycles(every)
    assert [reading for cycle in cycles for reading in cycle.readings] == list(window.readings)
    for cycle in cycles:
        assert cycle.readings
        assert cycle.until - cycle.since == every
        assert all(cycle.since <= reading.observed_at < cycle.until for reading in cycle.readings)


@given(windows(least=1), moments)
def test_a_cut_splits_a_window_into_two_that_add_up(window, cut):
    before = window.between(datetime(2000, 1, 1, tzinfo=UTC), cut)
    after = window.between(cut, datetime(2100, 1, 1, tzinfo=UTC))
    assert before.readings + after.readings == window.readings
    assert before.counts.failed + after.counts.failed == window.counts.failed


@given(windows(least=1))
def test_the_shares_of_all_outcomes_add_up_to_one(window):
    assert sum(window.share_of(outcome) for outcome in Outcome) == pytest.approx(1)
    assert window.share_of(Outcome.OK) == pytest.approx(1 - window.counts.error_rate)


@given(windows())
def test_a_window_survives_being_written_down(window):
    assert Window.model_validate_json(window.model_dump_json()) == window
    assert all(Reading.model_validate_json(r.model_dump_json()) == r for r in window.readings)
