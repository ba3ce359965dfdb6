"""Prefect as an actuator: pause or resume a deployment's schedule, run it once, or set a global concurrency limit.

Over Prefect's REST API and our own bounded client: verbs know no Prefect (docs/decisions/0004). What was set before is
read first and set again when it is taken back; a run bears the plan's hash as its idempotency key.
"""

from __future__ import annotations

import json
import os
from datetime import timedelta
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote

from pydantic import Field, StringConstraints, model_validator

from models.errors import Misconfigured, Mistake
from models.noun import Advice, Noun
from models.written import Period, SecretReference, limited
from tasks.actuators._call import call, done
from tasks.actuators._interface import LONGEST_S, Done, Errand, not_done
from tasks.http import BaseUrl, Fetched, check_base_url
from tasks.secrets import resolve

SUBJECT = ("do", "deployment", "limit", "to", "api_url")
API_URL = "PREFECT_API_URL"
PAUSED = {"pause": True, "resume": False}
Name = Annotated[str, StringConstraints(pattern=r"^[^/%&<>]{1,100}$")]


class Settings(Noun):
    """What is done to what, and on which server."""

    do: Literal["pause", "resume", "run", "limit"]
    deployment: Annotated[str | None, StringConstraints(pattern=r"^[^/%&<>]{1,100}/[^/%&<>]{1,100}$")] = None
    limit: Name | None = None  # a global concurrency limit
    to: Annotated[int | None, Field(ge=0, le=100_000)] = None  # its new value
    api_url: BaseUrl | None = None  # None: PREFECT_API_URL
    api_key: SecretReference | None = None
    timeout: Annotated[Period, limited(most=timedelta(seconds=LONGEST_S))] = timedelta(seconds=10)

    @model_validator(mode="after")
    def _says_of_what(self) -> Self:
        """A deployment, or a limit and its value."""
        is_limit = self.do == "limit"
        if is_limit != (self.limit is not None and self.to is not None) or is_limit == (self.deployment is not None):
            raise Advice("with `do: limit` write `limit` and `to`; else write `deployment`, as FLOW/NAME")
        return self

    @property
    def wanted(self) -> bool | int | None:
        """What is set; None: nothing, it is run."""
        return self.to if self.do == "limit" else PAUSED.get(self.do)


def dry_run(_: Errand, settings: Settings) -> str:
    """What would be set or run."""
    if settings.do == "limit":
        return f"set Prefect's concurrency limit {settings.limit} to {settings.to}"
    return f"{settings.do} Prefect's deployment {settings.deployment}"


async def before(errand: Errand, settings: Settings) -> str | None:
    """What is set now, as JSON; None: nothing is set, or nobody says."""
    if settings.wanted is None:
        return None
    value = value_in(await ask(errand, settings, "GET", place(settings)), settings)
    return None if value is None else json.dumps(value)


async def apply(errand: Errand, settings: Settings) -> Done:
    """Set it, or run it.

    Raises:
        Unknown: no answer, or a server error.
        Misconfigured: there is no server, or no key.
    """
    if settings.wanted is None:
        return await run_once(errand, settings)
    if errand.previous is None:
        return not_done("what is set now cannot be read")
    return await put(errand, settings, settings.wanted)


async def observe(errand: Errand, settings: Settings) -> bool | None:
    """Whether it is set, or a run with our key is there."""
    if settings.wanted is None:
        wanted = {"flow_runs": {"idempotency_key": {"any_": [errand.key]}}, "limit": 1}
        runs = content_of(await ask(errand, settings, "POST", "/flow_runs/filter", wanted))
        return bool(runs) if isinstance(runs, list) else None
    value = value_in(await ask(errand, settings, "GET", place(settings)), settings)
    return None if value is None else value == settings.wanted


async def undo(errand: Errand, settings: Settings) -> Done:
    """Set what was set before.

    Raises:
        Unknown: no answer, or a server error.
        Misconfigured: there is no server, or no key.
    """
    if errand.previous is None:
        return not_done("what was set before is not known")
    return await put(errand, settings, json.loads(errand.previous))


def can_observe(_: Settings) -> bool:
    """It can be read."""
    return True


def can_undo(settings: Settings) -> bool:
    """A run cannot be unmade."""
    return settings.wanted is not None


def place(settings: Settings) -> str:
    """Where it is read."""
    if settings.do == "limit":
        return f"/v2/concurrency_limits/{quote(settings.limit or '')}"
    return f"/deployments/name/{quote(settings.deployment or '')}"


async def put(errand: Errand, settings: Settings, value: bool | int) -> Done:
    """Set a value."""
    if settings.do == "limit":
        return done(await ask(errand, settings, "PATCH", place(settings), {"limit": value}))
    found = await ask(errand, settings, "GET", place(settings))
    if (known := id_in(found)) is None:
        return missing(found)
    what = "pause_deployment" if value else "resume_deployment"
    return done(await ask(errand, settings, "POST", f"/deployments/{known}/{what}"))


async def run_once(errand: Errand, settings: Settings) -> Done:
    """One run under our key: asked for twice, it is there once."""
    found = await ask(errand, settings, "GET", place(settings))
    if (known := id_in(found)) is None:
        return missing(found)
    body = {"idempotency_key": errand.key, "state": {"type": "SCHEDULED"}}
    return done(await ask(errand, settings, "POST", f"/deployments/{known}/create_flow_run", body))


def missing(found: Fetched) -> Done:
    """Nothing was asked for yet, so nothing was done."""
    return not_done(f"its deployment was not found ({found.status or found.code or found.outcome})")


async def ask(errand: Errand, settings: Settings, method: str, path: str, body: object = None) -> Fetched:
    """One call to the server's API.

    Raises:
        Misconfigured: there is no server, or no key.
    """
    headers = {"Content-Type": "application/json"}
    if settings.api_key:
        headers["Authorization"] = f"Bearer {resolve(settings.api_key, errand.base).get_secret_value()}"
    content = None if body is None else json.dumps(body).encode()
    return await call(errand, method, server(settings) + path, headers, content, settings.timeout.total_seconds())


def server(settings: Settings) -> str:
    """Its API.

    Raises:
        Misconfigured: neither the settings nor the environment say where it is.
    """
    try:
        return settings.api_url or check_base_url(os.environ.get(API_URL, ""))
    except ValueError:
        says = "it names no server that we may call; set it, or write `api_url` into the actuator's settings"
        raise Misconfigured((Mistake(file=f"env:{API_URL}", line=0, says=says),)) from None


def content_of(answer: Fetched) -> Any:  # noqa: ANN401 - anything JSON can hold
    """What a good answer says; None: nothing."""
    try:
        return json.loads(answer.body) if answer.status == 200 else None  # noqa: PLR2004 - OK
    except ValueError:
        return None


def value_in(answer: Fetched, settings: Settings) -> bool | int | None:
    """What is set."""
    found = content_of(answer)
    value = found.get("limit" if settings.do == "limit" else "paused") if isinstance(found, dict) else None
    return value if isinstance(value, bool | int) else None


def id_in(answer: Fetched) -> str | None:
    """The id of the deployment; of hexadecimal digits, or it is none."""
    found = content_of(answer)
    known = str(found.get("id", "")) if isinstance(found, dict) else ""
    return known if known.replace("-", "").isalnum() else None
