"""What is usual in an hour: drawn from hours like it, by the practice's clock, from days on which all was well."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from models.baseline import Basis
from models.calendar import Hours
from models.gauge import Gauge
from models.incident import Event, State
from models.integration import Integration
from models.maintenance import Downtime, close
from models.panel import Usual
from models.reading import Outcome, Source
from models.series import Series
from simulator.history import generate_history
from tasks import learn_hours as turns
from tasks.history.hours import DAY, Pace, add_up, hours_between, hours_known, lacking_days, newest
from tasks.history.panels import course
from tasks.learn_hours import learn_hours, usual_ahead, usual_of_pace
from tasks.past import usual_of
from tasks.remember import compact, remember, remember_frame, remember_gauges
from tests.builders import a_reading, an_incident, an_integration
from tests.integration.test_learn import house_of

NEW_YORK = ZoneInfo("America/New_York")
OFFICE = "08:00-12:00, 13:00-18:00"
WORKDAYS = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), OFFICE)
PRACTICE = Hours.model_validate(WORKDAYS | {"holidays": ["2026-11-26"]})
MINUTE, HOUR, WEEK = timedelta(minutes=1), timedelta(hours=1), timedelta(weeks=1)
LATENCY = "latency:Patient.search"
BASES = list(Basis)
BOUND = 3e-7  # hours are kept in 32 bits: a rounding of 6e-8 each of the values, of their difference, and of the sum


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).astimezone(UTC)


# --- the past that teaches, hour by hour -----------------------------------------------------------------------------


def hours_like(one: Integration, value: Callable[[datetime], float], since: datetime, until: datetime, n: int = 60):
    """Hours of one series whose cycles lie within ±2 of a value that depends on the local hour."""
    begins = pd.date_range(since, until, freq="h", inclusive="left")
    middles = [float(value(begin.tz_convert(one.timezone).to_pydatetime())) for begin in begins]
    apart = {"low": -2, "q25": -1, "median": 0, "q75": 1, "high": 2, "bottom": -0.5, "top": 0.5}
    columns = {name: pa.array([middle + off for middle in middles], pa.float32()) for name, off in apart.items()}
    named = {"integration_id": [one.id] * len(begins), "series": [LATENCY] * len(begins)}
    begin_s = [int(begin.timestamp()) for begin in begins]
    return pa.table(named | {"begin_s": begin_s, "n": pa.array([n] * len(begins), pa.int32())} | columns)


def usual_at(
    one: Integration, value: Callable[[datetime], float], at: datetime, *, weeks: float = 4, cut=(), n: int = 60
):
    """What is usual at an instant, learned from the weeks before the day in which it lies."""
    end = at.replace(hour=6, minute=0) if at.hour >= 6 else at.replace(hour=0, minute=0)
    past = hours_like(one, value, end - weeks * WEEK, end, n)
    table = usual_of_pace(past, [one], end, {one.id: tuple(cut)})
    (row,) = (row for row in table.to_pylist() if 0 <= at.timestamp() - row["at_s"] < 3600)
    return row


def by_the_clock(local_time: datetime) -> float:
    """Busy when it opens, an ordinary morning, nothing at lunch, at night and on weekends."""
    if local_time.weekday() >= 5 or local_time.hour in {12, *range(8), *range(18, 24)}:
        return 0.0
    return 300.0 if local_time.hour == 8 else 100.0


def closed_on_thanksgiving(local_time: datetime) -> float:
    return 0.0 if f"{local_time:%m-%d}" == "11-26" else by_the_clock(local_time)


@pytest.mark.parametrize(
    ("at", "middle"),
    [
        pytest.param("2026-03-09T08:30", 300, id="it opens, the day after the clocks went forward"),
        pytest.param("2026-03-09T07:30", 0, id="an hour before, which was that hour in winter"),
        pytest.param("2026-11-02T08:30", 300, id="it opens, the day after the clocks went back"),
        pytest.param("2026-11-02T09:30", 100, id="an hour later, which was that hour in summer"),
        pytest.param("2026-03-06T08:30", 300, id="it opens, in winter"),
        pytest.param("2026-11-01T01:30", 0, id="the hour that comes twice"),
        pytest.param("2026-11-24T10:30", 100, id="a working Tuesday"),
        pytest.param("2026-11-26T10:30", 0, id="Thanksgiving"),
        pytest.param("2026-11-27T10:30", 100, id="the day after Thanksgiving"),
        pytest.param("2026-12-03T10:30", 100, id="a Thursday a week after Thanksgiving"),
        pytest.param("2026-11-24T12:30", 0, id="lunch"),
        pytest.param("2026-11-28T10:30", 0, id="a Saturday, when it is closed"),
    ],
)
def test_what_is_usual_follows_the_clock_and_the_calendar_of_the_practice(at, middle):
    row = usual_at(an_integration(hours=PRACTICE), closed_on_thanksgiving, local(at))
    assert row["middle"] == middle
    assert row["low"] <= middle <= row["high"]


def test_a_calendar_makes_the_difference_on_thanksgiving():
    row = usual_at(an_integration(), by_the_clock, local("2026-11-26T10:30"))
    assert row["middle"] == 100


@pytest.mark.parametrize(
    ("at", "weeks", "basis", "days", "middle"),
    [
        pytest.param("2026-11-24T10:30", 4, Basis.HOUR_OF_WEEK, 4, 100, id="four weeks"),
        pytest.param("2026-11-24T10:30", 3, Basis.HOUR_OF_WEEK, 3, 100, id="three"),
        pytest.param("2026-11-24T10:30", 2, Basis.HOUR_OF_DAY, 10, 100, id="two: the same hour on other weekdays"),
        pytest.param("2026-11-20T10:30", 3 / 7, Basis.HOUR_OF_DAY, 3, 100, id="three weekdays"),
        pytest.param("2026-11-20T10:30", 2 / 7, Basis.ALL_HOURS, 2, 100, id="two days: other open hours"),
        pytest.param("2026-11-20T12:30", 2 / 7, Basis.ALL_HOURS, 3, 0, id="lunch on the third day: other closed hours"),
        pytest.param("2026-11-21T10:30", 4 / 7, Basis.ALL_HOURS, 5, 0, id="the first Saturday: nights"),
    ],
)
def test_when_little_is_known_hours_that_are_less_alike_must_do(at, weeks, basis, days, middle):
    row = usual_at(an_integration(hours=PRACTICE), by_the_clock, local(at), weeks=weeks)
    assert (BASES[row["basis"]], row["days"], row["middle"]) == (basis, days, middle)


@pytest.mark.parametrize(
    ("end", "basis"),
    [
        pytest.param("06:00", Basis.LEARNING, id="the second hour lasts until half past"),
        pytest.param("06:30", Basis.ALL_HOURS, id="it is over"),
    ],
)
def test_an_hour_that_was_not_over_teaches_nothing(end, basis):
    one, first = an_integration(timezone="Asia/Kolkata"), datetime(2026, 11, 24, 4, 30, tzinfo=UTC)
    two_hours = hours_like(one, lambda _: 100.0, first, first + 2 * HOUR, n=20)
    (row, *_) = usual_of_pace(two_hours, [one], datetime.fromisoformat(f"2026-11-24T{end}Z"), {}).to_pylist()
    assert BASES[row["basis"]] is basis


@pytest.mark.parametrize(
    ("hours", "n", "is_learning"),
    [
        pytest.param(1, 29, True, id="29 cycles"),
        pytest.param(1, 30, False, id="30 cycles"),
        pytest.param(5, 6, False, id="as many over five hours"),
    ],
)
def test_it_is_learning_until_there_are_enough_cycles(hours, n, is_learning):
    row = usual_at(an_integration(), lambda _: 100.0, local("2026-11-24T10:30"), weeks=hours / 168, n=n)
    assert (BASES[row["basis"]] is Basis.LEARNING) is is_learning
    assert (row["middle"] is None) is (row["spread"] is None) is is_learning
    assert row["days"] >= 1


def test_a_monday_peak_is_usual_on_mondays():
    def monday(at: datetime) -> float:
        return 350.0 if at.weekday() == 0 and at.hour == 8 else 100.0

    assert usual_at(an_integration(), monday, local("2026-11-23T08:30"))["middle"] == 350
    assert usual_at(an_integration(), monday, local("2026-11-24T08:30"))["middle"] == 100


def ill_on(*days: str, from_hour: int = 9, to_hour: int = 14, value: float = 1250.0):
    """Ordinary at 350, and ill on some dates."""
    return lambda at: value if f"{at:%m-%d}" in days and from_hour <= at.hour < to_hour else 350.0


def span(day: str, since: str = "09:00", until: str = "14:00") -> tuple[datetime, datetime]:
    return local(f"2026-{day}T{since}"), local(f"2026-{day}T{until}")


@pytest.mark.parametrize(
    ("ill", "cut", "middle"),
    [
        pytest.param(["11-17"], [], 350, id="one bad day of four does not teach"),
        pytest.param(["11-10", "11-17"], [], 800, id="two of four would"),
        pytest.param(["11-10", "11-17"], [span("11-10")], 350, id="unless one of them is known as an incident"),
        pytest.param(["11-03", "11-10", "11-17"], [span("11-03"), span("11-10")], 350, id="too few Tuesdays are left"),
        pytest.param(["11-03", "11-10", "11-17"], [span("11-03"), span("11-10"), span("11-17")], 350, id="all known"),
        pytest.param(["11-10", "11-17"], [span("11-10", "10:59", "11:01")], 350, id="a cut takes the hours it touches"),
        pytest.param(["11-10", "11-17"], [span("11-10", "11:00", "12:00")], 800, id="... and no other"),
    ],
)
def test_known_incidents_are_cut_out(ill, cut, middle):
    row = usual_at(an_integration(), ill_on(*ill), local("2026-11-24T10:30"), cut=cut)
    assert row["middle"] == middle


def test_one_bad_day_that_nobody_confirmed_widens_nothing():
    healthy = usual_at(an_integration(), ill_on(), local("2026-11-24T10:30"))
    row = usual_at(an_integration(), ill_on("11-17"), local("2026-11-24T10:30"))
    for name in ("middle", "spread", "low", "high", "step", "level"):
        assert row[name] == pytest.approx(healthy[name], abs=0.5), name
    assert row["high"] < 360


def test_days_that_differ_widen_the_spread_beyond_that_within_hours():
    steady = usual_at(an_integration(), lambda _: 350.0, local("2026-11-24T10:30"))
    unsteady = usual_at(an_integration(), lambda at: 350.0 + at.toordinal() % 28, local("2026-11-24T10:30"))
    assert steady["spread"] == pytest.approx(2 * 0.7413)
    assert unsteady["spread"] > 5


def test_the_records_are_the_largest_misses_of_a_clean_past():
    def bumpy(at: datetime) -> float:
        return 450.0 if at.hour == 20 else 350.0

    row = usual_at(an_integration(), bumpy, local("2026-11-24T10:30"))
    assert row["step"] == 102  # an extreme of ±2 around 450, after an hour at 350
    assert row["level"] == pytest.approx(100.5)  # a median of six, ±0.5, beside the 144 minutes before


# --- from readings, through the files --------------------------------------------------------------------------------

NOW = local("2026-03-18T13:07")  # Wednesday; the full six hours before are at 12:00 UTC
END = datetime(2026, 3, 18, 12, tzinfo=UTC)


def site(number: int = 0, **changes) -> Integration:
    return an_integration(id=f"site-{number}", **changes)


def past(one: Integration, weeks: int = 2, every_s: int = 300, until: datetime = NOW) -> pd.DataFrame:
    return generate_history(one, until, weeks=weeks, every_s=every_s, seed=3)


def partial_files(home) -> set[str]:
    return {path.name for path in (home / "learned" / "partials").iterdir()}


def day_of(name: str) -> str:
    return name.partition("-")[0]


def as_rows(table: pa.Table) -> list[dict]:
    keys = [
        (name, "ascending") for name in table.column_names if name in {"integration_id", "series", "at_s", "begin_s"}
    ]
    return table.sort_by(keys).to_pylist()


def busy(frame: pd.DataFrame) -> pd.DataFrame:
    """The same calls, three times as many by real users, with all that may be measured of a call."""
    rng = np.random.default_rng(5)
    users = pd.concat([frame] * 3).reset_index(drop=True)
    users = users.assign(
        source="traffic",
        latency_ms=users["latency_ms"] * rng.lognormal(0, 0.3, len(users)),
        received_bytes=rng.integers(1, 1 << 24, len(users)),
        records=rng.integers(0, 9, len(users)),
        connect_ms=np.where(rng.random(len(users)) < 0.5, rng.random(len(users)), np.nan),
        pool_wait_ms=rng.random(len(users)),
        newest_at=users["observed_at"] - pd.to_timedelta(rng.integers(0, 9000, len(users)), unit="s"),
    )
    return pd.concat([frame, users]).sort_values("observed_at", ignore_index=True)


@pytest.mark.parametrize("is_busy", [False, True])
@pytest.mark.parametrize("failing", [0.0, 0.04, 0.2, 0.5])
def test_an_hour_is_what_its_cycles_were(tmp_path, failing, is_busy):
    one = site(probe_every=timedelta(minutes=5))
    frame = past(one, weeks=1)
    frame = busy(frame) if is_busy else frame
    words = np.random.default_rng(7).choice(["timeout", "throttled", "malformed"], len(frame))
    fails = np.random.default_rng(8).random(len(frame)) < failing
    remember_frame(frame.assign(outcome=frame["outcome"].mask(fails, pd.Series(words, frame.index))), tmp_path)
    remember_gauges(
        [Gauge(integration_id=one.id, observed_at=END - n * MINUTE, metric="queue_depth", value=n) for n in range(90)],
        tmp_path,
    )
    day = END.replace(hour=0) - DAY
    found = hours_between(tmp_path, [one.id], day, day + DAY, Pace(one.probe_every, 0))
    cycles = course(tmp_path, [one.id], day, day + DAY, one.probe_every, (Source.GENERATED, Source.TRAFFIC))
    by_key = {
        series.key: values.reshape(24, 12) for series, values in zip(cycles.series, list(cycles.values), strict=True)
    }
    rows = {(row["series"], (row["begin_s"] - int(day.timestamp())) // 3600): row for row in found.to_pylist()}
    assert set(rows) == {
        (key, hour) for key, values in by_key.items() for hour in range(24) if not np.isnan(values[hour]).all()
    }
    for (key, hour), row in rows.items():
        values = by_key[key][hour]
        names = ("low", "q25", "median", "q75", "high")
        assert [row[name] for name in names] == pytest.approx(
            list(np.nanquantile(values, (0, 0.25, 0.5, 0.75, 1))), abs=1e-3, rel=BOUND
        )
        sixes = [np.nanmedian(six) for six in values.reshape(2, 6) if not np.isnan(six).all()]
        assert (row["bottom"], row["top"]) == pytest.approx((min(sixes), max(sixes)), abs=1e-3, rel=BOUND)
        assert row["n"] == np.count_nonzero(~np.isnan(values))


def test_a_series_has_one_name_in_hours_and_in_panels(tmp_path):
    one, day = site(), END.replace(hour=0)
    told = [
        {"source": source, "operation": name} for source in ("probe", "traffic") for name in ("Patient.search", "A.b")
    ]
    more = {"records": 3, "connect_ms": 9.0, "pool_wait_ms": 1.0, "newest_at": day}
    remember([a_reading(integration_id=one.id, observed_at=day + MINUTE, **more, **each) for each in told], tmp_path)
    gauge = {"integration_id": one.id, "observed_at": day + MINUTE, "value": 1}
    remember_gauges([Gauge(metric="queue_depth", subject="in", **gauge), Gauge(metric="heap", **gauge)], tmp_path)
    found = hours_between(tmp_path, [one.id], day, day + DAY, Pace(one.probe_every, 0))
    keys = {series.key for series in course(tmp_path, [one.id], day, day + DAY, one.probe_every).series}
    assert set(found["series"].to_pylist()) == keys
    assert {"queue_depth:in", "heap", "calls@traffic", "staleness:A.b@traffic", "pattern:throttling"} <= keys


@pytest.mark.parametrize("second", [1, 29, 31, 59])
def test_a_reading_counts_in_the_cycle_in_which_it_was_taken(tmp_path, second):
    one, day = site(), END.replace(hour=0)
    remember([a_reading(integration_id=one.id, observed_at=day + timedelta(minutes=59, seconds=second))], tmp_path)
    remember_gauges(
        [Gauge(integration_id=one.id, observed_at=day + timedelta(minutes=59, seconds=second), metric="heap", value=1)],
        tmp_path,
    )
    found = hours_between(tmp_path, [one.id], day, day + DAY, Pace(one.probe_every, 0))
    assert set(found["begin_s"].to_pylist()) == {int(day.timestamp())}
    cycles = course(tmp_path, [one.id], day, day + HOUR, one.probe_every)
    assert not np.isnan(cycles.panel(59, Usual.unknown(len(cycles.series))).latest).any()


def test_the_value_of_a_busy_cycle_is_its_median(tmp_path):
    one, day = site(), END.replace(hour=0)
    latencies = (100.0, 110.0, 1000.0, 120.0, 9000.0)
    calls = [
        a_reading(integration_id=one.id, observed_at=day + n * timedelta(seconds=9), latency_ms=ms)
        for n, ms in enumerate(latencies)
    ]
    failed = a_reading(integration_id=one.id, observed_at=day, outcome=Outcome.TIMEOUT, latency_ms=30_000.0)
    remember([*calls, failed], tmp_path)
    found = course(tmp_path, [one.id], day, day + MINUTE, one.probe_every)
    values = {series.key: values[0] for series, values in zip(found.series, found.values, strict=True)}
    assert values[LATENCY] == 120
    assert values["error_rate"] == values["transport_share"] == pytest.approx(1 / 6)


def test_usual_comes_in_the_order_of_the_series_that_were_asked_for(tmp_path):
    remember_frame(past(site()), tmp_path)
    learn_hours(house_of(tmp_path, site(), at=NOW))
    slow = Series("site-0", "latency", "Patient.search")
    series = [
        Series("nobody", "latency", "Patient.search"),
        Series("site-0", "latency", "Never.seen"),
        slow,
        Series("site-0", "error_rate"),
    ]
    usual = usual_of(tmp_path, series, NOW)
    assert usual.is_learning.tolist() == [True, True, False, False]
    assert [BASES[basis] for basis in usual.basis] == [
        Basis.LEARNING,
        Basis.LEARNING,
        Basis.HOUR_OF_DAY,
        Basis.HOUR_OF_DAY,
    ]
    assert usual.days.tolist() == [0, 0, 10, 10]
    assert 30 < usual.middle[2] < 60
    assert usual.middle[3] == 0
    assert usual.low[2] < usual.middle[2] < usual.high[2]
    assert usual_of(tmp_path, series[::-1], NOW).middle[1] == usual.middle[2]
    assert usual_of(tmp_path, [], NOW).middle.shape == (0,)


def test_nothing_is_known_before_anything_was_learned(tmp_path):
    assert usual_of(tmp_path, [Series("site-0", "error_rate")], NOW).is_learning.tolist() == [True]
    learn_hours(house_of(tmp_path, site(), at=NOW))
    assert usual_of(tmp_path, [Series("site-0", "error_rate")], NOW).is_learning.tolist() == [True]


def test_the_judged_window_is_never_in_its_own_baseline(tmp_path):
    quiet, loud = tmp_path / "quiet", tmp_path / "loud"
    frame, series = past(site()), [Series("site-0", "latency", "Patient.search")]
    judged = frame["observed_at"] >= NOW - 15 * MINUTE
    for home, factor in ((quiet, 1.0), (loud, 50.0)):
        changed = frame.assign(latency_ms=frame["latency_ms"].where(~judged, frame["latency_ms"] * factor))
        remember_frame(changed, home)
        learn_hours(house_of(home, site(), at=NOW))
    calm, wild = usual_of(quiet, series, NOW), usual_of(loud, series, NOW)
    for name in calm.__dataclass_fields__:
        assert getattr(calm, name).tolist() == getattr(wild, name).tolist()
    assert usual_of(loud, series, NOW, before=END - MINUTE).is_learning.tolist() == [True]


def test_no_hour_reaches_beyond_what_was_learned(tmp_path):
    remember_frame(past(site()), tmp_path)
    learn_hours(house_of(tmp_path, site(), at=NOW))
    assert max(hours_known(tmp_path, [site()], END)["begin_s"].to_pylist()) == END.timestamp() - 3600


def test_yesterday_is_not_added_up_again(tmp_path):
    one = site()
    remember_frame(past(one, until=NOW + DAY), tmp_path)
    house = house_of(tmp_path, one, at=NOW)
    learn_hours(house)
    before = partial_files(tmp_path)
    house.clock.at += timedelta(hours=6)
    learn_hours(house)
    again = {day_of(name) for name in partial_files(tmp_path) - before}
    assert again == {"20260318"}
    assert {day_of(name) for name in before - partial_files(tmp_path)} == {"20260318"}


def test_what_is_learned_in_steps_is_what_is_learned_at_once(tmp_path):
    ones, stepwise, at_once = (site(0), site(1, timezone="Asia/Kolkata")), tmp_path / "stepwise", tmp_path / "at-once"
    frame = pd.concat([past(one, weeks=1) for one in ones])
    for day in range(7, -1, -1):
        until = END - day * DAY
        seen = (frame["observed_at"] < until) & (frame["observed_at"] >= until - DAY)
        remember_frame(frame[seen], stepwise)
        add_up(stepwise, ones, until)
    remember_frame(frame[frame["observed_at"] < END], at_once)
    add_up(at_once, ones, END)
    assert as_rows(hours_known(stepwise, ones, END)) == as_rows(hours_known(at_once, ones, END))
    assert as_rows(usual_ahead(stepwise, ones, END, {})) == as_rows(usual_ahead(at_once, ones, END, {}))


def test_late_rows_change_their_own_day_and_no_other(tmp_path):
    one = site()
    frame, late = past(one), END.replace(hour=0) - 3 * DAY
    is_late = (frame["observed_at"] >= late + 9 * HOUR) & (frame["observed_at"] < late + 15 * HOUR)
    remember_frame(frame[~is_late], tmp_path)
    assert add_up(tmp_path, [one], END) == 15
    assert add_up(tmp_path, [one], END) == 0
    remember_frame(frame[is_late], tmp_path)
    assert lacking_days(tmp_path, [one], END) == {one.id: [late]}
    assert add_up(tmp_path, [one], END) == 1
    whole = tmp_path / "whole"
    remember_frame(frame, whole)
    add_up(whole, [one], END)
    assert as_rows(hours_known(tmp_path, [one], END)) == as_rows(hours_known(whole, [one], END))


def test_a_fold_changes_nothing(tmp_path):
    one = site()
    frame = past(one, weeks=1)
    for nth in (0, 1):
        remember_frame(frame[nth::2], tmp_path)
    add_up(tmp_path, [one], END)
    assert compact(tmp_path, before=NOW).files_folded
    assert add_up(tmp_path, [one], END) == 0


def test_another_pace_is_another_past(tmp_path):
    remember_frame(past(site(), weeks=1), tmp_path)
    add_up(tmp_path, [site()], END)
    slower = site(probe_every=timedelta(minutes=10))
    assert add_up(tmp_path, [slower], END) == 8
    assert max(hours_known(tmp_path, [slower], END)["n"].to_pylist()) == 6


def test_days_that_are_too_old_go(tmp_path):
    one = site()
    remember_frame(past(one, weeks=6, every_s=1800), tmp_path)
    add_up(tmp_path, [one], END - 2 * WEEK)
    add_up(tmp_path, [one], END)
    oldest = min(day for _, day in newest(tmp_path))
    assert END - timedelta(days=30) <= oldest <= END - timedelta(days=28)
    assert len(partial_files(tmp_path)) == len(newest(tmp_path))


def test_a_fleet_is_learned_in_turns_by_what_it_costs(tmp_path, monkeypatch):
    monkeypatch.setattr(turns, "DAYS_AT_ONCE", 2 * 15)
    ones = tuple(site(n) for n in range(5))
    for one in ones:
        remember_frame(past(one, every_s=1800), tmp_path)
    house, series = house_of(tmp_path, *ones, at=NOW), [Series(one.id, "error_rate") for one in ones]
    for known in (2, 4, 5):
        learn_hours(house)
        assert np.count_nonzero(~usual_of(tmp_path, series, NOW).is_learning) == known
    house.clock.at += timedelta(hours=6)
    learn_hours(house)  # a day each is little: all at once
    assert not usual_of(tmp_path, series, house.clock.now(), before=house.clock.now()).is_learning.any()


def test_one_that_lacks_more_than_a_turn_may_add_up_still_gets_its_turn(tmp_path, monkeypatch):
    monkeypatch.setattr(turns, "DAYS_AT_ONCE", 3)
    remember_frame(past(site()), tmp_path)
    learn_hours(house_of(tmp_path, site(), at=NOW))
    assert not usual_of(tmp_path, [Series("site-0", "error_rate")], NOW).is_learning.any()


# --- the same incident again (B13) -----------------------------------------------------------------------------------

ILL_DAYS = [NOW - HOUR - n * DAY for n in (8, 7, 6, 5, 2, 1)]  # six of the ten weekdays that are known


def with_incidents(one: Integration, *since: datetime) -> pd.DataFrame:
    """Ordinary days, and eight hours at four times the latency from each of these instants on."""
    frame = past(one)
    ill = frame["observed_at"] < frame["observed_at"].min()  # none
    for begin in since:
        ill |= (frame["observed_at"] >= begin) & (frame["observed_at"] < begin + 8 * HOUR)
    return frame.assign(latency_ms=frame["latency_ms"].where(~ill, 4 * frame["latency_ms"]))


def confirm(house, one: Integration, since: datetime, until: datetime):
    with house.ledger.change("monitor", until) as change:
        opened = change.open_incident(
            an_incident(integration_id=one.id, state=State.OPEN, started_at=since, detected_at=since, moments=())
        )
        well = change.save_incident(opened.advance(Event.RECOVERED, until, "well", restored_at=until))
        change.save_incident(well.advance(Event.QUIET, until, "quiet", resolved_at=until))


def distance(home, one: Integration, value: float) -> float:
    usual = usual_of(home, [Series(one.id, "latency", "Patient.search")], NOW)
    return float((value - usual.middle[0]) / usual.spread[0])


def test_the_same_incident_is_as_far_from_usual_as_it_was_although_it_came_on_most_days(tmp_path):
    one = site(probe_every=timedelta(minutes=5))
    found: dict[str, float] = {}
    for name, spans, known in (("clean", (), ()), ("known", ILL_DAYS, ILL_DAYS), ("unknown", ILL_DAYS, ())):
        home = tmp_path / name
        remember_frame(with_incidents(one, *spans), home)
        house = house_of(home, one, at=NOW)
        for begin in known:
            confirm(house, one, begin, begin + 8 * HOUR)
        learn_hours(house)
        found[name] = distance(home, one, 4 * 45.0)
    assert found["known"] > 5
    assert found["known"] == pytest.approx(found["clean"], rel=0.5)
    assert found["unknown"] < 2


def test_the_same_incident_five_days_later_is_still_far_from_usual(tmp_path):
    one, began = site(probe_every=timedelta(minutes=5)), NOW - HOUR - 5 * DAY
    remember_frame(with_incidents(one, began), tmp_path)
    house = house_of(tmp_path, one, at=NOW)
    confirm(house, one, began, began + 8 * HOUR)
    learn_hours(house)
    usual = usual_of(tmp_path, [Series(one.id, "latency", "Patient.search")], NOW)
    assert distance(tmp_path, one, 4 * 45.0) > 5
    assert usual.high[0] < 4 * 45.0
    assert 4 * 45.0 - usual.middle[0] > usual.step[0]


@pytest.mark.parametrize("is_declared", [True, False])
def test_hours_of_agreed_maintenance_do_not_teach(tmp_path, is_declared):
    one = site(probe_every=timedelta(minutes=5))
    remember_frame(with_incidents(one, *ILL_DAYS), tmp_path)
    house = house_of(tmp_path, one, at=NOW)
    with house.ledger.change("somebody", NOW) as change:
        for begin in ILL_DAYS if is_declared else ():
            change.keep(close(one.id, Downtime(since=begin, until=begin + 8 * HOUR, reason="move", agreed_by="Vendor")))
    learn_hours(house)
    assert (distance(tmp_path, one, 4 * 45.0) > 5) is is_declared


def test_an_incident_that_is_confirmed_later_cleans_the_past_without_a_reading_being_read(tmp_path, monkeypatch):
    one = site(probe_every=timedelta(minutes=5))
    remember_frame(with_incidents(one, *ILL_DAYS), tmp_path)
    house = house_of(tmp_path, one, at=NOW)
    learn_hours(house)
    assert distance(tmp_path, one, 4 * 45.0) < 2
    for begin in ILL_DAYS:
        confirm(house, one, begin, begin + 8 * HOUR)
    monkeypatch.setattr("tasks.history.hours.hours_between", pytest.fail)
    table = usual_ahead(tmp_path, [one], END, turns.untaught(house, [one], END))
    row = next(r for r in table.to_pylist() if r["series"] == LATENCY and 0 <= NOW.timestamp() - r["at_s"] < 3600)
    assert (4 * 45.0 - row["middle"]) / row["spread"] > 5
    assert not math.isnan(row["step"])
