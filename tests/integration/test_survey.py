"""What changed on either side is found, kept, and shown on the incident that follows: on real servers and stores."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows import demo_configuration
from models.alert import AlertState
from models.answer_schema import BLOCK, AnswerSchema
from models.card import incident_card
from models.facts import Change, Side
from models.incident import Incident
from models.integration import Integration
from models.report import build_report
from models.surface import Part
from models.survey import KnownSurface, SurveyTurn
from simulator.control import Clinic, start_clinic
from tasks.changes import all_changes, note_configuration, note_deploy, watched
from tasks.credentials import note_ladder
from tasks.house import House, open_house
from tasks.probe import climb, connected, probe_all
from tasks.remember import ask
from tasks.sketches import FOLDER
from tasks.story import tell
from tasks.survey import MOST, learn_answers, survey, survey_due
from tasks.watch import watch_all
from tests.callers import context_for, settings_for
from tests.clocks import MovedClock, a_house
from tests.scenarios.staging import EVERY, clock_of, configure, cycle
from tests.sockets import answer, head_of, serving

EPIC, UNITY = "epic-fhir-prod", "allscripts-unity-prod"
CANARY = "CANARY-Smith-000-12-3456"
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def premises(tmp_path_factory) -> Iterator[Clinic]:
    start = datetime(2026, 3, 3, 15, tzinfo=UTC)
    with start_clinic(tmp_path_factory.mktemp("clinic"), start=start, speed=1.0) as clinic:
        yield clinic


@pytest.fixture
def clinic(premises) -> Iterator[Clinic]:
    yield premises
    premises.mend()


def house_of(clinic: Clinic, home: Path, kind: str = "epic_fhir", **changes: Any) -> House:
    """A house that watches one system, by a clock that stands where the clinic's is now."""
    read = changes.pop("read", "Appointment.search" if kind == "epic_fhir" else "GetPatient")
    integration = Integration(
        id=EPIC if kind == "epic_fhir" else UNITY,
        name=kind,
        kind=kind,
        settings=settings_for(clinic, kind),
        reads=[{"operation": read, "component": read}],
        **changes,
    )
    return a_house(home, MovedClock(clinic.clock.now()), integration)


def surveyed(house: House) -> tuple[Change, ...]:
    return asyncio.run(survey(house, house.configuration.integrations))


def changes(house: House) -> list[Change]:
    return [one for one in all_changes(house, None, house.clock.now() - DAY) if one.side is not Side.BASELINE]


# --- the acceptance of A17 -------------------------------------------------------------------------------------------


@pytest.fixture
def quick(tmp_path) -> Iterator[Clinic]:
    with start_clinic(tmp_path / "clinic", speed=60.0) as clinic:
        yield clinic


def few_calls(page: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**page, "reads": [{**read, "calls": 3} for read in page["reads"]], **changes}


async def diagnosed(configuration: Path, home: Path, clinic: Clinic, most: int = 15) -> tuple[House, Incident]:
    """Rounds until an incident is diagnosed."""
    clock = clock_of(clinic)
    for _ in range(most):
        await clock.sleep(EVERY.total_seconds())
        house = open_house(configuration, home, clock)
        note_configuration(house)
        await survey_due(house)
        incident = await cycle(house)
        if incident is not None and incident.diagnosis:
            return house, incident
    raise AssertionError("no incident was diagnosed")


