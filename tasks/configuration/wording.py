"""Pydantic's errors in plain words: what is wrong at which key, and how to write it. Never the value itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from models.errors import Mistake
from models.noun import Advice
from tasks.configuration.page import Page, Place, quoted
from tasks.configuration.references import is_plain_secret

# pydantic's error type → what to write; {…} are its own limits. https://docs.pydantic.dev/latest/errors/validation_errors/
HOW = {
    "bool_parsing": "write true or false",
    "bool_type": "write true or false",
    "int_parsing": "write a whole number",
    "int_type": "write a whole number",
    "int_from_float": "write a whole number",
    "float_parsing": "write a number, or a percentage such as 5%",
    "float_type": "write a number, or a percentage such as 5%",
    "finite_number": "write an ordinary number",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "string_type": "write text; put it in quotes if it looks like a number, a date or yes/no",
    "string_too_short": "is too short; write {min_length} or more characters",
    "string_too_long": "is too long; write {max_length} or fewer characters",
    "enum": "use {expected}",
    "literal_error": "use {expected}",
    "date_type": "write a date like 2026-12-31",
    "date_parsing": "write a date like 2026-12-31",
    "date_from_datetime_parsing": "write a date like 2026-12-31",
    "date_from_datetime_inexact": "write a date like 2026-12-31, without a time",
    "time_delta_type": "write a duration as a number with s, m, h or d, e.g. 90s or 5m",
    "time_delta_parsing": "write a duration as a number with s, m, h or d, e.g. 90s or 5m",
    "model_type": "must be a block of keys, indented below it; leave the key out for the defaults",
    "model_attributes_type": "must be a block of keys, indented below it; leave the key out for the defaults",
    "dict_type": "must be a block of keys, indented below it",
    "list_type": "must be a list, each entry with `- ` on a line of its own",
    "tuple_type": "must be a list, each entry with `- ` on a line of its own",
    "set_type": "must be a list, each entry with `- ` on a line of its own",
    "frozen_set_type": "must be a list, each entry with `- ` on a line of its own",
    "union_tag_invalid": "{discriminator} must be one of {expected_tags}",
    "union_tag_not_found": "add {discriminator}, which says how the rest is to be read",
    "too_short": "has too few entries; write {min_length} or more",
    "too_long": "has too many entries; write {max_length} or fewer",
}

# How the forms that we ask for look, by the pattern that asks for them.
FORMS = {
    r"^[a-z][a-z0-9-]{0,62}$": "use lower-case letters, digits and hyphens, e.g. epic-fhir-main",
    r"^[a-z][a-z0-9_]*$": "use lower-case letters, digits and underscores, e.g. epic_fhir",
    r"^[A-Za-z][A-Za-z0-9_.:-]{0,63}$": "use letters, digits and _ . : - without spaces, a letter first",
    r"^[A-Za-z][A-Za-z0-9-]{0,63}$": "write a header's name, e.g. X-Api-Key",
    r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$": "write the operation's name without identifiers, e.g. Patient.search",
}
SHORTEST_ECHO = 4  # characters; shorter inputs are found in any sentence
SHARE_HINT = "; write a share as a percentage, e.g. 5%"


M = TypeVar("M", bound=BaseModel)


def validate(page: Page, model: type[M], at: Place = ()) -> tuple[M | None, list[Mistake]]:
    """What stands at a place of a page as a model, or None and every mistake in it.

    Args:
        page: a page that could be read.
        model: what must stand there; it may be written by others, so whatever it raises becomes a mistake.
        at: the place, e.g. ``("integrations", 0, "settings")``.
    """
    try:
        return model.model_validate(standing_at(page.data, at)), []
    except ValidationError as error:
        found = [one for one in error.errors(include_url=False) if not told_elsewhere(one)]
        return None, [page.mistake((*at, *one["loc"]), sentence(one, model)) for one in found]
    except (ArithmeticError, OSError, LookupError, TypeError):  # not a ValueError: pydantic lets it through
        return None, [page.mistake(at, "a value below cannot be used: too large a number, or no such name")]


def told_elsewhere(error: ErrorDetails) -> bool:
    """Whether another sentence says it better.

    A secret in plain has its own, see `plain_secrets`. Pydantic calls a list too short when its entries are there,
    but wrong; and it makes no default out of other keys when one of those is wrong.
    """
    if error["type"] == "default_factory_not_called":
        return True
    if error["type"] == "too_short":
        return bool(len(error["input"]) >= error["ctx"]["min_length"])
    return error["type"] == "value_error" and is_plain_secret(error["loc"], error["input"])


def standing_at(data: object, at: Place) -> object:
    """The data at a place that is known to exist."""
    for step in at:
        data = data[step]  # type: ignore[index]  # the place was found by walking this data
    return data


def sentence(error: ErrorDetails, model: type[BaseModel]) -> str:
    """One pydantic error in plain words."""
    place = error["loc"]
    key = quoted(place[-1]) if place and isinstance(place[-1], str) else "this entry"
    if error["type"] == "extra_forbidden":
        return no_such(key, str(place[-1]), keys_at(model, place[:-1]), "key")
    if error["type"] == "missing":
        return f"{key} is missing; add it (docs/configuration.md says what it means)"
    return f"{key}: {how_to_write(error)}"


def how_to_write(error: ErrorDetails) -> str:
    """What to write instead, from pydantic's type of error and its limits."""
    limits = error.get("ctx", {})
    if error["type"] == "string_pattern_mismatch":
        return FORMS.get(limits["pattern"], "this is not in the form that is asked for; see docs/configuration.md")
    if isinstance(limits.get("error"), Advice):
        return str(limits["error"])
    if error["type"] in {"value_error", "assertion_error"}:
        return unless_echo(str(limits.get("error", "")), error["input"])
    if limits.get("le") == 1.0:
        return HOW["less_than_equal"].format(**limits) + SHARE_HINT
    words = HOW.get(error["type"])
    return words.format(**limits).replace("'", "`") if words else unless_echo(error["msg"], error["input"])


