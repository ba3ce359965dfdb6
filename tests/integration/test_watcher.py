"""Watch the watcher: pauses, slow cycles, wrong clocks, blind watches, and a heartbeat to a real receiver."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from models.availability import SPANS
from models.catalogue import load
from models.errors import Transient
from models.gauge import OURSELVES
from models.policy import Heartbeat
from models.queue import Notice, NoticeKind
from models.reading import Reading
from tasks import ourselves
from tasks import watch as watching
from tasks.house import House
from tasks.ourselves import note_cycle
from tasks.remember import ask, remember
from tasks.slo import book, service
from tasks.withheld import count_withheld
from tests.builders import a_reading, an_integration
from tests.clocks import MovedClock, a_house
from tests.integration.test_flow import found, watched
from tests.integration.test_notifiers import receiving
from tests.sockets import answer, head_of, serving

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
NOON = datetime(2026, 11, 25, 12, 0, 1, tzinfo=UTC)
VENDORS = ("epic-fhir-main", "unity", "crystal")
PATIENCE_S = 3.0
VARIABLE = "HEAL_TEST_HEARTBEAT_URL"
pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def a_new_process() -> Iterator[None]:
    ourselves._began.clear()
    yield
    ourselves._began.clear()


@pytest.fixture
def house(tmp_path) -> House:
    return a_house(tmp_path, MovedClock(NOON), *(an_integration(id=name, probe_every=MINUTE) for name in VENDORS))


def beating(house: House) -> House:
    """The same, with a heartbeat to the place in the environment."""
    known = house.configuration
    policy = known.policy.model_copy(update={"heartbeat": Heartbeat(url=f"env:{VARIABLE}", deadline="1s")})
    changed = known.model_copy(update={"policy": policy})
    return House(configuration=changed, home=house.home, clock=house.clock)


async def cycle(house: House, *, takes: timedelta = SECOND, skew_s: float | None = 0.0) -> None:
    """One round as the monitor makes it: read, remember, note; the next one is due a minute later."""
    began = house.clock.now()
    remember(readings := read(began, skew_s), house.home)
    house.clock.move(takes)
    await note_cycle(house, began, readings)
    house.clock.move(MINUTE - takes)


def read(at: datetime, skew_s: float | None) -> list[Reading]:
    return [a_reading(integration_id=name, observed_at=at, clock_skew_s=skew_s) for name in VENDORS]


def gauges(house: House, metric: str) -> list[float]:
    rows = ask(house.home, f"SELECT value FROM gauges WHERE metric = '{metric}' ORDER BY observed_at")  # noqa: S608
    return [row["value"] for row in rows]


# --- what each cycle writes down


async def test_each_cycle_tells_how_it_went(house):
    await cycle(house)
    house.clock.move(20 * SECOND)
    await cycle(house, takes=5 * SECOND, skew_s=-3.0)
    assert gauges(house, "cycle_s") == [1.0, 5.0]
    assert gauges(house, "integrations_probed") == [3.0, 3.0]
    assert gauges(house, "cycle_lag_s") == [20.0]
    assert gauges(house, "missed_cycles") == [0.0]
    assert gauges(house, "clock_offset_s") == [0.0, 3.0]
    assert {row["integration_id"] for row in ask(house.home, "SELECT DISTINCT integration_id FROM gauges")} == {
        OURSELVES
    }


async def test_a_new_process_finds_the_cycle_before_it_in_the_history(house):
    await cycle(house)
    house.clock.move(3 * HOUR)
    ourselves._began.clear()
    await cycle(house)
    assert gauges(house, "missed_cycles") == [180.0]


# --- a pause


async def test_pausing_the_scheduler_for_ten_minutes_is_told_and_unknown_for_every_integration(house):
    for _ in range(10):
        await cycle(house)
    assert await watched(house, "ourselves") == []
    house.clock.move(10 * MINUTE)
    (alert,) = await watched(house, "ourselves")
    assert (alert.integration_id, alert.finding.subject, alert.finding.severity) == (OURSELVES, "missed_cycles", "HIGH")
    assert alert.finding.says == (
        "no cycle began between 2026-11-25T12:09:00Z and 2026-11-25T12:20:00Z (11 minutes, 10 missed): "
        "every integration is UNKNOWN there"
    )
    for _ in range(5):
        await cycle(house)
        assert await watched(house, "ourselves") == []  # it stands, in the same words
    book(house)
    for integration in house.configuration.integrations:
        spans, _ = service(house, integration, house.home)
        assert (spans[0].span, spans[0].unknown, spans[0].good, spans[0].share) == (SPANS[0], 10, 15, None)


async def test_a_pause_is_told_of_for_an_hour_and_then_cleared(house):
    await cycle(house)
    house.clock.move(10 * MINUTE)
    await cycle(house)
    assert [alert.stands for alert in await watched(house, "ourselves")] == [True]
    for _ in range(58):
        await cycle(house)
    assert await watched(house, "ourselves") == []
    for _ in range(2):
        await cycle(house)
    assert [alert.stands for alert in await watched(house, "ourselves")] == [False]


async def test_a_restart_after_a_night_is_a_pause_too(house):
    await cycle(house)
    house.clock.move(9 * HOUR)
    (finding,) = found(house, "ourselves")
    assert "9 hours" in finding.says


async def test_one_late_cycle_is_nothing(house):
    for late in (0, 40, 0):
        house.clock.move(late * SECOND)
        await cycle(house)
    assert found(house, "ourselves") == []


# --- slow, wrong, blind


async def test_cycles_that_take_longer_than_their_interval_are_told(house):
    for _ in range(5):
        await cycle(house, takes=75 * SECOND)
        house.clock.move(15 * SECOND + MINUTE)
    (finding,) = [one for one in found(house, "ourselves") if one.subject == "slow_cycles"]
    assert finding.says == "the last 5 cycles took 75 to 75 s each, and one is due every 60 seconds"


@pytest.mark.parametrize(
    ("skew_s", "says"),
    [
        pytest.param(-40.0, "our clock is 40 s ahead of the middle of 3 vendors' clocks (limit 5 s)", id="ahead"),
        pytest.param(40.0, "our clock is 40 s behind the middle of 3 vendors' clocks (limit 5 s)", id="behind"),
        pytest.param(-4.0, None, id="within what is allowed"),
        pytest.param(None, None, id="nobody tells the time"),
    ],
)
async def test_our_clock_is_wrong_when_the_vendors_agree_on_another_time(house, skew_s, says):
    for _ in range(5):
        await cycle(house, skew_s=skew_s)
    assert [finding.says for finding in found(house, "ourselves")] == ([says] if says else [])


async def test_two_vendors_are_no_second_opinion(tmp_path):
    house = a_house(tmp_path, MovedClock(NOON), *(an_integration(id=name) for name in VENDORS[:2]))
    for _ in range(5):
        began = house.clock.now()
        await note_cycle(house, began, read(began, -40.0)[:2])
        house.clock.move(MINUTE)
    assert found(house, "ourselves") == []


async def test_a_watch_that_cannot_look_again_and_again_is_told(house, monkeypatch):
    def out_of_sight(_):
        raise Transient("its source is away")

    monkeypatch.setattr(load("tasks.watches", "burn_rate"), "watch", out_of_sight)
    for _ in range(3):
        await watching.watch_all(house)
        await cycle(house)
    (finding,) = [one for one in found(house, "ourselves") if one.subject == "watch.burn_rate"]
    assert finding.says == "the watch burn_rate could not look in 3 of the last 10 cycles"


async def test_notices_without_their_details_are_told_for_an_hour(house):
    for _ in range(2):
        count_withheld(house, a_telling_notice(), house.clock.now())
        await cycle(house)
    count_withheld(house, a_telling_notice(attempts=2), house.clock.now())
    (finding,) = [one for one in found(house, "ourselves") if one.subject == "withheld_notices"]
    assert finding.says.startswith("2 notices of the last hour left without their details")
    assert finding.since == NOON
    house.clock.move(HOUR)
    assert "withheld_notices" not in [one.subject for one in found(house, "ourselves")]


def a_telling_notice(attempts: int = 1) -> Notice:
    told = {"id": "INC-1/1/slack", "incident_id": "INC-1", "seq": 1, "kind": NoticeKind.TRIGGER, "route": "slack"}
    says = "no answer for MRN00482917"
    return Notice(**told, says=says, queued_at=NOON, not_before=NOON, attempts=attempts)


async def test_in_compressed_time_nothing_is_said_of_ourselves(house):
    await cycle(house)
    house.clock.move(HOUR)
    house.clock.speed = 60.0
    assert found(house, "ourselves") == []


# --- the heartbeat


async def test_a_heartbeat_goes_out_at_the_end_of_each_cycle_and_none_when_there_is_none(house, monkeypatch):
    async with receiving() as receiver:
        monkeypatch.setenv(VARIABLE, f"http://localhost:{receiver.port}/ping/0b1c")
        for heard in (1, 2):
            await cycle(beating(house))
            assert len(receiver.heads) == heard
        await cycle(house)  # nobody is to be told
        assert len(receiver.heads) == 2
    assert gauges(house, "heartbeat_sent") == [1.0, 1.0]


async def test_whoever_listens_notices_the_silence_of_a_monitor_that_was_stopped(house, monkeypatch):
    """A dead man's switch, as receivers are: it calls when it has heard nothing for a while."""
    heard, called = asyncio.Event(), asyncio.Event()

    async def hear(reader, writer) -> None:
        await head_of(reader)
        heard.set()
        writer.write(answer(b"OK"))
        await writer.drain()

    async def call_when_silent() -> None:
        with contextlib.suppress(TimeoutError):
            while True:
                await asyncio.wait_for(heard.wait(), PATIENCE_S)
                heard.clear()
        called.set()

    async with serving(hear) as port:
        monkeypatch.setenv(VARIABLE, f"http://localhost:{port}/ping")
        switch = asyncio.create_task(call_when_silent())
        for _ in range(3):
            await cycle(beating(house))
        assert not called.is_set()
        await switch  # the monitor has stopped
    assert called.is_set()


@pytest.mark.parametrize("status", [500, 404, None], ids=["an error", "no such check", "no answer"])
async def test_a_heartbeat_that_is_not_taken_is_written_down_and_told_after_three(house, monkeypatch, status):
    async with receiving(status) as receiver:
        monkeypatch.setenv(VARIABLE, f"http://localhost:{receiver.port}/ping")
        for _ in range(3):
            await cycle(beating(house))
        (finding,) = found(beating(house), "ourselves")
    assert gauges(house, "heartbeat_sent") == [0.0, 0.0, 0.0]
    assert (finding.subject, finding.severity) == ("heartbeat", "MEDIUM")


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("", id="nothing there"),
        pytest.param("http://169.254.169.254/latest", id="a place that we may not talk to"),
        pytest.param("not a url", id="no URL"),
        pytest.param("http://localhost:1/ping", id="nobody listens"),
    ],
)
async def test_a_heartbeat_that_cannot_be_sent_ends_no_cycle_and_its_url_is_not_told(house, monkeypatch, caplog, url):
    monkeypatch.setenv(VARIABLE, url)
    await cycle(beating(house))
    assert gauges(house, "heartbeat_sent") == [0.0]
    assert not url or url not in caplog.text