def test_an_edited_version_is_one_change_event_and_is_shown_on_the_incident_that_follows(quick, tmp_path):
    configuration = configure(tmp_path / "configuration", few_calls(demo_configuration.epic(quick), survey_every="1m"))
    home = tmp_path / "home"

    async def story() -> tuple[House, Incident]:
        clock = clock_of(quick)
        for version in (None, "Epic-like clinic 1.1", "Epic-like clinic 1.1"):
            if version:
                quick.break_("epic", "new_version", version=version)
            house = open_house(configuration, home, clock)
            await survey_due(house)
            await clock.sleep(70)  # past the next turn
        quick.break_("epic", "server_errors", status=500)
        return await diagnosed(configuration, home, quick)

    house, incident = asyncio.run(story())
    (change,) = [one for one in changes(house) if one.side is Side.THEIRS]
    assert (change.kind, change.before, change.after) == (
        "software_version",
        "Epic-like clinic 1.0",
        "Epic-like clinic 1.1",
    )
    assert change.says == "software version Epic-like clinic 1.0 → Epic-like clinic 1.1"
    (factor,) = [one for one in incident.diagnosis.related_factors if one.startswith("Changed on")]
    assert factor.startswith(f"Changed on their side: {change.says} (")
    assert factor.endswith(" before the onset)")
    assert f"Changed before the onset: {change.says}" in [piece.says for piece in incident.diagnosis.evidence]
    story_of = tell(house, EPIC)
    assert change.says in incident_card(story_of)
    assert change.says in json.dumps(build_report(story_of).model_dump(mode="json"), ensure_ascii=False)


def test_a_change_that_no_look_had_seen_before_the_onset_is_found_when_the_incident_is_diagnosed(quick, tmp_path):
    configuration = configure(tmp_path / "configuration", few_calls(demo_configuration.epic(quick), survey_every="24h"))
    home = tmp_path / "home"

    async def story() -> tuple[House, Incident]:
        house = open_house(configuration, home, clock_of(quick))
        await survey_due(house)
        quick.break_("epic", "capability_removed", resource="Appointment", parameter="date", refuses=True)
        quick.break_("epic", "forbidden", operation="Appointment.search")
        return await diagnosed(configuration, home, quick)

    _, incident = asyncio.run(story())
    (factor,) = [one for one in incident.diagnosis.related_factors if one.startswith("Changed on")]
    assert factor.startswith("Changed on their side: search parameter Appointment.date removed")
    assert "between the last look before the onset" in factor


# --- each part -------------------------------------------------------------------------------------------------------


def test_the_first_look_is_a_baseline_of_every_part_and_the_second_finds_nothing(clinic, tmp_path):
    house = house_of(clinic, tmp_path)
    assert surveyed(house) == ()
    assert surveyed(house) == ()
    noted = all_changes(house, None, house.clock.now() - DAY)
    assert {(one.side, one.says) for one in noted} == {
        (Side.BASELINE, "capability statement on record"),
        (Side.BASELINE, "SMART configuration on record"),
        (Side.BASELINE, "keys on record"),
    }
    assert watched(house, EPIC) == (
        "our configuration",
        "their capability statement",
        "their SMART configuration",
        "their keys",
    )


@pytest.mark.parametrize(
    ("system", "fault", "parameters", "says"),
    [
        pytest.param(
            "epic",
            "new_version",
            {"version": "10.5"},
            ["software version Epic-like clinic 1.0 → 10.5"],
            id="software version",
        ),
        pytest.param(
            "epic",
            "capability_removed",
            {"resource": "Appointment", "parameter": "date"},
            ["search parameter Appointment.date removed"],
            id="search parameter",
        ),
        pytest.param(
            "epic",
            "capability_removed",
            {"resource": "VisionPrescription"},
            ["resource VisionPrescription removed"],
            id="resource",
        ),
        pytest.param(
            "epic",
            "keys_rotated",
            {},
            [
                "signing key added (kid clinic-rotated",
                "signing key removed (kid clinic-",
                "signing key removed (kid clin",
            ],
            id="keys",
        ),
        pytest.param(
            "unity", "new_version", {"version": "20.2.0.0"}, ["product version 20.1.0.0 → 20.2.0.0"], id="server info"
        ),
    ],
)
def test_a_drift_of_the_vendor_is_one_event_each_and_going_back_is_another(
    clinic, tmp_path, system, fault, parameters, says
):
    house = house_of(clinic, tmp_path, "epic_fhir" if system == "epic" else "allscripts_unity")
    asyncio.run(probe_all(house))  # Unity tells its version over the session that reads have
    surveyed(house)
    clinic.break_(system, fault, **parameters)
    house.clock.move(HOUR)
    found = surveyed(house)
    assert len(found) == len(says)
    assert all(any(one.says.startswith(word) for one in found) for word in says)
    assert sorted(changes(house), key=str) == sorted(found, key=str)
    clinic.mend()
    house.clock.move(HOUR)
    assert len(surveyed(house)) == len(says)


