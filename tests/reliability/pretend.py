"""Remedies that do something outside of us, over a socket, in shapes that no remedy of ours has yet.

`switch_on` may be repeated and can be observed; `send_once` must not be repeated and can be observed; `send_blind`
must not be repeated and cannot be observed. The idempotency key is the plan's, as for every remedy.
"""

from __future__ import annotations

import json
import sys
from http.client import HTTPConnection, HTTPResponse
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from models import catalogue
from models.remedy import EffectClass, Remedy, Step
from tasks.remedies._interface import Applied, Job

WIRE = SimpleNamespace()  # the two halves of a call, so that somebody may die between them


def ask(job: Job, method: str) -> HTTPConnection:
    """Send the call; nobody has read the answer."""
    base = urlsplit(job.integration.settings["base_url"])
    connection = HTTPConnection(base.hostname or "", base.port, timeout=10)
    site = base.path.split("/")[1]
    connection.request(method, f"/{site}/effects/{job.action.plan_hash}", b"{}")
    return connection


def hear(connection: HTTPConnection) -> HTTPResponse:
    """Read the answer."""
    return connection.getresponse()


WIRE.ask, WIRE.hear = ask, hear


async def apply(job: Job) -> Applied:
    """Have it done."""
    connection = WIRE.ask(job, "POST")
    with WIRE.hear(connection) as answer:
        answer.read()
    connection.close()
    return Applied(ok=True, steps=(Step(at=job.clock.now(), says="It was done", successful=True),))


async def observe(job: Job) -> bool | None:
    """Whether it was done."""
    connection = ask(job, "GET")
    with hear(connection) as answer:
        is_done = bool(json.loads(answer.read())["done"])
    connection.close()
    return is_done


async def cannot_see(_: Job) -> bool | None:
    """Nobody can tell."""
    return None


def register() -> None:
    """Put them into the room of remedies, for this process."""
    shapes: dict[str, dict[str, Any]] = {
        "switch_on": {"idempotent": True, "observe": observe},
        "send_once": {"idempotent": False, "observe": observe},
        "send_blind": {"idempotent": False, "observe": cannot_see},
    }
    plain = catalogue.names
    if "switch_on" in plain("tasks.remedies"):
        return
    for name, shape in shapes.items():
        module = ModuleType(f"tasks.remedies.{name}")
        module.remedy = Remedy(
            name=name, says=name, effect=EffectClass.SESSION, reversible=True, idempotent=shape["idempotent"]
        )
        module.apply, module.observe = apply, shape["observe"]
        sys.modules[module.__name__] = module
    catalogue.names = lambda room: plain(room) + (tuple(shapes) if room == "tasks.remedies" else ())
