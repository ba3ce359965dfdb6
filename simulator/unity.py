"""A Unity-like server: session tokens on a licence with few seats, and errors that arrive as HTTP 200."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from simulator.clock import Clock
from simulator.faults import RefreshRefused, TokenExpiresEarly
from simulator.messages import Request, Response, json_response, text_response
from simulator.people import (
    PATIENTS,
    Arrival,
    Practice,
    appointment_start,
    birth_date,
    instant,
    patient_name,
    practitioner,
    site,
)
from simulator.unity_faults import (
    AccountLocks,
    BlankRecords,
    EhrUserRefused,
    LicenceEnded,
    ServerClockMoved,
    SessionIdlesEarly,
)
from simulator.weather import Weather

BASE = "/Unity/UnityService.svc/json"
SEATS = 2
IDLE_S = 20 * 60
LIFETIME_S = 6 * 3600
SEAT_HELD_S = 30 * 60  # an ended session keeps its seat this long, unless it is retired
INACTIVE = "As a Security precaution, you have been logged out due to inactivity."
TOKEN_EXPIRED = "token_expired: The security token has expired."  # noqa: S105 (a message)
TOKEN_UNKNOWN = "The security token is not valid."  # noqa: S105 (a message)
SEATS_TAKEN = "error: Maximum number of licensed sessions reached for this application."
STILL_OPEN = "error: The previous session of this user has expired and was not retired."
LICENCE_ENDED = "error: The licence for this application has expired."
BAD_LOGIN = "error: Username and Password not valid for this licence."


@dataclass(frozen=True, slots=True)
class Licence:
    """What the application was given."""

    app_name: str
    username: str
    password: str


@dataclass(slots=True)
class Session:
    """One log-in, in simulated Unix seconds."""

    begun: float
    used: float
    ended: float | None = None  # it keeps its seat
    because: str = ""

    def age(self, now: float, lifetime_s: float, idle_s: float) -> None:
        """End the session if its time is over; an end is final."""
        if self.ended is not None:
            return
        if now >= self.begun + lifetime_s:
            self.ended, self.because = self.begun + lifetime_s, TOKEN_EXPIRED
        elif now >= self.used + idle_s:
            self.ended, self.because = self.used + idle_s, INACTIVE


class Unity:
    """The application behind the Unity port."""

    def __init__(self, licence: Licence, practice: Practice, clock: Clock, weather: Weather, rng: Random) -> None:
        self._licence, self._practice = licence, practice
        self._clock, self._weather, self._rng = clock, weather, rng
        self._sessions: dict[str, Session] = {}
        self._counts = {"issued": 0, "refused": 0}
        self._lock: tuple[AccountLocks | None, int] = (None, 0)  # and the log-ins since it stands
        self._actions = {
            "GetServerInfo": self._server_info,
            "GetUserAuthentication": self._user_authentication,
            "GetPatient": self._patient,
            "GetSchedule": self._schedule,
            "GetPrescriptions": self._prescriptions,
        }
        self.operations = frozenset({*self._actions, "GetToken", "RetireSecurityToken"})

    def operation(self, request: Request) -> str:
        """The Magic action, `GetToken`, `RetireSecurityToken`, or `unknown`."""
        name = request.path.removeprefix(BASE + "/")
        if name == "MagicJson":
            name = str((request.json_object() or {}).get("Action"))
        return name if name in self.operations else "unknown"

    def is_data(self, operation: str) -> bool:
        """Whether it is neither log-in nor log-out."""
        return operation not in {"GetToken", "RetireSecurityToken"}

    def problem(self, status: int, code: str, says: str) -> Response:
        """An error of the web server before Unity, in plain text."""
        return text_response(status, f"{status} {code}: {says}")

    def journal(self) -> dict[str, Any]:
        """Tokens issued and refused; sessions live, ended but seated, and the licence's seats."""
        self._age_sessions()
        ended = sum(session.ended is not None for session in self._sessions.values())
        sessions = {"live": len(self._sessions) - ended, "ended": ended, "seats": SEATS}
        return {"tokens": dict(self._counts), "sessions": sessions}

    def answer(self, request: Request) -> Response:
        """Serve one request."""
        if request.method != "POST":
            return self.problem(405, "not-supported", "POST only.").with_headers({"Allow": "POST"})
        body = request.json_object()
        if body is None:
            return self.problem(400, "structure", "The body must be a JSON object.")
        self._age_sessions()
        doors = {"GetToken": self._log_in, "RetireSecurityToken": self._retire, "MagicJson": self._magic}
        door = doors.get(request.path.removeprefix(BASE + "/"))
        return door(body) if door else self.problem(404, "not-found", "There is no such service.")

    def _log_in(self, body: dict[str, Any]) -> Response:
        self._count_towards_lock()
        refusal = self._refusal(body)
        self._counts["refused" if refusal else "issued"] += 1
        if refusal:
            return text_response(200, refusal)
        token = str(UUID(int=self._rng.getrandbits(128), version=4))
        now = self._clock.timestamp()
        self._sessions[token] = Session(begun=now, used=now)
        return text_response(200, token)

    def _refusal(self, body: dict[str, Any]) -> str | None:
        given = Licence(*(str(body.get(key)) for key in ("Appname", "Username", "Password")))
        if given != self._licence or self._is_locked():
            return BAD_LOGIN
        if self._weather.find(LicenceEnded):
            return LICENCE_ENDED
        ended = any(session.ended is not None for session in self._sessions.values())
        if ended and self._weather.find(RefreshRefused):
            return STILL_OPEN
        return SEATS_TAKEN if len(self._sessions) >= SEATS else None

    def _count_towards_lock(self) -> None:
        """One more log-in; whoever is locked out loses the sessions that are left as well."""
        fault, (known, log_ins) = self._weather.find(AccountLocks), self._lock
        self._lock = (fault, (log_ins if fault is known else 0) + 1)
        if self._is_locked():
            self._sessions.clear()

    def _is_locked(self) -> bool:
        fault, (known, log_ins) = self._weather.find(AccountLocks), self._lock
        return fault is not None and fault is known and log_ins >= fault.nth

    def _retire(self, body: dict[str, Any]) -> Response:
        if self._sessions.pop(str(body.get("Token")), None) is None:
            return text_response(200, f"error: {TOKEN_UNKNOWN}")
        return text_response(200, "OK")

    def _magic(self, body: dict[str, Any]) -> Response:
        action = str(body.get("Action"))
        session = self._sessions.get(str(body.get("Token")))
        if session is None or body.get("Appname") != self._licence.app_name:
            return _magic_error(action, TOKEN_UNKNOWN)
        if session.ended is not None:
            return _magic_error(action, session.because)
        session.used = self._clock.timestamp()
        if action not in self._actions:
            return _magic_error(action, "This action is not supported.")
        rows = self._actions[action](body)
        if isinstance(rows, str):
            return _magic_error(action, rows)
        return json_response(200, [{f"{action.lower()}info": rows}])

    def _age_sessions(self) -> None:
        """End what is over, and free the seats of what ended long ago."""
        now = self._clock.timestamp()
        early, idle = self._weather.find(TokenExpiresEarly), self._weather.find(SessionIdlesEarly)
        lifetime_s = min(LIFETIME_S, early.lifetime_s) if early else LIFETIME_S
        for session in self._sessions.values():
            session.age(now, lifetime_s, min(IDLE_S, idle.idle_s) if idle else IDLE_S)
        if not self._weather.find(RefreshRefused):  # under that fault only retirement frees a seat
            self._sessions = {
                token: session
                for token, session in self._sessions.items()
                if session.ended is None or now < session.ended + SEAT_HELD_S
            }

    def _server_info(self, _: dict[str, Any]) -> list[dict[str, str]]:
        moved = self._weather.find(ServerClockMoved)
        now = self._clock.now() + timedelta(seconds=moved.offset_s if moved else 0)
        info = {
            "ServerTimeZone": "Coordinated Universal Time",
            "ServerTime": now.isoformat(timespec="seconds").replace("+00:00", ""),
            "ServerDateTimeOffset": instant(now),
            "System": "Clinic EHR",
            "ProductVersion": "20.1.0.0",
            "uaibornondate": "Oct 12 2018 10:45AM",
        }
        return [info]

    def _user_authentication(self, body: dict[str, Any]) -> list[dict[str, str]]:
        valid = body.get("Parameter1") == self._licence.password and not self._weather.find(EhrUserRefused)
        return [{"ValidUser": "YES" if valid else "NO", "ErrorMessage": "" if valid else "Invalid password"}]

    def _patient(self, body: dict[str, Any]) -> list[dict[str, str]] | str:
        number = str(body.get("PatientID"))
        if not number.isdecimal() or not 1 <= int(number) <= PATIENTS:
            return "Patient not found."
        name = {"ID": number, "LastName": patient_name(int(number)), "Firstname": "Synthetic"}
        row = name | {"dateofbirth": birth_date(int(number)), "mrn": f"TEST{int(number):06d}"}
        return [dict.fromkeys(row, "")] if self._weather.find(BlankRecords) else [row]

    def _schedule(self, body: dict[str, Any]) -> list[dict[str, str]] | str:
        said = {"Status": "Scheduled", "Description": "Synthetic visit"}
        return self._recent(body, "GetSchedule", said, _slot)

    def _prescriptions(self, body: dict[str, Any]) -> list[dict[str, str]] | str:
        return self._recent(body, "GetPrescriptions", {"Status": "Active", "DrugName": "Testmedicine 5 mg"})

    def _recent(
        self,
        body: dict[str, Any],
        action: str,
        row: dict[str, str],
        more: Callable[[Arrival], dict[str, str]] = lambda _: {},
    ) -> list[dict[str, str]] | str:
        """What arrived from Parameter1 (else an hour ago) until Parameter2 (else now)."""
        now = self._clock.now()
        since = _moment(body.get("Parameter1"), now - timedelta(hours=1))
        until = _moment(body.get("Parameter2"), now)
        if since is None or until is None:
            return "Parameter1 and Parameter2 must be ISO instants."
        found = self._practice.arrivals(action, since, min(until, now))
        wanted = str(body.get("PatientID") or "")
        return [_row(arrival) | row | more(arrival) for arrival in found if wanted in {"", str(arrival.patient)}]


def _row(arrival: Arrival) -> dict[str, str]:
    return {"ID": arrival.id, "PatientID": str(arrival.patient), "UpdatedAt": instant(arrival.at)}


def _slot(arrival: Arrival) -> dict[str, str]:
    """When, with whom and where."""
    doctor, place = f"testdoctor-{practitioner(arrival):02d}", f"testsite-{site(arrival)}"
    return {"ApptTime": f"{appointment_start(arrival):%Y-%m-%dT%H:%M:%S}Z", "ProviderID": doctor, "LocationID": place}


def _moment(text: object, default: datetime) -> datetime | None:
    """An ISO instant; the default for nothing, None for nonsense."""
    if text in (None, ""):
        return default
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _magic_error(action: str, says: str) -> Response:
    error = [{"Error": f"Magic Error - Action: {action} - {says}"}]
    return Response(200, json.dumps(error).encode(), {"Content-Type": "application/json"})
