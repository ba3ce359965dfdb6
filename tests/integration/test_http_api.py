"""Any JSON API against the pretend practice-management system: tokens that end, pages, and errors inside a 200."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.errors import Misconfigured
from models.integration import Integration, Read
from models.ladder import Verdict
from models.reading import Direction, Outcome, Rung
from models.tuning import Tuning
from simulator.control import Clinic, start_clinic
from tasks.configure import load
from tasks.connectors import http_api
from tasks.connectors._interface import Context, RenewsCredentials
from tests.callers import calling, context_for, settings_for
from tests.sockets import answer, head_of, serving

TUESDAY_MORNING = datetime(2026, 3, 3, 15, tzinfo=UTC)  # ten o'clock at the practice
APPOINTMENTS = Read(operation="Appointment.list", component="Appointment API")
KIND = "http_api"
CANARY = "CANARY-Smith-000-12-3456"


@pytest.fixture(scope="module")
def premises(tmp_path_factory) -> Iterator[Clinic]:
    folder = tmp_path_factory.mktemp("clinic")
    with start_clinic(folder, start=TUESDAY_MORNING, speed=60, systems=("api",)) as clinic:
        yield clinic


@pytest.fixture
def clinic(premises) -> Iterator[Clinic]:
    premises.mend()
    yield premises
    premises.mend()


def calls(clinic: Clinic, operation: str) -> int:
    return sum(clinic.journal()["api"]["calls"].get(operation, {}).values())


def written(clinic: Clinic, **call: object) -> dict[str, object]:
    """The settings of the clinic's lists, with changes to the first."""
    declared = settings_for(clinic, KIND)["calls"]
    return {"calls": declared | {APPOINTMENTS.operation: declared[APPOINTMENTS.operation] | call}}


def read_once(clinic: Clinic, home: Path, **changes):
    async def run():
        async with calling(clinic, KIND, home, **changes) as api:
            return await api.read(APPOINTMENTS)

    return asyncio.run(run())


def climbed(clinic: Clinic, home: Path, **changes):
    async def run():
        async with calling(clinic, KIND, home, **changes) as api:
            return await api.climb()

    return asyncio.run(run())


def test_a_read_brings_records_their_age_and_where_data_goes(clinic, tmp_path):
    reading = read_once(clinic, tmp_path, **written(clinic, resource="Appointment", direction="in"))
    assert (reading.outcome, reading.rung, reading.status) == (Outcome.OK, Rung.READ, 200)
    assert (reading.resource, reading.direction) == ("Appointment", Direction.IN)
    assert reading.records > 10
    assert 0 < (reading.observed_at - reading.newest_at).total_seconds() < 3600
    assert reading.request_id is None
    assert reading.connections == 1


