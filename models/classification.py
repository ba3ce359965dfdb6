"""Classification: what an answer means, from its status *and* its body, in codes that we chose.

The vendor's own text is looked at and then forgotten: what leaves here is an outcome, a code from a table
below, counts and seconds. Nothing here raises on what a peer sends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import AwareDatetime, Field, NonNegativeInt

from models.codes import meaning, table
from models.fhir_page import matches
from models.gateway import gateway_fault
from models.noun import Noun
from models.reading import Code, Outcome, Rung

OUR_FAULT = (400, 500)  # the range of statuses by which the peer says that the request was wrong

# FHIR R4 IssueType (http://hl7.org/fhir/valueset-issue-type.html) → what it means for a connection.
# A code that is not here is named by its HTTP status alone.
ISSUES: dict[str, Outcome] = {
    "throttled": Outcome.THROTTLED,
    **dict.fromkeys(("login", "expired", "unknown"), Outcome.UNAUTHENTICATED),
    **dict.fromkeys(("forbidden", "security", "suppressed"), Outcome.FORBIDDEN),
    **dict.fromkeys(
        ("transient", "timeout", "lock-error", "no-store", "exception", "incomplete"), Outcome.SERVER_ERROR
    ),
    **dict.fromkeys(
        (
            "invalid",
            "structure",
            "required",
            "value",
            "invariant",
            "code-invalid",
            "too-long",
            "too-costly",
            "business-rule",
            "not-supported",
            "not-found",
            "deleted",
            "conflict",
            "duplicate",
            "multiple-matches",
        ),
        Outcome.CLIENT_ERROR,
    ),
}
SEVERITIES = ("fatal", "error", "warning", "information")  # worst first
INSIDE_200 = {Outcome.THROTTLED, Outcome.UNAUTHENTICATED, Outcome.FORBIDDEN}  # say more than "an error inside"
EPIC: dict[str, tuple[Outcome, Code]] = {code: meaning(row) for code, row in table("epic")["codes"].items()}
WITHHELD = frozenset(table("epic")["withheld"])
MAINTENANCE: tuple[str, ...] = tuple(table("pages")["maintenance"])
NOTHING_YET = {202, 204}  # statuses that come without a body: accepted and not done, or nothing to say
BEARER_ERRORS = {"invalid_token", "insufficient_scope", "invalid_request"}  # RFC 6750, 3.1
# RFC 6749, 5.2 and 4.1.2.1: what a token endpoint may say → whose trouble it is.
TOKEN_ERRORS: dict[str, Outcome] = {
    **dict.fromkeys(
        (
            "invalid_client",
            "invalid_grant",
            "unauthorized_client",
            "access_denied",
        ),
        Outcome.CREDENTIAL_REFUSED,
    ),
    **dict.fromkeys(("invalid_request", "unsupported_grant_type"), Outcome.CLIENT_ERROR),  # how we ask, not who we are
    "invalid_scope": Outcome.FORBIDDEN,
    **dict.fromkeys(("temporarily_unavailable", "server_error"), Outcome.SERVER_ERROR),
    "slow_down": Outcome.THROTTLED,
}
# Refusals whose status alone names what is wrong (RFC 9110, 15.5): a format, another's edit, what is there no more.
STATUSES: dict[int, Code] = {
    406: "not_acceptable",
    409: "conflict",
    410: "gone",
    412: "precondition_failed",
    415: "unsupported_media_type",
}
FORMATS = frozenset({"not_acceptable", "unsupported_media_type"})  # of which no issue code says more
HTML = re.compile(rb"^\s*(?:<!doctype html|<html|<head|<body)", re.IGNORECASE)
HEADING = re.compile(rb"<(?:title|h1)\b[^>]{0,200}>([^<]{0,200})", re.IGNORECASE)
LONGEST_HEAD = 8192  # bytes of a page within which its title and first heading stand
XML = re.compile(rb"^(?:\xef\xbb\xbf)?\s*<(?:\?xml\b|[A-Za-z][\w.-]*(?::[\w.-]+)?[\s/>])")


class Judged(Noun):
    """What one answer came to."""

    outcome: Outcome = Outcome.OK
    code: Code | None = None
    records: NonNegativeInt | None = None
    newest_at: AwareDatetime | None = None  # when the newest of them last changed, as they say
    next_url: str | None = Field(default=None, repr=False)  # may hold identifiers: followed, never shown
    content: Any = Field(default=None, repr=False)  # the parsed body, for the connector's eyes


def rung_of(outcome: Outcome) -> Rung:
    """The rung that broke when an *answered* call ended like this; READ when none did."""
    if outcome.is_auth:
        return Rung.AUTH
    if outcome in {Outcome.THROTTLED, Outcome.SERVER_ERROR, Outcome.MALFORMED}:
        return Rung.HTTP
    if outcome is Outcome.FORBIDDEN:
        return Rung.SCOPE
    if outcome in {Outcome.SEMANTIC, Outcome.PARTIAL, Outcome.STALE}:
        return Rung.SEMANTIC
    return Rung.READ


def of_a_write(outcome: Outcome, rung: Rung) -> Outcome:
    """What an outcome means when the call was a write: once it had left, silence is no refusal (catalogue, S18)."""
    has_left = rung not in {Rung.DNS, Rung.TCP, Rung.TLS}
    return Outcome.UNKNOWN if has_left and outcome in {Outcome.RESET, Outcome.TIMEOUT} else outcome


def judge_status(status: int, headers: Mapping[str, str]) -> Judged:
    """The plain reading of a status, with the error of `WWW-Authenticate` where it is a known one."""
    said = headers.get("www-authenticate")
    code = said if said in BEARER_ERRORS else None
    known = {401: Outcome.UNAUTHENTICATED, 403: Outcome.FORBIDDEN, 408: Outcome.SERVER_ERROR}
    if status in {425, 429}:
        return Judged(outcome=Outcome.THROTTLED)
    if status in known:
        return Judged(outcome=known[status], code=code)
    if 200 <= status < 300:  # noqa: PLR2004 - the ranges of RFC 9110, 15
        return Judged()
    if OUR_FAULT[0] <= status < OUR_FAULT[1]:
        return Judged(outcome=Outcome.CLIENT_ERROR, code=STATUSES.get(status))
    if 300 <= status < 400:  # noqa: PLR2004 - never followed: an API has no business to move
        return Judged(outcome=Outcome.MALFORMED, code="redirected")
    return Judged(outcome=Outcome.SERVER_ERROR)


def judge_fhir(status: int, headers: Mapping[str, str], body: bytes) -> Judged:
    """What a FHIR server's answer came to; `records` counts the matches of a search.

    A 200 that carries an error is SEMANTIC, one that says data was held back is PARTIAL. How fresh the records are
    takes the clock of whoever asks: `models.fhir_page.newest`.
    """
    by_status = judge_status(status, headers)
    content = parsed(body)
    if fault := gateway_fault(content):
        return Judged(outcome=fault[0], code=fault[1])
    severity, meant, withheld = worst_issue(outcomes_in(content))
    if not by_status.outcome.is_ok:
        return on_a_page(_refined(by_status, meant), headers, body)
    if content is None:
        return Judged() if status in NOTHING_YET and not body.strip() else unreadable(headers, body)
    if severity in {"fatal", "error"}:
        outcome, code = meant or (Outcome.SEMANTIC, None)
        return Judged(outcome=outcome if outcome in INSIDE_200 else Outcome.SEMANTIC, code=code)
    return _good(content, withheld=withheld)


def _refined(by_status: Judged, meant: tuple[Outcome, Code] | None) -> Judged:
    """A refusal, in the words of its OperationOutcome where those say more than the status."""
    if meant is None or by_status.code in FORMATS:
        return by_status
    if by_status.outcome in {Outcome.THROTTLED, Outcome.UNAUTHENTICATED}:
        return Judged(outcome=by_status.outcome, code=by_status.code or meant[1])
    return Judged(outcome=meant[0], code=meant[1])


def _good(content: Any, *, withheld: bool) -> Judged:  # noqa: ANN401 - anything JSON can hold
    """An answer without an error: what it holds, unless it is no FHIR or a record that must not be used any more."""
    if not isinstance(content, dict) or not isinstance(content.get("resourceType"), str):
        return Judged(outcome=Outcome.MALFORMED, code="not_fhir")
    if is_merged(content):
        return Judged(outcome=Outcome.SEMANTIC, code="patient_merged")
    outcome, code = (Outcome.PARTIAL, "data_withheld") if withheld else (Outcome.OK, None)
    records, following = _contents(content)
    return Judged(outcome=outcome, code=code, records=records, next_url=following, content=content)


def is_merged(resource: dict[str, Any]) -> bool:
    """Whether this is a patient who lives on under another id (FHIR R4, Patient.link of type `replaced-by`)."""
    links = resource.get("link") if resource["resourceType"] == "Patient" else None
    return any(isinstance(link, dict) and link.get("type") == "replaced-by" for link in _list(links))


def outcomes_in(content: Any) -> list[Any]:  # noqa: ANN401 - anything JSON can hold
    """The OperationOutcomes in a parsed body: itself, or entries of a Bundle."""
    if not isinstance(content, dict):
        return []
    inside = [entry.get("resource") for entry in _list(content.get("entry")) if isinstance(entry, dict)]
    return [
        resource
        for resource in (content, *inside)
        if isinstance(resource, dict) and resource.get("resourceType") == "OperationOutcome"
    ]


def worst_issue(outcomes: Iterable[Any]) -> tuple[str | None, tuple[Outcome, Code] | None, bool]:
    """Severity and meaning of the worst issue, and whether any says that data was held back.

    Only `severity`, `code` and the codes of `details` are looked at; codes outside ISSUES and EPIC mean nothing.
    """
    issues = [issue for one in outcomes for issue in _list(one.get("issue")) if isinstance(issue, dict)]
    withheld = any(_says_withheld(issue) for issue in issues)
    for severity in SEVERITIES:
        worst = [issue for issue in issues if issue.get("severity") == severity]
        if worst:
            return severity, next(filter(None, map(meaning_of, worst)), None), withheld
    return None, None, withheld


def meaning_of(issue: dict[str, Any]) -> tuple[Outcome, Code] | None:
    """What one issue means: by the vendor's own code where that is known, else by FHIR's."""
    for code in _details(issue):
        if code in EPIC:
            return EPIC[code]
    said = issue.get("code")
    return (ISSUES[said], said) if isinstance(said, str) and said in ISSUES else None


def _says_withheld(issue: dict[str, Any]) -> bool:
    if issue.get("severity") not in {"warning", "information"}:
        return False
    return issue.get("code") == "suppressed" or not WITHHELD.isdisjoint(_details(issue))


def _details(issue: dict[str, Any]) -> list[str]:
    """The codes of an issue's details."""
    details = issue.get("details")
    codings = _list(details.get("coding")) if isinstance(details, dict) else []
    return [str(coding.get("code")) for coding in codings if isinstance(coding, dict)]