def test_another_issuer_and_a_renewal_are_told_from_what_the_credential_ledger_saw(clinic, tmp_path):
    house = house_of(clinic, tmp_path)
    (integration,) = house.configuration.integrations

    def look() -> tuple[Change, ...]:
        house.clock.move(HOUR)
        ladder, _ = asyncio.run(climb(house, integration))
        note_ladder(house, integration, ladder)
        return surveyed(house)

    look()
    clinic.break_("epic", "bad_certificate", shows="issuer")
    (issuer,) = look()
    assert issuer.says == "certificate issuer changed Clinic test authority → Clinic second authority"
    clinic.break_("epic", "bad_certificate", shows="ending", days=40)
    found = look()
    assert [one.says for one in found] == ["certificate issuer changed Clinic second authority → Clinic test authority"]
    clinic.break_("epic", "bad_certificate", shows="ending", days=90)
    (renewed,) = look()
    assert renewed.says.startswith("certificate renewed: ends 2026-0")
    assert "their certificate or host key" in watched(house, EPIC)


def test_a_field_that_vanished_from_real_answers_is_a_change_after_twenty_of_them(clinic, tmp_path):
    house = house_of(clinic, tmp_path, survey_every="20m")  # so that every cycle is sampled

    def read_and_learn(times: int) -> list[Change]:
        found: list[Change] = []
        for _ in range(times):
            asyncio.run(probe_all(house))
            found += learn_answers(house)
        return found

    assert read_and_learn(BLOCK) == []
    assert "their answer schemas" in watched(house, EPIC)
    clinic.break_("epic", "schema_changed", operation="Appointment.search", field="minutesDuration", how="removed")
    (change,) = read_and_learn(BLOCK)
    assert change.says == ("field Appointment.minutesDuration in answers of Appointment.search vanished (was number)")
    assert (change.side, change.kind, change.before, change.after) == (Side.THEIRS, "field", "number", None)
    clinic.break_("epic", "schema_changed", operation="Appointment.search", field="status", how="retyped")
    told = {one.says for one in read_and_learn(BLOCK)}
    assert told == {
        "field Appointment.minutesDuration in answers of Appointment.search is new (number)",
        "field Appointment.status in answers of Appointment.search string → number",
    }
    (schema,) = house.ledger.all_kept(AnswerSchema)
    kept = schema.model_dump_json() + (tmp_path / FOLDER / f"{EPIC}.json").read_text()
    assert "estpatient" not in kept
    assert "booked" not in kept


def test_a_torn_tally_counts_as_none(clinic, tmp_path):
    house = house_of(clinic, tmp_path, survey_every="20m")
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / f"{EPIC}.json").write_text('{"Appointment.search": {"answers": {"Bund')
    asyncio.run(probe_all(house))
    assert learn_answers(house) == ()
    tallies = json.loads((tmp_path / FOLDER / f"{EPIC}.json").read_text())
    assert tallies["Appointment.search"]["answers"]["Bundle"] == 1


# --- turns, costs, alerts --------------------------------------------------------------------------------------------


