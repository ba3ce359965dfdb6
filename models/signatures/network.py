"""The way there: name, connection, encryption, path (catalogue S56–S58, S63)."""

from __future__ import annotations

from models.facts import Facts
from models.indication import IndicationKind
from models.reading import Outcome, Rung
from models.signature import Clue, Desk, EvidenceKind, FaultDomain, Signature
from models.signatures._clues import (
    breaks,
    changed_before,
    errors_are_unusual,
    failures_are,
    holds,
    in_clusters,
    names_no_cause,
    nothing_changed,
    shows,
    speed_is_usual,
)
from models.surface import Trait

NEARLY_ALL = 0.9
TRUST_CODES = ("hostname_mismatch", "self_signed", "unknown_issuer")


def intermittent(facts: Facts) -> bool:
    """Whether some calls fail and others do not."""
    return 0 < facts.error_rate < NEARLY_ALL


def total(facts: Facts) -> bool:
    """Whether nothing gets through."""
    return facts.error_rate >= NEARLY_ALL


def some_get_through(supports: float = 2.0, contradicts: float = 0.1) -> Clue:
    """The trouble comes and goes."""
    return Clue(
        kind=EvidenceKind.READINGS,
        when=intermittent,
        says=lambda f: f"{f.calls - f.failed} of {f.calls} calls still succeed",
        denies=lambda f: f"{f.calls - f.failed} of {f.calls} calls succeed: it is not intermittent",
        supports=supports,
        contradicts=contradicts,
    )


def nothing_gets_through(supports: float = 4.0, contradicts: float = 0.1) -> Clue:
    """The trouble is total."""
    return Clue(
        kind=EvidenceKind.READINGS,
        when=total,
        says=lambda f: f"{f.failed} of {f.calls} calls fail",
        denies=lambda f: f"{f.calls - f.failed} of {f.calls} calls succeed",
        supports=supports,
        contradicts=contradicts,
    )


def certificate(facts: Facts) -> str:
    """What the TLS step showed."""
    step = facts.step(Rung.TLS)
    return step.says if step else "the certificate was not seen"


def tls_code(facts: Facts, codes: tuple[str, ...]) -> bool | None:
    """Whether the handshake failed with one of these codes; None: no handshake was tried."""
    step = facts.step(Rung.TLS)
    seen = {*facts.codes, *([step.code] if step and step.code else [])}
    return bool(seen & set(codes)) if seen or step else None


