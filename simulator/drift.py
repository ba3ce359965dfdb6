"""Drift: what changes on the vendor's side while we are not told. Its faults, and the application that shows them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from joserfc.jwk import ECKey

from simulator.faults import Fault
from simulator.messages import Application, Request, Response
from simulator.weather import Weather


class NewVersion(Fault):
    """The software says that it is another version; nothing else changes."""

    version: str = "2.0"


class CapabilityRemoved(Fault):
    """A search parameter, or a whole resource, is not offered any more; calls that use it are refused if asked to."""

    systems: ClassVar[tuple[str, ...]] = ("epic",)
    resource: str
    parameter: str | None = None  # None: the whole resource
    refuses: bool = False


class KeysRotated(Fault):
    """The server publishes another signing key in the place of the present ones; `bad_certificate` is for TLS."""

    systems: ClassVar[tuple[str, ...]] = ("epic",)


class SchemaChanged(Fault):
    """One field of the answers to an operation is new, gone, or of another type."""

    operation: str
    field: str
    how: Literal["added", "removed", "retyped"] = "removed"


class Drifting:
    """An application as the active faults of this page let it appear."""

    def __init__(self, application: Application, weather: Weather) -> None:
        self._application, self._weather = application, weather
        self.operations = application.operations
        key = ECKey.generate_key("P-384", {"kid": "clinic-rotated", "use": "sig", "alg": "ES384"}, private=False)
        self._new_key = key.as_dict(private=False)

    def operation(self, request: Request) -> str:
        """What is asked, as a template without identifiers."""
        return self._application.operation(request)

    def is_data(self, operation: str) -> bool:
        """Whether it is neither log-in nor discovery."""
        return self._application.is_data(operation)

    def problem(self, status: int, code: str, says: str) -> Response:
        """An error in this vendor's own format."""
        return self._application.problem(status, code, says)

    def journal(self) -> dict[str, Any]:
        """Counts of tokens and sessions."""
        return self._application.journal()

    def answer(self, request: Request) -> Response:
        """Serve a request, and edit what is answered."""
        operation = self.operation(request)
        gone = self._weather.find(CapabilityRemoved, request.route)
        if gone and gone.refuses and operation == f"{gone.resource}.search" and is_asked(gone, request):
            return self.problem(400, "not-supported", "This search is not supported.")
        answer = self._application.answer(request)
        edited = self._edited(operation, request.route, answer)
        return answer if edited is None else Response(answer.status, json.dumps(edited).encode(), answer.headers)

    def _edited(self, operation: str, route: str, answer: Response) -> Any:  # noqa: ANN401 - any JSON
        find = self._weather.find
        version, removed = find(NewVersion, route), find(CapabilityRemoved, route)
        rotated, schema = find(KeysRotated, route), find(SchemaChanged, route, operation)
        if operation == "metadata" and (version or removed):
            return described(json.loads(answer.body), version, removed)
        if operation == "GetServerInfo" and version:
            return [
                {name: [row | {"ProductVersion": version.version} for row in rows]} for name, rows in tables(answer)
            ]
        if operation == "jwks" and rotated:
            return {"keys": [self._new_key]}
        return reshaped(json.loads(answer.body), schema) if schema else None


def is_asked(gone: CapabilityRemoved, request: Request) -> bool:
    """Whether a search uses what is gone."""
    return gone.parameter is None or gone.parameter in {name.partition(":")[0] for name in request.query}


def tables(answer: Response) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The tables of a good answer of Unity, by name."""
    for table in json.loads(answer.body):
        yield from ((name, rows) for name, rows in table.items() if isinstance(rows, list))


def described(statement: dict[str, Any], version: NewVersion | None, removed: CapabilityRemoved | None) -> Any:  # noqa: ANN401 - any JSON
    """A capability statement with another version, or with less in it."""
    if version:
        statement["software"]["version"] = version.version
    if removed:
        for rest in statement["rest"]:
            rest["resource"] = [less(one, removed) for one in rest["resource"] if not is_gone(one, removed)]
    return statement


def is_gone(resource: dict[str, Any], removed: CapabilityRemoved) -> bool:
    """Whether the whole resource is."""
    return removed.parameter is None and bool(resource["type"] == removed.resource)


def less(resource: dict[str, Any], removed: CapabilityRemoved) -> dict[str, Any]:
    """A resource without the parameter."""
    if resource["type"] != removed.resource:
        return resource
    return resource | {"searchParam": [one for one in resource["searchParam"] if one["name"] != removed.parameter]}


def reshaped(content: Any, schema: SchemaChanged) -> Any:  # noqa: ANN401 - any JSON
    """An answer in whose records one field is new, gone, or of another type."""
    for record in records(content):
        if schema.how == "removed":
            record.pop(schema.field, None)
        elif schema.how == "added":
            record[schema.field] = "synthetic"
        elif schema.field in record:
            record[schema.field] = 1 if isinstance(record[schema.field], str) else "synthetic"
    return content


def records(content: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - any JSON
    """The resources of a Bundle, the records of a list, or the rows of Unity's tables: the objects, to be changed."""
    if isinstance(content, dict) and isinstance(content.get("data"), list):
        yield from content["data"]
    elif isinstance(content, dict):
        yield from (entry["resource"] for entry in content.get("entry", ()))
    elif isinstance(content, list):
        yield from (row for table in content for rows in table.values() if isinstance(rows, list) for row in rows)
