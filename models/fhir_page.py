"""A page of a FHIR search: whether it makes sense, and how fresh it is. Nothing here raises on what a peer sends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from models.reading import Code

SLACK = timedelta(seconds=60)  # clocks that agree within a minute agree (models.signatures: SKEW_S)


def implausible(content: Any, kind: str, as_of: datetime) -> Code | None:  # noqa: ANN401 - anything JSON can hold
    """Why an answer to a search cannot be meant so; None: it makes sense.

    Args:
        content: the parsed body.
        kind: the resource type that was asked for.
        as_of: now, by the clock of whoever answered.
    """
    found = tuple(matches(content))
    if any(resource.get("resourceType") != kind for resource in found):
        return "other_resource_type"
    total = content.get("total") if isinstance(content, dict) else None
    if isinstance(total, int) and not isinstance(total, bool) and len(found) > total:
        return "more_than_total"
    stated = [text for resource in found if (text := last_updated(resource)) is not None]
    instants = [instant(text) for text in stated]
    if None in instants:
        return "bad_instant"
    if any(moment > as_of + SLACK for moment in instants if moment is not None):
        return "from_the_future"
    return None


def wrong_with_pages(contents: Sequence[Any], kind: str, count: int | None, *, is_last: bool) -> Code | None:
    """What is wrong with the pages of one search, taken together (catalogue S13, S14); None: they can be meant so.

    Rows that somebody changed meanwhile may well be met twice; a page that brings nothing else is no next page. And a
    full page without a next one is the end of a search only when that makes all that the server counted.

    Args:
        contents: the parsed bodies, in order.
        kind: the resource type that was asked for.
        count: the page size that was asked for; None: not said.
        is_last: whether the last of these names no page after it.
    """
    pages = [list(matches(content)) for content in contents]
    met: set[str] = set()
    for nth, page in enumerate(pages):
        if nth and any(resource.get("resourceType") != kind for resource in page):
            return "foreign_rows"
        ids = {text for resource in page if isinstance(text := resource.get("id"), str)}
        if ids and ids <= met:
            return "page_repeated"
        met |= ids
    total = contents[0].get("total") if contents and isinstance(contents[0], dict) else None
    is_counted = isinstance(total, int) and not isinstance(total, bool) and sum(map(len, pages)) < total
    return "page_truncated" if is_last and is_counted and len(pages[-1]) == count else None


def newest(content: Any, as_of: datetime) -> datetime | None:  # noqa: ANN401 - anything JSON can hold
    """When the newest match last changed, as they say; what claims to be from the future does not count."""
    stated = (instant(text) for resource in matches(content) if (text := last_updated(resource)) is not None)
    return max((moment for moment in stated if moment is not None and moment <= as_of + SLACK), default=None)


def matches(content: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - anything JSON can hold
    """The resources that a search found: not what was included with them, and no OperationOutcome."""
    if not isinstance(content, dict) or content.get("resourceType") == "OperationOutcome":
        return
    if content.get("resourceType") != "Bundle":
        yield content
        return
    entries = content.get("entry")
    for entry in entries if isinstance(entries, list) else []:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        search = entry.get("search") if isinstance(entry, dict) else None
        mode = search.get("mode", "match") if isinstance(search, dict) else "match"
        is_outcome = isinstance(resource, dict) and resource.get("resourceType") == "OperationOutcome"
        if isinstance(resource, dict) and mode == "match" and not is_outcome:
            yield resource


def last_updated(resource: dict[str, Any]) -> object:
    """`meta.lastUpdated`; None when it is not stated."""
    meta = resource.get("meta")
    return meta.get("lastUpdated") if isinstance(meta, dict) else None


def instant(text: object) -> datetime | None:
    """A FHIR instant in UTC; None when it is none."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
