"""Template: what a URL asks for, without whom it asks about.

    /api/FHIR/R4/Patient/eXk0?identifier=123   →   /api/FHIR/R4/Patient/{id}?identifier=

A step of the path or the name of a parameter stays when it is on a list (`models.vocabulary`); a step after a
resource is `{id}`, any other is `{x}`; a value never stays. This file knows the standard library only: the
transport that applications import (`tasks.observed`) uses it in each call.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

LONGEST = 8192  # characters of a URL that are looked at
MOST = 16  # steps and parameters; what comes after is cut off
READS = frozenset({"GET", "HEAD"})
WRITES = {"PUT": "update", "PATCH": "patch", "DELETE": "delete"}
SPECIAL = {  # a last step that is a thing of its own
    "metadata": "CapabilityStatement.read",
    "smart-configuration": "SmartConfiguration.read",
    "openid-configuration": "SmartConfiguration.read",
    "token": "Token.request",
    "GetToken": "GetToken",
    "RetireToken": "RetireToken",
    "MagicJson": "MagicJson",
}


def path_of(url: str) -> tuple[str, str]:
    """Path and query of a URL or of a request's target; scheme, host, user and fragment are dropped."""
    url = url[:LONGEST].partition("#")[0]
    before, mark, query = url.partition("?")
    if "://" in before:
        before = before.partition("://")[2].partition("/")[2]
    return before, query if mark else ""


def steps_of(path: str, known: AbstractSet[str], resources: AbstractSet[str]) -> list[str]:
    """The path's steps as far as they may be known."""
    steps: list[str] = []
    before = ""
    for step in path.split("/", MOST + 2)[: MOST + 1]:
        if not step:
            continue
        steps.append(step if step in known else "{id}" if before in resources else "{x}")
        before = step
    return steps


def template(url: str, known: AbstractSet[str], resources: AbstractSet[str], parameters: AbstractSet[str]) -> str:
    """The URL with everything gone that could name somebody.

    Args:
        url: as it was called; absolute or not.
        known: steps that may stay.
        resources: steps that are followed by an id.
        parameters: names of parameters that may stay.
    """
    path, query = path_of(url)
    shape = "/" + "/".join(steps_of(path, known, resources))
    if not query:
        return shape
    names = [pair.partition("=")[0].partition(":")[0] for pair in query.split("&", MOST)[:MOST]]
    return shape + "?" + "&".join(f"{name if name in parameters else '{x}'}=" for name in names)


def operation(method: str, url: str, known: AbstractSet[str], resources: AbstractSet[str]) -> tuple[str, str | None]:
    """What a call asks for, e.g. `Patient.search`, and the kind of data; `other` when nothing in it is known."""
    steps = steps_of(path_of(url)[0], known, resources)
    if steps and steps[-1] in SPECIAL:
        return SPECIAL[steps[-1]], None
    for place in range(len(steps) - 1, -1, -1):
        if steps[place] in resources:
            return f"{steps[place]}.{interaction(method, steps[place + 1 :])}", steps[place]
    return "other", None


def interaction(method: str, rest: list[str]) -> str:
    """What is done with a resource, from the method and what stands behind it in the path."""
    if any(step.startswith("$") for step in rest):
        return "operation"
    if "_history" in rest:
        return "history"
    if method in WRITES:
        return WRITES[method]
    if method in READS:
        return "read" if rest else "search"
    return "search" if "_search" in rest else "create"
