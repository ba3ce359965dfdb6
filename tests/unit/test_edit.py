"""An entry more or less in a file that a person wrote: everything else stays as it was, comments included."""

from __future__ import annotations

import stat

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from models.errors import BadInput
from tasks.configuration.edit import replace, with_entry, without_entry

PAGE = """\
# the head
integrations:
  # the first, with its own words
  - id: one
    name: One # not two
    settings: {a: 1}

  # the second
  - id: two
    name: Two
    # a tail that belongs to two
"""
ENTRY = {
    "id": "three",
    "name": "Three: a colon",
    "settings": {"url": "https://x.example"},
    "reads": [{"operation": "A"}],
}


def test_an_entry_is_added_below_the_others_and_nothing_else_moves():
    text = with_entry(PAGE, ENTRY)
    assert text.startswith(PAGE)
    assert yaml.safe_load(text)["integrations"] == [*yaml.safe_load(PAGE)["integrations"], ENTRY]


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(PAGE.rstrip("\n"), id="no line break at the end"),
        pytest.param(PAGE + "\n\n", id="blank lines at the end"),
        pytest.param(PAGE + "\nother: 1 # below\n", id="another key below the list"),
        pytest.param(PAGE.replace("  - id", "- id").replace("    ", "  "), id="a list without indentation"),
        pytest.param("", id="an empty file"),
        pytest.param("integrations:\n  - {id: one, name: One}\n", id="an entry on one line"),
    ],
)
def test_an_entry_can_be_added_and_taken_away_again(page):
    before = yaml.safe_load(page) or {}
    text = with_entry(page, ENTRY)
    after = yaml.safe_load(text)
    assert after == before | {"integrations": [*before.get("integrations", []), ENTRY]}
    if page:
        assert yaml.safe_load(without_entry(text, "three")) == before
    assert all(line in text for line in page.splitlines())


def test_an_entry_leaves_with_the_comments_right_above_it():
    text = without_entry(PAGE, "two")
    assert yaml.safe_load(text)["integrations"] == yaml.safe_load(PAGE)["integrations"][:1]
    assert "the second" not in text
    assert "a tail that belongs to two" not in text
    assert "the first, with its own words" in text
    first = without_entry(PAGE, "one")
    assert yaml.safe_load(first)["integrations"] == yaml.safe_load(PAGE)["integrations"][1:]
    assert "# the head" in first
    assert "the second" in first


@pytest.mark.parametrize(
    ("page", "name", "says"),
    [
        pytest.param(PAGE, "three", "there are: one, two", id="no such integration"),
        pytest.param("integrations:\n  - id: one\n", "one", "the only integration", id="the last one"),
        pytest.param("integrations: [{id: one}, {id: two}]\n", "one", "by hand", id="a list on one line"),
        pytest.param("integrations: nothing\n", "one", "by hand", id="no list"),
        pytest.param("integrations:\n\t- id: one\n", "one", "heal validate", id="not YAML"),
    ],
)
def test_what_cannot_be_edited_is_left_to_the_person(page, name, says):
    with pytest.raises(BadInput, match=says):
        without_entry(page, name)


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=30)


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), TEXTS, max_size=5))
def test_any_entry_reads_back_as_it_was(values):
    entry = {**values, "id": "new"}
    assert yaml.safe_load(with_entry(PAGE, entry))["integrations"][-1] == entry


def test_a_file_is_replaced_whole_and_keeps_its_mode(tmp_path):
    path = tmp_path / "integrations.yaml"
    path.write_text(PAGE)
    path.chmod(0o640)
    replace(path, "integrations: []\n")
    assert path.read_text() == "integrations: []\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [one.name for one in tmp_path.iterdir()] == ["integrations.yaml"]
