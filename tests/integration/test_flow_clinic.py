"""What flows through a pretend clinic: canaries that land or get lost, halved output, sockets, a bridge's beats."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.canary import Canary, CanaryState, Flight
from models.delivery import DeliveryStep
from models.integration import Environment
from models.reading import Direction, Outcome
from models.report import build_report
from simulator.control import Clinic, start_clinic
from simulator.history import generate_history
from tasks.canary import fly
from tasks.flow import Flow
from tasks.history.questions import ask
from tasks.house import House
from tasks.probe import connected, planned, probe_all
from tasks.remember import history, remember, remember_frame
from tasks.story import tell
from tests.callers import READS, ClinicClock, context_for
from tests.clocks import a_house
from tests.integration.test_flow import watched

KIND, ID = "epic_fhir", "epic-fhir"
CREATE = "Appointment.create"
SLOW = 60.0  # simulated seconds in a real one
pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def premises(tmp_path_factory) -> Iterator[Clinic]:
    start = datetime(2026, 3, 3, 15, tzinfo=UTC)
    folder = tmp_path_factory.mktemp("clinic")
    with start_clinic(folder, start=start, speed=SLOW, systems=("epic", "bridge")) as clinic:
        yield clinic


@pytest.fixture
def clinic(premises) -> Iterator[Clinic]:
    yield premises
    premises.mend()


class LaterClock(ClinicClock):
    """The clinic's time, and a jump ahead for us alone: nobody waits a quarter of an hour."""

    def move(self, step: timedelta) -> None:
        self._ahead_s += step.total_seconds()


def writing(clinic: Clinic, home: Path, **changes) -> tuple[House, LaterClock]:
    """A house with one test system into which canaries may be written."""
    integration = context_for(clinic, KIND, home).integration
    told = {"environment": Environment.TEST, "canary": Canary()} | changes
    clock = LaterClock(clinic)
    return a_house(home, clock, integration.model_copy(update=told)), clock


def steps(home: Path) -> list[str]:
    return [row["step"] for row in ask(home, "SELECT step FROM deliveries ORDER BY observed_at")]


async def test_a_canary_that_lands_is_written_once_and_seen_there(clinic, tmp_path):
    house, _ = writing(clinic, tmp_path)
    stored = clinic.journal()["epic"]["written"]
    (reading,) = await fly(house)
    assert (reading.outcome, reading.status, reading.direction) == (Outcome.OK, 201, Direction.OUT)
    assert (reading.operation, reading.resource) == ("Appointment.canary", "Appointment")
    assert reading.sent_bytes > 200
    assert await fly(house) == ()  # the next one is not due; this time it was looked for
    assert clinic.journal()["epic"]["written"] == stored + 1
    assert steps(tmp_path) == [DeliveryStep.ACCEPTED, DeliveryStep.LANDED]
    assert [flight.state for flight in house.ledger.all_kept(Flight)] == [CanaryState.LANDED]


async def test_a_simulator_that_answers_201_but_drops_the_row_is_told_within_the_confirm_window(clinic, tmp_path):
    house, clock = writing(clinic, tmp_path)
    clinic.break_("epic", "drops_writes")
    (reading,) = await fly(house)
    assert reading.status == 201
    clock.move(timedelta(minutes=14))
    await fly(house)
    assert await watched(house, "landing") == []
    clock.move(timedelta(minutes=1))
    (alert,) = await watched(house, "landing")
    assert alert.finding.says.startswith("Appointment.canary accepted, not landed: 1 of 1 write in the last hour")
    assert steps(tmp_path) == [DeliveryStep.ACCEPTED]


async def test_a_canary_that_lands_late_clears_its_alert(clinic, tmp_path):
    house, clock = writing(clinic, tmp_path)
    clinic.break_("epic", "drops_writes", after_s=30)  # half a real second
    await fly(house)
    clock.move(timedelta(minutes=16))
    assert [alert.stands for alert in await watched(house, "landing")] == [True]
    while DeliveryStep.LANDED not in steps(tmp_path):
        await fly(house)
    assert [alert.stands for alert in await watched(house, "landing")] == [False]