def _contents(resource: dict[str, Any]) -> tuple[int, str | None]:
    """How many matches, and where the next page is."""
    if resource["resourceType"] == "OperationOutcome":
        return 0, None
    if resource["resourceType"] != "Bundle":
        return 1, None
    links = [link for link in _list(resource.get("link")) if isinstance(link, dict)]
    urls = [link.get("url") for link in links if link.get("relation") == "next"]
    found = sum(1 for _ in matches(resource))
    return found, next((url for url in urls if isinstance(url, str) and url), None)


def judge_token(status: int, headers: Mapping[str, str], body: bytes) -> Judged:
    """What an OAuth token endpoint's answer came to; `content` is the parsed answer when it is a good one."""
    by_status = judge_status(status, headers)
    content = parsed(body)
    if fault := gateway_fault(content):
        return Judged(outcome=fault[0], code=fault[1])
    if by_status.outcome.is_ok:
        if content is None:
            return unreadable(headers, body)
        has_token = isinstance(content, dict) and isinstance(content.get("access_token"), str)
        return Judged(content=content) if has_token else Judged(outcome=Outcome.MALFORMED, code="no_token")
    error = content.get("error") if isinstance(content, dict) else None
    if isinstance(error, str) and error in TOKEN_ERRORS and by_status.outcome is not Outcome.THROTTLED:
        return Judged(outcome=TOKEN_ERRORS[error], code=error)
    if status in {400, 401, 403}:
        return Judged(outcome=Outcome.CREDENTIAL_REFUSED, code=by_status.code)
    return by_status


