"""Scopes: what a token may do, in both versions of SMART's grammar."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from models.scopes import MOST, Scope, covers, granted_in, listed, missing, needed_for, permission, plain_in

CANARY = "Smith-000-12-3456"


@pytest.mark.parametrize(
    ("granted", "required", "is_enough"),
    [
        pytest.param("system/*.rs", "system/Patient.s", True, id="a wildcard"),
        pytest.param("system/*.rs", "system/Patient.read", True, id="version 2 covers version 1"),
        pytest.param("system/Patient.read", "system/Patient.rs", True, id="version 1 covers version 2"),
        pytest.param("system/*.*", "system/Patient.cruds", True, id="everything, as version 1 writes it"),
        pytest.param("system/*.*", "system/*.read", True, id="a wildcard covers a wildcard"),
        pytest.param("system/Patient.r system/Patient.s", "system/Patient.rs", True, id="two that add up"),
        pytest.param("system/Patient.rs", "system/Patient.rs", True, id="the same"),
        pytest.param("system/Patient.r", "system/Patient.s", False, id="to read is not to search"),
        pytest.param("system/Patient.write", "system/Patient.read", False, id="to write is not to read"),
        pytest.param("system/Patient.rs", "system/Appointment.rs", False, id="another resource"),
        pytest.param("system/Patient.rs", "system/*.rs", False, id="one is not all"),
        pytest.param("user/*.rs", "system/Patient.rs", False, id="another context"),
        pytest.param("system/Observation.rs?category=lab", "system/Observation.rs", False, id="narrowed"),
        pytest.param("system/Observation.rs?category=lab", "system/Observation.rs?", True, id="narrowed, as asked for"),
        pytest.param("system/Observation.rs", "system/Observation.rs?", True, id="more than asked for"),
        pytest.param("orders.read other", "orders.read", True, id="a plain word"),
        pytest.param("orders.write", "orders.read", False, id="another plain word"),
        pytest.param("", "system/Patient.rs", False, id="none at all"),
        pytest.param("system/*.rs", "Patient", False, id="what is no scope is never covered"),
    ],
)
def test_scopes_cover_what_they_grant_and_no_more(granted, required, is_enough):
    assert covers(granted.split(), required) is is_enough


@pytest.mark.parametrize(
    "word",
    [
        *("openid", "fhirUser", "launch/patient", "system/Patient", "system/Patient.", "system/patient.rs"),
        *("system/Patient.sr", "system/Patient.read2", f"system/{CANARY}.rs", "SYSTEM/Patient.rs", "system/*.rs\n"),
    ],
)
def test_what_is_no_resource_scope_is_dropped(word):
    assert permission(word) is None
    assert listed(f"{word} system/Patient.rs" if word.strip() == word else "system/Patient.rs") == (
        "system/Patient.rs",
    )


@pytest.mark.parametrize(
    ("stated", "granted"),
    [
        pytest.param("a.read b.read", ("a.read", "b.read"), id="all that was asked for"),
        pytest.param(f"b.read {CANARY}", ("b.read",), id="a word of theirs is not kept"),
        pytest.param("", (), id="nothing"),
        pytest.param(None, None, id="not stated: as asked for (RFC 6749, 5.1)"),
        pytest.param(["a.read"], None, id="not as the standard has it"),
    ],
)
def test_of_plain_scopes_only_those_that_we_asked_for_are_kept(stated, granted):
    assert plain_in(stated, ("a.read", "b.read")) == granted


def test_of_a_narrowing_query_only_that_there_is_one_is_kept():
    assert listed(f"system/Patient.rs?identifier={CANARY}") == ("system/Patient.rs?",)


@pytest.mark.parametrize(
    ("stated", "granted"),
    [
        pytest.param("system/Patient.rs system/Patient.rs", ("system/Patient.rs",), id="each once"),
        pytest.param("", (), id="nothing is granted"),
        pytest.param("api epic.scanning", None, id="none of SMART's: nothing to compare"),
        pytest.param(None, None, id="not stated"),
        pytest.param(["system/Patient.rs"], None, id="not text"),
    ],
)
def test_a_token_answer_says_what_is_granted_or_leaves_it_open(stated, granted):
    assert granted_in(stated) == granted


@pytest.mark.parametrize(
    ("query", "asked", "scope"),
    [
        pytest.param("Patient?_count=50", ("system/*.rs",), "system/Patient.s", id="a search"),
        pytest.param("Patient", ("system/*.rs",), "system/Patient.s", id="a search for all"),
        pytest.param("Patient/_search?name=x", ("system/*.rs",), "system/Patient.s", id="a search by POST"),
        pytest.param("Patient/123", ("system/*.rs",), "system/Patient.r", id="a read"),
        pytest.param("Patient?_count=5", ("system/Appointment.rs",), "system/Patient.s", id="not asked for"),
        pytest.param(
            "Observation?code=x", ("system/Observation.rs?c=x",), "system/Observation.s?", id="narrowed by us"
        ),
    ],
)
def test_a_query_needs_one_scope(query, asked, scope):
    assert needed_for(query, asked) == scope


VERBS = st.sampled_from(["*", "read", "write", "r", "s", "rs", "cruds", "cud", "ds"])
SCOPES = st.builds(
    "{}/{}.{}{}".format,
    st.sampled_from(["system", "user", "patient"]),
    st.sampled_from(["*", "Patient", "Appointment"]),
    VERBS,
    st.sampled_from(["", "?category=x"]),
)
KEPT = TypeAdapter(Scope)


@given(st.text(max_size=200))
def test_whatever_a_server_states_only_the_grammar_is_kept(text):
    for scope in listed(text):
        assert KEPT.validate_python(scope) == scope
        assert permission(scope) is not None


@given(st.lists(SCOPES, max_size=6), st.lists(SCOPES, max_size=6))
def test_more_scopes_never_cover_less(some, more):
    lacking = missing(some, more)
    assert set(missing([*some, *more], more)) == set()
    assert set(lacking) <= set(more)
    assert all(not covers(some, scope) for scope in lacking)


def test_an_endless_list_is_cut():
    assert len(listed(" ".join(f"system/Patient{'a' * n}.rs" for n in range(500)))) <= MOST
