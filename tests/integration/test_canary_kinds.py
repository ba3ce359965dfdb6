"""Canaries into any JSON API and over MLLP: they land or are lost, and stay single; who cannot tell gets none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from models.canary import Canary, CanaryState, Flight
from models.delivery import DeliveryStep
from models.integration import Environment
from models.reading import Direction, Outcome
from simulator.control import Clinic, start_clinic
from tasks.canary import fly
from tasks.house import House
from tasks.probe import connected
from tests.callers import SYSTEM, context_for
from tests.clocks import a_house
from tests.integration.test_flow import watched
from tests.integration.test_flow_clinic import LaterClock, steps

KEY = "00112233aabbccdd"
KINDS = ("http_api", "hl7_mllp")
DROPS = {"http_api": "drops_writes", "hl7_mllp": "drop_after_ack"}  # accepted, and not kept
OPERATION = {"http_api": "Record.canary", "hl7_mllp": "Message.canary"}
pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def premises(tmp_path_factory) -> Iterator[Clinic]:
    start = datetime(2026, 3, 3, 15, tzinfo=UTC)
    with start_clinic(tmp_path_factory.mktemp("clinic"), start=start, speed=60.0, systems=("api", "mllp")) as clinic:
        yield clinic


@pytest.fixture
def clinic(premises) -> Iterator[Clinic]:
    yield premises
    premises.mend()


def writing(clinic: Clinic, kind: str, home: Path) -> tuple[House, LaterClock]:
    """A house with one test system into which canaries may be written."""
    integration = context_for(clinic, kind, home).integration
    clock = LaterClock(clinic)
    told = {"environment": Environment.TEST, "canary": Canary()}
    return a_house(home, clock, integration.model_copy(update=told)), clock


def kept(clinic: Clinic, kind: str) -> int:
    """How many writes lie there, each copy counted."""
    told: dict[str, Any] = clinic.journal()[SYSTEM[kind]]
    return told["created"] if kind == "http_api" else told["received"]["stored"] + told["received"]["copies"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_canary_is_written_once_and_seen_there(clinic, tmp_path, kind):
    house, _ = writing(clinic, kind, tmp_path)
    before = kept(clinic, kind)
    (reading,) = await fly(house)
    assert (reading.outcome, reading.direction, reading.operation) == (Outcome.OK, Direction.OUT, OPERATION[kind])
    assert await fly(house) == ()  # the next one is not due; this time it was looked for
    assert kept(clinic, kind) == before + 1
    assert steps(tmp_path) == [DeliveryStep.ACCEPTED, DeliveryStep.LANDED]
    assert [flight.state for flight in house.ledger.all_kept(Flight)] == [CanaryState.LANDED]


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_accepted_and_dropped_is_told_within_the_confirm_window(clinic, tmp_path, kind):
    house, clock = writing(clinic, kind, tmp_path)
    clinic.break_(SYSTEM[kind], DROPS[kind])
    (reading,) = await fly(house)
    assert reading.outcome is Outcome.OK
    clock.move(timedelta(minutes=14))
    await fly(house)
    assert await watched(house, "landing") == []
    clock.move(timedelta(minutes=1))
    (alert,) = await watched(house, "landing")
    assert alert.finding.says.startswith(f"{OPERATION[kind]} accepted, not landed: 1 of 1 write in the last hour")
    assert steps(tmp_path) == [DeliveryStep.ACCEPTED]


@pytest.mark.parametrize(("kind", "fault"), [("http_api", None), ("hl7_mllp", "keeps_copies")])
async def test_the_same_canary_written_twice_is_one_also_where_whatever_comes_is_kept(clinic, tmp_path, kind, fault):
    house, _ = writing(clinic, kind, tmp_path)
    if fault:
        clinic.break_(SYSTEM[kind], fault)
    before = kept(clinic, kind)
    async with connected(house, house.configuration.integrations[0]) as connector:
        written = [await connector.write(KEY) for _ in range(2)]
        landed = [await connector.landed(key) for key in (KEY, "ffffffffffffffff")]
    assert [(reading.outcome, receipt) for reading, receipt in written] == [(Outcome.OK, KEY)] * 2
    assert landed == [True, False]
    assert kept(clinic, kind) == before + 1


@pytest.mark.parametrize(
    ("kind", "fault", "parameters", "outcome"),
    [
        pytest.param("hl7_mllp", "no_queries", {}, Outcome.CLIENT_ERROR, id="a receiver that answers no questions"),
        pytest.param("hl7_mllp", "refused", {}, Outcome.REFUSED, id="no receiver"),
        pytest.param("http_api", "server_errors", {"operation": "Note.list"}, Outcome.SERVER_ERROR, id="no answer"),
        pytest.param("http_api", "refused", {}, Outcome.REFUSED, id="no API"),
    ],
)
async def test_who_cannot_be_asked_is_not_written_to(clinic, tmp_path, kind, fault, parameters, outcome):
    house, _ = writing(clinic, kind, tmp_path)
    async with connected(house, house.configuration.integrations[0]) as connector:
        await connector.read(house.configuration.integrations[0].reads[0])  # so that there is a token already
    before = kept(clinic, kind)
    clinic.break_(SYSTEM[kind], fault, **parameters)
    (reading,) = await fly(house)
    assert (reading.outcome, reading.direction) == (outcome, Direction.OUT)
    assert [flight.state for flight in house.ledger.all_kept(Flight)] == [CanaryState.REFUSED]
    assert steps(tmp_path) == []
    assert kept(clinic, kind) == before


async def test_a_look_without_records_takes_404_for_not_there_and_nothing_else(clinic, tmp_path):
    house, _ = writing(clinic, "http_api", tmp_path)
    (one,) = house.configuration.integrations
    record = {**one.settings["canary_record"], "look": {"path": "nowhere/{key}"}}
    odd = one.model_copy(update={"settings": one.settings | {"canary_record": record}})
    async with connected(house, odd) as connector:
        assert await connector.landed(KEY) is False
        clinic.break_("api", "server_errors")
        assert await connector.landed(KEY) is None
