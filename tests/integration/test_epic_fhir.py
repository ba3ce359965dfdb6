"""The Epic connector against the pretend clinic: real TLS, real tokens, real faults."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import SecretStr

from models.errors import Misconfigured
from models.integration import Read
from models.ladder import Verdict
from models.reading import Outcome, Rung
from models.tuning import Tuning
from simulator import rhythm
from simulator.control import Clinic, start_clinic
from tasks.connectors import epic_fhir
from tasks.smart import Signer
from tests.callers import calling, context_for
from tests.sockets import answer, head_of, serving

TUESDAY_MORNING = datetime(2026, 3, 3, 15, tzinfo=UTC)  # ten o'clock at the practice
PATIENTS = Read(operation="Patient.search", component="Patient API")
TOKEN_URL = "https://epic.example/oauth2/token"
KIND = "epic_fhir"


@pytest.fixture(scope="module")
def premises(tmp_path_factory) -> Iterator[Clinic]:
    with start_clinic(tmp_path_factory.mktemp("clinic"), start=TUESDAY_MORNING, speed=60) as clinic:
        yield clinic


@pytest.fixture
def clinic(premises) -> Iterator[Clinic]:
    premises.mend()
    yield premises
    premises.mend()


def calls(clinic: Clinic) -> dict[str, int]:
    return {name: sum(counts.values()) for name, counts in clinic.journal()["epic"]["calls"].items()}


def since(clinic: Clinic, before: dict[str, int]) -> dict[str, int]:
    """How many calls of each kind the clinic has had since then."""
    after = calls(clinic)
    return {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}


def read_once(clinic, home, read=PATIENTS, **changes):
    async def run():
        async with calling(clinic, KIND, home, **changes) as epic:
            return await epic.read(read)

    return asyncio.run(run())


@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
def test_an_assertion_holds_before_an_independent_verifier(clinic, algorithm):
    prefix = "es384_" if algorithm == "ES384" else ""
    pem = Path(clinic.epic[prefix + "private_key_file"]).read_bytes()
    signer = Signer("client-1", "key-1", SecretStr(pem.decode()), algorithm, "file:key")
    now = datetime.now(UTC)
    form = {k: v[0] for k, v in parse_qs(signer.request(TOKEN_URL, ("system/Patient.rs",), now).decode()).items()}
    assertion = form.pop("client_assertion")
    public = load_pem_private_key(pem, None).public_key()
    claims = jwt.decode(assertion, public, algorithms=[algorithm], audience=TOKEN_URL, issuer="client-1")
    assert jwt.get_unverified_header(assertion) == {"alg": algorithm, "kid": "key-1", "typ": "JWT"}
    assert claims["sub"] == "client-1"
    assert claims["exp"] == int(now.timestamp()) + 240
    assert re.fullmatch("[0-9a-f]{32}", claims["jti"])
    assert form == {
        "grant_type": "client_credentials",
        "scope": "system/Patient.rs",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    again = jwt.decode(signer.assertion(TOKEN_URL, now), public, algorithms=[algorithm], audience=TOKEN_URL)
    assert again["jti"] != claims["jti"]


def test_a_read_brings_records_and_times(clinic, tmp_path):
    reading = read_once(clinic, tmp_path)
    assert (reading.outcome, reading.rung, reading.status, reading.code) == (Outcome.OK, Rung.READ, 200, None)
    assert reading.records > 0
    assert reading.received_bytes > 1000
    pace = rhythm.pace(reading.operation, "epic")  # so large is what history is generated with
    assert reading.received_bytes == pytest.approx(
        pace.envelope_bytes + reading.records * pace.bytes_per_record, rel=0.1
    )
    assert 0 < reading.first_byte_ms <= reading.latency_ms
    assert abs(reading.clock_skew_s) < 60  # a second here is a minute there
    assert reading.request_id is None
    assert reading.connections == 1


def test_a_failed_read_brings_the_request_id_to_ask_the_vendor_about(clinic, tmp_path):
    clinic.break_("epic", "server_errors")

    async def run():
        async with calling(clinic, "epic_fhir", tmp_path) as epic:
            return await epic.read(PATIENTS)

    assert asyncio.run(run()).request_id


def test_the_other_algorithm_is_accepted_too(clinic, tmp_path):
    keys = {
        "algorithm": "ES384",
        "key_id": clinic.epic["es384_key_id"],
        "private_key": f"file:{clinic.epic['es384_private_key_file']}",
    }
    assert read_once(clinic, tmp_path, **keys).outcome is Outcome.OK


def test_all_pages_of_a_search_are_one_reading(clinic, tmp_path):
    before = calls(clinic)
    span = "_lastUpdated=ge2026-03-03T13:00:00Z&_lastUpdated=lt2026-03-03T15:00:00Z"
    search = {"MedicationRequest.search": f"MedicationRequest?_count=7&{span}"}
    read = Read(operation="MedicationRequest.search", component="Medication API")
    whole = read_once(clinic, tmp_path, read, searches={read.operation: search[read.operation].replace("=7&", "=200&")})
    asked = since(clinic, before)["MedicationRequest.search"]
    paged = read_once(clinic, tmp_path, read, searches=search, max_pages=50)
    assert asked == 1
    assert paged.records == whole.records > 14
    assert since(clinic, before)["MedicationRequest.search"] - asked == -(-whole.records // 7)
    limited = read_once(clinic, tmp_path, read, searches=search, max_pages=2)
    assert (limited.records, limited.outcome) == (14, Outcome.OK)


def test_24_reads_at_once_with_an_expired_token_ask_for_one_new_token(clinic, tmp_path):
    async def run():
        async with calling(clinic, KIND, tmp_path) as epic:
            assert (await epic.read(PATIENTS)).outcome is Outcome.OK
            clinic.break_("epic", "token_expires_early", lifetime_s=150)
            await asyncio.sleep(2.6)  # 156 simulated seconds: the token is over, the next one lives 2.5 s
            before = calls(clinic)
            readings = await asyncio.gather(*(epic.read(PATIENTS) for _ in range(24)))
            return readings, since(clinic, before)

    readings, asked = asyncio.run(run())
    assert {reading.outcome for reading in readings} == {Outcome.OK}
    assert asked["token"] == 1
    assert asked["Patient.search"] <= 48


WORKER = textwrap.dedent("""
    import asyncio, pickle, sys
    from models.integration import Read
    from tests.callers import calling

    async def main():
        clinic, home = pickle.loads(bytes.fromhex(sys.argv[1]))
        read = Read(operation="Patient.search", component="Patient API")
        async with calling(clinic, "epic_fhir", home) as epic:
            print("ready", flush=True)
            sys.stdin.readline()
            readings = await asyncio.gather(*(epic.read(read) for _ in range(8)))
        print(sorted({reading.outcome.value for reading in readings}), flush=True)

    asyncio.run(main())
