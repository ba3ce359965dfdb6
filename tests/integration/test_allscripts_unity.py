"""The Unity connector against the pretend clinic: two seats, idle log-outs, and errors that arrive as 200."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from models.errors import Misconfigured
from models.integration import Read
from models.ladder import Verdict
from models.reading import Outcome, Rung
from models.tuning import Tuning
from simulator import rhythm
from simulator.control import Clinic, start_clinic
from tasks.connectors import allscripts_unity
from tests.callers import calling, context_for

TUESDAY_MORNING = datetime(2026, 3, 3, 15, tzinfo=UTC)  # ten o'clock at the practice
PATIENT = Read(operation="GetPatient", component="Patient API")
SCHEDULE = Read(operation="GetSchedule", component="Schedule API")
KIND = "allscripts_unity"
SPEED = 600  # ten minutes a second: sessions end while one watches
IDLE_S = 21 * 60 / SPEED  # real seconds until a session has been idle for 21 minutes


@pytest.fixture(scope="module")
def premises(tmp_path_factory) -> Iterator[Clinic]:
    with start_clinic(tmp_path_factory.mktemp("clinic"), start=TUESDAY_MORNING, speed=SPEED) as clinic:
        yield clinic


@pytest.fixture
def clinic(premises, tmp_path) -> Iterator[Clinic]:
    """Hands back every session that the test began: one that is forgotten keeps a seat from the next test."""
    COUNTED.update(premises.journal()["unity"]["tokens"])
    yield premises
    premises.mend()
    context = ssl.create_default_context(cafile=premises.ca_bundle)
    with httpx.Client(verify=context, trust_env=False) as http:
        for file in tmp_path.glob("**/tokens/*.json"):
            body = {"Token": json.loads(file.read_text())["value"], "Appname": premises.unity["app_name"]}
            http.post(premises.unity["base_url"] + "/RetireSecurityToken", json=body)


@pytest.fixture
def home(tmp_path) -> Path:
    return tmp_path / "home"


COUNTED: dict[str, int] = {}  # log-ins before the test


def logins(clinic: Clinic) -> dict[str, int]:
    """Sessions issued and refused since the test began."""
    return {name: count - COUNTED[name] for name, count in clinic.journal()["unity"]["tokens"].items()}


def test_reads_of_all_kinds_share_one_session(clinic, home):
    async def run():
        async with calling(clinic, KIND, home) as unity:
            reads = (PATIENT, SCHEDULE, Read(operation="GetPrescriptions", component="Prescriptions"))
            return await asyncio.gather(*(unity.read(read) for read in reads * 8))

    readings = asyncio.run(run())
    assert {(reading.outcome, reading.rung) for reading in readings} == {(Outcome.OK, Rung.READ)}
    assert {reading.records for reading in readings if reading.operation == "GetPatient"} == {1}
    assert logins(clinic) == {"issued": 1, "refused": 0}
    for reading in readings:  # so large is what history is generated with, or every real answer would be odd
        pace = rhythm.pace(reading.operation, "unity")
        drawn = pace.envelope_bytes + reading.records * pace.bytes_per_record
        assert reading.received_bytes == pytest.approx(drawn, rel=0.05), reading.operation


def test_a_session_outlives_the_process_because_it_costs_a_seat(clinic, home):
    async def run():
        async with calling(clinic, KIND, home) as unity:
            return await unity.read(PATIENT)

    assert [asyncio.run(run()).outcome for _ in range(3)] == [Outcome.OK] * 3
    assert logins(clinic)["issued"] == 1


def test_an_idle_log_out_is_reported_and_left_until_a_renewal_heals_it(clinic, home):
    async def run():
        async with calling(clinic, KIND, home) as unity:
            await unity.read(PATIENT)
            await asyncio.sleep(IDLE_S)
            over = [await unity.read(PATIENT) for _ in range(3)]
            before = logins(clinic)
            assert clinic.journal()["unity"]["sessions"]["ended"] == 1
            renewed = await unity.renew()
            return over, before, renewed, await unity.read(PATIENT), unity.credential()

    over, before, renewed, after, credential = asyncio.run(run())
    for reading in over:
        assert (reading.outcome, reading.code, reading.status) == (Outcome.UNAUTHENTICATED, "logged_out_idle", 200)
        assert reading.rung is Rung.AUTH
    assert before == {"issued": 1, "refused": 0}  # no read logged in again by itself
    assert (renewed.outcome, after.outcome) == (Outcome.OK, Outcome.OK)
    assert clinic.journal()["unity"]["sessions"] == {"live": 1, "ended": 0, "seats": 2}  # the old one was retired
    assert 20 * 60 <= credential.observed_s[0] < 60 * 60


def test_a_renewal_hands_the_old_session_back_where_only_that_frees_the_way(clinic, home):
    async def run():
        async with calling(clinic, KIND, home) as unity:
            await unity.read(PATIENT)
            clinic.break_("unity", "token_expires_early", lifetime_s=60)
            clinic.break_("unity", "refresh_refused")
            await asyncio.sleep(0.2)
            over = await unity.read(PATIENT)
            clinic.mend("unity", "token_expires_early")
            return over, await unity.renew(), await unity.read(PATIENT)

    over, renewed, after = asyncio.run(run())
    assert (over.outcome, over.code) == (Outcome.UNAUTHENTICATED, "token_expired")
    assert (renewed.outcome, after.outcome) == (Outcome.OK, Outcome.OK)


def test_several_renewals_at_once_are_one(clinic, home):
    async def run():
        async with calling(clinic, KIND, home) as unity, calling(clinic, KIND, home) as twin:
            await unity.read(PATIENT)
            return await asyncio.gather(unity.renew(), unity.renew(), twin.renew())

    assert {reading.outcome for reading in asyncio.run(run())} == {Outcome.OK}
    assert logins(clinic)["issued"] == 2
    assert clinic.journal()["unity"]["sessions"]["live"] == 1


def test_a_wrong_password_is_tried_once_and_the_repaired_one_at_once(clinic, home, tmp_path):
    wrong = tmp_path / "password"
    wrong.write_text("canary-wrong-password")

    async def run():
        async with calling(clinic, KIND, home, password=f"file:{wrong}") as unity:
            readings = [await unity.read(PATIENT) for _ in range(4)]
            await asyncio.sleep(1.0)  # ten simulated minutes: longer than the first cooldowns
            readings += [await unity.read(PATIENT), await unity.renew()]
        async with calling(clinic, KIND, home) as repaired:
            return readings, await repaired.read(PATIENT)

    readings, after = asyncio.run(run())
    for reading in readings:
        assert (reading.outcome, reading.code) == (Outcome.CREDENTIAL_REFUSED, "invalid_credentials")
    assert after.outcome is Outcome.OK
    assert logins(clinic) == {"issued": 1, "refused": 1}


def test_a_licence_without_a_free_seat_says_so(clinic, home, tmp_path):
    async def run():
        for name in ("one", "two"):  # two programs that log in and forget their sessions
            async with calling(clinic, KIND, tmp_path / name) as unity:
                await unity.read(PATIENT)
        async with calling(clinic, KIND, home) as unity:
            return await unity.read(PATIENT)

    reading = asyncio.run(run())
    assert (reading.outcome, reading.code) == (Outcome.CREDENTIAL_REFUSED, "sessions_exhausted")


def test_faults_of_the_server_are_readings(clinic, home):
    faults = {
        "html_page": (Outcome.MALFORMED, "html_page"),
        "malformed_json": (Outcome.MALFORMED, "not_json"),
        "server_errors": (Outcome.SERVER_ERROR, None),
        "black_hole": (Outcome.TIMEOUT, "deadline_passed"),
        "refused": (Outcome.REFUSED, "connection_refused"),
    }

    async def run():
        async with calling(clinic, KIND, home, tuning=Tuning(deadline_s=1.0)) as unity:
            await unity.read(PATIENT)
            for fault, expected in faults.items():
                clinic.break_("unity", fault)
                reading = await unity.read(PATIENT)
                assert (fault, reading.outcome, reading.code) == (fault, *expected)
                clinic.mend()
            assert (await unity.read(PATIENT)).outcome is Outcome.OK

    asyncio.run(run())


def test_a_vendor_error_in_a_200_is_semantic_and_quotes_nothing(clinic, home):
    nobody = {"GetPatient": {"action": "GetPatient", "parameters": {"PatientID": "987654321"}}}

    async def run():
        async with calling(clinic, KIND, home, actions=nobody) as unity:
            return await unity.read(PATIENT), repr(unity), await unity.climb()

    reading, shown, ladder = asyncio.run(run())
    assert (reading.outcome, reading.code, reading.rung) == (Outcome.SEMANTIC, "vendor_error", Rung.SEMANTIC)
    assert "987654321" not in f"{reading!r}{shown}{ladder!r}"
    assert (ladder.broken.rung, ladder.broken.code) == (Rung.SEMANTIC, "vendor_error")


def test_a_climb_takes_no_seat_and_tries_the_present_session(clinic, home):
    async def run():
        async with calling(clinic, KIND, home, ehr_password=f"file:{clinic.unity['password_file']}") as unity:
            await unity.read(PATIENT)
            good = await unity.climb()
            await asyncio.sleep(IDLE_S)
            return good, await unity.climb()

    good, over = asyncio.run(run())
    assert {step.verdict for step in good.steps} == {Verdict.PASSED}
    said = {step.rung: step.says for step in good.steps}
    assert re.search(r"the session of \d+ s is accepted", said[Rung.AUTH])
    assert said[Rung.SCOPE] == "the EHR user was accepted when this session began"
    assert said[Rung.SEMANTIC] == "rows are as they should be, server time and zone agree"
    assert clinic.journal()["unity"]["calls"]["GetUserAuthentication"] == {"200": 1}  # a climb never asks again
    assert (over.broken.rung, over.broken.code) == (Rung.AUTH, "logged_out_idle")
    assert logins(clinic)["issued"] == 1


def test_the_user_of_the_record_system_is_checked_where_one_is_configured(clinic, home, tmp_path):
    wrong = tmp_path / "ehr-password"
    wrong.write_text("canary-wrong-password")
    before = clinic.journal()["unity"]["calls"].get("GetUserAuthentication", {}).get("200", 0)

    async def run():
        right = f"file:{clinic.unity['password_file']}"
        async with calling(clinic, KIND, tmp_path / "right", ehr_password=right) as unity:
            good = await unity.read(PATIENT)
        async with calling(clinic, KIND, home, ehr_password=f"file:{wrong}") as unity:
            return good, [await unity.read(PATIENT) for _ in range(3)]

    good, bad = asyncio.run(run())
    assert good.outcome is Outcome.OK
    assert {(reading.outcome, reading.code) for reading in bad} == {(Outcome.CREDENTIAL_REFUSED, "user_refused")}
    assert clinic.journal()["unity"]["calls"]["GetUserAuthentication"] == {"200": before + 2}
    assert clinic.journal()["unity"]["sessions"]["live"] == 1  # the refused one was handed back


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"password": "canary-password"}, "by reference", id="a password written out"),
        pytest.param({"base_url": "https://user:canary@unity.example"}, "by reference", id="a password in the URL"),
        pytest.param({"actions": {"GetPatient": {"action": "rm -rf"}}}, "action", id="not an action"),
    ],
)
def test_settings_that_cannot_work_are_named_without_their_values(tmp_path, changes, says):
    pretend = Clinic({"epic": {"second_route": "https://x.example"}, "unity": UNITY}, "", "", None, "UTC", 0)
    with pytest.raises(Misconfigured, match=says) as refused:
        allscripts_unity.open_connector(context_without_clock(pretend, tmp_path, changes))
    assert "canary" not in str(refused.value)


UNITY = dict.fromkeys(("base_url",), "https://unity.example") | {
    "app_name": "app",
    "username_file": "u",
    "password_file": "p",
    "patient_id": "1",
}


def context_without_clock(pretend, tmp_path, changes):
    from dataclasses import replace  # noqa: PLC0415

    class Stopped:
        speed = 1.0

    return replace(context_for(replace(pretend, clock=Stopped()), KIND, tmp_path, **changes))


def test_no_password_or_session_is_written_anywhere_but_in_the_private_file(clinic, home, caplog):
    caplog.set_level("DEBUG")

    async def run():
        async with calling(clinic, KIND, home) as unity:
            reading = await unity.read(PATIENT)
            return f"{reading!r}{unity!r}{unity.credential()!r}{await unity.climb()!r}{vars(unity)!r}"

    shown = asyncio.run(run()) + caplog.text
    session = json.loads((home / "tokens" / "allscripts-unity.json").read_text())["value"]
    password = Path(clinic.unity["password_file"]).read_text().strip()
    assert session not in shown
    assert password not in shown
    assert password not in (home / "tokens" / "allscripts-unity.json").read_text()
