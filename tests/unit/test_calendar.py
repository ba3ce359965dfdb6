"""Opening hours on the practice's own clock, also in the weeks in which that clock jumps."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from models.calendar import DAYS, Calendar, Hours, Span, instant

NEW_YORK = ZoneInfo("America/New_York")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
WORKDAYS = Hours.model_validate(
    dict.fromkeys(DAYS[:5], "08:00-12:00, 13:00-18:00") | {"saturday": "09:00-13:00", "holidays": [date(2026, 12, 25)]}
)
PRACTICE = Calendar(hours=WORKDAYS, timezone="America/New_York")


def local(text: str, zone: ZoneInfo = NEW_YORK) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        pytest.param("2026-11-23T08:00", True, id="the minute it opens"),
        pytest.param("2026-11-23T07:59", False, id="a minute before"),
        pytest.param("2026-11-23T12:30", False, id="at lunch"),
        pytest.param("2026-11-23T17:59", True, id="a minute before it closes"),
        pytest.param("2026-11-23T18:00", False, id="the minute it closes"),
        pytest.param("2026-11-28T10:00", True, id="on Saturday"),
        pytest.param("2026-11-29T10:00", False, id="on Sunday, which is not mentioned"),
        pytest.param("2026-12-25T10:00", False, id="on a holiday, a Friday"),
        pytest.param("2026-07-01T08:30", True, id="in summer time"),
    ],
)
def test_a_practice_is_open_by_its_own_clock(at, is_open):
    assert PRACTICE.is_open(local(at)) is is_open
    assert PRACTICE.is_open(local(at).astimezone(UTC)) is is_open


@pytest.mark.parametrize(
    ("since", "until", "hours"),
    [
        pytest.param("2026-11-23T09:00", "2026-11-23T10:00", 1, id="within an opening"),
        pytest.param("2026-11-23T11:00", "2026-11-23T14:00", 2, id="over lunch"),
        pytest.param("2026-11-20T17:00", "2026-11-23T09:00", 1 + 4 + 1, id="over a weekend"),
        pytest.param("2026-12-24T17:00", "2026-12-26T10:00", 1 + 1, id="over a holiday"),
        pytest.param("2026-11-23T19:00", "2026-11-24T07:00", 0, id="over a night"),
        pytest.param("2026-11-23T10:00", "2026-11-23T09:00", 0, id="backwards"),
        pytest.param("2026-03-06T17:00", "2026-03-09T09:00", 1 + 4 + 1, id="the clocks go forward meanwhile"),
        pytest.param("2026-10-30T17:00", "2026-11-02T09:00", 1 + 4 + 1, id="the clocks go back meanwhile"),
    ],
)
def test_open_time_leaves_out_what_is_closed(since, until, hours):
    assert PRACTICE.open_time_between(local(since), local(until)) == hours * HOUR


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        pytest.param("2026-03-08", 23, id="the day the clocks go forward"),
        pytest.param("2026-11-01", 25, id="the day the clocks go back"),
        pytest.param("2026-11-02", 24, id="any other day"),
    ],
)
def test_a_day_that_is_open_all_day_has_the_hours_of_its_clock(day, hours):
    all_day = Calendar(hours=Hours.model_validate(dict.fromkeys(DAYS, "00:00-24:00")), timezone="America/New_York")
    begin = local(f"{day}T00:00")
    end = (begin.replace(tzinfo=None) + DAY).replace(tzinfo=NEW_YORK)
    assert all_day.open_time_between(begin, end) == hours * HOUR


def test_a_practice_without_hours_is_always_open():
    always = Calendar()
    assert always.is_open(local("2026-12-25T03:00"))
    assert always.open_time_between(local("2026-11-20T17:00"), local("2026-11-23T17:00")) == 3 * DAY
    assert always.open_time_between(local("2026-11-23T17:00"), local("2026-11-20T17:00")) == timedelta(0)


ZONES = st.sampled_from(
    ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata", "America/Santiago", "UTC"]
)
INSTANTS = st.integers(0, 260 * 24 * 60).map(lambda minutes: datetime(2026, 2, 20, tzinfo=UTC) + minutes * MINUTE)
MINUTES = st.integers(0, 24 * 60)


@st.composite
def days(draw) -> tuple[Span, ...]:
    """Up to two spans in order; often at the hour at which clocks jump."""
    edges = sorted(draw(st.sets(st.one_of(MINUTES, st.sampled_from([60, 90, 120, 150, 180])), max_size=4)))
    return tuple(Span(opens=a, closes=b) for a, b in zip(edges[::2], edges[1::2], strict=False))


CALENDARS = st.builds(
    Calendar,
    hours=st.builds(
        Hours, **dict.fromkeys(DAYS, days()), holidays=st.lists(st.just(date(2026, 3, 8)), max_size=1).map(tuple)
    ),
    timezone=ZONES,
)
AROUND_JUMPS = st.one_of(
    INSTANTS,
    st.builds(
        lambda jump, minutes: jump + minutes * MINUTE,
        st.sampled_from(
            [
                datetime(2026, 3, 8, 7, tzinfo=UTC),  # New York
                datetime(2026, 11, 1, 6, tzinfo=UTC),
                datetime(2026, 3, 29, 1, tzinfo=UTC),  # Berlin
                datetime(2026, 10, 25, 1, tzinfo=UTC),
                datetime(2026, 4, 4, 15, tzinfo=UTC),  # Lord Howe, half an hour
                datetime(2026, 9, 6, 4, tzinfo=UTC),  # Santiago, at midnight
            ]
        ),
        st.integers(-600, 600),
    ),
)


@settings(max_examples=60)
@given(CALENDARS, AROUND_JUMPS, st.integers(0, 40 * 60))
def test_open_time_is_the_sum_of_the_open_minutes(calendar, since, minutes):
    """Spans begin and end on whole minutes, and so do all the jumps: counting minutes is an independent oracle."""
    since = since.replace(second=0, microsecond=0)
    counted = sum(calendar.is_open(since + n * MINUTE) for n in range(minutes))
    assert calendar.open_time_between(since, since + minutes * MINUTE) == counted * MINUTE


@given(CALENDARS, st.lists(AROUND_JUMPS, min_size=3, max_size=3).map(sorted))
def test_open_time_adds_up_and_never_exceeds_the_time_there_is(calendar, instants):
    first, middle, last = instants
    parts = calendar.open_time_between(first, middle), calendar.open_time_between(middle, last)
    assert sum(parts, timedelta(0)) == calendar.open_time_between(first, last)
    assert timedelta(0) <= parts[0] <= middle - first


@given(ZONES, st.dates(date(2026, 1, 1), date(2026, 12, 31)), st.integers(0, 24 * 60 - 1))
def test_an_instant_shows_its_minute_on_the_clock_unless_the_clock_jumps_over_it(zone, day, minute):
    there = ZoneInfo(zone)
    shown = instant(day, minute, there).astimezone(there)
    wanted = datetime.combine(day, datetime.min.time()) + minute * MINUTE
    assert timedelta(0) <= shown.replace(tzinfo=None) - wanted <= HOUR
    if shown.replace(tzinfo=None) != wanted:  # inside a jump: a moment later the offset is another
        assert shown.utcoffset() != (shown - 2 * HOUR).astimezone(there).utcoffset()


@pytest.mark.parametrize(
    ("written", "spans"),
    [
        pytest.param("08:00-18:00", [(480, 1080)], id="one span"),
        pytest.param("08:00-12:00, 13:00-18:00", [(480, 720), (780, 1080)], id="two spans"),
        pytest.param("00:00-24:00", [(0, 1440)], id="all day"),
        pytest.param("8:00-9:30", [(480, 570)], id="without the nought"),
        pytest.param("closed", [], id="closed"),
    ],
)
def test_hours_are_written_as_people_write_them(written, spans):
    assert [(s.opens, s.closes) for s in Hours.model_validate({"monday": written}).monday] == spans


@pytest.mark.parametrize(
    "written",
    [
        "18:00-08:00",
        "08:00-08:00",
        "8-18",
        "08:00-24:30",
        "08:00",
        "08:60-09:00",
        "25:00-26:00",
        "",
        "13:00-18:00, 08:00-12:00",
    ],
)
def test_anything_else_is_refused_with_the_way_to_write_it(written):
    with pytest.raises(ValidationError, match=r"08:00-1[28]:00"):
        Hours.model_validate({"monday": written})


@settings(max_examples=50)
@given(st.text("0123456789:-, 24closed", max_size=14))
def test_no_text_surprises_the_parser(text):
    with contextlib.suppress(ValidationError):  # the only error there may be
        Hours.model_validate({"monday": text})


@settings(max_examples=60)
@given(CALENDARS, AROUND_JUMPS, st.integers(1, 30 * 60))
def test_as_much_open_time_lies_behind_as_is_asked_for(calendar, until, minutes):
    since = calendar.open_since(until, minutes * MINUTE)
    assert until - timedelta(days=366) <= since <= until
    if calendar.hours is not None and not any(getattr(calendar.hours, day) for day in DAYS):
        assert since == until - timedelta(days=366)
    else:
        assert calendar.open_time_between(since, until) == minutes * MINUTE
        assert calendar.open_time_between(since + MINUTE / 60, until) < minutes * MINUTE


@given(CALENDARS, AROUND_JUMPS)
def test_a_date_has_the_spans_in_which_its_instants_are_open(calendar, at):
    day = at.astimezone(ZoneInfo(calendar.timezone)).date()
    assert any(begin <= at < end for begin, end in calendar.open_on(day)) == calendar.is_open(at)
