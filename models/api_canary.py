"""API canary: how a harmless record of ours is written into any JSON API, and looked for, as a configuration says.

Only people know what is harmless there: a note, a task, a booking that is born cancelled. What we can see to, we do:
it bears a key of ours by which it is found again, and words that say what it is; nothing else is filled in.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from models.api_call import Call, check_relative
from models.canary import WORDS
from models.json_path import JsonPath
from models.noun import Advice, Noun
from models.reading import Code

KEY, SAYS, NOW = "{key}", "{words}", "{now}"
HEX = "0123456789abcdef"  # a key as it may be, to see whether a path is one
Status = Annotated[int, Field(ge=200, le=299)]


def check_keyed(value: str) -> str:
    """Refuse a path that is none once its key is in it.

    Raises:
        Advice: with a sentence that does not repeat it.
    """
    check_relative(value.replace(KEY, HEX))
    return value


KeyedPath = Annotated[str, AfterValidator(check_keyed)]


class Create(Noun):
    """The call that writes it."""

    path: KeyedPath
    method: Literal["POST", "PUT"] = "POST"
    body: Any = Field(repr=False)  # JSON; {key}, {words} and {now} are filled in
    expect: Annotated[frozenset[Status], Field(min_length=1)] = frozenset(
        {HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED}
    )

    @model_validator(mode="after")
    def _says_what_it_is(self) -> Create:
        """It must be told from all others, and tell a reader what it is."""
        written = list(texts(self.body))
        if not any(KEY in text for text in (self.path, *written)):
            raise Advice("write {key} where their system keeps a number of ours, so that it is found again")
        if not any(SAYS in text for text in written):
            raise Advice("write {words} into a field that people read there, so that it says what it is")
        return self

    def filled(self, key: str, now: datetime) -> bytes:
        """The body of one canary."""
        at = f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        return json.dumps(with_values(self.body, {KEY: key, SAYS: WORDS, NOW: at})).encode()


class Look(Noun):
    """The call that looks for it."""

    path: KeyedPath
    records: JsonPath | None = None  # those that it finds; None: it finds one, or answers 404

    @model_validator(mode="after")
    def _asks_for_this_one(self) -> Look:
        if KEY not in self.path:
            raise Advice("write {key} into the path, such as notes?external_id={key}; else any record would do")
        return self


class ApiCanary(Noun):
    """One record of ours."""

    resource: Code  # what kind of data, e.g. Note
    create: Create
    look: Look

    @property
    def creates(self) -> Call:
        """How its answer is judged."""
        return Call(path="canary", expect=self.create.expect)

    @property
    def looks(self) -> Call:
        """The same of the look."""
        return Call(path="canary", records=self.look.records)


def texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - anything JSON can hold
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from texts(one)


def with_values(value: Any, values: dict[str, str]) -> Any:  # noqa: ANN401 - anything JSON can hold
    """A JSON value with its placeholders filled in."""
    if isinstance(value, dict):
        return {name: with_values(one, values) for name, one in value.items()}
    if isinstance(value, list):
        return [with_values(one, values) for one in value]
    if isinstance(value, str):
        for name, filling in values.items():
            value = value.replace(name, filling)
    return value
