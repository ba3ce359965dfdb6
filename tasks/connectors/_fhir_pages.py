"""The pages of one FHIR search, taken together: a page that lapsed, one that is no next page, one that is missing."""

from __future__ import annotations

import re
from http import HTTPStatus

from models.classification import Judged
from models.fhir_page import wrong_with_pages
from models.reading import Outcome
from tasks.observe import Answer

COUNT = re.compile(r"[?&]_count=(\d+)")
LAPSED = {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.GONE}  # how a page is refused that was there before


def together(got: list[Answer], query: str, kind: str, *, is_last: bool) -> list[Answer]:
    """The pages, the last of them named for what is wrong with all of them (catalogue S12 to S14).

    Args:
        got: in order, at least one.
        query: that was asked.
        kind: the resource type that it asks for.
        is_last: whether the last of these names no page after it.
    """
    if len(got) > 1 and got[-1].fetched.status in LAPSED:
        return renamed(got, Outcome.CLIENT_ERROR, "paging_expired")
    if not all(page.outcome in {Outcome.OK, Outcome.PARTIAL} for page in got):
        return got
    asked = COUNT.search(query)
    contents = [page.judged.content for page in got]
    wrong = wrong_with_pages(contents, kind, int(asked[1]) if asked else None, is_last=is_last)
    if wrong is None:
        return got
    return renamed(got, Outcome.PARTIAL if wrong == "page_truncated" else Outcome.SEMANTIC, wrong)


def renamed(got: list[Answer], outcome: Outcome, code: str) -> list[Answer]:
    """The pages, the last of which ended in another way."""
    judged = Judged(outcome=outcome, code=code, records=got[-1].judged.records)
    return [*got[:-1], got[-1]._replace(judged=judged)]
