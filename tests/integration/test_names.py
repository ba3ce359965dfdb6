"""Names: the ladder's lowest rung against a real name server, and where a name may not lead."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from models.ladder import Ladder, Verdict
from models.lookup import Lookup
from models.reading import Outcome, Reading, Rung
from models.tuning import Tuning
from simulator.control import Clinic, start_clinic
from tasks.connectors import epic_fhir
from tasks.connectors._interface import Context
from tasks.names import resolve
from tasks.network import addresses
from tests.callers import context_for, settings_for

HEAL = Path(sys.executable).with_name("heal")
TUESDAY_MORNING = datetime(2026, 3, 3, 15, tzinfo=UTC)
NAME = "epic.localhost"
PRIVATE = "10.1.2.3"


@pytest.fixture(scope="module")
def premises(tmp_path_factory) -> Iterator[Clinic]:
    systems = ("dns", "epic", "unity")
    with start_clinic(tmp_path_factory.mktemp("clinic"), start=TUESDAY_MORNING, systems=systems) as clinic:
        yield clinic


@pytest.fixture
def clinic(premises) -> Iterator[Clinic]:
    yield premises
    premises.mend()


@pytest.fixture
def wall_time(tmp_path) -> Iterator[Clinic]:
    """A clinic that lives by the wall's clock, as a command does."""
    with start_clinic(tmp_path / "clinic", speed=1.0, systems=("dns", "epic")) as clinic:
        yield clinic


def resolver(clinic: Clinic) -> str:
    return clinic.systems["dns"]["resolver"]


def visited(clinic: Clinic, home: Path, deadline_s: float = 10.0, **changes: Any) -> tuple[Reading, Ladder]:
    """A read and a climb by an integration with name servers of its own; a short deadline is for what never answers."""
    context = context_for(clinic, "epic_fhir", home, tuning=Tuning(deadline_s=deadline_s))
    watched = context.integration.model_copy(update={"resolvers": (resolver(clinic),), **changes})

    async def run():
        connector = epic_fhir.open_connector(Context(watched, context.clock, context.home, context.tuning))
        try:
            return await connector.read(watched.reads[0]), await connector.climb()
        finally:
            await connector.aclose()

    return asyncio.run(run())


def test_a_system_is_found_by_its_name_and_climbed_to_the_top(clinic, tmp_path):
    reading, ladder = visited(clinic, tmp_path)
    assert (reading.outcome, reading.resource) == (Outcome.OK, "Patient")
    assert reading.newest_at is not None
    assert abs((reading.newest_at - reading.observed_at).total_seconds()) < 3 * 3600
    assert {step.verdict for step in ladder.steps} == {Verdict.PASSED}


@pytest.mark.parametrize(
    ("fault", "parameters", "code"),
    [
        pytest.param("name_unknown", {}, "name_not_found", id="the name is gone"),
        pytest.param("name_unknown", {"name": NAME}, "name_not_found", id="this name is gone"),
        pytest.param("name_server_fails", {}, "name_server_failed", id="the name server fails"),
        pytest.param("name_server_silent", {}, "deadline_passed", id="the name server is silent"),
        pytest.param("names_garbled", {}, "deadline_passed", id="the name server talks nonsense"),
        pytest.param("name_moved", {"address": PRIVATE}, "address_not_allowed", id="a name that leads inside"),
        pytest.param("name_moved", {"address": "169.254.169.254"}, "address_not_allowed", id="to cloud metadata"),
        pytest.param("name_moved", {"address": "fd00:ec2::254"}, "address_not_allowed", id="the same, IPv6"),
    ],
)
def test_a_broken_name_breaks_the_first_rung_and_nothing_else_is_called_failed(
    clinic, tmp_path, fault, parameters, code
):
    clinic.break_("dns", fault, **parameters)
    reading, ladder = visited(clinic, tmp_path, deadline_s=1.0)
    assert (ladder.broken.rung, ladder.broken.code) == (Rung.DNS, code)
    assert [step.says for step in ladder.steps[1:]] == ["skipped (blocked by dns)"] * 7
    assert (reading.rung, reading.code) == (Rung.DNS, code) or reading.outcome is Outcome.TIMEOUT


def test_another_systems_name_may_break_alone(clinic, tmp_path):
    clinic.break_("dns", "name_unknown", name="unity.localhost")
    reading, _ = visited(clinic, tmp_path)
    assert reading.outcome is Outcome.OK


