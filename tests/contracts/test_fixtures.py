"""What every fixture keeps: its signature names it, and nothing else is taken for it."""

from __future__ import annotations

import pytest

from models.errors import BadInput
from models.fixture.telling import AT, facts_of
from models.signatures import known_signatures
from tasks.signatures import diagnosed, read_fixture, read_fixtures, try_all

SIGNATURES = {one.cause: one for one in known_signatures()}
FIXTURES = {one.cause: one for one in read_fixtures()}
CASES = try_all()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.cause}: {case.says}")
def test_a_case_comes_to_what_it_must(case):
    assert case.is_right, f"came to {case.came_to} ({case.confidence:.2f})"


@pytest.mark.parametrize("cause", FIXTURES)
def test_a_fixture_is_of_a_known_signature_and_of_the_same_entry(cause):
    assert FIXTURES[cause].entry == SIGNATURES[cause].entry


@pytest.mark.parametrize("cause", [one.cause for one in known_signatures() if one.entry])
def test_what_stands_in_the_catalogue_has_a_positive_and_a_negative(cause):
    assert FIXTURES[cause].positives
    assert FIXTURES[cause].negatives


@pytest.mark.parametrize("cause", [one.cause for one in known_signatures() if one.entry])
def test_what_stands_in_the_catalogue_says_how_it_is_verified_and_when_somebody_is_called(cause):
    assert SIGNATURES[cause].verify
    assert SIGNATURES[cause].call_when


@pytest.mark.parametrize("cause", FIXTURES)
def test_the_same_case_is_diagnosed_the_same_twice(cause):
    facts = facts_of(FIXTURES[cause].positives[0])
    assert diagnosed(facts) == diagnosed(facts)
    assert diagnosed(facts).diagnosed_at == AT


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
