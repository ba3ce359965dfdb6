"""Paths into JSON: what they lead to, what they refuse, and anything at all."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from models.json_path import JsonPath, first, found, how_many, is_everywhere

TWO = {"data": [{"id": 1, "at": "x"}, {"id": 2}], "count": 7, "none": None, "one": {"id": 3}, "flag": True, "less": -1}


@pytest.mark.parametrize(
    ("path", "values"),
    [
        pytest.param("count", [7], id="a key"),
        pytest.param("$.count", [7], id="from the root, said aloud"),
        pytest.param("one.id", [3], id="a key in a key"),
        pytest.param("data[].id", [1, 2], id="a key of every entry"),
        pytest.param("data[].at", ["x"], id="entries without it are passed over"),
        pytest.param("one[].id", [3], id="a lone object is a list of one"),
        pytest.param("count[].id", [], id="a number is no list"),
        pytest.param("nowhere.id", [], id="nowhere"),
        pytest.param("none.id", [], id="beyond null"),
    ],
)
def test_a_path_leads_to_every_value_it_names(path, values):
    assert found(path, TWO) == values
    assert first(path, TWO) == (values[0] if values else None)


@pytest.mark.parametrize(
    ("path", "content", "records"),
    [
        pytest.param("data", TWO, 2, id="a list"),
        pytest.param("data[]", TWO, 2, id="its entries"),
        pytest.param("[]", [1, 2, 3], 3, id="the answer itself"),
        pytest.param("[]", [], 0, id="an empty answer"),
        pytest.param("one", TWO, 1, id="a lone object"),
        pytest.param("count", TWO, 7, id="a count"),
        pytest.param("none", TWO, 0, id="null is no records"),
        pytest.param("flag", TWO, None, id="true is no count"),
        pytest.param("less", TWO, None, id="less than none"),
        pytest.param("nowhere", TWO, None, id="nowhere"),
        pytest.param("nowhere[]", TWO, None, id="no list anywhere"),
        pytest.param("data[]", {"data": "text"}, None, id="text is no list"),
    ],
)
def test_records_are_counted_whatever_shape_they_come_in(path, content, records):
    assert how_many(path, content) == records


@pytest.mark.parametrize(
    ("path", "holds"),
    [
        pytest.param("data[].id", True, id="every entry has it"),
        pytest.param("data[].at", False, id="one entry lacks it"),
        pytest.param("none", True, id="null is there"),
        pytest.param("nowhere", False, id="nowhere"),
        pytest.param("count[].id", False, id="not a list"),
    ],
)
def test_a_required_key_must_be_in_every_record(path, holds):
    assert is_everywhere(path, TWO) is holds


def test_an_empty_list_lacks_nothing():
    assert is_everywhere("data[].id", {"data": []})


@pytest.mark.parametrize(
    "path", ["", ".", "a..b", "a[0]", "a[*]", "..a", "a b", "[", "a]", "a.b" * 100, "a" + ".a" * 16]
)
def test_what_is_no_path_is_refused_in_a_sentence(path):
    with pytest.raises(ValidationError, match="write a path"):
        TypeAdapter(JsonPath).validate_python(path)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=20,
)
keys = st.sampled_from(["a", "b", "c", "[]", "@id"])
paths = st.lists(keys, min_size=1, max_size=6).map(lambda steps: ".".join(steps).replace(".[]", "[]"))


@settings(max_examples=200)
@given(paths, json_values)
def test_no_answer_can_make_a_path_raise(path, content):
    assert TypeAdapter(JsonPath).validate_python(path) == path
    values = found(path, content)
    assert first(path, content) == (values[0] if values else None) or values[0] != values[0]
    records = how_many(path, content)
    assert records is None or records >= 0
    assert isinstance(is_everywhere(path, content), bool)


@settings(max_examples=200)
@given(st.text(max_size=40))
def test_no_text_can_make_the_check_of_a_path_do_anything_but_refuse(text):
    with contextlib.suppress(ValidationError):  # nothing else may be raised
        assert TypeAdapter(JsonPath).validate_python(text) == text
