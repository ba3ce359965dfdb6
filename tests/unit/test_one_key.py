"""One key is changed where it stands, and nothing else: whatever is written around it."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import BadInput
from models.one_key import changed, read, value_at

TOML = '# gateways\n[epic]\nupstream = "main" # main or second\nport = 443\n\n[unity]\nupstream = "main"\n'
YAML = "# gateways\nepic:\n  upstream: main  # main or second\n  ports: [443, 8443]\nunity: {upstream: 'main'}\n"
JSON = '{\n\t"epic": {"upstream": "main", "port": 443},\n\t"unity": {"upstream": "main"}\n}\n'


@pytest.mark.parametrize(
    ("text", "form", "key", "value", "old", "new"),
    [
        pytest.param(TOML, "toml", "unity.upstream", "second", 'am = "main"\n', 'am = "second"\n', id="second table"),
        pytest.param(TOML, "toml", "epic.upstream", "second", '"main" #', '"second" #', id="the comment stays"),
        pytest.param(TOML, "toml", "epic.port", 8443, "443", "8443", id="a number"),
        pytest.param(YAML, "yaml", "epic.upstream", "second", "main  #", '"second"  #', id="a plain word"),
        pytest.param(YAML, "yaml", "unity.upstream", False, "'main'", "false", id="in braces"),
        pytest.param(JSON, "json", "unity.upstream", 'a"b', '"unity": {"upstream": "main"', None, id="a quote in it"),
        pytest.param(JSON, "json", "epic.port", 1.5, "443", "1.5", id="with tabs before it"),
    ],
)
def test_only_the_characters_of_the_value_change(text, form, key, value, old, new):
    edited = changed(text, form, key, value)
    assert value_at(edited, form, key) == value
    if new is not None:
        assert text.count(old) == 1
        assert edited == text.replace(old, new)


@pytest.mark.parametrize(
    ("text", "form", "key", "says"),
    [
        pytest.param("{", "json", "a", "it is no JSON", id="no JSON"),
        pytest.param("a: [", "yaml", "a", "it is no YAML", id="no YAML"),
        pytest.param("a = ", "toml", "a", "it is no TOML", id="no TOML"),
        pytest.param(YAML, "yaml", "epic.colour", "it has no key epic.colour", id="no such key"),
        pytest.param(YAML, "yaml", "epic.ports", "epic.ports is no single value", id="a list"),
        pytest.param(YAML, "yaml", "epic", "epic is no single value", id="a block"),
        pytest.param("a: &x 1\nb: *x\n", "yaml", "a", "it is no YAML", id="said in two places at once"),
        pytest.param('a = """\nmain"""\n', "toml", "a", "a cannot be changed in place", id="over several lines"),
    ],
)
def test_what_cannot_be_changed_alone_is_refused_without_being_quoted(text, form, key, says):
    with pytest.raises(BadInput, match=says):
        changed(text, form, key, "second")


keys = st.text("abcdefg-_", min_size=1, max_size=6).filter(lambda name: name[0] not in "-_")
scalars = st.one_of(st.booleans(), st.integers(-9999, 9999), st.text("abc \"'#:\\{}[]é", max_size=8))
values = st.one_of(scalars, st.dictionaries(keys, scalars, min_size=1, max_size=3))
trees = st.dictionaries(keys, values, min_size=1, max_size=4)


@settings(max_examples=60)
@given(tree=trees, value=scalars, form=st.sampled_from(["json", "yaml"]), data=st.data())
def test_every_other_key_says_what_it_said(tree, value, form, data):
    text = json.dumps(tree, indent=1) if form == "json" else yaml.safe_dump(tree, allow_unicode=True, sort_keys=False)
    first = data.draw(st.sampled_from(sorted(tree)))
    inner = tree[first]
    path = [first, data.draw(st.sampled_from(sorted(inner)))] if isinstance(inner, dict) else [first]
    try:
        edited = changed(text, form, ".".join(path), value)
    except BadInput:  # less is done, and a person told: only where the text is no longer plain
        assert form == "yaml"
        return
    (inner if len(path) > 1 else tree)[path[-1]] = value
    assert repr(read(edited, form)) == repr(tree)
