"""Placeholders: what a configured call, command or body may say of an action, by an allow-list.

`{integration}` and the others below are filled in; nothing else may stand in braces. Each value is an id, a hash or a
number of ours: none can name a patient or carry a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, StringConstraints

from models.noun import Advice

FIELDS = ("action", "again_from", "incident", "integration", "key", "role", "since", "target")
BRACES = re.compile(r"\{([^{}]*)\}")
REFERENCES = ("env:", "file:")
LISTED = ", ".join(f"{{{name}}}" for name in FIELDS)


def check_template(text: str) -> str:
    """Refuse braces around anything else.

    Raises:
        Advice: when there are some.
    """
    if any(name not in FIELDS for name in BRACES.findall(text)):
        raise Advice(f"only {LISTED} may stand in braces")
    return text


def check_body(body: Any) -> Any:  # noqa: ANN401 - anything JSON can hold
    """Refuse a body with other placeholders, or with the place of a secret in it.

    Raises:
        Advice: when there is one.
    """
    for text in texts(body):
        if text.startswith(REFERENCES):
            raise Advice("a secret goes into `headers`, by reference; a body holds none")
        check_template(text)
    return body


def texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - anything JSON can hold
    """Every text in it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from texts(inner)


def filled(value: Any, values: Mapping[str, str]) -> Any:  # noqa: ANN401 - anything JSON can hold
    """The same with every placeholder replaced; one that is not known stays as it is.

    >>> filled({"why": "{incident}", "n": [1, "{key}"]}, {"incident": "INC-1"})
    {'why': 'INC-1', 'n': [1, '{key}']}
    """
    if isinstance(value, str):
        return BRACES.sub(lambda found: values.get(found[1], found[0]), value)
    if isinstance(value, dict):
        return {key: filled(inner, values) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [filled(inner, values) for inner in value]
    return value


Template = Annotated[str, StringConstraints(min_length=1, max_length=1000), AfterValidator(check_template)]
"""Text in which placeholders may stand."""
