"""Signature: a failure we have met before, and the clues by which it is known.

Every clue states how much more likely it is when the cause is at work than when something else is (`supports`), and
how much less likely its absence (`contradicts`). The catalogue of the specification is written in these words: whose
it is to mend, whether the same call may be made again, what proves that it is over, and whom to call when.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from models.facts import Facts


class FaultDomain(StrEnum):
    """Whose it is to mend; it drives routing."""

    OURS = "ours"
    NETWORK = "network"
    IDENTITY = "identity provider"
    VENDOR = "vendor"
    CLEARINGHOUSE = "clearinghouse"
    PAYER = "payer"
    PRACTICE = "practice"
    SECURITY = "security"


class EvidenceKind(StrEnum):
    """Where a piece of evidence comes from; two kinds are needed before we act alone."""

    READINGS = "readings"
    LADDER = "ladder"
    CREDENTIAL = "credential"
    BASELINE = "baseline"
    CHANGES = "changes"
    DATA = "data"  # both sides compared, and what flows
    RESOURCES = "resources"  # pools, queues, bridges
    ISOLATION = "isolation"  # controls: another path, another host, another resolver
    NEIGHBOURS = "neighbours"  # other integrations that share something
    LOGS = "logs"
    MEMORY = "memory"  # what was met before at this time


class RetryClass(StrEnum):
    """Whether what failed may be sent again (spec: catalogue, retry classes)."""

    BACK_OFF = "back off"  # as ever: full jitter and a budget
    RETRY_AFTER = "retry after"  # when they say, or when they can
    REFRESH_ONCE = "refresh, then retry once"
    FIX_INPUT = "fix the input, never retry"
    ASK_FIRST = "ask before retrying"  # the outcome of a write is unknown
    ONE_ATTEMPT = "one attempt only"  # another one may lock an account
    STOP = "stop"  # a matter of security
    NO_CALL = "no call to retry"  # nothing failed: the data are wrong


class Desk(StrEnum):
    """Whom to call when we cannot mend it."""

    INTEGRATION = "integration team"
    VENDOR = "vendor"
    NETWORK = "network operations"
    INFRASTRUCTURE = "infrastructure"
    SECURITY = "security"
    COMPLIANCE = "compliance"
    PRACTICE = "practice"
    BILLING = "practice billing"
    PARTNER = "partner"  # who sends or takes the files
    RECEIVER = "receiver's interface team"
    CLEARINGHOUSE = "clearinghouse"
    PAYER = "payer"
    MAPPING = "data mapping"
    SYNCHRONISATION = "synchronisation"


@dataclass(frozen=True)
class Clue:
    """One thing to look for.

    `when` returns True (present), False (absent) or None (could not be known: no weight either way).
    """

    kind: EvidenceKind
    when: Callable[[Facts], bool | None]
    says: Callable[[Facts], str]
    denies: Callable[[Facts], str]
    supports: float = 5.0  # likelihood ratio when present
    contradicts: float = 0.2  # likelihood ratio when absent
    strength: Callable[[Facts], float] = field(default=lambda _: 1.0)  # of its presence, in [0, 1]: few calls say less


@dataclass(frozen=True)
class Signature:
    """A failure we have met before."""

    cause: str
    says: Callable[[Facts], str]
    fault_domain: FaultDomain
    clues: tuple[Clue, ...]
    remedies: tuple[str, ...] = ()
    recommends: tuple[str, ...] = ()
    factors: Callable[[Facts], tuple[str, ...]] = field(default=lambda _: ())
    prior: float = 1.0  # relative weight; 1.0 is a common cause
    security: bool = False
    entry: str | None = None  # of the catalogue, e.g. S01; None: a general cause, in no entry
    kinds: tuple[str, ...] = ()  # of integration that can have it; none: every kind
    retry: RetryClass = RetryClass.BACK_OFF
    verify: str = ""  # what proves that it is over, for a person
    desk: Desk = Desk.INTEGRATION
    call_when: str = ""  # when whoever is at the desk is called

    def fits(self, kind: str) -> bool:
        """Whether an integration of this kind can have it; an unknown kind (empty) can have anything."""
        return not self.kinds or not kind or kind in self.kinds