def unless_echo(says: str, value: object) -> str:
    """A sentence of somebody else's, unless it quotes the value it is about."""
    told = [text for text in texts(value) if len(text) >= SHORTEST_ECHO and text in says]
    return says if says and not told else "this cannot be used; see docs/configuration.md"


def texts(value: object) -> Iterator[str]:
    """Every text in a value, and its parts as a validator may cut them."""
    if isinstance(value, dict):
        for inner in (*value.keys(), *value.values()):
            yield from texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from texts(inner)
    else:
        text = str(value)
        yield from {text, text[:-1], text[1:], *text.split()}


def no_such(name: str, written: str, known: Sequence[str], what: str) -> str:
    """`no such key …; did you mean …?`, or the list of those there are."""
    near = get_close_matches(written[:64], known, n=1, cutoff=0.6)
    begin = f"no such {what} {name}" if name.startswith("`") else f"there is no such {what}"
    if near:
        return f"{begin}; did you mean `{near[0]}`?"
    return f"{begin}; there are: {', '.join(known)}" if known else f"{begin}; there are none"


def keys_at(model: type[BaseModel], place: Sequence[str | int]) -> tuple[str, ...]:
    """The keys that a model knows at a place below it."""
    choices = [model]
    for step in place:
        if step in choices[0].model_fields:
            choices = list(nested(choices[0].model_fields[str(step)].annotation)) or choices
        else:
            choices = [choice for choice in choices if is_tagged(choice, step)] or choices
    return tuple(choices[0].model_fields)


def nested(annotation: object) -> Iterator[type[BaseModel]]:
    """The models inside an annotation such as ``tuple[Read, ...]``, or of a union; none when it holds none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from nested(argument)


def is_tagged(choice: type[BaseModel], tag: str | int) -> bool:
    """Whether a model of a union is the one with this tag, which pydantic puts into the place of an error."""
    return any(tag in get_args(field.annotation) for field in choice.model_fields.values())
