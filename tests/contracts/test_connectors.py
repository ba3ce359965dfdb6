"""What every connector keeps, whatever it talks to; a new file in the room is found by itself."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.catalogue import load, names
from models.errors import Misconfigured
from models.json_path import first
from models.ladder import Verdict
from models.noun import Noun
from models.reading import Outcome, Reading, Rung
from models.tuning import Tuning
from simulator.control import Clinic, start_clinic
from tasks.connectors._interface import ConfirmsWrites, Connector, RenewsCredentials, ShowsRecords, TriedInParts
from tests.callers import READS, RECORDS, SYSTEM, context_for, settings_for, wanted_for
from tests.sockets import answer, head_of, serving
from tests.x12 import an_answer

KINDS = names("tasks.connectors")
SPOKEN = tuple(kind for kind in KINDS if kind in READS)  # kinds that the clinic speaks
HTTP = ("epic_fhir", "allscripts_unity", "http_api", "x12_eligibility")
RENEWING = ("epic_fhir", "allscripts_unity", "http_api")  # kinds that have a token or session to replace
FAULTS = dict.fromkeys(SPOKEN, ("refused", "black_hole", "html_page", "server_errors", "malformed_json")) | {
    "hl7_mllp": ("refused", "black_hole", "ack_error", "no_ack", "wrong_ack_id", "ack_garbage", "close_after_receive"),
    "flat_file": ("refused", "black_hole", "host_key_changed", "key_refused", "file_missing"),
}
MAY_LACK = {  # rungs that a kind, or our own settings of it, do not have
    "hl7_mllp": {Rung.AUTH, Rung.SCOPE},
    "allscripts_unity": {Rung.SCOPE},
}
CANARY = "CANARY-Smith-000-12-3456"
SECRET = "canary-secret-value"
GUID = "1f0e9c52-7d1e-4a67-9b7c-0f4b8a1e2d3c"


@pytest.fixture(scope="module")
def premises(tmp_path_factory) -> Iterator[Clinic]:
    start = datetime(2026, 3, 3, 15, tzinfo=UTC)
    with start_clinic(
        tmp_path_factory.mktemp("clinic"), start=start, systems=tuple(SYSTEM[kind] for kind in SPOKEN)
    ) as clinic:
        yield clinic


@pytest.fixture
def clinic(premises) -> Iterator[Clinic]:
    yield premises
    premises.mend()


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """One for all tests here, so that a licence with two seats is enough."""
    return tmp_path_factory.mktemp("home")


@pytest.mark.parametrize("kind", KINDS)
def test_a_connector_file_offers_settings_that_refuse_what_they_do_not_know(kind):
    room = load("tasks.connectors", kind)
    assert issubclass(room.Settings, Noun)
    assert room.Settings.model_config["extra"] == "forbid"
    assert callable(room.open_connector)


@pytest.mark.parametrize("kind", SPOKEN)
def test_a_healthy_system_is_read_and_climbed(clinic, home, kind):
    async def run():
        connector: Connector = load("tasks.connectors", kind).open_connector(context_for(clinic, kind, home))
        first = connector_reads(connector)[0]
        reading, ladder, used = await connector.read(first), await connector.climb(), connector.open_connections
        await connector.aclose()
        return reading, ladder, used, connector.open_connections

    reading, ladder, used, left = asyncio.run(run())
    assert (reading.outcome, reading.rung) == (Outcome.OK, Rung.READ)
    assert [step.rung for step in ladder.steps] == list(Rung)
    assert {step.verdict for step in ladder.steps} <= {Verdict.PASSED, Verdict.ABSENT}
    assert {step.rung for step in ladder.steps if step.verdict is Verdict.ABSENT} <= MAY_LACK.get(kind, set())
    assert used > 0
    assert left == 0


def connector_reads(connector):
    return connector._context.integration.reads


@pytest.mark.parametrize(("kind", "fault"), [(kind, fault) for kind in SPOKEN for fault in FAULTS[kind]])
def test_trouble_on_the_other_side_is_a_reading_and_every_socket_is_closed(clinic, home, kind, fault):
    async def run():
        context = context_for(clinic, kind, home, tuning=Tuning(deadline_s=0.8))
        connector = load("tasks.connectors", kind).open_connector(context)
        clinic.break_(SYSTEM[kind], fault)
        try:
            return await connector.read(context.integration.reads[0]), await connector.climb()
        finally:
            await connector.aclose()
            assert connector.open_connections == 0

    reading, ladder = asyncio.run(run())
    assert isinstance(reading, Reading)
    assert not reading.outcome.is_ok
    assert ladder.broken is not None


@pytest.mark.parametrize("kind", RENEWING)
def test_a_capability_that_is_had_works(clinic, home, kind):
    async def run():
        context = context_for(clinic, kind, home)
        connector = load("tasks.connectors", kind).open_connector(context)
        assert isinstance(connector, RenewsCredentials)
        try:
            await connector.read(context.integration.reads[0])
            old = connector.credential().issued_at
            return old, await connector.renew(), connector.credential().issued_at
        finally:
            await connector.aclose()

    old, renewed, new = asyncio.run(run())
    assert renewed.outcome is Outcome.OK
    assert new > old


@pytest.mark.parametrize("kind", SPOKEN)
def test_a_kind_that_writes_canaries_says_so_and_a_canary_that_was_accepted_is_found_again(clinic, home, kind):
    async def run():
        room = load("tasks.connectors", kind)
        connector = room.open_connector(context_for(clinic, kind, home))
        try:
            assert isinstance(connector, ConfirmsWrites) == hasattr(room, "CANARY")
            if not isinstance(connector, ConfirmsWrites):
                return
            key = "0123456789abcdef"
            reading, receipt = await connector.write(key)
            assert (reading.outcome, reading.direction, reading.operation) == (Outcome.OK, "out", room.CANARY.operation)
            assert reading.sent_bytes > 0
            assert await connector.landed(receipt) is True
            again, same = await connector.write(key)
            assert (again.outcome, same) == (Outcome.OK, receipt)
            clinic.break_(SYSTEM[kind], "refused")
            assert (await connector.write("fedcba9876543210"))[1] is None
            assert await connector.landed(receipt) is None
        finally:
            await connector.aclose()

    asyncio.run(run())


MIDNIGHTS = [datetime(2026, 3, day, 5, tzinfo=UTC) for day in (2, 3, 4)]  # in New York
DAYS = dict.fromkeys(RECORDS, MIDNIGHTS[:2]) | {"epic_fhir": MIDNIGHTS[1:]}  # by when it changed; by its own day


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_that_hands_out_records_is_one_that_we_try_here(kind):
    room = load("tasks.connectors", kind)
    shows = any(isinstance(one, type) and hasattr(one, "count_records") for one in vars(room).values())
    assert shows == (kind in RECORDS)


@pytest.mark.parametrize("kind", RECORDS)
def test_the_records_of_two_halves_of_a_span_are_those_of_the_whole_and_a_count_counts_them(
    clinic, home, tmp_path, kind
):
    async def run():
        home_of = tmp_path if kind == "flat_file" else home  # a server that refused us once is left alone for a while
        connector = load("tasks.connectors", kind).open_connector(context_for(clinic, kind, home_of))
        assert isinstance(connector, ShowsRecords)
        try:
            return [await brought(connector, kind, *span) for span in spans]
        finally:
            await connector.aclose()
            assert connector.open_connections == 0

    since, until = DAYS[kind]
    middle = since + timedelta(hours=9)
    spans = [(since, until), (since, middle), (middle, until)] if kind != "flat_file" else [(since, until)]
    (reading, counted, whole), *halves = asyncio.run(run())
    assert (reading.outcome, reading.resource, reading.operation) == (
        Outcome.OK,
        wanted_for(kind).resource,
        RECORDS[kind]["operation"],
    )
    assert len(whole) == len(set(whole)) == reading.records > 20
    assert counted in {len(whole), None}
    assert (counted is None) == (kind != "epic_fhir")
    assert not halves or sorted(halves[0][2] + halves[1][2]) == sorted(whole)


async def brought(connector, kind, since, until):
    """A reading of the records of a span, how many were counted, and their keys."""
    rows, wanted = [], wanted_for(kind)
    counted = await connector.count_records(wanted, since, until)
    reading = await connector.records(wanted, since, until, rows.extend)
    assert all(first(wanted.column(wanted.key).path, row) not in repr(connector) + repr(reading) for row in rows)
    return reading, counted, [first(wanted.column(wanted.key).path, row) for row in rows]


@pytest.mark.parametrize(
    ("kind", "fault"),
    [(kind, fault) for kind in RECORDS for fault in FAULTS[kind] if fault != "file_missing"],
)
def test_trouble_while_records_are_read_is_a_reading_and_no_count(clinic, home, kind, fault):
    async def run():
        context = context_for(clinic, kind, home, tuning=Tuning(deadline_s=0.8))
        connector = load("tasks.connectors", kind).open_connector(context)
        clinic.break_(SYSTEM[kind], fault)
        try:
            return await brought(connector, kind, *DAYS[kind])
        finally:
            await connector.aclose()
            assert connector.open_connections == 0

    reading, counted, keys = asyncio.run(run())
    assert isinstance(reading, Reading)
    assert not reading.outcome.is_ok
    assert (counted, keys) == (None, [])


ERROR = {"severity": "error", "code": "exception", "diagnostics": CANARY, "details": {"text": CANARY}}
BODIES = [
    pytest.param({"resourceType": "OperationOutcome", "issue": [ERROR]}, "200 OK", id="an OperationOutcome"),
    pytest.param({"resourceType": "Patient", "name": CANARY, "error": CANARY}, f"500 {CANARY}", id="a 500"),
    pytest.param([{"Error": f"Magic Error - {CANARY} has no chart"}], "200 OK", id="a Unity error"),
    pytest.param(f"error: {CANARY}", "200 OK", id="an error in text"),
    pytest.param([{"getpatientinfo": [{"name": CANARY}]}], "200 OK", id="a Unity patient"),
    pytest.param(
        {
            "resourceType": "Bundle",
            "entry": [{"fullUrl": CANARY, "resource": {"resourceType": "Patient", "id": CANARY}}],
            "link": [{"relation": "next", "url": f"https://other.example/{CANARY}"}],
        },
        "200 OK",
        id="a Bundle",
    ),
    pytest.param(f"<html>{CANARY}</html>", "401 Unauthorized", id="a log-in page"),
    pytest.param({"error": {"code": CANARY, "message": CANARY}}, "200 OK", id="an error of any API"),
    pytest.param(
        {"data": [{"id": CANARY, "updated_at": CANARY}], "page": {"next": f"https://other.example/{CANARY}"}},
        "200 OK",
        id="a list of any API",
    ),
    pytest.param(an_answer(f"NM1*IL*1*{CANARY}", f"AAA*N**{CANARY}*{CANARY}", f"REF*1L*{CANARY}"), "200 OK", id="X12"),
]
HEADERS = (
    f"X-Request-Id: {CANARY}",
    f'WWW-Authenticate: Bearer realm="{CANARY}", error="{CANARY}"',
    f"Location: https://other.example/{CANARY}",
    f"Set-Cookie: a={CANARY}",
    f"Date: {CANARY}",
    f"Retry-After: {CANARY}",
)


def elsewhere(clinic: Clinic, kind: str, base: str) -> dict[str, object]:
    """What else must be written differently for a server that is not the clinic's."""
    if kind == "epic_fhir":
        return {"token_url": f"{base}/token"}
    if kind == "http_api":
        return {"auth": settings_for(clinic, kind)["auth"] | {"token_url": f"{base}/token"}}
    if kind == "allscripts_unity":
        return {"actions": {"GetPatient": {"action": "GetPatient", "parameters": {"PatientID": CANARY}}}}
    return {}


