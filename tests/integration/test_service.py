"""Availability, budgets, maintenance and booked hours: real histories, real ledgers, a clock that is moved by hand."""

from __future__ import annotations

import multiprocessing as mp
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.availability import SPANS, Availability
from models.integration import Integration, Read
from models.maintenance import Downtime, Maintenance, close
from models.objective import Kind, Objective
from models.reading import Outcome, Source
from models.report import build_report, check
from models.slo import Budget
from tasks.connection import spent_on
from tasks.detect import detect
from tasks.history import tallies as booking
from tasks.history.table import BOOKED
from tasks.history.tallies import book_hours, tallies
from tasks.house import House
from tasks.remember import ask, compact, remember_frame
from tasks.slo import book, budgets, burning_now, service
from tasks.story import tell
from tests.builders import EPIC, an_integration
from tests.clocks import MovedClock, a_house
from tests.integration.test_flow import found, watched

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOON = datetime(2026, 11, 25, 12, 0, 20, tzinfo=UTC)  # twenty seconds into a round
FULL = NOON.replace(second=0)
CALLS = 4  # a round
ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock(NOON)


@pytest.fixture(autouse=True)
def a_new_process() -> Iterator[None]:
    """Nothing is remembered of what was booked: each test is a process of its own."""
    booking._booked.clear()
    yield
    booking._booked.clear()


Span = tuple[datetime, datetime]


def rounds(
    home: Path,
    since: datetime,
    until: datetime,
    *,
    bad: Iterable[Span] = (),
    silent: Iterable[Span] = (),
    slow: Iterable[Span] = (),
    **changes,
) -> None:
    """A round of four calls each minute, of which some fail, are slow, or were never made."""
    minutes = pd.date_range(
        booking.floored(since, MINUTE), booking.floored(until, MINUTE), freq="min", inclusive="left"
    )
    minutes = minutes[~held(minutes, silent)]
    at = minutes.repeat(CALLS) + pd.to_timedelta([1.0 + 0.25 * call for call in range(CALLS)] * len(minutes), unit="s")
    told = {
        "integration_id": EPIC,
        "observed_at": at,
        "operation": ["Patient.search", "Appointment.search"] * (2 * len(minutes)),
        "component": "API",
        "outcome": ["timeout" if one else "ok" for one in held(at, bad)],
        "latency_ms": [3000.0 if one else 120.0 for one in held(at, slow)],
        "source": "probe",
    }
    remember_frame(pd.DataFrame(told | changes), home)


def held(at: pd.DatetimeIndex, spans: Iterable[Span]):
    """Which of these instants lie in any of the spans."""
    inside = [(at >= since) & (at < until) for since, until in spans]
    return np.logical_or.reduce(inside) if inside else np.zeros(len(at), dtype=bool)


def of(house: House, span: timedelta = DAY) -> Availability:
    book(house)
    spans, _ = service(house, house.configuration.integrations[0], house.home)
    return spans[SPANS.index(span)]


def budget(house: House, name: str = "availability") -> Budget:
    book(house)
    return next(
        one for one in budgets(house, house.configuration.integrations, house.home) if one.objective.name == name
    )


def watching(home: Path, clock: MovedClock, **changes) -> House:
    return a_house(home, clock, an_integration(**changes))


OUTAGE = (NOON - 10 * HOUR, NOON - 10 * HOUR + 26 * MINUTE)


# --- A13 availability


def test_after_an_outage_of_26_minutes_in_a_day_availability_is_98_2_per_cent(tmp_path, clock):
    rounds(tmp_path, NOON - 3 * DAY, NOON, bad=[OUTAGE])
    house = watching(tmp_path, clock)
    day = of(house)
    assert (day.good, day.bad, day.unknown) == (1414, 26, 0)
    story = tell(house, EPIC)
    document = build_report(story)
    assert document.monitoring_report.metrics.availability == "98.2%"
    assert [one.by_time for one in document.x_availability] == ["100.0%", "98.2%", "99.4%"]
    assert check(document.model_dump(mode="json")) == []