def test_a_system_is_asked_at_most_once_in_its_interval_and_what_that_cost_is_remembered(clinic, tmp_path):
    house = house_of(clinic, tmp_path)

    def calls() -> int:
        return sum(clinic.journal()["epic"]["calls"].get("metadata", {}).values())

    before = calls()
    for minutes in (0, 1, 58, 1, 7):
        house.clock.move(timedelta(minutes=minutes))
        asyncio.run(survey_due(house, draw=lambda: 0.5))
    assert calls() - before == 2
    question = "SELECT metric, count(*) AS samples, min(value) > 0 AS measured FROM gauges GROUP BY ALL ORDER BY metric"
    assert ask(tmp_path, question) == [
        {"metric": "survey_duration", "samples": 2, "measured": True},
        {"metric": "survey_parts", "samples": 2, "measured": True},
        {"metric": "survey_received", "samples": 2, "measured": True},
    ]


def test_not_everybody_is_asked_at_once(clinic, tmp_path):
    (one,) = house_of(clinic, tmp_path).configuration.integrations
    many = [one.model_copy(update={"id": f"{EPIC}-{n}"}) for n in range(MOST + 5)]
    house = a_house(tmp_path, MovedClock(clinic.clock.now()), *many)
    asyncio.run(survey_due(house))
    assert len(house.ledger.all_kept(SurveyTurn)) == MOST
    asyncio.run(survey_due(house))
    assert len(house.ledger.all_kept(SurveyTurn)) == MOST + 5


def test_what_a_declared_read_needs_is_an_alert_while_it_is_missing(clinic, tmp_path):
    house = house_of(clinic, tmp_path)

    def alerts() -> list[tuple[str, AlertState]]:
        changed = asyncio.run(watch_all(house))
        return [(alert.id, alert.state) for alert in changed if alert.watch == "drift"]

    surveyed(house)
    assert alerts() == []
    clinic.break_("epic", "capability_removed", resource="Appointment", parameter="_count")
    clinic.break_("epic", "new_version", version="11.0")
    surveyed(house)
    name = f"ALT-drift/{EPIC}/search_parameter:Appointment._count"
    assert alerts() == [(name, AlertState.RAISED)]
    assert alerts() == []
    clinic.mend()
    surveyed(house)
    assert alerts() == [(name, AlertState.CLEARED)]


def test_a_system_that_answers_nothing_teaches_nothing_and_keeps_what_is_known(clinic, tmp_path):
    house = house_of(clinic, tmp_path)
    surveyed(house)
    known = house.ledger.all_kept(KnownSurface)
    for fault in ("refused", "html_page", "server_errors", "malformed_json"):
        clinic.break_("epic", fault)
        house.clock.move(HOUR)
        assert [one for one in surveyed(house) if one.kind != "signing_key"] == []
        clinic.mend()
    assert house.ledger.all_kept(KnownSurface) == known
    assert house.ledger.verify_audit().intact


HOSTILE = [
    pytest.param(json.dumps({"resourceType": "CapabilityStatement", "software": {"name": CANARY, "version": CANARY},
        "rest": [{"resource": [{"type": "Patient", "searchParam": [{"name": CANARY}]}, {"type": CANARY}]}],
        "token_endpoint": f"https://{CANARY}.example/{CANARY}", "jwks_uri": "https://169.254.169.254/latest"}),
        id="names everywhere"),
    pytest.param("[" * 100_000, id="nested beyond reason"),
    pytest.param('{"a": ' * 50_000 + "1" + "}" * 50_000, id="nested objects"),
    pytest.param(json.dumps({"token_endpoint": "https://h/t", "jwks_uri": "file:///etc/passwd"}), id="another scheme"),
    pytest.param(json.dumps({"token_endpoint": "https://h/t", "jwks_uri": 7, "capabilities": {}}), id="wrong types"),
    pytest.param("x" * (2 << 20), id="too large"),
    pytest.param("", id="nothing"),
]  # fmt: skip


