"""The record of ours that any JSON API may be written: what a configuration may say, and what is sent."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from models.api_canary import ApiCanary
from models.canary import WORDS

NOW = datetime(2026, 11, 23, 17, tzinfo=UTC)
GOOD: dict[str, Any] = {
    "resource": "Note",
    "create": {"path": "notes", "body": {"number": "{key}", "text": ["{words}", {"at": "{now}"}], "level": 3}},
    "look": {"path": "notes?number={key}", "records": "data[]"},
}


def changed(part: str, **changes: Any) -> dict[str, Any]:
    return GOOD | {part: GOOD[part] | changes}


def test_what_is_sent_bears_the_key_says_what_it_is_and_holds_nothing_else_of_ours():
    sent = json.loads(ApiCanary.model_validate(GOOD).create.filled("0123456789abcdef", NOW))
    assert sent == {"number": "0123456789abcdef", "text": [WORDS, {"at": "2026-11-23T17:00:00Z"}], "level": 3}


@pytest.mark.parametrize(
    ("written", "says"),
    [
        pytest.param(GOOD, None, id="as it is"),
        pytest.param(changed("create", path="notes/{key}", method="PUT", body="{words}"), None, id="a key in the path"),
        pytest.param(changed("create", body={"text": "{words}"}), "write {key} where their system keeps", id="no key"),
        pytest.param(changed("create", body={"n": "{key}"}), "write {words} into a field", id="says not what it is"),
        pytest.param(changed("look", path="notes"), "write {key} into the path", id="any record would do"),
        pytest.param(
            changed("look", path="https://other.example/{key}"), "a path relative to base_url", id="elsewhere"
        ),
        pytest.param(changed("look", path="../{key}"), "a path relative to base_url", id="above"),
        pytest.param(changed("create", path="notes?token={key}"), "a secret in a URL", id="a secret in the URL"),
        pytest.param(changed("create", expect=[404]), "less than or equal to 299", id="a refusal that accepts"),
        pytest.param(changed("create", method="DELETE"), "'POST' or 'PUT'", id="taking away"),
    ],
)
def test_a_record_must_be_found_again_and_say_what_it_is(written, says):
    if says is None:
        ApiCanary.model_validate(written)
        return
    with pytest.raises(ValidationError) as caught:
        ApiCanary.model_validate(written)
    assert says in str(caught.value)


def test_a_body_is_not_shown_in_errors_and_logs():
    written = changed("create", body={"text": "{words}", "n": "{key}", "name": "Jane Doe"})
    assert "Jane" not in repr(ApiCanary.model_validate(written))
