"""What an answer means: tables of answers as they were seen, and anything at all."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.classification import ISSUES, judge_fhir, judge_status, judge_token, rung_of
from models.reading import Outcome, Rung
from models.unity_answers import judge_unity, judge_unity_login
from models.waiting import http_date, retry_after_s

NOW = datetime(2026, 3, 3, 15, tzinfo=UTC)
JSON = {"content-type": "application/fhir+json"}
HTML = b"<!DOCTYPE html><html><body>Log in</body></html>"
GUID = "1f0e9c52-7d1e-4a67-9b7c-0f4b8a1e2d3c"
CANARY = "CANARY-Smith-000-12-3456"


def outcome_of(*issues: tuple[str, str], detail: str | None = None) -> dict[str, Any]:
    listed: list[dict[str, Any]] = [
        {"severity": severity, "code": code, "diagnostics": CANARY} for severity, code in issues
    ]
    if detail:
        listed[0]["details"] = {"coding": [{"system": "urn:epic", "code": detail}], "text": CANARY}
    return {"resourceType": "OperationOutcome", "issue": listed}


def bundle(*resources: dict[str, Any], following: str | None = None) -> dict[str, Any]:
    link = [{"relation": "next", "url": following}] if following else []
    return {"resourceType": "Bundle", "entry": [{"resource": one} for one in resources], "link": link}


@pytest.mark.parametrize(
    ("status", "headers", "outcome", "code"),
    [
        pytest.param(200, {}, Outcome.OK, None, id="200"),
        pytest.param(302, {}, Outcome.MALFORMED, "redirected", id="a redirect is never followed"),
        pytest.param(400, {}, Outcome.CLIENT_ERROR, None, id="400"),
        pytest.param(401, {"www-authenticate": "invalid_token"}, Outcome.UNAUTHENTICATED, "invalid_token", id="401"),
        pytest.param(401, {"www-authenticate": "smith"}, Outcome.UNAUTHENTICATED, None, id="401, unknown word"),
        pytest.param(403, {}, Outcome.FORBIDDEN, None, id="403"),
        pytest.param(408, {}, Outcome.SERVER_ERROR, None, id="408 is theirs, and worth a retry"),
        pytest.param(429, {}, Outcome.THROTTLED, None, id="429"),
        pytest.param(503, {}, Outcome.SERVER_ERROR, None, id="503"),
    ],
)
def test_a_status_alone_has_a_plain_meaning(status, headers, outcome, code):
    judged = judge_status(status, headers)
    assert (judged.outcome, judged.code) == (outcome, code)


@pytest.mark.parametrize(
    ("status", "content", "outcome", "code"),
    [
        pytest.param(429, outcome_of(("error", "throttled")), Outcome.THROTTLED, "throttled", id="throttled"),
        pytest.param(401, outcome_of(("error", "expired")), Outcome.UNAUTHENTICATED, "expired", id="expired"),
        pytest.param(403, outcome_of(("error", "forbidden")), Outcome.FORBIDDEN, "forbidden", id="forbidden"),
        pytest.param(500, outcome_of(("error", "lock-error")), Outcome.SERVER_ERROR, "lock-error", id="locked"),
        pytest.param(400, outcome_of(("error", "required")), Outcome.CLIENT_ERROR, "required", id="required"),
        pytest.param(400, outcome_of(("error", "smith")), Outcome.CLIENT_ERROR, None, id="unknown code: by status"),
        pytest.param(
            400,
            outcome_of(("warning", "invalid"), ("fatal", "exception"), ("error", "required")),
            Outcome.SERVER_ERROR,
            "exception",
            id="the worst severity wins",
        ),
        pytest.param(200, outcome_of(("error", "exception")), Outcome.SEMANTIC, "exception", id="error in a 200"),
        pytest.param(200, bundle(outcome_of(("fatal", "smith"))), Outcome.SEMANTIC, None, id="error inside a bundle"),
        pytest.param(
            200,
            bundle({"resourceType": "Patient"}, outcome_of(("warning", "informational"), detail="4119")),
            Outcome.PARTIAL,
            "data_withheld",
            id="4119: data held back",
        ),
        pytest.param(
            200,
            bundle({"resourceType": "Patient"}, outcome_of(("warning", "informational"), detail="4101")),
            Outcome.OK,
            None,
            id="another warning is no trouble",
        ),
        pytest.param(200, {"resourceType": "Patient"}, Outcome.OK, None, id="a resource"),
        pytest.param(200, {"hello": "world"}, Outcome.MALFORMED, "not_fhir", id="JSON, not FHIR"),
    ],
)
def test_fhir_is_read_from_status_and_body(status, content, outcome, code):
    judged = judge_fhir(status, JSON, json.dumps(content).encode())
    assert (judged.outcome, judged.code) == (outcome, code)
    assert CANARY not in repr(judged)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(HTML, "html_page", id="a log-in page"),
        pytest.param(b'{"resourceType": "Bun', "not_json", id="broken off"),
        pytest.param(b"", "empty_body", id="nothing"),
        pytest.param(b"[" * 100_000, "not_json", id="nested beyond reason"),
    ],
)
def test_a_body_that_is_no_json_is_malformed(body, code):
    judged = judge_fhir(200, {}, body)
    assert (judged.outcome, judged.code) == (Outcome.MALFORMED, code)


def test_a_bundle_counts_its_matches_and_shows_the_next_page_to_the_connector_alone():
    link = f"https://fhir.example/Patient?page={CANARY}"
    patients = [{"resourceType": "Patient"}] * 3
    warning = outcome_of(("information", "informational"))
    judged = judge_fhir(200, JSON, json.dumps(bundle(*patients, warning, following=link)).encode())
    assert judged.records == 3
    assert judged.next_url == link
    assert CANARY not in repr(judged)


@pytest.mark.parametrize(
    ("status", "content", "outcome", "code"),
    [
        pytest.param(200, {"access_token": "t", "token_type": "bearer"}, Outcome.OK, None, id="a token"),
        pytest.param(200, {"error": "none"}, Outcome.MALFORMED, "no_token", id="200 without a token"),
        pytest.param(
            400, {"error": "invalid_client"}, Outcome.CREDENTIAL_REFUSED, "invalid_client", id="invalid_client"
        ),
        pytest.param(400, {"error": CANARY}, Outcome.CREDENTIAL_REFUSED, None, id="a word we do not know"),
        pytest.param(
            503,
            {"error": "temporarily_unavailable"},
            Outcome.SERVER_ERROR,
            "temporarily_unavailable",
            id="not now",
        ),
        pytest.param(429, {"error": "invalid_client"}, Outcome.THROTTLED, None, id="429 stays 429"),
        pytest.param(404, {}, Outcome.CLIENT_ERROR, None, id="no such endpoint"),
    ],
)
def test_a_token_endpoint_refuses_in_its_own_words(status, content, outcome, code):
    judged = judge_token(status, {}, json.dumps(content).encode())
    assert (judged.outcome, judged.code) == (outcome, code)


SCHEDULED = b"<!DOCTYPE html><html><head><title>Scheduled Maintenance</title></head></html>"
APACHE = b"<html><head><title>503 Service Unavailable</title></head><body>due to maintenance downtime</body></html>"


@pytest.mark.parametrize(
    ("status", "page", "outcome", "code"),
    [
        pytest.param(503, SCHEDULED, Outcome.SERVER_ERROR, "maintenance_page", id="S08: its title says so"),
        pytest.param(
            502, b"<html><h1 class='x'>We will be back</h1>", Outcome.SERVER_ERROR, "maintenance_page", id="h1"
        ),
        pytest.param(503, APACHE, Outcome.SERVER_ERROR, None, id="a web server's page for any 503 names it in passing"),
        pytest.param(200, SCHEDULED, Outcome.MALFORMED, "maintenance_page", id="as if all were well"),
        pytest.param(404, SCHEDULED, Outcome.CLIENT_ERROR, None, id="the request was wrong all the same"),
        pytest.param(503, b"Scheduled maintenance", Outcome.SERVER_ERROR, None, id="no page"),
        pytest.param(
            503, b"<html><title>" + b"x" * 9000 + b"</title><h1>maintenance", Outcome.SERVER_ERROR, None, id="late"
        ),
    ],
)
def test_a_page_that_speaks_of_maintenance_in_its_title_is_named(status, page, outcome, code):
    judged = judge_fhir(status, {}, page)
    assert (judged.outcome, judged.code) == (outcome, code)


@pytest.mark.parametrize(
    ("status", "code"),
    [(406, "not_acceptable"), (409, "conflict"), (410, "gone"), (412, "precondition_failed"), (422, None)],
)
def test_a_refusal_whose_status_says_what_is_wrong_is_named(status, code):
    judged = judge_fhir(status, {}, b"")
    assert (judged.outcome, judged.code) == (Outcome.CLIENT_ERROR, code)


INACTIVE = "As a Security precaution, you have been logged out due to inactivity."


@pytest.mark.parametrize(
    ("body", "outcome", "code", "records"),
    [
        pytest.param([{"getpatientinfo": [{"ID": "1"}, {"ID": "2"}]}], Outcome.OK, None, 2, id="two rows"),
        pytest.param([{"getpatientinfo": {"ID": "1"}}], Outcome.OK, None, 1, id="one row, as an object"),
        pytest.param({"getpatientinfo": [{"ID": "1"}]}, Outcome.OK, None, 1, id="the list collapsed"),
        pytest.param([{"getpatientinfo": []}], Outcome.OK, None, 0, id="no rows"),
        pytest.param(
            [{"getpatientinfo": [{"ID": "", "mrn": None}]}], Outcome.SEMANTIC, "blank_record", 0, id="S24: blank"
        ),
        pytest.param([{"getpatientinfo": [{"ID": "", "x": 0}]}], Outcome.OK, None, 1, id="a zero says something"),
        pytest.param([{"getpatientinfo": [{"ID": ""}, {"ID": "1"}]}], Outcome.OK, None, 2, id="one of two is blank"),
        pytest.param(
            [{"Error": f"Magic Error - Action: GetPatient - {INACTIVE}"}],
            Outcome.UNAUTHENTICATED,
            "logged_out_idle",
            None,
            id="idle",
        ),
        pytest.param(
            {"Error": "token_expired: The security token has expired."},
            Outcome.UNAUTHENTICATED,
            "token_expired",
            None,
            id="expired",
        ),
        pytest.param([{"Error": f"Patient {CANARY} is odd"}], Outcome.SEMANTIC, "vendor_error", None, id="other"),
        pytest.param("error: boom", Outcome.SEMANTIC, "vendor_error", None, id="error as text"),
        pytest.param([{"getscheduleinfo": []}], Outcome.MALFORMED, "unexpected_shape", None, id="not asked for"),
    ],
)
def test_unity_is_read_by_shape_then_wording(body, outcome, code, records):
    judged = judge_unity("GetPatient", 200, {}, json.dumps(body).encode())
    assert (judged.outcome, judged.code, judged.records) == (outcome, code, records)
    assert CANARY not in repr(judged)


@pytest.mark.parametrize(
    ("body", "outcome", "code"),
    [
        pytest.param(GUID, Outcome.OK, None, id="a bare GUID"),
        pytest.param(f'"{GUID}"', Outcome.OK, None, id="a GUID in quotes"),
        pytest.param(
            "error: Username and Password not valid for this licence.",
            Outcome.CREDENTIAL_REFUSED,
            "invalid_credentials",
            id="wrong password",
        ),
        pytest.param(
            "error: Maximum number of licensed sessions reached.",
            Outcome.CREDENTIAL_REFUSED,
            "sessions_exhausted",
            id="no seat left",
        ),
        pytest.param(
            "error: The previous session of this user has expired and was not retired.",
            Outcome.CREDENTIAL_REFUSED,
            "sessions_exhausted",
            id="an old session in the way",
        ),
        pytest.param("error: boom", Outcome.CREDENTIAL_REFUSED, "vendor_error", id="refused for no known reason"),
        pytest.param("hello", Outcome.MALFORMED, "not_json", id="neither"),
        pytest.param(HTML.decode(), Outcome.MALFORMED, "html_page", id="a page"),
    ],
)
def test_unity_grants_or_refuses_a_session_in_plain_text(body, outcome, code):
    judged = judge_unity_login(200, {}, body.encode())
    assert (judged.outcome, judged.code) == (outcome, code)
    assert GUID not in repr(judged)


def at(seconds: float) -> str:
    return format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({}, None, id="nothing said"),
        pytest.param({"retry-after": "120"}, 120, id="seconds"),
        pytest.param({"retry-after": at(90)}, 90, id="a date, by our clock"),
        pytest.param({"retry-after": at(690), "date": at(600)}, 90, id="a date, by their clock"),
        pytest.param({"retry-after": at(-90)}, 0, id="a date that has passed"),
        pytest.param({"retry-after": "999999"}, 3600, id="never more than an hour"),
        pytest.param({"retry-after": "-5"}, None, id="malformed is absent"),
        pytest.param({"retry-after": "soon", "ratelimit-reset": "7"}, 7, id="malformed gives way to the next"),
        pytest.param({"ratelimit": '"p";r=0;t=30', "ratelimit-reset": "7"}, 30, id="the current draft first"),
        pytest.param({"ratelimit": '"p";r=12;t=30'}, None, id="quota left: no wait"),
        pytest.param({"x-ratelimit-reset": "45"}, 45, id="the older header, seconds"),
        pytest.param({"x-ratelimit-reset": str(int(NOW.timestamp()) + 45)}, 45, id="the older header, epoch"),
        pytest.param({"retry-after": "5", "ratelimit": '"p";r=0;t=30'}, 5, id="Retry-After wins"),
    ],
)
def test_how_long_to_wait_is_found_in_order_of_precedence(headers, seconds):
    assert retry_after_s(headers, NOW) == seconds


WORDS = (
    *("resourceType", "issue", "severity", "code", "entry", "resource", "search", "link", "details"),
    *("coding", "url", "relation", "Error", "error", "access_token", "getpatientinfo"),
)
KEYS = st.sampled_from(WORDS)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | KEYS, inner),
    max_leaves=20,
)
CODES = st.sampled_from((*ISSUES, "OperationOutcome", "Bundle", "error", "fatal", "warning", "next", "4119"))
trees = st.recursive(
    CODES | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=30,
)
bodies = st.binary(max_size=200) | (values | trees).map(lambda value: json.dumps(value).encode())
header_values = st.text(max_size=60) | st.integers().map(str) | st.sampled_from(("html_page", "invalid_token"))
NAMES = ("date", "retry-after", "ratelimit", "ratelimit-reset", "x-ratelimit-reset", "content-type")
any_headers = st.dictionaries(st.sampled_from((*NAMES, "www-authenticate")), header_values)


@given(st.integers(min_value=0, max_value=999), any_headers, bodies)
def test_no_answer_at_all_makes_classification_raise(status, headers, body):
    for judged in (
        judge_fhir(status, headers, body),
        judge_token(status, headers, body),
        judge_unity("GetPatient", status, headers, body),
        judge_unity_login(status, headers, body),
    ):
        assert rung_of(judged.outcome) in Rung
        assert judged.outcome is not Outcome.OK or 200 <= status < 300


@given(any_headers, st.datetimes(timezones=st.just(UTC)))
def test_no_header_makes_us_wait_a_negative_time_or_more_than_an_hour(headers, received_at):
    waited = retry_after_s(headers, received_at)
    assert waited is None or 0 <= waited <= 3600


@given(st.text(max_size=80))
def test_no_text_makes_the_reading_of_a_date_raise(text):
    assert (date := http_date(text)) is None or date.tzinfo is not None
