"""The page and the files: self-contained, escaped, the same every time, and never half written."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings

from models.errors import Permanent
from models.report import MonitoringReport
from tasks.report import put, write_report
from tasks.report.html import Html, el
from tasks.report.page import page
from tests.builders import (
    an_integration,
    escalated_story,
    healed_story,
    healthy_story,
    points,
    served_story,
    unknown_story,
)
from tests.goldens import STORIES
from tests.strategies import stories

MARKUP = '<script>alert("1")</script>'
OPEN = {"meta", "link", "br"}


class Outline(HTMLParser):
    """What stands in a page: tags, ids, addresses, and whether every element is closed in its place."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.addresses, self.stack, self.words = [], [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        given = dict(attrs)
        self.ids += [given["id"]] if "id" in given else []
        self.addresses += [given[key] for key in ("href", "src", "xlink:href", "action") if key in given]
        if tag not in OPEN:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in OPEN:
            self.stack.pop()

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.mark.parametrize("name", STORIES)
def test_a_page_needs_nothing_from_anywhere(name):
    text = page(STORIES[name]())
    outline = Outline(text)

    assert "script" not in outline.tags
    assert all(address.startswith("#") for address in outline.addresses)
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)


@pytest.mark.parametrize("name", STORIES)
def test_a_page_is_well_formed_and_no_id_is_used_twice(name):
    outline = Outline(page(STORIES[name]()))

    assert outline.stack == []
    assert len(outline.ids) == len(set(outline.ids))


@pytest.mark.parametrize("name", STORIES)
def test_the_same_story_gives_the_same_bytes(name):
    assert page(STORIES[name]()) == page(STORIES[name]())


def test_plots_carry_a_title_and_the_figures_in_words():
    text = page(escalated_story())

    assert text.count('role="img"') == 2
    assert "94 cycles, 120 to 276 ms; usual 124 ms. start 2025-03-26T12:42:17Z" in text
    assert "at worst 22.2%; limit 5%" in text


def test_the_plots_mark_start_attempts_and_restoration():
    words = Outline(page(healed_story())).words

    assert {"start", "1", "restored"} <= set(words)


def test_without_cycles_nothing_is_drawn():
    assert "svg" not in Outline(page(unknown_story())).tags


def test_a_span_in_which_nothing_answered_is_drawn_as_a_gap():
    silent = healthy_story(points=points(*spans(), failed=4))

    assert "nothing answered" in page(silent)


def spans():
    known = healthy_story().points
    return known[0].at, known[-1].at


def test_no_value_becomes_markup():
    story = escalated_story(integration=an_integration(name=MARKUP, impact=MARKUP))

    outline = Outline(page(story))

    assert "script" not in outline.tags
    assert MARKUP in "".join(outline.words)


def test_an_element_escapes_text_and_attributes_but_not_what_was_built():
    assert el("p", "a<b", el("b", "c"), title='"x"') == '<p title="&quot;x&quot;">a&lt;b<b>c</b></p>'
    assert el("p", Html("<i>1</i>")) == "<p><i>1</i></p>"


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(story=stories)
def test_any_story_makes_a_page(story):
    assert Outline(page(story)).stack == []


# --- the files


def test_a_report_is_written_in_three_forms(tmp_path):
    files = write_report(healed_story(), tmp_path / "reports")

    assert [path.name for path in files] == [
        "allscripts-unity-prod.json",
        "allscripts-unity-prod.md",
        "allscripts-unity-prod.html",
    ]
    document = json.loads(files.json.read_text(encoding="utf-8"))
    assert MonitoringReport.model_validate(document).x_incident.state == "resolved"
    assert set((tmp_path / "reports").iterdir()) == set(files)


def test_a_later_report_replaces_the_earlier_one(tmp_path):
    write_report(escalated_story(), tmp_path)
    files = write_report(healthy_story(), tmp_path)

    assert '"HEALTHY"' in files.json.read_text(encoding="utf-8")
    assert len(list(tmp_path.iterdir())) == 3


def test_a_write_that_breaks_leaves_the_old_file_whole(tmp_path):
    path = tmp_path / "report.json"
    put(path, "old")

    with pytest.raises(UnicodeEncodeError):
        put(path, "new \ud800")  # cannot be encoded: breaks in the middle of writing

    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_none_is_answered_with_what_to_do(tmp_path):
    (tmp_path / "reports").write_text("a file")

    with pytest.raises(Permanent, match="Make the folder writable"):
        write_report(unknown_story(), tmp_path / "reports")


def test_a_served_day_shows_what_stands_before_all_else_and_how_the_connection_served():
    text = page(served_story())
    served = ["Availability", "Objectives", "Latency", "Stability"]

    assert re.findall(r"<h2>(.*?)</h2>", text) == ["Standing alerts", "How it went", *served]
    assert "98.2%" in text
    assert "availability.page" in text
    assert "Trouble does not come in clusters" in text