def test_by_requests_the_outage_weighs_as_much_as_there_were_requests(tmp_path, clock):
    rounds(tmp_path, NOON - 2 * DAY, NOON, bad=[OUTAGE])
    day = of(watching(tmp_path, clock))
    assert (day.requests.total, day.requests.failed) == (5760, 104)
    assert day.by_requests == pytest.approx(1 - 104 / 5760)
    low, high = day.request_interval
    assert low < day.by_requests < high


def test_with_probes_stopped_availability_is_unknown_and_never_100_per_cent(tmp_path, clock):
    rounds(tmp_path, NOON - 2 * DAY, NOON)
    house = watching(tmp_path, clock)
    assert of(house, HOUR).share == of(house).share == 1.0
    clock.move(7 * MINUTE)
    assert [of(house, span).share for span in SPANS] == [None, None, None]
    metrics = build_report(tell(house, EPIC)).monitoring_report.metrics
    assert (metrics.availability, metrics.x_availability) == ("UNKNOWN", None)
    clock.move(2 * DAY)
    assert (of(house).good, of(house).unknown) == (0, 1440)


def test_before_the_first_reading_nothing_is_missing(tmp_path, clock):
    rounds(tmp_path, NOON - 50 * MINUTE, NOON)
    house = watching(tmp_path, clock)
    assert [(of(house, span).good, of(house, span).unknown) for span in SPANS] == [(50, 0)] * 3


def test_a_pause_of_ten_minutes_is_unknown_for_an_hour_and_beside_the_figure_of_a_day(tmp_path, clock):
    pause = (NOON - 30 * MINUTE, NOON - 20 * MINUTE)
    rounds(tmp_path, NOON - 2 * DAY, NOON, silent=[pause])
    house = watching(tmp_path, clock)
    assert (of(house, HOUR).share, of(house, HOUR).unknown) == (None, 10)
    assert (of(house).share, of(house).unknown) == (1.0, 10)


def test_traffic_is_never_added_to_probes(tmp_path, clock):
    rounds(tmp_path, NOON - 2 * DAY, NOON)
    rounds(tmp_path, NOON - HOUR, NOON, source="traffic", bad=[(FULL - HOUR, NOON)])
    objectives = (Objective(name="up", target=0.99), Objective(name="real", target=0.99, source=Source.TRAFFIC))
    house = watching(tmp_path, clock, objectives=objectives)
    assert (of(house, HOUR).share, of(house, HOUR).requests.failed) == (1.0, 0)
    assert budget(house, "up").tally.bad == 0
    assert (budget(house, "real").tally.bad, budget(house, "real").tally.total) == (240, 240)


def test_an_integration_that_is_read_every_five_minutes_has_slots_of_five_minutes(tmp_path, clock):
    rounds(tmp_path, NOON - DAY - HOUR, NOON, bad=[OUTAGE])
    spare = watching(tmp_path, clock, probe_every=timedelta(minutes=5))
    assert (of(spare).good, of(spare).bad, of(spare).unknown) == (282, 6, 0)


# --- maintenance


def test_agreed_maintenance_is_counted_beside(tmp_path, clock):
    rounds(tmp_path, NOON - 2 * DAY, NOON, bad=[(NOON - 2 * HOUR, NOON)])
    agreed = Maintenance(
        reason="Epic upgrade", agreed_by="Integration Team", since=NOON - 2 * HOUR, until=NOON + 10 * MINUTE
    )
    house = watching(tmp_path, clock, maintenance=(agreed,))
    day = of(house)
    assert (day.bad, day.excluded, day.share, day.requests.failed) == (0, 120, 1.0, 0)
    assert day.excluded_requests == 480
    assert (budget(house).tally.bad, budget(house).tally.excluded) == (0, 480)
    assert found(house, "burn_rate") == []
    story = tell(house, EPIC)
    assert build_report(story).monitoring_report.overall_status == "MAINTENANCE"
    assert check(build_report(story).model_dump(mode="json")) == []


