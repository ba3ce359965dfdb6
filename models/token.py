"""Token: what is kept of a token or session between two runs, and the judgement on whether it may be used."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AwareDatetime, Field, NonNegativeFloat, NonNegativeInt, SecretStr

from models.credential import REMEMBERED, Credential, expected_lifetime_s, refresh_time
from models.noun import Noun
from models.reading import Code, Outcome, Rung
from models.scopes import Scope

FIRST_COOLDOWN = timedelta(seconds=60)  # after a refusal, before asking again; doubles (spec: catalogue, S03)
LONGEST_COOLDOWN = timedelta(minutes=15)
REFUSALS = {Outcome.CREDENTIAL_REFUSED, Outcome.FORBIDDEN, Outcome.CLIENT_ERROR}  # answered, and asking again is vain
LONGEST_WAIT = timedelta(hours=1)  # an end farther off than this was not set by this clock
BARRED_FOR = timedelta(hours=1)  # after `invalid_credentials`, not even a remedy tries the same password
SHORTER = 0.9  # a refusal below this share of the expected lifetime teaches us a new lifetime
SHORTEST_S = 30.0  # a token refused younger than this was revoked, it did not grow old
CLOCK_SLACK = timedelta(seconds=60)  # a token from farther in the future belongs to another clock
BARRING = {"invalid_credentials", "user_refused"}  # asking again with the same password may lock the account


class Grant(Noun):
    """What asking for a token came to."""

    value: SecretStr | None = None
    promised_s: NonNegativeFloat | None = None
    scopes: tuple[Scope, ...] | None = None  # None: the answer named none
    outcome: Outcome = Outcome.OK
    code: Code | None = None
    rung: Rung = Rung.AUTH
    status: NonNegativeInt | None = None
    retry_after_s: NonNegativeFloat | None = None
    latency_ms: NonNegativeFloat | None = None
    received_bytes: NonNegativeInt = 0
    clock_skew_s: float | None = None
    gave_up_old: bool = False  # the former token was handed back, so it is dead whatever came next


class Token(Noun):
    """A token that may be tried."""

    value: SecretStr
    issued_at: AwareDatetime


class TokenRecord(Noun):
    """The whole memory of one integration's token, as its file holds it."""

    value: SecretStr | None = None
    issued_at: AwareDatetime | None = None
    promised_s: NonNegativeFloat | None = None
    scopes: tuple[Scope, ...] | None = None  # as granted; None: not named
    observed_s: tuple[NonNegativeFloat, ...] = ()
    refresh_at: AwareDatetime | None = None
    planned_s: NonNegativeFloat | None = None  # the lifetime that this renewal was planned with
    planned_before_s: NonNegativeFloat | None = None  # the last other one …
    replanned_at: AwareDatetime | None = None  # … and when it was given up
    is_refused: bool = False  # the other side no longer accepts it
    is_over: bool = False  # it was turned down and left in place, for a renewal to hand it back
    last_refusal: Code | None = None  # of a request for a token, never of a data call
    last_outcome: Outcome = Outcome.CREDENTIAL_REFUSED
    refusals: NonNegativeInt = 0  # in a row
    not_before: AwareDatetime | None = None  # nobody asks for a token earlier
    barred_identity: str | None = None  # digest of the log-in that was refused
    barred_until: AwareDatetime | None = None

    def token(self, as_of: datetime) -> Token | None:
        """The token, while it may still be accepted."""
        if self.value is None or self.issued_at is None or self.is_refused:
            return None
        if self.issued_at > as_of + CLOCK_SLACK:
            return None
        if self.promised_s is not None and as_of >= self.issued_at + timedelta(seconds=self.promised_s):
            return None
        return Token(value=self.value, issued_at=self.issued_at)

    def is_due(self, as_of: datetime) -> bool:
        """Whether it should be renewed by now."""
        return self.refresh_at is not None and as_of >= self.refresh_at

    def is_cooling(self, as_of: datetime) -> bool:
        """Whether it is too early to ask again after a refusal."""
        return self.not_before is not None and as_of < self.not_before <= as_of + LONGEST_WAIT

    def refusal(self) -> Grant:
        """The last refusal again, without asking."""
        return Grant(outcome=self.last_outcome, code=self.last_refusal)

    def credential(self, integration_id: str) -> Credential:
        """What may be shown."""
        plan = {"refresh_at", "planned_s", "planned_before_s", "replanned_at"}
        kept = self.model_dump(include={"issued_at", "promised_s", "observed_s", "last_refusal"} | plan)
        return Credential(integration_id=integration_id, granted=self.scopes, **kept)

    def granted(self, grant: Grant, as_of: datetime, draw: Annotated[float, Field(ge=0, lt=1)]) -> TokenRecord:
        """The record with a new token in it."""
        lifetime_s = expected_lifetime_s(grant.promised_s, self.observed_s)
        is_moved = differs(self.planned_s, lifetime_s)
        return TokenRecord(
            value=grant.value,
            issued_at=as_of,
            promised_s=grant.promised_s,
            scopes=grant.scopes,
            observed_s=self.observed_s,
            refresh_at=refresh_time(as_of, lifetime_s, draw) if lifetime_s else None,
            planned_s=lifetime_s if is_moved or self.planned_s is None else self.planned_s,
            planned_before_s=self.planned_s if is_moved else self.planned_before_s,
            replanned_at=as_of if is_moved else self.replanned_at,
        )

    def failed(self, grant: Grant, as_of: datetime, identity: str | None) -> TokenRecord:
        """The record after a request for a token that brought none."""
        changes: dict[str, object] = {
            "is_refused": self.is_refused or grant.gave_up_old,
            "last_outcome": grant.outcome,
            "last_refusal": grant.code or grant.outcome.value,
        }
        if grant.outcome in REFUSALS:
            changes |= self._cooled(as_of)
        elif grant.retry_after_s:
            changes["not_before"] = as_of + timedelta(seconds=grant.retry_after_s)
        if grant.code in BARRING:
            changes |= {"barred_identity": identity, "barred_until": as_of + BARRED_FOR}
        return self.model_copy(update=changes)

    def refused(self, as_of: datetime) -> TokenRecord:
        """The record after the other side turned the token down; may teach a lifetime."""
        age_s = max(0.0, (as_of - self.issued_at).total_seconds()) if self.issued_at else 0.0
        expected_s = expected_lifetime_s(self.promised_s, self.observed_s)
        is_news = age_s >= SHORTEST_S and (expected_s is None or age_s < SHORTER * expected_s)
        observed_s = (*self.observed_s, age_s)[-REMEMBERED:] if is_news else self.observed_s
        return self.model_copy(update={"is_refused": True, "observed_s": observed_s})

    def noted(self, as_of: datetime) -> TokenRecord:
        """As `refused`, but the token stays in place and is not renewed by schedule any more."""
        kept = {"is_refused": False, "is_over": True, "refresh_at": None}
        return self.refused(as_of).model_copy(update=kept)

    def distrusted(self, as_of: datetime) -> TokenRecord:
        """The record after a brand-new token was turned down too: another one would not help for a while."""
        return self.model_copy(update=self._cooled(as_of) | {"last_outcome": Outcome.UNAUTHENTICATED})

    def _cooled(self, as_of: datetime) -> dict[str, object]:
        wait = min(FIRST_COOLDOWN * 2 ** min(self.refusals, 10), LONGEST_COOLDOWN)
        return {"refusals": self.refusals + 1, "not_before": as_of + wait}

    def is_barred(self, identity: str | None, as_of: datetime, *, deliberate: bool) -> bool:
        """Whether this very log-in was refused before, so that trying it again may lock an account.

        Args:
            identity: digest of the log-in at hand; None: this kind of system locks nobody out.
            as_of: now.
            deliberate: a remedy that a policy allowed, which may try again after an hour.
        """
        if identity is None or self.barred_identity != identity:
            return False
        return not deliberate or (self.barred_until is not None and as_of < self.barred_until)


def differs(before_s: float | None, after_s: float | None) -> bool:
    """Whether a lifetime became another one, and not the same by a second or two as issuers round it."""
    if not before_s or not after_s:
        return False
    return min(before_s, after_s) < SHORTER * max(before_s, after_s)