SIGNATURES: tuple[Signature, ...] = (
    Signature(
        cause="path_unstable",
        entry="S63",
        says=lambda f: f"Network path instability between us and {f.integration_id}",
        fault_domain=FaultDomain.NETWORK,
        clues=(
            failures_are("Connection reset or timed out", Outcome.RESET, Outcome.TIMEOUT),
            names_no_cause(contradicts=0.05),
            some_get_through(),
            in_clusters(),
            nothing_changed(),
            holds(Rung.DNS, Rung.TLS, supports=1.5, contradicts=0.8),
            speed_is_usual(),
            shows(
                IndicationKind.PATH_LOSS,
                "Packets are lost on the way",
                of=EvidenceKind.ISOLATION,
                supports=4.0,
                contradicts=0.9,
            ),
        ),
        remedies=("retry_failed", "change_route", "recycle_connections", "raise_deadline", "reduce_polling"),
        verify="fewer than 5 % of calls fail for 30 minutes",
        desk=Desk.NETWORK,
        call_when="three attempts did not help",
        recommends=(
            "Engage with the ISP to investigate congestion or loss on the path",
            "Consider a redundant connection through a second provider",
            "Temporarily reduce synchronisation to essential operations",
        ),
    ),
    Signature(
        cause="connection_pool_stale",
        says=lambda _: "Kept-alive connections are closed behind our back (idle time-out of a firewall or proxy)",
        fault_domain=FaultDomain.OURS,
        clues=(
            failures_are("Connection reset", Outcome.RESET),
            Clue(
                kind=EvidenceKind.READINGS,
                when=lambda f: f.longest_run <= 1 if f.failed else None,
                says=lambda _: "Only single calls fail; the next one always succeeds",
                denies=lambda f: f"Up to {f.longest_run} calls in a row fail: fresh connections fail too",
                supports=4.0,
                contradicts=0.15,
            ),
            some_get_through(),
            holds(Rung.DNS, Rung.TCP, Rung.TLS, Rung.HTTP, supports=1.5, contradicts=0.5),
        ),
        remedies=("recycle_connections", "retry_failed"),
        recommends=("Set keep-alive below the idle time-out of the firewall",),
        prior=0.5,
    ),
    Signature(
        cause="black_hole",
        says=lambda f: f"{f.integration_id} accepts connections or packets and never answers",
        fault_domain=FaultDomain.NETWORK,
        clues=(
            failures_are("No answer in time", Outcome.TIMEOUT),
            names_no_cause(),
            nothing_gets_through(),
            Clue(
                kind=EvidenceKind.LADDER,
                when=lambda f: (
                    any(s.outcome is Outcome.TIMEOUT for s in f.steps) if any(s.outcome for s in f.steps) else None
                ),
                says=lambda _: "The ladder meets a time-out as well",
                denies=lambda _: "No step of the ladder times out",
                supports=3.0,
                contradicts=0.1,
            ),
        ),
        remedies=("change_route", "reduce_polling"),
        recommends=("Trace the path; look for a firewall that drops instead of refusing",),
    ),
    Signature(
        cause="connection_refused",
        says=lambda f: f"{f.integration_id} refuses connections: nothing listens there, or a firewall rejects us",
        fault_domain=FaultDomain.VENDOR,
        clues=(failures_are("Connection refused", Outcome.REFUSED, supports=20.0), breaks(Rung.TCP)),
        remedies=("change_route", "retry_failed"),
        recommends=("Ask the vendor whether the service is down or moved, and whether our address is allowed",),
    ),
    Signature(
        cause="name_not_resolved",
        says=lambda f: f"The host name of {f.integration_id} does not resolve",
        fault_domain=FaultDomain.NETWORK,
        clues=(failures_are("Name not resolved", Outcome.DNS_FAILED, supports=20.0), breaks(Rung.DNS)),
        remedies=("retry_failed",),
        recommends=("Check the resolver from another host, and ask the domain's owner whether the record moved",),
    ),
    Signature(
        cause="certificate_expired",
        says=lambda _: "Their TLS certificate has expired",
        fault_domain=FaultDomain.VENDOR,
        clues=(
            failures_are("TLS handshake refused", Outcome.TLS_FAILED, supports=10.0),
            breaks(Rung.TLS),
            Clue(
                kind=EvidenceKind.LADDER,
                when=lambda f: tls_code(f, ("certificate_has_expired",)),
                says=lambda f: f"Certificate: {certificate(f)}",
                denies=lambda f: f"The certificate has not expired: {certificate(f)}",
                supports=20.0,
                contradicts=0.01,
            ),
        ),
        recommends=("Ask the vendor to renew the certificate today; verification is never switched off",),
    ),
    Signature(
        cause="certificate_untrusted",
        says=lambda _: "Their TLS certificate is not the one we trust (name or issuer changed)",
        fault_domain=FaultDomain.SECURITY,
        clues=(
            failures_are("TLS handshake refused", Outcome.TLS_FAILED, supports=10.0),
            breaks(Rung.TLS),
            Clue(
                kind=EvidenceKind.LADDER,
                when=lambda f: tls_code(f, TRUST_CODES),
                says=lambda f: f"Certificate: {certificate(f)}",
                denies=lambda f: f"Name and issuer are as expected: {certificate(f)}",
                supports=20.0,
                contradicts=0.01,
            ),
            changed_before(Trait.CERTIFICATE_ISSUER, Trait.CERTIFICATE_ENDS, Trait.CERTIFICATE),
        ),
        security=True,
        recommends=("Compare the certificate with the vendor over another channel before trusting anything",),
    ),
    Signature(
        cause="tls_refused",
        says=lambda _: "The TLS handshake fails for a reason other than the certificate",
        fault_domain=FaultDomain.VENDOR,
        clues=(
            failures_are("TLS handshake refused", Outcome.TLS_FAILED, supports=6.0),
            errors_are_unusual(),
            Clue(
                kind=EvidenceKind.LADDER,
                when=lambda f: (
                    None if (known := tls_code(f, (*TRUST_CODES, "certificate_has_expired"))) is None else not known
                ),
                says=lambda f: f"Handshake: {certificate(f)}",
                denies=lambda f: f"The certificate explains it: {certificate(f)}",
                supports=4.0,
                contradicts=0.02,
            ),
        ),
        recommends=("Ask the vendor which TLS versions and ciphers they accept",),
        prior=0.5,
    ),
)