@pytest.mark.parametrize(
    "paging",
    [
        pytest.param({"next": "page.next"}, id="a link in the answer"),
        pytest.param({"next": "link header"}, id="a link in a header"),
    ],
)
def test_all_pages_are_one_reading_up_to_the_limit(clinic, tmp_path, paging):
    span = "since=2026-03-03T13:00:00Z&until=2026-03-03T15:00:00Z"
    whole = read_once(clinic, tmp_path, **written(clinic, path=f"appointments?per_page=200&{span}"))
    before = calls(clinic, "Appointment.list")
    path = f"appointments?per_page=7&{span}"
    paged = read_once(clinic, tmp_path, **written(clinic, path=path, max_pages=50, **paging))
    assert paged.records == whole.records > 14
    assert calls(clinic, "Appointment.list") - before == -(-whole.records // 7)
    assert read_once(clinic, tmp_path, **written(clinic, path=path, max_pages=2, **paging)).records == 14


@pytest.mark.parametrize(
    ("fault", "parameters", "outcome", "code", "rung"),
    [
        pytest.param("error_inside", {"code": "locked"}, Outcome.SEMANTIC, "locked", Rung.SEMANTIC, id="a known code"),
        pytest.param("error_inside", {"code": CANARY}, Outcome.SEMANTIC, "vendor_error", Rung.SEMANTIC, id="another"),
        pytest.param("error_inside", {"code": "busy"}, Outcome.THROTTLED, "busy", Rung.HTTP, id="with a meaning"),
        pytest.param("stale_cache", {}, Outcome.STALE, "older_than_allowed", Rung.SEMANTIC, id="a stale cache"),
        pytest.param("scope_revoked", {}, Outcome.FORBIDDEN, None, Rung.SCOPE, id="a scope taken away"),
        pytest.param("paging_loop", {}, Outcome.MALFORMED, "paging_loop", Rung.HTTP, id="a page after itself"),
        pytest.param("next_elsewhere", {}, Outcome.MALFORMED, "next_link_elsewhere", Rung.HTTP, id="a page elsewhere"),
        pytest.param("key_missing", {}, Outcome.SEMANTIC, "required_key_missing", Rung.SEMANTIC, id="a missing key"),
        pytest.param("forbidden", {}, Outcome.FORBIDDEN, None, Rung.SCOPE, id="403"),
        pytest.param("server_errors", {"status": 502}, Outcome.SERVER_ERROR, None, Rung.HTTP, id="502"),
        pytest.param("html_page", {}, Outcome.MALFORMED, "html_page", Rung.HTTP, id="a log-in page"),
        pytest.param("malformed_json", {}, Outcome.MALFORMED, "not_json", Rung.HTTP, id="broken off"),
        pytest.param("refresh_refused", {}, Outcome.CREDENTIAL_REFUSED, "invalid_client", Rung.AUTH, id="no token"),
        pytest.param("token_expires_early", {"lifetime_s": 0.01}, Outcome.UNAUTHENTICATED, "gateway_token_expired",
                     Rung.AUTH, id="S27: a token that is over at once"),
        pytest.param("refused", {}, Outcome.REFUSED, "connection_refused", Rung.TCP, id="refused"),
        pytest.param("black_hole", {}, Outcome.TIMEOUT, "deadline_passed", Rung.TLS, id="a black hole"),
    ],
)  # fmt: skip
def test_a_fault_of_the_api_is_a_reading(clinic, tmp_path, fault, parameters, outcome, code, rung):
    clinic.break_("api", fault, **parameters)
    changes = written(clinic, path="appointments?per_page=7") | {"codes": {"locked": None, "busy": "throttled"}}
    reading = read_once(clinic, tmp_path, tuning=Tuning(deadline_s=1.0), **changes)
    assert (reading.outcome, reading.code, reading.rung) == (outcome, code, rung)
    assert CANARY not in reading.model_dump_json()


def test_a_list_of_one_without_its_list_is_read_all_the_same(clinic, tmp_path):
    clinic.break_("api", "lone_object")
    reading = read_once(clinic, tmp_path, **written(clinic, path="appointments?per_page=1&page=1", next=None))
    assert (reading.outcome, reading.records) == (Outcome.OK, 1)


def test_a_token_that_is_over_is_renewed_once_for_all(clinic, tmp_path):
    async def run():
        async with calling(clinic, KIND, tmp_path) as api:
            await api.read(APPOINTMENTS)
            clinic.break_("api", "token_expires_early", lifetime_s=120)
            await asyncio.sleep(2.1)  # 126 simulated seconds
            before = calls(clinic, "token")
            readings = await asyncio.gather(*(api.read(APPOINTMENTS) for _ in range(12)))
            return readings, calls(clinic, "token") - before, api.credential()

    readings, asked, credential = asyncio.run(run())
    assert {reading.outcome for reading in readings} == {Outcome.OK}
    assert asked == 1
    assert credential.promised_s == 1800
    assert 120 <= credential.observed_s[0] < 200  # learned


def test_a_refused_client_does_not_hammer_the_token_endpoint(clinic, tmp_path):
    clinic.break_("api", "refresh_refused")
    before = calls(clinic, "token")

    async def run():
        async with calling(clinic, KIND, tmp_path) as api:
            return [(await api.read(APPOINTMENTS)).outcome for _ in range(5)]

    assert set(asyncio.run(run())) == {Outcome.CREDENTIAL_REFUSED}
    assert calls(clinic, "token") - before == 1


def test_the_secret_may_stand_in_the_body(clinic, tmp_path):
    auth = settings_for(clinic, KIND)["auth"] | {"credentials_in": "body"}
    assert read_once(clinic, tmp_path, auth=auth).outcome is Outcome.OK


def test_a_key_in_a_header_is_all_that_some_apis_want(clinic, tmp_path):
    auth = {"scheme": "header", "name": "X-Api-Key", "value": f"file:{clinic.systems['api']['api_key_file']}"}
    assert read_once(clinic, tmp_path, auth=auth).outcome is Outcome.OK

    async def run():
        async with calling(clinic, KIND, tmp_path, auth=auth) as api:
            return isinstance(api, RenewsCredentials), await api.climb()

    renews, ladder = asyncio.run(run())
    assert not renews
    steps = {step.rung: step for step in ladder.steps}
    assert ladder.broken is None
    assert (steps[Rung.AUTH].verdict, steps[Rung.AUTH].says) == (Verdict.PASSED, "HTTP 200, accepted")
    assert steps[Rung.SCOPE].verdict is Verdict.ABSENT


@pytest.mark.parametrize(
    ("fault", "parameters", "broken"),
    [
        pytest.param("refused", {}, Rung.TCP, id="refused"),
        pytest.param("server_errors", {}, Rung.HTTP, id="server errors"),
        pytest.param("refresh_refused", {}, Rung.AUTH, id="client refused"),
        pytest.param("scope_revoked", {}, Rung.SCOPE, id="a scope taken away"),
        pytest.param("forbidden", {}, Rung.SCOPE, id="403"),
        pytest.param("malformed_json", {}, Rung.READ, id="broken off"),
        pytest.param("html_page", {}, Rung.READ, id="a log-in page, to strangers and to us"),
        pytest.param("error_inside", {}, Rung.SEMANTIC, id="an error inside"),
        pytest.param("stale_cache", {}, Rung.SEMANTIC, id="a stale cache"),
    ],
)
def test_a_climb_stops_at_the_rung_that_broke(clinic, tmp_path, fault, parameters, broken):
    clinic.break_("api", fault, **parameters)
    ladder = climbed(clinic, tmp_path, tuning=Tuning(deadline_s=1.0))
    assert ladder.broken.rung is broken
    order = list(Rung)
    above = [step for step in ladder.steps if order.index(step.rung) > order.index(broken)]
    assert {step.verdict for step in above} <= {Verdict.SKIPPED}


def test_a_climb_names_the_scopes_that_are_missing_and_keeps_no_token(clinic, tmp_path):
    clinic.break_("api", "scope_revoked", scope="orders.read")
    ladder = climbed(clinic, tmp_path)
    assert ladder.broken.says == "missing: orders.read"
    assert ladder.broken.code == "scope_missing"
    assert ladder.broken.missing == ("orders.read",)
    assert not (tmp_path / "tokens").exists()


def test_a_scope_that_a_read_needs_is_named_beside_the_token(clinic, tmp_path):
    async def run(**changes):
        async with calling(clinic, KIND, tmp_path, **changes) as api:
            await api.read(APPOINTMENTS)
            return api.credential(), http_api.required_scopes(api._context.integration)

    asked, needed = asyncio.run(run())
    assert asked.granted == asked.required == ("appointments.read", "patients.read", "orders.read")
    assert needed == {}
    named, needed = asyncio.run(run(**written(clinic, scope="appointments.read")))
    assert named.required == ("appointments.read",)
    assert needed == {"Appointment.list": "appointments.read"}


# --- servers that behave as a test tells them ------------------------------------------------------------------------


def context_at(port: int, home: Path, call: dict[str, object], **settings: object) -> Context:
    integration = Integration(
        id="any-api",
        name="Any API",
        kind=KIND,
        settings={"base_url": f"http://127.0.0.1:{port}/v1", "calls": {"Thing.list": call}} | settings,
        reads=[{"operation": "Thing.list", "component": "Things"}],
    )
    return Context(integration, _Tuesday(), home, Tuning(deadline_s=2.0), home)


class _Tuesday:
    def now(self) -> datetime:
        return TUESDAY_MORNING

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def against(behave, home: Path, call: dict[str, object], **settings: object):
    async def run():
        async with serving(behave) as port:
            api = http_api.open_connector(context_at(port, home, call, **settings))
            try:
                return await api.read(Read(operation="Thing.list", component="Things"))
            finally:
                await api.aclose()

    return asyncio.run(run())


def recorder(body: object, *headers: str):
    heads: list[bytes] = []

    async def behave(reader, writer):
        while head := await head_of(reader):
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
            heads.append(head + await reader.readexactly(length))
            writer.write(answer(json.dumps(body).encode(), *headers))

    return heads, behave


@pytest.mark.parametrize(
    ("auth", "line"),
    [
        pytest.param({"scheme": "bearer", "token": "env:CLINIC_TOKEN"}, b"Authorization: Bearer s3cret", id="bearer"),
        pytest.param({"scheme": "header", "name": "X-Key", "value": "env:CLINIC_TOKEN"}, b"X-Key: s3cret", id="header"),
        pytest.param({"scheme": "basic", "user": "ada", "password": "env:CLINIC_TOKEN"},
                     b"Authorization: Basic " + base64.b64encode(b"ada:s3cret"), id="basic"),
    ],
)  # fmt: skip
def test_a_key_goes_where_the_scheme_says_beside_the_headers_of_the_settings(tmp_path, monkeypatch, auth, line):
    monkeypatch.setenv("CLINIC_TOKEN", "s3cret")
    heads, behave = recorder([])
    reading = against(behave, tmp_path, {"path": "things"}, auth=auth, headers={"Api-Version": "v2"})
    assert reading.outcome is Outcome.OK
    assert line in heads[0]
    assert b"Api-Version: v2" in heads[0]
    assert heads[0].startswith(b"GET /v1/things HTTP/1.1")


def test_a_post_sends_its_fixed_body_and_a_cursor_goes_into_the_query(tmp_path):
    heads, behave = recorder({"items": [1], "after": "b&c"})
    call = {"path": "search?at={now-1h}", "method": "POST", "safe": True, "body": {"status": ["open"]}}
    reading = against(behave, tmp_path, call | {"records": "items", "next": "after", "cursor": "after", "max_pages": 2})
    assert heads[0].startswith(b"POST /v1/search?at=2026-03-03T14:00:00Z HTTP/1.1")
    assert heads[0].endswith(b'{"status": ["open"]}')
    assert b"content-type: application/json" in heads[0].lower()
    assert heads[1].startswith(b"POST /v1/search?at=2026-03-03T14:00:00Z&after=b%26c HTTP/1.1")
    assert reading.sent_bytes == 2 * len(b'{"status": ["open"]}')
    assert (reading.code, reading.records) == ("paging_loop", 2)  # this server's cursor never moves


@pytest.mark.parametrize(
    "behave",
    [
        pytest.param(lambda: endless(b"HTTP/1.1 200 OK\r\n\r\n", b"[" * 65536), id="a body without end"),
        pytest.param(lambda: endless(b"HTTP/1.1 200 OK\r\n", b"X-A: " + b"b" * 8000 + b"\r\n"), id="endless headers"),
    ],
)
def test_what_has_no_end_is_given_up_in_time(tmp_path, behave):
    reading = against(behave(), tmp_path, {"path": "things", "records": "[]"})
    assert reading.outcome in {Outcome.MALFORMED, Outcome.RESET, Outcome.TIMEOUT}
    assert reading.received_bytes < 2 << 20


def endless(head: bytes, piece: bytes):
    async def behave(reader, writer):
        await head_of(reader)
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()

    return behave


# --- configuration ---------------------------------------------------------------------------------------------------


def test_a_read_without_its_call_is_our_mistake(clinic, tmp_path):
    with pytest.raises(Misconfigured, match=r"calls: add an entry for Patient\.list"):
        http_api.open_connector(context_for(clinic, KIND, tmp_path, calls={APPOINTMENTS.operation: {"path": "a"}}))


WRITTEN = """
integrations:
  - id: any-api
    name: Any API
    kind: http_api
    settings:
      base_url: https://api.example.org/v1
      auth: {auth}
      headers: {headers}
      calls:
        Thing.list: {call}
    reads:
      - {{ operation: {operation}, component: Things }}
"""
GOOD = {"auth": "{ scheme: none }", "headers": "{}", "call": "{ path: things }", "operation": "Thing.list"}
POLICY = 'version: "1"\nowner: Test\nchannels: [{ route: console }]\n'


@pytest.mark.parametrize(
    ("changes", "line", "says"),
    [
        pytest.param({"operation": "Things.list"}, 13, "did you mean `Thing.list`?", id="a read that is no call"),
        pytest.param({"auth": "{ scheme: query, name: k, value: env:K }"}, 8, "lands in the logs", id="key in query"),
        pytest.param({"auth": "{ scheme: digest }"}, 8, "must be one of `none`, `bearer`", id="no such scheme"),
        pytest.param({"auth": "{ token: env:K }"}, 8, "add `scheme`", id="a scheme is missing"),
        pytest.param({"auth": "{ scheme: bearer }"}, 8, "`token` is missing", id="a token is missing"),
        pytest.param({"auth": "{ scheme: bearer, tokn: env:K }"}, 8, "did you mean `token`?", id="a key misspelt"),
        pytest.param({"auth": "{ scheme: bearer, token: abc }"}, 8, "in plain", id="a token in plain"),
        pytest.param({"headers": "{ Authorization: abc }"}, 9, "in plain", id="a credential in headers"),
        pytest.param({"headers": "{ Cookie: a=b }"}, 9, "under auth", id="a cookie"),
        pytest.param({"headers": "{ Host: other }"}, 9, "leave them out", id="a header of the connection"),
        pytest.param({"call": "{ path: //evil.example }"}, 11, "relative to base_url", id="another server"),
        pytest.param({"call": "{ path: a, method: POST }"}, 11, "safe: true", id="a POST nobody vouches for"),
        pytest.param({"call": "{ path: a, records: 'a..b' }"}, 11, "write a path", id="a path that is none"),
        pytest.param({"call": "{ path: a, recods: a }"}, 11, "did you mean `records`?", id="a key of a call misspelt"),
    ],
)
def test_every_mistake_is_found_with_its_line_and_cure(tmp_path, changes, line, says):
    (tmp_path / "integrations.yaml").write_text(WRITTEN.format(**GOOD | changes))
    (tmp_path / "policy.yaml").write_text(POLICY)
    with pytest.raises(Misconfigured) as caught:
        load(tmp_path, check_secrets=False)
    assert {mistake.line for mistake in caught.value.mistakes} == {line}
    assert says in str(caught.value)
    assert "abc" not in str(caught.value)


def test_what_is_written_rightly_is_no_mistake(tmp_path):
    (tmp_path / "integrations.yaml").write_text(WRITTEN.format(**GOOD))
    (tmp_path / "policy.yaml").write_text(POLICY)
    assert load(tmp_path, check_secrets=False).integration("any-api").kind == KIND
