"""Credential: what we know of a token or session without holding its value."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime, NonNegativeFloat

from models.noun import Noun
from models.reading import Code, Identifier
from models.scopes import Scope, missing

EARLIEST, LATEST = (
    0.70,
    0.85,
)  # share of the lifetime at which a token is renewed (spec: escalation, section 5)
RESERVE = timedelta(seconds=30)  # never renewed later than this before its end
REMEMBERED = 5  # observed lifetimes kept; the schedule follows the shortest of them


class CredentialKind(StrEnum):
    """What there is to identify with, theirs and ours."""

    ACCESS_TOKEN = "access_token"  # or a session  # noqa: S105 - a word, not a token
    REFRESH_TOKEN = "refresh_token"  # noqa: S105
    CLIENT_SECRET = "client_secret"  # noqa: S105
    TLS_CERTIFICATE = "tls_certificate"  # theirs, seen in the handshake
    CLIENT_CERTIFICATE = "client_certificate"  # ours
    JWKS_KEY = "jwks_key"  # our public key, as we publish it
    PRIVATE_KEY = "private_key"
    SSH_HOST_KEY = "ssh_host_key"  # theirs
    SSH_USER_KEY = "ssh_user_key"  # ours
    PASSWORD = "password"  # noqa: S105


class Credential(Noun):
    """One token or session: times and codes only."""

    integration_id: Identifier
    issued_at: AwareDatetime | None = None  # None: never had one
    promised_s: NonNegativeFloat | None = None  # lifetime stated by the issuer
    observed_s: tuple[NonNegativeFloat, ...] = ()  # ages at which earlier ones were refused, oldest first
    refresh_at: AwareDatetime | None = None
    planned_s: NonNegativeFloat | None = None  # the lifetime that this renewal was planned with
    planned_before_s: NonNegativeFloat | None = None  # the last other one …
    replanned_at: AwareDatetime | None = None  # … and when it was given up
    last_refusal: Code | None = None
    granted: tuple[Scope, ...] | None = None  # None: the issuer names no scopes
    required: tuple[Scope, ...] = ()  # by what is read

    @property
    def lifetime_s(self) -> float | None:
        """The lifetime to plan with, in seconds; None while nothing is known."""
        return expected_lifetime_s(self.promised_s, self.observed_s)

    @property
    def missing(self) -> tuple[Scope, ...]:
        """What is read and not granted."""
        return () if self.granted is None else missing(self.granted, self.required)

    def age_s(self, as_of: datetime) -> float | None:
        """Seconds since it was issued."""
        return None if self.issued_at is None else max(0.0, (as_of - self.issued_at).total_seconds())


def expected_lifetime_s(promised_s: float | None, observed_s: Sequence[float]) -> float | None:
    """The shorter of what the issuer promises and what we saw lately.

    A vendor may shorten a lifetime without saying so; only refusals tell.
    """
    known = [*observed_s[-REMEMBERED:], *([promised_s] if promised_s else [])]
    return min(known) if known else None


def refresh_time(issued_at: datetime, lifetime_s: float, draw: float) -> datetime:
    """When to renew: a jittered share of the expected lifetime, so that many tokens do not renew at once.

    Args:
        issued_at: when the token was issued.
        lifetime_s: expected lifetime in seconds.
        draw: a uniform draw in [0, 1).
    """
    share = EARLIEST + (LATEST - EARLIEST) * draw
    planned = issued_at + timedelta(seconds=lifetime_s * share)
    latest = issued_at + timedelta(seconds=lifetime_s) - RESERVE
    return max(issued_at, min(planned, latest)) if lifetime_s > RESERVE.total_seconds() else planned
