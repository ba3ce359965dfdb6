"""Which silence counts: only that of hours in which a bridge is usually there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.baseline import hour_of_week
from models.bridge import Beats, Bridge, next_hour

ZONE = "America/New_York"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OFFICE = {day * 24 + hour: 1.0 for day in range(5) for hour in range(8, 18)}


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).astimezone(UTC)


def heard(last: str, per_hour=None, days: int = 28) -> Beats:
    at = local(last)
    shares = OFFICE if per_hour is None else per_hour
    return Beats(integration_id="desk", bridge="pc", first_at=at - days * DAY, last_at=at, per_hour=shares)


@pytest.mark.parametrize(
    ("last", "now", "hours"),
    [
        pytest.param("2026-11-23T10:00", "2026-11-23T12:00", 2, id="by day"),
        pytest.param("2026-11-23T18:00", "2026-11-23T21:00", 0, id="in the evening"),
        pytest.param("2026-11-23T17:30", "2026-11-24T08:15", 0.75, id="the ends of two days"),
        pytest.param("2026-11-20T17:00", "2026-11-23T09:00", 2, id="over a weekend"),
        pytest.param("2026-10-30T17:00", "2026-11-02T09:00", 2, id="over a weekend on which the clocks go back"),
        pytest.param("2026-11-23T10:00", "2026-11-23T10:00", 0, id="just heard"),
        pytest.param("2026-11-23T10:00", "2026-11-23T09:00", 0, id="heard after now"),
    ],
)
def test_only_awake_hours_count(last, now, hours):
    assert heard(last).silence(local(now), ZONE) == hours * HOUR


def test_nothing_is_learned_in_less_than_14_days():
    young = heard("2026-11-23T18:00", days=13)
    assert (young.has_learned, young.silence(local("2026-11-23T21:00"), ZONE)) == (False, 3 * HOUR)
    assert heard("2026-11-23T18:00", days=14).has_learned


@pytest.mark.parametrize(("share", "is_awake"), [(1.0, True), (0.5, True), (0.49, False), (None, False)])
def test_an_hour_is_awake_when_it_usually_was(share, is_awake):
    shares = {} if share is None else {10: share}
    assert heard("2026-11-23T09:59", shares).is_awake(10) is is_awake


def test_the_longer_look_teaches_and_the_newer_beat_counts():
    old, new = heard("2026-11-23T10:00"), heard("2026-11-23T11:00", {})
    assert old.joined(new).last_at == new.last_at
    assert old.joined(new).per_hour == OFFICE
    assert new.joined(old).last_at == new.last_at


@given(
    st.integers(0, 330 * 86400).map(lambda seconds: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)),
    st.sampled_from([ZONE, "Asia/Kolkata", "Australia/Lord_Howe", "UTC"]),
)
def test_the_next_hour_begins_within_an_hour_on_the_clock(at, zone):
    following = next_hour(at, zone)
    assert timedelta(0) < following - at <= HOUR
    assert following.astimezone(ZoneInfo(zone)).second == 0
    if zone != "Australia/Lord_Howe":  # where half an hour is given back, an hour begins at half past
        assert following.astimezone(ZoneInfo(zone)).minute == 0


TENTH = timedelta(minutes=10)


@given(st.integers(0, 6 * 24 * 14), st.integers(0, 6 * 24 * 3), st.sets(st.integers(0, 167)))
def test_silence_is_the_sum_of_the_awake_time(start, tenths, awake):
    """Hours begin on multiples of ten minutes, also where the clocks go back: to count them is an oracle."""
    at = local("2026-10-26T00:00") + start * TENTH
    shares = dict.fromkeys(awake, 1.0)
    beats = Beats(integration_id="desk", bridge="pc", first_at=at - 20 * DAY, last_at=at, per_hour=shares)
    counted = sum(hour_of_week(at + n * TENTH, ZONE) in awake for n in range(tenths))
    assert beats.silence(at + tenths * TENTH, ZONE) == counted * TENTH


def test_patience_is_so_many_beats():
    assert Bridge(name="pc").patience == timedelta(minutes=15)
