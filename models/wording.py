"""How figures are written: one place, so that the report, the cards and the page agree to the letter."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

UNKNOWN = "UNKNOWN"  # never 0% or 100% for something that was not measured
BYTE_UNITS = ("KB", "MB", "GB", "TB")  # decimal (SI): 1 KB is 1000 bytes, as vendors bill it
LARGEST_SHOWN = 999.95  # from here on one decimal would print 1000.0: take the next unit
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400


def percent(share: float | None) -> str:
    """A share of 1 with one decimal; UNKNOWN for None.

    >>> percent(135 / 3555), percent(None)
    ('3.8%', 'UNKNOWN')
    """
    return UNKNOWN if share is None else f"{share * 100:.1f}%"


def short_percent(share: float | None) -> str:
    """The same without an empty decimal, for sentences.

    >>> short_percent(0.05), short_percent(0.038)
    ('5%', '3.8%')
    """
    return percent(share).replace(".0%", "%")


def whole_percent(share: float) -> str:
    """Without decimals, for confidences; what is not nothing is not shown as 0%.

    >>> whole_percent(0.65), whole_percent(0.001)
    ('65%', '<1%')
    """
    return "<1%" if 0 < share < 0.005 else f"{share:.0%}"  # noqa: PLR2004  # rounds to 0%


def volume(size_bytes: int) -> str:
    """Bytes in decimal units with one decimal.

    >>> volume(2_400_000_000), volume(999_960), volume(512)
    ('2.4GB', '1.0MB', '512B')
    """
    if size_bytes < 1000:  # noqa: PLR2004  # one KB
        return f"{size_bytes}B"
    size = size_bytes / 1000
    for unit in BYTE_UNITS[:-1]:
        if size < LARGEST_SHOWN:
            return f"{size:.1f}{unit}"
        size /= 1000
    return f"{size:.1f}{BYTE_UNITS[-1]}"


def to_second(at: datetime) -> datetime:
    """The instant in UTC, cut to the second: the precision in which reports speak."""
    return at.astimezone(UTC).replace(microsecond=0)


def stamp(at: datetime) -> str:
    """ISO 8601 in UTC with seconds, e.g. `2025-03-26T09:45:32Z`."""
    return f"{to_second(at):%Y-%m-%dT%H:%M:%SZ}"


def zone_name(at: datetime, timezone: str) -> str:
    """The zone's abbreviation at this instant, e.g. EDT; UTC-03 where the zone has no letters."""
    name = at.astimezone(ZoneInfo(timezone)).tzname() or "UTC"
    return name if name[0].isalpha() else f"UTC{name}"


def local_time(at: datetime, timezone: str) -> str:
    """The practice's wall clock, e.g. `09:15:23 AM EDT`; independent of the machine's locale."""
    local = at.astimezone(ZoneInfo(timezone))
    return f"{local:%I:%M:%S} {'AM' if local.hour < 12 else 'PM'} {zone_name(at, timezone)}"  # noqa: PLR2004  # noon


def local_time_on(at: datetime, timezone: str, beside: datetime) -> str:
    """`local_time`, with the date before it when that is not the local date of `beside`."""
    zone = ZoneInfo(timezone)
    day = at.astimezone(zone).date()
    date = "" if day == beside.astimezone(zone).date() else f"{day:%Y-%m-%d} "
    return date + local_time(at, timezone)


def clock(at: datetime, timezone: str) -> str:
    """The practice's wall clock in 24 hours, e.g. `09:32:18`."""
    return f"{at.astimezone(ZoneInfo(timezone)):%H:%M:%S}"


def span(seconds: float) -> str:
    """A duration in words: seconds below two minutes, minutes below two hours, then the two largest units.

    >>> span(95), span(1087), span(7500), span(200_000)
    ('95 seconds', '18 minutes', '2 hours 5 minutes', '2 days 8 hours')
    """
    if seconds < 2 * MINUTE_S:
        return counted(round(seconds), "second")
    if seconds < 2 * HOUR_S:
        return counted(round(seconds / MINUTE_S), "minute")
    if seconds < 2 * DAY_S:
        return two_units(round(seconds / MINUTE_S), 60, "hour", "minute")
    return two_units(round(seconds / HOUR_S), 24, "day", "hour")


def two_units(smaller: int, per_larger: int, larger_name: str, smaller_name: str) -> str:
    """So many of the smaller unit, as both; the smaller is left out when it is 0."""
    larger, rest = divmod(smaller, per_larger)
    return counted(larger, larger_name) + (f" {counted(rest, smaller_name)}" if rest else "")


def counted(count: int, noun: str) -> str:
    """`1 minute`, `2 minutes`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def one_line(text: str) -> str:
    """White space and line breaks folded into single blanks, so that no value can add a line of its own."""
    return " ".join(text.split())
