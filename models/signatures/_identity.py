"""What is known of tokens, sessions and scopes, for clues about identity."""

from __future__ import annotations

from models.facts import Facts
from models.indication import IndicationKind
from models.reading import Outcome
from models.signature import Clue, EvidenceKind
from models.signatures._clues import SKEW_S

SHORTENED = 0.8  # a token refused before this share of its expected life was cut short
REFUSALS = ("invalid_client", "invalid_credentials", "unauthorized_client")
LONGER = 1.5  # pauses before failed calls that are half as long again as before others
KEY_CHANGES = ("jwks_key", "signing_key", "private_key")  # of ours


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


def key_was_rotated(facts: Facts) -> bool | None:
    """Whether a key of ours was replaced before the trouble began; None: nobody looked."""
    if facts.shown(IndicationKind.KEY_ROTATED) or facts.changes_of(*KEY_CHANGES):
        return True
    return None if IndicationKind.KEY_ROTATED not in facts.looked_for else False


def rotation(facts: Facts) -> str:
    """What tells of it."""
    told = [one.says for one in facts.shown(IndicationKind.KEY_ROTATED)]
    return "; ".join([*told, *(change.says for change in facts.changes_of(*KEY_CHANGES))]) or "no key of ours"


def key_rotation(*, supports: float, contradicts: float) -> Clue:
    """A key of ours was replaced before the trouble began."""
    return Clue(
        kind=EvidenceKind.CHANGES,
        when=key_was_rotated,
        says=lambda f: f"A key of ours was replaced: {rotation(f)}",
        denies=lambda _: "No key of ours was replaced",
        supports=supports,
        contradicts=contradicts,
    )


def no_key_rotation(contradicts: float) -> Clue:
    """Held back where a key of ours was replaced; that none was says nothing."""
    return Clue(
        kind=EvidenceKind.CHANGES,
        when=lambda f: False if key_was_rotated(f) else None,
        says=lambda _: "No key of ours was replaced",  # never weighed
        denies=lambda f: f"A key of ours was replaced: {rotation(f)}",
        supports=1.1,
        contradicts=contradicts,
    )


def lacks_scopes(facts: Facts) -> bool | None:
    """Whether our token may do less than what is read needs; None: its issuer does not say."""
    if "invalid_scope" in facts.codes or facts.shown(IndicationKind.SCOPES_MISSING):
        return True
    if facts.credential is not None and facts.credential.granted is not None:
        return bool(facts.credential.missing)
    return False if IndicationKind.SCOPES_MISSING in facts.looked_for else None


def lacking(facts: Facts) -> str:
    """What the token lacks."""
    missing = facts.credential.missing if facts.credential else ()
    told = [one.says for one in facts.shown(IndicationKind.SCOPES_MISSING)]
    refused = [f'"invalid_scope" on {n} calls' for code, n in facts.codes.items() if code == "invalid_scope"]
    return ", ".join([*missing, *told, *refused]) or "nothing"


def scopes_lack(*, supports: float, contradicts: float) -> Clue:
    """Our token may do less than what is read needs."""
    return Clue(
        kind=EvidenceKind.CREDENTIAL,
        when=lacks_scopes,
        says=lambda f: f"The token lacks {lacking(f)}",
        denies=lambda _: "The token grants all that is read: 0 scopes are missing",
        supports=supports,
        contradicts=contradicts,
    )


def scopes_suffice(*, supports: float, contradicts: float) -> Clue:
    """Our token may do all that is read."""
    return Clue(
        kind=EvidenceKind.CREDENTIAL,
        when=lambda f: None if (lacks := lacks_scopes(f)) is None else not lacks,
        says=lambda _: "The token grants all that is read: 0 scopes are missing",
        denies=lambda f: f"The token lacks {lacking(f)}",
        supports=supports,
        contradicts=contradicts,
    )


def rested_before_failing(supports: float = 2.0, contradicts: float = 0.8) -> Clue:
    """Calls fail after longer pauses than they succeed after."""
    return Clue(
        kind=EvidenceKind.READINGS,
        when=lambda f: (
            None
            if f.idle_before_failure_s is None or f.idle_before_success_s is None
            else f.idle_before_failure_s >= LONGER * f.idle_before_success_s
        ),
        says=lambda f: (
            f"Calls fail after pauses of {f.idle_before_failure_s or 0:.0f} s,"
            f" others come after {f.idle_before_success_s or 0:.0f} s"
        ),
        denies=lambda f: f"Calls fail after pauses no longer than others ({f.idle_before_failure_s or 0:.0f} s)",
        supports=supports,
        contradicts=contradicts,
    )


def at_the_licence(facts: Facts) -> float:
    """Share of the failed calls that got no session for want of a licence that is accepted."""
    if not facts.failed:
        return 0.0
    users, strange = facts.codes.get("user_refused", 0), facts.codes.get("no_token", 0)
    return facts.of_failures(Outcome.CREDENTIAL_REFUSED) + (strange - users) / facts.failed
