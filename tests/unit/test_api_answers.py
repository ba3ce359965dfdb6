"""What the answers of any JSON API mean: tables of answers, declared calls, and anything at all."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from models.api_answers import instant, is_repeated, is_stale, judge_api
from models.api_call import Call, Codes, with_parameter
from models.classification import STATUSES
from models.reading import Outcome

NOW = datetime(2026, 3, 3, 2, tzinfo=UTC)
JSON = {"content-type": "application/json"}
CANARY = "CANARY-Smith-000-12-3456"
LIST: dict[str, Any] = {"path": "appointments", "records": "data[]", "newest": "data[].at", "next": "page.next"}
RECORD = {"id": 1, "at": "2026-03-03T01:00:00Z"}
CODES: Codes = TypeAdapter(Codes).validate_python({"SESSION_OVER": "unauthenticated", "LOCKED": None})


def judged(content: object, status: int = 200, headers: dict[str, str] | None = None, **call: Any):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return judge_api(Call(**(LIST | call)), CODES, status, headers or JSON, body)


def fault(code: str) -> dict[str, Any]:
    return {"fault": {"faultstring": CANARY, "detail": {"errorcode": code}}}


@pytest.mark.parametrize(
    ("content", "status", "call", "outcome", "code"),
    [
        pytest.param({"data": [RECORD]}, 200, {}, Outcome.OK, None, id="a list"),
        pytest.param({"data": []}, 200, {}, Outcome.OK, None, id="an empty list"),
        pytest.param({"data": RECORD}, 200, {}, Outcome.OK, None, id="a list of one, unwrapped (S26)"),
        pytest.param({"items": []}, 200, {}, Outcome.MALFORMED, "unexpected_shape", id="another shape"),
        pytest.param(b"", 200, {}, Outcome.MALFORMED, "empty_body", id="nothing"),
        pytest.param(b'{"data": [', 200, {}, Outcome.MALFORMED, "not_json", id="broken off"),
        pytest.param(b"<html>log in</html>", 200, {}, Outcome.MALFORMED, "html_page", id="a log-in page"),
        pytest.param(b"<html>ok</html>", 200, {"records": None, "newest": None, "next": None}, Outcome.MALFORMED,
                     "html_page", id="a page, though nothing of the body was asked for"),
        pytest.param(b"OK", 200, {"records": None, "newest": None, "next": None}, Outcome.OK, None, id="a status"),
        pytest.param({"error": {"code": "LOCKED"}}, 200, {}, Outcome.SEMANTIC, "LOCKED", id="an error inside, kept"),
        pytest.param({"error": {"code": CANARY}}, 200, {}, Outcome.SEMANTIC, "vendor_error", id="one that is not"),
        pytest.param({"error": CANARY, "data": [RECORD]}, 200, {}, Outcome.SEMANTIC, "vendor_error", id="beside data"),
        pytest.param({"error": "SESSION_OVER"}, 200, {}, Outcome.UNAUTHENTICATED, "SESSION_OVER", id="by its meaning"),
        pytest.param({"error": None, "data": []}, 200, {}, Outcome.OK, None, id="null is no error"),
        pytest.param({"error": [], "data": []}, 200, {}, Outcome.OK, None, id="an empty list is no error"),
        pytest.param({"error": False, "data": []}, 200, {}, Outcome.OK, None, id="false is no error"),
        pytest.param({"problems": ["x"], "data": []}, 200, {"error": ["problems"]}, Outcome.SEMANTIC, "vendor_error",
                     id="an error where the call says"),
        pytest.param({"data": [{"at": RECORD["at"]}]}, 200, {"require": ["data[].id"]}, Outcome.SEMANTIC,
                     "required_key_missing", id="a key is missing"),
        pytest.param({"data": [{"at": CANARY}]}, 200, {}, Outcome.SEMANTIC, "unreadable_time", id="no moment"),
        pytest.param({"data": []}, 204, {}, Outcome.MALFORMED, "unexpected_status", id="another good status"),
        pytest.param({"data": []}, 206, {"expect": [200, 206]}, Outcome.OK, None, id="one that is expected too"),
        pytest.param({"error": {"code": "LOCKED"}}, 409, {}, Outcome.CLIENT_ERROR, "LOCKED", id="a refusal, named"),
        pytest.param({"error": {"code": CANARY}}, 409, {}, Outcome.CLIENT_ERROR, "conflict", id="by status alone"),
        pytest.param({}, 503, {}, Outcome.SERVER_ERROR, None, id="503"),
        pytest.param({}, 302, {}, Outcome.MALFORMED, "redirected", id="a redirect is never followed"),
        pytest.param(fault("keymanagement.service.access_token_expired"), 401, {}, Outcome.UNAUTHENTICATED,
                     "gateway_token_expired", id="S27"),
        pytest.param(fault("keymanagement.service.access_token_expired"), 500, {}, Outcome.UNAUTHENTICATED,
                     "gateway_token_expired", id="S27, whatever the status"),
        pytest.param(fault("oauth.v2.InvalidClientIdentifier"), 401, {}, Outcome.CREDENTIAL_REFUSED,
                     "invalid_client", id="a client that is not known"),
        pytest.param(fault("policies.ratelimit.QuotaViolation"), 500, {}, Outcome.THROTTLED, "throttled", id="quota"),
        pytest.param(fault(CANARY), 500, {}, Outcome.SERVER_ERROR, None, id="a fault nobody knows"),
    ],
)  # fmt: skip
def test_an_answer_is_read_from_status_and_body(content, status, call, outcome, code):
    one = judged(content, status, **call)
    assert (one.outcome, one.code) == (outcome, code)
    assert CANARY not in repr(one)


def test_a_good_answer_tells_how_many_how_new_and_where_it_goes_on():
    older = {"id": 2, "at": "2026-03-02T20:30:00-05:00"}
    one = judged({"data": [older, RECORD, {"id": 3, "at": None}], "page": {"next": f"/more?{CANARY}"}})
    assert (one.records, one.newest_at, one.next_url) == (3, datetime(2026, 3, 3, 1, 30, tzinfo=UTC), f"/more?{CANARY}")
    assert CANARY not in repr(one)


@pytest.mark.parametrize("written", ["link header", "Link-Header", "link_header"])
def test_the_next_page_may_stand_in_a_header(written):
    link = {"link": "https://api.example/appointments?page=2"}
    assert judged({"data": []}, headers=JSON | link, next=written).next_url == link["link"]
    assert judged({"data": []}, headers=JSON | link).next_url is None


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        pytest.param("2026-03-03T02:00:00Z", NOW, id="UTC"),
        pytest.param("2026-03-02T21:00:00-05:00", NOW, id="an offset"),
        pytest.param("2026-03-03T02:00:00", NOW, id="no zone: UTC"),
        pytest.param("2026-03-03", NOW - timedelta(hours=2), id="a day"),
        pytest.param(NOW.timestamp(), NOW, id="seconds"),
        pytest.param(int(NOW.timestamp() * 1000), NOW, id="milliseconds"),
        pytest.param(17, None, id="a small number"),
        pytest.param(1e18, None, id="a large one"),
        pytest.param(float("nan"), None, id="none at all"),
        pytest.param(True, None, id="true"),
        pytest.param("yesterday", None, id="a word"),
        pytest.param("9" * 5000, None, id="an endless one"),
        pytest.param("0001-01-01T00:00:00+14:00", None, id="before the first year"),
        pytest.param({}, None, id="an object"),
    ],
)
def test_a_moment_is_read_as_apis_write_it(value, moment):
    assert instant(value) == moment


@pytest.mark.parametrize(
    ("age", "stale"),
    [
        pytest.param(timedelta(hours=1), False, id="young enough"),
        pytest.param(timedelta(hours=2, seconds=1), True, id="too old"),
        pytest.param(timedelta(hours=-1), False, id="from a clock that is ahead"),
        pytest.param(None, False, id="no records say nothing"),
    ],
)
def test_an_answer_is_stale_when_its_newest_record_is(age, stale):
    call = Call(**LIST, fresh_within="2h")
    assert is_stale(call, None if age is None else NOW - age, NOW) is stale


@pytest.mark.parametrize(
    ("path", "written"),
    [
        pytest.param("a?since={now-1h}", "a?since=2026-03-03T01:00:00Z", id="an hour ago"),
        pytest.param("a?from={today}&to={today+7d}", "a?from=2026-03-02&to=2026-03-09", id="today at the practice"),
        pytest.param("a/b?c=d", "a/b?c=d", id="nothing to fill in"),
    ],
)
def test_a_path_may_name_moments(path, written):
    assert Call(path=path).written(NOW, "America/New_York") == written


@pytest.mark.parametrize(
    ("call", "says"),
    [
        pytest.param({"path": "https://evil.example/a"}, "relative", id="another server"),
        pytest.param({"path": "//evil.example/a"}, "relative", id="another server, without a scheme"),
        pytest.param({"path": "/root"}, "relative", id="from the root"),
        pytest.param({"path": "a/../../b"}, "relative", id="upwards"),
        pytest.param({"path": "a#b"}, "relative", id="a fragment"),
        pytest.param({"path": "a?api_key=1"}, "lands in the logs", id="a key in the query"),
        pytest.param({"path": "a?x=1&access_token=2"}, "lands in the logs", id="a token in the query"),
        pytest.param({"path": "a?at={yesterday}"}, "now or today", id="no such moment"),
        pytest.param({"path": "a", "method": "POST", "body": {}}, "safe: true", id="a POST nobody vouches for"),
        pytest.param({"path": "a", "body": {}}, "method: POST", id="a body without POST"),
        pytest.param({"path": "a", "method": "HEAD", "records": "b"}, "HEAD brings no body", id="HEAD and records"),
        pytest.param({"path": "a", "fresh_within": "2h"}, "needs `newest`", id="fresh without newest"),
        pytest.param({"path": "a", "cursor": "after"}, "needs `next`", id="a cursor from nowhere"),
        pytest.param({"path": "a", "next": "header of links"}, "link header", id="a header misspelt"),
        pytest.param({"path": "a", "method": "DELETE"}, "'GET', 'HEAD' or 'POST'", id="a method that changes"),
    ],
)
def test_a_call_that_cannot_be_is_refused_with_the_reason(call, says):
    with pytest.raises(ValidationError, match=says):
        Call(**call)


def test_a_cursor_takes_the_place_of_an_earlier_one():
    assert with_parameter("a?size=5&after=1", "after", "b&c=d") == "a?size=5&after=b%26c%3Dd"
    assert with_parameter("a", "after", "2") == "a?after=2"


bodies = st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["data", "at", "id", "error", "fault", "detail", "page", "next"]), inner)
    ),
    max_leaves=15,
).map(lambda value: json.dumps(value).encode())


@settings(max_examples=300)
@given(bodies, st.integers(100, 599))
def test_no_answer_can_make_the_judgement_raise_or_speak_in_words_of_its_own(body, status):
    one = judge_api(Call(**LIST, require=["data[].id"]), CODES, status, {}, body)
    known = {None, "vendor_error", "unexpected_shape", "required_key_missing", "unreadable_time", "not_json"}
    known |= {"html_page", "empty_body", "unexpected_status", "redirected", *CODES}
    known |= {*STATUSES.values(), "maintenance_page"}
    assert one.code in known


@pytest.mark.parametrize("size", [100_000])
def test_a_body_nested_beyond_reason_is_malformed(size):
    assert judged(b'{"data":' + b"[" * size).code == "not_json"


@pytest.mark.parametrize(
    ("error", "outcome", "code"),
    [
        pytest.param("EHR session expired", Outcome.UNAUTHENTICATED, "ehr_session_expired", id="a sentence"),
        pytest.param({"message": "RevolutionEHR is open but you are NOT logged in."}, Outcome.UNAUTHENTICATED,
                     "ehr_not_logged_in", id="inside an object, in any case"),
        pytest.param({"id": "ADJPRD0001"}, Outcome.SERVER_ERROR, "payer_catalogue_fault", id="a number of theirs"),
        pytest.param({"id": "ADJINV0001"}, Outcome.CLIENT_ERROR, "service_code_invalid", id="… of our own data"),
        pytest.param("ADJPRD00011", Outcome.SEMANTIC, "vendor_error", id="no number of theirs"),
        pytest.param("x" * 400 + "EHR session expired", Outcome.SEMANTIC, "vendor_error", id="a text without end"),
    ],
)  # fmt: skip
def test_what_eyewear_systems_say_is_known_by_their_sentences_and_numbers(error, outcome, code):
    judged_so = judge_api(Call(path="a"), {}, 200, {}, json.dumps({"error": error}).encode())
    assert (judged_so.outcome, judged_so.code) == (outcome, code)


def test_a_declared_code_goes_before_what_we_know_of_others():
    codes = {"ADJPRD0001": "throttled"}
    one = judge_api(Call(path="a"), codes, 200, {}, json.dumps({"error": {"id": "ADJPRD0001"}}).encode())
    assert (one.outcome, one.code) == (Outcome.THROTTLED, "ADJPRD0001")


@pytest.mark.parametrize(
    ("pages", "repeated"),
    [
        pytest.param([[1, 2], [3, 4]], False, id="each its own"),
        pytest.param([[1, 2], [1, 2]], True, id="the same again"),
        pytest.param([[1, 2], [3, 4], [2, 3]], True, id="from two pages before it"),
        pytest.param([[1, 2], [2, 3]], False, id="a new record pushed one on"),
        pytest.param([[1, 2], [2]], False, id="… and it was the last"),
        pytest.param([[1, 2], []], False, id="an empty last page"),
    ],
)
def test_a_page_that_brings_only_what_was_there_is_no_next_page(pages, repeated):
    contents = [{"data": [{"id": number} for number in page]} for page in pages]
    assert is_repeated(Call(path="a", records="data[]"), contents) is repeated
    assert not is_repeated(Call(path="a"), contents)
