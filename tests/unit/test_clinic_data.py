"""The clinic's data and chance: history, arrivals, clustered resets, the rate window, the clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from itertools import groupby
from random import Random
from statistics import mean
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.catalogue import names
from models.errors import BadInput
from models.integration import Integration, Read
from models.reading import Outcome, Reading
from simulator import rhythm
from simulator.clock import Clock
from simulator.epic import Epic
from simulator.faults import ROOM, RateLimit, describe, faults, parse
from simulator.history import generate_history
from simulator.people import BUILDERS, Practice, resource
from simulator.unity import IDLE_S, INACTIVE, LIFETIME_S, TOKEN_EXPIRED, Session
from simulator.weather import GilbertElliott, RateWindow

UNTIL = datetime(2026, 3, 30, tzinfo=UTC)  # three weeks after daylight saving began in New York
NEW_YORK = ZoneInfo("America/New_York")
OPERATIONS = tuple(f"{kind}.search" for kind in BUILDERS)


def integration(name: str = "epic-fhir-main", kind: str = "epic_fhir") -> Integration:
    reads = tuple(Read(operation=operation, component="an API") for operation in OPERATIONS)
    return Integration(id=name, name="A system", kind=kind, settings={}, reads=reads, timezone="America/New_York")


@pytest.fixture(scope="module")
def history() -> pd.DataFrame:
    return generate_history(integration(), UNTIL)


def test_history_has_exactly_the_fields_of_a_reading_and_each_row_is_one(history):
    assert tuple(history.columns) == tuple(Reading.model_fields)
    sample = [*range(50), *history.index[history["outcome"] != "ok"][:20]]
    for row in history.loc[sample].to_dict("records"):
        Reading.model_validate({name: None if pd.isna(value) else value for name, value in row.items()})


def test_history_says_that_it_is_generated(history):
    assert set(history["source"]) == {"generated"}


def test_history_covers_the_weeks_before_its_end_in_order(history):
    moments = history["observed_at"]
    assert str(moments.dtype.tz) == "UTC"
    assert len(history) == 4 * 7 * 288 * len(OPERATIONS)
    assert moments.is_monotonic_increasing
    assert UNTIL - timedelta(weeks=4) <= moments.min()
    assert moments.max() < UNTIL


def test_history_is_the_same_for_the_same_seed_and_another_for_another():
    first, same = (generate_history(integration(), UNTIL, weeks=1, seed=7) for _ in range(2))
    other = generate_history(integration(), UNTIL, weeks=1, seed=8)
    elsewhere = generate_history(integration("epic-fhir-2"), UNTIL, weeks=1, seed=7)
    pd.testing.assert_frame_equal(first, same)
    assert not first["latency_ms"].equals(other["latency_ms"])
    assert not first["latency_ms"].equals(elsewhere["latency_ms"])


def test_two_months_of_readings_take_a_blink():
    begin = time.perf_counter()
    for name, kind in (("epic-fhir-main", "epic_fhir"), ("unity-main", "allscripts_unity")):
        generate_history(integration(name, kind), UNTIL)
    assert time.perf_counter() - begin < 2


def test_failures_in_history_are_rare_and_look_like_failures(history):
    failed = history[history["outcome"] != "ok"]
    assert 0.001 < len(failed) / len(history) < 0.004
    assert set(failed["outcome"]) == {Outcome.RESET.value, Outcome.SERVER_ERROR.value}
    assert failed["records"].isna().all()
    assert failed.loc[failed["outcome"] == "reset", "status"].isna().all()


@pytest.mark.parametrize("week", [pytest.param(0, id="standard time"), pytest.param(3, id="daylight saving time")])
def test_monday_morning_is_slow_on_the_wall_clock_all_year(history, week):
    local = history["observed_at"].dt.tz_convert(NEW_YORK)
    begin = (UNTIL - timedelta(weeks=4 - week)).date()
    monday = history[(local.dt.date == begin) & (local.dt.hour.isin([8, 9, 10]))]
    around = history[(local.dt.date == begin) & (local.dt.hour.isin([6, 12]))]
    assert begin.weekday() == 0
    assert monday["latency_ms"].median() > 1.2 * around["latency_ms"].median()
    by_hour = history[local.dt.date == begin].groupby(local.dt.hour)["latency_ms"].median()
    assert by_hour[8] > 1.15 * by_hour[7]  # the step is where the wall clock says, not an hour off
    assert by_hour[10] > 1.15 * by_hour[11]


def test_records_in_history_follow_what_the_servers_would_find(history):
    practice = Practice(1, "America/New_York")
    tuesdays = [datetime(2026, 3, day, 11, tzinfo=NEW_YORK) for day in (3, 10, 17, 24)]
    moments = [day + timedelta(minutes=5 * n) for day in tuesdays for n in range(12)]
    found = mean(len(practice.arrivals("Patient.search", moment - timedelta(hours=1), moment)) for moment in moments)
    local = history["observed_at"].dt.tz_convert(NEW_YORK)
    same_hours = (local.dt.day_of_week == 1) & (local.dt.hour == 11)
    expected = history.loc[same_hours & (history["operation"] == "Patient.search"), "records"].mean()
    assert found == pytest.approx(expected, rel=0.25)


@given(hours=st.integers(1, 20), cut=st.integers(0, 20 * 3600), seed=st.integers(0, 3))
def test_a_span_of_arrivals_is_the_sum_of_its_parts(hours, cut, seed):
    practice = Practice(seed, "America/New_York")
    since = datetime(2026, 3, 3, 8, tzinfo=NEW_YORK)
    until = since + timedelta(hours=hours)
    middle = min(until, since + timedelta(seconds=cut))
    parts = practice.arrivals("Patient.search", since, middle) + practice.arrivals("Patient.search", middle, until)
    assert parts == practice.arrivals("Patient.search", since, until)
    assert len({arrival.id for arrival in parts}) == len(parts)


@pytest.mark.parametrize("kind", list(BUILDERS))
def test_every_person_is_obviously_synthetic(kind):
    since = datetime(2026, 3, 3, 15, tzinfo=UTC)
    arrivals = Practice(1, "America/New_York").arrivals(f"{kind}.search", since, since + timedelta(hours=2))
    assert arrivals
    for arrival in arrivals:
        text = str(resource(kind, arrival))
        assert "Testpatient-" in text
        assert "HTEST" in text


def runs(lost: list[bool]) -> list[int]:
    """Lengths of the runs of losses."""
    return [len(list(group)) for is_lost, group in groupby(lost) if is_lost]


@pytest.mark.parametrize(
    ("share", "mean_burst"),
    [
        pytest.param(0.05, 4, id="5 % in fours"),
        pytest.param(0.15, 8, id="15 % in eights"),
        pytest.param(0.6, 20, id="60 % in twenties"),
    ],
)
def test_resets_come_in_clusters_of_the_asked_share(share, mean_burst):
    chain = GilbertElliott(share, mean_burst, Random(3))  # noqa: S311 (a seeded draw, not a secret)
    lost = [chain.step() for _ in range(200_000)]
    coin = Random(4)  # noqa: S311 (a seeded draw, not a secret)
    independent = [coin.random() < share for _ in range(200_000)]
    assert mean(lost) == pytest.approx(share, rel=0.1)
    assert mean(runs(lost)) == pytest.approx(mean_burst, rel=0.1)
    assert mean(runs(lost)) > 2 * mean(runs(independent))


def test_the_rate_window_lets_through_what_it_says_and_then_waits():
    window = RateWindow(RateLimit(per_minute=3))
    assert [window.wait_s(60.0 + second) for second in range(5)] == [None, None, None, 57.0, 56.0]
    assert window.wait_s(120.0) is None


def test_a_rate_limit_with_a_wait_stays_closed_over_the_minute():
    window = RateWindow(RateLimit(per_minute=1, wait_s=100))
    assert [window.wait_s(moment) for moment in (60.0, 61.0, 121.0, 160.5, 161.0)] == [
        None,
        100.0,
        40.0,
        0.5,
        None,
    ]


@pytest.mark.parametrize("name", list(faults()))
def test_every_fault_says_in_one_line_what_it_does(name):
    shown = describe(faults()[name])
    assert shown["says"].endswith(".")
    assert set(shown["systems"]) <= set(names(ROOM))
    assert "route" in shown["parameters"]


@pytest.mark.parametrize(
    ("system", "name", "parameters", "says"),
    [
        pytest.param("epic", "gremlins", {}, "there are: token_expires_early, ", id="no such fault"),
        pytest.param("unity", "forbidden", {}, "unity has no fault of that name", id="not for this system"),
        pytest.param("cerner", "latency", {}, "there are: api, ", id="no such system"),
        pytest.param("epic", "latency", {}, "add_ms: Field required", id="a parameter is missing"),
        pytest.param("epic", "latency", {"add_ms": -1}, "greater than or equal to 0", id="out of range"),
        pytest.param("epic", "latency", {"ad_ms": 1}, "It takes: route, add_ms, operation", id="misspelt"),
        pytest.param("epic", "html_page", {"operation": "Pat"}, "Patient.search", id="no such operation"),
        pytest.param("epic", "resets", {"share": 0.9, "mean_burst": 2}, "share / (1", id="impossible chain"),
        pytest.param("epic", "refused", [], "must be a JSON object", id="not an object"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_with_the_choices(system, name, parameters, says):
    with pytest.raises(BadInput) as refusal:
        parse(system, name, parameters, Epic.operations)
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("calls_h", "asked_h", "ending"),
    [
        pytest.param([0.3, 0.6], 0.9, "", id="in use"),
        pytest.param([0.3], 0.7, INACTIVE, id="idle for over twenty minutes"),
        pytest.param([n / 4 for n in range(1, 24)], 5.99, "", id="in use for nearly six hours"),
        pytest.param([n / 4 for n in range(1, 24)], 6.0, TOKEN_EXPIRED, id="in use for six hours"),
        pytest.param([1.0], 1.1, INACTIVE, id="a call after the end does not revive it"),
    ],
)
def test_a_unity_session_ends_by_idleness_or_age(calls_h, asked_h, ending):
    session = Session(begun=0.0, used=0.0)
    for call in calls_h:
        session.age(call * 3600, LIFETIME_S, IDLE_S)
        session.used = call * 3600
    session.age(asked_h * 3600, LIFETIME_S, IDLE_S)
    assert session.because == ending
    assert (session.ended is None) == (not ending)


def test_two_clocks_with_the_same_three_numbers_agree():
    start, epoch = datetime(2026, 3, 2, 15, tzinfo=UTC), time.time() - 10
    one, other = (Clock(start=start, epoch=epoch, speed=60) for _ in range(2))
    assert abs((one.now() - other.now()).total_seconds()) < 6  # a tenth of a real second
    assert (one.now() - start).total_seconds() == pytest.approx(600, abs=30)
    assert one.real_seconds(60) == 1


def test_the_week_begins_on_monday_at_midnight():
    assert rhythm.hour_of_week(datetime(2026, 3, 2, 0, 30, tzinfo=NEW_YORK)) == 0
    assert rhythm.hour_of_week(datetime(2026, 3, 8, 23, 30, tzinfo=NEW_YORK)) == 167
    assert len(rhythm.ACTIVITY) == len(rhythm.LATENCY_FACTOR) == rhythm.HOURS_PER_WEEK
