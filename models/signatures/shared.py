"""What many integrations share, and fail with at once (catalogue S62)."""

from __future__ import annotations

from models.facts import Facts
from models.indication import IndicationKind
from models.reading import Outcome
from models.signature import Clue, Desk, EvidenceKind, FaultDomain, Signature
from models.signatures._clues import failures_are
from models.signatures._conditions import origin, without


def ail_together(facts: Facts) -> bool:
    """Whether they do; where nobody looked at neighbours, nothing is known to be shared."""
    return origin(facts) is not None


def told(facts: Facts) -> str:
    """How many of how many, and what they share."""
    found = origin(facts)
    return f"{found.ailing} of {found.of} integrations that share {found.shared} ail" if found else "none"


def worst(facts: Facts) -> int:
    """How many ail where most do, this one among them."""
    return max((one.ailing for one in facts.neighbours), default=1)


def all_of_them(facts: Facts) -> bool | None:
    """Whether nobody who shares it is well."""
    found = origin(facts)
    return None if found is None else found.ailing == found.of


SIGNATURES: tuple[Signature, ...] = (
    Signature(
        cause="shared_dependency_down",
        entry="S62",
        says=lambda f: f"Something that several integrations share is down: {told(f)}",
        fault_domain=FaultDomain.NETWORK,
        clues=(
            Clue(
                kind=EvidenceKind.NEIGHBOURS,
                when=ail_together,
                says=lambda f: f"They fail together: {told(f)}",
                denies=lambda f: f"Of those that share something with it, {worst(f)} ail",
                supports=40.0,  # three and more at once are no accident
                contradicts=0.02,
            ),
            Clue(
                kind=EvidenceKind.NEIGHBOURS,
                when=all_of_them,
                says=lambda f: f"Nobody who shares it is well: {told(f)}",
                denies=lambda f: f"Some that share it are well: {told(f)}",
                supports=3.0,
                contradicts=0.7,
            ),
            failures_are(
                "Unreachable, or failing behind its door",
                Outcome.DNS_FAILED,
                Outcome.REFUSED,
                Outcome.RESET,
                Outcome.TIMEOUT,
                Outcome.SERVER_ERROR,
                Outcome.CREDENTIAL_REFUSED,
                supports=4.0,
                contradicts=0.005,  # what is throttled, forbidden or refused is each one's own
            ),
            without(IndicationKind.MAINTENANCE_ANNOUNCED, "Maintenance was announced", contradicts=0.2),
            without(IndicationKind.SAME_TIME_OF_WEEK, "It comes every week at this time", contradicts=0.2),
        ),
        remedies=("reduce_polling", "open_breaker"),
        verify="what is shared answers, then those that depend on it, one after another",
        desk=Desk.NETWORK,
        call_when="at once, and only whoever owns what is shared",
        recommends=(
            "Look at what failed first, and heal nothing that stands behind it meanwhile",
            "Keep one incident for all of them",
        ),
        prior=0.5,
    ),
)
