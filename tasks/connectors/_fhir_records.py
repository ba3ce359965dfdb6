"""The records of a span over FHIR: a search by when they changed, or by their own date, page by page to its end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from models.classification import Judged, judge_fhir
from models.fhir_page import matches
from models.integration import Read
from models.reading import Outcome, Reading
from models.reconciliation import ColumnKind, Reconciliation
from models.token import Grant
from tasks.clock import Clock
from tasks.connectors._fhir_pages import following, renamed, together
from tasks.connectors._interface import Context, Record
from tasks.connectors._records import MOST_PAGES, Rest, Versions, instant, keep_pace, read_of
from tasks.http import BoundedClient
from tasks.observe import Answer, Deadline, Judge, reading, too_late, without_call

CHANGED = "_lastUpdated"
SEARCHED_BY = {  # the parameter that searches by an element (HL7 FHIR R4, search parameter registry)
    ("Appointment", "start"): "date",
    ("Claim", "created"): "created",
    ("Condition", "recordedDate"): "recorded-date",
    ("DiagnosticReport", "effectiveDateTime"): "date",
    ("DocumentReference", "date"): "date",
    ("Encounter", "period.start"): "date",
    ("Immunization", "occurrenceDateTime"): "date",
    ("MedicationRequest", "authoredOn"): "authoredon",
    ("Observation", "effectiveDateTime"): "date",
    ("Procedure", "performedDateTime"): "date",
    ("ServiceRequest", "authoredOn"): "authored",
    ("VisionPrescription", "dateWritten"): "datewritten",
}
NO_SEARCH = Judged(outcome=Outcome.CLIENT_ERROR, code="day_not_searchable")


@dataclass
class Turned:
    """The pages of one search so far, without what is on them."""

    pages: list[Answer]
    trouble: Reading | None = None
    link: str | None = None  # the page after them


class ShowsResources:
    """What a connector over FHIR can do to be compared."""

    _id: str
    _clock: Clock
    _context: Context
    _base_url: str
    _http: BoundedClient
    _official: str  # how the server calls itself
    _rest: Rest

    async def count_records(self, wanted: Reconciliation, since: datetime, until: datetime) -> int | None:
        """One search for a number; None where this server does not tell it."""
        query = self._span(wanted, since, until)
        if query is None or self._rest.asked is not None:
            return None
        got = await self._in_time(f"{query}&_summary=count", read_of(wanted))
        if isinstance(got, Reading) or not got.outcome.is_ok:
            self._rest.note(got if isinstance(got, Reading) else self._told(wanted, self._clock.now(), [got]))
            return None
        total = got.judged.content.get("total") if isinstance(got.judged.content, dict) else None
        return total if isinstance(total, int) and not isinstance(total, bool) and total >= 0 else None

    async def records(
        self, wanted: Reconciliation, since: datetime, until: datetime, take: Callable[[list[Record]], None]
    ) -> Reading:
        """Every page of one search, each within the deadline of one call."""
        observed_at, query = self._clock.now(), self._span(wanted, since, until)
        if (resting := self._rest.asked) is not None:
            return resting
        if query is None:
            grant = Grant(outcome=NO_SEARCH.outcome, code=NO_SEARCH.code)
            return without_call(self._id, read_of(wanted), observed_at, grant)
        kind = self._kind(read_of(wanted))
        turned = await self._turn(query, kind, read_of(wanted), take)
        if turned.trouble is not None:
            return self._rest.note(turned.trouble)
        pages = together(turned.pages, query, kind, is_last=turned.link is None)
        if turned.link is not None and pages[-1].outcome.is_ok:
            pages = renamed(pages, Outcome.PARTIAL, "page_limit")
        return self._rest.note(self._told(wanted, observed_at, pages))

    async def _turn(self, query: str, kind: str, read: Read, take: Callable[[list[Record]], None]) -> Turned:
        versions, turned, seen = Versions(), Turned([], link=query), set[str]()
        while turned.link and len(turned.pages) < MOST_PAGES:
            seen.add(turned.link)
            got = await self._in_time(turned.link, read)
            if isinstance(got, Reading):
                turned.trouble = got
                return turned
            if got.outcome in {Outcome.OK, Outcome.PARTIAL}:
                take(versions.fresh([one for one in matches(got.judged.content) if one.get("resourceType") == kind]))
            link = following(got, self._base_url, self._official)
            turned.pages.append(bare(got))
            if link in seen or (link is None and got.judged.next_url):
                code = "paging_loop" if link else "next_link_elsewhere"
                turned.pages, turned.link = renamed(turned.pages, Outcome.MALFORMED, code), None
                return turned
            turned.link = link
            if link:
                await keep_pace(self._context.tuning.pace, got.latency_ms)
        return turned

    async def _in_time(self, link: str, read: Read) -> Answer | Reading:
        """One page, within the deadline of one call; a reading when it was never asked for."""
        observed_at = self._clock.now()
        try:
            async with asyncio.timeout(self._context.tuning.deadline_s + Deadline.BACKSTOP_S):
                got = await self._as_us("GET", link, {}, None, judge_fhir)
        except TimeoutError:
            return too_late(self._id, read, observed_at)
        return without_call(self._id, read, observed_at, got) if isinstance(got, Grant) else got

    def _told(self, wanted: Reconciliation, observed_at: datetime, pages: list[Answer]) -> Reading:
        told = reading(self._id, read_of(wanted), observed_at, pages, None, self._http.open_connections)
        return told.model_copy(update={"resource": self._kind(read_of(wanted))})

    def _span(self, wanted: Reconciliation, since: datetime, until: datetime) -> str | None:
        """The search for the records of a span; None when FHIR has none for the column that counts them."""
        query = self._query(wanted.operation)
        by = parameter_of(self._kind(read_of(wanted)), wanted.counted_by.path)
        if by is None:
            return None
        path, _, asked = query.partition("?")
        others = [one for one in asked.split("&") if one and one.partition("=")[0] != by]
        is_date, zone = wanted.counted_by.kind is ColumnKind.DATE, ZoneInfo(self._context.integration.timezone)
        ends = days(since, until, zone) if is_date else (instant(since), instant(until))
        return f"{path}?{'&'.join([*others, f'{by}=ge{ends[0]}', f'{by}=lt{ends[1]}'])}"

    def _query(self, operation: str) -> str:
        raise NotImplementedError

    def _kind(self, read: Read) -> str:
        raise NotImplementedError

    async def _as_us(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None, judge: Judge
    ) -> Answer | Grant:
        raise NotImplementedError


def parameter_of(kind: str, path: str) -> str | None:
    """The parameter that searches by what is at this path."""
    plain = re.sub(r"^\$\.|\[\]", "", path)
    return CHANGED if plain == "meta.lastUpdated" else SEARCHED_BY.get((kind, plain))


def days(since: datetime, until: datetime, zone: ZoneInfo) -> tuple[str, str]:
    """The days of a span, the second no more in it, for a column that has no hours."""
    last = until.astimezone(zone) - timedelta(microseconds=1)
    return f"{since.astimezone(zone):%Y-%m-%d}", f"{last.date() + timedelta(days=1):%Y-%m-%d}"


def bare(page: Answer) -> Answer:
    """A page without its records: only their ids, which tell whether the next one is another page."""
    content: Any = page.judged.content
    if page.outcome in {Outcome.OK, Outcome.PARTIAL} and isinstance(content, dict):
        rows = [{"resource": {key: one.get(key) for key in ("resourceType", "id")}} for one in matches(content)]
        content = {"resourceType": "Bundle", "total": content.get("total"), "entry": rows}
    judged = page.judged.model_copy(update={"content": content, "next_url": None})
    return page._replace(judged=judged, fetched=page.fetched.model_copy(update={"body": b""}))
