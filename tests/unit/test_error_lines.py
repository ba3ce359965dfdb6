"""Lines of error logs: which say that something went wrong, when, and what."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.error_lines import ErrorLine, error_in

AT = int(datetime(2026, 11, 23, 9, 15, 23, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("line", "at", "text"),
    [
        pytest.param("Connection refused", None, "Connection refused", id="a text alone"),
        pytest.param("2026-11-23T09:15:23Z ERROR refused", AT, "refused", id="ISO"),
        pytest.param("2026-11-23 04:15:23-05:00 refused", AT, "refused", id="with its zone"),
        pytest.param("2026-11-23 09:15:23,250 - ERROR - refused", AT + 250_000, "refused", id="as Python writes"),
        pytest.param("[2026-11-23 09:15:23.123456789] [error] refused", AT + 123_456, "refused", id="in brackets"),
        pytest.param("2026/11/23 09:15:23 [crit] 7#0: refused", AT, "7#0: refused", id="as nginx writes"),
        pytest.param("2026-99-23 09:15:23 refused", None, "refused", id="no such day"),
        pytest.param("WARNING: refused", None, "refused", id="a level alone"),
        pytest.param("Error reading", None, "reading", id="a word that is a level too"),
        pytest.param("errors were found", None, "errors were found", id="and one that is none"),
        pytest.param("{broken", None, "{broken", id="not quite JSON"),
    ],
)
def test_a_plain_line_is_cut_from_its_time_and_its_level(line, at, text):
    assert error_in(line) == ErrorLine(at, text)


@pytest.mark.parametrize(
    ("record", "at", "text"),
    [
        pytest.param({"message": "refused", "time": "2026-11-23T09:15:23Z"}, AT, "refused", id="a message"),
        pytest.param({"msg": "refused", "ts": AT / 1_000_000}, AT, "refused", id="seconds since 1970"),
        pytest.param({"error": "E", "message": "m", "detail": "d"}, None, "E: m", id="two texts, and no third"),
        pytest.param({"error": {"a": 1}, "message": "m"}, None, "m", id="an object is no text"),
        pytest.param({"level": "error", "message": "m", "@timestamp": "soon"}, None, "m", id="no time at all"),
    ],
)
def test_a_record_is_read_by_the_names_that_are_usual(record, at, text):
    assert error_in(json.dumps(record)) == ErrorLine(at, text)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("2026-11-23 09:15:23 INFO started", id="a quiet level"),
        pytest.param("[debug] x", id="in brackets"),
        pytest.param("    at com.example.Thing(Thing.java:7)", id="goes on with the line before"),
        pytest.param("Caused by: x", id="a cause of the same"),
        pytest.param("   ", id="blank"),
        pytest.param(json.dumps({"level": "INFO", "message": "m"}), id="a quiet record"),
        pytest.param(json.dumps({"outcome": "ok", "message": "m"}), id="a call that went well"),
        pytest.param(json.dumps({"status": 500}), id="a record without a text"),
    ],
)
def test_what_says_nothing_of_an_error_is_left_out(line):
    assert error_in(line) is None


@given(st.text(max_size=200) | st.dictionaries(st.text(max_size=9), st.text(max_size=9) | st.floats()).map(json.dumps))
def test_no_line_breaks_it(line):
    found = error_in(line)
    assert found is None or isinstance(found.text, str)
