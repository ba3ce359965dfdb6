"""Freshness, volume, landing, cursors, bridges and resources: real histories, a clock that is moved by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from models.alert import Alert, Finding
from models.anomaly import Severity
from models.bridge import BEAT, Bridge
from models.calendar import DAYS, Hours
from models.catalogue import load
from models.delivery import Delivery, DeliveryStep
from models.feed import Feed
from models.gauge import CURSOR, OURSELVES, QUEUE_AGE, QUEUE_DEPTH, Gauge
from models.integration import Integration
from models.policy import Channel
from models.reading import Direction, Outcome, Reading, Source
from models.workflow import Pace, Workflow
from simulator.history import generate_history
from tasks.escalate import deliver
from tasks.flow import Flow
from tasks.house import House
from tasks.remember import history, remember, remember_deliveries, remember_frame, remember_gauges
from tasks.watch import look
from tasks.watches._interface import Round
from tests.builders import EPIC, a_reading, an_integration
from tests.clocks import MovedClock, a_house
from tests.integration.test_notifiers import VARIABLE, receiving, the_secret  # noqa: F401  # its fixture is used here

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOON = datetime(2026, 11, 23, 17, tzinfo=UTC)  # a Monday, 12:00 in New York
OFFICE = Hours.model_validate(dict.fromkeys(DAYS[:5], "08:00-18:00"))
VISITS = Feed(name="visits", resource="Appointment", operations=("Appointment.search",))
ORDERS = Feed(name="orders", resource="Order", direction=Direction.OUT, operations=("Order.create",))
pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock(NOON)


def wired(**changes) -> Integration:
    return an_integration(**{"feeds": (VISITS, ORDERS), "hours": OFFICE, **changes})


def read_at(at: datetime, **changes) -> Reading:
    return a_reading(**{"observed_at": at, "operation": "Appointment.search", "component": "Appointment API"} | changes)


def wrote_at(at: datetime, **changes) -> Reading:
    told = {"operation": "Order.create", "component": "Order API", "direction": Direction.OUT, "source": Source.TRAFFIC}
    return a_reading(**{"observed_at": at, **told} | changes)


async def watched(house: House, watch: str) -> list[Alert]:
    """What this watch changes now in the real ledger."""
    round_ = Round(house, house.clock.now())
    try:
        return list(await look(round_, watch))
    finally:
        round_.close()


def found(house: House, watch: str) -> list[Finding]:
    """What this watch says that stands now."""
    round_ = Round(house, house.clock.now())
    try:
        return list(load("tasks.watches", watch).watch(round_))
    finally:
        round_.close()


def subjects(house: House, watch: str) -> list[str]:
    return [finding.subject for finding in found(house, watch)]


def told(alerts: Sequence[Alert]) -> list[tuple[str, str]]:
    return [(alert.finding.subject, alert.state.value) for alert in alerts]


@contextmanager
def flowing(house: House) -> Iterator[Flow]:
    with history(house.home, since=house.clock.now() - 31 * DAY) as db:
        yield Flow(house, db, house.clock.now())


def workflows(house: House) -> tuple[Workflow, ...]:
    with flowing(house) as flow:
        return flow.workflows


# --- A08 freshness ----------------------------------------------------------------------------------------------------


async def test_freezing_only_the_write_path_turns_write_red_after_25_minutes_and_webhooks_tell_both_edges(
    tmp_path, clock
):
    async with receiving() as receiver:
        settings = {"url": f"http://localhost:{receiver.port}/calls", "secret": f"env:{VARIABLE}"}
        house = a_house(tmp_path, clock, wired(), channels=(Channel(route="webhook", settings=settings),))
        changed: list[tuple[int, list[tuple[str, str]]]] = []
        for minute in (0, 10, 20, 25, 26, 30, 33, 34):
            now = NOON + minute * MINUTE
            clock.at = now
            writes = [wrote_at(now)] if minute == 0 or minute >= 33 else [wrote_at(now, outcome=Outcome.TIMEOUT)]
            remember([read_at(now), *writes], tmp_path)
            if alerts := await watched(house, "freshness"):
                changed.append((minute, told(alerts)))
            await deliver(house)
    assert changed == [(26, [("write", "raised")]), (33, [("write", "cleared")])]
    assert [(body["type"], body["data"]["finding"]["subject"]) for body in map(json.loads, receiver.bodies)] == [
        ("alert.raised", "write"),
        ("alert.cleared", "write"),
    ]
    says = json.loads(receiver.bodies[0])["data"]["finding"]["says"]
    assert says == "write=red: orders, last good write 12:00:00 PM EST (limit 25 minutes of opening hours)"


@pytest.mark.parametrize(
    ("last", "now", "is_late"),
    [
        pytest.param("2026-11-23T17:50", "2026-11-24T08:10", False, id="nobody writes at night"),
        pytest.param("2026-11-23T17:50", "2026-11-24T08:16", True, id="a quarter past eight is late"),
        pytest.param("2026-11-20T17:50", "2026-11-23T08:14", False, id="nor over a weekend"),
        pytest.param("2026-11-23T12:00", "2026-11-23T12:26", True, id="in opening hours it is"),
    ],
)
async def test_the_age_of_writes_is_open_time(tmp_path, last, now, is_late):
    clock = MovedClock(datetime.fromisoformat(f"{now}-05:00"))
    house = a_house(tmp_path, clock, wired())
    remember([wrote_at(datetime.fromisoformat(f"{last}-05:00")), read_at(clock.at)], tmp_path)
    assert subjects(house, "freshness") == (["write"] if is_late else [])


@pytest.mark.parametrize(
    ("feed", "newest", "read", "is_late", "by"),
    [
        pytest.param({}, 600, 1, False, "last good read", id="old data of a feed that promised no news"),
        pytest.param({"every": HOUR}, 151, 1, True, "newest record", id="old data where news is expected"),
        pytest.param({"every": HOUR}, 149, 1, False, "newest record", id="not so old data"),
        pytest.param({"fresh_within": HOUR}, 61, 1, True, "newest record", id="its own limit"),
        pytest.param({}, None, 151, True, "last good read", id="no read for too long"),
        pytest.param({"every": HOUR}, 30, 151, True, "last good read", id="the worse of both counts"),
    ],
)
async def test_reads_are_judged_by_their_age_and_by_their_data(tmp_path, clock, feed, newest, read, is_late, by):
    house = a_house(tmp_path, clock, wired(feeds=(VISITS.model_copy(update=feed),), hours=None))
    told_newest = None if newest is None else NOON - newest * MINUTE
    remember([read_at(NOON - read * MINUTE, newest_at=told_newest)], tmp_path)
    (workflow,) = workflows(house)
    assert (workflow.is_late, workflow.age.by) == (is_late, by)
    assert subjects(house, "freshness") == (["read"] if is_late else [])


async def test_a_feed_that_was_never_seen_is_unknown_and_one_that_never_succeeded_is_late(tmp_path, clock):
    house = a_house(tmp_path, clock, wired())
    assert [one.pace for one in workflows(house)] == [Pace.UNKNOWN, Pace.UNKNOWN]
    assert found(house, "freshness") == []
    remember([read_at(NOON - MINUTE, outcome=Outcome.TIMEOUT)], tmp_path)
    house = a_house(tmp_path, clock, wired())
    assert [one.pace for one in workflows(house)] == [Pace.LATE, Pace.UNKNOWN]
    (finding,) = found(house, "freshness")
    assert finding.says == "read=red: visits, no good read is remembered (limit 2 hours 30 minutes)"


async def test_what_was_generated_and_what_belongs_to_another_place_makes_nothing_fresh(tmp_path, clock):
    here = VISITS.model_copy(update={"locations": ("main-street",)})
    house = a_house(tmp_path, clock, wired(feeds=(here,)))
    remember([read_at(NOON, source=Source.GENERATED), read_at(NOON, location="elm-street")], tmp_path)
    assert [one.pace for one in workflows(house)] == [Pace.UNKNOWN]
    remember([read_at(NOON, location="main-street")], tmp_path)
    assert [one.pace for one in workflows(house)] == [Pace.FLOWING]


async def test_late_feeds_of_one_direction_are_one_alert(tmp_path, clock):
    other = VISITS.model_copy(update={"name": "patients", "operations": ("Patient.search",)})
    house = a_house(tmp_path, clock, wired(feeds=(VISITS, other)))
    remember(
        [read_at(NOON - 5 * HOUR), read_at(NOON - 4 * HOUR, operation="Patient.search")],
        tmp_path,
    )
    (finding,) = found(house, "freshness")
    assert finding.says.endswith("visits, last good read 07:00:00 AM EST (limit 2 hours 30 minutes); 1 other feed too")
    assert finding.since == NOON - 5 * HOUR


# --- A16 workflows ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stood", "still_read", "missed"),
    [
        pytest.param(119, 119, 1, id="not yet two periods"),
        pytest.param(121, 121, 2, id="two periods, and calls succeed"),
        pytest.param(240, 90, 1, id="calls have failed since: nothing is known of the cursor"),
        pytest.param(400, 400, 4, id="from before it opened only the open time counts"),
    ],
)
async def test_a_cursor_that_stands_for_two_periods_while_calls_succeed_is_stuck(
    tmp_path, clock, stood, still_read, missed
):
    feed = VISITS.model_copy(update={"every": HOUR, "fresh_within": 3 * DAY})
    house = a_house(tmp_path, clock, wired(feeds=(feed,)))
    newest, first = NOON - (stood + 5) * MINUTE, NOON - stood * MINUTE
    ends = [first + n * MINUTE for n in range(still_read + 1)]
    answered = [read_at(at, newest_at=newest if n % 3 == 0 else None) for n, at in enumerate(ends)]
    failed = [read_at(NOON - n * MINUTE, outcome=Outcome.SERVER_ERROR) for n in range(3) if ends[-1] < NOON - HOUR]
    remember([read_at(first - HOUR, newest_at=newest - HOUR), *answered, *failed], tmp_path)
    (workflow,) = workflows(house)
    assert (workflow.cursor.at, workflow.cursor.stood_since) == (newest, first)
    assert (workflow.missed_periods, workflow.is_stuck) == (missed, missed >= 2)
    assert subjects(house, "stuck_cursor") == (["visits"] if missed >= 2 else [])


async def test_a_cursor_that_moves_again_clears_its_alert(tmp_path, clock):
    house = a_house(tmp_path, clock, wired(feeds=(VISITS.model_copy(update={"every": HOUR}),)))
    newest = NOON - 3 * HOUR
    remember([read_at(at, newest_at=newest) for at in (NOON - 2.5 * HOUR, NOON)], tmp_path)
    (alert,) = await watched(house, "stuck_cursor")
    assert alert.finding.says == (
        "visits: calls succeed, and the cursor has stood since 09:30:00 AM EST, 2 periods of 60 minutes"
    )
    clock.move(MINUTE)
    remember([read_at(clock.at, newest_at=clock.at)], tmp_path)
    assert told(await watched(house, "stuck_cursor")) == [("visits", "cleared")]


async def test_a_record_from_the_far_future_does_not_become_the_cursor(tmp_path, clock):
    house = a_house(tmp_path, clock, wired())
    far = datetime(9999, 1, 1, tzinfo=UTC)
    remember([read_at(NOON - HOUR, newest_at=NOON - HOUR), read_at(NOON, newest_at=far)], tmp_path)
    assert workflows(house)[0].cursor.at == NOON - HOUR


async def test_a_cursor_and_a_backlog_may_come_from_gauges(tmp_path, clock):
    house = a_house(tmp_path, clock, wired(feeds=(VISITS.model_copy(update={"every": HOUR}), ORDERS)))

    def gauge(minutes: int, metric: str, value: float, subject: str = "visits", unit: str = "") -> Gauge:
        at = NOON - minutes * MINUTE
        return Gauge(integration_id=EPIC, observed_at=at, metric=metric, value=value, subject=subject, unit=unit)

    stood = [gauge(minutes, CURSOR, 7001) for minutes in range(0, 130, 10)]
    waits = [gauge(1, QUEUE_DEPTH, 12, "orders"), gauge(1, QUEUE_AGE, 90, "Order"), gauge(60, QUEUE_DEPTH, 99)]
    remember_gauges([gauge(200, CURSOR, 6999), *stood, *waits], tmp_path)
    visits, orders = workflows(house)
    assert (visits.cursor.number, visits.cursor.stood_since, visits.is_stuck) == (7001, NOON - 2 * HOUR, True)
    assert (visits.depth, orders.depth, orders.oldest_s) == (None, 12, 90)  # what was measured an hour ago is not known
    clock.move(MINUTE)
    instant = gauge(-1, CURSOR, (NOON - HOUR).timestamp(), unit="seconds")
    remember_gauges([instant], tmp_path)
    assert workflows(house)[0].cursor.at == NOON - HOUR


# --- A07 volume -------------------------------------------------------------------------------------------------------


def weeks_of_traffic(per_hour: Sequence[int], *, records: int = 10, weeks: int = 4) -> list[Reading]:
    """This hour of the week, `weeks` times: so many messages in the latest, the one before, and so on."""
    return [
        wrote_at(
            NOON - week * 7 * DAY - HOUR + (n + 0.5) * HOUR / max(1, count),
            records=records,
            sent_bytes=1_000_000,
            received_bytes=0,
            resource="Order",
        )
        for week, count in enumerate(per_hour[: weeks + 1])
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("per_hour", "says", "is_drop"),
    [
        pytest.param([20, 40, 40, 40, 40], "20.0MB −50 %", True, id="half"),
        pytest.param([40, 40, 39, 41, 40], "40.0MB ±0 %", False, id="as usual"),
        pytest.param([30, 40, 40, 40, 40], "30.0MB −25 %", False, id="a quarter less is not felt"),
        pytest.param([0, 40, 40, 40, 40], "0B −100 %", True, id="nothing at all"),
        pytest.param([20, 40, 0, 40, 40], "20.0MB −50 %", True, id="one bad week does not teach"),
        pytest.param([20, 40, 40], "20.0MB", False, id="learning"),
        pytest.param([60, 40, 40, 40, 40], "60.0MB +50 %", False, id="more is no drop"),
    ],
)
async def test_volume_is_compared_with_the_same_hour_of_the_weeks_before(tmp_path, clock, per_hour, says, is_drop):
    house = a_house(tmp_path, clock, wired())
    alive = [read_at(NOON - week * 7 * DAY - MINUTE) for week in range(len(per_hour))]
    remember(weeks_of_traffic(per_hour) + alive, tmp_path)
    with flowing(house) as flow:
        (orders,) = (one for one in flow.volumes() if one.is_traffic)
    assert (orders.says, orders.is_drop) == (says, is_drop)
    assert subjects(house, "volume") == (["out:Order"] if is_drop else [])


async def test_small_numbers_stay_quiet(tmp_path, clock):
    house = a_house(tmp_path, clock, wired())
    remember([*weeks_of_traffic([0, 3, 3, 3, 3], records=1), read_at(NOON - MINUTE)], tmp_path)
    with flowing(house) as flow:
        (orders,) = (one for one in flow.volumes() if one.is_traffic)
    assert (orders.change, orders.is_drop) == (-1.0, False)


async def test_hours_in_which_nobody_looked_do_not_teach(tmp_path, clock):
    house = a_house(tmp_path, clock, wired())
    remember(weeks_of_traffic([40, 40, 40]), tmp_path)  # the two weeks before were not watched at all
    with flowing(house) as flow:
        (orders,) = flow.volumes()
    assert orders.weeks == (400.0, 400.0)


async def test_the_hour_of_the_week_is_the_practices_own_also_across_summer_time(tmp_path):
    """On 2 November 2026 the clocks in New York have just gone back: 12:00 is 17:00 UTC now and 16:00 UTC before."""
    now = datetime(2026, 11, 2, 17, tzinfo=UTC)
    house = a_house(tmp_path, MovedClock(now), wired())
    before = [
        wrote_at(now - week * 7 * DAY - HOUR - (n + 1) * MINUTE, records=10, resource="Order")
        for week in (1, 2, 3, 4)
        for n in range(40)
    ]
    remember([*before, *(wrote_at(now - n * MINUTE, records=10, resource="Order") for n in range(1, 41))], tmp_path)
    with flowing(house) as flow:
        (orders,) = flow.volumes()
    assert (orders.amount, orders.weeks) == (400.0, (400.0,) * 4)


async def test_until_there_are_weeks_days_of_the_same_kind_are_usual_and_weekends_teach_no_workday(tmp_path, clock):
    house = a_house(tmp_path, clock, wired())  # a Monday
    days = {0: 20, 3: 40, 4: 40, 5: 40, 1: 2, 2: 2}  # days ago: three workdays, and a weekend between
    remember(
        [
            wrote_at(NOON - ago * DAY - (n + 1) * MINUTE, records=10, resource="Order")
            for ago, count in days.items()
            for n in range(count)
        ],
        tmp_path,
    )
    with flowing(house) as flow:
        (orders,) = flow.volumes()
    assert (orders.usual_by.value, orders.usual, orders.change) == ("this hour on such days", 400.0, -0.5)


async def test_what_was_generated_teaches_what_probes_usually_see(tmp_path, clock):
    one = wired(timezone="America/New_York")
    house = a_house(tmp_path, clock, one)
    remember_frame(generate_history(one, NOON - HOUR), tmp_path)
    usual = {"Patient.search": 30, "Appointment.search": 36}  # in the busiest hour (simulator.rhythm)
    seen = [
        read_at(NOON - n * MINUTE, operation=operation, records=records // (2 if "App" in operation else 1))
        for operation, records in usual.items()
        for n in range(1, 60)
    ]
    remember(seen, tmp_path)
    with flowing(house) as flow:
        changes = {one.resource: one.change for one in flow.volumes()}
    assert changes["Appointment"] == pytest.approx(-0.5, abs=0.08)
    assert changes["Patient"] == pytest.approx(0.0, abs=0.1)


# --- A09 landing ------------------------------------------------------------------------------------------------------


def step(minutes: float, key: int, step: DeliveryStep = DeliveryStep.ACCEPTED, **changes) -> Delivery:
    told = {"integration_id": EPIC, "operation": "Order.create", "resource": "Order", "step": step}
    return Delivery(**{"observed_at": NOON - minutes * MINUTE, "key": f"{key:016x}"} | told | changes)


LANDED, REFUSED = DeliveryStep.LANDED, DeliveryStep.REFUSED


async def test_what_was_accepted_and_is_not_there_in_time_is_told_in_counts_and_cleared_when_it_lands_late(
    tmp_path, clock
):
    house = a_house(tmp_path, clock, wired())
    accepted = [step(50 - key, key) for key in range(40)]
    remember_deliveries([*accepted, *(step(49 - key, key, LANDED) for key in range(3, 40))], tmp_path)
    (alert,) = await watched(house, "landing")
    says = "Order.create accepted, not landed: 3 of 40 writes in the last hour (limit 15 minutes)"
    assert alert.finding.says == says
    assert (alert.finding.since, alert.finding.severity) == (NOON - 50 * MINUTE, Severity.HIGH)
    assert "000000" not in alert.model_dump_json()
    clock.move(MINUTE)
    remember_deliveries([step(-1, key, LANDED) for key in range(3)], tmp_path)
    assert told(await watched(house, "landing")) == [("Order.create", "cleared")]


@pytest.mark.parametrize(
    ("steps", "confirm", "is_lost"),
    [
        pytest.param([step(14, 1)], 15, False, id="there is still time"),
        pytest.param([step(16, 1)], 15, True, id="the time is over"),
        pytest.param([step(16, 1)], 20, False, id="this feed allows more"),
        pytest.param([step(16, 1), step(5, 1, LANDED)], 15, False, id="it landed late"),
        pytest.param([step(16, 1), step(15, 1, REFUSED)], 15, False, id="it was refused, which is another matter"),
        pytest.param([step(16, 1), step(15.5, 2, LANDED)], 15, True, id="another one landed"),
        pytest.param([step(16, 1), step(2, 1)], 15, True, id="to send it again does not start the time anew"),
        pytest.param([step(16, 1, LANDED)], 15, False, id="landed without a word"),
        pytest.param([step(16, 1, integration_id="another")], 15, False, id="of something that is not watched"),
    ],
)
async def test_a_write_is_lost_when_its_time_is_over_and_nothing_settled_it(tmp_path, clock, steps, confirm, is_lost):
    orders = ORDERS.model_copy(update={"confirm_within": confirm * MINUTE})
    house = a_house(tmp_path, clock, wired(feeds=(orders,)))
    remember_deliveries(steps, tmp_path)
    assert subjects(house, "landing") == (["Order.create"] if is_lost else [])


async def test_a_write_that_was_lost_yesterday_is_still_told_of(tmp_path, clock):
    house = a_house(tmp_path, clock, wired())
    remember_deliveries([step(20 * 60, 1), *(step(30, key) for key in range(2, 9))], tmp_path)
    remember_deliveries([step(29, key, LANDED) for key in range(2, 9)], tmp_path)
    (finding,) = found(house, "landing")
    assert "1 of 8 writes in the last 24 hours" in finding.says


# --- A19 bridges ------------------------------------------------------------------------------------------------------

DESK = Bridge(name="front-desk")


def beats(days: Sequence[datetime], begin_h: float, end_h: float, every: timedelta = DESK.every) -> list[Reading]:
    """Signs of life on these days (midnights of the practice), from one hour to another."""
    return [
        a_reading(
            observed_at=day + begin_h * HOUR + n * every,
            operation=BEAT,
            component=DESK.name,
            source=Source.HEARTBEAT,
        )
        for day in days
        for n in range(int((end_h - begin_h) * HOUR / every))
    ]


MIDNIGHT = NOON - 12 * HOUR
DAYS_BEFORE = [MIDNIGHT - n * DAY for n in range(1, 15)]
WORKDAYS = [day for day in DAYS_BEFORE if day.weekday() < 5]


@pytest.mark.parametrize(
    ("last", "at", "is_told"),
    [
        pytest.param(18.5, 12 + 9, False, id="a night that was learned does not page at 21:00"),
        pytest.param(18.5, 18.9, False, id="nor in the hour in which it goes to sleep"),
        pytest.param(11.5, 11 + 41 / 60, True, id="three beats missed since 11:25"),
        pytest.param(11.5, 11 + 40 / 60, False, id="the third may still come"),
        pytest.param(18.5, 24 + 7.9, False, id="not before it usually wakes up"),
        pytest.param(18.5, 24 + 8.3, True, id="but soon after that, if it does not come back"),
    ],
)
async def test_a_bridge_is_silent_when_it_should_be_awake(tmp_path, last, at, is_told):
    house = a_house(tmp_path, MovedClock(MIDNIGHT + at * HOUR), an_integration(bridges=(DESK,)))
    remember(beats(WORKDAYS, 7.5, 18.5) + beats([MIDNIGHT], 7.5, last), tmp_path)
    assert subjects(house, "bridges") == (["front-desk"] if is_told else [])


async def test_before_14_days_a_bridge_has_no_nights_and_three_missed_beats_are_told(tmp_path):
    house = a_house(tmp_path, MovedClock(MIDNIGHT + 21 * HOUR), an_integration(bridges=(DESK,)))
    remember(beats(WORKDAYS[:5], 7.5, 18.5) + beats([MIDNIGHT], 7.5, 18.5), tmp_path)
    (finding,) = found(house, "bridges")
    assert finding.says == (
        "bridge silent: front-desk was last heard 06:25:00 PM EST (a beat every 5 minutes, silent after 3; "
        "its nights are not known yet)"
    )


async def test_a_bridge_that_comes_back_clears_its_alert_and_a_dead_one_never_learns_to_be_dead(tmp_path):
    clock = MovedClock(MIDNIGHT + 12 * HOUR)
    house = a_house(tmp_path, clock, an_integration(bridges=(DESK,)))
    remember(beats(DAYS_BEFORE, 0, 24) + beats([MIDNIGHT], 0, 11), tmp_path)
    assert told(await watched(house, "bridges")) == [("front-desk", "raised")]
    clock.move(14 * DAY)
    assert told(await watched(house, "bridges")) == [("front-desk", "raised")]  # told anew: now with a date
    remember(beats([clock.at - DESK.every], 0, 0.1), tmp_path)
    assert told(await watched(house, "bridges")) == [("front-desk", "cleared")]


async def test_a_bridge_that_was_never_heard_is_shown_and_nobody_is_called(tmp_path, clock):
    house = a_house(tmp_path, clock, an_integration(bridges=(DESK,)))
    (alert,) = await watched(house, "bridges")
    assert (alert.finding.says, alert.is_notified) == ("bridge front-desk was never heard", False)


# --- A11 resources ----------------------------------------------------------------------------------------------------


def gauges(metric: str, values: Sequence[float], *, of: str = OURSELVES, subject: str | None = None) -> list[Gauge]:
    """One value every ten minutes; the last is of now."""
    return [
        Gauge(integration_id=of, observed_at=NOON - n * 10 * MINUTE, metric=metric, value=value, subject=subject)
        for n, value in enumerate(reversed(values))
    ]


@pytest.mark.parametrize(
    ("metric", "values", "says"),
    [
        pytest.param("disk_share", [0.5] * 36, None, id="half full, and steady"),
        pytest.param("disk_share", [0.91], "the disk of the history: 91% used (limit 90%)", id="nearly full"),
        pytest.param(
            "disk_share",
            [0.40 + 0.01 * n for n in range(36)],
            "the disk of the history: 75% used, full in about 4 hours at this pace",
            id="filling",
        ),
        pytest.param("disk_share", [0.40 + 0.0001 * n for n in range(36)], None, id="filling in weeks"),
        pytest.param("disk_share", [0.5, 0.5, 0.5, 0.5, 0.5, 0.89], None, id="one jump is no trend"),
        pytest.param("memory_share", [0.95], "memory: 95% used (limit 92%)", id="memory"),
        pytest.param("cpu_share", [1.0] * 36, None, id="a busy CPU is what it is for"),
    ],
)
async def test_what_runs_out_is_told_before_it_has(tmp_path, clock, metric, values, says):
    house = a_house(tmp_path, clock, an_integration())
    remember_gauges(gauges(metric, values), tmp_path)
    assert [finding.says for finding in found(house, "resources")] == ([says] if says else [])


@pytest.mark.parametrize(
    ("ages_min", "says"),
    [
        pytest.param([1, 2, 1, 3, 2, 1, 2, 1], None, id="a queue that is emptied"),
        pytest.param(
            [26], "queue orders: the oldest waits since 11:34 and is too old (limit 25 minutes)", id="too old"
        ),
        pytest.param(
            [1, 3, 6, 9, 12, 15, 18, 21],
            "queue orders: the oldest waits since 11:39 and gets older, and reaches its limit soon (limit 25 minutes)",
            id="getting older",
        ),
    ],
)
async def test_a_queue_is_judged_by_how_old_its_feed_may_be(tmp_path, clock, ages_min, says):
    house = a_house(tmp_path, clock, wired())
    remember_gauges(gauges(QUEUE_AGE, [60 * age for age in ages_min], of=EPIC, subject="orders"), tmp_path)
    assert [finding.says for finding in found(house, "resources")] == ([says] if says else [])


async def test_calls_that_wait_longer_and_longer_for_our_own_pool_are_told_before_any_fails(tmp_path, clock):
    house = a_house(tmp_path, clock, wired())
    remember([read_at(NOON - n * MINUTE, pool_wait_ms=(60 - n) * 3.0) for n in range(60)], tmp_path)
    (finding,) = found(house, "resources")
    assert finding.says == (
        "calls wait 180 ms for one of our own connections (p95, limit 50 ms), and longer every few minutes"
    )


async def test_calls_that_hardly_wait_are_not_told_of(tmp_path, clock):
    house = a_house(tmp_path, clock, wired())
    remember([read_at(NOON - n * MINUTE, pool_wait_ms=(60 - n) * 0.5) for n in range(60)], tmp_path)
    assert found(house, "resources") == []