def test_a_slow_name_costs_time_on_its_own_rung(clinic, tmp_path):
    clinic.break_("dns", "names_slow", add_ms=150)
    _, ladder = visited(clinic, tmp_path)
    took = {step.rung: step.duration_ms for step in ladder.steps}
    assert took[Rung.DNS] >= 150
    assert ladder.passed(Rung.TLS)


def test_a_private_address_is_talked_to_only_in_a_declared_network(clinic):
    clinic.break_("dns", "name_moved", address=PRIVATE)

    def found(*networks: str):
        lookup = Lookup(resolvers=(resolver(clinic),), networks=networks)
        return asyncio.run(addresses("ehr.hospital.example", 443, lookup))

    assert found().code == "address_not_allowed"
    assert found("192.168.0.0/16").code == "address_not_allowed"
    assert found("10.1.0.0/16") == [PRIVATE]


def test_no_name_but_loopbacks_own_leads_to_this_machine_whatever_is_declared(clinic):
    clinic.break_("dns", "name_moved", address="127.0.0.1")
    lookup = Lookup(resolvers=(resolver(clinic),), networks=("10.0.0.0/8",))
    assert asyncio.run(addresses("ehr.hospital.example", 443, lookup)).code == "address_not_allowed"
    assert asyncio.run(addresses(NAME, 443, lookup)) == ["127.0.0.1"]


NOISE = [
    pytest.param(lambda _asked: b"", id="nothing"),
    pytest.param(lambda asked: asked, id="the question again"),
    pytest.param(lambda asked: asked[:2] + b"\x81\x80" + asked[4:-3], id="cut short"),
    pytest.param(lambda asked: asked[:2] + b"\x81\x80\xff\xff\xff\xff\xff\xff\xff\xff", id="counts without content"),
    pytest.param(lambda asked: asked[:2] + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\xc0\x0c", id="a name in a loop"),
    pytest.param(lambda asked: b"\x00\x00" + asked[2:], id="another's answer"),
    pytest.param(lambda asked: asked[:2] + bytes(60_000), id="a large datagram"),
]


@pytest.mark.parametrize("noise", NOISE)
def test_a_name_server_that_talks_nonsense_is_a_code_or_a_passed_deadline(noise):
    class Babbler(asyncio.DatagramProtocol):
        def connection_made(self, transport):
            self.transport = transport

        def datagram_received(self, data, addr):
            self.transport.sendto(noise(data), addr)

    async def run():
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(Babbler, local_addr=("127.0.0.1", 0))
        port = transport.get_extra_info("sockname")[1]
        try:
            async with asyncio.timeout(0.3):
                return await resolve("ehr.hospital.example", [f"127.0.0.1:{port}"])
        except TimeoutError:
            return "deadline_passed"
        finally:
            transport.close()

    assert asyncio.run(run()) in {"deadline_passed", "name_server_failed", "resolver_unavailable", "name_not_found"}


def write_configuration(clinic: Clinic, directory: Path) -> Path:
    entry = {
        "id": "epic-fhir-main",
        "name": "Epic FHIR API",
        "kind": "epic_fhir",
        "settings": settings_for(clinic, "epic_fhir"),
        "resolvers": [resolver(clinic)],
        "reads": [{"operation": "Patient.search", "component": "Patient API"}],
    }
    directory.mkdir()
    (directory / "integrations.yaml").write_text(yaml.safe_dump({"integrations": [entry]}))
    (directory / "policy.yaml").write_text(yaml.safe_dump({"version": "1", "owner": "Us"}))
    return directory


@pytest.mark.skipif(not HEAL.exists(), reason="the console script `heal` is not installed here")
def test_the_command_shows_eight_rungs_with_their_times_or_what_blocks_them(wall_time, tmp_path):
    clinic = wall_time
    configuration = write_configuration(clinic, tmp_path / "configuration")

    def probe() -> subprocess.CompletedProcess[str]:
        command = [HEAL, "probe", "epic-fhir-main", "--config", configuration, "--home", tmp_path / "home"]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    good = probe()
    lines = [line for line in good.stdout.splitlines() if line.strip()][1:]
    assert (good.returncode, [line.split()[:2] for line in lines]) == (0, [["✓", rung.upper()] for rung in Rung])
    assert all(" ms " in line for line in lines)
    clinic.break_("dns", "name_unknown")
    broken = probe()
    first, *rest = [line for line in broken.stdout.splitlines() if line.strip()][1:]
    assert (broken.returncode, first.split()[:2]) == (1, ["✗", "DNS"])
    assert [line.split()[:2] for line in rest] == [["·", rung.upper()] for rung in list(Rung)[1:]]
    assert all(line.rstrip().endswith("skipped (blocked by dns)") for line in rest)
    assert "failed" not in broken.stdout
