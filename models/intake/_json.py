"""Reading JSON a line at a time, and the numbers and instants in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, NoReturn

from models.intake._batch import Unusable, microseconds


def refuse_constant(_: str) -> NoReturn:
    """NaN and Infinity are no JSON."""
    raise ValueError


SCAN: Callable[[str, int], tuple[Any, int]] = vars(json.JSONDecoder(parse_constant=refuse_constant))["scan_once"]
"""Value and end of the JSON at a place of a text: what `json.loads` calls, without what it does around it."""


def object_in(line: str) -> dict[str, Any]:
    """The one object of a line.

    Raises:
        Unusable: when it is anything else.
    """
    try:
        record, end = SCAN(line, 0)
    except (StopIteration, ValueError, RecursionError):
        raise Unusable("not_json") from None
    if end != len(line) and line[end:].strip():
        raise Unusable("not_json")
    if type(record) is not dict:
        raise Unusable("not_an_object")
    return record


def instant(told_at: object) -> int:
    """Microseconds since 1970 of an ISO 8601 text with its zone, or of a number of seconds.

    Raises:
        Unusable: when it is neither.
    """
    if type(told_at) is str:
        try:
            return microseconds(datetime.fromisoformat(told_at))
        except (ValueError, OverflowError):
            raise Unusable("bad_time") from None
    return round(number(told_at, "bad_time", 1e11) * 1_000_000)


def number(value: object, reason: str, largest: float, least: float = 0.0) -> float:
    """A finite number within bounds.

    Raises:
        Unusable: when it is anything else; a bool is no number.
    """
    if type(value) not in {int, float} or not least <= value <= largest:  # type: ignore[operator]  # a number by now
        raise Unusable(reason)
    return value  # type: ignore[return-value]  # as above