@pytest.mark.parametrize("body", HOSTILE)
def test_whatever_is_published_is_survived_and_no_name_of_it_kept(clinic, tmp_path, body):
    asked: list[bytes] = []

    async def tells(reader, writer):
        while head := await head_of(reader):
            asked.append(head.split(b" ", 2)[1])
            writer.write(answer(body.encode()))

    async def run():
        async with serving(tells) as port:
            base = f"http://127.0.0.1:{port}"
            context = context_for(clinic, "epic_fhir", tmp_path, base_url=base, token_url=f"{base}/token")
            house = a_house(tmp_path, MovedClock(clinic.clock.now()), context.integration)
            await survey(house, house.configuration.integrations)
            async with connected(house, context.integration) as connector:
                return await connector.survey(), connector.open_connections

    surfaces, _ = asyncio.run(run())
    assert {path for path in asked if not path.endswith((b"/metadata", b"/smart-configuration"))} == set()
    assert "Smith" not in "".join(one.model_dump_json() for one in surfaces)
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"Smith" not in path.read_bytes()


def test_a_body_without_end_is_left_at_the_deadline(clinic, tmp_path):
    async def drips(reader, writer):
        while await head_of(reader):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{")
            while not writer.is_closing():
                writer.write(b" ")
                await asyncio.sleep(0.02)

    async def run():
        async with serving(drips) as port:
            base = f"http://127.0.0.1:{port}"
            context = context_for(clinic, "epic_fhir", tmp_path, base_url=base, token_url=f"{base}/token")
            house = a_house(tmp_path, MovedClock(clinic.clock.now()), context.integration)
            tuning = context.tuning.model_copy(update={"deadline_s": 0.5})
            async with connected(house, context.integration, tuning) as connector:
                return await asyncio.wait_for(connector.survey(), 20)

    assert asyncio.run(run()) == ()


# --- our own side ----------------------------------------------------------------------------------------------------


def test_an_edit_of_one_entry_is_one_event_that_names_its_keys_and_no_value(clinic, tmp_path):
    pages = [few_calls(demo_configuration.epic(clinic)), few_calls(demo_configuration.unity(clinic))]
    pages[1]["settings"]["actions"]["GetPatient"]["parameters"]["PatientID"] = CANARY
    configuration, home = configure(tmp_path / "configuration", *pages), tmp_path / "home"

    def noted() -> list[Change]:
        return list(note_configuration(open_house(configuration, home, clock_of(clinic))))

    first = noted()
    assert {(one.integration_id, one.side) for one in first} == {
        (EPIC, Side.BASELINE),
        (UNITY, Side.BASELINE),
        ("heal", Side.BASELINE),
    }
    assert noted() == []
    pages[0] |= {"sla": {"error_rate": "7%"}, "impact": "Late"}
    configure(configuration, *pages)
    (edited,) = noted()
    assert (edited.integration_id, edited.side, edited.kind) == (EPIC, Side.OURS, "configuration")
    assert edited.says == "configuration changed: impact, sla.error_rate"
    assert edited.before != edited.after
    policy = demo_configuration.policy() | {"min_confidence": "90%"}
    (configuration / "policy.yaml").write_text(json.dumps(policy))
    (edited,) = noted()
    assert (edited.integration_id, edited.says) == ("heal", "policy changed: min_confidence")
    ledger = b"".join(path.read_bytes() for path in home.glob("ledger.sqlite*"))
    assert b"Smith" not in ledger
    assert b"settings.base_url" in ledger


def test_a_deploy_is_noted_once_for_whom_it_concerns(clinic, tmp_path):
    house = house_of(clinic, tmp_path)
    at = house.clock.now() - HOUR
    told = note_deploy(house, "eyewear-ML", "2026.11.3", "2026.11.2", at)
    assert [(one.integration_id, one.says) for one in told] == [(EPIC, "eyewear-ML deployed: 2026.11.2 → 2026.11.3")]
    assert note_deploy(house, "eyewear-ML", "2026.11.3", "2026.11.2", at, [EPIC]) == ()
    assert changes(house) == list(told)


def test_every_part_that_is_surveyed_is_one_that_is_named():
    assert {part.says for part in Part} == {
        "capability statement",
        "SMART configuration",
        "keys",
        "certificate or host key",
        "server info",
        "answer schemas",
    }