def test_what_is_still_broken_when_maintenance_ends_is_judged_again(tmp_path, clock):
    rounds(tmp_path, NOON - 2 * DAY, NOON + 9 * MINUTE, bad=[(NOON - HOUR, NOON + HOUR)])
    house = watching(tmp_path, clock)
    closure = close(
        EPIC, Downtime(since=NOON - HOUR, until=NOON + 2 * HOUR, reason="upgrade", agreed_by="Integration Team")
    )
    with house.ledger.change("test", NOON) as change:
        change.keep(closure)
    assert build_report(tell(house, EPIC)).monitoring_report.overall_status == "MAINTENANCE"
    with house.ledger.change("test", NOON) as change:
        change.keep(closure.end(NOON, "Sam Okafor"))
    clock.move(9 * MINUTE)
    assert build_report(tell(house, EPIC)).monitoring_report.overall_status == "DOWN"
    assert of(house).bad == 8  # the minute in which it ended is still maintenance


def test_an_hour_that_closed_long_ago_is_not_excused_afterwards(tmp_path, clock):
    long_ago = (NOON - 3 * DAY, NOON - 3 * DAY + HOUR)
    rounds(tmp_path, NOON - 4 * DAY, NOON, bad=[long_ago])
    assert of(watching(tmp_path, clock), SPANS[2]).bad == 60
    afterwards = Maintenance(reason="it was planned", agreed_by="nobody", since=long_ago[0], until=long_ago[1])
    clock.move(HOUR)
    rounds(tmp_path, NOON, NOON + HOUR)
    house = watching(tmp_path, clock, maintenance=(afterwards,))
    assert (of(house, SPANS[2]).bad, of(house, SPANS[2]).excluded) == (60, 0)


# --- A12 objectives


def test_a_burn_of_two_per_cent_of_a_month_in_an_hour_pages_and_clears_soon_after(tmp_path, clock):
    """Two per cent of 432 minutes are 8.64: nine bad minutes in an hour, the last five of them just now."""
    rounds(tmp_path, NOON - 2 * DAY, NOON + 20 * MINUTE, bad=[(NOON - 9 * MINUTE, NOON + MINUTE)])
    house = watching(tmp_path, clock)
    (page,) = found(house, "burn_rate")
    assert (page.subject, page.severity) == ("availability.page", "CRITICAL")
    assert page.says.startswith("99% of probes succeed: the error budget burns ")
    clock.move(20 * MINUTE)
    assert found(house, "burn_rate") == []


async def test_a_page_is_raised_once_and_cleared_once_and_degrades_the_status_meanwhile(tmp_path, clock):
    rounds(tmp_path, NOON - 2 * DAY, NOON + 20 * MINUTE, bad=[(NOON - 12 * MINUTE, NOON - 90 * timedelta(seconds=1))])
    house = watching(tmp_path, clock)
    assert [alert.stands for alert in await watched(house, "burn_rate")] == [True]
    story = tell(house, EPIC)
    assert [alert.finding.subject for alert in story.alerts] == ["availability.page"]
    clock.move(20 * MINUTE)
    assert [alert.stands for alert in await watched(house, "burn_rate")] == [False]
    assert await watched(house, "burn_rate") == []


@pytest.mark.parametrize(
    ("since", "name", "raises"),
    [
        pytest.param(NOON - 12 * MINUTE, "availability.page", True, id="a page"),
        pytest.param(NOON - 4 * MINUTE, "", False, id="four bad minutes burn nothing yet"),
    ],
)
async def test_what_is_found_while_a_budget_burns_is_told_as_worse(tmp_path, clock, since, name, raises):
    rounds(tmp_path, NOON - 2 * DAY, NOON + MINUTE, bad=[(since, NOON + MINUTE)])
    house = watching(tmp_path, clock)
    (before, *_) = detect(house)[EPIC]
    told = await watched(house, "burn_rate")
    assert "".join(alert.finding.subject for alert in told) == name
    (after, *_) = detect(house)[EPIC]
    assert ("the error budget burns too fast" in after.why) is raises
    assert "budget" not in before.why
    assert after.severity.rank >= before.severity.rank


async def test_a_budget_that_burns_slowly_makes_nothing_worse(tmp_path, clock):
    rounds(tmp_path, NOON - 2 * DAY, NOON + MINUTE, bad=[(NOON - 12 * MINUTE, NOON + MINUTE)])
    house = watching(tmp_path, clock)
    (page,) = await watched(house, "burn_rate")
    ticket = page.finding.model_copy(update={"subject": "availability.ticket"})
    assert burning_now(house) == {EPIC}
    with house.ledger.change("test", NOON) as change:
        change.keep(page.model_copy(update={"finding": ticket}))
    assert burning_now(house) == frozenset()