async def test_a_canary_that_is_lost_is_given_up_and_the_latest_flight_alone_is_kept(clinic, tmp_path):
    house, clock = writing(clinic, tmp_path)
    clinic.break_("epic", "drops_writes")
    await fly(house)
    clock.move(timedelta(hours=2))
    await fly(house)  # our clock is two hours ahead of theirs by now: the next one gets no token
    assert sorted(steps(tmp_path)) == [DeliveryStep.ACCEPTED, DeliveryStep.REFUSED]
    assert [flight.state for flight in house.ledger.all_kept(Flight)] == [CanaryState.REFUSED]
    assert await watched(house, "landing") == []


@pytest.mark.parametrize(
    ("fault", "parameters", "outcome"),
    [
        pytest.param("server_errors", {"operation": CREATE}, Outcome.SERVER_ERROR, id="they say no"),
        pytest.param("resets", {"share": 0.99, "mean_burst": 999}, Outcome.UNKNOWN, id="the answer never comes"),
        pytest.param("refused", {}, Outcome.REFUSED, id="nobody is there"),
    ],
)
async def test_a_canary_that_was_not_accepted_is_a_reading_and_no_delivery(
    clinic, tmp_path, fault, parameters, outcome
):
    house, _ = writing(clinic, tmp_path)
    async with connected(house, house.configuration.integrations[0]) as connector:
        await connector.read(house.configuration.integrations[0].reads[0])  # so that there is a token already
    clinic.break_("epic", fault, **parameters)
    (reading,) = await fly(house)
    assert (reading.outcome, reading.direction) == (outcome, Direction.OUT)
    assert steps(tmp_path) == []


async def test_nothing_is_written_where_no_canary_is_declared(clinic, tmp_path):
    house, _ = writing(clinic, tmp_path, canary=None)
    before = clinic.journal()["epic"]["calls"]
    assert await fly(house) == ()
    assert clinic.journal()["epic"]["calls"] == before


async def test_the_same_canary_written_twice_is_one(clinic, tmp_path):
    house, _ = writing(clinic, tmp_path)
    stored = clinic.journal()["epic"]["written"]
    async with connected(house, house.configuration.integrations[0]) as connector:
        written = [await connector.write("00112233aabbccdd") for _ in range(2)]
        landed = [await connector.landed(key) for key in ("00112233aabbccdd", "ffffffffffffffff")]
    assert [(reading.status, receipt) for reading, receipt in written] == [
        (201, "00112233aabbccdd"),
        (200, "00112233aabbccdd"),
    ]
    assert landed == [True, False]
    assert clinic.journal()["epic"]["written"] == stored + 1


# --- what searches bring ----------------------------------------------------------------------------------------------

SPAN = "_lastUpdated=ge2026-02-27T13:00:00Z&_lastUpdated=lt2026-03-03T14:00:00Z&_count=200"


async def test_halved_output_is_half_and_the_same_half_each_time(clinic, tmp_path):
    searches = {f"{kind}.search": f"{kind}?{SPAN}" for kind in ("Appointment", "MedicationRequest")}
    house, _ = writing(clinic, tmp_path)
    (one,) = house.configuration.integrations
    one = one.model_copy(update={"settings": one.settings | {"searches": searches, "max_pages": 50}})

    async def counts() -> list[int]:
        async with connected(house, one) as connector:
            return [(await connector.read(one.read(operation))).records for operation in searches]

    whole = await counts()
    clinic.break_("epic", "fewer_records", share=0.5, operation="Appointment.search")
    halved, again = await counts(), await counts()
    assert halved == again
    assert halved[1] == whole[1]
    assert halved[0] / whole[0] == pytest.approx(0.5, abs=0.1)


