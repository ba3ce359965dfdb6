"""Maintenance: the right instants on the practice's clock, also when the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.maintenance import Downtime, Maintenance, close, downtimes, merged, now_in, occurrences
from tests.builders import EPIC, NOW

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
ZONE = "America/New_York"
AGREED = {"reason": "Epic upgrade", "agreed_by": "Integration Team"}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def a_rule(**changes) -> Maintenance:
    return Maintenance(**{**AGREED, "every": "week", "day": "sunday", "start": "02:30", "lasts": "3h", **changes})


def begins(rule: Maintenance, since: str, until: str) -> list[str]:
    found = (one for one in occurrences(rule, ZONE, utc(since), utc(until)) if one.meets(utc(since), utc(until)))
    return [f"{one.since:%Y-%m-%d %H:%M}" for one in found]


@pytest.mark.parametrize(
    ("changes", "since", "until", "found"),
    [
        pytest.param({}, "2026-01-01", "2026-01-12", ["2026-01-04 07:30", "2026-01-11 07:30"], id="every sunday"),
        pytest.param({}, "2026-03-08", "2026-03-09", ["2026-03-08 07:30"], id="a skipped hour is the next one"),
        pytest.param({}, "2026-03-15", "2026-03-16", ["2026-03-15 06:30"], id="summer: an hour earlier in UTC"),
        pytest.param({"start": "01:30"}, "2026-11-01", "2026-11-02", ["2026-11-01 05:30"], id="twice: the first"),
        pytest.param(
            {"every": "month", "day": "third sunday"},
            "2026-01-01",
            "2026-04-01",
            ["2026-01-18 07:30", "2026-02-15 07:30", "2026-03-15 06:30"],
            id="every third sunday",
        ),
        pytest.param(
            {"every": "month", "day": "Last Friday"},
            "2026-01-01",
            "2026-03-01",
            ["2026-01-30 07:30", "2026-02-27 07:30"],
            id="every last friday",
        ),
        pytest.param(
            {"every": "month", "day": 15}, "2026-02-01", "2026-03-01", ["2026-02-15 07:30"], id="every fifteenth"
        ),
        pytest.param(
            {"day": "monday", "start": "22:00", "lasts": "7d"},
            "2026-01-10",
            "2026-01-11",
            ["2026-01-06 03:00"],
            id="one that began days ago still lasts",
        ),
    ],
)
def test_a_rule_begins_on_its_days_on_the_clock_of_the_practice(changes, since, until, found):
    assert begins(a_rule(**changes), since, until) == found


def test_a_downtime_lasts_by_a_stopwatch_also_when_the_clocks_change():
    (one,) = (
        d for d in occurrences(a_rule(start="01:00"), ZONE, utc("2026-03-08"), utc("2026-03-09")) if d.since.day == 8
    )
    assert one.until - one.since == 3 * HOUR


def test_once_means_once():
    rule = Maintenance(**AGREED, since="2026-12-05T20:00:00-05:00", until="2026-12-06T02:00:00-05:00")
    assert begins(rule, "2026-12-01", "2026-12-31") == ["2026-12-06 01:00"]
    assert begins(rule, "2026-12-07", "2026-12-31") == []


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"until": NOW}, id="an end without a beginning"),
        pytest.param({"since": NOW, "until": NOW}, id="no time at all"),
        pytest.param({"since": NOW, "until": NOW + timedelta(days=8)}, id="eight days"),
        pytest.param({"every": "week", "day": "sunday", "start": "02:30"}, id="for how long?"),
        pytest.param({"every": "month", "day": "sunday", "start": "02:30", "lasts": "1h"}, id="which sunday?"),
        pytest.param({"every": "month", "day": "31", "start": "02:30", "lasts": "1h"}, id="not in every month"),
        pytest.param({"every": "week", "day": "sunday", "start": "24:00", "lasts": "1h"}, id="no such time"),
        pytest.param({"every": "week", "day": "sunday", "start": "02:30", "lasts": "8d"}, id="longer than a week"),
        pytest.param(
            {"since": NOW, "until": NOW + HOUR, "every": "week", "day": "sunday", "start": "02:30", "lasts": "1h"},
            id="once and again",
        ),
        pytest.param({}, id="never"),
    ],
)
def test_a_rule_that_says_too_little_or_too_much_is_refused(wrong):
    with pytest.raises(ValueError, match="validation error"):
        Maintenance(**AGREED, **wrong)


def test_a_closure_ends_early_and_says_by_whom():
    closure = close(EPIC, Downtime(since=NOW, until=NOW + 2 * HOUR, **AGREED))
    ended = closure.end(NOW + HOUR, "Sam Okafor")
    assert ended.id == f"MNT-{EPIC}/20250326T134532Z"
    assert (ended.downtime.until, ended.ended_by) == (NOW + HOUR, "Sam Okafor")
    assert now_in(downtimes((), ZONE, NOW, NOW + 3 * HOUR, [ended]), NOW + HOUR) is None


def test_of_several_downtimes_the_one_that_ends_last_is_in_force():
    short, long = (Downtime(since=NOW, until=NOW + n * HOUR, **AGREED) for n in (1, 2))
    assert now_in([long, short], NOW) == long
    assert now_in([long, short], NOW - MINUTE) is None


SPANS = st.lists(st.tuples(st.integers(0, 7200), st.integers(1, 7200)), max_size=6)


@given(SPANS)
def test_merged_spans_cover_every_minute_that_a_downtime_touches_once(drawn):
    known = [
        Downtime(since=NOW + timedelta(seconds=begin), until=NOW + timedelta(seconds=begin + length), **AGREED)
        for begin, length in drawn
    ]
    spans = merged(known)
    assert all(since < until for since, until in spans)
    assert all(left[1] < right[0] for left, right in pairwise(spans))
    start = NOW.replace(second=0, microsecond=0)
    for minute in (start + n * MINUTE for n in range(0, 245, 5)):
        touched = any(one.meets(minute, minute + MINUTE) for one in known)
        assert sum(since <= minute < until for since, until in spans) == touched