@pytest.mark.parametrize("kind", HTTP)
@pytest.mark.parametrize(("body", "status"), BODIES)
def test_no_patient_and_no_secret_leaves_a_connector(premises, tmp_path, caplog, kind, body, status):
    caplog.set_level(logging.DEBUG)
    content = body if isinstance(body, str) else json.dumps(body)

    async def tells(reader, writer):
        while head := await head_of(reader):
            path = head.split(b" ", 2)[1]
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
            await reader.readexactly(length)
            if path.endswith(b"/token"):
                granted = {"access_token": SECRET, "token_type": "bearer", "expires_in": 300, "scope": CANARY}
                writer.write(answer(json.dumps(granted).encode(), *HEADERS))
            elif path.endswith(b"/GetToken"):
                writer.write(answer(GUID.encode(), *HEADERS))
            else:
                writer.write(answer(content.encode(), *HEADERS, status=status))

    async def run():
        async with serving(tells) as port:
            base = f"http://127.0.0.1:{port}"
            changes = {"base_url": base, "ca_bundle": None} | elsewhere(premises, kind, base)
            context = context_for(premises, kind, tmp_path, **changes)
            connector = load("tasks.connectors", kind).open_connector(context)
            try:
                readings = [await connector.read(context.integration.reads[0]) for _ in range(2)]
                if kind in RECORDS:
                    readings.append(await connector.records(wanted_for(kind), *DAYS[kind], lambda _: None))
                parts = [*readings, await connector.climb()]
                parts += [asked.step for one in connector.trials() if (asked := await one.ask()).step]
                if isinstance(connector, RenewsCredentials):
                    parts += [await connector.renew(), connector.credential()]
                return [*map(repr, parts), *(part.model_dump_json() for part in parts), repr(connector)]
            finally:
                await connector.aclose()

    shown = "\n".join([*asyncio.run(run()), caplog.text])
    for hidden in (CANARY, SECRET, GUID):
        assert hidden not in shown


