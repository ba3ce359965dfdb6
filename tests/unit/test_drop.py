"""Expected files: names, days, hours on the wall of the practice, on the days when clocks change as well."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.drop import Calendar, ExpectedFile, Phase, Schedule, belongs
from tests.strategies import ZONES

TUESDAY = date(2026, 3, 3)
NEW_YORK = "America/New_York"


def a_file(name: str = "claims_{date:%Y%m%d}.csv", **changes: object) -> ExpectedFile:
    return ExpectedFile.model_validate({"name": name, "schedule": {"by": "06:00"}} | changes)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "changes", "written", "is_it"),
    [
        pytest.param("claims_{date:%Y%m%d}.csv", {}, "claims_20260303.csv", True, id="the day's"),
        pytest.param("claims_{date:%Y%m%d}.csv", {}, "claims_20260302.csv", False, id="another day's"),
        pytest.param("claims_{date:%Y%m%d}.csv", {}, "claims_20260303_csv", False, id="a dot is a dot"),
        pytest.param("c_{date:%y%j}*.csv", {}, "c_26062_0541.csv", True, id="a star is anything"),
        pytest.param("c_{date:%y%j}*.csv", {}, "c_26062/x.csv", False, id="but no folder"),
        pytest.param("orders.csv", {}, "orders.csv", True, id="always the same"),
        pytest.param("c{date:%d.%m.%Y}", {"dated": "day_before"}, "c02.03.2026", True, id="the day before"),
    ],
)
def test_a_name_is_matched_whole_and_with_the_days_date(name, changes, written, is_it):
    assert (a_file(name, **changes).matches(TUESDAY).fullmatch(written) is not None) is is_it


@pytest.mark.parametrize(
    ("written", "how"),
    [
        pytest.param("claims_20260303.csv.part", "unfinished", id="an upload in progress"),
        pytest.param(".claims_20260303.csv.Xy12.tmp", "unfinished", id="as rsync names it"),
        pytest.param("CLAIMS_20260303.CSV", "resembles", id="in capitals"),
        pytest.param("claims_20260303.csv.gz", "resembles", id="packed"),
    ],
)
def test_what_else_a_file_may_be_called_is_recognised(written, how):
    ours = a_file()
    assert getattr(ours, how)(TUESDAY).fullmatch(written)
    assert not ours.matches(TUESDAY).fullmatch(written)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"name": "../claims.csv"}, "without folders", id="a way out"),
        pytest.param({"name": "a/b.csv"}, "without folders", id="a folder"),
        pytest.param({"name": ".."}, "without folders", id="the folder above"),
        pytest.param({"name": "a\0b"}, "without folders", id="a NUL"),
        pytest.param({"name": "***"}, "write the file's name", id="anything at all"),
        pytest.param({"name": "c_{day}.csv"}, "only {date:…}", id="another word in braces"),
        pytest.param({"name": "c_{date:%Y%m}.csv"}, "names a day", id="a month is no day"),
        pytest.param({"name": "c_{date:%d%m}.csv"}, "names a day", id="of which year"),
        pytest.param({"name": "c_{date:%Y%m%d%H}.csv"}, "names a day", id="an hour"),
        pytest.param({"name": "c_{date:%Y%m%d}_{date:%Y%m%d}.csv"}, "write one {date:…}", id="two dates"),
        pytest.param({"name": "c_{date:%Y%m%d}.csv", "schedule": None}, "needs a `schedule`", id="a date without days"),
        pytest.param({"schedule": {"by": 630}}, "in quotes", id="10:30 as YAML reads it"),
        pytest.param({"schedule": {"by": "6am"}}, "in quotes", id="another way to write a time"),
        pytest.param({"schedule": {"by": "06:00", "days": "weekdays"}}, "mon-fri", id="a word for days"),
        pytest.param({"schedule": {"by": "06:00", "days": ["mon", "friday"]}}, "mon-fri", id="a long name of a day"),
        pytest.param({"delimiter": ", "}, "comma, tab", id="two characters"),
        pytest.param({"delimiter": '"'}, "comma, tab", id="a quotation mark"),
        pytest.param({"encoding": "utf8mb4"}, "no such encoding", id="of a database"),
        pytest.param({"encoding": "base64"}, "no such encoding", id="not of text"),
        pytest.param({"direction": "out"}, "`sent_from` belongs", id="sent from where"),
        pytest.param({"sent_from": "/sent"}, "`sent_from` belongs", id="received, from our own copy"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_how_to_write_it(changes, says):
    with pytest.raises(ValidationError, match=says.replace("{", r"\{").replace("(", r"\(")):
        a_file(**changes)


@pytest.mark.parametrize(
    ("days", "means"),
    [
        pytest.param("mon-fri", (0, 1, 2, 3, 4), id="a range"),
        pytest.param(["mon", "wed-fri"], (0, 2, 3, 4), id="a list with a range"),
        pytest.param("sat-mon", (0, 5, 6), id="over the weekend"),
        pytest.param("Sun", (6,), id="one"),
    ],
)
def test_days_are_written_as_people_say_them(days, means):
    assert Schedule.model_validate({"by": "06:00", "days": days}).days == means


@pytest.mark.parametrize(
    ("now", "day", "phase"),
    [
        pytest.param("2026-03-03T10:59", TUESDAY, Phase.EARLY, id="a minute to six"),
        pytest.param("2026-03-03T11:00", TUESDAY, Phase.GRACE, id="six"),
        pytest.param("2026-03-03T11:30", TUESDAY, Phase.LATE, id="half past six"),
        pytest.param("2026-03-03T04:59", date(2026, 3, 2), Phase.LATE, id="still Monday there"),
        pytest.param("2026-03-08T12:00", date(2026, 3, 6), Phase.LATE, id="Sunday looks back at Friday"),
        pytest.param("2026-03-05T20:00", date(2026, 3, 4), Phase.LATE, id="a holiday looks back too"),
        pytest.param("2026-03-09T10:00", date(2026, 3, 9), Phase.GRACE, id="six is an hour earlier in summer time"),
        pytest.param("2026-11-02T10:30", date(2026, 11, 2), Phase.EARLY, id="and an hour later in winter time"),
    ],
)
def test_the_delivery_in_force_follows_the_practices_days_and_wall(now, day, phase):
    calendar = Calendar(timezone=NEW_YORK, holidays=frozenset({date(2026, 3, 5)}))
    due = next(calendar.dues(Schedule.model_validate({"by": "06:00", "days": "mon-fri"}), at(now)))
    assert (due.day, due.phase(at(now))) == (day, phase)


@pytest.mark.parametrize(
    ("day", "by", "utc"),
    [
        pytest.param(date(2026, 3, 8), "02:30", "2026-03-08T07:30", id="skipped: the hour after it"),
        pytest.param(date(2026, 11, 1), "01:30", "2026-11-01T05:30", id="twice: the first"),
    ],
)
def test_an_hour_that_a_change_of_clocks_skips_or_repeats_is_one_instant(day, by, utc):
    due = Calendar(timezone=NEW_YORK).due(Schedule.model_validate({"by": by}), day)
    assert due.at == at(utc)


@given(st.sampled_from(ZONES), st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_every_instant_has_one_delivery_in_force_and_they_never_go_back(zone, now):
    calendar, schedule = Calendar(timezone=zone), Schedule.model_validate({"by": "02:30"})
    dues = calendar.dues(schedule, now)
    due, previous = next(dues), next(dues)
    assert due.day == calendar.today(now)
    assert previous.at < due.at < due.late_at
    assert calendar.due(schedule, due.day) == due


def test_nothing_is_due_where_no_day_is_left():
    every_day = frozenset(TUESDAY - timedelta(days=n) for n in range(500))
    calendar = Calendar(timezone=NEW_YORK, holidays=every_day)
    assert next(calendar.dues(Schedule.model_validate({"by": "06:00"}), at("2026-03-03T12:00")), None) is None


@pytest.mark.parametrize(
    ("changed", "is_it"),
    [
        pytest.param("2026-03-02T11:29", False, id="in time for the one before"),
        pytest.param("2026-03-02T22:00", True, id="the evening before"),
        pytest.param("2026-03-03T12:00", True, id="late"),
    ],
)
def test_under_one_lasting_name_the_time_of_change_says_whose_delivery_it_is(changed, is_it):
    dues = Calendar(timezone=NEW_YORK).dues(Schedule.model_validate({"by": "06:00"}), at("2026-03-03T15:00"))
    due, previous = next(dues), next(dues)
    assert belongs(at(changed), due, previous) is is_it
    assert belongs(due.at - timedelta(hours=23), due, None)
