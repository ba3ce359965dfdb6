"""Drift: three lines for each value that is not as it was approved, and nothing in them that could name somebody."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.drift import FIRST_SEEN, NOT_SET, Approved, Written, approve, drifted, first_sight, shown, values_of
from models.facts import Change, Side
from models.surface import Part, Surface, Trait
from models.survey import KnownSurface
from tests.builders import EPIC, NOW, an_integration

HOUR = timedelta(hours=1)
FILE = Written("integrations.yaml", NOW + HOUR, "root")
SETTINGS = {"base_url": "https://fhir.example.org/api/FHIR/R4", "private_key": "env:EPIC_KEY"}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def values(**changes):
    return values_of(an_integration(**{"settings": SETTINGS} | changes), digest, EPIC)


def approved(by: str | None = "Integration Team", known=(), **changes) -> Approved:
    return approve(EPIC, values(**changes), known, NOW, by, "told so")


def capabilities(version: str = "10.4") -> KnownSurface:
    surface = Surface.of(Part.CAPABILITIES, [(Trait.SOFTWARE_VERSION, "", version)])
    return KnownSurface(id=f"{EPIC}/capabilities", integration_id=EPIC, surface=surface, recorded_at=NOW + HOUR)


def test_a_timeout_changed_by_hand_is_three_lines_with_who_and_when():
    (drift,) = drifted(approved(), values(sla={"latency_p95": "5s"}), FILE)
    assert drift.lines == (
        "epic-fhir-main  sla.latency_p95  (integrations.yaml, 2025-03-26 14:45 UTC by root)",
        "- 2 s  (approved by Integration Team, 2025-03-26 13:45 UTC)",
        "+ 5 s",
    )


def test_what_is_as_it_was_approved_is_no_drift():
    assert drifted(approved(known=[capabilities()]), values(), FILE, [capabilities()]) == ()


def test_what_nobody_approved_is_compared_with_how_it_was_first_seen():
    (drift,) = drifted(approved(by=None), values(concurrency=2), FILE)
    assert FIRST_SEEN in drift.lines[1]


KEY, ISP2 = SETTINGS | {"private_key": "file:/run/key"}, {"name": "isp2", "base_url": "https://b.example.org"}
SCOPES = SETTINGS | {"scopes": ["system/Patient.rs", "system/Task.rs"]}


@pytest.mark.parametrize(
    ("changes", "key", "before", "after"),
    [
        pytest.param({"concurrency": 2}, "concurrency", "4", "2", id="a number"),
        pytest.param({"routes": [ISP2]}, "routes[isp2]", NOT_SET, "there", id="a new element"),
        pytest.param({"settings": KEY}, "settings.private_key", "env:EPIC_KEY", "file:/run/key", id="a reference"),
        pytest.param(
            {"settings": SCOPES}, "settings.scopes", NOT_SET, "system/Patient.rs, system/Task.rs", id="scopes"
        ),
        pytest.param({"settings": {"private_key": "env:EPIC_KEY"}}, "settings.base_url", None, NOT_SET, id="left out"),
    ],
)
def test_each_value_is_named_by_its_key(changes, key, before, after):
    found = {drift.key: drift for drift in drifted(approved(), values(**changes), FILE)}
    assert found[key].after == after
    assert before is None or found[key].before == before


def test_an_element_keeps_its_name_when_another_is_put_before_it():
    reads = [
        {"operation": "Task.search", "component": "Task API"},
        {"operation": "Patient.search", "component": "Patient API"},
        {"operation": "Appointment.search", "component": "Appointment API", "importance": "critical"},
    ]
    found = [drift.key for drift in drifted(approved(), values(reads=reads), FILE)]
    assert found == ["feeds[Task.search]", "reads[Task.search]"]  # a read is a feed where nobody declares one


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("settings.private_key", "env:EPIC_KEY", "env:EPIC_KEY"),
        ("sla.latency_p95", "PT2S", "2 s"),
        ("settings.deadline", "PT1M30S", "90 s"),
        ("healing", "auto", "auto"),
        ("settings.algorithm", "RS384", "RS384"),
        ("settings.base_url", "https://user:pw@h.example.org:8443", "https://h.example.org:8443"),
        ("contacts.owner", "Integration Team", "Integration Team"),
        ("canary.keep", True, "yes"),
        ("settings.max_bytes", 65536, "65536"),
        ("settings.scopes", ["system/Patient.rs", "openid"], "system/Patient.rs, openid"),
    ],
)
def test_what_can_name_nobody_is_shown(key, value, says):
    assert shown(key, value, digest) == says


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param("settings.searches.Patient.search", "Patient?family=smith&birthdate=1970-01-01", id="a search"),
        pytest.param("settings.calls.Patient.parameters.family", "smith", id="a name among parameters"),
        pytest.param("settings.calls.Patient.parameters.mrn", 4711, id="a number among parameters"),
        pytest.param("settings.record", 1234567, id="a record number"),
        pytest.param("settings.api_key", "hunter", id="a secret in plain"),
        pytest.param("settings.patient", "erXuFYUfucBZaryVksYEcMg3", id="an id of theirs"),
        pytest.param("impact", "late for MRN 123456", id="a remark with a number"),
        pytest.param("settings.base_url", "https://h.example.org/Patient/erXuFYU", id="an id in a path"),
        pytest.param("settings.scopes", ["system/Patient.rs", "for Smith, John"], id="a name in a list"),
    ],
)
def test_what_could_name_somebody_is_a_fingerprint(key, value):
    said = shown(key, value, digest)
    assert "fingerprint " in said
    for word in ("smith", "1970", "4711", "1234567", "hunter", "erXu", "123456", "Smith"):
        assert word not in said


@given(st.text(max_size=60))
def test_a_search_is_never_shown_whatever_it_says(text):
    assert shown("settings.searches.Patient.search", f"Patient?name=CANARY{text}", digest).startswith("(not shown")


def test_a_value_that_is_not_shown_still_drifts_and_two_of_them_look_different():
    searches = [{"searches": {"Patient.search": f"Patient?family={name}"}} for name in ("smith", "jones")]
    was, now = (SETTINGS | one for one in searches)
    (drift,) = drifted(approved(settings=was), values(settings=now), FILE)
    assert drift.before != drift.after
    assert "smith" not in str(drift.lines)
    assert "jones" not in str(drift.lines)


def test_what_the_vendor_says_of_itself_drifts_too():
    (drift,) = drifted(approved(known=[capabilities()]), values(), FILE, [capabilities("10.5")])
    assert (
        drift.lines[0]
        == "epic-fhir-main  software version  (their capability statement, 2025-03-26 14:45 UTC by the vendor)"
    )
    assert (drift.before, drift.after) == ("10.4", "10.5")


def test_a_part_that_was_not_known_when_it_was_approved_is_no_drift_and_is_learned_once():
    assert drifted(approved(), values(), FILE, [capabilities()]) == ()
    learned = first_sight(approved(), capabilities().surface)
    assert first_sight(learned, capabilities("11").surface) is learned
    assert len(drifted(learned, values(), FILE, [capabilities("11")])) == 1


def test_a_field_that_vanished_from_answers_after_the_approval_is_drift():
    told = {
        "integration_id": EPIC,
        "side": Side.THEIRS,
        "kind": "field",
        "says": "field status removed",
        "before": "status",
    }
    changes = [Change(at=NOW + hours * HOUR, **told) for hours in (-1, 1)]
    (drift,) = drifted(approved(), values(), FILE, (), changes)
    assert (drift.before, drift.after, drift.where) == ("status", NOT_SET, "their answer schemas")


def test_an_approval_names_somebody_in_words_that_can_be_kept():
    with pytest.raises(ValidationError):
        approve(EPIC, {}, (), NOW, "", "because")
