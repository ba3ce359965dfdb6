"""How quick and how stable a connection is, on a pretend clinic: real calls, real resets; and what a person sees."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import pytest
import yaml

from flows.commands import explain, latency, maintenance, slo, stability
from models.errors import BadInput
from models.integration import Integration, Read
from models.reading import Reading, Source
from models.report import build_report, check
from simulator.control import Clinic, start_clinic
from tasks.connection import speeds, stabilities
from tasks.house import House
from tasks.plots import draw_stability
from tasks.probe import probe
from tasks.remember import remember
from tasks.story import tell
from tests.builders import EPIC, a_reading, an_integration
from tests.callers import ClinicClock, context_for
from tests.clocks import MovedClock, a_house
from tests.integration.test_screen import ROOT, heal

KIND, ID = "epic_fhir", "epic-fhir"
HOUR = timedelta(hours=1)
MORNING = datetime(2026, 3, 3, 15, tzinfo=UTC)
pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def premises(tmp_path_factory) -> Iterator[Clinic]:
    with start_clinic(tmp_path_factory.mktemp("clinic"), start=MORNING, speed=1.0, systems=("epic",)) as clinic:
        yield clinic


@pytest.fixture
def clinic(premises) -> Iterator[Clinic]:
    yield premises
    premises.mend()


def calling(clinic: Clinic, home: Path, calls: int, at_once: int = 1) -> House:
    """A house that reads patients and appointments, so many of each in a cycle; one after another, or some at once."""
    reads = tuple(
        Read(operation=operation, component=f"{operation.split('.')[0]} API", calls=calls)
        for operation in ("Patient.search", "Appointment.search")
    )
    told: Integration = context_for(clinic, KIND, home).integration
    return a_house(
        home, ClinicClock(clinic), told.model_copy(update={"reads": reads, "concurrency": at_once, "routes": ()})
    )


async def cycle(house: House) -> tuple[Reading, ...]:
    readings = await probe(house, house.configuration.integrations[0])
    remember(readings, house.home)
    return readings


def seen(house: House) -> tuple[datetime, datetime]:
    return house.clock.now() - HOUR, house.clock.now()


# --- A03 latency


async def test_slowing_only_appointments_by_900_ms_changes_only_their_row(clinic, tmp_path):
    house = calling(clinic, tmp_path, calls=3)
    await cycle(house)
    before = {one.operation: one for one in speeds(house.home, [ID], *seen(house))}
    clinic.break_("epic", "latency", add_ms=900, operation="Appointment.search")
    slow = await cycle(house)
    after = {
        operation: median(r.latency_ms for r in slow if r.operation == operation)
        for operation in ("Patient.search", "Appointment.search")
    }
    assert after["Appointment.search"] >= before["Appointment.search"].p50_ms + 700
    assert after["Patient.search"] < 700
    rows = {one.operation: one for one in speeds(house.home, [ID], *seen(house))}
    assert rows["Appointment.search"].p95_ms > 900 > rows["Patient.search"].p95_ms
    assert rows["Appointment.search"].first_byte_ms > rows["Patient.search"].first_byte_ms


async def test_the_way_is_split_for_calls_that_opened_a_connection(clinic, tmp_path):
    house = calling(clinic, tmp_path, calls=2, at_once=4)  # the first of them uses the connection of the log-in
    await cycle(house)
    rows = speeds(house.home, [ID], *seen(house))
    assert sum(one.answered for one in rows) == 4
    opened = [one for one in rows if one.connected]
    assert opened
    assert all(one.tls_ms > 0 and one.connect_ms > 0 for one in opened)
    assert all(one.first_byte_ms > 0 for one in rows)


def test_the_report_of_a_day_shows_its_mean_latency_and_a_p95_for_each_operation(tmp_path):
    clock = MovedClock(MORNING)
    house = a_house(tmp_path, clock, an_integration())
    minutes = [MORNING - timedelta(minutes=n) for n in range(1, 1440)]
    told = [(at, "Patient.search", 500.0) for at in minutes] + [(at, "Appointment.search", 2000.0) for at in minutes]
    remember([a_reading(observed_at=at, operation=op, latency_ms=ms) for at, op, ms in told], tmp_path)
    report = build_report(tell(house, EPIC))
    assert report.monitoring_report.metrics.average_latency == 1250
    assert {one.operation: one.p95 for one in report.x_operations} == {
        "Patient.search": 500.0,
        "Appointment.search": 2000.0,
    }
    assert check(json.loads(report.to_json())) == []


# --- A04 stability


async def test_a_server_that_resets_every_seventh_call_is_0_857_stable_and_its_runs_show_no_clusters(clinic, tmp_path):
    house = calling(clinic, tmp_path, calls=35)
    clinic.break_("epic", "resets_every", nth=7)
    await cycle(house)
    (known,) = stabilities(house.home, ID, *seen(house))
    assert known.whole.calls == 70
    assert known.whole.stability == pytest.approx(0.857, abs=0.02)
    assert [(run.length, run.many) for run in known.runs] == [(1, known.whole.resets)]
    assert known.clustering < 1.0


async def test_resets_in_bursts_show_clusters_in_the_run_lengths(clinic, tmp_path):
    house = calling(clinic, tmp_path, calls=40)
    clinic.break_("epic", "resets", share=0.4, mean_burst=12.0)
    await cycle(house)
    (known,) = stabilities(house.home, ID, *seen(house))
    assert known.whole.resets > 5
    longest = known.runs[-1]
    assert (longest.length > 3, longest.many > 0, longest.expected < 0.5) == (True, True, True)
    assert known.clustering > 1.0  # the runs are longer than those of independent trouble
    drawn = draw_stability(known, "America/New_York", tmp_path / "stability.png")
    assert drawn.read_bytes().startswith(b"\x89PNG")


# --- what a person types


@pytest.fixture
def watched(tmp_path) -> tuple[Path, Path]:
    """The shipped configuration with an outage of 26 minutes in a real day of its Epic, and a state of its own."""
    configuration, home = tmp_path / "configuration", tmp_path / "home"
    configuration.mkdir()
    for name in ("integrations.yaml", "policy.yaml"):
        (configuration / name).write_text((ROOT / "deployments" / name).read_text(encoding="utf-8"), encoding="utf-8")
    now = datetime.now(UTC)
    minutes = [now.replace(second=1, microsecond=0) - timedelta(minutes=n) for n in range(1, 1500)]
    remember(
        [
            a_reading(observed_at=at, outcome="reset" if 600 <= n < 626 else "ok", first_byte_ms=40.0)
            for n, at in enumerate(minutes)
        ],
        home,
    )
    return configuration, home


def asked(watched: tuple[Path, Path], *arguments: str):
    configuration, home = watched
    return heal(*arguments, "--config", configuration, "--home", home, COLUMNS="200")


def test_slo_prints_the_budget_left_and_with_a_name_what_spent_it(watched):
    done = asked(watched, "slo")
    assert done.returncode == 0, done.stderr
    assert re.search(r"epic-fhir-main +99% of probes succeed +30d +98\.\d+% .* 4\d\d\.\d of 432\.0 min", done.stdout)
    assert re.search(r"allscripts-unity-main +99% of probes succeed +30d +UNKNOWN: no events", done.stdout)
    one = asked(watched, "slo", EPIC)
    assert "allscripts" not in one.stdout
    assert re.search(r"24h +98\.2% ", one.stdout)
    assert re.search(r"Patient\.search +reset +26 +100%", one.stdout)


def test_latency_and_stability_print_tables_and_draw_what_is_asked(watched, tmp_path):
    plot = tmp_path / "speed.svg"
    quick = asked(watched, "latency", EPIC, "--since", "12h", "--plot", str(plot))
    assert re.search(r"Patient\.search +probe +\d+ +120 +120 +120", quick.stdout), quick.stderr
    assert plot.read_text(encoding="utf-8").startswith("<?xml")
    steady = asked(watched, "stability", EPIC, "--plot", str(tmp_path / "runs.svg"))
    assert re.search(r"epic-fhir-main probe +0\.982", steady.stdout), steady.stderr
    assert re.search(r"26 +█+ +1 ", steady.stdout)
    assert "Trouble comes in clusters" in steady.stdout


@pytest.mark.parametrize(
    ("command", "arguments", "says"),
    [
        pytest.param(latency, {"plot": Path("a.svg")}, "--plot draws one integration", id="a plot of all"),
        pytest.param(stability, {"integration": EPIC, "plot": Path("a.gif")}, "written as .svg or .png", id="a form"),
        pytest.param(latency, {"since": "yesterday"}, "write a duration as a number", id="no duration"),
        pytest.param(latency, {"since": "31d"}, "30d at most", id="more than is kept"),
        pytest.param(explain, {"what": ["status"]}, "name one incident, or the word status", id="status of what?"),
        pytest.param(explain, {"what": ["a", "b"]}, "name one incident, or the word status", id="two incidents"),
        pytest.param(slo, {"integration": "nobody"}, "no integration 'nobody'", id="no such integration"),
        pytest.param(maintenance, {"integration": EPIC, "lasts": "2h"}, "say why and who agreed", id="no reason"),
        pytest.param(maintenance, {"integration": EPIC, "end": True}, "nothing was begun with --for", id="no end"),
        pytest.param(
            maintenance,
            {"integration": EPIC, "lasts": "8d", "reason": "a move", "by": "Integration Team"},
            "maintenance lasts 7d at most",
            id="eight days",
        ),
    ],
)
def test_a_wrong_question_is_one_sentence(tmp_path, command, arguments, says):
    with pytest.raises(BadInput) as refused:
        command.command(**arguments, config=ROOT / "deployments", home=tmp_path)
    assert says in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_maintenance_is_begun_seen_and_ended_from_the_command_line(watched):
    agreed = ("--for", "2h", "--reason", "Epic upgrade", "--by", "Integration Team")
    assert asked(watched, "maintenance", EPIC, *agreed).returncode == 0
    assert re.search(r"now +epic-fhir-main .* Epic upgrade +Integration Team", asked(watched, "maintenance").stdout)
    status = asked(watched, "status").stdout
    assert re.search(r"epic-fhir-main +MAINTENANCE +Maintenance until .*: Epic upgrade", status)
    again = asked(watched, "maintenance", EPIC, *agreed)
    assert (again.returncode, "end it first with --end" in again.stderr) == (2, True)
    assert asked(watched, "maintenance", EPIC, "--end", "--by", "Sam Okafor").returncode == 0
    assert re.search(r"epic-fhir-main +HEALTHY", asked(watched, "status").stdout)


def test_explain_status_prints_every_rule_with_its_inputs_and_the_one_that_decided(watched):
    done = asked(watched, "explain", "status", EPIC)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("epic-fhir-main: HEALTHY by rule S7 (the first that applies)")
    assert [rule for rule in re.findall(r"\bS\d\b", done.stdout) if rule] == ["S7", *(f"S{n}" for n in range(1, 8))]
    assert re.search(r"→ +S7 +HEALTHY +otherwise +0 of \d+ recent calls failed \(limit 5%\)", done.stdout)


def test_a_planned_maintenance_of_the_configuration_is_listed(watched):
    page = watched[0] / "integrations.yaml"
    told = yaml.safe_load(page.read_text(encoding="utf-8"))
    rule = {
        "reason": "Monthly upgrade",
        "agreed_by": "Epic",
        "every": "month",
        "day": 15,
        "start": "02:00",
        "lasts": "3h",
    }
    told["integrations"][0]["maintenance"] = [rule]
    page.write_text(yaml.safe_dump(told), encoding="utf-8")
    assert re.search(r"epic-fhir-main +\w{3} \d{4}-\d\d-15 02:00 E[DS]T", asked(watched, "maintenance").stdout)


def test_traffic_and_probes_have_a_row_each(tmp_path):
    remember([a_reading(), a_reading(source=Source.TRAFFIC, latency_ms=300.0)], tmp_path)
    at = a_reading().observed_at
    rows = speeds(tmp_path, [EPIC], at - HOUR, at + HOUR)
    assert [(one.source, one.p50_ms) for one in rows] == [(Source.PROBE, 120.0), (Source.TRAFFIC, 300.0)]
