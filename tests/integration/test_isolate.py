"""Isolation on the pretend clinic: one thing is broken, and the controls say which, at a cost that is counted."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from models.configuration import Configuration
from models.control import Control, Tried, Which
from models.control_setting import ControlSettings
from models.evidence import numbered
from models.facts import gather_facts
from models.incident import State
from models.isolation import Isolation, IsolationRecord, Whose
from models.ladder import Ladder
from models.lookup import ANYWHERE
from models.policy import Policy
from models.reading import Outcome, Reading, Rung, Window
from models.signature import EvidenceKind
from models.token import TokenRecord
from models.tuning import Tuning
from simulator.control import Clinic, start_clinic
from tasks import burst as bursting
from tasks import isolate as isolating
from tasks import path_trace as tracing
from tasks import probe as probing
from tasks.burst import CONNECTIONS, burst
from tasks.comparisons import second_resolver
from tasks.diagnose import diagnose
from tasks.evidence import from_now
from tasks.house import House
from tasks.isolate import cost_today, isolate
from tasks.ledger import open_ledger
from tasks.names import resolve
from tasks.probe import climb, probe
from tasks.remember import history
from tasks.trials import Reach
from tests.builders import an_incident
from tests.callers import ClinicClock, context_for, settings_for
from tests.sockets import serving

HEAL = Path(sys.executable).with_name("heal")
TUESDAY_MORNING = datetime(2026, 3, 3, 15, tzinfo=UTC)
SYSTEMS = ("dns", "epic", "unity", "api")


@pytest.fixture(scope="module")
def premises(tmp_path_factory) -> Iterator[Clinic]:
    with start_clinic(tmp_path_factory.mktemp("clinic"), start=TUESDAY_MORNING, systems=SYSTEMS) as clinic:
        yield clinic


@pytest.fixture
def clinic(premises) -> Iterator[Clinic]:
    premises.mend()
    yield premises
    premises.mend()


@pytest.fixture(scope="module")
def other_names(tmp_path_factory) -> Iterator[Clinic]:
    """Another name server, which knows the same names."""
    with start_clinic(tmp_path_factory.mktemp("names"), systems=("dns",)) as clinic:
        yield clinic


@pytest.fixture
def second_server(other_names) -> Iterator[str]:
    """Its address."""
    other_names.mend()
    yield other_names.systems["dns"]["resolver"]
    other_names.mend()


@pytest.fixture(autouse=True)
def rows_are_quick(monkeypatch) -> None:
    """Connections of a row, and probes of a trace, follow each other five times as fast as in earnest."""
    for room in (bursting, tracing):
        monkeypatch.setattr(room, "APART_S", room.APART_S / 5)


@pytest.fixture
def nobody_is_patient(monkeypatch) -> None:
    """What does not answer is waited for a second or two, not ten."""
    monkeypatch.setattr(probing, "tuning_of", lambda *_: Tuning(deadline_s=2.0))
    monkeypatch.setattr(isolating, "DEADLINE_S", 1.5)
    monkeypatch.setattr(bursting, "PATIENCE_S", 1.5)


def a_house(clinic: Clinic, home: Path, *kinds: str, controls: ControlSettings | None = None, **changes: Any) -> House:
    """Integrations that find the clinic's systems by its own name server; `changes` are the first one's."""
    known = {"resolvers": (clinic.systems["dns"]["resolver"],)}
    watched = [context_for(clinic, kind, home).integration.model_copy(update=known) for kind in kinds]
    watched[0] = watched[0].model_copy(update=changes)
    controls = controls or ControlSettings(connects=2)  # whole rows of connections take two seconds
    policy = Policy(version="1", owner="Us")
    configuration = Configuration(integrations=tuple(watched), policy=policy, controls=controls, path=home)
    return House(configuration=configuration, home=home, clock=ClinicClock(clinic))


def isolated(house: House, *, forced: bool = False) -> tuple[Ladder, Isolation]:
    """Climb and isolate the first integration."""
    watched = house.configuration.integrations[0]

    async def run() -> tuple[Ladder, Isolation]:
        ladder, _ = await climb(house, watched)
        return ladder, await isolate(house, watched, ladder, forced=forced)

    return asyncio.run(run())


def read_once(house: House) -> None:
    asyncio.run(probe(house, house.configuration.integrations[0]))


def verdicts(found: Isolation) -> dict[Which, Tried]:
    return {one.which: one.verdict for one in found.controls}


def dead_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


# --- one thing broken ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "has_token", [pytest.param(True, id="a token in hand"), pytest.param(False, id="none in hand")]
)
def test_a_broken_token_endpoint_alone_is_isolated_and_everything_else_is_healthy(clinic, tmp_path, has_token):
    house = a_house(clinic, tmp_path, "epic_fhir")
    if has_token:
        read_once(house)
    clinic.break_("epic", "refresh_refused")
    ladder, found = isolated(house)
    assert (ladder.broken.rung, ladder.broken.outcome) == (Rung.AUTH, Outcome.CREDENTIAL_REFUSED)
    assert found.says == "auth isolated; network, TLS, FHIR read healthy"
    assert found.whose is Whose.IDENTITY
    assert verdicts(found)[Which.HELD_TOKEN] is (Tried.PASSED if has_token else Tried.UNTRIED)


@pytest.mark.usefixtures("nobody_is_patient")
def test_a_token_endpoint_that_is_silent_is_told_from_one_that_refuses_us(clinic, tmp_path):
    house = a_house(clinic, tmp_path, "epic_fhir")
    clinic.break_("epic", "latency", operation="token", add_ms=20_000)
    found = isolated(house)[1]
    assert found.says == "auth isolated; network, TLS, FHIR read healthy"
    assert (found.whose, found.because) == (Whose.IDENTITY, "the token endpoint answers nobody as it should")


def test_a_name_that_only_our_name_server_lost_is_our_own_fault(clinic, tmp_path, second_server):
    house = a_house(clinic, tmp_path, "epic_fhir", controls=ControlSettings(resolvers=(second_server,)))
    clinic.break_("dns", "name_unknown")
    ladder, found = isolated(house)
    assert ladder.broken.rung is Rung.DNS
    assert (found.says, found.whose) == ("DNS isolated; network, TLS healthy", Whose.OURS)
    assert "another name server knows the name" in found.because


def test_a_name_that_nobody_knows_is_theirs(clinic, tmp_path, second_server):
    settings = settings_for(clinic, "epic_fhir") | {"base_url": "https://ehr.hospital.example/R4"}
    controls = ControlSettings(resolvers=(second_server,))
    found = isolated(a_house(clinic, tmp_path, "epic_fhir", controls=controls, settings=settings))[1]
    assert (found.isolated, found.whose) == ("DNS", Whose.VENDOR)


def test_another_name_server_that_leads_inside_is_not_followed(clinic, tmp_path, other_names, second_server):
    house = a_house(clinic, tmp_path, "epic_fhir", controls=ControlSettings(resolvers=(second_server,)))
    clinic.break_("dns", "name_unknown")
    other_names.break_("dns", "name_moved", address="10.1.2.3")
    second = isolated(house)[1].of(Which.SECOND_RESOLVER)[0]
    assert (second.verdict, second.code, second.connects) == (Tried.FAILED, "address_not_allowed", 0)


def test_where_an_integration_has_name_servers_of_its_own_the_machines_is_the_second(clinic, tmp_path):
    watched = a_house(clinic, tmp_path, "epic_fhir").configuration.integrations[0]

    async def run() -> Control:
        async with serving(scripted("")) as port:
            here = Reach("localhost", port, None, ANYWHERE)
            return await second_resolver(watched, here, ControlSettings(), 1.0, TUESDAY_MORNING)

    found = asyncio.run(run())
    assert (found.verdict, found.says[:27]) == (Tried.PASSED, "this machine's own resolver")


@pytest.mark.usefixtures("nobody_is_patient")
@pytest.mark.parametrize("fault", ["refused", "black_hole"])
def test_one_host_that_is_down_while_others_are_reached_is_the_vendors(clinic, tmp_path, fault):
    house = a_house(clinic, tmp_path, "epic_fhir", "allscripts_unity")
    clinic.break_("epic", fault)
    found = isolated(house)[1]
    assert found.whose is Whose.VENDOR
    assert found.isolated == {"refused": "network to their host", "black_hole": "TLS"}[fault]
    assert verdicts(found)[Which.OTHER_HOST] is Tried.PASSED
    assert "other hosts" in found.healthy


def test_when_no_host_is_reached_at_all_it_is_ours(clinic, tmp_path):
    controls = ControlSettings(hosts=(f"127.0.0.1:{dead_port()}",))
    house = a_house(clinic, tmp_path, "epic_fhir", "allscripts_unity", controls=controls)
    for system in ("epic", "unity"):
        clinic.break_(system, "refused")
    found = isolated(house)[1]
    assert (found.isolated, found.whose) == ("network", Whose.OURS)
    assert [one.verdict for one in found.of(Which.OTHER_HOST)] == [Tried.FAILED, Tried.FAILED]


def test_hosts_behind_the_same_line_that_fail_together_are_the_practices(clinic, tmp_path):
    house = a_house(clinic, tmp_path, "epic_fhir", "http_api", "allscripts_unity", networks=("10.20.0.0/16",))
    near = house.configuration.integrations[1].model_copy(update={"networks": ("10.20.7.0/24",)})
    watched = (house.configuration.integrations[0], near, house.configuration.integrations[2])
    changed = house.configuration.model_copy(update={"integrations": watched})
    house = House(configuration=changed, home=house.home, clock=house.clock)
    for system in ("epic", "api"):
        clinic.break_(system, "refused")
    assert isolated(house)[1].whose is Whose.PRACTICE


def test_one_path_that_fails_while_others_answer_is_told_from_the_service(clinic, tmp_path):
    house = a_house(clinic, tmp_path, "epic_fhir")
    clinic.break_("epic", "server_errors", status=500, operation="metadata")
    ladder, found = isolated(house)
    assert ladder.broken.rung is Rung.HTTP
    assert (found.isolated, found.whose) == ("one path", Whose.VENDOR)
    clinic.break_("epic", "server_errors", status=500)
    assert isolated(house, forced=True)[1].isolated == "service"


@pytest.mark.parametrize("operation", ["Patient.search", "Appointment.search"])
def test_one_operation_that_fails_is_named_whether_it_was_climbed_or_not(clinic, tmp_path, operation):
    house = a_house(clinic, tmp_path, "epic_fhir")
    read_once(house)
    clinic.break_("epic", "server_errors", operation=operation)
    found = isolated(house)[1]
    assert (found.isolated, found.whose) == (operation, Whose.VENDOR)


def test_a_certificate_that_is_bad_for_everybody_is_told_from_our_own_trust(clinic, tmp_path):
    house = a_house(clinic, tmp_path, "epic_fhir", "allscripts_unity")
    clinic.break_("epic", "bad_certificate", shows="expired")
    assert isolated(house)[1].whose is Whose.VENDOR
    clinic.break_("unity", "bad_certificate", shows="expired")
    assert isolated(house, forced=True)[1].whose is Whose.OURS


# --- a path that loses (Example 2 of the seed) -----------------------------------------------------------------------


def scripted(pattern: str):
    """A server that cuts the connections for which an x stands, in their order."""
    marks = iter(pattern)

    async def behave(reader, writer):
        if next(marks, ".") == ".":
            writer.write(b"SSH-2.0-pretend\r\n")
            await reader.read()

    return behave


def test_a_burst_measures_what_is_lost_and_how_it_clusters():
    async def run():
        async with serving(scripted(".....xxxx.......xx..")) as port:
            return await burst(Reach("127.0.0.1", port, None, ANYWHERE, greets=True))

    found = asyncio.run(run())
    row = found.losses
    assert (row.tried, row.lost, row.runs, row.longest, found.connects) == (20, 6, 2, 4, CONNECTIONS)
    assert row.clustering == pytest.approx(2.1)
    assert found.says.startswith(
        "20 fresh connections, 6 met loss (30%; 6 failed: closed at once) in 2 clusters, the longest of 4; "
        "losses run 2.1× as long as independent ones; the others took "
    )


def read_until_both(house: House) -> list[Reading]:
    """Readings of a path that loses: enough of them, of which some are lost and some are not."""
    watched, readings = house.configuration.integrations[0], list[Reading]()
    for _ in range(12):
        readings += [reading for _ in range(10) for reading in asyncio.run(probe(house, watched))]
        if 0.1 < sum(not reading.outcome.is_ok for reading in readings) / len(readings) < 0.7:
            break
    return readings


def test_the_four_lines_of_evidence_of_an_unstable_path_are_measured(clinic, tmp_path):
    house = a_house(clinic, tmp_path, "epic_fhir", controls=ControlSettings())
    watched = house.configuration.integrations[0]
    clinic.break_("epic", "resets", share=0.15, mean_burst=4, connecting=True)
    tried = []
    for _ in range(12):  # a row of 20 may fall into a stretch that loses nothing, and a climb may meet a bad moment
        tried.append(isolated(house, forced=True))
        rows = [(found, found.of(Which.BURST)[0]) for _, found in tried]
        telling = [(found, row) for found, row in rows if 0 < row.losses.lost < row.losses.tried]
        climbed = [ladder for ladder, _ in tried if ladder.passed(Rung.TLS)]
        if telling and climbed:
            break
    (found, row), ladder = telling[0], climbed[0]
    trace = found.of(Which.PATH_TRACE)[0]
    readings = read_until_both(house)
    window = Window(
        integration_id=watched.id,
        since=readings[0].observed_at,
        until=readings[-1].observed_at + timedelta(hours=1),
        readings=tuple(readings),
    )
    facts = gather_facts(watched, window, (), ladder, None, watched=("capability",))
    assert row.losses.clustering > 0
    assert f"{row.losses.lost} met loss ({row.losses.share:.0%};" in row.says  # loss, and where on the path it is not
    assert (trace.says, trace.hops[0].address) == (
        "1 hop, 1 answering; no hop loses what those behind it lose too",
        "127.0.0.1",
    )
    assert facts.clustering > 1.0  # errors come in clusters
    assert facts.changes == ()  # nothing changed
    assert ladder.passed(Rung.DNS)  # DNS and TLS hold
    assert ladder.passed(Rung.TLS)
    assert found.whose in {Whose.NETWORK, None}


# --- bounds and cost -------------------------------------------------------------------------------------------------


def counted(clinic: Clinic, system: str) -> int:
    return sum(sum(counts.values()) for counts in clinic.journal()[system]["calls"].values())


@pytest.mark.parametrize("fault", ["refresh_refused", "server_errors", None])
def test_the_calls_that_are_told_are_those_that_the_other_side_counted(clinic, tmp_path, fault):
    house = a_house(clinic, tmp_path, "epic_fhir")
    watched = house.configuration.integrations[0]
    read_once(house)
    if fault:
        clinic.break_("epic", fault)
    ladder, _ = asyncio.run(climb(house, watched))
    before = counted(clinic, "epic")
    found = asyncio.run(isolate(house, watched, ladder))
    assert counted(clinic, "epic") - before == found.calls
    assert 0 < found.calls <= 8
    assert found.connects <= 40
    assert house.ledger.kept(IsolationRecord, watched.id).last == found
    assert cost_today(house, watched.id).startswith(f"isolation tests cost the other side {found.calls} call")
    kept = history(house.home).sql("SELECT metric, value FROM gauges").fetchall()
    assert dict(kept)["isolation_calls"] == found.calls
    assert dict(kept)["isolation_connects"] == found.connects


def test_within_the_pause_nobody_is_asked_again_unless_a_person_wants_it(clinic, tmp_path):
    house = a_house(clinic, tmp_path, "epic_fhir", controls=ControlSettings(every="4h"))
    clinic.break_("epic", "refresh_refused")
    watched = house.configuration.integrations[0]
    ladder, first = isolated(house)
    before = counted(clinic, "epic")
    assert asyncio.run(isolate(house, watched, ladder)) == first
    assert counted(clinic, "epic") == before
    again = asyncio.run(isolate(house, watched, ladder, forced=True))
    assert again.isolated_at > first.isolated_at
    record = house.ledger.kept(IsolationRecord, watched.id)
    assert (record.isolations, record.calls) == (2, first.calls + again.calls)


def test_what_controls_showed_is_tried_again_when_a_person_asks_how_it_is_now(clinic, tmp_path):
    """Also within the pause: what was tried before the system was mended is not how it is now."""
    house = a_house(clinic, tmp_path, "epic_fhir", controls=ControlSettings(every="4h"))
    watched, now = house.configuration.integrations[0], house.clock.now()
    clinic.break_("epic", "refresh_refused")
    begun = {"integration_id": watched.id, "started_at": now, "detected_at": now, "state": State.OPEN}
    with house.ledger.change("test", now) as change:
        opened = change.open_incident(an_incident(**begun))

    diagnosis = asyncio.run(diagnose(house, opened.id)).diagnosis
    of = {one.piece.kind: one.ref for one in numbered(opened.id, diagnosis)}
    clinic.mend()
    again = asyncio.run(from_now(house, of[EvidenceKind.ISOLATION]))
    assert "gives us no token" in again.told.piece.says
    assert not again.is_same
    tried = house.ledger.kept(IsolationRecord, watched.id).isolations
    asyncio.run(from_now(house, of[EvidenceKind.LADDER]))  # for which no control is needed, and none is tried
    assert (tried, house.ledger.kept(IsolationRecord, watched.id).isolations) == (2, 2)


def test_two_isolations_of_one_integration_are_never_under_way_together(clinic, tmp_path):
    house = a_house(clinic, tmp_path, "epic_fhir")
    watched = house.configuration.integrations[0]

    async def run() -> list[Isolation]:
        ladder, _ = await climb(house, watched)
        return list(await asyncio.gather(*(isolate(house, watched, ladder, forced=True) for _ in range(2))))

    made, refused = asyncio.run(run())
    assert made.controls
    assert (refused.controls, refused.because) == ((), "another isolation of it is under way")


def test_a_system_that_asks_to_be_called_less_is_not_called_for_controls(clinic, tmp_path):
    house = a_house(clinic, tmp_path, "epic_fhir")
    clinic.break_("epic", "rate_limit", per_minute=1, wait_s=3600)
    watched = house.configuration.integrations[0]
    ladder = [asyncio.run(climb(house, watched))[0] for _ in range(2)][-1]
    assert ladder.broken.outcome is Outcome.THROTTLED
    before = counted(clinic, "epic")
    found = asyncio.run(isolate(house, watched, ladder))
    assert (found.controls, counted(clinic, "epic")) == ((), before)
    assert "called less" in found.because


def test_controls_that_the_budget_does_not_reach_say_so(clinic, tmp_path):
    house = a_house(clinic, tmp_path, "epic_fhir", controls=ControlSettings(calls=1, connects=0))
    clinic.break_("epic", "refresh_refused")
    found = isolated(house)[1]
    assert found.calls == 1
    assert verdicts(found) == {
        Which.OTHER_PATH: Tried.PASSED,
        Which.TOKEN_ENDPOINT: Tried.UNTRIED,
        Which.HELD_TOKEN: Tried.UNTRIED,
    }
    assert any("no more than 1 calls" in one.says for one in found.controls)


def test_a_control_whose_time_is_over_is_cut_off_and_counted(clinic, tmp_path):
    house = a_house(clinic, tmp_path, "epic_fhir", controls=ControlSettings(limit="1s"))
    watched = house.configuration.integrations[0]
    clinic.break_("epic", "refresh_refused")
    ladder, _ = asyncio.run(climb(house, watched))
    clinic.break_("epic", "latency", add_ms=2_500)
    found = asyncio.run(isolate(house, watched, ladder))
    assert {one.says for one in found.controls if one.calls} == {"could not be tried: the time for controls was over"}
    assert found.whose is None


def test_after_a_refusal_that_may_lock_an_account_the_token_endpoint_is_left_alone(clinic, tmp_path):
    house = a_house(clinic, tmp_path, "epic_fhir")
    clinic.break_("epic", "refresh_refused")
    watched = house.configuration.integrations[0]
    ladder, _ = asyncio.run(climb(house, watched))
    (tmp_path / "tokens").mkdir(exist_ok=True)
    refused = TokenRecord(last_refusal="invalid_credentials").model_dump_json()
    (tmp_path / "tokens" / f"{watched.id}.json").write_text(refused)
    before = clinic.journal()["epic"]["calls"]["token"]
    found = asyncio.run(isolate(house, watched, ladder))
    token = next(one for one in found.controls if one.which is Which.TOKEN_ENDPOINT)
    assert (token.verdict, "lock" in token.says) == (Tried.UNTRIED, True)
    assert clinic.journal()["epic"]["calls"]["token"] == before


def test_no_control_logs_in_with_a_password(clinic, tmp_path):
    house = a_house(clinic, tmp_path, "allscripts_unity")
    clinic.break_("unity", "refresh_refused")
    clinic.break_("unity", "token_expires_early", lifetime_s=1)
    before = clinic.journal()["unity"]["calls"].get("GetToken", {})
    watched = house.configuration.integrations[0]
    ladder, _ = asyncio.run(climb(house, watched))
    asked = clinic.journal()["unity"]["calls"].get("GetToken", {})
    found = asyncio.run(isolate(house, watched, ladder))
    assert clinic.journal()["unity"]["calls"].get("GetToken", {}) == asked != before
    token = next(one for one in found.controls if one.which is Which.TOKEN_ENDPOINT)
    assert (token.verdict, token.calls) == (Tried.UNTRIED, 0)
    assert "lock" in token.says


# --- the second vantage ----------------------------------------------------------------------------------------------


def a_proxy(ports: dict[int, int], status: int = 200):
    """An HTTP proxy that leads each port to another one of this machine; others it cannot reach."""

    async def behave(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        asked = int(head.split()[1].rpartition(b":")[2])
        if status != 200 or asked not in ports:
            writer.write(f"HTTP/1.1 {status if status != 200 else 502} Sorry\r\n\r\n".encode())
            await writer.drain()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", ports[asked])
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")

        async def pour(source, target):
            while chunk := await source.read(65_536):
                target.write(chunk)
                await target.drain()

        try:
            await asyncio.gather(pour(reader, far_writer), pour(far_reader, writer))
        finally:
            far_writer.transport.abort()

    return behave


@pytest.mark.parametrize(
    ("leads", "status", "verdict", "whose", "says"),
    [
        pytest.param(True, 200, Tried.PASSED, Whose.NETWORK, "takes connections and TLS holds", id="reached there"),
        pytest.param(False, 200, Tried.FAILED, Whose.VENDOR, "the proxy says HTTP 502", id="nor is it reached there"),
        pytest.param(True, 407, Tried.UNTRIED, None, "the proxy does not help (HTTP 407)", id="a proxy that refuses"),
    ],
)  # fmt: skip
def test_a_second_vantage_tells_the_way_there_from_their_host(clinic, tmp_path, leads, status, verdict, whose, says):
    dead, alive = dead_port(), int(clinic.epic["base_url"].split(":")[2].split("/")[0])

    async def run() -> Isolation:
        async with serving(a_proxy({dead: alive} if leads else {}, status)) as port:
            base = clinic.epic["base_url"].replace(f":{alive}/", f":{dead}/")
            controls = ControlSettings(vantage=f"127.0.0.1:{port}")
            settings = settings_for(clinic, "epic_fhir") | {"base_url": base}
            house = a_house(clinic, tmp_path, "epic_fhir", controls=controls, settings=settings)
            ladder, _ = await climb(house, house.configuration.integrations[0])
            return await isolate(house, house.configuration.integrations[0], ladder)

    found = asyncio.run(run())
    vantage = next(one for one in found.controls if one.which is Which.SECOND_VANTAGE)
    assert (vantage.verdict, found.whose) == (verdict, whose)
    assert says in vantage.says


def test_a_proxy_that_is_not_there_says_nothing_about_the_system(clinic, tmp_path):
    controls = ControlSettings(vantage=f"127.0.0.1:{dead_port()}")
    clinic.break_("epic", "refused")
    found = isolated(a_house(clinic, tmp_path, "epic_fhir", controls=controls))[1]
    vantage = next(one for one in found.controls if one.which is Which.SECOND_VANTAGE)
    assert (vantage.verdict, vantage.says) == (
        Tried.UNTRIED,
        "could not be tried: the proxy is not reached (connection refused)",
    )


@pytest.mark.parametrize(
    "said", [b"", b"\xff\x00garbage\r\n\r\n", b"SSH-2.0-x\r\n", b"HTTP/1.1 abc\r\n\r\n", b"x" * 100_000]
)
def test_whatever_a_proxy_answers_is_a_value(clinic, tmp_path, said):
    async def babbles(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await writer.drain()

    async def run() -> Isolation:
        async with serving(babbles) as port:
            controls = ControlSettings(vantage=f"127.0.0.1:{port}")
            house = a_house(clinic, tmp_path, "epic_fhir", controls=controls)
            ladder, _ = await climb(house, house.configuration.integrations[0])
            return await isolate(house, house.configuration.integrations[0], ladder)

    clinic.break_("epic", "refused")
    found = asyncio.run(run())
    assert verdicts(found)[Which.SECOND_VANTAGE] is Tried.UNTRIED


def test_the_second_name_server_of_these_tests_is_another_one(clinic, second_server):
    assert second_server != clinic.systems["dns"]["resolver"]
    assert asyncio.run(resolve("epic.localhost", [second_server])) == ["127.0.0.1"]


# --- the command -----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not HEAL.exists(), reason="the console script `heal` is not installed here")
def test_the_command_shows_controls_verdict_and_cost(tmp_path):
    with start_clinic(tmp_path / "clinic", speed=1.0, systems=("epic",)) as clinic:
        entry = {
            "id": "epic-fhir-main",
            "name": "Epic FHIR API",
            "kind": "epic_fhir",
            "settings": settings_for(clinic, "epic_fhir"),
            "reads": [{"operation": "Patient.search", "component": "Patient API"}],
        }
        configuration = tmp_path / "configuration"
        configuration.mkdir()
        said = {"integrations": [entry], "controls": {"every": "1h"}}
        (configuration / "integrations.yaml").write_text(yaml.safe_dump(said))
        (configuration / "policy.yaml").write_text(yaml.safe_dump({"version": "1", "owner": "Us"}))
        clinic.break_("epic", "refresh_refused")

        def heal(*words: str) -> subprocess.CompletedProcess[str]:
            here = ["--config", configuration, "--home", tmp_path / "home"]
            return subprocess.run([HEAL, *words, *here], capture_output=True, text=True, check=False)

        shown, told = heal("isolate", "epic-fhir-main"), heal("isolate", "epic-fhir-main", "--json")
        unknown = heal("isolate", "nobody")
    with open_ledger(tmp_path / "home") as ledger, ledger.change("test", datetime.now(UTC)) as change:
        opened = change.open_incident(an_incident(state=State.OPEN))
    explained = heal("explain", opened.id)
    assert shown.returncode == told.returncode == 1, shown.stderr
    assert "auth isolated; network, TLS, FHIR read healthy" in shown.stdout
    assert "identity provider: the token endpoint answers strangers as it should" in shown.stdout
    assert "isolation tests cost the other side" in shown.stdout
    answer = json.loads(told.stdout)
    assert (answer["says"], answer["whose"]) == ("auth isolated; network, TLS, FHIR read healthy", "identity provider")
    assert answer["calls"] == sum(one["calls"] for one in answer["controls"]) > 0
    assert f"Isolation tests cost the other side {2 * answer['calls']} calls" in explained.stdout, explained.stderr
    assert (unknown.returncode, "Traceback" in unknown.stderr) == (2, False)
