"""SMART Backend Services: the token endpoint, and the tokens it has issued.

The rules are those of HL7's SMART App Launch 2.2, "Client Authentication: Asymmetric", with Epic's habit of
answering every fault of an assertion with `invalid_client` and a null description.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from models.scopes import covers
from simulator.clock import Clock
from simulator.faults import RefreshRefused, ScopeNarrowed, TokenExpiresEarly
from simulator.messages import Request, Response, json_response
from simulator.weather import Weather

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ("RS384", "ES384")
FARTHEST_S = 300  # `exp` lies at most five minutes ahead (SMART)
LIFETIME_S = 3600  # Epic commonly says one hour; SMART recommends 300
RESOURCES = ("Patient", "Appointment", "MedicationRequest", "VisionPrescription")
SCOPE = re.compile(rf"system/(\*|{'|'.join(RESOURCES)})\.(\*|read|crs|rs|c|r|s)")


@dataclass(frozen=True, slots=True)
class Registration:
    """What Epic knows about the one client it has."""

    client_id: str
    keys: dict[str, RSAKey | ECKey]  # public, by key id

    def jwks(self) -> dict[str, Any]:
        """The client's public keys, as it publishes them."""
        return {"keys": [key.as_dict(private=False) for key in self.keys.values()]}


class TokenState(StrEnum):
    """What a data call's token is worth."""

    GOOD = "good"
    EXPIRED = "expired"
    UNKNOWN = "login"  # named after the OperationOutcome code it is answered with


class TokenDesk:
    """Issues tokens against assertions, and judges the tokens that come back."""

    def __init__(self, registration: Registration, token_url: str, clock: Clock, weather: Weather, rng: Random) -> None:
        self._registration, self._token_url = registration, token_url
        self._clock, self._weather, self._rng = clock, weather, rng
        self._issued_at: dict[str, float] = {}  # simulated Unix seconds by token
        self._scopes: dict[str, tuple[str, ...]] = {}  # by token
        self._expired: set[str] = set()  # once refused, a token stays refused
        self._used: dict[str, float] = {}  # jti → exp
        self._counts = {"issued": 0, "refused": 0}

    @property
    def counts(self) -> dict[str, int]:
        """Tokens issued and refused so far."""
        return dict(self._counts)

    def answer(self, request: Request) -> Response:
        """The token endpoint."""
        error, scope = self._judge(request)
        if error:
            self._counts["refused"] += 1
            return json_response(400, {"error": error, "error_description": None})
        self._counts["issued"] += 1
        token = UUID(int=self._rng.getrandbits(128), version=4).hex
        self._issued_at[token], self._scopes[token] = self._clock.timestamp(), tuple(scope.split())
        answer = {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": LIFETIME_S,
            "scope": scope,
        }
        return json_response(200, answer).with_headers({"Cache-Control": "no-store"})

    def state(self, request: Request) -> TokenState:
        """What the bearer token of a data call is worth now."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or token not in self._issued_at:
            return TokenState.UNKNOWN
        fault = self._weather.find(TokenExpiresEarly, request.route)
        lifetime = min(LIFETIME_S, fault.lifetime_s) if fault else LIFETIME_S
        if self._clock.timestamp() - self._issued_at[token] >= lifetime:
            self._expired.add(token)
        return TokenState.EXPIRED if token in self._expired else TokenState.GOOD

    def allows(self, request: Request, kind: str, interaction: str) -> bool:
        """Whether the token of a data call may do this, now."""
        token = request.headers.get("authorization", "").partition(" ")[2]
        narrowed = self._weather.find(ScopeNarrowed, request.route)
        if narrowed and narrowed.resource == kind:
            return False
        return covers(self._scopes.get(token, ()), f"system/{kind}.{'s' if interaction == 'search' else 'r'}")

    def _judge(self, request: Request) -> tuple[str | None, str]:
        """The OAuth error code, or None and the scope granted."""
        if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return "invalid_request", ""
        form = {name: values[-1] for name, values in parse_qs(request.body.decode("latin-1")).items()}
        if form.get("grant_type") != "client_credentials":
            return "unsupported_grant_type", ""
        if form.get("client_assertion_type") != ASSERTION_TYPE or "client_assertion" not in form:
            return "invalid_request", ""
        refused = self._weather.find(RefreshRefused, request.route)
        if refused or not self._accepts(form["client_assertion"]):
            return "invalid_client", ""
        scopes = form.get("scope", "").split()
        if not scopes or not all(SCOPE.fullmatch(scope) for scope in scopes):
            return "invalid_scope", ""
        narrowed = self._weather.find(ScopeNarrowed, request.route)
        return None, " ".join(without(scopes, narrowed.resource) if narrowed else scopes)

    def _accepts(self, assertion: str) -> bool:
        """Whether the assertion is signed by a known key and keeps every rule; uses up its `jti`."""
        claims = self._verified(assertion)
        if claims is None:
            return False
        now, expires, jti = self._clock.timestamp(), claims.get("exp"), claims.get("jti")
        if not isinstance(expires, int) or not now < expires <= now + FARTHEST_S:
            return False
        who = self._registration.client_id
        if claims.get("iss") != who or claims.get("sub") != who or claims.get("aud") != self._token_url:
            return False
        self._used = {used: until for used, until in self._used.items() if until > now}
        if not isinstance(jti, str) or not jti or jti in self._used:
            return False
        self._used[jti] = expires
        return True

    def _verified(self, assertion: str) -> dict[str, Any] | None:
        """The claims, if `kid` is known, the algorithm allowed and the signature right."""
        try:
            header = jws.extract_compact(assertion.encode()).headers()
            key = self._registration.keys.get(header.get("kid", ""))
            if key is None or header["alg"] not in ALGORITHMS:
                return None
            claims: dict[str, Any] = jwt.decode(assertion, key, algorithms=[header["alg"]]).claims
        except (JoseError, json.JSONDecodeError, KeyError, ValueError):
            return None
        return claims


def without(scopes: list[str], resource: str) -> list[str]:
    """These scopes with one resource taken out of them; a wildcard is written out for it."""
    kept = []
    for scope in scopes:
        asked, _, verbs = scope.removeprefix("system/").partition(".")
        named = RESOURCES if asked == "*" else (asked,)
        kept += [f"system/{one}.{verbs}" for one in named if one != resource]
    return kept
