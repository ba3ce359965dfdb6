"""What Unity's answers mean. It answers 200 to everything, so shape decides first and wording second."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from models.classification import Judged, judge_status, on_a_page, parsed, unreadable
from models.codes import meaning, table
from models.gateway import gateway_fault
from models.reading import Code, Outcome

UNITY_WORDING: tuple[tuple[tuple[str, ...], Outcome, Code], ...] = tuple(
    (tuple(row["words"]), *meaning(row)) for row in table("unity")["wording"]
)
CLOCK_SLACK = timedelta(minutes=5)  # what Kerberos, under most Windows servers, tolerates
QUARTER = timedelta(minutes=15)  # every offset of a time zone is a multiple of it
FAULT = re.compile(rb"<(?:\w+:)?Fault\b.{0,4096}?<(?:\w+:)?ErrorMessage>([^<]{0,1024})<", re.DOTALL)  # of the SOAP door
GUID = re.compile(r"^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$")


def judge_unity(action: str, status: int, headers: Mapping[str, str], body: bytes) -> Judged:
    """What Unity's answer to a Magic action came to; `records` counts the rows of its result.

    Unity answers 200 to everything: the shape decides first (`error: …`, `[{"Error": …}]`), wording second.
    One row may come as an object instead of a list of one.
    """
    by_status, content = judge_status(status, headers), parsed(body)
    if fault := gateway_fault(content):
        return Judged(outcome=fault[0], code=fault[1])
    if (text := unity_error(content, body)) is not None:
        return _worded(by_status, text)
    if not by_status.outcome.is_ok:
        return on_a_page(by_status, headers, body)
    if content is None:
        return unreadable(headers, body)
    return _rows(action, content)


def _rows(action: str, content: Any) -> Judged:  # noqa: ANN401 - anything JSON can hold
    """The rows of a good answer, unless a row itself says that it went wrong."""
    tables = content if isinstance(content, list) else [content]
    name = f"{action.lower()}info"
    found = [table[name] for table in tables if isinstance(table, dict) and name in table]
    if not found:
        return Judged(outcome=Outcome.MALFORMED, code="unexpected_shape")
    rows = [row for rows in found for row in (rows if isinstance(rows, list) else [rows])]
    if action == "GetUserAuthentication" and not any(map(is_valid_user, rows)):
        return Judged(outcome=Outcome.CREDENTIAL_REFUSED, code="user_refused")
    if any(map(is_critical, rows)):
        return Judged(outcome=Outcome.SEMANTIC, code="critical_status", records=len(rows))
    if rows and all(map(is_blank, rows)):
        return Judged(outcome=Outcome.SEMANTIC, code="blank_record", records=0)
    return Judged(records=len(rows), content=rows)


def is_valid_user(row: object) -> bool:
    """Whether a row of GetUserAuthentication says yes; releases differ in how they write the name."""
    named = {str(k).lower().replace("_", ""): v for k, v in row.items()} if isinstance(row, dict) else {}
    return str(named.get("validuser", "")).upper() == "YES"


def is_critical(row: object) -> bool:
    """Whether a row reports a failure in place of data; `Status` of a record is written otherwise (catalogue, S24)."""
    return isinstance(row, dict) and "critical" in str(row.get("STATUS", "")).lower()


def is_blank(row: object) -> bool:
    """Whether every field of a row is empty: so are unknown ids answered, without an error (catalogue, S24)."""
    return (
        isinstance(row, dict)
        and bool(row)
        and not any(str("" if value is None else value).strip() for value in row.values())
    )


def _worded(by_status: Judged, text: str) -> Judged:
    """An error in words; where they are not known, a bad status says more: the web server answers faults with 500."""
    outcome, code = worded(text)
    is_known = outcome is not Outcome.SEMANTIC or by_status.outcome.is_ok
    return Judged(outcome=outcome, code=code) if is_known else by_status


def judge_unity_login(status: int, headers: Mapping[str, str], body: bytes) -> Judged:
    """What Unity's GetToken answered; `content` is the token, a bare GUID, when it gave one."""
    by_status = judge_status(status, headers)
    if not by_status.outcome.is_ok:
        return by_status
    content = parsed(body)
    text = content if isinstance(content, str) else body.decode("utf-8", "replace").strip()
    if GUID.match(text):
        return Judged(content=text)
    if (said := unity_error(content, body)) is None:
        return unreadable(headers, body) if content is None else Judged(outcome=Outcome.MALFORMED, code="no_token")
    outcome, code = worded(said)
    return Judged(outcome=Outcome.CREDENTIAL_REFUSED if outcome is Outcome.SEMANTIC else outcome, code=code)


def unity_error(content: Any, body: bytes) -> str | None:  # noqa: ANN401 - anything JSON can hold
    """The text of Unity's error, found by structure; None when the answer is not one."""
    text = content if isinstance(content, str) else body[:4096].decode("utf-8", "replace")
    if text.lstrip(' "').lower().startswith("error:"):
        return text
    if content is None and (fault := FAULT.search(body[:8192])):
        return fault[1].decode("utf-8", "replace")
    for row in content if isinstance(content, list) else [content]:
        if isinstance(row, dict) and "Error" in row:
            return str(row["Error"])
    return None


def worded(text: str) -> tuple[Outcome, Code]:
    """Outcome and code for a vendor's sentence; `vendor_error` when the table does not know it."""
    lowered = text.lower()
    for words, outcome, code in UNITY_WORDING:
        if all(word in lowered for word in words):
            return outcome, code
    return Outcome.SEMANTIC, "vendor_error"


def strange_rows(rows: Any) -> Code | None:  # noqa: ANN401 - anything JSON can hold
    """Why the rows of a result cannot be meant so; None: each is an object, as it must be."""
    return None if isinstance(rows, list) and all(isinstance(row, dict) for row in rows) else "rows_are_no_objects"


def strange_server_time(rows: Any, as_of: datetime, timezone: str) -> Code | None:  # noqa: ANN401
    """Why the time that GetServerInfo states disagrees with ours; None: it agrees, or states none (catalogue S25).

    `ServerTime` is local and names no zone, so what differs by quarters of an hour is its offset: it must be the
    practice's own, or UTC. What is left is how wrong its clock is.

    Args:
        rows: of GetServerInfo.
        as_of: now.
        timezone: of the practice.
    """
    row = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
    local = _moment(row.get("ServerTime"))
    if local is None:
        return None
    if local.tzinfo is not None:
        return "server_clock_differs" if abs(local - as_of) > CLOCK_SLACK else None
    difference = local.replace(tzinfo=UTC) - as_of
    offset = round(difference / QUARTER) * QUARTER
    if abs(difference - offset) > CLOCK_SLACK:
        return "server_clock_differs"
    expected = {timedelta(0), as_of.astimezone(ZoneInfo(timezone)).utcoffset()}
    return None if offset in expected else "server_time_zone_differs"


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
