"""The pages of one FHIR search, taken together: a page that lapsed, one that is no next page, one that is missing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from math import ceil

from models.classification import Judged
from models.fhir_page import wrong_with_pages
from models.reading import Outcome
from tasks.http import split_origin
from tasks.observe import Answer

COUNT = re.compile(r"[?&]_count=(\d+)")
MOST_PAGES = 50  # of one search, however small they are
ACCEPTS = {  # by the tuning; lenient: also what servers took before FHIR had a type of its own (catalogue, S16)
    "strict": "application/fhir+json",
    "lenient": "application/fhir+json, application/json;q=0.9, application/json+fhir;q=0.8",
}
LAPSED = {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.GONE}  # how a page is refused that was there before


def page_size(query: str) -> int | None:
    """How many records a search asks for on one page; None: it leaves that to the server."""
    asked = COUNT.search(query)
    return int(asked[1]) if asked else None


def largest(queries: Iterable[str]) -> int | None:
    """How many records the largest page of these searches holds; None: none of them says."""
    return max((size for query in queries if (size := page_size(query)) is not None), default=None)


def most_pages(usual: int, share: float) -> int:
    """How many pages of this share of their size bring as many records as the usual ones."""
    return min(MOST_PAGES, ceil(usual / share))


def smaller(query: str, share: float) -> str:
    """The search with pages of this share of their size, one record at least."""
    return COUNT.sub(lambda asked: f"{asked[0][: -len(asked[1])]}{ceil(int(asked[1]) * share)}", query)


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
    contents = [page.judged.content for page in got]
    wrong = wrong_with_pages(contents, kind, page_size(query), is_last=is_last)
    if wrong is None:
        return got
    return renamed(got, Outcome.PARTIAL if wrong == "page_truncated" else Outcome.SEMANTIC, wrong)


def following(page: Answer, base_url: str, official: str) -> str | None:
    """The next page, by our route; None when there is none, or when it is not on this server.

    Args:
        page: the one before it.
        base_url: by which we call.
        official: by which the server calls itself.
    """
    link = page.judged.next_url
    if link is None or page.outcome not in {Outcome.OK, Outcome.PARTIAL}:
        return None
    origin, rest = split_origin(link)
    here = split_origin(base_url)[0]
    return here + rest if origin in {here, split_origin(official)[0]} else None


def renamed(got: list[Answer], outcome: Outcome, code: str) -> list[Answer]:
    """The pages, the last of which ended in another way."""
    judged = Judged(outcome=outcome, code=code, records=got[-1].judged.records)
    return [*got[:-1], got[-1]._replace(judged=judged)]
