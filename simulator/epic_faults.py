"""What an Epic-like server may answer that is not so: pages that end, lapse or repeat, and data that is not all."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from simulator.appointments import CREATE
from simulator.drift import Drifting
from simulator.faults import Fault
from simulator.messages import Application, Request, Response, json_response
from simulator.weather import Weather

EPIC = ("epic",)
FHIR_JSON = "application/fhir+json"


class DataWithheld(Fault):
    """Searches say, with a warning among their entries, that further data may exist."""

    systems: ClassVar[tuple[str, ...]] = EPIC
    operation: str | None = None


class PatientMerged(Fault):
    """Reads of one patient are answered that the patient was merged into another."""

    systems: ClassVar[tuple[str, ...]] = EPIC


class PagingExpires(Fault):
    """Every page but the first is refused: the search is no longer kept."""

    systems: ClassVar[tuple[str, ...]] = EPIC
    operation: str | None = None


class NextMissing(Fault):
    """The first page of a search names no next one, although there are more records."""

    systems: ClassVar[tuple[str, ...]] = EPIC
    operation: str | None = None


class PageRepeats(Fault):
    """Every page of a search brings the rows of the first one."""

    systems: ClassVar[tuple[str, ...]] = EPIC
    operation: str | None = None


class WriteConflict(Fault):
    """What is written is refused with 412: somebody else wrote meanwhile."""

    systems: ClassVar[tuple[str, ...]] = EPIC


class Untrue(Drifting):
    """The Epic application as the active faults of this page let it answer."""

    def __init__(self, application: Application, weather: Weather) -> None:
        super().__init__(application, weather)
        self._rows: dict[str, list[Any]] = {}  # of the first page, by operation

    def answer(self, request: Request) -> Response:
        """Serve a request, or refuse it, or edit what is answered."""
        operation = self.operation(request)
        if (refusal := self._refused(request, operation)) is not None:
            return refusal
        answer = super().answer(request)
        is_search = operation.endswith(".search") and answer.status == 200  # noqa: PLR2004 - of HTTP
        return self._edited_page(request, operation, answer) if is_search else answer

    def _refused(self, request: Request, operation: str) -> Response | None:
        find, route = self._weather.find, request.route
        if operation == "Patient.read" and find(PatientMerged, route, operation):
            return refused(400, "not-found", "4107")
        if "page" in request.query and find(PagingExpires, route, operation):
            return refused(400, "expired", "4113")
        if operation == CREATE and find(WriteConflict, route, operation):
            return Response(412)
        return None

    def _edited_page(self, request: Request, operation: str, answer: Response) -> Response:
        find, route = self._weather.find, request.route
        is_first = "page" not in request.query
        held, cut, again = (find(one, route, operation) for one in (DataWithheld, NextMissing, PageRepeats))
        if not (held or cut or again):
            return answer
        bundle = json.loads(answer.body)
        if held:
            bundle["entry"] = [*bundle.get("entry", []), warning()]
        if cut:
            bundle["link"] = [link for link in bundle["link"] if link["relation"] != "next"]
        if again and is_first:
            self._rows[operation] = bundle.get("entry", [])
        if again and not is_first:
            bundle["entry"] = self._rows.get(operation, [])
        return Response(answer.status, json.dumps(bundle).encode(), answer.headers)


def refused(status: int, code: str, epic: str) -> Response:
    """An OperationOutcome with one of Epic's own codes."""
    coding = [{"system": "urn:oid:1.2.840.114350.1.13.0.1.7.2.657369", "code": epic}]
    issue = {"severity": "fatal", "code": code, "details": {"coding": coding}}
    return json_response(status, {"resourceType": "OperationOutcome", "issue": [issue]}, FHIR_JSON)


def warning() -> dict[str, Any]:
    """The entry that says that a search does not show all (Epic's 4119)."""
    issue = {"severity": "warning", "code": "suppressed", "details": {"coding": [{"code": "4119"}]}}
    return {"resource": {"resourceType": "OperationOutcome", "issue": [issue]}, "search": {"mode": "outcome"}}
