"""The flow that compares both sides, on a real Prefect server: what is due, a table, and nothing of a patient."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.objects import Artifact
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows import demo_configuration
from flows.clock import use
from flows.reconcile import reconcile
from simulator.control import Clinic, start_clinic
from simulator.people import Practice
from tasks.house import House, open_house
from tasks.reconcile import due, latest
from tests.callers import RECORDS
from tests.landed import appointments, land
from tests.scenarios.staging import clock_of, configure, files_holding

pytestmark = pytest.mark.scenario

EPIC, NAME = "epic-fhir-prod", "appointments"
NOW = datetime(2026, 3, 3, 15, tzinfo=UTC)  # a Tuesday, 10:00 in New York
SLOW = 1 / 3600  # simulated seconds per second
DAYS = timedelta(days=3)


@pytest.fixture(scope="module", autouse=True)
def on_our_server(prefect_server) -> Iterator[None]:
    """Flows of this process, and clients, talk to the shared server."""
    with temporary_settings({PREFECT_API_URL: prefect_server.environment["PREFECT_API_URL"]}):
        yield


@pytest.fixture
def place(tmp_path) -> Iterator[tuple[Clinic, Path]]:
    """A clinic, and a configuration that compares its appointments with what landed: three are missing."""
    with start_clinic(tmp_path / "clinic", start=NOW, speed=SLOW, systems=("epic",)) as clinic:
        one = demo_configuration.epic(clinic)
        one["settings"]["searches"] = {"Appointment.search": "Appointment?_count=100"}
        wanted = RECORDS["epic_fhir"] | {"look_back": "3d", "late_after": "5m"}
        one["reconcile"] = [wanted | {"ours": {"url": f"sqlite:///{tmp_path}/landed.db", "table": NAME}}]
        rows = appointments(Practice(1, "America/New_York"), NOW - 2 * DAYS, NOW)
        lost = [row["id"] for row in rows if row["start"].startswith("2026-03-02")][:3]
        land(tmp_path / "landed.db", NAME, [row for row in rows if row["id"] not in lost])
        (tmp_path / "lost").write_text(json.dumps(lost))
        yield clinic, configure(tmp_path / "configuration", one)


def test_what_is_due_is_compared_and_shown_and_then_is_due_no_more(place, tmp_path, prefect_server):
    """A table of differences with counts; keys, names and identifiers are nowhere in Prefect's files."""
    clinic, configuration = place
    clock = clock_of(clinic)
    use(clock)
    ground = {"configuration": str(configuration), "home": str(tmp_path / "home")}

    def house() -> House:
        return open_house(configuration, ground["home"], clock)

    assert [pair.wanted.name for pair in due(house())] == [NAME]
    asyncio.run(reconcile(**ground))

    found = latest(house(), EPIC, NAME)
    assert found is not None
    assert (found.differing, [one.count for one in found.discrepancies]) == (3, [3])
    assert due(house()) == ()
    (row,) = json.loads(str(asyncio.run(shown()).data))
    assert (row["what"], row["records"]) == (NAME, "3")
    assert "are missing here" in row["difference"]

    lost = [one.encode() for one in json.loads((tmp_path / "lost").read_text())]
    assert files_holding(prefect_server.home, *lost, b"testpatient", b"testdoctor") == []
    assert files_holding(prefect_server.home, b"are missing here"), "what is not written cannot prove anything"


async def shown() -> Artifact:
    """The table of this integration."""
    async with get_client() as client:
        keys = ArtifactFilter(key=ArtifactFilterKey(any_=[f"reconciled-{EPIC}"]))
        (table,) = await client.read_artifacts(artifact_filter=keys)
        return table
