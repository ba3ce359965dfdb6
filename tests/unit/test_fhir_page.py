"""A page of a search: does it make sense, and how fresh is it?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.fhir_page import implausible, newest, wrong_with_pages
from models.unity_answers import strange_rows, strange_server_time

NOW = datetime(2026, 3, 3, 15, tzinfo=UTC)
NEW_YORK = "America/New_York"  # five hours behind UTC on that day


def entry(updated: object = "2026-03-03T14:30:00Z", kind: str = "Patient", mode: str = "match") -> dict:
    meta = {} if updated is None else {"meta": {"lastUpdated": updated}}
    return {"resource": {"resourceType": kind, **meta}, "search": {"mode": mode}}


def bundle(*entries: object, **more: object) -> dict:
    return {"resourceType": "Bundle", "entry": list(entries), **more}


@pytest.mark.parametrize(
    ("page", "wrong"),
    [
        pytest.param(bundle(entry(), total=1), None, id="good"),
        pytest.param(bundle(entry(), total=7), None, id="a page of more"),
        pytest.param(bundle(total=0), None, id="nothing found"),
        pytest.param(bundle(entry(None)), None, id="no dates: nothing to say against it"),
        pytest.param(bundle(entry(), entry(kind="Practitioner", mode="include"), total=1), None, id="an include"),
        pytest.param(bundle(entry(), entry(kind="OperationOutcome", mode="outcome"), total=1), None, id="an outcome"),
        pytest.param({"resourceType": "Patient"}, None, id="one resource"),
        pytest.param(bundle(entry(), entry(kind="Coverage")), "other_resource_type", id="another type among them"),
        pytest.param({"resourceType": "Coverage"}, "other_resource_type", id="one resource of another type"),
        pytest.param(bundle(entry(), entry(), total=1), "more_than_total", id="more than there are"),
        pytest.param(bundle(entry("03/03/2026")), "bad_instant", id="a date of another kind"),
        pytest.param(bundle(entry("2026-03-03T14:30:00")), "bad_instant", id="an instant without a zone"),
        pytest.param(bundle(entry(20260303)), "bad_instant", id="a number"),
        pytest.param(bundle(entry("2026-03-03T15:00:59Z")), None, id="within the slack of two clocks"),
        pytest.param(bundle(entry("2026-03-03T16:00:00Z")), "from_the_future", id="an hour ahead"),
        pytest.param(bundle(entry("2026-03-03T14:30:00+14:00")), None, id="any zone will do"),
    ],
)
def test_a_page_that_cannot_be_meant_so_is_named(page, wrong):
    assert implausible(page, "Patient", NOW) == wrong


def page_of(*ids: str, total: object = None, kind: str = "Patient") -> dict:
    entries = [{"resource": {"resourceType": kind, "id": one}} for one in ids]
    return bundle(*entries, **({} if total is None else {"total": total}))


@pytest.mark.parametrize(
    ("pages", "is_last", "wrong"),
    [
        pytest.param([page_of("a", "b", total=3), page_of("c")], True, None, id="all that was counted"),
        pytest.param([page_of("a", "b", total=9), page_of("c", "d")], False, None, id="we looked at no more of them"),
        pytest.param([page_of("a", "b", total=9)], True, "page_truncated", id="S13: a full page, and no next one"),
        pytest.param([page_of("a", "b", total=9), page_of("c", "d")], True, "page_truncated", id="S13: the second"),
        pytest.param([page_of("a", total=9)], True, None, id="a short page ends a search, whatever was counted"),
        pytest.param([page_of("a", "b")], True, None, id="nothing was counted"),
        pytest.param([page_of("a", "b", total=True)], True, None, id="a count that is none"),
        pytest.param([page_of("a", "b"), page_of("b", "a")], False, "page_repeated", id="S14: the same rows again"),
        pytest.param([page_of("a", "b"), page_of("b", "c")], True, None, id="one row moved on between two pages"),
        pytest.param(
            [page_of("a"), page_of("b", kind="Coverage")], True, "foreign_rows", id="S14: rows of another kind"
        ),
        pytest.param([page_of("a"), page_of()], True, None, id="an empty page at the end"),
        pytest.param([[]], True, None, id="no bundle at all"),
    ],
)
def test_pages_that_cannot_be_those_of_one_search_are_named(pages, is_last, wrong):
    assert wrong_with_pages(pages, "Patient", 2, is_last=is_last) == wrong


@pytest.mark.parametrize(
    ("page", "at"),
    [
        pytest.param(bundle(entry(), entry("2026-03-03T14:45:00Z")), NOW - timedelta(minutes=15), id="the newest"),
        pytest.param(bundle(entry(), entry("2031-01-01T00:00:00Z")), NOW - timedelta(minutes=30), id="not the future"),
        pytest.param(bundle(entry("2026-03-03T09:30:00-05:00")), NOW - timedelta(minutes=30), id="of another zone"),
        pytest.param(bundle(entry("2026-03-03T14:59:00Z", mode="include")), None, id="not of what was included"),
        pytest.param(bundle(entry("yesterday")), None, id="no instant"),
        pytest.param(bundle(), None, id="nothing"),
        pytest.param(None, None, id="no JSON"),
    ],
)
def test_the_newest_match_tells_how_fresh_a_page_is(page, at):
    assert newest(page, NOW) == at


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.datetimes().map(str),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["resourceType", "entry", "resource", "meta", "lastUpdated", "search", "mode", "total", "x"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)
ZONED = st.datetimes(timezones=st.timezones()).map(lambda moment: moment.isoformat())


@given(JSON | st.lists(ZONED, max_size=3).map(lambda ats: bundle(*map(entry, ats))))
def test_nothing_that_json_can_hold_makes_it_raise(content):
    implausible(content, "Patient", NOW)
    found = newest(content, NOW)
    assert found is None or found <= NOW + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        pytest.param({"ServerTime": "2026-03-03T15:00:00"}, None, id="UTC"),
        pytest.param({"ServerTime": "2026-03-03T10:00:00"}, None, id="the practice's own time"),
        pytest.param({"ServerTime": "2026-03-03T10:03:00"}, None, id="three minutes off"),
        pytest.param({"ServerTime": "2026-03-03T15:00:00Z"}, None, id="with a zone"),
        pytest.param({"ServerTime": "2026-03-03T11:00:00"}, "server_time_zone_differs", id="summer time too early"),
        pytest.param({"ServerTime": "2026-03-03T08:00:00"}, "server_time_zone_differs", id="another coast"),
        pytest.param({"ServerTime": "2026-03-03T10:07:00"}, "server_clock_differs", id="seven minutes off"),
        pytest.param({"ServerTime": "2026-03-03T15:09:00Z"}, "server_clock_differs", id="nine minutes, with a zone"),
        pytest.param({"ServerTime": "now"}, None, id="no instant: nothing to say against it"),
        pytest.param({}, None, id="not stated"),
    ],
)
def test_a_server_whose_time_is_not_ours_is_named(row, wrong):
    assert strange_server_time([row], NOW, NEW_YORK) == wrong


@given(JSON | st.lists(st.fixed_dictionaries({"ServerTime": ZONED | st.datetimes().map(str)}), max_size=2))
def test_no_server_time_makes_it_raise(rows):
    assert strange_server_time(rows, NOW, NEW_YORK) in {None, "server_clock_differs", "server_time_zone_differs"}


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        pytest.param([{"ID": "1"}], None, id="objects"),
        pytest.param([], None, id="none"),
        pytest.param([["1"]], "rows_are_no_objects", id="a list in the list"),
        pytest.param(None, "rows_are_no_objects", id="no list"),
    ],
)
def test_rows_are_objects(rows, wrong):
    assert strange_rows(rows) == wrong
