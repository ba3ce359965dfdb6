"""What Unity's answers mean. It answers 200 to everything, so shape decides first and wording second."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from models.classification import Judged, judge_status, parsed, unreadable
from models.reading import Code, Outcome

# Unity says everything in prose. The first row with all its words in the text decides; order matters.
UNITY_WORDING: tuple[tuple[tuple[str, ...], Outcome, Code], ...] = (
    (("logged out", "inactivity"), Outcome.UNAUTHENTICATED, "logged_out_idle"),
    (("logged out",), Outcome.UNAUTHENTICATED, "logged_out_idle"),
    (("maximum", "session"), Outcome.CREDENTIAL_REFUSED, "sessions_exhausted"),
    (("maximum", "licen"), Outcome.CREDENTIAL_REFUSED, "sessions_exhausted"),
    (("no", "licen", "available"), Outcome.CREDENTIAL_REFUSED, "sessions_exhausted"),
    (("too many", "session"), Outcome.CREDENTIAL_REFUSED, "sessions_exhausted"),
    (("session", "not retired"), Outcome.CREDENTIAL_REFUSED, "sessions_exhausted"),
    (("token", "expired"), Outcome.UNAUTHENTICATED, "token_expired"),
    (("token", "invalid"), Outcome.UNAUTHENTICATED, "token_expired"),
    (("token", "not valid"), Outcome.UNAUTHENTICATED, "token_expired"),
    (("not authenticated",), Outcome.UNAUTHENTICATED, "token_expired"),
    (("account", "locked"), Outcome.CREDENTIAL_REFUSED, "invalid_credentials"),
    (("password",), Outcome.CREDENTIAL_REFUSED, "invalid_credentials"),
    (("username",), Outcome.CREDENTIAL_REFUSED, "invalid_credentials"),
    (("credential",), Outcome.CREDENTIAL_REFUSED, "invalid_credentials"),
    (("log", "invalid"), Outcome.CREDENTIAL_REFUSED, "invalid_credentials"),
)
CLOCK_SLACK = timedelta(minutes=5)  # what Kerberos, under most Windows servers, tolerates
QUARTER = timedelta(minutes=15)  # every offset of a time zone is a multiple of it
GUID = re.compile(r"^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$")


def judge_unity(action: str, status: int, headers: Mapping[str, str], body: bytes) -> Judged:
    """What Unity's answer to a Magic action came to; `records` counts the rows of its result.

    Unity answers 200 to everything: the shape decides first (`error: …`, `[{"Error": …}]`), wording second.
    One row may come as an object instead of a list of one.
    """
    by_status = judge_status(status, headers)
    if not by_status.outcome.is_ok:
        return by_status
    content = parsed(body)
    if (text := unity_error(content, body)) is not None:
        outcome, code = worded(text)
        return Judged(outcome=outcome, code=code)
    if content is None:
        return unreadable(headers, body)
    tables = content if isinstance(content, list) else [content]
    name = f"{action.lower()}info"
    found = [table[name] for table in tables if isinstance(table, dict) and name in table]
    if not found:
        return Judged(outcome=Outcome.MALFORMED, code="unexpected_shape")
    rows = [row for rows in found for row in (rows if isinstance(rows, list) else [rows])]
    return Judged(records=len(rows), content=rows)


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
