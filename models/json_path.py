"""Paths into a JSON answer, such as `data[].updated_at`: keys with dots between them, `[]` for every entry of a list.

A person writes them into a configuration, a peer writes what they are looked up in. So they know no filters and no
wildcards: a look-up takes time in proportion to the answer, and never raises on what it finds there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator

from models.noun import Advice

EVERY = "[]"  # every entry of a list
DEEPEST = 16  # steps; answers that people work with have five
LONGEST = 200  # characters
KEY = re.compile(r"^[A-Za-z_@][A-Za-z0-9_@:-]{0,63}$")
ROOT = "$"


def check_path(value: str) -> str:
    """Refuse what is no path, in a sentence that does not repeat it.

    Raises:
        Advice: when it is not keys, dots and `[]`.
    """
    if len(value) > LONGEST or not all(step == EVERY or KEY.match(step) for step in steps_of(value)):
        raise Advice("write a path of keys with dots between them and [] for a list, e.g. data[].updated_at")
    if not 1 <= len(steps_of(value)) <= DEEPEST:
        raise Advice(f"write a path of 1 to {DEEPEST} steps, e.g. data[].updated_at")
    return value


JsonPath = Annotated[str, AfterValidator(check_path)]


@lru_cache(maxsize=1024)
def steps_of(path: str) -> tuple[str, ...]:
    """`$.data[].id` → `data`, `[]`, `id`."""
    spread = path.removeprefix(ROOT).replace(EVERY, f".{EVERY}").removeprefix(".")
    return tuple(spread.split("."))


def found(path: str, content: Any) -> list[Any]:  # noqa: ANN401 - anything JSON can hold
    """Every value that the path leads to, in the order of the answer; none when it leads nowhere."""
    return list(_walk(content, steps_of(path)))


def first(path: str, content: Any) -> Any:  # noqa: ANN401 - anything JSON can hold
    """The first value that the path leads to; None when it leads nowhere (or to `null`)."""
    return next(_walk(content, steps_of(path)), None)


def _walk(value: Any, steps: tuple[str, ...]) -> Iterator[Any]:  # noqa: ANN401 - anything JSON can hold
    if not steps:
        yield value
    elif steps[0] == EVERY:
        for entry in listed(value):
            yield from _walk(entry, steps[1:])
    elif isinstance(value, dict) and steps[0] in value:
        yield from _walk(value[steps[0]], steps[1:])


def is_everywhere(path: str, content: Any) -> bool:  # noqa: ANN401 - anything JSON can hold
    """Whether no branch of the path ends early: each entry of each list on the way has its key.

    An empty list has no entry that could lack something.
    """
    return _holds(content, steps_of(path))


def _holds(value: Any, steps: tuple[str, ...]) -> bool:  # noqa: ANN401 - anything JSON can hold
    if not steps:
        return True
    if steps[0] == EVERY:
        return isinstance(value, list | dict) and all(_holds(entry, steps[1:]) for entry in listed(value))
    return isinstance(value, dict) and steps[0] in value and _holds(value[steps[0]], steps[1:])


def listed(value: Any) -> list[Any]:  # noqa: ANN401 - anything JSON can hold
    """The entries of a list. A lone object counts as a list of one: some servers unwrap those (catalogue, S26)."""
    if isinstance(value, dict):
        return [value]
    return value if isinstance(value, list) else []


def how_many(path: str, content: Any) -> int | None:  # noqa: ANN401 - anything JSON can hold
    """How many records a path stands for: a count that is written there, or the entries of what is there.

    None when the path leads to neither a list, an object, `null` (no records) nor a count.
    """
    values = found(path, content)
    if steps_of(path)[-1] == EVERY:
        return len(values) if values or is_everywhere(path, content) else None
    if not values:
        return None
    value = values[0]
    if isinstance(value, int) and not isinstance(value, bool):
        return value if value >= 0 else None
    return len(listed(value)) if isinstance(value, list | dict) or value is None else None
