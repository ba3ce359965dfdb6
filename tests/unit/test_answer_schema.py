"""What answers look like, learned from answers: what comes, goes and changes, and what merely varies."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.answer_schema import (
    BLOCK,
    AnswerSchema,
    Tally,
    is_complete,
    is_sampled,
    settled,
    sketch,
    tallied,
)
from tests.builders import EPIC, NOW

OPERATION = "Appointment.search"
EMPTY: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "total": 0}
CANARY = "CANARY-Smith-000-12-3456"


def bundle(*appointments: dict[str, Any]) -> dict[str, Any]:
    entries = [{"resource": {"resourceType": "Appointment", **one}} for one in appointments]
    return EMPTY | {"total": len(entries), "entry": entries} if entries else EMPTY


def learned(*answers: Any, schema: AnswerSchema | None = None):
    """The schema after these answers, with everything that was found to differ on the way."""
    schema = schema or AnswerSchema(id=f"{EPIC}/{OPERATION}", integration_id=EPIC, operation=OPERATION)
    tally, found = Tally(), []
    for nth, answer in enumerate(answers):
        at = NOW + nth * timedelta(minutes=3)
        tally = tallied(tally, sketch(answer, "answer"), at)
        if is_complete(tally):
            schema, tally, differences = settled(schema, tally, at)
            found += differences
    return schema, [one.says for one in found]


USUAL = bundle({"id": "1", "status": "booked", "start": "2026-03-03"}, {"id": "2", "status": "booked", "start": "x"})


def block(answer: Any) -> list[Any]:
    return [answer] * BLOCK


def test_a_sketch_holds_names_and_types_and_no_value():
    shape = sketch(bundle({"id": CANARY, "minutes": 20, "participant": [{"actor": {"display": CANARY}}]}), "answer")
    assert {path: {name: set(seen.types) for name, seen in fields.items()} for path, fields in shape.items()} == {
        "Bundle": {"resourceType": {"string"}, "type": {"string"}, "total": {"number"}, "entry": {"list"}},
        "Bundle.entry": {"resource": {"object"}},
        "Appointment": {
            "resourceType": {"string"},
            "id": {"string"},
            "minutes": {"number"},
            "participant": {"list"},
        },
        "Appointment.participant": {"actor": {"object"}},
        "Appointment.participant.actor": {"display": {"string"}},
    }


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        pytest.param(
            USUAL,
            bundle({"id": "1", "status": "booked"}),
            "field Appointment.start in answers of Appointment.search vanished (was string)",
            id="gone",
        ),
        pytest.param(
            USUAL,
            bundle({"id": "1", "status": "booked", "start": "x", "slot": []}),
            "field Appointment.slot in answers of Appointment.search is new (list)",
            id="new",
        ),
        pytest.param(
            USUAL,
            bundle({"id": "1", "status": "booked", "start": 1}),
            "field Appointment.start in answers of Appointment.search string → number",
            id="another type",
        ),
        pytest.param(
            USUAL,
            bundle({"id": "1", "status": "booked", "start": None}),
            "field Appointment.start in answers of Appointment.search vanished (was string)",
            id="null is not there",
        ),
    ],
)
def test_a_change_of_shape_is_told_once(before, after, says):
    schema, found = learned(*block(before), *block(after), *block(after))
    assert found == [says]
    assert schema.changed_at is not None
    assert schema.stood_until is not None
    assert schema.stood_until <= schema.changed_at


def test_a_change_is_not_told_before_twenty_answers_show_it():
    after = bundle({"id": "1", "status": "booked"})
    assert learned(*block(USUAL), *[after] * (BLOCK - 1))[1] == []


def test_fields_that_are_there_sometimes_never_speak():
    with_note, without = bundle({"id": "1", "note": "x"}), bundle({"id": "1"})
    mixed = [with_note, without] * BLOCK
    assert learned(*mixed, *block(with_note), *block(without), *mixed, *block(with_note))[1] == []


def test_a_field_that_one_of_several_lacks_is_optional():
    both = bundle({"id": "1", "note": "x"}, {"id": "2"})
    assert learned(*block(both), *block(bundle({"id": "1"})))[1] == []


def test_a_quiet_night_says_nothing_of_what_it_does_not_show():
    schema, found = learned(*block(USUAL), *[EMPTY] * 10 * BLOCK)
    assert [says for says in found if "Appointment" in says.replace(OPERATION, "")] == []
    assert schema.objects["Appointment"]["start"].always


def test_whole_and_broken_numbers_are_one_type():
    assert learned(*block(bundle({"sphere": 1})), *block(bundle({"sphere": -1.25})))[1] == []


def test_one_row_as_an_object_is_the_row_of_a_list():
    assert sketch([{"ID": "1"}], "row") == sketch({"ID": "1"}, "row")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({CANARY: 1, "123456": 2, "a b": 3, "": 4, "ok": 5}, id="keys that are data"),
        pytest.param({"Doe": {"ok": 1}, "Roe": {"ok": 2}}, id="records by the name of whom they are about"),
        pytest.param(
            {f"key{letter}": 1 for letter in map(chr, range(97, 123))} | {f"k{n}_{n}": 1 for n in range(50)},
            id="a table of data",
        ),
    ],
)
def test_keys_that_are_data_are_not_learned(answer):
    shape = sketch(answer, "row")
    assert {name for fields in shape.values() for name in fields} <= {"ok"}


def test_an_answer_beyond_all_measure_is_not_sketched():
    assert sketch([[{"a": 1}] * 300 for _ in range(300)], "row") is None
    deep: Any = {"a": 1}
    for _ in range(500):
        deep = {"a": deep}
    assert len(sketch(deep, "row")) < 12


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=30,
)


@given(st.lists(anything, min_size=1, max_size=4))
def test_whatever_is_answered_is_learned_without_its_values_and_the_same_never_differs(answers):
    shapes = [shape for answer in answers if (shape := sketch(answer, "row"))]
    tally = Tally()
    for shape in shapes * BLOCK:
        tally = tallied(tally, shape, NOW)
    assert Tally.model_validate_json(tally.model_dump_json()) == tally
    schema = AnswerSchema(id="x/y", integration_id=EPIC, operation=OPERATION)
    once, left, _ = settled(schema, tally, NOW)
    assert not is_complete(left)
    assert settled(once, tally, NOW)[2] == ()


@given(st.text("abcdefgh-", min_size=1, max_size=12), st.sampled_from([1, 5, 60, 300, 3600]), st.integers(60, 86_400))
def test_one_interval_of_surveys_brings_a_block_of_answers(name, every_s, survey_s):
    every, survey_every = timedelta(seconds=every_s), timedelta(seconds=survey_s)
    begin = datetime(2026, 3, 3, tzinfo=UTC)
    rounds = max(1, survey_s // every_s)
    taken = sum(is_sampled(name, OPERATION, every, survey_every, begin + n * every) for n in range(min(rounds, 4000)))
    if rounds <= 4000:
        assert min(rounds, BLOCK) - 1 <= taken <= max(2 * BLOCK, 1)


def test_a_schema_in_the_ledger_holds_no_value():
    schema, _ = learned(*block(bundle({"id": CANARY, "name": [{"family": CANARY}], "birthDate": "1980-01-01"})))
    kept = json.dumps(schema.model_dump(mode="json"))
    assert "Smith" not in kept
    assert "1980" not in kept
