"""Credentials: every token, certificate, key and password with its end, and when somebody should know of it.

A `CredentialRecord` is one row of the credential ledger. It holds no secret: times, codes, scope names, and the
fingerprints of what is public. What is renewed by us in time is never warned of; an hourly token has no "one day
before its end".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, NamedTuple

from pydantic import AwareDatetime, NonNegativeFloat, StringConstraints

from models.alert import Finding
from models.anomaly import DetectionMethod, Severity
from models.credential import CredentialKind, expected_lifetime_s
from models.noun import Kept, Noun
from models.reading import Code, Identifier
from models.scopes import Scope, missing
from models.wording import span

LEADS: dict[timedelta, Severity] = {  # before its end → how grave it is (spec: features, A06)
    timedelta(days=30): Severity.LOW,
    timedelta(days=14): Severity.MEDIUM,
    timedelta(days=7): Severity.HIGH,
    timedelta(days=1): Severity.CRITICAL,
}
RENEWED_BY_US = frozenset({CredentialKind.ACCESS_TOKEN})
RENEWAL_SHARE = 1 / 3  # of a lifetime, before its end: when certificates are renewed by habit (ACME clients do)
LONGEST_RENEWAL = timedelta(days=30)
CHANGE_STANDS = timedelta(days=7)  # a changed issuer or host key is shown at least until the next weekly look
SHORTER = 0.9  # below this share of the promise, an observed lifetime is news (models.token)
NAMES = {
    CredentialKind.ACCESS_TOKEN: "Access token",
    CredentialKind.REFRESH_TOKEN: "Refresh token",
    CredentialKind.CLIENT_SECRET: "Client secret",
    CredentialKind.TLS_CERTIFICATE: "TLS certificate",
    CredentialKind.CLIENT_CERTIFICATE: "Client certificate",
    CredentialKind.JWKS_KEY: "Published key",
    CredentialKind.PRIVATE_KEY: "Private key",
    CredentialKind.SSH_HOST_KEY: "SSH host key",
    CredentialKind.SSH_USER_KEY: "SSH user key",
    CredentialKind.PASSWORD: "Password",
}
SHOWN_BY_A_CLIMB = frozenset({CredentialKind.ACCESS_TOKEN, CredentialKind.TLS_CERTIFICATE})
THEIRS = frozenset({CredentialKind.TLS_CERTIFICATE, CredentialKind.SSH_HOST_KEY})

FINGERPRINT = re.compile(r"^([0-9a-f]{64}|SHA256:[A-Za-z0-9+/]{43}=?)$")
PublicFingerprint = Annotated[str, StringConstraints(pattern=FINGERPRINT.pattern)]
"""SHA-256 of a certificate or a public key, in hexadecimal or as OpenSSH writes it. Secrets have none."""


class CredentialRecord(Kept):
    """What is known of one credential."""

    integration_id: Identifier
    kind: CredentialKind
    name: Code = "main"  # which one, where an integration has several of a kind
    first_seen: AwareDatetime
    issued_at: AwareDatetime | None = None
    expires_at: AwareDatetime | None = None  # None: it has no end, or nobody told
    is_declared: bool = False  # a person wrote its end into integrations.yaml
    promised_s: NonNegativeFloat | None = None
    observed_s: tuple[NonNegativeFloat, ...] = ()
    renewal_due_at: AwareDatetime | None = None
    last_refresh: Code | None = None  # `ok`, or why it was refused; None: never tried
    granted: tuple[Scope, ...] | None = None  # None: the issuer names none
    required: tuple[Scope, ...] = ()
    denied: tuple[Scope, ...] = ()  # granted to this token by their word, and refused all the same
    fingerprint: PublicFingerprint | None = None
    issuer: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9 .,'&()+/-]{1,64}$")] | None = None
    changed: Code | None = None  # what of it changed last, e.g. issuer
    changed_from: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9 .,'&()+/:=-]{1,80}$")] | None = None
    changed_at: AwareDatetime | None = None
    trouble: Code | None = None  # why it is not accepted, e.g. certificate_has_expired
    looked_at: AwareDatetime | None = None  # when we last went to see

    @property
    def lifetime(self) -> timedelta | None:
        """From its issue to its end, as far as it is known."""
        if seconds := expected_lifetime_s(self.promised_s, self.observed_s):
            return timedelta(seconds=seconds)
        return self.expires_at - self.issued_at if self.expires_at and self.issued_at else None

    @property
    def missing(self) -> tuple[Scope, ...]:
        """Scopes that are read and not granted, or not honoured."""
        absent = () if self.granted is None else missing(self.granted, self.required)
        return tuple(dict.fromkeys((*absent, *self.denied)))

    @property
    def is_renewed_by_us(self) -> bool:
        """Whether it is replaced without anybody's help."""
        return self.kind in RENEWED_BY_US and not self.is_declared

    @property
    def title(self) -> str:
        """`TLS certificate`, or with its name where that says more."""
        return NAMES[self.kind] if self.name == "main" else f"{NAMES[self.kind]} ({self.name})"


