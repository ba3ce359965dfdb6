"""Canonical: one way of writing a value, so that another way of writing the same is no difference.

    03/05/2026, 20260305 and 2026-03-05 are one date; +1 (555) 123-4567 and 555.123.4567 one number;
    2026-03-05T14:00:00Z and 2026-03-05T09:00:00-05:00 one moment.

What cannot be read as its kind stays the text that it is, and is compared as such: nothing is guessed, nothing raises.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from models.reconciliation import ColumnKind

LONGEST_NUMBER = 64  # characters; what is longer is no measure
EXACT = Context(prec=2 * LONGEST_NUMBER)  # the usual 28 digits would make one of two long numbers
DIGITS_WITH_COUNTRY = 11  # of a North American number: 1 and ten digits
TRUE = frozenset({"true", "t", "yes", "y", "1"})
FALSE = frozenset({"false", "f", "no", "n", "0"})
EMPTY = frozenset({"", "null", "none", "nan", "\\n"})  # how exports write that there is nothing

NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:[T ]00:00(?::00(?:\.0+)?)?)?", re.ASCII)
US_DATE = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})(?: 0?0:00(?::00)?)?", re.ASCII)
COMPACT_DATE = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})", re.ASCII)
ISO_INSTANT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
    r"\s?(Z|z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)?",
    re.ASCII,
)
HL7_INSTANT = re.compile(
    r"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})(?:([0-9]{2})(?:\.([0-9]{1,6}))?)?(Z|[+-][0-9]{4})?", re.ASCII
)
US_INSTANT = re.compile(
    r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4}) ([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?\s?([AaPp][Mm])?", re.ASCII
)
SPACES = re.compile(r"\s+")
NOT_A_DIGIT = re.compile(r"[^0-9]", re.ASCII)
PHONE = re.compile(r"[+(]?[0-9][0-9().\s/+-]{5,24}", re.ASCII)
NOON = 12


def canonical(kind: ColumnKind, value: Any, timezone: str = "UTC") -> str | None:  # noqa: ANN401 - what a driver gives
    """The one way of writing a value; None: there is none.

    Args:
        kind: what the value is.
        value: as a file, a driver or a JSON document has it.
        timezone: of instants that are written without one.
    """
    text = written(value)
    if text is None or text.casefold() in EMPTY:
        return None
    return FORMS[kind](text, timezone)


def written(value: Any) -> str | None:  # noqa: ANN401 - as above
    """A value as text, without white space around it; None: there is none.

    >>> written(datetime(2026, 3, 5, 14, tzinfo=UTC)), written(1.50), written(True), written("  x ")
    ('2026-03-05T14:00:00+00:00', '1.5', 'true', 'x')
    """
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value).strip()


def as_text(text: str, _: str) -> str:
    """Case and the amount of white space do not count."""
    return SPACES.sub(" ", text).casefold()


def as_code(text: str, _: str) -> str:
    """Only what is around it does not count."""
    return text


def as_number(text: str, _: str) -> str:
    """By value: `+1.50` is `1.5`, `-0` is `0`."""
    if len(text) > LONGEST_NUMBER or not NUMBER.fullmatch(text):
        return as_text(text, _)
    try:
        number = Decimal(text).normalize(EXACT)
    except InvalidOperation:
        return as_text(text, _)
    return "0" if not number else f"{number:f}" if -LONGEST_NUMBER < number.adjusted() < LONGEST_NUMBER else str(number)


def as_date(text: str, timezone: str) -> str:
    """ISO; of three numbers with slashes the month is first, as in the United States."""
    if found := ISO_DATE.fullmatch(text) or COMPACT_DATE.fullmatch(text):
        year, month, day = map(int, found.groups())
    elif found := US_DATE.fullmatch(text):
        month, day, year = map(int, found.groups())
    else:
        return as_text(text, timezone)
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return as_text(text, timezone)


def as_instant(text: str, timezone: str) -> str:
    """In UTC with its microseconds; a date alone is its midnight in the zone."""
    at = instant_of(text, timezone)
    return as_text(text, timezone) if at is None else at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def instant_of(value: Any, timezone: str) -> datetime | None:  # noqa: ANN401 - what a driver gives
    """The moment that is written, in UTC; None: it is no moment."""
    text = written(value)
    if not text:
        return None
    try:
        return _instant(text, timezone)
    except (ValueError, OverflowError):
        return None


def _instant(text: str, timezone: str) -> datetime | None:
    if found := ISO_INSTANT.fullmatch(text) or HL7_INSTANT.fullmatch(text):
        year, month, day, hour, minute, second, part, offset = found.groups()
        micro = int((part or "").ljust(6, "0")[:6])
        local = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), micro)  # noqa: DTZ001 - its zone follows
        return in_utc(local, offset, timezone)
    if found := US_INSTANT.fullmatch(text):
        month, day, year, hour, minute, second, half = found.groups()
        clock = int(hour) if half is None else int(hour) % NOON + NOON * (half.casefold() == "pm")
        local = datetime(int(year), int(month), int(day), clock, int(minute), int(second or 0))  # noqa: DTZ001 - as above
        return in_utc(local, None, timezone)
    day_alone = as_date(text, timezone)
    return in_utc(datetime.fromisoformat(day_alone), None, timezone) if ISO_DATE.fullmatch(day_alone) else None


def in_utc(local: datetime, offset: str | None, timezone: str) -> datetime:
    """A time by its own offset, or without one by the zone.

    Raises:
        ValueError: an offset that there is not.
        OverflowError: a moment before the year 1 or after 9999.
    """
    if offset is None:
        return local.replace(tzinfo=zone(timezone)).astimezone(UTC)
    if offset.upper() in {"Z", "UTC"}:
        return local.replace(tzinfo=UTC)
    digits = offset[1:].replace(":", "").ljust(4, "0")
    ahead = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return (local - ahead if offset[0] == "+" else local + ahead).replace(tzinfo=UTC)


@lru_cache(maxsize=32)
def zone(name: str) -> ZoneInfo:
    """A zone of the database; looking one up costs more than reading a time."""
    return ZoneInfo(name)


def as_phone(text: str, timezone: str) -> str:
    """Its digits, without the country code of the United States; words in it make it a text."""
    if not PHONE.fullmatch(text):
        return as_text(text, timezone)
    digits = NOT_A_DIGIT.sub("", text)
    return digits[1:] if len(digits) == DIGITS_WITH_COUNTRY and digits[0] == "1" else digits


def as_flag(text: str, timezone: str) -> str:
    """Yes or no, however it is written."""
    word = text.casefold()
    return "true" if word in TRUE else "false" if word in FALSE else as_text(text, timezone)


FORMS: dict[ColumnKind, Callable[[str, str], str]] = {
    ColumnKind.TEXT: as_text,
    ColumnKind.CODE: as_code,
    ColumnKind.NUMBER: as_number,
    ColumnKind.DATE: as_date,
    ColumnKind.INSTANT: as_instant,
    ColumnKind.PHONE: as_phone,
    ColumnKind.FLAG: as_flag,
}
