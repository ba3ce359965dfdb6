"""A diagnosis from real sockets to the screen, and every sentence of it measured again."""

from __future__ import annotations

import pytest

from flows import demo_configuration
from flows.commands import diagnose as command
from flows.commands import evidence as evidence_command
from models.errors import BadInput
from models.evidence import numbered
from models.signature import EvidenceKind
from simulator.control import Clinic, start_clinic
from tasks.evidence import find, from_now, from_record
from tasks.house import House, open_house
from tests.scenarios.staging import SPEED, clock_of, configure, cycles

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def clinic(tmp_path_factory):
    with start_clinic(tmp_path_factory.mktemp("clinic"), speed=SPEED, systems=("epic",)) as clinic:
        yield clinic


@pytest.fixture(scope="module")
async def limited(clinic: Clinic, tmp_path_factory) -> House:
    """An incident of a rate limit, diagnosed, with nothing allowed that would heal it."""
    folder = tmp_path_factory.mktemp("limited")
    configuration = configure(folder / "deployments", demo_configuration.epic(clinic))
    page = configuration / "policy.yaml"
    page.write_text("version: none-1\nowner: Integration Team\nchannels: [{route: console}]\n", encoding="utf-8")
    clinic.break_("epic", "rate_limit", per_minute=20)
    clock = clock_of(clinic)
    found = await cycles(configuration, folder, clock, 12, lambda _, incident: incident.diagnosis is not None)
    assert found is not None
    return open_house(configuration, folder, clock)


def the_incident(house: House) -> str:
    return house.ledger.incidents()[0].id


async def test_the_cause_is_named_with_evidence_of_several_kinds_and_others_are_ruled_out(limited):
    known = limited.ledger.incident(the_incident(limited)).diagnosis
    assert known.cause == "rate_limited"
    assert {EvidenceKind.READINGS, EvidenceKind.LADDER} <= {piece.kind for piece in known.evidence}
    assert len(known.hypotheses) >= 3
    assert {"black_hole", "server_errors"} & {one.cause for one in known.ruled_out}


async def test_every_sentence_comes_out_of_the_record_again(limited):
    incident = limited.ledger.incident(the_incident(limited))
    told = numbered(incident.id, incident.diagnosis)
    again = [from_record(limited, one.ref) for one in told]
    assert [one.told.piece.says for one in again if not one.is_same] == []


async def test_it_can_be_measured_again_now(limited):
    incident = limited.ledger.incident(the_incident(limited))
    refused = next(
        one for one in numbered(incident.id, incident.diagnosis) if "429" in one.piece.says and one.piece.supports
    )
    assert (await from_now(limited, refused.ref)).again is not None


def test_the_command_shows_what_was_weighed_and_what_was_ruled_out(limited, monkeypatch, capsys):
    monkeypatch.setattr(command, "house_of", lambda *_, **__: limited)
    assert command.command(the_incident(limited), stored=True, as_json=False) == 0
    shown = capsys.readouterr().out
    assert "rate_limited" in shown
    assert "Ruled out" in shown
    assert "killed by" in shown
    assert f"EV-{the_incident(limited).removeprefix('INC-')}-01" in shown
    assert "Retry: retry after" in shown


def test_evidence_is_shown_then_and_now(limited, monkeypatch, capsys):
    monkeypatch.setattr(evidence_command, "house_of", lambda *_, **__: limited)
    ref = f"EV-{the_incident(limited).removeprefix('INC-')}-01"
    assert evidence_command.command(ref, now=False) == 0
    shown = capsys.readouterr().out
    assert shown.count("\n") == 3
    assert "From the record: " in shown


@pytest.mark.parametrize(
    ("ref", "says"),
    [
        pytest.param("EV-17", "is no reference", id="not one"),
        pytest.param("EV-2020-01-01-001-01", "knows no incident", id="of no incident"),
    ],
)
def test_a_reference_that_leads_nowhere_is_refused_in_a_sentence(limited, ref, says):
    with pytest.raises(BadInput, match=says):
        find(limited, ref)


def test_a_number_that_is_too_high_says_how_many_there_are(limited):
    with pytest.raises(BadInput, match=r"has \d+ pieces of evidence"):
        find(limited, f"EV-{the_incident(limited).removeprefix('INC-')}-999")


def test_an_incident_that_is_unknown_is_refused_in_a_sentence(limited, monkeypatch):
    monkeypatch.setattr(command, "house_of", lambda *_, **__: limited)
    with pytest.raises(BadInput, match="knows no incident"):
        command.command("INC-2020-01-01-001", stored=True, as_json=False)
