"""A call to an administrative API: templated, signed, with the plan's hash as its idempotency key.

Signed as Standard Webhooks 1.0.0 ask (tasks.signing); the receiver may take each `webhook-id` once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlencode

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from models.integration import Text
from models.json_path import JsonPath, first
from models.noun import Advice, Noun
from models.placeholder import BRACES, Template, check_body, filled
from models.written import Period, SecretReference, limited
from tasks.actuators._call import call, done, is_any_good
from tasks.actuators._interface import LONGEST_S, Done, Errand, not_done
from tasks.auth_schemes import HeaderName
from tasks.http import Fetched, check_base_url, split_origin
from tasks.secrets import resolve
from tasks.signing import key_of, signature

SUBJECT = ("method", "url", "target", "body")
OURS = frozenset({"host", "content-length", "content-type", "idempotency-key"})
KINDS = {"json": "application/json", "form": "application/x-www-form-urlencoded"}
LARGEST_EPOCH_S = 1e11  # a larger number counts milliseconds


def check_url(url: str) -> str:
    """Refuse what we may not call, and placeholders before the path.

    Raises:
        ValueError: when it is that.
    """
    origin = "/".join(url.split("/", 3)[:3])
    if BRACES.search(origin):
        raise Advice("placeholders may stand in the path only")
    check_base_url(BRACES.sub("x", url))
    return url


def check_header_names(headers: dict[str, str]) -> dict[str, str]:
    """Refuse headers that are ours to write."""
    if any(name.lower() in OURS or name.lower().startswith("webhook-") for name in headers):
        raise Advice("Host, Content-Type, Content-Length, Idempotency-Key and webhook-… are ours to write")
    return headers


Url = Annotated[Template, AfterValidator(check_url)]
HeaderValue = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{1,500}$")]
Status = Annotated[int, Field(ge=200, le=499)]


class Call(Noun):
    """One call."""

    method: Literal["POST", "PUT", "PATCH", "DELETE", "GET"] = "POST"
    url: Url
    body: Annotated[dict[str, Any] | None, AfterValidator(check_body)] = None
    encoding: Literal["json", "form"] = "json"
    expects: tuple[Status, ...] = ()  # none: any 2xx

    @model_validator(mode="after")
    def _is_a_form(self) -> Self:
        """A form has no lists and no keys below keys."""
        if self.encoding == "form" and any(isinstance(one, dict | list) for one in (self.body or {}).values()):
            raise Advice("a form is a list of keys with one value each; use `encoding: json` for more")
        return self

    def is_expected(self, status: int) -> bool:
        """Whether this answer means that it was done."""
        return status in self.expects if self.expects else is_any_good(status)

    def content(self, values: Mapping[str, str]) -> bytes | None:
        """The body with its placeholders filled in."""
        if self.body is None:
            return None
        body = filled(self.body, values)
        return (json.dumps(body) if self.encoding == "json" else urlencode(body)).encode()


class Observation(Noun):
    """What tells whether it is in place: a value in a JSON answer."""

    url: Url
    path: JsonPath
    equals: bool | int | float | Template | None = None
    newer: bool = False  # the value is an instant, and later than our intent

    @model_validator(mode="after")
    def _says_what(self) -> Self:
        """One of the two."""
        if (self.equals is None) is not self.newer:
            raise Advice("write either `equals`, or `newer: true`")
        return self


class Settings(Call):
    """What is called, as whom, and what tells whether it worked."""

    headers: Annotated[dict[HeaderName, HeaderValue], AfterValidator(check_header_names)] = Field(default_factory=dict)
    signing_secret: SecretReference | None = None  # of 24 bytes or more, as it is or as whsec_<base64>
    target: Text | None = None  # for {target}
    timeout: Annotated[Period, limited(most=timedelta(seconds=LONGEST_S))] = timedelta(seconds=10)
    ca_bundle: str | None = None
    observe: Observation | None = None
    undo: Call | None = None

    @model_validator(mode="after")
    def _stays_there(self) -> Self:
        """Headers hold credentials: they go to one host."""
        others = [one.url for one in (self.observe, self.undo) if one is not None]
        if any(split_origin(BRACES.sub("x", url))[0] != split_origin(BRACES.sub("x", self.url))[0] for url in others):
            raise Advice("`observe` and `undo` must call the same host as `url`: credentials go nowhere else")
        return self


def dry_run(errand: Errand, settings: Settings) -> str:
    """What would be called; headers by name only."""
    url = filled(settings.url, errand.values(settings.target))
    told = [f"{settings.method} {url}"]
    if settings.body:
        told.append(f"with {', '.join(settings.body)}")
    if settings.headers:
        told.append(f"as {', '.join(settings.headers)} say")
    return " ".join(told) + (", signed" if settings.signing_secret else "")


async def apply(errand: Errand, settings: Settings) -> Done:
    """Make the call, once.

    Raises:
        Unknown: no answer, or a server error.
        Misconfigured: a secret is not there.
    """
    return await send(errand, settings, settings, errand.key)


async def undo(errand: Errand, settings: Settings) -> Done:
    """Make the undoing call; with a key of its own.

    Raises:
        Unknown: no answer, or a server error.
        Misconfigured: a secret is not there.
    """
    return await send(errand, settings, settings.undo, f"{errand.key}-undo") if settings.undo else not_done("no undo")


async def observe(errand: Errand, settings: Settings) -> bool | None:
    """Ask, and compare; None when there is no answer with that value in it."""
    seen = settings.observe
    if seen is None:
        return None
    url = filled(seen.url, errand.values(settings.target))
    answer = await fetch(errand, settings, "GET", url, secrets_of(errand, settings), None)
    if answer.status != 200:  # noqa: PLR2004 - OK
        return None
    try:
        value = first(seen.path, json.loads(answer.body))
    except ValueError:
        return None
    if value is None:
        return None
    return is_newer(value, errand.since) if seen.newer else is_same(value, seen.equals, errand.values(settings.target))


def can_observe(settings: Settings) -> bool:
    """Whether there is something to ask."""
    return settings.observe is not None


def can_undo(settings: Settings) -> bool:
    """Whether another call takes it back."""
    return settings.undo is not None


async def send(errand: Errand, settings: Settings, one: Call, key: str) -> Done:
    """One signed call, and what its answer means."""
    values = errand.values(settings.target)
    content, now = one.content(values), int(errand.clock.now().timestamp())
    headers = secrets_of(errand, settings) | {"Idempotency-Key": key}
    if content is not None:
        headers["Content-Type"] = KINDS[one.encoding]
    if settings.signing_secret:
        signed = signature(key_of(settings.signing_secret, errand.base), key, now, content or b"")
        headers |= {"webhook-id": key, "webhook-timestamp": str(now), "webhook-signature": signed}
    answer = await fetch(errand, settings, one.method, filled(one.url, values), headers, content)
    return done(answer, one.is_expected)


def secrets_of(errand: Errand, settings: Settings) -> dict[str, str]:
    """The headers, with what references lead to."""
    return {
        name: resolve(value, errand.base).get_secret_value() if value.startswith(("env:", "file:")) else value
        for name, value in settings.headers.items()
    }


async def fetch(
    errand: Errand, settings: Settings, method: str, url: str, headers: Mapping[str, str], content: bytes | None
) -> Fetched:
    """One call under these settings."""
    return await call(errand, method, url, headers, content, settings.timeout.total_seconds(), settings.ca_bundle)


def is_same(value: Any, wanted: Any, values: Mapping[str, str]) -> bool:  # noqa: ANN401 - anything JSON can hold
    """Whether a value is the one that is wanted, which may be a template; true is not 1."""
    return type(value) is type(wanted) and value == filled(wanted, values)


def is_newer(value: Any, since: datetime | None) -> bool | None:  # noqa: ANN401 - anything JSON can hold
    """Whether an instant (ISO 8601, or seconds or milliseconds since 1970) is not before our intent, to the second."""
    try:
        if isinstance(value, int | float):
            at = datetime.fromtimestamp(value / 1000 if value > LARGEST_EPOCH_S else value, UTC)
        else:
            at = datetime.fromisoformat(value)
    except (ValueError, TypeError, OverflowError, OSError):
        return None
    if since is None or at.tzinfo is None:
        return None
    return at >= since.replace(microsecond=0)
