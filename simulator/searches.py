"""What a search of the Epic-like server asks for: a span of changes, a span of the records' own dates, and pages.

The next page is named by a token that holds all of it, so that what arrives meanwhile moves no page.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from simulator.people import SLOT_S, SLOTS_KEPT, Arrival, appointment_start

PAGE, LARGEST_PAGE = 100, 200  # resources
LOOK_BACK = timedelta(hours=1)
CLOSED_EARLIER = timedelta(milliseconds=1)  # the resolution of `meta.lastUpdated`
LONG = 100 * 86_400 // SLOT_S  # slots of a search that says from when to when
AHEAD = timedelta(hours=24)  # an appointment is made at most so long before its hour
SUMMARY = frozenset({"resourceType", "id", "meta"})  # come with whatever `_elements` names
LONGEST_DATE = 10  # characters of a date without a time

BEGINNING, END = datetime(1970, 1, 2, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)  # of all calendars here

Span = tuple[datetime, datetime]
Ends = tuple[datetime | None, datetime | None]  # None: not said


class BadSearch(ValueError):
    """A parameter that no FHIR server could use."""


class Own(NamedTuple):
    """The parameter that searches by a record's own date, and where that is."""

    name: str
    of: Callable[[Arrival], datetime]
    ahead: timedelta = timedelta(0)  # how long before it the record came into being, at most


OWN: dict[str, Own] = {
    "Appointment": Own("date", appointment_start, AHEAD),
    "MedicationRequest": Own("authoredon", lambda arrival: arrival.at),
    "VisionPrescription": Own("datewritten", lambda arrival: arrival.at),
}


class Asked(NamedTuple):
    """One page of one search."""

    changed: Span
    own: Span | None = None  # by the records' own date; None: whatever it is
    slots: int = SLOTS_KEPT  # how far back from its end the search reaches
    newest_first: bool = False
    elements: tuple[str, ...] = ()  # none: all
    offset: int = 0

    def token(self) -> str:
        """It, for the link to a next page."""
        spans = [[moment.timestamp() for moment in span] if span else None for span in (self.changed, self.own)]
        rest = [self.slots, self.newest_first, self.elements, self.offset]
        return base64.urlsafe_b64encode(json.dumps([*spans, *rest]).encode()).decode()

    def chosen(self, kind: str, found: list[Arrival]) -> list[Arrival]:
        """Those whose own date is asked for, in the order that is asked for."""
        if self.own is not None:
            since, until = self.own
            found = [arrival for arrival in found if since <= OWN[kind].of(arrival) < until]
        return found[::-1] if self.newest_first else found

    def shown(self, resource: dict[str, Any]) -> dict[str, Any]:
        """As much of a resource as is asked for."""
        wanted = SUMMARY | set(self.elements)
        return {key: value for key, value in resource.items() if key in wanted} if self.elements else resource


def asked(query: dict[str, list[str]], kind: str, now: datetime, zone: ZoneInfo) -> Asked:
    """What the parameters ask for; those that we do not know are tolerated.

    Raises:
        BadSearch: when one of them cannot be used.
    """
    if "page" in query:
        return of_token(query["page"][-1])
    sort = query.get("_sort", ["_lastUpdated"])[-1]
    if sort.removeprefix("-") not in {"_lastUpdated", "_id"}:
        raise BadSearch("_sort takes _lastUpdated or _id, with - for the other way round.")
    elements = tuple(name for text in query.get("_elements", []) for name in text.split(",") if name)
    changed = _span(query, "_lastUpdated", zone)
    own: Ends = _span(query, OWN[kind].name, zone) if kind in OWN else (None, None)
    newest_first, is_dated = sort.startswith("-"), own != (None, None)
    slots = LONG if is_dated or None not in changed else SLOTS_KEPT
    if not is_dated:
        since, until = changed
        return Asked((since or now - LOOK_BACK, min(until or now, now)), None, slots, newest_first, elements)
    dated = (own[0] or BEGINNING, own[1] or END)
    return Asked(_made(changed, dated, kind, now), dated, slots, newest_first, elements)


def _made(changed: Ends, dated: Span, kind: str, now: datetime) -> Span:
    """When what has its own date in a span can have come into being."""
    since, until = changed[0] or BEGINNING, min(changed[1] or now, now, dated[1])
    return max(since, dated[0] - OWN[kind].ahead), until


def of_token(token: str) -> Asked:
    """The page that a link names.

    Raises:
        BadSearch: when no link of ours does.
    """
    try:
        *spans, slots, newest_first, elements, offset = json.loads(base64.urlsafe_b64decode(token))
        changed, own = spans
        return Asked(
            _instants(*changed),
            own and _instants(*own),
            int(slots),
            bool(newest_first),
            tuple(map(str, elements)),
            int(offset),
        )
    except (binascii.Error, ValueError, TypeError, OverflowError):
        raise BadSearch("This page does not exist (any more).") from None


def count_of(query: dict[str, list[str]]) -> int:
    """Records on one page.

    Raises:
        BadSearch: when `_count` is no number.
    """
    text = query.get("_count", [str(PAGE)])[-1]
    if not text.isdecimal():
        raise BadSearch("_count must be a whole number.")
    return min(int(text), LARGEST_PAGE)


def _instants(since: float, until: float) -> Span:
    return datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(until, UTC)


def _span(query: dict[str, list[str]], name: str, zone: ZoneInfo) -> Ends:
    """[since, until) of one parameter, which may come twice."""
    since: datetime | None = None
    until: datetime | None = None
    for text in query.get(name, []):
        prefix, moment = text[:2], _moment(name, text[2:] if text[:1].isalpha() else text, zone)
        if prefix in {"ge", "gt"}:
            since = moment + (CLOSED_EARLIER if prefix == "gt" else timedelta())
        elif prefix in {"lt", "le"}:
            until = moment + (CLOSED_EARLIER if prefix == "le" else timedelta())
        else:
            raise BadSearch(f"{name} takes ge, gt, le or lt and an instant.")
    return since, until


def _moment(name: str, text: str, zone: ZoneInfo) -> datetime:
    """An instant; a date alone begins at midnight at the practice."""
    try:
        if len(text) == LONGEST_DATE:
            return datetime.combine(date.fromisoformat(text), time(), zone).astimezone(UTC)
        moment = datetime.fromisoformat(text.replace(" ", "+"))  # a bare + in a query arrives as a space
    except (ValueError, OverflowError):
        raise BadSearch(f"{name} must be an ISO instant such as ge2026-03-02T14:00:00Z.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
