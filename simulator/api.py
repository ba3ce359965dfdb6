"""A REST practice-management system behind an API gateway, as NexHealth or Dentrix sell them.

Three lists with pages, tokens by client credentials (or an API key in a header), and the gateway's own way of saying
that a token is over. A list covers the hour before the call, unless `since` and `until` name another span.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote_plus, urlencode
from uuid import UUID
from zlib import crc32

from pydantic import PositiveFloat

from simulator.api_faults import FieldEmpty, FrozenCopy, PagesRepeat, TimesShifted
from simulator.api_writes import CREATE, FIND, NUMBER, PATH, Notes
from simulator.clock import Clock
from simulator.faults import Fault, RefreshRefused, TokenExpiresEarly
from simulator.messages import Request, Response, json_response
from simulator.people import Arrival, Practice, instant, patient_name
from simulator.weather import Weather

BASE = "/v1"
TOKEN_PATH = "/oauth2/token"  # noqa: S105 (a path, not a secret)
KINDS = {"appointments": "Appointment", "patients": "Patient", "orders": "Order"}
SCOPES = tuple(f"{kind}.read" for kind in KINDS)
LIFETIME_S = 1800
PAGE, LARGEST_PAGE = 50, 200  # records
LOOK_BACK = timedelta(hours=1)
EXPIRED = ("keymanagement.service.access_token_expired", "Access Token expired")
UNKNOWN = ("keymanagement.service.invalid_access_token", "Invalid Access Token")


class ErrorInside(Fault):
    """Lists are answered 200 with an error object inside, whose `code` says what is wrong."""

    systems: ClassVar[tuple[str, ...]] = ("api",)
    code: str = "internal"
    operation: str | None = None


class StaleCache(Fault):
    """Lists show what was there `age_s` simulated seconds ago, and nothing newer."""

    systems: ClassVar[tuple[str, ...]] = ("api",)
    age_s: PositiveFloat = 4 * 3600
    operation: str | None = None


class ScopeRevoked(Fault):
    """New tokens are not good for `scope`, and its list is answered 403."""

    systems: ClassVar[tuple[str, ...]] = ("api",)
    scope: str = SCOPES[0]


class PagingLoop(Fault):
    """The next page of a list is, for ever, the same page."""

    systems: ClassVar[tuple[str, ...]] = ("api",)


class NextElsewhere(Fault):
    """The next page of a list is on another server."""

    systems: ClassVar[tuple[str, ...]] = ("api",)


class LoneObject(Fault):
    """A list of one record comes as that record, without the list around it."""

    systems: ClassVar[tuple[str, ...]] = ("api",)


class KeyMissing(Fault):
    """Records come without their `provider_id`."""

    systems: ClassVar[tuple[str, ...]] = ("api",)


@dataclass(frozen=True, slots=True)
class Client:
    """What the vendor handed over."""

    client_id: str
    client_secret: str
    api_key: str


class Api:
    """The application behind the port."""

    operations = frozenset({"token", CREATE, FIND, *(f"{kind}.list" for kind in KINDS.values())})

    def __init__(
        self, origin: str, client: Client, practice: Practice, clock: Clock, weather: Weather, rng: Random
    ) -> None:
        self._origin, self._client, self._practice = origin, client, practice
        self._clock, self._weather, self._rng = clock, weather, rng
        self._issued_at: dict[str, float] = {}  # simulated Unix seconds by token
        self._counts = {"issued": 0, "refused": 0}
        self._notes = Notes(clock, weather)
        self._frozen_at: datetime | None = None  # since when `frozen_copy` has been active

    def operation(self, request: Request) -> str:
        """`Appointment.list`, `Note.create`, `token`, or `unknown`."""
        if request.path == TOKEN_PATH:
            return "token"
        if request.path == f"{BASE}/{PATH}":
            return CREATE if request.method == "POST" else FIND
        kind = KINDS.get(request.path.removeprefix(f"{BASE}/"))
        return f"{kind}.list" if kind else "unknown"

    def is_data(self, operation: str) -> bool:
        """Whether it is no log-in."""
        return operation != "token"

    def journal(self) -> dict[str, Any]:
        """Tokens issued and refused, notes written by clients; there are no sessions."""
        written = {"written": self._notes.stored, "created": self._notes.created}
        return {"tokens": dict(self._counts), "sessions": {}} | written

    def problem(self, status: int, code: str, says: str) -> Response:
        """An error as this vendor writes it."""
        return json_response(status, {"data": None, "error": {"code": code, "message": says}})

    def answer(self, request: Request) -> Response:
        """Serve one request."""
        operation = self.operation(request)
        if operation == "token":
            return self._token(request)
        if (fault := self._fault(request)) is not None:
            code, says = fault
            return json_response(401, {"fault": {"faultstring": says, "detail": {"errorcode": code}}})
        return self._note(request) if operation in {CREATE, FIND} else self._data(request, operation)

    def _data(self, request: Request, operation: str) -> Response:
        if operation == "unknown" or request.method not in {"GET", "HEAD"}:
            return self.problem(404, "not_found", "There is no such resource here.")
        path = request.path.removeprefix(f"{BASE}/")
        if (revoked := self._weather.find(ScopeRevoked)) and revoked.scope == f"{path}.read":
            return self.problem(403, "missing_scope", "This token is not good for that.")
        if inside := self._weather.find(ErrorInside, request.route, operation):
            return self.problem(200, inside.code, f"Testpatient-0001: {inside.code}")
        return self._list(request, path, operation)

    def _note(self, request: Request) -> Response:
        if request.method != "POST":
            found = self._notes.find(request.query.get(NUMBER, [""])[-1])
            return json_response(200, {"data": found, "count": len(found), "page": {"next": None}, "error": None})
        note = self._notes.create(request)
        if note is None:
            return self.problem(422, "invalid", "A note needs an external_id and a text.")
        return json_response(201, {"data": note, "error": None})

    def _token(self, request: Request) -> Response:
        form = {name: values[-1] for name, values in parse_qs(request.body.decode("latin-1")).items()}
        who, secret = _in_header(request) or (form.get("client_id", ""), form.get("client_secret", ""))
        known = who == self._client.client_id and hmac.compare_digest(secret, self._client.client_secret)
        scopes = form.get("scope", " ".join(SCOPES)).split()
        error = None
        if form.get("grant_type") != "client_credentials":
            error = "unsupported_grant_type"
        elif not known or self._weather.find(RefreshRefused):
            error = "invalid_client"
        elif not set(scopes) <= set(SCOPES):
            error = "invalid_scope"
        self._counts["refused" if error else "issued"] += 1
        if error:
            return json_response(401 if error == "invalid_client" else 400, {"error": error})
        token = UUID(int=self._rng.getrandbits(128), version=4).hex
        self._issued_at[token] = self._clock.timestamp()
        revoked = self._weather.find(ScopeRevoked)
        granted = [scope for scope in scopes if not revoked or scope != revoked.scope]
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME_S, "scope": " ".join(granted)}
        return json_response(200, answer)

    def _fault(self, request: Request) -> tuple[str, str] | None:
        """What the gateway says of a call's key; None lets it pass."""
        if hmac.compare_digest(request.headers.get("x-api-key", ""), self._client.api_key):
            return None
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or token not in self._issued_at:
            return UNKNOWN
        early = self._weather.find(TokenExpiresEarly, request.route)
        lifetime = min(LIFETIME_S, early.lifetime_s) if early else LIFETIME_S
        return EXPIRED if self._clock.timestamp() - self._issued_at[token] >= lifetime else None

    def _list(self, request: Request, path: str, operation: str) -> Response:
        now = self._as_of(request, operation)
        until = min(now, _moment(request, "until", now))
        found = self._practice.arrivals(operation, _moment(request, "since", until - LOOK_BACK), until)
        size, number = _number(request, "per_page", PAGE), _number(request, "page", 1)
        first = 0 if self._weather.find(PagesRepeat, request.route, operation) else (number - 1) * size
        records = (self._record(path, arrival) for arrival in found[first : first + size])
        shown = [self._spoiled(record, request, operation) for record in records]
        following = {name: values[-1] for name, values in request.query.items()} | {"page": str(number + 1)}
        more = number * size < len(found)
        link = f"{self._origin}{request.path}?{urlencode(following)}" if more else None
        if self._weather.find(PagingLoop):
            link = f"{self._origin}{request.path}?page={number}"
        if self._weather.find(NextElsewhere):
            link = f"https://elsewhere.example{request.path}?page={number + 1}"
        alone = shown[0] if len(shown) == 1 and self._weather.find(LoneObject) else shown
        answer = json_response(200, {"data": alone, "count": len(found), "page": {"next": link}, "error": None})
        return answer.with_headers({"Link": f'<{link}>; rel="next"'} if link else {})

    def _as_of(self, request: Request, operation: str) -> datetime:
        """The instant whose lists are shown."""
        now = self._clock.now()
        frozen = self._weather.find(FrozenCopy, request.route, operation)
        self._frozen_at = (self._frozen_at or now) if frozen else None
        stale = self._weather.find(StaleCache, request.route, operation)
        return self._frozen_at or now - timedelta(seconds=stale.age_s if stale else 0)

    def _spoiled(self, record: dict[str, Any], request: Request, operation: str) -> dict[str, Any]:
        """A record as the active faults let it appear."""
        shifted = self._weather.find(TimesShifted, request.route, operation)
        empty = self._weather.find(FieldEmpty, request.route, operation)
        if shifted:
            stated = datetime.fromisoformat(record["updated_at"]) + timedelta(hours=shifted.hours)
            record = record | {"updated_at": instant(stated)}
        if empty and crc32(str(record["id"]).encode()) % 100 < 100 * empty.share:
            record = record | {empty.field: None}
        return record

    def _record(self, path: str, arrival: Arrival) -> dict[str, Any]:
        whose = {"id": arrival.patient, "name": patient_name(arrival.patient)}
        record = {"id": f"{path}-{arrival.id}", "updated_at": instant(arrival.at), "patient": whose, "location_id": 1}
        return record if self._weather.find(KeyMissing) else record | {"provider_id": 1 + arrival.patient % 4}


def _in_header(request: Request) -> tuple[str, str] | None:
    """The client's name and secret from `Authorization: Basic` (RFC 6749, 2.3.1)."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        who, _, secret = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return unquote_plus(who), unquote_plus(secret)


def _number(request: Request, name: str, default: int) -> int:
    text = request.query.get(name, [""])[-1]
    return min(max(int(text), 1), LARGEST_PAGE) if text.isdecimal() else default


def _moment(request: Request, name: str, default: datetime) -> datetime:
    try:
        moment = datetime.fromisoformat(request.query.get(name, [""])[-1])
    except ValueError:
        return default
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
