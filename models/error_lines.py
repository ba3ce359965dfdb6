"""Lines of error logs, plain or JSON: when, and the text that says what went wrong. Quiet levels say nothing of that.

A time without a zone is taken for UTC: which machine wrote it, the line does not tell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from models.intake._batch import Unusable, microseconds
from models.intake._json import instant, object_in

STAMP = re.compile(
    r"\s*\[?([0-9]{4}[-/][0-9]{2}[-/][0-9]{2})[T ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:[.,]([0-9]{1,6})[0-9]*)?"
    r"\s?(Z|UTC|[+-][0-9]{2}:?[0-9]{2})?\]?[ \t,|-]*"
)
LEVEL = re.compile(
    r"[\W_]{0,3}\b(?:(TRACE|DEBUG|INFO|NOTICE|VERBOSE)"
    r"|(WARN(?:ING)?|ERR(?:OR)?|FATAL|CRIT(?:ICAL)?|SEVERE|ALERT))\b[\]):\s|-]*",
    re.IGNORECASE,
)
QUIET = frozenset({"trace", "debug", "info", "notice", "verbose", "information"})
LEVELS = ("level", "severity", "levelname", "lvl", "log.level")
TIMES = ("at", "time", "timestamp", "@timestamp", "ts", "date")
TEXTS = ("error", "message", "msg", "exception", "error_description", "detail", "event", "log", "text")
MOST_TEXTS = 2  # `error` names it, `message` tells it; a third only repeats them
CONTINUES = re.compile(r"\s|Caused by:|Traceback \(most recent|During handling of|The above exception")


class ErrorLine(NamedTuple):
    """One failed line; `at` in microseconds since 1970."""

    at: int | None
    text: str


def error_in(line: str) -> ErrorLine | None:
    """What a line says went wrong; None: it says nothing of that, or goes on with the line before."""
    if line.startswith("{"):
        try:
            return of_record(object_in(line))
        except Unusable:
            pass
    if not line.strip() or CONTINUES.match(line):
        return None
    return of_text(line)


def of_text(line: str) -> ErrorLine | None:
    """A plain line: its time and its level are cut off."""
    found = STAMP.match(line)
    text = line[found.end() :] if found else line
    level = LEVEL.match(text)
    if level and level[1]:
        return None
    return ErrorLine(at_of(found) if found else None, text[level.end() :] if level and level[2] else text)


def at_of(found: re.Match[str]) -> int | None:
    """The instant of a stamp; None when there is no such day."""
    day, clock, fraction, zone = found.groups()
    written = f"{day.replace('/', '-')}T{clock}.{(fraction or '0').ljust(6, '0')}"
    try:
        at = datetime.fromisoformat(written + ("+00:00" if zone in {None, "Z", "UTC"} else zone))
        return microseconds(at.astimezone(UTC))
    except (ValueError, OverflowError, Unusable):
        return None


def of_record(record: Mapping[str, Any]) -> ErrorLine | None:
    """An object: its level, its time and its texts, under the names that are usual."""
    level = next((record[name] for name in LEVELS if isinstance(record.get(name), str)), "")
    text = said(record, TEXTS)
    if text is None or level.lower() in QUIET or record.get("outcome") == "ok":
        return None
    told_at = next((record[name] for name in TIMES if isinstance(record.get(name), str | int | float)), None)
    stamp = STAMP.match(told_at) if isinstance(told_at, str) else None
    try:
        at = at_of(stamp) if stamp else None if told_at is None else instant(told_at)
    except Unusable:
        at = None
    return ErrorLine(at, text)


def said(record: Mapping[str, Any], names: tuple[str, ...] = ("error", "message")) -> str | None:
    """The first texts of these names, one behind the other; None: there is none."""
    found = [value for name in names if type(value := record.get(name)) is str and value]
    return ": ".join(found[:MOST_TEXTS]) if found else None
