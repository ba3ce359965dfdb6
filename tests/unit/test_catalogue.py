"""One file, one entry: the folder is the registry."""

from __future__ import annotations

import sys

import pytest

from models.catalogue import load, load_all, names


@pytest.fixture
def room(tmp_path, monkeypatch) -> str:
    """A package of two entries, a private neighbour, and a file that is no module."""
    here = tmp_path / "a_room_for_tests"
    here.mkdir()
    (here / "__init__.py").write_text("")
    (here / "second.py").write_text("SAYS = 'second'")
    (here / "first.py").write_text("SAYS = 'first'")
    (here / "_private.py").write_text("raise RuntimeError('nobody imports a private file')")
    (here / "notes.txt").write_text("not an entry")
    monkeypatch.syspath_prepend(str(tmp_path))
    names.cache_clear()
    yield here.name
    names.cache_clear()
    for module in [m for m in sys.modules if m.partition(".")[0] == here.name]:
        del sys.modules[module]


def test_a_file_is_an_entry_by_being_there(room):
    assert names(room) == ("first", "second")
    assert load(room, "first").SAYS == "first"
    assert [entry.SAYS for entry in load_all(room)] == ["first", "second"]


def test_names_are_told_without_importing_the_entries(room):
    assert names(room)
    assert f"{room}.first" not in sys.modules


@pytest.mark.parametrize("name", ["third", "_private", "", "first.", "../first", "__init__"])
def test_an_entry_that_is_not_there_is_refused_with_those_that_are(room, name):
    with pytest.raises(KeyError, match="there are: first, second"):
        load(room, name)


@pytest.mark.parametrize("real", ["models.detectors", "models.signatures", "tasks.remedies", "tasks.notifiers"])
def test_every_room_of_the_house_has_entries(real):
    assert names(real)
    assert not any(name.startswith("_") for name in names(real))