def test_a_single_error_of_three_nightly_requests_says_nothing(tmp_path, clock):
    night = pd.DatetimeIndex([NOON - 40 * MINUTE, NOON - 20 * MINUTE, NOON - MINUTE])
    told = {"integration_id": EPIC, "observed_at": night, "operation": "Patient.search", "component": "API"}
    outcomes = [Outcome.OK.value, Outcome.OK.value, Outcome.TIMEOUT.value]
    remember_frame(pd.DataFrame(told | {"outcome": outcomes, "latency_ms": 100.0, "source": "traffic"}), tmp_path)
    house = watching(tmp_path, clock, objectives=(Objective(name="real", target=0.99, source=Source.TRAFFIC),))
    assert budget(house, "real").burns[HOUR] == pytest.approx(33.3, abs=0.1)
    assert found(house, "burn_rate") == []


def test_slow_answers_burn_the_budget_of_latency_and_of_nothing_else(tmp_path, clock):
    rounds(tmp_path, NOON - 2 * DAY, NOON + MINUTE, slow=[(NOON - 2 * HOUR, NOON + MINUTE)])
    house = watching(tmp_path, clock)
    assert {finding.subject for finding in found(house, "burn_rate")} == {"latency.page"}
    assert budget(house, "availability").tally.bad == 0
    assert budget(house, "latency").tally.bad == 480


def test_a_month_is_counted_from_booked_hours_and_the_latest_readings(tmp_path, clock):
    rounds(tmp_path, NOON - 8 * DAY, NOON, bad=[(NOON - 5 * DAY, NOON - 5 * DAY + 54 * MINUTE), OUTAGE])
    known = budget(watching(tmp_path, clock))
    assert known.tally.bad == 4 * 80
    assert known.spent == pytest.approx(80 / 432, abs=0.001)
    assert known.left * (known.allowed / MINUTE) == pytest.approx(352, abs=0.5)


def test_what_spent_a_budget_is_told_by_operation_and_outcome(tmp_path):
    rounds(tmp_path, NOON - DAY, NOON, bad=[OUTAGE], slow=[(NOON - HOUR, NOON)])
    failed = spent_on(tmp_path, EPIC, Source.PROBE, None, NOON - DAY, NOON)
    assert [(row["operation"], row["outcome"], row["bad"]) for row in failed] == [
        ("Appointment.search", "timeout", 52),
        ("Patient.search", "timeout", 52),
    ]
    slow = spent_on(tmp_path, EPIC, Source.PROBE, 2000.0, NOON - DAY, NOON)
    assert {row["outcome"] for row in slow} == {"ok"}


# --- booked hours


def booked(home: Path) -> list[tuple]:
    """Every row, doubles too."""
    return [tuple(row.values()) for row in ask(home, "SELECT * FROM booked_hours WHERE total > 0 ORDER BY ALL")]


def month(home: Path, integration: Integration, exact: timedelta) -> list[tuple]:
    found = tallies(home, [integration], (), NOON, [timedelta(days=30)], exact)
    return sorted((t.limit_ms or 0.0, t.total, t.bad, t.bad_minutes, t.good_slots, t.bad_slots) for t in found)


def test_booked_hours_and_raw_readings_give_the_same_sums(tmp_path):
    integration = an_integration()
    rounds(tmp_path, NOON - 4 * DAY, NOON, bad=[OUTAGE], slow=[(NOON - 2 * DAY, NOON - 2 * DAY + HOUR)])
    raw = month(tmp_path, integration, exact=timedelta(days=30))
    book_hours(tmp_path, [integration], (), NOON)
    assert month(tmp_path, integration, exact=6 * HOUR) == raw
    assert raw[0][1:3] == (4 * DAY / MINUTE * CALLS, 104)


