"""A field that comes empty more often than it used to is told; what varies by chance is not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.answer_schema import AnswerSchema, Tally, is_complete, settled, sketch, tallied
from models.emptier import REMEMBERED, Emptier, Filled, is_emptier, now_empty
from tests.builders import EPIC, NOW

OPERATION = "Appointment.list"


@pytest.mark.parametrize(
    ("usual", "now", "told"),
    [
        pytest.param((40, 40), (20, 40), True, id="half of what was always there"),
        pytest.param((40, 40), (37, 40), False, id="three of forty are not felt"),
        pytest.param((20, 40), (17, 40), False, id="a field that is there half of the time varies"),
        pytest.param((20, 40), (2, 40), True, id="… and one that is hardly there any more"),
        pytest.param((4, 4), (0, 4), False, id="four records prove nothing"),
        pytest.param((10, 10), (7, 10), False, id="three of ten may be chance"),
        pytest.param((20, 40), (40, 40), False, id="fuller is no trouble"),
    ],
)
def test_a_field_is_emptier_when_that_is_felt_and_no_chance(usual, now, told):
    assert is_emptier(Filled(held=usual[0], of=usual[1]), Filled(held=now[0], of=now[1])) is told


counts = st.integers(0, 300).flatmap(lambda of: st.builds(lambda held: Filled(held=held, of=of), st.integers(0, of)))


@given(counts, counts)
def test_a_share_is_never_emptier_than_itself_and_sums_stay_within_what_is_remembered(one, other):
    assert not is_emptier(one, one)
    both = one.more(other)
    assert 0 <= both.held <= both.of <= REMEMBERED
    assert 0 <= both.empty <= 1


def test_a_field_stands_until_a_block_shows_it_filled_and_keeps_since_when():
    usual = {"start": Filled(held=40, of=40)}
    empty, full = {"start": Filled(held=5, of=40)}, {"start": Filled(held=40, of=40)}
    first = now_empty([], "Appointment", usual, empty, NOW)
    later = now_empty(first, "Appointment", usual, empty, NOW + timedelta(hours=1))
    assert [(one.field, one.since) for one in later] == [("Appointment.start", NOW)]
    assert now_empty(later, "Patient", {}, {"name": Filled(held=9, of=9)}, NOW) == later  # another kind of object
    assert now_empty(later, "Appointment", usual, full, NOW) == []


def test_the_sentence_holds_counts_and_no_value():
    one = Emptier(field="Appointment.start", share=0.5, usual=0.03, of=40, since=NOW)
    assert one.says == "empty in 50% of 40 records, usually in 3%"


def answers(per_answer: list[int], of: int = 20):
    """Answers of twenty records, so many of which have a location."""
    return [[{"id": "x", "location": "a" if nth < held else None} for nth in range(of)] for held in per_answer]


def learned(*held: int) -> tuple[AnswerSchema, list[str]]:
    schema = AnswerSchema(id="x", integration_id=EPIC, operation=OPERATION)
    tally, found = Tally(), []
    for answer in answers(list(held)):
        tally = tallied(tally, sketch(answer, "answer"), NOW)
        if is_complete(tally):
            schema, tally, differences = settled(schema, tally, NOW)
            found += differences
    return schema, [one.says for one in found]


@pytest.mark.parametrize(
    ("blocks", "emptier", "state"),
    [
        pytest.param((20, 20), [], "calm", id="as ever"),
        pytest.param((18, 6), ["answer.location"], "emptier", id="a third of them"),
        pytest.param((18, 6, 6), ["answer.location"], "emptier", id="and it does not get used to it"),
        pytest.param((18, 6, 18), [], "calm", id="until it is well again"),
        pytest.param((10, 11, 9), [], "calm", id="half of them, as ever"),
    ],
)
def test_blocks_of_answers_teach_how_often_a_field_is_filled(blocks, emptier, state):
    schema, _ = learned(*(held for held in blocks for _ in range(20)))
    assert [one.field for one in schema.emptier] == emptier
    assert schema.state == state


def test_a_field_that_leaves_in_the_middle_of_a_block_is_told_of_in_the_next():
    _, found = learned(*[20] * 20, *[20] * 10, *[0] * 10, *[0] * 20)
    assert found == [f"field answer.location in answers of {OPERATION} vanished (was string)"]


def test_a_field_that_comes_and_goes_within_a_block_is_optional_and_never_vanishes():
    _, found = learned(*[20] * 20, *[0, 20] * 10, *[0] * 20)
    assert found == []
