"""Whose turn it is to be asked, and what a new look changes in what is known."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.facts import Side
from models.surface import Part, Surface, Trait
from models.survey import REMEMBERED, KnownSurface, SurveyTurn, due, first_seen, next_turn, noted, recorded, subject_of
from tests.builders import EPIC, NOW, an_integration

HOUR = timedelta(hours=1)
DATE = (Trait.SEARCH_PARAMETER, "Appointment.date")
INTEGRATIONS = tuple(an_integration(id=f"system-{n}") for n in range(5))


def a_turn(n: int, next_at=NOW) -> SurveyTurn:
    return SurveyTurn(id=f"system-{n}", integration_id=f"system-{n}", next_at=next_at)


def offering(*facts: tuple[Trait, str], part: Part = Part.CAPABILITIES, version: str = "10.4") -> Surface:
    return Surface.of(part, [(Trait.SOFTWARE_VERSION, "", version), *((trait, name, "") for trait, name in facts)])


def a_certificate(fingerprint: str) -> Surface:
    return Surface.of(Part.CERTIFICATE, [(Trait.CERTIFICATE, "", fingerprint)])


def looked(known, surface, hours, in_use=(DATE,), last_look=None):
    at = NOW + hours * HOUR
    return recorded(known, EPIC, surface, set(in_use), at, last_look or at - HOUR)


def test_those_never_seen_come_first_then_those_that_wait_longest():
    turns = {t.id: t for t in (a_turn(0, NOW + HOUR), a_turn(1, NOW - HOUR), a_turn(2), a_turn(3, NOW - 2 * HOUR))}
    assert [one.id for one in due(INTEGRATIONS, turns, NOW, 9)] == ["system-4", "system-3", "system-1", "system-2"]
    assert [one.id for one in due(INTEGRATIONS, turns, NOW, 2)] == ["system-4", "system-3"]


@given(st.floats(0, 0.999), st.sampled_from([1.0, 0.5, 0.1]))
def test_a_system_is_never_asked_more_often_than_was_agreed(draw, pace):
    integration = an_integration(survey_every="1h")
    turn = next_turn(None, integration, [offering()], NOW, pace, draw)
    assert HOUR / pace <= turn.next_at - NOW < 1.1 * HOUR / pace + timedelta(seconds=1)
    assert due([integration], {integration.id: turn}, NOW + HOUR / pace - timedelta(seconds=1), 9) == ()


def test_a_part_that_could_not_be_seen_keeps_when_it_was_seen_last():
    integration = an_integration()
    first = next_turn(None, integration, [offering(), a_certificate("a")], NOW, 1.0, 0.0)
    later = next_turn(first, integration, [offering()], NOW + HOUR, 1.0, 0.0)
    assert later.looked == {Part.CAPABILITIES: NOW + HOUR, Part.CERTIFICATE: NOW}


def test_the_first_look_is_the_baseline_and_differs_from_nothing():
    known, found = looked(None, offering(DATE), 0)
    assert found == ()
    assert (known.id, known.state, known.stood_until) == (f"{EPIC}/capabilities", "calm", None)
    note = first_seen(known)
    assert (note.side, note.says, note.at) == (Side.BASELINE, "capability statement on record", NOW)


def test_the_same_again_changes_nothing_at_all():
    known, _ = looked(None, offering(DATE), 0)
    assert looked(known, offering(DATE), 1) == (known, ())


def test_a_change_is_told_once_with_the_time_until_which_the_old_state_was_seen():
    known, _ = looked(None, offering(version="10.4"), 0)
    after, (found,) = looked(known, offering(version="10.5"), 2, last_look=NOW + HOUR)
    assert (after.recorded_at, after.stood_until) == (NOW + 2 * HOUR, NOW + HOUR)
    change = noted(EPIC, found, after.recorded_at)
    assert (change.side, change.kind, change.before, change.after) == (Side.THEIRS, "software_version", "10.4", "10.5")
    assert looked(after, offering(version="10.5"), 3) == (after, ())


def test_what_a_declared_read_uses_is_trouble_until_it_is_back_or_not_used_any_more():
    known, _ = looked(None, offering(DATE), 0)
    lost, _ = looked(known, offering(), 1)
    assert (lost.state, [one.subject for one in lost.troubles]) == ("troubled", ["search_parameter:Appointment.date"])
    assert lost.troubles[0].says == "search parameter Appointment.date removed, and a declared read uses it"
    still, _ = looked(lost, offering(), 2)
    assert still.troubles == lost.troubles, "since when it is missing does not move"
    assert looked(still, offering(DATE), 3)[0].state == "calm"
    assert looked(still, offering(), 3, in_use=())[0].state == "calm"


def test_what_nobody_uses_is_a_change_and_no_trouble():
    known, _ = looked(None, offering(DATE), 0)
    after, found = looked(known, offering(), 1, in_use=())
    assert len(found) == 1
    assert after.state == "calm"


def test_a_machine_behind_the_same_name_is_news_once_a_week():
    known, _ = looked(None, a_certificate("a" * 8), 0)
    told = []
    for hour in range(1, 30):
        known, found = looked(known, a_certificate("ab"[hour % 2] * 8), hour)
        told += found
    assert [one.after for one in told] == ["bbbbbbbb"]
    known, found = looked(known, a_certificate("c" * 8), 31)
    known, again = looked(known, a_certificate("a" * 8), 31 + 1 + REMEMBERED / HOUR)
    assert (len(found), len(again)) == (1, 1)


def test_a_version_that_goes_back_is_news_each_time():
    known, _ = looked(None, offering(version="1"), 0)
    known, forth = looked(known, offering(version="2"), 1)
    known, back = looked(known, offering(version="1"), 2)
    assert [one.says for one in (*forth, *back)] == ["software version 1 → 2", "software version 2 → 1"]


@pytest.mark.parametrize(
    ("trait", "name", "subject"),
    [
        (Trait.SCOPE, "system/*.rs", "scope:system.any.rs"),
        (Trait.SIGNING_ALGORITHM, "RS384", "signing_algorithm:RS384"),
        (Trait.RESOURCE, "x" * 90, "resource:" + "x" * 55),
    ],
)
def test_a_subject_is_a_code(trait, name, subject):
    assert subject_of(trait, name) == subject


def test_a_known_surface_survives_the_ledger():
    known, _ = looked(None, offering(DATE), 0)
    assert KnownSurface.model_validate_json(known.model_dump_json()) == known