""")


def test_two_processes_share_one_new_token(clinic, tmp_path):
    import pickle  # noqa: PLC0415 - to hand the clinic's address to a child of ours

    before = calls(clinic)
    command = [sys.executable, "-c", WORKER, pickle.dumps((clinic, tmp_path)).hex()]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": Path(__file__).parents[2]}
    workers = [subprocess.Popen(command, **pipes) for _ in range(2)]
    try:
        assert [worker.stdout.readline() for worker in workers] == ["ready\n"] * 2
        for worker in workers:
            worker.stdin.write("go\n")
            worker.stdin.flush()
        assert [worker.communicate(timeout=20)[0] for worker in workers] == ["['ok']\n"] * 2
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    assert since(clinic, before)["token"] == 1


def test_a_lifetime_that_the_server_shortens_in_silence_is_learned(clinic, tmp_path):
    clinic.break_("epic", "token_expires_early", lifetime_s=60)

    async def run():
        async with calling(clinic, KIND, tmp_path) as epic:
            await epic.read(PATIENTS)
            await asyncio.sleep(1.2)  # 72 simulated seconds
            reading = await epic.read(PATIENTS)
            return reading, epic.credential()

    reading, credential = asyncio.run(run())
    assert reading.outcome is Outcome.OK  # refused, renewed and read again inside one reading
    assert credential.promised_s == 3600
    assert 60 <= credential.observed_s[0] < 120
    assert (credential.refresh_at - credential.issued_at).total_seconds() < credential.observed_s[0]


def test_a_refused_client_is_reported_by_its_code_and_does_not_hammer_the_token_endpoint(clinic, tmp_path):
    clinic.break_("epic", "refresh_refused")
    before = calls(clinic)

    async def run():
        async with calling(clinic, KIND, tmp_path) as epic:
            return [await epic.read(PATIENTS) for _ in range(6)]

    for reading in asyncio.run(run()):
        assert (reading.outcome, reading.code) == (Outcome.CREDENTIAL_REFUSED, "invalid_client")
        assert reading.rung is Rung.AUTH
    assert since(clinic, before)["token"] == 1


@pytest.mark.parametrize(
    ("fault", "parameters", "outcome", "code"),
    [
        pytest.param("server_errors", {"status": 503}, Outcome.SERVER_ERROR, "exception", id="503"),
        pytest.param("html_page", {}, Outcome.MALFORMED, "html_page", id="a log-in page with status 200"),
        pytest.param("malformed_json", {}, Outcome.MALFORMED, "not_json", id="JSON that breaks off"),
        pytest.param("forbidden", {}, Outcome.FORBIDDEN, "forbidden", id="403"),
        pytest.param("black_hole", {}, Outcome.TIMEOUT, "deadline_passed", id="black hole"),
        pytest.param("refused", {}, Outcome.REFUSED, "connection_refused", id="refused"),
        pytest.param("resets", {"share": 0.98, "mean_burst": 500}, Outcome.RESET, "connection_lost", id="reset"),
    ],
)
def test_a_fault_of_the_server_is_a_reading(clinic, tmp_path, fault, parameters, outcome, code):
    async def run():
        async with calling(clinic, KIND, tmp_path, tuning=Tuning(deadline_s=1.0)) as epic:
            assert (await epic.read(PATIENTS)).outcome is Outcome.OK
            clinic.break_("epic", fault, **parameters)
            return [await epic.read(PATIENTS) for _ in range(2)]

    readings = asyncio.run(run())
    assert (outcome, code) in {(reading.outcome, reading.code) for reading in readings}
    assert Rung.AUTH not in {reading.rung for reading in readings}  # identity was never the trouble


@pytest.mark.parametrize(
    ("fault", "outcome", "rung"),
    [
        pytest.param("refused", Outcome.REFUSED, Rung.TCP, id="refused"),
        pytest.param("black_hole", Outcome.TIMEOUT, Rung.TLS, id="black hole"),
    ],
)
def test_a_host_that_is_down_from_the_start_is_not_taken_for_trouble_with_identity(
    clinic, tmp_path, fault, outcome, rung
):
    clinic.break_("epic", fault)
    reading = read_once(clinic, tmp_path, tuning=Tuning(deadline_s=1.0))
    assert (reading.outcome, reading.rung) == (outcome, rung)


def test_smaller_pages_bring_the_same_records_with_more_calls(clinic, tmp_path):
    before = calls(clinic)
    whole = read_once(clinic, tmp_path)
    usual = since(clinic, before)["Patient.search"]
    before = calls(clinic)
    halved = read_once(clinic, tmp_path, tuning=Tuning(page_size=0.25))
    asked = since(clinic, before)["Patient.search"]
    again = read_once(clinic, tmp_path)  # the practice goes on meanwhile
    assert halved.outcome is whole.outcome is Outcome.OK
    assert min(whole.records, again.records) <= halved.records <= max(whole.records, again.records)
    assert asked > usual


def test_a_withdrawn_media_type_is_refused_and_an_older_one_is_taken_where_the_tuning_says_so(clinic, tmp_path):
    clinic.break_("epic", "format_withdrawn")
    strict = read_once(clinic, tmp_path)
    assert (strict.outcome, strict.status, strict.code) == (Outcome.CLIENT_ERROR, 406, "not_acceptable")
    lenient = read_once(clinic, tmp_path, tuning=Tuning(media_type="lenient"))
    assert lenient.outcome is Outcome.OK


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_rate_limit_says_how_long_to_wait(clinic, tmp_path, form):
    clinic.break_("epic", "rate_limit", per_minute=1, retry_after=form, wait_s=120)

    async def run():
        async with calling(clinic, KIND, tmp_path) as epic:
            return [await epic.read(PATIENTS) for _ in range(3)][-1]

    reading = asyncio.run(run())
    assert (reading.outcome, reading.status) == (Outcome.THROTTLED, 429)
    assert 60 <= reading.retry_after_s <= 121


def test_a_clock_of_ours_that_is_wrong_shows_in_the_skew_and_in_the_refusal(clinic, tmp_path):
    async def run():
        async with calling(clinic, KIND, tmp_path, ahead_s=900) as epic:
            return await epic.read(PATIENTS)

    reading = asyncio.run(run())
    assert (reading.outcome, reading.code) == (Outcome.CREDENTIAL_REFUSED, "invalid_client")
    assert -960 < reading.clock_skew_s < -840


def test_the_second_route_works_while_the_main_one_is_down(clinic, tmp_path):
    clinic.break_("epic", "refused", route="main")
    assert read_once(clinic, tmp_path, tuning=Tuning(deadline_s=2.0)).outcome is Outcome.REFUSED
    second = read_once(clinic, tmp_path, tuning=Tuning(route="second"), token_url=clinic.epic["token_url"])
    assert second.outcome is Outcome.OK


def test_a_renewal_brings_a_new_token_and_says_how_long_it_took(clinic, tmp_path):
    async def run():
        async with calling(clinic, KIND, tmp_path) as epic:
            await epic.read(PATIENTS)
            old = epic.credential().issued_at
            before = calls(clinic)
            readings = await asyncio.gather(*(epic.renew() for _ in range(4)))
            assert epic.credential().issued_at > old
            return readings, since(clinic, before)

    readings, asked = asyncio.run(run())
    assert {reading.outcome for reading in readings} == {Outcome.OK}
    assert readings[0].latency_ms > 0
    assert asked["token"] == 1


def test_a_climb_reaches_the_top_with_measured_facts_and_keeps_nothing(clinic, tmp_path):
    async def run():
        async with calling(clinic, KIND, tmp_path) as epic:
            await epic.read(PATIENTS)
            issued_at, sockets = epic.credential().issued_at, epic.open_connections
            ladder = await epic.climb()
            assert (epic.credential().issued_at, epic.open_connections) == (issued_at, sockets)
            return ladder

    ladder = asyncio.run(run())
    assert [step.rung for step in ladder.steps] == list(Rung)
    assert {step.verdict for step in ladder.steps} == {Verdict.PASSED}
    said = {step.rung: step.says for step in ladder.steps}
    assert re.fullmatch(
        r"TLSv1\.[23], certificate ends in \d+ days, [A-Z0-9_-]+, EC-256, chain of 1, "
        r"issued by Clinic test authority \([0-9a-f]{8}\)",
        said[Rung.TLS],
    )
    assert said[Rung.AUTH] == "a new token for 3600 s"
    assert said[Rung.SCOPE] == "4 of 4 scopes that are read: granted"
    assert re.fullmatch(r"HTTP 200, \d+ records on one page", said[Rung.READ])
    assert said[Rung.SEMANTIC] == "Patient as asked, counts and dates agree"
    assert all(step.duration_ms is not None for step in ladder.steps)


@pytest.mark.parametrize(
    ("fault", "parameters", "broken"),
    [
        pytest.param("refused", {}, Rung.TCP, id="refused"),
        pytest.param("black_hole", {}, Rung.TLS, id="black hole"),
        pytest.param("server_errors", {}, Rung.HTTP, id="server errors"),
        pytest.param("refresh_refused", {}, Rung.AUTH, id="client refused"),
        pytest.param("html_page", {"operation": "Patient.search"}, Rung.READ, id="a page instead of patients"),
    ],
)
def test_a_climb_stops_at_the_rung_that_broke_and_skips_those_above(clinic, tmp_path, fault, parameters, broken):
    clinic.break_("epic", fault, **parameters)

    async def run():
        async with calling(clinic, KIND, tmp_path, tuning=Tuning(deadline_s=1.0)) as epic:
            return await epic.climb()

    ladder = asyncio.run(run())
    assert ladder.broken.rung is broken
    above = [step for step in ladder.steps if list(Rung).index(step.rung) > list(Rung).index(broken)]
    assert all(step.verdict is Verdict.SKIPPED for step in above)
    assert len(ladder.steps) == len(Rung)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"base_url": "http://ehr.example/R4"}, "in the clear", id="plain http"),
        pytest.param({"algorithm": "HS256"}, "RS384", id="an algorithm SMART does not know"),
        pytest.param({"algorithm": "ES384"}, "P-384", id="a key of the other kind"),
        pytest.param({"private_key": "file:/nowhere.pem"}, "there is no secret here", id="no key"),
        pytest.param({"searches": {"Patient.search": "https://evil.example/"}}, "relative", id="a search elsewhere"),
        pytest.param({"shoe_size": 44}, "shoe_size", id="a misspelt key"),
        pytest.param({"ca_bundle": "/nowhere.pem"}, "PEM", id="no bundle"),
    ],
)
def test_settings_that_cannot_work_are_named_at_once(clinic, tmp_path, changes, says):
    with pytest.raises(Misconfigured, match=says):
        epic_fhir.open_connector(context_for(clinic, KIND, tmp_path, **changes))


def test_a_next_link_to_another_server_is_not_followed_and_gets_no_token(clinic, tmp_path):
    heard: list[bytes] = []

    async def elsewhere(reader, writer):
        heard.append(await head_of(reader))
        writer.write(answer(b"{}"))

    async def run():
        async with serving(elsewhere) as far:

            async def lures(reader, writer):
                while head := await head_of(reader):
                    if b"/token" in head:
                        body = {"access_token": "abc", "token_type": "bearer", "expires_in": 300}
                    else:
                        link = {"relation": "next", "url": f"http://127.0.0.1:{far}/Patient?page=2"}
                        body = {"resourceType": "Bundle", "link": [link], "entry": [{"resource": {}}]}
                    writer.write(answer(json.dumps(body).encode(), "Content-Type: application/fhir+json"))

            async with serving(lures) as near:
                base = f"http://127.0.0.1:{near}"
                urls = {"base_url": base, "token_url": f"{base}/token", "ca_bundle": None}
                async with calling(clinic, KIND, tmp_path, **urls) as epic:
                    return await epic.read(PATIENTS)

    reading = asyncio.run(run())
    assert (reading.outcome, reading.code, reading.records) == (Outcome.MALFORMED, "next_link_elsewhere", 1)
    assert heard == []
