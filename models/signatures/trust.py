"""Credentials in the wrong hands, or used as nobody agreed to (catalogue S64)."""

from __future__ import annotations

from models.indication import IndicationKind
from models.reading import Outcome
from models.signature import Desk, EvidenceKind, FaultDomain, RetryClass, Signature
from models.signatures._clues import failures_are
from models.signatures._conditions import any_of

SIGNATURES: tuple[Signature, ...] = (
    Signature(
        cause="credential_misuse",
        entry="S64",
        says=lambda _: "A credential of ours is used, or may do, what nobody agreed to",
        fault_domain=FaultDomain.SECURITY,
        clues=(
            any_of(
                "Used after it was revoked or from an unknown place, or granted more than was approved",
                IndicationKind.USED_AFTER_REVOKE,
                IndicationKind.SCOPES_WIDENED,
                of=EvidenceKind.CREDENTIAL,
                supports=60.0,  # a false alarm costs an hour, a missed one an account
                contradicts=0.01,
            ),
            failures_are(
                "Not accepted, or not allowed",
                Outcome.UNAUTHENTICATED,
                Outcome.FORBIDDEN,
                Outcome.CREDENTIAL_REFUSED,
                supports=2.0,
                contradicts=0.9,
            ),
        ),
        security=True,
        retry=RetryClass.STOP,
        verify="security closed the case in writing",
        desk=Desk.SECURITY,
        call_when="at once; compliance as well, because a clock starts to run (HIPAA)",
        recommends=(
            "Stop using the credential, and change nothing else: what was seen is evidence",
            "Tell security and compliance when it was first noticed",
        ),
        prior=0.2,
    ),
)
