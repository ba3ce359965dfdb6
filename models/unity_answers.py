"""What Unity's answers mean. It answers 200 to everything, so shape decides first and wording second."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

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
