"""Clues that are more than a comparison: what they say of what is there, of what is not, and of what nobody knows."""

from __future__ import annotations

import pytest

from models.codes import meaning, table
from models.credential import Credential
from models.diagnosis import look
from models.facts import Change, Part, Side
from models.indication import Indication, IndicationKind
from models.reading import Outcome
from models.signatures._clues import names_no_cause
from models.signatures._identity import at_the_licence, key_was_rotated, lacks_scopes
from models.signatures.capacity import only_searches_slow
from models.signatures.fhir import only_exports_fail
from tests.builders import EPIC, NOW, some_facts


def part(operation: str, latency_ms: float | None, usual_ms: float | None = 100.0) -> Part:
    return Part(operation=operation, component="x", calls=9, failed=0, latency_ms=latency_ms, usual_latency_ms=usual_ms)


@pytest.mark.parametrize(
    ("parts", "slow"),
    [
        pytest.param(
            (part("Patient.search", 300), part("Patient.read", 149)), True, id="S20: three times, and as ever"
        ),
        pytest.param((part("Patient.search", 299), part("Patient.read", 100)), False, id="not three times"),
        pytest.param((part("Patient.search", 300), part("Patient.read", 150)), False, id="single records as well"),
        pytest.param((part("Patient.search", 300), part("X.search", 100), part("Y.read", 100)), False, id="one of two"),
        pytest.param((part("Patient.search", 900),), None, id="no single record is asked for"),
        pytest.param(
            (part("Patient.search", 900, None), part("Patient.read", 100)), False, id="nothing usual is known"
        ),
        pytest.param((), False, id="nothing was called"),
    ],
)
def test_searches_are_told_from_reads(parts, slow):
    assert only_searches_slow(some_facts(parts=parts)) is slow


@pytest.mark.parametrize(
    ("codes", "allowed", "is_held_back"),
    [
        pytest.param({"patient_merged": 10}, (), True, id="another cause is named"),
        pytest.param({"patient_merged": 5}, (), True, id="by half of the failures"),
        pytest.param({"patient_merged": 4}, (), False, id="by fewer"),
        pytest.param({"patient_merged": 3, "record_locked": 3}, (), True, id="by two codes together"),
        pytest.param({"patient_merged": 10}, ("patient_merged",), False, id="it is this very cause"),
        pytest.param({"invalid": 10}, (), False, id="a code that names none"),
    ],
)
def test_a_general_cause_is_held_back_where_the_answers_name_another(codes, allowed, is_held_back):
    facts = some_facts(failed=10, shares={Outcome.CLIENT_ERROR: 0.5, Outcome.OK: 0.5}, codes=codes)
    piece = look(facts, names_no_cause(*allowed))
    assert (piece is not None and piece.weight < -5) is is_held_back


ROTATED = Indication(kind=IndicationKind.KEY_ROTATED, value=900)
NEW_KEY = Change(integration_id=EPIC, at=NOW, side=Side.OURS, says="another key", kind="jwks_key")


@pytest.mark.parametrize(
    ("told", "rotated"),
    [
        pytest.param({"indications": (ROTATED,)}, True, id="a watch says so"),
        pytest.param({"changes": (NEW_KEY,)}, True, id="a change says so"),
        pytest.param({"looked_for": frozenset({IndicationKind.KEY_ROTATED})}, False, id="looked for, and not so"),
        pytest.param({}, None, id="nobody looked"),
    ],
)
def test_a_key_that_was_replaced_is_told_from_one_that_nobody_looked_at(told, rotated):
    assert key_was_rotated(some_facts(**told)) is rotated


def token(granted: tuple[str, ...] | None) -> Credential:
    return Credential(integration_id=EPIC, granted=granted, required=("system/Patient.s",))


@pytest.mark.parametrize(
    ("told", "lacks"),
    [
        pytest.param({"credential": token(("system/Patient.rs",))}, False, id="all is granted"),
        pytest.param({"credential": token(("system/Appointment.rs",))}, True, id="not what is read"),
        pytest.param({"credential": token(None)}, None, id="the issuer names no scopes"),
        pytest.param({"codes": {"invalid_scope": 3}}, True, id="refused for its scopes"),
        pytest.param(
            {"looked_for": frozenset({IndicationKind.SCOPES_MISSING})}, False, id="a watch found none missing"
        ),
        pytest.param({}, None, id="nothing is known"),
    ],
)
def test_a_token_that_lacks_scopes_is_told_from_one_of_which_nothing_is_known(told, lacks):
    assert lacks_scopes(some_facts(**told)) is lacks


@pytest.mark.parametrize(
    ("shares", "codes", "share"),
    [
        pytest.param({Outcome.CREDENTIAL_REFUSED: 0.5}, {"licence_expired": 10}, 1.0, id="refused at GetToken"),
        pytest.param({Outcome.CREDENTIAL_REFUSED: 0.5}, {"user_refused": 10}, 0.0, id="it is the user who is refused"),
        pytest.param({Outcome.MALFORMED: 0.5}, {"no_token": 10}, 1.0, id="what came is no token"),
        pytest.param({Outcome.MALFORMED: 0.5}, {"html_page": 10}, 0.0, id="what came is a page"),
    ],
)
def test_a_licence_is_told_from_the_user_behind_it(shares, codes, share):
    assert at_the_licence(some_facts(failed=10, shares=shares, codes=codes)) == share


@pytest.mark.parametrize(
    ("affected", "only"),
    [(("Export.status", "Patient.export"), True), (("Export.status", "Patient.search"), False), ((), None)],
)
def test_the_calls_of_a_bulk_job_are_told_from_others(affected, only):
    assert only_exports_fail(some_facts(affected=affected)) is only


def test_a_table_is_read_once_and_what_it_means_is_an_outcome():
    assert table("unity") is table("unity")
    assert meaning(table("hl7")["errors"]["206"]) == (Outcome.SERVER_ERROR, "record_locked")
    with pytest.raises(TypeError):
        table("unity")["wording"] = []
    with pytest.raises(ValueError, match="mostly_harmless"):
        meaning({"outcome": "mostly_harmless", "code": "x"})