class PublishedKey(Noun):
    """What a published key set says of the key that we sign with."""

    fingerprint: PublicFingerprint  # of our own key, by RFC 7638
    trouble: Code | None = None  # why nobody can verify what we sign; None: the set holds our key


class Concern(NamedTuple):
    """One reason to tell somebody."""

    severity: Severity
    says: str  # the same words as long as nothing changes: an alert is not told anew each cycle
    since: datetime
    advice: str = ""
    method: DetectionMethod = DetectionMethod.THRESHOLD


def record_id(integration_id: str, kind: CredentialKind, name: str = "main") -> str:
    """By integration, kind and name: a renewed credential is the same row."""
    return f"{integration_id}/{kind.value}/{name}"


def succeed(known: CredentialRecord | None, fresh: CredentialRecord, as_of: datetime) -> CredentialRecord:
    """What is kept from now on: what is known of it now, with what its past alone can tell.

    A changed issuer or host key is the other side's identity that changed; a new certificate of the same issuer, or
    a new key of ours, is a renewal.
    """
    if known is None:
        return fresh
    kept: dict[str, object] = {"first_seen": known.first_seen}
    if fresh.kind is CredentialKind.TLS_CERTIFICATE and None is not known.issuer != fresh.issuer is not None:
        kept |= {"changed": "issuer", "changed_from": known.issuer, "changed_at": as_of}
    elif fresh.kind is CredentialKind.SSH_HOST_KEY and None is not known.fingerprint != fresh.fingerprint is not None:
        kept |= {"changed": "host_key", "changed_from": known.fingerprint, "changed_at": as_of}
    else:
        kept |= {"changed": known.changed, "changed_from": known.changed_from, "changed_at": known.changed_at}
    return fresh.model_copy(update=kept)


def leads_of(lifetime: timedelta | None) -> dict[timedelta, Severity]:
    """The warnings that make sense for a lifetime: none earlier than in its second half."""
    return {lead: grave for lead, grave in LEADS.items() if lifetime is None or lead <= lifetime / 2}


def renewal_due(issued_at: datetime | None, expires_at: datetime | None) -> datetime | None:
    """When something with this end is best renewed: at two thirds of its life, at most 30 days before its end."""
    if expires_at is None:
        return None
    if issued_at is None or issued_at >= expires_at:
        return expires_at - LONGEST_RENEWAL
    return expires_at - min(LONGEST_RENEWAL, (expires_at - issued_at) * RENEWAL_SHARE)


def finding_of(record: CredentialRecord, as_of: datetime) -> Finding | None:
    """The one alert of a credential, or None: the gravest concern leads, and the others are told with it."""
    concerns = sorted(concerns_about(record, as_of), key=lambda concern: -concern.severity.rank)
    if not concerns:
        return None
    return Finding(
        integration_id=record.integration_id,
        subject=f"{record.kind.value}.{record.name}{'.declared' if record.is_declared else ''}"[:64],
        severity=concerns[0].severity,
        says="; ".join(concern.says for concern in concerns),
        since=min(*(concern.since for concern in concerns), as_of),
        method=concerns[0].method,
        advice=next((concern.advice for concern in concerns if concern.advice), ""),
    )