async def test_an_hour_of_halved_appointments_is_half_of_what_is_usual_at_this_hour(tmp_path):
    """The whole way: weeks of history, an hour of probes of a server that leaves out every second appointment.

    The seed is of an hour in which chance takes little part: some forty appointments wander by a sixth.
    """
    start = datetime(2026, 3, 3, 15, tzinfo=UTC)
    with start_clinic(tmp_path / "clinic", start=start, speed=600.0, seed=13, systems=("epic",)) as clinic:
        house, clock = writing(clinic, tmp_path / "home", canary=None, timezone=clinic.timezone)
        remember_frame(generate_history(house.configuration.integrations[0], start), house.home)
        clinic.break_("epic", "fewer_records", operation="Appointment.search")
        while clock.now() < start + timedelta(hours=1):
            remember(await probe_all(house), house.home)
            await clock.sleep(120)
        with history(house.home) as db:
            flow = Flow(house, db, clock.now())
            changes = {one.resource: one.change for one in flow.volumes(flow.as_of)}
    assert changes.pop("Appointment") == pytest.approx(-0.5, abs=0.12)
    assert min(changes.values()) > -0.3
    assert len(changes) == 3


async def test_a_read_tells_when_the_newest_record_changed(clinic, tmp_path):
    house, _ = writing(clinic, tmp_path)
    (one,) = house.configuration.integrations
    async with connected(house, one) as connector:
        reading = await connector.read(one.read("Appointment.search"))
    age = reading.observed_at - reading.newest_at
    assert timedelta(minutes=-1) < age < timedelta(hours=1)  # the search covers an hour


# --- A11: sockets -----------------------------------------------------------------------------------------------------


async def test_active_connections_in_the_report_are_the_sockets_open_at_the_simulator(clinic, tmp_path):
    house, _ = writing(clinic, tmp_path, canary=None)
    (one,) = house.configuration.integrations
    async with connected(house, one) as connector:
        await connector.read(one.reads[0])
        readings = await asyncio.gather(*(connector.read(read) for read in planned(one.reads, 1.0)))
        open_there = clinic.journal()["epic"]["open_sockets"]
    remember(readings, tmp_path)
    report = build_report(tell(house, one.id))
    assert len(READS[KIND]) >= open_there > 1
    assert report.monitoring_report.metrics.active_connections == open_there
    await until(lambda: clinic.journal()["epic"]["open_sockets"] == 0)


async def until(holds) -> None:
    """Wait for a condition that must come."""
    for _ in range(500):
        if holds():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it never came")


# --- the bridge -------------------------------------------------------------------------------------------------------


def lines(clinic: Clinic) -> list[dict]:
    inbox = Path(clinic.systems["bridge"]["inbox"])
    return [json.loads(path.read_text()) for path in sorted(inbox.glob("[!.]*.jsonl"))]


@pytest.mark.parametrize("fault", ["asleep", "stopped"])
def test_a_bridge_gives_signs_of_life_until_it_sleeps_or_stops(tmp_path, fault):
    start = datetime(2026, 3, 3, 15, tzinfo=UTC)
    with start_clinic(tmp_path, start=start, speed=3000.0, systems=("bridge",)) as clinic:  # ten beats a second
        while len(lines(clinic)) < 3:
            time.sleep(0.02)
        clinic.break_("bridge", fault)
        silent = len(lines(clinic))
        assert clinic.journal()["bridge"]["calls"] == {"Heartbeat.send": {"sent": silent}}
        time.sleep(0.3)  # three beats
        assert len(lines(clinic)) == silent
        clinic.mend("bridge", fault)
        while len(lines(clinic)) == silent:
            time.sleep(0.02)
        told = lines(clinic)
    assert {(one["type"], one["integration"], one["bridge"]) for one in told} == {
        ("heartbeat", "front-desk", "officemate-pc-1")
    }
    instants = [datetime.fromisoformat(one["at"]) for one in told]
    assert instants == sorted(instants)
    assert instants[0] >= start
    assert not Path(clinic.systems["bridge"]["inbox"]).exists()