@pytest.mark.parametrize("kind", SPOKEN)
def test_what_may_be_tried_of_a_healthy_system_passes_and_costs_what_was_said(clinic, home, kind):
    async def run():
        context = context_for(clinic, kind, home)
        connector = load("tasks.connectors", kind).open_connector(context)
        assert isinstance(connector, TriedInParts)
        assert (connector.reach.host, connector.reach.port > 0) == ("127.0.0.1", True)
        try:
            await connector.read(context.integration.reads[0])
            return [(trial, await trial.ask()) for trial in connector.trials()]
        finally:
            await connector.aclose()

    tried = asyncio.run(run())
    broken = [
        (trial.which, trial.subject, asked) for trial, asked in tried if asked.step and asked.step.outcome != "ok"
    ]
    assert broken == []
    assert all(asked.step or asked.why for _, asked in tried)
    assert all(asked.calls <= trial.most for trial, asked in tried)
    assert all(asked.calls for _, asked in tried if asked.step)


@pytest.mark.parametrize("kind", HTTP)
def test_a_trial_sends_no_password_and_nothing_that_a_token_is_asked_for_with(premises, tmp_path, kind):
    heard = bytearray()

    async def listens(reader, writer):
        while head := await head_of(reader):
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
            heard.extend(head + await reader.readexactly(length))
            path = head.split(b" ", 2)[1]
            found = {"token_endpoint": f"http://127.0.0.1:{port}/token"} if b"smart" in path else {}
            writer.write(answer(json.dumps(found).encode(), status="200 OK" if found else "400 Bad Request"))

    async def run():
        nonlocal port
        async with serving(listens) as port:
            base = f"http://127.0.0.1:{port}"
            changes = {"base_url": base, "ca_bundle": None} | elsewhere(premises, kind, base)
            context = context_for(premises, kind, tmp_path, **changes)
            connector = load("tasks.connectors", kind).open_connector(context)
            try:
                return [await trial.ask() for trial in connector.trials()]
            finally:
                await connector.aclose()

    port = 0
    assert any(asked.calls for asked in asyncio.run(run()))
    sent = bytes(heard).lower()
    secrets = [Path(value).read_bytes().strip().lower() for value in secret_files(premises, kind)]
    assert sent.count(b"http/1.1") > 0
    assert [
        one
        for one in (*secrets, b"assertion", b"authorization", b"client_secret", CANARY.lower().encode())
        if one in sent
    ] == []


def secret_files(clinic: Clinic, kind: str) -> list[str]:
    """Where the clinic keeps what is secret about a log-in."""
    return [
        path for name, path in clinic.systems[SYSTEM[kind]].items() if name.endswith(("password_file", "secret_file"))
    ]


@pytest.mark.parametrize("kind", SPOKEN)
def test_a_route_that_is_not_declared_is_our_mistake(premises, tmp_path, kind):
    context = context_for(premises, kind, tmp_path, tuning=Tuning(route="nowhere"))
    with pytest.raises(Misconfigured, match="not declared"):
        load("tasks.connectors", kind).open_connector(context)
