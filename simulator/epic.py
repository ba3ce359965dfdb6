"""An Epic-like FHIR R4 server: discovery, tokens, and four kinds of searches with paging.

A search without `_lastUpdated` covers the hour before it: a real Epic demands a filter, and answers no
"everything" either. `_lastUpdated=ge…` and `lt…` (also gt, le) choose another span within the last week, or a longer
one when both are there; an appointment is also found by its own `date`, a prescription by the day of its writing.
`_summary=count` tells how many there are. See simulator.searches.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from simulator.appointments import CREATE, KIND, BadAppointment, FewerRecords, Written, thinned
from simulator.clock import Clock
from simulator.messages import Request, Response, json_response
from simulator.people import BUILDERS, PATIENTS, Arrival, Practice, instant, patient_name, resource
from simulator.searches import Asked, BadSearch, asked, count_of
from simulator.smart import ALGORITHMS, Registration, TokenDesk, TokenState
from simulator.weather import Weather

BASE = "/api/FHIR/R4"
TOKEN_PATH = "/oauth2/token"  # noqa: S105 (a path, not a secret)
JWKS_PATH = "/.well-known/jwks.json"
SMART_PATH = "/.well-known/smart-configuration"
FHIR_JSON = "application/fhir+json"
DISCOVERY = {
    TOKEN_PATH: "token",
    JWKS_PATH: "jwks",
    SMART_PATH: "smart-configuration",
    BASE + SMART_PATH: "smart-configuration",
    BASE + "/metadata": "metadata",
}
VERSION = "Epic-like clinic 1.0"
SEARCHES = {  # what else a search may name; tolerated, see `simulator.searches.asked`
    "Patient": ("family", "birthdate", "identifier"),
    "Appointment": ("patient", "date", "status"),
    "MedicationRequest": ("patient", "status", "intent", "authoredon"),
    "VisionPrescription": ("patient", "datewritten"),
}


class Epic:
    """The application behind both Epic ports."""

    operations = frozenset({*DISCOVERY.values(), CREATE, *(f"{k}.{v}" for k in BUILDERS for v in ("search", "read"))})

    def __init__(
        self,
        origins: dict[str, str],
        registration: Registration,
        desk: TokenDesk,
        practice: Practice,
        clock: Clock,
        weather: Weather,
    ) -> None:
        self._origins, self._registration, self._desk = origins, registration, desk
        self._practice, self._clock, self._weather = practice, clock, weather
        self._written = Written(clock, weather)

    def operation(self, request: Request) -> str:
        """`Patient.search`, `Patient.read`, `Appointment.create`, `metadata`, `token` …, or `unknown`."""
        if request.path in DISCOVERY:
            return DISCOVERY[request.path]
        if request.method == "POST" and request.path == f"{BASE}/{KIND}":
            return CREATE
        kind, _, identifier = request.path.removeprefix(BASE + "/").partition("/")
        if kind not in BUILDERS or not request.path.startswith(BASE):
            return "unknown"
        return f"{kind}.read" if identifier else f"{kind}.search"

    def is_data(self, operation: str) -> bool:
        """Whether it is neither log-in nor discovery."""
        return operation not in {"token", "jwks", "smart-configuration"}

    def journal(self) -> dict[str, Any]:
        """Tokens issued and refused, appointments written by clients; Epic has no sessions."""
        return {
            "tokens": self._desk.counts,
            "sessions": {},
            "written": self._written.stored,
            "created": self._written.created,
        }

    def problem(self, status: int, code: str, says: str) -> Response:
        """An OperationOutcome."""
        issue = {"severity": "error", "code": code, "details": {"text": says}}
        return _fhir(status, {"resourceType": "OperationOutcome", "issue": [issue]})

    def answer(self, request: Request) -> Response:
        """Serve one request."""
        operation = self.operation(request)
        method = "POST" if operation in {"token", CREATE} else "GET"
        if request.method != method:
            refusal = self.problem(405, "not-supported", "This method is not supported here.")
            return refusal.with_headers({"Allow": method})
        discovery = {
            "token": self._desk.answer,
            "jwks": lambda _: json_response(200, self._registration.jwks()),
            "smart-configuration": self._smart_configuration,
            "metadata": self._metadata,
        }
        if operation in discovery:
            return discovery[operation](request)
        return self._data(request, operation)

    def _data(self, request: Request, operation: str) -> Response:
        state = self._desk.state(request)
        if state is not TokenState.GOOD:
            refusal = self.problem(401, state.value, "The access token is missing, unknown or expired.")
            return refusal.with_headers({"WWW-Authenticate": 'Bearer error="invalid_token"'})
        if operation == "unknown":
            return self.problem(404, "not-found", "There is no such resource here.")
        kind, _, interaction = operation.partition(".")
        if not self._desk.allows(request, kind, interaction):
            refusal = self.problem(403, "forbidden", "The access token does not cover this.")
            return refusal.with_headers({"WWW-Authenticate": 'Bearer error="insufficient_scope"'})
        try:
            if interaction == "create":
                return self._create(request)
            return self._search(request, kind) if interaction == "search" else self._read(request, kind)
        except (BadSearch, BadAppointment) as error:
            return self.problem(400, "invalid", str(error))

    def _create(self, request: Request) -> Response:
        is_new, created = self._written.create(request)
        where = f"{self._origins[request.route]}{BASE}/{KIND}/{created['id']}"
        return _fhir(201 if is_new else 200, created).with_headers({"Location": where} if is_new else {})

    def _search(self, request: Request, kind: str) -> Response:
        if kind == KIND and "identifier" in request.query:
            return self._found_by(request.query["identifier"][-1])
        of, count = asked(request.query, kind, self._clock.now(), self._practice.zone), count_of(request.query)
        fault = self._weather.find(FewerRecords, request.route, f"{kind}.search")
        found = thinned(self._practice.arrivals(f"{kind}.search", *of.changed, of.slots), fault)
        if kind == "Patient":  # a patient who changed twice is one patient, as last changed
            found = list({arrival.patient: arrival for arrival in found}.values())
        found = of.chosen(kind, found)
        bundle = {"resourceType": "Bundle", "type": "searchset", "total": len(found)}
        link = [{"relation": "self", "url": self._url(request, kind, of, count)}]
        if request.query.get("_summary") == ["count"] or count == 0:
            return _fhir(200, bundle | {"link": link})
        after = of._replace(offset=of.offset + count)
        if after.offset < len(found):
            link.append({"relation": "next", "url": self._url(request, kind, after, count)})
        entries = [self._entry(request, kind, arrival, of) for arrival in found[of.offset : after.offset]]
        return _fhir(200, bundle | {"link": link} | ({"entry": entries} if entries else {}))

    def _found_by(self, token: str) -> Response:
        """What clients have written, by its identifier."""
        entries = [{"resource": found, "search": {"mode": "match"}} for found in self._written.find(token)]
        bundle = {"resourceType": "Bundle", "type": "searchset", "total": len(entries)}
        return _fhir(200, bundle | ({"entry": entries} if entries else {}))

    def _url(self, request: Request, kind: str, of: Asked, count: int) -> str:
        query = urlencode({"page": of.token(), "_count": count})
        return f"{self._origins[request.route]}{BASE}/{kind}?{query}"

    def _entry(self, request: Request, kind: str, arrival: Arrival, of: Asked) -> dict[str, Any]:
        built = resource(kind, arrival)
        url = f"{self._origins[request.route]}{BASE}/{kind}/{built['id']}"
        return {"fullUrl": url, "resource": of.shown(built), "search": {"mode": "match"}}

    def _read(self, request: Request, kind: str) -> Response:
        identifier = request.path.rsplit("/", 1)[-1]
        arrival = self._arrival(kind, identifier)
        if arrival is None:
            return self.problem(404, "not-found", "There is no such resource here.")
        return _fhir(200, resource(kind, arrival))

    def _arrival(self, kind: str, identifier: str) -> Arrival | None:
        if kind == "Patient":
            born = self._clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
            named = (n for n in range(1, PATIENTS + 1) if patient_name(n).lower() == identifier)
            return next((Arrival(identifier, born, number) for number in named), None)
        now = self._clock.now()
        recent = self._practice.arrivals(f"{kind}.search", now - timedelta(days=7), now)
        return next((a for a in recent if f"{kind.lower()}-{a.id}" == identifier), None)

    def _smart_configuration(self, _: Request) -> Response:
        configuration = {
            "token_endpoint": self._origins["main"] + TOKEN_PATH,
            "jwks_uri": self._origins["main"] + JWKS_PATH,
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
            "grant_types_supported": ["client_credentials"],
            "scopes_supported": [f"system/{kind}.rs" for kind in BUILDERS],
            "capabilities": ["client-confidential-asymmetric", "permission-v2"],
        }
        return json_response(200, configuration)

    def _metadata(self, _: Request) -> Response:
        interactions = [{"code": "read"}, {"code": "search-type"}]
        common = [{"name": "_lastUpdated", "type": "date"}, {"name": "_count", "type": "number"}]
        kinds = [
            {
                "type": kind,
                "interaction": interactions,
                "searchParam": [*common, *({"name": name, "type": "string"} for name in SEARCHES[kind])],
            }
            for kind in BUILDERS
        ]
        statement = {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": instant(self._clock.start),
            "kind": "instance",
            "software": {"name": "Clinic", "version": VERSION, "releaseDate": "2026-01-15"},
            "fhirVersion": "4.0.1",
            "format": ["json"],
            "rest": [{"mode": "server", "resource": kinds}],
        }
        return _fhir(200, statement)


def _fhir(status: int, value: object) -> Response:
    return json_response(status, value, FHIR_JSON)
