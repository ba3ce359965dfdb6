"""Certificates and the TLS handshake (catalogue S56, S57)."""

from __future__ import annotations

from models.dependency import OUR_NETWORK
from models.facts import Facts
from models.indication import IndicationKind
from models.reading import Outcome, Rung
from models.signature import Clue, Desk, EvidenceKind, FaultDomain, RetryClass, Signature
from models.signatures._clues import breaks, changed_before, errors_are_unusual, failures_are, shows
from models.signatures._conditions import code_is, unless_coded
from models.surface import Trait

TRUST_CODES = ("hostname_mismatch", "self_signed", "unknown_issuer", "certificate_not_trusted", "certificate_revoked")
TIME_CODES = ("certificate_has_expired", "certificate_not_yet_valid")
CLIENT_CODES = ("client_certificate_expired", "client_certificate_refused")
CLIENT = "client_certificate"
STRANGER = "host_key_changed"  # of SSH: a matter of its own
PROXIED, MOST = 2, 0.5  # integrations, and of all that leave by our network, that meet unknown issuers at once
EXPLAINED = (*TRUST_CODES, *TIME_CODES, *CLIENT_CODES, STRANGER)


def many_hosts(facts: Facts) -> bool | None:
    """Whether several integrations that share our own network ail at once; None: nobody looked."""
    ours = [one for one in facts.neighbours if one.shared == OUR_NETWORK]
    return any(one.ailing >= PROXIED and one.share >= MOST for one in ours) if ours else None


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
        cause="certificate_expired",
        entry="S56",
        says=lambda _: "Their TLS certificate has expired",
        fault_domain=FaultDomain.VENDOR,
        clues=(
            failures_are("TLS handshake refused", Outcome.TLS_FAILED, supports=10.0),
            breaks(Rung.TLS),
            Clue(
                kind=EvidenceKind.LADDER,
                when=lambda f: tls_code(f, TIME_CODES),
                says=lambda f: f"Certificate: {certificate(f)}",
                denies=lambda f: f"The certificate has not expired: {certificate(f)}",
                supports=20.0,
                contradicts=0.01,
            ),
        ),
        retry=RetryClass.RETRY_AFTER,
        verify="the handshake succeeds, and the certificate has a new end",
        desk=Desk.VENDOR,
        call_when="at once",
        recommends=("Ask the vendor to renew the certificate today; verification is never switched off",),
    ),
    Signature(
        cause="client_certificate_refused",
        entry="S56",
        says=lambda _: "They refuse our own certificate: it has ended, or is not known to them",
        fault_domain=FaultDomain.OURS,
        clues=(
            code_is("Their alert names our certificate", *CLIENT_CODES, supports=25.0),
            failures_are("TLS handshake refused", Outcome.TLS_FAILED, supports=4.0, contradicts=0.1),
            shows(IndicationKind.CREDENTIAL_ENDS, "A credential ends", subject=CLIENT, supports=3.0, contradicts=0.8),
        ),
        retry=RetryClass.FIX_INPUT,
        verify="the handshake succeeds with the new certificate",
        desk=Desk.INFRASTRUCTURE,
        call_when="at once, when no certificate lies ready to take its place",
        recommends=("Put the new certificate where the configuration says, before the old one ends",),
        prior=0.5,
    ),
    Signature(
        cause="certificate_untrusted",
        entry="S57",
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
            unless_coded("The host key of SSH is another matter", STRANGER),
            Clue(
                kind=EvidenceKind.NEIGHBOURS,
                when=lambda f: None if (many := many_hosts(f)) is None else not many,
                says=lambda _: "Others that leave by our network are well",
                denies=lambda _: "Others that leave by our network ail as well: it is not this host",
                supports=1.2,
                contradicts=0.005,
            ),
        ),
        security=True,
        retry=RetryClass.STOP,
        verify="the chain is the one that was approved",
        desk=Desk.VENDOR,
        call_when="at once; security, when a proxy is suspected",
        recommends=("Compare the certificate with the vendor over another channel before trusting anything",),
    ),
    Signature(
        cause="inspecting_proxy",
        entry="S57",
        says=lambda _: "A proxy of our own network shows its certificate in the place of theirs",
        fault_domain=FaultDomain.SECURITY,
        clues=(
            code_is("Issuer unknown", "unknown_issuer", supports=20.0),
            breaks(Rung.TLS),
            Clue(
                kind=EvidenceKind.NEIGHBOURS,
                when=many_hosts,
                says=lambda _: "Several integrations meet unknown issuers at once",
                denies=lambda _: "Only this one of our integrations ails",
                supports=20.0,
                contradicts=0.05,
            ),
        ),
        security=True,
        retry=RetryClass.STOP,
        verify="the issuer is the vendor's again",
        desk=Desk.SECURITY,
        call_when="at once",
        recommends=("Ask whoever runs our network whether TLS is inspected; compare from another network",),
        prior=0.3,
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
                    None
                    if (known := tls_code(f, (*TRUST_CODES, *TIME_CODES, *CLIENT_CODES, STRANGER))) is None
                    else not known
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
