"""The credential ledger's judgement: when somebody should know of a credential, and what is told."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.alert import turned
from models.anomaly import Severity
from models.credential import CredentialKind
from models.credentials import (
    CHANGE_STANDS,
    CredentialRecord,
    finding_of,
    leads_of,
    record_id,
    renewal_due,
    succeed,
    warning,
)
from models.integration import DeclaredCredential
from tests.builders import EPIC, NOW

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
ONE, OTHER = "a" * 64, "b" * 64
KINDS = tuple(CredentialKind)


def a_record(kind: CredentialKind = CredentialKind.TLS_CERTIFICATE, **changes) -> CredentialRecord:
    defaults = {
        "id": record_id(EPIC, kind),
        "integration_id": EPIC,
        "kind": kind,
        "first_seen": NOW - 60 * DAY,
        "issued_at": NOW - 60 * DAY,
        "expires_at": NOW + 60 * DAY,
    }
    return CredentialRecord(**{**defaults, **changes})


def a_token(**changes) -> CredentialRecord:
    defaults = {
        "issued_at": NOW,
        "expires_at": NOW + HOUR,
        "promised_s": 3600.0,
        "renewal_due_at": NOW + 45 * MINUTE,
        "last_refresh": "ok",
    }
    return a_record(CredentialKind.ACCESS_TOKEN, **{**defaults, **changes})


@pytest.mark.parametrize(
    ("left", "severity"),
    [
        pytest.param(31 * DAY, None, id="a month and a day"),
        pytest.param(30 * DAY, Severity.LOW, id="thirty days"),
        pytest.param(14 * DAY + MINUTE, Severity.LOW, id="a fortnight and a minute"),
        pytest.param(14 * DAY, Severity.MEDIUM, id="a fortnight"),
        pytest.param(7 * DAY, Severity.HIGH, id="a week"),
        pytest.param(24 * HOUR, Severity.CRITICAL, id="24 hours"),
        pytest.param(-MINUTE, Severity.CRITICAL, id="over"),
    ],
)
def test_a_warning_rises_as_the_end_comes_nearer(left, severity):
    finding = finding_of(a_record(expires_at=NOW + left), NOW)
    assert (finding and finding.severity) == severity


def test_the_same_credential_is_one_alert_that_rises_and_is_over_after_its_renewal():
    record, known, seen = a_record(), {}, []
    for days in range(75):
        found = finding_of(record, NOW + days * DAY)
        changed = turned(known.values(), "credentials", [found] if found else [], NOW + days * DAY)
        known |= {alert.id: alert for alert in changed}
        seen += [(days, alert.finding.severity) for alert in changed]
    assert list(known) == [f"ALT-credentials/{EPIC}/tls_certificate.main"]
    assert [severity for _, severity in seen] == ["LOW", "MEDIUM", "HIGH", "CRITICAL", "CRITICAL"]
    assert [days for days, _ in seen] == [30, 46, 53, 59, 60]
    renewed = succeed(record, a_record(expires_at=NOW + 200 * DAY, fingerprint=OTHER), NOW + 75 * DAY)
    assert finding_of(renewed, NOW + 75 * DAY) is None
    (cleared,) = turned(known.values(), "credentials", [], NOW + 75 * DAY)
    assert not cleared.stands


def test_its_words_stay_the_same_between_two_steps_so_nothing_is_told_each_cycle():
    record = a_record(expires_at=NOW + 10 * DAY)
    said = {finding_of(record, NOW + n * HOUR).says for n in range(48)}
    assert said == {"TLS certificate ends 2025-04-05 13:45 UTC, in less than 14 days"}


@pytest.mark.parametrize(
    ("lifetime", "days"),
    [
        pytest.param(HOUR, [], id="an hourly token has no day before its end"),
        pytest.param(DAY, [], id="a day"),
        pytest.param(2 * DAY, [1], id="two days"),
        pytest.param(14 * DAY, [7, 1], id="a fortnight"),
        pytest.param(90 * DAY, [30, 14, 7, 1], id="a quarter"),
        pytest.param(None, [30, 14, 7, 1], id="not known"),
    ],
)
def test_a_short_life_is_not_warned_of_from_its_first_half_on(lifetime, days):
    assert [lead.days for lead in leads_of(lifetime)] == days


def test_an_hourly_token_says_why_it_has_no_warning():
    token = a_token()
    for minutes in range(90):
        assert finding_of(token, NOW + minutes * MINUTE) is None
    assert warning(token, NOW) == "n/a: lifetime 60 minutes"


@pytest.mark.parametrize(
    ("changes", "severity", "says"),
    [
        pytest.param(
            {"last_refresh": "invalid_client"}, Severity.HIGH, "was refused (invalid client)", id="renewal refused"
        ),
        pytest.param(
            {"last_refresh": "invalid_client", "expires_at": NOW - MINUTE},
            Severity.CRITICAL,
            "was refused (invalid client)",
            id="renewal refused, and over",
        ),
        pytest.param(
            {"observed_s": (2400.0,)}, Severity.LOW, "lives 40 minutes only, 60 minutes were promised", id="cut short"
        ),
        pytest.param(
            {"granted": ("system/Patient.rs",), "required": ("system/Patient.s", "system/Appointment.s")},
            Severity.HIGH,
            "lacks system/Appointment.s",
            id="a scope is missing",
        ),
        pytest.param(
            {"granted": ("system/*.rs",), "denied": ("system/Patient.s",)},
            Severity.HIGH,
            "lacks system/Patient.s",
            id="a scope is granted and not honoured",
        ),
    ],
)
def test_a_token_that_is_in_trouble_is_told_with_the_measured_facts(changes, severity, says):
    finding = finding_of(a_token(**changes), NOW)
    assert finding is not None
    assert (finding.severity, says in finding.says) == (severity, True)


def test_a_long_lived_token_is_warned_of_only_when_its_renewal_is_overdue():
    token = a_token(expires_at=NOW + 60 * DAY, promised_s=60 * 86400.0, renewal_due_at=NOW + 48 * DAY)
    assert finding_of(token, NOW + 47 * DAY) is None
    assert finding_of(token, NOW + 54 * DAY).severity is Severity.HIGH


@pytest.mark.parametrize(
    ("kind", "before", "after", "changed"),
    [
        pytest.param("tls_certificate", {"issuer": "Let s Encrypt"}, {"issuer": "Proxy Inc"}, "issuer", id="an issuer"),
        pytest.param(
            "tls_certificate",
            {"issuer": "DigiCert Inc", "fingerprint": ONE},
            {"issuer": "DigiCert Inc", "fingerprint": OTHER},
            None,
            id="a renewal by the same issuer",
        ),
        pytest.param("tls_certificate", {}, {"issuer": "DigiCert Inc"}, None, id="seen for the first time"),
        pytest.param("ssh_host_key", {"fingerprint": ONE}, {"fingerprint": OTHER}, "host_key", id="a host key"),
        pytest.param("ssh_user_key", {"fingerprint": ONE}, {"fingerprint": OTHER}, None, id="a new key of our own"),
        pytest.param("ssh_host_key", {"fingerprint": ONE}, {}, None, id="not seen this time"),
    ],
)
def test_somebody_else_answering_is_told_and_a_renewal_is_not(kind, before, after, changed):
    known = a_record(CredentialKind(kind), first_seen=NOW - 9 * DAY, **before)
    kept = succeed(known, a_record(CredentialKind(kind), first_seen=NOW, **after), NOW)
    assert (kept.changed, kept.first_seen) == (changed, NOW - 9 * DAY)
    finding = finding_of(kept, NOW + DAY)
    assert (finding and finding.severity) == (Severity.HIGH if changed else None)
    assert finding_of(kept, NOW + CHANGE_STANDS) is None


def test_several_concerns_are_one_alert_and_the_gravest_leads():
    record = a_record(expires_at=NOW + 10 * DAY, changed="issuer", changed_from="A", issuer="B", changed_at=NOW)
    finding = finding_of(record, NOW)
    assert finding.severity is Severity.HIGH
    assert finding.says.startswith("TLS certificate: issuer changed from A to B; TLS certificate ends")


@pytest.mark.parametrize(
    ("issued", "ends", "due"),
    [
        pytest.param(NOW - 30 * DAY, NOW + 60 * DAY, NOW + 30 * DAY, id="a third of a quarter before its end"),
        pytest.param(NOW, NOW + 365 * DAY, NOW + 335 * DAY, id="30 days before the end of a year"),
        pytest.param(None, NOW + 60 * DAY, NOW + 30 * DAY, id="issue not known"),
        pytest.param(NOW, None, None, id="no end"),
    ],
)
def test_a_renewal_is_due_before_the_end(issued, ends, due):
    assert renewal_due(issued, ends) == due


@given(
    st.sampled_from(KINDS),
    st.timedeltas(min_value=MINUTE, max_value=800 * DAY),
    st.timedeltas(min_value=-10 * DAY, max_value=900 * DAY),
)
def test_a_finding_never_fades_while_nothing_is_renewed(kind, lifetime, elapsed):
    record = a_record(kind, issued_at=NOW, expires_at=NOW + lifetime)
    ranks = [
        -1 if (found := finding_of(record, NOW + at)) is None else found.severity.rank
        for at in sorted((elapsed, elapsed + DAY, lifetime, lifetime + DAY))
    ]
    if not record.is_renewed_by_us:
        assert ranks == sorted(ranks)
        assert ranks[-1] == Severity.CRITICAL.rank
    else:
        assert set(ranks) == {-1}


@pytest.mark.parametrize(
    ("declared", "expires"),
    [
        pytest.param({"ends": "2027-01-31"}, "2027-01-31T05:00:00+00:00", id="the day it ends, in New York"),
        pytest.param({"changed": "2026-11-01", "max_age": "99d"}, "2027-02-08T05:00:00+00:00", id="a 99-day password"),
    ],
)
def test_a_person_may_write_down_an_end(declared, expires):
    one = DeclaredCredential(kind="password", **declared)
    assert one.expires_at("America/New_York").astimezone(NOW.tzinfo).isoformat() == expires


@pytest.mark.parametrize(
    "declared",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"ends": "2027-01-31", "max_age": "99d"}, id="both"),
        pytest.param({"changed": "2026-11-01"}, id="a beginning without a length"),
        pytest.param({"max_age": "99d"}, id="a length without a beginning"),
        pytest.param({"ends": date(9999, 12, 31)}, id="a day that no calendar arithmetic survives"),
        pytest.param({"changed": "2026-11-01", "max_age": "9999d"}, id="longer than any policy"),
        pytest.param({"changed": "2026-11-01", "max_age": "0d"}, id="no length at all"),
    ],
)
def test_an_end_that_is_not_one_is_refused(declared):
    with pytest.raises(ValidationError):
        DeclaredCredential(kind="password", **declared)


@pytest.mark.parametrize("secret", ["hunter2", "eyJhbGciOi.J9", "-----BEGIN PRIVATE KEY-----", "0f" * 31])
def test_a_fingerprint_has_the_form_of_one_and_nothing_else_fits_there(secret):
    with pytest.raises(ValidationError):
        a_record(fingerprint=secret)