def test_an_hour_is_booked_once_however_often_it_is_tried(tmp_path):
    integration = an_integration()
    rounds(tmp_path, NOON - 2 * DAY, NOON)
    book_hours(tmp_path, [integration], (), NOON)
    before = booked(tmp_path)
    assert before
    booking._booked.clear()
    book_hours(tmp_path, [integration], (), NOON + 10 * MINUTE)
    assert booked(tmp_path) == before


def test_two_processes_that_book_at_once_double_nothing(tmp_path):
    integration = an_integration()
    rounds(tmp_path, NOON - 2 * DAY, NOON, bad=[OUTAGE])
    raw = month(tmp_path, integration, exact=timedelta(days=30))
    spawn = mp.get_context("spawn")
    both = [spawn.Process(target=book_hours, args=(tmp_path, [integration], (), NOON)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(120)
    assert [process.exitcode for process in both] == [0, 0]
    assert month(tmp_path, integration, exact=6 * HOUR) == raw


BOOK_AND_DIE = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from tasks.history import tallies as booking
from tests.builders import an_integration
home, now, after = sys.argv[1:]
write, left = booking.write_rows, int(after)
def write_and_die(table, rows, shelf):
    global left
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    return write(table, rows, shelf)
booking.write_rows = write_and_die
booking.book_hours(Path(home), [an_integration()], (), datetime.fromisoformat(now))
"""


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_booking_that_is_killed_is_finished_by_the_next_one_and_counts_once(tmp_path, after):
    integration = an_integration()
    rounds(tmp_path, NOON - 2 * DAY, NOON, bad=[OUTAGE])
    raw = month(tmp_path, integration, exact=timedelta(days=30))
    child = [sys.executable, "-c", BOOK_AND_DIE, str(tmp_path), NOON.isoformat(), str(after)]
    done = subprocess.run(child, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    book_hours(tmp_path, [integration], (), NOON)
    assert month(tmp_path, integration, exact=6 * HOUR) == raw


def test_traffic_that_is_told_hours_late_is_booked_when_the_next_hour_closes(tmp_path, clock):
    objective = Objective(name="real", target=0.99, source=Source.TRAFFIC)
    house = watching(tmp_path, clock, objectives=(objective,))
    rounds(tmp_path, NOON - 2 * DAY, NOON, source="traffic")
    assert budget(house, "real").tally.total == 2 * 1440 * CALLS
    late = (FULL - 20 * HOUR, FULL - 19 * HOUR)
    rounds(tmp_path, *late, source="traffic", bad=[late])
    clock.move(HOUR)
    known = budget(house, "real")
    assert (known.tally.total, known.tally.bad) == (2 * 1440 * CALLS + 240, 240)


def test_a_new_limit_is_counted_over_what_was_read_before_it(tmp_path, clock):
    rounds(tmp_path, NOON - 5 * DAY, NOON, slow=[(NOON - 3 * DAY, NOON - 3 * DAY + HOUR)])
    assert budget(watching(tmp_path, clock), "latency").tally.bad == 240
    stricter = Objective(name="quick", target=0.9, kind=Kind.LATENCY, threshold=timedelta(seconds=1))
    known = budget(watching(tmp_path, clock, objectives=(stricter,)), "quick")
    assert (known.tally.bad, known.tally.total) == (240, 5 * 1440 * CALLS)


def test_another_integration_does_not_count_anew_what_was_booked(tmp_path):
    rounds(tmp_path, NOON - 5 * DAY, NOON)
    book_hours(tmp_path, [an_integration()], (), NOON)
    before = booked(tmp_path)
    other = an_integration(id="another", reads=(Read(operation="Patient.search", component="API"),))
    book_hours(tmp_path, [an_integration(), other], (), NOON)
    assert booked(tmp_path) == before


def test_booked_hours_are_folded_like_everything_else(tmp_path):
    integration = an_integration()
    rounds(tmp_path, NOON - 3 * DAY, NOON, bad=[OUTAGE])
    book_hours(tmp_path, [integration], (), NOON - HOUR)
    book_hours(tmp_path, [integration], (), NOON)
    raw = month(tmp_path, integration, exact=timedelta(days=30))
    compact(tmp_path, NOON + HOUR)
    assert month(tmp_path, integration, exact=6 * HOUR) == raw
    assert list((tmp_path / "history" / BOOKED.name).rglob("folded-*"))
