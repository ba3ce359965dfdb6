"""What the answers of any JSON API mean, by the rules that a call declares. Codes leave through allow-lists only."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from models.api_call import LINK_HEADER, MEANINGS, Call, Codes
from models.classification import BEARER_ERRORS, Judged, is_page, judge_status, on_a_page, parsed, unreadable
from models.codes import meaning, table
from models.gateway import gateway_fault
from models.json_path import first, found, how_many, is_everywhere
from models.reading import Code, Outcome

STALE = "older_than_allowed"
LONGEST_CODE = 64  # characters; no longer text is looked up
LONGEST_SENTENCE = 300  # … but for the sentences that we know
EYEWEAR = "eyewear"  # practice systems and payers that nobody declares codes for
EPOCHS = (1e8, 1e11, 1e14)  # seconds from 1973 on, milliseconds, and what is neither


def judge_api(call: Call, codes: Codes, status: int, headers: Mapping[str, str], body: bytes) -> Judged:
    """What one page of an answer came to; `records` and `newest_at` are of this page.

    A gateway's fault decides over the status; an error inside a good status is SEMANTIC, unless `codes` says more.
    """
    content = parsed(body)
    if (fault := gateway_fault(content)) is not None:
        return Judged(outcome=fault[0], code=fault[1])
    by_status = judge_status(status, headers)
    failed, code, meant = error_in(call, codes, content)
    if status not in call.expect:
        return on_a_page(unexpected(by_status, code, meant), headers, body)
    if failed:
        return Judged(outcome=meant or Outcome.SEMANTIC, code=code)
    if is_page(headers, body):
        return unreadable(headers, body)
    if not call.reads_json:
        return Judged(content=content)
    return unreadable(headers, body) if content is None else judge_content(call, headers, content)


def error_in(call: Call, codes: Codes, content: Any) -> tuple[bool, Code | None, Outcome | None]:  # noqa: ANN401
    """Whether the body says that it went wrong, by which allowed code, and what that code means.

    `null`, `false`, 0 and what is empty say that nothing went wrong.
    """
    said = [value for path in call.error for value in found(path, content) if value]
    words = [word for value in said for word in texts(value)]
    kept = next((word for word in words if word in codes), None)
    if kept is not None:
        meaning = codes[kept]
        return True, kept, MEANINGS[meaning] if meaning else None
    if (known := worded(text for value in said for text in texts(value, LONGEST_SENTENCE))) is not None:
        return True, known[1], known[0]
    return bool(said), "vendor_error" if said else None, None


def worded(said: Iterable[str]) -> tuple[Outcome, Code] | None:
    """What a sentence or number that we know from eyewear systems means; None: none of them is known.

    >>> worded(["EHR session expired"])
    (<Outcome.UNAUTHENTICATED: 'unauthenticated'>, 'ehr_session_expired')
    """
    sentences, numbers = table(EYEWEAR)["wording"], table(EYEWEAR)["ids"]
    for text in said:
        known = numbers.get(text) or next((one for one in sentences if one["says"] in text.lower()), None)
        if known is not None:
            return meaning(known)
    return None


def texts(value: Any, longest: int = LONGEST_CODE) -> Iterable[str]:  # noqa: ANN401 - anything JSON can hold
    """The short texts of an error: itself, or the values of an object, or of the first few of a list."""
    inside = value.values() if isinstance(value, dict) else value[:10] if isinstance(value, list) else (value,)
    for one in inside:
        deeper = one.values() if isinstance(one, dict) and value is not one else (one,)
        yield from (text for text in deeper if isinstance(text, str) and len(text) <= longest)


def unexpected(by_status: Judged, code: Code | None, meant: Outcome | None) -> Judged:
    """A status that the call does not expect, in the words of its body where those are allowed to say more."""
    if by_status.outcome.is_ok:
        return Judged(outcome=meant or Outcome.MALFORMED, code=code or "unexpected_status")
    named = code if code != "vendor_error" else None
    plain = by_status.code
    return Judged(outcome=meant or by_status.outcome, code=plain if plain in BEARER_ERRORS else named or plain)


def judge_content(call: Call, headers: Mapping[str, str], content: Any) -> Judged:  # noqa: ANN401 - any JSON
    """A good answer: what it holds, what it lacks, and where it goes on."""
    records = how_many(call.records, content) if call.records else None
    if call.records and records is None:
        return Judged(outcome=Outcome.MALFORMED, code="unexpected_shape")
    if not all(is_everywhere(path, content) for path in call.require):
        return Judged(outcome=Outcome.SEMANTIC, code="required_key_missing", records=records)
    moments = [value for value in found(call.newest, content) if value is not None] if call.newest else []
    known = [moment for moment in map(instant, moments) if moment is not None]
    if moments and not known:
        return Judged(outcome=Outcome.SEMANTIC, code="unreadable_time", records=records)
    following = headers.get("link") if call.next == LINK_HEADER else first(call.next, content) if call.next else None
    return Judged(
        records=records,
        newest_at=max(known, default=None),
        next_url=following if isinstance(following, str) and following else None,
        content=content,
    )


def is_repeated(call: Call, contents: Sequence[Any]) -> bool:
    """Whether a further page of an answer brings nothing but records of the pages before it (catalogue S14)."""
    if not call.records:
        return False
    met: set[str] = set()
    for content in contents:
        page = {json.dumps(record, sort_keys=True) for record in found(call.records, content)}
        if len(page) > 1 and page <= met:  # one record may have been pushed on by a new one meanwhile
            return True
        met |= page
    return False


def is_stale(call: Call, newest_at: datetime | None, as_of: datetime) -> bool:
    """Whether the newest record is older than it may be; an answer without records says nothing about that."""
    if call.fresh_within is None or newest_at is None:
        return False
    return as_of - newest_at > call.fresh_within


def instant(value: Any) -> datetime | None:  # noqa: ANN401 - anything JSON can hold
    """A moment as APIs write it: ISO 8601 (UTC when it names no zone), or an epoch in seconds or milliseconds."""
    if isinstance(value, str):
        return _iso(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    seconds, milliseconds, neither = EPOCHS
    if not seconds <= value < neither:
        return None
    return datetime.fromtimestamp(0, UTC) + timedelta(seconds=value / 1000 if value >= milliseconds else value)


def _iso(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if len(text) <= LONGEST_CODE else None
        if moment is None:
            return None
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