def concerns_about(record: CredentialRecord, as_of: datetime) -> Iterator[Concern]:
    """Everything about a credential that somebody should know."""
    yield from concerns_of_trouble(record, as_of)
    yield from concerns_of_end(record, as_of)
    yield from concerns_of_scopes(record, as_of)
    yield from concerns_of_change(record, as_of)
    promised_s, observed_s = record.promised_s, min(record.observed_s, default=None)
    if promised_s and observed_s is not None and observed_s < SHORTER * promised_s:
        says = f"{record.title} lives {span(observed_s)} only, {span(promised_s)} were promised"
        yield Concern(Severity.LOW, says, as_of, "Ask the vendor whether the lifetime was changed")


def concerns_of_end(record: CredentialRecord, as_of: datetime) -> Iterator[Concern]:
    """Its end is near, or past."""
    ends = record.expires_at
    if ends is None or record.trouble == "certificate_has_expired":
        return
    if record.is_renewed_by_us and (record.renewal_due_at is None or as_of <= record.renewal_due_at):
        return  # its renewal is planned; a refused one is trouble of its own
    when = f"{ends.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if as_of >= ends:
        if not record.is_renewed_by_us:
            yield Concern(Severity.CRITICAL, f"{record.title} ended {when}", ends, advice_for(record))
        return
    due = [lead for lead in leads_of(record.lifetime) if as_of >= ends - lead]
    if due:
        lead = min(due)
        says = f"{record.title} ends {when}, in less than {span(lead.total_seconds())}"
        yield Concern(LEADS[lead], says, ends - lead, advice_for(record), DetectionMethod.PREDICTION)


def concerns_of_trouble(record: CredentialRecord, as_of: datetime) -> Iterator[Concern]:
    """It is not accepted, or its renewal is refused."""
    if record.trouble:
        says = f"{record.title}: {record.trouble.replace('_', ' ')}"
        grave = Severity.CRITICAL if record.trouble == "certificate_has_expired" else Severity.HIGH
        yield Concern(grave, says, record.looked_at or as_of, advice_for(record))
    if record.last_refresh not in {None, "ok"}:
        why = (record.last_refresh or "").replace("_", " ")
        is_over = record.expires_at is not None and as_of >= record.expires_at
        grave = Severity.CRITICAL if is_over or record.expires_at is None else Severity.HIGH
        says = f"{record.title}: the last request for a new one was refused ({why})"
        yield Concern(grave, says, as_of, "Compare client, key and password with the vendor's registration")


def concerns_of_scopes(record: CredentialRecord, as_of: datetime) -> Iterator[Concern]:
    """It may do less than is asked of it."""
    if record.missing:
        says = f"{record.title} lacks {', '.join(record.missing)}"
        yield Concern(Severity.HIGH, says, as_of, "Have the scope granted again; retrying cannot help")


def concerns_of_change(record: CredentialRecord, as_of: datetime) -> Iterator[Concern]:
    """It is somebody else's than it was."""
    if record.changed and record.changed_at and as_of < record.changed_at + CHANGE_STANDS:
        now = record.issuer if record.changed == "issuer" else short(record.fingerprint)
        before = short(record.changed_from)
        says = f"{record.title}: {record.changed.replace('_', ' ')} changed from {before} to {now}"
        advice = "Ask the vendor over another channel whether they changed it before trusting it"
        yield Concern(Severity.HIGH, says, record.changed_at, advice)


def advice_for(record: CredentialRecord) -> str:
    """Who does what."""
    if record.kind in THEIRS:
        return "Ask the vendor to renew it; verification is never switched off"
    if record.kind is CredentialKind.JWKS_KEY:
        return "Publish the key under its id; keep the old one beside it until its last assertion is over"
    return "Renew it, put the new one where the configuration says, and write down its new end"


def warning(record: CredentialRecord, as_of: datetime) -> str:
    """What the table shows in its last column: the gravest concern, or why there can be none."""
    finding = finding_of(record, as_of)
    if finding is not None:
        says = finding.says.replace(f"{record.title}: ", "").replace(f"{record.title} ", "")  # the row says whose
        return f"{finding.severity}: {says}"
    if record.lifetime is not None and not leads_of(record.lifetime):
        return f"n/a: lifetime {span(record.lifetime.total_seconds())}"
    return "" if record.expires_at else "no end known"


def short(fingerprint: str | None) -> str:
    """Enough of a fingerprint to compare by eye; a name stays as it is."""
    if fingerprint is None:
        return "unknown"
    return fingerprint.removeprefix("SHA256:")[:12] if FINGERPRINT.match(fingerprint) else fingerprint
