"""One key of a JSON, YAML or TOML text, changed in place: comments, order and everything else stay as they are.

The value's own characters are replaced where they stand; then the new text is read as a whole, and must say what the
old one said but for this key. An edit that says anything else is refused, however it came about.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any, Literal

import yaml

from models.errors import BadInput

Format = Literal["json", "yaml", "toml"]
Value = bool | int | float | str
LOADER = yaml.CSafeLoader
SCALAR = (bool, int, float, str)
TOML_LINE = re.compile(
    r"^[ \t]*(?:[\w\"'-]+[ \t]*\.[ \t]*)*[\"']?(?P<key>[\w-]+)[\"']?[ \t]*=[ \t]*"
    r"(?P<value>\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'|[^\s#,\[\]{}\"']+)[ \t]*(?:#.*)?$",
    re.MULTILINE,
)


def value_at(text: str, form: Format, key: str) -> Value:
    """What a key says.

    Raises:
        BadInput: the text is not in this form, or has no single value there; quotes nothing of it.
    """
    found: Any = read(text, form)
    for step in key.split("."):
        if not isinstance(found, dict) or step not in found:
            raise BadInput(f"it has no key {key}")
        found = found[step]
    if not isinstance(found, SCALAR):
        raise BadInput(f"{key} is no single value")
    return found


def changed(text: str, form: Format, key: str, value: Value) -> str:
    """The text with this key's value replaced.

    Raises:
        BadInput: it cannot be done without changing anything else.
    """
    value_at(text, form, key)
    wanted, steps = deepcopy(read(text, form)), key.split(".")
    inner = wanted
    for step in steps[:-1]:
        inner = inner[step]
    inner[steps[-1]] = value
    for start, end in PLACES[form](text, steps):
        edited = text[:start] + json.dumps(value) + text[end:]
        if says(edited, form, wanted):
            return edited
    raise BadInput(f"{key} cannot be changed in place; write its value on a line of its own, without an anchor")


def read(text: str, form: Format) -> Any:  # noqa: ANN401 - anything that a file can hold
    """What it says.

    Raises:
        BadInput: it is not in this form.
    """
    try:
        return READERS[form](text)
    except (ValueError, yaml.YAMLError, RecursionError):
        raise BadInput(f"it is no {form.upper()}") from None


def says(text: str, form: Format, wanted: object) -> bool:
    """Whether a text says exactly this; true is not 1."""
    try:
        return repr(read(text, form)) == repr(wanted)
    except BadInput:
        return False


def read_yaml(text: str) -> Any:  # noqa: ANN401
    """One document without aliases: what one says in two places cannot be changed in one."""
    if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=LOADER)):
        raise ValueError
    return yaml.load(text, Loader=LOADER)  # noqa: S506 - a safe one


def places_in_yaml(text: str, steps: list[str]) -> Iterator[tuple[int, int]]:
    """Where the value stands; JSON is read alike, as its tabs are spaces."""
    try:
        node = yaml.compose(text.replace("\t", " "), Loader=LOADER)
    except yaml.YAMLError:
        return
    for step in steps:
        inner = node.value if isinstance(node, yaml.MappingNode) else []
        node = next((value for name, value in inner if getattr(name, "value", None) == step), None)
    if isinstance(node, yaml.ScalarNode):
        yield node.start_mark.index, node.end_mark.index


def places_in_toml(text: str, steps: list[str]) -> Iterator[tuple[int, int]]:
    """Every line with a key of this name, whatever its table."""
    yield from (found.span("value") for found in TOML_LINE.finditer(text) if found["key"] == steps[-1])


READERS: dict[str, Callable[[str], Any]] = {"json": json.loads, "yaml": read_yaml, "toml": tomllib.loads}
PLACES = {"json": places_in_yaml, "yaml": places_in_yaml, "toml": places_in_toml}
