"""Written: how a person writes a duration, a share, a zone, a name or a secret's place in a configuration file."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

SECONDS_PER_UNIT = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION = re.compile(r"[0-9]{1,7}[smhd]")


def parse_duration(value: object) -> object:
    """`90s`, `5m`, `2h`, `7d` → timedelta; a bare number is refused, because nobody could tell its unit."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str) and DURATION.fullmatch(value):
        return timedelta(seconds=int(value[:-1]) * SECONDS_PER_UNIT[value[-1]])
    raise ValueError("write a duration as a number with s, m, h or d, e.g. 90s or 5m")


def parse_share(value: object) -> object:
    """`5%` → 0.05; anything else is passed on for pydantic to judge."""
    if isinstance(value, str) and value.endswith("%"):
        try:
            return float(value[:-1]) / 100
        except ValueError:
            raise ValueError("write a share as a percentage, e.g. 5%") from None
    return value


def check_timezone(value: str) -> str:
    """Refuse a name that the IANA time zone database does not know."""
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a directory of zones, or an endless name
        raise ValueError("no such time zone; use an IANA name such as America/New_York") from None
    return value


def check_secret_reference(value: str) -> str:
    """Refuse anything but a reference: a secret itself never stands in a configuration file."""
    if not value.startswith(("env:", "file:")) or value in {"env:", "file:"}:
        raise ValueError("a secret is written by reference: env:NAME or file:PATH, never as itself")
    return value


def limited(*, least: timedelta | None = None, most: timedelta | None = None) -> AfterValidator:
    """A check of a duration's length, with a sentence that writes the limit as a person would."""

    def check(value: timedelta) -> timedelta:
        if least is not None and value < least:
            raise ValueError(f"must be at least {as_written(least)}")
        if most is not None and value > most:
            raise ValueError(f"must be at most {as_written(most)}")
        return value

    return AfterValidator(check)


def as_written(duration: timedelta) -> str:
    """The way a person writes a duration, in the largest unit that fits.

    >>> as_written(timedelta(minutes=30)), as_written(timedelta(hours=48)), as_written(timedelta(seconds=90))
    ('30m', '2d', '90s')
    """
    seconds = int(duration.total_seconds())
    unit = max((u for u, size in SECONDS_PER_UNIT.items() if seconds % size == 0), key=SECONDS_PER_UNIT.__getitem__)
    return f"{seconds // SECONDS_PER_UNIT[unit]}{unit}"


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Share = Annotated[float, BeforeValidator(parse_share), Field(ge=0, le=1)]
TimeZone = Annotated[str, AfterValidator(check_timezone)]
SecretReference = Annotated[str, AfterValidator(check_secret_reference)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=120)]
Period = Annotated[Duration, limited(least=timedelta(seconds=1))]  # how long something takes: never nothing
