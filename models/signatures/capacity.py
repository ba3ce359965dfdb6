"""Capacity and faults of the other side's service (catalogue S01, S08, S16, S20)."""

from __future__ import annotations

from models.facts import Facts
from models.reading import Outcome, Rung
from models.signature import Clue, Desk, EvidenceKind, FaultDomain, RetryClass, Signature
from models.signatures._clues import (
    OURS,
    UPGRADE,
    changed_before,
    compared,
    errors_are_unusual,
    errors_of_theirs,
    failures_are,
    holds,
    refusals_of_ours,
    several,
    speed_is_usual,
)
from models.surface import Trait

SLOW = 2.0  # median latency over its usual value from which we call it slow
FEW_ERRORS = 0.05


def waits(facts: Facts) -> str:
    """What the other side asks for."""
    return f"They ask for a pause of {facts.retry_after_s or 0:.0f} s (Retry-After)"


SIGNATURES: tuple[Signature, ...] = (
    Signature(
        cause="rate_limited",
        entry="S01",
        says=lambda f: (
            f"API rate limiting triggered at the endpoint (HTTP 429 on {f.share(Outcome.THROTTLED):.0%} of calls)"
        ),
        fault_domain=FaultDomain.VENDOR,
        clues=(
            failures_are("HTTP 429", Outcome.THROTTLED, supports=25.0),
            Clue(
                kind=EvidenceKind.READINGS,
                when=lambda f: f.retry_after_s is not None,
                says=waits,
                denies=lambda _: "They do not say how long to wait",
                supports=3.0,
                contradicts=0.9,
                strength=several,
            ),
            holds(Rung.DNS, Rung.TCP, Rung.TLS, supports=1.5),
            errors_are_unusual(),
        ),
        remedies=("reduce_polling", "retry_failed"),
        retry=RetryClass.RETRY_AFTER,
        verify="fewer than 1 % of calls refused for 15 minutes, and the backlog falling",
        desk=Desk.VENDOR,
        call_when="longer than 30 minutes, or prescriptions or appointments late",
        recommends=(
            "Consider requesting a rate limit increase from the vendor's administrators",
            "Look for a new consumer that raised the number of calls",
        ),
    ),
    Signature(
        cause="server_errors",
        says=lambda f: (
            f"The vendor's service fails ({errors_of_theirs(f)} on {f.share(Outcome.SERVER_ERROR):.0%} of calls)"
        ),
        fault_domain=FaultDomain.VENDOR,
        clues=(
            failures_are(errors_of_theirs, Outcome.SERVER_ERROR, supports=20.0),
            holds(Rung.DNS, Rung.TCP, Rung.TLS, supports=1.5),
            errors_are_unusual(),
            changed_before(*UPGRADE),
        ),
        remedies=("retry_failed", "reduce_polling"),
        recommends=("Report the failing request ids and times to the vendor",),
    ),
    Signature(
        cause="vendor_slow",
        says=lambda f: f"The vendor answers slowly: {compared(f)}",
        fault_domain=FaultDomain.VENDOR,
        clues=(
            Clue(
                kind=EvidenceKind.BASELINE,
                when=lambda f: None if f.slowdown is None else f.slowdown >= SLOW,
                says=lambda f: f"Latency is {f.slowdown or 0:.1f}× the usual value: {compared(f)}",
                denies=lambda f: f"Latency is usual: {compared(f)}",
                supports=12.0,
                contradicts=0.02,
            ),
            Clue(
                kind=EvidenceKind.READINGS,
                when=lambda f: f.error_rate <= FEW_ERRORS or f.of_failures(Outcome.TIMEOUT) > FEW_ERRORS,
                says=lambda f: f"Calls end well or in timeouts (error rate {f.error_rate:.1%})",
                denies=lambda f: f"Calls fail for other reasons (error rate {f.error_rate:.1%})",
                supports=3.0,
                contradicts=0.1,
            ),
            holds(Rung.DNS, Rung.TCP, Rung.TLS, supports=2.0),
            changed_before(*UPGRADE),
        ),
        remedies=("reduce_polling", "raise_deadline"),
        recommends=("Send the vendor the slowest request ids", "Move bulk reads to quiet hours"),
    ),
    Signature(
        cause="wrong_content",
        says=lambda _: "A page for people is served where data were expected (proxy, log-in or maintenance page)",
        fault_domain=FaultDomain.VENDOR,
        clues=(
            failures_are("Unreadable answers", Outcome.MALFORMED, supports=20.0),
            holds(Rung.DNS, Rung.TCP, Rung.TLS, supports=1.5),
            speed_is_usual(),
            changed_before(*UPGRADE, Trait.FORMAT, Trait.ENDPOINT, Trait.CERTIFICATE_ISSUER),
        ),
        recommends=("Open the base URL from the same host with a browser, and look for a proxy or a new address",),
    ),
    Signature(
        cause="errors_inside_answers",
        says=lambda _: "Calls are answered as if they had worked, with an error inside",
        fault_domain=FaultDomain.VENDOR,
        clues=(
            failures_are("An error inside a good answer", Outcome.SEMANTIC, Outcome.PARTIAL, supports=15.0),
            changed_before(*UPGRADE, Trait.FIELD, Trait.SCOPE),
        ),
        remedies=("retry_failed",),
        recommends=("Ask the vendor what the error codes mean for this client",),
    ),
    Signature(
        cause="request_refused",
        says=lambda _: "The vendor refuses the request itself",
        fault_domain=FaultDomain.OURS,
        clues=(
            failures_are(refusals_of_ours, Outcome.CLIENT_ERROR, supports=20.0),
            holds(Rung.DNS, Rung.TCP, Rung.TLS, Rung.AUTH, supports=2.0),
            changed_before(*UPGRADE, *OURS, Trait.RESOURCE, Trait.INTERACTION, Trait.SEARCH_PARAMETER),
        ),
        recommends=("Compare the request with the vendor's capability statement; retrying cannot help",),
    ),
)
