"""Identity: tokens, sessions, clients, scopes (catalogue S02–S07, S21–S23)."""

from __future__ import annotations

from models.facts import Facts
from models.reading import Outcome, Rung
from models.signature import Clue, Desk, EvidenceKind, FaultDomain, RetryClass, Signature
from models.signatures._clues import (
    SKEW_S,
    breaks,
    changed_before,
    code_seen,
    errors_are_unusual,
    failures_are,
    holds,
)
from models.surface import Trait

SHORTENED = 0.8  # a token refused before this share of its expected life was cut short
REFUSALS = ("invalid_client", "invalid_credentials", "unauthorized_client")
DOOR = (Trait.ENDPOINT, Trait.CLIENT_METHOD, Trait.GRANT_TYPE, Trait.SIGNING_ALGORITHM, Trait.SIGNING_KEY)


def refused_early(facts: Facts) -> bool | None:
    """Whether tokens die well before the lifetime that their issuer promised; None: not known."""
    promised = facts.credential.promised_s if facts.credential else None
    if promised is None or facts.failing_age_s is None:
        return None
    first_refused = min([facts.failing_age_s, *(facts.credential.observed_s if facts.credential else ())])
    return first_refused < SHORTENED * promised


def lifetimes(facts: Facts) -> str:
    """The age at which tokens are refused beside the promised lifetime."""
    credential = facts.credential
    ages = [*(credential.observed_s if credential else ()), facts.failing_age_s or 0.0]
    promised = (credential.promised_s if credential else None) or 0.0
    return f"refused {min(ages) / 60:.0f} min after issue, promised {promised / 60:.0f} min"


def expiry_says(facts: Facts) -> str:
    """The cause in the words of the case: with or without a refused renewal."""
    refusal = facts.credential.last_refusal if facts.credential else None
    if refusal:
        return f"Access token expired and the request for a new one is refused ({refusal})"
    return "Access token or session expired before its scheduled renewal"


def expiry_factors(facts: Facts) -> tuple[str, ...]:
    """What made it worse."""
    return (f"Token lifetime was shortened: {lifetimes(facts)}",) if refused_early(facts) else ()


def clocks_agree() -> Clue:
    """Their clock and ours agree, so a refusal is not about time."""
    return Clue(
        kind=EvidenceKind.READINGS,
        when=lambda f: None if f.clock_skew_s is None else abs(f.clock_skew_s) <= SKEW_S,
        says=lambda f: f"Clocks agree within {abs(f.clock_skew_s or 0):.0f} s",
        denies=lambda f: f"Their Date header is {f.clock_skew_s or 0:+.0f} s from our clock (limit {SKEW_S:.0f} s)",
        supports=1.2,
        contradicts=0.02,
    )


SIGNATURES: tuple[Signature, ...] = (
    Signature(
        cause="token_expired",
        entry="S02",
        says=expiry_says,
        fault_domain=FaultDomain.IDENTITY,
        clues=(
            failures_are("Unauthorized", Outcome.UNAUTHENTICATED),
            code_seen("Error answers carry", "token_expired", "logged_out_idle", "invalid_token"),
            breaks(Rung.AUTH),
            holds(Rung.DNS, Rung.TCP, Rung.TLS, Rung.HTTP, supports=1.5),
            Clue(
                kind=EvidenceKind.CREDENTIAL,
                when=refused_early,
                says=lambda f: f"Tokens die early: {lifetimes(f)}",
                denies=lambda f: f"Tokens live as long as promised: {lifetimes(f)}",
                supports=3.0,
                contradicts=0.8,
            ),
            Clue(
                kind=EvidenceKind.CREDENTIAL,
                when=lambda f: None if f.credential is None else f.credential.last_refusal not in (None, *REFUSALS),
                says=lambda f: (
                    "The request for a new token was answered with"
                    f' "{f.credential.last_refusal if f.credential else ""}"'
                ),
                denies=lambda _: "No request for a new token was refused for want of anything but identity",
                supports=2.0,
                contradicts=0.8,
            ),
            errors_are_unusual(),
        ),
        remedies=("renew_credentials",),
        retry=RetryClass.REFRESH_ONCE,
        verify="a scoped read answered with a new token, and nothing refused any more",
        desk=Desk.VENDOR,
        call_when="two renewals within 10 minutes are refused again",
        recommends=(
            "Ask the vendor whether the token or session lifetime was changed",
            "Check that sessions are closed by every program that opens them",
        ),
        factors=expiry_factors,
    ),
    Signature(
        cause="credentials_rejected",
        says=lambda f: f"The identity provider rejects our client ({', '.join(c for c in f.codes if c in REFUSALS)})",
        fault_domain=FaultDomain.IDENTITY,
        clues=(
            failures_are("Refused a token", Outcome.CREDENTIAL_REFUSED),
            code_seen("Token endpoint answers", *REFUSALS),
            clocks_agree(),
            breaks(Rung.AUTH),
            holds(Rung.DNS, Rung.TCP, Rung.TLS, Rung.HTTP, supports=1.5),
            errors_are_unusual(),
            changed_before(*DOOR, "configuration"),
        ),
        remedies=("renew_credentials",),
        recommends=(
            "Compare the client id, the key id and the published key set with the vendor's registration",
            "Ask the vendor's administrators whether the client was disabled or its key rotated",
        ),
    ),
    Signature(
        cause="clock_skew",
        says=lambda f: f"Our clock and theirs differ by {abs(f.clock_skew_s or 0):.0f} s, so signed times are refused",
        fault_domain=FaultDomain.OURS,
        clues=(
            Clue(
                kind=EvidenceKind.READINGS,
                when=lambda f: None if f.clock_skew_s is None else abs(f.clock_skew_s) > SKEW_S,
                says=lambda f: (
                    f"Their Date header is {f.clock_skew_s or 0:+.0f} s from our clock (limit {SKEW_S:.0f} s)"
                ),
                denies=lambda f: f"Clocks agree within {abs(f.clock_skew_s or 0):.0f} s",
                supports=15.0,
                contradicts=0.01,
            ),
            failures_are("Refused a token", Outcome.CREDENTIAL_REFUSED, supports=4.0, contradicts=0.1),
            breaks(Rung.AUTH),
        ),
        recommends=("Repair time synchronisation (NTP) on the host that runs the integration",),
        prior=0.5,
    ),
    Signature(
        cause="scope_missing",
        says=lambda f: f"Access is denied to {', '.join(f.affected_components) or 'some resources'}",
        fault_domain=FaultDomain.VENDOR,
        clues=(
            failures_are("Forbidden", Outcome.FORBIDDEN),
            holds(Rung.AUTH, supports=3.0),
            Clue(
                kind=EvidenceKind.READINGS,
                when=lambda f: bool(f.healthy_components) if f.failed else None,
                says=lambda f: f"Other parts answer: {', '.join(f.healthy_components)}",
                denies=lambda _: "Every part is affected",
                supports=2.0,
                contradicts=0.7,
            ),
            changed_before(Trait.SCOPE, Trait.SMART_CAPABILITY, Trait.RESOURCE, Trait.INTERACTION),
        ),
        recommends=("Have the missing scope or security class granted; retrying cannot help",),
    ),
)