def parsed(body: bytes) -> Any:  # noqa: ANN401 - anything JSON can hold
    """The JSON value; None when it is not JSON (or is `null`, which no API of ours answers)."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def unreadable(headers: Mapping[str, str], body: bytes) -> Judged:
    """Why a body that should have been JSON is none: a page for people, XML, nothing at all, or something else."""
    if is_page(headers, body):
        return Judged(outcome=Outcome.MALFORMED, code="maintenance_page" if is_maintenance(body) else "html_page")
    if XML.match(body):
        return Judged(outcome=Outcome.MALFORMED, code="xml_body")
    return Judged(outcome=Outcome.MALFORMED, code="not_json" if body.strip() else "empty_body")


def on_a_page(judged: Judged, headers: Mapping[str, str], body: bytes) -> Judged:
    """A failure of theirs, named when the page that tells people of it speaks of maintenance (catalogue, S08)."""
    if judged.outcome is not Outcome.SERVER_ERROR or judged.code is not None or not is_page(headers, body):
        return judged
    return judged.model_copy(update={"code": "maintenance_page"}) if is_maintenance(body) else judged


def is_page(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether a body is a page for people."""
    return headers.get("content-type") == "text/html" or bool(HTML.match(body))


def is_maintenance(page: bytes) -> bool:
    """Whether the title or a heading of a page speaks of maintenance."""
    said = b" ".join(HEADING.findall(page[:LONGEST_HEAD])).decode("utf-8", "replace").lower()
    return any(words in said for words in MAINTENANCE)


def _list(value: Any) -> list[Any]:  # noqa: ANN401 - anything JSON can hold
    return value if isinstance(value, list) else []
