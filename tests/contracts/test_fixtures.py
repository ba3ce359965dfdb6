"""What every fixture keeps: its signature names it, and nothing else is taken for it."""

from __future__ import annotations

import pytest

from models.catalogue import load, names
from models.codes import table
from models.diagnosis import explain
from models.errors import BadInput
from models.fixture.telling import AT, facts_of
from models.signatures import known_signatures
from tasks.signatures import diagnosed, read_fixture, read_fixtures, try_all

SIGNATURES = {one.cause: one for one in known_signatures()}
FIXTURES = {one.cause: one for one in read_fixtures()}
CASES = try_all()
PARTICULAR = table("particular")["codes"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.cause}: {case.says}")
def test_a_case_comes_to_what_it_must(case):
    assert case.is_right, f"came to {case.came_to} ({case.confidence:.2f})"


@pytest.mark.parametrize("cause", FIXTURES)
def test_a_fixture_is_of_a_known_signature_and_of_the_same_entry(cause):
    assert FIXTURES[cause].entry == SIGNATURES[cause].entry


@pytest.mark.parametrize("cause", [one.cause for one in known_signatures() if one.entry])
def test_what_stands_in_the_catalogue_has_two_positives_and_two_negatives(cause):
    assert len(FIXTURES[cause].positives) >= 2
    assert len(FIXTURES[cause].negatives) >= 2


@pytest.mark.parametrize("cause", [one.cause for one in known_signatures() if one.entry])
def test_what_stands_in_the_catalogue_says_how_it_is_verified_and_when_somebody_is_called(cause):
    assert SIGNATURES[cause].verify
    assert SIGNATURES[cause].call_when


@pytest.mark.parametrize("cause", FIXTURES)
def test_the_same_case_is_diagnosed_the_same_twice(cause):
    facts = facts_of(FIXTURES[cause].positives[0])
    assert diagnosed(facts) == diagnosed(facts)
    assert diagnosed(facts).diagnosed_at == AT


@pytest.mark.parametrize("code", PARTICULAR)
def test_a_code_that_names_its_cause_is_that_of_a_known_entry(code):
    assert PARTICULAR[code] in {one.entry for one in known_signatures()}


def test_a_family_that_is_taken_out_leaves_its_cases_unclaimed():
    families = {name: load("models.signatures", name).SIGNATURES for name in names("models.signatures")}
    claimed, cases = [], 0
    for name, taken in families.items():
        others = [one for other, kept in families.items() if other != name for one in kept]
        for seen in (seen for one in taken for seen in FIXTURES[one.cause].positives):
            cases += 1
            told = explain(facts_of(seen), others, AT)
            claimed += [(name, seen.says, told.cause)] if told.is_conclusive else []
    assert len(claimed) <= 0.1 * cases, claimed


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("cause: x\npositives: []\nnegatives: []\n", "x.yaml, positives", id="no positive"),
        pytest.param("cause: [", "x.yaml cannot be read", id="no YAML"),
        pytest.param("cause: x\npositives: [{says: a, kin: b}]\nnegatives: [{says: c}]", "positives.0.kin", id="typo"),
    ],
)
def test_a_bad_fixture_is_refused_in_a_sentence_with_its_place(tmp_path, text, says):
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(BadInput, match=says):
        read_fixture(path)
